/* A cut into windows.
 * The bytes may be anything: whatever is not plain is refused, and what was taken before stays usable.
 * Groups over the bounds are counted and left out, as live ones are: a cut of a machine with more memory
 * must not stop a start. Leaves are known by their text; one that no rule asks for any more is passed over,
 * one that the cut lacks begins empty and knows since when. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "window/cut.h"
#include "window/kind.h"
#include "window/windows.h"

static int damaged(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "the cut is damaged: %s", what);
}

static bool is_time(int64_t t_ms)
{
    return t_ms >= 0 && t_ms <= TIME_MAX_MS;
}

/* False: no such source can be. A time that is not known is 0. */
static bool read_source(struct cursor *c, struct source *s)
{
    uint64_t heard = cursor_varint(c);
    int64_t behind = cursor_zigzag(c);
    uint64_t first = cursor_varint(c);
    int64_t second = cursor_zigzag(c), round = cursor_zigzag(c);
    uint64_t usual = cursor_varint(c), started = cursor_varint(c), fell = cursor_varint(c);
    uint64_t held_moved = cursor_varint(c);

    if (c->failed || heard > TIME_MAX_MS || behind > TIME_MAX_MS || behind < -TIME_MAX_MS ||
        first > TIME_MAX_MS || second > TIME_MAX_MS || second < -TIME_MAX_MS ||
        round > TIME_MAX_MS || round < 0 || usual > UINT32_MAX || started > UINT32_MAX ||
        fell > 0x7fff || held_moved > UINT16_MAX)
        return false;
    *s = (struct source){.first_ms = (int64_t)first,
                         .second_ms = (int64_t)first + second,
                         .round_ms = (int64_t)first + round,
                         .usual_ms = (uint32_t)usual,
                         .started_s = (uint32_t)started,
                         .fell = fell & 0x7fff,
                         .held = held_moved >> 1 & 0x7fff,
                         .moved = held_moved & 1,
                         .clock = {.heard_ms = (int64_t)heard, .to_own_ms = behind}};
    return is_time(s->second_ms) && is_time(s->round_ms) && s->second_ms <= s->round_ms;
}

static int decode_sources(struct windows *w, struct cursor *c, struct err *e)
{
    while (cursor_left(c) > 0) {
        uint64_t id = cursor_varint(c);
        struct source s, *into;
        const struct series *series;

        if (!read_source(c, &s) || id >= SERIES_NONE)
            return damaged(e, "a source");
        series = series_get(w->series, (uint32_t)id);
        if (!series)
            continue;
        into = source_at(w, series->source);
        if (!into)
            return err_set(e, ERR_MEMORY, "no memory for the sources of a cut");
        *into = s;
        if (s.clock.to_own_ms != 0 && s.clock.heard_ms > w->off_seen_ms)
            w->off_seen_ms = s.clock.heard_ms;
    }
    return 0;
}

/* --- series --- */

struct record {
    uint64_t id;
    int64_t minute, t_ms;
    uint8_t flags;
    double v;
    uint64_t old, steps;
    bool all_recent;
    uint32_t recent[RECENT];
};

#define N_INTERVALS(flags) ((flags) >> 3 & 15)

/* One code for all of them, or each. */
static void read_intervals(struct cursor *c, struct record *r)
{
    uint64_t x = cursor_varint(c);
    struct track t = {.steps = r->steps};

    if (x & 1) {
        track_all_intervals(&t, (uint32_t)(x >> 1 & 0x3ff));
        r->old = t.when >> 44;
        r->steps = t.steps;
        return;
    }
    r->old = x >> 1;
    r->steps = cursor_u64(c);
}

static bool read_record(struct cursor *c, struct record *r)
{
    r->id += cursor_varint(c);
    r->minute += cursor_zigzag(c);
    r->flags = cursor_u8(c);
    r->old = 0;
    r->steps = (uint64_t)N_INTERVALS(r->flags) << 60;
    if (c->failed || r->id >= SERIES_NONE || r->minute < 0 || r->minute > TIME_MAX_S / 60)
        return false;
    if (!(r->flags & CUT_TRACK))
        return r->flags == 0;
    r->v = number_decode(c);
    r->t_ms += cursor_zigzag(c);
    if (r->flags & CUT_INTERVALS)
        read_intervals(c, r);
    r->all_recent = r->flags & CUT_RECENT && cursor_u8(c) != 0;
    for (int i = 0; r->flags & CUT_RECENT && i < RECENT; i++)
        r->recent[i] = (uint32_t)r->t_ms - (uint32_t)cursor_varint(c);
    return !c->failed && isfinite(r->v) && is_time(r->t_ms) && N_INTERVALS(r->flags) <= 8 &&
           r->steps >> 60 == N_INTERVALS(r->flags) && r->old < UINT64_C(1) << 20;
}

static void restore_series(struct windows *w, const struct record *r)
{
    uint32_t id = (uint32_t)r->id, use;
    struct series *s = series_get(w->series, id);
    struct recent *recent;
    struct track *t;

    if (!s || use_of(w, id) != USE_NEVER)
        return;
    if (s->seen_min < r->minute)
        s->seen_min = (uint32_t)r->minute;
    use = bind_series(w, id, true);
    if (use < USE_TRACK || !(r->flags & CUT_TRACK))
        return;
    t = track_at(w, use);
    t->v = r->v;
    t->steps = r->steps;
    t->when = r->old << 44 | (r->flags & CUT_BASE_ONLY ? TRACK_BASE_ONLY : 0) | (uint64_t)r->t_ms;
    gone_restore_mark(w, use);
    recent = recent_at(w, use);
    if (!recent)
        return;
    recent_init(recent, t);
    if (!(r->flags & CUT_RECENT))
        return;
    memcpy(recent->t, r->recent, sizeof recent->t);
    t->when |= r->all_recent ? TRACK_ALL_RECENT : 0;
}

static int decode_lives(struct windows *w, struct cursor *c, struct err *e)
{
    while (cursor_left(c) > 0) {
        uint64_t id = cursor_varint(c), real = cursor_varint(c);
        int64_t ago_ms = cursor_zigzag(c);
        uint64_t mark = cursor_varint(c), usual = cursor_varint(c);
        const struct series *s;
        struct life *l;

        if (c->failed || id >= SERIES_NONE || real > TIME_MAX_MS || mark > TIME_MAX_MS ||
            usual > TIME_MAX_MS || ago_ms < 0 || ago_ms > (int64_t)real)
            return damaged(e, "the life of a source");
        s = series_get(w->series, (uint32_t)id);
        if (!s)
            continue;
        l = gone_life(w, s->source);
        if (!l)
            return err_set(e, ERR_MEMORY, "no memory for the sources of a cut");
        l->real_ms = (int64_t)real;
        l->resumed_ms = (int64_t)real - ago_ms;
        l->mark_ms = (int64_t)mark;
        l->usual_ms = (int64_t)usual;
    }
    return 0;
}

static int decode_gone(struct windows *w, struct cursor *c, struct err *e)
{
    for (uint64_t id = 0; cursor_left(c) > 0;) {
        uint32_t use;

        id += cursor_varint(c);
        if (c->failed || id >= SERIES_NONE)
            return damaged(e, "a series that is gone");
        use = use_of(w, (uint32_t)id);
        if (use >= USE_TRACK)
            gone_restore(w, use);
    }
    return 0;
}

static int decode_series(struct windows *w, struct cursor *c, struct err *e)
{
    struct record r = {0};

    while (cursor_left(c) > 0) {
        if (!read_record(c, &r))
            return damaged(e, "a series");
        restore_series(w, &r);
    }
    return 0;
}

/* --- leaves --- */

enum named { NAMED, NAMED_NOTHING, NAMED_BADLY };

static enum named labels_by_text(struct windows *w, struct cursor *c, labelset *out)
{
    struct label labels[LABELS_MAX] = {{0}};
    uint64_t n = cursor_varint(c);

    if (c->failed || n > LABELS_MAX)
        return NAMED_BADLY;
    for (uint64_t i = 0; i < n; i++) {
        size_t name_len, value_len;

        labels[i].name = cursor_bytes(c, &name_len);
        labels[i].value = cursor_bytes(c, &value_len);
        labels[i].name_len = (uint32_t)name_len;
        labels[i].value_len = (uint32_t)value_len;
        if (c->failed || name_len == 0 || value_len == 0)
            return NAMED_BADLY;
    }
    if (labels_sort(labels, n) != (int)n)
        return NAMED_BADLY;
    *out = labelsets_intern(w->labels, labels, n);
    return *out == LABELSET_NONE ? NAMED_NOTHING : NAMED;
}

static enum named labels_by_series(struct windows *w, const struct leaf *l, struct cursor *c,
                                   bool as_bucket, labelset *out, uint32_t *owner)
{
    uint64_t id = cursor_varint(c);
    const struct series *s;

    if (c->failed || id >= SERIES_NONE || l->spec->source == LEAF_LOGS ||
        (as_bucket && !l->bucket_metric))
        return NAMED_BADLY;
    s = series_get(w->series, (uint32_t)id);
    if (!s)
        return NAMED_NOTHING;
    *owner = (uint32_t)id;
    *out = bind_labels(w, l, s, as_bucket);
    return *out == LABELSET_NONE ? NAMED_NOTHING : NAMED;
}

static enum named read_labels(struct windows *w, const struct leaf *l, struct cursor *c,
                              labelset *out, uint32_t *owner)
{
    switch (cursor_u8(c)) {
    case CUT_BY_LABELS:
        return labels_by_text(w, c, out);
    case CUT_BY_SERIES:
        return labels_by_series(w, l, c, false, out, owner);
    case CUT_BY_BUCKET:
        return labels_by_series(w, l, c, true, out, owner);
    default:
        return NAMED_BADLY;
    }
}

/* -1: what it holds cannot be. A group for which there is no memory is left out. */
static int restore_group(struct windows *w, struct leaf *l, uint32_t slot, uint32_t since,
                         struct cursor state)
{
    struct slot *s = leaf_slot(l, slot);
    uint64_t refused = w->stats.refused_values;
    int done;

    slot_clear(w, l, s, l->refs[slot] > 0);
    done = slot_decode(w, l, s, &state);
    if (done != 0 || cursor_left(&state) > 0 || s->newest_ms == 0) {
        leaf_group_forget(w, l, slot);
        return done != 0 && w->stats.refused_values == refused ? -1 : 0;
    }
    if (s->flags & SLOT_HIDDEN)
        leaf_group_show(w, l, slot);
    leaf_group_began(l, slot, since);
    return 0;
}

static int drop_group(struct windows *w, enum named named, labelset labels)
{
    if (named == NAMED)
        labelset_unref(w->labels, labels);
    return -1;
}

static int decode_group(struct windows *w, struct leaf *l, struct cursor *c)
{
    uint32_t owner = SERIES_NONE, slot;
    labelset labels = LABELSET_NONE;
    enum named named = read_labels(w, l, c, &labels, &owner);
    uint64_t expected = named != NAMED_BADLY && leaf_merges(l) ? cursor_varint(c) : 0;
    uint64_t since = named != NAMED_BADLY && leaf_covers(l) ? cursor_varint(c) : 0;
    const char *state;
    size_t len;

    if (since > TIME_MAX_S)
        return drop_group(w, named, labels);
    state = named == NAMED_BADLY ? NULL : cursor_bytes(c, &len);
    if (!state)
        return drop_group(w, named, labels);
    if (named != NAMED)
        return 0;
    slot = leaf_group_take(w, l, labels, owner);
    if (slot == SLOT_NONE)
        return 0;
    report_restore(w, l, slot, expected < SERIES_NONE ? (uint32_t)expected : 0);
    return restore_group(w, l, slot, (uint32_t)since, cursor_of(state, len));
}

static int decode_leaf(struct windows *w, struct cursor *c, struct err *e)
{
    size_t len;
    const char *text = cursor_bytes(c, &len);
    int64_t since_ms = cursor_zigzag(c), heard_ms = cursor_zigzag(c);
    struct leaf *l;

    if (!text || c->failed || heard_ms > TIME_MAX_MS)
        return damaged(e, "the head of a leaf");
    l = map_get(w->by_text, text, len);
    if (!l)
        return 0; /* nobody asks for it any more */
    l->since_ms = since_ms;
    l->fresh = false;
    if (heard_ms > w->heard_ms)
        w->heard_ms = heard_ms;
    while (cursor_left(c) > 0)
        if (decode_group(w, l, c) != 0)
            return damaged(e, "a group");
    return 0;
}

int windows_decode(struct windows *w, const void *chunk, size_t len, struct err *e)
{
    struct cursor c = cursor_of(chunk, len);
    const char *magic = cursor_raw(&c, 2);
    uint8_t version = cursor_u8(&c), kind = cursor_u8(&c);

    if (c.failed || memcmp(magic, "TW", 2) != 0)
        return damaged(e, "a chunk begins with something else");
    if (version != CUT_VERSION)
        return err_set(e, ERR_INPUT, "the cut has version %u, this program reads %u", version,
                       CUT_VERSION);
    assert(w->stepped_ms == 0); /* before the first step, all names of instants are the same */
    if (w->dirty)
        rebind_begin(w);
    switch (kind) {
    case CUT_SOURCES:
        return decode_sources(w, &c, e);
    case CUT_SERIES:
        return decode_series(w, &c, e);
    case CUT_LIVES:
        return decode_lives(w, &c, e);
    case CUT_GONE:
        return decode_gone(w, &c, e);
    case CUT_LEAF:
        return decode_leaf(w, &c, e);
    default:
        return damaged(e, "a chunk of an unknown kind");
    }
}
