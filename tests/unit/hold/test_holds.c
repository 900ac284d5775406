/* What holds an alert, and when silences begin, end and are forgotten. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tocsin/hold.h"

#define T0   INT64_C(1767571200000)
#define HOUR INT64_C(3600000)

static struct silence *silence_of(const char *id, const char *matcher, int64_t from_ms,
                                  int64_t to_ms)
{
    struct silence *s = silence_new();

    snprintf(s->short_id, sizeof s->short_id, "%s", id);
    snprintf(s->id, sizeof s->id, "00000000-0000-0000-0000-%012d", atoi(id + 1));
    s->matchers = mem_alloc(sizeof *s->matchers);
    s->matchers[0] = matcher_parse(matcher, strlen(matcher), NULL);
    s->n_matchers = 1;
    s->starts_ms = from_ms;
    s->ends_ms = to_ms;
    return s;
}

static struct silence *add(struct holds *h, const char *id, const char *matcher, int64_t from_ms,
                           int64_t to_ms)
{
    struct silence *s = silence_of(id, matcher, from_ms, to_ms);

    ck_assert_int_eq(holds_add(h, s, T0), 0);
    return s;
}

static struct hold hold_of(struct holds *h, const char *host, int priority, int64_t at_ms)
{
    struct label l[] = {label_of("host", host)};
    struct hold f;

    ck_assert_int_eq(
        holds_find(h, &(struct hold_subject){.labels = l, .n_labels = 1, .priority = priority},
                   at_ms, &f),
        0);
    return f;
}

START_TEST(the_answer_says_what_holds_by_whom_and_until_when)
{
    struct holds *h = holds_new();
    struct label l[] = {label_of("host", "a")};
    struct hold f;

    add(h, "s1", "host=a", T0, T0 + HOUR);
    f = hold_of(h, "a", 2, T0);
    ck_assert_int_eq(f.kind, HOLD_SILENCE);
    ck_assert_str_eq(f.by, "s1");
    ck_assert_int_eq(f.until_ms, T0 + HOUR);
    f = hold_of(h, "b", 2, T0);
    ck_assert_int_eq(f.kind, HOLD_NONE);
    ck_assert_str_eq(f.by, "");
    ck_assert_int_eq(
        holds_find(h, &(struct hold_subject){.labels = l, .n_labels = 1, .suppressed = true}, T0,
                   &f),
        0);
    ck_assert_int_eq(f.kind, HOLD_UNLESS); /* its own rule comes first */
    holds_free(h);
}
END_TEST

START_TEST(a_silence_holds_from_its_start_to_just_before_its_end)
{
    struct holds *h = holds_new();

    add(h, "s1", "host=a", T0 + HOUR, T0 + 2 * HOUR);
    ck_assert_int_eq(hold_of(h, "a", 2, T0 + HOUR - 1).kind, HOLD_NONE);
    ck_assert_int_eq(hold_of(h, "a", 2, T0 + HOUR).kind, HOLD_SILENCE);
    ck_assert_int_eq(hold_of(h, "a", 2, T0 + 2 * HOUR - 1).kind, HOLD_SILENCE);
    ck_assert_int_eq(hold_of(h, "a", 2, T0 + 2 * HOUR).kind, HOLD_NONE);
    holds_free(h);
}
END_TEST

START_TEST(what_is_more_severe_than_a_silence_covers_is_not_held)
{
    struct holds *h = holds_new();

    add(h, "s1", "host=a", T0, T0 + HOUR)->priority = 3;
    ck_assert_int_eq(hold_of(h, "a", 3, T0).kind, HOLD_SILENCE);
    ck_assert_int_eq(hold_of(h, "a", 2, T0).kind, HOLD_NONE);
    holds_free(h);
}
END_TEST

struct told {
    size_t n_changed;
    char changed[64], forgotten[64];
};

static void on_changed(const struct silence *s, void *arg)
{
    struct told *t = arg;

    if (t->n_changed++ < 10)
        strcat(t->changed, s->short_id);
}

static void on_forgotten(const struct silence *s, void *arg)
{
    struct told *t = arg;

    if (strlen(t->forgotten) < 32)
        strcat(t->forgotten, s->short_id);
}

START_TEST(beginnings_and_ends_are_told_once_and_old_ones_forgotten)
{
    struct holds *h = holds_new();
    struct told t = {0};
    struct holds_tick tell = {.changed = on_changed, .forgotten = on_forgotten, .arg = &t};

    add(h, "s1", "host=a", T0 + HOUR, T0 + 2 * HOUR);
    ck_assert(holds_tick(h, T0, SIZE_MAX, &tell));
    ck_assert_str_eq(t.changed, "");
    ck_assert_int_eq(holds_next_ms(h), T0 + HOUR);
    ck_assert(holds_tick(h, T0 + HOUR, SIZE_MAX, &tell));
    ck_assert(holds_tick(h, T0 + HOUR + 1, SIZE_MAX, &tell));
    ck_assert_str_eq(t.changed, "s1");
    ck_assert_int_eq(holds_next_ms(h), T0 + 2 * HOUR);
    ck_assert(holds_tick(h, T0 + 2 * HOUR, SIZE_MAX, &tell));
    ck_assert_str_eq(t.changed, "s1s1");
    ck_assert(holds_tick(h, T0 + 2 * HOUR + SILENCE_KEEP_MS - 1, SIZE_MAX, &tell));
    ck_assert_ptr_nonnull(holds_silence(h, "s1"));
    ck_assert_str_eq(t.forgotten, "");
    ck_assert(holds_tick(h, T0 + 2 * HOUR + SILENCE_KEEP_MS, SIZE_MAX, &tell));
    ck_assert_str_eq(t.forgotten, "s1");
    ck_assert_ptr_null(holds_silence(h, "s1"));
    ck_assert_uint_eq(holds_count(h), 0);
    holds_free(h);
}
END_TEST

START_TEST(silences_of_an_incident_are_found_by_its_number)
{
    struct holds *h = holds_new();
    struct silence *s;
    size_t n = 0;

    for (int i = 1; i <= 3; i++) {
        char id[8];

        snprintf(id, sizeof id, "s%d", i);
        s = silence_of(id, "host=a", T0, T0 + HOUR);
        s->incident = i == 2 ? 9 : 7;
        ck_assert_int_eq(holds_add(h, s, T0), 0);
    }
    for (s = holds_of_incident(h, 7); s; s = holds_next_of(s), n++)
        ck_assert_uint_eq(s->incident, 7);
    ck_assert_uint_eq(n, 2);
    ck_assert_ptr_null(holds_of_incident(h, 8));
    holds_free(h);
}
END_TEST

/* A silence that runs lasts as long as it was made for; one that is set for later keeps its time. */
START_TEST(a_step_of_the_clock_moves_silences_that_run)
{
    struct holds *h = holds_new();
    struct silence *running = add(h, "s1", "host=a", T0, T0 + HOUR);
    struct silence *later = add(h, "s2", "host=b", T0 + 9 * HOUR, T0 + 10 * HOUR);

    holds_settle(h, T0);
    holds_shift(h, HOUR);
    ck_assert_int_eq(running->starts_ms, T0 + HOUR);
    ck_assert_int_eq(running->ends_ms, T0 + 2 * HOUR);
    ck_assert_int_eq(later->starts_ms, T0 + 9 * HOUR);
    ck_assert_int_eq(later->ends_ms, T0 + 10 * HOUR);
    holds_free(h);
}
END_TEST

START_TEST(all_that_hold_an_alert_are_found)
{
    struct holds *h = holds_new();
    struct label l[] = {label_of("host", "a")};
    struct silence *const *list;
    size_t n;

    add(h, "s1", "host=a", T0, T0 + HOUR);
    add(h, "s2", "host=~a|b", T0, T0 + HOUR);
    add(h, "s3", "host=b", T0, T0 + HOUR);
    add(h, "s4", "host=a", T0 + HOUR, T0 + 2 * HOUR); /* not begun */
    ck_assert_int_eq(
        holds_find_all(h, &(struct hold_subject){.labels = l, .n_labels = 1}, T0, &list, &n), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(list[0]->short_id, "s1");
    ck_assert_str_eq(list[1]->short_id, "s2");
    holds_free(h);
}
END_TEST

/* A thousand silences: each begins and ends once, in the order of time, three at a time, whatever is changed
 * between. */
START_TEST(many_silences_begin_and_end_in_slices)
{
    struct holds *h = holds_new();
    struct told t = {0};
    struct holds_tick tell = {.changed = on_changed, .forgotten = on_forgotten, .arg = &t};
    size_t ticks = 0, early = 0;

    for (int i = 0; i < 1000; i++) {
        char id[16], matcher[32];

        snprintf(id, sizeof id, "s%d", i);
        snprintf(matcher, sizeof matcher, "host=h%d", i);
        add(h, id, matcher, T0 + HOUR + i * 7919 % 1000, T0 + 3 * HOUR + i * 104729 % 1000);
    }
    ck_assert(holds_tick(h, T0, 3, &tell));
    ck_assert_uint_eq(t.n_changed, 0);
    ck_assert_int_eq(holds_next_ms(h), T0 + HOUR);
    for (int i = 0; i < 1000; i += 10) { /* ended by hand: told once, not at its time again */
        char id[16];

        snprintf(id, sizeof id, "s%d", i);
        holds_end(h, holds_silence(h, id), T0 + 1);
        early++;
    }
    while (!holds_tick(h, T0 + 1, 3, &tell))
        ck_assert_uint_le(t.n_changed, 3 * ++ticks);
    ck_assert_uint_eq(t.n_changed, early);
    while (!holds_tick(h, T0 + 2 * HOUR, 3, &tell))
        ticks++;
    ck_assert_uint_eq(t.n_changed, 1000);
    ck_assert_int_ge(holds_next_ms(h), T0 + 3 * HOUR);
    while (!holds_tick(h, T0 + 4 * HOUR, 3, &tell))
        ticks++;
    ck_assert_uint_eq(t.n_changed, 1900);
    ck_assert_uint_ge(ticks, 1900 / 3 - 3);
    ck_assert_uint_eq(holds_count(h), 1000);
    ck_assert(holds_tick(h, T0 + 4 * HOUR + SILENCE_KEEP_MS, SIZE_MAX, &tell));
    ck_assert_uint_eq(holds_count(h), 0);
    holds_free(h);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, the_answer_says_what_holds_by_whom_and_until_when);
    tcase_add_test(t, a_silence_holds_from_its_start_to_just_before_its_end);
    tcase_add_test(t, what_is_more_severe_than_a_silence_covers_is_not_held);
    tcase_add_test(t, beginnings_and_ends_are_told_once_and_old_ones_forgotten);
    tcase_add_test(t, many_silences_begin_and_end_in_slices);
    tcase_add_test(t, silences_of_an_incident_are_found_by_its_number);
    tcase_add_test(t, a_step_of_the_clock_moves_silences_that_run);
    tcase_add_test(t, all_that_hold_an_alert_are_found);
}

UNIT_MAIN("hold", add_tests)
