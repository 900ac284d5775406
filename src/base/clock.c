#include "base/clock.h"

#include <assert.h>
#include <time.h>

#include "base/mem.h"

struct clock {
    bool is_virtual;
    int64_t offset_ms;    /* wall = mono + offset, for the system's clock */
    int64_t now_ms;       /* the highest wall time given out; the time of a virtual clock */
    int64_t ease_from_ms; /* wall time when a step backwards was accepted, 0: it is caught up */
    int64_t ease_mono_ms; /* monotonic time then */
    int64_t start_ms;     /* of a virtual clock, so that its monotonic time starts near 0 */
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

int64_t clock_eased_ms(int64_t from_ms, int64_t since_ms, int64_t right_ms)
{
    int64_t eased_ms = from_ms + since_ms / 2;

    return eased_ms > right_ms ? eased_ms : right_ms;
}

int64_t clock_wall_ms(struct clock *c)
{
    int64_t mono_ms, at_ms;

    if (c->is_virtual)
        return c->now_ms;
    mono_ms = system_ms(CLOCK_BOOTTIME);
    at_ms = mono_ms + c->offset_ms;
    if (c->ease_from_ms) {
        int64_t eased_ms = clock_eased_ms(c->ease_from_ms, mono_ms - c->ease_mono_ms, at_ms);

        if (eased_ms == at_ms)
            c->ease_from_ms = 0;
        at_ms = eased_ms;
    }
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

int64_t clock_step_ms(struct clock *c)
{
    if (c->is_virtual)
        return 0;
    return system_ms(CLOCK_REALTIME) - system_ms(CLOCK_BOOTTIME) - c->offset_ms;
}

void clock_follow(struct clock *c)
{
    int64_t shown_ms = clock_wall_ms(c), step_ms = clock_step_ms(c);

    c->offset_ms += step_ms;
    if (step_ms < 0) {
        c->ease_from_ms = shown_ms;
        c->ease_mono_ms = clock_mono_ms(c);
    }
}
