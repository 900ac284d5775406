/* What a series' last samples say: usual interval, repetitions, continuity.
 * Its form is drawn in the header: 32 bytes a series, of which there are a million, so intervals are ten
 * bits and kept in two words. Medians are computed when somebody asks. The times of the last eight samples
 * are kept aside, and only where a late repetition would count twice. */
#include "window/track.h"

#include <assert.h>
#include <string.h>

#define INTERVAL_BITS 10
#define INTERVAL_MASK UINT64_C(0x3ff)
#define STEPS_BITS    60 /* six intervals */
#define OLD_SHIFT     44
#define INTERVALS     8u
#define USUAL_FROM    3u /* fewer tell nothing of what is usual */

void track_init(struct track *t, uint32_t series, uint32_t plan, bool base_only)
{
    *t = (struct track){.when = base_only ? TRACK_BASE_ONLY : 0, .series = series, .plan = plan};
}

static uint32_t interval_code(int64_t dt_ms)
{
    int64_t seconds = (dt_ms + 999) / 1000;
    uint32_t s, e, m;

    if (seconds < 64)
        return (uint32_t)((dt_ms + 500) / 1000);
    s = seconds < 127 << 14 ? (uint32_t)seconds : 127u << 14;
    e = 31 - (uint32_t)__builtin_clz(s) - 6;
    m = ((s + (1u << e) - 1) >> e) - 64;
    if (m == 64) {
        m = 0;
        e++;
    }
    return (e + 1) << 6 | m;
}

static int64_t interval_ms(uint64_t code)
{
    uint64_t e = code >> 6, m = code & 63;

    return (int64_t)(e == 0 ? m : (m + 64) << (e - 1)) * 1000;
}

static void push_interval(struct track *t, int64_t dt_ms)
{
    uint64_t n = t->steps >> STEPS_BITS, six = t->steps & ((UINT64_C(1) << STEPS_BITS) - 1);
    uint64_t oldest = six >> (STEPS_BITS - INTERVAL_BITS), old = t->when >> OLD_SHIFT;

    old = (old << INTERVAL_BITS | oldest) & 0xfffff;
    six = (six << INTERVAL_BITS | interval_code(dt_ms)) & ((UINT64_C(1) << STEPS_BITS) - 1);
    t->when = (t->when & ((UINT64_C(1) << OLD_SHIFT) - 1)) | old << OLD_SHIFT;
    t->steps = (n < INTERVALS ? n + 1 : n) << STEPS_BITS | six;
}

static uint32_t known_intervals(const struct track *t)
{
    uint32_t n = (uint32_t)(t->steps >> STEPS_BITS);

    return n > INTERVALS ? INTERVALS : n;
}

static uint64_t code_at(const struct track *t, uint32_t i) /* 0: the newest */
{
    uint64_t code =
        i < 6 ? t->steps >> (i * INTERVAL_BITS) : t->when >> (OLD_SHIFT + (i - 6) * INTERVAL_BITS);

    return code & INTERVAL_MASK;
}

uint32_t track_one_interval(const struct track *t)
{
    uint32_t n = known_intervals(t);

    for (uint32_t i = 1; i < n; i++)
        if (code_at(t, i) != code_at(t, 0))
            return UINT32_MAX;
    return n > 0 ? (uint32_t)code_at(t, 0) : 0;
}

void track_all_intervals(struct track *t, uint32_t code)
{
    uint32_t n = known_intervals(t);

    for (uint32_t i = 0; i < n; i++) {
        if (i < 6)
            t->steps |= (uint64_t)code << (i * INTERVAL_BITS);
        else
            t->when |= (uint64_t)code << (OLD_SHIFT + (i - 6) * INTERVAL_BITS);
    }
}

static int64_t median_ms(const struct track *t, uint32_t n)
{
    uint64_t sorted[INTERVALS] = {0};

    assert(n > 0 && n <= INTERVALS);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t code = code_at(t, i);
        uint32_t at = i;

        for (; at > 0 && sorted[at - 1] > code; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = code;
    }
    return (interval_ms(sorted[(n - 1) / 2]) + interval_ms(sorted[n / 2])) / 2;
}

/* How long after its newest sample the next one still continues it: five minutes, or three times
 * the median of its last eight intervals. */
static int64_t track_patience_ms(const struct track *t)
{
    uint32_t n = known_intervals(t);
    int64_t usual_ms = n > 0 ? median_ms(t, n) : 0;

    return 3 * usual_ms > STALENESS_MS ? 3 * usual_ms : STALENESS_MS;
}

void track_set_back(struct track *t)
{
    t->when = (t->when & ~TRACK_TIME_MASK) | TRACK_BASE_ONLY;
    assert(track_time(t) == 0);
}

int64_t track_usual_ms(const struct track *t)
{
    uint32_t n = known_intervals(t);
    int64_t usual_ms = n >= USUAL_FROM ? median_ms(t, n) : 0;

    return n < USUAL_FROM ? 0 : usual_ms > 1000 ? usual_ms : 1000;
}

void recent_init(struct recent *r, struct track *t)
{
    for (int i = 0; i < RECENT; i++)
        r->t[i] = (uint32_t)track_time(t);
    t->when &= ~TRACK_ALL_RECENT;
}

/* Makes room for one more: the first of two that are alike is no sample of its own, else the oldest
 * goes, and is remembered no more. */
static void recent_drop(struct recent *r, struct track *t)
{
    for (int i = RECENT - 1; t->when & TRACK_ALL_RECENT && i > 0; i--) {
        if (r->t[i] != r->t[i - 1])
            continue;
        memmove(r->t + i, r->t + i + 1, (size_t)(RECENT - 1 - i) * sizeof *r->t);
        return;
    }
    t->when &= ~TRACK_ALL_RECENT;
}

static void recent_push(struct recent *r, struct track *t, int64_t t_ms)
{
    recent_drop(r, t);
    memmove(r->t + 1, r->t, sizeof r->t - sizeof *r->t);
    r->t[0] = (uint32_t)t_ms;
}

enum known { NEW, KNOWN, FORGOTTEN };

static int place_of(const struct recent *r, uint32_t now, int64_t age)
{
    int at = 0;

    while (at < RECENT && now - r->t[at] < age)
        at++;
    return at;
}

/* A time before the newest; a new one is remembered from here on. */
static enum known recent_late(struct recent *r, struct track *t, int64_t t_ms)
{
    int64_t age = track_time(t) - t_ms;
    uint32_t now = (uint32_t)track_time(t);
    int at = place_of(r, now, age);

    if (at < RECENT && now - r->t[at] == age)
        return KNOWN;
    if (age > UINT32_MAX || (at == RECENT && !(t->when & TRACK_ALL_RECENT)))
        return FORGOTTEN;
    recent_drop(r, t);
    if (at == RECENT && !(t->when & TRACK_ALL_RECENT))
        return NEW; /* older than eight that are all there were */
    r->t[RECENT - 1] = (uint32_t)t_ms;
    at = place_of(r, now, age);
    memmove(r->t + at + 1, r->t + at, (size_t)(RECENT - 1 - at) * sizeof *r->t);
    r->t[at] = (uint32_t)t_ms;
    return NEW;
}

static void set_newest(struct track *t, const struct sample *s)
{
    t->v = s->v;
    t->when = (t->when & ~(TRACK_TIME_MASK | TRACK_BASE_ONLY)) | (uint64_t)s->t_ms;
}

/* The first sample: a counter that is born while its source is alive has grown from zero. */
static void take_first(struct track *t, const struct sample *s, bool alive, struct step *x,
                       struct track_counts *counts)
{
    x->flags |= STEP_ORDERED;
    if (alive && !(t->when & TRACK_BASE_ONLY)) {
        x->flags |= STEP_INC;
        x->inc = s->v;
        counts->births += s->kind == SAMPLE_CUMULATIVE;
    }
    set_newest(t, s);
}

/* Of a time before the newest, or at it. */
static bool take_old(struct track *t, struct recent *recent, const struct sample *s, struct step *x,
                     struct track_counts *counts)
{
    enum known known = NEW;

    if (s->t_ms < track_time(t)) {
        if (recent)
            known = recent_late(recent, t, s->t_ms);
        counts->duplicate += known == KNOWN;
        counts->late += known == FORGOTTEN || (known == NEW && s->kind == SAMPLE_CUMULATIVE);
        return known == NEW;
    }
    if (s->v == t->v || s->kind == SAMPLE_CUMULATIVE) { /* what it grew by is known already */
        counts->duplicate++;
        return false;
    }
    x->flags |= STEP_REWRITE; /* of two values of one time the last written stays */
    x->old = t->v;
    t->v = s->v;
    return true;
}

bool track_take(struct track *t, struct recent *recent, const struct sample *s, bool alive,
                struct step *x, struct track_counts *counts)
{
    int64_t before = track_time(t), dt_ms = s->t_ms - before;
    bool dropped;

    if (before == 0) {
        bool none_before = !(t->when & TRACK_BASE_ONLY);

        take_first(t, s, alive, x, counts);
        if (recent)
            recent_init(recent, t);
        if (recent && none_before)
            t->when |= TRACK_ALL_RECENT;
        return true;
    }
    if (dt_ms <= 0)
        return take_old(t, recent, s, x, counts);
    x->flags |= STEP_ORDERED;
    x->dt_ms = dt_ms;
    dropped = s->v < t->v;
    x->flags |= (s->v != t->v ? STEP_CHANGED : 0) | (dropped ? STEP_DROPPED : 0);
    if (dt_ms > STALENESS_MS && dt_ms > track_patience_ms(t)) {
        counts->gaps++; /* nobody knows when it grew: a new base; that it changed is known */
    } else {
        x->inc = dropped ? s->v : s->v - t->v;
        x->flags |= STEP_INC | STEP_PREV;
        counts->resets += dropped && s->kind == SAMPLE_CUMULATIVE;
    }
    push_interval(t, dt_ms);
    set_newest(t, s);
    if (recent)
        recent_push(recent, t, s->t_ms);
    return true;
}
