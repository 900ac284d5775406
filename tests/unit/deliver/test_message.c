/* Messages as channels make them from hand-made notices. What the shipped templates give is
 * compared with tests/golden/deliver; `make approve` writes those files again. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/builtin.h"
#include "base/files.h"
#include "base/text.h"
#include "tocsin/channel.h"
#include "deliver/sample.h"
#include "channel/wording.h"
#include "channel/notices.h"
#include "tocsin/deliver.h"
#include "unit.h"

static struct template *shipped(const char *name)
{
    char path[64];
    const struct builtin_file *f;
    struct template *t;
    struct err e = {0};

    snprintf(path, sizeof path, "rules/channels/%s.lua", name);
    f = builtin_find(path);
    ck_assert_ptr_nonnull(f);
    t = template_load(path, f->text, f->len, &e);
    ck_assert_msg(t, "%s", e.text);
    return t;
}

static struct template *of_text(const char *source)
{
    struct err e = {0};
    struct template *t = template_load("x.lua", source, strlen(source), &e);

    ck_assert_msg(t, "%s", e.text);
    return t;
}

/* Configurations of one channel each. */
static const char *const to[] = {"Zo\xc3\xab <zoe@example.com>", "bo@example.com"};
static const struct config_channel webhook = {.type = CHANNEL_WEBHOOK};
static const struct config_channel slack = {.type = CHANNEL_SLACK, .slack_channel = "#ops"};
static const struct config_channel inbox = {.type = CHANNEL_INBOX};
static const struct config_channel email = {.type = CHANNEL_EMAIL,
                                            .from = "Tocsin <tocsin@example.com>",
                                            .to = (const char **)to,
                                            .n_to = 2};

static void make(const struct config_channel *c, struct template *t, const struct notice *x,
                 struct message *m)
{
    struct message_order o = {channel_table[c->type], c, t, "no such template", x};

    ck_assert_int_eq(message_make(&o, m), 0);
}

/* --- golden files --- */

/* Compared byte by byte, but CRLF as LF and JSON indented, so that a change can be read. */
static void golden(const char *name, const struct buf *got)
{
    char path[128];
    struct buf text = BUF_INIT;
    struct err e = {0};
    cJSON *json = cJSON_ParseWithLength(buf_str(got), got->len);
    char *indented = json ? cJSON_Print(json) : NULL, *want;
    size_t len;

    if (indented)
        buf_addf(&text, "%s\n", indented);
    for (size_t i = 0; !indented && i < got->len; i++) {
        ck_assert_msg(got->data[i] != '\n' || (i > 0 && got->data[i - 1] == '\r'),
                      "%s: a line that ends without CR", name);
        if (got->data[i] != '\r')
            buf_addc(&text, got->data[i]);
    }
    snprintf(path, sizeof path, "tests/golden/deliver/%s", name);
    if (getenv("TOCSIN_APPROVE"))
        ck_assert_int_eq(file_write(path, text.data, text.len, &e), 0);
    want = file_read(path, 1u << 20, &len, &e);
    ck_assert_msg(want, "%s (make approve writes it)", e.text);
    ck_assert_msg(len == text.len && memcmp(want, text.data, len) == 0,
                  "%s differs; got:\n%s\nIf that is right: make approve", path, buf_str(&text));
    mem_free(want);
    cJSON_free(indented);
    cJSON_Delete(json);
    buf_free(&text);
}

static void renders(const struct config_channel *c, const char *channel, const char *what,
                    const struct notice *x, const char *extension)
{
    struct template *t = shipped(channel);
    struct message m;
    char name[64];

    make(c, t, x, &m);
    ck_assert_msg(!m.template_failed, "%s", m.error);
    snprintf(name, sizeof name, "%s_%s.%s", channel, what, extension);
    golden(name, &m.body);
    if (c->type == CHANNEL_INBOX)
        ck_assert_ptr_nonnull(strstr(buf_str(&m.text), "23% of requests fail"));
    message_clear(&m);
    template_free(t);
}

START_TEST(shipped_templates_render_what_was_approved)
{
    static const struct {
        const struct config_channel *c;
        const char *name, *extension;
    } cases[] = {{&webhook, "webhook", "json"},
                 {&slack, "slack", "json"},
                 {&inbox, "inbox", "json"},
                 {&email, "email", "eml"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct example e;

        example_make(&e);
        renders(cases[i].c, cases[i].name, "firing", &e.x, cases[i].extension);
        e.x.first = false;
        e.x.seq = 2;
        e.x.reason = REASON_SILENCE_ENDED;
        e.x.reason_text = "was silenced until now by s31";
        e.x.degraded = true;
        e.x.at_ms = AT_MS + 4 * MIN;
        e.x.ack = (struct notice_ack){"ana", "looking", AT_MS + MIN, 0};
        e.x.n_silenced = 2;
        e.x.truncated = 7;
        e.alerts[0].freed_by = "s31";
        e.alerts[1].nodata_ms = AT_MS + MIN;
        renders(cases[i].c, cases[i].name, "freed", &e.x, cases[i].extension);
        example_make(&e);
        example_resolve(&e);
        renders(cases[i].c, cases[i].name, "resolved", &e.x, cases[i].extension);
    }
}
END_TEST

/* Everything a stranger may choose is hostile at once: the text stays text in each sink. */
START_TEST(hostile_texts_stay_text)
{
    static const char *const bad = "\"><script>&|*_`\xff\x01</b>";
    struct example e;
    struct message m;
    struct template *t;
    cJSON *json;

    example_make(&e);
    e.pairs[0][0].value = bad;
    e.pairs[0][1].value = "javascript:alert(1)";
    e.labels[0][1] = label_of("region", bad);
    for (int type = 0; type < CHANNEL_TYPES; type++) {
        static const struct config_channel *const all[] = {&inbox, &webhook, &slack, &email};
        const char *text;

        t = shipped(channel_table[type]->name);
        make(all[type], t, &e.x, &m);
        ck_assert_msg(!m.template_failed, "%s", m.error);
        text = buf_str(&m.body);
        if (type == CHANNEL_EMAIL) {
            ck_assert_ptr_null(strstr(text, "javascript:"));
            text = strstr(text, "text/html");
            ck_assert_ptr_nonnull(text);
            ck_assert_ptr_null(strstr(text, "<script"));
        } else {
            json = cJSON_Parse(text);
            ck_assert_msg(json, "%s: not JSON: %s", channel_table[type]->name, text);
            cJSON_Delete(json);
        }
        if (type == CHANNEL_SLACK) {
            ck_assert_ptr_null(strstr(text, "<script"));
            ck_assert_ptr_null(strstr(text, "javascript:"));
        }
        message_clear(&m);
        template_free(t);
    }
}
END_TEST

/* The first Lua of the document is a whole template. */
START_TEST(the_example_of_the_document_renders)
{
    struct err e = {0};
    size_t len;
    char *text = file_read("docs/channels.md", 1u << 20, &len, &e), *from, *end;
    struct template *t;
    struct example x;
    struct message m;
    cJSON *o;

    ck_assert_msg(text, "%s", e.text);
    from = strstr(text, "```lua\n") + 7;
    end = strstr(from, "```");
    *end = '\0';
    t = of_text(from);
    example_make(&x);
    make(&webhook, t, &x.x, &m);
    ck_assert_msg(!m.template_failed, "%s", m.error);
    o = cJSON_Parse(buf_str(&m.body));
    ck_assert_str_eq(cJSON_GetObjectItem(o, "id")->valuestring, "tocsin-412");
    ck_assert_str_eq(cJSON_GetArrayItem(cJSON_GetObjectItem(o, "lines"), 0)->valuestring,
                     "P1 HighErrorRate eu-1: 23% of requests fail (limit 2%), since 02:41 UTC");
    cJSON_Delete(o);
    message_clear(&m);
    template_free(t);
    mem_free(text);
}
END_TEST

/* --- Alertmanager's body --- */

static void is_v4(const cJSON *o, bool firing)
{
    static const char *const strings[] = {"receiver",    "status",  "notification_reason",
                                          "externalURL", "version", "groupKey"};
    static const char *const objects[] = {"groupLabels", "commonLabels", "commonAnnotations"};
    const cJSON *alert;

    for (size_t i = 0; i < 6; i++)
        ck_assert_msg(cJSON_IsString(cJSON_GetObjectItem(o, strings[i])), "%s", strings[i]);
    for (size_t i = 0; i < 3; i++)
        ck_assert_msg(cJSON_IsObject(cJSON_GetObjectItem(o, objects[i])), "%s", objects[i]);
    ck_assert_str_eq(cJSON_GetObjectItem(o, "version")->valuestring, "4");
    ck_assert_str_eq(cJSON_GetObjectItem(o, "status")->valuestring, firing ? "firing" : "resolved");
    ck_assert(cJSON_IsNumber(cJSON_GetObjectItem(o, "truncatedAlerts")));
    ck_assert(cJSON_IsArray(cJSON_GetObjectItem(o, "alerts")));
    cJSON_ArrayForEach(alert, cJSON_GetObjectItem(o, "alerts"))
    {
        const char *ends = cJSON_GetObjectItem(alert, "endsAt")->valuestring;
        int64_t at_ms;

        ck_assert(cJSON_IsObject(cJSON_GetObjectItem(alert, "labels")));
        ck_assert(cJSON_IsObject(cJSON_GetObjectItem(alert, "annotations")));
        ck_assert_uint_eq(strlen(cJSON_GetObjectItem(alert, "fingerprint")->valuestring), 16);
        ck_assert(cJSON_IsString(cJSON_GetObjectItem(alert, "generatorURL")));
        if (strcmp(cJSON_GetObjectItem(alert, "status")->valuestring, "firing") == 0)
            ck_assert_str_eq(ends, "0001-01-01T00:00:00Z");
        else
            ck_assert_int_eq(text_parse_time(ends, strlen(ends), &at_ms), 0);
    }
}

START_TEST(a_webhook_gets_alertmanagers_body_with_and_without_a_template)
{
    struct template *t = shipped("webhook");

    for (int broken = 0; broken < 2; broken++)
        for (int over = 0; over < 2; over++) {
            struct example e;
            struct message m;
            cJSON *o;

            example_make(&e);
            if (over)
                example_resolve(&e);
            e.x.receiver = "my.recv";
            make(&webhook, broken ? NULL : t, &e.x, &m);
            ck_assert_int_eq(m.template_failed, broken);
            o = cJSON_Parse(buf_str(&m.body));
            is_v4(o, !over);
            ck_assert_str_eq(cJSON_GetObjectItem(o, "receiver")->valuestring, "my\\.recv");
            ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(o, "alerts")), 3);
            if (broken)
                ck_assert_ptr_nonnull(strstr(cJSON_GetObjectItem(o, "text")->valuestring,
                                             "the template failed: no such template"));
            cJSON_Delete(o);
            message_clear(&m);
        }
    template_free(t);
}
END_TEST

START_TEST(empty_maps_and_lists_keep_their_kind)
{
    struct notice_alert bare;
    struct label labels[1];
    struct notice x;
    struct message m;
    struct template *t = shipped("webhook");

    bare = an_alert("A", 1, labels, 1, NULL, 0);
    bare.labels = NULL;
    bare.n_labels = 0;
    x = a_notice(&bare, 1);
    x.n_group_labels = 0;
    make(&webhook, t, &x, &m);
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "\"labels\":{}"));
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "\"annotations\":{}"));
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "\"groupLabels\":{}"));
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "\"commonLabels\":{}"));
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "\"commonAnnotations\":{}"));
    message_clear(&m);
    x.n_alerts = 0;
    make(&webhook, t, &x, &m);
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "\"alerts\":[]"));
    message_clear(&m);
    template_free(t);
}
END_TEST

/* --- length --- */

static struct notice many(struct example *e, struct notice_alert *alerts, size_t n)
{
    example_make(e);
    for (size_t i = 0; i < n; i++) {
        alerts[i] = e->alerts[0];
        alerts[i].fingerprint = i;
    }
    e->x.alerts = alerts;
    e->x.n_alerts = e->x.n_firing = n;
    return e->x;
}

START_TEST(what_is_new_is_shown_however_many_are_on)
{
    static const struct config_channel *const all[] = {&inbox, &webhook, &slack, &email};
    static struct notice_alert alerts[NOTICE_ALERTS_MAX];
    struct example e;
    struct notice x = many(&e, alerts, NOTICE_ALERTS_MAX);
    struct label l = label_of("alertname", "TheNewOne");

    for (size_t i = 0; i < x.n_alerts; i++) {
        alerts[i].priority = i ? 3 : 1;
        alerts[i].is_new = alerts[i].changed = false;
    }
    alerts[x.n_alerts - 1].priority = 5;
    alerts[x.n_alerts - 1].is_new = alerts[x.n_alerts - 1].changed = true;
    alerts[x.n_alerts - 1].labels = &l;
    alerts[x.n_alerts - 1].n_labels = 1;
    for (int type = 0; type < CHANNEL_TYPES; type++) {
        struct config_channel c = *all[type];
        struct template *t = shipped(channel_table[type]->name);
        struct message m;

        c.max_alerts = 50;
        make(&c, t, &x, &m);
        ck_assert_msg(strstr(buf_str(&m.body), "TheNewOne") ||
                          strstr(buf_str(&m.text), "TheNewOne"),
                      "%s does not show it", channel_table[type]->name);
        message_clear(&m);
        template_free(t);
    }
}
END_TEST

START_TEST(a_thousand_alerts_fit_through_every_template)
{
    static const struct config_channel *const all[] = {&inbox, &webhook, &slack, &email};
    static struct notice_alert alerts[NOTICE_ALERTS_MAX];
    struct example e;
    struct notice x = many(&e, alerts, NOTICE_ALERTS_MAX);

    for (int type = 0; type < CHANNEL_TYPES; type++) {
        struct template *t = shipped(channel_table[type]->name);
        struct message m;

        make(all[type], t, &x, &m);
        ck_assert_msg(!m.template_failed, "%s: %s", channel_table[type]->name, m.error);
        ck_assert_uint_le(m.body.len + m.text.len, channel_table[type]->max_bytes);
        if (type == CHANNEL_WEBHOOK) {
            cJSON *o = cJSON_Parse(buf_str(&m.body));

            ck_assert(!m.shortened);
            ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(o, "alerts")), 1000);
            cJSON_Delete(o);
        }
        message_clear(&m);
        template_free(t);
    }
}
END_TEST

START_TEST(a_message_made_in_steps_is_the_one_made_in_one_go)
{
    static const struct config_channel *const all[] = {&inbox, &webhook, &slack, &email};
    static struct notice_alert alerts[NOTICE_ALERTS_MAX];
    struct example e;
    struct notice x = many(&e, alerts, NOTICE_ALERTS_MAX);

    for (int type = 0; type < CHANNEL_TYPES; type++) {
        struct template *t = shipped(channel_table[type]->name);
        struct message_order o = {channel_table[type], all[type], t, NULL, &x};
        struct message whole, m;
        struct making *k = message_begin(&o, &m);
        int steps = 1;

        while (message_step(k, INT64_C(3600) * 1000000) == 0)
            steps++;
        message_end(k);
        ck_assert_int_ge(steps, 15); /* however quick the machine is */
        make(all[type], t, &x, &whole);
        ck_assert(!m.template_failed && m.shortened == whole.shortened);
        ck_assert_uint_eq(m.body.len, whole.body.len);
        ck_assert_int_eq(memcmp(buf_str(&m.body), buf_str(&whole.body), m.body.len), 0);
        ck_assert_str_eq(buf_str(&m.text), buf_str(&whole.text));
        message_clear(&m);
        message_clear(&whole);
        template_free(t);
    }
}
END_TEST

START_TEST(a_message_may_be_given_up_at_each_step_and_its_template_goes_on)
{
    static struct notice_alert alerts[NOTICE_ALERTS_MAX];
    struct example e;
    struct notice x = many(&e, alerts, NOTICE_ALERTS_MAX);
    struct template *t = shipped("webhook");
    struct message_order o = {channel_table[CHANNEL_WEBHOOK], &webhook, t, NULL, &x};
    bool made = false;

    for (int steps = 0; !made; steps++) {
        struct message m;
        struct making *k = message_begin(&o, &m);

        for (int i = 0; i < steps && !made; i++)
            made = message_step(k, INT64_C(3600) * 1000000) == 1;
        message_end(k);
        ck_assert_uint_eq(m.body.len > 0, made);
        ck_assert(!m.template_failed);
        message_clear(&m);
    }
    template_free(t);
}
END_TEST

/* A template whose length is known: 1,000 bytes an alert. */
static const char *const thousand_each =
    "return function(msg) local t = {} for i = 1, 100 * #msg.alerts do t[i] = '0123456789' end "
    "return { text = join(t, ''), left = msg.truncated } end";

START_TEST(a_long_message_leaves_alerts_out_and_counts_them)
{
    static struct notice_alert alerts[80];
    struct template *t = of_text(thousand_each);
    struct config_channel c = {.type = CHANNEL_SLACK};

    for (size_t n = 34; n <= 36; n++) { /* Slack takes 35,000 bytes */
        struct example e;
        struct notice x = many(&e, alerts, n);
        struct message m;
        cJSON *o;

        make(&c, t, &x, &m);
        o = cJSON_Parse(buf_str(&m.body));
        ck_assert_int_eq(m.shortened, n > 34);
        ck_assert_int_eq(cJSON_GetObjectItem(o, "left")->valueint, n > 34 ? (int)(n / 8 + 1) : 0);
        ck_assert_uint_le(m.body.len, 35000);
        cJSON_Delete(o);
        message_clear(&m);
    }
    template_free(t);
}
END_TEST

START_TEST(one_alert_that_is_too_long_goes_out_as_plain_text)
{
    struct template *t =
        of_text("return function() local t = {} for i = 1, 4000 do t[i] = '0123456789' end "
                "return { text = join(t, '') } end");
    struct example e;
    struct message m;

    example_make(&e);
    make(&slack, t, &e.x, &m);
    ck_assert(m.template_failed && m.shortened);
    ck_assert_uint_le(m.body.len, 35000);
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "longer than slack takes"));
    message_clear(&m);
    template_free(t);
}
END_TEST

START_TEST(a_template_that_spends_its_budget_on_many_gets_fewer)
{
    static struct notice_alert alerts[800];
    struct template *t = of_text("return function(msg) local n = 0 for _ in ipairs(msg.alerts) do "
                                 "for i = 1, 2000 do n = n + i end end "
                                 "return { text = round(#msg.alerts) .. '' } end");
    struct example e;
    struct notice x = many(&e, alerts, 800);
    struct message m;

    make(&slack, t, &x, &m);
    ck_assert_msg(!m.template_failed, "%s", m.error);
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "\"text\":\"200\""));
    message_clear(&m);
    template_free(t);
}
END_TEST

START_TEST(max_alerts_is_kept)
{
    static struct notice_alert alerts[10];
    struct config_channel c = {.type = CHANNEL_WEBHOOK, .max_alerts = 3};
    struct template *t = shipped("webhook");

    for (int broken = 0; broken < 2; broken++) {
        struct example e;
        struct notice x = many(&e, alerts, 10);
        struct message m;
        cJSON *o;

        make(&c, broken ? NULL : t, &x, &m);
        o = cJSON_Parse(buf_str(&m.body));
        ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(o, "alerts")), 3);
        ck_assert_int_eq(cJSON_GetObjectItem(o, "truncatedAlerts")->valueint, 7);
        ck_assert(!m.shortened);
        cJSON_Delete(o);
        message_clear(&m);
    }
    template_free(t);
}
END_TEST

/* --- templates that fail --- */

START_TEST(a_template_that_fails_leaves_plain_text)
{
    static const struct {
        const char *source, *error;
    } cases[] = {
        {"return function(msg) return nil + 1 end", "x.lua:1"},
        {"return function(msg) while true do end end", "x.lua:1"},
        {"return function(msg) return 3 end", "number"},
        {"return function(msg) return { f = print or ipairs } end", "cannot be part of a message"},
    };
    static const struct config_channel *const all[] = {&inbox, &webhook, &slack, &email};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int type = 0; type < CHANNEL_TYPES; type++) {
            struct template *t = of_text(cases[i].source);
            struct example e;
            struct message m;
            const struct buf *out;

            example_make(&e);
            make(all[type], t, &e.x, &m);
            out = type == CHANNEL_INBOX ? &m.text : &m.body;
            ck_assert(m.template_failed);
            ck_assert_msg(strstr(m.error, cases[i].error), "%s", m.error);
            ck_assert_msg(strstr(buf_str(out), "23% of requests fail"), "%s", buf_str(out));
            ck_assert_ptr_nonnull(strstr(buf_str(out), "the template failed"));
            message_clear(&m);
            template_free(t);
        }
}
END_TEST

START_TEST(a_template_may_return_a_text)
{
    struct template *t = of_text("return function(msg) return 'only <this>' end");
    static const struct {
        const struct config_channel *c;
        const char *want;
    } cases[] = {{&webhook, "only <this>"},
                 {&slack, "{\"text\":\"only <this>\",\"channel\":\"#ops\"}"},
                 {&inbox, ""}};
    struct example e;
    struct message m;

    example_make(&e);
    for (size_t i = 0; i < 3; i++) {
        make(cases[i].c, t, &e.x, &m);
        ck_assert(!m.template_failed);
        ck_assert_str_eq(buf_str(&m.body), cases[i].want);
        message_clear(&m);
    }
    make(&email, t, &e.x, &m);
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "\r\n\r\nonly <this>\r\n"));
    message_clear(&m);
    template_free(t);
}
END_TEST

/* The head has neither: what another alert has is not shown as its own. */
START_TEST(events_and_runbook_are_those_of_the_alert_that_heads_the_message)
{
    static const struct config_channel *const kinds[] = {&webhook, &slack, &email, &inbox};
    static const char *const names[] = {"webhook", "slack", "email", "inbox"};
    struct example e;

    for (size_t i = 0; i < 4; i++) {
        struct template *t = shipped(names[i]);
        struct message m;
        struct notice_alert head;

        example_make(&e);
        make(kinds[i], t, &e.x, &m);
        ck_assert_msg(strstr(buf_str(&m.body), "wiki.example"), "%s", buf_str(&m.body));
        ck_assert_msg(strstr(buf_str(&m.body), "db-pool"), "%s", buf_str(&m.body));
        message_clear(&m);

        head = e.alerts[1]; /* more severe now, without a runbook and without events */
        head.priority = 1;
        e.alerts[1] = e.alerts[0];
        e.alerts[1].priority = 2;
        e.alerts[0] = head;
        e.x.alerts = e.alerts;
        make(kinds[i], t, &e.x, &m);
        if (i == 1 || i == 2) { /* a text; JSON has each alert's annotations beside it */
            ck_assert_ptr_null(strstr(buf_str(&m.body), "wiki.example"));
            ck_assert_ptr_null(strstr(buf_str(&m.body), "db-pool"));
        } else {
            cJSON *json = cJSON_ParseWithLength(buf_str(&m.body), m.body.len);
            const cJSON *own = cJSON_GetObjectItem(json, "tocsin");
            own = own ? own : json;
            ck_assert(cJSON_IsNull(cJSON_GetObjectItem(own, "runbook_url")));
            ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(own, "events")), 0);
            ck_assert(cJSON_IsArray(cJSON_GetObjectItem(own, "events")));
            cJSON_Delete(json);
        }
        message_clear(&m);
        template_free(t);
    }
}
END_TEST

START_TEST(shipped_templates_take_every_sample)
{
    static const struct config_channel *const kinds[] = {&webhook, &slack, &email, &inbox};
    static const char *const names[] = {"webhook", "slack", "email", "inbox"};

    for (size_t i = 0; i < 4; i++) {
        struct template *t = shipped(names[i]);
        for (int k = 0; k < SAMPLES; k++) {
            struct sample s;
            struct message m;
            sample_make(&s, (enum sample_kind)k, "ops", names[i]);
            make(kinds[i], t, &s.x, &m);
            ck_assert_msg(!m.template_failed, "%s of %s: %s", names[i], sample_names[k], m.error);
            message_clear(&m);
        }
        template_free(t);
    }
}
END_TEST

START_TEST(a_runbook_that_is_no_address_is_no_link)
{
    static const char *const bad[] = {"javascript:alert(1)", "see the wiki", "http://x y",
                                      "https://x|evil",      "https://x>y",  ""};
    struct example e;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf b = BUF_INIT;
        example_make(&e);
        e.pairs[0][1].value = bad[i];
        wording_runbook(&e.x, &b);
        ck_assert_msg(b.len == 0, "%s", bad[i]);
        buf_free(&b);
    }
}
END_TEST

START_TEST(slack_cannot_edit_and_tells_first_worse_and_the_end)
{
    ck_assert_int_eq(deliver_tells("slack"), TELLS_WORSE);
    ck_assert_int_eq(deliver_tells("webhook"), TELLS_CHANGES);
    ck_assert_int_eq(deliver_tells("email"), TELLS_CHANGES);
    ck_assert_int_eq(deliver_tells("inbox"), TELLS_CHANGES);
}
END_TEST

START_TEST(slacks_channel_is_added_unless_the_template_names_one)
{
    struct example e;
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"return function() return { text = 'a' } end", "{\"text\":\"a\",\"channel\":\"#ops\"}"},
        {"return function() return { channel = 'x' } end", "{\"channel\":\"x\"}"},
        {"return function() return {} end", "{\"channel\":\"#ops\"}"},
    };

    example_make(&e);
    for (size_t i = 0; i < 3; i++) {
        struct template *t = of_text(cases[i].source);
        struct message m;

        make(&slack, t, &e.x, &m);
        ck_assert_str_eq(buf_str(&m.body), cases[i].want);
        message_clear(&m);
        template_free(t);
    }
}
END_TEST

/* --- headers --- */

static const char *header(const struct message *m, const char *name)
{
    for (size_t i = 0; i < m->n_headers; i++)
        if (strncmp(m->headers[i], name, strlen(name)) == 0)
            return m->headers[i] + strlen(name);
    return NULL;
}

START_TEST(a_webhook_is_signed_over_its_body)
{
    /* RFC 4231, test case 2 */
    struct secret *key = secret_new("Jefe", 4), *value = secret_new("application/x", 13);
    struct config_header own[] = {{"content-type", value}, {"X-Own", value}};
    struct config_channel c = {
        .type = CHANNEL_WEBHOOK, .sign = key, .headers = own, .n_headers = 2};
    struct template *t = of_text("return function() return 'what do ya want for nothing?' end");
    struct example e;
    struct message m;

    example_make(&e);
    make(&c, t, &e.x, &m);
    ck_assert_str_eq(header(&m, "X-Tocsin-Signature: "), "sha256=5bdcc146bf60754e6a042426089575c7"
                                                         "5a003f089d2739839dec58b964ec3843");
    ck_assert_str_eq(header(&m, "Idempotency-Key: "), e.x.key);
    ck_assert_str_eq(header(&m, "X-Tocsin-Sequence: "), "1");
    ck_assert_int_eq(strncmp(header(&m, "User-Agent: "), "Alertmanager/", 13), 0);
    ck_assert_ptr_null(header(&m, "Content-Type: ")); /* the configuration's stands instead */
    ck_assert_str_eq(header(&m, "content-type: "), "application/x");
    ck_assert_ptr_null(m.headers[m.n_headers]);
    message_clear(&m);
    template_free(t);
    secret_free(key);
    secret_free(value);
}
END_TEST

START_TEST(headers_have_a_bound_and_no_line_ends)
{
    struct message m = {0};
    char name[16];

    ck_assert_int_eq(message_header(&m, "X-A", "a\r\nX-B: b"), 0);
    ck_assert_str_eq(m.headers[0], "X-A: a  X-B: b");
    for (int i = 1; i < MESSAGE_HEADERS_MAX; i++) {
        snprintf(name, sizeof name, "X-%d", i);
        ck_assert_int_eq(message_header(&m, name, ""), 0);
    }
    ck_assert_int_eq(message_header(&m, "X-More", ""), -1);
    ck_assert_int_eq(message_header(&m, "x-a", "again"), 0); /* there already */
    ck_assert_uint_eq(m.n_headers, MESSAGE_HEADERS_MAX);
    message_clear(&m);
}
END_TEST

START_TEST(a_mails_subject_stays_when_the_team_changes)
{
    struct template *t = shipped("email");
    struct example e;
    struct message m;
    struct label team[] = {label_of("team", "payments")};
    static const char *const subject = "Subject: =?utf-8?B?WyM0MTJdIGNoZWNrb3V0IMK3IHBheW1lbnRz?=";
    char *kept;

    example_make(&e);
    e.x.common_labels = team;
    make(&email, t, &e.x, &m);
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), subject));
    kept = buf_take(&m.keep, NULL);
    ck_assert_str_eq(kept, "{\"subject\":\"[#412] checkout · payments\"}");
    message_clear(&m);
    e.x.n_common_labels = 0;
    e.x.data = kept;
    make(&email, t, &e.x, &m);
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), subject));
    ck_assert_uint_eq(m.keep.len, 0);
    message_clear(&m);
    e.x.data = "{broken";
    make(&email, t, &e.x, &m);
    ck_assert_ptr_nonnull(strstr(buf_str(&m.body), "Subject: [#412] checkout\r\n"));
    message_clear(&m);
    mem_free(kept);
    template_free(t);
}
END_TEST

/* --- what answers mean --- */

START_TEST(answers_are_judged)
{
    static const struct {
        int channel;
        bool ok, maybe;
        int status;
        const char *body;
        enum outcome_kind want;
    } cases[] = {
        {CHANNEL_WEBHOOK, true, false, 200, "", OUTCOME_DELIVERED},
        {CHANNEL_WEBHOOK, true, false, 204, "", OUTCOME_DELIVERED},
        {CHANNEL_WEBHOOK, true, false, 200, "{\"ok\":false}", OUTCOME_DELIVERED},
        {CHANNEL_WEBHOOK, true, false, 301, "", OUTCOME_PERMANENT},
        {CHANNEL_WEBHOOK, true, false, 400, "", OUTCOME_PERMANENT},
        {CHANNEL_WEBHOOK, true, false, 401, "", OUTCOME_PERMANENT},
        {CHANNEL_WEBHOOK, true, false, 404, "", OUTCOME_PERMANENT},
        {CHANNEL_WEBHOOK, true, false, 408, "", OUTCOME_TEMPORARY},
        {CHANNEL_WEBHOOK, true, false, 425, "", OUTCOME_TEMPORARY},
        {CHANNEL_WEBHOOK, true, false, 429, "", OUTCOME_TEMPORARY},
        {CHANNEL_WEBHOOK, true, false, 500, "", OUTCOME_TEMPORARY},
        {CHANNEL_WEBHOOK, true, false, 503, "", OUTCOME_TEMPORARY},
        {CHANNEL_WEBHOOK, false, false, 0, "", OUTCOME_TEMPORARY},
        {CHANNEL_WEBHOOK, false, true, 0, "", OUTCOME_UNKNOWN},
        {CHANNEL_SLACK, true, false, 200, "ok", OUTCOME_DELIVERED},
        {CHANNEL_SLACK, true, false, 200, "", OUTCOME_DELIVERED},
        {CHANNEL_SLACK, true, false, 200, "{\"ok\":true}", OUTCOME_DELIVERED},
        {CHANNEL_SLACK, true, false, 200, "{\"ok\":false}", OUTCOME_PERMANENT},
        {CHANNEL_SLACK, true, false, 200, "{ \"error\": \"no_text\", \"ok\" : false }",
         OUTCOME_PERMANENT},
        {CHANNEL_SLACK, true, false, 200, "{\"ok\":false,\"error\":\"ratelimited\"}",
         OUTCOME_TEMPORARY},
        {CHANNEL_SLACK, true, false, 200, "{\"text\":\"\\\"ok\\\":false\"}", OUTCOME_DELIVERED},
        {CHANNEL_SLACK, true, false, 200, "{broken", OUTCOME_DELIVERED},
        {CHANNEL_SLACK, true, false, 404, "no_service", OUTCOME_PERMANENT},
        {CHANNEL_SLACK, true, false, 429, "", OUTCOME_TEMPORARY},
        {CHANNEL_EMAIL, true, false, 250, "", OUTCOME_DELIVERED},
        {CHANNEL_EMAIL, true, false, 0, "", OUTCOME_DELIVERED},
        {CHANNEL_EMAIL, true, false, 450, "", OUTCOME_TEMPORARY},
        {CHANNEL_EMAIL, false, false, 421, "", OUTCOME_TEMPORARY},
        {CHANNEL_EMAIL, false, false, 535, "", OUTCOME_PERMANENT},
        {CHANNEL_EMAIL, true, false, 550, "", OUTCOME_PERMANENT},
        {CHANNEL_EMAIL, false, true, 354, "", OUTCOME_UNKNOWN},
        {CHANNEL_EMAIL, false, false, 220, "", OUTCOME_TEMPORARY},
        {CHANNEL_EMAIL, false, false, 0, "", OUTCOME_TEMPORARY},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outbound_result r = {.ok = cases[i].ok,
                                    .maybe_done = cases[i].maybe,
                                    .status = cases[i].status,
                                    .body = cases[i].body,
                                    .len = strlen(cases[i].body),
                                    .error = ""};

        ck_assert_msg(channel_table[cases[i].channel]->judge(&r) == cases[i].want, "case %zu", i);
    }
}
END_TEST

/* --- memory --- */

START_TEST(every_failed_allocation_is_told)
{
    static const struct config_channel *const all[] = {&inbox, &webhook, &slack, &email};
    struct example e;

    example_make(&e);
    for (int type = 0; type < CHANNEL_TYPES; type++) {
        struct template *t = shipped(channel_table[type]->name);
        struct message m;
        int rc = -1;

        for (long n = 1; n < 100000; n++) {
            mem_fail_at(n);
            rc = message_make(
                &(struct message_order){channel_table[type], all[type], t, NULL, &e.x}, &m);
            if (rc == 0)
                message_clear(&m);
            if (!mem_failed())
                break;
        }
        mem_fail_at(0);
        ck_assert_int_eq(rc, 0);
        template_free(t);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, shipped_templates_render_what_was_approved);
    tcase_add_test(t, hostile_texts_stay_text);
    tcase_add_test(t, the_example_of_the_document_renders);
    tcase_add_test(t, a_webhook_gets_alertmanagers_body_with_and_without_a_template);
    tcase_add_test(t, empty_maps_and_lists_keep_their_kind);
    tcase_add_test(t, what_is_new_is_shown_however_many_are_on);
    tcase_add_test(t, a_thousand_alerts_fit_through_every_template);
    tcase_add_test(t, a_message_made_in_steps_is_the_one_made_in_one_go);
    tcase_add_test(t, a_message_may_be_given_up_at_each_step_and_its_template_goes_on);
    tcase_add_test(t, a_long_message_leaves_alerts_out_and_counts_them);
    tcase_add_test(t, one_alert_that_is_too_long_goes_out_as_plain_text);
    tcase_add_test(t, a_template_that_spends_its_budget_on_many_gets_fewer);
    tcase_add_test(t, max_alerts_is_kept);
    tcase_add_test(t, a_template_that_fails_leaves_plain_text);
    tcase_add_test(t, a_template_may_return_a_text);
    tcase_add_test(t, slacks_channel_is_added_unless_the_template_names_one);
    tcase_add_test(t, events_and_runbook_are_those_of_the_alert_that_heads_the_message);
    tcase_add_test(t, shipped_templates_take_every_sample);
    tcase_add_test(t, a_runbook_that_is_no_address_is_no_link);
    tcase_add_test(t, slack_cannot_edit_and_tells_first_worse_and_the_end);
    tcase_add_test(t, a_webhook_is_signed_over_its_body);
    tcase_add_test(t, headers_have_a_bound_and_no_line_ends);
    tcase_add_test(t, a_mails_subject_stays_when_the_team_changes);
    tcase_add_test(t, answers_are_judged);
    tcase_add_test(t, every_failed_allocation_is_told);
}

UNIT_MAIN("message", add)
