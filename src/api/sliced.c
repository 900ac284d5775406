#include "api/sliced.h"

#include <assert.h>

#define SLICE_NS UINT64_C(5000000)

static void unlink_it(struct sliced *s)
{
    assert(*s->at == s);
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    s->api->n_sliced--;
}

static void append(struct api *a, struct sliced *s)
{
    struct sliced **at = &a->sliced;

    while (*at)
        at = &(*at)->next; /* at most SLICED_MAX */
    s->next = NULL;
    s->at = at;
    *at = s;
    a->n_sliced++;
}

void sliced_end(struct sliced *s)
{
    assert(!s->r);
    unlink_it(s);
    config_unref(s->config);
    s->drop(s);
}

void sliced_resume(struct sliced *s)
{
    assert(s->waits && s->r);
    s->waits = false;
    timer_in(s->api->slice_timer, 0);
}

static struct sliced *first_to_work(struct api *a)
{
    struct sliced *s = a->sliced;

    while (s && s->waits)
        s = s->next;
    return s;
}

/* In turns: a short one does not wait for a long one. */
static void work(void *arg)
{
    struct api *a = arg;
    struct clock *clock = loop_clock(a->o.loop);
    uint64_t from_ns = clock_mono_ns(clock);
    struct sliced *s;

    while ((s = first_to_work(a)) && clock_mono_ns(clock) - from_ns < SLICE_NS) {
        bool over = s->step(s);

        if (over && !s->r) {
            sliced_end(s);
            continue;
        }
        s->waits = over;
        unlink_it(s);
        append(a, s);
    }
    if (s)
        timer_in(a->slice_timer, 0);
}

void sliced_begin(struct sliced *s, struct call *c)
{
    struct api *a = c->api;

    assert(s->step && s->drop);
    if (!a->slice_timer)
        a->slice_timer = timer_new(a->o.loop, LOOP_INGEST, work, a);
    if (!a->slice_timer || a->n_sliced >= SLICED_MAX) {
        reply_error(c->r, 503, "busy", "%zu large requests are worked on: try again", a->n_sliced);
        s->drop(s);
        return;
    }
    s->api = a;
    s->r = c->r;
    s->config = config_ref(c->config);
    s->access = c->access;
    s->actor = c->actor;
    s->view = c->view;
    s->view.who = &s->actor;
    append(a, s);
    timer_in(a->slice_timer, 0);
}

void sliced_free_all(struct api *a)
{
    while (a->sliced) {
        struct sliced *s = a->sliced;

        if (s->r)
            reply_error(s->r, 503, "unavailable", "shutting down");
        s->r = NULL;
        sliced_end(s);
    }
    timer_free(a->slice_timer);
    a->slice_timer = NULL;
}
