#include <string.h>

#include "channel/mime.h"
#include "unit.h"

static void header_is(const char *name, const char *value, const char *want)
{
    struct buf b = BUF_INIT;

    mime_header(&b, name, value);
    ck_assert_str_eq(buf_str(&b), want);
    buf_free(&b);
}

START_TEST(a_header_cannot_be_smuggled_in)
{
    header_is("Subject", "down\r\nBcc: all@example.com", "Subject: down  Bcc: all@example.com\r\n");
    header_is("Subject", "down\nBcc: x", "Subject: down Bcc: x\r\n");
    header_is("Subject", "down\rBcc: x", "Subject: down Bcc: x\r\n");
    header_is("Subject", "a\tb\x01\x7f", "Subject: a b  \r\n");
    /* neither inside an encoded word: base64 of "é  Bcc" */
    header_is("Subject", "\xc3\xa9\r\nBcc", "Subject: =?utf-8?B?w6kgIEJjYw==?=\r\n");
}
END_TEST

START_TEST(text_that_is_not_ascii_is_encoded_in_words)
{
    header_is("Subject", "[#412] checkout", "Subject: [#412] checkout\r\n");
    header_is("Subject", "\xc3\xa9", "Subject: =?utf-8?B?w6k=?=\r\n");
    header_is("Subject", "", "Subject: \r\n");
    /* what would be read as an encoded word is encoded, so that it shows as it was written */
    header_is("Subject", "=?utf-8?B?YQ==?=", "Subject: =?utf-8?B?PT91dGYtOD9CP1lRPT0/PQ==?=\r\n");
}
END_TEST

START_TEST(long_values_are_folded_into_short_lines)
{
    char text[1001];
    struct buf b = BUF_INIT;
    size_t line = 0, words = 0;

    for (size_t n = 899; n <= 901; n++) { /* the bound of a value that stays as it is: 900 */
        memset(text, 'a', n);
        text[n] = '\0';
        buf_clear(&b);
        mime_header(&b, "Subject", text);
        ck_assert_int_eq(strncmp(buf_str(&b), "Subject: =?utf-8?B?", 19) == 0, n > 900);
    }
    buf_clear(&b);
    mime_header(&b, "Subject",
                "[#1] a subject of more than seventy-eight bytes is folded where it has a space "
                "and nowhere else");
    ck_assert_str_eq(buf_str(&b), "Subject: [#1] a subject of more than seventy-eight bytes is "
                                  "folded where it\r\n has a space and nowhere else\r\n");
    buf_clear(&b);
    for (size_t i = 0; i < 1000; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[1000] = '\0';
    buf_clear(&b);
    mime_header(&b, "X", text);
    for (size_t i = 0; i < b.len; i++, line++) {
        if (b.data[i] != '\n')
            continue;
        ck_assert_uint_le(line, 77); /* 76 and the CR */
        ck_assert(i + 1 == b.len || b.data[i + 1] == ' ');
        words++;
        line = 0;
    }
    ck_assert_uint_eq(words, (1000 + 41) / 42);
    for (size_t name = 1; name < 70; name++) { /* whatever stands before it in its line */
        char head[80];

        memset(head, 'X', name);
        head[name] = '\0';
        buf_clear(&b);
        mime_header(&b, head, text);
        for (const char *p = buf_str(&b), *lf; (lf = strchr(p, '\n')); p = lf + 1)
            ck_assert_msg(lf - p <= 77, "%.*s", (int)(lf - p), p);
    }
    buf_free(&b);
}
END_TEST

START_TEST(no_encoded_word_cuts_a_character)
{
    const char *text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac"; /* 41 and a € */
    struct buf b = BUF_INIT;

    mime_header(&b, "X", text);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "=?utf-8?B?4oKs?="));
    buf_free(&b);
    mime_header(&b, "X", "\x80\x80\xff garbage");
    ck_assert_str_eq(buf_str(&b), "X: =?utf-8?B?gID/IGdhcmJhZ2U=?=\r\n");
    buf_free(&b);
}
END_TEST

START_TEST(only_the_name_before_an_address_is_encoded)
{
    const char *list[] = {"Ana <ana@example.com>", "bo@example.com", "Zo\xc3\xab <zoe@example.com>",
                          "\"Zo\xc3\xab, B\" <z@example.com>", "a\r\nBcc: x <y@example.com>"};
    struct buf b = BUF_INIT;

    mime_addresses(&b, "To", list, 5);
    ck_assert_str_eq(buf_str(&b), "To: Ana <ana@example.com>,\r\n bo@example.com,\r\n"
                                  " =?utf-8?B?Wm/Dqw==?= <zoe@example.com>,\r\n"
                                  " =?utf-8?B?Wm/DqywgQg==?= <z@example.com>,\r\n"
                                  " \"a  Bcc: x\" <y@example.com>\r\n");
    buf_free(&b);
}
END_TEST

START_TEST(one_name_with_a_comma_is_one_address)
{
    const char *list[] = {"Ops, Team <a@example.com>", "\"Ops, Team\" <b@example.com>",
                          "St. \"Al\" <c@example.com>", "\"a \\\"b\\\" <x\" <d@example.com>",
                          "a@b <e@example.com>"};
    struct buf b = BUF_INIT;

    mime_addresses(&b, "To", list, 5);
    ck_assert_str_eq(buf_str(&b), "To: \"Ops, Team\" <a@example.com>,\r\n"
                                  " \"Ops, Team\" <b@example.com>,\r\n"
                                  " \"St. \\\"Al\\\"\" <c@example.com>,\r\n"
                                  " \"a \\\"b\\\" <x\" <d@example.com>,\r\n"
                                  " \"a@b\" <e@example.com>\r\n");
    buf_free(&b);
}
END_TEST

START_TEST(an_envelope_takes_the_bare_address)
{
    static const char *const cases[][2] = {{"Ana <ana@example.com>", "ana@example.com"},
                                           {"bo@example.com", "bo@example.com"},
                                           {"\"<x> y\" <z@example.com>", "z@example.com"},
                                           {"<a@b", "a@b"},
                                           {"", ""}};
    char long_one[2 * MIME_ADDRESS_LEN], out[MIME_ADDRESS_LEN];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mime_bare_address(cases[i][0], out);
        ck_assert_str_eq(out, cases[i][1]);
    }
    memset(long_one, 'a', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    mime_bare_address(long_one, out);
    ck_assert_uint_eq(strlen(out), MIME_ADDRESS_LEN - 1);
}
END_TEST

START_TEST(dates_are_those_of_rfc_5322)
{
    static const struct {
        int64_t at_ms;
        const char *want;
    } cases[] = {{0, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"},
                 {INT64_C(1767667260999), "Date: Tue, 06 Jan 2026 02:41:00 +0000\r\n"},
                 {INT64_C(1709164800000), "Date: Thu, 29 Feb 2024 00:00:00 +0000\r\n"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;

        mime_date(&b, cases[i].at_ms);
        ck_assert_str_eq(buf_str(&b), cases[i].want);
        buf_free(&b);
    }
}
END_TEST

START_TEST(quoted_printable_keeps_what_mail_would_change)
{
    static const struct {
        const char *in, *out;
    } cases[] = {{"plain", "plain"},
                 {"a=b", "a=3Db"},
                 {"\xc3\xa9", "=C3=A9"},
                 {"a \nb", "a=20\r\nb"},
                 {"a \r\nb", "a=20\r\nb"},
                 {"end ", "end=20"},
                 {"a b", "a b"},
                 {"tab\tx", "tab=09x"},
                 {".\n..x", "=2E\r\n=2E.x"},
                 {"--tocsin-1--\n-", "=2D-tocsin-1--\r\n=2D"},
                 {"a\rb", "a=0Db"},
                 {"a\r\n\r\nb\n", "a\r\n\r\nb\r\n"},
                 {"", ""}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;

        mime_quoted_printable(&b, cases[i].in, strlen(cases[i].in));
        ck_assert_str_eq(buf_str(&b), cases[i].out);
        buf_free(&b);
    }
}
END_TEST

START_TEST(quoted_lines_have_at_most_76_bytes)
{
    for (size_t n = 70; n < 80; n++) {
        char text[82];
        struct buf b = BUF_INIT;
        size_t line = 0;

        memset(text, 'x', n);
        memcpy(text + n, "==", 2);
        mime_quoted_printable(&b, text, n + 2);
        for (size_t i = 0; i < b.len; i++) {
            line = b.data[i] == '\n' ? 0 : line + 1;
            ck_assert_uint_le(line, 77); /* with the CR */
        }
        buf_free(&b);
    }
}
END_TEST

START_TEST(text_and_html_become_alternatives)
{
    struct buf b = BUF_INIT;

    mime_alternative(&b, "B", "t", "<p>h</p>");
    ck_assert_str_eq(buf_str(&b),
                     "Content-Type: multipart/alternative; boundary=\"B\"\r\n\r\n"
                     "--B\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\nt\r\n"
                     "--B\r\nContent-Type: text/html; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>h</p>\r\n--B--\r\n");
    buf_clear(&b);
    mime_alternative(&b, "B", "t", NULL);
    ck_assert_str_eq(buf_str(&b), "Content-Type: text/plain; charset=utf-8\r\n"
                                  "Content-Transfer-Encoding: quoted-printable\r\n\r\nt\r\n");
    buf_free(&b);
}
END_TEST

START_TEST(a_header_holds_nothing_that_turns_or_moves)
{
    struct buf clean = BUF_INIT, hostile = BUF_INIT;

    mime_header(&clean, "Subject", "ü   x     y Bcc: z");
    mime_header(&hostile, "Subject", "ü\xe2\x80\xaex \xc2\x9b\r\ny\nBcc: z");
    ck_assert_str_eq(buf_str(&hostile), buf_str(&clean));
    buf_free(&clean);
    buf_free(&hostile);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_header_holds_nothing_that_turns_or_moves);
    tcase_add_test(t, a_header_cannot_be_smuggled_in);
    tcase_add_test(t, text_that_is_not_ascii_is_encoded_in_words);
    tcase_add_test(t, long_values_are_folded_into_short_lines);
    tcase_add_test(t, no_encoded_word_cuts_a_character);
    tcase_add_test(t, only_the_name_before_an_address_is_encoded);
    tcase_add_test(t, one_name_with_a_comma_is_one_address);
    tcase_add_test(t, an_envelope_takes_the_bare_address);
    tcase_add_test(t, dates_are_those_of_rfc_5322);
    tcase_add_test(t, quoted_printable_keeps_what_mail_would_change);
    tcase_add_test(t, quoted_lines_have_at_most_76_bytes);
    tcase_add_test(t, text_and_html_become_alternatives);
}

UNIT_MAIN("mime", add)
