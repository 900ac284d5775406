/* Inhibition: while an alert is on, others that follow from it are not told.
 *
 * An inhibit rule has a source, a target and labels that must be equal (as inhibition in Alertmanager's
 * configuration documents): an alert that matches the target is held while any that matches the source is on
 * with the same values of those labels, a missing one being the empty one. Also by a source that is silenced or
 * held itself. An alert that matches both sides is held by those only that match the source alone.
 *
 * What differs from Alertmanager, and is promised:
 *  - When the last source ends, its targets stay held until each was looked at once more (or INHIBIT_LOOK_MS have
 *    passed), so that nothing is told that was true during the outage only.
 *  - Before inhibits_ready() every target is held: sources that nobody looked at yet may be on.
 *  - Alerts that hold each other in a circle, whatever its length: the oldest is free, and holds the others.
 *
 * Pure but for memory: time is what the caller says, nobody is told but through inhibits_tick(). All that is
 * here follows from the alerts that are on, and is made again at a start. */
#ifndef TOCSIN_INHIBIT_H
#define TOCSIN_INHIBIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/labels.h"
#include "model/inhibit_rule.h"

#define INHIBIT_LOOK_MS \
    (INT64_C(2) * 60 * 1000) /* a target whose source ended waits for its next look, at most */

struct inhibits;
/* Keeps a copy of the rules, INHIBITS_MAX at most. NULL: no memory. */
struct inhibits *inhibits_new(const struct inhibit_rule *rules, size_t n);
/* Are its rules these, word for word and in this order? (A configuration was loaded again.) */
bool inhibits_has(const struct inhibits *h, const struct inhibit_rule *rules, size_t n);
void inhibits_free(struct inhibits *h); /* NULL is fine */

struct inhibit_alert {
    const char *key; /* its identity */
    const struct label *labels;
    size_t n_labels;
    int priority;         /* matched as the label of that name; 0: none */
    int64_t starts_ms;    /* which of two is older */
    uint64_t fingerprint; /* what others know it by, handed out again */
    bool on;
};
/* An alert that is on was looked at, or has ended, at the instant `at_ms`; one before the latest counts as that.
 * What changed for others comes with the next tick; who calls asks again for the alert itself. -1: no memory, it
 * counts as it did before: to be called again. Cost: a hash of the labels; where they, its priority or its being
 * on have changed, a test of the rules that its labels lead to. */
int inhibits_alert(struct inhibits *h, const struct inhibit_alert *a, int64_t at_ms) MUST_USE;

struct inhibition {
    const struct inhibit_rule *rule; /* NULL: it is not held; else the graph's own */
    const char *source;   /* the key of an alert that holds it; NULL: none any more, it waits
                                        for its next look, or for the start of all */
    uint64_t fingerprint; /* of that alert, 0 */
    int64_t until_ms;     /* 0: not known */
};
/* What holds the alert of that key. Cost: its rules; of those that may form circles a walk of at most 256 alerts. */
void inhibits_find(const struct inhibits *h, const char *key, int64_t at_ms,
                   struct inhibition *out);
/* How many it holds now, at least: those of circles are counted as well. Cost: the rules it is a source of. */
size_t inhibits_dependents(const struct inhibits *h, const char *key);
/* The first `most` of them, each once for each rule. */
void inhibits_each_dependent(const struct inhibits *h, const char *key, size_t most,
                             void (*each)(const char *key, void *arg), void *arg);

/* Every rule was looked at once since the start, so all sources are known. */
void inhibits_ready(struct inhibits *h);
/* Tells of at most `most` alerts that what holds them may have changed; false: there are more, call it again.
 * `changed` may not call back but inhibits_find() and inhibits_dependents(). */
bool inhibits_tick(struct inhibits *h, int64_t at_ms, size_t most,
                   void (*changed)(const char *key, void *arg), void *arg);
/* Of the next that waited long enough for a look; 0: none waits; 1: a tick has something to tell. */
int64_t inhibits_next_ms(const struct inhibits *h);
/* The clock has stepped. Cost: a step for each alert that a rule concerns. */
void inhibits_shift(struct inhibits *h, int64_t by_ms);

#endif
