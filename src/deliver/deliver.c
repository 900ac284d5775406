/* Delivery as a whole: lanes come and go with the configuration; tests, previews, drain.
 * How a message travels stands in send.c. Lanes of receivers that are gone live until their messages have
 * come back. A test sends by the channel's own way but past the ledger, because it must be possible while
 * nothing is owed. At the end it drains: no claim is made any more, and messages on their way have until a
 * deadline to be answered. */
#include "tocsin/deliver.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "deliver/compose.h"
#include "deliver/late.h"
#include "deliver/send.h"
#include "channel/wording.h"
#include "tocsin/config.h"

/* --- lanes --- */

static void lane_free(void *value)
{
    struct lane *l = value;

    timer_free(l->rest);
    mem_free(l->name);
    mem_free(l->receiver);
    mem_free(l);
}

static void rested(void *arg)
{
    struct lane *l = arg;

    l->resting = false;
    lane_pump(l);
}

static struct lane *lane_new(struct deliver *d, const char *name, const char *receiver)
{
    struct lane *l = mem_zalloc(sizeof *l);

    if (!l)
        return NULL;
    l->d = d;
    l->name = mem_strdup(name);
    l->receiver = mem_strdup(receiver);
    l->rest = timer_new(d->o.loop, LOOP_DELIVERY, rested, l);
    l->stats.lane = l->name;
    l->stats.last_error = l->last_error;
    if (!l->name || !l->receiver || !l->rest || map_puts(d->lanes, name, l, NULL) < 0) {
        lane_free(l);
        return NULL;
    }
    return l;
}

static void note_lane(const char *name, const char *receiver, const char *channel, size_t index,
                      void *arg)
{
    struct deliver *d = arg;
    const struct config_receiver *r = config_receiver_find(d->config, receiver);
    struct lane *l = map_gets(d->lanes, name);

    (void)channel;
    if (!l)
        l = lane_new(d, name, receiver);
    if (!l)
        return;
    l->channel_index = index;
    l->config = r && index < r->n_channels ? &r->channels[index] : NULL;
    if (l->config) /* now, so that a mistake in it is told before a page needs it */
        (void)templates_find(d->templates, l->config->template);
}

static void find_lanes(struct deliver *d)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));)
        l->config = NULL;
    notify_lanes(d->o.notify, note_lane, d);
}

void deliver_due(const char *lane, void *deliver)
{
    struct deliver *d = deliver;
    struct lane *l = map_gets(d->lanes, lane);

    if (!l) {
        find_lanes(d);
        l = map_gets(d->lanes, lane);
    }
    if (l)
        lane_pump(l);
}

enum tells deliver_tells(const char *channel)
{
    const struct channel *ch = channel_find(channel);

    return ch ? ch->tells : TELLS_CHANGES; /* of a lane that no configuration has any more */
}

/* --- tests of receivers, previews --- */

int deliver_test(struct deliver *d, const char *receiver,
                 void (*each)(const struct deliver_answer *a, void *arg), void (*done)(void *arg),
                 void *arg, struct err *e)
{
    const struct config_receiver *r = config_receiver_find(d->config, receiver);
    struct test *t = r ? mem_zalloc(sizeof *t) : NULL;

    if (!r)
        return err_set(e, ERR_INPUT, "there is no receiver \"%s\"", receiver);
    if (!t)
        return err_set(e, ERR_MEMORY, "no memory");
    *t = (struct test){.d = d, .each = each, .done = done, .arg = arg, .open = 1};
    for (size_t i = 0; i < r->n_channels; i++) {
        struct notice *x = notify_test_notice(d->o.notify, receiver, i);
        struct send *s = x ? send_new(d, NULL, x, &r->channels[i]) : NULL;

        if (!s) {
            if (x)
                notify_notice_free(x);
            continue;
        }
        s->test = t;
        t->open++;
        send_stored(true, s);
    }
    test_release(t);
    return 0;
}

/* --- life --- */

static void drain_timed_out(void *arg)
{
    struct deliver *d = arg;
    void (*drained)(void *arg) = d->drained;

    d->drained = NULL;
    if (drained)
        drained(d->drained_arg);
}

struct deliver *deliver_new(const struct deliver_options *o, struct err *e)
{
    struct deliver *d = mem_zalloc(sizeof *d);

    assert(o->loop && o->notify && o->config);
    if (!d) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    d->o = *o;
    d->config = o->config;
    d->o.config = NULL; /* a reload frees it: `config` is the one there is */
    d->lanes = map_new();
    d->templates = templates_new(o->templates);
    d->inbox = inbox_new(o->store);
    d->drain_timer = timer_new(o->loop, LOOP_DELIVERY, drain_timed_out, d);
    d->make_timer = timer_new(o->loop, LOOP_DELIVERY, compose_step, d);
    if (!d->lanes || !d->templates || !d->inbox || !d->drain_timer || !d->make_timer) {
        err_set(e, ERR_MEMORY, "no memory");
        deliver_free(d);
        return NULL;
    }
    find_lanes(d);
    return d;
}

void deliver_free(struct deliver *d)
{
    if (!d)
        return;
    while (d->sends) {
        struct send *s = d->sends;

        if (s->call)
            outbound_cancel(s->call);
        if (s->test)
            notify_notice_free(s->x);
        else
            notice_give_back(d, s->x, "shutting down");
        if (s->test && --s->test->open == 0)
            mem_free(s->test);
        send_free(s);
    }
    late_free_all(d);
    map_free(d->lanes, lane_free);
    templates_free(d->templates);
    inbox_free(d->inbox);
    timer_free(d->drain_timer);
    timer_free(d->make_timer);
    mem_free(d);
}

/* Those that no configuration has any more, once nothing of theirs is on its way. */
static void drop_gone_lanes(struct deliver *d)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));) {
        if (l->config || l->stats.in_flight)
            continue;
        map_removes(d->lanes, l->name);
        lane_free(l);
    }
}

void deliver_configure(struct deliver *d, const struct config *c)
{
    struct lane *l;

    d->config = c; /* messages in flight hold the old one */
    compose_again(d);
    templates_forget(d->templates);
    find_lanes(d);
    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));) {
        timer_stop(l->rest);
        l->resting = false; /* the mistake may just have been mended */
        l->failures = 0;
        lane_pump(l);
    }
    drop_gone_lanes(d);
}

void deliver_halt(struct deliver *d)
{
    d->halted = d->draining = true;
}

void deliver_drain(struct deliver *d, int64_t wait_ms, void (*drained)(void *arg), void *arg)
{
    assert(drained && wait_ms >= 0);
    d->draining = true;
    d->drained = drained;
    d->drained_arg = arg;
    timer_in(d->drain_timer, wait_ms);
    deliver_check_drained(d);
}

void deliver_inbox(struct deliver *d, uint64_t after, uint64_t before, size_t limit,
                   struct json *out)
{
    inbox_json(d->inbox, after, before, limit, out);
}

void deliver_inbox_restore(struct deliver *d, const char *id, const char *const *pairs, size_t n)
{
    inbox_restore(d->inbox, id, pairs, n);
}

void deliver_inbox_restored(struct deliver *d)
{
    struct lane *l;

    inbox_set_known(d->inbox);
    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));)
        lane_pump(l);
}

void deliver_lanes(const struct deliver *d, void (*each)(const struct lane_stats *s, void *arg),
                   void *arg)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));)
        if (l->config || l->stats.in_flight)
            each(&l->stats, arg);
}

void deliver_clock_stepped(struct deliver *d, int64_t by_ms)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));) {
        if (l->stats.failing_since_ms)
            l->stats.failing_since_ms += by_ms;
        if (l->stats.last_ok_ms)
            l->stats.last_ok_ms += by_ms;
    }
}

void deliver_stats(const struct deliver *d, struct deliver_stats *out)
{
    *out = d->stats;
}
