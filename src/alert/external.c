/* Alerts that somebody else decides: posted, repeated, ended, or not heard of any more.
 *
 *   post -> part of its severity (merged as Alertmanager does) -> settle() -> store, history, `changed`
 *   tick -> those that are due: an end has passed, or was long enough ago ----^
 *
 * Who sends is kept as a rule without a definition, so that labels, records, counts and walks are those of
 * all alerts. An alert is known by its labels without severity, as everywhere, but senders have one rule for
 * each severity: of those the alert has a part each (external_part.c), and fires as severely as its worst
 * part that is on.
 * Taking the last word instead was dropped: two rules that fire together would make it rise and fall with
 * each repetition. What has ended is kept for a while, because a late or repeated word about it must be
 * compared with it. A heap by due time finds what ends: no walk. Each repetition is written, since its end
 * is what a restart goes on with. */
#include "alert/external.h"

#include <assert.h>
#include <string.h>

#include "alert/book.h"
#include "base/mem.h"

#define NOT_REPEATED "its sender did not repeat it in time"
#define SENDER_ENDED "ended by its sender"

/* --- senders ---------------------------------------------------------------------------------------- */

struct alert_rule *external_sender(struct alert_book *b, const char *origin)
{
    struct alert_rule *r = map_gets(b->senders, origin);

    if (r)
        return r;
    r = rule_alloc(b, "", origin);
    if (r && map_puts(b->senders, origin, r, NULL) == 0)
        return r;
    if (r)
        rule_free(r);
    return NULL;
}

/* One without alerts is forgotten: names of tokens come and go. */
static void forget_sender(struct alert_book *b, struct alert_rule *r)
{
    if (r->alerts.n > 0)
        return;
    map_removes(b->senders, r->origin);
    rule_free(r);
}

/* --- what follows from the parts ---------------------------------------------------------------------- */

/* Its labels with the severity of a part. `relabelled`: others than before. -1: no memory. */
static int label(struct alert_entry *e, const struct external_part *p, bool *relabelled)
{
    const struct labelsets *ls = e->a.rule->book->o.labels;
    struct label l[LABELS_MAX + 1];
    size_t n = labelset_size(ls, e->a.group);
    int sorted;

    assert(n <= LABELS_MAX);
    for (size_t i = 0; i < n; i++)
        l[i] = labelset_at(ls, e->a.group, i);
    l[n] = label_of("severity", p->severity);
    sorted = labels_sort(l, n + 1);
    assert(sorted >= 0);
    *relabelled = !e->a.labels || !labels_same(e->a.labels, e->a.n_labels, l, (size_t)sorted);
    e->labels_priority = p->priority;
    return *relabelled ? entry_label_as(e, l, (size_t)sorted) : 0;
}

/* The state as the levels of a rule would have it. */
static void follow_levels(struct alert_entry *e, int64_t at_ms)
{
    struct alert_state *s = &e->a.state;
    int64_t starts_ms = s->firing ? s->active_ms : 0;

    memset(s->level, 0, sizeof s->level);
    s->firing = 0;
    e->a.expires_ms = 0;
    for (size_t i = 0; i < e->x->n; i++) {
        struct external_part *p = &e->x->part[i];
        int64_t since_ms = p->starts_ms < at_ms ? p->starts_ms : at_ms;

        p->on = external_part_is_on(p, at_ms);
        if (!p->on)
            continue;
        s->level[p->priority - 1] = (struct alert_level){.on = true, .true_ms = since_ms};
        if (s->firing == 0 || p->priority < s->firing)
            s->firing = p->priority;
        if (starts_ms == 0 || since_ms < starts_ms)
            starts_ms = since_ms;
        if (p->ends_ms > e->a.expires_ms)
            e->a.expires_ms = p->ends_ms;
    }
    s->active_ms = s->firing ? starts_ms : 0;
    assert((s->firing != 0) == (e->a.expires_ms > at_ms));
}

static enum alert_change change_of(int from, int to)
{
    if (from == to)
        return CHANGE_NONE;
    if (from == 0)
        return CHANGE_FIRED;
    if (to == 0)
        return CHANGE_RESOLVED;
    return to < from ? CHANGE_RAISED : CHANGE_LOWERED;
}

void external_show(struct alert_entry *e, const struct external_part *p)
{
    e->a.annotations = p->annotations; /* borrowed of the part: see entry_free() */
    e->a.n_annotations = p->n_annotations;
    e->a.url = p->url;
    e->a.state.last_look_ms = p->updated_ms;
}

/* After its parts changed, or time passed: state, labels, texts, and who is told. May free it, and its
 * sender. `tell`: also where only texts or the end changed. */
static void settle(struct alert_entry *e, const char *reason, int64_t at_ms)
{
    struct alert *a = &e->a;
    struct alert_rule *r = a->rule;
    struct alert_book *b = r->book;
    int from = a->state.firing;
    const struct external_part *shown;
    enum alert_change change;
    bool relabelled = false;

    follow_levels(e, at_ms);
    change = change_of(from, a->state.firing);
    shown = external_part_shown(e->x, at_ms);
    assert(shown);
    /* without memory it goes on under the labels it is known by: the next word makes them anew */
    if ((change == CHANGE_NONE || a->state.firing) && label(e, shown, &relabelled))
        relabelled = false;
    external_show(e, shown);
    if (a->state.firing)
        entry_fingerprint_claim(e);
    entry_follow_times(a, change, reason, at_ms);
    if (change == CHANGE_RESOLVED && shown->ends_ms < at_ms)
        a->ended_ms = shown->ends_ms > a->started_ms ? shown->ends_ms : a->started_ms;
    if (change == CHANGE_NONE) /* else what it was is told first */
        external_parts_forget(e->x, at_ms);
    if (e->x->n > 0) {
        external_show(e, external_part_shown(e->x, at_ms));
        due_move(&b->due, e, external_parts_due_ms(e->x, at_ms));
    }
    a->relabelled = relabelled && change == CHANGE_NONE;
    entry_conclude(e, &(struct conclusion){.change = change,
                                           .from = from,
                                           .from_phase = from ? ALERT_FIRING : ALERT_OK,
                                           .tell = from != 0 || change != CHANGE_NONE,
                                           .at_ms = at_ms});
    forget_sender(b, r);
}

void external_free(struct alert_entry *e)
{
    due_remove(&e->a.rule->book->due, e);
    while (e->x->n > 0)
        external_part_remove(e->x, e->x->n - 1);
    mem_free(e->x);
    e->x = NULL;
    e->a.annotations = NULL;
    e->a.n_annotations = 0;
}

void external_end(struct alert_entry *e, const char *reason, int64_t at_ms)
{
    for (size_t i = 0; i < e->x->n; i++)
        if (external_part_is_on(&e->x->part[i], at_ms))
            e->x->part[i].ends_ms = at_ms;
    settle(e, reason, at_ms);
}

/* --- a word of a sender -------------------------------------------------------------------------------- */

/* Its labels but severity, and a priority where that is one of ours. */
static size_t split(const struct alert_posted *p, struct label *group, const char **severity,
                    int *priority)
{
    size_t n = 0;

    *severity = "";
    *priority = p->priority;
    for (size_t i = 0; i < p->n_labels; i++) {
        const struct label *l = &p->labels[i];
        bool given = strcmp(l->name, "priority") == 0 && priority_parse(l->value) != 0;

        if (strcmp(l->name, "severity") == 0)
            *severity = l->value;
        else if (given)
            *priority = priority_parse(l->value);
        else
            group[n++] = *l;
    }
    return n;
}

static struct alert_entry *entry_make(struct alert_rule *r, labelset group)
{
    struct alert_book *b = r->book;
    struct alert_entry *e;
    struct external *x;

    if (due_reserve(&b->due))
        return NULL;
    x = mem_zalloc(sizeof *x);
    e = x ? entry_new(r, group) : NULL;
    if (!e) {
        mem_free(x);
        return NULL;
    }
    e->x = x;
    e->a.external = true;
    due_add(&b->due, e, INT64_MAX);
    return e;
}

static int check(const struct alert_posted *p, struct err *e)
{
    if (p->n_labels == 0)
        return err_set(e, ERR_INPUT, "at least one label pair required");
    if (p->n_labels >= LABELS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d labels", LABELS_MAX - 1);
    if (p->starts_ms && p->ends_ms && p->ends_ms < p->starts_ms)
        return err_set(e, ERR_INPUT, "start time must be before end time");
    return 0;
}

/* The alert, made where it is new. NULL with `e`: a bound, or no memory. */
static struct alert_entry *entry_for(struct alert_rule *r, labelset group, struct err *e)
{
    struct alert_entry *known = group_map_get(&r->alerts, group);

    if (known)
        return known;
    if (r->alerts.n >= r->book->o.external_max_each) {
        err_set(e, ERR_LIMIT, "this sender has %zu alerts already: no more are taken of it",
                r->alerts.n);
        return NULL;
    }
    if (r->book->due.n >= r->book->o.external_max) {
        err_set(e, ERR_LIMIT, "there are %zu alerts of senders already: no more are taken",
                r->book->due.n);
        return NULL;
    }
    known = entry_make(r, group);
    if (!known)
        err_set(e, ERR_MEMORY, "no memory for an alert");
    return known;
}

/* Takes over `new`. */
static int take(struct alert_entry *e, struct external_part *new, int64_t at_ms, struct err *err)
{
    bool ended = !external_part_is_on(new, at_ms);
    struct external_part *to = external_part_place(e->x, new->severity, at_ms);

    if (!to) {
        external_part_clear(new);
        return err_set(err, ERR_LIMIT, "it has more than %d severities", EXTERNAL_PARTS);
    }
    if (to->severity && strcmp(to->severity, new->severity) == 0) {
        external_part_merge(to, new, at_ms);
        ended = !external_part_is_on(new, at_ms);
    }
    external_part_clear(to);
    *to = *new;
    settle(e, ended ? SENDER_ENDED : NOT_REPEATED, at_ms);
    return 0;
}

int alert_post(struct alert_book *b, const struct alert_posted *p, int64_t at_ms, struct err *err)
{
    struct label l[LABELS_MAX];
    struct external_part new;
    struct alert_rule *r;
    struct alert_entry *e;
    const char *severity;
    labelset group;
    size_t n;
    int priority, rc = -1;

    assert(p->origin && p->timeout_ms > 0 && p->priority >= 1 && p->priority <= PRIORITIES);
    if (check(p, err))
        return -1;
    n = split(p, l, &severity, &priority);
    if (external_part_make(&new, p, severity, priority, at_ms))
        return err_set(err, ERR_MEMORY, "no memory for an alert");
    r = external_sender(b, p->origin);
    group = r ? labelsets_intern(b->o.labels, l, n) : LABELSET_NONE;
    if (group == LABELSET_NONE) {
        external_part_clear(&new);
        if (r)
            forget_sender(b, r);
        return err_set(err, ERR_MEMORY, "no memory for an alert");
    }
    if (!external_part_is_on(&new, at_ms) && !group_map_get(&r->alerts, group)) {
        external_part_clear(&new); /* the end of what was never known here is no news */
        rc = 0;
    } else {
        e = entry_for(r, group, err);
        if (e)
            rc = take(e, &new, at_ms, err);
        else
            external_part_clear(&new);
    }
    labelset_unref(b->o.labels, group);
    r = map_gets(b->senders, p->origin); /* may be gone with its last alert */
    if (r)
        forget_sender(b, r);
    return rc;
}

bool alert_book_tick(struct alert_book *b, int64_t at_ms, size_t most)
{
    struct alert_entry *e;
    int64_t due_ms;

    while ((e = due_first(&b->due, &due_ms)) && due_ms <= at_ms) {
        if (most-- == 0)
            return false;
        settle(e, NOT_REPEATED, at_ms);
    }
    return true;
}

/* --- time ---------------------------------------------------------------------------------------------- */

/* Only what was on: an end that has been told stays. Not written: 100,000 records would hold the start. So
 * after a second outage before its next word the first one is not known, and it lasts as long as that word
 * gave it. */
static void bridge_one(struct alert_entry *e, int64_t now_ms, int64_t outage_ms)
{
    for (size_t i = 0; i < e->x->n; i++) {
        struct external_part *p = &e->x->part[i];

        if (!p->on)
            continue;
        if (p->ends_ms + outage_ms > now_ms)
            p->ends_ms += outage_ms;
        else
            p->ends_ms += now_ms - p->updated_ms;
        if (p->ends_ms > e->a.expires_ms)
            e->a.expires_ms = p->ends_ms;
    }
    due_move(&e->a.rule->book->due, e, external_parts_due_ms(e->x, 0));
}

void external_bridge(struct alert_book *b, int64_t outage_ms)
{
    struct alert_rule *r;

    for (size_t at = 0; (r = map_next(b->senders, &at, NULL, NULL));)
        for (size_t i = 0; i < r->alerts.cap; i++)
            if (r->alerts.slots[i].value)
                bridge_one(r->alerts.slots[i].value, b->evaluated_to_ms + outage_ms, outage_ms);
}

void external_move(struct alert_entry *e,
                   void (*change)(int64_t *at_ms, int64_t by_ms, int64_t now_ms), int64_t by_ms,
                   int64_t now_ms)
{
    for (size_t i = 0; i < e->x->n; i++)
        if (e->x->part[i].timeout)
            change(&e->x->part[i].ends_ms, by_ms, now_ms);
    due_move(&e->a.rule->book->due, e, external_parts_due_ms(e->x, 0));
}
