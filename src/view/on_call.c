#include "tocsin/roster_view.h"

static void time_or_null(struct json *j, const char *key, int64_t at_ms)
{
    if (at_ms > 0 && at_ms != ROSTER_NEVER) {
        json_ktime(j, key, at_ms);
        return;
    }
    json_key(j, key);
    json_null(j);
}

static void duty_json(struct json *j, const struct roster_duty *d)
{
    struct buf via = BUF_INIT;

    json_object(j);
    json_kstr(j, "person", d->person->name);
    time_or_null(j, "since", d->since_ms);
    time_or_null(j, "until", d->until_ms);
    buf_addf(&via, "%s:%s", d->via_kind, d->via_name);
    json_kstr(j, "via", buf_str(&via));
    buf_free(&via);
    json_object_end(j);
}

static void next_json(struct json *j, const struct roster_state *s)
{
    json_key(j, "next");
    if (s->next_ms == ROSTER_NEVER) {
        json_null(j);
        return;
    }
    json_object(j);
    json_ktime(j, "at", s->next_ms);
    json_key(j, "oncall");
    json_array(j);
    for (size_t i = 0; i < s->next.n; i++)
        json_str(j, s->next.list[i].person->name);
    json_array_end(j);
    json_object_end(j);
}

int on_call_json(struct json *j, const struct roster *r, const struct roster_changes *changes,
                 const struct roster_ref *who, int64_t at_ms, struct err *e)
{
    struct roster_state s;

    if (roster_look(r, changes, who, at_ms, &s, e) < 0)
        return -1;
    json_object(j);
    json_kstr(j, roster_kind_names[who->kind], who->name);
    json_ktime(j, "at", at_ms);
    json_key(j, "oncall");
    json_array(j);
    for (size_t i = 0; i < s.now.n; i++)
        duty_json(j, &s.now.list[i]);
    json_array_end(j);
    next_json(j, &s);
    json_object_end(j);
    return 0;
}

int calendar_json(struct json *j, struct calendar *c, const char *name, int64_t at_ms,
                  struct err *e)
{
    struct calendar_state s;

    if (calendar_look(c, at_ms, &s))
        return err_set(e, ERR_MEMORY, "not enough memory");
    json_object(j);
    json_kstr(j, "calendar", name);
    json_ktime(j, "at", at_ms);
    json_kbool(j, "holds", s.holds);
    time_or_null(j, "until", s.until_ms);
    json_object_end(j);
    return 0;
}
