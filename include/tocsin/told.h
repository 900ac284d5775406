/* Whom the steps of an escalation tell. */
#ifndef TOCSIN_TOLD_H
#define TOCSIN_TOLD_H

#include <stdint.h>

#include "tocsin/oncall.h"

/* Whom steps `first` to `last` (from 1) of a policy tell at that moment: each person once, and receivers by name. */
struct roster_told {
    struct roster_on_call people;
    const char *receivers[ROSTER_DUTY_MAX];
    size_t n_receivers;
};
int roster_told(const struct roster *r, const struct roster_changes *changes,
                const struct escalation_policy *p, unsigned first, unsigned last, int64_t at_ms,
                struct roster_told *out, struct err *e) MUST_USE;

#endif
