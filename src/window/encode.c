/* Windows into a cut. Reads only, allocates little: runs in a forked child.
 * A cut is chunks that each stand by themselves, so that a damaged one costs itself. Numbers of this process
 * (sources, slots, tracks) do not go out: sources are named by one of their series, groups by their labels.
 * Times go out as the clock calls them, since the windows' own time ends with the process. It walks in the
 * order of numbers and writes differences, so most fields take a byte. Dropped: writing memory as it lies,
 * which ties a cut to one build. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "window/cut.h"
#include "window/kind.h"
#include "window/windows.h"

struct out {
    const struct windows *w;
    struct buf buf;
    int (*emit)(const void *chunk, size_t len, void *arg);
    void *arg;
};

static void begin(struct out *o, enum cut_kind kind)
{
    buf_clear(&o->buf);
    buf_adds(&o->buf, "TW");
    buf_add_u8(&o->buf, CUT_VERSION);
    buf_add_u8(&o->buf, (uint8_t)kind);
}

static int flush(struct out *o)
{
    if (!buf_ok(&o->buf))
        return -1;
    assert(o->buf.len <= CUT_CHUNK_BYTES);
    return o->emit(o->buf.data, o->buf.len, o->arg) == 0 ? 0 : -1;
}

static bool is_full(const struct out *o)
{
    return !buf_ok(&o->buf) || o->buf.len >= CUT_FLUSH_BYTES;
}

/* --- sources: numbers of sources are of this process, so each is named by one of its series --- */

static int64_t wall_ms(const struct out *o, int64_t own_ms)
{
    return own_ms ? own_ms + o->w->stepped_ms : 0;
}

static void put_source(struct out *o, uint32_t series, const struct source *s)
{
    int64_t first_ms = wall_ms(o, s->first_ms);

    buf_add_varint(&o->buf, series);
    buf_add_varint(&o->buf, (uint64_t)wall_ms(o, s->clock.heard_ms));
    buf_add_zigzag(&o->buf, s->clock.to_own_ms + o->w->stepped_ms);
    buf_add_varint(&o->buf, (uint64_t)first_ms);
    buf_add_zigzag(&o->buf, wall_ms(o, s->second_ms) - first_ms);
    buf_add_zigzag(&o->buf, wall_ms(o, s->round_ms) - first_ms);
    buf_add_varint(&o->buf, s->usual_ms);
    buf_add_varint(&o->buf, s->started_s);
    buf_add_varint(&o->buf, s->fell);
    buf_add_varint(&o->buf, (uint64_t)s->held << 1 | s->moved);
}

static int encode_sources(struct out *o)
{
    const struct windows *w = o->w;
    uint32_t end = series_end(w->series);
    uint8_t *done = mem_zalloc(w->cap_sources);
    int result = done ? 0 : -1;

    begin(o, CUT_SOURCES);
    for (uint32_t id = 0; id < end && result == 0; id++) {
        const struct series *s = series_get(w->series, id);

        if (!s || s->source >= w->cap_sources || done[s->source])
            continue;
        done[s->source] = 1;
        if (w->sources[s->source].round_ms == 0)
            continue;
        if (is_full(o)) {
            result = flush(o);
            begin(o, CUT_SOURCES);
        }
        put_source(o, id, &w->sources[s->source]);
    }
    mem_free(done);
    return result == 0 ? flush(o) : -1;
}

static void put_life(struct out *o, uint32_t series, const struct life *l)
{
    buf_add_varint(&o->buf, series);
    buf_add_varint(&o->buf, (uint64_t)wall_ms(o, l->real_ms));
    buf_add_zigzag(&o->buf, l->real_ms - l->resumed_ms);
    buf_add_varint(&o->buf, (uint64_t)wall_ms(o, l->mark_ms));
    buf_add_varint(&o->buf, (uint64_t)l->usual_ms);
}

static int encode_lives(struct out *o)
{
    const struct windows *w = o->w;

    begin(o, CUT_LIVES);
    for (size_t i = 0; i < w->cap_lives; i++) {
        if (w->lives[i].n == 0 || w->lives[i].real_ms == 0)
            continue;
        if (is_full(o)) {
            if (flush(o) != 0)
                return -1;
            begin(o, CUT_LIVES);
        }
        put_life(o, track_at(w, w->lives[i].first)->series, &w->lives[i]);
    }
    return flush(o);
}

/* --- series --- */

static int encode_gone(struct out *o)
{
    const struct windows *w = o->w;
    uint32_t end = series_end(w->series), before = 0;

    begin(o, CUT_GONE);
    for (uint32_t id = 0; id < end; id++) {
        uint32_t use = use_of(w, id);

        if (use < USE_TRACK || !gone_is(w, use))
            continue;
        if (is_full(o)) {
            if (flush(o) != 0)
                return -1;
            begin(o, CUT_GONE);
            before = 0;
        }
        buf_add_varint(&o->buf, id - before);
        before = id;
    }
    return flush(o);
}

struct before { /* what differences are to */
    uint32_t id, minute;
    int64_t t_ms;
};

static void put_track(struct out *o, uint32_t use, struct before *b)
{
    const struct track *t = track_at(o->w, use);
    const struct recent *recent =
        plan_at(&o->w->plans, t->plan)->places_values ? recent_at(o->w, use) : NULL;
    int64_t t_ms = wall_ms(o, track_time(t));
    uint32_t all = track_one_interval(t);
    bool long_ones = all != 0;

    buf_add_u8(&o->buf, (uint8_t)(CUT_TRACK | (t->when & TRACK_BASE_ONLY ? CUT_BASE_ONLY : 0) |
                                  (long_ones ? CUT_INTERVALS : 0) | (int)(t->steps >> 60) << 3 |
                                  (recent ? CUT_RECENT : 0)));
    number_encode(&o->buf, t->v);
    buf_add_zigzag(&o->buf, t_ms - b->t_ms);
    if (long_ones)
        buf_add_varint(&o->buf, all == UINT32_MAX ? t->when >> 44 << 1 : (uint64_t)all << 1 | 1);
    if (all == UINT32_MAX)
        buf_add_u64(&o->buf, t->steps);
    if (recent)
        buf_add_u8(&o->buf, (t->when & TRACK_ALL_RECENT) != 0);
    for (int i = 0; recent && i < RECENT; i++)
        buf_add_varint(&o->buf, (uint32_t)track_time(t) - recent->t[i]);
    b->t_ms = t_ms;
}

static void put_series(struct out *o, uint32_t id, const struct series *s, uint32_t use,
                       struct before *b)
{
    uint32_t minute = (uint32_t)(wall_ms(o, (int64_t)s->seen_min * 60000) / 60000);

    buf_add_varint(&o->buf, id - b->id);
    buf_add_zigzag(&o->buf, (int64_t)minute - b->minute);
    b->id = id;
    b->minute = minute;
    if (use >= USE_TRACK)
        put_track(o, use, b);
    else
        buf_add_u8(&o->buf, 0);
}

static int encode_series(struct out *o)
{
    const struct windows *w = o->w;
    uint32_t end = series_end(w->series);
    struct before b = {0};

    begin(o, CUT_SERIES);
    for (uint32_t id = 0; id < end; id++) {
        uint32_t use = use_of(w, id);
        const struct series *s = use == USE_NEVER ? NULL : series_get(w->series, id);

        if (!s)
            continue;
        if (is_full(o)) {
            if (flush(o) != 0)
                return -1;
            begin(o, CUT_SERIES);
            b = (struct before){0};
        }
        put_series(o, id, s, use, &b);
    }
    return flush(o);
}

/* --- leaves --- */

static enum cut_name name_of(const struct windows *w, const struct leaf *l, uint32_t slot)
{
    const struct series *s;

    if (!l->owner || l->owner[slot] == SERIES_NONE || !(s = series_get(w->series, l->owner[slot])))
        return CUT_BY_LABELS;
    if (s->labels == l->labels[slot])
        return CUT_BY_SERIES;
    if (l->bucket_metric &&
        labelset_project_find(w->labels, s->labels, &l->bucket_names) == l->labels[slot])
        return CUT_BY_BUCKET;
    return CUT_BY_LABELS;
}

static void put_name(struct out *o, const struct leaf *l, uint32_t slot)
{
    enum cut_name name = name_of(o->w, l, slot);
    size_t n;

    buf_add_u8(&o->buf, (uint8_t)name);
    if (name != CUT_BY_LABELS) {
        buf_add_varint(&o->buf, l->owner[slot]);
        return;
    }
    n = labelset_size(o->w->labels, l->labels[slot]);
    buf_add_varint(&o->buf, n);
    for (size_t i = 0; i < n; i++) {
        struct label label = labelset_at(o->w->labels, l->labels[slot], i);

        buf_add_bytes(&o->buf, label.name, label.name_len);
        buf_add_bytes(&o->buf, label.value, label.value_len);
    }
}

static void begin_leaf(struct out *o, const struct leaf *l)
{
    begin(o, CUT_LEAF);
    buf_add_bytes(&o->buf, l->text, strlen(l->text));
    buf_add_zigzag(&o->buf, l->since_ms);
    buf_add_zigzag(&o->buf, o->w->heard_ms);
}

static int encode_leaf(struct out *o, const struct leaf *l, struct buf *state)
{
    begin_leaf(o, l);
    for (uint32_t slot = 0; slot < l->n_slots; slot++) {
        if (l->labels[slot] == LABELSET_NONE || leaf_slot(l, slot)->flags & SLOT_HIDDEN)
            continue;
        buf_clear(state);
        slot_encode(l, leaf_slot(l, slot), state);
        if (!buf_ok(state))
            return -1;
        if (is_full(o)) {
            if (flush(o) != 0)
                return -1;
            begin_leaf(o, l);
        }
        put_name(o, l, slot);
        if (leaf_merges(l))
            buf_add_varint(&o->buf, report_expected(l, slot));
        if (l->since)
            buf_add_varint(&o->buf, leaf_wall_s(l, l->since[slot]));
        buf_add_bytes(&o->buf, state->data, state->len);
    }
    return flush(o);
}

int windows_encode(const struct windows *w, int (*emit)(const void *chunk, size_t len, void *arg),
                   void *arg)
{
    struct out o = {.w = w, .emit = emit, .arg = arg};
    struct buf state = BUF_INIT;
    int result = encode_sources(&o);

    if (result == 0)
        result = encode_lives(&o);
    if (result == 0)
        result = encode_series(&o);
    if (result == 0)
        result = encode_gone(&o);
    for (size_t i = 0; i < w->n_leaves && result == 0; i++)
        if (w->leaves[i] && !w->leaves[i]->dead && !w->leaves[i]->asleep)
            result = encode_leaf(&o, w->leaves[i], &state);
    buf_free(&state);
    buf_free(&o.buf);
    return result;
}
