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

struct rules {
    struct rules_context c;
    /* of evaluation, by rank; with the room to sort it and for the indexes of as many, so that
     * linking never fails half way. NULL: taken out since it was linked last */
    struct rule **order, **scratch;
    size_t n, cap, n_deps; /* n_deps: names in firing() of all rules, at most */
    bool unlinked;         /* some file was put since */
    bool adoptions_left;   /* some alerts of renamed rules found no memory: tried again */
    struct rule **retired; /* replaced by a reload, until rules_link() is done */
    size_t n_retired, retired_cap;
    struct map *by_name, *by_path; /* of a file: the first of its rules, see next_in_file */

    struct uses *uses; /* [leaf id] */
    size_t n_uses;
    struct grid *grids;
    size_t n_grids;
    uint32_t *grid_ranks;
    uint32_t *first_dependent;       /* [rank], and one more: into `dependents` */
    uint32_t *dependents;            /* ranks */
    struct matcher_index *attaching; /* ranks of rules that keep events; NULL: no memory for it */
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

/* --- link.c --- */
void link_free(struct rules *e); /* all that it keeps */

/* --- instants.c --- */
/* Puts a rule on the agenda as it stands: what is ready is marked, what waits is waited for. */
void rules_note(struct rules *e, struct rule *r, int64_t at_ms);

#endif
