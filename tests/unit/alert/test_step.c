/* The decision as tables: what is observed, minute by minute, and what must come of it. */
#include <string.h>

#include "tocsin/alert.h"
#include "unit.h"

#define MIN   INT64_C(60000)
#define START INT64_C(1767571200000) /* 2026-01-05 */

/* One character a look, a minute apart: t true, f false, ? unknown; two levels are written as a
 * pair of strings. In `changes`: . none, p pending, d dropped, F fired, R raised, L lowered,
 * r resolved, g gone, n no data, b data is back. */
struct row {
    const char *name;
    struct alert_policy policy;
    const char *p1, *p2, *changes;
};

#define ONE(...)                                    \
    {                                               \
        .n_levels = 1, .priority = {1}, __VA_ARGS__ \
    }
#define TWO(...)                                       \
    {                                                  \
        .n_levels = 2, .priority = {1, 2}, __VA_ARGS__ \
    }

static const struct row rows[] = {
    {"at once", ONE(.forget_ms = 0), "ftf", NULL, ".Fr"},
    {"after its time", ONE(.lasting_ms = {2 * MIN}), "tttt", NULL, "p.F."},
    {"one look short of it", ONE(.lasting_ms = {2 * MIN}), "ttftt", NULL, "p.dp."},
    {"clears after a while", ONE(.clear_after_ms = 2 * MIN), "tffff", NULL, "F..r."},
    {"holds again before it cleared", ONE(.clear_after_ms = 2 * MIN), "tfftfff", NULL, "F.....r"},
    {"own timers", TWO(.lasting_ms = {MIN, 3 * MIN}), "fffff", "ttttt", "p..F."},
    {"escalation is immediate", TWO(.lasting_ms = {2 * MIN, 0}), "tttt", "tttt", "F.R."},
    {"escalation has no further wait", TWO(.forget_ms = 0), "ftt", "ttt", "FR."},
    {"de-escalation waits", TWO(.clear_after_ms = 2 * MIN), "tffff", "ttttt", "F..L."},
    {"P1 ends, P2 goes on, then ends", TWO(.forget_ms = 0), "tff", "ttf", "FLr"},
    {"keep: timers stand still", ONE(.lasting_ms = {3 * MIN}), "tt??ttt", NULL, "p.....F"},
    {"keep: pending without data stays", ONE(.lasting_ms = {3 * MIN}), "t?????f", NULL, "p.....d"},
    {"keep: firing stays", ONE(.forget_ms = 0), "t??t", NULL, "Fn.b"},
    {"keep: clearing stands still", ONE(.clear_after_ms = 2 * MIN), "tff??fff", NULL, "F..n.br."},
    {"forget", ONE(.forget_ms = 3 * MIN), "t????", NULL, "Fn.g."},
    {"forget counts from the last data", ONE(.forget_ms = 3 * MIN), "ttt??t", NULL, "F..n.b"},
    {"forget a pending one", ONE(.lasting_ms = {9 * MIN}, .forget_ms = 2 * MIN), "t??", NULL,
     "p.d"},
    {"clear does not wait", ONE(.clear_after_ms = 9 * MIN, .missing = MISSING_CLEAR), "t?", NULL,
     "Fr"},
    {"clear drops pending", ONE(.lasting_ms = {MIN}, .missing = MISSING_CLEAR), "t?t", NULL, "pdp"},
    {"fire: missing counts", ONE(.lasting_ms = {2 * MIN}, .missing = MISSING_FIRE), "f????", NULL,
     ".p.F."},
    {"fire: a level by name", TWO(.missing = MISSING_FIRE, .missing_priority = 2), "f?", "f?",
     ".F"},
    {"fire: the most severe one", TWO(.missing = MISSING_FIRE), "ff?", "ft?", ".FR"},
    {"fire: one unknown, none holds", TWO(.missing = MISSING_FIRE), "fff", "f?f", ".Fr"},
    {"fire: one unknown, one holds", TWO(.missing = MISSING_FIRE), "f?f", "ttt", "F.."},
    {"fire: a level of its own",
     {.n_levels = 2,
      .priority = {2, 5},
      .missing = MISSING_FIRE,
      .missing_priority = 5,
      .missing_only = true},
     "f?t?f",
     NULL,
     ".FRnr"},
    {"clear: the unknown level", TWO(.missing = MISSING_CLEAR), "t?t", "ttt", "FLR"},
    {"fire: forgotten, and quiet", ONE(.forget_ms = 2 * MIN, .missing = MISSING_FIRE), "f????t",
     NULL, ".Fg..F"},
    {"one level unknown", TWO(.lasting_ms = {2 * MIN, 0}), "t?ttt", "ttttt", "F...R"},
};

static char letter_of(enum alert_change c)
{
    return ".pdFRLregnb"[c]; /* e: gone, g: forgotten */
}

static enum truth truth_of(char c)
{
    return c == 't' ? TRUE_ : c == 'f' ? FALSE_ : UNKNOWN_;
}

START_TEST(tables)
{
    const struct row *r = &rows[_i];
    struct alert_state s = {0};
    char seen[32] = "";

    for (size_t i = 0; r->p1[i]; i++) {
        struct observation o = {.level = {truth_of(r->p1[i]), r->p2 ? truth_of(r->p2[i]) : FALSE_}};
        seen[i] = letter_of(alert_step(&r->policy, &s, &o, START + (int64_t)i * MIN));
    }
    ck_assert_msg(strcmp(seen, r->changes) == 0, "%s: %s, expected %s", r->name, seen, r->changes);
}
END_TEST

/* Forgetting counts from the last sample, not from the last look that could use it; groups that are
 * expected stay. */
START_TEST(forget_from_the_sample)
{
    struct alert_policy p = ONE(.forget_ms = 10000);
    struct observation t = {.level = {TRUE_}}, u = {.level = {UNKNOWN_}, .sample_ms = START - 4000};
    struct observation stays = u;
    struct alert_state s = {0}, expected;

    ck_assert_int_eq(alert_step(&p, &s, &t, START), CHANGE_FIRED);
    expected = s;
    ck_assert_int_eq(alert_step(&p, &s, &u, START + 5999), CHANGE_NODATA);
    ck_assert_int_eq(alert_step(&p, &s, &u, START + 6000), CHANGE_FORGOTTEN);
    ck_assert(alert_is_blank(&s));
    stays.expected = true;
    ck_assert_int_eq(alert_step(&p, &expected, &stays, START + 6000), CHANGE_NODATA);
    ck_assert_int_eq(alert_step(&p, &expected, &stays, START + 90000), CHANGE_NONE);
    ck_assert_int_eq(expected.firing, 1);
}
END_TEST

/* Counted from when its last series ended, whatever is known of it afterwards. */
START_TEST(gone_from_the_end_of_its_series)
{
    struct alert_policy p = ONE(.gone_ms = 10000);
    struct observation t = {.level = {TRUE_}}, u = {.level = {UNKNOWN_}, .gone_ms = START + 1000};
    struct observation nobody_knows = u, later = u, silent = u, stays = u;
    struct alert_state s = {0}, other;

    nobody_knows.gone_ms = -1;
    later.gone_ms = START + 5000;
    silent.gone_ms = 0;
    stays.expected = true;
    ck_assert_int_eq(alert_step(&p, &s, &t, START), CHANGE_FIRED);
    ck_assert_int_eq(alert_step(&p, &s, &u, START + 2000), CHANGE_NODATA);
    ck_assert_int_eq(s.gone_ms, START + 1000);
    other = s;
    ck_assert_int_eq(alert_step(&p, &other, &silent, START + 99000), CHANGE_NONE);
    ck_assert_int_eq(other.gone_ms, 0); /* one of its series is back, and silent */
    other = s;
    ck_assert_int_eq(alert_step(&p, &other, &t, START + 99000), CHANGE_DATA);
    ck_assert_int_eq(other.gone_ms, 0);
    other = s;
    ck_assert_int_eq(alert_step(&p, &other, &stays, START + 99000), CHANGE_NONE);
    ck_assert_int_eq(other.firing, 1); /* the expected stay */
    ck_assert_int_eq(alert_step(&p, &s, &later, START + 10000), CHANGE_NONE);
    ck_assert_int_eq(alert_step(&p, &s, &nobody_knows, START + 10999), CHANGE_NONE);
    ck_assert_int_eq(alert_step(&p, &s, &nobody_knows, START + 11000), CHANGE_GONE);
    ck_assert(alert_is_blank(&s));
    ck_assert_int_eq(s.gone_ms, START + 1000); /* what its end says */
}
END_TEST

/* `missing` has its say until then, and not again behind it. */
START_TEST(gone_is_quiet_afterwards)
{
    struct alert_policy p = ONE(.gone_ms = 2 * MIN, .missing = MISSING_FIRE);
    struct observation u = {.level = {UNKNOWN_}, .gone_ms = START};
    struct alert_state s = {0}, anew = {0};

    ck_assert_int_eq(alert_step(&p, &s, &u, START + MIN), CHANGE_FIRED);
    ck_assert_int_eq(alert_step(&p, &s, &u, START + 2 * MIN), CHANGE_GONE);
    ck_assert_int_eq(alert_step(&p, &s, &u, START + 3 * MIN), CHANGE_NONE);
    ck_assert_int_eq(alert_step(&p, &anew, &u, START + 3 * MIN), CHANGE_NONE);
    ck_assert(alert_is_blank(&anew));
}
END_TEST

/* The instant at which time runs out, at n-1, n and n+1 ms. */
START_TEST(exact_edges)
{
    struct alert_policy p = ONE(.lasting_ms = {1000}, .clear_after_ms = 500);
    struct observation t = {.level = {TRUE_}}, f = {.level = {FALSE_}};
    struct alert_state s = {0};

    ck_assert_int_eq(alert_step(&p, &s, &t, START), CHANGE_PENDING);
    ck_assert_int_eq(alert_step(&p, &s, &t, START + 999), CHANGE_NONE);
    ck_assert_int_eq(alert_phase(&p, &s), ALERT_PENDING);
    ck_assert_int_eq(alert_step(&p, &s, &t, START + 1000), CHANGE_FIRED);
    ck_assert_int_eq(s.active_ms, START + 1000);
    ck_assert_int_eq(alert_step(&p, &s, &f, START + 2000), CHANGE_NONE);
    ck_assert_int_eq(alert_phase(&p, &s), ALERT_CLEARING);
    ck_assert_int_eq(alert_step(&p, &s, &f, START + 2499), CHANGE_NONE);
    ck_assert_int_eq(alert_step(&p, &s, &f, START + 2500), CHANGE_RESOLVED);
    ck_assert(alert_is_blank(&s));
}
END_TEST

/* A gap counts for nobody: neither the time before the look that missed, nor after it. */
START_TEST(gap_is_not_counted)
{
    struct alert_policy p = ONE(.lasting_ms = {10000});
    struct observation t = {.level = {TRUE_}}, u = {.level = {UNKNOWN_}};
    struct alert_state s = {0};

    alert_step(&p, &s, &t, START);
    alert_step(&p, &s, &t, START + 4000);
    alert_step(&p, &s, &u, START + 100000); /* 4 s are held */
    alert_step(&p, &s, &u, START + 200000);
    ck_assert_int_eq(alert_step(&p, &s, &t, START + 300000), CHANGE_NONE);
    ck_assert_int_eq(alert_step(&p, &s, &t, START + 305999), CHANGE_NONE);
    ck_assert_int_eq(alert_step(&p, &s, &t, START + 306000), CHANGE_FIRED);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, tables, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, forget_from_the_sample);
    tcase_add_test(t, gone_from_the_end_of_its_series);
    tcase_add_test(t, gone_is_quiet_afterwards);
    tcase_add_test(t, exact_edges);
    tcase_add_test(t, gap_is_not_counted);
}

UNIT_MAIN("alert/step", add)
