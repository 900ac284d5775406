#include <event2/event.h>

#include "base/mem.h"
#include "tocsin/loop.h"

struct watch {
    struct event *ev;
    void (*readable)(void *arg);
    void *arg;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;

    (void)fd;
    (void)what;
    w->readable(w->arg);
}

struct watch *watch_new(struct loop *l, int fd, void (*readable)(void *arg), void *arg)
{
    struct watch *w = loop_base(l) ? mem_zalloc(sizeof *w) : NULL;

    if (!w)
        return NULL;
    w->readable = readable;
    w->arg = arg;
    w->ev = event_new(loop_base(l), fd, EV_READ | EV_PERSIST, on_readable, w);
    if (!w->ev || event_add(w->ev, NULL) < 0) {
        watch_free(w);
        return NULL;
    }
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    if (w->ev)
        event_free(w->ev);
    mem_free(w);
}
