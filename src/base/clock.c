#include "base/clock.h"

#include <assert.h>
#include <time.h>

#include "base/mem.h"

struct clock {
    bool is_virtual;
    int64_t offset_ms; /* wall = mono + offset, for the system's clock */
    int64_t now_ms;    /* the highest wall time given out; the time of a virtual clock */
    int64_t start_ms;  /* of a virtual clock, so that its monotonic time starts near 0 */
    int64_t step_ms;   /* of a virtual clock: not followed yet */
};

static int64_t system_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct clock *clock_system(void)
{
    struct clock *c = mem_zalloc(sizeof *c);

    if (!c)
        return NULL;
    c->offset_ms = system_ms(CLOCK_REALTIME) - system_ms(CLOCK_BOOTTIME);
    return c;
}

struct clock *clock_virtual(int64_t at_ms)
{
    struct clock *c = mem_zalloc(sizeof *c);

    if (!c)
        return NULL;
    c->is_virtual = true;
    c->now_ms = c->start_ms = at_ms;
    return c;
}

void clock_free(struct clock *c)
{
    mem_free(c);
}

int64_t clock_wall_ms(struct clock *c)
{
    int64_t at_ms;

    if (c->is_virtual)
        return c->now_ms;
    at_ms = system_ms(CLOCK_BOOTTIME) + c->offset_ms;
    if (at_ms > c->now_ms)
        c->now_ms = at_ms;
    return c->now_ms;
}

int64_t clock_mono_ms(struct clock *c)
{
    return c->is_virtual ? c->now_ms - c->start_ms : system_ms(CLOCK_BOOTTIME);
}

uint64_t clock_mono_ns(struct clock *c)
{
    struct timespec ts;

    if (c->is_virtual)
        return (uint64_t)(c->now_ms - c->start_ms) * 1000000u;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void clock_set(struct clock *c, int64_t at_ms)
{
    assert(c->is_virtual && at_ms >= c->now_ms);
    c->now_ms = at_ms;
}

void clock_set_system(struct clock *c, int64_t by_ms)
{
    assert(c->is_virtual);
    c->step_ms += by_ms;
}

int64_t clock_step_ms(struct clock *c)
{
    if (c->is_virtual)
        return c->step_ms;
    return system_ms(CLOCK_REALTIME) - system_ms(CLOCK_BOOTTIME) - c->offset_ms;
}

int64_t clock_follow(struct clock *c)
{
    int64_t before_ms = clock_wall_ms(c), step_ms = clock_step_ms(c);

    c->now_ms = before_ms + step_ms;
    if (c->is_virtual) {
        c->start_ms += step_ms; /* monotonic time goes on */
        c->step_ms = 0;
    } else {
        c->offset_ms += step_ms;
    }
    assert(c->now_ms - before_ms == step_ms);
    return step_ms;
}

void clock_move(int64_t *at_ms, int64_t by_ms)
{
    if (*at_ms > 0 && *at_ms != INT64_MAX)
        *at_ms += by_ms;
}
