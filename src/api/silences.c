/* Silences: listed, previewed, made, ended. */
#include "api/silence_wish.h"

#include <string.h>

#include "api/handlers.h"
#include "api/later.h"

/* --- the list --------------------------------------------------------------------------------------- */

struct silence_walk {
    const struct call *c;
    struct json *j;
    const struct matcher_list *filters;
    const char *state, *after;
    size_t left;
    bool skipping; /* until `after` was passed */
};

/* Its exact matchers, read as labels. */
static bool passes(const struct silence *s, const struct matcher_list *filters)
{
    struct label l[LABELS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < s->n_matchers && n < LABELS_MAX; i++)
        if (!matcher_negated(s->matchers[i]))
            l[n++] = label_of(matcher_name(s->matchers[i]), matcher_value(s->matchers[i]));
    return matchers_test_labels(filters->m, filters->n, l, n);
}

static bool may_see(const struct call *c, const struct silence *s)
{
    return scope_allows(&c->access, s->matchers, s->n_matchers) &&
           scope_allows(&c->access, s->scope, s->n_scope);
}

static void raw_silence(struct json *j, const struct silence *s, int64_t now_ms)
{
    struct buf one = BUF_INIT;

    silence_json(s, NULL, now_ms, &one);
    if (buf_ok(&one))
        json_raw(j, one.data, one.len);
    else
        j->out->failed = true;
    buf_free(&one);
}

#define SILENCES_CURRENT "current" /* active or pending: what mutes, or will */

static bool is_in_state(const struct silence *s, const char *state, int64_t now_ms)
{
    enum silence_state is = silence_state(s, now_ms);

    if (strcmp(state, SILENCES_CURRENT) == 0)
        return is != SILENCE_EXPIRED;
    return strcmp(state, silence_state_names[is]) == 0;
}

static void walk_one(const struct silence *s, void *arg)
{
    struct silence_walk *w = arg;
    int64_t now_ms = call_now_ms(w->c);

    if (w->skipping) {
        w->skipping = strcmp(s->id, w->after) != 0 && strcmp(s->short_id, w->after) != 0;
        return;
    }
    if (w->left == 0 || !may_see(w->c, s) || !passes(s, w->filters) ||
        (w->state && !is_in_state(s, w->state, now_ms)))
        return;
    w->left--;
    raw_silence(w->j, s, now_ms);
}

void silences_json(const struct call *c, struct json *j, const struct matcher_list *filters,
                   const char *state, const char *after, size_t limit)
{
    struct silence_walk w = {.c = c,
                             .j = j,
                             .filters = filters,
                             .state = state && *state ? state : NULL,
                             .after = after,
                             .left = limit,
                             .skipping = after && *after};

    json_array(j);
    notify_silences(c->api->o.notify, walk_one, &w);
    json_array_end(j);
}

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
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    size_t limit;

    if (state && strcmp(state, "all") == 0)
        state = NULL;
    if (state && *state && !is_state(state) && strcmp(state, SILENCES_CURRENT) != 0) {
        reply_error(c->r, 400, "bad_request",
                    "state is active, pending, expired, current (active or pending) or all");
        return;
    }
    if (call_limit(c, LIMIT, LIMIT_MAX, &limit) || call_filters(c, &filters))
        return;
    silences_json(c, &j, &filters, state, http_query(c->r, "after", 0), limit);
    matcher_list_free(&filters);
    reply_json(c->r, 200, &out);
}

static const struct silence *find_silence(struct call *c)
{
    const struct silence *s = notify_silence_find(c->api->o.notify, c->arg[0]);

    if (s && may_see(c, s))
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

static void preview_text(const struct silence_preview *p, struct buf *b)
{
    buf_addf(b, "Mutes %zu firing now", p->now);
    for (size_t i = 0; i < p->incidents && i < 8; i++)
        buf_addf(b, "%s#%llu", i ? ", " : " (", (unsigned long long)p->first_incidents[i]);
    if (p->incidents > 8)
        buf_addf(b, " and %zu more", p->incidents - 8);
    buf_addf(b, "%s, %zu in %s", p->incidents ? ")" : "", p->week,
             p->week_complete ? "7 days" : "the time that was kept");
    if (p->now)
        buf_addf(b, ", %zu rule%s", p->rules, p->rules == 1 ? "" : "s");
    buf_adds(b, ".");
    if (p->priority > 1)
        buf_addf(b, " Will not mute: a rise to %s.", priority_name(p->priority - 1));
    if (p->wide)
        buf_addf(b, "%s confirm with the number %zu.",
                 p->open_ended ? " A matcher takes every value:" : " This is wide:", p->confirm);
    if (p->own)
        buf_adds(b, " It would mute Tocsin's own alerts, which needs the role admin.");
}

void silence_preview_json(const struct silence_request *r, const struct silence_preview *p,
                          int64_t now_ms, struct buf *out)
{
    struct json j = json_into(out);
    struct buf text = BUF_INIT;

    json_object(&j);
    json_kbool(&j, "dryRun", true);
    json_ktime(&j, "startsAt", r->starts_ms > now_ms ? r->starts_ms : now_ms);
    if (r->ends_ms)
        json_ktime(&j, "endsAt", r->ends_ms);
    json_key(&j, "mutes");
    json_object(&j);
    json_kint(&j, "now", (int64_t)p->now);
    json_kint(&j, "week", (int64_t)p->week);
    json_kbool(&j, "weekComplete", p->week_complete);
    json_object_end(&j);
    json_kint(&j, "firing", (int64_t)p->active);
    json_key(&j, "incidents");
    json_array(&j);
    for (size_t i = 0; i < p->incidents && i < 8; i++)
        json_int(&j, (int64_t)p->first_incidents[i]);
    json_array_end(&j);
    json_kint(&j, "nIncidents", (int64_t)p->incidents);
    json_kint(&j, "rules", (int64_t)p->rules);
    if (p->priority)
        json_kstr(&j, "priority", priority_name(p->priority));
    json_kbool(&j, "wide", p->wide);
    json_kint(&j, "confirm", (int64_t)p->confirm);
    json_kbool(&j, "own", p->own);
    preview_text(p, &text);
    json_kstr(&j, "text", buf_str(&text));
    buf_free(&text);
    json_object_end(&j);
}

static void make_silence(struct call *c, const struct silence_wish *w)
{
    struct silence_preview p = {0};
    struct buf out = BUF_INIT;
    const struct silence *s = NULL;
    struct err e;
    int64_t now_ms = call_now_ms(c);

    if (w->dry_run) {
        if (notify_silence_preview(c->api->o.notify, &w->r, &c->actor, &p, &e) != 0) {
            reply_err(c->r, &e);
            return;
        }
        silence_preview_json(&w->r, &p, now_ms, &out);
        reply_json(c->r, 200, &out);
        return;
    }
    s = notify_silence(c->api->o.notify, &w->r, &c->actor, &p, &e);
    if (!s) {
        reply_err(c->r, &e);
        return;
    }
    silence_json(s, &p, now_ms, &out);
    reply_durable(c, w->r.id && *w->r.id ? 200 : 201, &out);
}

void post_silence(struct call *c)
{
    struct silence_wish w = {.dry_run = false};

    if (read_wish(c, &w) == 0)
        make_silence(c, &w);
    silence_wish_free(&w);
}
