/* The windows: what the rules ask of the data, kept ready.
 *
 * A pure structure: samples and instants in, numbers out; no clock, no Redis, no loop. The same
 * samples applied in the same order give the same windows, which is what makes restart, backtest
 * and explain one act. Semantics: docs/rules.md ("Windows").
 *
 * A *leaf* is one selector + function + window + grouping; rules that ask for the same leaf share
 * it. A leaf has *groups*, numbered by slots: one per series, or one per set of grouping labels.
 * Each series that some leaf needs keeps its last value and time once (24 bytes), each group a
 * ring of panes. A series that no leaf needs costs one look into an array. */
#ifndef TOCSIN_WINDOW_H
#define TOCSIN_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/redact.h"
#include "model/leaf.h"
#include "model/sample.h"
#include "model/series.h"

struct windows;
typedef uint32_t leaf_id;
#define LEAF_NONE UINT32_MAX
#define SLOT_NONE UINT32_MAX

struct windows_options {
    struct series_table *series; /* borrowed */
    size_t max_bytes;    /* memory of all windows; a new group beyond it is refused, counted.
                                    0: 1 GiB */
    uint32_t max_groups; /* of one leaf; 0: 2,000,000 */
    const struct redact_also *redact; /* borrowed: what is hidden in labels of log events beside
                                         the usual secrets; NULL: nothing */
    bool covered; /* what comes is all there ever was: every window counts as seen (rule tests) */
    const struct windows *like; /* that these will be joined with (windows_adopt), borrowed: they
                                   have lived through the same steps of the clock. NULL: none */
};

struct windows *windows_new(const struct windows_options *o); /* NULL: no memory */
void windows_free(struct windows *w);
/* The same in slices of at most so many leaves, before which nothing may be asked any more. True: done. */
bool windows_free_some(struct windows *w, size_t most) MUST_USE;

/* The leaf for `spec`, created when new, with one reference more. A new leaf is attached to the
 * series that exist already; its windows start empty (see windows_adopt). LEAF_NONE: over a
 * bound or no memory. Cost of a new one: a look at every series of that metric name. */
leaf_id windows_leaf(struct windows *w, const struct leaf_spec *spec, int64_t now_ms,
                     struct err *e);
/* The same for rules that do not run yet: a new leaf takes nothing, is in no cut and is not to be filled
 * before windows_wake(), from which on it counts as made. */
leaf_id windows_leaf_ahead(struct windows *w, const struct leaf_spec *spec, int64_t now_ms,
                           struct err *e);
/* At most so many of them, 0.3 us each; true: all are awake. No block between two calls. */
bool windows_wake(struct windows *w, int64_t now_ms, size_t most);
void windows_leaf_hold(struct windows *w, leaf_id leaf);    /* one reference more */
void windows_leaf_release(struct windows *w, leaf_id leaf); /* the last reference frees it */
const struct leaf_spec *windows_leaf_spec(const struct windows *w, leaf_id leaf);

/* --- coverage: how much of a window was seen (cover.c) --- */
/* From when the leaf has seen all that came: its making, the oldest block that was read into it, or
 * the end of the last time that nobody listened. */
int64_t windows_leaf_since_ms(const struct windows *w, leaf_id leaf);
/* The same for one group, which has its own beginning; SLOT_NONE: the leaf's. */
int64_t windows_covered_from_ms(const struct windows *w, leaf_id leaf, uint32_t slot);
/* True when every group of the leaf has seen all since `from_ms`: the quick answer of most looks. */
bool windows_covered(const struct windows *w, leaf_id leaf, int64_t from_ms);
/* Seam of tests: what was before the leaf was made has not been read into it, by a cut or windows_adopt(). */
bool windows_leaf_is_fresh(const struct windows *w, leaf_id leaf);
/* The first such leaf with an id of at least `from`; LEAF_NONE: there is none. */
leaf_id windows_next_fresh(const struct windows *w, leaf_id from);
/* It is going to be read. Until windows_adopt() or windows_leaf_settle() the first sample of a
 * series that nothing remembered here does not count (seam.c; 48 bytes each). Called before the first
 * block that it is not filled from is applied; again: nothing. */
void windows_leaf_await(struct windows *w, leaf_id leaf);
/* It has been read, or cannot be: it goes on with what it has. */
void windows_leaf_settle(struct windows *w, leaf_id leaf);
/* All that came until `at_ms` has been seen. `replayed`: of a journal that is read back, or the end
 * of reading; there a gap of more than 15 s means that nobody listened, and what is longer than a
 * quarter of a window uncovers it until it is full again. */
void windows_heard(struct windows *w, int64_t at_ms, bool replayed);
/* Nobody listened from `from_ms` to `to_ms`: the program stood still. As such a gap in a journal. Cost: one
 * look at each leaf. */
void windows_missed(struct windows *w, int64_t from_ms, int64_t to_ms);

/* Applies one block, in the journal's order. `recv_ms` is its receive time, and no sample or event
 * counts as of later than that, whatever its sender's clock says. Up to a minute ahead its own time
 * still tells it from others of its series (a repetition is one); what is further ahead is taken as
 * of `recv_ms` altogether, and counted. A source that is steadily behind counts as if its clock were
 * right (windows_clocks_off). */
void windows_apply(struct windows *w, int64_t recv_ms, const struct sample *samples, size_t n,
                   const struct logevent *events, size_t n_events);

/* The clock that receive times come from has stepped by `by_ms`: all that is remembered is moved by
 * as much, so that how long ago it was stays as it is. Panes move by whole panes, never into the
 * future. Cost: an addition a leaf. */
void windows_shift(struct windows *w, int64_t by_ms);

/* Sources that have sent in the last ten minutes, and those whose times are moved, since all they
 * send is behind by the same. */
#define SOURCE_LOGS UINT32_MAX /* all log events */
struct clocks_off {
    uint32_t sources, off;
    int64_t worst_ms; /* how far it is behind; below 0: ahead, which a step has left behind */
    uint32_t worst;   /* number of that source, see model/series.h; SOURCE_LOGS */
};
/* Cost: nothing while no source is off, else one look at each source. */
void windows_clocks_off(const struct windows *w, struct clocks_off *out);

/* --- what the last windows_apply() calls touched, since windows_clear_touched() --- */
struct touched {
    uint32_t slot;
};
size_t windows_touched_leaves(const struct windows *w, const leaf_id **leaves);
size_t windows_touched(const struct windows *w, leaf_id leaf, const struct touched **slots);
void windows_clear_touched(struct windows *w);
/* From here on windows_complete() is known for the leaf, where it merges series (4 bytes a series,
 * 20 a group). A round of a group is over after the longest `delay_ms` that was given. */
void windows_watch(struct windows *w, leaf_id leaf, int64_t delay_ms);
/* All series of the group that reported in the last interval have reported again (model/round.h).
 * A group of one series, or of events, always is. */
bool windows_complete(const struct windows *w, leaf_id leaf, uint32_t slot);
/* Have all series behind the group ended while their sources go on (window/gone.h)? Then `ended` is
 * when the last of them did. Unknown: of logs, and of groups whose series are forgotten. */
enum group_life { GROUP_UNKNOWN, GROUP_LIVES, GROUP_ENDED };
enum group_life windows_group_life(const struct windows *w, leaf_id leaf, uint32_t slot,
                                   int64_t *ended);
uint32_t windows_block(const struct windows *w); /* number of the last block applied; 0: none */

/* --- groups --- */
uint32_t windows_slots(const struct windows *w,
                       leaf_id leaf); /* slots are below this; some may be free */
labelset windows_group_labels(const struct windows *w, leaf_id leaf,
                              uint32_t slot); /* LABELSET_NONE: free */
uint32_t windows_group_find(const struct windows *w, leaf_id leaf,
                            labelset labels); /* SLOT_NONE: not there */
uint32_t windows_group_count(const struct windows *w, leaf_id leaf);
/* Grows whenever a slot of the leaf is freed or a freed one is used again: slots looked up before
 * must be looked up again. */
uint64_t windows_epoch(const struct windows *w, leaf_id leaf);
/* The distinct signatures (labelset_signature) of the groups of the leaf, with one example each,
 * for subset matching. Returns how many (256 at most), at most `max` are written. */
size_t windows_signatures(const struct windows *w, leaf_id leaf, uint64_t *signatures,
                          labelset *examples, size_t max);
int64_t windows_newest_ms(const struct windows *w, leaf_id leaf,
                          uint32_t slot); /* 0: no sample yet */

/* The values of `n` groups at the instant `at_ms`: over (at - offset - window, at - offset].
 * ok[i] is 0 where there is no value (missing), v[i] is then 0. SLOT_NONE is missing. at_ms must
 * not be before an earlier call's by more than one pane (older panes are overwritten). Cost:
 * 20-60 ns a group, see docs/performance.md. */
void windows_eval(const struct windows *w, leaf_id leaf, int64_t at_ms, const uint32_t *slots,
                  size_t n, double *v, uint8_t *ok);

/* Forgets groups that have had no data for max(2 x window, 1 h; 24 h for logs) and series without
 * samples for max(1 h, 2 x the longest window that needs them). Calls `forgotten` for each series
 * (may be NULL), before it is dropped from the table. Looks at `budget` groups and series at most
 * and goes on from there at the next call. Deterministic in (state, now_ms). Series of metric names
 * whose leaves have changed are bound anew in the same steps, what is left over is freed. */
void windows_expire(struct windows *w, int64_t now_ms, size_t budget,
                    void (*forgotten)(uint32_t series, void *arg), void *arg);

/* --- cuts and fills --- */
/* Writes everything as a run of chunks (at most 1 MiB each, not compressed) to `emit`, which
 * returns 0 to go on. Reads only: may run in a forked child. */
int windows_encode(const struct windows *w, int (*emit)(const void *chunk, size_t len, void *arg),
                   void *arg) MUST_USE;
/* Takes chunks back, in order, into windows whose leaves are registered and whose series table is
 * restored. Leaves that nobody asks for any more are skipped; leaves that are new stay empty. */
int windows_decode(struct windows *w, const void *chunk, size_t len, struct err *e) MUST_USE;
/* Forgets all data and keeps the leaves: what a cut that could not be read has left behind. */
void windows_reset(struct windows *w);
/* Merges the groups of leaves[i], of other windows, into to[i] of these (same spec, same series table,
 * filled from the journal up to the block that to[i] was made behind), for `n` leaves at once. What
 * was kept for them is applied to `from` first. -1: no memory for some, which stay as they are.
 * Cost: the series that `from` has seen, and the groups. Seam of tests: all at once. */
int windows_adopt(struct windows *w, struct windows *from, const leaf_id *to, const leaf_id *leaves,
                  size_t n, struct err *e) MUST_USE;
/* The same in slices: about `most` looks of 20 ns each. True: done. No block is applied to either, and nothing
 * expires, from the first to the last. */
struct windows_adoption { /* begin with to, leaves (borrowed) and n */
    const leaf_id *to, *leaves;
    size_t n;
    bool short_of_memory; /* some stay as they are */
    /* how far it is: */
    unsigned stage;
    size_t at;
    uint32_t slot, first_made;
    bool awaited;
};
bool windows_adopt_some(struct windows *w, struct windows *from, struct windows_adoption *a,
                        size_t most) MUST_USE;

struct windows_stats {
    uint64_t bytes;
    uint32_t leaves, groups;
    uint64_t samples, samples_unused, late, duplicate, future, refused_groups, nan_refused;
    uint64_t refused_values; /* no memory for a longer distribution or set */
    uint64_t births, resets, gaps;
    uint64_t gone; /* times that a series ended while its source went on */
};
void windows_stats(const struct windows *w, struct windows_stats *out);
/* Memory one group of this leaf takes, for `check --cost`. */
size_t leaf_group_bytes(const struct leaf_spec *spec);

#endif
