/* Groups that an expression makes of its own: aggregations, and results keyed anew.
 * A derived thing has rows of its own below (a rowset) and columns for its groups above; it is computed once
 * an instant and then read by whoever asks. Where few groups are wanted only those are computed, over a list
 * of members by group, which is made when the rows change and not for each look. Sums keep what each
 * addition rounds off (base/total.h), so the order of members does not show. Rows that go number it anew: it
 * starts over, which is rare. */
#include "rule/derived.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/total.h"
#include "rule/cold.h"

/* What an aggregation gathers for one of its groups. */
struct tally {
    uint32_t n;
    enum cold cold; /* of its members */
    struct total sum;
    double least, most;
    double mean, m2; /* Welford's, for stddev */
};

struct derived *derived_new(struct windows *w, struct labelsets *ls, const struct expr *x,
                            int64_t now_ms, struct err *e)
{
    struct derived *d = mem_zalloc(sizeof *d);
    bool without = x->kind == EXPR_AGG && x->without;

    if (!d) {
        err_set(e, ERR_MEMORY, "no memory for an aggregation");
        return NULL;
    }
    d->x = x;
    d->at_ms = d->listening_ms = INT64_MIN;
    if (label_names_init(ls, &d->names, without, x->labels, x->n_labels) < 0) {
        err_set(e, ERR_MEMORY, "no memory for an aggregation");
        mem_free(d);
        return NULL;
    }
    if (rowset_init(&d->in, w, ls, &x->a->keys, &x->a, 1, now_ms, e) < 0) {
        label_names_clear(ls, &d->names);
        mem_free(d);
        return NULL;
    }
    d->in_generation = d->in.generation;
    return d;
}

static void forget_groups(struct derived *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        labelset_unref(d->in.labels, d->group[i]);
    d->n = 0;
    idmap_free(&d->index);
}

void derived_free(struct derived *d)
{
    if (!d)
        return;
    forget_groups(d);
    label_names_clear(d->in.labels, &d->names);
    rowset_clear(&d->in);
    mem_free(d->out_of);
    mem_free(d->group);
    mem_free(d->v);
    mem_free(d->ok);
    mem_free(d->cold);
    mem_free(d->tally);
    mem_free(d->next);
    mem_free(d->reported);
    mem_free(d->first);
    mem_free(d->n_members);
    mem_free(d->done);
    mem_free(d->round);
    mem_free(d->told);
    mem_free(d->awaited_ms);
    mem_free(d);
}

uint32_t derived_find(const struct derived *d, labelset group)
{
    uint32_t slot = idmap_get(&d->index, group);

    return slot == IDMAP_NONE ? SLOT_NONE : slot;
}

static int grow_column(void **column, size_t cap, size_t size)
{
    void *grown = mem_realloc(*column, cap * size);

    if (!grown)
        return -1;
    *column = grown;
    return 0;
}

static int grow_groups(struct derived *d)
{
    size_t cap = d->cap ? d->cap * 2 : 16;

    if (grow_column((void **)&d->group, cap, sizeof *d->group) < 0 ||
        grow_column((void **)&d->v, cap, sizeof *d->v) < 0 ||
        grow_column((void **)&d->ok, cap, sizeof *d->ok) < 0 ||
        grow_column((void **)&d->cold, cap, sizeof *d->cold) < 0 ||
        grow_column((void **)&d->tally, cap, sizeof *d->tally) < 0 ||
        grow_column((void **)&d->first, cap, sizeof *d->first) < 0 ||
        grow_column((void **)&d->n_members, cap, sizeof *d->n_members) < 0 ||
        grow_column((void **)&d->done, cap, sizeof *d->done) < 0 ||
        grow_column((void **)&d->round, cap, sizeof *d->round) < 0 ||
        grow_column((void **)&d->told, cap, sizeof *d->told) < 0 ||
        grow_column((void **)&d->awaited_ms, cap, sizeof *d->awaited_ms) < 0)
        return -1;
    d->cap = cap;
    return 0;
}

/* The output group of an input row. */
static uint32_t out_group(struct derived *d, uint32_t row)
{
    labelset group = labelset_project(d->in.labels, d->in.group[row], &d->names);
    uint32_t slot;

    if (group == LABELSET_NONE)
        return SLOT_NONE;
    slot = idmap_get(&d->index, group);
    if (slot == IDMAP_NONE) {
        slot = d->n;
        if ((d->n == d->cap && grow_groups(d) < 0) || idmap_put(&d->index, group, slot) < 0) {
            labelset_unref(d->in.labels, group);
            return SLOT_NONE;
        }
        d->group[d->n++] = group; /* keeps the reference */
        d->ok[slot] = d->cold[slot] = 0;
        d->first[slot] = ROW_NONE;
        d->awaited_ms[slot] = INT64_MAX;
        d->done[slot] = d->told[slot] = d->n_members[slot] = 0;
        d->round[slot] = (struct round){0};
        return slot;
    }
    labelset_unref(d->in.labels, group);
    return slot;
}

/* Rows below were freed: the groups are made anew. */
static void start_over(struct derived *d)
{
    d->in_generation = d->in.generation;
    forget_groups(d);
    d->epoch++;
    d->at_ms = INT64_MIN;
    d->synced = 0;
    if (d->out_of)
        memset(d->out_of, 0xff, d->out_of_cap * sizeof *d->out_of);
    if (d->reported)
        memset(d->reported, 0, d->reported_cap * sizeof *d->reported);
}

static void take_row(struct derived *d, uint32_t row)
{
    uint32_t out;

    if (d->out_of[row] != SLOT_NONE || d->in.group[row] == LABELSET_NONE)
        return;
    out = out_group(d, row);
    if (out == SLOT_NONE)
        return; /* no memory: tried again with the next whole sync */
    d->out_of[row] = out;
    d->next[row] = d->first[out];
    d->first[out] = row;
    d->n_members[out]++;
}

void derived_sync(struct derived *d, bool whole)
{
    size_t known = d->out_of_cap;
    uint32_t first;

    rowset_sync(&d->in, whole);
    if (d->in_generation != d->in.generation)
        start_over(d);
    if (mem_grow((void **)&d->next, &d->next_cap, d->in.n_rows, sizeof *d->next) < 0 ||
        mem_grow((void **)&d->out_of, &d->out_of_cap, d->in.n_rows, sizeof *d->out_of) < 0)
        return;
    for (size_t i = known; i < d->out_of_cap; i++)
        d->out_of[i] = SLOT_NONE;
    first = d->in.reused < d->synced ? d->in.reused : d->synced;
    for (uint32_t row = whole ? 0 : first; row < d->in.n_rows; row++)
        take_row(d, row);
    d->synced = d->in.n_rows;
    d->in.reused = ROW_NONE;
}

static void tally_add(struct tally *t, double v)
{
    double delta;

    t->n++;
    total_add(&t->sum, v);
    t->least = t->n == 1 || v < t->least ? v : t->least;
    t->most = t->n == 1 || v > t->most ? v : t->most;
    delta = v - t->mean;
    t->mean += delta / t->n;
    t->m2 += delta * (v - t->mean);
}

static double tally_value(const struct tally *t, enum expr_agg agg)
{
    switch (agg) {
    case AGG_SUM:
        return total_of(t->sum);
    case AGG_AVG:
        return total_of(t->sum) / t->n;
    case AGG_MIN:
        return t->least;
    case AGG_MAX:
        return t->most;
    case AGG_COUNT:
        return t->n;
    case AGG_STDDEV:
        return sqrt(t->m2 / t->n);
    case AGG_QUANTILE:
        break; /* needs all values: see quantiles() */
    }
    return 0;
}

/* One value with the group it belongs to, for quantile_by. */
struct pick {
    uint32_t slot;
    double v;
};

static int by_slot_and_value(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;

    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return (x->v > y->v) - (x->v < y->v);
}

static void quantiles(struct derived *d, struct pick *picks, size_t n)
{
    qsort(picks, n, sizeof *picks, by_slot_and_value);
    for (size_t i = 0, j; i < n; i = j) {
        double rank, low;

        for (j = i; j < n && picks[j].slot == picks[i].slot;)
            j++;
        rank = d->x->num * (double)(j - i - 1);
        low = floor(rank);
        d->v[picks[i].slot] = picks[i + (size_t)low].v;
        if (rank > low)
            d->v[picks[i].slot] +=
                (rank - low) * (picks[i + (size_t)low + 1].v - picks[i + (size_t)low].v);
        d->ok[picks[i].slot] = 1;
    }
}

/* Evaluates one run of input rows and hands each value that is there to its group. */
static size_t gather(struct derived *d, const uint32_t *rows, size_t n, int64_t at_ms, bool whole,
                     struct pick *picks)
{
    struct batch b = {.rs = &d->in, .at_ms = at_ms, .whole = whole, .rows = rows, .n = n};
    bool cond = expr_is_cond(d->x->a);
    struct column c;
    uint8_t truth[BATCH];
    size_t n_picks = 0;

    if (cond)
        eval_truth(&b, d->x->a, truth);
    else
        eval_number(&b, d->x->a, &c);
    for (size_t i = 0; i < n; i++) {
        uint32_t slot = d->out_of[rows[i]];
        double v = cond ? truth[i] == TRUE_ : c.v[i];
        enum cold cold = !cond ? (enum cold)c.cold[i] : truth[i] == COLD_ ? COLD_ANY : WARM;

        if (slot == SLOT_NONE)
            continue;
        if (d->x->kind != EXPR_AGG && d->tally[slot].n++ > 0)
            d->ok[slot] = 0; /* :on() made one group of several: which would it be? */
        d->tally[slot].cold = cold_join(d->tally[slot].cold, cold);
        d->cold[slot] = (uint8_t)d->tally[slot].cold;
        if (cond ? truth[i] >= UNKNOWN_ : !c.ok[i])
            continue;
        if (d->x->kind != EXPR_AGG) {
            d->v[slot] = v;
            d->ok[slot] = d->tally[slot].n == 1;
        } else if (picks) {
            picks[n_picks++] = (struct pick){.slot = slot, .v = v};
        } else {
            tally_add(&d->tally[slot], v);
        }
    }
    return n_picks;
}

bool derived_is_partial(const struct derived *d, uint32_t slot)
{
    if (slot >= d->n)
        return d->unheard;
    return d->unheard && d->x->kind == EXPR_AGG && d->awaited_ms[slot] != 0;
}

/* Members come in the rhythm of their senders: when all that a group is known to have were measured
 * again after it was first looked at, whoever belongs to it has come at least once. By the samples'
 * own times, since what a sender kept while nobody listened comes all at once. */
static bool has_settled(struct derived *d, uint32_t slot, int64_t at_ms)
{
    if (d->awaited_ms[slot] == INT64_MAX)
        d->awaited_ms[slot] = at_ms;
    if (d->awaited_ms[slot] == 0)
        return true;
    for (uint32_t row = d->first[slot]; row != ROW_NONE; row = d->next[row])
        if (rowset_newest_ms(&d->in, row) <= d->awaited_ms[slot])
            return false;
    d->awaited_ms[slot] = 0;
    return true;
}

/* Of sources that report each minute or oftener all have, after a minute. Cost while they are
 * awaited: the rows below. */
static void note_cold(struct derived *d, int64_t at_ms, const uint32_t *slots, size_t n)
{
    bool young = d->unheard && cold_sources(&d->in, at_ms, COLD_SETTLE_MS);

    for (size_t i = 0; d->x->kind == EXPR_AGG && i < n; i++) {
        bool partial = young && !has_settled(d, slots[i], at_ms);

        d->cold[slots[i]] = (uint8_t)cold_of_aggregate(d->x->agg, d->tally[slots[i]].cold, partial);
    }
}

/* Where some leaf began to listen anew, whoever was heard before may have company by now. */
static void note_listening(struct derived *d, int64_t at_ms)
{
    int64_t since_ms = cold_listening_ms(&d->in);

    d->unheard = cold_sources(&d->in, at_ms, INT64_MAX);
    if (since_ms == d->listening_ms)
        return;
    d->listening_ms = since_ms;
    for (uint32_t slot = 0; slot < d->n; slot++)
        d->awaited_ms[slot] = INT64_MAX;
}

static void begin_groups(struct derived *d, const uint32_t *slots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        d->ok[slots[i]] = 0;
        d->cold[slots[i]] = WARM;
        d->tally[slots[i]] = (struct tally){0};
        d->done[slots[i]] = d->serial;
    }
}

static void end_groups(struct derived *d, const uint32_t *slots, size_t n)
{
    if (d->x->kind != EXPR_AGG || d->x->agg == AGG_QUANTILE)
        return;
    for (size_t i = 0; i < n; i++) {
        const struct tally *t = &d->tally[slots[i]];

        d->ok[slots[i]] = t->n > 0;
        d->v[slots[i]] = t->n > 0 ? tally_value(t, d->x->agg) : 0;
    }
}

/* The rows of some groups, evaluated a batch at a time; the groups' values. */
struct gathering {
    struct derived *d;
    int64_t at_ms;
    bool whole;
    uint32_t rows[BATCH];
    size_t n;
    struct pick *picks; /* of quantiles */
    size_t n_picks;
};

static void gather_batch(struct gathering *g)
{
    if (g->n > 0)
        g->n_picks += gather(g->d, g->rows, g->n, g->at_ms, g->whole,
                             g->picks ? g->picks + g->n_picks : NULL);
    g->n = 0;
}

static void gather_row(struct gathering *g, uint32_t row)
{
    g->rows[g->n++] = row;
    if (g->n == BATCH)
        gather_batch(g);
}

static void gather_groups(struct gathering *g, const uint32_t *slots, size_t n)
{
    struct derived *d = g->d;

    if (g->whole) {
        for (uint32_t row = 0; row < d->in.n_rows; row++)
            if (d->in.group[row] != LABELSET_NONE)
                gather_row(g, row);
    } else {
        for (size_t i = 0; i < n; i++)
            for (uint32_t row = d->first[slots[i]]; row != ROW_NONE; row = d->next[row])
                gather_row(g, row);
    }
    gather_batch(g);
}

/* Without memory for the values of quantiles they are missing, rather than wrong. */
static void compute(struct derived *d, int64_t at_ms, const uint32_t *slots, size_t n, bool whole)
{
    struct gathering g = {.d = d, .at_ms = at_ms, .whole = whole};
    bool by_rank = d->x->kind == EXPR_AGG && d->x->agg == AGG_QUANTILE;
    size_t rows = d->in.n_rows;

    begin_groups(d, slots, n);
    if (by_rank && !whole) {
        rows = 0;
        for (size_t i = 0; i < n; i++)
            rows += d->n_members[slots[i]];
    }
    if (by_rank && !(g.picks = mem_alloc((rows + 1) * sizeof *g.picks)))
        return;
    gather_groups(&g, slots, n);
    if (by_rank)
        quantiles(d, g.picks, g.n_picks);
    mem_free(g.picks);
    note_cold(d, at_ms, slots, n);
    end_groups(d, slots, n);
}

static void compute_all(struct derived *d, int64_t at_ms)
{
    uint32_t *slots = mem_alloc((d->n + 1) * sizeof *slots);

    if (!slots)
        return; /* by parts, then */
    for (uint32_t i = 0; i < d->n; i++)
        slots[i] = i;
    compute(d, at_ms, slots, d->n, true);
    mem_free(slots);
    d->all = true;
}

void derived_compute(struct derived *d, int64_t at_ms, const uint32_t *slots, size_t n, bool whole)
{
    uint32_t wanted[BATCH];
    size_t n_wanted = 0;

    if (d->at_ms != at_ms || d->at_block != windows_block(d->in.windows)) {
        derived_sync(d, false);
        d->at_ms = at_ms;
        d->at_block = windows_block(d->in.windows);
        d->serial++;
        d->all = false;
        note_listening(d, at_ms);
    }
    if (whole && !d->all)
        compute_all(d, at_ms);
    if (d->all)
        return;
    for (size_t i = 0; i < n; i++) {
        if (slots[i] >= d->n || d->done[slots[i]] == d->serial)
            continue;
        d->done[slots[i]] = d->serial;
        wanted[n_wanted++] = slots[i];
    }
    if (n_wanted > 0)
        compute(d, at_ms, wanted, n_wanted, false);
}

int64_t derived_newest_ms(struct derived *d, uint32_t slot)
{
    int64_t newest_ms = 0;

    if (slot >= d->n)
        return 0;
    for (uint32_t row = d->first[slot]; row != ROW_NONE; row = d->next[row]) {
        int64_t t_ms = rowset_newest_ms(&d->in, row);

        newest_ms = t_ms > newest_ms ? t_ms : newest_ms;
    }
    return newest_ms;
}
