/* A repeated sample changes no function: at once, in the same block, late, and as a whole stretch that
 * is sent again, with the same value or another; before and after a cut. */
#include "fixture.h"

#define N    30
#define STEP (10 * S)

static const enum leaf_fn fns[] = {
    LEAF_RATE,   LEAF_INCREASE, LEAF_IRATE,    LEAF_COUNT,          LEAF_SUM,       LEAF_AVG,
    LEAF_MIN,    LEAF_MAX,      LEAF_FIRST,    LEAF_DELTA,          LEAF_STDDEV,    LEAF_CHANGES,
    LEAF_RESETS, LEAF_LAST,     LEAF_QUANTILE, LEAF_FRACTION_BELOW, LEAF_SINCE_LAST};
#define FNS    (sizeof fns / sizeof *fns)
#define LEAVES (2 * FNS)

struct bench {
    struct fixture f;
    leaf_id leaves[LEAVES];
    enum sample_kind kind;
};

static const enum sample_kind kinds[] = {SAMPLE_GAUGE, SAMPLE_CUMULATIVE};

/* All functions over five minutes, and the same over those until ten seconds ago. */
static void register_all(struct windows *w, leaf_id leaves[LEAVES])
{
    for (size_t i = 0; i < LEAVES; i++) {
        struct leaf_spec s = spec_of("m", fns[i / 2], 5 * MIN);

        s.param = s.fn == LEAF_FRACTION_BELOW ? 20 : 0.7;
        s.offset_ms = i % 2 && s.fn != LEAF_SINCE_LAST ? STEP : 0;
        leaves[i] = leaf_of(w, &s);
    }
}

static struct bench open_bench(enum sample_kind kind)
{
    struct bench b = {.f = fixture_new(), .kind = kind};

    register_all(b.f.w, b.leaves);
    return b;
}

/* Falls now and then, so that resets have something to count. */
static struct sample nth(struct bench *b, int n)
{
    return (struct sample){.t_ms = BASE + n * STEP,
                           .v = 3 * n % 47,
                           .series = fixture_series(&b->f, "m", b->kind),
                           .weight = 1,
                           .kind = (uint8_t)b->kind};
}

static void feed(struct bench *b, int n)
{
    for (int i = 1; i <= n; i++) {
        struct sample s = nth(b, i);

        windows_apply(b->f.w, s.t_ms, &s, 1, NULL, 0);
    }
}

static void values(struct bench *b, double v[LEAVES])
{
    for (size_t i = 0; i < LEAVES; i++)
        v[i] = value_of(&b->f, b->leaves[i], "", BASE + N * STEP);
}

static void must_be(struct bench *b, const double before[LEAVES], const char *what)
{
    double now[LEAVES];

    values(b, now);
    for (size_t i = 0; i < LEAVES; i++)
        ck_assert_msg(same(now[i], before[i]), "%s of a %s: %s%s was %.12g, is %.12g", what,
                      b->kind == SAMPLE_GAUGE ? "gauge" : "counter", leaf_fn_names[fns[i / 2]],
                      i % 2 ? " ten seconds ago" : "", before[i], now[i]);
}

/* All of them again, `each` in a block, with what `off` adds to their values. */
static void again(struct bench *b, int to, int each, double off)
{
    for (int at = 1; at <= to; at += each) {
        struct sample s[N];
        int n = to + 1 - at < each ? to + 1 - at : each;

        for (int i = 0; i < n; i++) {
            s[i] = nth(b, at + i);
            s[i].v += off;
        }
        windows_apply(b->f.w, BASE + N * STEP, s, (size_t)n, NULL, 0);
    }
}

START_TEST(a_repeated_sample_changes_no_function)
{
    struct bench b = open_bench(kinds[_i]);
    double before[LEAVES];
    struct sample newest;

    feed(&b, N);
    values(&b, before);
    for (size_t i = 0; i < LEAVES; i++)
        ck_assert(!isnan(before[i]));
    newest = nth(&b, N);
    windows_apply(b.f.w, newest.t_ms, &newest, 1, NULL, 0);
    must_be(&b, before, "the newest once more");
    again(&b, N, N, 0);
    must_be(&b, before, "all in one block");
    again(&b, N, 1, 0);
    must_be(&b, before, "all one by one");
    again(&b, N - 1, 7, 1000);
    must_be(&b, before, "the older ones with other values");
    again(&b, N - 1, 7, -1000);
    must_be(&b, before, "the older ones with smaller values");
    fixture_free(&b.f);
}
END_TEST

/* What grew is known already: a counter's second value of one time is none. */
START_TEST(another_value_of_the_same_time_is_none_for_a_counter)
{
    struct bench b = open_bench(SAMPLE_CUMULATIVE);
    double before[LEAVES];
    struct sample s[3];

    feed(&b, N);
    values(&b, before);
    for (int i = 0; i < 3; i++) {
        s[i] = nth(&b, N);
        s[i].v += i == 1 ? 5 : i == 2 ? -5 : 0;
    }
    windows_apply(b.f.w, BASE + N * STEP, s, 3, NULL, 0);
    must_be(&b, before, "other values of the newest");
    fixture_free(&b.f);
}
END_TEST

/* A repetition within the block that brings the sample, of every sample. */
START_TEST(each_sample_twice_in_its_block_is_each_once)
{
    struct bench once = open_bench(kinds[_i]), twice = open_bench(kinds[_i]);
    double before[LEAVES];

    feed(&once, N);
    values(&once, before);
    for (int i = 1; i <= N; i++) {
        struct sample s[2] = {nth(&twice, i), nth(&twice, i)};

        windows_apply(twice.f.w, s->t_ms, s, 2, NULL, 0);
    }
    must_be(&twice, before, "each twice");
    fixture_free(&once.f);
    fixture_free(&twice.f);
}
END_TEST

START_TEST(a_cut_remembers_what_a_repetition_is)
{
    static const int lengths[] = {1, 3, 8, 9, N};

    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        static struct chunks c;
        struct bench b = open_bench(kinds[_i]);
        struct windows *next = fixture_windows(&b.f, 0, 0);
        double before[LEAVES];

        feed(&b, lengths[k]);
        values(&b, before);
        c = (struct chunks){0};
        register_all(next, b.leaves);
        ck_assert_int_eq(windows_encode(b.f.w, chunks_take, &c), 0);
        chunks_give(&c, next);
        buf_free(&c.bytes);
        windows_free(b.f.w);
        b.f.w = next;
        again(&b, lengths[k], 2, 0);
        must_be(&b, before, "after a cut");
        fixture_free(&b.f);
    }
}
END_TEST

/* What comes late and is new counts: among the eight newest, and before the first while there are no
 * more than eight. Older ones count as late. */
START_TEST(a_late_sample_that_is_new_counts)
{
    static const struct {
        int fed, late_s;
        bool counts;
    } cases[] = {{1, 5, true},     {7, 5, true},    {8, 5, true},   {9, 5, false}, {20, 195, true},
                 {20, 125, false}, {20, 135, true}, {9, 15, false}, {9, 25, true}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = fixture_new();
        leaf_id count = leaf_on(&f, "m", LEAF_COUNT, 5 * MIN);
        int64_t at = BASE + cases[i].fed * STEP;
        uint64_t late;

        for (int k = 1; k <= cases[i].fed; k++)
            put(&f, "m", SAMPLE_GAUGE, BASE + k * STEP, k);
        late = stats_of(&f).late;
        for (int k = 0; k < 2; k++)
            put_late(&f, "m", SAMPLE_GAUGE, at, BASE + cases[i].late_s * S, 1);
        ck_assert_msg(same(value_of(&f, count, "", at), cases[i].fed + cases[i].counts),
                      "%d, and one of second %d", cases[i].fed, cases[i].late_s);
        ck_assert_msg((stats_of(&f).late > late) == !cases[i].counts || cases[i].fed == 8,
                      "%d, %d: late", cases[i].fed, cases[i].late_s);
        fixture_free(&f);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, a_repeated_sample_changes_no_function, 0, 2);
    tcase_add_test(t, another_value_of_the_same_time_is_none_for_a_counter);
    tcase_add_loop_test(t, each_sample_twice_in_its_block_is_each_once, 0, 2);
    tcase_add_loop_test(t, a_cut_remembers_what_a_repetition_is, 0, 2);
    tcase_add_test(t, a_late_sample_that_is_new_counts);
}

UNIT_MAIN("repetitions", add)
