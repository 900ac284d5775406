/* Who sees and touches what: every route of the table, with every role and scope, on an incident that
 * holds alerts of two teams and one that is another team's. The walk is made from the table: a route
 * that is added is walked, and a handler that forgets the scope shows one of the words below. */
#include "api/stage.h"

#include "api/routes.h"

#define V1 "/api/tocsin/v1/"

/* Labels, summary, rule, comment and queue of the other team. */
static const char *const words[] = {"SALARIES", "Wages", "LAYOFFS", "confidential", "HUSH"};

static const char other_rules[] =
    "alert \"Wages\" { every = \"1s\", team = \"web\", priority = \"P1\",\n"
    "  labels = { note = \"SALARIES\" }, value = m.queue_length:last():max_by(\"queue\"),\n"
    "  fire = above(10), summary = \"LAYOFFS\" }\n"
    "alert \"WagesToo\" { every = \"1s\", team = \"web\", priority = \"P1\",\n"
    "  value = m.other_length:last():max_by(\"queue\"), fire = above(10), summary = \"LAYOFFS\" "
    "}\n";

static const struct {
    const char *token;
    unsigned roles;
    bool scoped;
} callers[] = {
    {"payingest", ROLE_INGEST, true},
    {"payread", ROLE_READ, true},
    {"pay", ROLE_READ | ROLE_RESPOND, true},
    {"payadmin", ROLE_READ | ROLE_RESPOND | ROLE_ADMIN, true},
    {"ingest", ROLE_INGEST, false},
    {"read", ROLE_READ, false},
    {"respond", ROLE_READ | ROLE_RESPOND, false},
    {"admin", ROLE_READ | ROLE_RESPOND | ROLE_ADMIN, false},
};
#define N_CALLERS (sizeof callers / sizeof *callers)

static struct answer as(const char *token, const char *method, const char *path, const char *type,
                        const char *body)
{
    struct buf head = BUF_INIT;
    struct answer a;

    buf_addf(&head, "%sAuthorization: Bearer tok-%s\r\n", type ? type : "", token);
    a = ask(method, path, buf_str(&head), body);
    buf_free(&head);
    return a;
}

static void other_sample(const char *queue)
{
    struct label l[] = {label_of("__name__", "other_length"), label_of("queue", queue)};
    struct sample s = {.v = 50, .weight = 1, .t_ms = st.fed_ms};
    bool is_new;

    s.series = series_resolve(st.series, l, 2, "", SAMPLE_GAUGE, &is_new);
    windows_apply(st.windows, st.fed_ms, &s, 1, NULL, 0);
}

static char other_fingerprint[17];
static char other_silence[64];

/* #1 holds alerts of payments and web, #2 of web alone; s1 is a silence of web's. */
static void mixed_open(void)
{
    struct err e = {0};
    struct rulefile *f;
    struct answer a;

    stage_open(true);
    api_open(st.api);
    f = rulefile_load("rules/other.lua", other_rules, strlen(other_rules), NULL, &e);
    ck_assert_msg(f, "%s", e.text);
    ck_assert_msg(rules_put(st.rules, "rules/other.lua", f, st.fed_ms, &e) == 0, "%s", e.text);
    rulefile_unref(f);
    rules_link(st.rules, st.fed_ms);
    stage_feed("orders", 50);
    other_sample("confidential");
    stage_feed("orders", 50);
    stage_feed("orders", 50);
    WAIT_FOR(notify_waiting(st.notify, "everyone/inbox", NULL) == 0);
    a = as("admin", "POST", V1 "silences", JSON_TYPE,
           "{\"matchers\":[\"team=web\",\"queue=elsewhere\"],\"for\":\"1h\",\"comment\":\"HUSH\"}");
    ck_assert_msg(a.status == 201, "%s", a.body);
    snprintf(other_silence, sizeof other_silence, "%s", text_at(a.json, "id"));
    answer_free(&a);
    a = as("admin", "GET", V1 "alerts?filter=alertname%3DWages", NULL, NULL);
    ck_assert_int_eq(strlen(text_at(a.json, "0.fingerprint")), 16);
    strcpy(other_fingerprint, text_at(a.json, "0.fingerprint"));
    answer_free(&a);
    a = as("admin", "GET", V1 "incidents", NULL, NULL);
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 2);
    answer_free(&a);
}

/* What stands for the stars of a pattern: things that are there, and the other team's where there is
 * a choice. */
static void path_of(const char *pattern, char out[256])
{
    static const struct {
        const char *before, *one, *rest;
    } fill[] = {
        {"/alerts/", other_fingerprint, NULL},
        {"/silences/", "s1", NULL},
        {"/v2/silence/", other_silence, NULL},
        {"/receivers/", NULL, "everyone"},
        {"/rules/", NULL, "Wages"},
        {"/deliveries/", "1", "everyone/inbox"},
    };
    const char *one = "1", *rest = "x";
    char *to = out;

    for (size_t i = 0; i < sizeof fill / sizeof *fill; i++)
        if (strstr(pattern, fill[i].before)) {
            one = fill[i].one ? fill[i].one : one;
            rest = fill[i].rest ? fill[i].rest : rest;
        }
    while (*pattern) {
        bool two = strncmp(pattern, "**", 2) == 0;

        if (*pattern != '*') {
            *to++ = *pattern++;
            continue;
        }
        to += sprintf(to, "%s", two ? rest : one);
        pattern += two ? 2 : 1;
    }
    *to = '\0';
}

static struct answer walk(const struct route *r, const char *token)
{
    char path[256], form[256];
    const char *type = NULL, *body = NULL;

    path_of(r->pattern, path);
    snprintf(form, sizeof form, "csrf=%s&step=confirm&for=1h&matchers=queue%%3Dnowhere",
             st.api->csrf);
    if (strcmp(r->method, "GET") != 0) {
        type = r->kind == ROUTE_PAGE ? FORM_TYPE : JSON_TYPE;
        body = r->kind == ROUTE_PAGE ? form : "{\"for\":\"1h\",\"incident\":1}";
    }
    return as(token, r->method, path, type, body);
}

static void check_tells_nothing(const char *what, const struct answer *a)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        ck_assert_msg(!strstr(a->body, words[i]) || a->status == 404, "%s tells of %s: %.2000s",
                      what, words[i], a->body);
}

static void check_verdict(const struct route *r, size_t caller, const struct answer *a)
{
    bool may = r->role == 0 || (callers[caller].roles & r->role) != 0;
    bool closed = !may || (r->scope == ALL_TEAMS && callers[caller].scoped);

    if (r->kind == ROUTE_PROBE)
        ck_assert_msg(a->status == 200, "%s: %d", r->pattern, a->status);
    else
        ck_assert_msg((a->status == 403) == closed && a->status != 401, "%s %s as %s: %d %.2000s",
                      r->method, r->pattern, callers[caller].token, a->status, a->body);
    if (callers[caller].scoped)
        check_tells_nothing(r->pattern, a);
}

/* As the one who sees everything. */
static void check_others_untouched(void)
{
    struct answer a = as("admin", "GET", V1 "incidents/1", NULL, NULL);
    const cJSON *alert;
    int of_web = 0;

    ck_assert(cJSON_IsNull(at(a.json, "acknowledged")));
    ck_assert_str_eq(text_at(a.json, "priority"), "P1");
    ck_assert_int_eq((int)number_at(a.json, "hidden"), -1);
    cJSON_ArrayForEach(alert, at(a.json, "alerts"))
    {
        if (strcmp(text_at(alert, "labels.team"), "web") != 0)
            continue;
        of_web += strcmp(text_at(alert, "labels.alertname"), "Wages") == 0;
        ck_assert_str_eq(text_at(alert, "state"), "firing");
        ck_assert_str_eq(text_at(alert, "heldBy"), "");
    }
    ck_assert_int_eq(of_web, 1);
    answer_free(&a);
    a = as("admin", "GET", V1 "deliveries/1/everyone/inbox", NULL, NULL);
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_ne(text_at(a.json, "state"), "dead");
    answer_free(&a);
    a = as("admin", "GET", V1 "silences/s1", NULL, NULL);
    ck_assert_str_eq(text_at(a.json, "status.state"), "active");
    answer_free(&a);
    ck_assert_int_eq(st.reloads, 0);
}

START_TEST(every_route_keeps_to_the_role_and_scope_of_its_caller)
{
    const struct route *r;
    size_t n = 0;

    mixed_open();
    for (size_t caller = 0; caller < N_CALLERS; caller++) {
        for (size_t i = 0; (r = route_at(i)); i++, n++) {
            struct answer a = walk(r, callers[caller].token);

            check_verdict(r, caller, &a);
            answer_free(&a);
        }
        if (callers[caller].scoped)
            check_others_untouched();
    }
    ck_assert_uint_ge(n, N_CALLERS * 40); /* it did walk */
    stage_close();
}
END_TEST

/* Parameters choose what a route shows. */
START_TEST(no_parameter_reaches_beyond_the_scope)
{
    static const char *const paths[] = {
        V1 "alerts?state=all",
        V1 "alerts?state=all&filter=team%3Dweb",
        V1 "explain?incident=1",
        V1 "explain?incident=2",
        V1 "explain?rule=Backlog",
        V1 "explain?rule=Wages",
        V1 "history?limit=1000",
        V1 "history?incident=1",
        V1 "history?rule=Wages",
        V1 "deliveries?all=1",
        V1 "silences?state=all",
        V1 "route?label=team%3Dpayments&label=queue%3Dorders",
        V1 "incidents/2",
        V1 "incidents?open=1",
        V1 "inbox?limit=1000",
        "/api/v1/rules?exclude_alerts=1",
        "/i/2",
    };
    struct answer a;
    char path[64];

    mixed_open();
    snprintf(path, sizeof path, V1 "history?alert=%s", other_fingerprint);
    a = as("pay", "GET", path, NULL, NULL);
    ck_assert_int_eq(cJSON_GetArraySize(a.json), 0);
    answer_free(&a);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        a = as("payadmin", "GET", paths[i], NULL, NULL);
        check_tells_nothing(paths[i], &a);
        answer_free(&a);
    }
    stage_close();
}
END_TEST

START_TEST(a_mixed_incident_is_seen_in_part_and_acted_on_by_nobody_who_sees_a_part)
{
    struct answer a;

    mixed_open();
    a = as("payread", "GET", V1 "incidents/1", NULL, NULL);
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "alerts")), 1);
    ck_assert_str_eq(text_at(a.json, "alerts.0.labels.alertname"), "Backlog");
    ck_assert_str_eq(text_at(a.json, "priority"), "P3"); /* his, not the other's P1 */
    ck_assert_str_eq(text_at(a.json, "summary"), "orders: 50 messages wait");
    ck_assert_int_eq((int)number_at(a.json, "firing"), 1);
    ck_assert_int_eq((int)number_at(a.json, "hidden"), 1);
    ck_assert_int_eq(cJSON_GetArraySize(at(a.json, "deliveries")), 1);
    answer_free(&a);
    a = as("payread", "GET", V1 "inbox", NULL, NULL);
    ck_assert_int_ge(cJSON_GetArraySize(a.json), 1);
    ck_assert_msg(strstr(text_at(a.json, "0.text"), "outside the scope"), "%s", a.body);
    ck_assert(cJSON_IsNull(at(a.json, "0.payload")));
    answer_free(&a);
    a = as("pay", "POST", V1 "incidents/1/ack", JSON_TYPE, "{}");
    ck_assert_int_eq(a.status, 409);
    ck_assert_msg(strstr(a.body, "a silence mutes yours alone"), "%s", a.body);
    answer_free(&a);
    a = as("pay", "POST", V1 "deliveries/1/everyone/inbox/drop", JSON_TYPE, "{}");
    ck_assert_int_eq(a.status, 409);
    answer_free(&a);
    a = as("pay", "POST", V1 "silences", JSON_TYPE, "{\"for\":\"1h\",\"incident\":1}");
    ck_assert_msg(a.status == 201, "%s", a.body); /* as the refusal advises */
    ck_assert_int_eq((int)number_at(a.json, "mutes.now"), 1);
    answer_free(&a);
    check_others_untouched();
    a = as("respond", "POST", V1 "incidents/1/ack", JSON_TYPE, "{\"note\":\"HUSH\"}");
    ck_assert_int_eq(a.status, 200);
    answer_free(&a);
    a = as("payread", "GET", V1 "incidents/1", NULL, NULL);
    ck_assert_str_eq(text_at(a.json, "acknowledged.by"), "ana"); /* who, not what was noted */
    ck_assert_str_eq(text_at(a.json, "acknowledged.note"), "");
    answer_free(&a);
    stage_close();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, every_route_keeps_to_the_role_and_scope_of_its_caller);
    tcase_add_test(t, no_parameter_reaches_beyond_the_scope);
    tcase_add_test(t, a_mixed_incident_is_seen_in_part_and_acted_on_by_nobody_who_sees_a_part);
}

UNIT_MAIN("api/scope", add)
