#include "app/clockwatch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define EVERY_MS 10000
#define STEP_MS  1000
#define AGREE_MS 1000

struct clock_watch {
    struct clock *clock;
    const struct db *db;
    struct wire *wire;
    struct timer *timer;
    bool told; /* that a step is not followed */
};

enum clock_verdict clock_judge(int64_t step_ms, const int64_t *redis_ms)
{
    if (llabs(step_ms) < STEP_MS)
        return CLOCK_STEADY;
    /* and nearer to the system's clock than to ours */
    if (redis_ms && llabs(*redis_ms - step_ms) <= AGREE_MS &&
        llabs(*redis_ms - step_ms) < llabs(*redis_ms))
        return CLOCK_FOLLOW;
    return CLOCK_REFUSED;
}

static void look(void *arg)
{
    struct clock_watch *w = arg;
    const struct db_health *h = db_health(w->db);
    int64_t step_ms = clock_step_ms(w->clock), redis_ms = h->clock_offset_ms;
    enum clock_verdict v = clock_judge(step_ms, h->known && db_is_up(w->db) ? &redis_ms : NULL);
    char by[32];

    timer_in(w->timer, EVERY_MS);
    if (!wire_is_live(w->wire))
        return;
    snprintf(by, sizeof by, "%.1f", (double)step_ms / 1000);
    if (v == CLOCK_FOLLOW) {
        wire_clock_stepped(w->wire, clock_follow(w->clock));
        log_warn(
            "the system's clock has stepped, and Redis' clock agrees: it is followed, and what "
            "is remembered moves along",
            "seconds", by, NULL);
    } else if (v == CLOCK_REFUSED && !w->told) {
        log_error("the system's clock has stepped, but Redis' clock does not say so: the time is "
                  "counted on as before",
                  "seconds", by, NULL);
    }
    w->told = v == CLOCK_REFUSED;
    wire_clock_refused(w->wire, w->told ? step_ms : 0);
}

struct clock_watch *clock_watch_new(struct loop *l, const struct db *d, struct wire *wire)
{
    struct clock_watch *w = mem_zalloc(sizeof *w);

    if (!w)
        return NULL;
    w->clock = loop_clock(l);
    w->db = d;
    w->wire = wire;
    w->timer = timer_new(l, LOOP_CONTROL, look, w);
    if (!w->timer) {
        mem_free(w);
        return NULL;
    }
    timer_in(w->timer, EVERY_MS);
    return w;
}

void clock_watch_free(struct clock_watch *w)
{
    if (!w)
        return;
    timer_free(w->timer);
    mem_free(w);
}
