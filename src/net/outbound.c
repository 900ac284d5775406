/* curl's multi handle on the loop. curl tells which sockets and which time-out it waits for; both
 * are watched here, and curl is called when they come. What is finished then is collected at the
 * end of the turn, outside of curl, so that a callback may start and cancel calls as it likes. */
#include "tocsin/outbound.h"

#include <assert.h>
#include <event2/event.h>
#include <string.h>

#include "base/mem.h"
#include "net/outbound_call.h"

/* Easy handles kept for the next call: as many as usually run at once. */
#define IDLE_MOST   64
#define ANSWER_MOST (64u << 10)
/* curl does not look at the deadline of a call that waits for a connection; ours comes after. */
#define DEADLINE_SLACK_MS 50

struct outbound {
    struct loop *loop;
    CURLM *multi;
    struct timer *timeout; /* curl's */
    struct timer *collect;
    struct outbound_call *calls;
    unsigned in_flight;
    CURL *idle[IDLE_MOST];
    unsigned n_idle;
    struct network *forbidden;
    size_t n_forbidden;
    bool in_callback;
    size_t max_answer;
};

struct watched {
    struct outbound *o;
    struct event *ev;
};

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct outbound *o = ((struct watched *)arg)->o; /* curl may free it in this call */
    int running;

    curl_multi_socket_action(o->multi, fd,
                             (what & EV_READ ? CURL_CSELECT_IN : 0) |
                                 (what & EV_WRITE ? CURL_CSELECT_OUT : 0),
                             &running);
    timer_in(o->collect, 0);
}

static void on_timeout(void *arg)
{
    struct outbound *o = arg;
    int running;

    curl_multi_socket_action(o->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    timer_in(o->collect, 0);
}

static int want_timeout(CURLM *multi, long ms, void *arg)
{
    struct outbound *o = arg;

    (void)multi;
    if (ms < 0)
        timer_stop(o->timeout);
    else
        timer_in(o->timeout, ms);
    return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct outbound *o = arg;
    struct watched *w = socket_arg;
    short events = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                           (what & CURL_POLL_OUT ? EV_WRITE : 0));

    (void)easy;
    if (w)
        event_free(w->ev);
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(o->multi, fd, NULL);
        mem_free(w);
        return 0;
    }
    if (!w) {
        w = mem_zalloc(sizeof *w);
        assert(w);
        w->o = o;
        curl_multi_assign(o->multi, fd, w);
    }
    w->ev = event_new(loop_base(o->loop), fd, events, on_event, w);
    assert(w->ev);
    event_add(w->ev, NULL);
    return 0;
}

/* --- a call's life --- */

static void call_free(struct outbound_call *c)
{
    struct outbound *o = c->o;

    if (c->easy && o->n_idle < IDLE_MOST) {
        curl_easy_reset(c->easy);
        o->idle[o->n_idle++] = c->easy;
    } else if (c->easy) {
        curl_easy_cleanup(c->easy);
    }
    timer_free(c->deadline);
    mail_free(c);
    mail_refusals_free(c);
    curl_slist_free_all(c->list);
    mem_free(c->data);
    buf_free(&c->answer);
    buf_free(&c->head);
    mem_free(c);
}

static void detach(struct outbound_call *c)
{
    struct outbound *o = c->o;

    mail_free(c);
    curl_multi_remove_handle(o->multi, c->easy);
    *(c->prev ? &c->prev->next : &o->calls) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    assert(o->in_flight > 0);
    o->in_flight--;
}

static void finish(struct outbound_call *c, CURLcode code)
{
    struct outbound *o = c->o;
    struct outbound_result result;

    assert(o && c->done);
    outbound_call_result(c, code, &result); /* before it is removed: that resets the counters */
    result.took_ms = clock_mono_ms(loop_clock(o->loop)) - c->began_ms;
    detach(c);
    o->in_callback = true;
    c->done(&result, c->arg);
    o->in_callback = false;
    call_free(c);
}

static void on_collect(void *arg)
{
    struct outbound *o = arg;
    struct outbound_call *c;
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(o->multi, &left))) {
        CURLcode code = msg->data.result;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &c);
        if (c->mail && code == CURLE_OK)
            mail_begin(c);
        else
            finish(c, code);
    }
}

static void on_deadline(void *arg)
{
    struct outbound_call *c = arg;

    finish(c, c->is_over ? c->code : CURLE_OPERATION_TIMEDOUT);
}

void outbound_over(struct outbound_call *c, CURLcode code)
{
    c->is_over = true;
    c->code = code;
    timer_in(c->deadline, 0);
}

struct event_base *outbound_base(const struct outbound *o)
{
    return loop_base(o->loop);
}

static struct outbound_call *call_new(struct outbound *o, outbound_done done, void *arg,
                                      struct err *e)
{
    struct outbound_call *c = mem_zalloc(sizeof *c);

    assert(done);
    if (!c)
        goto failed;
    c->o = o;
    c->done = done;
    c->arg = arg;
    c->retry_after_ms = -1;
    c->easy = o->n_idle ? o->idle[--o->n_idle] : curl_easy_init();
    c->deadline = timer_new(o->loop, LOOP_DELIVERY, on_deadline, c);
    if (c->easy && c->deadline)
        return c;
    call_free(c);
failed:
    err_set(e, ERR_MEMORY, "no memory for a request");
    return NULL;
}

static struct outbound_call *start(struct outbound_call *c, struct err *e)
{
    struct outbound *o = c->o;

    if (curl_multi_add_handle(o->multi, c->easy) != CURLM_OK) {
        err_set(e, ERR_MEMORY, "no memory for a request");
        call_free(c);
        return NULL;
    }
    c->began_ms = clock_mono_ms(loop_clock(o->loop));
    timer_in(c->deadline, (int64_t)c->timeout_ms + DEADLINE_SLACK_MS);
    c->next = o->calls;
    if (c->next)
        c->next->prev = c;
    o->calls = c;
    o->in_flight++;
    return c;
}

struct outbound_call *outbound_http(struct outbound *o, const struct outbound_http *h,
                                    outbound_done done, void *arg, struct err *e)
{
    struct outbound_call *c = call_new(o, done, arg, e);

    if (c && outbound_call_http(c, h, e) != 0) {
        call_free(c);
        return NULL;
    }
    return c ? start(c, e) : NULL;
}

struct outbound_call *outbound_mail(struct outbound *o, const struct outbound_mail *m,
                                    outbound_done done, void *arg, struct err *e)
{
    struct outbound_call *c = call_new(o, done, arg, e);

    if (c && outbound_call_mail(c, m, e) != 0) {
        call_free(c);
        return NULL;
    }
    return c ? start(c, e) : NULL;
}

void outbound_cancel(struct outbound_call *c)
{
    detach(c);
    call_free(c);
}

unsigned outbound_in_flight(const struct outbound *o)
{
    return o->in_flight;
}

bool outbound_is_forbidden(const struct outbound *o, const struct sockaddr *sa)
{
    for (size_t i = 0; i < o->n_forbidden; i++)
        if (network_has(&o->forbidden[i], sa))
            return true;
    return false;
}

size_t outbound_max_answer(const struct outbound *o)
{
    return o->max_answer;
}

int64_t outbound_wall_ms(const struct outbound *o)
{
    return clock_wall_ms(loop_clock(o->loop));
}

/* --- the whole --- */

int outbound_forbid(struct outbound *o, const char *const *list, size_t n, struct err *e)
{
    struct network *fresh = mem_zalloc((n + 1) * sizeof *fresh);

    if (!fresh)
        return err_set(e, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        if (network_parse(&fresh[i], list[i], e) != 0) {
            mem_free(fresh);
            return -1;
        }
    mem_free(o->forbidden);
    o->forbidden = fresh;
    o->n_forbidden = n;
    return 0;
}

static void set_up_multi(struct outbound *o, const struct outbound_options *options)
{
    long in_all = options->max_connections > 0 ? options->max_connections : 256;
    long per_host = options->max_per_host > 0 ? options->max_per_host : in_all;

    curl_multi_setopt(o->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(o->multi, CURLMOPT_SOCKETDATA, o);
    curl_multi_setopt(o->multi, CURLMOPT_TIMERFUNCTION, want_timeout);
    curl_multi_setopt(o->multi, CURLMOPT_TIMERDATA, o);
    curl_multi_setopt(o->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, in_all);
    curl_multi_setopt(o->multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
    curl_multi_setopt(o->multi, CURLMOPT_MAXCONNECTS, in_all);
}

struct outbound *outbound_new(struct loop *l, const struct outbound_options *options, struct err *e)
{
    struct outbound *o = mem_zalloc(sizeof *o);
    size_t n_forbid = 0;

    if (!o || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        mem_free(o);
        err_set(e, ERR_MEMORY, "cannot set up sending");
        return NULL;
    }
    o->loop = l;
    o->multi = curl_multi_init();
    o->timeout = timer_new(l, LOOP_DELIVERY, on_timeout, o);
    o->collect = timer_new(l, LOOP_DELIVERY, on_collect, o);
    if (!o->multi || !o->timeout || !o->collect) {
        err_set(e, ERR_MEMORY, "cannot set up sending");
        goto failed;
    }
    o->max_answer = options->max_answer ? options->max_answer : ANSWER_MOST;
    set_up_multi(o, options);
    while (options->forbid && options->forbid[n_forbid])
        n_forbid++;
    if (outbound_forbid(o, options->forbid, n_forbid, e) == 0)
        return o;
failed:
    outbound_free(o);
    return NULL;
}

void outbound_free(struct outbound *o)
{
    if (!o)
        return;
    assert(!o->in_callback);
    while (o->calls)
        outbound_cancel(o->calls);
    assert(o->in_flight == 0);
    while (o->n_idle > 0)
        curl_easy_cleanup(o->idle[--o->n_idle]);
    if (o->multi)
        curl_multi_cleanup(o->multi); /* closes connections: calls want_socket() and the timer */
    timer_free(o->timeout);
    timer_free(o->collect);
    mem_free(o->forbidden);
    curl_global_cleanup();
    mem_free(o);
}
