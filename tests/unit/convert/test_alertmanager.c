/* Files of Alertmanager: tests/golden/convert/NAME.yml becomes NAME.lua, and what is told of it NAME.report.
 * With APPROVE=1 in the environment these are written instead of compared. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/mem.h"
#include "tocsin/convert.h"

#define FOLDER "tests/golden/convert/"

/* A version with four channels, whatever this one has. */
static bool four_channels(const char *channel, const char *key, void *arg)
{
    static const char *const has[] = {"webhook", "slack", "email", "inbox"};
    static const char *const not_yet[] = {"proxy", "bot_token", "reply_to"};
    bool is = false;

    (void)arg;
    for (size_t i = 0; i < sizeof has / sizeof *has; i++)
        is = is || strcmp(has[i], channel) == 0;
    for (size_t i = 0; key && i < sizeof not_yet / sizeof *not_yet; i++)
        is = is && strcmp(not_yet[i], key) != 0;
    return is && !(key && strcmp(channel, "email") == 0 && strcmp(key, "headers") == 0);
}

static bool all_channels(const char *channel, const char *key, void *arg)
{
    (void)channel, (void)key, (void)arg;
    return true;
}

static const struct convert_options four = {four_channels, NULL}, all = {all_channels, NULL};

static void compare(const char *name, const char *end, const struct buf *got)
{
    char path[128];
    struct err e;
    size_t len = 0;
    char *want;

    snprintf(path, sizeof path, FOLDER "%s.%s", name, end);
    if (getenv("APPROVE")) {
        ck_assert_int_eq(file_write(path, buf_str(got), got->len, &e), 0);
        return;
    }
    want = file_read(path, 1 << 20, &len, &e);
    ck_assert_msg(want != NULL, "%s", e.text);
    ck_assert_msg(strcmp(want, buf_str(got)) == 0, "%s is\n%s", path, buf_str(got));
    mem_free(want);
}

static void golden(const char *name, const char *out_name, const struct convert_options *o,
                   struct converted *c)
{
    char path[128], file[64];
    struct err e = {.text = ""};
    size_t len;
    char *text;

    snprintf(path, sizeof path, FOLDER "%s.yml", name);
    snprintf(file, sizeof file, "%s.yml", name);
    text = file_read(path, 1 << 20, &len, &e);
    ck_assert_msg(text != NULL, "%s", e.text);
    ck_assert_msg(convert_alertmanager(file, text, len, o, c, &e) == 0, "%s", e.text);
    compare(out_name, "lua", &c->lua);
    compare(out_name, "report", &c->report);
    mem_free(text);
}

START_TEST(what_means_the_same_is_exact)
{
    struct converted c;

    golden("plain", "plain", &four, &c);
    ck_assert_uint_eq(c.n[CONVERT_MANUAL], 0);
    ck_assert_uint_eq(c.n[CONVERT_DIFFERS], 1); /* the receiver that told nobody */
    converted_clear(&c);
}
END_TEST

START_TEST(every_kind_of_integration_is_written_or_told)
{
    struct converted c;

    golden("everything", "everything", &four, &c);
    ck_assert_uint_gt(c.n[CONVERT_MANUAL], 10);
    converted_clear(&c);
    golden("everything", "everything-all", &all, &c);
    converted_clear(&c);
}
END_TEST

START_TEST(time_intervals_become_calendars)
{
    struct converted c;

    golden("hours", "hours", &four, &c);
    ck_assert_uint_eq(c.n[CONVERT_MANUAL], 3); /* another zone, never, both ends */
    converted_clear(&c);
}
END_TEST

START_TEST(anchors_merges_and_old_matchers_are_read)
{
    struct converted c;

    golden("shared", "shared", &four, &c);
    converted_clear(&c);
}
END_TEST

START_TEST(no_secret_is_copied)
{
    static const char *const secrets[] = {"hunter2", "oIuZ3k", "user:pw", "AAAAAAAA", "\"SK\"",
                                          "R0",      "1:A",    "\"p\"",   "\"own\"",  "\"v0\""};
    struct converted c;

    golden("everything", "everything-all", &all, &c);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        ck_assert_msg(!strstr(buf_str(&c.lua), secrets[i]), "%s", secrets[i]);
        ck_assert_msg(!strstr(buf_str(&c.report), secrets[i]), "%s", secrets[i]);
    }
    converted_clear(&c);
}
END_TEST

#define R "receivers: [{name: x, webhook_configs: [{url: 'http://h/'}]}]\n"
#define T "route: {receiver: x}\n"

static const struct {
    const char *text, *error;
} refused[] = {
    {"", "am.yml: no route: Alertmanager refuses this file too"},
    {"- a\n", "am.yml:1: the file: keys and values are expected"},
    {"a: [b\n", "am.yml:2: did not find expected ',' or ']'"},
    {R T "globl: {}\n", "am.yml:3: the file: unknown key \"globl\" — did you mean \"global\"?"},
    {R "route:\n  receiver: x\n  recever: y\n",
     "am.yml:4: route: unknown key \"recever\" — did you mean \"receiver\"?"},
    {R "route:\n  receiver: y\n", "am.yml:3: the receiver \"y\" is not defined"},
    {R "route:\n  group_by: [a]\n", "am.yml:3: the root route has no receiver"},
    {R "route:\n  receiver: x\n  matchers: [a=b]\n",
     "am.yml:4: the root route takes every alert, always: matchers belongs to the routes inside "
     "it"},
    {R "route:\n  receiver: x\n  mute_time_intervals: [a]\n",
     "am.yml:4: the root route takes every alert, always: mute_time_intervals belongs to the "
     "routes "
     "inside it"},
    {R "route:\n  receiver: x\n  continue: true\n",
     "am.yml:4: continue means nothing on the root route"},
    {R "route:\n  receiver: x\n  group_interval: 0s\n", "am.yml:4: group_interval is not 0"},
    {R "route:\n  receiver: x\n  group_wait: 1.5h\n",
     "am.yml:4: group_wait: \"1.5h\" is no duration (30s, 5m, 1h30m, 7d)"},
    {R "route:\n  receiver: x\n  group_wait: 1m1h\n",
     "am.yml:4: group_wait: \"1m1h\" is no duration (30s, 5m, 1h30m, 7d)"},
    {R "route:\n  receiver: x\n  group_by: [a, '...']\n",
     "am.yml:4: group_by: \"...\" stands alone: it means every label"},
    {R "route:\n  receiver: x\n  group_by: [a, a]\n", "am.yml:4: group_by: \"a\" stands twice"},
    {R "route:\n  receiver: x\n  routes:\n  - matchers: ['a']\n",
     "am.yml:5: matcher `a`: after the name one of = != =~ !~ is expected"},
    {R "route:\n  receiver: x\n  routes:\n  - match: {'a b': c}\n",
     "am.yml:5: match: \"a b\" is no label name"},
    {R "route:\n  receiver: x\n  routes:\n  - match_re: {a: }\n",
     "am.yml:5: match_re: the value of \"a\" is a text"},
    {R "route:\n  receiver: x\n  routes:\n  - mute_time_intervals: [night]\n",
     "am.yml:5: mute_time_intervals: the time interval \"night\" is not defined"},
    {T "receivers:\n- name: x\n- name: x\n", "am.yml:4: the receiver \"x\" is defined twice"},
    {T "receivers:\n- webhook_configs: []\n", "am.yml:3: receivers: a name is missing"},
    {T "receivers:\n- name: x\n  webhook_configs:\n  - {}\n",
     "am.yml:5: webhook_configs: `url` is missing"},
    {T "receivers:\n- name: x\n  webhook_configs:\n  - url: http://h/\n    urll: y\n",
     "am.yml:6: webhook_configs: unknown key \"urll\" — did you mean \"url\"?"},
    {T "receivers:\n- name: x\n  webhook_configs:\n  - url: http://h/\n    url_file: y\n",
     "am.yml:6: url and url_file: one of them is given"},
    {T "receivers:\n- name: x\n  slack_configs:\n  - channel: c\n",
     "am.yml:5: slack_configs: `api_url` is missing"},
    {T "receivers:\n- name: x\n  email_configs:\n  - to: a@b\n    from: c@d\n",
     "am.yml:5: email_configs: smarthost, or the global smtp_smarthost, is host:port"},
    {R T R, "am.yml:3: the key \"receivers\" stands twice"},
    {R T "time_intervals:\n- name: a\n  time_intervals:\n  - weekdays: ['friday:monday']\n",
     "am.yml:6: weekdays: a range out of bounds, or that ends before it begins"},
    {R T "time_intervals:\n- name: a\n  time_intervals:\n  - weekdays: [fri]\n",
     "am.yml:6: weekdays: \"fri\" is none that Alertmanager takes"},
    {R T "time_intervals:\n- name: a\n  time_intervals:\n  - days_of_month: ['0']\n",
     "am.yml:6: days_of_month: there is no day 0"},
    {R T
     "time_intervals:\n- name: a\n  time_intervals:\n  - times: [{start_time: '8:00', end_time: "
     "'09:00'}]\n",
     "am.yml:6: times: start_time and end_time are \"HH:MM\", the end behind the start"},
    {R T "time_intervals:\n- name: a\n- name: a\n",
     "am.yml:4: the time interval \"a\" is defined twice"},
    {"a: &a [*a]\n", "am.yml:1: *a: no anchor of that name stands before it"},
    {"? [a]\n: b\n", "am.yml:1: a key is a text"},
    {"a: \"\\0\"\n", "am.yml:1: a text contains a zero byte"},
    {"a: {<<: [b]}\n", "am.yml:1: << takes a map, or a list of maps"},
};

START_TEST(what_alertmanager_refuses_is_refused_with_its_line)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct converted c;
        struct err e = {.text = ""};

        ck_assert_msg(convert_alertmanager("am.yml", refused[i].text, strlen(refused[i].text), NULL,
                                           &c, &e) == -1,
                      "%s", refused[i].text);
        ck_assert_str_eq(e.text, refused[i].error);
        ck_assert_uint_eq(c.lua.len, 0);
    }
}
END_TEST

static int convert(const struct buf *b, struct err *e)
{
    struct converted c;
    int rc = convert_alertmanager("am.yml", buf_str(b), b->len, NULL, &c, e);

    converted_clear(&c);
    return rc;
}

START_TEST(bounds_hold)
{
    struct buf b = BUF_INIT;
    struct err e = {.text = ""};

    for (int i = 0; i < 64; i++)
        buf_adds(&b, "[");
    ck_assert_int_eq(convert(&b, &e), -1);
    buf_adds(&b, "[");
    ck_assert_int_eq(convert(&b, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "nested more than 64 deep"));
    buf_clear(&b); /* nine times nine times … */
    buf_adds(&b, "a0: &a0 [x]\n");
    for (int i = 1; i < 9; i++) {
        buf_addf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            buf_addf(&b, "%s*a%d", k ? "," : "", i - 1);
        buf_adds(&b, "]\n");
    }
    ck_assert_int_eq(convert(&b, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "more than 200000 values, with what aliases repeat"));
    buf_clear(&b); /* an alias reaches deeper than what is written */
    buf_adds(&b, "a: &a ");
    for (int i = 0; i < 40; i++)
        buf_adds(&b, "[");
    for (int i = 0; i < 40; i++)
        buf_adds(&b, "]");
    buf_adds(&b, "\nb: ");
    for (int i = 0; i < 40; i++)
        buf_adds(&b, "[");
    buf_adds(&b, "*a");
    for (int i = 0; i < 40; i++)
        buf_adds(&b, "]");
    ck_assert_int_eq(convert(&b, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "nested more than 64 deep"));
    buf_clear(&b);
    for (size_t i = 0; i <= CONVERT_INPUT_MAX; i++)
        buf_addc(&b, '#');
    ck_assert_int_eq(convert(&b, &e), -1);
    ck_assert_int_eq(e.code, ERR_LIMIT);
    buf_free(&b);
}
END_TEST

START_TEST(failed_allocations_are_errors)
{
    size_t len;
    struct err e = {.text = ""};
    char *text = file_read(FOLDER "hours.yml", 1 << 20, &len, &e);
    int rc = -1;

    for (long at = 1; rc < 0; at++) {
        struct converted c;

        mem_fail_at(at);
        rc = convert_alertmanager("am.yml", text, len, NULL, &c, &e);
        mem_fail_at(0);
        ck_assert_msg(rc == 0 || e.code == ERR_MEMORY, "%ld: %s", at, e.text);
        ck_assert_int_lt(at, 5000);
        converted_clear(&c);
    }
    mem_free(text);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, what_means_the_same_is_exact);
    tcase_add_test(t, every_kind_of_integration_is_written_or_told);
    tcase_add_test(t, time_intervals_become_calendars);
    tcase_add_test(t, anchors_merges_and_old_matchers_are_read);
    tcase_add_test(t, no_secret_is_copied);
    tcase_add_test(t, what_alertmanager_refuses_is_refused_with_its_line);
    tcase_add_test(t, bounds_hold);
    tcase_add_test(t, failed_allocations_are_errors);
}

UNIT_MAIN("alertmanager", add)
