/* Windows, rules and alerts as one machine: a block is applied, time goes on, alerts change.
 *
 * The order of the steps is what makes looks repeatable, so it stands here once. The server, tests of
 * rules, the replay after a start and the filling of new windows differ in where their blocks and
 * instants come from, and in nothing else. No clock is read: time is what the caller says. */
#ifndef TOCSIN_ENGINE_H
#define TOCSIN_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/sample.h"
#include "model/series.h"
#include "tocsin/alert.h"
#include "tocsin/rule.h"
#include "tocsin/window.h"

struct engine;

/* Options of the parts; what connects them (labels, series, windows, the book) is filled in here. */
struct engine_options {
    struct labelsets *labels;    /* borrowed, outlive the engine */
    struct series_table *series; /* the same */
    const struct windows_options *windows;
    const struct alert_book_options *book;
    const struct rules_options *rules;
};

struct engine *engine_new(const struct engine_options *o); /* NULL: no memory */
/* Everybody who holds an alert, a rule or a leaf goes before. NULL is fine. */
void engine_free(struct engine *e);

/* The parts, for those who ask about them or reload rules; owned by the engine. */
struct windows *engine_windows(const struct engine *e);
struct alert_book *engine_book(const struct engine *e);
struct rules *engine_rules(const struct engine *e);

/* What was received in one instant, all borrowed for the call. */
struct engine_block {
    int64_t recv_ms;
    bool replayed; /* read back from the journal, after a start or for a new leaf */
    const struct sample *samples;
    size_t n_samples;
    const struct logevent *events;
    size_t n_events;
};

/* Ticks that lie before the block, the block, then early looks at what it touched. Receive times do not
 * go back. Cost: that of windows_apply() and of the looks. Looks at what a live block touched may go on in
 * slices: then engine_advance() is called until it says true before the next block, and up to the instant
 * before it by who has a loop to keep. Looks at what a replayed one touched are done when it returns. */
void engine_apply(struct engine *e, const struct engine_block *b);
/* The same for windows that no rule looks at yet: they are only filled. */
void engine_fill(struct windows *w, const struct engine_block *b);
/* Everything that is due up to `at_ms`, when all blocks received until then were applied. False: a slice
 * (rules_options.slice_ns) is over before that; it is called again, and no block is applied meanwhile. */
bool engine_advance(struct engine *e, int64_t at_ms);

/* All that came before `now_ms` has been read back: ticks of the time in between are passed over, timers
 * of alerts are bridged over an outage, and from here on instants are decided. */
void engine_go_live(struct engine *e, int64_t now_ms);
/* Live, and all that was received until `from_ms` is decided: the program stood still until `to_ms` (it was
 * stopped, or its machine slept). As after an outage: windows have not seen it, the instants of that time
 * are passed over, timers of alerts are bridged. */
void engine_stood_still(struct engine *e, int64_t from_ms, int64_t to_ms);
/* Forgets what was idle long enough at `now_ms`, see windows_expire(); nothing while rules are looking. */
void engine_expire(struct engine *e, int64_t now_ms, size_t budget,
                   void (*forgotten)(uint32_t series, void *arg), void *arg);
/* The clock has stepped by `by_ms`: instants go on from the new time. */
void engine_shift(struct engine *e, int64_t by_ms);

#endif
