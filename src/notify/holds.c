/* What holds messages back. Each hook is asked in turn; the first that holds is the reason.
 * Calendars, inhibition and escalation are further hooks of this table. */
#include "notify/impl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const char *const hold_names[] = {"", "unless", "silence"};

/* What a hook found. */
struct finding {
    enum hold hold;
    struct silence *by;
};

/* Each returns -1 without memory. */
static int hold_unless(struct notify *n, const struct member *m, int64_t at_ms, struct finding *f)
{
    (void)n, (void)at_ms;
    if (m->suppressed)
        f->hold = HOLD_UNLESS;
    return 0;
}

static int hold_silence(struct notify *n, const struct member *m, int64_t at_ms, struct finding *f)
{
    struct silence_record *const *list;
    size_t count;

    if (silence_index_find(n->silence_index, m->labels, m->n_labels, m->priority, &list, &count))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (silence_holds(&list[i]->s, m, at_ms)) {
            *f = (struct finding){HOLD_SILENCE, &list[i]->s};
            break;
        }
    return 0;
}

static int (*const hooks[])(struct notify *n, const struct member *m, int64_t at_ms,
                            struct finding *f) = {hold_unless, hold_silence};

static int hold_now(struct notify *n, const struct member *m, int64_t at_ms, struct finding *f)
{
    *f = (struct finding){HOLD_NONE, NULL};
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks && f->hold == HOLD_NONE; i++)
        if (hooks[i](n, m, at_ms, f))
            return -1;
    assert((f->hold == HOLD_SILENCE) == (f->by != NULL));
    return 0;
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
    struct finding f;
    const char *by;

    if (m->hold_known || !m->firing) /* what held it at its end is part of its record */
        return;
    if (hold_now(n, m, at_ms, &f)) {
        m->incident->incomplete = true;
        return;
    }
    m->hold_known = true;
    by = f.by ? f.by->short_id : "";
    if (f.hold != m->hold || strcmp(by, m->held_by) != 0)
        m->incident->dirty = true;
    if (f.hold == HOLD_NONE) {
        released(n, m, at_ms);
        m->held_ms = 0;
    } else {
        if (m->hold == HOLD_NONE)
            m->held_ms = at_ms;
        if (f.by && strcmp(by, m->held_by) != 0)
            f.by->muted++;
        m->visible_ms = 0;
    }
    snprintf(m->held_by, sizeof m->held_by, "%s", by);
    m->hold = f.hold;
    assert(m->hold != HOLD_NONE || m->held_ms == 0);
    assert(m->hold == HOLD_NONE || m->visible_ms == 0);
}

void holds_look_again(struct notify *n, const struct silence *s)
{
    for (size_t i = 0; i < n->n_open; i++) {
        struct incident *inc = n->open[i];

        for (size_t k = 0; k < inc->n_members; k++) {
            struct member *m = inc->members[k];

            if (!m->firing || !silence_matches(s, m->labels, m->n_labels, m->priority))
                continue;
            m->hold_known = false;
            incident_mark(n, inc);
        }
    }
}
