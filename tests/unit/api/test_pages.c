/* The pages and their forms, over a real server. */
#include "api/stage.h"

#define ORIGIN  "Origin: http://127.0.0.1:9393\r\n"
#define HOSTILE "<script>alert(1)</script>\"'&"

static struct answer post_form(const char *path, const char *head, const char *fields)
{
    struct buf body = BUF_INIT, lines = BUF_INIT;
    struct answer page = get("/silences"), a;
    const char *at = strstr(page.body, "name=\"csrf\" value=\"");

    ck_assert_ptr_nonnull(at);
    buf_addf(&body, "csrf=%.32s&%s", at + strlen("name=\"csrf\" value=\""), fields);
    buf_addf(&lines, "%s%s", FORM_TYPE, head);
    a = ask("POST", path, buf_str(&lines), buf_str(&body));
    answer_free(&page);
    buf_free(&body);
    buf_free(&lines);
    return a;
}

#define HAS(a, text)   ck_assert_msg(strstr((a).body, text), "no \"%s\" in %.3000s", text, (a).body)
#define HASNT(a, text) ck_assert_msg(!strstr((a).body, text), "\"%s\" in %.3000s", text, (a).body)

START_TEST(every_page_has_its_guards_and_escapes)
{
    static const char *const pages[] = {"/", "/i/1", "/inbox", "/silences", "/rules", "/nowhere"};
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed(HOSTILE, 5120);
    WAIT_FOR(notify_waiting(st.notify, "everyone/inbox", NULL) == 0);
    a = post("/api/tocsin/v1/silences", "{\"matchers\":[\"x=\\\"<b>&\\\"\"],\"for\":\"1h\","
                                        "\"comment\":\"<img src=x>\",\"by\":\"<i>ana\"}");
    ck_assert_int_eq(a.status, 201);
    answer_free(&a);
    a = post("/api/tocsin/v1/incidents/1/ack", "{\"note\":\"</p><b>\",\"by\":\"<i>ana\"}");
    ck_assert_int_eq(a.status, 200);
    answer_free(&a);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        a = get(pages[i]);
        ck_assert_int_eq(a.status, strcmp(pages[i], "/nowhere") == 0 ? 404 : 200);
        ck_assert_ptr_nonnull(strstr(a.head, "Content-Security-Policy: default-src 'none'; "));
        ck_assert_ptr_nonnull(strstr(a.head, "Referrer-Policy: same-origin"));
        ck_assert_ptr_nonnull(strstr(a.head, "X-Content-Type-Options: nosniff"));
        ck_assert_ptr_nonnull(strstr(a.head, "Content-Type: text/html; charset=utf-8"));
        HASNT(a, "<script");
        HASNT(a, "<img");
        HASNT(a, "<i>ana");
        HASNT(a, "</p><b>");
        HASNT(a, "style=");
        HASNT(a, "<unexpected>");
        answer_free(&a);
    }
    a = get("/");
    HAS(a, "1 open");
    HAS(a, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;");
    HAS(a, "&lt;i&gt;ana has it");
    HAS(a, "rules/bad.lua");
    answer_free(&a);
    a = get("/i/1");
    HAS(a, "https://wiki.example.com/backlog</a>");
    HAS(a, "Where it went");
    HAS(a, "everyone/inbox");
    HAS(a, "fired");
    answer_free(&a);
    a = get("/inbox");
    HAS(a, "href=\"/i/1\"");
    answer_free(&a);
    a = get("/silences");
    HAS(a, "&lt;img src=x&gt;");
    answer_free(&a);
    a = get("/rules");
    HAS(a, "SlowBacklog");
    HAS(a, "unmatched");
    answer_free(&a);
    a = get("/style.css");
    ck_assert_ptr_nonnull(strstr(a.head, "text/css"));
    HAS(a, "prefers-color-scheme");
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(forms_act_only_from_the_page)
{
    static const struct {
        const char *head, *body;
        int status;
    } cases[] = {
        {FORM_TYPE ORIGIN, "by=ana", 403},
        {FORM_TYPE ORIGIN, "csrf=&by=ana", 403},
        {FORM_TYPE ORIGIN, "csrf=00000000000000000000000000000000&by=ana", 403},
        {FORM_TYPE "Origin: http://evil.example.com\r\n", "CSRF", 403},
        {FORM_TYPE "Origin: null\r\n", "CSRF", 403},
        {FORM_TYPE "Sec-Fetch-Site: cross-site\r\n", "CSRF", 403},
        {"Content-Type: text/plain\r\n" ORIGIN, "CSRF", 415},
        {JSON_TYPE ORIGIN, "{}", 415},
        {FORM_TYPE ORIGIN, "CSRF&by=%zz", 400},
    };
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer page = get("/i/1");
        const char *csrf = strstr(page.body, "name=\"csrf\" value=\"");
        const char *rest = strncmp(cases[i].body, "CSRF", 4) == 0 ? cases[i].body + 4 : NULL;
        char body[200];

        ck_assert_ptr_nonnull(csrf);
        snprintf(body, sizeof body, "%s%.32s%s", rest ? "csrf=" : cases[i].body,
                 rest ? csrf + strlen("name=\"csrf\" value=\"") : "", rest ? rest : "");
        a = ask("POST", "/i/1/ack", cases[i].head, body);
        ck_assert_msg(a.status == cases[i].status, "case %zu: %d", i, a.status);
        answer_free(&a);
        answer_free(&page);
    }
    a = get("/api/tocsin/v1/incidents/1");
    ck_assert(cJSON_IsNull(at(a.json, "acknowledged")));
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(get_never_acts)
{
    static const char *const paths[] = {"/i/1/ack",
                                        "/i/1/release",
                                        "/i/1/silence",
                                        "/silences/s1/expire",
                                        "/api/tocsin/v1/incidents/1/ack",
                                        "/api/tocsin/v1/reload",
                                        "/-/reload"};

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct answer a = get(paths[i]);

        ck_assert_msg(a.status == 405, "%s: %d", paths[i], a.status);
        answer_free(&a);
    }
    ck_assert_int_eq(st.reloads, 0);
    stage_close();
}
END_TEST

START_TEST(acknowledged_and_released_on_the_page)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    a = get("/i/1");
    HAS(a, "nobody has it");
    HASNT(a, "/i/1/release");
    answer_free(&a);
    a = post_form("/i/1/ack", ORIGIN, "for=2h&by=ana&note=on+it");
    ck_assert_int_eq(a.status, 303);
    ck_assert_ptr_nonnull(strstr(a.head, "Location: /i/1?done=ack\r\n"));
    answer_free(&a);
    a = get("/i/1?done=ack");
    HAS(a, "Acknowledged: reminders are stopped.");
    HAS(a, "ana has it");
    HAS(a, "on it");
    HAS(a, "/i/1/release");
    answer_free(&a);
    a = get("/i/1?done=%3Cb%3E");
    HASNT(a, "<b>\"");
    HASNT(a, "class=\"notice\"");
    answer_free(&a);
    a = post_form("/i/1/ack", ORIGIN, "for=soon&by=ana");
    ck_assert_int_eq(a.status, 400);
    answer_free(&a);
    fake_db_down(st.db, 0);
    a = post_form("/i/1/release", ORIGIN, "by=ana");
    ck_assert_ptr_nonnull(strstr(a.head, "Location: /i/1?done=release&durable=0\r\n"));
    answer_free(&a);
    a = post_form("/i/1/release", ORIGIN, "by=ana");
    ck_assert_int_eq(a.status, 409);
    HAS(a, "nobody has acknowledged");
    answer_free(&a);
    a = post_form("/i/9/ack", ORIGIN, "by=ana");
    ck_assert_int_eq(a.status, 404);
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(silenced_on_the_page_after_a_preview)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    a = post_form("/i/1/silence", ORIGIN, "for=4h");
    ck_assert_int_eq(a.status, 200);
    HAS(a, "Mutes 1 firing now (#1)");
    HAS(a, "checked value=\"alertname=&quot;Backlog&quot;\"");
    HAS(a, "checked value=\"queue=&quot;orders&quot;\"");
    HAS(a, "value=\"confirm\"");
    answer_free(&a);
    a = post_form("/i/1/silence", ORIGIN, "for=resolved");
    ck_assert_int_eq(a.status, 200);
    answer_free(&a);
    a = post_form("/i/1/silence", ORIGIN, "for=soon");
    ck_assert_int_eq(a.status, 409);
    HAS(a, "How long?");
    answer_free(&a);
    /* one label unticked: it stays offered */
    a = post_form("/i/1/silence", ORIGIN,
                  "all=alertname%3D%22Backlog%22&all=queue%3D%22orders%22&"
                  "m=alertname%3D%22Backlog%22&for=4h&by=ana&step=preview");
    ck_assert_int_eq(a.status, 200);
    HAS(a, "name=\"m\" value=\"queue=&quot;orders&quot;\"");
    answer_free(&a);
    a = get("/api/tocsin/v1/silences");
    ck_assert_str_eq(a.body, "[]");
    answer_free(&a);
    /* nothing ticked */
    a = post_form("/i/1/silence", ORIGIN, "all=queue%3D%22orders%22&for=4h&step=confirm");
    ck_assert_int_eq(a.status, 409);
    HAS(a, "at least one matcher");
    HASNT(a, "value=\"confirm\"");
    answer_free(&a);
    a = post_form("/i/1/silence", ORIGIN,
                  "all=queue%3D%22orders%22&m=queue%3D%22orders%22&for=4h&by=ana&comment=disk+"
                  "swap&step=confirm");
    ck_assert_int_eq(a.status, 303);
    ck_assert_ptr_nonnull(strstr(a.head, "Location: /i/1?done=silence\r\n"));
    answer_free(&a);
    a = get("/api/tocsin/v1/silences/s1");
    ck_assert_str_eq(text_at(a.json, "createdBy"), "ana");
    ck_assert_str_eq(text_at(a.json, "comment"), "disk swap");
    ck_assert_str_eq(text_at(a.json, "origin"), "page");
    ck_assert(number_at(a.json, "incident") == 1);
    answer_free(&a);
    a = get("/");
    HAS(a, ">s1</a>");
    HAS(a, "(1 held back)");
    answer_free(&a);
    a = post_form("/silences/s1/expire", ORIGIN, "by=ana");
    ck_assert_int_eq(a.status, 303);
    answer_free(&a);
    a = get("/silences?done=expire");
    HAS(a, "The silence has ended.");
    HAS(a, "expired");
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(silences_from_their_own_page)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    a = post_form("/silences", ORIGIN, "matchers=team%3Dweb%0D%0A%0D%0A++env%3Dprod&for=2h");
    ck_assert_int_eq(a.status, 200);
    HAS(a, "value=\"team=web\"");
    HAS(a, "value=\"env=prod\"");
    HAS(a, "Mutes 0 firing now");
    answer_free(&a);
    a = post_form("/silences", ORIGIN, "matchers=%28&for=2h");
    ck_assert_int_eq(a.status, 409);
    answer_free(&a);
    a = post_form("/silences", ORIGIN, "matchers=team!%3Dweb&for=2h");
    ck_assert_int_eq(a.status, 409);
    HAS(a, "every matcher is negative");
    answer_free(&a);
    a = post_form("/silences", ORIGIN, "all=team%3Dweb&m=team%3Dweb&for=2h&by=bo&step=confirm");
    ck_assert_ptr_nonnull(strstr(a.head, "Location: /silences?done=silence\r\n"));
    answer_free(&a);
    a = post_form("/silences/s7/expire", ORIGIN, "by=bo");
    ck_assert_int_eq(a.status, 400);
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(with_tokens_the_page_shows_forms_to_those_who_may)
{
    struct answer a;

    stage_open(true);
    api_open(st.api);
    stage_feed("orders", 5120);
    a = ask("GET", "/i/1", "Authorization: Bearer tok-read\r\n", NULL);
    HASNT(a, "<form");
    HAS(a, "reader");
    answer_free(&a);
    a = ask("GET", "/i/1", "Authorization: Bearer tok-respond\r\n", NULL);
    HAS(a, "<form");
    HASNT(a, "name=\"by\"");
    answer_free(&a);
    a = ask("POST", "/i/1/ack", FORM_TYPE "Authorization: Bearer tok-read\r\n", "");
    ck_assert_int_eq(a.status, 403);
    answer_free(&a);
    a = get("/i/1");
    ck_assert_int_eq(a.status, 401);
    ck_assert_ptr_nonnull(strstr(a.head, "WWW-Authenticate: Basic realm=\"Tocsin\""));
    answer_free(&a);
    stage_close();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, every_page_has_its_guards_and_escapes);
    tcase_add_test(t, forms_act_only_from_the_page);
    tcase_add_test(t, get_never_acts);
    tcase_add_test(t, acknowledged_and_released_on_the_page);
    tcase_add_test(t, silenced_on_the_page_after_a_preview);
    tcase_add_test(t, silences_from_their_own_page);
    tcase_add_test(t, with_tokens_the_page_shows_forms_to_those_who_may);
}

UNIT_MAIN("api pages", add)
