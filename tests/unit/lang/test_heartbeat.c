/* A heartbeat is a rule like others: what it becomes, and what is refused. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "tocsin/rulefile.h"

static struct rulefile *must(const char *source)
{
    struct err e = {0};
    struct rulefile *f = rulefile_load("rules/web.lua", source, strlen(source), NULL, &e);

    ck_assert_msg(f != NULL, "%s\n%s", source, e.text);
    return f;
}

static const char *label(const struct rule_def *d, const char *name)
{
    for (size_t i = 0; i < d->n_labels; i++)
        if (strcmp(d->labels[i].name, name) == 0)
            return d->labels[i].value;
    return NULL;
}

START_TEST(a_heartbeat_is_one_alert_of_p2_with_the_label_job)
{
    struct rulefile *f = must("heartbeat 'backup' { every = '1d', grace = '30m', team = 'ops', "
                              "labels = { tier = '1' } }");
    const struct rule_def *d = rulefile_rule(f, 0);
    struct buf leaf = BUF_INIT;

    ck_assert_uint_eq(rulefile_count(f), 1);
    ck_assert_str_eq(d->name, "backup");
    ck_assert_str_eq(d->heartbeat, "backup");
    ck_assert_uint_eq(d->n_levels, 1);
    ck_assert_int_eq(d->levels[0].priority, 2);
    ck_assert_str_eq(d->team, "ops");
    ck_assert_str_eq(label(d, "job"), "backup");
    ck_assert_str_eq(label(d, "tier"), "1");
    ck_assert_str_eq(d->annotations[0].value, "{job}: {reason}");
    ck_assert(!d->keys.all && d->keys.n == 0);
    ck_assert_int_eq(d->delay_ms, 0);
    leaf_text(d->value->leaf, &leaf);
    ck_assert_str_eq(buf_str(&leaf), "heartbeat_ok{job=\"backup\"} since_last(400d) by()");
    ck_assert_uint_eq(d->n_leaves, 3);
    buf_free(&leaf);
    rulefile_unref(f);
}
END_TEST

START_TEST(a_failure_may_have_a_priority_of_its_own)
{
    struct rulefile *f =
        must("defaults { priority = 'P4', lasting = '5m', expect = { { a = 'b' } }, "
             "team = 'x', labels = { env = 'e' } }\n"
             "heartbeat 'a' { every = '1h', failed = 'P1' }\n"
             "heartbeat 'b' { every = '1h', priority = 'P3', failed = 'P3' }");
    const struct rule_def *a = rulefile_rule(f, 0), *b = rulefile_rule(f, 1);

    ck_assert_uint_eq(a->n_levels, 2);
    ck_assert_int_eq(a->levels[0].priority, 1);
    ck_assert_int_eq(a->levels[1].priority, 4);
    ck_assert_uint_eq(b->n_levels, 1);
    ck_assert_int_eq(b->levels[0].priority, 3);
    /* what the defaults say of keys that a heartbeat does not have does not concern it */
    ck_assert_int_eq(a->lasting_ms, 0);
    ck_assert_uint_eq(a->n_expect, 0);
    ck_assert_str_eq(a->team, "x");
    ck_assert_str_eq(label(a, "env"), "e");
    rulefile_unref(f);
}
END_TEST

/* Edits of `every` and `grace` keep the window, and with it what is known of the last ping. */
START_TEST(another_grace_is_the_same_window)
{
    static const char *const graces[] = {"5m", "30m", "2h"};

    for (size_t i = 0; i < sizeof graces / sizeof *graces; i++) {
        char source[100];
        struct rulefile *f;

        snprintf(source, sizeof source, "heartbeat 'a' { every = '1d', grace = '%s' }", graces[i]);
        f = must(source);
        ck_assert_int_eq(rulefile_rule(f, 0)->value->leaf->window_ms,
                         INT64_C(400) * 24 * 3600 * 1000);
        rulefile_unref(f);
    }
}
END_TEST

static const struct {
    const char *source, *error;
} refused[] = {
    {"heartbeat 'back up' { every = '1d' }", "part of an address"},
    {"heartbeat '../x' { every = '1d' }", "part of an address"},
    {"heartbeat 'a' { }", "needs `every"},
    {"heartbeat 'a' { every = '1s' }", "at least 10s"},
    {"heartbeat 'a' { every = '399d', grace = '2d' }", "at most 400d"},
    {"heartbeat 'a' { evry = '1d' }", "did you mean \"every\""},
    {"heartbeat 'a' { every = '1d', value = m.x }", "unknown key \"value\""},
    {"heartbeat 'a' { every = '1d', runbook = 'x' }", "use `runbook_url`"},
    {"heartbeat 'a' { every = '1d', labels = { job = 'x' } }", "is the name of the heartbeat"},
    {"heartbeat 'a' { every = '1d', priority = 'P9' }", "priority \"P9\" is unknown"},
    {"heartbeat 'a' { every = '1d', failed = 3 }", "failed \"3\" is unknown"},
    {"heartbeat 'a' { every = '1d', summary = '{nope}' }", "summary uses {nope}"},
    {"heartbeat 'a' { every = '1d' } alert 'a' { value = m.x, fire = above(1) }", "defined twice"},
    {"heartbeat 'a'", "it has no { … }"},
    {"alert 'a' { value = m.x, fire = above(1), summary = '{reason}' }", NULL},
    {"alert 'a' { value = m.x:since_last():by(), fire = above(1), summary = '{reason}' }",
     "summary uses {reason}"},
};

START_TEST(what_is_wrong_is_told)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err e = {0};
        struct rulefile *f =
            rulefile_load("x.lua", refused[i].source, strlen(refused[i].source), NULL, &e);

        ck_assert_msg((f == NULL) == (refused[i].error != NULL), "%s", refused[i].source);
        if (!f)
            ck_assert_msg(strstr(e.text, refused[i].error) != NULL, "%s\n%s", refused[i].source,
                          e.text);
        rulefile_unref(f);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_heartbeat_is_one_alert_of_p2_with_the_label_job);
    tcase_add_test(t, a_failure_may_have_a_priority_of_its_own);
    tcase_add_test(t, another_grace_is_the_same_window);
    tcase_add_test(t, what_is_wrong_is_told);
}

UNIT_MAIN("heartbeats as rules", add)
