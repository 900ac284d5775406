/* A turn: wait for sockets, signals or the next timer; let libevent call what is ready; then, stage
 * by stage, call the timers that are due.
 *
 *     sockets, signals  ->  DELIVERY  ->  CONTROL  ->  EVALUATION  ->  INGEST  ->  (next turn)
 *
 * What is due is collected before the first stage; a timer that is ordered meanwhile, also for now, waits for
 * the next turn, so no work can keep the loop for itself. What is to be done at the end of a turn is a timer of
 * 0 ms, made once and ordered as often as wanted: dropped is a queue of closures, each an allocation that may
 * fail at the worst moment. Timers are ours and not libevent's, because they
 * follow the engine's clock, which steps only when told to. libevent holds one: the wake-up. */
#include "tocsin/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "base/mem.h"
#include "net/timer_heap.h"

/* A sleeping machine stops libevent's clock but not the engine's: look again at least so often. */
#define LONGEST_SLEEP_MS 1000
/* So long may callbacks of sockets go on before timers that are due have their turn. */
#define CALLBACKS_MS 10
/* After so many callbacks libevent looks at the clock again, or the wake-up would not be seen. */
#define CALLBACKS_AT_ONCE 64

const char *const loop_stage_names[LOOP_STAGES] = {"delivery", "control", "evaluation", "ingest"};

struct watched_signal {
    struct event *ev;
    void (*fire)(void *arg);
    void *arg;
    struct watched_signal *next;
};

struct loop {
    struct clock *clock;
    struct event_base *base;
    struct event *wake;
    bool stopping;
    bool in_callbacks; /* libevent's, before the stages */
    struct timer *due[LOOP_STAGES], *due_last[LOOP_STAGES];
    struct timer_heap mono, wall;
    size_t n_timers;
    uint64_t timer_order;
    struct watched_signal *signals;
    struct loop_lag lag;
};

/* libevent returns when it has nothing left to call, and callbacks may activate each other for
 * ever. So the wake-up ends the turn: what is still active is called in the next one. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;

    (void)fd, (void)what;
    event_base_loopbreak(l->base);
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && !event_config_set_max_dispatch_interval(config, NULL, CALLBACKS_AT_ONCE, 0))
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

struct loop *loop_new(struct clock *clock, struct err *e)
{
    struct loop *l = mem_zalloc(sizeof *l);

    if (!l)
        goto failed;
    /* a peer that hangs up is an error of its write, not the end of the process */
    signal(SIGPIPE, SIG_IGN);
    l->clock = clock;
    l->base = new_base();
    if (!l->base)
        goto failed;
    l->wake = evtimer_new(l->base, on_wake, l);
    if (!l->wake)
        goto failed;
    return l;
failed:
    loop_free(l);
    err_set(e, ERR_MEMORY, "cannot create the event loop");
    return NULL;
}

static void arm_wake(struct loop *l, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    event_add(l->wake, &tv);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    assert(l->n_timers == 0); /* a timer that outlives its loop would be stopped in freed memory */
    while (l->signals) {
        struct watched_signal *s = l->signals;

        l->signals = s->next;
        event_free(s->ev);
        mem_free(s);
    }
    mem_free(l->mono.at);
    mem_free(l->wall.at);
    if (l->wake)
        event_free(l->wake);
    if (l->base) {
        /* A connection that was freed while a deferred callback of it was queued holds itself until
         * that callback has run, and libevent forgets it with the queue: run it. */
        event_base_loop(l->base, EVLOOP_NONBLOCK);
        event_base_free(l->base);
    }
    mem_free(l);
}

struct clock *loop_clock(struct loop *l)
{
    return l->clock;
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct watched_signal *s = arg;

    (void)fd, (void)what;
    s->fire(s->arg);
}

int loop_signal(struct loop *l, int signo, void (*fire)(void *arg), void *arg)
{
    struct watched_signal *s = mem_zalloc(sizeof *s);

    if (!s)
        return -1;
    s->fire = fire;
    s->arg = arg;
    s->ev = evsignal_new(l->base, signo, on_signal, s);
    if (!s->ev || event_add(s->ev, NULL) != 0) {
        if (s->ev)
            event_free(s->ev);
        mem_free(s);
        return -1;
    }
    s->next = l->signals;
    l->signals = s;
    return 0;
}

/* --- timers --- */

struct timer *timer_new(struct loop *l, enum loop_stage stage, void (*fire)(void *arg), void *arg)
{
    struct timer *t;

    assert(stage < LOOP_STAGES);
    if (timer_heap_reserve(&l->mono, l->n_timers + 1) != 0 ||
        timer_heap_reserve(&l->wall, l->n_timers + 1) != 0)
        return NULL;
    t = mem_zalloc(sizeof *t);
    if (!t)
        return NULL;
    t->loop = l;
    t->stage = stage;
    t->fire = fire;
    t->arg = arg;
    l->n_timers++;
    return t;
}

void timer_free(struct timer *t)
{
    if (!t)
        return;
    timer_stop(t);
    assert(t->loop->n_timers > 0 && t->place == TIMER_IDLE);
    t->loop->n_timers--;
    mem_free(t);
}

static void due_append(struct loop *l, struct timer *t)
{
    t->place = TIMER_DUE;
    t->next = NULL;
    t->prev = l->due_last[t->stage];
    *(t->prev ? &t->prev->next : &l->due[t->stage]) = t;
    l->due_last[t->stage] = t;
}

static void due_unlink(struct loop *l, struct timer *t)
{
    *(t->prev ? &t->prev->next : &l->due[t->stage]) = t->next;
    *(t->next ? &t->next->prev : &l->due_last[t->stage]) = t->prev;
}

void timer_stop(struct timer *t)
{
    switch (t->place) {
    case TIMER_MONO:
        timer_heap_remove(&t->loop->mono, t);
        break;
    case TIMER_WALL:
        timer_heap_remove(&t->loop->wall, t);
        break;
    case TIMER_DUE:
        due_unlink(t->loop, t);
        break;
    case TIMER_IDLE:
        break;
    }
    t->place = TIMER_IDLE;
}

void timer_in(struct timer *t, int64_t ms)
{
    int64_t now_ms = clock_mono_ms(t->loop->clock);

    assert(ms >= 0);
    timer_stop(t);
    t->due_ms = ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ms;
    t->late_from_ms = t->due_ms;
    t->order = t->loop->timer_order++;
    t->place = TIMER_MONO;
    timer_heap_push(&t->loop->mono, t);
}

void timer_at(struct timer *t, int64_t wall_ms)
{
    int64_t ahead_ms = wall_ms - clock_wall_ms(t->loop->clock);

    timer_stop(t);
    t->due_ms = wall_ms;
    /* what was overdue when it was ordered is not the loop's delay */
    t->late_from_ms = clock_mono_ms(t->loop->clock) + (ahead_ms > 0 ? ahead_ms : 0);
    t->order = t->loop->timer_order++;
    t->place = TIMER_WALL;
    timer_heap_push(&t->loop->wall, t);
}

/* --- the turn --- */

static void collect_due(struct loop *l, struct timer_heap *heap, int64_t now_ms)
{
    struct timer *t;

    while ((t = timer_heap_first(heap)) && t->due_ms <= now_ms) {
        timer_heap_remove(heap, t);
        due_append(l, t);
    }
}

static void run_due(struct loop *l, enum loop_stage stage)
{
    struct timer *t;

    while ((t = l->due[stage])) {
        int64_t late_ms = clock_mono_ms(l->clock) - t->late_from_ms;

        if (late_ms > l->lag.worst_late_ms)
            l->lag.worst_late_ms = late_ms;
        due_unlink(l, t);
        t->place = TIMER_IDLE;
        t->fire(t->arg); /* may free it */
    }
}

static int64_t sleep_ms(const struct loop *l, int64_t max_ms)
{
    struct timer *mono = timer_heap_first(&l->mono), *wall = timer_heap_first(&l->wall);
    int64_t ms = max_ms < LONGEST_SLEEP_MS ? max_ms : LONGEST_SLEEP_MS;

    if (mono && mono->due_ms - clock_mono_ms(l->clock) < ms)
        ms = mono->due_ms - clock_mono_ms(l->clock);
    if (wall && wall->due_ms - clock_wall_ms(l->clock) < ms)
        ms = wall->due_ms - clock_wall_ms(l->clock);
    return ms < 0 ? 0 : ms;
}

/* Processor time of this thread: what a turn takes, without the sleep before it and without what
 * other programs on the machine take. */
static uint64_t used_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void note_turn(struct loop_lag *lag, uint64_t took_ns)
{
    lag->turns++;
    lag->long_turns += took_ns > LOOP_LONG_TURN_NS;
    if (took_ns > lag->worst_turn_ns)
        lag->worst_turn_ns = took_ns;
}

void loop_turn(struct loop *l, int64_t max_ms)
{
    int64_t ms = sleep_ms(l, max_ms);
    uint64_t began_ns, ended_ns, used_before_ns = used_ns();

    assert(!l->in_callbacks); /* a turn within a turn */
    arm_wake(l, ms > 0 ? ms : CALLBACKS_MS);
    l->in_callbacks = true;
    event_base_loop(l->base,
                    EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | (ms > 0 ? 0 : EVLOOP_NONBLOCK));
    event_del(l->wake);
    l->in_callbacks = false;
    collect_due(l, &l->mono, clock_mono_ms(l->clock));
    collect_due(l, &l->wall, clock_wall_ms(l->clock));
    began_ns = clock_mono_ns(l->clock);
    for (int s = 0; s < LOOP_STAGES; s++) {
        run_due(l, (enum loop_stage)s);
        ended_ns = clock_mono_ns(l->clock);
        l->lag.busy_ns[s] += ended_ns - began_ns;
        began_ns = ended_ns;
    }
    note_turn(&l->lag, used_ns() - used_before_ns);
}

void loop_run(struct loop *l)
{
    do
        loop_turn(l, LONGEST_SLEEP_MS);
    while (!l->stopping);
    l->stopping = false;
}

void loop_take_lag(struct loop *l, struct loop_lag *out)
{
    *out = l->lag;
    l->lag = (struct loop_lag){0};
}
