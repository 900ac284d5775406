/* The clock has been set, under the running program or before it began.
 *
 * Every instant of an incident is moved along, so that reminders, retries, fallbacks and
 * acknowledgements take as long as they take; so is a silence that has begun. What keeps its time is
 * what receivers know an alert by, when it began, and a silence that people have set for later.
 * They are listed in one place, which a test compares with the records of Redis. */
#include "notify/clock.h"

#include "base/clock.h"
#include "notify/incident.h"
#include "notify/intake.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/silence_job.h"

typedef void change_time(int64_t *at_ms, int64_t by_ms, int64_t now_ms);

/* From the past of a clock that was ahead. */
static void not_after(int64_t *at_ms, int64_t by_ms, int64_t now_ms)
{
    (void)by_ms;
    if (*at_ms > now_ms)
        *at_ms = now_ms;
}

static void move(int64_t *at_ms, int64_t by_ms, int64_t now_ms)
{
    (void)now_ms;
    clock_move(at_ms, by_ms);
}

static void each_time_of_member(struct member *m, change_time *change, int64_t by_ms,
                                int64_t now_ms)
{
    int64_t *times[] = {&m->ends_ms,    &m->nodata_ms, &m->gone_ms,   &m->held_ms,
                        &m->visible_ms, &m->raised_ms, &m->routed_ms, &m->freed_ms};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        change(times[i], by_ms, now_ms);
}

static void each_time_of_entry(struct entry *e, change_time *change, int64_t by_ms, int64_t now_ms)
{
    int64_t *times[] = {&e->first_ms,      &e->last_ms,    &e->sent_ms, &e->since_ms,
                        &e->not_before_ms, &e->claimed_ms, &e->dead_ms, &e->told_ack_ms};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        change(times[i], by_ms, now_ms);
    for (size_t i = 0; i < e->n_told; i++)
        change(&e->told[i].told_ms, by_ms, now_ms);
    for (size_t i = 0; i < e->n_owed; i++)
        change(&e->owed[i].due_ms, by_ms, now_ms);
}

static void each_time(struct incident *inc, change_time *change, int64_t by_ms, int64_t now_ms)
{
    int64_t *times[] = {&inc->opened_ms, &inc->ended_ms,   &inc->settled_ms,   &inc->previous_ms,
                        &inc->ack_ms,    &inc->unacked_ms, &inc->ack_ended_ms, &inc->swept_ms};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        change(times[i], by_ms, now_ms);
    inc->dirty = true;
    for (size_t i = 0; i < inc->n_members; i++) {
        each_time_of_member(inc->members[i], change, by_ms, now_ms);
        member_touch(inc->members[i]);
    }
    for (size_t i = 0; i < inc->n_entries; i++) {
        each_time_of_entry(inc->entries[i], change, by_ms, now_ms);
        inc->entries[i]->dirty = inc->entries[i]->rows_dirty = true;
    }
}

void incident_not_after(struct incident *inc, int64_t now_ms)
{
    each_time(inc, not_after, 0, now_ms);
}

void incident_move(struct incident *inc, int64_t by_ms)
{
    each_time(inc, move, by_ms, 0);
    clock_move(&inc->ack_until_ms, by_ms);
}

/* Bound: all incidents, open and kept, all silences, and the starts of a week (STARTS_MAX). */
void notify_clock_stepped(struct notify *n, int64_t by_ms)
{
    for (size_t i = 0; i < n->n_open; i++) {
        incident_move(n->open[i], by_ms);
        incident_mark(n, n->open[i]);
    }
    for (size_t i = 0; i < n->n_kept; i++)
        incident_move(n->kept[i], by_ms);
    holds_shift(n->holds, by_ms);
    inhibits_shift(n->inhibits, by_ms);
    clock_move(&n->sources_ms, by_ms);
    silence_jobs_shift(n, by_ms);
    for (size_t i = 0; i < n->n_starts; i++)
        clock_move(&n->starts[i].at_ms, by_ms);
    clock_move(&n->born_ms, by_ms);
    clock_move(&n->sweep_ms, by_ms);
    notify_run(n);
}
