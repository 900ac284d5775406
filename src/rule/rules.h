/* The running rules as a whole, private to this room: link.c keeps them and who has to look at
 * what, instants.c runs the instants. */
#ifndef RULE_RULES_H
#define RULE_RULES_H

#include "base/map.h"
#include "model/matcher_index.h"
#include "rule/agenda.h"
#include "rule/running.h"

struct uses { /* the rules that look early at what touches a leaf */
    struct rule **list;
    size_t n, cap;
};

struct grid { /* the rules with one `every` */
    int64_t every_ms;
    uint32_t first, n; /* in grid_ranks */
};

struct put { /* a file of rules that do not run yet */
    char *path;
    struct rulefile *file; /* NULL: it is gone */
    struct rule **rules;
    size_t n, n_built, n_deps;
};

struct rules {
    struct rules_context c;
    /* of evaluation, by rank; with the room to sort it and for the indexes of as many, so that
     * linking never fails half way. NULL: taken out since it was linked last */
    struct rule **order, **scratch, **busy;
    size_t n, cap, n_deps; /* n_deps: names in firing() of all rules, at most */
    bool adoptions_left;   /* some alerts of renamed rules found no memory: tried again */
    struct put putting;    /* the file whose rules are being built */
    struct put *puts;      /* files that wait for the exchange, and what that will need */
    size_t n_puts, puts_cap, n_coming, n_coming_deps, n_leaving;
    struct rule **retired; /* replaced by a reload, until rules_tidy() has freed them */
    size_t n_retired, n_tidied, retired_cap;
    struct map *by_name, *by_path; /* of a file: the first of its rules, see next_in_file */

    struct uses *uses; /* [leaf id] */
    size_t n_uses;
    struct grid *grids;
    size_t n_grids;
    uint32_t *grid_ranks;
    uint32_t *first_dependent; /* [rank], and one more: into `dependents` */
    uint32_t *dependents;      /* ranks */
    size_t dependents_cap;
    size_t n_renamed; /* rules that had another name once */
    size_t n_plain;   /* rules that name none come first; only behind them somebody names others */
    struct matcher_index *attaching; /* rules that keep events; NULL: no memory for it */
    struct rule **attachers;         /* [id there] */
    uint32_t *free_attaching;        /* ids of rules that are gone */
    size_t n_attachers, attachers_cap, n_free_attaching, free_attaching_cap;
    struct matcher_candidates attach_candidates;

    struct agenda agenda;
    int64_t tick_ms;    /* the last instant of the grids that was run */
    int64_t decided_ms; /* instants up to here were decided by an earlier run */
    int64_t now_ms;
    bool in_instant;   /* it is not done: rules on the agenda are still to look at now_ms */
    bool passing;      /* the instant at hand was decided by an earlier run */
    uint64_t slice_ns; /* see rules_options */
    bool ticks_only;
};

/* --- puts.c --- */
void puts_free(struct rules *e);
/* All files that were put take the place of those that run, whose rules are retired. */
void puts_exchange(struct rules *e, int64_t at_ms);
void puts_done(struct rules *e); /* forgets that they were put */
void puts_enter_name(struct rules *e, struct rule *r);

/* --- link.c --- */
void link_free(struct rules *e); /* all that it keeps */
/* Links anew what runs, as rules_exchange() does: alerts of renamed rules had found no memory. */
void link_again(struct rules *e, int64_t at_ms);

/* --- instants.c --- */
/* Puts a rule on the agenda as it stands: what is ready is marked, what waits is waited for. */
void rules_note(struct rules *e, struct rule *r, int64_t at_ms);

#endif
