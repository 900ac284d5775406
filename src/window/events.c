/* Log events into windows. An event has no series: the log leaves that may look at it are found by
 * a field that they fix (model/matcher_index.h), and look through their matchers, each distinct one
 * of which is tested once per event at most. Remembering the leaves of equal events was dropped:
 * texts and numbers make nearly every event a new one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/event_group.h"
#include "window/kind.h"
#include "window/quantile.h"
#include "window/windows.h"

#define NUMBER_LEN 64 /* of a field that is read as a number */

/* A place among the matchers, as a value of a map. */
#define PLACE(at)       ((void *)(uintptr_t)((at) + 1u))
#define PLACE_OF(place) ((uint32_t)((uintptr_t)(place)-1))

/* --- leaves --- */

static uint32_t free_place(struct windows *w)
{
    uint32_t at = w->free_log_matcher;

    while (at < w->n_log_matchers && w->log_matchers[at].m)
        at++;
    w->free_log_matcher = at;
    return at;
}

static uint32_t matcher_add(struct windows *w, struct matcher *m, struct buf *text)
{
    uint32_t at = free_place(w);
    struct log_matcher *place;

    if (mem_grow((void **)&w->log_matchers, &w->cap_log_matchers, at + 1u,
                 sizeof *w->log_matchers) != 0)
        return UINT32_MAX;
    place = &w->log_matchers[at];
    *place = (struct log_matcher){.text = buf_take(text, NULL), .name = matcher_name(m)};
    if (!place->text || map_puts(w->by_matcher, place->text, PLACE(at), NULL) != 0) {
        mem_free(place->text);
        place->text = NULL;
        return UINT32_MAX;
    }
    place->m = matcher_ref(m);
    place->name_len = strlen(place->name);
    if (at == w->n_log_matchers)
        w->n_log_matchers++;
    return at;
}

static uint32_t matcher_use(struct windows *w, struct matcher *m)
{
    struct buf text = BUF_INIT;
    uint32_t at = UINT32_MAX;

    matcher_text(m, &text);
    if (buf_ok(&text)) {
        const void *place = map_gets(w->by_matcher, buf_str(&text));

        at = place ? PLACE_OF(place) : matcher_add(w, m, &text);
    }
    buf_free(&text);
    if (at != UINT32_MAX)
        w->log_matchers[at].users++;
    return at;
}

static void matcher_release(struct windows *w, uint32_t at)
{
    struct log_matcher *m = &w->log_matchers[at];

    if (--m->users > 0)
        return;
    (void)map_removes(w->by_matcher, m->text);
    matcher_unref(m->m);
    mem_free(m->text);
    *m = (struct log_matcher){0};
    if (at < w->free_log_matcher)
        w->free_log_matcher = at;
}

int events_bind(struct windows *w, struct leaf *l)
{
    size_t n = l->spec->n_matchers, at = 0;

    l->log_matchers = mem_zalloc(n * sizeof *l->log_matchers);
    if (!l->log_matchers)
        return -1;
    for (; at < n; at++) {
        l->log_matchers[at] = matcher_use(w, l->spec->matchers[at]);
        if (l->log_matchers[at] == UINT32_MAX)
            break;
    }
    if (at == n && matcher_index_add(w->log_leaves, l->spec->matchers, n, l->id) == 0)
        return 0;
    while (at > 0)
        matcher_release(w, l->log_matchers[--at]);
    return -1;
}

void events_unbind(struct windows *w, struct leaf *l)
{
    for (size_t i = 0; i < l->spec->n_matchers; i++)
        matcher_release(w, l->log_matchers[i]);
    matcher_index_remove(w->log_leaves, l->spec->matchers, l->spec->n_matchers, l->id);
}

/* --- events --- */

static bool test(struct windows *w, uint32_t at, const struct logevent *e)
{
    struct log_matcher *m = &w->log_matchers[at];
    const struct label *f;
    bool matches;

    if (m->mark / 2 == w->event_mark)
        return m->mark & 1;
    f = logevent_field(e, m->name, m->name_len);
    matches = f ? matcher_test(m->m, f->value, f->value_len) : matcher_matches_empty(m->m);
    m->mark = w->event_mark * 2 + matches;
    return matches;
}

static bool looks_at(struct windows *w, const struct leaf *l, const struct logevent *e)
{
    for (size_t i = 0; i < l->spec->n_matchers; i++)
        if (!test(w, l->log_matchers[i], e))
            return false;
    return true;
}

/* The field as a number, all of it. */
static bool field_number(const struct logevent *e, const char *name, double *v)
{
    const struct label *f = logevent_field(e, name, strlen(name));
    char text[NUMBER_LEN], *end;

    if (!f || f->value_len == 0 || f->value_len >= sizeof text)
        return false;
    memcpy(text, f->value, f->value_len);
    text[f->value_len] = 0;
    *v = strtod(text, &end);
    return end == text + f->value_len && isfinite(*v);
}

/* A group is found by the event's own values where these hold no secret, so that only what is new, or
 * holds one, is searched for secrets. */
static uint32_t group_of(struct windows *w, struct leaf *l, const struct logevent *e)
{
    struct label labels[LABELS_MAX];
    size_t n = event_group(l->spec, e, labels);
    labelset set = labelsets_find(w->labels, labels, n);
    uint32_t slot = set == LABELSET_NONE ? SLOT_NONE : leaf_group_find(l, set);
    struct buf room = BUF_INIT;

    if (slot != SLOT_NONE)
        return slot;
    set = event_group_redact(w->redact, labels, n, &room) ? labelsets_intern(w->labels, labels, n)
                                                          : LABELSET_NONE;
    buf_free(&room);
    if (set != LABELSET_NONE)
        return leaf_group_take(w, l, set, SERIES_NONE);
    w->stats.refused_groups++;
    return SLOT_NONE;
}

enum taken { NOT_ASKED, TOO_LATE, COUNTED };

static enum taken add_event(struct windows *w, struct leaf *l, const struct logevent *e,
                            int64_t wall_ms, struct step *x)
{
    uint32_t slot;
    struct slot *s;

    x->v = 1;
    if (l->asleep || !looks_at(w, l, e) ||
        (l->spec->field && !field_number(e, l->spec->field, &x->v)))
        return NOT_ASKED;
    if (l->spec->window_ms > 0 &&
        w->now_ms + w->stepped_ms - wall_ms >= l->spec->window_ms + l->spec->offset_ms)
        return TOO_LATE;
    step_into(l, wall_ms, x);
    slot = group_of(w, l, e);
    if (slot == SLOT_NONE)
        return NOT_ASKED; /* refused, and counted as that */
    s = leaf_slot(l, slot);
    if (!l->kind->add(w, l, s, x, ROW_NONE)) {
        if (s->flags & SLOT_HIDDEN)
            leaf_group_forget(w, l, slot);
        return TOO_LATE;
    }
    if (s->flags & SLOT_HIDDEN)
        leaf_group_show(w, l, slot);
    leaf_touch(w, l, slot, s);
    return COUNTED;
}

static void next_mark(struct windows *w)
{
    if (++w->event_mark < INT32_MAX)
        return;
    w->event_mark = 1;
    for (size_t i = 0; i < w->n_log_matchers; i++)
        w->log_matchers[i].mark = 0;
}

void events_apply(struct windows *w, const struct logevent *events, size_t n)
{
    struct matcher_candidates *c = &w->candidates;

    for (size_t i = 0; i < n; i++) {
        int64_t t_ms = windows_clamp(w, &w->log_clock, events[i].t_ms);
        int64_t wall_ms = (t_ms < w->now_ms ? t_ms : w->now_ms) + w->stepped_ms;
        struct step x = {.t_ms = wall_ms,
                         .second = second_of(wall_ms),
                         .flags = STEP_VALUE | STEP_DELTA | STEP_INC,
                         .inc = 1,
                         .weight = 1};

        enum taken best = NOT_ASKED;

        if (t_ms == 0)
            continue;
        next_mark(w);
        if (matcher_index_find(w->log_leaves, events[i].fields, events[i].n_fields, c) != 0) {
            w->stats.refused_groups++;
            continue;
        }
        for (size_t k = 0; k < c->n; k++) {
            enum taken taken = add_event(w, w->leaves[c->ids[k]], &events[i], wall_ms, &x);

            best = taken > best ? taken : best;
        }
        w->stats.late += best == TOO_LATE;
    }
}
