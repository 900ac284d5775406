#include "rule/derived.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rule/eval.h"

/* What an aggregation gathers for one of its groups. */
struct tally {
    uint32_t n;
    double sum, least, most;
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
    d->at_ms = d->newest_at_ms = INT64_MIN;
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
    mem_free(d->tally);
    mem_free(d->newest_ms);
    mem_free(d);
}

uint32_t derived_find(const struct derived *d, labelset group)
{
    uint32_t slot = idmap_get(&d->index, group);

    return slot == IDMAP_NONE ? SLOT_NONE : slot;
}

static int grow_groups(struct derived *d)
{
    size_t cap = d->cap ? d->cap * 2 : 16;
    labelset *group = mem_realloc(d->group, cap * sizeof *group);
    double *v;
    uint8_t *ok;
    struct tally *tally;
    int64_t *newest_ms;

    if (!group)
        return -1;
    d->group = group;
    if (!(v = mem_realloc(d->v, cap * sizeof *v)))
        return -1;
    d->v = v;
    if (!(ok = mem_realloc(d->ok, cap * sizeof *ok)))
        return -1;
    d->ok = ok;
    if (!(tally = mem_realloc(d->tally, cap * sizeof *tally)))
        return -1;
    d->tally = tally;
    if (!(newest_ms = mem_realloc(d->newest_ms, cap * sizeof *newest_ms)))
        return -1;
    d->newest_ms = newest_ms;
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
        d->ok[slot] = 0;
        return slot;
    }
    labelset_unref(d->in.labels, group);
    return slot;
}

void derived_sync(struct derived *d)
{
    size_t known = d->out_of_cap;

    rowset_sync(&d->in, true);
    if (d->in_generation != d->in.generation) {
        d->in_generation = d->in.generation;
        forget_groups(d);
        d->epoch++;
        d->at_ms = INT64_MIN;
        if (d->out_of)
            memset(d->out_of, 0xff, d->out_of_cap * sizeof *d->out_of);
    }
    if (mem_grow((void **)&d->out_of, &d->out_of_cap, d->in.n_rows, sizeof *d->out_of) < 0)
        return;
    for (size_t i = known; i < d->out_of_cap; i++)
        d->out_of[i] = SLOT_NONE;
    for (uint32_t row = 0; row < d->in.n_rows; row++)
        if (d->out_of[row] == SLOT_NONE && d->in.group[row] != LABELSET_NONE)
            d->out_of[row] = out_group(d, row);
}

static void tally_add(struct tally *t, double v)
{
    double delta;

    t->n++;
    t->sum += v;
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
        return t->sum;
    case AGG_AVG:
        return t->sum / t->n;
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
static size_t gather(struct derived *d, const uint32_t *rows, size_t n, int64_t at_ms,
                     struct pick *picks)
{
    struct batch b = {.rs = &d->in, .at_ms = at_ms, .rows = rows, .n = n};
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

        if (slot == SLOT_NONE)
            continue;
        if (d->x->kind != EXPR_AGG && d->tally[slot].n++ > 0)
            d->ok[slot] = 0; /* :on() made one group of several: which would it be? */
        if (cond ? truth[i] == UNKNOWN_ : !c.ok[i])
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

void derived_compute(struct derived *d, int64_t at_ms)
{
    bool by_rank = d->x->kind == EXPR_AGG && d->x->agg == AGG_QUANTILE;
    struct pick *picks = NULL;
    size_t n_picks = 0;
    uint32_t rows[BATCH];

    if (d->at_ms == at_ms)
        return;
    derived_sync(d);
    d->at_ms = at_ms;
    if (d->n == 0)
        return;
    memset(d->ok, 0, d->n);
    memset(d->tally, 0, d->n * sizeof *d->tally);
    if (by_rank && !(picks = mem_alloc(d->in.n_rows * sizeof *picks)))
        return; /* missing, rather than wrong */
    for (uint32_t row = 0; row < d->in.n_rows;) {
        size_t n = 0;

        for (; row < d->in.n_rows && n < BATCH; row++)
            if (d->in.group[row] != LABELSET_NONE)
                rows[n++] = row;
        n_picks += gather(d, rows, n, at_ms, picks ? picks + n_picks : NULL);
    }
    if (by_rank) {
        quantiles(d, picks, n_picks);
        mem_free(picks);
        return;
    }
    for (uint32_t i = 0; d->x->kind == EXPR_AGG && i < d->n; i++) {
        if (d->tally[i].n == 0)
            continue;
        d->v[i] = tally_value(&d->tally[i], d->x->agg);
        d->ok[i] = 1;
    }
}

int64_t derived_newest_ms(struct derived *d, uint32_t slot)
{
    if (d->newest_at_ms != d->at_ms) {
        d->newest_at_ms = d->at_ms;
        memset(d->newest_ms, 0, d->n * sizeof *d->newest_ms);
        for (uint32_t row = 0; row < d->in.n_rows; row++) {
            uint32_t out = row < d->out_of_cap ? d->out_of[row] : SLOT_NONE;
            int64_t t_ms = out == SLOT_NONE ? 0 : rowset_newest_ms(&d->in, row);

            if (out != SLOT_NONE && t_ms > d->newest_ms[out])
                d->newest_ms[out] = t_ms;
        }
    }
    return slot < d->n ? d->newest_ms[slot] : 0;
}
