/* The book: which alerts there are, and what a look does to one of them.
 * An alert is in memory, in its rule's map, only while there is something to remember of it: entry_conclude()
 * stores, tells and frees, in this order, so that whoever is told can still read it and nothing that is over
 * is kept. Counts are kept where states change; summing them up when somebody asks was a walk over all
 * alerts for each /metrics. What was refused by the rule's limit is counted for whole looks: the present one
 * is not complete, so the larger of it and the one before is told. */
#include "alert/book.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alert/external.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"

struct alert_rule *book_next(const struct alert_book *b, struct book_cursor *c)
{
    struct alert_rule *r = c->senders ? NULL : map_next(b->rules, &c->at, NULL, NULL);

    if (!r && !c->senders)
        *c = (struct book_cursor){.senders = true};
    return r ? r : map_next(b->senders, &c->at, NULL, NULL);
}

static void rewrite_alerts(struct store_table *t, void *arg)
{
    struct alert_book *b = arg;
    struct alert_rule *r;

    (void)t;
    for (struct book_cursor c = {0}; (r = book_next(b, &c));)
        for (size_t i = 0; i < r->alerts.cap; i++) {
            struct alert_entry *e = r->alerts.slots[i].value;
            if (!e)
                continue;
            e->stored = 0;
            entry_store(e);
        }
}

static void put_evaluated(struct alert_book *b)
{
    struct buf text = BUF_INIT;

    if (!b->meta)
        return;
    buf_addf(&text, "%lld", (long long)b->evaluated_to_ms);
    if (buf_ok(&text))
        store_put(b->meta, "evaluated_to", text.data, text.len);
    buf_free(&text);
    b->evaluated_stored_ms = b->evaluated_to_ms;
    b->dirty = false;
}

static void rewrite_meta(struct store_table *t, void *arg)
{
    (void)t;
    put_evaluated(arg);
}

struct alert_book *alert_book_new(const struct alert_book_options *o)
{
    struct alert_book *b = mem_zalloc(sizeof *b);

    assert(o->labels);
    if (!b)
        return NULL;
    b->o = *o;
    if (b->o.history_max == 0)
        b->o.history_max = HISTORY_DEFAULT;
    if (b->o.external_max == 0)
        b->o.external_max = EXTERNAL_DEFAULT;
    if (b->o.external_max_each == 0)
        b->o.external_max_each = EXTERNAL_EACH_DEFAULT;
    b->rules = map_new();
    b->senders = map_new();
    b->by_fingerprint = map_new();
    if (o->store) {
        b->table = store_table(o->store, KEY_ALERTS, rewrite_alerts, b);
        b->meta = store_table(o->store, KEY_CONTROL_META, rewrite_meta, b);
    }
    if (b->rules && b->senders && b->by_fingerprint && (!o->store || (b->table && b->meta)))
        return b;
    alert_book_free(b);
    return NULL;
}

static void drop_rule(void *rule)
{
    rule_free(rule);
}

void alert_book_free(struct alert_book *b)
{
    if (!b)
        return;
    if (b->rules)
        map_free(b->rules, drop_rule);
    if (b->senders)
        map_free(b->senders, drop_rule);
    due_free(&b->due);
    map_free(b->by_fingerprint, NULL);
    mem_free(b);
}

int64_t alert_book_evaluated_to(const struct alert_book *b)
{
    return b->evaluated_to_ms;
}

void alert_book_set_evaluated_to(struct alert_book *b, int64_t at_ms)
{
    if (at_ms <= b->evaluated_to_ms)
        return;
    b->evaluated_to_ms = at_ms;
    if (b->dirty || at_ms - b->evaluated_stored_ms >= EVALUATED_EVERY_MS)
        put_evaluated(b);
    assert(b->evaluated_to_ms >= b->evaluated_stored_ms);
}

bool alert_book_load(struct alert_book *b, struct store_table *t, const char *field,
                     size_t field_len, const char *value, size_t len)
{
    struct err e;

    if (t && t == b->meta) {
        static const char name[] = "evaluated_to";
        char text[24];

        if (field_len != sizeof name - 1 || memcmp(field, name, field_len) != 0)
            return true;
        if (len < sizeof text) {
            memcpy(text, value, len);
            text[len] = '\0';
            b->evaluated_to_ms = b->evaluated_stored_ms = strtoll(text, NULL, 10);
        }
        return true;
    }
    if (!t || t != b->table)
        return false;
    if (alert_book_restore(b, field, field_len, value, len, &e))
        log_error("an alert in " KEY_ALERTS " cannot be read and is left out", "field", field,
                  "error", e.text, NULL);
    return true;
}

struct alert *alert_find(struct alert_rule *r, labelset group)
{
    return group_map_get(&r->alerts, group);
}

struct alert *alert_get(struct alert_rule *r, labelset group)
{
    struct alert *a = group_map_get(&r->alerts, group);

    if (a)
        return a;
    if (r->def && r->def->limit > 0 && r->alerts.n >= r->def->limit) {
        r->refused.limit++;
        rule_count(r);
        return NULL;
    }
    if (alert_rule_hides(r, group)) {
        r->refused.hidden++;
        rule_count(r);
        r->hides = alert_rule_hides(r, group);
        return NULL;
    }
    return (struct alert *)entry_new(r, group);
}

/* A rule's groups are looked at one after the other at one instant: when a new instant begins,
 * the number of groups refused during the last one is complete. */
void alert_rule_begin_look(struct alert_rule *r, int64_t at_ms)
{
    if (at_ms == r->look_ms)
        return;
    r->look_ms = at_ms;
    r->refused_before = r->refused;
    r->refused = (struct refusals){0};
    rule_count(r);
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t alert_rule_overflow(const struct alert_rule *r)
{
    return most(r->refused.limit, r->refused_before.limit);
}

uint64_t alert_rule_hidden(const struct alert_rule *r, const char **label)
{
    uint64_t n = most(r->refused.hidden, r->refused_before.hidden);

    if (label)
        *label = n > 0 ? r->hides : NULL;
    return n;
}

static const char *change_reason(const struct alert_entry *e, enum alert_change change, bool data)
{
    if (change == CHANGE_GONE || change == CHANGE_FORGOTTEN)
        return alert_change_names[change];
    if (change == CHANGE_RESOLVED && e->conditions_changed)
        return "limit changed";
    if (change == CHANGE_RESOLVED)
        return data ? "condition cleared" : "no data";
    return NULL;
}

static bool set_text(char **to, const char *text)
{
    char *copy = text ? mem_strdup(text) : NULL;

    if (text && !copy)
        return false;
    mem_free(*to);
    *to = copy;
    return true;
}

static void follow_value(struct alert_entry *e, const struct alert_look *look,
                         enum alert_change change)
{
    struct alert *a = &e->a;

    const struct alert_limit *own =
        a->state.firing ? &look->limit[a->state.firing - 1] : &(struct alert_limit){0};

    /* while it is on, and in what is said of its end, the last known value stands */
    if (look->o.has_value || (a->state.firing == 0 && change == CHANGE_NONE))
        a->has_value = look->o.has_value;
    if (look->o.has_value)
        a->value = look->o.value;
    if (own->ok) {
        a->has_threshold = true;
        a->threshold = own->v;
        a->unit = own->unit;
    } else if (look->has_threshold) {
        a->has_threshold = true;
        a->threshold = look->threshold;
        a->unit = look->unit;
    }
    if (change == CHANGE_FIRED)
        e->has_peak = false;
    if (a->state.firing == 0 || !look->o.has_value)
        return;
    if (!e->has_peak) {
        e->has_peak = true;
        e->peak_low = a->has_threshold && a->value < a->threshold;
        a->peak = a->value;
    } else if (e->peak_low ? a->value < a->peak : a->value > a->peak) {
        a->peak = a->value;
    }
}

void entry_follow_times(struct alert *a, enum alert_change change, const char *reason,
                        int64_t at_ms)
{
    if (a->state.firing != 0) {
        a->started_ms = a->state.active_ms;
        a->ended_ms = 0;
        set_text(&a->end_reason, NULL);
    } else if (alert_change_ends(change)) {
        a->ended_ms = at_ms;
        set_text(&a->end_reason, reason);
    }
    assert(a->state.firing == 0 || (a->ended_ms == 0 && !a->end_reason));
}

/* A group whose series ended, or without data for `forget`, is over: what its conditions remember of
 * it goes too, or groups that come and go would be kept for ever. */
static void forget_memory(struct alert_entry *e, const struct observation *o, int64_t at_ms)
{
    const struct alert_state *s = &e->a.state;
    const struct alert_policy *p = &e->a.rule->policy;
    bool gone = s->gone_ms != 0 && at_ms - s->gone_ms >= p->gone_ms;
    bool forgotten = p->forget_ms > 0 && at_ms - s->last_data_ms >= p->forget_ms;

    if (o->expected || !alert_is_blank(s) || !(gone || forgotten))
        return;
    e->a.sticky = 0;
    memset(e->a.since_ms, 0, sizeof e->a.since_ms);
    entry_state_clear(e);
}

static bool nothing_to_remember(const struct alert_entry *e)
{
    const struct alert *a = &e->a;

    if (e->x)
        return e->x->n == 0;
    if (!alert_is_blank(&a->state) || a->sticky != 0 || a->when_state)
        return false;
    for (int i = 0; i < ALERT_SINCE_MAX; i++)
        if (a->since_ms[i] != 0)
            return false;
    return true;
}

void entry_conclude(struct alert_entry *e, const struct conclusion *c)
{
    struct alert_book *b = e->a.rule->book;
    bool forget = nothing_to_remember(e);

    entry_count(e);
    assert((c->change != CHANGE_RESOLVED && c->change != CHANGE_GONE) || e->a.state.firing == 0);
    assert(c->change != CHANGE_FIRED || (c->from == 0 && e->a.state.firing != 0));
    if (c->change != CHANGE_NONE) {
        b->counts.changes++;
        entry_history(e, c, e->a.end_reason);
    }
    if (forget)
        entry_unstore(e);
    else
        entry_store(e);
    if (c->tell && b->o.changed)
        b->o.changed(&e->a, c->change, c->at_ms, b->o.arg);
    if (forget)
        entry_free(e);
}

enum alert_change alert_observe(struct alert *a, const struct alert_look *look, int64_t at_ms)
{
    struct alert_entry *e = (struct alert_entry *)a;
    const struct alert_policy *p = &a->rule->policy;
    int from = a->state.firing;
    enum alert_phase from_phase = alert_phase(p, &a->state);
    bool was_suppressed = a->suppressed;
    enum truth verdict = alert_verdict(p, &look->o);
    enum alert_change change = alert_step(p, &a->state, &look->o, at_ms);
    int priority = a->state.firing ? a->state.firing : from;

    if (verdict == TRUE_)
        e->conditions_changed = false; /* it is on by the new conditions too */
    if (e->labels_stale)
        entry_relabel(e, at_ms);
    a->suppressed = look->suppressed;
    a->warming = look->o.warming;
    follow_value(e, look, change);
    entry_follow_times(a, change, change_reason(e, change, verdict != UNKNOWN_), at_ms);
    if (priority != 0 || change != CHANGE_NONE)
        if (!a->labels || (priority != 0 && priority != e->labels_priority))
            entry_label(e, priority);
    /* texts made without data would say "?" where they said what was known */
    if ((change != CHANGE_NONE || a->state.firing != 0) &&
        (verdict != UNKNOWN_ || a->n_annotations == 0))
        entry_annotate(e, look, change, at_ms);
    if (change != CHANGE_NONE)
        entry_explain(e, look);
    if (verdict == UNKNOWN_)
        forget_memory(e, &look->o, at_ms);
    entry_conclude(e, &(struct conclusion){.change = change,
                                           .from = from,
                                           .from_phase = from_phase,
                                           .tell = change != CHANGE_NONE || from != 0 ||
                                                   was_suppressed != a->suppressed,
                                           .at_ms = at_ms});
    return change;
}

void alert_end(struct alert *a, const char *reason, int64_t at_ms)
{
    struct alert_entry *e = (struct alert_entry *)a;
    int from = a->state.firing;
    enum alert_phase from_phase = alert_phase(&a->rule->policy, &a->state);
    enum alert_change change = from                          ? CHANGE_RESOLVED
                               : from_phase == ALERT_PENDING ? CHANGE_DROPPED
                                                             : CHANGE_NONE;

    if (e->x) {
        external_end(e, reason, at_ms);
        return;
    }
    a->state = (struct alert_state){0};
    a->sticky = 0;
    memset(a->since_ms, 0, sizeof a->since_ms);
    entry_state_clear(e);
    entry_follow_times(a, change, reason, at_ms);
    assert(a->state.firing == 0 && (from == 0 || a->ended_ms == at_ms));
    entry_conclude(e, &(struct conclusion){.change = change,
                                           .from = from,
                                           .from_phase = from_phase,
                                           .tell = change != CHANGE_NONE,
                                           .at_ms = at_ms});
}

/* --- walks --------------------------------------------------------------------------------------- */

void alert_each(struct alert_book *b, void (*each)(const struct alert *a, void *arg), void *arg)
{
    struct alert_rule *r;

    for (struct book_cursor c = {0}; (r = book_next(b, &c));)
        for (size_t i = 0; i < r->alerts.cap; i++)
            if (r->alerts.slots[i].value)
                each(r->alerts.slots[i].value, arg);
}

void alert_each_of(struct alert_rule *r, void (*each)(struct alert *a, void *arg), void *arg)
{
    for (size_t i = 0; i < r->alerts.cap; i++)
        if (r->alerts.slots[i].value)
            each(r->alerts.slots[i].value, arg);
}

struct alert *alert_by_fingerprint(struct alert_book *b, uint64_t fingerprint)
{
    return map_get(b->by_fingerprint, &fingerprint, sizeof fingerprint);
}

void alert_stats(const struct alert_book *b, struct alert_stats *out)
{
    *out = b->counts;
    out->external = (uint32_t)b->due.n;
}
