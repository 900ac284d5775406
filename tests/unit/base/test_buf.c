/* Bytes that grow, their reader, and JSON out of them. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

START_TEST(a_passed_limit_marks_the_buffer_and_keeps_what_was_whole)
{
    struct buf b = {.limit = 5};

    buf_adds(&b, "12345");
    ck_assert(buf_ok(&b));
    buf_addc(&b, '6');
    ck_assert(!buf_ok(&b));
    buf_adds(&b, "");
    ck_assert_str_eq(buf_str(&b), "12345");
    ck_assert_ptr_null(buf_take(&b, NULL));
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(what_is_taken_is_a_text_also_when_nothing_was_added)
{
    struct buf b = BUF_INIT;
    size_t len = 9;
    char *text = buf_take(&b, &len);

    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(len, 0);
    mem_free(text);
    buf_addf(&b, "%d%s", 4, "2");
    text = buf_take(&b, &len);
    ck_assert_str_eq(text, "42");
    ck_assert_uint_eq(len, 2);
    mem_free(text);
    ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(what_is_fitted_keeps_its_bytes_and_can_grow_again)
{
    struct buf b = BUF_INIT;

    buf_fit(&b);
    ck_assert_str_eq(buf_str(&b), "");
    for (int i = 0; i < 100; i++)
        buf_adds(&b, "0123456789");
    ck_assert_uint_gt(b.cap, 1001);
    mem_fail_at(1);
    buf_fit(&b); /* refused: no loss */
    ck_assert(buf_ok(&b) && b.len == 1000);
    mem_fail_at(0);
    buf_fit(&b);
    ck_assert_uint_eq(b.cap, 1001);
    ck_assert_uint_eq(strlen(buf_str(&b)), 1000);
    buf_adds(&b, "x");
    ck_assert(buf_ok(&b) && b.len == 1001 && b.data[1000] == 'x');
    buf_free(&b);
}
END_TEST

START_TEST(a_failed_allocation_is_found_at_the_end)
{
    struct buf b = BUF_INIT;

    mem_fail_at(1);
    buf_adds(&b, "lost");
    mem_fail_at(0);
    buf_adds(&b, "too late");
    ck_assert(!buf_ok(&b));
    ck_assert_str_eq(buf_str(&b), "");
    buf_clear(&b);
    buf_adds(&b, "again");
    ck_assert(buf_ok(&b));
    ck_assert_str_eq(buf_str(&b), "again");
    buf_free(&b);
}
END_TEST

static const uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
static const int64_t signed_numbers[] = {0, -1, 1, -64, 64, INT64_MIN, INT64_MAX};

START_TEST(binary_forms_read_back)
{
    struct buf b = BUF_INIT;
    struct cursor c;
    const char *bytes;
    size_t n;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        buf_add_varint(&b, numbers[i]);
    for (size_t i = 0; i < sizeof signed_numbers / sizeof *signed_numbers; i++)
        buf_add_zigzag(&b, signed_numbers[i]);
    buf_add_u8(&b, 200);
    buf_add_u64(&b, UINT64_MAX - 1);
    buf_add_f64(&b, -0.1);
    buf_add_bytes(&b, "a\0b", 3);
    buf_add_bytes(&b, "", 0);
    c = cursor_of(b.data, b.len);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ck_assert(cursor_varint(&c) == numbers[i]);
    for (size_t i = 0; i < sizeof signed_numbers / sizeof *signed_numbers; i++)
        ck_assert(cursor_zigzag(&c) == signed_numbers[i]);
    ck_assert_uint_eq(cursor_u8(&c), 200);
    ck_assert(cursor_u64(&c) == UINT64_MAX - 1);
    ck_assert(cursor_f64(&c) == -0.1);
    bytes = cursor_bytes(&c, &n);
    ck_assert(n == 3 && memcmp(bytes, "a\0b", 3) == 0);
    ck_assert_ptr_nonnull(cursor_bytes(&c, &n));
    ck_assert_uint_eq(n, 0);
    ck_assert(!c.failed && cursor_left(&c) == 0);
    buf_free(&b);
}
END_TEST

/* Cut anywhere, a reader says so and never reads on. */
START_TEST(a_short_read_fails_for_good)
{
    static const unsigned char endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff};
    struct cursor c = cursor_of("\x05"
                                "abc",
                                4);
    size_t n = 7;

    ck_assert_ptr_null(cursor_bytes(&c, &n));
    ck_assert(c.failed && n == 0 && cursor_left(&c) == 0);
    ck_assert_uint_eq(cursor_u8(&c), 0);
    ck_assert_ptr_null(cursor_raw(&c, 1));
    c = cursor_of(endless, sizeof endless); /* more than 64 bits */
    ck_assert_uint_eq(cursor_varint(&c), 0);
    ck_assert(c.failed);
    c = cursor_of(NULL, 0);
    ck_assert_uint_eq(cursor_u64(&c), 0);
    ck_assert(c.failed);
}
END_TEST

START_TEST(json_puts_its_commas_and_escapes)
{
    struct buf b = BUF_INIT;
    struct json j = json_into(&b);

    json_object(&j);
    json_kstr(&j, "a\"", "x\n\x01\xff");
    json_key(&j, "list");
    json_array(&j);
    json_int(&j, -3);
    json_object(&j);
    json_object_end(&j);
    json_raw(&j, "[1]", 3);
    json_null(&j);
    json_array_end(&j);
    json_kbool(&j, "on", true);
    json_kstr(&j, "none", NULL);
    json_object_end(&j);
    ck_assert_str_eq(buf_str(&b),
                     "{\"a\\\"\":\"x\\n\\u0001\xef\xbf\xbd\",\"list\":[-3,{},[1],null],"
                     "\"on\":true,\"none\":null}");
    buf_free(&b);
}
END_TEST

static const struct {
    double v;
    const char *text;
} written[] = {{0, "0"},           {-0.0, "-0"},
               {1e15, "1e+15"},    {123456789012345, "123456789012345"},
               {0.1, "0.1"},       {NAN, "null"},
               {INFINITY, "null"}, {1.0 / 3, "0.3333333333333333"},
               {-2.5, "-2.5"},     {5e-324, "4.94066e-324"}};

START_TEST(json_numbers_are_the_shortest_that_read_back)
{
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        struct buf b = BUF_INIT;
        struct json j = json_into(&b);

        json_num(&j, written[i].v);
        ck_assert_str_eq(buf_str(&b), written[i].text);
        buf_free(&b);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_passed_limit_marks_the_buffer_and_keeps_what_was_whole);
    tcase_add_test(t, what_is_taken_is_a_text_also_when_nothing_was_added);
    tcase_add_test(t, what_is_fitted_keeps_its_bytes_and_can_grow_again);
    tcase_add_test(t, a_failed_allocation_is_found_at_the_end);
    tcase_add_test(t, binary_forms_read_back);
    tcase_add_test(t, a_short_read_fails_for_good);
    tcase_add_test(t, json_puts_its_commas_and_escapes);
    tcase_add_test(t, json_numbers_are_the_shortest_that_read_back);
}

UNIT_MAIN("buf", add)
