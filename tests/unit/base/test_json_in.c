#include "unit.h"

#include "base/json_in.h"

static const char *const names[] = {"none", NULL, "two"};

START_TEST(what_is_missing_or_of_another_kind_is_empty)
{
    static const char *const texts[] = {"{}",           "[]",         "null",
                                        "{\"k\":null}", "{\"k\":[]}", "{\"K\":1}"};

    for (size_t i = 0; i <= sizeof texts / sizeof *texts; i++) {
        cJSON *o = i < sizeof texts / sizeof *texts ? cJSON_Parse(texts[i]) : NULL;
        double v = 7;

        ck_assert_str_eq(json_in_text(o, "k"), "");
        ck_assert_int_eq(json_in_time(o, "k"), 0);
        ck_assert(!json_in_number(o, "k", &v) && v == 7);
        ck_assert_int_eq(json_in_whole(o, "k"), 0);
        ck_assert_uint_eq(json_in_hex(o, "k"), 0);
        ck_assert(!json_in_bool(o, "k"));
        ck_assert_int_eq(json_in_word(o, "k", names, 3), 0);
        cJSON_Delete(o);
    }
}
END_TEST

START_TEST(what_is_there_is_read)
{
    cJSON *o =
        cJSON_Parse("{\"t\":\"2026-01-05T00:00:01.5Z\",\"n\":-2.5,\"w\":12,\"h\":\"ff\",\"b\":true,"
                    "\"word\":\"two\",\"old\":2,\"far\":3,\"huge\":1e300,\"bad\":\"yesterday\"}");
    double v = 0;

    ck_assert_int_eq(json_in_time(o, "t"), 1767571201500);
    ck_assert(json_in_number(o, "n", &v) && v == -2.5);
    ck_assert_int_eq(json_in_whole(o, "w"), 12);
    ck_assert_uint_eq(json_in_hex(o, "h"), 255);
    ck_assert(json_in_bool(o, "b"));
    ck_assert_int_eq(json_in_word(o, "word", names, 3), 2);
    ck_assert_int_eq(json_in_word(o, "old", names, 3), 2);
    ck_assert_int_eq(json_in_word(o, "far", names, 3), 0); /* beyond the names */
    ck_assert_int_eq(json_in_word(o, "bad", names, 3), 0);
    ck_assert_int_eq(json_in_whole(o, "huge"), 0);
    ck_assert_int_eq(json_in_time(o, "bad"), 0);
    cJSON_Delete(o);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, what_is_missing_or_of_another_kind_is_empty);
    tcase_add_test(t, what_is_there_is_read);
}

UNIT_MAIN("json_in", add)
