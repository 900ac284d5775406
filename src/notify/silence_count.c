/* The count behind a preview, by the very code that will hold messages back.
 * It goes over the alerts that may be meant, not over all, and may rest between two turns at any of them.
 * An alert in several incidents counts as one, where its first member is met; an incident counts when the
 * first of its alerts is. That is noted in the incident itself: a map of 100,000 of them took longer to fill
 * and to free than the walk. */
#include "notify/silence_count.h"

#include <assert.h>
#include <string.h>

#include "model/matcher_alert.h"
#include "notify/incident.h"
#include "notify/intake.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/slice.h"

#define WEEK_MS (7 * DAY_MS)
#define FIRST   (sizeof((struct silence_preview *)0)->first_incidents / sizeof(uint64_t))

static void begin_stage(struct silence_count *c, const struct notify *n, enum count_stage stage)
{
    alert_walk_end(&c->walk);
    c->stage = stage;
    if (stage == COUNT_NOW)
        alert_walk_begin(&c->walk, n->firing, c->s->matchers, c->s->n_matchers);
    else if (stage == COUNT_ACTIVE)
        alert_walk_begin(&c->walk, n->firing, c->s->scope, c->s->n_scope);
}

void silence_count_begin(struct silence_count *c, struct notify *n, const struct silence *s)
{
    *c = (struct silence_count){.s = s, .rules = map_new()};
    c->id = ++n->counts ? n->counts : ++n->counts;
    c->week_end = n->starts_added;
    begin_stage(c, n, COUNT_NOW);
}

void silence_count_end(struct silence_count *c)
{
    alert_walk_end(&c->walk);
    map_free(c->rules, NULL);
    *c = (struct silence_count){0};
}

/* --- alerts that fire ----------------------------------------------------------------------------------- */

static const char *name_of(const struct label *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(l[i].name, "alertname") == 0)
            return l[i].value;
    return "";
}

/* Whether its alert counts where this one is met. */
static bool is_first(const struct notify *n, const struct member *m)
{
    const struct member *x = map_gets(n->members, m->key);

    while (x && !x->firing)
        x = x->next_same;
    return x == m;
}

/* The oldest ones are shown, in the order of their numbers. */
static void note_incident(struct silence_count *c, struct incident *inc)
{
    uint64_t *first = c->p.first_incidents;
    size_t i = c->p.incidents < FIRST ? c->p.incidents : FIRST;

    if (inc->counted == c->id)
        return;
    inc->counted = c->id;
    c->p.incidents++;
    if (i == FIRST && first[--i] < inc->number)
        return;
    for (; i > 0 && first[i - 1] > inc->number; i--)
        first[i] = first[i - 1];
    first[i] = inc->number;
}

static void count_held(struct silence_count *c, const struct notify *n, const struct member *m)
{
    struct silence_preview *p = &c->p;

    if (!silence_matches(c->s, m->labels, m->n_labels, m->priority))
        return;
    note_incident(c, m->incident);
    if (!is_first(n, m))
        return;
    p->now++;
    if (p->priority == 0 || m->priority < p->priority)
        p->priority = m->priority;
    if (c->rules && map_puts(c->rules, name_of(m->labels, m->n_labels), c, NULL)) {
        map_free(c->rules, NULL);
        c->rules = NULL;
    }
}

static void count_active(struct silence_count *c, const struct notify *n, const struct member *m)
{
    c->p.active +=
        matchers_allow(c->s->scope, c->s->n_scope, m->labels, m->n_labels, m->priority) &&
        is_first(n, m);
}

static bool walk(struct silence_count *c, const struct notify *n, struct slice *slice,
                 void (*look)(struct silence_count *c, const struct notify *n,
                              const struct member *m))
{
    while (!slice_over(slice)) {
        const struct member *m = alert_walk_next(&c->walk);

        if (!m)
            return true;
        assert(m->firing);
        look(c, n, m);
    }
    return false;
}

/* --- starts of the week ----------------------------------------------------------------------------------- */

static bool count_week(struct silence_count *c, const struct notify *n, int64_t at_ms,
                       struct slice *slice)
{
    uint64_t oldest = n->starts_added - n->n_starts;

    for (c->week = c->week > oldest ? c->week : oldest; c->week < c->week_end; c->week++) {
        const struct start *st =
            &n->starts[(n->starts_at + (size_t)(c->week - oldest)) % STARTS_MAX];

        if (slice_over(slice))
            return false;
        if (at_ms - st->at_ms <= WEEK_MS && st->labels)
            c->p.week += silence_matches(c->s, st->labels, st->n_labels, 0);
    }
    c->p.week_complete =
        at_ms - (n->n_starts == STARTS_MAX ? n->starts[n->starts_at].at_ms : n->born_ms) >= WEEK_MS;
    return true;
}

bool silence_count_step(struct silence_count *c, struct notify *n, struct slice *slice)
{
    if (c->stage == COUNT_NOW && walk(c, n, slice, count_held)) {
        c->p.rules = c->rules ? map_count(c->rules) : 0;
        if (c->s->n_scope == 0)
            c->p.active = alert_index_alerts(n->firing);
        begin_stage(c, n, c->s->n_scope == 0 ? COUNT_WEEK : COUNT_ACTIVE);
    }
    if (c->stage == COUNT_ACTIVE && walk(c, n, slice, count_active))
        begin_stage(c, n, COUNT_WEEK);
    if (c->stage == COUNT_WEEK && count_week(c, n, notify_now(n), slice))
        begin_stage(c, n, COUNT_DONE);
    return c->stage == COUNT_DONE;
}
