/* Group commit. Requests are copied into the open block; at the end of the turn it is sealed
 * (encoded, given its id) and leaves, with all that is sealed, in one transaction. One transaction
 * is under way at a time; what comes meanwhile gathers in the next block, so a slow Redis makes
 * larger blocks and not longer queues.
 *
 *   open ──seal──> queue ──fly──DONE──> apply, tell STORED ──> recent      (a slice a turn)
 *                    ^      └──UNKNOWN, UNSENT, REFUSED──> apply, tell WAITING; it stays in the
 *                    │                                     queue and flies again, the same bytes
 *                    └── while Redis is away, blocks are sealed and applied at once
 *
 * Why one at a time: a transaction happens whole or not at all, so after a failure the queue is
 * still the truth, in order, and the codec's chain of differences is unbroken.
 *
 * Before anything flies again after an unknown fate, or to a server with another run id, verify.c
 * asks what Redis has. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/journal_impl.h"

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
    assert(j->pending_bytes >= p->size);
    j->pending_bytes -= p->size;
    pending_shrink(p);
    j->pending_bytes += p->size;
}

static bool may_apply(const struct journal *j, const struct pending *p)
{
    return p->applied || !j->o.may_apply || j->o.may_apply(p->recv_ms, j->o.arg);
}

void journal_confirm_first(struct journal *j)
{
    struct pending *p = pending_list_take(&j->queue);
    uint64_t size = p->bytes.len;

    if (j->settled == p)
        j->settled = NULL;

    apply_pending(j, p);
    retries_stored(&j->retries, p, journal_now_ms(j));
    journal_tell_all(j, p, JOURNAL_STORED, NULL);
    j->confirmed_id = p->id;
    assert(p->applied && p->n_senders == 0 && j->pending_bytes >= p->size);
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
    j->has_series |= p->n_dict > 0;
    journal_copy(j, p);
    journal_keep_recent(j, p);
}

/* --- sealing ---------------------------------------------------------------------------------------- */

/* Ids only grow. Where the clock of an earlier run was ahead they go on from its last one, and the
 * block's own receive time is what counts. */
static struct journal_id next_id(const struct journal *j, int64_t now_ms)
{
    struct journal_id id = {.ms = (uint64_t)now_ms};

    if (id.ms <= j->last_id.ms) {
        id.ms = j->last_id.ms;
        id.seq = j->last_id.seq + 1;
    }
    if (id.ms == 0 && id.seq == 0)
        id.seq = 1; /* 0-0 is no id for Redis */
    assert(journal_id_compare(id, j->last_id) > 0);
    return id;
}

static void start_run(struct journal *j, struct journal_id id, int64_t recv_ms)
{
    if (!j->need_run && recv_ms - j->run_since_ms < RUN_MAX_MS)
        return;
    block_codec_start(j->codec, (id.ms << 20) + (id.seq & 0xfffff) + 1);
    j->need_run = false;
    j->run_since_ms = recv_ms;
}

/* The open block gets its id and its bytes and stands at the end of the queue. */
void journal_seal(struct journal *j)
{
    struct pending *p = j->open;
    struct err e = {0};

    if (!p)
        return;
    j->open = NULL;
    p->recv_ms = journal_now_ms(j);
    p->id = next_id(j, p->recv_ms);           /* of the same reading: time goes on between two */
    assert((uint64_t)p->recv_ms <= p->id.ms); /* scan.c finds a block by its id */
    start_run(j, p->id, p->recv_ms);
    assert(!p->applied && j->pending_bytes >= p->size);
    j->pending_bytes -= p->size;
    if (dictionary_take_new(&j->dictionary, j->o.series, &p->dict, &p->n_dict) != 0 ||
        pending_seal(p, j->codec, journal_is_away(j), &e) != 0) {
        if (p->n_dict)
            j->rewrite_series = true; /* its chunks are lost with it */
        j->need_run = true;
        j->stats.refused += p->n_senders;
        journal_tell_all(j, p, JOURNAL_REFUSED, e.code == ERR_NONE ? "no memory" : e.text);
        retries_abandon(&j->retries, p);
        pending_free(p);
        return;
    }
    j->pending_bytes += p->size;
    j->last_id = p->id;
    pending_list_add(&j->queue, p);
    assert(!j->open && j->queue.last == p);
}

/* --- while Redis is away --------------------------------------------------------------------------- */

/* Beside what Redis says: the kind of server it is, and the room it has. NULL: nothing. */
static const char *journal_unfit(const struct journal *j)
{
    const char *kind = db_health_unfit(db_health(j->o.db));

    if (!kind && j->memory_full)
        return "FULL: Redis' memory is nearly full, and the rest is for alerts; raise its "
               "maxmemory "
               "(of the embedded one: limits { redis_memory })";
    return kind;
}

bool journal_is_away(const struct journal *j)
{
    return !db_is_up(j->o.db) || journal_mono_ms(j) < j->not_before_ms || journal_unfit(j);
}

const char *journal_trouble(const struct journal *j)
{
    const char *unfit = journal_unfit(j);

    if (!db_is_up(j->o.db))
        return "";
    if (unfit)
        return unfit;
    return j->refusing ? j->refused_why : "";
}

void journal_hold(struct journal *j, int64_t ms)
{
    j->not_before_ms = journal_mono_ms(j) + ms;
    assert(journal_mono_ms(j) >= 0 && ms >= 0);
    journal_poll_within(j, ms < POLL_AWAY_MS ? POLL_AWAY_MS : ms);
    journal_push_soon(j);
}

/* Said once for each reason, however often it is tried again. */
void journal_refused(struct journal *j, const char *why)
{
    bool is_news = !j->refusing || strncmp(j->refused_why, why, sizeof j->refused_why - 1) != 0;

    if (is_news && !db_refusal_is_fence(why))
        log_error("Redis refuses blocks: they are kept in memory, pages go on, senders are told to "
                  "repeat",
                  "error", why, NULL);
    j->refusing = true;
    snprintf(j->refused_why, sizeof j->refused_why, "%s", why);
    journal_hold(j, REFUSED_WAIT_MS);
}

void journal_taken_again(struct journal *j)
{
    if (j->refusing)
        log_info("Redis takes blocks again", NULL);
    j->refusing = false;
}

/* Pages go on from memory: everything taken is applied, and the senders come again. Blocks up to
 * `settled` have had this; a long outage must not walk its whole queue in each turn. */
static void go_on_without(struct journal *j)
{
    struct pending *p, *last = j->settled; /* NULL: none of the queue */
    int64_t until_ms = journal_mono_ms(j) + APPLY_SLICE_MS;

    journal_seal(j);
    if (j->queue.first)
        journal_poll_within(j, POLL_AWAY_MS); /* to see Redis return */
    while ((p = last ? last->next : j->queue.first) != NULL && may_apply(j, p)) {
        apply_pending(j, p);
        retries_wait(&j->retries, p);
        journal_tell_all(j, p, JOURNAL_WAITING,
                         *journal_trouble(j)
                             ? "Redis refuses to store it; it is kept in memory and stored later"
                             : "Redis is away; it is kept in memory and stored later");
        last = p;
        if (journal_mono_ms(j) >= until_ms) {
            journal_push_soon(j);
            break;
        }
    }
    j->settled = last;
}

/* --- the transaction -------------------------------------------------------------------------------- */

static void add_dictionary(struct db_tx *tx, const struct dict_write *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (w[i].chunk.len)
            db_tx_addf(tx, "HSET %s %llu %b %llu+ %b", KEY_SERIES, (unsigned long long)w[i].first,
                       w[i].chunk.data, w[i].chunk.len, (unsigned long long)w[i].first,
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
    for (const struct pending *p = j->recent.first; p; p = p->next)
        j->recent_bytes -= pending_kept(p) - p->bytes.len;
    forget_writes(&j->recent);
    j->rewrite_series = false;
    j->rewriting_series = true;
}

static void on_committed(enum db_fate fate, const struct reply *reply, void *arg);

static void fly(struct journal *j)
{
    struct db_tx *tx = db_tx_new(j->o.db);

    assert(j->n_flying == 0 && j->link != LINK_FLYING);
    if (!tx) {
        journal_hold(j, REFUSED_WAIT_MS);
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
    assert(j->n_flying <= j->queue.n);
    j->link = LINK_FLYING;
    j->settled = NULL; /* later senders may have joined any of them */
    journal_call(j);
    db_tx_commit(tx, on_committed, j);
}

/* What Redis has taken is applied and told, a slice a turn; the next transaction waits for it. */
static void confirm_flown(struct journal *j)
{
    int64_t until_ms = journal_mono_ms(j) + APPLY_SLICE_MS;
    bool may = true;

    assert(j->link == LINK_CONFIRMING && j->n_flying <= j->queue.n);
    while (j->n_flying > 0 && !j->closing && (may = may_apply(j, j->queue.first))) {
        j->n_flying--;
        journal_confirm_first(j);
        if (journal_mono_ms(j) >= until_ms)
            break;
    }
    if (j->closing)
        return;
    if (j->n_flying == 0)
        j->link = LINK_IDLE;
    if (may) /* else journal_go_on() is called */
        journal_push_soon(j);
}

void journal_go_on(struct journal *j)
{
    journal_push_soon(j);
}

static void committed(struct journal *j)
{
    journal_taken_again(j);
    j->has_series |= j->rewriting_series;
    j->rewriting_series = false;
    j->link = LINK_CONFIRMING;
    confirm_flown(j);
}

static void not_committed(struct journal *j, enum db_fate fate, const struct reply *reply)
{
    size_t n = j->n_flying;

    assert(n <= j->queue.n); /* what flew is still the head of the queue */
    j->n_flying = 0;
    j->rewrite_series |= j->rewriting_series;
    j->rewriting_series = false;
    if (fate == DB_REFUSED) {
        /* with items it was carried out in part: what is there is looked up as after a loss, and
         * labels may be what is not */
        j->must_ask |= reply->n_items > 0;
        j->rewrite_series |= reply->n_items > 0;
        journal_refused(j, reply->text);
    } else if (fate == DB_UNKNOWN) {
        j->must_ask = true;
        journal_hold(j, 0);
    } else {
        journal_hold(j, POLL_AWAY_MS);
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
    if (!j->closing && j->link == LINK_IDLE)
        journal_push_soon(j);
    journal_returned(j);
}

/* --- the turn's end --- */

static bool unknown_are_applied(const struct journal *j)
{
    const struct pending *p = j->queue.first;

    for (size_t i = 0; i < j->n_unknown; i++, p = p->next)
        if (!p->applied)
            return false;
    return true;
}

void journal_commit(struct journal *j)
{
    if (j->link == LINK_CONFIRMING) {
        confirm_flown(j);
        return;
    }
    if (journal_is_away(j)) {
        if (j->link != LINK_FLYING)
            go_on_without(j);
        return;
    }
    if (j->link != LINK_IDLE)
        return;
    if (journal_must_verify(j)) {
        if (!unknown_are_applied(j))
            go_on_without(j); /* the answer may confirm them */
        if (unknown_are_applied(j))
            journal_verify(j);
        return;
    }
    if (journal_cut_is_armed(j) && !j->queue.first) {
        journal_cut_begin(j);
        if (j->closing)
            return;
    }
    journal_seal(j);
    if (j->queue.first || j->rewrite_series)
        fly(j);
}
