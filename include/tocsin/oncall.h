/* Who is on call, since when, until when, and who is next: pure functions of (roster, changes, time).
 *
 * The people of every row of a schedule that holds, or of `otherwise` where none does; then changes (tocsin/changes.h).
 * `changes` may be NULL: none. -1 with `e`: no memory, or (shifts) more moments than ROSTER_STEPS_MAX. Times are Unix
 * milliseconds. */
#ifndef TOCSIN_ONCALL_H
#define TOCSIN_ONCALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/roster.h"

#define ROSTER_DUTY_MAX  64   /* on call at one moment */
#define ROSTER_STEPS_MAX 5000 /* moments looked at for one question */

struct roster_duty {
    const struct roster_person *person;
    const char *via_kind,
        *via_name; /* "rotation" "payments-day": what puts them on call; "override" and its id */
    int64_t since_ms, until_ms; /* of unbroken time on call; 0 and ROSTER_NEVER: beyond two years */
};

struct roster_on_call {
    struct roster_duty list[ROSTER_DUTY_MAX];
    size_t n;
    size_t left_out; /* more than ROSTER_DUTY_MAX at once */
};

/* Who is on call at that moment, without since and until (0). Cost: a step for each row, a comparison for each change
 * of what is used. */
int roster_at(const struct roster *r, const struct roster_changes *changes,
              const struct roster_ref *who, int64_t at_ms, struct roster_on_call *out,
              struct err *e) MUST_USE;

struct roster_state {
    struct roster_on_call now, next;
    int64_t next_ms; /* when somebody comes or goes; ROSTER_NEVER: then `next` is empty */
};
/* With since and until. Cost: as many steps as there are boundaries of rows, shifts and changes up to the answer, in
 * two years back and ahead at most; where ROSTER_STEPS_MAX are not enough, since and until are those of "beyond". */
int roster_look(const struct roster *r, const struct roster_changes *changes,
                const struct roster_ref *who, int64_t at_ms, struct roster_state *out,
                struct err *e) MUST_USE;

struct roster_shift {
    const struct roster_person *person;
    const char *via_kind, *via_name; /* at its start */
    int64_t start_ms, end_ms;        /* within what was asked for */
};
struct roster_shifts {
    struct roster_shift *list; /* by start; mem_free() */
    size_t n, cap;
};
/* Who is on call in [from, until), at most two years, joined where a person's shifts touch. */
int roster_shifts_between(const struct roster *r, const struct roster_changes *changes,
                          const struct roster_ref *who, int64_t from_ms, int64_t until_ms,
                          struct roster_shifts *out, struct err *e) MUST_USE;

#endif
