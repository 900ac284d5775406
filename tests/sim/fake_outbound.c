#include "fake_outbound.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define TIMEOUT_MS 10000

static const struct fake_receiver *receiver;
static uint64_t numbers;

struct outbound {
    struct loop *loop;
    struct outbound_call *calls;
    unsigned in_flight;
};

struct outbound_call {
    struct outbound *o;
    struct outbound_call *next;
    struct timer *timer;
    outbound_done done;
    void *arg;
    uint64_t number;
    enum fake_answer answer;
    int64_t took_ms;
    bool is_late;
};

void fake_outbound_serve(const struct fake_receiver *r)
{
    receiver = r;
    numbers = 0;
}

struct outbound *outbound_new(struct loop *l, const struct outbound_options *o, struct err *e)
{
    struct outbound *out = mem_zalloc(sizeof *out);

    (void)o, (void)e;
    assert(out);
    out->loop = l;
    return out;
}

static void call_free(struct outbound_call *c)
{
    struct outbound_call **at = &c->o->calls;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->o->in_flight--;
    timer_free(c->timer);
    mem_free(c);
}

void outbound_free(struct outbound *o)
{
    if (!o)
        return;
    while (o->calls)
        call_free(o->calls);
    mem_free(o);
}

void outbound_cancel(struct outbound_call *c)
{
    call_free(c);
}

unsigned outbound_in_flight(const struct outbound *o)
{
    return o->in_flight;
}

static void tell(void *arg)
{
    struct outbound_call *c = arg;
    bool ok = !c->is_late && c->answer != FAKE_IS_AWAY && c->answer != FAKE_IS_MUTE;
    struct outbound_result r = {.ok = ok,
                                .body = "",
                                .retry_after_ms = -1,
                                .maybe_done = c->is_late || c->answer == FAKE_IS_MUTE,
                                .error = ok           ? ""
                                         : c->is_late ? "timed out"
                                                      : "no connection",
                                .took_ms = c->took_ms};
    outbound_done done = c->done;
    void *done_arg = c->arg;
    uint64_t number = c->number;

    if (ok)
        r.status = c->answer == FAKE_TAKES ? 200 : c->answer == FAKE_FAILS ? 503 : 400;
    call_free(c);
    if (receiver->answered)
        receiver->answered(number, !r.maybe_done, receiver->arg);
    done(&r, done_arg);
}

static struct outbound_call *start(struct outbound *o, const struct fake_message *m, int timeout_ms,
                                   outbound_done done, void *arg)
{
    struct fake_plan plan = receiver->receive(m, receiver->arg);
    struct outbound_call *c = mem_zalloc(sizeof *c);

    assert(c);
    *c = (struct outbound_call){.o = o,
                                .next = o->calls,
                                .done = done,
                                .arg = arg,
                                .number = m->number,
                                .answer = plan.answer,
                                .took_ms = plan.after_ms};
    if (timeout_ms == 0)
        timeout_ms = TIMEOUT_MS;
    if (c->took_ms > timeout_ms) {
        c->took_ms = timeout_ms;
        c->is_late = true;
    }
    o->calls = c;
    o->in_flight++;
    c->timer = timer_new(o->loop, LOOP_DELIVERY, tell, c);
    assert(c->timer);
    timer_in(c->timer, c->took_ms);
    return c;
}

struct outbound_call *outbound_http(struct outbound *o, const struct outbound_http *h,
                                    outbound_done done, void *arg, struct err *e)
{
    static const char name[] = "Idempotency-Key: ";
    struct fake_message m = {
        .number = ++numbers, .url = h->url, .key = "", .body = h->body, .len = h->len};

    (void)e;
    for (size_t i = 0; h->headers && h->headers[i]; i++)
        if (strncasecmp(h->headers[i], name, sizeof name - 1) == 0)
            m.key = h->headers[i] + sizeof name - 1;
    return start(o, &m, h->timeout_ms, done, arg);
}

struct outbound_call *outbound_mail(struct outbound *o, const struct outbound_mail *mail,
                                    outbound_done done, void *arg, struct err *e)
{
    struct fake_message m = {
        .number = ++numbers, .url = mail->url, .key = "", .body = mail->data, .len = mail->len};

    (void)e;
    return start(o, &m, mail->timeout_ms, done, arg);
}
