/* A rule of inhibition as data: while an alert that matches the source is on, those that match the target are
 * held, where the labels named are equal. What follows from it is tocsin/inhibit.h. */
#ifndef TOCSIN_MODEL_INHIBIT_RULE_H
#define TOCSIN_MODEL_INHIBIT_RULE_H

#include <stddef.h>

#include "model/matcher.h"

#define INHIBITS_MAX 300 /* rules of one configuration */

struct inhibit_rule {
    const char *name;
    struct matcher **source, **target; /* at least one each; all of a side must match */
    size_t n_source, n_target;
    const char **equal; /* sorted; none: any alert of the source holds any of the target */
    size_t n_equal;
    int line; /* where it stands, for people */
};

/* The first circle that the rules alone show: the target of each is the source of the next, word for word. The
 * index of one of them, and of the next into *next; `n`: there is none. SIZE_MAX as *next: no memory. Cost: the square of
 * the rules, at load. */
size_t inhibit_rules_circle(const struct inhibit_rule *rules, size_t n, size_t *next);

#endif
