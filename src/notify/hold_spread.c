/* A silence may concern all alerts that fire, and looking at 100,000 of them takes longer than a turn of the
 * loop may. So a change is noted at once and carried over in slices. Until it is, a member's hold is taken for
 * unknown unless it was found after the change: whoever is about to tell of the member (a review, a claim)
 * finds it anew, by the index of silences. So the slices decide when incidents are looked at without being
 * asked, never what is told. Nothing of it is in Redis: the silence is, and a start looks at everybody. A
 * silence that has ended concerns those it held, which is compared without its matchers. Dropped: a list of what
 * each silence holds, kept right for years for the moment of its end. */
#include "notify/hold_spread.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/slice.h"

bool hold_is_known(const struct notify *n, const struct member *m)
{
    assert(n->spread.done <= n->spread.version && m->hold_version <= n->spread.version);
    return m->hold_known &&
           (n->spread.done == n->spread.version || m->hold_version == n->spread.version);
}

void hold_spread_wait(struct notify *n)
{
    n->spread.version++;
}

static void stop_walking(struct hold_spread *x)
{
    alert_walk_end(&x->walk);
    x->walking = false;
}

static void look_at_everybody(struct hold_spread *x)
{
    stop_walking(x);
    x->everybody = true;
    x->n = x->at = 0;
}

void hold_spread_add(struct notify *n, const struct silence *s)
{
    struct hold_spread *x = &n->spread;

    x->version++;
    if (x->n > x->at + x->walking && x->list[x->n - 1] == s)
        return; /* it waits already */
    if (!x->everybody &&
        mem_grow((void **)&x->list, &x->cap, x->n + 1, sizeof(struct silence *)) == 0) {
        x->list[x->n++] = s;
        return;
    }
    look_at_everybody(x);
}

void hold_spread_forget(struct notify *n, const struct silence *s)
{
    struct hold_spread *x = &n->spread;

    for (size_t i = x->at; i < x->n; i++) {
        if (x->list[i] != s)
            continue;
        look_at_everybody(x);
        return;
    }
}

static bool concerns(const struct silence *s, const struct member *m, int64_t at_ms)
{
    if (!s)
        return true;
    if (silence_state(s, at_ms) == SILENCE_EXPIRED)
        return m->hold == HOLD_SILENCE && strcmp(m->held_by, s->short_id) == 0;
    return silence_matches(s, m->labels, m->n_labels, m->priority);
}

/* One silence, or NULL: everybody. False: the slice is over. */
static bool carry_over(struct notify *n, const struct silence *s, struct slice *slice)
{
    struct hold_spread *x = &n->spread;
    int64_t at_ms = notify_now(n);
    struct member *m;

    if (!x->walking)
        alert_walk_begin(&x->walk, n->firing, s ? s->matchers : NULL, s ? s->n_matchers : 0);
    x->walking = true;
    while (!slice_over(slice)) {
        if (!(m = alert_walk_next(&x->walk))) {
            stop_walking(x);
            return true;
        }
        if (m->hold_version == x->version || !concerns(s, m, at_ms))
            continue;
        m->hold_known = false;
        incident_mark(n, m->incident);
    }
    return false;
}

bool hold_spread_step(struct notify *n, bool told, struct slice *slice)
{
    struct hold_spread *x = &n->spread;

    if (x->everybody && !carry_over(n, NULL, slice))
        return false;
    x->everybody = false;
    while (x->at < x->n) {
        if (!carry_over(n, x->list[x->at], slice))
            return false;
        x->at++;
    }
    x->n = x->at = 0;
    if (told)
        x->done = x->version;
    return true;
}

void hold_spread_free(struct notify *n)
{
    alert_walk_end(&n->spread.walk);
    mem_free(n->spread.list);
    n->spread = (struct hold_spread){0};
}
