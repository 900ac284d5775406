/* What a lane knows of single alerts: told and owed, two lists by the member's number.
 * A message may tell of 10,000 alerts, so what a message changes is done to a whole list at once: one by one
 * each would move the rest of the list, and 10,000 times 10,000 places are a tenth of a second. Walks over
 * the members go beside the lists, which have the same order, instead of searching them for each. Dropped: a
 * map for each entry, which nearly always holds one alert. */
#include "notify/told.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "notify/desired.h"
#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notice.h"
#include "notify/record.h"

static int by_n(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

struct told *told_find(const struct entry *e, uint32_t n)
{
    return e->n_told ? bsearch(&n, e->told, e->n_told, sizeof *e->told, by_n) : NULL;
}

struct owed *owed_find(const struct entry *e, uint32_t n)
{
    return e->n_owed ? bsearch(&n, e->owed, e->n_owed, sizeof *e->owed, by_n) : NULL;
}

struct told *told_next(const struct entry *e, size_t *at, uint32_t n)
{
    assert(*at == 0 || e->told[*at - 1].n < n);
    while (*at < e->n_told && e->told[*at].n < n)
        ++*at;
    return *at < e->n_told && e->told[*at].n == n ? &e->told[*at] : NULL;
}

struct owed *owed_next(const struct entry *e, size_t *at, uint32_t n)
{
    assert(*at == 0 || e->owed[*at - 1].n < n);
    while (*at < e->n_owed && e->owed[*at].n < n)
        ++*at;
    return *at < e->n_owed && e->owed[*at].n == n ? &e->owed[*at] : NULL;
}

/* Where a number that is not in the list goes. */
static size_t place(const void *list, size_t count, size_t size, uint32_t n)
{
    size_t i = count;

    while (i > 0 && *(const uint32_t *)((const char *)list + (i - 1) * size) > n)
        i--;
    return i;
}

/* Its own row comes before those of its alerts: they are nothing without it. */
static void begins(struct entry *e)
{
    e->dirty = e->dirty || e->n_told + e->n_owed == 0;
}

int told_put(struct entry *e, const struct told *t)
{
    struct told *old = told_find(e, t->n);
    size_t i;

    if (old) {
        *old = *t;
        ledger_touch_row(e, t->n);
        return 0;
    }
    begins(e);
    if (mem_grow((void **)&e->told, &e->cap_told, e->n_told + 1, sizeof *e->told))
        return -1;
    i = place(e->told, e->n_told, sizeof *e->told, t->n);
    memmove(e->told + i + 1, e->told + i, (e->n_told - i) * sizeof *e->told);
    e->told[i] = *t;
    e->n_told++;
    assert(i == 0 || e->told[i - 1].n < t->n);
    assert(i + 1 == e->n_told || t->n < e->told[i + 1].n);
    ledger_touch_row(e, t->n);
    return 0;
}

void told_remove(struct entry *e, uint32_t n)
{
    struct told *t = told_find(e, n);

    if (!t)
        return;
    e->n_told--;
    memmove(t, t + 1, (size_t)(e->told + e->n_told - t) * sizeof *t);
    ledger_touch_row(e, n);
}

int owed_put(struct entry *e, uint32_t n, int64_t due_ms)
{
    size_t i;

    if (owed_find(e, n))
        return 0;
    begins(e);
    if (mem_grow((void **)&e->owed, &e->cap_owed, e->n_owed + 1, sizeof *e->owed))
        return -1;
    i = place(e->owed, e->n_owed, sizeof *e->owed, n);
    memmove(e->owed + i + 1, e->owed + i, (e->n_owed - i) * sizeof *e->owed);
    e->owed[i] = (struct owed){.n = n, .due_ms = due_ms};
    e->n_owed++;
    assert(i == 0 || e->owed[i - 1].n < n);
    assert(i + 1 == e->n_owed || n < e->owed[i + 1].n);
    ledger_touch_row(e, n);
    return 0;
}

void owed_remove(struct entry *e, uint32_t n)
{
    struct owed *o = owed_find(e, n);

    if (!o)
        return;
    e->n_owed--;
    memmove(o, o + 1, (size_t)(e->owed + e->n_owed - o) * sizeof *o);
    ledger_touch_row(e, n);
}

void owed_may_be_told(struct entry *e, uint32_t n)
{
    struct owed *o = owed_find(e, n);

    assert(o);
    o->maybe = true;
    ledger_touch_row(e, n);
}

void told_may_be_ended(struct entry *e, uint32_t n)
{
    struct told *t = told_find(e, n);

    assert(t);
    t->maybe_ended = true;
    ledger_touch_row(e, n);
}

/* --- whole messages ---------------------------------------------------------------------------------- */

/* Room for `more`, which are then put in from the back, the largest first: nothing is moved twice. */
static int owed_open(struct entry *e, size_t more)
{
    if (more == 0)
        return 0;
    begins(e);
    return mem_grow((void **)&e->owed, &e->cap_owed, e->n_owed + more, sizeof *e->owed);
}

/* `left`: how many of the list have not found their place yet, `to`: how many places there are. */
static void owed_fill(struct entry *e, size_t *left, size_t *to, uint32_t n, int64_t due_ms)
{
    while (*left > 0 && e->owed[*left - 1].n > n)
        e->owed[--*to] = e->owed[--*left];
    e->owed[--*to] = (struct owed){.n = n, .due_ms = due_ms};
    assert(*to >= *left);
    assert(*to + 1 == e->n_owed || n < e->owed[*to + 1].n);
}

int owed_put_new(struct entry *e, const struct item *items, size_t n_items, int64_t due_ms)
{
    size_t more = 0, at = 0, left = e->n_owed, to;

    for (size_t i = 0; i < n_items; i++)
        more += items[i].kind == ITEM_NEW && !owed_next(e, &at, items[i].m->n);
    if (owed_open(e, more))
        return -1;
    to = e->n_owed += more;
    for (size_t i = n_items; i-- > 0 && to > left;) {
        uint32_t n = items[i].m->n;
        if (items[i].kind != ITEM_NEW)
            continue;
        while (left > 0 && e->owed[left - 1].n > n)
            e->owed[--to] = e->owed[--left];
        if (left > 0 && e->owed[left - 1].n == n)
            continue;
        owed_fill(e, &left, &to, n, due_ms);
        ledger_touch_row(e, n);
    }
    assert(to == left);
    return 0;
}

int owed_put_of(struct entry *e, const struct entry *from, int64_t due_ms)
{
    size_t more = 0, at = 0, told = 0, left = e->n_owed, to;

    for (size_t i = 0; i < from->n_owed; i++)
        more += !told_next(e, &told, from->owed[i].n) && !owed_next(e, &at, from->owed[i].n);
    if (owed_open(e, more))
        return -1;
    to = e->n_owed += more;
    for (size_t i = from->n_owed; i-- > 0 && to > left;) {
        uint32_t n = from->owed[i].n;
        if (told_find(e, n))
            continue;
        while (left > 0 && e->owed[left - 1].n > n)
            e->owed[--to] = e->owed[--left];
        if (left > 0 && e->owed[left - 1].n == n)
            continue;
        owed_fill(e, &left, &to, n, due_ms);
        ledger_touch_row(e, n);
    }
    assert(to == left);
    return 0;
}

/* What is not told any more, and what is not owed. */
static void leave_out(struct entry *e, const struct item_told *items, size_t n_items)
{
    size_t kept = 0, k = 0;

    for (size_t i = 0; i < e->n_told; i++) {
        while (k < n_items && items[k].n < e->told[i].n)
            k++;
        if (k < n_items && items[k].n == e->told[i].n && items[k].kind >= ITEM_RESOLVED)
            ledger_touch_row(e, items[k].n);
        else
            e->told[kept++] = e->told[i];
    }
    e->n_told = kept;
    kept = k = 0;
    for (size_t i = 0; i < e->n_owed; i++) {
        while (k < n_items && items[k].n < e->owed[i].n)
            k++;
        if (k < n_items && items[k].n == e->owed[i].n)
            ledger_touch_row(e, items[k].n);
        else
            e->owed[kept++] = e->owed[i];
    }
    e->n_owed = kept;
}

/* A message shows again what is as it was: nothing is to be noted of that. */
static bool is_known(const struct entry *e, const struct item_told *it, const struct told *t)
{
    const struct member *m;

    if (it->kind != ITEM_STILL || t->maybe_ended || t->priority != it->priority ||
        t->starts_ms != it->starts_ms)
        return false;
    m = incident_member(e->incident, it->n);
    return m && m->freed_ms <= t->told_ms;
}

int told_delivered(struct entry *e, const struct item_told *items, size_t n_items, int64_t told_ms)
{
    size_t more = 0, at = 0, left, to;

    assert(n_items < 2 || items[0].n < items[n_items - 1].n);
    leave_out(e, items, n_items);
    for (size_t i = 0; i < n_items; i++)
        more += items[i].kind < ITEM_RESOLVED && !told_next(e, &at, items[i].n);
    left = e->n_told;
    begins(e);
    if (more > 0 && mem_grow((void **)&e->told, &e->cap_told, left + more, sizeof *e->told))
        more = 0; /* what it knows already is noted nevertheless */
    to = e->n_told += more;
    for (size_t i = n_items; i-- > 0;) {
        const struct item_told *it = &items[i];
        struct told t = {it->n, it->priority, it->starts_ms, told_ms, false};
        if (it->kind >= ITEM_RESOLVED)
            continue;
        while (left > 0 && e->told[left - 1].n > it->n)
            e->told[--to] = e->told[--left];
        if (left > 0 && e->told[left - 1].n == it->n) {
            if (is_known(e, it, &e->told[left - 1]))
                continue;
            e->told[left - 1] = t;
        } else if (to == left) {
            return -1;
        } else {
            e->told[--to] = t;
        }
        ledger_touch_row(e, it->n);
    }
    assert(to == left);
    return 0;
}
