/* First windows of new leaves: what they have not seen is read from the journal into windows of
 * their own, and merged. Each block is counted once: a leaf has seen every block that was applied
 * since it was made, so only those before are read. One fill runs at a time, in order. */
#ifndef TOCSIN_APP_FILL_H
#define TOCSIN_APP_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/journal.h"
#include "tocsin/rule.h"
#include "tocsin/window.h"

struct fills;

struct fills_options { /* all borrowed */
    struct journal *journal;
    struct windows *windows;
    struct series_table *series;
    size_t window_bytes; /* the same bounds as those of `windows` */
    uint32_t groups;
    const struct redact_also *redact;
    /* There is something to do: fills_work() is to be called in other turns of the loop, until it says that
     * there is no more. */
    void (*work)(void *arg);
    /* Holds blocks back while leaves are listed or taken over (wire_hold()); each that was told true is
     * released once. */
    bool (*hold)(void *arg);
    void (*release)(void *arg);
    void *arg;
};

struct fills *fills_new(const struct fills_options *o); /* NULL: no memory */
void fills_free(struct fills *f); /* before windows and journal; NULL is fine */

/* Leaves that are fresh will be filled up to the block that is applied next: before a replay that they
 * see only the end of. */
void fills_expect(struct fills *f);
/* Fills the leaves of all rules that are fresh and have not seen the blocks before `before`. Called
 * in the turn that made them, or where the replay ends that they have seen; no instant is begun. Blocks are
 * held back until all are listed. */
void fills_add(struct fills *f, struct journal_id before);
/* Goes on for about two milliseconds; false: nothing is to be done but reading. */
bool fills_work(struct fills *f) MUST_USE;
void fills_shift(struct fills *f, int64_t by_ms); /* the clock has stepped */
size_t fills_running(const struct fills *f);      /* with those that wait */
uint64_t fills_done(const struct fills *f);

#endif
