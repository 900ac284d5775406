/* What holds messages back. Each hook is asked in turn; the first that holds is the reason.
 * Calendars, inhibition and escalation are further hooks of this table. */
#include "notify/impl.h"

#include <stdio.h>
#include <string.h>

const char *const hold_names[] = {"", "unless", "silence"};

static enum hold hold_unless(const struct notify *n, const struct member *m, int64_t at_ms,
                             const struct silence **by)
{
    (void)n, (void)at_ms, (void)by;
    return m->suppressed ? HOLD_UNLESS : HOLD_NONE;
}

static enum hold hold_silence(const struct notify *n, const struct member *m, int64_t at_ms,
                              const struct silence **by)
{
    for (size_t i = 0; i < n->n_silences; i++)
        if (silence_holds(&n->silences[i]->s, m, at_ms)) {
            *by = &n->silences[i]->s;
            return HOLD_SILENCE;
        }
    return HOLD_NONE;
}

static enum hold (*const hooks[])(const struct notify *n, const struct member *m, int64_t at_ms,
                                  const struct silence **by) = {hold_unless, hold_silence};

enum hold hold_now(const struct notify *n, const struct member *m, int64_t at_ms,
                   const struct silence **by)
{
    *by = NULL;
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        enum hold h = hooks[i](n, m, at_ms, by);
        if (h != HOLD_NONE)
            return h;
    }
    return HOLD_NONE;
}

/* True when the hold ended because the alert rose above what the silence covers: no news of the
 * silence, then. */
static bool broke_through(const struct notify *n, const struct member *m, int64_t at_ms)
{
    struct silence_record *r = m->hold == HOLD_SILENCE ? silence_by_id(n, m->held_by) : NULL;

    return r && silence_state(&r->s, at_ms) == SILENCE_ACTIVE && r->s.priority != 0 &&
           m->priority < r->s.priority;
}

static void released(const struct notify *n, struct member *m, int64_t at_ms)
{
    if (m->hold != HOLD_NONE && !broke_through(n, m, at_ms)) {
        m->freed_ms = at_ms;
        snprintf(m->freed_by, sizeof m->freed_by, "%s",
                 m->hold == HOLD_SILENCE ? m->held_by : hold_names[m->hold]);
    }
    if (m->hold != HOLD_NONE || m->visible_ms == 0)
        m->visible_ms = at_ms;
}

void hold_update(struct notify *n, struct member *m, int64_t at_ms)
{
    const struct silence *by;
    enum hold h;

    if (m->epoch == n->epoch || !m->firing) /* what held it at its end is part of its record */
        return;
    m->epoch = n->epoch;
    h = hold_now(n, m, at_ms, &by);
    if (h == HOLD_NONE)
        released(n, m, at_ms);
    if (h != HOLD_NONE) {
        if (m->hold == HOLD_NONE)
            m->held_ms = at_ms;
        if (by && strcmp(by->short_id, m->held_by) != 0)
            ((struct silence *)by)->muted++;
        snprintf(m->held_by, sizeof m->held_by, "%s", by ? by->short_id : "");
        m->visible_ms = 0;
    } else {
        m->held_ms = 0;
        m->held_by[0] = '\0';
    }
    if (h != m->hold || h != HOLD_NONE)
        m->incident->dirty = true;
    m->hold = h;
}
