/* The bench runs a case on the real engine: what holds passes, what does not fails at its line and
 * says why. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "tocsin/testbench.h"

static const char rules[] =
    "alert 'Backlog' { value = m.queue_length:last():max_by('queue'),\n"
    "  fire = { P1 = above(5000), P2 = above(1000, { clear = 800 }) }, lasting = '10s', every = "
    "'5s',\n"
    "  summary = '{queue}: {value:number} wait' }\n"
    "alert 'Errors' { value = logs{ level = 'ERROR' }:count('1m'):by('service'), fire = above(2),\n"
    "  every = '5s', attach = { events = 1, fields = { 'trace_id' } }, summary = '{service}' }\n"
    "alert 'Held' { value = m.queue_length, fire = above(1000), every = '5s',\n"
    "  unless = firing('Paused', { by = {} }) }\n"
    "alert 'Slow' { value = m.lat:quantile(0.9, '1m'):by('s', 'zone'), fire = above(0.3), every = "
    "'5s' }\n"
    "alert 'Odd' { every = '5s', inputs = { a = m.odd }, when = function(i) if i.a == 77 then\n"
    "  return i.nope > 1 end return 'ok' end }\n"
    "alert 'Few' { value = m.paused:count('1m'):by(), fire = below(10), every = '5s' }\n"
    "alert 'Paused' { notify = false, value = m.paused, fire = above(0), every = '5s' }\n";

static const char feed[] =
    "  t:series('queue_length', { queue = 'orders' }, '10x5 1500x5 9000x5 900x5 100x8', { every = "
    "'5s' })\n"
    "  t:series('paused', { job = 'x' }, '0x2 1x10 0x20', { every = '5s' })\n"
    "  t:log('7s', { level = 'ERROR', service = 'shop', trace_id = 't1' }, 3)\n";

struct outcome {
    int rc; /* of testbench_run() */
    struct testbench_result r;
    struct err e;
};

/* Runs one test with the lines given behind the feed; `line` counts from the first of them. */
static struct outcome run(const char *lines)
{
    struct outcome o = {.rc = -1};
    struct rulefile *f = rulefile_load("x.lua", rules, strlen(rules), NULL, &o.e);
    struct testfile *t;
    char text[4096];
    size_t which;

    ck_assert_msg(f != NULL, "%s", o.e.text);
    ck_assert_uint_eq(rulefiles_check(&f, 1, &o.e, &which, 1, NULL, NULL), 0);
    snprintf(text, sizeof text, "test('t', function(t)\n%s%s\nend)\n", feed, lines);
    t = testfile_load("x_test.lua", text, strlen(text), NULL, &o.e);
    ck_assert_msg(t != NULL, "%s", o.e.text);
    ck_assert_uint_eq(testfile_count(t), 1);
    o.rc = testbench_run(testfile_case(t, 0), &f, 1, NULL, &o.r, &o.e);
    testfile_free(t);
    rulefile_unref(f);
    return o;
}

static const char *const holds[] = {
    "t:at('10s'):fires('Few')", /* all that there ever was is what the test feeds … */
    "t:cold() t:never('Few') t:at('120s'):quiet('Few')", /* … or its first minute is not seen whole */
    "t:at('0s'):quiet('Backlog')",
    "t:at('39s'):quiet('Backlog')",
    "t:at('42s'):fires('Backlog', { queue = 'orders' }, 'P2'):with{ value = 1500, threshold = 1000 "
    "}",
    "t:at('72s'):fires('Backlog', {}, 'P1'):with{ message = has'9,000', queue = 'orders' }",
    "t:at('72s'):quiet('Backlog', { queue = 'mail' })",
    /* 900 keeps P2 on (clear = 800), 100 ends it */
    "t:at('92s'):fires('Backlog', {}, 'P2') t:at('122s'):quiet('Backlog')",
    "t:transitions('Backlog', { queue = 'orders' },\n"
    "  { '40s..45s P2', '70s..75s P1', '90s..95s P2', '2m..2m5s ok' }) "
    "t:at('2m'):quiet('Backlog')",
    "t:never('Backlog', { queue = 'mail' }) t:at('2m'):quiet('Backlog')",
    "t:at('10s'):fires('Errors', { service = 'shop' }, 'P3'):with{ value = 3, trace_id = 't1' }",
    "t:at('5s'):quiet('Errors') t:at('70s'):quiet('Errors')",
    "t:at('40s'):suppressed('Held') t:at('70s'):fires('Held')",
    "t:silence('50s', { queue = 'orders' }, '20s') t:at('48s'):fires('Backlog')\n"
    "t:at('60s'):suppressed('Backlog') t:at('71s'):fires('Backlog')",
    /* each bucket is a series with all the labels, and `le` */
    "t:histogram('lat', { s = 'a', zone = 'z' }, { [0.1] = '0+0x12', [0.5] = '0+10x12', inf = "
    "'0+10x12' }, { every = '10s' })\n"
    "t:at('90s'):fires('Slow', { s = 'a', zone = 'z' }):with{ value = near(0.46, 0.001) }",
    /* a function that fails is meant where it is expected */
    "t:series('odd', { h = 'a' }, '77x20', { every = '5s' })\n"
    "t:breaks('Odd', has'nope') t:at('90s'):quiet('Odd')",
    "t:series('odd', { h = 'a' }, '77x20', { every = '5s' })\n"
    "t:at('60s'):fires('RuleBroken', { rule = 'Odd' }, 'P3')",
    "t:series('odd', { h = 'a' }, '7x20', { every = '5s' })\n"
    "t:never('RuleBroken', {}) t:at('60s'):quiet('Odd')",
    /* two checks of one moment, and one before the other although written after it */
    "t:at('2m'):quiet('Backlog'):quiet('Held') t:at('42s'):fires('Backlog')",
};

START_TEST(what_holds_passes)
{
    struct outcome o = run(holds[_i]);

    ck_assert_msg(o.rc == 0 && o.r.passed, "%s\n%s%s\n%s", holds[_i], o.e.text, buf_str(&o.r.text),
                  buf_str(&o.r.history));
    ck_assert_uint_gt(o.r.looks + (_i == 0), 0);
    testbench_result_clear(&o.r);
}
END_TEST

static const struct {
    const char *lines;
    const char *text; /* part of what is said */
    int line;         /* counted from the first line behind the feed */
} fails[] = {
    {"t:at('35s'):fires('Backlog')", "does not fire: pending since 30s", 1},
    {"t:at('42s'):fires('Backlog', {}, 'P1')", "fires as P2, expected P1", 1},
    {"\nt:at('42s'):quiet('Backlog')", "fires (P2) for", 2},
    {"t:at('42s'):fires('Backlog', { queue = 'mail' })", "{queue=\"mail\"} does not fire", 1},
    {"t:at('42s'):fires('Backlog'):with{ value = 1501 }", "value = \"1500\", expected 1501", 1},
    {"t:at('42s'):fires('Backlog'):with{ value = near(1400, 99) }", "expected 1400 (±99)", 1},
    {"t:at('42s'):fires('Backlog'):with{ message = 'x' }", "expected \"x\"", 1},
    {"t:at('42s'):fires('Backlog'):with{ message = has'x' }", "expected a text with \"x\"", 1},
    {"t:at('42s'):fires('Backlog'):with{ nothing = 'x' }", "nothing = \"\"", 1},
    {"t:at('42s'):suppressed('Backlog')", "fires and is not held back", 1},
    {"t:at('10s'):suppressed('Backlog')", "does not fire", 1},
    /* a rule that was set aside proves nothing by being quiet */
    {"t:at('40s'):quiet('Backlog', { queue = 'x' }) t:breaks('Odd')", "never failed", 1},
    {"t:at('40s'):fires('Held')", "is held back", 1},
    {"t:at('40s'):quiet('Held')", "expected quiet", 1},
    {"t:never('Backlog') t:at('2m'):quiet('Backlog')", "fired at 40s, expected never", 1},
    {"t:transitions('Backlog', {}, { '40s..45s P2' }) t:at('2m'):quiet('Backlog')",
     "became P1 at 1m10s, expected no further change", 1},
    {"t:transitions('Backlog', {}, { '42s..45s P2' }) t:at('50s'):fires('Backlog')",
     "became P2 at 40s, expected 42s..45s P2", 1},
    {"t:transitions('Backlog', {}, { '40s..45s P1' }) t:at('50s'):fires('Backlog')",
     "expected 40s..45s P1", 1},
    {"t:transitions('Backlog', {}, { '40s..45s P2', '45s..50s P1' }) t:at('50s'):fires('Backlog')",
     "did not change in 45s..50s P1", 1},
};

START_TEST(what_does_not_hold_fails_and_says_why)
{
    struct outcome o = run(fails[_i].lines);

    ck_assert_msg(o.rc == 0, "%s", o.e.text);
    ck_assert_msg(!o.r.passed, "%s", fails[_i].lines);
    ck_assert_msg(strstr(buf_str(&o.r.text), fails[_i].text) != NULL, "%s", buf_str(&o.r.text));
    ck_assert_int_eq(o.r.line, 4 + fails[_i].line);
    ck_assert_ptr_nonnull(strstr(buf_str(&o.r.why), "\"groups\""));
    testbench_result_clear(&o.r);
}
END_TEST

START_TEST(a_test_does_not_pass_on_a_function_that_fails)
{
    struct outcome o = run("t:series('odd', { h = 'a' }, '77x20', { every = '5s' })\n"
                           "t:at('90s'):quiet('Odd')");

    ck_assert_int_eq(o.rc, 0);
    ck_assert(!o.r.passed);
    ck_assert_msg(strstr(buf_str(&o.r.text), "Odd: its function failed") != NULL &&
                      strstr(buf_str(&o.r.text), "nope") != NULL,
                  "%s", buf_str(&o.r.text));
    testbench_result_clear(&o.r);
    o = run("t:series('odd', { h = 'a' }, '77x20', { every = '5s' })\n"
            "t:at('90s'):fires('Odd')");
    ck_assert(!o.r.passed);
    ck_assert_ptr_nonnull(strstr(buf_str(&o.r.text), "nope"));
    testbench_result_clear(&o.r);
    o = run("t:series('odd', { h = 'a' }, '77x20', { every = '5s' })\n"
            "t:breaks('Odd', has'other') t:at('90s'):quiet('Odd')");
    ck_assert(!o.r.passed);
    ck_assert_ptr_nonnull(strstr(buf_str(&o.r.text), "expected a text with \"other\""));
    testbench_result_clear(&o.r);
}
END_TEST

START_TEST(a_failure_tells_the_history_and_the_tree_of_that_instant)
{
    struct outcome o = run("t:at('72s'):quiet('Backlog')");

    ck_assert_ptr_nonnull(strstr(buf_str(&o.r.history), "30s  Backlog"));
    ck_assert_ptr_nonnull(strstr(buf_str(&o.r.history), "fired → P2 (value 1,500)"));
    ck_assert_ptr_nonnull(strstr(buf_str(&o.r.history), "raised → P1"));
    ck_assert_ptr_null(strstr(buf_str(&o.r.history), "resolved"));
    ck_assert_ptr_nonnull(strstr(buf_str(&o.r.why), "\"shown\":\"9,000\""));
    testbench_result_clear(&o.r);
}
END_TEST

START_TEST(a_rule_that_is_not_there_is_an_error)
{
    struct outcome o = run("t:at('1m'):quiet('Backlok')");

    ck_assert_int_eq(o.rc, -1);
    ck_assert_ptr_nonnull(strstr(o.e.text, "Backlok"));
    testbench_result_clear(&o.r);
}
END_TEST

/* The same case gives the same looks and the same texts. */
START_TEST(a_run_repeats_exactly)
{
    struct outcome a = run("t:at('72s'):quiet('Backlog')"), b = run("t:at('72s'):quiet('Backlog')");

    ck_assert_uint_eq(a.r.looks, b.r.looks);
    ck_assert_str_eq(buf_str(&a.r.history), buf_str(&b.r.history));
    ck_assert_str_eq(buf_str(&a.r.why), buf_str(&b.r.why));
    testbench_result_clear(&a.r);
    testbench_result_clear(&b.r);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, what_holds_passes, 0, sizeof holds / sizeof *holds);
    tcase_add_loop_test(t, what_does_not_hold_fails_and_says_why, 0, sizeof fails / sizeof *fails);
    tcase_add_test(t, a_test_does_not_pass_on_a_function_that_fails);
    tcase_add_test(t, a_failure_tells_the_history_and_the_tree_of_that_instant);
    tcase_add_test(t, a_rule_that_is_not_there_is_an_error);
    tcase_add_test(t, a_run_repeats_exactly);
}

UNIT_MAIN("app testbench", add)
