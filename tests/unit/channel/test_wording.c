#include "channel/wording.h"

#include "notices.h"
#include "unit.h"

typedef void (*words)(const struct notice *x, struct buf *out);

static void says(words f, const struct notice *x, const char *want)
{
    struct buf b = BUF_INIT;

    f(x, &b);
    ck_assert_str_eq(buf_str(&b), want);
    buf_free(&b);
}

static void plain(const struct notice *x, struct buf *out)
{
    wording_plain(x, NULL, out);
}

static void broken(const struct notice *x, struct buf *out)
{
    wording_plain(x, "slack.lua:3: attempt to call nil", out);
}

START_TEST(the_title_is_one_line_for_a_lock_screen)
{
    struct example e;

    example_make(&e);
    says(wording_title, &e.x,
         "P1 checkout: 23% of requests fail (limit 2%) · 3 alerts · 02:41 UTC · #412");
    e.x.n_alerts = e.x.n_firing = 1;
    says(wording_title, &e.x, "P1 checkout: 23% of requests fail (limit 2%) · 02:41 UTC · #412");
    e.pairs[0][0].value = "a\nb\r\nc: is over the limit";
    says(wording_title, &e.x, "P1 checkout: a b  c: is over the limit · 02:41 UTC · #412");
    e.pairs[0][0].value = "Zürich \xe2\x80\xae"
                          "is\x1b\xff full";
    says(wording_title, &e.x, "P1 checkout: Zürich  is   full (limit 2%) · 02:41 UTC · #412");
    e.pairs[0][0].value = "a\nb\r\nc: is over the limit";
    e.x.reason = REASON_TEST;
    e.x.incident = 0;
    says(wording_title, &e.x, "Test: P1 checkout: a b  c: is over the limit · 02:41 UTC");
}
END_TEST

START_TEST(what_is_over_says_so_first)
{
    struct example e;

    example_make(&e);
    example_resolve(&e);
    says(wording_title, &e.x,
         "Resolved: P1 checkout: 23% of requests fail, 0.4% now · 3 alerts · 02:58 UTC · #412");
    e.x.ended_ms = 0; /* others have alerts of the incident that are on */
    says(wording_title, &e.x,
         "Resolved: P1 checkout: 23% of requests fail, 0.4% now · 3 alerts · 02:58 UTC · #412");
    e.x.firing = true; /* some of it goes on: those are counted */
    e.x.n_firing = 2;
    says(wording_title, &e.x, "P1 checkout: 23% of requests fail · 2 alerts · 02:41 UTC · #412");
}
END_TEST

START_TEST(long_or_missing_texts_have_bounds)
{
    struct example e;
    static char summary[1000];
    struct buf b = BUF_INIT;

    example_make(&e);
    for (size_t n = 299; n <= 301; n++) {
        memset(summary, 's', n);
        summary[n] = '\0';
        e.pairs[0][0].value = summary;
        buf_clear(&b);
        wording_detail(&e.x, &e.alerts[0], &b);
        ck_assert_int_eq(strstr(buf_str(&b), "…") != NULL, n > 300);
    }
    buf_free(&b);
    says(wording_group, &e.x, "checkout");
    e.x.n_group_labels = 0;
    says(wording_group, &e.x, "HighErrorRate");
    e.x.n_alerts = 0;
    says(wording_group, &e.x, "");
    says(wording_title, &e.x, "P1  · 3 alerts · 02:41 UTC · #412");
}
END_TEST

START_TEST(an_alert_is_told_by_what_differs)
{
    struct example e;
    struct buf b = BUF_INIT;

    example_make(&e);
    wording_where(&e.x, &e.alerts[0], &b);
    buf_adds(&b, "|");
    wording_where(&e.x, &e.alerts[2], &b);
    buf_adds(&b, "|");
    wording_alert(&e.x, &e.alerts[1], &b);
    buf_adds(&b, "|");
    wording_detail(&e.x, &e.alerts[2], &b);
    ck_assert_str_eq(buf_str(&b),
                     "eu-1|orders|HighLatencyP99 2.8s (limit 400ms)|5,120 (limit 1,000)");
    buf_free(&b);
}
END_TEST

START_TEST(times_are_told_as_people_say_them)
{
    struct example e;
    struct notice_alert *a = &e.alerts[0];
    static const struct {
        bool firing, missed, moved, has_value;
        int64_t at_ms;
        const char *reason, *want;
    } cases[] = {
        {true, false, false, true, 0, "", "since 02:41 UTC"},
        {true, false, false, true, MIN - 1, "", "since 02:41 UTC"},
        {true, false, false, true, MIN, "", "since 02:41 UTC, 1m"},
        {true, false, false, true, 79 * MIN, "", "since 02:41 UTC, 1h19m"},
        {false, false, false, true, 17 * MIN, "condition cleared",
         "resolved 02:58 UTC after 17m · 23% now, peak 31%"},
        {false, false, false, false, 17 * MIN, "gone",
         "resolved 02:58 UTC after 17m, gone: its series ended at 02:41 UTC while its source goes "
         "on"},
        {false, false, false, false, 17 * MIN, "forgotten",
         "resolved 02:58 UTC after 17m, forgotten"},
        {false, true, false, true, 4 * MIN, "", "fired 02:41 UTC, resolved 02:45 UTC"},
        {false, false, true, false, 4 * MIN, "routed elsewhere",
         "moved 02:45 UTC after 4m, routed elsewhere"},
    };

    example_make(&e);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;

        a->firing = cases[i].firing;
        a->missed = cases[i].missed;
        a->moved = cases[i].moved;
        a->has_value = cases[i].has_value;
        a->end_reason = cases[i].reason;
        a->gone_ms = strcmp(cases[i].reason, "gone") == 0 ? AT_MS : 0;
        a->ends_ms = cases[i].firing ? 0 : AT_MS + cases[i].at_ms;
        e.x.at_ms = AT_MS + cases[i].at_ms;
        wording_when(&e.x, a, &b);
        ck_assert_str_eq(buf_str(&b), cases[i].want);
        buf_free(&b);
    }
}
END_TEST

START_TEST(plain_text_says_all_of_it)
{
    struct example e;

    example_make(&e);
    says(plain, &e.x,
         "P1 checkout: 23% of requests fail (limit 2%) · 3 alerts · 02:41 UTC · #412\n"
         "- P1 HighErrorRate eu-1 · 23% of requests fail (limit 2%) · since 02:41 UTC\n"
         "- P2 HighLatencyP99 eu-1 · 2.8s (limit 400ms) · since 02:41 UTC\n"
         "- P2 QueueBacklog orders · 5,120 (limit 1,000) · since 02:41 UTC\n"
         "http://t.example/i/412\n"
         "Runbook: https://wiki.example/a?b=1&c=2\n");
    e.x.reason = REASON_SILENCE_ENDED;
    e.x.reason_text = "was silenced until now by s31";
    e.x.ack.who = "ana";
    e.x.n_silenced = 2;
    e.x.truncated = 7;
    e.x.degraded = true;
    e.alerts[0].freed_by = "s31";
    e.alerts[0].nodata_ms = AT_MS;
    e.x.n_alerts = 1;
    says(broken, &e.x,
         "P1 checkout: 23% of requests fail (limit 2%) · 3 alerts · 02:41 UTC · #412\n"
         "was silenced until now by s31\n"
         "Redis is away: this message may come twice.\n"
         "ana has it.\n"
         "- P1 HighErrorRate eu-1 · 23% of requests fail (limit 2%) · since 02:41 UTC · was held "
         "back "
         "until now by s31 · no data since 02:41 UTC\n"
         "and 7 more\n"
         "2 more firing, held back\n"
         "http://t.example/i/412\n"
         "Runbook: https://wiki.example/a?b=1&c=2\n"
         "(plain text, because the template failed: slack.lua:3: attempt to call nil)\n");
}
END_TEST

START_TEST(why_a_message_comes_is_told_once)
{
    struct example e;

    example_make(&e);
    says(wording_notes, &e.x, "");
    e.x.fallback_for = "ops/webhook";
    says(wording_notes, &e.x, "You get this because ops/webhook did not take it.\n");
    e.x.reason = REASON_NEW_ALERTS;
    e.x.reason_text = "new alerts; ops/webhook did not take it";
    says(wording_notes, &e.x, "new alerts; ops/webhook did not take it\n");
    e.x.reason = REASON_FIRST;
    e.x.reason_text = "first notification; late by 20m after an outage";
    e.x.late_ms = 20 * MIN;
    e.x.fallback_for = "";
    says(wording_notes, &e.x, "first notification; late by 20m after an outage\n");
}
END_TEST

START_TEST(fifty_alerts_are_listed_and_the_rest_counted)
{
    struct example e;
    struct notice_alert many[51];
    struct buf b = BUF_INIT;

    example_make(&e);
    for (size_t i = 0; i < 51; i++)
        many[i] = e.alerts[0];
    e.x.alerts = many;
    for (size_t n = 49; n <= 51; n++) {
        size_t lines = 0;

        e.x.n_alerts = n;
        buf_clear(&b);
        wording_plain(&e.x, NULL, &b);
        for (const char *p = buf_str(&b); (p = strstr(p, "\n- ")); p++)
            lines++;
        ck_assert_uint_eq(lines, n < 50 ? n : 50);
        ck_assert_int_eq(strstr(buf_str(&b), "and 1 more") != NULL, n == 51);
    }
    buf_free(&b);
}
END_TEST

START_TEST(a_receiver_is_quoted_as_a_regular_expression)
{
    struct notice x = a_notice(NULL, 0);

    x.receiver = "my.recv/(a+b)";
    says(wording_receiver, &x, "my\\.recv/\\(a\\+b\\)");
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, the_title_is_one_line_for_a_lock_screen);
    tcase_add_test(t, what_is_over_says_so_first);
    tcase_add_test(t, long_or_missing_texts_have_bounds);
    tcase_add_test(t, an_alert_is_told_by_what_differs);
    tcase_add_test(t, times_are_told_as_people_say_them);
    tcase_add_test(t, plain_text_says_all_of_it);
    tcase_add_test(t, why_a_message_comes_is_told_once);
    tcase_add_test(t, fifty_alerts_are_listed_and_the_rest_counted);
    tcase_add_test(t, a_receiver_is_quoted_as_a_regular_expression);
}

UNIT_MAIN("wording", add)
