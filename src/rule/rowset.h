/* The rows that an expression is evaluated for, and where each of its sources finds its value.
 *
 *              source 0        source 1          source 2
 *   row  group  errors by svc   requests by svc   up by()
 *    0   {svc=a}   slot 7          slot 2          slot 0
 *    1   {svc=b}   NONE            slot 5          slot 0      <- no error series: missing
 *
 * A *source* is a leaf, or an expression that makes groups of its own (an aggregation, a re-keyed
 * one: "derived"). A source whose labels are those of the whole expression is a *driver*: each of
 * its groups is a row. The others are looked up by projecting the row's labels (that is all there
 * is to matching: equal labels, or a subset of them). Slots found are kept, so that evaluating
 * reads columns and never hashes. */
#ifndef TOCSIN_RULE_ROWSET_H
#define TOCSIN_RULE_ROWSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/expr.h"
#include "rule/idmap.h"
#include "tocsin/window.h"

struct derived;

struct source {
    const struct expr *x;    /* EXPR_LEAF, EXPR_AGG, EXPR_ON or COND_ON */
    leaf_id leaf;            /* of EXPR_LEAF */
    struct derived *derived; /* of the others */
    bool driver;
    bool by_names; /* its labels are known at load: `names` projects a row to them */
    struct label_names names;
    uint32_t synced; /* its slots below this have been seen */
    uint64_t epoch;
    bool unresolved;  /* some row has no slot of it: look again when it has grown */
    uint32_t *slot;   /* [row] */
    uint32_t *row_of; /* [slot], drivers only */
    size_t row_of_cap;
};

/* How far the data of a row has come (touched.c). */
struct row_round {
    uint64_t seen;     /* sources that came in this round */
    uint64_t expected; /* in the one before it; 0: there was none */
    uint32_t block;    /* that touched the row last */
    uint32_t start;    /* of this round, as instant32() */
};

struct rowset {
    struct labelsets *labels;
    struct windows *windows;
    const struct expr_keys *keys;
    int64_t enough_ms; /* so much of a longer window is enough to decide */
    struct source *sources;
    size_t n_sources;
    labelset *group; /* [row]; LABELSET_NONE: free */
    bool *pinned;    /* [row]: stays without any driver (expected, or it has an alert) */
    bool unpinned;   /* some row may go now */
    uint32_t n_rows, n_live;
    size_t cap;
    uint32_t *free_rows;
    size_t n_free, free_cap;
    struct row_round *round; /* [row], where there are several sources and looks are early */
    size_t round_cap;
    uint32_t *touched; /* rows that the block at hand touched */
    size_t n_touched, touched_cap;
    bool woken;          /* a group that rows share became complete */
    uint32_t reused;     /* the lowest row that was freed and has a group again; who follows the
                            rows takes it from here and sets ROW_NONE */
    struct idmap index;  /* group -> row */
    uint64_t generation; /* grows when a row is freed: numbers kept elsewhere are void */
};

#define ROW_NONE UINT32_MAX

/* Prepares the rows of `root` (sources are found in its graph, EXPR_VALUE standing for `value`).
 * Extra roots share the rows: a rule's value, levels, inputs and `unless` are one row set. */
int rowset_init(struct rowset *rs, struct windows *w, struct labelsets *ls,
                const struct expr_keys *keys, struct expr *const *roots, size_t n_roots,
                int64_t now_ms, struct err *e) MUST_USE;
/* Of the rows and all that is below them. */
void rowset_set_enough(struct rowset *rs, int64_t enough_ms);
void rowset_clear(struct rowset *rs);

/* Takes in what the sources have gained or lost. `whole`: also looks again for slots that were
 * missing (done on ticks: it costs a look at every row). */
void rowset_sync(struct rowset *rs, bool whole);
/* The row of a group, created when missing. ROW_NONE: no memory. */
uint32_t rowset_row(struct rowset *rs, labelset group);
/* Keeps a row although no driver has it; when let go, it leaves with the next whole sync. */
void rowset_pin(struct rowset *rs, uint32_t row, bool pinned);
struct source *rowset_source(const struct rowset *rs, const struct expr *x);
/* Time of the newest sample behind a row: of its drivers, or of the others when those have none.
 * 0: no sample. */
int64_t rowset_newest_ms(struct rowset *rs, uint32_t row);

/* The sources' groups, of whichever kind. */
uint32_t source_slots(const struct rowset *rs, const struct source *s);

#endif
