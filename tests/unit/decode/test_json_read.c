#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "decode/json_read.h"

/* All tokens of a text: {K"a" 1 } or, on an error, the reason and line. */
static void trace(const char *text, size_t len, struct buf *out)
{
    char *copy = malloc(len ? len : 1);
    struct text_pool pool = TEXT_POOL_INIT;
    struct json_reader r;
    enum json_token t;

    memcpy(copy, text, len);
    r = json_reader_of(copy, len, &pool);
    while ((t = json_read(&r)) != JSON_END) {
        static const char *const marks[] = {"", "", "{", "}", "[", "]"};

        if (t == JSON_ERROR) {
            buf_addf(out, "! %d %s", json_reader_line(&r), r.why ? r.why : "memory");
            break;
        }
        if (t <= JSON_ARRAY_END)
            buf_adds(out, marks[t]);
        else
            buf_addf(out, "%s%.*s ",
                     t == JSON_KEY      ? "K"
                     : t == JSON_STRING ? "S"
                                        : "",
                     (int)r.len, r.s);
    }
    text_pool_free(&pool);
    free(copy);
}

static const struct {
    const char *text, *tokens;
} accepted[] = {
    {"", ""},
    {"  \n", ""},
    {"{}", "{}"},
    {"[]", "[]"},
    {" [ 1 , -2.5e+3 , 0 , true , false , null ] ", "[1 -2.5e+3 0 true false null ]"},
    {"{\"a\":{\"b\":[\"c\"]},\"d\":\"\"}", "{Ka {Kb [Sc ]}Kd S }"},
    {"{\"a\":1}\n{\"b\":2}", "{Ka 1 }{Kb 2 }"},
    {"1 \"x\" []", "1 Sx []"},
    {"\"a\\n\\t\\\\\\/\\\"\\u0041\"", "Sa\n\t\\/\"A "},
    {"\"\\u00fc\\u20ac\\ud83d\\ude00\"", "S\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80 "},
    {"\"\xc3\xbc\"", "S\xc3\xbc "},
    /* what is no character becomes U+FFFD */
    {"\"\\ud83d\"", "S\xef\xbf\xbd "},
    {"\"\\ud83dx\"", "S\xef\xbf\xbdx "},
    {"\"\\ude00\\ud83d\"", "S\xef\xbf\xbd\xef\xbf\xbd "},
    {"\"\\u0000\"", "S\xef\xbf\xbd "},
    {"\"a\xff\xfe\"", "Sa\xef\xbf\xbd\xef\xbf\xbd "},
    {"\"\xff\\n\"", "S\xef\xbf\xbd\n "},
    {"\"\xc3\"", "S\xef\xbf\xbd "},
    {"\"a long text of more than sixteen bytes \\u00e9 and more of it\"",
     "Sa long text of more than sixteen bytes \xc3\xa9 and more of it "},
};

START_TEST(json_is_read_token_by_token)
{
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        struct buf out = BUF_INIT;

        trace(accepted[i].text, strlen(accepted[i].text), &out);
        ck_assert_str_eq(buf_str(&out), accepted[i].tokens);
        buf_free(&out);
    }
}
END_TEST

static const struct {
    const char *text, *why;
} refused[] = {
    {"{", "! 1 the text ends too early"},
    {"[1", "! 1 the text ends too early"},
    {"[1,", "! 1 the text ends too early"},
    {"\n\n[1 2]", "! 3 a comma or ] is expected here"},
    {"[1,]", "! 1 a value is expected here"},
    {"[,1]", "! 1 a value is expected here"},
    {"{\"a\"}", "! 1 a colon is expected after the key"},
    {"{\"a\":}", "! 1 a value is expected here"},
    {"{\"a\":1,}", "! 1 a key in double quotes is expected here"},
    {"{\"a\":1 \"b\":2}", "! 1 a comma or } is expected here"},
    {"{a:1}", "! 1 a key in double quotes is expected here"},
    {"{'a':1}", "! 1 a key in double quotes is expected here"},
    {"[1}", "! 1 a comma or ] is expected here"},
    {"]", "! 1 a value is expected here"},
    {"tru", "! 1 a value is expected here"},
    {"NaN", "! 1 a value is expected here"},
    {"01", "! 1 a number is not well formed"},
    {"-", "! 1 a number is not well formed"},
    {"+1", "! 1 a value is expected here"},
    {".5", "! 1 a value is expected here"},
    {"1.", "! 1 a number ends in its point"},
    {"1e", "! 1 a number has no exponent after its e"},
    {"1e+", "! 1 a number has no exponent after its e"},
    {"\"abc", "! 1 a string has no end, or a control character in it"},
    {"\"abc\\\"", "! 1 a string has no end, or a control character in it"},
    {"\"a\nb\"", "! 1 a string has no end, or a control character in it"},
    {"\"\\x\"", "! 1 an escape in a string is wrong"},
    {"\"\\u12g4\"", "! 1 an escape in a string is wrong"},
    {"\"\\u12\"", "! 1 an escape in a string is wrong"},
    {"\"\\", "! 1 a string has no end, or a control character in it"},
};

START_TEST(what_is_not_json_is_refused_with_its_place)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct buf out = BUF_INIT;
        const char *mark;

        trace(refused[i].text, strlen(refused[i].text), &out);
        mark = strchr(buf_str(&out), '!');
        ck_assert_msg(mark != NULL, "%s", refused[i].text);
        ck_assert_str_eq(mark, refused[i].why);
        buf_free(&out);
    }
}
END_TEST

START_TEST(depth_has_a_bound)
{
    for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        struct buf text = BUF_INIT, out = BUF_INIT;

        for (int i = 0; i < depth; i++)
            buf_adds(&text, i % 2 ? "[" : "{\"a\":");
        buf_adds(&text, "1");
        for (int i = depth; i-- > 0;)
            buf_adds(&text, i % 2 ? "]" : "}");
        trace(text.data, text.len, &out);
        ck_assert_int_eq(strstr(buf_str(&out), "nested too deep") != NULL, depth > JSON_DEPTH_MAX);
        buf_free(&text);
        buf_free(&out);
    }
}
END_TEST

START_TEST(whole_values_are_taken_as_written)
{
    const char *text = "{\"a\":[1, {\"b\":[]}],\"c\":[2}";
    struct text_pool pool = TEXT_POOL_INIT;
    struct json_reader r = json_reader_of(text, strlen(text), &pool);

    ck_assert_int_eq(json_read(&r), JSON_OBJECT);
    ck_assert_int_eq(json_read(&r), JSON_KEY);
    ck_assert_int_eq(json_read(&r), JSON_ARRAY);
    ck_assert_int_eq(json_read_whole(&r), 0);
    ck_assert_int_eq(r.len, 13);
    ck_assert(memcmp(r.s, "[1, {\"b\":[]}]", 13) == 0);
    ck_assert_int_eq(json_read(&r), JSON_KEY);
    ck_assert_int_eq(json_read(&r), JSON_ARRAY);
    ck_assert_int_eq(json_read_whole(&r), -1);
    text_pool_free(&pool);
}
END_TEST

START_TEST(numbers_are_exact)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "1",
                                        "-1.5",
                                        "0.1",
                                        "123456789012345",
                                        "0.000000000000001",
                                        "1234567890123456789",
                                        "1e300",
                                        "1.7976931348623157e308",
                                        "4.9e-324",
                                        "0.30000000000000004",
                                        "9007199254740993"};
    double v;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_int_eq(json_read_number(texts[i], strlen(texts[i]), &v), 0);
        ck_assert_msg(v == strtod(texts[i], NULL), "%s", texts[i]);
    }
    ck_assert_int_eq(json_read_number("1e999", 5, &v), -1);
    ck_assert(!json_short_number("1.2.3", 5, &v));
    ck_assert(!json_short_number("", 0, &v));
    ck_assert(!json_short_number("-", 1, &v));
    ck_assert(!json_short_number("+1", 2, &v));
}
END_TEST

START_TEST(no_memory_for_an_escape_is_no_fault_of_the_text)
{
    struct text_pool pool = TEXT_POOL_INIT;
    struct json_reader r = json_reader_of("\"a\\nb\"", 6, &pool);
    struct err e;

    mem_fail_at(1);
    ck_assert_int_eq(json_read(&r), JSON_ERROR);
    mem_fail_at(0);
    json_reader_fail(&r, "x", &e);
    ck_assert_int_eq(e.code, ERR_MEMORY);
    text_pool_free(&pool);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, json_is_read_token_by_token);
    tcase_add_test(t, what_is_not_json_is_refused_with_its_place);
    tcase_add_test(t, depth_has_a_bound);
    tcase_add_test(t, whole_values_are_taken_as_written);
    tcase_add_test(t, numbers_are_exact);
    tcase_add_test(t, no_memory_for_an_escape_is_no_fault_of_the_text);
}

UNIT_MAIN("json_read", add)
