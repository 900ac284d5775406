/* The program's own alerts look at samples in its own journal, like any others: what is watched is the path
 * that pages take, and the canary proves it. Deciding here, with numbers from memory, was dropped: it
 * would say that all is well while nothing comes through.
 *
 * Samples carry a label that only the program can give. All of one time are appended as one request, which
 * waits for no answer. What was mended sends a 0 as long as its alert is on, also one of
 * the run before; nothing else remembers what was told. The dead man's switch is pinged only while the
 * canary sings, looks are on time and no lane has failed for long: its silence is the message. /readyz has
 * its reasons here, since they are the same facts. */
#include "app/selfwatch_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define EVERY_MS       10000
#define LANE_BROKEN_MS (10 * 60 * 1000) /* the deadman stays silent when a lane fails this long */
#define CANARY_LATE_MS 30000
#define LOSS_TOLD_MS   (60 * 60 * 1000) /* so long the start's losses are alerted on */

/* --- samples of our own --- */

void selfwatch_add(struct selfwatch *s, const char *name, const char *label, const char *value,
                   double v)
{
    struct label labels[4] = {label_of("__name__", name), label_of("job", "tocsin"),
                              label_of(SERIES_OWN_LABEL, SERIES_OWN),
                              label_of(label ? label : "", label ? value : "")};
    struct sample *out = &s->samples[s->n_samples];
    bool is_new;
    int n = labels_sort(labels, label ? 4 : 3);

    if (s->n_samples == SELF_SAMPLES_MAX || n < 0)
        return;
    *out = (struct sample){.t_ms = s->at_ms, .v = v, .weight = 1, .kind = SAMPLE_GAUGE};
    out->series = series_resolve(selfwatch_parts(s)->series, labels, (size_t)n, "tocsin",
                                 SAMPLE_GAUGE, &is_new);
    if (out->series != SERIES_NONE)
        s->n_samples++;
}

static void add_rejected(const char *path, const char *error, void *arg)
{
    (void)error;
    selfwatch_add(arg, "tocsin_rule_file_rejected", "file", path, 1);
}

static void add_lane(const struct lane_stats *lane, void *arg)
{
    struct selfwatch *s = arg;
    double seconds =
        lane->failing_since_ms ? (double)(s->at_ms - lane->failing_since_ms) / 1000 : 0;

    selfwatch_add(s, "tocsin_lane_failing_seconds", "lane", lane->lane, seconds);
}

/* Its text; empty: there is no trouble. */
static void selfwatch_trouble_kind(const struct selfwatch *s, char out[TROUBLE_KIND])
{
    const char *why = wire_redis_trouble(s->o.wire);
    size_t n = strspn(why, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    snprintf(out, TROUBLE_KIND, "%.*s", n < TROUBLE_KIND ? (int)n : TROUBLE_KIND - 1, why);
    if (*why && !*out)
        snprintf(out, TROUBLE_KIND, "other");
}

static void add_trouble(struct selfwatch *s)
{
    char kind[TROUBLE_KIND];

    selfwatch_trouble_kind(s, kind);
    if (!*kind)
        s->refusing_since_ms = 0;
    else if (s->refusing_since_ms == 0)
        s->refusing_since_ms = s->at_ms;
    if (*kind)
        selfwatch_add(s, "tocsin_redis_refusing_seconds", "reason", kind,
                      (double)(s->at_ms - s->refusing_since_ms) / 1000);
}

static void add_loss(const struct damage *x, void *arg)
{
    if (x->lost)
        selfwatch_add(arg, "tocsin_data_lost", "what", x->reason, (double)x->count);
}

static void add_losses(struct selfwatch *s)
{
    if (clock_mono_ms(selfwatch_parts(s)->clock) - s->began_ms < LOSS_TOLD_MS)
        dataset_damage(s->o.dataset, selfwatch_parts(s)->journal, add_loss, s);
}

static uint64_t input_count(const struct selfwatch *s)
{
    struct intake_stats st;
    uint64_t n = 0;

    intake_stats(s->o.ingest, &st);
    for (size_t i = 0; i < DECODE_PROTOCOLS; i++)
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
        selfwatch_add(s, "tocsin_input_quiet_seconds", NULL, NULL,
                      (double)(s->at_ms - s->last_input_ms) / 1000);
}

/* Where they went is told once; how many, in status and /metrics. */
static void tell_late(struct selfwatch *s)
{
    struct windows_stats w;

    if (s->late_told)
        return;
    windows_stats(selfwatch_parts(s)->windows, &w);
    if (w.late == 0)
        return;
    s->late_told = true;
    log_warn("samples or events came too late to count: they are older than the windows that want "
             "them; is a sender's clock behind, or does it send what it had kept?",
             "metric", "tocsin_window_late_samples_total", NULL);
}

/* How near the labels are to their bounds: of all, or of the token that has sent most. */
static void add_labels(struct selfwatch *s)
{
    struct series_memory m;
    double all, token;

    series_memory(selfwatch_parts(s)->series, &m);
    all = m.all_max ? (double)m.all / (double)m.all_max : 0;
    token = m.token_max ? (double)m.fullest / (double)m.token_max : 0;
    selfwatch_add(s, "tocsin_label_memory_ratio", NULL, NULL, all > token ? all : token);
}

static void gather(struct selfwatch *s)
{
    const struct db_health *h = db_health(selfwatch_parts(s)->db);

    s->at_ms = clock_wall_ms(selfwatch_parts(s)->clock);
    s->n_samples = 0;
    wire_take_stats(s->o.wire, &s->wire);
    loop_take_lag(selfwatch_parts(s)->loop, &s->lag);
    s->long_turns += s->lag.long_turns;
    if (s->lag.worst_turn_ns > s->longest_turn_ns)
        s->longest_turn_ns = s->lag.worst_turn_ns;
    for (size_t i = 0; i < LOOP_STAGES; i++)
        s->busy_ns[i] += s->lag.busy_ns[i];
    selfwatch_add(s, "tocsin_canary", NULL, NULL, 1);
    selfwatch_add(s, "tocsin_look_delay_seconds", NULL, NULL, (double)s->wire.looks_late_ms / 1000);
    selfwatch_add_clocks(s);
    add_losses(s);
    selfwatch_add(s, "tocsin_redis_away_seconds", NULL, NULL,
                  s->down_since_ms ? (double)(s->at_ms - s->down_since_ms) / 1000 : 0);
    add_trouble(s);
    if (h->known && h->max_memory)
        selfwatch_add(s, "tocsin_redis_memory_ratio", NULL, NULL,
                      (double)h->used_memory / (double)h->max_memory);
    add_labels(s);
    add_input(s);
    deliver_lanes(selfwatch_parts(s)->deliver, add_lane, s);
    rulebook_rejected(s->o.rulebook, add_rejected, s);
    tell_late(s);
    s->next_rule = 0;
}

/* Rules come last: of these there may be more than there is room for. Thousands are asked over several turns
 * of the loop; an exchange of rules in between may leave one out until the next time. */
static void turn(void *arg)
{
    struct selfwatch *s = arg;
    struct journal_request r = {.samples = s->samples};

    if (!s->asking)
        gather(s);
    s->asking = !selfwatch_add_rules(s);
    if (s->asking) {
        timer_in(s->timer, 0);
        return;
    }
    selfwatch_settle(s);
    assert(s->n_samples <= SELF_SAMPLES_MAX);
    r.n_samples = s->n_samples;
    journal_append(selfwatch_parts(s)->journal, &r, NULL, NULL);
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
    struct alert_rule *canary = alert_rule_find(selfwatch_parts(s)->book, "Canary");
    struct worst_lane worst = {.now_ms = clock_wall_ms(selfwatch_parts(s)->clock)};
    bool sings = false;

    if (!wire_is_live(s->o.wire) || !canary ||
        worst.now_ms - rules_now_ms(selfwatch_parts(s)->rules) > CANARY_LATE_MS)
        return false;
    alert_each_of(canary, find_canary, &sings);
    deliver_lanes(selfwatch_parts(s)->deliver, find_worst, &worst);
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
    const struct config_deadman *d = &selfwatch_parts(s)->config->deadman;
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

    assert(o->wire && o->rulebook && o->ingest && o->dataset && o->outbound);
    if (!s)
        return NULL;
    s->o = *o;
    s->timer = timer_new(selfwatch_parts(s)->loop, LOOP_INGEST, turn, s);
    s->deadman = timer_new(selfwatch_parts(s)->loop, LOOP_CONTROL, ping, s);
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
        s->down_since_ms = clock_wall_ms(selfwatch_parts(s)->clock);
}

static void reason(struct json *out, const char *check, bool ok, const char *text)
{
    json_object(out);
    json_kstr(out, "check", check);
    json_kbool(out, "ok", ok);
    json_kstr(out, "text", text);
    json_object_end(out);
}

static void describe_redis(const struct selfwatch *s, char *text, size_t size)
{
    const struct db *db = selfwatch_parts(s)->db;
    const struct db_health *h = db_health(db);
    const char *trouble = wire_redis_trouble(s->o.wire);

    if (!db_is_up(db))
        snprintf(text, size,
                 "Redis is away: pages go on from memory, senders get 503 and repeat (%.150s)",
                 db_why_down(db));
    else if (*trouble)
        snprintf(text, size,
                 "Redis refuses: pages go on from memory, senders get 503 and repeat (%.150s)",
                 trouble);
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

/* A standby is ready when what comes to it is answered: by whom, says its reason. */
static bool standby_ready(const struct selfwatch *s, struct json *out)
{
    char text[400];
    bool ok = selfwatch_describe_lease(s, text, sizeof text);

    json_object(out);
    json_kbool(out, "ready", ok);
    json_key(out, "reasons");
    json_array(out);
    reason(out, "lease", ok, text);
    if (!db_is_up(selfwatch_parts(s)->db)) {
        snprintf(text, sizeof text,
                 "Redis is away: this standby cannot see whether it is needed "
                 "(%.150s)",
                 db_why_down(selfwatch_parts(s)->db));
        reason(out, "redis", false, text);
    }
    json_array_end(out);
    selfwatch_lease_json(s, out);
    json_object_end(out);
    return ok;
}

/* Not ready before all that happened while Redis was away is stored: who waits for it may end the
 * program then. */
bool selfwatch_ready(struct selfwatch *s, struct json *out)
{
    bool live = wire_is_live(s->o.wire), accepts, clocks, leads;
    bool stored = !store_is_behind(selfwatch_parts(s)->store);
    bool up = db_is_up(selfwatch_parts(s)->db) && !*wire_redis_trouble(s->o.wire);
    struct err e = {.text = ""};
    char text[400];
    struct buf progress = BUF_INIT;

    if (lease_state(s->o.lease) == LEASE_STANDBY)
        return standby_ready(s, out);
    accepts = live && journal_accepts(selfwatch_parts(s)->journal, &e);
    journal_progress(selfwatch_parts(s)->journal, &progress);
    json_object(out);
    json_kbool(out, "ready",
               live && up && stored && accepts); /* without Redis senders are told 503 */
    json_key(out, "reasons");
    json_array(out);
    snprintf(text, sizeof text, "%s%s%.150s", wire_phase(s->o.wire), live ? "" : ": ",
             live ? "" : buf_str(&progress));
    reason(out, "start", live, text);
    leads = selfwatch_describe_lease(s, text, sizeof text);
    reason(out, "lease", leads, text);
    describe_redis(s, text, sizeof text);
    reason(out, "redis", up, text);
    reason(out, "state", stored,
           stored ? "all alerts, incidents, silences and deliveries are stored"
                  : "changes of alerts, incidents, silences or deliveries wait to be stored");
    reason(out, "ingest", accepts, accepts ? "takes samples and events" : e.text);
    clocks = selfwatch_describe_clocks(s, text, sizeof text);
    reason(out, "clock", clocks, text);
    json_array_end(out);
    selfwatch_lease_json(s, out);
    json_object_end(out);
    buf_free(&progress);
    return live && up && stored && accepts;
}
