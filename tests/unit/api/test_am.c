/* Alertmanager's API: what its clients send is taken, and they are told in its words. */
#include "api/am_body.h"
#include "api/stage.h"

#define V2        "/api/v2/"
#define BEARER(t) "Authorization: Bearer tok-" t "\r\n"

static void open_stage(bool tokens)
{
    stage_open(tokens);
    api_open(st.api);
}

static void says(const char *method, const char *path, const char *head, const char *body,
                 int status, const char *has)
{
    struct answer a = ask(method, path, head, body);

    ck_assert_msg(a.status == status, "%s %s %s: %d %s", method, path, body ? body : "", a.status,
                  a.body);
    ck_assert_msg(!has || strstr(a.body, has), "%s %s: %s", path, body ? body : "", a.body);
    answer_free(&a);
}

static int listed(const char *query)
{
    struct answer a = get(query);
    int n;

    ck_assert_msg(a.status == 200 && cJSON_IsArray(a.json), "%s: %d %s", query, a.status, a.body);
    n = cJSON_GetArraySize(a.json);
    answer_free(&a);
    return n;
}

#define POST(body, status, has) says("POST", V2 "alerts", JSON_TYPE, body, status, has)

/* --- the body, cut into its elements ------------------------------------------------------------------ */

START_TEST(a_body_is_cut_at_its_quotes_and_braces)
{
    static const struct {
        const char *body;
        int n; /* elements, then its end; -1: broken */
    } cases[] = {
        {"[]", 0},
        {" [ ] ", 0},
        {"[{}]", 1},
        {"[{},{}]", 2},
        {"\n[ {\"a\":\"}]\\\"{\"} ,\t{\"b\":[{},[]]} ]\r\n", 2},
        {"", -1},
        {"{}", -1},
        {"[", -1},
        {"[{}", -1},
        {"[{},]", -1},
        {"[{}{}]", -1},
        {"[{}]x", -1},
        {"[1]", -1},
        {"[{\"a\":\"]}", -1},
        {"null", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct am_body b = {.at = cases[i].body, .end = cases[i].body + strlen(cases[i].body)};
        const char *element;
        enum am_next next;
        struct err e;
        size_t len;
        int n = 0;

        while ((next = am_body_next(&b, &element, &len, &e)) == AM_ELEMENT) {
            ck_assert(*element == '{' && element[len - 1] == '}');
            n++;
        }
        ck_assert_msg((next == AM_END ? n : -1) == cases[i].n, "%s: %d", cases[i].body, n);
    }
}
END_TEST

START_TEST(one_alert_has_a_bound)
{
    char *body = malloc(AM_ALERT_MAX + 100);
    struct am_body b = {.at = body};
    const char *element;
    struct err e;
    size_t len;

    for (int over = 0; over <= 1; over++) {
        size_t n = AM_ALERT_MAX + (size_t)over;

        memset(body, 'x', n + 2);
        memcpy(body, "[{\"", 3);
        memcpy(body + n - 1, "\"}]", 3);
        b = (struct am_body){.at = body, .end = body + n + 2};
        ck_assert_int_eq(am_body_next(&b, &element, &len, &e), over ? AM_BROKEN : AM_ELEMENT);
        ck_assert(!over || e.code == ERR_LIMIT);
    }
    free(body);
}
END_TEST

/* --- alerts come in --------------------------------------------------------------------------------------- */

START_TEST(errors_are_those_of_alertmanager)
{
    static const struct {
        const char *body;
        int status;
        const char *has;
    } cases[] = {
        {"[]", 200, ""},
        {"{}", 400, "{\"code\":400"},
        {"[", 400, "{\"code\":400"},
        {"[{]}]", 400, "{\"code\":400"},
        {"[{\"annotations\":{}}]", 422,
         "{\"code\":602,\"message\":\"0.labels in body is required\"}"},
        {"[{\"labels\":{\"a\":1}}]", 400, "labels.a is no text"},
        {"[{\"labels\":{\"a\":\"b\"},\"annotations\":[]}]", 400, "annotations is no object"},
        {"[{\"labels\":{\"a\":\"b\"},\"startsAt\":\"soon\"}]", 400, "startsAt is no time"},
        {"[{\"labels\":{\"a\":\"b\"},\"endsAt\":5}]", 400, "endsAt is no time"},
        {"[{\"labels\":{\"a\":\"b\"},\"generatorURL\":5}]", 400, "generatorURL is no text"},
        /* of handlers: a bare text */
        {"[{\"labels\":{}}]", 400, "\"alert 0 {}: at least one label pair required\""},
        {"[{\"labels\":{\"a\":\"\"}}]", 400, "at least one label pair required"},
        {"[{\"labels\":{\"\":\"b\"}}]", 400, "invalid label name"},
        {"[{\"labels\":{\"a\":\"b\",\"a\":\"c\"}}]", 400, "twice"},
        {"[{\"labels\":{\"a\":\"b\"},\"startsAt\":\"2026-01-02T00:00:00Z\","
         "\"endsAt\":\"2026-01-01T00:00:00Z\"}]",
         400, "start time must be before end time"},
    };

    open_stage(false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        POST(cases[i].body, cases[i].status, cases[i].has);
    says("POST", V2 "alerts", NULL, "[]", 415, "{\"code\":415");
    says("PUT", V2 "alerts", JSON_TYPE, "[]", 405, "{\"code\":405");
    says("GET", V2 "silence/x", NULL, NULL, 422, "{\"code\":601");
    says("GET", V2 "silence/00000000-0000-4000-8000-000000000001", NULL, NULL, 404, "\"silence");
    says("DELETE", V2 "silence/00000000-0000-4000-8000-000000000001", NULL, NULL, 404, "\"silence");
    says("GET", V2 "alerts?filter=%7Ba%3Db%7D", NULL, NULL, 400, "\"bad matcher format");
    says("GET", V2 "alerts?receiver=%28", NULL, NULL, 400, "\"failed to parse receiver");
    ck_assert_int_eq(listed(V2 "alerts"), 0);
    /* not Alertmanager's */
    says("GET", V2 "nothing", NULL, NULL, 404, "{\"error\":{\"code\":\"not_found\"");
    says("POST", V2 "write", NULL, "x", 404, "{\"error\":{\"code\":\"not_found\"");
    says("POST", "/api/v1/alerts", JSON_TYPE, "[]", 410, "deprecated");
    says("GET", "/api/v1/silences", NULL, NULL, 410, "deprecated");
    says("GET", "/api/v1/alerts", NULL, NULL, 200, "\"success\"");
    stage_close();
}
END_TEST

START_TEST(valid_alerts_are_taken_beside_those_that_are_refused)
{
    open_stage(false);
    POST("[{\"labels\":{\"alertname\":\"Good\"}},{\"labels\":{}},{\"labels\":{\"alertname\":"
         "\"Better\",\"severity\":\"critical\"}}]",
         400, "alert 1 {}: at least one");
    ck_assert_int_eq(listed(V2 "alerts"), 2);
    /* but nothing of a body that has not the form */
    POST("[{\"labels\":{\"alertname\":\"Third\"}},{\"labels\":7}]", 400, "{\"code\":400");
    ck_assert_int_eq(listed(V2 "alerts"), 2);
    stage_close();
}
END_TEST

START_TEST(what_amtool_and_prometheus_send_is_an_alert)
{
    struct answer a;

    open_stage(false);
    POST("[{\"annotations\":{\"summary\":\"hi\"},\"endsAt\":\"0001-01-01T00:00:00.000Z\","
         "\"startsAt\":"
         "\"0001-01-01T00:00:00.000Z\",\"labels\":{\"alertname\":\"Manual\",\"queue\":\"q\","
         "\"severity\":\"critical\"}}]",
         200, NULL);
    POST("[{\"annotations\":{},\"endsAt\":\"2099-11-27T16:03:07.574123456Z\",\"startsAt\":"
         "\"2020-11-27T16:02:53.574Z\",\"generatorURL\":\"http://h:1/"
         "graph?a=1\\u0026b=2\",\"labels\":"
         "{\"alertname\":\"AlwaysOn\",\"queue\":\"q\",\"severity\":\"ticket\"}}]",
         200, NULL);
    a = get(V2 "alerts?filter=alertname%3DAlwaysOn");
    ck_assert_str_eq(text_at(a.json, "0.startsAt"), "2020-11-27T16:02:53.574Z");
    ck_assert_str_eq(text_at(a.json, "0.endsAt"), "2099-11-27T16:03:07.574Z");
    ck_assert_str_eq(text_at(a.json, "0.generatorURL"), "http://h:1/graph?a=1&b=2");
    ck_assert_str_eq(text_at(a.json, "0.status.state"), "active");
    ck_assert_str_eq(text_at(a.json, "0.receivers.0.name"), "everyone");
    ck_assert_str_eq(text_at(a.json, "0.labels.severity"), "ticket");
    ck_assert(at(a.json, "0.status.silencedBy") && at(a.json, "0.status.inhibitedBy") &&
              at(a.json, "0.status.mutedBy"));
    answer_free(&a);
    /* one incident, as for alerts of rules; the table of severities gives the priority */
    a = get("/api/tocsin/v1/alerts");
    ck_assert_str_eq(text_at(a.json, "0.labels.alertname"), "Manual");
    ck_assert_str_eq(text_at(a.json, "0.priority"), "P1");
    ck_assert_str_eq(text_at(a.json, "1.priority"), "P3");
    ck_assert_str_eq(text_at(a.json, "1.origin"), "token:");
    ck_assert(number_at(a.json, "0.incident") == number_at(a.json, "1.incident"));
    answer_free(&a);
    a = get("/api/tocsin/v1/explain?incident=1");
    ck_assert_str_eq(text_at(a.json, "alerts.0.rule"), "Manual");
    ck_assert_ptr_nonnull(strstr(text_at(a.json, "alerts.0.text.0"), "unless it is sent again"));
    answer_free(&a);
    POST("[{\"labels\":{\"alertname\":\"Manual\",\"queue\":\"q\",\"severity\":\"critical\"},"
         "\"endsAt\":\"2020-01-01T00:00:00Z\"}]",
         200, NULL);
    ck_assert_int_eq(listed(V2 "alerts"), 1);
    a = get("/metrics");
    ck_assert_ptr_nonnull(strstr(a.body, "alertmanager_build_info{version=\"0.25.0\""));
    ck_assert_ptr_nonnull(strstr(a.body, "alertmanager_dispatcher_aggregation_groups 1\n"));
    ck_assert_ptr_nonnull(
        strstr(a.body, "alertmanager_notifications_total{integration=\"inbox\"} "));
    ck_assert_ptr_nonnull(
        strstr(a.body, "alertmanager_alerts_received_total{status=\"firing\",version=\"v2\"} 2"));
    ck_assert_ptr_nonnull(
        strstr(a.body, "alertmanager_alerts_received_total{status=\"resolved\",version=\"v2\"} 1"));
    answer_free(&a);
    stage_close();
}
END_TEST

/* More than one slice. */
START_TEST(many_alerts_are_taken_and_listed_in_order)
{
    struct buf body = BUF_INIT;
    const char *last = "";
    struct answer a;
    const cJSON *v;
    int n = 0;

    open_stage(false);
    for (int i = 0; i < 200; i++)
        buf_addf(&body, "%s{\"labels\":{\"alertname\":\"A%d\",\"queue\":\"q%d\"}}", i ? "," : "[",
                 i, i % 30);
    buf_adds(&body, "]");
    POST(buf_str(&body), 200, NULL);
    buf_free(&body);
    a = get(V2 "alerts");
    cJSON_ArrayForEach(v, a.json)
    {
        ck_assert_int_gt(strcmp(text_at(v, "fingerprint"), last), 0);
        last = text_at(v, "fingerprint");
        n++;
    }
    ck_assert_int_eq(n, 200);
    answer_free(&a);
    a = get(V2 "alerts/groups");
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 30);
    n = 0;
    last = "";
    cJSON_ArrayForEach(v, a.json)
    {
        ck_assert_str_eq(text_at(v, "receiver.name"), "everyone");
        ck_assert_int_gt(strcmp(text_at(v, "labels.queue"), last), 0);
        last = text_at(v, "labels.queue");
        n += cJSON_GetArraySize(at(v, "alerts"));
    }
    ck_assert_int_eq(n, 200);
    answer_free(&a);
    stage_close();
}
END_TEST

START_TEST(a_sender_is_told_to_repeat_what_redis_does_not_have)
{
    struct answer a;

    open_stage(false);
    fake_redis_refuse_writes(st.redis, true);
    a = post(V2 "alerts", "[{\"labels\":{\"alertname\":\"Away\",\"queue\":\"q\"}}]");
    ck_assert_int_eq(a.status, 503);
    ck_assert_ptr_nonnull(strstr(a.head, "Retry-After: 1"));
    answer_free(&a);
    ck_assert_int_eq(listed(V2 "alerts"), 1); /* people are told all the same */
    stage_close();
}
END_TEST

/* --- lists ---------------------------------------------------------------------------------------------------- */

START_TEST(lists_are_filtered_as_amtool_asks)
{
    static const struct {
        const char *query;
        int n;
    } cases[] = {
        {"", 3},
        {"?filter=alertname%3DA", 1},
        {"?filter=alertname%3D%22A%22", 1},
        {"?filter=alertname%3D~%22A%7CB%22&filter=queue%3Dx", 1},
        {"?filter=%22alertname%22%3DA", 1},
        {"?filter=missing%3D", 3},
        {"?filter=queue%21%3Dx", 2},
        {"?filter=priority%3DP1", 1},
        {"?active=false", 1},
        {"?active=odd", 1},
        {"?silenced=false", 2},
        {"?silenced=FALSE&active=true&inhibited=false&unprocessed=false", 2},
        {"?receiver=every.*", 3},
        {"?receiver=every", 0},
    };
    char path[200];

    open_stage(false);
    POST("[{\"labels\":{\"alertname\":\"A\",\"queue\":\"x\"}},"
         "{\"labels\":{\"alertname\":\"B\",\"queue\":\"y\",\"severity\":\"critical\"}},"
         "{\"labels\":{\"alertname\":\"C\",\"queue\":\"y\"}}]",
         200, NULL);
    says("POST", V2 "silences", JSON_TYPE,
         "{\"comment\":\"x\",\"createdBy\":\"me\",\"endsAt\":\"2099-01-01T00:00:00Z\",\"startsAt\":"
         "\"2020-01-01T00:00:00Z\",\"matchers\":[{\"name\":\"alertname\",\"value\":\"C\","
         "\"isRegex\":"
         "false,\"isEqual\":true}]}",
         200, "{\"silenceID\":\"");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, V2 "alerts%s", cases[i].query);
        ck_assert_msg(listed(path) == cases[i].n, "%s: %d", path, listed(path));
    }
    ck_assert_int_eq(listed(V2 "alerts/groups"), 2);
    ck_assert_int_eq(listed(V2 "alerts/groups?silenced=false&filter=alertname%3DC"), 0);
    ck_assert_int_eq(listed(V2 "receivers"), 1);
    stage_close();
}
END_TEST

START_TEST(the_status_has_what_amtool_asks_first)
{
    struct answer a;

    open_stage(false);
    a = get(V2 "status");
    ck_assert_str_eq(text_at(a.json, "cluster.status"), "disabled");
    ck_assert_str_eq(text_at(a.json, "versionInfo.version"), "0.25.0");
    ck_assert_str_eq(text_at(a.json, "versionInfo.revision"), TOCSIN_VERSION);
    ck_assert_ptr_nonnull(strstr(text_at(a.json, "config.original"), "receiver: \"everyone\""));
    answer_free(&a);
    stage_close();
}
END_TEST

/* --- silences --------------------------------------------------------------------------------------------------- */

#define SILENCE(id, matchers, ends)                                                \
    "{\"id\":\"" id "\",\"comment\":\"x\",\"createdBy\":\"me\",\"endsAt\":\"" ends \
    "\",\"startsAt\":\"2020-01-01T00:00:00Z\",\"matchers\":[" matchers "]}"
#define M(name, value, regex, equal) \
    "{\"name\":\"" name "\",\"value\":\"" value "\",\"isRegex\":" regex ",\"isEqual\":" equal "}"
#define FUTURE "2099-01-01T00:00:00Z"

START_TEST(silences_live_as_in_alertmanager)
{
    struct answer a;
    char id[64], path[128];
    struct buf body = BUF_INIT;

    open_stage(false);
    a = post(V2 "silences", SILENCE("", M("alertname", "A", "false", "true"), FUTURE));
    ck_assert_int_eq(a.status, 200);
    snprintf(id, sizeof id, "%s", text_at(a.json, "silenceID"));
    answer_free(&a);
    snprintf(path, sizeof path, V2 "silence/%s", id);
    a = get(path);
    ck_assert_str_eq(text_at(a.json, "status.state"), "active");
    ck_assert_str_eq(text_at(a.json, "createdBy"), "me");
    ck_assert_str_eq(text_at(a.json, "comment"), "x");
    ck_assert_str_eq(text_at(a.json, "origin"), "api v2");
    ck_assert_str_eq(text_at(a.json, "matchers.0.name"), "alertname");
    ck_assert(cJSON_IsTrue(at(a.json, "matchers.0.isEqual")));
    ck_assert_ptr_nonnull(at(a.json, "updatedAt"));
    answer_free(&a);
    /* the same id: its times */
    buf_addf(
        &body,
        "{\"id\":\"%s\",\"comment\":\"y\",\"createdBy\":\"me\",\"endsAt\":\"2098-01-01T00:00:00Z\","
        "\"startsAt\":\"2020-01-01T00:00:00Z\",\"matchers\":[%s]}",
        id, M("alertname", "A", "false", "true"));
    a = post(V2 "silences", buf_str(&body));
    ck_assert_str_eq(text_at(a.json, "silenceID"), id);
    answer_free(&a);
    buf_free(&body);
    ck_assert_int_eq(listed(V2 "silences"), 1);
    ck_assert_int_eq(listed(V2 "silences?filter=alertname%3DA"), 1);
    ck_assert_int_eq(listed(V2 "silences?filter=alertname%3D~A"), 0);
    ck_assert_int_eq(listed(V2 "silences?active=false"), 0);
    says("DELETE", path, NULL, NULL, 200, NULL);
    says("DELETE", path, NULL, NULL, 200, NULL); /* it has ended: as Alertmanager says */
    ck_assert_int_eq(listed(V2 "silences?expired=false"), 0);
    ck_assert_int_eq(listed(V2 "silences?active=false"), 1);
    says("GET", "/api/tocsin/v1/silences?state=expired", NULL, NULL, 200, id);
    stage_close();
}
END_TEST

START_TEST(wrong_silences_are_told_so)
{
    static const struct {
        const char *body;
        int status;
        const char *has;
    } cases[] = {
        {"[]", 400, "{\"code\":400"},
        {"{}", 422, "\"code\":602"},
        {SILENCE("", "", FUTURE), 422, "\"code\":612"},
        {SILENCE("", "{\"name\":\"a\",\"value\":\"b\"}", FUTURE), 422, "matchers.0.isRegex"},
        {SILENCE("", M("a", "b", "1", "true"), FUTURE), 400, "isRegex is no boolean"},
        {SILENCE("", M("a", "(", "true", "true"), FUTURE), 400, "\""},
        {SILENCE("", M("", "b", "false", "true"), FUTURE), 400, "invalid label name"},
        {SILENCE("", M("a", "b", "false", "true"), "soon"), 400, "endsAt is no time"},
        {SILENCE("", M("a", "b", "false", "true"), "2020-01-02T00:00:00Z"), 400,
         "\"end time can't be in the past\""},
        {SILENCE("00000000-0000-4000-8000-000000000001", M("a", "b", "false", "true"), FUTURE), 404,
         "not found"},
        {SILENCE("s1", M("a", "b", "false", "true"), FUTURE), 404, "not found"},
        {SILENCE("", M("a", "", "false", "true"), FUTURE), 400, "\""},
    };

    open_stage(false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        says("POST", V2 "silences", JSON_TYPE, cases[i].body, cases[i].status, cases[i].has);
    says("POST", V2 "silences", FORM_TYPE, "a=b", 415, "{\"code\":415");
    ck_assert_int_eq(listed(V2 "silences"), 0);
    stage_close();
}
END_TEST

/* --- who may ------------------------------------------------------------------------------------------------------- */

#define ONE(team) "[{\"labels\":{\"alertname\":\"X\",\"queue\":\"q\",\"team\":\"" team "\"}}]"

START_TEST(alerts_need_the_role_ingest_and_stay_in_its_scope)
{
    struct answer a;

    open_stage(true);
    says("POST", V2 "alerts", JSON_TYPE, ONE("web"), 401, NULL);
    says("POST", V2 "alerts", JSON_TYPE BEARER("read"), ONE("web"), 403, NULL);
    says("POST", V2 "alerts", JSON_TYPE BEARER("respond"), ONE("web"), 403, NULL);
    says("GET", V2 "alerts", BEARER("ingest"), NULL, 403, NULL);
    says("POST", V2 "silences", JSON_TYPE BEARER("read"), "{}", 403, NULL);
    says("POST", V2 "alerts", JSON_TYPE BEARER("ingest"), ONE("web"), 200, NULL);
    says("POST", V2 "alerts", JSON_TYPE BEARER("payingest"), ONE("web"), 400, "scope of token");
    says("POST", V2 "alerts", JSON_TYPE BEARER("payingest"), ONE("payments"), 200, NULL);
    a = ask("GET", V2 "alerts", BEARER("payread"), NULL);
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 1);
    ck_assert_str_eq(text_at(a.json, "0.labels.team"), "payments");
    answer_free(&a);
    a = ask("GET", V2 "alerts/groups", BEARER("payread"), NULL);
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "0.alerts")), 1);
    answer_free(&a);
    a = ask("GET", "/api/tocsin/v1/alerts?filter=team%3Dpayments", BEARER("read"), NULL);
    ck_assert_str_eq(text_at(a.json, "0.origin"), "token:payfeed");
    answer_free(&a);
    stage_close();
}
END_TEST

static void add(TCase *t)
{
    (void)stage_feed;
    tcase_add_test(t, a_body_is_cut_at_its_quotes_and_braces);
    tcase_add_test(t, one_alert_has_a_bound);
    tcase_add_test(t, errors_are_those_of_alertmanager);
    tcase_add_test(t, valid_alerts_are_taken_beside_those_that_are_refused);
    tcase_add_test(t, what_amtool_and_prometheus_send_is_an_alert);
    tcase_add_test(t, many_alerts_are_taken_and_listed_in_order);
    tcase_add_test(t, a_sender_is_told_to_repeat_what_redis_does_not_have);
    tcase_add_test(t, lists_are_filtered_as_amtool_asks);
    tcase_add_test(t, the_status_has_what_amtool_asks_first);
    tcase_add_test(t, silences_live_as_in_alertmanager);
    tcase_add_test(t, wrong_silences_are_told_so);
    tcase_add_test(t, alerts_need_the_role_ingest_and_stay_in_its_scope);
}

UNIT_MAIN("am", add)
