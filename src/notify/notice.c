/* Notices: a plan made into everything that a message needs, in memory of its own.
 * Nothing of a notice points into notify: it is sent after members, labels or the whole incident may have
 * gone. All of it lies in a few blocks that are freed together; whether one allocation failed is asked once,
 * at the end. Beside the texts it keeps which members it tells of, so that the outcome is noted for what was
 * sent, not for what is on by then. More alerts than fit are cut by importance, and the worst of all stays
 * the first. */
#include "notify/notice.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "notify/choose.h"
#include "notify/desired.h"
#include "notify/incident.h"
#include "notify/inhibit.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"

#define BLOCK_BYTES 16384

/* --- memory that goes with the notice -------------------------------------------------------------- */

struct maker {
    struct claim *c;
    bool failed;
};

static void *take(struct maker *k, size_t size)
{
    struct block *b = k->c->blocks;
    void *p;

    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!b || b->size - b->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        struct block *fresh = mem_alloc(sizeof *fresh + room);
        if (!fresh) {
            k->failed = true;
            return NULL;
        }
        *fresh = (struct block){.next = b, .size = room};
        k->c->blocks = b = fresh;
    }
    p = (char *)b->data + b->used;
    b->used += size;
    assert(b->used <= b->size);
    return memset(p, 0, size);
}

static const char *copy_n(struct maker *k, const char *s, size_t len)
{
    char *p = take(k, len + 1);

    if (!p)
        return "";
    memcpy(p, s, len);
    return p;
}

static const char *copy(struct maker *k, const char *s)
{
    return s && s[0] ? copy_n(k, s, strlen(s)) : "";
}

static const char *copy_buf(struct maker *k, struct buf *b)
{
    const char *s = copy_n(k, buf_str(b), b->len);

    k->failed = k->failed || !buf_ok(b);
    buf_free(b);
    return s;
}

static struct label *copy_labels(struct maker *k, const struct label *l, size_t n)
{
    struct label *out = take(k, (n + 1) * sizeof *out);

    for (size_t i = 0; out && i < n; i++) {
        out[i] = l[i];
        out[i].name = copy_n(k, l[i].name, l[i].name_len);
        out[i].value = copy_n(k, l[i].value, l[i].value_len);
    }
    return out;
}

static struct rule_pair *copy_pairs(struct maker *k, const struct rule_pair *p, size_t n)
{
    struct rule_pair *out = take(k, (n + 1) * sizeof *out);

    for (size_t i = 0; out && i < n; i++)
        out[i] = (struct rule_pair){copy(k, p[i].name), copy(k, p[i].value)};
    return out;
}

/* --- alerts ------------------------------------------------------------------------------------------ */

static const char *base_url(const struct notify *n)
{
    return n->config && n->config->server.external_url ? n->config->server.external_url : "";
}

static void fill_alert(struct maker *k, const struct notify *n, const struct item *it,
                       struct notice_alert *out)
{
    const struct member *m = it->m;
    struct buf url = BUF_INIT, dependents = BUF_INIT;

    *out = (struct notice_alert){
        .firing = it->kind < ITEM_RESOLVED,
        .is_new = it->kind == ITEM_NEW,
        .changed = it->kind != ITEM_STILL,
        .missed = it->kind == ITEM_MISSED,
        .moved = it->kind == ITEM_MOVED,
        .priority = it->kind >= ITEM_RESOLVED && m->worst ? m->worst : m->priority,
        .told_priority = it->told_priority,
        .fingerprint = m->fingerprint,
        .n_labels = m->n_labels,
        .n_annotations = m->n_annotations,
        .starts_ms = m->starts_ms,
        .ends_ms = m->ends_ms,
        .has_value = m->has_value,
        .has_threshold = m->has_threshold,
        .value = m->value,
        .peak = m->peak,
        .threshold = m->threshold,
        .unit = m->unit,
        .nodata_ms = m->nodata_ms,
        .gone_ms = m->gone_ms,
    };
    out->labels = copy_labels(k, m->labels, m->n_labels);
    out->annotations = copy_pairs(k, m->annotations, m->n_annotations);
    out->unit_name = copy(k, m->unit_name);
    out->origin = copy(k, m->origin);
    out->end_reason = it->kind == ITEM_MOVED ? "routed elsewhere" : copy(k, m->end_reason);
    out->freed_by = (it->kind == ITEM_NEW || it->kind == ITEM_FREED) && m->freed_ms &&
                            m->freed_ms == m->visible_ms
                        ? copy(k, m->freed_by)
                        : ""; /* once: a reminder is not about the silence */
    out->why = copy(k, m->why);
    out->n_dependents = inhibit_dependents_text(n, m, &dependents);
    out->dependents = copy_buf(k, &dependents);
    buf_addf(&url, "%s/i/%llu#%016llx", base_url(n), (unsigned long long)m->incident->number,
             (unsigned long long)m->fingerprint);
    out->generator_url = copy_buf(k, &url);
}

static const struct label *label_in(const struct notice_alert *a, const char *name)
{
    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, name) == 0)
            return &a->labels[i];
    return NULL;
}

static const char *annotation_in(const struct notice_alert *a, const char *name)
{
    for (size_t i = 0; i < a->n_annotations; i++)
        if (strcmp(a->annotations[i].name, name) == 0)
            return a->annotations[i].value;
    return NULL;
}

/* Pairs that are equal on every alert. */
static void common(struct maker *k, struct notice *x)
{
    const struct notice_alert *first = x->alerts;

    if (x->n_alerts == 0)
        return;
    x->common_labels = take(k, (first->n_labels + 1) * sizeof *x->common_labels);
    x->common_annotations = take(k, (first->n_annotations + 1) * sizeof *x->common_annotations);
    if (!x->common_labels || !x->common_annotations)
        return;
    for (size_t i = 0; i < first->n_labels; i++) {
        bool same = true;
        for (size_t a = 1; a < x->n_alerts && same; a++) {
            const struct label *l = label_in(&x->alerts[a], first->labels[i].name);
            same = l && strcmp(l->value, first->labels[i].value) == 0;
        }
        if (same)
            x->common_labels[x->n_common_labels++] = first->labels[i];
    }
    for (size_t i = 0; i < first->n_annotations; i++) {
        bool same = true;
        for (size_t a = 1; a < x->n_alerts && same; a++) {
            const char *v = annotation_in(&x->alerts[a], first->annotations[i].name);
            same = v && strcmp(v, first->annotations[i].value) == 0;
        }
        if (same)
            x->common_annotations[x->n_common_annotations++] = first->annotations[i];
    }
}

/* --- the rest ----------------------------------------------------------------------------------------- */

/* `by` is "s31", "unless" or "inhibit NAME". */
static void add_freed(struct buf *b, const char *by)
{
    size_t inhibit = strlen(hold_names[HOLD_INHIBIT]);

    if (strcmp(by, hold_names[HOLD_UNLESS]) == 0)
        buf_addf(b, "was suppressed until now by %s", by);
    else if (strncmp(by, hold_names[HOLD_INHIBIT], inhibit) == 0)
        buf_addf(b, "was inhibited until now by%s", by + inhibit);
    else
        buf_addf(b, "was silenced until now by %s", by);
}

static const char *reason_text(struct maker *k, const struct notify *n, const struct entry *e,
                               const struct plan *p, int64_t late_ms)
{
    struct buf b = BUF_INIT;

    if (p->reason == REASON_SILENCE_ENDED && p->freed_by && p->freed_by_hours)
        buf_addf(&b, "was muted until now by calendar \"%s\"", p->freed_by);
    else if (p->reason == REASON_SILENCE_ENDED && p->freed_by)
        add_freed(&b, p->freed_by);
    else
        buf_adds(&b, notice_reason_names[p->reason]);
    if (e->fallback_for)
        buf_addf(&b, "; %s did not take it", e->fallback_for);
    if (late_ms > 0) {
        buf_adds(&b, "; late by ");
        text_duration(&b, late_ms);
        if (e->since_ms < n->born_ms)
            buf_adds(&b, " after an outage");
    }
    return copy_buf(k, &b);
}

/* The same content of the same lane and incident always has the same key, also after a crash that
 * lost the claim. */
static const char *key_of(struct maker *k, const struct entry *e, uint64_t digest)
{
    struct buf b = BUF_INIT;
    uint64_t h = hash_fnv1a(FNV_START, e->field, strlen(e->field));

    h = hash_fnv1a(h, &e->incident->opened_ms, sizeof e->incident->opened_ms);
    h = hash_fnv1a(h, &digest, sizeof digest);
    buf_addf(&b, "%llu.%llu.%016llx", (unsigned long long)e->incident->number,
             (unsigned long long)e->seq, (unsigned long long)h);
    return copy_buf(k, &b);
}

static const char *url_of(struct maker *k, const struct notify *n, uint64_t number)
{
    struct buf b = BUF_INIT;

    if (base_url(n)[0] == '\0')
        return "";
    buf_addf(&b, "%s/i/%llu", base_url(n), (unsigned long long)number);
    return copy_buf(k, &b);
}

static const char *group_key(struct maker *k, const struct incident *inc)
{
    struct buf b = BUF_INIT;

    buf_adds(&b, "{}:");
    labels_text(inc->labels, inc->n_labels, &b);
    return copy_buf(k, &b);
}

static void fill_incident(struct maker *k, struct notice *x, const struct notify *n,
                          const struct incident *inc)
{
    x->incident = inc->number;
    x->group_labels = copy_labels(k, inc->labels, inc->n_labels);
    x->n_group_labels = inc->n_labels;
    x->group_key = group_key(k, inc);
    x->external_url = copy(k, base_url(n));
    x->incident_url = url_of(k, n, inc->number);
    x->ack = (struct notice_ack){"", "", inc->ack_ms, inc->ack_until_ms};
    if (inc->ack_ms) {
        x->ack.who = copy(k, inc->ack_who);
        x->ack.note = copy(k, inc->ack_note);
    }
    for (size_t i = 0; i < inc->n_members; i++) {
        x->n_silenced += inc->members[i]->firing && inc->members[i]->hold == HOLD_SILENCE;
        x->n_suppressed += inc->members[i]->firing && inc->members[i]->hold == HOLD_UNLESS;
        x->n_inhibited += inc->members[i]->firing && inc->members[i]->hold == HOLD_INHIBIT;
    }
    x->since_ms = inc->opened_ms;
    x->ended_ms = inc->ended_ms;
    x->previous = inc->previous;
    x->previous_ms = inc->previous_ms;
    x->previous_for_ms = inc->previous_for_ms;
}

static void fill_alerts(struct maker *k, struct notice *x, const struct notify *n,
                        const struct plan *p)
{
    size_t shown = p->n_items < NOTICE_ALERTS_MAX ? p->n_items : NOTICE_ALERTS_MAX;

    x->alerts = take(k, (shown + 1) * sizeof *x->alerts);
    k->c->items = take(k, (p->n_items + 1) * sizeof *k->c->items);
    if (!x->alerts || !k->c->items)
        return;
    for (size_t i = 0; i < p->n_items; i++) {
        const struct item *it = &p->items[i];
        k->c->items[i] = (struct item_told){it->m->n, it->kind, it->m->priority, it->m->starts_ms};
    }
    k->c->n_items = p->n_items;
    choose_items(p->items, p->n_items, shown);
    for (size_t i = 0; i < shown; i++)
        fill_alert(k, n, &p->items[i], &x->alerts[i]);
    x->n_alerts = shown;
    x->n_firing = p->n_firing;
    x->truncated = p->n_items - shown;
    assert(x->n_alerts <= NOTICE_ALERTS_MAX && x->n_firing <= x->n_alerts + x->truncated);
}

static struct notice *notice_new(struct maker *k)
{
    struct claim *c = mem_zalloc(sizeof *c);
    struct notice *x = mem_zalloc(sizeof *x);

    if (!c || !x) {
        mem_free(c);
        mem_free(x);
        return NULL;
    }
    *k = (struct maker){.c = c};
    x->memory = c;
    return x;
}

static void fill_lane(struct maker *k, struct notice *x, const struct lane *l)
{
    x->lane = copy(k, l->name);
    x->receiver = copy(k, l->receiver);
    x->channel = copy(k, l->channel);
    x->channel_index = l->index;
}

struct notice *notice_build(struct notify *n, struct entry *e, const struct plan *p, int64_t at_ms)
{
    struct maker k;
    struct notice *x = notice_new(&k);
    int64_t late_ms = e->since_ms ? at_ms - e->since_ms : 0;

    if (!x)
        return NULL;
    k.c->digest = p->digest;
    k.c->ack_ms = e->incident->ack_ms;
    k.c->entry = e;
    k.c->notify = n;
    fill_lane(&k, x, e->lane);
    fill_incident(&k, x, n, e->incident);
    fill_alerts(&k, x, n, p);
    common(&k, x);
    x->seq = e->seq;
    x->key = key_of(&k, e, p->digest);
    x->firing = p->firing;
    x->first = e->first_ms == 0;
    x->quiet = p->reason == REASON_LOWERED || p->reason == REASON_ACK;
    x->uncertain = e->uncertain;
    x->reason = p->reason;
    x->late_ms = late_ms > n->o.late_ms ? late_ms : 0;
    x->reason_text = reason_text(&k, n, e, p, x->late_ms);
    x->priority = p->priority;
    x->at_ms = at_ms;
    x->next_repeat_ms = p->repeat_ms;
    x->fallback_for = copy(&k, e->fallback_for);
    x->attempt = e->attempts + 1;
    x->data = copy(&k, e->data);
    if (!k.failed)
        return x;
    notify_notice_free(x);
    return NULL;
}

struct notice *notify_test_notice(struct notify *n, const char *receiver, size_t channel_index)
{
    struct label labels[] = {label_of("alertname", "Test"), label_of("receiver", receiver)};
    struct rule_pair text = {"summary", "A test message of Tocsin: nothing is wrong."};
    struct maker k;
    struct notice *x = NULL;
    struct lane *l;

    for (size_t at = 0; (l = map_next(n->lanes, &at, NULL, NULL));)
        if (l->config && strcmp(l->receiver, receiver) == 0 && l->index == channel_index)
            break;
    if (!l || !(x = notice_new(&k)))
        return NULL;
    fill_lane(&k, x, l);
    x->at_ms = x->since_ms = notify_now(n);
    x->firing = x->first = true;
    x->reason = REASON_TEST;
    x->reason_text = notice_reason_names[REASON_TEST];
    x->priority = 5;
    x->seq = 1;
    x->attempt = 1;
    x->alerts = take(&k, sizeof *x->alerts);
    if (x->alerts) {
        x->n_alerts = x->n_firing = 1;
        *x->alerts = (struct notice_alert){
            .firing = true, .is_new = true, .changed = true, .priority = 5, .starts_ms = x->at_ms};
        x->alerts->labels = copy_labels(&k, labels, 2);
        x->alerts->n_labels = 2;
        x->alerts->annotations = copy_pairs(&k, &text, 1);
        x->alerts->n_annotations = 1;
        x->alerts->fingerprint = labels_fingerprint(labels, 2);
        x->alerts->origin = x->alerts->unit_name = x->alerts->end_reason = "";
        x->alerts->freed_by = x->alerts->why = x->alerts->generator_url = x->alerts->dependents =
            "";
        common(&k, x);
    }
    x->group_labels = take(&k, sizeof *x->group_labels);
    x->group_key = "{}:{}";
    x->external_url = copy(&k, base_url(n));
    x->incident_url = x->fallback_for = x->data = x->ack.who = x->ack.note = "";
    x->key = copy(&k, "test");
    if (!k.failed)
        return x;
    notify_notice_free(x);
    return NULL;
}

void notify_notice_free(struct notice *x)
{
    struct claim *c;

    if (!x)
        return;
    c = x->memory;
    while (c->blocks) {
        struct block *b = c->blocks;
        c->blocks = b->next;
        mem_free(b);
    }
    mem_free(c);
    mem_free(x);
}
