/* How many different members a set has had: count and sum over series of sets.
 *
 * Up to 256 members are kept as they are (hash, second last seen). Beyond that, and always where
 * an offset asks for the past, HyperLogLog registers (p = 10: standard error 3.25 %) for each of
 * about twelve panes, merged at the look; the oldest pane counts whole. */
#ifndef TOCSIN_WINDOW_MEMBERS_H
#define TOCSIN_WINDOW_MEMBERS_H

#include "window/kind.h"

#define MEMBERS_EXACT     256
#define MEMBERS_REGISTERS 1024

static inline bool members_wanted(const struct leaf *l)
{
    return l->spec->fn == LEAF_COUNT || l->spec->fn == LEAF_SUM;
}

bool members_add(struct windows *w, const struct leaf *l, struct slot *s, const struct step *x);
bool members_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v);
int members_merge(struct windows *w, const struct leaf *l, struct slot *into,
                  const struct leaf *from_leaf, const struct slot *from) MUST_USE;
void members_encode(const struct leaf *l, const struct slot *s, struct buf *out);
int members_decode(struct windows *w, const struct leaf *l, struct slot *s,
                   struct cursor *c) MUST_USE;
void members_clear(struct windows *w, struct slot *s);

#endif
