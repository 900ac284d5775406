#include "fake_loop.h"

#include <assert.h>
#include <stddef.h>

#include "base/mem.h"

/* A timer that orders itself anew at one instant would turn for ever: a test must fail then. */
#define TURNS_PER_INSTANT_MAX 1000000

const char *const loop_stage_names[LOOP_STAGES] = {"delivery", "control", "evaluation", "ingest"};

struct timer {
    struct loop *loop;
    enum loop_stage stage;
    void (*fire)(void *arg);
    void *arg;
    int64_t due_ms; /* on the virtual clock, wall or monotonic */
    bool is_wall;
    uint64_t order; /* of setting: equal due times fire in this order */
    bool is_set;
    bool is_due; /* collected at the start of this turn */
    struct timer *next;
};

struct loop {
    struct clock *clock;
    struct timer *timers; /* all that exist, in no order */
    uint64_t timer_order;
    bool stopping;
    struct loop_lag lag;
};

struct loop *loop_new(struct clock *clock, struct err *e)
{
    struct loop *l = mem_zalloc(sizeof *l);

    if (!l) {
        err_set(e, ERR_MEMORY, "cannot create the event loop");
        return NULL;
    }
    l->clock = clock;
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    assert(!l->timers);
    mem_free(l);
}

struct clock *loop_clock(struct loop *l)
{
    return l->clock;
}

struct event_base *loop_base(struct loop *l)
{
    (void)l;
    return NULL;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

int loop_signal(struct loop *l, int signo, void (*fire)(void *arg), void *arg)
{
    (void)l, (void)signo, (void)fire, (void)arg;
    return 0;
}

struct watch *watch_new(struct loop *l, int fd, void (*readable)(void *arg), void *arg)
{
    (void)l, (void)fd, (void)readable, (void)arg;
    return NULL;
}

void watch_free(struct watch *w)
{
    (void)w;
}

struct timer *timer_new(struct loop *l, enum loop_stage stage, void (*fire)(void *arg), void *arg)
{
    struct timer *t = mem_zalloc(sizeof *t);

    assert(stage < LOOP_STAGES);
    if (!t)
        return NULL;
    *t = (struct timer){.loop = l, .stage = stage, .fire = fire, .arg = arg, .next = l->timers};
    l->timers = t;
    return t;
}

void timer_free(struct timer *t)
{
    struct timer **at;

    if (!t)
        return;
    for (at = &t->loop->timers; *at != t; at = &(*at)->next)
        assert(*at);
    *at = t->next;
    mem_free(t);
}

/* When it is due, as the wall clock says now: that may be set meanwhile. */
static int64_t due_ms(const struct timer *t)
{
    struct clock *c = t->loop->clock;

    if (t->is_wall || t->due_ms == INT64_MAX)
        return t->due_ms;
    return t->due_ms + clock_wall_ms(c) - clock_mono_ms(c);
}

static void set(struct timer *t, int64_t due_ms, bool is_wall)
{
    t->due_ms = due_ms;
    t->is_wall = is_wall;
    t->order = t->loop->timer_order++;
    t->is_set = true;
    t->is_due = false;
}

void timer_in(struct timer *t, int64_t ms)
{
    int64_t now_ms = clock_mono_ms(t->loop->clock);

    assert(ms >= 0);
    set(t, ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ms, false);
}

void timer_at(struct timer *t, int64_t wall_ms)
{
    set(t, wall_ms, true);
}

void timer_stop(struct timer *t)
{
    t->is_set = t->is_due = false;
}

/* --- the turn --- */

static void collect_due(struct loop *l)
{
    int64_t now_ms = clock_wall_ms(l->clock);

    for (struct timer *t = l->timers; t; t = t->next)
        t->is_due = t->is_set && due_ms(t) <= now_ms;
}

static struct timer *first_due(struct loop *l, enum loop_stage stage)
{
    struct timer *best = NULL;

    for (struct timer *t = l->timers; t; t = t->next)
        if (t->is_due && t->stage == stage &&
            (!best || due_ms(t) < due_ms(best) ||
             (due_ms(t) == due_ms(best) && t->order < best->order)))
            best = t;
    return best;
}

static void run_stage(struct loop *l, enum loop_stage stage)
{
    struct timer *t;

    while ((t = first_due(l, stage))) {
        t->is_set = t->is_due = false;
        t->fire(t->arg); /* may free it */
    }
}

static void turn(struct loop *l)
{
    collect_due(l);
    for (int s = 0; s < LOOP_STAGES; s++)
        run_stage(l, (enum loop_stage)s);
    l->lag.turns++;
}

/* When something is to be done next: now, a timer's time, or INT64_MAX for never. */
static int64_t next_ms(const struct loop *l)
{
    int64_t next = INT64_MAX;

    for (const struct timer *t = l->timers; t; t = t->next)
        if (t->is_set && due_ms(t) < next)
            next = due_ms(t);
    return next;
}

/* One turn at the next instant that has work, if that is not after `until_ms`. */
static bool step(struct loop *l, int64_t until_ms)
{
    int64_t at_ms = next_ms(l);

    if (at_ms > until_ms || at_ms == INT64_MAX)
        return false;
    if (at_ms > clock_wall_ms(l->clock))
        clock_set(l->clock, at_ms);
    turn(l);
    return true;
}

void fake_loop_run_until(struct loop *l, int64_t wall_ms)
{
    int64_t at_ms = clock_mono_ms(l->clock);
    int64_t end_ms =
        at_ms + wall_ms - clock_wall_ms(l->clock); /* the wall clock may be set in it */
    int turns = 0;

    while (step(l, wall_ms)) {
        turns = clock_mono_ms(l->clock) == at_ms ? turns + 1 : 0;
        at_ms = clock_mono_ms(l->clock);
        assert(turns < TURNS_PER_INSTANT_MAX);
        wall_ms = end_ms + clock_wall_ms(l->clock) - at_ms;
    }
    if (wall_ms > clock_wall_ms(l->clock))
        clock_set(l->clock, wall_ms);
}

void fake_loop_run_for(struct loop *l, int64_t ms)
{
    fake_loop_run_until(l, clock_wall_ms(l->clock) + ms);
}

void fake_loop_settle(struct loop *l)
{
    fake_loop_run_until(l, clock_wall_ms(l->clock));
}

bool fake_loop_wait(struct loop *l, bool (*test)(void *arg), void *arg, int64_t ms)
{
    int64_t until_ms = clock_wall_ms(l->clock) + ms;

    while (!test(arg))
        if (!step(l, until_ms))
            return test(arg);
    return true;
}

void loop_turn(struct loop *l, int64_t max_ms)
{
    int64_t until_ms = clock_wall_ms(l->clock) + max_ms;

    if (!step(l, until_ms)) {
        if (max_ms > 0)
            clock_set(l->clock, until_ms);
        turn(l);
    }
}

void loop_run(struct loop *l)
{
    while (!l->stopping && step(l, INT64_MAX))
        ;
    l->stopping = false;
}

void loop_take_lag(struct loop *l, struct loop_lag *out)
{
    *out = l->lag;
    l->lag = (struct loop_lag){0};
}
