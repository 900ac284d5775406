#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "model/matcher.h"

static void check_text(const struct matcher *m, const char *want, const char *am)
{
    struct buf b = BUF_INIT;

    matcher_text(m, &b);
    ck_assert_str_eq(buf_str(&b), want);
    buf_clear(&b);
    matcher_am_text(m, &b);
    ck_assert_str_eq(buf_str(&b), am);
    buf_free(&b);
}

static const struct {
    enum matcher_op op;
    const char *value, *subject;
    bool matches;
} tests[] = {
    {MATCH_EQUAL, "api", "api", true},
    {MATCH_EQUAL, "api", "apis", false},
    {MATCH_EQUAL, "api", "ap", false},
    {MATCH_EQUAL, "", "", true},
    {MATCH_REGEX, "5..", "500", true},
    {MATCH_REGEX, "5..", "5000", false},
    {MATCH_REGEX, "5..", "1500", false},
    {MATCH_REGEX, "a|ab", "ab", true},
    {MATCH_REGEX, "a|ab", "xab", false},
    {MATCH_REGEX, "", "", true},
    {MATCH_REGEX, "", "x", false},
    {MATCH_REGEX, ".*", "", true},
    {MATCH_REGEX, ".+", "", false},
    {MATCH_REGEX, ".*", "two\nlines", true},
    {MATCH_REGEX, "POST .*", "POST /x\n<html>\n", true},
    {MATCH_REGEX, "a.b", "a\nb", true},
    {MATCH_REGEX, "[^x]+", "a\nb", true},
    {MATCH_REGEX, "(?s).*", "two\nlines", true},
    {MATCH_REGEX, "(?i)api", "API", true},
    {MATCH_REGEX, "gr\xc3\xbc.", "gr\xc3\xbc\xc3\x9f", true},
    {MATCH_REGEX, "caf.", "caf\xff", false},
    {MATCH_REGEX, "x$", "x\n", false},
    {MATCH_GLOB, "web-*", "web-1", true},
    {MATCH_GLOB, "web-*", "my-web-1", false},
    {MATCH_GLOB, "*", "", true},
    {MATCH_CONTAINS, "time", "a timeout", true},
    {MATCH_CONTAINS, "time", "tim", false},
    {MATCH_CONTAINS, "", "", true},
    {MATCH_PRESENT, NULL, "x", true},
    {MATCH_PRESENT, NULL, "", false},
};

START_TEST(matchers_test_whole_values)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        struct err e;
        struct matcher *m = matcher_new("l", tests[i].op, false, tests[i].value, &e);
        struct matcher *not = matcher_new("l", tests[i].op, true, tests[i].value, &e);
        size_t len = strlen(tests[i].subject);

        ck_assert_ptr_nonnull(m);
        ck_assert_msg(matcher_test(m, tests[i].subject, len) == tests[i].matches, "row %zu", i);
        ck_assert_msg(matcher_test(not, tests[i].subject, len) != tests[i].matches, "row %zu", i);
        if (len == 0) {
            ck_assert(matcher_matches_empty(m) == tests[i].matches);
            ck_assert(matcher_matches_empty(not ) != tests[i].matches);
        }
        matcher_unref(m);
        matcher_unref(not );
    }
}
END_TEST

static const struct {
    double limit;
    const char *subject;
    bool at_least, below;
} numbers[] = {
    {500, "500", true, false},    {500, "499.9", false, true}, {500, "500.1", true, false},
    {500, "5e2", true, false},    {500, "", false, false},     {500, "x500", false, false},
    {500, "500x", false, false},  {500, "nan", false, false},  {500, "inf", false, false},
    {500, "1e999", false, false}, {-1, "-2", false, true},     {0, " 1", false, false},
};

START_TEST(numbers_are_compared_as_numbers)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct matcher *ge = matcher_new_number("l", MATCH_AT_LEAST, false, numbers[i].limit, NULL);
        struct matcher *lt = matcher_new_number("l", MATCH_BELOW, false, numbers[i].limit, NULL);
        size_t len = strlen(numbers[i].subject);

        ck_assert_msg(matcher_test(ge, numbers[i].subject, len) == numbers[i].at_least, "row %zu",
                      i);
        ck_assert_msg(matcher_test(lt, numbers[i].subject, len) == numbers[i].below, "row %zu", i);
        matcher_unref(ge);
        matcher_unref(lt);
    }
}
END_TEST

START_TEST(lists_hold_each_value_once)
{
    static const char *const levels[] = {"FATAL", "ERROR", "FATAL"};
    struct matcher *m = matcher_new_list("level", false, levels, 3, NULL);
    struct matcher *none = matcher_new_list("level", false, NULL, 0, NULL);

    ck_assert(matcher_test(m, "ERROR", 5));
    ck_assert(matcher_test(m, "FATAL", 5));
    ck_assert(!matcher_test(m, "FATA", 4));
    ck_assert(!matcher_test(m, "FATAL\0", 6));
    ck_assert(!matcher_test(m, "ERRORS", 6));
    ck_assert(!matcher_test(m, "", 0));
    ck_assert_str_eq(matcher_value(m), "ERROR|FATAL");
    ck_assert(!matcher_test(none, "ERROR", 5));
    check_text(m, "level in{ERROR|FATAL}", "level in{ERROR|FATAL}");
    matcher_unref(m);
    matcher_unref(none);
}
END_TEST

START_TEST(texts_are_canonical)
{
    static const char *const odd[] = {"a|b", "c}"};
    static const struct {
        enum matcher_op op;
        bool negate;
        const char *value, *text, *am;
    } rows[] = {
        {MATCH_EQUAL, false, "x\"y\\\n", "l=\"x\\\"y\\\\\\n\"", "l=\"x\\\"y\\\\\\n\""},
        {MATCH_EQUAL, true, "v", "l!=\"v\"", "l!=\"v\""},
        {MATCH_REGEX, false, "5..", "l~\"5..\"", "l=~\"5..\""},
        {MATCH_REGEX, true, "5..", "l!~\"5..\"", "l!~\"5..\""},
        {MATCH_GLOB, false, "a-*", "l like{a-*}", "l like{a-*}"},
        {MATCH_GLOB, true, "a-*", "l not like{a-*}", "l not like{a-*}"},
        {MATCH_CONTAINS, false, "x", "l contains{x}", "l contains{x}"},
        {MATCH_PRESENT, false, NULL, "l present", "l present"},
        {MATCH_PRESENT, true, NULL, "l not present", "l not present"},
    };
    struct matcher *m;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        m = matcher_new("l", rows[i].op, rows[i].negate, rows[i].value, NULL);
        check_text(m, rows[i].text, rows[i].am);
        matcher_unref(m);
    }
    m = matcher_new_list("l", true, odd, 2, NULL);
    check_text(m, "l not in{a\\|b|c\\}}", "l not in{a\\|b|c\\}}");
    matcher_unref(m);
    m = matcher_new_number("code", MATCH_AT_LEAST, false, 500, NULL);
    check_text(m, "code>=500", "code>=500");
    matcher_unref(m);
    m = matcher_new_number("code", MATCH_BELOW, true, 0.1, NULL);
    check_text(m, "code not <0.1", "code not <0.1");
    matcher_unref(m);
}
END_TEST

START_TEST(hostile_patterns_stop_soon_and_match_nothing)
{
    struct matcher *m = matcher_new("l", MATCH_REGEX, false, "(a+)+$", NULL);
    char subject[5000];
    clock_t began = clock();

    memset(subject, 'a', sizeof subject);
    subject[4000] = 'b';
    for (int i = 0; i < 10; i++)
        ck_assert(!matcher_test(m, subject, 4001));
    /* unbounded, this would take longer than the universe has been there */
    ck_assert_int_lt((clock() - began) / (CLOCKS_PER_SEC / 1000), 2000);
    matcher_unref(m);
}
END_TEST

START_TEST(subjects_are_cut_at_four_kibibytes)
{
    struct matcher *m = matcher_new("l", MATCH_REGEX, false, "a*", NULL);
    char *subject = mem_zalloc(5000);

    memset(subject, 'a', 5000);
    subject[4095] = 'b';
    ck_assert(!matcher_test(m, subject, 4096));
    subject[4095] = 'a';
    subject[4096] = 'b';
    ck_assert(matcher_test(m, subject, 4096));
    ck_assert(matcher_test(m, subject, 4097));
    mem_free(subject);
    matcher_unref(m);
}
END_TEST

START_TEST(alternatives_over_a_long_subject_have_room)
{
    struct matcher *m = matcher_new("l", MATCH_REGEX, false, "(a|b|cd)*", NULL);
    char subject[4096];

    for (int i = 0; i < 4096; i++)
        subject[i] = i % 2 ? 'a' : 'b';
    ck_assert(matcher_test(m, subject, sizeof subject));
    matcher_unref(m);
}
END_TEST

START_TEST(bad_patterns_say_where)
{
    static const struct {
        const char *pattern, *part;
    } rows[] = {{"a(b", "character 4"}, {"[", "character"}, {"a**", "character"}, {"\\C", "\\C"}};
    char *longest = mem_zalloc(65538);
    struct err e;
    struct matcher *m;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        m = matcher_new("l", MATCH_REGEX, false, rows[i].pattern, &e);
        if (m) { /* "a**" is possessive or an error, by version */
            matcher_unref(m);
            continue;
        }
        ck_assert_int_eq(e.code, ERR_INPUT);
        ck_assert_msg(strstr(e.text, rows[i].part) != NULL, "%s", e.text);
    }
    ck_assert_ptr_null(matcher_new("l", MATCH_REGEX, false, "a(b", NULL));
    memset(longest, 'a', 65537);
    ck_assert_ptr_null(matcher_new("l", MATCH_REGEX, false, longest, &e));
    ck_assert_int_eq(e.code, ERR_LIMIT);
    longest[20000] = 0;
    m = matcher_new("l", MATCH_REGEX, false, longest, &e);
    ck_assert_ptr_nonnull(m);
    matcher_unref(m);
    mem_free(longest);
}
END_TEST

static const struct {
    const char *text, *want; /* NULL: refused */
} parsed[] = {
    {"alertname=Disk", "alertname=\"Disk\""},
    {"alertname=\"Disk full\"", "alertname=\"Disk full\""},
    {" team != web ", "team!=\"web\""},
    {"code=~5..", "code=~\"5..\""},
    {"code=~\"5..|4[0-9]{2}\"", "code=~\"5..|4[0-9]{2}\""},
    {"code!~\"2..\"", "code!~\"2..\""},
    {"summary=hello there", "summary=\"hello there\""},
    {"foo=", "foo=\"\""},
    {"foo=\"\"", "foo=\"\""},
    {"\"odd name\"=x", "\"odd name\"=\"x\""},
    {"a=x\\ny", "a=\"x\\ny\""},
    {"\"a\"=\"gr\\u00fc\\x2e\\t\\101\"", "a=\"gr\xc3\xbc.\tA\""},
    {"a=\"gr\\u00fc\"", "a=\"gr\\\\u00fc\""},  /* both take it: classic wins */
    {"a=~\"gr\\u00fc\"", "a=~\"gr\xc3\xbc\""}, /* no classic expression */
    {"a=b, c", "a=\"b, c\""},
    {"1a=b", "\"1a\"=\"b\""},
    {"a=\"x\\\"y\\\\z\\nw\\d\"", "a=\"x\\\"y\\\\z\\nw\\\\d\""},
    {"a:b=c", "a:b=\"c\""},
    {"a=b=c", "a=\"b=c\""},
    {"gr\xc3\xbc\xc3\x9f=x", "\"gr\xc3\xbc\xc3\x9f\"=\"x\""},
    {"", NULL},
    {"foo", NULL},
    {"=bar", NULL},
    {"foo~bar", NULL},
    {"foo!bar", NULL},
    {"foo=\"bar", NULL},
    {"foo=\"bar\"x", NULL},
    {"foo=\"bar\",", NULL},
    {"foo=bar,", NULL},
    {"foo=ba\"r", NULL},
    {"{foo=bar}", NULL},
    {"foo=bar}", NULL},
    {"foo={bar", NULL},
    {"foo=~\"(\"", NULL},
    {"foo=\xff", NULL},
    {"\"\"=x", NULL},
    {"\"a\"=\"x\\d\"", NULL}, /* in neither syntax */
    {"\"a\"=\"\\xff\"", NULL},
    {"\"a\"=\"\\ud800\"", NULL},
    {"\"a\"=", NULL},
    {"\"a\"=b c", NULL},
    {"\"a\"=b,\"c\"=d", NULL},
};

START_TEST(alertmanagers_form_is_read)
{
    for (size_t i = 0; i < sizeof parsed / sizeof *parsed; i++) {
        struct err e = {0};
        struct matcher *m = matcher_parse(parsed[i].text, strlen(parsed[i].text), &e), *again;
        struct buf b = BUF_INIT;

        if (!parsed[i].want) {
            ck_assert_msg(!m, "%s", parsed[i].text);
            ck_assert_msg(e.code == ERR_INPUT && e.text[0], "%s", parsed[i].text);
            continue;
        }
        ck_assert_msg(m != NULL, "%s: %s", parsed[i].text, e.text);
        matcher_am_text(m, &b);
        ck_assert_str_eq(buf_str(&b), parsed[i].want);
        again = matcher_parse(b.data, b.len, &e);
        ck_assert_msg(again != NULL, "%s: %s", buf_str(&b), e.text);
        ck_assert_str_eq(matcher_name(again), matcher_name(m));
        ck_assert_str_eq(matcher_value(again), matcher_value(m));
        matcher_unref(again);
        buf_free(&b);
        matcher_unref(m);
    }
    ck_assert_ptr_null(matcher_parse("a=b\0c", 5, NULL));
}
END_TEST

static const struct {
    const char *text, *want; /* NULL: refused */
} lists[] = {
    {"", ""},
    {"{}", ""},
    {" { } ", ""},
    {"foo=bar", "foo=\"bar\""},
    {"{foo=\"bar\", baz=~\"a|b\",}", "foo=\"bar\" baz=~\"a|b\""},
    {"foo=bar, baz!=qux", "foo=\"bar\" baz!=\"qux\""},
    {"foo=\"a,b\",c=\"\\\",\"", "foo=\"a,b\" c=\"\\\",\""},
    {"foo={bar", "foo=\"{bar\""},
    {"foo=,bar=", "foo=\"\" bar=\"\""},
    {"{\"odd name\"=x,gr\xc3\xbc\xc3\x9f=\"y z\"}",
     "\"odd name\"=\"x\" \"gr\xc3\xbc\xc3\x9f\"=\"y z\""},
    {"foo=bar,,a=b", NULL},
    {"{{foo=bar}}", NULL},
    {"{\"odd name\"=x", NULL},
    {"\"odd name\"=x}", NULL},
    {"\"odd name\"=x y=z", NULL},
    {"foo", NULL},
};

START_TEST(a_text_of_several_matchers_is_read)
{
    struct matcher *m[MATCHERS_PARSE_MAX];
    struct buf many = BUF_INIT;
    struct err e = {0};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct buf b = BUF_INIT;
        int n = matchers_parse(lists[i].text, strlen(lists[i].text), m, &e);

        ck_assert_msg((n >= 0) == (lists[i].want != NULL), "%s: %d", lists[i].text, n);
        for (int k = 0; k < n; k++) {
            buf_adds(&b, k ? " " : "");
            matcher_am_text(m[k], &b);
            matcher_unref(m[k]);
        }
        if (n >= 0)
            ck_assert_str_eq(buf_str(&b), lists[i].want);
        else
            ck_assert_msg(e.code == ERR_INPUT && strstr(e.text, "matcher `"), "%s", e.text);
        buf_free(&b);
    }
    for (int i = 0; i < MATCHERS_PARSE_MAX; i++)
        buf_adds(&many, "a=b,");
    ck_assert_int_eq(matchers_parse(many.data, many.len, m, &e), MATCHERS_PARSE_MAX);
    for (int i = 0; i < MATCHERS_PARSE_MAX; i++)
        matcher_unref(m[i]);
    buf_adds(&many, "a=b");
    ck_assert_int_eq(matchers_parse(many.data, many.len, m, &e), -1);
    buf_free(&many);
}
END_TEST

START_TEST(a_missing_label_is_the_empty_string)
{
    struct labelsets *ls = labelsets_new(0);
    struct label l[] = {label_of("job", "api"), label_of("zone", "eu")};
    labelset id = labelsets_intern(ls, l, 2);
    static const struct {
        const char *text;
        bool matches;
    } rows[] = {{"job=api", true},  {"job!=api", false}, {"pod=", true},    {"pod!=x", true},
                {"pod=~.+", false}, {"pod=~.*", true},   {"zone=eu", true}, {"zone=~e", false}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct matcher *m = matcher_parse(rows[i].text, strlen(rows[i].text), NULL);

        ck_assert_msg(matchers_test_set(&m, 1, ls, id) == rows[i].matches, "%s", rows[i].text);
        ck_assert_msg(matchers_test_labels(&m, 1, l, 2) == rows[i].matches, "%s", rows[i].text);
        matcher_unref(m);
    }
    ck_assert(matchers_test_set(NULL, 0, ls, id));
    labelsets_free(ls);
}
END_TEST

START_TEST(failed_allocations_are_errors)
{
    static const char *const levels[] = {"FATAL", "ERROR"};
    int made = 0;

    for (long at = 1; made < 3; at++) {
        struct err e = {0};
        struct matcher *m[3];

        mem_fail_at(at);
        m[0] = matcher_parse("code=~\"5..\"", 11, &e);
        m[1] = matcher_new_list("level", true, levels, 2, &e);
        m[2] = matcher_new_number("x", MATCH_BELOW, false, 3, &e);
        mem_fail_at(0);
        made = 0;
        for (int i = 0; i < 3; i++) {
            made += m[i] != NULL;
            matcher_unref(m[i]);
        }
        if (made < 3)
            ck_assert_int_eq(e.code, ERR_MEMORY);
        ck_assert_int_ge(made, 2);
        ck_assert_int_lt(at, 200);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, matchers_test_whole_values);
    tcase_add_test(t, numbers_are_compared_as_numbers);
    tcase_add_test(t, lists_hold_each_value_once);
    tcase_add_test(t, texts_are_canonical);
    tcase_add_test(t, hostile_patterns_stop_soon_and_match_nothing);
    tcase_add_test(t, subjects_are_cut_at_four_kibibytes);
    tcase_add_test(t, alternatives_over_a_long_subject_have_room);
    tcase_add_test(t, bad_patterns_say_where);
    tcase_add_test(t, alertmanagers_form_is_read);
    tcase_add_test(t, a_text_of_several_matchers_is_read);
    tcase_add_test(t, a_missing_label_is_the_empty_string);
    tcase_add_test(t, failed_allocations_are_errors);
}

UNIT_MAIN("matcher", add)
