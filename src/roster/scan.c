/* Time on call beyond a moment: since and until, the next change, shifts, and whether a change acts.
 *
 * All of it is one walk over moments at which something may move (moment_step), forwards; what is asked is only what
 * is noted on the way. Backwards there is no walk: time before the moment is walked forwards from a day before, then
 * eight days, 64, two years, until those who are on call are seen to begin. Dropped: a step backwards of each
 * calendar and rotation, twice the code for one answer. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "roster/duty.h"
#include "roster/moment.h"
#include "tocsin/told.h"

#define DAY_MS (INT64_C(86400) * 1000)

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory");
}

int roster_at(const struct roster *r, const struct roster_changes *changes,
              const struct roster_ref *who, int64_t at_ms, struct roster_on_call *out,
              struct err *e)
{
    int64_t until;

    return moment_step(r, changes, who, at_ms, out, &until) ? no_memory(e) : 0;
}

/* --- since and until --- */

struct question {
    const struct roster *r;
    const struct roster_changes *changes;
    const struct roster_ref *who;
    struct roster_on_call step; /* at the moment looked at */
    size_t left;                /* moments that may still be looked at */
};

/* Walks from `from_ms` up to the moment asked for; who begins on the way is noted. True: all of them have. */
static int find_since(struct question *q, int64_t from_ms, int64_t at_ms,
                      struct roster_on_call *now, bool *all)
{
    int64_t until;

    for (size_t i = 0; i < now->n; i++)
        now->list[i].since_ms = 0;
    for (int64_t t = from_ms; t <= at_ms && q->left > 0; t = until, q->left--) {
        if (moment_step(q->r, q->changes, q->who, t, &q->step, &until))
            return -1;
        for (size_t i = 0; i < now->n; i++) {
            struct roster_duty *d = &now->list[i];

            if (!duty_of(&q->step, d->person))
                d->since_ms = -1; /* begins later */
            else if (d->since_ms == -1)
                d->since_ms = t;
        }
    }
    *all = true;
    for (size_t i = 0; i < now->n; i++) {
        if (now->list[i].since_ms > 0 && q->left > 0)
            continue;
        now->list[i].since_ms =
            0; /* before the walk began; or it did not come this far, as none would */
        *all = *all && q->left == 0;
    }
    return 0;
}

static int find_until(struct question *q, int64_t at_ms, struct roster_state *s)
{
    int64_t until, end = at_ms + CALENDAR_HORIZON_MS;
    size_t open = s->now.n;

    for (int64_t t = at_ms; t <= end && q->left > 0; t = until, q->left--) {
        if (moment_step(q->r, q->changes, q->who, t, &q->step, &until))
            return -1;
        if (s->next_ms == ROSTER_NEVER && !duty_same(&q->step, &s->now)) {
            s->next_ms = t;
            s->next = q->step;
        }
        for (size_t i = 0; i < s->now.n; i++) {
            struct roster_duty *d = &s->now.list[i];

            if (d->until_ms == ROSTER_NEVER && !duty_of(&q->step, d->person)) {
                d->until_ms = t;
                open--;
            }
        }
        if (open == 0 && s->next_ms != ROSTER_NEVER)
            return 0;
    }
    return 0;
}

int roster_look(const struct roster *r, const struct roster_changes *changes,
                const struct roster_ref *who, int64_t at_ms, struct roster_state *out,
                struct err *e)
{
    static const int64_t back[] = {DAY_MS, 8 * DAY_MS, 64 * DAY_MS, CALENDAR_HORIZON_MS};
    struct question q = {.r = r, .changes = changes, .who = who};
    bool all = false;

    out->next.n = out->next.left_out = 0;
    out->next_ms = ROSTER_NEVER;
    if (roster_at(r, changes, who, at_ms, &out->now, e) < 0)
        return -1;
    for (size_t i = 0; i < out->now.n; i++)
        out->now.list[i].until_ms = ROSTER_NEVER;
    for (size_t i = 0; i < sizeof back / sizeof *back && !all; i++) {
        q.left = ROSTER_STEPS_MAX;
        if (find_since(&q, at_ms - back[i], at_ms, &out->now, &all))
            return no_memory(e);
    }
    q.left = ROSTER_STEPS_MAX;
    return find_until(&q, at_ms, out) ? no_memory(e) : 0;
}

/* --- shifts --- */

struct shift_walk {
    struct roster_shifts *out;
    size_t open[ROSTER_DUTY_MAX]; /* places in the list */
    size_t n_open;
};

static void end_shifts(struct shift_walk *w, struct roster_on_call *o, int64_t at_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n_open; i++) {
        struct roster_shift *s = &w->out->list[w->open[i]];

        if (o && duty_of(o, s->person))
            w->open[n++] = w->open[i];
        else
            s->end_ms = at_ms;
    }
    w->n_open = n;
}

static int begin_shifts(struct shift_walk *w, const struct roster_on_call *o, int64_t at_ms)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct roster_duty *d = &o->list[i];
        size_t k = 0;

        while (k < w->n_open && w->out->list[w->open[k]].person != d->person)
            k++;
        if (k < w->n_open)
            continue;
        if (mem_grow((void **)&w->out->list, &w->out->cap, w->out->n + 1, sizeof *w->out->list))
            return -1;
        assert(w->n_open < ROSTER_DUTY_MAX);
        w->open[w->n_open++] = w->out->n;
        w->out->list[w->out->n++] = (struct roster_shift){.person = d->person,
                                                          .via_kind = d->via_kind,
                                                          .via_name = d->via_name,
                                                          .start_ms = at_ms};
    }
    return 0;
}

int roster_shifts_between(const struct roster *r, const struct roster_changes *changes,
                          const struct roster_ref *who, int64_t from_ms, int64_t until_ms,
                          struct roster_shifts *out, struct err *e)
{
    struct shift_walk w = {.out = out};
    size_t left = ROSTER_STEPS_MAX;
    struct roster_on_call o;
    int64_t until;

    *out = (struct roster_shifts){0};
    if (from_ms >= until_ms || until_ms - from_ms > CALENDAR_HORIZON_MS)
        return err_set(e, ERR_INPUT,
                       "shifts are asked for from a time to a later one, two years at most");
    for (int64_t t = from_ms; t < until_ms; t = until) {
        int failed = moment_step(r, changes, who, t, &o, &until) ? -1 : 0;

        if (!failed) {
            end_shifts(&w, &o, t);
            failed = begin_shifts(&w, &o, t);
        }
        if (failed || left-- == 0) {
            mem_free(out->list);
            *out = (struct roster_shifts){0};
            return failed ? no_memory(e)
                          : err_set(e, ERR_LIMIT,
                                    "too many changes in that time: ask for a shorter one");
        }
    }
    end_shifts(&w, NULL, until_ms);
    return 0;
}

/* --- a change, before it is made --- */

static int check_person(const struct roster *r, const char *name, struct err *e)
{
    return name && roster_person_named(r, name)
               ? 0
               : registry_unknown(r, "person", name ? name : "", e);
}

static int check_change(const struct roster *r, const struct roster_change *x,
                        struct roster_ref *who, struct err *e)
{
    if (roster_find(r, x->on, who, e) < 0)
        return -1;
    if (who->kind != ROSTER_SCHEDULE && who->kind != ROSTER_ROTATION)
        return err_set(e, ERR_INPUT, "\"%.64s\": schedules and rotations are changed", x->on);
    if (x->from_ms >= x->until_ms)
        return err_set(e, ERR_INPUT, "it ends before it begins");
    if (x->until_ms - x->from_ms > CALENDAR_HORIZON_MS)
        return err_set(e, ERR_INPUT, "it lasts longer than two years");
    for (size_t i = 0; x->kind == ROSTER_TEMPORARY && i < x->n_shifts; i++)
        if (check_person(r, x->shifts[i].person, e) < 0)
            return -1;
    if (x->kind != ROSTER_TEMPORARY && check_person(r, x->person, e) < 0)
        return -1;
    return x->kind == ROSTER_REPLACE ? check_person(r, x->with, e) : 0;
}

/* Walks the span twice over, without it and with it, to the first difference. */
static int compare(struct question *q, struct roster_changes *c, const struct roster_change *x,
                   bool *acts, struct err *e)
{
    struct roster_on_call with;
    int64_t until = 0, until_with = 0;

    for (int64_t t = x->from_ms; t < x->until_ms && !*acts && q->left > 0; q->left--) {
        int failed = moment_step(q->r, c, q->who, t, &q->step, &until);

        if (failed || roster_changes_add(c, x, e) < 0)
            return failed ? no_memory(e) : -1;
        failed = moment_step(q->r, c, q->who, t, &with, &until_with);
        roster_changes_remove(c, x);
        if (failed)
            return no_memory(e);
        *acts = !duty_same(&q->step, &with);
        t = until < until_with ? until : until_with;
    }
    return 0;
}

int roster_changes_try(const struct roster *r, struct roster_changes *c,
                       const struct roster_change *change, bool *acts, struct err *e)
{
    struct roster_ref who;
    struct question q = {.r = r, .changes = c, .who = &who, .left = ROSTER_STEPS_MAX};

    *acts = false;
    if (check_change(r, change, &who, e) < 0)
        return -1;
    return compare(&q, c, change, acts, e);
}

/* --- whom the steps of a policy tell --- */

static void tell_receiver(struct roster_told *out, const char *name)
{
    for (size_t i = 0; i < out->n_receivers; i++)
        if (strcmp(out->receivers[i], name) == 0)
            return;
    if (out->n_receivers < ROSTER_DUTY_MAX)
        out->receivers[out->n_receivers++] = name;
}

int roster_told(const struct roster *r, const struct roster_changes *changes,
                const struct escalation_policy *p, unsigned first, unsigned last, int64_t at_ms,
                struct roster_told *out, struct err *e)
{
    struct roster_on_call o;

    assert(first >= 1 && first <= last && last <= p->n_steps);
    out->people.n = out->people.left_out = out->n_receivers = 0;
    for (unsigned s = first; s <= last; s++)
        for (size_t i = 0; i < p->steps[s - 1].n_notify; i++) {
            struct roster_ref ref;

            if (roster_find(r, p->steps[s - 1].notify[i], &ref, e) < 0 ||
                roster_at(r, changes, &ref, at_ms, &o, e) < 0)
                return -1;
            if (ref.kind == ROSTER_RECEIVER)
                tell_receiver(out, ref.name);
            for (size_t k = 0; k < o.n; k++)
                duty_add(&out->people, o.list[k].person, o.list[k].via_kind, o.list[k].via_name);
        }
    return 0;
}
