/* Alerts that fire, found by a label: which of them a silence may hold, without looking at all.
 *
 *   all ──────────► place ─► place ─► place …      every member that fires
 *   host="a" ─────► place ─► place                 one chain for each label and value
 *
 * A walk goes over the shortest of the chains that exact matchers name, or over all, and may be spread
 * over turns of the loop: what ends meanwhile leaves it, what comes meanwhile is not part of it. */
#ifndef TOCSIN_NOTIFY_ALERT_INDEX_H
#define TOCSIN_NOTIFY_ALERT_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "model/matcher.h"

struct alert_index;
struct index_chain;
struct member;
struct notify;

struct index_place { /* of one member in one chain */
    struct index_place *prev, *next;
    struct index_chain *in; /* NULL: in none */
    struct member *m;
};

/* The index is empty. NULL: no memory. */
struct alert_index *alert_index_new(void);
void alert_index_free(struct alert_index *ix); /* of which all members are gone; NULL is fine */

/* Called whenever a member begins to fire, or fires with other labels; one that stands there by the same
 * labels stays where it is. Without memory it stands among all only, and walks go over all while it does.
 * Cost: a look-up for each label, and for its alert. */
void alert_index_add(struct notify *n, struct member *m);
/* It fires no more, or goes; one that is not there is fine. */
void alert_index_remove(struct notify *n, struct member *m);
/* Alerts that fire, each once, in however many incidents. */
size_t alert_index_alerts(const struct alert_index *ix);

/* Candidates: all members that fire and that the matchers take are among them; of one alert there may be
 * several. The matchers are borrowed until the end, and so is the walk by the index. */
struct alert_walk {
    struct alert_index *index;
    const struct matcher *by; /* NULL: over all */
    size_t value;             /* of those that `by` takes, the next one */
    struct index_place *at;   /* the next one */
    struct alert_walk *next, **self;
};
void alert_walk_begin(struct alert_walk *w, struct alert_index *ix, struct matcher *const *m,
                      size_t n);
struct member *alert_walk_next(struct alert_walk *w); /* NULL: that was the last */
void alert_walk_end(struct alert_walk *w);            /* of one that was not begun is fine */

#endif
