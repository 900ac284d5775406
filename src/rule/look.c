/* A look: evaluate a rule for some of its groups at one instant and step their alerts. A look at
 * many groups is made in slices; what it looks at stands still until it is done.
 *
 * For most groups nothing is on and nothing is remembered; they cost the evaluation and one test.
 * Only a group with a condition that holds, with memory (hysteresis, timers) or with an alert
 * goes through the state machine. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "rule/cold.h"
#include "rule/ended.h"
#include "rule/touched.h"

#define BAD_TICKS_MAX      3  /* in a row with failures before a rule is set aside */
#define EARLY_FAILURES_MAX 64 /* of looks between two ticks */

static const int64_t retry_after_ms[] = {60000, 300000, 900000};

/* Everything one batch of rows has at hand while its alerts are stepped. */
struct look {
    struct rule *r;
    struct batch b;
    struct column shown;
    struct column limit[PRIORITIES];
    bool limit_done[PRIORITIES];
    uint8_t truth[PRIORITIES][BATCH];
    uint8_t held[BATCH]; /* `unless` */
    struct condition_memory memory;
    struct alert *alert[BATCH];
    struct column *inputs; /* of `when` rules */
    size_t n_levels;
    bool cold[BATCH];   /* no verdict yet: some window was not seen whole */
    bool failed[BATCH]; /* `when` failed: the alert stays as it is */
    size_t row;         /* the one being stepped, for callbacks */
};

static void load_memory(struct look *l)
{
    bool none = alert_rule_count(l->r->alerts) == 0;

    for (size_t i = 0; i < l->b.n; i++) {
        const struct alert *a =
            none ? NULL : alert_find(l->r->alerts, l->r->rs.group[l->b.rows[i]]);

        l->alert[i] = (struct alert *)a;
        l->memory.sticky[i] = a ? a->sticky : 0;
        l->memory.last_ms[i] = a ? a->state.last_look_ms : 0;
        for (size_t k = 0; k < ALERT_SINCE_MAX; k++)
            l->memory.since_ms[k][i] = a ? a->since_ms[k] : 0;
    }
}

static void eval_levels(struct look *l)
{
    const struct rule_def *d = l->r->d;

    l->n_levels = d->n_levels;
    for (size_t i = 0; i < d->n_levels; i++)
        eval_truth(&l->b, d->levels[i].cond, l->truth[i]);
    for (size_t k = 0; k < d->n_levels; k++) {
        for (size_t i = 0; i < l->b.n; i++) {
            if (l->truth[k][i] != COLD_)
                continue;
            l->truth[k][i] = UNKNOWN_;
            l->cold[i] = true;
        }
    }
}

/* --- `when` functions --- */

static void call_when(struct look *l, struct when_row *rows, const size_t *index, size_t n)
{
    struct rule *r = l->r;
    struct err e = {0};
    size_t failed = rulefile_when(r->file, r->d, r->rs.labels, rows, n, NULL, &e);

    for (size_t k = 0; k < n; k++) {
        size_t i = index[k];
        bool verdict = !rows[k].failed && rows[k].verdict >= 0;

        l->failed[i] = rows[k].failed;

        /* P2 is also "at least P3", so that each priority has its own timer (see alert_step). */
        for (int p = 1; verdict && p <= PRIORITIES; p++)
            l->truth[p - 1][i] = rows[k].verdict > 0 && p >= rows[k].verdict;
        l->shown.ok[i] = verdict && rows[k].has_value;
        l->shown.v[i] = l->shown.ok[i] ? rows[k].value : 0;
        if (!rows[k].new_state)
            continue;
        if (!l->alert[i])
            l->alert[i] = alert_get(r->alerts, r->rs.group[l->b.rows[i]]);
        if (l->alert[i]) {
            char **old = l->alert[i]->when_state;

            l->alert[i]->when_state = rows[k].new_state;
            rows[k].new_state = old;
        }
        for (size_t s = 0; rows[k].new_state && s < r->d->n_state; s++)
            mem_free(rows[k].new_state[s]);
        mem_free(rows[k].new_state);
    }
    if (failed == 0)
        return;
    r->stats.errors += failed;
    snprintf(r->error, sizeof r->error, "%.*s", (int)sizeof r->error - 1, e.text);
}

static void state_of(const struct look *l, size_t i, struct rule_pair *out)
{
    for (size_t s = 0; s < l->r->d->n_state; s++) {
        out[s] = l->r->d->state[s];
        if (l->alert[i] && l->alert[i]->when_state)
            out[s].value = l->alert[i]->when_state[s];
    }
}

/* Rows whose inputs are all there are decided by the function; the others have no verdict. */
static int eval_when(struct look *l)
{
    const struct rule_def *d = l->r->d;
    struct when_row *rows = mem_zalloc(l->b.n * sizeof *rows);
    double *values = mem_alloc(l->b.n * d->n_inputs * sizeof *values);
    struct rule_pair *state = mem_alloc(l->b.n * (d->n_state + 1) * sizeof *state);
    size_t index[BATCH], n = 0;

    l->n_levels = PRIORITIES;
    memset(l->truth, UNKNOWN_, sizeof l->truth);
    memset(l->shown.ok, 0, sizeof l->shown.ok);
    l->inputs = mem_alloc((d->n_inputs + 1) * sizeof *l->inputs);
    if (!rows || !values || !state || !l->inputs)
        goto out;
    for (size_t k = 0; k < d->n_inputs; k++)
        eval_number(&l->b, d->inputs[k].x, &l->inputs[k]);
    for (size_t i = 0; i < l->b.n; i++) {
        bool all = true;

        for (size_t k = 0; k < d->n_inputs; k++) {
            all = all && l->inputs[k].ok[i] && l->inputs[k].cold[i] == WARM;
            l->cold[i] = l->cold[i] || l->inputs[k].cold[i] != WARM;
            values[n * d->n_inputs + k] = l->inputs[k].v[i];
        }
        if (!all)
            continue;
        state_of(l, i, state + n * d->n_state);
        rows[n] = (struct when_row){.inputs = values + n * d->n_inputs,
                                    .labels = l->r->rs.group[l->b.rows[i]],
                                    .level = l->alert[i] ? l->alert[i]->state.firing : 0,
                                    .now_ms = l->b.at_ms,
                                    .state = d->n_state ? state + n * d->n_state : NULL};
        index[n++] = i;
    }
    if (n > 0)
        call_when(l, rows, index, n);
out:
    mem_free(rows);
    mem_free(values);
    mem_free(state);
    return 0;
}

/* --- stepping the alerts --- */

static void write_why(struct buf *out, void *arg)
{
    struct look *l = arg;
    labelset group = l->r->rs.group[l->b.rows[l->row]];
    struct json j = json_into(out);

    json_object(&j);
    json_ktime(&j, "at", l->b.at_ms);
    json_key(&j, "tree");
    rule_explain(l->r, group, &j);
    if (l->r->attached.from) {
        json_key(&j, "events");
        attachments_json(&l->r->attached, group, &j);
    }
    json_object_end(&j);
}

/* What the message gives as the reason: of the rules that have some, a look at a few conditions for each text
 * of an alert that is on. What they remember was kept before, and is not asked for again. */
static const char *reason_of(struct look *l)
{
    const struct rule_def *d = l->r->d;
    uint8_t truth[BATCH];

    for (size_t i = 0; i < d->n_reasons; i++) {
        if (!d->reasons[i].cond)
            return d->reasons[i].text;
        eval_truth(&l->b, d->reasons[i].cond, truth);
        if (truth[l->row] == TRUE_)
            return d->reasons[i].text;
    }
    return NULL;
}

static void fill_text(const char *template, const struct alert *a, int64_t at_ms, struct buf *out,
                      void *arg)
{
    struct look *l = arg;
    const struct rule_def *d = l->r->d;
    double values[64];
    bool ok[64];
    struct message_values v = {
        .labels = a->labels,
        .n_labels = a->n_labels,
        .value = a->value,
        .threshold = a->threshold,
        .has_value = a->has_value,
        .has_threshold = a->has_threshold,
        .unit = a->unit,
        .unit_name = d->unit,
        .priority = a->state.firing,
        .active_ms = a->state.active_ms ? at_ms - a->state.active_ms : 0,
        .inputs = d->inputs,
        .input_values = values,
        .input_ok = ok,
        .n_inputs = l->inputs && d->n_inputs <= 64 ? d->n_inputs : 0,
    };

    for (size_t k = 0; k < v.n_inputs; k++) {
        values[k] = l->inputs[k].v[l->row];
        ok[k] = l->inputs[k].ok[l->row];
    }
    v.n_event = attachments_newest(&l->r->attached, a->group, &v.event);
    v.reason = reason_of(l);
    message_fill(template, &v, out);
}

/* The limits of a row: of each level that holds, and of what fires; the first is that of the most
 * severe. */
static void find_threshold(struct look *l, size_t i, struct alert_look *out)
{
    const struct rule_def *d = l->r->d;

    for (size_t k = 0; k < d->n_levels; k++) {
        bool fires = l->alert[i] && l->alert[i]->state.firing == d->levels[k].priority;
        const struct expr *cmp = l->r->compared[k];

        if (!cmp || (l->truth[k][i] != TRUE_ && !fires))
            continue;
        if (!l->limit_done[k]) {
            eval_number(&l->b, cmp->b, &l->limit[k]);
            l->limit_done[k] = true;
        }
        out->limit[d->levels[k].priority - 1] =
            (struct alert_limit){l->limit[k].ok[i], l->limit[k].v[i], cmp->b->unit};
        if (out->has_threshold)
            continue;
        out->has_threshold = l->limit[k].ok[i];
        out->threshold = l->limit[k].v[i];
        out->unit = cmp->b->unit;
    }
}

static bool needs_alert(const struct look *l, size_t i)
{
    const struct rule_def *d = l->r->d;
    bool unknown = false;

    if (l->alert[i] || l->memory.sticky[i])
        return true;
    for (size_t k = 0; k < ALERT_SINCE_MAX; k++)
        if (l->memory.since_ms[k][i])
            return true;
    for (size_t k = 0; k < l->n_levels; k++) {
        if (l->truth[k][i] == TRUE_)
            return true;
        unknown = unknown || l->truth[k][i] == UNKNOWN_;
    }
    return unknown && d->missing == MISSING_FIRE && !l->cold[i];
}

/* What the alert is told of data, or of its absence. */
static void observe(const struct look *l, size_t i, struct observation *o)
{
    struct rule *r = l->r;
    uint32_t row = l->b.rows[i];
    bool expected = r->has_expected && r->expected[row], unknown = false, holds = false;

    for (size_t k = 0; k < l->n_levels; k++) {
        o->level[k] = (enum truth)l->truth[k][i];
        unknown = unknown || o->level[k] == UNKNOWN_;
        holds = holds || o->level[k] == TRUE_;
    }
    o->warming = l->cold[i];
    o->has_value = l->shown.ok[i];
    o->value = l->shown.v[i];
    /* of a total that is to fire without data, ending would only make it fire again; a heartbeat is one that
     * must come, and how long it has not is remembered */
    o->expected = expected || (r->single && (r->d->missing == MISSING_FIRE || r->d->heartbeat));
    if (!unknown || holds)
        return;
    o->sample_ms = rowset_newest_ms(&r->rs, row);
    o->gone_ms = ended_row_ms(&r->rs, row, l->b.at_ms);
}

static void pin_row_if_needed(struct rule *r, uint32_t row, bool has_alert)
{
    bool expected = r->has_expected && r->expected[row];

    rowset_pin(&r->rs, row, expected || r->single || has_alert);
}

static void step_row(struct look *l, size_t i)
{
    struct rule *r = l->r;
    uint32_t row = l->b.rows[i];
    labelset group = r->rs.group[row];
    struct alert *a = l->alert[i] ? l->alert[i] : alert_get(r->alerts, group);
    struct alert_look look = {.suppressed = l->held[i] == TRUE_,
                              .why = write_why,
                              .why_arg = l,
                              .fill = fill_text,
                              .fill_arg = l};

    if (!a)
        return; /* over the rule's limit: counted there */
    l->row = i;
    l->alert[i] = a;
    a->expected = r->has_expected && r->expected[row];
    a->sticky = l->memory.sticky[i];
    for (size_t k = 0; k < ALERT_SINCE_MAX; k++)
        a->since_ms[k] = l->memory.since_ms[k][i];
    observe(l, i, &look.o);
    look.n_event = attachments_newest(&r->attached, group, &look.event);
    find_threshold(l, i, &look);
    if (alert_observe(a, &look, l->b.at_ms) != CHANGE_NONE)
        r->changed = true;
    pin_row_if_needed(r, row, alert_find(r->alerts, group) != NULL);
}

static void look_batch(struct rule *r, const uint32_t *rows, size_t n, int64_t at_ms, bool whole)
{
    struct look l;
    uint64_t refusals;

    l.r = r;
    l.b = running_batch(r, rows, n, at_ms);
    l.b.whole = whole;
    l.b.memory = &l.memory;
    l.inputs = NULL;
    memset(l.limit_done, 0, sizeof l.limit_done);
    memset(l.held, FALSE_, n);
    memset(l.cold, 0, sizeof l.cold);
    memset(l.failed, 0, sizeof l.failed);
    load_memory(&l);
    /* what follows allocates: where that was refused, or where rows of this look could not be made,
     * truths may be half of it, and the alerts stay as they are until the next look */
    if (r->d->when >= 0) {
        eval_when(&l);
    } else {
        if (r->shown)
            eval_number(&l.b, r->shown, &l.shown);
        else
            memset(l.shown.ok, 0, n);
        if (r->d->value)
            l.b.value = &l.shown;
        eval_levels(&l);
    }
    if (r->d->unless)
        eval_truth(&l.b, r->d->unless, l.held);
    if (mem_refusals() != r->refusals) {
        r->stats.held_looks++;
        mem_free(l.inputs);
        return;
    }
    refusals = mem_refusals();
    for (size_t i = 0; i < n; i++) {
        if (!l.failed[i] && needs_alert(&l, i))
            step_row(&l, i);
        else if (!l.alert[i] && r->rs.pinned[rows[i]]) /* its alert was ended by hand */
            pin_row_if_needed(r, rows[i], false);
    }
    r->refusals += mem_refusals() - refusals; /* decided already: nothing to hold */
    mem_free(l.inputs);
}

static void set_aside(struct rule *r, int64_t at_ms)
{
    r->stats.broken = true;
    r->stats.retry_ms = at_ms + retry_after_ms[r->retries < 2 ? r->retries : 2];
    r->retries++;
}

/* A function that keeps failing says nothing about the world: its alerts are frozen and it is
 * tried again after 1, 5 and 15 minutes, and whenever its file is loaded anew. Ticks judge, since
 * they see all groups; between two of them EARLY_FAILURES_MAX are enough. */
static void judge(struct rule *r, uint64_t errors_before, size_t n, int64_t at_ms, bool whole)
{
    uint64_t failed = r->stats.errors - errors_before;

    if (!whole) {
        r->early_failures += failed;
        if (r->early_failures >= EARLY_FAILURES_MAX)
            set_aside(r, at_ms);
        return;
    }
    r->early_failures = 0;
    if (failed == 0) {
        r->bad_ticks = 0;
        if (r->stats.broken) {
            r->stats.broken = false;
            r->retries = 0;
        }
        return;
    }
    r->bad_ticks++;
    if (r->bad_ticks >= BAD_TICKS_MAX || failed * 2 > n)
        set_aside(r, at_ms);
}

/* --- a look, from its first row to its last --- */

/* `when` may be dear: a batch of its rows is to stay well below a slice. */
#define WHEN_BATCH 32

static void begin(struct rule *r, size_t n, int64_t at_ms, bool whole)
{
    struct err e;

    assert(!look_is_open(r));
    if (at_ms < r->last_look_ms)
        at_ms = r->last_look_ms;
    if (r->stats.broken && (!whole || at_ms < r->stats.retry_ms))
        return; /* a tick tries it again */
    if (!r->linked && running_link(r, &e) < 0)
        return;
    if (alert_rule_def(r->alerts) != r->d)
        return; /* another file has the rule by now, and this one could not be taken away yet */
    r->last_look_ms = at_ms;
    r->look = (struct open_look){.open = true,
                                 .whole = whole,
                                 .n = n,
                                 .at_ms = at_ms,
                                 .errors_before = r->stats.errors,
                                 .refusals = mem_refusals()};
}

static void end(struct rule *r)
{
    struct open_look *l = &r->look;

    l->open = false;
    r->stats.looks++;
    r->stats.groups_looked += l->n;
    r->stats.busy_ns += l->busy_ns;
    if (r->d->when >= 0 && l->n > 0)
        judge(r, l->errors_before, l->n, l->at_ms, l->whole);
    if (!l->whole)
        return;
    r->stats.last_tick_ms = l->at_ms;
    r->stats.last_took_us = (int64_t)l->busy_ns / 1000;
}

bool look_on(struct rule *r, uint64_t until_ns)
{
    struct clock *c = rules_context(r->all)->clock;
    size_t most = r->d->when >= 0 ? WHEN_BATCH : BATCH;
    struct open_look *l = &r->look;
    uint64_t began_ns = clock_mono_ns(c), now_ns = began_ns;

    if (!l->open)
        return true;
    r->refusals += mem_refusals() - l->refusals; /* of others, meanwhile */
    while (l->done < l->n) {
        size_t n = l->n - l->done < most ? l->n - l->done : most;

        look_batch(r, r->picked + l->done, n, l->at_ms, l->whole);
        l->done += n;
        now_ns = clock_mono_ns(c);
        if (now_ns >= until_ns)
            break;
    }
    l->busy_ns += now_ns - began_ns;
    l->refusals = mem_refusals();
    if (l->done < l->n)
        return false;
    end(r);
    assert(!look_is_open(r));
    return true;
}

/* --- which rows --- */

static void fit_expected(struct rule *r)
{
    size_t before = r->expected_cap;

    if (!r->has_expected ||
        mem_grow((void **)&r->expected, &r->expected_cap, r->rs.n_rows, sizeof *r->expected) < 0)
        return;
    if (r->expected_cap > before)
        memset(r->expected + before, 0, (r->expected_cap - before) * sizeof *r->expected);
}

/* Groups of rules that are fed by other rules only: those that fire somewhere are rows. */
struct firing_rows {
    struct rule *r;
    const struct label_names *by;
};

static void add_firing_row(const struct alert *a, void *arg)
{
    struct firing_rows *f = arg;
    labelset group;

    if (a->state.firing == 0)
        return;
    group = labelset_project(f->r->rs.labels, a->group, f->by);
    if (group == LABELSET_NONE)
        return;
    (void)rowset_row(&f->r->rs, group);
    labelset_unref(f->r->rs.labels, group);
}

static void add_each(struct alert *a, void *arg)
{
    add_firing_row(a, arg);
}

static void rows_of_firing(struct rule *r, const struct expr *x)
{
    if (!x)
        return;
    if (x->kind == COND_FIRING && r->firing[x->slot] &&
        (x->keys.all ? r->d->keys.all : x->keys.n == r->d->keys.n)) {
        struct firing_rows f = {.r = r, .by = &r->firing_by[x->slot]};

        alert_each_of(r->firing[x->slot], add_each, &f);
    }
    rows_of_firing(r, x->a);
    rows_of_firing(r, x->b);
}

void look_all(struct rule *r, int64_t at_ms)
{
    size_t n = 0;

    r->refusals = mem_refusals();
    if (r->pins_missing)
        running_pin_alerts(r);
    alert_rule_begin_look(r->alerts, at_ms);
    rowset_sync(&r->rs, true);
    if (r->depends)
        for (size_t i = 0; i < r->d->n_levels; i++)
            rows_of_firing(r, r->d->levels[i].cond);
    fit_expected(r);
    if (mem_grow((void **)&r->picked, &r->picked_cap, r->rs.n_rows, sizeof *r->picked) < 0)
        return;
    for (uint32_t row = 0; row < r->rs.n_rows; row++)
        if (r->rs.group[row] != LABELSET_NONE && !touched_waits(r, row))
            r->picked[n++] = row;
    begin(r, n, at_ms, true);
}

void look_touched(struct rule *r, int64_t at_ms)
{
    size_t n = touched_pick(r, at_ms);

    r->refusals = mem_refusals();
    fit_expected(r);
    if (n > 0)
        begin(r, n, at_ms, false);
}
