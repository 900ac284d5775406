#include "fake_db.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "redis/wire.h"

/* Commands wait in `sent` until their time of arrival, are run against the fake_redis there, and
 * their callbacks follow at once. What never left waits in `told` for the next turn. As in the
 * real room, a command is off its queue before its callback runs, so a callback may send or close. */

#define AWAY_MS     50
#define FAULTS_MAX  64
#define OUTSTANDING ((size_t)64 << 20)

struct order { /* one command: its arguments, in one allocation each */
    int argc;
    char **argv;
    size_t *lens;
};

struct envelope {
    struct envelope *next;
    uint64_t number; /* 0: an inspection, which no fault hits */
    int64_t arrives_ms;
    size_t bytes;
    struct order *orders;
    size_t n_orders, cap_orders;
    bool is_tx;
    enum db_fate fate; /* in `told` */
    db_done done;
    void (*inspected)(bool ok, void *arg);
    void *arg;
};

struct queue {
    struct envelope *first, **end;
};

struct fault {
    enum fake_fault kind;
    uint64_t at;
    bool bitten;
};

struct db {
    struct loop *loop;
    struct fake_redis *server;
    struct db_options options;
    struct timer *arrive, *tell, *retry;
    struct queue sent, told;
    size_t outstanding;
    uint64_t number;
    int64_t latency_ms, away_ms;
    bool is_up, is_held, is_dead, closing;
    int depth;
    struct fault faults[FAULTS_MAX];
    size_t n_faults;
    struct db_health health;
    struct db_stats stats;
    const char *why;
};

struct db_tx {
    struct db *db;
    struct envelope *m;
};

static struct fake_redis *served;
static bool clock_is_right; /* whatever the machine's is set to; else both have one machine */

static int64_t clock_off_ms;

void fake_db_clock_is_right(bool yes)
{
    clock_is_right = yes;
}

void fake_db_clock_off(int64_t ms)
{
    clock_off_ms = ms;
}

void fake_db_serve(struct fake_redis *r)
{
    served = r;
}

/* --- queues ------------------------------------------------------------------------------------------ */

static void push(struct queue *q, struct envelope *m)
{
    m->next = NULL;
    *q->end = m;
    q->end = &m->next;
}

static struct envelope *pop(struct queue *q)
{
    struct envelope *m = q->first;

    if (!m)
        return NULL;
    q->first = m->next;
    if (!q->first)
        q->end = &q->first;
    return m;
}

static struct envelope *message_new(db_done done, void *arg)
{
    struct envelope *m = mem_zalloc(sizeof *m);

    assert(m);
    m->done = done;
    m->arg = arg;
    return m;
}

static void message_free(struct envelope *m)
{
    for (size_t i = 0; i < m->n_orders; i++) {
        for (int k = 0; k < m->orders[i].argc; k++)
            mem_free(m->orders[i].argv[k]);
        mem_free(m->orders[i].argv);
        mem_free(m->orders[i].lens);
    }
    mem_free(m->orders);
    mem_free(m);
}

static void message_add(struct envelope *m, int argc, const char *const *argv, const size_t *lens)
{
    struct order o = {.argc = argc};
    void *orders = m->orders;
    int rc = mem_grow(&orders, &m->cap_orders, m->n_orders + 1, sizeof *m->orders);

    assert(rc == 0 && argc > 0);
    m->orders = orders;
    o.argv = mem_alloc((size_t)argc * sizeof *o.argv);
    o.lens = mem_alloc((size_t)argc * sizeof *o.lens);
    assert(o.argv && o.lens);
    for (int i = 0; i < argc; i++) {
        o.lens[i] = lens ? lens[i] : strlen(argv[i]);
        o.argv[i] = mem_dup(argv[i], o.lens[i]);
        assert(o.argv[i]);
    }
    m->bytes += wire_head_size((size_t)argc) + wire_args_size(argc, argv, lens);
    m->orders[m->n_orders++] = o;
}

static void enter(struct db *d)
{
    d->depth++;
}

static void leave(struct db *d)
{
    if (--d->depth > 0 || !d->closing)
        return;
    timer_free(d->arrive);
    timer_free(d->tell);
    timer_free(d->retry);
    mem_free(d);
}

static void tell_later(struct db *d, struct envelope *m, enum db_fate fate)
{
    m->fate = fate;
    if (fate == DB_UNSENT)
        d->stats.unsent++;
    if (fate == DB_UNKNOWN)
        d->stats.unknown++;
    push(&d->told, m);
    if (!d->is_dead)
        timer_in(d->tell, 0);
}

static void tell(struct envelope *m)
{
    static const struct reply nothing = {.kind = REPLY_LIST};

    if (m->inspected)
        m->inspected(false, m->arg);
    else if (m->done)
        m->done(m->fate, m->fate == DB_DONE ? &nothing : NULL, m->arg);
    message_free(m);
}

static void tell_all(struct db *d)
{
    struct queue now = d->told;
    struct envelope *m;

    if (!now.first)
        return;
    if (now.end == &d->told.first)
        now.end = &now.first;
    d->told = (struct queue){.end = &d->told.first};
    enter(d);
    while ((m = pop(&now)))
        tell(m);
    if (d->told.first && !d->closing)
        timer_in(d->tell, 0);
    leave(d);
}

static void put(struct db *d, struct envelope *m)
{
    if (!d->is_up || d->closing || m->bytes > d->options.max_outstanding - d->outstanding) {
        d->stats.over_bound += d->is_up;
        tell_later(d, m, DB_UNSENT);
        return;
    }
    if (!m->inspected)
        m->number = ++d->number;
    m->arrives_ms = clock_mono_ms(loop_clock(d->loop)) + d->latency_ms;
    d->outstanding += m->bytes;
    d->stats.commands++;
    if (!d->sent.first)
        timer_in(d->arrive, d->latency_ms);
    push(&d->sent, m);
}

/* --- the life of the connection --------------------------------------------------------------------- */

static void look_at_health(struct db *d)
{
    const struct reply *info = fake_redis_ask(d->server, "INFO", NULL);
    unsigned long long used = 0, max = 0;
    const char *memory = strstr(info->text, "used_memory:");

    sscanf(memory, "used_memory:%llu\r\nmaxmemory:%llu", &used, &max);
    d->health = (struct db_health){.known = true, .aof = true, .version = "7.0.0"};
    d->health.clock_offset_ms = clock_is_right ? 0 : clock_step_ms(loop_clock(d->loop));
    d->health.clock_offset_ms += clock_off_ms;
    d->health.max_memory = max;
    d->health.used_memory = used;
    d->health.is_replica = strstr(info->text, "role:slave") != NULL;
    d->health.evicting = max > 0 && !strstr(info->text, "maxmemory_policy:noeviction");
    snprintf(d->health.run_id, sizeof d->health.run_id, "%s", fake_redis_run_id(d->server));
}

static void lose(struct db *d, enum db_fate fate)
{
    struct envelope *m;

    d->is_up = false;
    d->why = "the fake connection broke";
    d->stats.losses++;
    while ((m = pop(&d->sent)))
        tell_later(d, m, m->inspected ? DB_UNSENT : fate);
    d->outstanding = 0;
    timer_stop(d->arrive);
    if (!d->is_held)
        timer_in(d->retry, d->away_ms);
    enter(d);
    tell_all(d);
    if (!d->closing && d->options.on_down)
        d->options.on_down(d->why, d->options.arg);
    leave(d);
}

static void on_retry(void *arg)
{
    struct db *d = arg;

    d->is_up = true;
    d->why = "";
    d->stats.connects++;
    look_at_health(d);
    if (d->options.on_up)
        d->options.on_up(d->options.arg);
}

static struct fault *fault_at(struct db *d, uint64_t number)
{
    for (size_t i = 0; i < d->n_faults; i++)
        if (!d->faults[i].bitten && d->faults[i].at == number)
            return &d->faults[i];
    return NULL;
}

static const struct reply *first_error(const struct reply *all)
{
    for (size_t i = 0; i < all->n_items; i++)
        if (all->items[i].kind == REPLY_ERROR)
            return &all->items[i];
    return NULL;
}

/* Runs it at the server. A refused transaction that ran keeps its items behind the error. */
static enum db_fate carry_out(struct db *d, struct envelope *m, struct reply *out)
{
    struct fake_command *c = mem_alloc((m->n_orders + 1) * sizeof *c);
    const struct reply *all, *inner;
    bool aborted;

    assert(c);
    for (size_t i = 0; i < m->n_orders; i++) {
        struct order *o = &m->orders[i];

        c[i] = (struct fake_command){o->argc, (const char *const *)o->argv, o->lens};
    }
    if (m->is_tx) {
        all = fake_redis_exec(d->server, c, m->n_orders, &aborted);
        *out = *all;
        inner = aborted ? NULL : first_error(all);
        if (inner) {
            *out = *inner;
            out->items = all->items;
            out->n_items = all->n_items;
        }
    } else {
        *out = *fake_redis_run(d->server, c[0].argc, c[0].argv, c[0].lens);
    }
    mem_free(c);
    return out->kind == REPLY_ERROR ? DB_REFUSED : DB_DONE;
}

/* False: the connection broke on it. */
static bool arrive(struct db *d, struct envelope *m)
{
    static const struct reply oom = {
        .kind = REPLY_ERROR,
        .text = "OOM command not allowed when used memory > 'maxmemory'.",
        .len = 55,
    };
    struct fault *f = m->number ? fault_at(d, m->number) : NULL;
    struct reply reply = oom;
    enum db_fate fate = DB_REFUSED;

    if (f)
        f->bitten = true;
    if (f && f->kind != FAKE_REFUSE) {
        if (f->kind == FAKE_LOSE_ANSWER || f->kind == FAKE_RESTART)
            carry_out(d, m, &reply);
        if (f->kind == FAKE_RESTART)
            fake_redis_restart(d->server);
        m->next = d->sent.first; /* back in front: it has its fate with the others */
        if (!d->sent.first)
            d->sent.end = &m->next;
        d->sent.first = m;
        lose(d, f->kind == FAKE_UNSENT ? DB_UNSENT : DB_UNKNOWN);
        return false;
    }
    d->outstanding -= m->bytes;
    if (m->inspected) {
        look_at_health(d);
        m->inspected(true, m->arg);
    } else {
        if (!f)
            fate = carry_out(d, m, &reply);
        if (m->done)
            m->done(fate, &reply, m->arg);
    }
    message_free(m);
    return true;
}

static void on_arrive(void *arg)
{
    struct db *d = arg;
    int64_t now_ms = clock_mono_ms(loop_clock(d->loop));
    uint64_t last = d->number;

    enter(d);
    while (!d->closing && d->is_up && d->sent.first && d->sent.first->arrives_ms <= now_ms &&
           d->sent.first->number <= last)
        if (!arrive(d, pop(&d->sent)))
            break;
    if (!d->closing && d->is_up && d->sent.first)
        timer_in(d->arrive,
                 d->sent.first->arrives_ms > now_ms ? d->sent.first->arrives_ms - now_ms : 0);
    leave(d);
}

static void on_tell(void *arg)
{
    tell_all(arg);
}

struct db *db_open(struct loop *l, const struct db_options *o, struct err *e)
{
    struct db *d = mem_zalloc(sizeof *d);

    (void)e;
    assert(d && served);
    d->loop = l;
    d->server = served;
    d->options = *o;
    if (!d->options.max_outstanding)
        d->options.max_outstanding = OUTSTANDING;
    d->away_ms = AWAY_MS;
    d->why = "connecting";
    d->sent.end = &d->sent.first;
    d->told.end = &d->told.first;
    d->arrive = timer_new(l, LOOP_DELIVERY, on_arrive, d);
    d->tell = timer_new(l, LOOP_DELIVERY, on_tell, d);
    d->retry = timer_new(l, LOOP_DELIVERY, on_retry, d);
    assert(d->arrive && d->tell && d->retry);
    timer_in(d->retry, 0);
    return d;
}

void db_close(struct db *d)
{
    struct envelope *m;

    if (!d)
        return;
    assert(!d->closing);
    enter(d);
    d->closing = true;
    d->is_up = false;
    while ((m = pop(&d->sent)))
        tell_later(d, m, m->inspected ? DB_UNSENT : DB_UNKNOWN);
    while ((m = pop(&d->told)))
        tell(m);
    leave(d);
}

/* --- commands ------------------------------------------------------------------------------------------ */

void db_send(struct db *d, int argc, const char *const *argv, const size_t *lens, db_done done,
             void *arg)
{
    struct envelope *m = message_new(done, arg);

    message_add(m, argc, argv, lens);
    put(d, m);
}

static void sendv(struct db *d, db_done done, void *arg, const char *fmt, va_list ap)
{
    struct wire_args a;

    wire_args_from(&a, fmt, ap);
    db_send(d, (int)a.argc, a.argv, a.lens, done, arg);
    wire_args_free(&a);
}

void db_sendf(struct db *d, db_done done, void *arg, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    sendv(d, done, arg, fmt, ap);
    va_end(ap);
}

/* Without a fence it is a command like others. */
void db_writef(struct db *d, db_done done, void *arg, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    sendv(d, done, arg, fmt, ap);
    va_end(ap);
}

/* One program is simulated: nobody is there to be kept out. */
int db_fence(struct db *d, const char *key, const char *token)
{
    (void)d, (void)key, (void)token;
    return 0;
}

struct db_tx *db_tx_new(struct db *d)
{
    struct db_tx *t = mem_zalloc(sizeof *t);

    assert(t);
    t->db = d;
    t->m = message_new(NULL, NULL);
    t->m->is_tx = true;
    return t;
}

void db_tx_add(struct db_tx *t, int argc, const char *const *argv, const size_t *lens)
{
    message_add(t->m, argc, argv, lens);
}

void db_tx_addf(struct db_tx *t, const char *fmt, ...)
{
    struct wire_args a;
    va_list ap;

    va_start(ap, fmt);
    wire_args_from(&a, fmt, ap);
    va_end(ap);
    db_tx_add(t, (int)a.argc, a.argv, a.lens);
    wire_args_free(&a);
}

size_t db_tx_bytes(const struct db_tx *t)
{
    return t->m->bytes;
}

void db_tx_commit(struct db_tx *t, db_done done, void *arg)
{
    t->m->done = done;
    t->m->arg = arg;
    if (t->m->n_orders == 0)
        tell_later(t->db, t->m, DB_DONE);
    else
        put(t->db, t->m);
    mem_free(t);
}

void db_tx_drop(struct db_tx *t)
{
    if (!t)
        return;
    message_free(t->m);
    mem_free(t);
}

/* The fake has no Lua: it refuses as a server without scripting does. */
void db_script(struct db *d, const char *script, int n_keys, int argc, const char *const *argv,
               const size_t *lens, db_done done, void *arg)
{
    const char *call[] = {"EVAL", script};

    (void)n_keys, (void)argc, (void)argv, (void)lens;
    db_send(d, 2, call, NULL, done, arg);
}

void db_inspect(struct db *d, void (*done)(bool ok, void *arg), void *arg)
{
    struct envelope *m = message_new(NULL, arg);

    m->inspected = done;
    put(d, m);
}

const struct db_health *db_health(const struct db *d)
{
    return &d->health;
}

bool db_is_up(const struct db *d)
{
    return d->is_up;
}

const char *db_server(const struct db *d)
{
    (void)d;
    return "simulated";
}

const char *db_why_down(const struct db *d)
{
    return d->why;
}

int db_local_host(const struct db *d, char *out, size_t size)
{
    (void)d, (void)out, (void)size;
    return -1;
}

size_t db_outstanding(const struct db *d)
{
    return d->outstanding;
}

void db_stats(const struct db *d, struct db_stats *out)
{
    *out = d->stats;
}

/* A forked child has no business with a server in this process. */
bool db_resolved_url(const struct db *d, char out[DB_URL_MAX])
{
    (void)d, (void)out;
    return false;
}

struct db_blocking *db_blocking_open(const char *url, int timeout_ms, struct err *e)
{
    (void)url, (void)timeout_ms;
    err_set(e, ERR_REFUSED, "the fake has no blocking connections");
    return NULL;
}

void db_blocking_fence(struct db_blocking *d, const struct db *parent)
{
    (void)d, (void)parent;
}

void db_blocking_close(struct db_blocking *d)
{
    (void)d;
}

int db_blocking_add(struct db_blocking *d, int argc, const char *const *argv, const size_t *lens,
                    struct err *e)
{
    (void)d, (void)argc, (void)argv, (void)lens;
    return err_set(e, ERR_REFUSED, "the fake has no blocking connections");
}

int db_blocking_flush(struct db_blocking *d, struct err *e)
{
    (void)d;
    return err_set(e, ERR_REFUSED, "the fake has no blocking connections");
}

/* --- what a test decides ---------------------------------------------------------------------------- */

void fake_db_latency(struct db *d, int64_t ms)
{
    d->latency_ms = ms;
}

void fake_db_away(struct db *d, int64_t ms)
{
    d->away_ms = ms ? ms : AWAY_MS;
}

void fake_db_fault(struct db *d, enum fake_fault fault, uint64_t n)
{
    assert(d->n_faults < FAULTS_MAX);
    d->faults[d->n_faults++] = (struct fault){.kind = fault, .at = n};
}

uint64_t fake_db_sent(const struct db *d)
{
    return d->number;
}

bool fake_db_bitten(const struct db *d)
{
    for (size_t i = 0; i < d->n_faults; i++)
        if (!d->faults[i].bitten)
            return false;
    return true;
}

static void run_some(struct db *d, size_t executed)
{
    struct reply ignored;

    for (struct envelope *m = d->sent.first; m && executed > 0; m = m->next)
        if (!m->inspected) {
            carry_out(d, m, &ignored);
            executed--;
        }
}

void fake_db_down(struct db *d, size_t executed)
{
    d->is_held = true;
    timer_stop(d->retry);
    if (!d->is_up)
        return;
    run_some(d, executed);
    lose(d, DB_UNKNOWN);
}

void fake_db_up(struct db *d)
{
    d->is_held = false;
    if (!d->is_up && !d->is_dead)
        timer_in(d->retry, 0);
}

void fake_db_crash(struct db *d, size_t executed)
{
    run_some(d, executed);
    d->is_up = false;
    d->is_dead = d->is_held = true;
    timer_stop(d->arrive);
    timer_stop(d->tell);
    timer_stop(d->retry);
}
