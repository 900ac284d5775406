/* /metrics: what each room counts, in the exposition format.
 * A room counts in a struct and knows no format; names, types and help stand here, one line each, so that
 * the page can be read as one. Rules have lines of their own only where they cost most (RULES_SHOWN): a page
 * that grows with the rules helps nobody and holds the loop. Dropped: a registry that rooms enter their
 * counters into, which hides from the reader what there is. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "app/selfwatch_impl.h"
#include "base/text.h"

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

static void intake_metrics(struct selfwatch *s, struct buf *b)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } rows[] = {
#define ROW(field, help) \
    {"tocsin_ingest_" #field "_total", help, offsetof(struct intake_protocol_stats, field)}
        ROW(requests, "Requests or datagrams received."),
        ROW(samples, "Samples handed to the journal."),
        ROW(events, "Log events handed to the journal."),
        ROW(bad, "Requests refused: malformed."),
        ROW(too_large, "Requests refused: over a bound."),
        ROW(busy, "Requests refused: try again later."),
        ROW(no_memory, "Requests refused: no memory."),
        ROW(unknown, "Pings refused: no heartbeat has that name."),
        ROW(outside, "Requests refused and series left out: outside of the scope of their token."),
#undef ROW
    };
    struct intake_stats st;
    char name[64];

    intake_stats(s->o.ingest, &st);
    for (size_t i = 0; i < INTAKE_LOSSES; i++) {
        const struct intake_loss *loss = &intake_losses[i];

        snprintf(name, sizeof name, "tocsin_ingest_%s_total", loss->name);
        metric(b, name, "counter", loss->text);
        for (enum decode_protocol p = 0; p < DECODE_PROTOCOLS; p++)
            value(b, name, "protocol", decode_table[p].name, (double)intake_lost(&st, p, loss));
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        metric(b, rows[i].name, "counter", rows[i].help);
        for (size_t p = 0; p < DECODE_PROTOCOLS; p++) {
            uint64_t v;

            memcpy(&v, (const char *)&st.of[p] + rows[i].offset, sizeof v);
            value(b, rows[i].name, "protocol", decode_table[p].name, (double)v);
        }
    }
}

static void journal_metrics(struct selfwatch *s, struct buf *b)
{
    struct journal_stats j;

    journal_stats(selfwatch_parts(s)->journal, &j);
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

static void damage_metric(const struct damage *x, void *arg)
{
    value(arg, "tocsin_damage", "reason", x->reason, (double)x->count);
}

static void damage_metrics(struct selfwatch *s, struct buf *b)
{
    metric(b, "tocsin_damage", "gauge", "What the start found damaged or missing in Redis.");
    dataset_damage(s->o.dataset, selfwatch_parts(s)->journal, damage_metric, b);
}

static void window_metrics(struct selfwatch *s, struct buf *b)
{
    struct series_memory m;
    struct windows_stats w;

    windows_stats(selfwatch_parts(s)->windows, &w);
    single(b, "tocsin_series", "gauge", "Series known.", series_count(selfwatch_parts(s)->series));
    series_memory(selfwatch_parts(s)->series, &m);
    single(b, "tocsin_label_bytes", "gauge", "Memory of the labels of all series.", (double)m.all);
    single(b, "tocsin_label_token_bytes", "gauge",
           "The part of it that the token holds that has sent most.", (double)m.fullest);
    single(b, "tocsin_window_bytes", "gauge", "Memory of the windows.", (double)w.bytes);
    single(b, "tocsin_window_groups", "gauge", "Groups of all leaves.", w.groups);
    single(b, "tocsin_window_leaves", "gauge", "Leaves that rules share.", w.leaves);
    single(b, "tocsin_window_samples_total", "counter", "Samples applied.", (double)w.samples);
    single(b, "tocsin_window_unused_samples_total", "counter", "Samples that no rule needs.",
           (double)w.samples_unused);
    single(b, "tocsin_window_late_samples_total", "counter", "Samples too late to count.",
           (double)w.late);
    single(b, "tocsin_window_series_gone_total", "counter",
           "Times that a series ended while its source went on.", (double)w.gone);
    single(b, "tocsin_window_refused_groups_total", "counter",
           "Groups refused by the memory budget.", (double)w.refused_groups);
}

/* A page of a hundred thousand lines helps nobody, and holds the loop. */
#define RULES_SHOWN 200

enum shown { SHOWN_LOOKS, SHOWN_BUSY, SHOWN_ERRORS };

static void rule_line(struct buf *b, const char *name, const struct rule *r, enum shown what)
{
    struct rule_stats st;
    double v;

    rule_stats(r, &st);
    v = what == SHOWN_LOOKS  ? (double)st.looks
        : what == SHOWN_BUSY ? (double)st.busy_ns / 1e9
                             : (double)st.errors;
    value(b, name, "rule", rule_definition(r)->name, v);
}

static void rule_metrics(struct selfwatch *s, struct buf *b)
{
    const struct rules *rules = selfwatch_parts(s)->rules;
    const struct rule *dearest[RULES_SHOWN];
    struct alert_stats a;
    size_t n;

    alert_stats(selfwatch_parts(s)->book, &a);
    single(b, "tocsin_alerts_firing", "gauge", "Alerts that fire.", a.firing);
    single(b, "tocsin_alerts_pending", "gauge", "Alerts whose time has not run out.", a.pending);
    single(b, "tocsin_alerts_nodata", "gauge", "Alerts without data.", a.nodata);
    single(b, "tocsin_alert_changes_total", "counter", "Changes of alerts.", (double)a.changes);
    single(b, "tocsin_rules", "gauge", "Rules running.", (double)rules_count(rules));
    n = rules_dearest(rules, dearest, RULES_SHOWN);
    single(b, "tocsin_rules_shown", "gauge",
           "Rules with lines of their own below: those that took most time.", (double)n);
    metric(b, "tocsin_rule_looks_total", "counter", "Looks of a rule.");
    for (size_t i = 0; i < n; i++)
        rule_line(b, "tocsin_rule_looks_total", dearest[i], SHOWN_LOOKS);
    metric(b, "tocsin_rule_busy_seconds_total", "counter", "Time spent in looks.");
    for (size_t i = 0; i < n; i++)
        rule_line(b, "tocsin_rule_busy_seconds_total", dearest[i], SHOWN_BUSY);
    metric(b, "tocsin_rule_errors_total", "counter", "Failures of `when` functions.");
    for (size_t i = 0; i < n; i++)
        rule_line(b, "tocsin_rule_errors_total", dearest[i], SHOWN_ERRORS);
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

    notify_stats(selfwatch_parts(s)->notify, &n);
    deliver_stats(selfwatch_parts(s)->deliver, &d);
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
    deliver_lanes(selfwatch_parts(s)->deliver, lane_metric, &m);
    m.which = 1;
    metric(b, "tocsin_lane_failed_total", "counter", "Attempts that failed on a lane.");
    deliver_lanes(selfwatch_parts(s)->deliver, lane_metric, &m);
}

static void loop_metrics(struct selfwatch *s, struct buf *b)
{
    metric(b, "tocsin_loop_busy_seconds_total", "counter", "Time spent in a stage of the loop.");
    for (size_t i = 0; i < LOOP_STAGES; i++)
        value(b, "tocsin_loop_busy_seconds_total", "stage", loop_stage_names[i],
              (double)s->busy_ns[i] / 1e9);
    single(b, "tocsin_loop_late_seconds", "gauge", "Worst lateness of a timer, last 10 s.",
           (double)s->lag.worst_late_ms / 1000);
    single(b, "tocsin_loop_turn_seconds", "gauge",
           "Longest turn of the loop, in processor time, last 10 s.",
           (double)s->lag.worst_turn_ns / 1e9);
    single(b, "tocsin_loop_longest_turn_seconds", "gauge",
           "Longest turn of the loop, in processor time, since the start.",
           (double)s->longest_turn_ns / 1e9);
    single(b, "tocsin_loop_long_turns_total", "counter", "Turns of the loop of more than 20 ms.",
           (double)s->long_turns);
    single(b, "tocsin_look_delay_seconds", "gauge", "Worst delay of a look, last 10 s.",
           (double)s->wire.looks_late_ms / 1000);
    single(b, "tocsin_deadman_pings_total", "counter", "Pings of the deadman.", (double)s->pings);
    single(b, "tocsin_deadman_held_total", "counter", "Pings held back: something did not work.",
           (double)s->pings_held);
}

static void http_metrics(struct selfwatch *s, struct buf *b)
{
    struct http_stats st = {0};

    if (!s->o.http)
        return;
    http_server_stats(s->o.http, &st);
    single(b, "tocsin_http_connections", "gauge", "Connections of clients.", st.connections);
    single(b, "tocsin_http_requests_total", "counter", "Requests that arrived whole.",
           (double)st.requests);
    single(b, "tocsin_http_closed_quiet_total", "counter",
           "Connections closed for a newcomer: the one that had been quiet for longest.",
           (double)st.closed_quiet);
    single(b, "tocsin_http_accept_failed_total", "counter",
           "Connections that could not be accepted: no descriptor was left.",
           (double)st.accept_failed);
    single(b, "tocsin_http_timed_out_total", "counter", "Requests that did not arrive in time.",
           (double)st.timed_out);
    single(b, "tocsin_http_over_memory_total", "counter",
           "Connections closed because arriving requests held too much memory.",
           (double)st.over_memory);
}

static void store_metrics(struct selfwatch *s, struct buf *b)
{
    const struct db_health *h = db_health(selfwatch_parts(s)->db);
    struct store_stats st;

    store_stats(selfwatch_parts(s)->store, &st);
    single(b, "tocsin_redis_up", "gauge", "1 while Redis answers.",
           db_is_up(selfwatch_parts(s)->db));
    single(b, "tocsin_redis_refusing", "gauge",
           "1 while Redis answers but takes nothing; /readyz says why.",
           *wire_redis_trouble(s->o.wire) != 0);
    single(b, "tocsin_redis_outstanding_bytes", "gauge", "Bytes of commands not answered yet.",
           (double)db_outstanding(selfwatch_parts(s)->db));
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

static void lease_metrics(struct selfwatch *s, struct buf *b)
{
    struct forward_stats f;

    forward_stats(s->o.forward, &f);
    single(b, "tocsin_lease_held", "gauge", "Whether this program acts (1) or stands by (0).",
           lease_state(s->o.lease) == LEASE_HELD);
    single(b, "tocsin_lease_token", "gauge", "Number of the holder's token.",
           (double)lease_holder(s->o.lease)->number);
    single(b, "tocsin_lease_confirmed_seconds", "gauge",
           "How long ago Redis last said who holds it; -1: never, or nobody else can.",
           lease_age_ms(s->o.lease) < 0 ? -1 : (double)lease_age_ms(s->o.lease) / 1000);
    single(b, "tocsin_forwarded_requests_total", "counter",
           "Requests that a standby sent on to the holder.", (double)f.requests);
    single(b, "tocsin_forwarded_datagrams_total", "counter",
           "Datagrams that a standby sent on to the holder.", (double)f.datagrams);
    single(b, "tocsin_forward_failures_total", "counter",
           "Requests that a standby answered with 503, and datagrams that it dropped.",
           (double)f.failed);
}

void selfwatch_metrics(struct selfwatch *s, struct buf *out)
{
    metric(out, "tocsin_build_info", "gauge", "Version.");
    value(out, "tocsin_build_info", "version", TOCSIN_VERSION, 1);
    intake_metrics(s, out);
    journal_metrics(s, out);
    damage_metrics(s, out);
    window_metrics(s, out);
    rule_metrics(s, out);
    notify_metrics(s, out);
    store_metrics(s, out);
    loop_metrics(s, out);
    http_metrics(s, out);
    lease_metrics(s, out);
}
