#include "unit.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tocsin/loop.h"

static char trace[4096];

static void note(void *arg)
{
    strcat(trace, arg);
}

struct fixture {
    struct clock *clock;
    struct loop *loop;
};

static struct fixture open_at(int64_t at_ms)
{
    struct fixture f = {.clock = clock_virtual(at_ms)};
    struct err e;

    f.loop = loop_new(f.clock, &e);
    ck_assert_ptr_nonnull(f.loop);
    trace[0] = 0;
    return f;
}

static void close_all(struct fixture f)
{
    loop_free(f.loop);
    clock_free(f.clock);
}

static struct timer *timer_now(struct loop *l, enum loop_stage stage, char *name)
{
    struct timer *t = timer_new(l, stage, note, name);

    timer_in(t, 0);
    return t;
}

START_TEST(work_runs_in_the_order_of_the_stages)
{
    struct fixture f = open_at(1000);
    struct timer *t[] = {
        timer_now(f.loop, LOOP_INGEST, "i"), timer_now(f.loop, LOOP_EVALUATION, "e"),
        timer_now(f.loop, LOOP_CONTROL, "c"), timer_now(f.loop, LOOP_DELIVERY, "d"),
        timer_now(f.loop, LOOP_DELIVERY, "D")};

    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "dDcei");
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "dDcei");
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        timer_free(t[i]);
    close_all(f);
}
END_TEST

static void order_all(void *arg)
{
    struct timer **t = arg;

    strcat(trace, "x");
    for (int i = 0; i < 3; i++)
        timer_in(t[i], 0);
}

/* Also where its stage is still to come: else two stages could keep the turn for themselves. */
START_TEST(work_ordered_by_work_waits_for_the_next_turn)
{
    struct fixture f = open_at(1000);
    struct timer *t[] = {timer_new(f.loop, LOOP_DELIVERY, note, "d"),
                         timer_new(f.loop, LOOP_EVALUATION, note, "e"),
                         timer_new(f.loop, LOOP_INGEST, note, "i")};
    struct timer *first = timer_new(f.loop, LOOP_EVALUATION, order_all, t);

    timer_in(first, 0);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "x");
    loop_turn(f.loop, 10000); /* must not wait: there is work */
    ck_assert_str_eq(trace, "xdei");
    timer_free(first);
    for (int i = 0; i < 3; i++)
        timer_free(t[i]);
    close_all(f);
}
END_TEST

START_TEST(timers_fire_in_order_of_time_and_then_of_setting)
{
    struct fixture f = open_at(1000);
    struct timer *t[5];
    const char *names[] = {"a", "b", "c", "d", "e"};
    const int64_t ms[] = {30, 10, 20, 10, 40};

    for (int i = 0; i < 5; i++) {
        t[i] = timer_new(f.loop, LOOP_CONTROL, note, (void *)names[i]);
        timer_in(t[i], ms[i]);
    }
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "");
    clock_set(f.clock, 1009);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "");
    clock_set(f.clock, 1010);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "bd");
    timer_stop(t[2]);
    clock_set(f.clock, 1100);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "bdae");
    timer_in(t[2], 5);
    timer_in(t[2], 50); /* replaces the order before */
    clock_set(f.clock, 1110);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "bdae");
    clock_set(f.clock, 1150);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "bdaec");
    for (int i = 0; i < 5; i++)
        timer_free(t[i]);
    timer_free(NULL);
    close_all(f);
}
END_TEST

START_TEST(the_heap_keeps_its_order_under_many_changes)
{
    enum { N = 200 };
    struct fixture f = open_at(0);
    struct timer *t[N];
    unsigned seed = 7;
    size_t last = 0;

    for (int i = 0; i < N; i++)
        t[i] = timer_new(f.loop, LOOP_CONTROL, note, ".");
    for (int round = 0; round < 20 * N; round++) {
        int i = rand_r(&seed) % N;

        if (rand_r(&seed) % 3)
            timer_in(t[i], 1 + rand_r(&seed) % 500);
        else
            timer_stop(t[i]);
    }
    for (int i = 0; i < N; i++)
        timer_in(t[i], 1 + (i * 37) % N); /* every due time from 1 to N once */
    for (int at = 1; at <= N; at++) {
        clock_set(f.clock, at);
        loop_turn(f.loop, 0);
        ck_assert_uint_eq(strlen(trace), last + 1);
        last++;
    }
    for (int i = 0; i < N; i++)
        timer_free(t[i]);
    close_all(f);
}
END_TEST

START_TEST(a_wall_timer_that_is_overdue_fires_at_once_and_is_no_lag)
{
    struct fixture f = open_at(1000000);
    struct timer *t = timer_new(f.loop, LOOP_CONTROL, note, "t");
    struct loop_lag lag;

    timer_at(t, 5);
    loop_turn(f.loop, 10000);
    ck_assert_str_eq(trace, "t");
    timer_at(t, 1000100);
    clock_set(f.clock, 1000099);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "t");
    loop_take_lag(f.loop, &lag);
    ck_assert_int_eq(lag.worst_late_ms, 0);
    ck_assert_uint_eq(lag.turns, 2);
    clock_set(f.clock, 1000107);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "tt");
    loop_take_lag(f.loop, &lag);
    ck_assert_int_eq(lag.worst_late_ms, 7);
    loop_take_lag(f.loop, &lag);
    ck_assert_int_eq(lag.worst_late_ms, 0);
    timer_free(t);
    close_all(f);
}
END_TEST

static struct timer *victim;

static void stop_victim(void *arg)
{
    (void)arg;
    strcat(trace, "s");
    timer_free(victim);
}

START_TEST(a_due_timer_can_be_freed_by_the_one_before_it)
{
    struct fixture f = open_at(0);
    struct timer *first = timer_new(f.loop, LOOP_CONTROL, stop_victim, NULL);

    victim = timer_new(f.loop, LOOP_CONTROL, note, "v");
    timer_in(first, 0);
    timer_in(victim, 0);
    loop_turn(f.loop, 0);
    loop_turn(f.loop, 0);
    ck_assert_str_eq(trace, "s");
    timer_free(first);
    close_all(f);
}
END_TEST

static void note_signal(void *arg)
{
    strcat(trace, "u");
    loop_stop(arg);
}

START_TEST(signals_arrive_in_the_loop_and_pipes_do_not_kill)
{
    struct fixture f = open_at(0);
    int fds[2];

    ck_assert_int_eq(loop_signal(f.loop, SIGUSR1, note_signal, f.loop), 0);
    raise(SIGUSR1);
    ck_assert_str_eq(trace, "");
    loop_run(f.loop); /* ends because the signal was seen */
    ck_assert_str_eq(trace, "u");
    ck_assert_int_eq(pipe(fds), 0);
    close(fds[0]);
    ck_assert_int_eq(write(fds[1], "x", 1), -1);
    close(fds[1]);
    close_all(f);
}
END_TEST

static void stop(void *arg)
{
    loop_stop(arg);
}

START_TEST(real_time_passes)
{
    struct clock *clock = clock_system();
    struct loop *l = loop_new(clock, NULL);
    struct timer *t = timer_new(l, LOOP_CONTROL, stop, l);
    int64_t began_ms = clock_mono_ms(clock);

    timer_in(t, 20);
    loop_run(l);
    ck_assert_int_ge(clock_mono_ms(clock) - began_ms, 20);
    timer_at(t, clock_wall_ms(clock) + 20);
    loop_run(l);
    ck_assert_int_ge(clock_mono_ms(clock) - began_ms, 40);
    ck_assert_int_lt(clock_mono_ms(clock) - began_ms, 20000);
    timer_free(t);
    loop_free(l);
    clock_free(clock);
}
END_TEST

static void activate_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_active(*(struct event **)arg, EV_TIMEOUT, 0);
}

START_TEST(callbacks_that_activate_themselves_do_not_stop_the_turn)
{
    struct clock *clock = clock_system();
    struct loop *l = loop_new(clock, NULL);
    struct timer *t = timer_new(l, LOOP_CONTROL, stop, l), *mine;
    struct event *ev = event_new(loop_base(l), -1, 0, activate_again, &ev);
    int64_t began_ms = clock_mono_ms(clock);

    trace[0] = 0;
    event_active(ev, EV_TIMEOUT, 0);
    timer_in(t, 30);
    loop_run(l);
    ck_assert_int_lt(clock_mono_ms(clock) - began_ms, 5000);
    mine = timer_now(l, LOOP_INGEST, "i");
    loop_turn(l, 10000);
    ck_assert_str_eq(trace, "i");
    timer_free(mine);
    event_free(ev);
    timer_free(t);
    loop_free(l);
    clock_free(clock);
}
END_TEST

static void on_ended(void *arg)
{
    ++*(int *)arg;
}

static void on_bytes(struct bufferevent *bev, void *arg)
{
    (void)bev;
    (void)arg;
    ck_abort_msg("a freed connection was called");
}

START_TEST(a_connection_freed_with_a_callback_queued_ends_with_the_loop)
{
    struct fixture f = open_at(0);
    struct bufferevent *pair[2], *filter;
    int ended = 0;

    ck_assert_int_eq(bufferevent_pair_new(loop_base(f.loop), BEV_OPT_DEFER_CALLBACKS, pair), 0);
    filter = bufferevent_filter_new(
        pair[0], NULL, NULL, BEV_OPT_DEFER_CALLBACKS | BEV_OPT_CLOSE_ON_FREE, on_ended, &ended);
    ck_assert_ptr_nonnull(filter);
    bufferevent_setcb(filter, on_bytes, NULL, NULL, NULL);
    bufferevent_enable(filter, EV_READ);
    bufferevent_trigger(filter, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
    bufferevent_free(filter);
    bufferevent_free(pair[1]);
    close_all(f);
    ck_assert_int_eq(ended, 1);
}
END_TEST

START_TEST(no_memory_is_told)
{
    struct clock *clock = clock_virtual(0);
    struct loop *l = loop_new(clock, NULL);
    struct err e = {0};

    mem_fail_at(1);
    ck_assert_ptr_null(loop_new(clock, &e));
    ck_assert_int_eq(e.code, ERR_MEMORY);
    for (int n = 1; n <= 3; n++) {
        mem_fail_at(n);
        ck_assert_ptr_null(timer_new(l, LOOP_CONTROL, stop, l));
        ck_assert(mem_failed());
        mem_fail_at(0);
        loop_free(l);
        l = loop_new(clock, NULL);
    }
    loop_free(l);
    clock_free(clock);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, work_runs_in_the_order_of_the_stages);
    tcase_add_test(t, work_ordered_by_work_waits_for_the_next_turn);
    tcase_add_test(t, timers_fire_in_order_of_time_and_then_of_setting);
    tcase_add_test(t, the_heap_keeps_its_order_under_many_changes);
    tcase_add_test(t, a_wall_timer_that_is_overdue_fires_at_once_and_is_no_lag);
    tcase_add_test(t, a_due_timer_can_be_freed_by_the_one_before_it);
    tcase_add_test(t, signals_arrive_in_the_loop_and_pipes_do_not_kill);
    tcase_add_test(t, real_time_passes);
    tcase_add_test(t, callbacks_that_activate_themselves_do_not_stop_the_turn);
    tcase_add_test(t, a_connection_freed_with_a_callback_queued_ends_with_the_loop);
    tcase_add_test(t, no_memory_is_told);
}

UNIT_MAIN("loop", add)
