/* Sums that lose nothing small beside something large: what each addition rounds off is added up for
 * itself (Neumaier 1974, with Knuth's two-sum, which needs no comparison). Exact to the last place
 * for sums of any length that do not cancel, and to 1e-16 of the largest part of those that do. */
#ifndef TOCSIN_BASE_TOTAL_H
#define TOCSIN_BASE_TOTAL_H

struct total {
    double sum, lost;
};

static inline void total_add(struct total *t, double v)
{
    double next = t->sum + v, part = next - t->sum;

    t->lost += (t->sum - (next - part)) + (v - part);
    t->sum = next;
}

static inline void total_join(struct total *t, struct total other)
{
    total_add(t, other.sum);
    t->lost += other.lost;
}

/* Not finite where the sum is too large for a double. */
static inline double total_of(struct total t)
{
    return t.sum + t.lost;
}

#endif
