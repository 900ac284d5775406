/* Figures of notify, for /metrics, status and pages.
 *
 * What only grows is counted where it happens. What there is now is counted by a walk over open incidents, which cannot be
 * wrong for long, where counts kept by every change could be for ever. Up to COUNTED_AT_ONCE alerts that is done when
 * somebody asks. Beyond, it would hold the loop for longer than a slice: a walk in slices begins with the question, and
 * the answer is what the last whole one found, some turns ago. Only the first question of all waits for no walk and is
 * answered by a whole one. An incident that is listed elsewhere meanwhile may be missed or counted twice by it. */
#include "notify/stats.h"

#include <assert.h>
#include <limits.h>

#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"

#define COUNTED_AT_ONCE 20000 /* alerts: some 5 ms where each has an incident of its own */

static void count_entries(const struct incident *inc, struct notify_stats *s)
{
    for (size_t i = 0; i < inc->n_entries; i++) {
        const struct entry *e = inc->entries[i];

        s->entries++;
        s->due += e->state == ENTRY_DUE;
        s->claimed += e->state == ENTRY_CLAIMED;
        s->retrying += e->state == ENTRY_RETRYING;
        s->dead += e->state == ENTRY_DEAD;
        s->fallback += e->fell_back;
        if (e->since_ms == 0 || e->state == ENTRY_DEAD)
            continue;
        if (s->oldest_due_ms == 0 || e->since_ms < s->oldest_due_ms)
            s->oldest_due_ms = e->since_ms;
    }
}

static size_t count_incident(const struct incident *inc, struct notify_stats *s)
{
    s->incidents_open += inc->ended_ms == 0;
    s->alerts += inc->n_members;
    for (size_t k = 0; k < inc->n_members; k++) {
        s->firing += inc->members[k]->firing;
        s->held += inc->members[k]->firing && inc->members[k]->hold != HOLD_NONE;
    }
    count_entries(inc, s);
    return 1 + inc->n_members;
}

/* Open incidents from `at` on, then kept ones (10,000 at most unless configured, few of which have entries); an
 * incident is one step, of MEMBERS_MAX alerts five times at most. True: all are counted. */
static bool count_on(const struct notify *n, size_t *at, size_t budget, struct notify_stats *s)
{
    size_t spent = 0;

    for (; *at < n->n_open && spent < budget; (*at)++)
        spent += count_incident(n->open[*at], s);
    for (; *at >= n->n_open && *at - n->n_open < n->n_kept && spent < budget; (*at)++) {
        count_entries(n->kept[*at - n->n_open], s);
        spent++;
    }
    return *at >= n->n_open + n->n_kept;
}

static void count_silences(const struct notify *n, struct notify_stats *s)
{
    int64_t at_ms = notify_now(n);

    for (size_t i = 0; i < holds_count(n->holds); i++) { /* max_silences, below a millisecond */
        enum silence_state state = silence_state(holds_at(n->holds, i), at_ms);

        s->silences_pending += state == SILENCE_PENDING;
        s->silences_active += state == SILENCE_ACTIVE;
        s->silences_expired += state == SILENCE_EXPIRED;
    }
}

void stats_slice(void *arg)
{
    struct notify *n = arg;
    struct stats_walk *w = &n->counted;

    assert(w->runs);
    if (!count_on(n, &w->at, COUNTED_AT_ONCE, &w->sum)) {
        timer_in(w->timer, 0);
        return;
    }
    w->last = w->sum;
    w->known = true;
    w->runs = false;
}

static void begin_walk(struct notify *n)
{
    struct stats_walk *w = &n->counted;

    if (w->runs)
        return;
    w->sum = (struct notify_stats){0};
    w->at = 0;
    w->runs = true;
    timer_in(w->timer, 0);
}

void notify_stats(struct notify *n, struct notify_stats *out)
{
    struct stats_walk *w = &n->counted;
    bool in_slices = w->timer && map_count(n->members) > COUNTED_AT_ONCE;
    struct notify_stats now = {0};
    size_t at = 0;

    if (in_slices)
        begin_walk(n);
    if (in_slices && w->known)
        now = w->last;
    else if (!count_on(n, &at, SIZE_MAX, &now))
        assert(0 && "without a budget it ends");
    count_silences(n, &now);
    now.incidents_kept = n->n_kept;
    now.delivered = n->stats.delivered;
    now.failed = n->stats.failed;
    now.unknown = n->stats.unknown;
    now.expired = n->stats.expired;
    now.missed = n->stats.missed;
    now.overflow = n->stats.overflow;
    *out = now;
    assert(out->held <= out->firing && out->firing <= out->alerts);
}
