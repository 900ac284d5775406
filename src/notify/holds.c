/* What holds messages of a member back, as far as its incident is concerned: since when, by what, and when
 * it is free again. What holds an alert is the business of another room (tocsin/hold.h). */
#include "notify/holds.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notify_impl.h"

static int hold_now(struct notify *n, const struct member *m, int64_t at_ms, struct hold *out)
{
    struct inhibition inhibition;

    struct hold_subject a = {.labels = m->labels,
                             .n_labels = m->n_labels,
                             .priority = m->priority,
                             .suppressed = m->suppressed};

    if (holds_find(n->holds, &a, at_ms, out))
        return -1;
    if (out->kind != HOLD_NONE)
        return 0;
    inhibits_find(n->inhibits, m->key, at_ms, &inhibition);
    if (inhibition.rule)
        *out = (struct hold){HOLD_INHIBIT, inhibition.rule->name, inhibition.until_ms, NULL};
    return 0;
}

/* By whom, as far as a member remembers it: the name of a rule of inhibition may be longer. */
static void held_by(const struct hold *f, char out[UUID_LEN + 1])
{
    size_t len = text_utf8_cut(f->by, strlen(f->by), UUID_LEN);

    memset(out, 0, UUID_LEN + 1);
    memcpy(out, f->by, len);
}

/* True when the hold ended because the alert rose above what the silence covers: no news of the
 * silence, then. */
static bool broke_through(const struct notify *n, const struct member *m, int64_t at_ms)
{
    const struct silence *s = m->hold == HOLD_SILENCE ? holds_silence(n->holds, m->held_by) : NULL;

    return s && silence_state(s, at_ms) == SILENCE_ACTIVE && s->priority != 0 &&
           m->priority < s->priority;
}

static const char *inhibit_name(const struct member *m, char out[64])
{
    snprintf(out, 64, "%s %s", hold_names[HOLD_INHIBIT], m->held_by);
    return out;
}

static void released(const struct notify *n, struct member *m, int64_t at_ms)
{
    char name[64];

    if (m->hold != HOLD_NONE && !broke_through(n, m, at_ms)) {
        m->freed_ms = at_ms;
        if (m->hold == HOLD_SILENCE)
            memcpy(m->freed_by, m->held_by, sizeof m->freed_by);
        else
            held_by(&(struct hold){.by = m->hold == HOLD_INHIBIT ? inhibit_name(m, name)
                                                                 : hold_names[m->hold]},
                    m->freed_by);
    }
    if (m->hold != HOLD_NONE || m->visible_ms == 0) {
        m->visible_ms = at_ms;
        member_touch(m);
    }
}

void hold_update(struct notify *n, struct member *m, int64_t at_ms)
{
    char by[sizeof m->held_by];
    struct hold f;

    if (!m->firing || hold_is_known(n, m)) /* what held it at its end is part of its record */
        return;
    m->hold_known = false;
    if (hold_now(n, m, at_ms, &f)) {
        m->incident->incomplete = true;
        return;
    }
    m->hold_known = true;
    m->hold_version = n->spread.version;
    held_by(&f, by);
    if (f.kind != m->hold || strcmp(by, m->held_by) != 0)
        member_touch(m);
    if (f.kind == HOLD_NONE) {
        released(n, m, at_ms);
        m->held_ms = 0;
    } else {
        if (m->hold == HOLD_NONE)
            m->held_ms = at_ms;
        if (f.silence && strcmp(by, m->held_by) != 0)
            holds_muted(f.silence);
        m->visible_ms = 0;
    }
    memcpy(m->held_by, by, sizeof by);
    m->hold = f.kind;
    assert(m->hold != HOLD_NONE || m->held_ms == 0);
    assert(m->hold == HOLD_NONE || m->visible_ms == 0);
}

bool holds_refresh(struct notify *n, struct incident *inc, int64_t at_ms)
{
    bool known = true;

    for (size_t i = 0; i < inc->n_members; i++) {
        hold_update(n, inc->members[i], at_ms);
        known = known && (!inc->members[i]->firing || inc->members[i]->hold_known);
    }
    return known;
}
