/* What `check` reads without a server: files judged in their set, as the server judges them. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/files.h"
#include "cli/check.h"
#include "cli/ruleset.h"

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/tocsin-ruleset-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const names[] = {"a.lua", "b.lua", "tocsin.lua", "other.lua"};
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void put(const char *name, const char *text)
{
    char path[128];
    struct err e;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(file_write(path, text, strlen(text), &e), 0);
}

static void note(const char *path, bool is_error, const char *text, void *arg)
{
    (void)path;
    buf_addf(arg, "%s%s\n", is_error ? "" : "warning: ", text);
}

/* What is told of a.lua, beside all files of the folder. */
static void told_of_a(const char *want)
{
    char named[128], all[128];
    const char *names[] = {named}, *beside[] = {all};
    struct ruleset_wish w = {names, 1, beside, 1};
    struct buf told = BUF_INIT;
    struct ruleset s;
    struct err e;

    snprintf(named, sizeof named, "%s/a.lua", folder);
    snprintf(all, sizeof all, "%s/*.lua", folder);
    ck_assert_int_eq(ruleset_load(&s, &w, note, &told, &e), 0);
    ck_assert_str_eq(buf_str(&told), want);
    ruleset_clear(&s);
    buf_free(&told);
}

#define PLAIN(name)       "alert \"" name "\" { value = m.x, fire = above(1) }\n"
#define ASKS(name, other) "alert \"" name "\" { fire = firing(\"" other "\") }\n"

START_TEST(firing_reaches_the_other_files_of_the_set)
{
    put("b.lua", PLAIN("B"));
    put("a.lua", ASKS("A", "B"));
    told_of_a("");
    put("a.lua", ASKS("A", "Bb"));
    told_of_a("a.lua:1: alert \"A\": firing(\"Bb\"): there is no such alert — did you mean "
              "\"B\"?\n");
}
END_TEST

START_TEST(a_name_taken_by_another_file_or_by_tocsin_itself_is_told)
{
    put("b.lua", PLAIN("B"));
    put("a.lua", PLAIN("B"));
    told_of_a("a.lua:1: alert \"B\": defined twice (first at b.lua:1)\n");
    put("a.lua", PLAIN("RuleBroken"));
    {
        char named[128];
        const char *names[] = {named};
        struct ruleset_wish w = {.named = names, .n_named = 1};
        struct buf told = BUF_INIT;
        struct ruleset s;
        struct err e;

        snprintf(named, sizeof named, "%s/a.lua", folder);
        ck_assert_int_eq(ruleset_load(&s, &w, note, &told, &e), 0);
        ck_assert_ptr_nonnull(strstr(buf_str(&told), "\"RuleBroken\": defined twice (first at "
                                                     "tocsin.lua:"));
        ruleset_clear(&s);
        buf_free(&told);
    }
}
END_TEST

/* A file that does not load defines its alerts all the same: nothing is told twice. */
START_TEST(what_only_follows_from_a_broken_file_is_not_told)
{
    put("b.lua", "alert \"B\" { value = m.x, fire = abov(1) }\n");
    put("a.lua", ASKS("A", "B"));
    told_of_a("");
}
END_TEST

START_TEST(what_goes_wrong_beside_the_file_is_a_warning)
{
    put("b.lua", ASKS("B", "A"));
    put("a.lua", PLAIN("A"));
    told_of_a("");
    put("a.lua", PLAIN("A2"));
    told_of_a("warning: b.lua:1: alert \"B\": firing(\"A\"): there is no such alert\n");
}
END_TEST

START_TEST(a_configuration_is_none_of_the_rules)
{
    char path[128];

    put("tocsin.lua", "receiver \"a\" { inbox {} }\nroute { receiver = \"a\" }\n");
    put("other.lua", "-- of the night shift\nserver { data_dir = \"d\" }\n");
    put("a.lua", PLAIN("route"));
    snprintf(path, sizeof path, "%s/tocsin.lua", folder);
    ck_assert(ruleset_is_config(path));
    snprintf(path, sizeof path, "%s/other.lua", folder);
    ck_assert(ruleset_is_config(path));
    snprintf(path, sizeof path, "%s/a.lua", folder);
    ck_assert(!ruleset_is_config(path));
    told_of_a("");
}
END_TEST

#define INHIBIT                                                                                  \
    "warning: tocsin.lua: inhibit \"i\" in line 6: `target` asks for \"servics\", a label that " \
    "no rule "                                                                                   \
    "gives — did you mean \"service\"?\n"

START_TEST(a_label_that_no_rule_gives_is_told_with_the_nearest)
{
    static const char config[] =
        "receiver \"x\" { inbox {} }\n"
        "route { receiver = \"x\", group_by = { \"servise\", \"alertname\" },\n"
        "  route { match = { team = \"a\", servise = \"b\", priority = \"P1\" } },\n"
        "  route { matchers = { 'customer=~\"gold|silver\"', 'region=eu' },\n"
        "    route { match = { env = \"prod\" } } } }\n"
        "inhibit \"i\" { source = { alertname = \"A\" }, target = { servics = \"x\" }, equal = { "
        "\"rack\" } }\n";
    static const struct {
        const char *rules, *want;
    } rows[] = {
        {"alert \"A\" { value = m.x:last():max_by(\"service\"), fire = above(1), labels = { region "
         "= "
         "\"eu\" } }\n",
         "warning: tocsin.lua: route 0 in line 2: `group_by` asks for \"servise\", a label that no "
         "rule "
         "gives — did you mean \"service\"?\n"
         "warning: tocsin.lua: route 0.1 in line 4: `match` asks for \"customer\", a label that no "
         "rule gives; only alerts from outside could bring it\n"
         "warning: tocsin.lua: route 0.1.0 in line 5: `match` asks for \"env\", a label that no "
         "rule "
         "gives; only alerts from outside could bring it\n" INHIBIT
         "warning: tocsin.lua: inhibit \"i\" in line 6: `equal` asks for \"rack\", a label that no "
         "rule "
         "gives; only alerts from outside could bring it\n"},
        /* all labels of the data may come: only the slip is told */
        {"alert \"A\" { value = m.x, fire = above(1), labels = { service = \"eu\" } }\n",
         "warning: tocsin.lua: route 0 in line 2: `group_by` asks for \"servise\", a label that no "
         "rule "
         "gives — did you mean \"service\"?\n" INHIBIT},
    };
    struct err e;
    struct config *c = config_load("tocsin.lua", config, strlen(config), NULL, &e);

    ck_assert_msg(c != NULL, "%s", e.text);
    make_folder();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char named[128];
        const char *names[] = {named};
        struct ruleset_wish w = {names, 1, NULL, 0};
        struct buf told = BUF_INIT;
        struct ruleset s;

        put("a.lua", rows[i].rules);
        snprintf(named, sizeof named, "%s/a.lua", folder);
        ck_assert_int_eq(ruleset_load(&s, &w, note, &told, &e), 0);
        ck_assert_int_eq(check_labels(c, &s, note, &told), 0);
        ck_assert_str_eq(buf_str(&told), rows[i].want);
        ruleset_clear(&s);
        buf_free(&told);
    }
    remove_folder();
    config_unref(c);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_label_that_no_rule_gives_is_told_with_the_nearest);
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, firing_reaches_the_other_files_of_the_set);
    tcase_add_test(t, a_name_taken_by_another_file_or_by_tocsin_itself_is_told);
    tcase_add_test(t, what_only_follows_from_a_broken_file_is_not_told);
    tcase_add_test(t, what_goes_wrong_beside_the_file_is_a_warning);
    tcase_add_test(t, a_configuration_is_none_of_the_rules);
}

UNIT_MAIN("cli ruleset", add)
