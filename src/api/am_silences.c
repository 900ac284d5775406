/* Silences as Alertmanager's clients see them: the same silences, in their words.
 * What a client sends is its own responsibility: a wide silence is made and recorded as such instead of
 * asked about, since nobody could answer. Ids are UUIDs only. A list is made in slices, of the ids there are
 * when it is asked for. */
#include <stdio.h>
#include <string.h>

#include "api/am.h"
#include "api/handlers.h"
#include "api/later.h"
#include "api/sliced.h"
#include "base/mem.h"
#include "base/text.h"

/* --- the list ------------------------------------------------------------------------------------------- */

struct id {
    char text[UUID_LEN + 1];
};

struct silence_list {
    struct sliced s;
    struct matcher_list filters;
    struct id *ids; /* in their order */
    size_t n, cap, next;
    bool active, pending, expired, failed;
    struct buf out;
    bool some;
};

static void drop(struct sliced *s)
{
    struct silence_list *l = (struct silence_list *)s;

    matcher_list_free(&l->filters);
    mem_free(l->ids);
    buf_free(&l->out);
    mem_free(l);
}

/* Alertmanager's: it has a matcher with this name, operator and value. */
static bool has_matcher(const struct silence *s, const struct matcher *want)
{
    for (size_t i = 0; i < s->n_matchers; i++) {
        const struct matcher *m = s->matchers[i];

        if (strcmp(matcher_name(m), matcher_name(want)) == 0 && matcher_op(m) == matcher_op(want) &&
            matcher_negated(m) == matcher_negated(want) &&
            strcmp(matcher_value(m), matcher_value(want)) == 0)
            return true;
    }
    return false;
}

static bool is_wanted(const struct silence_list *l, const struct silence *s)
{
    enum silence_state state = silence_state(s, l->s.view.now_ms);
    bool wanted = state == SILENCE_ACTIVE    ? l->active
                  : state == SILENCE_PENDING ? l->pending
                                             : l->expired;

    for (size_t i = 0; i < l->filters.n && wanted; i++)
        wanted = has_matcher(s, l->filters.m[i]);
    return wanted && view_sees_silence(&l->s.view, s);
}

static void note_id(const struct silence *s, void *arg)
{
    struct silence_list *l = arg;

    if (mem_grow((void **)&l->ids, &l->cap, l->n + 1, sizeof *l->ids))
        l->failed = true;
    else
        memcpy(l->ids[l->n++].text, s->id, sizeof s->id);
}

static bool step(struct sliced *s)
{
    struct silence_list *l = (struct silence_list *)s;
    const struct silence *one;
    struct http_request *r = s->r;

    for (int i = 0; i < 50 && l->next < l->n; i++) {
        one = notify_silence_find(s->api->o.notify, l->ids[l->next++].text);
        if (!one || !is_wanted(l, one))
            continue;
        buf_addc(&l->out, l->some ? ',' : '[');
        l->some = true;
        silence_json(one, NULL, s->view.now_ms, &l->out);
    }
    if (l->next < l->n)
        return false;
    buf_adds(&l->out, l->some ? "]" : "[]");
    s->r = NULL;
    reply_json(r, 200, &l->out);
    return true;
}

void get_am_silences(struct call *c)
{
    struct silence_list *l = mem_zalloc(sizeof *l);

    if (!l) {
        reply_error(c->r, 503, "no_memory", "no memory");
        return;
    }
    l->s.step = step;
    l->s.drop = drop;
    l->active = am_flag(c, "active");
    l->pending = am_flag(c, "pending");
    l->expired = am_flag(c, "expired");
    if (am_filters(c, &l->filters)) {
        drop(&l->s);
        return;
    }
    notify_silences(c->api->o.notify, note_id, l);
    l->out.failed = l->failed;
    sliced_begin(&l->s, c);
}

/* --- one -------------------------------------------------------------------------------------------------- */

static bool is_uuid(const char *s)
{
    for (int i = 0; i < UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? s[i] != '-' : !s[i] || !strchr("0123456789abcdefABCDEF", s[i]))
            return false;
    }
    return s[UUID_LEN] == '\0';
}

/* NULL: answered. */
static const struct silence *find(struct call *c)
{
    const struct silence *s;

    if (!is_uuid(c->arg[0])) {
        am_reply_code(c->r, 422, 601, "silenceID in path must be of type uuid: \"%.80s\"",
                      c->arg[0]);
        return NULL;
    }
    s = notify_silence_find(c->api->o.notify, c->arg[0]);
    if (s && view_sees_silence(&c->view, s))
        return s;
    am_reply_text(c->r, 404, "silence not found");
    return NULL;
}

void get_am_silence(struct call *c)
{
    const struct silence *s = find(c);
    struct buf out = BUF_INIT;

    if (!s)
        return;
    silence_json(s, NULL, call_now_ms(c), &out);
    reply_json(c->r, 200, &out);
}

/* Alertmanager's answers have no member that says what is stored: what is not yet is told by a header. */
static void finish(struct later *l)
{
    if (l->flag)
        http_reply_header(l->r, "Tocsin-Durable", "0");
    if (l->body.len == 0)
        http_reply(l->r, 200, NULL, NULL, 0);
    else
        reply_json(l->r, 200, &l->body);
}

static void stored(bool durable, void *arg)
{
    struct later *l = arg;

    l->flag = !durable;
    later_end(l);
}

/* `body` is taken; empty: none. */
static void reply_stored(struct call *c, struct buf *body)
{
    struct later *l = later_new(c);

    if (!l) {
        buf_free(body);
        return;
    }
    l->body = *body;
    *body = BUF_INIT;
    l->finish = finish;
    notify_after(c->api->o.notify, stored, l);
}

static void refuse(struct http_request *r, enum err_code code, const char *text)
{
    if (code == ERR_MEMORY)
        http_reply_header(r, "Retry-After", "1");
    am_reply_text(r, code == ERR_MEMORY ? 503 : 400, "%s", text);
}

void delete_am_silence(struct call *c)
{
    const struct silence *s = find(c);
    struct buf none = BUF_INIT;
    struct err e;

    if (!s)
        return;
    if (notify_silence_expire(c->api->o.notify, s->id, &c->actor, &e) != 0)
        refuse(c->r, e.code, e.text);
    else
        reply_stored(c, &none);
}

/* --- made or changed ---------------------------------------------------------------------------------------- */

struct wish {
    struct silence_request r;
    struct matcher_list matchers;
};

/* A required member; NULL: answered 422 or 400. */
static const cJSON *required(struct call *c, const cJSON *o, const char *prefix, const char *key,
                             bool (*is)(const cJSON *v), const char *kind)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

    if (!v || cJSON_IsNull(v))
        am_reply_code(c->r, 422, 602, "%s%s in body is required", prefix, key);
    else if (!is(v))
        am_reply_code(c->r, 400, 400, "%s%s is no %s", prefix, key, kind);
    else
        return v;
    return NULL;
}

static bool is_string(const cJSON *v)
{
    return cJSON_IsString(v);
}

static bool is_bool(const cJSON *v)
{
    return cJSON_IsBool(v);
}

static bool is_array(const cJSON *v)
{
    return cJSON_IsArray(v);
}

static int read_matcher(struct call *c, const cJSON *o, struct wish *w, int i)
{
    const cJSON *name, *value, *regex, *equal = cJSON_GetObjectItemCaseSensitive(o, "isEqual");
    struct err e = {.code = ERR_MEMORY, .text = "no memory"};
    char prefix[32];

    snprintf(prefix, sizeof prefix, "matchers.%d.", i);
    if (!(name = required(c, o, prefix, "name", is_string, "text")) ||
        !(value = required(c, o, prefix, "value", is_string, "text")) ||
        !(regex = required(c, o, prefix, "isRegex", is_bool, "boolean")))
        return -1;
    if (w->matchers.n == LABELS_MAX)
        err_set(&e, ERR_INPUT, "more than %d matchers", LABELS_MAX);
    else if (!text_is_name(name->valuestring, strlen(name->valuestring)))
        err_set(&e, ERR_INPUT, "invalid label name \"%.80s\"", name->valuestring);
    else if (matcher_list_add(&w->matchers,
                              matcher_new(name->valuestring,
                                          cJSON_IsTrue(regex) ? MATCH_REGEX : MATCH_EQUAL,
                                          cJSON_IsFalse(equal), value->valuestring, &e)) == 0)
        return 0;
    refuse(c->r, e.code, e.text);
    return -1;
}

static int read_time(struct call *c, const cJSON *body, const char *key, int64_t *at_ms)
{
    const cJSON *v = required(c, body, "", key, is_string, "text");

    if (!v)
        return -1;
    if (text_parse_time(v->valuestring, strlen(v->valuestring), at_ms) == 0)
        return 0;
    am_reply_code(c->r, 400, 400, "%s is no time such as 2026-01-05T08:00:00Z", key);
    return -1;
}

static int read_wish(struct call *c, const cJSON *body, struct wish *w)
{
    const cJSON *by, *comment, *matchers, *m;
    int i = 0;

    if (!(comment = required(c, body, "", "comment", is_string, "text")) ||
        !(by = required(c, body, "", "createdBy", is_string, "text")) ||
        read_time(c, body, "startsAt", &w->r.starts_ms) ||
        read_time(c, body, "endsAt", &w->r.ends_ms) ||
        !(matchers = required(c, body, "", "matchers", is_array, "list")))
        return -1;
    if (cJSON_GetArraySize(matchers) == 0) {
        am_reply_code(c->r, 422, 612, "matchers in body should have at least 1 items");
        return -1;
    }
    cJSON_ArrayForEach(m, matchers)
    {
        if (read_matcher(c, m, w, i++))
            return -1;
    }
    w->r.id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "id"));
    w->r.comment = comment->valuestring;
    w->r.matchers = w->matchers.m;
    w->r.n_matchers = w->matchers.n;
    w->r.wide = -1;
    if (!c->access.tokens && *by->valuestring && strlen(by->valuestring) <= WHO_MAX)
        c->actor.who = by->valuestring;
    return 0;
}

/* A negative one never counts as such: Alertmanager takes a lone a!="b". */
static bool matches_all(const struct wish *w)
{
    for (size_t i = 0; i < w->matchers.n; i++)
        if (matcher_negated(w->matchers.m[i]) || !matcher_matches_empty(w->matchers.m[i]))
            return false;
    return true;
}

/* l->flag: for lack of memory; l->body: why. */
static void finish_refused(struct later *l)
{
    refuse(l->r, l->flag || !buf_ok(&l->body) ? ERR_MEMORY : ERR_REFUSED, buf_str(&l->body));
}

static void made(const struct silence *s, const struct silence_preview *p, const struct err *e,
                 void *arg)
{
    struct later *l = arg;
    struct json j = json_into(&l->body);

    (void)p;
    if (!s) {
        l->flag = e->code == ERR_MEMORY;
        buf_adds(&l->body, e->text);
        l->finish = finish_refused;
        later_end(l);
        return;
    }
    json_object(&j);
    json_kstr(&j, "silenceID", s->id);
    json_object_end(&j);
    l->finish = finish;
    notify_after(l->api->o.notify, stored, l);
}

static void make(struct call *c, const struct wish *w)
{
    const char *id = w->r.id ? w->r.id : "";
    const struct silence *s;
    struct later *l;

    if (*id && (!is_uuid(id) || !(s = notify_silence_find(c->api->o.notify, id)) ||
                !view_sees_silence(&c->view, s))) {
        am_reply_text(c->r, 404, "silence %.80s not found", id);
        return;
    }
    if (w->r.ends_ms <= call_now_ms(c)) {
        am_reply_text(c->r, 400, "end time can't be in the past");
        return;
    }
    if (w->r.ends_ms <= w->r.starts_ms) {
        am_reply_text(c->r, 400, "start time must be before end time");
        return;
    }
    if (matches_all(w)) {
        am_reply_text(c->r, 400,
                      "invalid silence: at least one matcher must not match the empty string");
        return;
    }
    l = later_new(c);
    if (l)
        notify_silence_order(c->api->o.notify, &w->r, &c->actor, false, made, l);
}

void post_am_silence(struct call *c)
{
    struct wish w = {.matchers = {0}};
    const void *text;
    struct err e;
    size_t len;
    cJSON *body;

    if (!am_is_json(c))
        return;
    if (http_body_plain(c->r, BODY_MAX, &text, &len, &e) != 0) {
        am_reply_code(c->r, e.code == ERR_LIMIT ? 413 : 400, e.code == ERR_LIMIT ? 413 : 400, "%s",
                      e.text);
        return;
    }
    body = cJSON_ParseWithLength(text, len);
    c->actor.origin = "api v2";
    if (!cJSON_IsObject(body))
        am_reply_code(c->r, 400, 400, "the body is not a JSON object");
    else if (read_wish(c, body, &w) == 0)
        make(c, &w);
    matcher_list_free(&w.matchers);
    cJSON_Delete(body);
}
