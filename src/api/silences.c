/* Silences: listed, previewed, made, ended.
 * All keys of a wish are read before anything is decided, and a wish with a mistake makes nothing. A preview
 * and a silence take the same way up to the last step, so that the count which is confirmed is the one that
 * is checked; both take some turns of the loop where very many alerts fire. Both notations of a matcher are taken: text as in rules, and Alertmanager's objects. What is
 * made is answered when it is in Redis, or marked as kept in memory. */
#include "api/silence_wish.h"

#include <string.h>

#include "api/handlers.h"
#include "api/later.h"
#include "base/mem.h"

/* --- the list --------------------------------------------------------------------------------------- */

static bool is_state(const char *name)
{
    for (int i = SILENCE_PENDING; i <= SILENCE_EXPIRED; i++)
        if (strcmp(silence_state_names[i], name) == 0)
            return true;
    return false;
}

void get_silences(struct call *c)
{
    const char *state = http_query(c->r, "state", 0);
    struct matcher_list filters;
    struct silence_filter f = {.after = http_query(c->r, "after", 0)};
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    if (state && strcmp(state, "all") == 0)
        state = NULL;
    if (state && *state && !is_state(state) && strcmp(state, SILENCES_CURRENT) != 0) {
        reply_error(c->r, 400, "bad_request",
                    "state is active, pending, expired, current (active or pending) or all");
        return;
    }
    if (call_limit(c, LIMIT, LIMIT_MAX, &f.limit) || call_filters(c, &filters))
        return;
    f.matchers = filters.m;
    f.n_matchers = filters.n;
    f.state = state;
    silences_json(&c->view, &j, &f);
    matcher_list_free(&filters);
    reply_json(c->r, 200, &out);
}

static const struct silence *find_silence(struct call *c)
{
    const struct silence *s = notify_silence_find(c->api->o.notify, c->arg[0]);

    if (s && view_sees_silence(&c->view, s))
        return s;
    reply_error(c->r, 404, "not_found", "there is no silence %s", c->arg[0]);
    return NULL;
}

void get_silence(struct call *c)
{
    const struct silence *s = find_silence(c);
    struct buf out = BUF_INIT;

    if (!s)
        return;
    silence_json(s, NULL, call_now_ms(c), &out);
    reply_json(c->r, 200, &out);
}

void delete_silence(struct call *c)
{
    const struct silence *s = find_silence(c);
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    struct err e;

    if (!s)
        return;
    json_object(&j);
    json_kbool(&j, "expired", true);
    json_kstr(&j, "id", s->id);
    json_kstr(&j, "short", s->short_id);
    json_object_end(&j);
    if (notify_silence_expire(c->api->o.notify, s->id, &c->actor, &e) != 0) {
        buf_free(&out);
        reply_err(c->r, &e);
        return;
    }
    reply_durable(c, 200, &out);
}

/* --- making one -------------------------------------------------------------------------------------- */

void silence_wish_free(struct silence_wish *w)
{
    matcher_list_free(&w->matchers);
}

static struct matcher *matcher_of_object(const cJSON *v, struct err *e)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, "name"));
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, "value"));
    bool regex = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(v, "isRegex"));
    bool negate = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(v, "isEqual"));

    if (name && *name && value)
        return matcher_new(name, regex ? MATCH_REGEX : MATCH_EQUAL, negate, value, e);
    err_at(e, ERR_INPUT, 0, "matchers", "a matcher needs a name and a value");
    return NULL;
}

static int read_matchers(struct call *c, struct silence_wish *w)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->body, "matchers"), *v;
    struct err e = {.code = ERR_MEMORY, .text = "no memory"};

    if (list && !cJSON_IsNull(list) && !cJSON_IsArray(list)) {
        reply_error(c->r, 400, "bad_request", "matchers: expected an array");
        return -1;
    }
    cJSON_ArrayForEach(v, list)
    {
        const char *text = cJSON_GetStringValue(v);
        struct matcher *m = NULL;

        if (w->matchers.n == LABELS_MAX)
            err_set(&e, ERR_INPUT, "more than %d matchers", LABELS_MAX);
        else
            m = text ? matcher_parse(text, strlen(text), &e) : matcher_of_object(v, &e);
        if (matcher_list_add(&w->matchers, m) != 0) {
            reply_err(c->r, &e);
            return -1;
        }
    }
    return 0;
}

/* `wide`: a count, or true for "whatever it is". */
static int read_wide(struct call *c, int64_t *wide)
{
    uint64_t n;

    if (cJSON_IsBool(cJSON_GetObjectItemCaseSensitive(c->body, "wide"))) {
        *wide = 0;
        return 0;
    }
    if (body_number(c, "wide", &n))
        return -1;
    *wide = (int64_t)n;
    return 0;
}

static int read_wish(struct call *c, struct silence_wish *w)
{
    struct silence_request *r = &w->r;
    int64_t for_ms, now_ms = call_now_ms(c);

    if (body_text(c, "id", &r->id) || body_text(c, "comment", &r->comment) ||
        body_number(c, "incident", &r->incident) || body_time(c, "startsAt", &r->starts_ms) ||
        body_time(c, "endsAt", &r->ends_ms) || body_duration(c, "for", &for_ms) ||
        body_flag(c, "untilResolved", &r->until_resolved) ||
        body_flag(c, "anyPriority", &r->any_priority) || body_flag(c, "dryRun", &w->dry_run) ||
        read_wide(c, &r->wide) || read_matchers(c, w))
        return -1;
    if (r->ends_ms == 0 && for_ms > 0)
        r->ends_ms = (r->starts_ms > now_ms ? r->starts_ms : now_ms) + for_ms;
    if (r->ends_ms == 0 && !r->until_resolved) {
        reply_error(c->r, 400, "bad_request", "how long? give for, endsAt or untilResolved");
        return -1;
    }
    r->matchers = w->matchers.m;
    r->n_matchers = w->matchers.n;
    return 0;
}

/* What is kept of the question until it is answered. */
struct asked {
    struct silence_request times; /* nothing else of it */
    int64_t now_ms;
    bool made; /* was to be: not changed */
};

static void silence_answered(const struct silence *s, const struct silence_preview *p,
                             const struct err *e, void *arg)
{
    struct later *l = arg;
    const struct asked *q = l->extra;

    if (e) {
        later_fail(l, e);
    } else if (s) {
        l->status = q->made ? 201 : 200;
        silence_json(s, p, q->now_ms, &l->body);
        later_durable(l);
    } else {
        silence_preview_json(&q->times, p, q->now_ms, &l->body);
        later_end(l);
    }
}

static void order_silence(struct call *c, const struct silence_wish *w)
{
    struct later *l = later_new(c);
    struct asked *q = l ? mem_zalloc(sizeof *q) : NULL;

    if (!l)
        return;
    l->extra = q;
    if (!q) {
        later_fail(l, &(struct err){.code = ERR_MEMORY, .text = "no memory"});
        return;
    }
    q->times.starts_ms = w->r.starts_ms;
    q->times.ends_ms = w->r.ends_ms;
    q->now_ms = call_now_ms(c);
    q->made = !w->r.id || !*w->r.id;
    notify_silence_order(c->api->o.notify, &w->r, &c->actor, w->dry_run, silence_answered, l);
}

void post_silence(struct call *c)
{
    struct silence_wish w = {.dry_run = false};

    if (read_wish(c, &w) == 0)
        order_silence(c, &w);
    silence_wish_free(&w);
}
