/* The running rules as a whole, private to this room: exchange.c exchanges them, link.c and uses.c know who
 * has to look at what, instants.c runs the instants. */
#ifndef RULE_RULES_H
#define RULE_RULES_H

#include "base/map.h"
#include "model/matcher_index.h"
#include "rule/agenda.h"
#include "rule/running.h"

struct uses { /* the rules that look early at what touches a leaf */
    struct rule **list;
    size_t n, cap;
    uint64_t swept; /* the exchange in which those that go have left */
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
    struct rule *gone; /* of the version that ran, the next that is to be marked */
};

struct exchange { /* under way; {0}: none is */
    bool on;
    size_t stage, at, in; /* where it goes on: see exchange.c */
    int64_t at_ms;
    size_t n_next; /* rules in `order`, with those that come behind the `n` that run */
    size_t n_busy, n_gone, n_sorted;
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
    struct exchange exchange;
    uint64_t n_exchanges;
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

/* Stages of an exchange work on at most *most rules, take them off and say whether they are done. */

/* --- puts.c --- */
void puts_free(struct rules *e);
/* A rule of a file that was put has its alerts and its name. */
void puts_come(struct rules *e, struct put *p, size_t i, int64_t at_ms);
/* The file is known by its new rules; returns the first of the old ones. */
struct rule *puts_replace(struct rules *e, const struct put *p);
bool puts_done(struct rules *e, size_t *most); /* forgets that they were put */
/* Without memory there is no index of names, and rules_find() walks until one can be made. */
void puts_enter_name(struct rules *e, struct rule *r);
void puts_leave_name(struct rules *e, const struct rule *r);

/* --- link.c --- */
void link_free(struct rules *e);        /* all that the rules keep */
size_t link_list_busy(struct rules *e); /* into `busy`; how many */
/* Is it the definition of a rule that runs? NULL is fine. */
bool link_runs(const struct rules *e, const struct rule_def *d);
bool link_sort_plain(struct rules *e, size_t *most);
bool link_sort_rest(struct rules *e, size_t *most);
void link_turn(struct rules *e); /* what was sorted is the order */
bool link_renamed(struct rules *e, size_t *most);
bool link_firing(struct rules *e, size_t *most);
bool link_count_dependents(struct rules *e, size_t *most);
bool link_dependents(struct rules *e, size_t *most);
bool link_grids(struct rules *e, size_t *most);
/* Alerts of renamed rules had found no memory: they are tried again. Bound: the rules. */
void link_adopt_again(struct rules *e, int64_t at_ms);

/* --- uses.c --- */
void uses_free(struct rules *e);
void uses_enter(struct rules *e, struct rule *r);
/* Cost: the rules that share its leaves, once for all that leave them in one exchange. */
void uses_leave(struct rules *e, struct rule *r);
/* Bound: the rules; after memory was short, else nothing. */
void uses_mend(struct rules *e);

/* --- instants.c --- */
/* Puts a rule on the agenda as it stands: what is ready is marked, what waits is waited for. */
void rules_note(struct rules *e, struct rule *r, int64_t at_ms);

#endif
