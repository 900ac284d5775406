#include "window/source.h"

#include <assert.h>

#include "window/track.h"

#define COUNT_MAX      0x7fffu
#define START_JITTER_S 2 /* start times that are worked out from a clock tremble by a second */
#define USUAL_GROWTH   4 /* of what is usual: one silence does not make itself usual */

static void begin(struct source *s, int64_t round_ms)
{
    s->first_ms = round_ms;
    s->second_ms = 0;
}

static bool silence_is_long(const struct source *s, int64_t silent_ms)
{
    return silent_ms > STALENESS_MS && silent_ms > 3 * (int64_t)s->usual_ms;
}

static void follow(struct source *s, int64_t dt_ms)
{
    int64_t most = s->usual_ms ? USUAL_GROWTH * (int64_t)s->usual_ms : dt_ms;
    int64_t next = dt_ms < most ? dt_ms : most;

    if (s->usual_ms)
        next = (s->usual_ms + next) / 2;
    s->usual_ms = next < UINT32_MAX ? (uint32_t)next : UINT32_MAX;
}

void source_note(struct source *s, int64_t t_ms)
{
    int64_t dt_ms = t_ms - s->round_ms;

    assert(t_ms > 0);
    if (dt_ms < ROUND_MS)
        return;
    if (s->round_ms == 0 || silence_is_long(s, dt_ms))
        begin(s, t_ms);
    else if (source_restarts(s))
        begin(s, s->round_ms);
    if (s->second_ms == 0 && t_ms > s->first_ms)
        s->second_ms = t_ms;
    if (s->round_ms != 0)
        follow(s, dt_ms);
    s->round_ms = t_ms;
    s->fell = s->held = s->moved = 0;
    s->counted = 0;
    assert(s->first_ms <= t_ms && s->second_ms <= t_ms && !source_restarts(s));
}

void source_count(struct source *s, double old, double v)
{
    if (v < old && s->fell < COUNT_MAX)
        s->fell = (s->fell + 1u) & COUNT_MAX;
    else if (v >= old && old > 0 && s->held < COUNT_MAX)
        s->held = (s->held + 1u) & COUNT_MAX;
}

void source_started(struct source *s, double start_s)
{
    if (!(start_s >= 1 && start_s < UINT32_MAX))
        return;
    if (s->started_s == 0)
        s->started_s = (uint32_t)start_s;
    if (start_s <= s->started_s + (double)START_JITTER_S)
        return;
    s->started_s = (uint32_t)start_s;
    s->moved = 1;
}
