/* A stage for the API: the real rooms behind it over a Redis in memory, rules that fire on data
 * given by the test, and a client on loopback that speaks to a real server. */
#ifndef API_STAGE_H
#define API_STAGE_H

#include "net/net_test.h"

#include "../../sim/fake_data.c"
#include "../../sim/fake_db.c"
#include "../../sim/fake_redis.c"

#include <cjson/cJSON.h>

#include "base/log.h"
#include "model/series.h"
#include "tocsin/alert.h"
#include "tocsin/api.h"
#include "tocsin/config.h"
#include "tocsin/deliver.h"
#include "tocsin/http.h"
#include "tocsin/journal.h"
#include "tocsin/notify.h"
#include "tocsin/outbound.h"
#include "tocsin/rule.h"
#include "tocsin/store.h"
#include "tocsin/window.h"

#define RULES                                                                                      \
    "alert \"Backlog\" { every = \"1s\", team = \"payments\",\n"                                   \
    "  value = m.queue_length:last():max_by(\"queue\"),\n"                                         \
    "  fire = { P1 = above(100), P3 = above(10) },\n"                                              \
    "  runbook_url = \"https://wiki.example.com/backlog\",\n"                                      \
    "  summary = \"{queue}: {value:number} messages wait\" }\n"                                    \
    "alert \"SlowBacklog\" { every = \"1s\", team = \"web\", lasting = \"1h\", priority = \"P2\"," \
    "\n  value = m.queue_length:last():max_by(\"queue\"), fire = above(10),\n"                     \
    "  summary = \"{queue} waits\" }\n"                                                            \
    "alert \"Never\" { every = \"1s\", priority = \"P4\", value = m.nothing:last(),\n"             \
    "  fire = above(1), summary = \"never\" }\n"

static struct stage {
    struct fake_redis *redis;
    struct db *db;
    struct labelsets *labels;
    struct series_table *series;
    struct windows *windows;
    struct store *store;
    struct alert_book *book;
    struct outbound *outbound;
    struct notify *notify;
    struct deliver *deliver;
    struct rules *rules;
    struct journal *journal;
    struct config *config;
    struct http_server *server;
    struct api *api;
    const char *severity[PRIORITIES + 1];
    bool loaded, ready;
    int reloads, dry_runs;
    int64_t fed_ms;
} st;

static const struct config *st_config(void *arg)
{
    (void)arg;
    return st.config;
}

static void st_reload(bool dry_run, reload_done done, void *done_arg, void *arg)
{
    struct buf body = BUF_INIT;
    struct json out = json_into(&body);

    (void)arg;
    st.reloads += !dry_run;
    st.dry_runs += dry_run;
    json_object(&out);
    json_kbool(&out, "ok", true);
    json_object_end(&out);
    done(&body, true, done_arg);
    buf_free(&body);
}

static bool st_ready(struct json *out, void *arg)
{
    (void)arg;
    json_object(out);
    json_kbool(out, "ready", st.ready);
    json_key(out, "reasons");
    json_array(out);
    json_object(out);
    json_kstr(out, "check", "redis");
    json_kbool(out, "ok", st.ready);
    json_kstr(out, "text", "<b>away</b>");
    json_object_end(out);
    json_array_end(out);
    json_object_end(out);
    return st.ready;
}

static void st_metrics(struct buf *out, void *arg)
{
    (void)arg;
    buf_adds(out, "tocsin_build_info 1\n");
}

static void st_rejected(struct json *out, void *arg)
{
    (void)arg;
    json_array(out);
    json_object(out);
    json_kstr(out, "file", "rules/bad.lua");
    json_kstr(out, "error", "bad.lua:3: <unexpected>");
    json_object_end(out);
    json_array_end(out);
}

static void st_changed(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    (void)arg;
    notify_alert(st.notify, a, change, at_ms);
}

static void st_due(const char *lane, void *arg)
{
    (void)arg;
    deliver_due(lane, st.deliver);
}

static void st_field(struct store_table *t, const char *field, size_t field_len, const char *value,
                     size_t len, void *arg)
{
    (void)t, (void)field, (void)field_len, (void)value, (void)len, (void)arg;
}

static void st_loaded(const struct err *e, void *arg)
{
    (void)arg;
    ck_assert_msg(!e, "%s", e ? e->text : "");
    st.loaded = true;
}

static void st_handle(struct http_request *r, void *arg)
{
    (void)arg;
    api_handle(st.api, r);
}

static void st_silent(const char *line, void *arg)
{
    (void)line, (void)arg;
}

static void st_apply(const struct journal_block *b, void *arg)
{
    (void)b, (void)arg;
}

/* What the tokens file holds. */
#define TOKENS                                     \
    "reader read * tok-read\n"                     \
    "ana respond * tok-respond\n"                  \
    "root admin * tok-admin\n"                     \
    "payread read team=payments tok-payread\n"     \
    "pay respond team=payments tok-pay\n"          \
    "payroot admin team=payments tok-payadmin\n"   \
    "payfeed ingest team=payments tok-payingest\n" \
    "feed ingest * tok-ingest\n"

static char *st_read(const char *path, size_t *len, void *arg, struct err *e)
{
    (void)path, (void)arg, (void)e;
    *len = strlen(TOKENS);
    return mem_dup(TOKENS, *len);
}

static struct config *st_load_config(bool tokens)
{
    static const struct config_options o = {.read = st_read};
    struct buf source = BUF_INIT;
    struct err e = {0};
    struct config *c;

    buf_addf(&source,
             "server { external_url = \"https://tocsin.example.com\"%s }\n"
             "receiver \"everyone\" { inbox {} }\n"
             "route { receiver = \"everyone\", group_by = { \"queue\" }, group_wait = \"0s\" }\n",
             tokens ? ", tokens = secret_file \"tokens\"" : "");
    c = config_load("tocsin.lua", buf_str(&source), source.len, &o, &e);
    ck_assert_msg(c, "%s", e.text);
    buf_free(&source);
    return c;
}

static bool st_cold; /* windows were not seen whole; else what is cold has tests of its own */

static void st_data_side(void)
{
    struct windows_options w = {.covered = !st_cold};
    struct journal_options j = {.loop = t_loop, .apply = st_apply};
    struct err e = {0};

    st.labels = labelsets_new(0);
    st.series = series_table_new(st.labels, 0);
    w.series = j.series = st.series;
    st.windows = windows_new(&w);
    j.db = st.db;
    st.journal = journal_new(&j, &e);
    ck_assert_msg(st.journal, "%s", e.text);
}

static void st_control_side(void)
{
    struct err e = {0};
    struct alert_book_options b = {
        .labels = st.labels, .severity = st.severity, .changed = st_changed};
    struct notify_options n = {
        .clock = t_clock, .loop = t_loop, .config = st.config, .due = st_due};
    struct rules_options r = {.labels = st.labels, .windows = st.windows, .clock = t_clock};
    struct deliver_options d = {.loop = t_loop, .config = st.config};
    struct outbound_options out = {0};

    st.severity[1] = "critical";
    b.store = n.store = d.store = st.store = store_new(t_loop, st.db);
    r.book = st.book = alert_book_new(&b);
    d.notify = st.notify = notify_new(&n);
    st.rules = rules_new(&r);
    d.outbound = st.outbound = outbound_new(t_loop, &out, &e);
    st.deliver = deliver_new(&d, &e);
    ck_assert_msg(st.deliver, "%s", e.text);
    store_load(st.store, st_field, st_loaded, NULL);
    WAIT_FOR(st.loaded);
    alert_book_restored(st.book, clock_wall_ms(t_clock));
    notify_start(st.notify, st.book);
}

static void stage_rules(const char *path, const char *text)
{
    struct err e = {0};
    struct rulefile *f = rulefile_load(path, text, strlen(text), NULL, &e);
    int64_t at_ms = clock_wall_ms(t_clock) - 60000;

    ck_assert_msg(f, "%s", e.text);
    ck_assert_msg(rules_put(st.rules, path, f, at_ms, &e) == 0, "%s", e.text);
    rulefile_unref(f);
    rules_link(st.rules, at_ms);
}

static void st_load_rules(void)
{
    int64_t now_ms = clock_wall_ms(t_clock);

    stage_rules("rules/stage.lua", RULES);
    rules_skip_to(st.rules, now_ms - 60000);
    st.fed_ms = now_ms - 60000;
}

static void stage_open(bool tokens)
{
    struct http_server_options h = {.listen = "127.0.0.1:0", .handle = st_handle};
    struct db_options d = {.url = "redis://127.0.0.1"};
    struct api_options o = {.config = st_config,
                            .reload = st_reload,
                            .live = st_ready,
                            .ready = st_ready,
                            .started = st_ready,
                            .metrics = st_metrics,
                            .rejected = st_rejected};
    struct err e = {0};

    setenv("TZ", "UTC", 1);
    log_divert(st_silent, NULL);
    st = (struct stage){.ready = true};
    loop_open();
    st.redis = fake_redis_new(t_clock);
    fake_db_serve(st.redis);
    st.db = db_open(t_loop, &d, &e);
    WAIT_FOR(db_is_up(st.db));
    st.config = st_load_config(tokens);
    st_data_side();
    st_control_side();
    st_load_rules();
    o.loop = t_loop;
    o.labels = st.labels;
    o.series = st.series;
    o.rules = st.rules;
    o.book = st.book;
    o.windows = st.windows;
    o.notify = st.notify;
    o.deliver = st.deliver;
    o.journal = st.journal;
    o.store = st.store;
    o.db = st.db;
    st.api = api_new(&o);
    ck_assert_ptr_nonnull(st.api);
    st.server = http_server_new(t_loop, &h, &e);
    ck_assert_msg(st.server, "%s", e.text);
}

static void stage_close(void)
{
    http_server_free(st.server);
    deliver_free(st.deliver);
    rules_free(st.rules);
    notify_free(st.notify);
    alert_book_free(st.book);
    journal_free(st.journal);
    store_free(st.store);
    outbound_free(st.outbound);
    db_close(st.db);
    api_free(st.api);
    windows_free(st.windows);
    series_table_free(st.series);
    labelsets_free(st.labels);
    config_unref(st.config);
    fake_redis_free(st.redis);
    loop_close();
}

/* One sample of queue_length{queue=…}, and the looks up to a second later. */
static void stage_feed(const char *queue, double value)
{
    struct label l[] = {label_of("__name__", "queue_length"), label_of("queue", queue)};
    struct sample s = {.v = value, .weight = 1, .kind = SAMPLE_GAUGE};
    bool is_new;

    st.fed_ms += 1000;
    s.t_ms = st.fed_ms;
    s.series = series_resolve(st.series, l, 2, "", SAMPLE_GAUGE, &is_new);
    rules_before_block(st.rules, st.fed_ms);
    windows_apply(st.windows, st.fed_ms, &s, 1, NULL, 0);
    rules_after_block(st.rules, st.fed_ms, NULL, 0);
    windows_clear_touched(st.windows);
    st.fed_ms += 1000;
    rules_advance(st.rules, st.fed_ms);
    WAIT_FOR(store_is_clean(st.store));
}

/* --- the client ----------------------------------------------------------------------------------- */

struct answer {
    int status;
    char *head, *body; /* one block */
    cJSON *json;       /* NULL: the body is none */
};

static void answer_free(struct answer *a)
{
    free(a->head);
    cJSON_Delete(a->json);
}

static struct answer ask_raw(const char *request)
{
    struct raw *r = raw_connect(http_server_port(st.server));
    struct answer a = {0};

    raw_send_n(r, request, strlen(request));
    WAIT_FOR(raw_poll(r));
    a.head = strdup(r->got);
    a.body = strstr(a.head, "\r\n\r\n");
    ck_assert_msg(a.body, "no answer: %s", r->got);
    *a.body = '\0';
    a.body += 4;
    ck_assert_int_eq(sscanf(a.head, "HTTP/1.1 %d", &a.status), 1);
    a.json = cJSON_Parse(a.body);
    raw_close(r);
    return a;
}

/* `head`: further lines, each with its line end; `body` may be NULL. */
static struct answer ask(const char *method, const char *path, const char *head, const char *body)
{
    struct buf b = BUF_INIT;
    struct answer a;

    buf_addf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:9393\r\nConnection: close\r\n%s", method, path,
             head ? head : "");
    if (body)
        buf_addf(&b, "Content-Length: %zu\r\n", strlen(body));
    buf_addf(&b, "\r\n%s", body ? body : "");
    a = ask_raw(buf_str(&b));
    buf_free(&b);
    return a;
}

#define JSON_TYPE "Content-Type: application/json\r\n"
#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded\r\n"

static inline struct answer get(const char *path)
{
    return ask("GET", path, NULL, NULL);
}

static inline struct answer post(const char *path, const char *body)
{
    return ask("POST", path, JSON_TYPE, body);
}

/* A member by its path: "0.labels.queue". */
static const cJSON *at(const cJSON *v, const char *path)
{
    char part[64];

    while (v && *path) {
        size_t n = strcspn(path, ".");

        snprintf(part, sizeof part, "%.*s", (int)n, path);
        v = cJSON_IsArray(v) ? cJSON_GetArrayItem(v, atoi(part))
                             : cJSON_GetObjectItemCaseSensitive(v, part);
        path += n + (path[n] == '.');
    }
    return v;
}

static const char *text_at(const cJSON *v, const char *path)
{
    const char *s = cJSON_GetStringValue(at(v, path));

    return s ? s : "(none)";
}

static double number_at(const cJSON *v, const char *path)
{
    const cJSON *n = at(v, path);

    return cJSON_IsNumber(n) ? n->valuedouble : -1;
}

#endif
