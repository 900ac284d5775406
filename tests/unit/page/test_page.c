/* Pages are pure: JSON in, HTML out, compared with tests/golden/page (`make approve` writes those
 * files again). Everything in the data that could be markup is. */
#include "unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/mem.h"
#include "page/html.h"

#define X "<b>\\\"'&"

static const struct page_frame frame = {.path = "/",
                                        .who = "",
                                        .may_respond = true,
                                        .csrf = "c5rf",
                                        .now_ms = 1767600000000}; /* 2026-01-05T08:00:00Z */

START_TEST(text_is_escaped)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"<script>", "&lt;script&gt;"},
        {"a\"b'c&d", "a&quot;b&#39;c&amp;d"},
        {"&lt;", "&amp;lt;"},
        {"two\nlines\t", "two\nlines\t"},
        {"\x01\x1f\x7f\r", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5"},
        {"\xff<", "\xef\xbf\xbd&lt;"},
        {"\xc3<", "\xef\xbf\xbd&lt;"}, /* a cut sequence does not swallow what follows */
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\xbcscript", "\xef\xbf\xbd\xef\xbf\xbdscript"}, /* an overlong < */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;

        html_text(&b, cases[i].in);
        ck_assert_str_eq(buf_str(&b), cases[i].out);
        buf_free(&b);
    }
}
END_TEST

START_TEST(only_web_addresses_become_links)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"https://x/?a=1&b=\"",
         "<a rel=\"noopener noreferrer\" href=\"https://x/?a=1&amp;b=&quot;\">"
         "https://x/?a=1&amp;b=&quot;</a>"},
        {"javascript:alert(1)", "javascript:alert(1)"},
        {" https://x", " https://x"},
        {"data:text/html,<b>", "data:text/html,&lt;b&gt;"},
        {"//evil", "//evil"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;

        html_link(&b, cases[i].in);
        ck_assert_str_eq(buf_str(&b), cases[i].out);
        buf_free(&b);
    }
}
END_TEST

START_TEST(parts_of_addresses_are_encoded)
{
    struct buf b = BUF_INIT;

    html_url(&b, "a/b?c=\"<\xc3\xa9 .-_~");
    ck_assert_str_eq(buf_str(&b), "a%2Fb%3Fc%3D%22%3C%C3%A9%20.-_~");
    buf_free(&b);
}
END_TEST

START_TEST(times_are_clock_and_age)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"2026-01-05T07:56:00.000Z", "<time datetime=\"2026-01-05T07:56:00.000Z\" "
                                     "title=\"2026-01-05T07:56:00.000Z\">07:56:00 UTC"
                                     "</time> <small>4m ago</small>"},
        {"2026-01-05T09:00:00.000Z", "<time datetime=\"2026-01-05T09:00:00.000Z\" "
                                     "title=\"2026-01-05T09:00:00.000Z\">09:00:00 UTC"
                                     "</time> <small>in 1h</small>"},
        {"2026-01-05T08:00:00.900Z", "<time datetime=\"2026-01-05T08:00:00.900Z\" "
                                     "title=\"2026-01-05T08:00:00.900Z\">08:00:00 UTC"
                                     "</time> <small>now</small>"},
        {"<b>", ""},
        {NULL, ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;

        html_time(&b, &frame, cases[i].in);
        ck_assert_str_eq(buf_str(&b), cases[i].out);
        buf_free(&b);
    }
}
END_TEST

/* Data that nests without end or is huge ends the page, not the process. */
START_TEST(json_as_it_is_has_bounds)
{
    struct buf text = BUF_INIT, b = BUF_INIT;
    cJSON *v;

    for (int i = 0; i < 500; i++)
        buf_adds(&text, "[");
    for (int i = 0; i < 500; i++)
        buf_adds(&text, "]");
    v = cJSON_Parse(buf_str(&text));
    html_json(&b, v);
    ck_assert_uint_lt(b.len, 400);
    cJSON_Delete(v);
    buf_clear(&text);
    buf_clear(&b);
    buf_addc(&text, '[');
    for (int i = 0; i < 50000; i++)
        buf_adds(&text, "\"some text\",");
    buf_adds(&text, "1]");
    v = cJSON_Parse(buf_str(&text));
    html_json(&b, v);
    ck_assert_uint_lt(b.len, 70000);
    cJSON_Delete(v);
    buf_free(&text);
    buf_free(&b);
}
END_TEST

/* --- golden pages ---------------------------------------------------------------------------------- */

typedef void (*page_writer)(struct buf *out, const struct page_frame *f, const cJSON *data);

static void golden(const char *name, const struct buf *got)
{
    struct err e;
    char path[128], *want;
    size_t len;

    ck_assert(buf_ok(got));
    snprintf(path, sizeof path, "tests/golden/page/%s.html", name);
    if (getenv("TOCSIN_APPROVE")) {
        ck_assert_msg(file_write(path, got->data, got->len, &e) == 0, "%s", e.text);
        return;
    }
    want = file_read(path, 1 << 20, &len, &e);
    ck_assert_msg(want, "%s (make approve writes it)", e.text);
    ck_assert_msg(strcmp(want, buf_str(got)) == 0, "%s differs, got:\n%.3000s", path, buf_str(got));
    mem_free(want);
}

/* Nothing of the hostile text is left as it was. */
static void is_escaped(const struct buf *b)
{
    ck_assert_ptr_null(strstr(buf_str(b), "<b>\""));
    ck_assert_ptr_null(strstr(buf_str(b), "\"'"));
    ck_assert_ptr_nonnull(strstr(buf_str(b), "&lt;b&gt;&quot;&#39;&amp;"));
}

static void check_page(const char *name, page_writer page, const char *json, const char *notice)
{
    cJSON *data = cJSON_Parse(json), *nothing = cJSON_Parse("{}");
    struct page_frame f = frame;
    struct buf b = BUF_INIT;

    ck_assert_msg(data, "%s", name);
    f.notice = notice;
    page(&b, &f, data);
    is_escaped(&b);
    golden(name, &b);
    buf_clear(&b);
    page(&b, &f, nothing); /* missing members are no bug */
    page(&b, &f, NULL);
    ck_assert(buf_ok(&b));
    buf_free(&b);
    cJSON_Delete(data);
    cJSON_Delete(nothing);
}

#define WHEN "\"2026-01-05T07:56:00.000Z\""
#define OPEN                                                                                     \
    "{\"number\":412,\"open\":true,\"priority\":\"P1\",\"summary\":\"" X "\","                   \
    "\"groupLabels\":{\"service\":\"" X "\"},\"openedAt\":" WHEN ",\"firing\":3,\"resolved\":0," \
    "\"held\":1,\"acknowledged\":{\"by\":\"" X "\",\"note\":\"" X "\",\"at\":" WHEN "}"
#define ENDED                                                                                   \
    "{\"number\":411,\"open\":false,\"priority\":\"P2\",\"summary\":\"over\",\"endedAt\":" WHEN \
    ",\"openedAt\":" WHEN ",\"firing\":0,\"resolved\":1,\"held\":0,\"acknowledged\":null}"
#define SILENCE                                                                                  \
    "{\"id\":\"7d0e/../x\",\"short\":\"s31\",\"matchers\":[{\"name\":\"a\",\"value\":\"" X "\"," \
    "\"isRegex\":true,\"isEqual\":false},{\"name\":\"b\",\"value\":\"c\"}],\"startsAt\":" WHEN   \
    ",\"endsAt\":\"2026-01-05T09:00:00.000Z\",\"createdBy\":\"" X "\",\"comment\":\"" X "\","    \
    "\"status\":{\"state\":\"active\"},\"incident\":412,\"muted\":3}"
#define RULE                                                                                \
    "{\"name\":\"" X "\",\"file\":\"" X "\",\"line\":12,\"state\":\"broken\",\"groups\":4," \
    "\"alerts\":{\"firing\":1,\"pending\":2},\"error\":\"" X "\",\"lastLook\":" WHEN "}"
#define REJECTED "[{\"file\":\"" X "\",\"error\":\"" X "\"}]"

START_TEST(overview)
{
    check_page("overview", page_overview,
               "{\"incidents\":[" OPEN "}],\"ended\":[" ENDED "],\"silences\":[" SILENCE
               "],\"broken\":[" RULE "],\"status\":{\"version\":\"" X
               "\",\"shadow\":true,\"rules\":{\"count\":6},\"redis\":{\"up\":false,\"why\":\"" X
               "\"},\"reasons\":[{\"check\":\"" X "\",\"ok\":false,\"text\":\"" X
               "\"},{\"check\":\"fine\",\"ok\":true}],\"rejected\":" REJECTED
               ",\"deliveries\":{\"dead\":2},\"lanes\":[{\"lane\":\"" X "\",\"failingSince\":" WHEN
               ",\"lastError\":\"" X "\"},{\"lane\":\"good\"}]}}",
               NULL);
}
END_TEST

START_TEST(incident)
{
    check_page(
        "incident", page_incident,
        "{\"incident\":" OPEN ",\"alerts\":[{\"fingerprint\":\"" X "\",\"state\":\"firing\","
        "\"priority\":\"P1\",\"labels\":{\"alertname\":\"" X "\"},\"annotations\":{\"summary\":\"" X
        "\",\"" X "\":\"javascript:" X "\",\"runbook_url\":\"https://x/" X "\"},\"startsAt\":" WHEN
        ",\"heldBy\":\"" X "\",\"noDataSince\":" WHEN ",\"why\":{\"at\":" WHEN
        ",\"tree\":[{\"level\":\"P1\",\"tree\":"
        "{\"node\":\"" X "\",\"truth\":\"true\",\"children\":[{\"node\":\"r\",\"value\":0.2,"
        "\"shown\":\"" X
        "\",\"children\":[]},{\"node\":\"s\",\"value\":null,\"children\":[]}]}}]}},"
        "{\"fingerprint\":\"2\",\"state\":\"resolved\",\"priority\":\"P3\",\"labels\":{},"
        "\"endsAt\":" WHEN ",\"endReason\":\"" X "\"}]},"
        "\"alerts\":[{\"fingerprint\":\"" X "\",\"text\":[\"" X "\"],\"levels\":[{\"level\":\"" X
        "\",\"tree\":{\"node\":\"" X "\",\"truth\":\"false\"}}]}],"
        "\"notifications\":{\"lanes\":[{\"lane\":\"" X "\",\"state\":\"" X "\",\"last_sent\":" WHEN
        ",\"last_reason\":\"" X "\",\"next\":" WHEN ",\"next_reason\":\"" X
        "\",\"next_reminder\":" WHEN ",\"held\":[\"" X "\"],\"error\":\"" X
        "\"},{\"lane\":\"ops/mail\",\"state\":\"idle\",\"held\":[]}]},"
        "\"history\":[{\"at\":" WHEN ",\"rule\":\"" X "\",\"labels\":{\"" X "\":\"" X
        "\"},\"change\":\"" X "\",\"from\":\"ok\",\"to\":\"P1\",\"reason\":\"" X "\"}]}",
        "Acknowledged.");
}
END_TEST

START_TEST(preview)
{
    check_page("preview", page_preview,
               "{\"action\":\"/i/412/silence\",\"back\":\"/i/412\",\"matchers\":[{\"text\":\"" X
               "\",\"on\":true},{\"text\":\"b\",\"on\":false}],\"for\":\"" X "\",\"comment\":\"" X
               "\",\"by\":\"" X "\",\"error\":\"" X
               "\",\"preview\":{\"wide\":true,\"confirm\":214,\"mutes\":{\"now\":214},\"text\":\"" X
               "\"}}",
               NULL);
}
END_TEST

START_TEST(inbox)
{
    check_page("inbox", page_inbox,
               "[{\"n\":7,\"at\":" WHEN ",\"receiver\":\"" X "\",\"incident\":412,\"status\":\"" X
               "\",\"text\":\"" X "\",\"payload\":{\"priority\":\"" X "\"}},"
               "{\"n\":6,\"at\":" WHEN ",\"receiver\":\"r\",\"incident\":0,\"status\":\"firing\","
               "\"text\":\"two\\nlines\",\"payload\":{\"priority\":\"" X "\"}}]",
               NULL);
}
END_TEST

START_TEST(silences)
{
    check_page("silences", page_silences, "[" SILENCE "]", NULL);
}
END_TEST

START_TEST(rules)
{
    check_page("rules", page_rules, "{\"rules\":[" RULE "],\"rejected\":" REJECTED "}", NULL);
}
END_TEST

START_TEST(message)
{
    struct page_frame f = frame;
    struct buf b = BUF_INIT;

    f.who = "<b>\"'&";
    page_message(&b, &f, "<b>\"'&", "<b>\"'&");
    is_escaped(&b);
    golden("message", &b);
    buf_free(&b);
}
END_TEST

START_TEST(who_may_only_read_sees_no_forms)
{
    cJSON *data = cJSON_Parse("{\"incident\":" OPEN "}}"), *list = cJSON_Parse("[" SILENCE "]");
    struct page_frame f = frame;
    struct buf b = BUF_INIT;

    f.may_respond = false;
    page_incident(&b, &f, data);
    page_silences(&b, &f, list);
    ck_assert_ptr_null(strstr(buf_str(&b), "<form"));
    ck_assert_ptr_null(strstr(buf_str(&b), "c5rf"));
    buf_free(&b);
    cJSON_Delete(data);
    cJSON_Delete(list);
}
END_TEST

/* Every allocation that fails leaves a page that is known to be bad. */
START_TEST(no_memory_is_noticed)
{
    cJSON *data = cJSON_Parse("{\"incidents\":[" OPEN "}],\"status\":{\"rejected\":" REJECTED "}}");
    bool failed = true;

    for (long n = 1; failed; n++) {
        struct buf b = BUF_INIT;

        ck_assert_int_lt(n, 1000);
        mem_fail_at(n);
        page_overview(&b, &frame, data);
        failed = mem_failed();
        mem_fail_at(0);
        ck_assert_msg(buf_ok(&b) == !failed, "allocation %ld", n);
        buf_free(&b);
    }
    cJSON_Delete(data);
}
END_TEST

START_TEST(nothing_turns_the_direction_of_a_page)
{
    struct buf b = BUF_INIT;

    html_text(&b, "a\xe2\x80\xae"
                  "b\x1b\xc2\x9b"
                  "c\nd");
    ck_assert_str_eq(buf_str(&b), "a\xef\xbf\xbd"
                                  "b\xef\xbf\xbd\xef\xbf\xbd"
                                  "c\nd");
    buf_free(&b);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, nothing_turns_the_direction_of_a_page);
    setenv("TZ", "UTC", 1);
    tcase_add_test(t, text_is_escaped);
    tcase_add_test(t, only_web_addresses_become_links);
    tcase_add_test(t, parts_of_addresses_are_encoded);
    tcase_add_test(t, times_are_clock_and_age);
    tcase_add_test(t, json_as_it_is_has_bounds);
    tcase_add_test(t, overview);
    tcase_add_test(t, incident);
    tcase_add_test(t, preview);
    tcase_add_test(t, inbox);
    tcase_add_test(t, silences);
    tcase_add_test(t, rules);
    tcase_add_test(t, message);
    tcase_add_test(t, who_may_only_read_sees_no_forms);
    tcase_add_test(t, no_memory_is_noticed);
}

UNIT_MAIN("page", add)
