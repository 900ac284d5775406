/* The endpoints, over a real server, with the real rooms behind them. */
#include "api/stage.h"

#define V1 "/api/tocsin/v1/"

/* --- answers to requests that are wrong ------------------------------------------------------------ */

START_TEST(wrong_requests_are_told_so)
{
    static const struct {
        const char *method, *path, *head, *body;
        int status;
        const char *code, *has; /* has: in head or body */
    } cases[] = {
        {"GET", "/nowhere.json", NULL, NULL, 404, NULL, "Not found"},
        {"GET", V1 "nowhere", NULL, NULL, 404, "not_found", "nothing at this path"},
        {"GET", V1, NULL, NULL, 404, "not_found", NULL},
        {"PUT", V1 "silences", JSON_TYPE, "{}", 405, "method_not_allowed",
         "Allow: GET, HEAD, POST"},
        {"GET", V1 "reload", NULL, NULL, 405, "method_not_allowed", "Allow: POST"},
        {"GET", "/-/reload", NULL, NULL, 405, NULL, "Allow: POST"},
        {"GET", "/i/1/ack", NULL, NULL, 405, NULL, "Allow: POST"},
        {"POST", "/", FORM_TYPE, "", 405, NULL, "Allow: GET, HEAD"},
        {"DELETE", V1 "alerts", NULL, NULL, 405, NULL, "Allow: GET, HEAD"},
        {"POST", V1 "silences", NULL, "{}", 415, "media_type", NULL},
        {"POST", V1 "silences", "Content-Type: text/plain\r\n", "{}", 415, "media_type",
         "text/plain"},
        {"POST", V1 "silences", FORM_TYPE, "a=1", 415, "media_type", NULL},
        {"POST", V1 "silences", "Content-Type: application/json; charset=utf-8\r\n", "{}", 400,
         "bad_request", "how long"},
        {"POST", V1 "silences", JSON_TYPE, "[]", 400, "bad_request", "no"},
        {"POST", V1 "silences", JSON_TYPE, "{", 400, "bad_request", NULL},
        {"POST", V1 "silences", JSON_TYPE, "{} x", 400, "bad_request", NULL},
        {"POST", V1 "silences", JSON_TYPE, "{\"for\":2}", 400, "bad_request", "duration"},
        {"POST", V1 "silences", JSON_TYPE, "{\"for\":\"2h\"}", 400, "bad_request", "matcher"},
        {"POST", V1 "silences", JSON_TYPE, "{\"for\":\"2h\",\"matchers\":\"a=b\"}", 400,
         "bad_request", "array"},
        {"POST", V1 "silences", JSON_TYPE, "{\"for\":\"2h\",\"matchers\":[{\"name\":\"a\"}]}", 400,
         "bad_request", "value"},
        {"POST", V1 "silences", JSON_TYPE, "{\"for\":\"2h\",\"matchers\":[\"a=~(\"]}", 400,
         "bad_request", NULL},
        {"POST", V1 "silences", JSON_TYPE, "{\"for\":\"2h\",\"matchers\":[\"a!=b\"]}", 409,
         "refused", NULL},
        {"POST", V1 "silences", JSON_TYPE, "{\"for\":\"2h\",\"matchers\":[\"a=b\"],\"id\":\"s99\"}",
         400, "bad_request", "s99"},
        {"POST", V1 "silences", JSON_TYPE, "{\"endsAt\":\"soon\",\"matchers\":[\"a=b\"]}", 400,
         "bad_request", "time"},
        {"DELETE", V1 "silences/s99", NULL, NULL, 404, "not_found", "s99"},
        {"GET", V1 "silences/s99", NULL, NULL, 404, "not_found", NULL},
        {"GET", V1 "alerts?state=odd", NULL, NULL, 400, "bad_request", "state"},
        {"GET", V1 "alerts?after=12", NULL, NULL, 400, "bad_request", "fingerprint"},
        {"GET", V1 "alerts?limit=x", NULL, NULL, 400, "bad_request", "limit"},
        {"GET", V1 "alerts?filter=%7B", NULL, NULL, 400, "bad_request", NULL},
        {"GET", V1 "alerts/0000000000000001", NULL, NULL, 404, "not_found", NULL},
        {"GET", V1 "alerts/xyz", NULL, NULL, 404, "not_found", NULL},
        {"POST", V1 "alerts/0000000000000001/retire", JSON_TYPE, "{}", 404, "not_found", NULL},
        {"GET", V1 "incidents/99", NULL, NULL, 404, "not_found", "#99"},
        {"GET", V1 "incidents/x", NULL, NULL, 404, "not_found", NULL},
        {"POST", V1 "incidents/99/ack", JSON_TYPE, "{}", 404, "not_found", NULL},
        {"POST", V1 "incidents/99/release", JSON_TYPE, "{}", 404, "not_found", NULL},
        {"GET", V1 "explain", NULL, NULL, 400, "bad_request", NULL},
        {"GET", V1 "explain?rule=Nope", NULL, NULL, 404, "not_found", "Nope"},
        {"GET", V1 "explain?incident=99", NULL, NULL, 404, "not_found", NULL},
        {"GET", V1 "explain?rule=Backlog&label=x", NULL, NULL, 400, "bad_request", "name=value"},
        {"GET", V1 "route?label=a=1&label=a=2", NULL, NULL, 400, "bad_request", "twice"},
        {"GET", V1 "route?priority=P9", NULL, NULL, 400, "bad_request", "P1 to P5"},
        {"GET", V1 "route?at=x", NULL, NULL, 400, "bad_request", NULL},
        {"GET", V1 "silences?state=over", NULL, NULL, 400, "bad_request", "expired"},
        {"GET", V1 "history?before=x", NULL, NULL, 400, "bad_request", NULL},
        {"GET", V1 "history?incident=99", NULL, NULL, 404, "not_found", NULL},
        {"GET", V1 "deliveries/99/everyone/inbox", NULL, NULL, 404, "not_found", NULL},
        {"POST", V1 "receivers/nobody/test", JSON_TYPE, "", 404, "not_found", "nobody"},
        {"GET", V1 "rules/Nope", NULL, NULL, 404, "not_found", NULL},
        {"POST", "/v1/metrics", JSON_TYPE, "{}", 404, "not_found", "/api/tocsin/v1/metrics"},
        {"GET", "/i/99", NULL, NULL, 404, NULL, "no such incident"},
        {"GET", "/i/x", NULL, NULL, 404, NULL, "<!doctype html>"},
    };

    stage_open(false);
    api_open(st.api);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer a = ask(cases[i].method, cases[i].path, cases[i].head, cases[i].body);
        const char *has = cases[i].has;

        ck_assert_msg(a.status == cases[i].status, "%s %s: %d %s", cases[i].method, cases[i].path,
                      a.status, a.body);
        if (cases[i].code) {
            ck_assert_str_eq(text_at(a.json, "error.code"), cases[i].code);
            ck_assert(*text_at(a.json, "error.message"));
        }
        ck_assert_msg(!has || strstr(a.head, has) || strstr(a.body, has), "%s: %s\n%s",
                      cases[i].path, a.head, a.body);
        answer_free(&a);
    }
    stage_close();
}
END_TEST

START_TEST(only_probes_are_answered_before_everything_is_restored)
{
    static const struct {
        const char *path;
        int status;
    } cases[] = {{"/livez", 200},   {"/readyz", 200},        {"/startupz", 200},
                 {"/metrics", 200}, {"/-/healthy", 200},     {"/-/ready", 200},
                 {"/", 503},        {V1 "alerts", 503},      {"/api/v1/rules", 503},
                 {"/inbox", 503},   {"/api/v2/status", 503}, {"/style.css", 200},
                 {"/nowhere", 404}};
    struct answer a;

    stage_open(false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        a = get(cases[i].path);
        ck_assert_msg(a.status == cases[i].status, "%s: %d", cases[i].path, a.status);
        ck_assert(a.status != 503 || *cases[i].path != '/' || strstr(a.head, "503"));
        answer_free(&a);
    }
    st.ready = false;
    a = get("/readyz");
    ck_assert_int_eq(a.status, 503);
    ck_assert_str_eq(text_at(a.json, "reasons.0.check"), "redis");
    answer_free(&a);
    a = get("/-/ready");
    ck_assert_int_eq(a.status, 503);
    ck_assert_str_eq(a.body, "Tocsin is not Ready.\n");
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(head_is_answered_as_get_without_a_body)
{
    static const char *const paths[] = {"/", "/livez", V1 "alerts", "/-/healthy", "/metrics"};

    stage_open(false);
    api_open(st.api);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct answer a = ask("HEAD", paths[i], NULL, NULL);

        ck_assert_int_eq(a.status, 200);
        ck_assert_str_eq(a.body, "");
        answer_free(&a);
    }
    stage_close();
}
END_TEST

/* --- the life of an incident -------------------------------------------------------------------------- */

START_TEST(an_alert_is_listed_with_its_incident)
{
    char path[128];
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    stage_feed("mail", 3);
    a = get(V1 "alerts");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    ck_assert_str_eq(text_at(a.json, "0.labels.alertname"), "Backlog");
    ck_assert_str_eq(text_at(a.json, "0.labels.queue"), "orders");
    ck_assert_str_eq(text_at(a.json, "0.labels.team"), "payments");
    ck_assert_str_eq(text_at(a.json, "0.labels.severity"), "critical");
    ck_assert_str_eq(text_at(a.json, "0.annotations.summary"), "orders: 5,120 messages wait");
    ck_assert_str_eq(text_at(a.json, "0.state"), "firing");
    ck_assert_str_eq(text_at(a.json, "0.status.state"), "active");
    ck_assert_str_eq(text_at(a.json, "0.priority"), "P1");
    ck_assert_str_eq(text_at(a.json, "0.valueText"), "5,120");
    ck_assert_str_eq(text_at(a.json, "0.receivers.0.name"), "everyone");
    ck_assert_str_eq(text_at(a.json, "0.origin"), "rule:Backlog");
    ck_assert(number_at(a.json, "0.value") == 5120);
    ck_assert(number_at(a.json, "0.incident") == 1);
    ck_assert_msg(strstr(text_at(a.json, "0.generatorURL"), "https://tocsin.example.com/i/1#"),
                  "%s", text_at(a.json, "0.generatorURL"));
    snprintf(path, sizeof path, V1 "alerts/%s", text_at(a.json, "0.fingerprint"));
    answer_free(&a);

    a = get(path);
    ck_assert_int_eq(a.status, 200);
    ck_assert(cJSON_IsArray(at(a.json, "why")) || cJSON_IsObject(at(a.json, "why")));
    answer_free(&a);
    a = get(V1 "alerts?state=pending");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    ck_assert_str_eq(text_at(a.json, "0.labels.alertname"), "SlowBacklog");
    ck_assert_str_eq(text_at(a.json, "0.status.state"), "unprocessed");
    answer_free(&a);
    a = get(V1 "alerts?state=all&filter=alertname%3D~%22.*Backlog%22&filter=team%3Dweb");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    answer_free(&a);

    strcat(path, "/retire");
    a = post(path, "{\"by\":\"ana\"}");
    ck_assert_int_eq(a.status, 200);
    ck_assert(cJSON_IsTrue(at(a.json, "retired")) && cJSON_IsTrue(at(a.json, "durable")));
    answer_free(&a);
    a = get(V1 "incidents/1");
    ck_assert_str_eq(text_at(a.json, "alerts.0.endReason"), "retired");
    ck_assert(cJSON_IsFalse(at(a.json, "open")));
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(pages_of_a_list_follow_each_other)
{
    char path[128];
    struct answer a;
    int seen = 0;

    stage_open(false);
    api_open(st.api);
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "q%d", i);
        stage_feed(path, 50);
    }
    strcpy(path, V1 "alerts?limit=2");
    for (;;) {
        int n;

        a = get(path);
        n = cJSON_GetArraySize(a.json);
        ck_assert_int_le(n, 2);
        if (n == 0)
            break;
        snprintf(path, sizeof path, V1 "alerts?limit=2&after=%s",
                 text_at(a.json, n == 2 ? "1.fingerprint" : "0.fingerprint"));
        seen += n;
        answer_free(&a);
        a = (struct answer){0};
    }
    answer_free(&a);
    ck_assert_int_eq(seen, 5);
    a = get(V1 "incidents?limit=2");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 2);
    ck_assert(number_at(a.json, "0.number") == 5 && number_at(a.json, "1.number") == 4);
    answer_free(&a);
    a = get(V1 "incidents?limit=2&after=2");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    ck_assert(number_at(a.json, "0.number") == 1);
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(an_incident_is_acknowledged_and_released)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    a = get(V1 "incidents?open=1");
    ck_assert(number_at(a.json, "0.number") == 1);
    ck_assert_str_eq(text_at(a.json, "0.groupLabels.queue"), "orders");
    ck_assert_str_eq(text_at(a.json, "0.summary"), "orders: 5,120 messages wait");
    ck_assert_str_eq(text_at(a.json, "0.url"), "https://tocsin.example.com/i/1");
    ck_assert(cJSON_IsNull(at(a.json, "0.acknowledged")) && cJSON_IsTrue(at(a.json, "0.open")));
    answer_free(&a);
    a = post(V1 "incidents/1/ack", "{\"for\":\"2h\",\"note\":\"on it\",\"by\":\"ana\"}");
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(text_at(a.json, "acknowledged.by"), "ana");
    ck_assert_str_eq(text_at(a.json, "acknowledged.note"), "on it");
    ck_assert(at(a.json, "acknowledged.until") && cJSON_IsTrue(at(a.json, "durable")));
    answer_free(&a);
    a = get(V1 "incidents/1");
    ck_assert_str_eq(text_at(a.json, "acknowledged.by"), "ana");
    ck_assert_str_eq(text_at(a.json, "alerts.0.state"), "firing");
    ck_assert_str_eq(text_at(a.json, "alerts.0.valueText"), "5,120");
    ck_assert_str_eq(text_at(a.json, "receivers.0"), "everyone");
    ck_assert_str_eq(text_at(a.json, "deliveries.0.lane"), "everyone/inbox");
    answer_free(&a);
    a = post(V1 "incidents/1/ack", "{\"for\":\"900d\"}");
    ck_assert_int_eq(a.status, 400);
    answer_free(&a);
    a = post(V1 "incidents/1/release", "");
    ck_assert_int_eq(a.status, 200);
    ck_assert(cJSON_IsNull(at(a.json, "acknowledged")));
    answer_free(&a);
    a = post(V1 "incidents/1/release", "");
    ck_assert_int_eq(a.status, 409);
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(a_write_says_when_redis_is_away)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    fake_db_down(st.db, 0);
    a = post(V1 "incidents/1/ack", "{\"by\":\"ana\"}");
    ck_assert_int_eq(a.status, 200);
    ck_assert(cJSON_IsFalse(at(a.json, "durable")));
    answer_free(&a);
    a = get(V1 "history");
    ck_assert_int_eq(a.status, 503);
    answer_free(&a);
    a = get(V1 "explain?incident=1");
    ck_assert_int_eq(a.status, 200);
    ck_assert(cJSON_IsNull(at(a.json, "history")));
    answer_free(&a);
    a = get("/i/1");
    ck_assert_int_eq(a.status, 200);
    ck_assert_ptr_nonnull(strstr(a.body, "Redis is away"));
    answer_free(&a);
    a = get(V1 "status");
    ck_assert(cJSON_IsFalse(at(a.json, "redis.up")));
    answer_free(&a);
    fake_db_up(st.db);
    WAIT_FOR(store_is_clean(st.store));
    a = post(V1 "incidents/1/release", "{}");
    ck_assert(cJSON_IsTrue(at(a.json, "durable")));
    answer_free(&a);
    stage_close();
}
END_TEST

/* --- silences -------------------------------------------------------------------------------------- */

START_TEST(a_silence_is_previewed_made_and_ended)
{
    char path[128];
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    a = post(V1 "silences", "{\"incident\":1,\"for\":\"2h\",\"dryRun\":true}");
    ck_assert_int_eq(a.status, 200);
    ck_assert(number_at(a.json, "mutes.now") == 1 && number_at(a.json, "incidents.0") == 1);
    ck_assert_msg(strstr(text_at(a.json, "text"), "Mutes 1 firing now (#1), 1 in"), "%s",
                  text_at(a.json, "text"));
    answer_free(&a);
    a = get(V1 "silences");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 0);
    answer_free(&a);
    a = post(V1 "silences",
             "{\"matchers\":[\"queue=orders\",{\"name\":\"team\",\"value\":\"pay.*\","
             "\"isRegex\":true}],\"for\":\"2h\",\"comment\":\"disk <swap>\","
             "\"createdBy\":\"ana\"}");
    ck_assert_int_eq(a.status, 201);
    ck_assert_str_eq(text_at(a.json, "short"), "s1");
    ck_assert_str_eq(text_at(a.json, "createdBy"), "ana");
    ck_assert_str_eq(text_at(a.json, "status.state"), "active");
    ck_assert(number_at(a.json, "mutes.now") == 1 && cJSON_IsTrue(at(a.json, "durable")));
    snprintf(path, sizeof path, V1 "silences/%s", text_at(a.json, "id"));
    answer_free(&a);
    a = get(V1 "alerts");
    ck_assert_str_eq(text_at(a.json, "0.status.state"), "suppressed");
    ck_assert_str_eq(text_at(a.json, "0.status.silencedBy.0"), strrchr(path, '/') + 1);
    answer_free(&a);
    a = get(V1 "silences?filter=queue%3Dmail");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 0);
    answer_free(&a);
    a = get(V1 "silences?state=active&filter=queue%3Dorders");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    answer_free(&a);
    a = get(V1 "silences?after=s1");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 0);
    answer_free(&a);
    a = ask("DELETE", path, NULL, NULL);
    ck_assert_int_eq(a.status, 200);
    ck_assert(cJSON_IsTrue(at(a.json, "expired")) && cJSON_IsTrue(at(a.json, "durable")));
    answer_free(&a);
    a = get(V1 "silences/s1");
    ck_assert_str_eq(text_at(a.json, "status.state"), "expired");
    answer_free(&a);
    stage_close();
}
END_TEST

/* --- why ------------------------------------------------------------------------------------------- */

START_TEST(explain_tells_why_and_how_long)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    a = get(V1 "explain?rule=SlowBacklog&label=queue=orders");
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(text_at(a.json, "rule.name"), "SlowBacklog");
    ck_assert_str_eq(text_at(a.json, "groups.0.labels.queue"), "orders");
    ck_assert_str_eq(text_at(a.json, "groups.0.state"), "pending");
    ck_assert_str_eq(text_at(a.json, "groups.0.levels.0.level"), "P2");
    ck_assert_str_eq(text_at(a.json, "groups.0.levels.0.tree.truth"), "true");
    ck_assert_msg(strstr(a.body, "> 10"), "%s", a.body);
    ck_assert_msg(strstr(text_at(a.json, "groups.0.timers.0.text"), "(lasting 1h), fires in"), "%s",
                  a.body);
    ck_assert(at(a.json, "groups.0.timers.0.firesAt") && number_at(a.json, "more") == 0);
    ck_assert_str_eq(text_at(a.json, "groups.0.notifications.nowhere"), "it does not fire");
    ck_assert_str_eq(text_at(a.json, "history.0.change"), "pending");
    ck_assert_str_eq(text_at(a.json, "history.0.labels.queue"), "orders");
    ck_assert(cJSON_IsArray(at(a.json, "whyNot")));
    answer_free(&a);
    a = get(V1 "explain?rule=SlowBacklog&label=queue=other");
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "groups")), 0);
    ck_assert_str_eq(text_at(a.json, "whyNot.0"), "it has no group with {queue=\"other\"}");
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "history")), 0);
    answer_free(&a);
    a = get(V1 "explain?rule=Never");
    ck_assert_msg(strstr(a.body, "never matched") && strstr(a.body, "no series for nothing"), "%s",
                  a.body);
    answer_free(&a);
    a = get(V1 "explain?incident=1");
    ck_assert_str_eq(text_at(a.json, "alerts.0.rule"), "Backlog");
    ck_assert_str_eq(text_at(a.json, "incident.alerts.0.labels.alertname"), "Backlog");
    ck_assert_str_eq(text_at(a.json, "notifications.lanes.0.lane"), "everyone/inbox");
    ck_assert_str_eq(text_at(a.json, "history.0.rule"), "Backlog");
    ck_assert(!strstr(a.body, "SlowBacklog"));
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(an_alert_decided_on_the_shortest_window_says_when_the_longest_is_full)
{
    struct answer a;
    const cJSON *alert;

    st_cold = true;
    stage_open(false);
    st_cold = false;
    api_open(st.api);
    stage_rules("rules/long.lua", "alert \"Long\" { value = m.queue_length:max(\"2h\"), "
                                  "fire = above(5) & m.queue_length:count(\"20s\"):above(0) }");
    for (int i = 0; i < 15; i++)
        stage_feed("orders", 9);
    a = get(V1 "alerts?filter=alertname%3DLong");
    alert = cJSON_GetArrayItem(a.json, 0);
    ck_assert_ptr_nonnull(alert);
    ck_assert_ptr_null(cJSON_GetObjectItem(alert, "warmingUntil"));
    ck_assert_ptr_nonnull(cJSON_GetObjectItem(alert, "windowsFullAt"));
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(alerts_are_listed_most_severe_then_oldest_first)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("q0", 50);
    stage_feed("q1", 500);
    stage_feed("q2", 50);
    a = get(V1 "alerts");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 3);
    ck_assert_str_eq(text_at(a.json, "0.labels.queue"), "q1");
    ck_assert_str_eq(text_at(a.json, "1.labels.queue"), "q0");
    ck_assert_str_eq(text_at(a.json, "2.labels.queue"), "q2");
    answer_free(&a);
    stage_close();
}
END_TEST

/* Its alert is forgotten, others of its rule fire: that is their story. */
START_TEST(a_closed_incident_tells_its_own_story)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("q0", 500);
    stage_feed("q0", 50);
    stage_feed("q0", 1);
    stage_feed("q1", 50);
    a = get(V1 "history?incident=1");
    ck_assert_msg(cJSON_GetArraySize(a.json) == 3, "%s", a.body); /* fired, lowered, resolved */
    ck_assert_str_eq(text_at(a.json, "0.to"), "ok");
    for (int i = 0; i < 3; i++) {
        char path[40];

        snprintf(path, sizeof path, "%d.labels.queue", i);
        ck_assert_str_eq(text_at(a.json, path), "q0");
    }
    answer_free(&a);
    a = get(V1 "incidents/1");
    ck_assert_str_eq(text_at(a.json, "priority"), "P1"); /* the worst it was */
    ck_assert_str_eq(text_at(a.json, "alerts.0.priority"), "P1");
    ck_assert(number_at(a.json, "alerts.0.peak") == 500);
    ck_assert(number_at(a.json, "alerts.0.value") == 1);
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(history_is_searched_page_by_page)
{
    char path[200];
    struct answer a;

    stage_open(false);
    api_open(st.api);
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "q%d", i);
        stage_feed(path, 50);
    }
    a = get(V1 "history?rule=Backlog&limit=4");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 4);
    ck_assert_str_eq(text_at(a.json, "0.labels.queue"), "q5");
    ck_assert_str_eq(text_at(a.json, "0.to"), "P3");
    ck_assert(number_at(a.json, "0.value") == 50);
    snprintf(path, sizeof path, V1 "history?rule=Backlog&limit=4&before=%s",
             text_at(a.json, "3.id"));
    answer_free(&a);
    a = get(path);
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 2);
    ck_assert_str_eq(text_at(a.json, "1.labels.queue"), "q0");
    answer_free(&a);
    a = get(V1 "history?label=queue=q3");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 2);
    answer_free(&a);
    a = get(V1 "history?alert=Nope");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 0);
    answer_free(&a);
    a = get(V1 "history?incident=3");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    ck_assert_str_eq(text_at(a.json, "0.labels.queue"), "q2");
    answer_free(&a);
    a = get(V1 "alerts?filter=queue%3Dq1");
    snprintf(path, sizeof path, V1 "history?alert=%s", text_at(a.json, "0.fingerprint"));
    answer_free(&a);
    a = get(path);
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    answer_free(&a);
    stage_close();
}
END_TEST

/* More than one page of the stream, most of it of another rule, and one entry that is odd. */
START_TEST(a_long_history_is_searched_to_its_bound)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    fake_redis_ask(st.redis, "XADD", "tocsin:{c}:history", "*", "rule", "Old", "labels", "{", "why",
                   "{broken", "at", "x", NULL);
    for (int i = 0; i < 1200; i++)
        fake_redis_ask(st.redis, "XADD", "tocsin:{c}:history", "*", "rule", "Loud", "labels",
                       "{a=\"b\"}", NULL);
    a = get(V1 "history?rule=Old");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    ck_assert(!at(a.json, "0.why"));
    answer_free(&a);
    for (int i = 0; i < 10000; i++)
        fake_redis_ask(st.redis, "XADD", "tocsin:{c}:history", "*", "rule", "Loud", "labels",
                       "{a=\"b\"}", NULL);
    a = get(V1 "history?rule=Old");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 0);
    ck_assert_ptr_nonnull(strstr(a.head, "Tocsin-Searched-To: "));
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(route_of_labels_that_need_not_exist)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    a = get(V1 "route?label=team=x&label=severity=critical");
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(text_at(a.json, "labels.team"), "x");
    ck_assert_str_eq(text_at(a.json, "priority"), "P1");
    ck_assert_str_eq(text_at(a.json, "routes.0.receivers.0"), "everyone");
    answer_free(&a);
    a = get(V1 "route");
    ck_assert_str_eq(text_at(a.json, "priority"), "P3");
    answer_free(&a);
    stage_close();
}
END_TEST

/* --- messages and the program ------------------------------------------------------------------------ */

START_TEST(messages_can_be_seen_and_tested)
{
    struct answer a;
    bool delivered = false;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    for (int i = 0; i < 1000 && !delivered; i++) {
        struct deliver_stats s;

        loop_turn(t_loop, 5);
        deliver_stats(st.deliver, &s);
        delivered = s.delivered > 0;
    }
    ck_assert(delivered);
    a = get(V1 "inbox");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    ck_assert_str_eq(text_at(a.json, "0.status"), "firing");
    ck_assert(number_at(a.json, "0.incident") == 1 && number_at(a.json, "0.n") == 1);
    answer_free(&a);
    a = get(V1 "inbox?after=1");
    ck_assert_str_eq(a.body, "[]");
    answer_free(&a);
    a = get(V1 "receivers");
    ck_assert_str_eq(text_at(a.json, "0.name"), "everyone");
    ck_assert_str_eq(text_at(a.json, "0.channels.0.lane"), "everyone/inbox");
    ck_assert(number_at(a.json, "0.channels.0.delivered") == 1);
    answer_free(&a);
    a = post(V1 "receivers/everyone/test", "{}");
    ck_assert_int_eq(a.status, 200);
    ck_assert(cJSON_IsTrue(at(a.json, "ok")));
    ck_assert_str_eq(text_at(a.json, "answers.0.channel"), "inbox");
    answer_free(&a);
    a = get(V1 "deliveries");
    ck_assert_str_eq(a.body, "[]");
    answer_free(&a);
    a = get(V1 "deliveries?all=1");
    ck_assert_str_eq(text_at(a.json, "0.lane"), "everyone/inbox");
    answer_free(&a);
    a = get(V1 "deliveries/1/everyone/inbox");
    ck_assert_int_eq(a.status, 200);
    ck_assert(number_at(a.json, "incident") == 1);
    answer_free(&a);
    a = post(V1 "deliveries/1/everyone/inbox/retry", "{}");
    ck_assert_msg(a.status == 409 || a.status == 200, "%d %s", a.status, a.body);
    answer_free(&a);
    a = post(V1 "deliveries/1/nobody/inbox/drop", "{}");
    ck_assert_int_eq(a.status, 404);
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(rules_and_status_are_told)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120);
    a = get(V1 "rules");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 3);
    answer_free(&a);
    a = get(V1 "rules/Backlog");
    ck_assert_str_eq(text_at(a.json, "state"), "firing");
    ck_assert_str_eq(text_at(a.json, "file"), "rules/stage.lua");
    ck_assert(number_at(a.json, "line") == 1 && number_at(a.json, "groups") == 1);
    ck_assert(number_at(a.json, "alerts.firing") == 1);
    ck_assert_str_eq(text_at(a.json, "priorities.1"), "P3");
    ck_assert_msg(number_at(a.json, "leaves.0.groups") == 1, "%s", a.body);
    answer_free(&a);
    a = get(V1 "rules/Never");
    ck_assert_str_eq(text_at(a.json, "state"), "unmatched");
    answer_free(&a);
    a = get(V1 "status");
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(text_at(a.json, "version"), TOCSIN_VERSION);
    ck_assert(cJSON_IsTrue(at(a.json, "ready")) && cJSON_IsTrue(at(a.json, "redis.up")));
    ck_assert(number_at(a.json, "rules.count") == 3 && number_at(a.json, "rules.unmatched") == 1);
    ck_assert_str_eq(text_at(a.json, "rejected.0.file"), "rules/bad.lua");
    ck_assert(number_at(a.json, "incidents.open") == 1 && number_at(a.json, "alerts.firing") == 1);
    ck_assert_str_eq(text_at(a.json, "phase"), "live");
    answer_free(&a);
    a = post(V1 "reload?dry_run=1", "");
    ck_assert(cJSON_IsTrue(at(a.json, "ok")));
    ck_assert_int_eq(st.dry_runs, 1);
    ck_assert_int_eq(st.reloads, 0);
    answer_free(&a);
    a = post(V1 "reload", "{}");
    ck_assert(cJSON_IsTrue(at(a.json, "ok")) && cJSON_IsTrue(at(a.json, "durable")));
    answer_free(&a);
    a = ask("POST", "/-/reload", NULL, "");
    ck_assert_int_eq(a.status, 200);
    ck_assert_int_eq(st.reloads, 2);
    answer_free(&a);
    a = get(V1 "whoami");
    ck_assert_str_eq(text_at(a.json, "name"), "local");
    ck_assert_str_eq(text_at(a.json, "roles.2"), "admin");
    answer_free(&a);
    a = get("/metrics");
    ck_assert_int_eq(strncmp(a.body, "tocsin_build_info 1\n", 20), 0);
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(prometheus_shapes)
{
    struct answer a;

    stage_open(false);
    api_open(st.api);
    stage_feed("orders", 5120.5);
    a = get("/api/v1/alerts");
    ck_assert_str_eq(text_at(a.json, "status"), "success");
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "data.alerts")), 2);
    ck_assert_ptr_nonnull(strstr(a.body, "\"value\":\"5.1205e+03\""));
    ck_assert_ptr_nonnull(strstr(a.body, "\"state\":\"pending\""));
    answer_free(&a);
    a = get("/api/v1/rules?rule_name[]=Backlog");
    ck_assert_str_eq(text_at(a.json, "data.groups.0.name"), "stage.lua");
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "data.groups.0.rules")), 1);
    ck_assert_str_eq(text_at(a.json, "data.groups.0.rules.0.state"), "firing");
    ck_assert_str_eq(text_at(a.json, "data.groups.0.rules.0.health"), "ok");
    ck_assert_str_eq(text_at(a.json, "data.groups.0.rules.0.type"), "alerting");
    ck_assert_str_eq(text_at(a.json, "data.groups.0.rules.0.alerts.0.state"), "firing");
    ck_assert_msg(
        strstr(text_at(a.json, "data.groups.0.rules.0.query"), "queue_length last(5m)) above 100"),
        "%s", a.body);
    answer_free(&a);
    a = get("/api/v1/rules?type=record");
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "data.groups")), 0);
    answer_free(&a);
    a = get("/api/v1/rules?exclude_alerts=true");
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "data.groups.0.rules")), 3);
    ck_assert(!strstr(a.body, "\"alerts\""));
    answer_free(&a);
    stage_close();
}
END_TEST

/* --- who may what --------------------------------------------------------------------------------------- */

#define BEARER(t) "Authorization: Bearer tok-" t "\r\n"

START_TEST(roles_are_enforced)
{
    static const struct {
        const char *method, *path, *head, *body;
        int status;
    } cases[] = {
        {"GET", V1 "alerts", NULL, NULL, 401},
        {"GET", V1 "alerts?token=tok-read", NULL, NULL, 401},
        {"GET", V1 "alerts", BEARER("wrong"), NULL, 401},
        {"GET", V1 "alerts", BEARER("read"), NULL, 200},
        {"GET", V1 "alerts", BEARER("ingest"), NULL, 403},
        {"GET", "/metrics", NULL, NULL, 401},
        {"GET", "/metrics", BEARER("read"), NULL, 200},
        {"GET", "/", NULL, NULL, 401},
        {"GET", "/", "Authorization: Basic eDp0b2stcmVhZA==\r\n", NULL, 200},
        {"GET", "/livez", NULL, NULL, 200},
        {"GET", "/-/ready", NULL, NULL, 200},
        {"POST", V1 "incidents/1/ack", JSON_TYPE BEARER("read"), "{}", 403},
        {"POST", V1 "incidents/1/ack", JSON_TYPE, "{}", 401},
        {"POST", V1 "incidents/1/ack", JSON_TYPE BEARER("respond"), "{}", 200},
        {"POST", V1 "reload", JSON_TYPE BEARER("respond"), "{}", 403},
        {"POST", V1 "reload", JSON_TYPE BEARER("admin"), "{}", 200},
        {"POST", "/-/reload", BEARER("respond"), "", 403},
        {"POST", "/-/reload", BEARER("admin"), "", 200},
        {"DELETE", V1 "silences/s1", BEARER("read"), NULL, 403},
        {"DELETE", V1 "silences/s1", BEARER("respond"), NULL, 404},
    };
    struct answer a;

    stage_open(true);
    api_open(st.api);
    stage_feed("orders", 5120);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        a = ask(cases[i].method, cases[i].path, cases[i].head, cases[i].body);
        ck_assert_msg(a.status == cases[i].status, "%s %s %s: %d", cases[i].method, cases[i].path,
                      cases[i].head ? cases[i].head : "", a.status);
        ck_assert(a.status != 401 || strstr(a.head, "WWW-Authenticate: "));
        answer_free(&a);
    }
    a = ask("GET", V1 "incidents", BEARER("read"), NULL);
    ck_assert_str_eq(text_at(a.json, "0.acknowledged.by"), "ana"); /* the token, not the body */
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(a_scope_is_a_matcher_on_everything)
{
    static const char *const seen[] = {V1 "alerts?state=all",
                                       V1 "incidents",
                                       V1 "incidents/1",
                                       V1 "history",
                                       V1 "inbox",
                                       V1 "rules",
                                       V1 "deliveries?all=1",
                                       "/api/v1/alerts",
                                       "/api/v1/rules",
                                       V1 "silences",
                                       V1 "explain?incident=1",
                                       "/",
                                       "/i/1",
                                       "/rules"};
    static const char *const hidden[] = {V1 "incidents/2",
                                         V1 "explain?incident=2",
                                         V1 "explain?rule=Other",
                                         V1 "rules/Other",
                                         V1 "deliveries/2/everyone/inbox",
                                         "/i/2",
                                         V1 "history?incident=2",
                                         V1 "silences/s1"};
    const char *source = "alert \"Other\" { every = \"1s\", team = \"web\", priority = \"P1\",\n"
                         "  value = m.other_length:last():max_by(\"queue\"), fire = above(10),\n"
                         "  summary = \"secret of web\" }\n";
    struct label l[] = {label_of("__name__", "other_length"), label_of("queue", "confidential")};
    struct sample s = {.v = 50, .weight = 1};
    struct err e;
    struct rulefile *f = NULL;
    struct answer a;
    bool is_new;

    stage_open(true);
    api_open(st.api);
    f = rulefile_load("rules/other.lua", source, strlen(source), NULL, &e);
    ck_assert_msg(f, "%s", e.text);
    ck_assert_int_eq(rules_put(st.rules, "rules/other.lua", f, st.fed_ms, &e), 0);
    rulefile_unref(f);
    rules_link(st.rules, st.fed_ms);
    stage_feed("orders", 50);
    s.series = series_resolve(st.series, l, 2, "", SAMPLE_GAUGE, &is_new);
    s.t_ms = st.fed_ms;
    windows_apply(st.windows, st.fed_ms, &s, 1, NULL, 0);
    stage_feed("orders", 50);
    WAIT_FOR(notify_waiting(st.notify, "everyone/inbox", NULL) == 0);
    a = ask("POST", V1 "silences", JSON_TYPE BEARER("admin"),
            "{\"matchers\":[\"team=web\"],\"for\":\"1h\",\"comment\":\"secret\"}");
    ck_assert_int_eq(a.status, 201);
    answer_free(&a);
    a = ask("GET", V1 "incidents", BEARER("admin"), NULL);
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 2);
    answer_free(&a);
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        a = ask("GET", seen[i], BEARER("pay"), NULL);
        ck_assert_msg(a.status == 200, "%s: %d", seen[i], a.status);
        ck_assert_msg(!strstr(a.body, "confidential") && !strstr(a.body, "secret") &&
                          !strstr(a.body, "Other"),
                      "%s shows %s", seen[i], a.body);
        answer_free(&a);
    }
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        a = ask("GET", hidden[i], BEARER("pay"), NULL);
        ck_assert_msg(a.status == 404, "%s: %d %s", hidden[i], a.status, a.body);
        answer_free(&a);
        a = ask("GET", hidden[i], BEARER("admin"), NULL);
        ck_assert_msg(a.status == 200, "%s: %d %s", hidden[i], a.status, a.body);
        answer_free(&a);
    }
    a = ask("POST", V1 "incidents/2/ack", JSON_TYPE BEARER("pay"), "{}");
    ck_assert_int_eq(a.status, 404);
    answer_free(&a);
    a = ask("DELETE", V1 "silences/s1", BEARER("pay"), NULL);
    ck_assert_int_eq(a.status, 404);
    answer_free(&a);
    a = ask("GET", V1 "whoami", BEARER("pay"), NULL);
    ck_assert_str_eq(text_at(a.json, "scope.0"), "team=\"payments\"");
    answer_free(&a);
    stage_close();
}
END_TEST

/* --- the end --------------------------------------------------------------------------------------------- */

START_TEST(what_waits_is_answered_at_the_end)
{
    const char *request = "GET " V1 "history HTTP/1.1\r\nHost: x\r\n\r\n";
    struct raw *r;
    uint64_t sent;

    stage_open(false);
    api_open(st.api);
    fake_db_latency(st.db, 60000);
    sent = fake_db_sent(st.db);
    r = raw_connect(http_server_port(st.server));
    raw_send_n(r, request, strlen(request));
    WAIT_FOR(fake_db_sent(st.db) > sent);
    stage_close(); /* under a sanitizer: nothing leaks, nobody is called back */
    raw_close(r);
}
END_TEST

START_TEST(large_and_deep_bodies_are_refused)
{
    size_t n = (1 << 20) + 10;
    char *body = malloc(n + 1);
    struct answer a;

    stage_open(false);
    api_open(st.api);
    memset(body, ' ', n);
    memcpy(body, "{}", 2);
    body[n] = '\0';
    a = post(V1 "incidents/1/ack", body);
    ck_assert_int_eq(a.status, 413);
    answer_free(&a);
    body[1 << 20] = '\0';
    a = post(V1 "incidents/1/ack", body);
    ck_assert_int_eq(a.status, 404);
    answer_free(&a);
    memset(body, '[', 100000);
    body[100000] = '\0';
    a = post(V1 "incidents/1/ack", body);
    ck_assert_int_eq(a.status, 400);
    answer_free(&a);
    free(body);
    stage_close();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, wrong_requests_are_told_so);
    tcase_add_test(t, only_probes_are_answered_before_everything_is_restored);
    tcase_add_test(t, head_is_answered_as_get_without_a_body);
    tcase_add_test(t, an_alert_is_listed_with_its_incident);
    tcase_add_test(t, pages_of_a_list_follow_each_other);
    tcase_add_test(t, an_incident_is_acknowledged_and_released);
    tcase_add_test(t, a_write_says_when_redis_is_away);
    tcase_add_test(t, a_silence_is_previewed_made_and_ended);
    tcase_add_test(t, explain_tells_why_and_how_long);
    tcase_add_test(t, an_alert_decided_on_the_shortest_window_says_when_the_longest_is_full);
    tcase_add_test(t, alerts_are_listed_most_severe_then_oldest_first);
    tcase_add_test(t, a_closed_incident_tells_its_own_story);
    tcase_add_test(t, history_is_searched_page_by_page);
    tcase_add_test(t, a_long_history_is_searched_to_its_bound);
    tcase_add_test(t, route_of_labels_that_need_not_exist);
    tcase_add_test(t, messages_can_be_seen_and_tested);
    tcase_add_test(t, rules_and_status_are_told);
    tcase_add_test(t, prometheus_shapes);
    tcase_add_test(t, roles_are_enforced);
    tcase_add_test(t, a_scope_is_a_matcher_on_everything);
    tcase_add_test(t, what_waits_is_answered_at_the_end);
    tcase_add_test(t, large_and_deep_bodies_are_refused);
}

UNIT_MAIN("api", add)
