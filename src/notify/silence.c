/* Silences: what they match, when they begin and end. Making them, with guard rails, is in
 * silence_make.c. */
#include "notify/impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *const silence_state_names[] = {"pending", "active", "expired"};

enum silence_state silence_state(const struct silence *s, int64_t at_ms)
{
    if (at_ms >= s->ends_ms)
        return SILENCE_EXPIRED;
    return at_ms >= s->starts_ms ? SILENCE_ACTIVE : SILENCE_PENDING;
}

bool silence_matches(const struct silence *s, const struct label *l, size_t n, int priority)
{
    return route_allows(s->matchers, s->n_matchers, l, n, priority) &&
           route_allows(s->scope, s->n_scope, l, n, priority);
}

bool silence_holds(const struct silence *s, const struct member *m, int64_t at_ms)
{
    if (silence_state(s, at_ms) != SILENCE_ACTIVE)
        return false;
    if (s->priority != 0 && m->priority < s->priority)
        return false;
    return silence_matches(s, m->labels, m->n_labels, m->priority);
}

/* --- the list -------------------------------------------------------------------------------------------- */

struct silence_record *silence_by_id(const struct notify *n, const char *id)
{
    return silence_index_by_id(n->silence_index, id);
}

const struct silence *notify_silence_find(const struct notify *n, const char *id)
{
    struct silence_record *r = silence_by_id(n, id);

    return r ? &r->s : NULL;
}

int silence_add(struct notify *n, struct silence_record *r)
{
    if (mem_grow((void **)&n->silences, &n->cap_silences, n->n_silences + 1, sizeof *n->silences))
        return -1;
    if (silence_index_add(n->silence_index, r))
        return -1;
    if (silence_index_stand(n->silence_index, r,
                            silence_state(&r->s, notify_now(n)) != SILENCE_EXPIRED)) {
        silence_index_remove(n->silence_index, r);
        return -1;
    }
    n->silences[n->n_silences++] = r;
    return 0;
}

void silence_free(struct silence_record *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->s.n_matchers; i++)
        matcher_unref(r->s.matchers[i]);
    for (size_t i = 0; i < r->s.n_scope; i++)
        matcher_unref(r->s.scope[i]);
    mem_free(r->s.matchers);
    mem_free(r->s.scope);
    mem_free(r->s.by);
    mem_free(r->s.comment);
    mem_free(r->s.origin);
    mem_free(r);
}

struct walk {
    int64_t at_ms;
};

/* Active by soonest end, pending by soonest start, expired by latest end. */
static int in_order(const void *pa, const void *pb, void *arg)
{
    const struct silence *a = *(struct silence *const *)pa, *b = *(struct silence *const *)pb;
    int64_t at_ms = ((struct walk *)arg)->at_ms, x, y;
    enum silence_state sa = silence_state(a, at_ms), sb = silence_state(b, at_ms);
    static const int rank[] = {[SILENCE_ACTIVE] = 0, [SILENCE_PENDING] = 1, [SILENCE_EXPIRED] = 2};

    if (sa != sb)
        return rank[sa] - rank[sb];
    x = sa == SILENCE_PENDING ? a->starts_ms : a->ends_ms;
    y = sa == SILENCE_PENDING ? b->starts_ms : b->ends_ms;
    if (sa == SILENCE_EXPIRED)
        return (x < y) - (x > y);
    return (x > y) - (x < y);
}

void notify_silences(const struct notify *n, void (*each)(const struct silence *s, void *arg),
                     void *arg)
{
    struct walk w = {notify_now(n)};
    const struct silence **list = mem_alloc((n->n_silences + 1) * sizeof *list);

    if (!list)
        return;
    for (size_t i = 0; i < n->n_silences; i++)
        list[i] = &n->silences[i]->s;
    qsort_r(list, n->n_silences, sizeof *list, in_order, &w);
    for (size_t i = 0; i < n->n_silences; i++)
        each(list[i], arg);
    mem_free(list);
}

/* --- time -------------------------------------------------------------------------------------------------- */

static bool forget_old(struct notify *n, size_t i, int64_t at_ms)
{
    struct silence_record *r = n->silences[i];

    if (at_ms - r->s.ends_ms < SILENCE_KEEP_MS)
        return false;
    if (n->silences_table)
        store_del(n->silences_table, r->s.id);
    n->silences[i] = n->silences[--n->n_silences];
    silence_index_remove(n->silence_index, r);
    silence_free(r);
    return true;
}

/* It begins or ends: what it matches is looked at again. False: no memory to find it by. */
static bool follow_state(struct notify *n, struct silence_record *r, enum silence_state state)
{
    bool changed =
        (state >= SILENCE_ACTIVE && !r->begun) || (state == SILENCE_EXPIRED && !r->ended);

    if (silence_index_stand(n->silence_index, r, state != SILENCE_EXPIRED))
        return false;
    r->begun = state >= SILENCE_ACTIVE;
    r->ended = state == SILENCE_EXPIRED;
    if (changed)
        holds_look_again(n, &r->s);
    return true;
}

/* Bound: all silences (max_silences), only when one of them begins, ends or is forgotten. */
void silences_tick(struct notify *n, int64_t at_ms)
{
    if (n->silence_next_ms != 0 && at_ms < n->silence_next_ms)
        return;
    n->silence_next_ms = 0;
    for (size_t i = n->n_silences; i-- > 0;) {
        struct silence_record *r = n->silences[i];
        enum silence_state state = silence_state(&r->s, at_ms);
        int64_t next_ms;
        if (state == SILENCE_EXPIRED && forget_old(n, i, at_ms))
            continue;
        next_ms = !follow_state(n, r, state) ? at_ms + RETRY_DEFAULT_MS
                  : state == SILENCE_PENDING ? r->s.starts_ms
                  : state == SILENCE_ACTIVE  ? r->s.ends_ms
                                             : r->s.ends_ms + SILENCE_KEEP_MS;
        if (n->silence_next_ms == 0 || next_ms < n->silence_next_ms)
            n->silence_next_ms = next_ms;
    }
}

/* --- JSON -------------------------------------------------------------------------------------------------- */

static bool is_regex(enum matcher_op op)
{
    return op == MATCH_REGEX;
}

/* Alertmanager's four kinds keep their form; what it has no word for is named by `op`. */
static void write_matcher(struct json *j, const struct matcher *m)
{
    struct buf text = BUF_INIT;

    json_object(j);
    json_kstr(j, "name", matcher_name(m));
    json_kstr(j, "value", matcher_value(m));
    json_kbool(j, "isRegex", is_regex(matcher_op(m)));
    json_kbool(j, "isEqual", !matcher_negated(m));
    matcher_am_text(m, &text);
    json_kint(j, "op", matcher_op(m));
    json_kstr(j, "text", buf_str(&text));
    buf_free(&text);
    json_object_end(j);
}

static void write_matchers(struct json *j, const char *key, struct matcher *const *m, size_t n)
{
    json_key(j, key);
    json_array(j);
    for (size_t i = 0; i < n; i++)
        write_matcher(j, m[i]);
    json_array_end(j);
}

/* The members of a silence's object, without its braces. */
void silence_write(const struct silence *s, struct json *j)
{
    json_kstr(j, "id", s->id);
    json_kstr(j, "short", s->short_id);
    write_matchers(j, "matchers", s->matchers, s->n_matchers);
    write_matchers(j, "scope", s->scope, s->n_scope);
    json_ktime(j, "startsAt", s->starts_ms);
    json_ktime(j, "endsAt", s->ends_ms);
    json_ktime(j, "updatedAt", s->updated_ms);
    json_kstr(j, "createdBy", s->by ? s->by : "");
    json_kstr(j, "comment", s->comment ? s->comment : "");
    json_kstr(j, "origin", s->origin ? s->origin : "");
    if (s->priority)
        json_kstr(j, "priority", priority_name(s->priority));
    if (s->incident)
        json_kint(j, "incident", (int64_t)s->incident);
    json_kbool(j, "untilResolved", s->until_resolved);
    json_kint(j, "muted", (int64_t)s->muted);
}

void silence_json(const struct silence *s, const struct silence_preview *p, int64_t at_ms,
                  struct buf *out)
{
    struct json j = json_into(out);

    json_object(&j);
    silence_write(s, &j);
    json_key(&j, "status");
    json_object(&j);
    json_kstr(&j, "state", silence_state_names[silence_state(s, at_ms)]);
    json_object_end(&j);
    if (p) {
        json_key(&j, "mutes");
        json_object(&j);
        json_kint(&j, "now", (int64_t)p->now);
        json_kint(&j, "week", (int64_t)p->week);
        json_object_end(&j);
    }
    json_object_end(&j);
}
