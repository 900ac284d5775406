/* One silence: what it matches, when it begins and ends, its members as JSON. */
#include "base/mem.h"
#include "hold/record.h"
#include "model/matcher_alert.h"
#include "model/rule_def.h"

const char *const silence_state_names[] = {"pending", "active", "expired"};

struct silence *silence_new(void)
{
    struct silence_record *r = mem_zalloc(sizeof *r);

    return r ? &r->s : NULL;
}

void silence_free(struct silence *s)
{
    if (!s)
        return;
    assert(!record_of(s)->standing);
    for (size_t i = 0; i < s->n_matchers; i++)
        matcher_unref(s->matchers[i]);
    for (size_t i = 0; i < s->n_scope; i++)
        matcher_unref(s->scope[i]);
    mem_free(s->matchers);
    mem_free(s->scope);
    mem_free(s->by);
    mem_free(s->comment);
    mem_free(s->origin);
    mem_free(record_of(s));
}

enum silence_state silence_state(const struct silence *s, int64_t at_ms)
{
    if (at_ms >= s->ends_ms)
        return SILENCE_EXPIRED;
    return at_ms >= s->starts_ms ? SILENCE_ACTIVE : SILENCE_PENDING;
}

bool silence_matches(const struct silence *s, const struct label *l, size_t n, int priority)
{
    return matchers_allow(s->matchers, s->n_matchers, l, n, priority) &&
           matchers_allow(s->scope, s->n_scope, l, n, priority);
}

/* --- JSON -------------------------------------------------------------------------------------------------- */

static bool is_regex(enum matcher_op op)
{
    return op == MATCH_REGEX;
}

/* Of a list: a value may hold the bar that joins them in "value". */
static void write_values(struct json *j, const struct matcher *m)
{
    const char *const *values;
    size_t n = matcher_list(m, &values);

    if (n == 0)
        return;
    json_key(j, "values");
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, values[i]);
    json_array_end(j);
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
    json_kstr(j, "op", matcher_op_names[matcher_op(m)]);
    write_values(j, m);
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
