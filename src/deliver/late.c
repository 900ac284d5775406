/* Recipients that a mail server refused while it took the mail for others.
 *
 * The lane has delivered: others must not wait, nor get the mail twice, because one mailbox is gone
 * or greylisted. A refusal for good (5yz) is said in the log and in the deliveries. A temporary one
 * (4yz) is tried again here, with the mail as it was, for as long as a lane tries; the next mail of
 * the same incident takes its place, since it goes to him as well. These tries live in memory: what
 * a restart costs is a late copy, of a mail that the receiver as a whole has; the ledger keeps showing
 * who was not told. */
#include "deliver/late.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "channel/mime.h"
#include "tocsin/config.h"

#define LATE_MAX     256 /* tries that wait, of all lanes; what is beyond is said and given up */
#define LATE_FOR_MS  (60 * 60 * 1000)
#define LATE_MIN_MS  60000 /* greylisting wants a minute or more */
#define LATE_DOUBLES 3     /* 1, 2, 4, 8, 8, … min */

struct late {
    struct late *next;
    struct deliver *d;
    char *lane;
    uint64_t incident;
    struct config *held; /* keeps `config` valid over a reload */
    const struct config_channel *config;
    char **to;
    size_t n_to;
    char *data;
    size_t len;
    int64_t until_ms;
    unsigned tries;
    struct timer *timer;
    struct outbound_call *call;
};

struct outbound_call *late_mail(struct deliver *d, const struct late_mail *m, outbound_done done,
                                void *arg, struct err *e)
{
    typedef char address[MIME_ADDRESS_LEN];
    const struct config_channel *c = m->config;
    struct outbound_call *call = NULL;
    const char **to = mem_zalloc((m->n_to + 1) * sizeof *to);
    address from, *bare = mem_alloc((m->n_to + 1) * sizeof *bare);
    struct outbound_mail mail = {.url = c->smtp,
                                 .tls = c->tls,
                                 .user = c->user,
                                 .password = secret_text(c->password),
                                 .from = from,
                                 .to = to,
                                 .data = m->data,
                                 .len = m->len,
                                 .timeout_ms = c->timeout_ms,
                                 .ca_file = c->ca_file,
                                 .insecure_skip_verify = c->insecure_skip_verify};

    err_set(e, ERR_MEMORY, "no memory");
    if (to && bare) {
        mime_bare_address(c->from, from);
        for (size_t i = 0; i < m->n_to; i++) {
            mime_bare_address(m->to[i], bare[i]);
            to[i] = bare[i];
        }
        call = outbound_mail(d->o.outbound, &mail, done, arg, e);
    }
    mem_free(to);
    mem_free(bare);
    return call;
}

/* --- words --- */

static void list_refusals(const struct outbound_refusal *r, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s%s: %.120s", i ? "; " : "", r[i].to, r[i].reply);
}

void late_explain(const struct outbound_result *r, char *out, size_t size)
{
    struct buf b = BUF_INIT;

    list_refusals(r->refused, r->n_refused, &b);
    snprintf(out, size, "taken, but not for %s", buf_str(&b));
    buf_free(&b);
}

static void say(const char *lane, const char *what, const struct outbound_refusal *r, size_t n)
{
    struct buf b = BUF_INIT;

    list_refusals(r, n, &b);
    log_error(what, "lane", lane, "refused", buf_str(&b), NULL);
    buf_free(&b);
}

/* --- one that waits --- */

static void late_free(struct late *l)
{
    struct late **at = &l->d->late;

    while (*at && *at != l)
        at = &(*at)->next;
    if (*at)
        *at = l->next;
    if (l->call)
        outbound_cancel(l->call);
    timer_free(l->timer);
    for (size_t i = 0; l->to && i < l->n_to; i++)
        mem_free(l->to[i]);
    mem_free(l->to);
    mem_free(l->data);
    mem_free(l->lane);
    config_unref(l->held);
    mem_free(l);
}

static void wait_again(struct late *l)
{
    unsigned doubles = l->tries < LATE_DOUBLES ? l->tries : LATE_DOUBLES;

    l->tries++;
    timer_in(l->timer, (int64_t)LATE_MIN_MS << doubles);
}

/* Keeps those who may be asked again. */
static void keep_temporary(struct late *l, const struct outbound_refusal *r, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->n_to; i++) {
        char bare[MIME_ADDRESS_LEN];
        bool again = false;

        mime_bare_address(l->to[i], bare);
        for (size_t k = 0; k < n; k++)
            again = again || (r[k].status < 500 && strcmp(r[k].to, bare) == 0);
        if (again)
            l->to[kept++] = l->to[i];
        else
            mem_free(l->to[i]);
    }
    l->n_to = kept;
}

static void answered(const struct outbound_result *r, void *arg)
{
    struct late *l = arg;
    bool taken = r->ok && r->status >= 200 && r->status < 400;

    l->call = NULL;
    assert(l->n_to > 0);
    if (taken) {
        keep_temporary(l, r->refused, r->n_refused);
        if (r->n_refused > 0)
            say(l->lane, "a mail server still does not take some recipients", r->refused,
                r->n_refused);
    }
    if (taken && l->n_to == 0) {
        late_free(l);
    } else if (r->ok && r->status >= 500) {
        log_error("a recipient does not get a mail: the server refuses it", "lane", l->lane,
                  "error", r->body, NULL);
        late_free(l);
    } else if (deliver_now_ms(l->d) >= l->until_ms) {
        log_error("a recipient does not get a mail: given up after an hour", "lane", l->lane,
                  "error", r->ok ? r->body : r->error, NULL);
        late_free(l);
    } else {
        wait_again(l);
    }
}

static void try_again(void *arg)
{
    struct late *l = arg;
    struct err e;

    assert(!l->call && l->n_to > 0);
    if (l->d->draining)
        return;
    if (!send_has_room(l->d)) {
        wait_again(l);
        return;
    }
    l->call = late_mail(
        l->d, &(struct late_mail){l->config, (const char *const *)l->to, l->n_to, l->data, l->len},
        answered, l, &e);
    if (!l->call)
        wait_again(l);
}

/* --- from the sends --- */

static void supersede(struct deliver *d, const char *lane, uint64_t incident)
{
    struct late *next;

    for (struct late *l = d->late; l; l = next) { /* at most LATE_MAX */
        next = l->next;
        if (l->incident == incident && strcmp(l->lane, lane) == 0)
            late_free(l);
    }
}

static size_t count(const struct deliver *d)
{
    size_t n = 0;

    for (const struct late *l = d->late; l; l = l->next)
        n++;
    return n;
}

static struct late *late_new(const struct send *s, size_t n_to)
{
    struct late *l = count(s->d) < LATE_MAX ? mem_zalloc(sizeof *l) : NULL;

    if (!l)
        return NULL;
    *l = (struct late){.d = s->d,
                       .next = s->d->late,
                       .incident = s->x->incident,
                       .config = s->config,
                       .held = config_ref(s->held),
                       .len = s->m.body.len,
                       .until_ms = deliver_now_ms(s->d) + LATE_FOR_MS};
    s->d->late = l;
    l->lane = mem_strdup(s->x->lane);
    l->data = mem_dup(buf_str(&s->m.body), s->m.body.len);
    l->to = mem_zalloc(n_to * sizeof *l->to);
    l->timer = timer_new(s->d->o.loop, LOOP_DELIVERY, try_again, l);
    if (l->lane && l->data && l->to && l->timer)
        return l;
    late_free(l);
    return NULL;
}

void late_follow(const struct send *s, const struct outbound_refusal *refused, size_t n)
{
    size_t passing = 0;
    struct late *l;

    supersede(s->d, s->x->lane, s->x->incident);
    if (n == 0)
        return;
    s->d->stats.refused_recipients += n;
    for (size_t i = 0; i < n; i++)
        passing += refused[i].status < 500;
    say(s->x->lane,
        passing ? "a mail server does not take some recipients yet; the others have the mail"
                : "a mail server does not take some recipients; the others have the mail",
        refused, n);
    if (passing == 0)
        return;
    l = late_new(s, passing);
    for (size_t i = 0; l && i < n; i++)
        if (refused[i].status < 500 && !(l->to[l->n_to++] = mem_strdup(refused[i].to))) {
            l->n_to--;
            late_free(l);
            l = NULL;
        }
    if (l)
        wait_again(l);
    else
        log_error("these recipients are not tried again: too many wait, or no memory", "lane",
                  s->x->lane, NULL);
}

void late_free_all(struct deliver *d)
{
    while (d->late) {
        log_warn("a recipient whose mail was to be tried again does not get it: Tocsin ends",
                 "lane", d->late->lane, NULL);
        late_free(d->late);
    }
}
