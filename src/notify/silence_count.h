/* What a silence would hold: counted over alerts that fire and starts of the last week, in slices. */
#ifndef TOCSIN_NOTIFY_SILENCE_COUNT_H
#define TOCSIN_NOTIFY_SILENCE_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "notify/alert_index.h"
#include "tocsin/notify.h"

struct map;
struct slice;

enum count_stage { COUNT_NOW, COUNT_ACTIVE, COUNT_WEEK, COUNT_DONE };

struct silence_count {
    const struct silence *s; /* borrowed */
    struct silence_preview p;
    enum count_stage stage;
    struct alert_walk walk;
    uint32_t id;             /* incidents that were met have it */
    struct map *rules;       /* alertnames so far; NULL: no memory, they are not counted */
    uint64_t week, week_end; /* starts, by their number since the program began */
};

/* One at a time: another that begins makes the first one count incidents twice. */
void silence_count_begin(struct silence_count *c, struct notify *n, const struct silence *s);
/* True: c->p is complete. An alert that begins or ends between two slices counts or not. Cost in all: alerts
 * that fire with the rarest label that it fixes (or all); of who has a scope the same for the scope; and
 * STARTS_MAX starts. */
bool silence_count_step(struct silence_count *c, struct notify *n, struct slice *slice);
void silence_count_end(struct silence_count *c); /* of one that is all zero is fine */

#endif
