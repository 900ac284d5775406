/* JSON as it is written: RFC 8259, commas in their places, nothing that a reader could refuse. */
#include "unit.h"

#include <cjson/cJSON.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static struct buf out;
static struct json j;

static void setup(void)
{
    out = BUF_INIT;
    j = json_into(&out);
}

static void teardown(void)
{
    buf_free(&out);
}

static void wrote(const char *want)
{
    ck_assert(buf_ok(&out));
    ck_assert_str_eq(buf_str(&out), want);
}

START_TEST(commas_stand_between_members_and_nowhere_else)
{
    json_object(&j);
    json_kint(&j, "a", 1);
    json_key(&j, "b");
    json_array(&j);
    json_array_end(&j);
    json_key(&j, "c");
    json_array(&j);
    json_int(&j, 1);
    json_object(&j);
    json_object_end(&j);
    json_object(&j);
    json_kbool(&j, "x", true);
    json_kbool(&j, "y", false);
    json_object_end(&j);
    json_null(&j);
    json_array_end(&j);
    json_key(&j, "d");
    json_raw(&j, "{\"r\":0}", 7);
    json_kstr(&j, "e", "end");
    json_object_end(&j);
    wrote("{\"a\":1,\"b\":[],\"c\":[1,{},{\"x\":true,\"y\":false},null],\"d\":{\"r\":0},\"e\":"
          "\"end\"}");
    ck_assert_uint_eq(j.depth, 0);
}
END_TEST

START_TEST(strings_are_escaped_and_always_text)
{
    static const struct {
        const char *bytes, *want;
        size_t n;
    } rows[] = {
        {"", "\"\"", 0},
        {"plain", "\"plain\"", 5},
        {"\"\\/", "\"\\\"\\\\/\"", 3},
        {"\b\f\n\r\t", NULL, 5},
        {"\0\x1f", NULL, 2},
        {"gr\xc3\xb6\xc3\x9f\x65 \xe2\x82\xac", "\"gr\xc3\xb6\xc3\x9f\x65 \xe2\x82\xac\"", 11},
        {"\xf0\x9f\x94\x94", "\"\xf0\x9f\x94\x94\"", 4},
        {"a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\"",
         3},                               /* no UTF-8 at all */
        {"a\xc3", "\"a\xef\xbf\xbd\"", 2}, /* cut short */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *read;

        teardown();
        setup();
        json_str_n(&j, rows[i].bytes, rows[i].n);
        if (rows[i].want)
            wrote(rows[i].want);
        for (size_t k = 0; k < out.len; k++)
            ck_assert_uint_ge((unsigned char)out.data[k], 0x20);
        read = cJSON_ParseWithLength(out.data, out.len);
        ck_assert_msg(read != NULL, "row %zu: %s", i, buf_str(&out));
        cJSON_Delete(read);
    }
}
END_TEST

/* Forms of UTF-8 that are none: overlong, half of a pair, above the last character. */
START_TEST(what_only_looks_like_utf8_is_replaced)
{
    static const char *const bytes[] = {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80"};

    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        teardown();
        setup();
        json_str(&j, bytes[i]);
        ck_assert_ptr_nonnull(strstr(buf_str(&out), "\xef\xbf\xbd"));
        ck_assert_ptr_null(strstr(buf_str(&out), bytes[i]));
    }
}
END_TEST

START_TEST(a_text_is_quoted_whatever_bytes_it_has)
{
    static const struct {
        const char *text;
        size_t len;
        const char *want;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain text", 10, "\"plain text\""},
        {"\"a\\b\"", 5, "\"\\\"a\\\\b\\\"\""},
        {"a\nb\tc", 5, "\"a\\nb\\u0009c\""},
        {"\n\n", 2, "\"\\n\\n\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\x7f", 1, "\"\\u007f\""},
        {"gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xe2\x82\xac\"", 4, "\"\xe2\x82\xac\\\"\""},
        {"a\xff\xfe", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"a\xc3", 2, "\"a\xef\xbf\xbd\""}, /* cut within a character */
        {"\xc3\"", 2, "\"\xef\xbf\xbd\\\"\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;

        json_quote(&b, cases[i].text, cases[i].len);
        ck_assert_str_eq(buf_str(&b), cases[i].want);
        buf_free(&b);
    }
}
END_TEST

START_TEST(no_string_is_null)
{
    json_object(&j);
    json_kstr(&j, "none", NULL);
    json_kstr(&j, "empty", "");
    json_object_end(&j);
    wrote("{\"none\":null,\"empty\":\"\"}");
}
END_TEST

/* Keys are labels of senders: they may hold anything that a string may. */
START_TEST(keys_are_escaped_as_strings_are)
{
    json_object(&j);
    json_key_n(&j, "a\"b\n", 4);
    json_int(&j, 1);
    json_object_end(&j);
    wrote("{\"a\\\"b\\n\":1}");
}
END_TEST

START_TEST(numbers_are_the_shortest_that_read_back)
{
    static const struct {
        double v;
        const char *want;
    } rows[] = {{0, "0"},        {1, "1"},        {-1.5, "-1.5"},  {0.1, "0.1"},   {1e15, NULL},
                {1.0 / 3, NULL}, {DBL_MAX, NULL}, {DBL_MIN, NULL}, {5e-324, NULL}, {-0.0, NULL}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *end;

        teardown();
        setup();
        json_num(&j, rows[i].v);
        if (rows[i].want)
            wrote(rows[i].want);
        ck_assert_msg(strtod(buf_str(&out), &end) == rows[i].v && *end == 0, "%s", buf_str(&out));
    }
}
END_TEST

START_TEST(what_is_not_finite_is_null)
{
    json_array(&j);
    json_num(&j, NAN);
    json_num(&j, INFINITY);
    json_num(&j, -INFINITY);
    json_int(&j, INT64_MIN);
    json_int(&j, INT64_MAX);
    json_array_end(&j);
    wrote("[null,null,null,-9223372036854775808,9223372036854775807]");
}
END_TEST

START_TEST(times_are_utc_with_milliseconds)
{
    json_object(&j);
    json_ktime(&j, "at", INT64_C(1767571200007));
    json_object_end(&j);
    wrote("{\"at\":\"2026-01-05T00:00:00.007Z\"}");
}
END_TEST

/* Sixty containers in each other, each with a member behind the inner one. */
static void nest(unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        json_array(&j);
    for (unsigned i = 0; i < depth; i++) {
        json_array_end(&j);
        if (i + 1 < depth)
            json_int(&j, 1);
    }
}

START_TEST(sixty_deep_is_still_right)
{
    for (unsigned depth = 59; depth <= 60; depth++) {
        cJSON *read;
        unsigned seen = 0;

        teardown();
        setup();
        nest(depth);
        read = cJSON_ParseWithLength(out.data, out.len);
        for (const cJSON *v = read; v; v = v->child) {
            seen++;
            ck_assert_int_eq(cJSON_GetArraySize(v), seen < depth ? 2 : 0);
        }
        ck_assert_uint_eq(seen, depth);
        cJSON_Delete(read);
    }
}
END_TEST

START_TEST(deeper_than_that_is_a_bug)
{
    nest(61);
}
END_TEST

START_TEST(no_memory_is_told_by_the_buffer)
{
    for (long i = 1; i < 4; i++) {
        teardown();
        setup();
        mem_fail_at(i);
        json_array(&j);
        for (int k = 0; k < 1000; k++)
            json_str(&j, "some text that needs room");
        json_array_end(&j);
        ck_assert(mem_failed() ? !buf_ok(&out) : buf_ok(&out));
        mem_fail_at(0);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, commas_stand_between_members_and_nowhere_else);
    tcase_add_test(t, strings_are_escaped_and_always_text);
    tcase_add_test(t, what_only_looks_like_utf8_is_replaced);
    tcase_add_test(t, a_text_is_quoted_whatever_bytes_it_has);
    tcase_add_test(t, no_string_is_null);
    tcase_add_test(t, keys_are_escaped_as_strings_are);
    tcase_add_test(t, numbers_are_the_shortest_that_read_back);
    tcase_add_test(t, what_is_not_finite_is_null);
    tcase_add_test(t, times_are_utc_with_milliseconds);
    tcase_add_test(t, sixty_deep_is_still_right);
    tcase_add_test_raise_signal(t, deeper_than_that_is_a_bug, SIGABRT);
    tcase_add_test(t, no_memory_is_told_by_the_buffer);
}

UNIT_MAIN("base/json", add)
