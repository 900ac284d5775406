#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/journal_impl.h"

/* Group commit. Requests are copied into the open block; at the end of the turn it is sealed
 * (encoded, given its id) and leaves, with all that is sealed, in one transaction. One transaction
 * is under way at a time; what comes meanwhile gathers in the next block, so a slow Redis makes
 * larger blocks and not longer queues.
 *
 *   open ──seal──> queue ──fly──DONE──> apply, tell STORED ──> recent
 *                    ^      └──UNKNOWN, UNSENT, REFUSED──> apply, tell WAITING; it stays in the
 *                    │                                     queue and flies again, the same bytes
 *                    └── while Redis is away, blocks are sealed and applied at once
 *
 * Why one at a time: a transaction happens whole or not at all, so after a failure the queue is
 * still the truth, in order, and the codec's chain of differences is unbroken.
 *
 * Before anything flies again after an unknown fate, or to a server with another run id, verify.c
 * asks what Redis has. */

#define MAX_PENDING    ((size_t)256 << 20)
#define BLOCK_SAMPLES  32768
#define RETENTION_MS   (30 * 60 * 1000)
#define MEMORY_SHARE   0.25
#define MAX_BYTES      ((size_t)1 << 30)
#define NEARLY_FULL(n) ((n) - (n) / 10)

static void on_push(void *arg);
static void on_poll(void *arg);
static void poll_in(struct journal *j, int64_t ms);

int journal_id_compare(struct journal_id a, struct journal_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

void journal_id_text(char out[JOURNAL_ID_LEN], struct journal_id id)
{
    snprintf(out, JOURNAL_ID_LEN, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

struct journal_id journal_id_parse(const char *s)
{
    struct journal_id id = {0};
    char *end;

    if (!s || *s < '0' || *s > '9')
        return id;
    id.ms = strtoull(s, &end, 10);
    if (*end == '-')
        id.seq = strtoull(end + 1, NULL, 10);
    return id;
}

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

void journal_call(struct journal *j)
{
    j->calls++;
}

bool journal_returned(struct journal *j)
{
    j->calls--;
    if (!j->closing)
        return true;
    if (j->calls == 0)
        mem_free(j);
    return false;
}

int64_t journal_now_ms(const struct journal *j)
{
    return clock_wall_ms(j->clock);
}

int64_t journal_mono_ms(const struct journal *j)
{
    return clock_mono_ms(j->clock);
}

void pending_list_add(struct pending_list *l, struct pending *p)
{
    p->next = NULL;
    *(l->last ? &l->last->next : &l->first) = p;
    l->last = p;
    l->n++;
}

struct pending *pending_list_take(struct pending_list *l)
{
    struct pending *p = l->first;

    if (!p)
        return NULL;
    l->first = p->next;
    if (!l->first)
        l->last = NULL;
    l->n--;
    return p;
}

/* --- telling senders ------------------------------------------------------------------------------- */

void journal_tell(struct journal *j, struct sender s, enum journal_answer answer,
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

static void tell_senders(struct journal *j, struct pending *p, enum journal_answer answer,
                         const char *why)
{
    for (size_t i = 0; i < p->n_senders; i++)
        journal_tell(j, p->senders[i], answer, ERR_BUSY, why);
    p->n_senders = 0;
}

void journal_push_soon(struct journal *j)
{
    timer_in(j->push, 0);
}

/* --- applying --------------------------------------------------------------------------------------- */

void journal_apply(struct journal *j, const struct journal_block *b)
{
    j->applied_id = b->id;
    if (j->o.apply)
        j->o.apply(b, j->o.arg);
}

static void apply_pending(struct journal *j, struct pending *p)
{
    struct journal_block b = {.id = p->id,
                              .recv_ms = p->recv_ms,
                              .samples = p->samples,
                              .n_samples = p->n_samples,
                              .events = p->events,
                              .n_events = p->n_events};

    if (p->applied)
        return;
    p->applied = true;
    journal_apply(j, &b);
    j->pending_bytes -= p->size;
    pending_shrink(p);
    j->pending_bytes += p->size;
}

void journal_confirm_first(struct journal *j)
{
    struct pending *p = pending_list_take(&j->queue);
    uint64_t size = p->bytes.len;

    apply_pending(j, p);
    retries_stored(&j->retries, p, journal_now_ms(j));
    tell_senders(j, p, JOURNAL_STORED, NULL);
    j->confirmed_id = p->id;
    j->pending_bytes -= p->size;
    if (!p->counted) {
        j->stats.blocks++;
        j->stats.samples += p->n_samples_held;
        j->stats.events += p->n_events_held;
        j->stats.bytes += size;
        p->counted = true;
    }
    j->stats.stored_blocks++;
    j->stats.stored_bytes += size;
    j->blocks_since_cut++;
    j->bytes_since_cut += size;
    journal_keep_recent(j, p);
}

/* --- sealing ---------------------------------------------------------------------------------------- */

static struct journal_id next_id(struct journal *j)
{
    struct journal_id id = {.ms = (uint64_t)journal_now_ms(j)};

    if (id.ms <= j->last_id.ms) {
        id.ms = j->last_id.ms;
        id.seq = j->last_id.seq + 1;
    }
    if (id.ms == 0 && id.seq == 0)
        id.seq = 1; /* 0-0 is no id for Redis */
    return id;
}

static void start_run(struct journal *j, struct journal_id id)
{
    if (!j->need_run && (int64_t)id.ms - j->run_since_ms < RUN_MAX_MS)
        return;
    block_codec_start(j->codec, (id.ms << 20) + (id.seq & 0xfffff) + 1);
    j->need_run = false;
    j->run_since_ms = (int64_t)id.ms;
}

/* The open block gets its id and its bytes and stands at the end of the queue. */
static void seal(struct journal *j)
{
    struct pending *p = j->open;
    struct err e = {0};

    if (!p)
        return;
    j->open = NULL;
    p->id = next_id(j);
    p->recv_ms = (int64_t)p->id.ms;
    start_run(j, p->id);
    j->pending_bytes -= p->size;
    if (dictionary_take_new(&j->dictionary, j->o.series, &p->dict, &p->n_dict) != 0 ||
        pending_seal(p, j->codec, journal_is_away(j), &e) != 0) {
        if (p->n_dict)
            j->rewrite_series = true; /* its chunks are lost with it */
        j->need_run = true;
        j->stats.refused += p->n_senders;
        tell_senders(j, p, JOURNAL_REFUSED, e.code == ERR_NONE ? "no memory" : e.text);
        pending_free(p);
        return;
    }
    j->pending_bytes += p->size;
    j->last_id = p->id;
    pending_list_add(&j->queue, p);
}

/* --- while Redis is away --------------------------------------------------------------------------- */

bool journal_is_away(const struct journal *j)
{
    return !db_is_up(j->o.db) || journal_mono_ms(j) < j->not_before_ms;
}

static void poll_in(struct journal *j, int64_t ms)
{
    j->poll_at_ms = journal_mono_ms(j) + ms;
    timer_in(j->poll, ms);
}

static void poll_within(struct journal *j, int64_t ms)
{
    if (j->poll_at_ms > journal_mono_ms(j) + ms)
        poll_in(j, ms);
}

void journal_hold(struct journal *j, const char *why, int64_t ms)
{
    j->not_before_ms = journal_mono_ms(j) + ms;
    snprintf(j->refused_why, sizeof j->refused_why, "%s", why);
    poll_within(j, ms < POLL_AWAY_MS ? POLL_AWAY_MS : ms);
    journal_push_soon(j);
}

/* Pages go on from memory: everything taken is applied, and the senders come again. */
static void go_on_without(struct journal *j)
{
    seal(j);
    if (j->queue.first)
        poll_within(j, POLL_AWAY_MS); /* to see Redis return */
    for (struct pending *p = j->queue.first; p; p = p->next) {
        apply_pending(j, p);
        retries_wait(&j->retries, p);
        tell_senders(j, p, JOURNAL_WAITING,
                     j->refusing
                         ? "Redis refuses to store it; it is kept in memory and stored later"
                         : "Redis is away; it is kept in memory and stored later");
    }
}

/* --- the transaction -------------------------------------------------------------------------------- */

static void add_dictionary(struct db_tx *tx, const struct dict_write *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (w[i].chunk.len)
            db_tx_addf(tx, "HSET %s %llu %b", KEY_SERIES, (unsigned long long)w[i].first,
                       w[i].chunk.data, w[i].chunk.len);
}

static void forget_writes(struct pending_list *l)
{
    for (struct pending *p = l->first; p; p = p->next) {
        dict_writes_free(p->dict, p->n_dict);
        p->dict = NULL;
        p->n_dict = 0;
    }
}

/* All labels again, after Redis has lost some of them. The chunks that blocks carry are among
 * them, in other pieces. */
static void add_all_series(struct journal *j, struct db_tx *tx)
{
    struct dict_write *writes;
    size_t n;

    dictionary_clear(&j->dictionary);
    if (dictionary_take_new(&j->dictionary, j->o.series, &writes, &n) != 0)
        return; /* still to be done */
    db_tx_addf(tx, "UNLINK %s", KEY_SERIES);
    add_dictionary(tx, writes, n);
    dict_writes_free(writes, n);
    forget_writes(&j->queue);
    forget_writes(&j->recent);
    j->rewrite_series = false;
    j->rewriting_series = true;
}

static void on_committed(enum db_fate fate, const struct reply *reply, void *arg);

static void fly(struct journal *j)
{
    struct db_tx *tx = db_tx_new(j->o.db);

    if (!tx) {
        journal_hold(j, "no memory for a transaction", REFUSED_WAIT_MS);
        return;
    }
    if (j->rewrite_series)
        add_all_series(j, tx);
    for (struct pending *p = j->queue.first; p; p = p->next) {
        char id[JOURNAL_ID_LEN];

        if (j->n_flying > 0 && db_tx_bytes(tx) + p->bytes.len > FLIGHT_BYTES)
            break;
        add_dictionary(tx, p->dict, p->n_dict);
        journal_id_text(id, p->id);
        db_tx_addf(tx, "XADD %s %s %s %b", KEY_JOURNAL, id, BLOCK_FIELD, p->bytes.data,
                   p->bytes.len);
        j->n_flying++;
    }
    j->link = LINK_FLYING;
    journal_call(j);
    db_tx_commit(tx, on_committed, j);
}

static void committed(struct journal *j)
{
    size_t n = j->n_flying;

    j->n_flying = 0;
    j->refusing = j->rewriting_series = false;
    for (; n > 0 && !j->closing; n--)
        journal_confirm_first(j);
}

static void not_committed(struct journal *j, enum db_fate fate, const struct reply *reply)
{
    size_t n = j->n_flying;

    j->n_flying = 0;
    j->rewrite_series |= j->rewriting_series;
    j->rewriting_series = false;
    if (fate == DB_REFUSED) {
        /* with items it was carried out in part: what is there is looked up as after a loss */
        j->must_ask |= reply->n_items > 0;
        j->refusing = true;
        log_error("Redis refuses blocks; they are kept in memory", "error", reply->text, NULL);
        journal_hold(j, reply->text, REFUSED_WAIT_MS);
    } else if (fate == DB_UNKNOWN) {
        j->must_ask = true;
        journal_hold(j, "the connection to Redis was lost", 0);
    } else {
        journal_hold(j, "the connection to Redis takes no more", POLL_AWAY_MS);
    }
    if (j->must_ask)
        j->n_unknown = n;
    go_on_without(j);
}

static void on_committed(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;

    if (!journal_returned(j))
        return;
    journal_call(j); /* `apply` may free it */
    j->link = LINK_IDLE;
    if (fate == DB_DONE)
        committed(j);
    else
        not_committed(j, fate, reply);
    if (!j->closing)
        journal_push_soon(j);
    journal_returned(j);
}

/* --- the turn's end ---------------------------------------------------------------------------------- */

static void push(struct journal *j)
{
    if (journal_is_away(j)) {
        if (j->link != LINK_FLYING)
            go_on_without(j);
        return;
    }
    if (j->link != LINK_IDLE)
        return;
    if (journal_must_verify(j)) {
        journal_verify(j);
        return;
    }
    if (journal_cut_is_armed(j) && !j->queue.first) {
        journal_cut_begin(j);
        if (j->closing)
            return;
    }
    seal(j);
    if (j->queue.first || j->rewrite_series)
        fly(j);
}

static void on_push(void *arg)
{
    struct journal *j = arg;

    journal_call(j);
    if (j->state == JOURNAL_READY)
        push(j);
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
    if (j->memory_full) {
        err_set(e, ERR_BUSY,
                "Redis' memory is nearly full: raise maxmemory or shorten the retention");
        return true;
    }
    if (j->refusing) {
        err_set(e, ERR_BUSY, "Redis refuses to store it: %s", j->refused_why);
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
    err_set(e, ERR_BUSY, "too much waits for Redis");
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
        retry_forget(&j->retries, known);
        journal_tell(j, s, JOURNAL_STORED, ERR_NONE, NULL);
    } else if (!journal_is_away(j) && s.done && pending_join(known->block, s) == 0) {
        known->joined = true;
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
        refuse(j, s, "too much waits for Redis");
        return;
    }
    if (j->open && j->open->n_samples + j->open->n_events + r->n_samples + r->n_events >
                       j->o.max_block_samples)
        seal(j);
    if ((!j->open && !(j->open = pending_new())) || pending_add(j->open, r, s) != 0) {
        refuse(j, s, "no memory");
        return;
    }
    j->pending_bytes += cost;
    journal_push_soon(j);
}

/* --- questions ------------------------------------------------------------------------------------------ */

bool journal_is_ready(const struct journal *j)
{
    return j->state == JOURNAL_READY;
}

int64_t journal_applied_ms(const struct journal *j)
{
    for (const struct pending *p = j->queue.first; p; p = p->next)
        if (!p->applied)
            return p->recv_ms - 1;
    return journal_now_ms(j) - 1;
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
