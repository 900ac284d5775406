#include "unit.h"

#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/visible.h"

static const struct {
    const char *text, *line;
} cases[] = {
    {"", ""},
    {"plain text, Zürich 5 µs … €", "plain text, Zürich 5 µs … €"},
    {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
    {"\x1b[2Jgone\x07\x7f", "\\x1b[2Jgone\\x07\\x7f"},
    {"c1 \xc2\x9b"
     "31m \xc2\x80",
     "c1 \\u009b31m \\u0080"},
    {"bidi \xe2\x80\xae"
     "exe.txt \xe2\x81\xa6x\xe2\x81\xa9",
     "bidi \\u202eexe.txt \\u2066x\\u2069"},
    {"ls \xe2\x80\xa8 ps \xe2\x80\xa9", "ls \\u2028 ps \\u2029"},
    {"bad \xff\xc3( \xed\xa0\x80", "bad \\xff\\xc3( \\xed\\xa0\\x80"},
    {"beside \xe2\x80\xa7 \xe2\x80\xaf \xe2\x81\xa5 \xe2\x81\xaa \xc2\xa0", /* just outside the bounds */
     "beside \xe2\x80\xa7 \xe2\x80\xaf \xe2\x81\xa5 \xe2\x81\xaa \xc2\xa0"},
};

START_TEST(a_line_shows_what_would_move_the_cursor)
{
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear(&out);
        visible_line(&out, cases[i].text, strlen(cases[i].text));
        ck_assert_str_eq(buf_str(&out), cases[i].line);
    }
    buf_clear(&out);
    visible_line(&out, "a\0b", 3);
    ck_assert_str_eq(buf_str(&out), "a\\x00b");
    buf_free(&out);
}
END_TEST

START_TEST(lines_of_ours_stay_lines)
{
    struct buf out = BUF_INIT;

    visible_lines(&out, "a\tb\nc\x1b\r\n", 8);
    ck_assert_str_eq(buf_str(&out), "a\tb\nc\\x1b\\r\n");
    buf_free(&out);
}
END_TEST

START_TEST(json_keeps_its_value)
{
    struct buf out = BUF_INIT;
    const char *text = "{\"a\":\"\xc2\x9b\xe2\x80\xae\"}\n";

    visible_json(&out, text, strlen(text));
    ck_assert_str_eq(buf_str(&out), "{\"a\":\"\\u009b\\u202e\"}\n");
    buf_free(&out);
}
END_TEST

static void to_buf(const char *line, void *arg)
{
    buf_adds(arg, line);
    buf_addc(arg, '\n');
}

/* A second line of the log would be somebody else's. */
START_TEST(the_log_cannot_be_forged)
{
    static const char hostile[] = "x\n00:00:00 error: Redis is away\x1b[1A\xe2\x80\xae";
    struct buf out = BUF_INIT;

    for (int json = 0; json < 2; json++) {
        buf_clear(&out);
        log_setup(LOG_LEVEL_INFO, json, NULL);
        log_divert(to_buf, &out);
        log_warn("a receiver refused", "error", hostile, NULL);
        log_warn(hostile, NULL);
        log_divert(NULL, NULL);
        for (const char *p = buf_str(&out); *p; p++)
            ck_assert_msg(*p == '\n' || (unsigned char)*p >= 0x20, "%s", buf_str(&out));
        ck_assert_ptr_null(strstr(buf_str(&out), "\xe2\x80\xae"));
        ck_assert_ptr_eq(strstr(strchr(buf_str(&out), '\n') + 1, "\n") + 1,
                         buf_str(&out) + out.len); /* two lines */
    }
    log_setup(LOG_LEVEL_INFO, false, NULL);
    buf_free(&out);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_line_shows_what_would_move_the_cursor);
    tcase_add_test(t, lines_of_ours_stay_lines);
    tcase_add_test(t, json_keeps_its_value);
    tcase_add_test(t, the_log_cannot_be_forged);
}

UNIT_MAIN("visible", add)
