/* What holds an alert back, and until when: silences, and whatever else mutes, behind one index.
 *
 * Pure but for memory: time is what the caller says, nothing is stored here and nobody is told. Of an
 * alert it knows labels, priority, and whether its own rule holds it. */
#ifndef TOCSIN_HOLD_H
#define TOCSIN_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/labels.h"
#include "model/matcher.h"

/* --- silences --- */

#define SILENCE_KEEP_MS \
    (INT64_C(5) * 24 * 3600 * 1000) /* after its end, as Alertmanager's retention */

enum silence_state { SILENCE_PENDING, SILENCE_ACTIVE, SILENCE_EXPIRED };
extern const char *const silence_state_names[]; /* "pending" … */

struct silence {
    char id[UUID_LEN + 1];
    char short_id[16];         /* "s31" */
    struct matcher **matchers; /* all must match */
    size_t n_matchers;
    struct matcher **scope; /* of its creator: must match as well */
    size_t n_scope;
    int64_t starts_ms, ends_ms, updated_ms;
    int priority; /* alerts more severe than this are not held; 0: all are held */
    char *by, *comment, *origin;
    uint64_t incident;   /* made from this incident, 0: not */
    bool until_resolved; /* ends as soon as its incident does */
    uint64_t muted;      /* alerts it has held back so far */
};

struct silence *silence_new(
    void); /* all zero, filled by its maker before holds_add(); NULL: no memory */
void silence_free(struct silence *s); /* of one that was not added; NULL is fine */
enum silence_state silence_state(const struct silence *s, int64_t at_ms);
bool silence_matches(const struct silence *s, const struct label *l, size_t n, int priority);
/* The members of a silence's object, without its braces. */
void silence_write(const struct silence *s, struct json *j);

/* --- all of them --- */

struct holds;
struct holds *holds_new(void);    /* NULL: no memory */
void holds_free(struct holds *h); /* with the silences; NULL is fine */

/* Takes the silence over. -1: no memory, it is still the caller's. Of two with one id the first is found. */
int holds_add(struct holds *h, struct silence *s, int64_t at_ms) MUST_USE;
size_t holds_count(const struct holds *h);
struct silence *holds_at(const struct holds *h, size_t i); /* in no order */
/* By "s31" or by its uuid in any case; NULL: none. Cost: two look-ups. */
struct silence *holds_silence(const struct holds *h, const char *id);
/* The first of those made for an incident, and the one after it; NULL: no more. */
struct silence *holds_of_incident(const struct holds *h, uint64_t incident);
struct silence *holds_next_of(const struct silence *s);
/* Ends it now. */
void holds_end(struct holds *h, struct silence *s, int64_t at_ms);
/* Takes times, comment and, when `any_priority`, also the hold of a rise in priority from `from`; what it
 * matches stays. It is not over. */
void holds_change(struct holds *h, struct silence *s, struct silence *from, bool any_priority,
                  int64_t at_ms);
void holds_muted(struct silence *s); /* it holds one alert more */

/* --- what holds an alert --- */

/* In the order in which they are asked for; the first that holds is the answer. */
enum hold_kind { HOLD_NONE, HOLD_UNLESS, HOLD_SILENCE, HOLD_INHIBIT, HOLD_KINDS };
extern const char *const hold_names[HOLD_KINDS]; /* "" "unless" "silence" "inhibit" */

struct hold_subject {
    const struct label *labels;
    size_t n_labels;
    int priority;    /* 0: none, every silence that matches holds it */
    bool suppressed; /* `unless` of its rule holds it */
};
struct hold {
    enum hold_kind kind;
    const char *by;          /* "s31"; "" of what has no name */
    int64_t until_ms;        /* 0: not known */
    struct silence *silence; /* of HOLD_SILENCE, else NULL */
};
/* The first thing that holds it, in the order of hold_kind; inhibition is asked for apart
 * (tocsin/inhibit.h). -1: no memory. Cost: those silences whose
 * first label matches. */
int holds_find(struct holds *h, const struct hold_subject *a, int64_t at_ms,
               struct hold *out) MUST_USE;
/* All active silences that hold it, into `*out` (until the next call). */
int holds_find_all(struct holds *h, const struct hold_subject *a, int64_t at_ms,
                   struct silence *const **out, size_t *n) MUST_USE;

/* Seam of tests: silences that the last question tried, what it cost. */
size_t holds_tried(const struct holds *h);

/* --- time --- */

/* A silence begins or ends: `changed`; is forgotten, `forgotten`, its last use. */
struct holds_tick {
    void (*changed)(const struct silence *s, void *arg);
    void (*forgotten)(const struct silence *s, void *arg);
    void *arg;
};
/* Tells of at most `most`, in the order of their times; false: there are more. Cost: the logarithm of how
 * many silences there are, for each that begins, ends, is forgotten or was changed. */
bool holds_tick(struct holds *h, int64_t at_ms, size_t most, const struct holds_tick *tell);
void holds_look(struct holds *h,
                const struct silence *s);     /* with the next tick, whatever its times */
int64_t holds_next_ms(const struct holds *h); /* of the next begin or end, 0: at once or never */
/* Those begun, or over, at `at_ms` are not told of any more (a start). */
void holds_settle(struct holds *h, int64_t at_ms);
/* The clock has stepped: what has begun lasts as long as it was made for, what is set for later keeps its
 * time. */
void holds_shift(struct holds *h, int64_t by_ms);

#endif
