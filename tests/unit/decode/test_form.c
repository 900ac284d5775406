#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "decoding.h"
#include "decode/decoders.h"
#include "decode/event.h"

static struct decoding d;

#define AT "@1767600000000 "

static const struct {
    const char *what, *body, *events;
} accepted[] = {
    {"a LogRecord as HTTPHandler posts it",
     "name=shop.cart&msg=user+%25s+has+%25d+items&args=%28%27bob%27%2C+3%29&levelname=ERROR&"
     "levelno=40&pathname=%2Fapp%2Fcart.py&filename=cart.py&module=cart&exc_info=None&"
     "exc_text=None&stack_info=None&lineno=17&funcName=add&created=1767599999.75&msecs=750.0&"
     "relativeCreated=12.5&thread=140&threadName=MainThread&processName=MainProcess&process=9&"
     "taskName=None",
     "@1767599999750 {filename=\"cart.py\",funcName=\"add\",level=\"ERROR\",lineno=\"17\","
     "logger=\"shop.cart\",message=\"user bob has 3 items\",module=\"cart\","
     "pathname=\"/app/cart.py\",process=\"9\",processName=\"MainProcess\",thread=\"140\","
     "threadName=\"MainThread\"}\n"},
    {"an exception",
     "msg=it+broke&args=%28%29&levelname=CRITICAL&exc_info=%28%3Cclass+%27ValueError%27%3E%2C+"
     "ValueError%28%27x%27%29%2C+%3Ctraceback+object+at+0x7f1%3E%29&exc_text=Traceback+%28most+"
     "recent+call+last%29%3A%0A++File+%22a.py%22%2C+line+1%2C+in+f%0AValueError%3A+x",
     AT "{exception=\"ValueError\",fingerprint=\"F\",level=\"FATAL\",message=\"it broke\","
        "stack=\"Traceback (most recent call last):\\n  File \\\"a.py\\\", line 1, in f\\n"
        "ValueError: x\"}\n"},
    {"a formatted message wins", "message=done&msg=%25s&args=%28%27x%27%2C%29",
     AT "{message=\"done\"}\n"},
    {"extra fields", "msg=hi&args=%28%29&service=web&request_id=r1&user=bob",
     AT "{message=\"hi\",request_id=\"r1\",service=\"web\",user=\"bob\"}\n"},
    {"odd pairs", "&&msg=a&b&c=&args=", AT "{message=\"a\"}\n"},
    {"broken escapes stay", "msg=100%25+%zz+%4", AT "{message=\"100% %zz %4\"}\n"},
    {"what is no text", "msg=a%ffb%00c%c3%bc",
     AT "{message=\"a\xef\xbf\xbd"
        "b\xef\xbf\xbd"
        "c"
        "\xc3\xbc\"}\n"},
};

static const char *shown_without_fingerprint(const char *shown)
{
    static char out[4000];
    const char *found = strstr(shown, "fingerprint=\"");

    if (!found)
        return shown;
    snprintf(out, sizeof out, "%.*sF%s", (int)(found + 13 - shown), shown, found + 13 + 16);
    return out;
}

START_TEST(records_become_events)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        const char *shown = shown_without_fingerprint(
            decoding_run(&d, decode_form, accepted[i].body, strlen(accepted[i].body)));

        ck_assert_msg(strcmp(shown, accepted[i].events) == 0, "%s:\n%s\nwanted\n%s",
                      accepted[i].what, shown, accepted[i].events);
    }
    decoding_close(&d);
}
END_TEST

static const struct {
    const char *msg, *args, *message;
} formats[] = {
    {"%s", "('a',)", "a"},
    {"%s and %r", "('a', 'b')", "a and 'b'"},
    {"%5.2f%%", "(1.5,)", "1.5%"},
    {"%s", "(\"it's\",)", "it's"},
    {"%s", "('it\\'s\\n',)", "it's\n"},
    {"%s|%s", "([1, 2], {'a': (3, 4)})", "[1, 2]|{'a': (3, 4)}"},
    {"%s", "('a, b',)", "a, b"},
    {"%d %i %x %c", "(1, 2, 3, 'c')", "1 2 3 c"},
    /* what does not fit stays as it is */
    {"%s %s", "('a',)", "%s %s"},
    {"%s", "('a', 'b')", "%s"},
    {"%(a)s", "{'a': 1}", "%(a)s"},
    {"%", "('a',)", "%"},
    {"%q", "('a',)", "%q"},
    {"%s", "('a", "%s"},
    {"plain", "()", "plain"},
    {"%s", "('bob'\xc3\xbc,)", "'bob'\xc3\xbc"},
};

START_TEST(messages_are_formatted_from_text)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct buf body = BUF_INIT;
        const struct label *message;
        const char *part[] = {formats[i].msg, formats[i].args};

        for (int p = 0; p < 2; p++) {
            buf_adds(&body, p ? "&args=" : "msg=");
            for (const char *s = part[p]; *s; s++)
                buf_addf(&body, "%%%02X", (unsigned char)*s);
        }
        decoding_run(&d, decode_form, body.data, body.len);
        message = logevent_field(&d.batch->events[0], "message", 7);
        ck_assert_ptr_nonnull(message);
        ck_assert_msg(message->value_len == strlen(formats[i].message) &&
                          memcmp(message->value, formats[i].message, message->value_len) == 0,
                      "%s %s: %.*s", formats[i].msg, formats[i].args, (int)message->value_len,
                      message->value);
        buf_free(&body);
    }
    decoding_close(&d);
}
END_TEST

START_TEST(forms_have_bounds)
{
    struct buf body = BUF_INIT;

    decoding_open(&d);
    decoding_run(&d, decode_form, "", 0);
    ck_assert_int_eq(d.e.code, ERR_INPUT);
    decoding_run(&d, decode_form, "=x", 2);
    ck_assert_int_eq(d.e.code, ERR_INPUT);
    for (int n = EVENT_RAW_MAX - 1; n <= EVENT_RAW_MAX + 1; n++) {
        buf_clear(&body);
        for (int i = 0; i < n; i++)
            buf_addf(&body, "f%d=x&", i);
        decoding_run(&d, decode_form, body.data, body.len);
        ck_assert_int_eq(d.e.code, n <= EVENT_RAW_MAX ? ERR_NONE : ERR_LIMIT);
    }
    buf_clear(&body);
    buf_addf(&body, "%0256d=x", 1);
    decoding_run(&d, decode_form, body.data, body.len);
    ck_assert_int_eq(d.e.code, ERR_NONE);
    buf_clear(&body);
    buf_addf(&body, "%0257d=x", 1);
    decoding_run(&d, decode_form, body.data, body.len);
    ck_assert_int_eq(d.e.code, ERR_INPUT);
    buf_free(&body);
    decoding_close(&d);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, records_become_events);
    tcase_add_test(t, messages_are_formatted_from_text);
    tcase_add_test(t, forms_have_bounds);
}

UNIT_MAIN("form", add)
