#include "app/selfwatch.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define EVERY_MS 10000
#define UNMATCHED_AFTER \
    (6 * 3600 * 1000) /* a selector that saw nothing for this long is suspicious */
#define LANE_BROKEN_MS (10 * 60 * 1000) /* the deadman stays silent when a lane fails this long */
#define CANARY_LATE_MS 30000

/* The samples of one turn, before they get their series. */
#define SELF_SAMPLES_MAX 2048

struct selfwatch {
    struct selfwatch_options o;
    struct timer *timer;
    struct timer *deadman;
    int64_t down_since_ms; /* Redis, 0: up */
    uint64_t last_input;   /* samples and events counted at the last turn */
    int64_t last_input_ms; /* when it last grew, 0: never */
    struct wire_stats wire;
    struct loop_lag lag;
    uint64_t busy_ns[LOOP_STAGES];
    bool pinging;
    uint64_t pings, pings_failed, pings_held;
    struct sample samples[SELF_SAMPLES_MAX];
    size_t n_samples;
    int64_t at_ms; /* of the turn */
};

static const struct wire_parts *parts(const struct selfwatch *s)
{
    return wire_parts(s->o.wire);
}

/* --- samples of our own --- */

static void add(struct selfwatch *s, const char *name, const char *label, const char *value,
                double v)
{
    struct label labels[3] = {label_of("__name__", name), label_of("job", "tocsin"),
                              label_of(label ? label : "job", label ? value : "tocsin")};
    struct sample *out = &s->samples[s->n_samples];
    bool is_new;
    int n = labels_sort(labels, label ? 3 : 2);

    if (s->n_samples == SELF_SAMPLES_MAX || n < 0)
        return;
    *out = (struct sample){.t_ms = s->at_ms, .v = v, .weight = 1, .kind = SAMPLE_GAUGE};
    out->series =
        series_resolve(parts(s)->series, labels, (size_t)n, "tocsin", SAMPLE_GAUGE, &is_new);
    if (out->series != SERIES_NONE)
        s->n_samples++;
}

static void add_rejected(const char *path, const char *error, void *arg)
{
    (void)error;
    add(arg, "tocsin_rule_file_rejected", "file", path, 1);
}

static void add_lane(const struct lane_stats *lane, void *arg)
{
    struct selfwatch *s = arg;
    double seconds =
        lane->failing_since_ms ? (double)(s->at_ms - lane->failing_since_ms) / 1000 : 0;

    add(s, "tocsin_lane_failing_seconds", "lane", lane->lane, seconds);
}

static void add_rules(struct selfwatch *s)
{
    const struct rules *rules = parts(s)->rules;

    for (size_t i = 0; i < rules_count(rules); i++) {
        const struct rule *r = rules_at(rules, i);
        const struct rule_def *d = rule_definition(r);
        struct rule_stats st;

        rule_stats(r, &st);
        if (st.broken)
            add(s, "tocsin_rule_broken", "rule", d->name, 1);
        if (!st.matched && d->n_leaves > 0 && s->at_ms - st.since_ms > UNMATCHED_AFTER / 2)
            add(s, "tocsin_rule_unmatched_seconds", "rule", d->name,
                (double)(s->at_ms - st.since_ms) / 1000);
    }
}

/* What was mended or removed sends no sample any more, also after a restart: 0 is sent for each
 * alert that is on, or it would stay on until it is forgotten. */
struct settling {
    struct selfwatch *s;
    const char *metric, *label;
    size_t n_before; /* samples of this turn that say otherwise */
};

static void settle_alert(struct alert *a, void *arg)
{
    const struct settling *x = arg;
    struct selfwatch *s = x->s;
    size_t n = s->n_samples;

    for (size_t i = 0; a->state.firing && i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, x->label) == 0)
            add(s, x->metric, x->label, a->labels[i].value, 0);
    for (size_t i = 0; s->n_samples > n && i < x->n_before; i++)
        if (s->samples[i].series == s->samples[n].series)
            s->n_samples = n;
}

static void settle(struct selfwatch *s)
{
    static const struct {
        const char *rule, *metric, *label;
    } rows[] = {{"RuleFileRejected", "tocsin_rule_file_rejected", "file"},
                {"RuleBroken", "tocsin_rule_broken", "rule"},
                {"RuleNeverMatched", "tocsin_rule_unmatched_seconds", "rule"},
                {"DeliveryFailing", "tocsin_lane_failing_seconds", "lane"}};
    size_t n_before = s->n_samples;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct alert_rule *r = alert_rule_find(parts(s)->book, rows[i].rule);
        struct settling x = {s, rows[i].metric, rows[i].label, n_before};

        if (r)
            alert_each_of(r, settle_alert, &x);
    }
}

static uint64_t input_count(const struct selfwatch *s)
{
    struct ingest_stats st;
    uint64_t n = 0;

    ingest_stats(s->o.ingest, &st);
    for (size_t i = 0; i < INGEST_PROTOCOLS; i++)
        n += st.of[i].samples + st.of[i].events;
    return n;
}

static void add_input(struct selfwatch *s)
{
    uint64_t n = input_count(s);

    if (n != s->last_input)
        s->last_input_ms = s->at_ms;
    s->last_input = n;
    if (s->last_input_ms)
        add(s, "tocsin_input_quiet_seconds", NULL, NULL,
            (double)(s->at_ms - s->last_input_ms) / 1000);
}

static void turn(void *arg)
{
    struct selfwatch *s = arg;
    const struct db_health *h = db_health(parts(s)->db);
    struct journal_request r = {.samples = s->samples};

    s->at_ms = clock_wall_ms(parts(s)->clock);
    s->n_samples = 0;
    wire_take_stats(s->o.wire, &s->wire);
    loop_take_lag(parts(s)->loop, &s->lag);
    for (size_t i = 0; i < LOOP_STAGES; i++)
        s->busy_ns[i] += s->lag.busy_ns[i];
    add(s, "tocsin_canary", NULL, NULL, 1);
    add(s, "tocsin_look_delay_seconds", NULL, NULL, (double)s->wire.looks_late_ms / 1000);
    add(s, "tocsin_redis_away_seconds", NULL, NULL,
        s->down_since_ms ? (double)(s->at_ms - s->down_since_ms) / 1000 : 0);
    if (h->known && h->max_memory)
        add(s, "tocsin_redis_memory_ratio", NULL, NULL,
            (double)h->used_memory / (double)h->max_memory);
    add_input(s);
    add_rules(s);
    rulebook_rejected(s->o.rulebook, add_rejected, s);
    deliver_lanes(parts(s)->deliver, add_lane, s);
    settle(s);
    r.n_samples = s->n_samples;
    journal_append(parts(s)->journal, &r, NULL, NULL);
    timer_in(s->timer, EVERY_MS);
}

/* --- the dead man's switch: pinged only while everything really works --- */

struct worst_lane {
    int64_t now_ms, failing_ms;
};

static void find_worst(const struct lane_stats *lane, void *arg)
{
    struct worst_lane *w = arg;

    if (lane->failing_since_ms && w->now_ms - lane->failing_since_ms > w->failing_ms)
        w->failing_ms = w->now_ms - lane->failing_since_ms;
}

static void find_canary(struct alert *a, void *arg)
{
    bool *sings = arg;

    *sings = *sings || a->state.firing != 0;
}

static bool all_works(struct selfwatch *s)
{
    struct alert_rule *canary = alert_rule_find(parts(s)->book, "Canary");
    struct worst_lane worst = {.now_ms = clock_wall_ms(parts(s)->clock)};
    bool sings = false;

    if (!wire_is_live(s->o.wire) || !canary ||
        worst.now_ms - rules_now_ms(parts(s)->rules) > CANARY_LATE_MS)
        return false;
    alert_each_of(canary, find_canary, &sings);
    deliver_lanes(parts(s)->deliver, find_worst, &worst);
    return sings && worst.failing_ms < LANE_BROKEN_MS;
}

static void pinged(const struct outbound_result *r, void *arg)
{
    struct selfwatch *s = arg;

    s->pinging = false;
    if (r->ok && r->status < 400) {
        s->pings++;
        return;
    }
    s->pings_failed++;
    log_warn("the deadman could not be pinged", "error", r->ok ? "refused" : r->error, NULL);
}

static void ping(void *arg)
{
    struct selfwatch *s = arg;
    const struct config_deadman *d = &parts(s)->config->deadman;
    struct outbound_http h = {.method = "GET", .url = secret_text(d->url)};
    struct err e;

    if (!d->url) {
        timer_in(s->deadman, 60000); /* a reload may bring one */
        return;
    }
    if (!all_works(s)) {
        s->pings_held++;
        log_warn("the deadman is not pinged: a sample of our own did not come through", NULL);
    } else if (!s->pinging && outbound_http(s->o.outbound, &h, pinged, s, &e)) {
        s->pinging = true;
    }
    timer_in(s->deadman, d->every_ms);
}

/* --- life --- */

struct selfwatch *selfwatch_new(const struct selfwatch_options *o)
{
    struct selfwatch *s = mem_zalloc(sizeof *s);

    if (!s)
        return NULL;
    s->o = *o;
    s->timer = timer_new(parts(s)->loop, LOOP_INGEST, turn, s);
    s->deadman = timer_new(parts(s)->loop, LOOP_CONTROL, ping, s);
    if (!s->timer || !s->deadman) {
        selfwatch_free(s);
        return NULL;
    }
    return s;
}

void selfwatch_free(struct selfwatch *s)
{
    if (!s)
        return;
    timer_free(s->timer);
    timer_free(s->deadman);
    mem_free(s);
}

void selfwatch_start(struct selfwatch *s)
{
    timer_in(s->timer, 0);
    timer_in(s->deadman, 15000); /* after the first canary has been looked at */
}

void selfwatch_db(struct selfwatch *s, bool up)
{
    if (up)
        s->down_since_ms = 0;
    else if (s->down_since_ms == 0)
        s->down_since_ms = clock_wall_ms(parts(s)->clock);
}

static void reason(struct json *out, const char *check, bool ok, const char *text)
{
    json_object(out);
    json_kstr(out, "check", check);
    json_kbool(out, "ok", ok);
    json_kstr(out, "text", text);
    json_object_end(out);
}

static void describe_redis(const struct db_health *h, bool up, char *text, size_t size)
{
    if (!up)
        snprintf(text, size, "Redis is away: pages go on from memory, senders get 503 and repeat");
    else if (!h->known)
        snprintf(text, size, "Redis answers; its settings are not known");
    else if (!h->aof)
        snprintf(text, size,
                 "Redis keeps nothing when it ends (appendonly no): a restart of it "
                 "loses what the last snapshot has not; this program writes its state again");
    else if (!h->aof_always)
        snprintf(text, size, "Redis may lose its last second (appendfsync is not always)");
    else
        snprintf(text, size, "Redis %s, every write on disk before it is answered", h->version);
}

bool selfwatch_ready(struct selfwatch *s, struct json *out)
{
    const struct db_health *h = db_health(parts(s)->db);
    bool live = wire_is_live(s->o.wire), up = db_is_up(parts(s)->db), accepts;
    struct err e = {.text = ""};
    char text[256];
    struct buf progress = BUF_INIT;

    accepts = live && journal_accepts(parts(s)->journal, &e);
    journal_progress(parts(s)->journal, &progress);
    json_object(out);
    json_kbool(out, "ready", live && up && accepts); /* without Redis senders are told 503 */
    json_key(out, "reasons");
    json_array(out);
    snprintf(text, sizeof text, "%s%s%.150s", wire_phase(s->o.wire), live ? "" : ": ",
             live ? "" : buf_str(&progress));
    reason(out, "start", live, text);
    describe_redis(h, up, text, sizeof text);
    reason(out, "redis", up, text);
    reason(out, "ingest", accepts, accepts ? "takes samples and events" : e.text);
    json_array_end(out);
    json_object_end(out);
    buf_free(&progress);
    return live && up && accepts;
}

/* --- /metrics --- */

static void metric(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void value(struct buf *b, const char *name, const char *label, const char *of, double v)
{
    buf_adds(b, name);
    if (label) {
        buf_addf(b, "{%s=", label);
        json_quote(b, of, strlen(of));
        buf_addc(b, '}');
    }
    buf_addc(b, ' ');
    text_plain(b, v);
    buf_addc(b, '\n');
}

static void single(struct buf *b, const char *name, const char *type, const char *help, double v)
{
    metric(b, name, type, help);
    value(b, name, NULL, NULL, v);
}

static void ingest_metrics(struct selfwatch *s, struct buf *b)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } rows[] = {
#define ROW(field, help) \
    {"tocsin_ingest_" #field "_total", help, offsetof(struct ingest_protocol_stats, field)}
        ROW(requests, "Requests or datagrams received."),
        ROW(samples, "Samples handed to the journal."),
        ROW(events, "Log events handed to the journal."),
        ROW(bad, "Requests refused: malformed."),
        ROW(too_large, "Requests refused: over a bound."),
        ROW(busy, "Requests refused: try again later."),
        ROW(no_memory, "Requests refused: no memory."),
        ROW(not_numbers, "Samples left out: NaN or infinite."),
        ROW(clamped, "Samples from more than a minute ahead, set to now."),
        ROW(lines_refused, "StatsD lines refused."),
#undef ROW
    };
    struct ingest_stats st;

    ingest_stats(s->o.ingest, &st);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        metric(b, rows[i].name, "counter", rows[i].help);
        for (size_t p = 0; p < INGEST_PROTOCOLS; p++) {
            uint64_t v;

            memcpy(&v, (const char *)&st.of[p] + rows[i].offset, sizeof v);
            value(b, rows[i].name, "protocol", ingest_decoders[p].name, (double)v);
        }
    }
}

static void journal_metrics(struct selfwatch *s, struct buf *b)
{
    struct journal_stats j;

    journal_stats(parts(s)->journal, &j);
    single(b, "tocsin_journal_blocks_total", "counter", "Blocks appended.", (double)j.blocks);
    single(b, "tocsin_journal_samples_total", "counter", "Samples appended.", (double)j.samples);
    single(b, "tocsin_journal_events_total", "counter", "Events appended.", (double)j.events);
    single(b, "tocsin_journal_bytes_total", "counter", "Bytes of blocks appended.",
           (double)j.bytes);
    single(b, "tocsin_journal_stored_bytes", "gauge", "Bytes of blocks in Redis.",
           (double)j.stored_bytes);
    single(b, "tocsin_journal_pending_bytes", "gauge", "Bytes of blocks waiting for Redis.",
           (double)j.pending_bytes);
    single(b, "tocsin_journal_refused_total", "counter", "Requests refused by a bound.",
           (double)j.refused);
    single(b, "tocsin_journal_joined_retries_total", "counter",
           "Repeated requests that joined their waiting block.", (double)j.joined_retries);
    single(b, "tocsin_journal_cuts_total", "counter", "Cuts published.", (double)j.cuts);
    single(b, "tocsin_journal_cut_failures_total", "counter", "Cuts that failed.",
           (double)j.cut_failures);
    single(b, "tocsin_journal_last_cut_seconds", "gauge", "How long the last cut took.",
           (double)j.last_cut_took_ms / 1000);
}

static void window_metrics(struct selfwatch *s, struct buf *b)
{
    struct windows_stats w;

    windows_stats(parts(s)->windows, &w);
    single(b, "tocsin_series", "gauge", "Series known.", series_count(parts(s)->series));
    single(b, "tocsin_window_bytes", "gauge", "Memory of the windows.", (double)w.bytes);
    single(b, "tocsin_window_groups", "gauge", "Groups of all leaves.", w.groups);
    single(b, "tocsin_window_leaves", "gauge", "Leaves that rules share.", w.leaves);
    single(b, "tocsin_window_samples_total", "counter", "Samples applied.", (double)w.samples);
    single(b, "tocsin_window_unused_samples_total", "counter", "Samples that no rule needs.",
           (double)w.samples_unused);
    single(b, "tocsin_window_late_samples_total", "counter", "Samples too late to count.",
           (double)w.late);
    single(b, "tocsin_window_refused_groups_total", "counter",
           "Groups refused by the memory budget.", (double)w.refused_groups);
}

static void rule_metrics(struct selfwatch *s, struct buf *b)
{
    const struct rules *rules = parts(s)->rules;
    struct alert_stats a;

    alert_stats(parts(s)->book, &a);
    single(b, "tocsin_alerts_firing", "gauge", "Alerts that fire.", a.firing);
    single(b, "tocsin_alerts_pending", "gauge", "Alerts whose time has not run out.", a.pending);
    single(b, "tocsin_alerts_nodata", "gauge", "Alerts without data.", a.nodata);
    single(b, "tocsin_alert_changes_total", "counter", "Changes of alerts.", (double)a.changes);
    single(b, "tocsin_rules", "gauge", "Rules running.", (double)rules_count(rules));
    metric(b, "tocsin_rule_looks_total", "counter", "Looks of a rule.");
    for (size_t i = 0; i < rules_count(rules); i++) {
        struct rule_stats st;

        rule_stats(rules_at(rules, i), &st);
        value(b, "tocsin_rule_looks_total", "rule", rule_definition(rules_at(rules, i))->name,
              (double)st.looks);
    }
    metric(b, "tocsin_rule_busy_seconds_total", "counter", "Time spent in looks.");
    for (size_t i = 0; i < rules_count(rules); i++) {
        struct rule_stats st;

        rule_stats(rules_at(rules, i), &st);
        value(b, "tocsin_rule_busy_seconds_total", "rule",
              rule_definition(rules_at(rules, i))->name, (double)st.busy_ns / 1e9);
    }
    metric(b, "tocsin_rule_errors_total", "counter", "Failures of `when` functions.");
    for (size_t i = 0; i < rules_count(rules); i++) {
        struct rule_stats st;

        rule_stats(rules_at(rules, i), &st);
        value(b, "tocsin_rule_errors_total", "rule", rule_definition(rules_at(rules, i))->name,
              (double)st.errors);
    }
}

struct lane_metric {
    struct buf *b;
    int which;
};

static void lane_metric(const struct lane_stats *l, void *arg)
{
    const struct lane_metric *m = arg;

    if (m->which == 0)
        value(m->b, "tocsin_lane_delivered_total", "lane", l->lane, (double)l->delivered);
    else
        value(m->b, "tocsin_lane_failed_total", "lane", l->lane, (double)l->failed);
}

static void notify_metrics(struct selfwatch *s, struct buf *b)
{
    struct notify_stats n;
    struct deliver_stats d;
    struct lane_metric m = {.b = b};

    notify_stats(parts(s)->notify, &n);
    deliver_stats(parts(s)->deliver, &d);
    single(b, "tocsin_incidents_open", "gauge", "Incidents that are on.", (double)n.incidents_open);
    single(b, "tocsin_silences_active", "gauge", "Silences in force.", (double)n.silences_active);
    single(b, "tocsin_notifications_due", "gauge", "Messages that should go out now.",
           (double)n.due);
    single(b, "tocsin_notifications_dead", "gauge", "Dead letters.", (double)n.dead);
    single(b, "tocsin_notifications_delivered_total", "counter", "Messages delivered.",
           (double)d.delivered);
    single(b, "tocsin_notifications_failed_total", "counter", "Attempts that failed.",
           (double)(d.temporary + d.permanent + d.unknown));
    single(b, "tocsin_template_errors_total", "counter", "Templates that failed; text was sent.",
           (double)d.template_errors);
    metric(b, "tocsin_lane_delivered_total", "counter", "Messages delivered on a lane.");
    deliver_lanes(parts(s)->deliver, lane_metric, &m);
    m.which = 1;
    metric(b, "tocsin_lane_failed_total", "counter", "Attempts that failed on a lane.");
    deliver_lanes(parts(s)->deliver, lane_metric, &m);
}

static void loop_metrics(struct selfwatch *s, struct buf *b)
{
    metric(b, "tocsin_loop_busy_seconds_total", "counter", "Time spent in a stage of the loop.");
    for (size_t i = 0; i < LOOP_STAGES; i++)
        value(b, "tocsin_loop_busy_seconds_total", "stage", loop_stage_names[i],
              (double)s->busy_ns[i] / 1e9);
    single(b, "tocsin_loop_late_seconds", "gauge", "Worst lateness of a timer, last 10 s.",
           (double)s->lag.worst_late_ms / 1000);
    single(b, "tocsin_look_delay_seconds", "gauge", "Worst delay of a look, last 10 s.",
           (double)s->wire.looks_late_ms / 1000);
    single(b, "tocsin_deadman_pings_total", "counter", "Pings of the deadman.", (double)s->pings);
    single(b, "tocsin_deadman_held_total", "counter", "Pings held back: something did not work.",
           (double)s->pings_held);
}

static void store_metrics(struct selfwatch *s, struct buf *b)
{
    const struct db_health *h = db_health(parts(s)->db);
    struct store_stats st;

    store_stats(parts(s)->store, &st);
    single(b, "tocsin_redis_up", "gauge", "1 while Redis answers.", db_is_up(parts(s)->db));
    single(b, "tocsin_redis_outstanding_bytes", "gauge", "Bytes of commands not answered yet.",
           (double)db_outstanding(parts(s)->db));
    if (h->known)
        single(b, "tocsin_redis_used_memory_bytes", "gauge", "Memory that Redis uses.",
               (double)h->used_memory);
    single(b, "tocsin_store_commits_total", "counter", "Transactions of control state.",
           (double)st.commits);
    single(b, "tocsin_store_rewrites_total", "counter",
           "Times all control state was written again.", (double)st.rewrites);
    single(b, "tocsin_store_waiting_fields", "gauge", "Changes that wait for Redis.",
           (double)st.waiting_fields);
}

void selfwatch_metrics(struct selfwatch *s, struct buf *out)
{
    metric(out, "tocsin_build_info", "gauge", "Version.");
    value(out, "tocsin_build_info", "version", TOCSIN_VERSION, 1);
    metric(out, "alertmanager_build_info", "gauge", "For tools that look for it.");
    value(out, "alertmanager_build_info", "version", "0.27.0", 1);
    ingest_metrics(s, out);
    journal_metrics(s, out);
    window_metrics(s, out);
    rule_metrics(s, out);
    notify_metrics(s, out);
    store_metrics(s, out);
    loop_metrics(s, out);
}
