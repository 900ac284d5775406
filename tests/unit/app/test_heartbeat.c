/* Heartbeats on the real engine and a virtual clock. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "tocsin/testbench.h"

static const char rules[] =
    "heartbeat 'backup' { every = '1h', grace = '30m', team = 'ops' }\n"
    "heartbeat 'export' { every = '10m', grace = '5m', priority = 'P3', failed = 'P1' }\n"
    "alert 'Slow' { value = m.heartbeat_duration{ job = 'backup' }:last('1d'), fire = above('10m') "
    "}\n";

static const char *const holds[] = {
    /* missed: at every + grace since the last good ping; the next one resolves it */
    "t:ping('backup') t:ping('backup', { at = '1h' }) t:ping('backup', { at = '3h' })\n"
    "t:at('2h29m50s'):quiet('backup') t:at('3h1s'):quiet('backup')\n"
    "t:at('2h30m20s'):fires('backup', { job = 'backup', team = 'ops' }, 'P2'):with{ message =\n"
    "  'backup: last good ping 1h30m ago, due every 1h (grace 30m)' }",
    /* failed: at once, with the last line of what the job said */
    "t:ping('backup') t:ping('backup', { at = '10m', status = 3, log = 'begin\\ndisk full\\n' })\n"
    "t:ping('backup', { at = '20m' })\n"
    "t:at('10m'):fires('backup'):with{ message = 'backup: failed: exit code 3: disk full',\n"
    "  output = has'begin' }\n"
    "t:at('20m'):quiet('backup')",
    "t:ping('backup', { status = 'fail' }) t:at('0s'):fires('backup'):with{ message =\n"
    "  has'the job did not say why' }",
    /* never pinged: from when the rule was loaded, and it stays */
    "t:at('14m50s'):quiet('export') t:at('15m10s'):fires('export', {}, 'P3'):with{ message =\n"
    "  has'since it was declared: none yet' } t:at('60h'):fires('export')",
    "t:cold() t:at('14m50s'):quiet('export') t:at('15m10s'):fires('export', {}, 'P3')",
    "t:ping('export', { at = '20m', status = 'fail' }) t:ping('export', { at = '21m' })\n"
    "t:transitions('export', {}, { '14m50s..15m10s P3', '20m..20m1s P1', '21m..21m1s ok' })\n"
    "t:at('22m'):quiet('export')",
    /* a start moves nothing, and is told where its end does not come */
    "t:ping('export') t:ping('export', { at = '10m', status = 'start' })\n"
    "t:at('14m50s'):quiet('export') t:at('15m10s'):fires('export', {}, 'P3'):with{ message =\n"
    "  has'it started and has not ended' }",
    "t:ping('export', { at = '1m', status = 'start' }) t:at('15m10s'):fires('export')",
    /* days later it still is what it was: nothing is forgotten */
    "t:ping('backup', { at = '1m' }) t:at('30d'):fires('backup'):with{ message =\n"
    "  has'last good ping' }",
    "t:ping('backup', { at = '1m', duration = '11m' }) t:at('1m'):fires('Slow'):with{ value = 660 "
    "}",
};

START_TEST(heartbeats_fire_and_resolve_as_they_promise)
{
    struct testbench_result r;
    struct err e = {0};
    struct rulefile *f = rulefile_load("x.lua", rules, strlen(rules), NULL, &e);
    struct testfile *t;
    char text[2048];
    int rc;

    ck_assert_msg(f != NULL, "%s", e.text);
    snprintf(text, sizeof text, "test('t', function(t)\n%s\nend)\n", holds[_i]);
    t = testfile_load("x_test.lua", text, strlen(text), NULL, &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    rc = testbench_run(testfile_case(t, 0), &f, 1, NULL, &r, &e);
    ck_assert_msg(rc == 0 && r.passed, "%s\n%s%s\n%s", holds[_i], e.text, buf_str(&r.text),
                  buf_str(&r.history));
    testbench_result_clear(&r);
    testfile_free(t);
    rulefile_unref(f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, heartbeats_fire_and_resolve_as_they_promise, 0,
                        sizeof holds / sizeof *holds);
}

UNIT_MAIN("app heartbeats", add)
