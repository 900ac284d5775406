/* The whole flow, and the only place where stages are connected.
 *
 *   HTTP, UDP
 *      |                    ingest_* (app/serve_doors.c)    decodes, answers when stored
 *      v
 *   journal_append ------> Redis: MULTI, labels, XADD, EXEC       one block a turn
 *      |                                                          |
 *      | apply, after Redis has answered  <-----------------------+   (or from the queue, while
 *      v                                                              Redis is away)
 *   engine_apply           ticks that lie before the block, panes and sketches, early looks at what
 *      |   \               was touched
 *      |    `- timer: engine_advance() for ticks when nothing comes in
 *      v
 *   alert_observe -------> store: alerts, history
 *      | changed
 *      v
 *   notify_alert --------> store: incidents, ledger, due          one transaction a turn
 *      | due(lane)
 *      v
 *   deliver_due ---------> notify_claim, template, outbound, notify_commit
 *
 *   POST /api/v2/alerts (api) ---> alert_post, and a timer: alert_book_tick ends what is not repeated;
 *                                  from there on as above
 *
 * Backwards, through callbacks: deliver's outcomes to notify (notify_commit), the journal's
 * `regressed` to the store (write everything again), forgotten series to the dictionary.
 *
 * Order of a start: store_load (alerts, incidents, silences, rule files) -> rules from disk ->
 * journal: dictionary, cut into the windows, replay of the blocks after it (instants that were
 * decided before the crash fill windows only) -> notify compares -> live. */
#include "app/wire.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "app/fill.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "tocsin/engine.h"

#define SERIES_MAX_DEFAULT   10000000u
#define LABEL_MEMORY_DEFAULT (UINT64_C(1) << 30) /* of all series; of one token half of it */
#define EXPIRE_BUDGET        20000   /* groups and series looked at in one go: about 1 ms */
#define LOOK_SLICE_NS        5000000 /* of the loop, in one turn */
#define CUT_POLL_MS          1000
#define ENDS_POLL_MS         1000 /* how late an alert that is not repeated may end */
#define ENDS_A_TURN          250  /* as many as notify reviews in one */
#define PULSE_MS             10000
#define STOOD_STILL_MS       (3 * PULSE_MS)
#define FIRST_LOOKS_MS       60000

enum phase {
    PHASE_CONNECTING,
    PHASE_CONTROL,
    PHASE_RULES,
    PHASE_JOURNAL,
    PHASE_LIVE,
    PHASE_FAILED
};

static const char *const phase_names[] = {"waiting for Redis",
                                          "reading alerts and incidents",
                                          "loading rules",
                                          "replaying the journal",
                                          "live",
                                          "failed"};

struct wire {
    struct wire_options o;
    struct wire_parts p;
    struct engine *engine;
    enum phase phase;
    struct timer *look_timer;
    struct timer *upkeep_timer; /* expiry, cuts */
    struct timer *ends_timer;   /* of alerts of senders */
    struct fills *fills;
    struct timer *fill_timer;
    struct journal_id replayed_from; /* have seen the blocks from this one on; 0: none came */
    struct wire_stats stats;
    bool cutting;
    unsigned holds;   /* looks and blocks wait while it is not 0 */
    bool stopping;    /* the same: somebody waits for the instant at hand to end */
    int64_t awake_ms; /* monotonic: the last look, or pulse */
    int64_t still_from_ms,
        still_to_ms; /* the program stood still; 0: what came before is decided */
    const char *severity[PRIORITIES + 1];
    struct redact_also redact; /* of the configuration; rules read it */
};

const struct wire_parts *wire_parts(const struct wire *w)
{
    return &w->p;
}

bool wire_is_live(const struct wire *w)
{
    return w->phase == PHASE_LIVE;
}

const char *wire_redis_trouble(const struct wire *w)
{
    const char *why = journal_trouble(w->p.journal);

    return *why ? why : store_trouble(w->p.store);
}

const char *wire_phase(const struct wire *w)
{
    return phase_names[w->phase];
}

/* --- looks --- */

/* An instant can be decided from the millisecond after it on: a block may still be received in it.
 * While one is on its way the instant waits longer, which must not turn the loop in circles. */
static void set_look_timer(struct wire *w)
{
    int64_t next_ms = rules_next_ms(w->p.rules), now_ms = clock_wall_ms(w->p.clock);

    if (w->phase != PHASE_LIVE)
        return;
    if (next_ms > now_ms + PULSE_MS)
        next_ms = now_ms + PULSE_MS;
    timer_at(w->look_timer, (next_ms > now_ms ? next_ms : now_ms) + 1);
}

/* Looks come at least every PULSE_MS: where none came for much longer, the program was stopped, or slept
 * with its machine. Nobody listened meanwhile, and what was not seen is no zero. */
static void feel_the_pulse(struct wire *w)
{
    int64_t mono_ms = clock_mono_ms(w->p.clock), still_ms = mono_ms - w->awake_ms;
    char seconds[32];

    w->awake_ms = mono_ms;
    if (still_ms < STOOD_STILL_MS)
        return;
    w->still_to_ms = clock_wall_ms(w->p.clock);
    if (w->still_from_ms == 0)
        w->still_from_ms = w->still_to_ms - still_ms;
    snprintf(seconds, sizeof seconds, "%.0f", (double)still_ms / 1000);
    log_warn("this program stood still: it was stopped, or the machine slept; what came meanwhile "
             "was not "
             "seen, and windows that it lies in decide nothing until they are full again",
             "seconds", seconds, NULL);
    assert(w->still_from_ms < w->still_to_ms);
}

/* What came before a standstill is decided as of then, and the time of it is passed over with the first that
 * came after it. A block on its way came at most a pulse after the last look, so either side of the middle
 * tells which it is. */
static bool advance(struct wire *w, int64_t to_ms)
{
    int64_t from_ms, until_ms;

    feel_the_pulse(w);
    from_ms = w->still_from_ms;
    until_ms = to_ms < w->still_to_ms ? to_ms : w->still_to_ms;
    if (from_ms == 0)
        return engine_advance(w->engine, to_ms);
    if (to_ms < from_ms + (w->still_to_ms - from_ms) / 2) {
        w->still_from_ms = to_ms > from_ms ? to_ms : from_ms;
        return engine_advance(w->engine, to_ms);
    }
    if (!engine_advance(w->engine, from_ms))
        return false;
    engine_stood_still(w->engine, from_ms, until_ms);
    w->still_from_ms = 0;
    return engine_advance(w->engine, to_ms);
}

static bool may_begin(const struct wire *w)
{
    return w->holds == 0 && !w->stopping;
}

/* The instant at hand is decided, and no other is begun. */
static void end_instant(struct wire *w)
{
    if (!rules_are_looking(w->p.rules))
        return;
    feel_the_pulse(w);
    (void)engine_advance(w->engine, rules_now_ms(w->p.rules));
    set_look_timer(w);
}

/* An instant may be decided once everything that was received until then is applied. */
static void look(void *arg)
{
    struct wire *w = arg;
    int64_t to_ms = journal_applied_ms(w->p.journal);
    int64_t now_ms = clock_wall_ms(w->p.clock), due_ms = rules_next_ms(w->p.rules);

    if (!may_begin(w)) {
        end_instant(w);
        return;
    }
    if (due_ms <= to_ms && now_ms - due_ms > (int64_t)w->stats.looks_late_ms)
        w->stats.looks_late_ms = (uint64_t)(now_ms - due_ms);
    if (advance(w, to_ms)) {
        w->stats.looked_to_ms = to_ms;
        journal_go_on(w->p.journal);
    }
    set_look_timer(w);
}

bool wire_hold(struct wire *w)
{
    w->stopping = rules_are_looking(w->p.rules);
    w->holds += !w->stopping;
    return !w->stopping;
}

/* What has waited comes at once. */
void wire_release(struct wire *w)
{
    assert(w->holds > 0);
    if (--w->holds == 0 && w->phase == PHASE_LIVE)
        timer_in(w->look_timer, 0);
}

/* --- the journal's side --- */

/* Not while rules look at an instant before it: their windows must stand still. */
static bool may_apply(int64_t recv_ms, void *arg)
{
    struct wire *w = arg;
    bool may = w->phase != PHASE_LIVE || (may_begin(w) && advance(w, recv_ms - 1));

    if (!may && may_begin(w)) /* else it is set by who holds them */
        set_look_timer(w);
    return may;
}

static void apply_block(const struct journal_block *b, void *arg)
{
    struct wire *w = arg;

    if (b->replayed && w->replayed_from.ms == 0) {
        w->replayed_from = b->id;
        fills_expect(w->fills);
    }
    engine_apply(w->engine, &(struct engine_block){.recv_ms = b->recv_ms,
                                                   .replayed = b->replayed,
                                                   .samples = b->samples,
                                                   .n_samples = b->n_samples,
                                                   .events = b->events,
                                                   .n_events = b->n_events});
    if (!b->replayed)
        set_look_timer(w);
}

static void journal_regressed(void *arg)
{
    struct wire *w = arg;

    store_rewrite(w->p.store);
    if (w->phase == PHASE_LIVE)
        timer_in(w->upkeep_timer, 0); /* and the windows, before anything else happens */
}

static void series_forgotten(uint32_t series, void *arg)
{
    struct wire *w = arg;

    journal_forget_series(w->p.journal, series);
}

static int encode_windows(int (*emit)(const void *chunk, size_t len, void *arg), void *emit_arg,
                          void *arg)
{
    struct wire *w = arg;

    return windows_encode(w->p.windows, emit, emit_arg);
}

static void cut_done(bool ok, const char *why, int64_t took_ms, void *arg)
{
    struct wire *w = arg;
    char took[24];

    assert(w->cutting);
    w->cutting = false;
    snprintf(took, sizeof took, "%lld", (long long)took_ms);
    if (ok)
        log_debug("cut published", "ms", took, NULL);
    else
        log_warn("the windows could not be saved; a restart replays more of the journal", "reason",
                 why, NULL);
}

static void upkeep(void *arg)
{
    struct wire *w = arg;
    struct journal_cut cut = {.encode = encode_windows, .done = cut_done, .arg = w};
    struct err e;

    notify_set_degraded(w->p.notify, !db_is_up(w->p.db) || *wire_redis_trouble(w));
    if (w->holds == 0) /* what is exchanged or taken over counts on series that stay */
        engine_expire(w->engine, rules_now_ms(w->p.rules), EXPIRE_BUDGET, series_forgotten, w);
    if (!w->cutting && journal_wants_cut(w->p.journal)) {
        w->cutting = true;
        if (journal_cut(w->p.journal, &cut, &e) < 0)
            cut_done(false, e.text, 0, w);
    }
    timer_in(w->upkeep_timer, CUT_POLL_MS);
}

/* Alerts of senders that were not repeated in time. */
static void end_unrepeated(void *arg)
{
    struct wire *w = arg;
    bool all = alert_book_tick(w->p.book, clock_wall_ms(w->p.clock), ENDS_A_TURN);

    timer_in(w->ends_timer, all ? ENDS_POLL_MS : 0);
}

/* --- the clock --- */

void wire_clock_stepped(struct wire *w, int64_t by_ms)
{
    assert(w->phase == PHASE_LIVE && by_ms != 0);
    journal_clock_stepped(w->p.journal, by_ms);
    engine_shift(w->engine, by_ms);
    fills_shift(w->fills, by_ms);
    deliver_clock_stepped(w->p.deliver, by_ms);
    w->stats.step_ms = by_ms;
    w->stats.step_at_ms = clock_mono_ms(w->p.clock);
    w->stats.looked_to_ms += by_ms;
    clock_move(&w->still_from_ms, by_ms);
    w->still_to_ms += by_ms;
    notify_clock_stepped(w->p.notify, by_ms);
    store_rewrite(w->p.store); /* a restart must not find times of before the step */
    set_look_timer(w);
    timer_in(w->upkeep_timer, 0);
    assert(rules_now_ms(w->p.rules) <= clock_wall_ms(w->p.clock));
}

void wire_clock_refused(struct wire *w, int64_t by_ms)
{
    w->stats.refused_ms = by_ms;
}

/* --- leaves that a reload has added --- */

static void fill_on(void *arg)
{
    struct wire *w = arg;

    if (fills_work(w->fills))
        timer_in(w->fill_timer, 0);
}

static void fills_have_work(void *arg)
{
    struct wire *w = arg;

    timer_in(w->fill_timer, 0);
}

static bool hold(void *arg)
{
    return wire_hold(arg);
}

static void release(void *arg)
{
    wire_release(arg);
}

void wire_fill_new_leaves(struct wire *w)
{
    struct journal_id before = journal_applied_id(w->p.journal);

    before.seq++;
    if (w->phase == PHASE_LIVE)
        fills_add(w->fills, before);
}

/* --- the start --- */

static void fail_start(struct wire *w, const struct err *e)
{
    assert(w->phase != PHASE_LIVE);
    w->phase = PHASE_FAILED;
    w->o.ready(e, w->o.arg);
}

/* Leaves that the cut did not have were there while the blocks after it were replayed. */
static void fill_after_start(struct wire *w)
{
    struct journal_id before = w->replayed_from;

    if (before.ms == 0) {
        before = journal_applied_id(w->p.journal);
        before.seq++;
    }
    fills_add(w->fills, before);
}

/* How long until every rule was looked at once: the longest `every`, with its `delay`. Rules that look less than
 * once a minute are not waited for. Cost: all rules, once. */
static int64_t first_looks_ms(const struct rules *rules)
{
    int64_t most = 0;

    for (size_t i = 0; i < rules_count(rules); i++) {
        const struct rule_def *d = rule_definition(rules_at(rules, i));

        if (d->every_ms <= FIRST_LOOKS_MS && d->every_ms + d->delay_ms > most)
            most = d->every_ms + d->delay_ms;
    }
    return most;
}

static void go_live(const struct err *e, void *arg)
{
    struct wire *w = arg;
    int64_t now_ms = clock_wall_ms(w->p.clock);

    if (e) {
        fail_start(w, e);
        return;
    }
    assert(w->phase == PHASE_JOURNAL);
    engine_go_live(w->engine, now_ms);
    notify_sources_known_at(w->p.notify, now_ms + first_looks_ms(w->p.rules));
    notify_start(w->p.notify, w->p.book);
    w->phase = PHASE_LIVE;
    w->awake_ms = clock_mono_ms(w->p.clock);
    set_look_timer(w);
    timer_in(w->upkeep_timer, journal_wants_cut(w->p.journal) ? 0 : CUT_POLL_MS);
    timer_in(w->ends_timer, ENDS_POLL_MS);
    assert(wire_is_live(w));
    w->o.ready(NULL, w->o.arg);
    fill_after_start(w);
}

static int take_cut_chunk(const void *chunk, size_t len, void *arg, struct err *e)
{
    struct wire *w = arg;

    return windows_decode(w->p.windows, chunk, len, e);
}

/* The cut is of no use: the windows are begun again, and so are the rules that hold their leaves. */
static void discard_cut(void *arg)
{
    struct wire *w = arg;

    log_warn("the saved windows could not be read; replaying all that the journal holds", NULL);
    windows_reset(w->p.windows);
}

/* The last run's clock was ahead: what it wrote is brought back to what the time is. */
static void set_right(struct wire *w)
{
    int64_t ahead_ms = alert_book_set_right(w->p.book, clock_wall_ms(w->p.clock));
    char by[32];

    if (ahead_ms == 0)
        return;
    notify_clock_was_ahead(w->p.notify);
    w->stats.ahead_ms = (uint64_t)ahead_ms;
    snprintf(by, sizeof by, "%.1f", (double)ahead_ms / 1000);
    log_warn("the clock was ahead in the last run, or has been set back since: what was stored is "
             "moved back by that",
             "seconds", by, NULL);
}

static void control_loaded(const struct err *e, void *arg)
{
    struct wire *w = arg;

    if (e) {
        fail_start(w, e);
        return;
    }
    assert(w->phase == PHASE_CONTROL);
    set_right(w);
    w->phase = PHASE_RULES;
    w->o.load_rules(w, w->o.arg);
}

void wire_rules_loaded(struct wire *w)
{
    struct journal_recovery r = {
        .cut_chunk = take_cut_chunk, .cut_discard = discard_cut, .ready = go_live, .arg = w};

    assert(w->phase == PHASE_RULES);
    rules_decide_after(w->p.rules, alert_book_evaluated_to(w->p.book));
    w->phase = PHASE_JOURNAL;
    journal_recover(w->p.journal, &r);
}

static void control_field(struct store_table *t, const char *field, size_t field_len,
                          const char *value, size_t len, void *arg)
{
    struct wire *w = arg;

    if (t == w->p.rule_files) {
        w->o.kept_rule_file(field, value, len, w->o.arg);
        return;
    }
    if (notify_load(w->p.notify, t, field, field_len, value, len))
        return;
    (void)alert_book_load(w->p.book, t, field, field_len, value, len);
}

/* Reads what Redis has, then goes live; `ready` is told. Once; called by wire_db_up(). */
static void wire_start(struct wire *w)
{
    if (w->phase != PHASE_CONNECTING)
        return;
    w->phase = PHASE_CONTROL;
    store_load(w->p.store, control_field, control_loaded, w);
}

void wire_db_up(struct wire *w)
{
    notify_set_degraded(w->p.notify, false);
    store_redis_is_back(w->p.store);
    wire_start(w);
}

void wire_db_down(struct wire *w)
{
    notify_set_degraded(w->p.notify, true);
}

/* --- construction --- */

static void alert_changed(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    struct wire *w = arg;

    notify_alert(w->p.notify, a, change, at_ms);
}

static void lane_due(const char *lane, void *arg)
{
    struct wire *w = arg;

    deliver_due(lane, w->p.deliver);
}

static int make_data_side(struct wire *w, struct err *e)
{
    uint64_t label_memory;
    const struct config_limits *limits = &w->p.config->limits;
    struct journal_options journal = {.loop = w->o.loop,
                                      .db = w->o.db,
                                      .url = w->o.db_url,
                                      .may_apply = may_apply,
                                      .apply = apply_block,
                                      .regressed = journal_regressed,
                                      .retention_ms = limits->retention_ms,
                                      .memory_share = (double)limits->journal_percent / 100,
                                      .max_bytes = limits->journal_memory,
                                      .max_pending = limits->pending_memory,
                                      .arg = w};

    w->p.labels = labelsets_new(0);
    if (!w->p.labels)
        return err_set(e, ERR_MEMORY, "no memory for labels");
    w->p.series = series_table_new(w->p.labels,
                                   limits->series ? (uint32_t)limits->series : SERIES_MAX_DEFAULT);
    if (!w->p.series)
        return err_set(e, ERR_MEMORY, "no memory for series");
    label_memory = limits->label_memory ? limits->label_memory : LABEL_MEMORY_DEFAULT;
    series_label_limits(w->p.series, label_memory,
                        limits->label_memory_per_token ? limits->label_memory_per_token
                                                       : label_memory / 2);
    journal.series = w->p.series;
    w->p.journal = journal_new(&journal, e);
    return w->p.journal ? 0 : -1;
}

/* What book and rules read of the configuration: the labels that priorities carry, words to hide. */
static void share_settings(struct wire *w)
{
    w->redact = w->p.config->server.redact;
    for (int p = 1; p <= PRIORITIES; p++)
        w->severity[p] = config_severity_of(w->p.config, p);
}

static int make_engine(struct wire *w, struct err *e)
{
    const struct config_limits *limits = &w->p.config->limits;
    struct windows_options windows = {.max_bytes = limits->window_memory,
                                      .max_groups = (uint32_t)limits->groups,
                                      .redact = &w->redact};
    struct alert_book_options book = {.store = w->p.store,
                                      .severity = w->severity,
                                      .changed = alert_changed,
                                      .history_max = limits->history,
                                      .arg = w};
    struct rules_options rules = {
        .clock = w->p.clock, .redact = &w->redact, .slice_ns = LOOK_SLICE_NS};
    struct engine_options engine = {.labels = w->p.labels,
                                    .series = w->p.series,
                                    .windows = &windows,
                                    .book = &book,
                                    .rules = &rules};

    share_settings(w);
    w->engine = engine_new(&engine);
    if (!w->engine)
        return err_set(e, ERR_MEMORY, "no memory for windows, rules and alerts");
    w->p.windows = engine_windows(w->engine);
    w->p.book = engine_book(w->engine);
    w->p.rules = engine_rules(w->engine);
    return 0;
}

static int make_control_side(struct wire *w, struct err *e)
{
    const struct config_limits *limits = &w->p.config->limits;
    struct notify_options notify = {.clock = w->p.clock,
                                    .loop = w->o.loop,
                                    .config = w->p.config,
                                    .due = lane_due,
                                    .tells = deliver_tells,
                                    .max_incidents = limits->incidents,
                                    .keep_incidents_ms = limits->incidents_keep_ms,
                                    .max_silences = limits->silences,
                                    .arg = w};
    struct fills_options fills = {.journal = w->p.journal,
                                  .series = w->p.series,
                                  .window_bytes = limits->window_memory,
                                  .groups = (uint32_t)limits->groups,
                                  .redact = &w->redact,
                                  .work = fills_have_work,
                                  .hold = hold,
                                  .release = release,
                                  .arg = w};
    struct deliver_options deliver = {.loop = w->o.loop,
                                      .outbound = w->o.outbound,
                                      .config = w->p.config,
                                      .templates = w->o.templates,
                                      .max_sends = w->o.max_sends,
                                      .shadow = w->o.shadow};

    w->p.store = store_new(w->o.loop, w->o.db);
    if (!w->p.store)
        return err_set(e, ERR_MEMORY, "no memory for the store");
    w->p.rule_files = store_table(w->p.store, KEY_RULES, w->o.rewrite_rule_files, w->o.arg);
    if (make_engine(w, e) < 0)
        return -1;
    notify.store = deliver.store = w->p.store;
    w->p.notify = notify_new(&notify);
    if (!w->p.notify)
        return err_set(e, ERR_MEMORY, "no memory for incidents");
    fills.windows = w->p.windows;
    w->fills = fills_new(&fills);
    if (!w->fills)
        return err_set(e, ERR_MEMORY, "no memory for filling windows");
    deliver.notify = w->p.notify;
    w->p.deliver = deliver_new(&deliver, e);
    return w->p.deliver ? 0 : -1;
}

struct wire *wire_new(const struct wire_options *o, struct err *e)
{
    struct wire *w = mem_zalloc(sizeof *w);

    assert(o->loop && o->db && o->config && o->load_rules && o->ready);
    if (!w) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    w->o = *o;
    w->p.loop = o->loop;
    w->p.db = o->db;
    w->p.clock = loop_clock(o->loop);
    w->p.config = config_ref(o->config);
    w->look_timer = timer_new(o->loop, LOOP_EVALUATION, look, w);
    w->upkeep_timer = timer_new(o->loop, LOOP_INGEST, upkeep, w);
    w->ends_timer = timer_new(o->loop, LOOP_EVALUATION, end_unrepeated, w);
    w->fill_timer = timer_new(o->loop, LOOP_INGEST, fill_on, w);
    if (!w->look_timer || !w->upkeep_timer || !w->ends_timer || !w->fill_timer) {
        err_set(e, ERR_MEMORY, "no memory for timers");
        wire_free(w);
        return NULL;
    }
    if (make_data_side(w, e) < 0 || make_control_side(w, e) < 0) {
        wire_free(w);
        return NULL;
    }
    return w;
}

void wire_free(struct wire *w)
{
    if (!w)
        return;
    timer_free(w->look_timer);
    timer_free(w->upkeep_timer);
    timer_free(w->ends_timer);
    timer_free(w->fill_timer);
    fills_free(w->fills);
    deliver_free(w->p.deliver);
    notify_free(w->p.notify);
    journal_free(w->p.journal);
    engine_free(w->engine);
    store_free(w->p.store);
    series_table_free(w->p.series);
    labelsets_free(w->p.labels);
    config_unref(w->p.config);
    mem_free(w);
}

void wire_configure(struct wire *w, const struct config *c)
{
    const struct config *old = w->p.config;

    assert(c);
    w->p.config = config_ref(c);
    share_settings(w);
    notify_configure(w->p.notify, w->p.config);
    deliver_configure(w->p.deliver, w->p.config);
    config_unref(old);
}

void wire_take_stats(struct wire *w, struct wire_stats *out)
{
    *out = w->stats;
    out->fills = fills_done(w->fills);
    out->fills_running = fills_running(w->fills);
    w->stats.looks_late_ms = 0;
}
