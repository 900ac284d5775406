/* The journal as a whole: its life, the turn's push, the poll, and what senders are told.
 * A request is in a block from the moment it is taken, and its sender hears of it when the block's fate is
 * known, never from within the call: answers wait in a list for the next turn, so that no caller is called
 * back while it still holds half a state. Blocks move through open, queue and recent, each owned by one
 * list. Requests to Redis count as calls, and a journal that is freed meanwhile ends with the last of them. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "journal/journal_impl.h"
#include "model/identity.h"

#define MAX_PENDING    ((size_t)256 << 20)
#define BLOCK_SAMPLES  8192
#define RETENTION_MS   (30 * 60 * 1000)
#define MEMORY_SHARE   0.25
#define MAX_BYTES      ((size_t)1 << 30)
#define NEARLY_FULL(n) ((n) - (n) / 10)

static void on_push(void *arg);
static void on_poll(void *arg);
static void poll_in(struct journal *j, int64_t ms);

#define PENDING_FULL "too much waits for Redis (limits { pending_memory } is reached)"

/* --- life ------------------------------------------------------------------------------------------ */

static void set_defaults(struct journal_options *o)
{
    if (o->retention_ms <= 0)
        o->retention_ms = RETENTION_MS;
    if (o->memory_share <= 0)
        o->memory_share = MEMORY_SHARE;
    if (!o->max_bytes)
        o->max_bytes = MAX_BYTES;
    if (!o->max_pending)
        o->max_pending = MAX_PENDING;
    if (!o->max_block_samples)
        o->max_block_samples = BLOCK_SAMPLES;
}

struct journal *journal_new(const struct journal_options *o, struct err *e)
{
    struct journal *j = mem_zalloc(sizeof *j);

    if (!j)
        goto failed;
    j->o = *o;
    set_defaults(&j->o);
    j->clock = loop_clock(o->loop);
    j->answers_end = &j->answers;
    j->need_run = true;
    j->codec = block_codec_new(SERIES_NONE);
    j->push = timer_new(o->loop, LOOP_INGEST, on_push, j);
    j->poll = timer_new(o->loop, LOOP_CONTROL, on_poll, j);
    j->url = o->url ? mem_strdup(o->url) : NULL;
    if (!j->codec || !j->push || !j->poll || (o->url && !j->url))
        goto failed;
    poll_in(j, POLL_AWAY_MS);
    return j;
failed:
    journal_free(j);
    err_set(e, ERR_MEMORY, "no memory for the journal");
    return NULL;
}

static void free_list(struct pending_list *l)
{
    struct pending *p;

    while ((p = pending_list_take(l)))
        pending_free(p);
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    journal_recovery_free(j);
    journal_scans_free(j);
    journal_cut_free(j);
    timer_free(j->push);
    timer_free(j->poll);
    block_codec_free(j->codec);
    dictionary_clear(&j->dictionary);
    retries_clear(&j->retries);
    pending_free(j->open);
    j->open = NULL;
    free_list(&j->queue);
    free_list(&j->recent);
    while (j->answers) {
        struct answer_due *a = j->answers;

        j->answers = a->next;
        mem_free(a);
    }
    mem_free(j->url);
    j->closing = true;
    if (j->calls == 0)
        mem_free(j);
}

/* --- telling senders ------------------------------------------------------------------------------- */

static void journal_tell(struct journal *j, struct sender s, enum journal_answer answer,
                         enum err_code code, const char *why)
{
    struct answer_due *a;

    if (!s.done)
        return;
    a = mem_zalloc(sizeof *a);
    assert(a); /* nobody else could tell the sender */
    a->done = s.done;
    a->arg = s.arg;
    a->answer = answer;
    if (why)
        err_set(&a->e, code, "%s", why);
    *j->answers_end = a;
    j->answers_end = &a->next;
    journal_push_soon(j);
}

/* Those that are due now; what their callbacks add waits for the next turn. */
static void tell_due(struct journal *j)
{
    struct answer_due *a = j->answers;

    j->answers = NULL;
    j->answers_end = &j->answers;
    while (a) {
        struct answer_due *next = a->next;

        if (!j->closing)
            a->done(a->answer, a->e.code == ERR_NONE ? NULL : &a->e, a->arg);
        mem_free(a);
        a = next;
    }
}

void journal_tell_all(struct journal *j, struct pending *p, enum journal_answer answer,
                      const char *why)
{
    for (size_t i = 0; i < p->n_senders; i++)
        journal_tell(j, p->senders[i], answer, ERR_BUSY, why);
    p->n_senders = 0;
}

/* --- timers --- */

static void poll_in(struct journal *j, int64_t ms)
{
    j->poll_at_ms = journal_mono_ms(j) + ms;
    timer_in(j->poll, ms);
}

void journal_poll_within(struct journal *j, int64_t ms)
{
    if (j->poll_at_ms > journal_mono_ms(j) + ms)
        poll_in(j, ms);
}

static void on_push(void *arg)
{
    struct journal *j = arg;

    journal_call(j);
    if (j->state == JOURNAL_READY)
        journal_commit(j);
    if (!j->closing)
        tell_due(j);
    journal_returned(j);
}

static void on_poll(void *arg)
{
    struct journal *j = arg;
    bool busy = j->state != JOURNAL_READY || j->queue.first || j->cut || journal_is_away(j);

    poll_in(j, busy ? POLL_AWAY_MS : POLL_MS);
    journal_call(j);
    if (j->state == JOURNAL_READY) {
        if (!journal_is_away(j) && (j->queue.first || journal_must_verify(j)))
            journal_push_soon(j);
        retries_expire(&j->retries, journal_now_ms(j));
        journal_watch_memory(j);
        journal_trim(j);
        journal_cut_poll(j);
    } else {
        journal_recovery_poll(j);
    }
    journal_returned(j);
}

/* --- requests ------------------------------------------------------------------------------------------ */

static bool is_refusing(const struct journal *j, struct err *e)
{
    if (j->state != JOURNAL_READY) {
        err_set(e, ERR_BUSY, "the journal is still being read back");
        return true;
    }
    return false;
}

bool journal_accepts(const struct journal *j, struct err *e)
{
    if (is_refusing(j, e))
        return false;
    if (j->pending_bytes < NEARLY_FULL(j->o.max_pending))
        return true;
    err_set(e, ERR_BUSY, PENDING_FULL);
    return false;
}

static void refuse(struct journal *j, struct sender s, const char *why)
{
    j->stats.refused++;
    journal_tell(j, s, JOURNAL_REFUSED, ERR_BUSY, why);
}

/* True when the request was taken earlier and its sender told to come again. */
static bool join(struct journal *j, uint64_t hash, struct sender s)
{
    struct retry *known = retry_find(&j->retries, hash);

    if (!known)
        return false;
    j->stats.joined_retries++;
    if (!known->block) {
        if (!identity_is_named(hash))
            retry_forget(&j->retries, known);
        journal_tell(j, s, JOURNAL_STORED, ERR_NONE, NULL);
    } else if (!journal_is_away(j) && s.done && pending_join(known->block, s) == 0) {
        known->joined = true;
        j->settled = NULL;
        journal_push_soon(j);
    } else {
        journal_tell(j, s, JOURNAL_WAITING, ERR_BUSY, "it waits for Redis already");
    }
    return true;
}

void journal_append(struct journal *j, const struct journal_request *r, journal_done done,
                    void *arg)
{
    struct sender s = {done, arg};
    size_t cost = pending_cost(r);
    struct err e = {0};

    if (join(j, r->hash, s))
        return;
    if (is_refusing(j, &e)) {
        refuse(j, s, e.text);
        return;
    }
    if (cost > j->o.max_pending || j->pending_bytes > j->o.max_pending - cost) {
        refuse(j, s, PENDING_FULL);
        return;
    }
    if (j->open && j->open->n_samples + j->open->n_events + r->n_samples + r->n_events >
                       j->o.max_block_samples)
        journal_seal(j);
    if ((!j->open && !(j->open = pending_new())) || pending_add(j->open, r, s) != 0) {
        refuse(j, s, "no memory");
        return;
    }
    if (identity_is_named(r->hash))
        retries_enter(&j->retries, j->open, r->hash);
    j->pending_bytes += cost;
    assert(j->open && j->open->size <= j->pending_bytes);
    journal_push_soon(j);
}

/* --- questions ------------------------------------------------------------------------------------------ */

bool journal_is_ready(const struct journal *j)
{
    return j->state == JOURNAL_READY;
}

/* Of more steps than are kept the two oldest count as one. */
static void note_step(struct journal *j, int64_t by_ms)
{
    if (j->n_steps == STEPS_MAX) {
        j->steps[1].by_ms += j->steps[0].by_ms;
        memmove(j->steps, j->steps + 1, (STEPS_MAX - 1) * sizeof *j->steps);
        j->n_steps--;
    }
    j->steps[j->n_steps++] = (struct clock_step){j->last_id, by_ms};
    assert(j->n_steps <= STEPS_MAX);
}

void journal_clock_stepped(struct journal *j, int64_t by_ms)
{
    assert(j->state == JOURNAL_READY);
    note_step(j, by_ms);
    for (struct pending *p = j->queue.first; p; p = p->next)
        if (!p->applied)
            p->recv_ms += by_ms;
    journal_scans_shift(j, by_ms);
    j->need_run = true; /* how long a run goes on is measured by the clock */
    j->stats.last_cut_ms += by_ms;
    j->want_cut = true;
    journal_cut_is_not_enough(j);
}

int64_t journal_applied_ms(const struct journal *j)
{
    for (const struct pending *p = j->queue.first; p; p = p->next)
        if (!p->applied)
            return p->recv_ms - 1;
    return journal_now_ms(j) - 1;
}

uint64_t journal_seed(const struct journal *j)
{
    return j->seed;
}

struct journal_id journal_applied_id(const struct journal *j)
{
    return j->applied_id;
}

void journal_forget_series(struct journal *j, uint32_t series)
{
    dictionary_forget(&j->dictionary, series, j->last_id);
}

void journal_stats(const struct journal *j, struct journal_stats *out)
{
    *out = j->stats;
    out->pending_bytes = j->pending_bytes;
    out->pending_blocks = j->queue.n + (j->open != NULL);
}
