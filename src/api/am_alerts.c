/* GET /api/v2/alerts and /api/v2/alerts/groups, in slices.
 *
 *   fingerprints of all alerts, in buckets by their first byte (one walk)
 *     -> a bucket is sorted when it is its turn -> each alert: does he see it, is it wanted? -> written
 *                                                                               `-> groups: into its groups
 *     -> groups: into a heap by labels and receiver -> taken out in order, written
 *
 * There may be 100,000, and between two slices alerts come and go: so what is remembered is what they are
 * known by, and one that has ended meanwhile is left out. Sorting all at once would hold the loop: hence the
 * buckets (fingerprints are hashes, so these are even) and the heap. The answer is held in memory. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/am.h"
#include "api/handlers.h"
#include "api/sliced.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/matcher_alert.h"

#define BUCKETS  256
#define A_STEP   20 /* alerts, or groups put into the heap, in one step */
#define JOBS_MAX 8  /* lists that are made at once: each may be tens of megabytes */

struct group {
    char *key; /* labels as text, NUL, receiver: what groups are sorted by */
    char *receiver, *labels_json;
    uint64_t *alerts;
    size_t n, cap, written;
};

struct list {
    struct sliced s;
    struct matcher_list filters;
    struct matcher *receiver; /* NULL: any */
    bool active, silenced, inhibited;
    bool counted;
    uint64_t *noted, *fingerprints; /* in no order; in buckets */
    size_t n, cap_noted, next;
    size_t bucket[BUCKETS + 1], sorted; /* where each begins; how many are sorted */
    struct map *groups;                 /* key -> struct group */
    struct group **heap;
    size_t n_heap, cap_heap, at_group;
    struct group *writing;
    bool failed;
    struct json j;
    struct buf out;
};

static void group_free(void *value)
{
    struct group *g = value;

    mem_free(g->key);
    mem_free(g->receiver);
    mem_free(g->labels_json);
    mem_free(g->alerts);
    mem_free(g);
}

static void drop(struct sliced *s)
{
    struct list *l = (struct list *)s;

    matcher_list_free(&l->filters);
    matcher_unref(l->receiver);
    mem_free(l->noted);
    mem_free(l->fingerprints);
    l->s.api->am.lists -= l->counted;
    if (l->groups)
        map_free(l->groups, group_free);
    mem_free(l->heap);
    buf_free(&l->out);
    mem_free(l);
}

/* --- which alerts there are ------------------------------------------------------------------------------- */

static unsigned bucket_of(uint64_t fingerprint)
{
    return (unsigned)(fingerprint >> 56);
}

static void note_one(const struct alert *a, void *arg)
{
    struct list *l = arg;

    if (!a->state.firing || !a->labels)
        return;
    if (mem_grow((void **)&l->noted, &l->cap_noted, l->n + 1, sizeof *l->noted))
        l->failed = true;
    else
        l->noted[l->n++] = a->fingerprint;
}

/* Into buckets. */
static bool distribute(struct list *l)
{
    l->fingerprints = mem_alloc((l->n + 1) * sizeof *l->fingerprints);
    if (!l->fingerprints) {
        l->failed = true;
        l->n = 0;
        return false;
    }
    for (size_t i = 0; i < l->n; i++)
        l->bucket[bucket_of(l->noted[i]) + 1]++;
    for (size_t i = 1; i <= BUCKETS; i++)
        l->bucket[i] += l->bucket[i - 1];
    for (size_t i = 0; i < l->n; i++)
        l->fingerprints[l->bucket[bucket_of(l->noted[i])]++] = l->noted[i];
    memmove(l->bucket + 1, l->bucket, BUCKETS * sizeof *l->bucket); /* ends became beginnings */
    l->bucket[0] = 0;
    assert(l->bucket[BUCKETS] == l->n);
    return false;
}

static int by_number(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

    return (a > b) - (a < b);
}

/* --- which are wanted ---------------------------------------------------------------------------------------- */

static bool wants_receiver(const struct list *l, const struct alert_standing *s)
{
    if (!l->receiver)
        return true;
    for (size_t i = 0; i < s->n_receivers; i++)
        if (matcher_test(l->receiver, s->receivers[i], strlen(s->receivers[i])))
            return true;
    return false;
}

static const struct alert *wanted(struct list *l, uint64_t fingerprint, struct alert_standing *s)
{
    const struct api *api = l->s.api;
    const struct alert *a = alert_by_fingerprint(api->o.book, fingerprint);
    bool silenced, inhibited;

    if (!a || !am_is_listed(a) || !view_sees_alert(&l->s.view, a) ||
        !matchers_allow(l->filters.m, l->filters.n, a->labels, a->n_labels, a->state.firing))
        return NULL;
    notify_standing(api->o.notify, a, s);
    silenced = s->n_silenced_by > 0;
    /* `unless` has no word there; calendars have, but no parameter */
    inhibited = s->inhibited || (s->suppressed && !silenced && !s->muted_by);
    if ((!s->suppressed && !l->active) || (silenced && !l->silenced) ||
        (inhibited && !l->inhibited) || !wants_receiver(l, s))
        return NULL;
    return a;
}

/* --- groups ------------------------------------------------------------------------------------------------- */

static struct group *group_new(const struct alert_place *p, const struct buf *key)
{
    struct group *g = mem_zalloc(sizeof *g);
    struct buf labels = BUF_INIT;
    struct json j = json_into(&labels);

    if (!g)
        return NULL;
    json_object(&j);
    for (size_t i = 0; i < p->n_group; i++)
        json_kstr(&j, p->group[i].name, p->group[i].value);
    json_object_end(&j);
    g->key = mem_dup(key->data, key->len);
    g->receiver = mem_strdup(p->receiver);
    g->labels_json = buf_take(&labels, NULL);
    buf_free(&labels);
    if (g->key && g->receiver && g->labels_json)
        return g;
    group_free(g);
    return NULL;
}

struct placing {
    struct list *l;
    uint64_t fingerprint;
};

static void add_place(const struct alert_place *p, void *arg)
{
    struct placing *x = arg;
    struct list *l = x->l;
    struct buf key = BUF_INIT;
    struct group *g;

    if (l->receiver && !matcher_test(l->receiver, p->receiver, strlen(p->receiver)))
        return;
    labels_text(p->group, p->n_group, &key);
    buf_addf(&key, " %s", p->receiver);
    g = buf_ok(&key) ? map_get(l->groups, key.data, key.len) : NULL;
    if (!g && buf_ok(&key) && (g = group_new(p, &key)) &&
        map_put(l->groups, key.data, key.len, g, NULL)) {
        group_free(g);
        g = NULL;
    }
    buf_free(&key);
    if (g && g->n > 0 && g->alerts[g->n - 1] == x->fingerprint)
        return; /* two routes to one receiver */
    if (!g || mem_grow((void **)&g->alerts, &g->cap, g->n + 1, sizeof *g->alerts))
        l->failed = true;
    else
        g->alerts[g->n++] = x->fingerprint;
}

static bool before(const struct group *a, const struct group *b)
{
    return strcmp(a->key, b->key) < 0;
}

static void heap_push(struct list *l, struct group *g)
{
    size_t i = l->n_heap;

    if (mem_grow((void **)&l->heap, &l->cap_heap, i + 1, sizeof *l->heap)) {
        l->failed = true;
        return;
    }
    l->n_heap++;
    for (; i > 0 && before(g, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = g;
}

static struct group *heap_pop(struct list *l)
{
    struct group *first, *last;
    size_t i = 0;

    if (l->n_heap == 0)
        return NULL;
    first = l->heap[0];
    last = l->heap[--l->n_heap];
    for (size_t child; (child = 2 * i + 1) < l->n_heap; i = child) {
        if (child + 1 < l->n_heap && before(l->heap[child + 1], l->heap[child]))
            child++;
        if (!before(l->heap[child], last))
            break;
        l->heap[i] = l->heap[child];
    }
    l->heap[i] = last;
    return first;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

static bool answer(struct list *l)
{
    struct http_request *r = l->s.r;

    json_array_end(&l->j);
    l->out.failed |= l->failed;
    l->s.r = NULL;
    reply_json(r, 200, &l->out);
    return true;
}

static void write_alert(struct list *l, uint64_t fingerprint)
{
    struct alert_standing s = {0};
    const struct alert *a = wanted(l, fingerprint, &s);

    if (a)
        am_alert_json(&l->s.view, &l->j, a, &s);
}

static void place_alert(struct list *l, uint64_t fingerprint)
{
    struct alert_standing s = {0};
    const struct alert *a = wanted(l, fingerprint, &s);

    if (a)
        notify_places(l->s.api->o.notify, a, add_place,
                      &(struct placing){.l = l, .fingerprint = fingerprint});
}

/* The next alerts in the order of their fingerprints. False: that was all. */
static bool next_alerts(struct list *l, void (*each)(struct list *l, uint64_t fingerprint))
{
    for (int i = 0; i < A_STEP && l->next < l->n; i++, l->next++) {
        uint64_t fingerprint;

        while (l->sorted < BUCKETS && l->bucket[l->sorted] <= l->next) {
            size_t from = l->bucket[l->sorted], n = l->bucket[l->sorted + 1] - from;

            if (n > 1)
                qsort(l->fingerprints + from, n, sizeof *l->fingerprints, by_number);
            l->sorted++;
        }
        fingerprint = l->fingerprints[l->next];
        if (l->next == 0 || l->fingerprints[l->next - 1] != fingerprint)
            each(l, fingerprint); /* two origins may have the same labels: one is shown */
    }
    return l->next < l->n;
}

static bool alerts_step(struct sliced *s)
{
    struct list *l = (struct list *)s;

    if (l->failed)
        return answer(l);
    if (!l->fingerprints)
        return distribute(l);
    return next_alerts(l, write_alert) ? false : answer(l);
}

static void group_begin(struct list *l, const struct group *g)
{
    json_object(&l->j);
    json_key(&l->j, "labels");
    json_raw(&l->j, g->labels_json, strlen(g->labels_json));
    json_key(&l->j, "receiver");
    json_object(&l->j);
    json_kstr(&l->j, "name", g->receiver);
    json_object_end(&l->j);
    json_key(&l->j, "alerts");
    json_array(&l->j);
}

static void group_end(struct list *l)
{
    json_array_end(&l->j);
    json_object_end(&l->j);
}

/* A few alerts of the group that is being written. False: that was the last one. */
static bool write_group(struct list *l)
{
    struct group *g = l->writing ? l->writing : heap_pop(l);

    if (!g)
        return false;
    if (!l->writing)
        group_begin(l, g);
    l->writing = g;
    for (int i = 0; i < A_STEP && g->written < g->n; i++)
        write_alert(l, g->alerts[g->written++]);
    if (g->written < g->n)
        return true;
    group_end(l);
    l->writing = NULL;
    return true;
}

static bool groups_step(struct sliced *s)
{
    struct list *l = (struct list *)s;
    struct group *g = NULL;

    if (l->failed)
        return answer(l);
    if (!l->fingerprints)
        return distribute(l);
    if (l->next < l->n) {
        next_alerts(l, place_alert);
        return false;
    }
    for (int i = 0; i < A_STEP && l->at_group != SIZE_MAX; i++) {
        g = map_next(l->groups, &l->at_group, NULL, NULL);
        if (g)
            heap_push(l, g);
        else
            l->at_group = SIZE_MAX; /* all are in the heap */
    }
    if (l->at_group != SIZE_MAX)
        return false;
    return write_group(l) ? false : answer(l);
}

/* --- the request --------------------------------------------------------------------------------------------------- */

/* ?receiver=…, an expression that must match all of a name. -1: answered. */
static int read_receiver(struct call *c, struct list *l)
{
    const char *s = http_query(c->r, "receiver", 0);
    struct err e;

    if (!s || !*s)
        return 0;
    l->receiver = matcher_new("receiver", MATCH_REGEX, false, s, &e);
    if (l->receiver)
        return 0;
    am_reply_text(c->r, 400, "failed to parse receiver param: %s", e.text);
    return -1;
}

static void get_list(struct call *c, bool by_group)
{
    struct list *l = c->api->am.lists < JOBS_MAX ? mem_zalloc(sizeof *l) : NULL;

    if (!l) {
        reply_error(c->r, 503, "busy",
                    "%u lists are made already, or there is no memory: try again",
                    c->api->am.lists);
        return;
    }
    l->s.step = by_group ? groups_step : alerts_step;
    l->s.drop = drop;
    l->s.api = c->api;
    l->active = am_flag(c, "active");
    l->silenced = am_flag(c, "silenced");
    l->inhibited = am_flag(c, "inhibited");
    l->j = json_into(&l->out);
    if (am_filters(c, &l->filters) || read_receiver(c, l)) {
        drop(&l->s);
        return;
    }
    l->groups = by_group ? map_new() : NULL;
    if (by_group && !l->groups) {
        drop(&l->s);
        reply_error(c->r, 503, "no_memory", "no memory");
        return;
    }
    alert_each(c->api->o.book, note_one, l);
    json_array(&l->j);
    l->counted = true;
    c->api->am.lists++;
    sliced_begin(&l->s, c);
}

void get_am_alerts(struct call *c)
{
    get_list(c, false);
}

void get_am_groups(struct call *c)
{
    get_list(c, true);
}
