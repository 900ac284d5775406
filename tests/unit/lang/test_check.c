/* Checks between files, and the scan of the text. */
#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "tocsin/rulefile.h"

#define FILES 4

static struct rulefile *must(const char *path, const char *source)
{
    struct err e = {0};
    struct rulefile *f = rulefile_load(path, source, strlen(source), NULL, &e);

    ck_assert_msg(f != NULL, "%s\n%s", source, e.text);
    return f;
}

#define PLAIN(name)       "alert \"" name "\" { value = m.x, fire = above(1) }\n"
#define HOSTS(name)       "alert \"" name "\" { value = m.x:last():max_by(\"host\"), fire = above(1) }\n"
#define ASKS(name, other) "alert \"" name "\" { fire = firing(\"" other "\") }\n"

static const struct {
    const char *files[FILES];
    const char *order;         /* names in order of evaluation, or */
    const char *errors[FILES]; /* in any case these */
    size_t which[FILES];
} sets[] = {
    {{PLAIN("A") PLAIN("B"), PLAIN("C")}, "A B C", {NULL}, {0}},
    {{ASKS("A", "B") PLAIN("B")}, "B A", {NULL}, {0}},
    {{ASKS("A", "B"), ASKS("B", "C"), PLAIN("C")}, "C B A", {NULL}, {0}},
    {{ASKS("A", "B"), PLAIN("X") PLAIN("A")},
     NULL,
     {"b.lua:2: alert \"A\": defined twice (first at a.lua:1)",
      "a.lua:1: alert \"A\": firing(\"B\"): there is no such alert"},
     {1, 0}},
    {{ASKS("A", "HighErrors"), PLAIN("HighError")},
     NULL,
     {"a.lua:1: alert \"A\": firing(\"HighErrors\"): there is no such alert — did you mean "
      "\"HighError\"?"},
     {0}},
    {{ASKS("A", "B"), ASKS("B", "C"), ASKS("C", "B")},
     "C B A",
     {"b.lua:1: alert \"B\": firing() goes in a circle: B → C → B"},
     {1}},
    {{HOSTS("A"), "alert \"B\" { value = m.y:last():max_by(\"host\"), fire = above(1), "
                  "unless = firing(\"A\", { by = { \"hosts\" } }) }"},
     NULL,
     {"b.lua:1: alert \"B\": firing(\"A\", { by = { \"hosts\" } }) can never be true: alerts of "
      "\"A\" have no label \"hosts\" — did you mean \"host\"?"},
     {1}},
    {{HOSTS("A"), "alert \"B\" { value = m.y:last():max_by(\"job\"), fire = above(1), "
                  "unless = firing(\"A\", { by = { \"host\" } }) }"},
     NULL,
     {"b.lua:1: alert \"B\": firing(\"A\", { by = { \"host\" } }) can never be true: alerts of "
      "\"B\" have no label \"host\""},
     {1}},
    {{HOSTS("A"), PLAIN("C") "alert \"B\" { fire = firing(\"A\", { by = { \"host\" } }), unless = "
                             "firing(\"C\", { by = { \"host\" } }) }"},
     "A C B",
     {NULL},
     {0}},
    {{NULL}, "", {NULL}, {0}},
};

START_TEST(names_are_checked_between_files)
{
    static const char *const paths[FILES] = {"r/a.lua", "r/b.lua", "r/c.lua", "r/d.lua"};

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct rulefile *files[FILES];
        const struct rule_def *order[16];
        struct err errors[FILES];
        size_t which[FILES], n = 0, n_errors, rules = 0, want = 0;
        struct buf names = BUF_INIT;

        while (n < FILES && sets[i].files[n]) {
            files[n] = must(paths[n], sets[i].files[n]);
            rules += rulefile_count(files[n]);
            n++;
        }
        n_errors = rulefiles_check(files, n, errors, which, FILES, order, NULL);
        while (want < FILES && sets[i].errors[want])
            want++;
        ck_assert_uint_eq(n_errors, want);
        for (size_t k = 0; k < want; k++) {
            ck_assert_str_eq(errors[k].text, sets[i].errors[k]);
            ck_assert_uint_eq(which[k], sets[i].which[k]);
        }
        for (size_t k = 0; k < rules; k++)
            buf_addf(&names, "%s%s", k ? " " : "", order[k]->name);
        if (sets[i].order)
            ck_assert_str_eq(buf_str(&names), sets[i].order);
        buf_free(&names);
        for (size_t k = 0; k < n; k++)
            rulefile_unref(files[k]);
    }
}
END_TEST

START_TEST(a_check_in_pieces_finds_what_one_in_one_go_finds)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct rulefile *files[FILES];
        struct err whole[FILES], pieces[FILES];
        size_t which[2][FILES], n = 0, n_whole, steps = 0, rules = 0;
        struct checking *c;

        for (; n < FILES && sets[i].files[n]; n++) {
            files[n] = must("a.lua", sets[i].files[n]);
            rules += rulefile_count(files[n]);
        }
        n_whole = rulefiles_check(files, n, whole, which[0], FILES, NULL, NULL);
        c = rulefiles_check_begin(files, n, pieces, which[1], FILES);
        while (!rulefiles_check_step(c, 1))
            steps++;
        ck_assert_uint_ge(steps, 2 * rules);
        ck_assert_uint_eq(rulefiles_check_end(c), n_whole);
        for (size_t k = 0; k < n_whole; k++) {
            ck_assert_str_eq(pieces[k].text, whole[k].text);
            ck_assert_uint_eq(which[1][k], which[0][k]);
        }
        for (size_t k = 0; k < n; k++)
            rulefile_unref(files[k]);
    }
}
END_TEST

START_TEST(only_as_many_errors_as_there_is_room_for)
{
    struct rulefile *f = must("a.lua", ASKS("A", "x") ASKS("B", "y") ASKS("C", "z"));
    struct err errors[1];
    size_t which[1];

    ck_assert_uint_eq(rulefiles_check(&f, 1, errors, which, 1, NULL, NULL), 3);
    ck_assert_ptr_nonnull(strstr(errors[0].text, "firing(\"x\")"));
    rulefile_unref(f);
}
END_TEST

static const struct {
    const char *source;
    int line; /* 0: nothing found */
} scans[] = {
    {"x = m.a:above(1) and m.b", 1},
    {"\n\nx = above(1) or y", 3},
    {"x = not m.a:above(1)", 1},
    {"x = y and m.a{ b = 'c' }:rate('5m'):by('d'):above(1)", 1},
    {"x = ((m.a:above(1))) and y", 1},
    {"x = firing 'A' and y", 0}, /* a call without parentheses: the type of `fire` tells */
    {"x = m.a:above(1) & m.b:below(2)", 0},
    {"if a and b or not c then end", 0},
    {"x = a.above and b", 0},
    {"-- above(1) and below(2)\nx = 'above(1) and y' --[[ not above(1) ]]", 0},
    {"x = [==[ above(1) and ]] y ]==]", 0},
    {"local function between(a, b) end\nx = between(1, 2) and y", 0},
    {"local above = 5 x = above(1) and y", 0},
    {"x = t:above(1) and y", 1},
    {"x = f(above(1)) and y", 0}, /* a call of something else */
    {"x = { a = 1, b = 2, a = 3 }", 1},
    {"x = { ['a'] = 1,\n a = 3 }", 2},
    {"x = { a = { b = 1 }, b = { a = 1 } }", 0},
    {"x = { f = function() a = 1; a = 2 end, a = 3 }", 0},
    {"x = { f = function() if b then a = 1 end local t = { a = 1 } end, a = 3, f = 4 }", 1},
    {"x = { a == 1, a == 2 }", 0},
    {"x = 'unfinished", 0},
    {"x = {{{((", 0},
    {"", 0},
    {"and", 0},
    {"not", 0},
    {")) and ((", 0},
};

START_TEST(the_scan_sees_what_metamethods_cannot)
{
    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++) {
        struct err e = {0};
        int rc = rulefile_scan(scans[i].source, strlen(scans[i].source), &e);

        ck_assert_msg((rc < 0) == (scans[i].line > 0), "%s: %s", scans[i].source, e.text);
        if (rc < 0)
            ck_assert_msg(e.line == scans[i].line, "%s: line %d", scans[i].source, e.line);
    }
}
END_TEST

START_TEST(the_scan_is_linear)
{
    static const char *const pieces[] = {"(",  "not (",         "not ", "a and ",
                                         "{",  "above(1) and ", "~",    "local above above(1) and ",
                                         "x.", "a=1,",          "[",    "--[["};

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct buf b = BUF_INIT;
        struct err e = {0};
        int rc;

        while (b.len < 1 << 20)
            buf_adds(&b, pieces[i]);
        for (size_t k = 0; k < 1000; k++)
            buf_adds(&b, ")");
        rc = rulefile_scan(buf_str(&b), b.len, &e); /* the time-out of the test is the check */
        (void)rc;
        buf_free(&b);
    }
}
END_TEST

START_TEST(every_failed_allocation_is_survived)
{
    struct rulefile *f = must("a.lua", ASKS("A", "B") PLAIN("B") ASKS("C", "nope"));

    for (long n = 1;; n++) {
        struct err errors[4], e;
        size_t which[4], count;
        int rc;

        mem_fail_at(n);
        count = rulefiles_check(&f, 1, errors, which, 4, NULL, NULL);
        rc = rulefile_scan("x = { a = 1 } and above(1)", 26, &e);
        if (!mem_failed()) {
            mem_fail_at(0);
            ck_assert_uint_eq(count, 1);
            ck_assert_int_eq(rc, -1);
            break;
        }
        mem_fail_at(0);
        ck_assert_uint_ge(count, 1);
    }
    rulefile_unref(f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, names_are_checked_between_files);
    tcase_add_test(t, a_check_in_pieces_finds_what_one_in_one_go_finds);
    tcase_add_test(t, only_as_many_errors_as_there_is_room_for);
    tcase_add_test(t, the_scan_sees_what_metamethods_cannot);
    tcase_add_test(t, the_scan_is_linear);
    tcase_add_test(t, every_failed_allocation_is_survived);
}

UNIT_MAIN("checks", add)
