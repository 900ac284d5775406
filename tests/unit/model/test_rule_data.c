#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "model/expr.h"
#include "model/leaf.h"
#include "model/rule_def.h"

static struct matcher *regex, *level;

static void make_matchers(void)
{
    static const char *const levels[] = {"FATAL", "ERROR"};

    regex = matcher_new("code", MATCH_REGEX, false, "5..", NULL);
    level = matcher_new_list("level", false, levels, 2, NULL);
}

static void drop_matchers(void)
{
    matcher_unref(regex);
    matcher_unref(level);
}

START_TEST(leaves_have_a_canonical_text)
{
    const char *service[] = {"service"}, *two[] = {"pod", "zone"};
    struct matcher *by_code[1], *by_level[1];
    struct {
        struct leaf_spec s;
        const char *text;
    } rows[] = {
        {{.metric = "up", .fn = LEAF_LAST, .window_ms = 300000}, "up last(5m)"},
        {{.metric = "http_requests_total",
          .fn = LEAF_INCREASE,
          .window_ms = 120000,
          .matchers = by_code,
          .n_matchers = 1,
          .grouping = LEAF_BY,
          .labels = service,
          .n_labels = 1},
         "http_requests_total{code~\"5..\"} increase(2m) by(service)"},
        {{.source = LEAF_LOGS, .fn = LEAF_COUNT, .window_ms = 90500, .grouping = LEAF_BY},
         "logs{} count(1m30s500ms) by()"},
        {{.source = LEAF_LOGS,
          .fn = LEAF_QUANTILE,
          .window_ms = 300000,
          .param = 0.99,
          .matchers = by_level,
          .n_matchers = 1,
          .field = "ms",
          .grouping = LEAF_WITHOUT,
          .labels = two,
          .n_labels = 2},
         "logs{level in{ERROR|FATAL}} field(ms) quantile(0.99, 5m) without(pod,zone)"},
        {{.metric = "x", .fn = LEAF_SINCE_LAST}, "x since_last"},
        {{.metric = "x", .fn = LEAF_RATE, .window_ms = 3600000, .offset_ms = 86400000},
         "x rate(1h) offset(1d)"},
    };

    make_matchers();
    by_code[0] = regex;
    by_level[0] = level;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b = BUF_INIT;
        struct leaf_spec *copy = leaf_spec_dup(&rows[i].s);

        leaf_text(&rows[i].s, &b);
        ck_assert_str_eq(buf_str(&b), rows[i].text);
        buf_clear(&b);
        leaf_text(copy, &b);
        ck_assert_str_eq(buf_str(&b), rows[i].text);
        leaf_spec_free(copy);
        buf_free(&b);
    }
    drop_matchers();
}
END_TEST

START_TEST(a_copy_that_fails_leaves_nothing)
{
    const char *labels[] = {"a", "b"};
    struct matcher *m[1];
    struct leaf_spec s = {.metric = "x",
                          .field = "f",
                          .matchers = m,
                          .n_matchers = 1,
                          .labels = labels,
                          .n_labels = 2,
                          .fn = LEAF_SUM,
                          .window_ms = 1000};
    struct leaf_spec *copy = NULL;
    long at = 1;

    make_matchers();
    m[0] = regex;
    for (; !copy; at++) {
        mem_fail_at(at);
        copy = leaf_spec_dup(&s);
        mem_fail_at(0);
    }
    ck_assert_int_gt(at, 6);
    leaf_spec_free(copy);
    leaf_spec_free(NULL);
    ck_assert(matcher_test(regex, "500", 3));
    drop_matchers();
}
END_TEST

static const struct {
    int64_t window_ms;
    bool sketch;
    int64_t pane_ms;
} panes[] = {
    {1, false, 1000},
    {60000, false, 1000},
    {60001, false, 2000},
    {120000, false, 2000},
    {120001, false, 5000},
    {300000, false, 5000},
    {600000, false, 10000},
    {900000, false, 15000},
    {1800000, false, 30000},
    {3600000, false, 60000},
    {7200000, false, 120000},
    {18000000, false, 300000},
    {36000000, false, 600000},
    {54000000, false, 900000},
    {86400000, false, 1800000},
    {604800000, false, 21600000},
    {5184000000, false, 21600000},
    {12000, true, 1000},
    {12001, true, 2000},
    {300000, true, 30000},
    {3600000, true, 300000},
    {86400000, true, 7200000},
};

START_TEST(panes_are_the_smallest_step_that_covers)
{
    for (size_t i = 0; i < sizeof panes / sizeof *panes; i++)
        ck_assert_msg(leaf_pane_ms(panes[i].window_ms, panes[i].sketch) == panes[i].pane_ms,
                      "%lld ms: %lld", (long long)panes[i].window_ms,
                      (long long)leaf_pane_ms(panes[i].window_ms, panes[i].sketch));
}
END_TEST

START_TEST(nodes_describe_themselves)
{
    struct expr two = {.kind = EXPR_NUM, .num = 0.02, .unit = UNIT_RATIO};
    struct expr one = {.kind = EXPR_NUM, .num = 0.01, .unit = UNIT_RATIO};
    struct leaf_spec leaf = {.metric = "up", .fn = LEAF_LAST, .window_ms = 300000};
    struct expr_per per = {.label = "service"};
    const char *names[] = {"pod", "zone"};
    struct expr_firing firing = {
        .rule = "Down", .level = 2, .by_given = true, .by = names, .n_by = 2};
    struct {
        struct expr x;
        const char *text;
        bool cond;
    } rows[] = {
        {{.kind = EXPR_NUM, .num = 5120}, "5,120", false},
        {{.kind = EXPR_NUM, .num = 0.4, .unit = UNIT_SECONDS}, "400ms", false},
        {{.kind = EXPR_NUM, .num = 1610612736, .unit = UNIT_BYTES}, "1.5 GiB", false},
        {{.kind = EXPR_LEAF, .leaf = &leaf}, "up last(5m)", false},
        {{.kind = EXPR_FN, .fn = FN_RATIO}, "ratio", false},
        {{.kind = EXPR_FN, .fn = FN_RATIO, .num = 20}, "ratio (of at least 20)", false},
        {{.kind = EXPR_ARITH, .op = ARITH_DIV}, "/", false},
        {{.kind = EXPR_AGG, .agg = AGG_SUM, .labels = names, .n_labels = 2},
         "sum by(pod,zone)",
         false},
        {{.kind = EXPR_AGG,
          .agg = AGG_QUANTILE,
          .num = 0.9,
          .without = true,
          .labels = names,
          .n_labels = 1},
         "quantile 0.9 without(pod)",
         false},
        {{.kind = EXPR_PER, .per = &per}, "per service", false},
        {{.kind = EXPR_ON, .labels = names, .n_labels = 1}, "on(pod)", false},
        {{.kind = EXPR_NOW}, "now", false},
        {{.kind = EXPR_VALUE}, "value", false},
        {{.kind = EXPR_WHERE}, "where", false},
        {{.kind = EXPR_BOOL}, "bool", false},
        {{.kind = COND_CMP, .cmp = CMP_ABOVE, .b = &two, .c = &one}, "above 2% (clear 1%)", true},
        {{.kind = COND_CMP, .cmp = CMP_AT_MOST, .b = &two}, "at_most 2%", true},
        {{.kind = COND_LASTING, .ms = 300000}, "lasting 5m", true},
        {{.kind = COND_FIRING, .firing = &firing}, "firing Down at P2 by(pod,zone)", true},
        {{.kind = COND_MISSING}, "missing", true},
        {{.kind = COND_AND}, "and", true},
        {{.kind = COND_NOT}, "not", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b = BUF_INIT;

        expr_label(&rows[i].x, &b);
        ck_assert_str_eq(buf_str(&b), rows[i].text);
        ck_assert_msg(expr_is_cond(&rows[i].x) == rows[i].cond, "%s", rows[i].text);
        buf_free(&b);
    }
}
END_TEST

START_TEST(priorities_have_names)
{
    ck_assert_str_eq(priority_name(0), "ok");
    ck_assert_str_eq(priority_name(1), "P1");
    ck_assert_str_eq(priority_name(5), "P5");
    ck_assert_int_eq(priority_parse("P1"), 1);
    ck_assert_int_eq(priority_parse("P5"), 5);
    ck_assert_int_eq(priority_parse("P6"), 0);
    ck_assert_int_eq(priority_parse("P0"), 0);
    ck_assert_int_eq(priority_parse("P"), 0);
    ck_assert_int_eq(priority_parse(""), 0);
    ck_assert_int_eq(priority_parse("P11"), 0);
    ck_assert_int_eq(priority_parse("p1"), 0);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, leaves_have_a_canonical_text);
    tcase_add_test(t, a_copy_that_fails_leaves_nothing);
    tcase_add_test(t, panes_are_the_smallest_step_that_covers);
    tcase_add_test(t, nodes_describe_themselves);
    tcase_add_test(t, priorities_have_names);
}

UNIT_MAIN("rule data", add)
