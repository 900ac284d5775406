/* Which alerts a message shows, and in which order. Pure. */
#include "notify/choose.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "notify/desired.h"
#include "notify/member.h"

/* As member_order(); one that moved away fires, but not for this lane. */
static int by_weight(const void *pa, const void *pb)
{
    const struct item *a = pa, *b = pb;
    bool fa = a->kind < ITEM_RESOLVED, fb = b->kind < ITEM_RESOLVED;

    if (fa != fb)
        return fa ? -1 : 1;
    return member_order(a->m, b->m);
}

/* Which are left out last: what the message is about, by severity, then the rest. */
static int by_importance(const void *pa, const void *pb)
{
    const struct item *a = pa, *b = pb;
    bool ca = a->kind != ITEM_STILL, cb = b->kind != ITEM_STILL;

    if (ca != cb)
        return ca ? -1 : 1;
    if (ca && a->m->priority != b->m->priority)
        return a->m->priority < b->m->priority ? -1 : 1;
    return by_weight(pa, pb);
}

static void swap(struct item *a, struct item *b)
{
    struct item t = *a;

    *a = *b;
    *b = t;
}

/* The `first` most important of `n` to the front, in any order: quickselect, because sorting 10,000 by what
 * lies all over memory takes longer than all else that a claim does. The middle one parts them, as most come
 * sorted. */
static void select_first(struct item *items, size_t n, size_t first)
{
    while (first > 0 && first < n) {
        size_t less = 0;

        swap(&items[n / 2], &items[n - 1]);
        for (size_t i = 0; i + 1 < n; i++)
            if (by_importance(&items[i], &items[n - 1]) < 0)
                swap(&items[i], &items[less++]);
        swap(&items[less], &items[n - 1]);
        if (first <= less) {
            n = less;
        } else {
            items += less + 1;
            n -= less + 1;
            first -= less + 1;
        }
    }
}

void choose_items(struct item *items, size_t n, size_t shown)
{
    size_t head = 0;

    assert(shown <= n);
    if (n > shown && shown > 0) {
        for (size_t i = 1; i < n; i++)
            if (by_weight(&items[i], &items[head]) < 0)
                head = i;
        swap(&items[head], &items[0]);
        select_first(items + 1, n - 1, shown - 1);
    }
    if (shown > 0)
        qsort(items, shown, sizeof *items, by_weight);
}
