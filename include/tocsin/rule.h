/* Running rules: expression graphs evaluated over windows, looks handed to the alerts.
 *
 * Instants come from the journal, never from the live clock: block receive times and grid ticks.
 * A rule looks at a group in the turn in which its data is complete: for each leaf, all series of
 * the group that reported in the last interval have reported again (a group of one: at once), at
 * most `delay` after the first. Of a group that other rows share, like a total they are divided by,
 * only its own round counts. Rules that name another in firing() look in the same instant. `when`
 * with `state`, and `early = false`, wait for ticks, on which every rule looks at all its groups,
 * save those that wait. T never goes back. The same blocks give the same looks. */
#ifndef TOCSIN_RULE_H
#define TOCSIN_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/redact.h"
#include "model/rule_def.h"
#include "tocsin/alert.h"
#include "tocsin/rulefile.h"
#include "tocsin/window.h"

struct rules; /* all that run */
struct rule;  /* one running rule */

struct rules_options {
    struct labelsets *labels; /* borrowed, like all of these */
    struct windows *windows;
    struct alert_book *book;
    struct clock *clock; /* only to measure how long looks take */
    /* An instant with many rules or groups is run in slices of about this time, so that it does not
     * hold the loop: rules_are_looking() between them, and no block may be applied. 0: in one go. */
    uint64_t slice_ns;
    /* what is hidden in texts of events beside the usual; may change between turns; NULL: nothing */
    const struct redact_also *redact;
    /* seams of tests; 0 or NULL, as in the program: what is said */
    bool ticks_only; /* no looks between ticks (tests, comparisons) */
};

struct rules *rules_new(const struct rules_options *o); /* NULL: no memory */
void rules_free(struct rules *e);

/* Builds the rules of one file, which will replace those of the version that runs under the same path
 * (NULL `file`: the file is gone); a path is put once before the exchange. The set of all files must
 * have passed rulefiles_check(). Nothing that runs changes yet. -1: a bound or no memory; what runs
 * goes on. Cost: some 10 us a rule. */
int rules_put(struct rules *e, const char *path, struct rulefile *file, int64_t at_ms,
              struct err *e_out) MUST_USE;
/* The same in slices of at most so many rules. 0: not done, call it again with the same file before
 * another; 1: done. */
int rules_put_some(struct rules *e, const char *path, struct rulefile *file, int64_t at_ms,
                   size_t most, struct err *e_out) MUST_USE;
/* All files that were put begin to run: order of evaluation, links of firing(). State is kept as
 * alert_rule_put() says. Between two instants: none is begun (rules_are_looking()). Cost: some 0.2 us for
 * each rule there is, 3 us for each that comes or goes. */
void rules_exchange(struct rules *e, int64_t at_ms);
/* The same in slices of about so many rules each. False: there is more, call it again; until it says true no
 * block is applied and no instant begun. `at_ms`: of the first call. What is asked meanwhile is answered of
 * the rules that ran or, by name, already of those that will. */
bool rules_exchange_some(struct rules *e, int64_t at_ms, size_t most);
/* What was replaced is freed, at most so many rules; alerts of those that no file defines any more end
 * here (so that a rule may move between files). False: there are more. */
bool rules_tidy(struct rules *e, int64_t at_ms, size_t most);
/* Both, for all. */
void rules_link(struct rules *e, int64_t at_ms);

/* Instants up to `at_ms` have been decided by an earlier run: replay below it fills windows only. */
void rules_decide_after(struct rules *e, int64_t at_ms);
/* Ticks up to `at_ms` are passed over (a start after an outage, a suspended machine). */
void rules_skip_to(struct rules *e, int64_t at_ms);

/* The clock has stepped by `by_ms`: T, ticks and what waits are moved by it, so that instants go on
 * from the new time, also when it is an earlier one. After the windows. */
void rules_shift(struct rules *e, int64_t by_ms);

/* Before a block with this receive time is applied: the ticks and delayed looks before it, all of
 * them, in whatever time it takes; who has a loop to keep calls rules_advance() up to it first. */
void rules_before_block(struct rules *e, int64_t recv_ms);
/* After windows_apply() of that block: early looks, at its receive time. Nothing that a sender says
 * moves T, which all rules share and which is stored as decided. */
void rules_after_block(struct rules *e, int64_t recv_ms, const struct logevent *events,
                       size_t n_events);
/* Everything due up to `at_ms`, when all blocks received until then are applied. False: the slice is
 * over before that; call it again. */
bool rules_advance(struct rules *e, int64_t at_ms);
/* An instant is begun and not done: its rules look at windows that must stand still. */
bool rules_are_looking(const struct rules *e);
/* Goes on with it until it is done, whatever time that takes. */
void rules_finish_instant(struct rules *e);
/* When the next tick or delayed look is due (for a timer); T, while rules are looking. */
int64_t rules_next_ms(const struct rules *e);
int64_t rules_now_ms(const struct rules *e); /* T */

/* --- for people --- */
size_t rules_count(const struct rules *e);
const struct rule *rules_at(const struct rules *e, size_t i); /* in order of evaluation */
struct rule *rules_find(const struct rules *e, const char *name);
const struct rule_def *rule_definition(const struct rule *r);

struct rule_stats {
    uint64_t looks, groups_looked, errors;
    uint64_t held_looks; /* of a run of groups each, that decided nothing for want of memory */
    uint64_t busy_ns;    /* in looks, in all */
    int64_t last_tick_ms, last_took_us;
    uint32_t groups;   /* rows now */
    uint32_t overflow; /* groups over `limit` */
    uint32_t hidden; /* groups refused: a label of the rule, `hides`, would replace one of theirs */
    const char *hides; /* NULL: none */
    bool broken;       /* quarantined: its alerts are frozen */
    int64_t retry_ms;  /* when it is tried again */
    const char *error; /* the last, "" for none */
    bool matched;      /* its leaves have seen at least one series or event, ever */
    int64_t since_ms;  /* running since */
};
void rule_stats(const struct rule *r, struct rule_stats *out); /* cost: its leaves, at most */
/* Its windows are full from then on, 0: they are. Cost: its leaves, and the groups below its
 * aggregations while these are warming. */
int64_t rule_warm_ms(const struct rule *r);
/* The rules that have spent most time in looks, dearest first; at most `max`. Returns how many. Cost:
 * one number of each rule, and the room of `out` for each that is dearer than those before. */
size_t rules_dearest(const struct rules *e, const struct rule **out, size_t max);

/* The groups of a rule whose labels contain all of `want` (sorted; n = 0: all), at most `max`. */
size_t rule_groups(struct rule *r, const struct label *want, size_t n, labelset *out, size_t max);
/* Seam of tests: what {value} is for a group at the last instant; false: missing, or no such group. */
bool rule_value(struct rule *r, labelset group, double *v);
/* Until when a group has no verdict (but what is certain) because its windows were not seen whole
 * yet, 0: it has. `whole`: until all of them are full, where the shortest is enough to decide.
 * Cost: for aggregations a walk over the groups below. */
int64_t rule_warming_until_ms(const struct rule *r, labelset group, bool whole);
/* What the `when` function of a rule makes of a group's values, now: also of those that do not count
 * yet, and whatever stands in the alert. Nothing is kept. False: it has no function or no such
 * group, an input has no data, or there is no memory. Cost: one call. */
struct rule_verdict {
    int level; /* -1: none (nil), 0: ok, 1…5 */
    bool has_value, failed;
    double value;
};
bool rule_when(struct rule *r, labelset group, struct rule_verdict *out);
/* True where the shortest of its windows is enough to decide, because the longest is over an hour. */
bool rule_decides_early(const struct rule *r);
/* The evaluated tree of a rule for one group, now: {"node","value"|"truth",…,"children":[]}. */
void rule_explain(struct rule *r, labelset group, struct json *j);
/* For each leaf: text, groups, newest sample, memory; for `check --live` and explain's why-not. */
void rule_explain_leaves(struct rule *r, struct json *j);

#endif
