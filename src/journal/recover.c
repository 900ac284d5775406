/* The start, one question at a time; a question whose answer is lost is asked again:
 *
 *   meta -> series (HSCAN, all chunks) -> pointer of the cut -> its chunks -> the stream's last id
 *        -> blocks behind the cut, page by page -> ready */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/cut_chunk.h"
#include "journal/recover_impl.h"
#include "model/identity.h"

#define SCAN_COUNT   "16"
#define SPARE_SERIES (1u << 20) /* ids above the dictionary's that a block may name */
#define AHEAD_MS     1000       /* a clock is not taken to have been ahead for less */
#define ORPHANS      8          /* cuts that failed attempts may have left behind the last */

void journal_recovery_free(struct journal *j)
{
    struct recovery *r = j->recovery;

    if (!r)
        return;
    j->recovery = NULL;
    recovery_forget_chunks(r);
    reading_free(r->reading);
    mem_free(r);
}

static void fail(struct journal *j, const struct err *e)
{
    struct journal_recovery r = j->recovery->r;

    journal_recovery_free(j);
    r.ready(e, r.arg);
}

void recovery_fail_memory(struct journal *j)
{
    struct err e = {0};

    err_set(&e, ERR_MEMORY, "no memory to read the journal back");
    fail(j, &e);
}

/* --- meta --------------------------------------------------------------------------------------------- */

void journal_write_meta(struct journal *j)
{
    assert(j->seed != 0);
    /* the seed is the installation's: once there it stays, or what is sent again would be unknown */
    db_writef(j->o.db, NULL, NULL, "HSETNX %s seed %llu", KEY_META, (unsigned long long)j->seed);
    db_writef(j->o.db, NULL, NULL, "HSET %s format %llu generation 1", KEY_META,
              (unsigned long long)JOURNAL_FORMAT);
}

static const char *field(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < reply->n_items; i += 2)
        if (reply->items[i].kind == REPLY_TEXT && strcmp(reply->items[i].text, name) == 0)
            return reply->items[i + 1].text;
    return NULL;
}

static void take_meta(struct journal *j, const struct reply *reply)
{
    const char *format = field(reply, "format"), *seed = field(reply, "seed");
    struct err e = {0};

    if (format && strtoull(format, NULL, 10) > JOURNAL_FORMAT) {
        err_set(&e, ERR_REFUSED,
                "the data in Redis was written by a newer Tocsin (format %s, this program knows "
                "%d): run that one, or use another Redis database",
                format, JOURNAL_FORMAT);
        fail(j, &e);
        return;
    }
    j->seed = seed ? strtoull(seed, NULL, 10) : 0;
    while (j->seed == 0)
        j->seed = random_u64();
    if (!format || !seed)
        journal_write_meta(j);
    recovery_next(j, STEP_SERIES);
}

/* --- the cut ---------------------------------------------------------------------------------------------- */

static void replay_all(struct journal *j)
{
    struct recovery *r = j->recovery;

    j->has_cut = false;
    j->cut_id = j->applied_id = (struct journal_id){0};
    j->want_cut = true;
    if (r->r.cut_discard)
        r->r.cut_discard(r->r.arg);
    recovery_next(j, STEP_INFO);
}

static void discard_cut(struct journal *j, const char *why)
{
    log_error("the saved windows cannot be used: they are filled from the blocks that Redis still "
              "has; longer windows warm up",
              "error", why, NULL);
    j->stats.damage.lost_cuts++;
    replay_all(j);
}

static void take_pointer(struct journal *j, const struct reply *reply)
{
    const char *number = field(reply, "number"), *chunks = field(reply, "chunks");
    const char *id = field(reply, "id"), *at = field(reply, "at");
    const char *series = field(reply, "series");

    if (!number || !chunks || !id) {
        recovery_next(j, STEP_INFO);
        return;
    }
    if (series) /* their labels may be gone: no other series may get these ids */
        series_set_end(j->o.series, (uint32_t)strtoul(series, NULL, 10));
    j->published_number = j->cut_number = strtoull(number, NULL, 10);
    j->recovery->cut_chunks = strtoull(chunks, NULL, 10);
    j->cut_id = j->applied_id = journal_id_parse(id);
    j->has_cut = true;
    if ((at ? strtoll(at, NULL, 10) : (int64_t)j->cut_id.ms) > j->started_ms + AHEAD_MS) {
        log_warn("the saved windows are of a clock that was ahead: filled from the journal instead",
                 NULL);
        replay_all(j);
        return;
    }
    recovery_next(j, j->recovery->cut_chunks ? STEP_CUT : STEP_INFO);
}

static void take_cut(struct journal *j, const struct reply *reply)
{
    struct recovery *r = j->recovery;
    struct buf raw = BUF_INIT;
    struct err e = {0};
    int rc = -1;

    if (reply->kind != REPLY_TEXT)
        err_set(&e, ERR_INPUT, "a piece of it is missing");
    else if (cut_chunk_unpack(reply->text, reply->len, &raw, &e) == 0)
        rc = r->r.cut_chunk ? r->r.cut_chunk(raw.data, raw.len, r->r.arg, &e) : 0;
    buf_free(&raw);
    if (rc != 0)
        discard_cut(j, e.text);
    else
        recovery_next(j, ++r->cut_chunk < r->cut_chunks ? STEP_CUT : STEP_INFO);
}

/* --- blocks ---------------------------------------------------------------------------------------------- */

/* At most the time between the start and the block is added to what the clock was ahead by: nothing
 * that was stored is of the future. Times that a sender, whose clock was right, gave are kept. */
void journal_set_right(const struct journal *j, struct journal_id id, struct block_view *v)
{
    int64_t by_ms = v->head.recv_ms - j->started_ms;

    if (by_ms <= 0 || journal_id_compare(id, j->recovered_id) > 0)
        return;
    if (by_ms < j->ahead_ms)
        by_ms = j->ahead_ms;
    v->head.recv_ms -= by_ms;
    for (size_t i = 0; i < v->n_samples; i++)
        if (v->samples[i].t_ms > j->started_ms)
            v->samples[i].t_ms -= by_ms;
    for (size_t i = 0; i < v->n_events; i++)
        if (v->events[i].t_ms > j->started_ms)
            v->events[i].t_ms -= by_ms;
    assert(v->head.recv_ms <= j->started_ms);
}

static void replay(struct journal *j, struct journal_id id, const struct block_view *v)
{
    /* what was moved back may lie before blocks of a run that was right, and never goes back */
    int64_t recv_ms = v->head.recv_ms > j->replayed_ms ? v->head.recv_ms : j->replayed_ms;
    struct journal_block b = {.id = id,
                              .recv_ms = recv_ms,
                              .samples = v->samples,
                              .n_samples = v->n_samples,
                              .events = v->events,
                              .n_events = v->n_events,
                              .replayed = true};

    for (size_t i = 0; i < v->head.n_hashes; i++)
        if (v->head.waited || identity_is_named(v->head.hashes[i]))
            retries_found(&j->retries, v->head.hashes[i], v->head.recv_ms);
    j->replayed_ms = recv_ms;
    j->stats.replayed_blocks++;
    journal_apply(j, &b);
}

/* Series whose labels are lost: what came in of them is too, and their ids are never given again. */
static void note_series(struct journal *j, const struct block_view *v)
{
    uint32_t known = series_end(j->o.series);

    for (size_t i = 0; i < v->n_samples; i++) {
        if (v->samples[i].series < known)
            continue;
        j->stats.damage.nameless_samples++;
        if (v->samples[i].series >= j->recovery->end)
            j->recovery->end = v->samples[i].series + 1;
    }
}

static int on_block(struct journal_id id, size_t len, struct block_view *v, void *arg,
                    struct err *e)
{
    struct journal *j = arg;

    (void)e;
    j->recovery->seen++;
    if (journal_id_compare(id, j->last_id) > 0)
        j->last_id = id;
    j->bytes_since_cut += len;
    if (!v)
        return 0;
    note_series(j, v);
    journal_set_right(j, id, v);
    replay(j, id, v);
    return 0;
}

static bool is_damaged(const struct journal_damage *d)
{
    return d->mended_blocks || d->lost_blocks || d->behind_blocks || d->mended_chunks ||
           d->lost_chunks || d->nameless_samples || d->lost_cuts;
}

/* What there is of it now is cut at once, so that the next start needs none of what is damaged. */
static void note_damage(struct journal *j)
{
    const struct reading_stats *s = reading_stats(j->recovery->reading);
    struct journal_damage *d = &j->stats.damage;

    d->mended_blocks += s->mended;
    d->lost_blocks += s->lost;
    d->behind_blocks += s->behind;
    series_set_end(j->o.series, j->recovery->end);
    if (d->nameless_samples)
        log_error(
            "the labels of some series are gone from Redis: what had come in of them is lost; "
            "what comes in from now on counts",
            NULL);
    j->want_cut |= is_damaged(d);
    j->rewrite_series |= d->mended_chunks || d->lost_chunks || d->nameless_samples;
}

static void finish(struct journal *j)
{
    struct recovery *r = j->recovery;
    struct journal_recovery told = r->r;

    note_damage(j);
    j->has_series = j->dictionary.n > 0 && !j->rewrite_series;
    j->confirmed_id = j->forgotten_id = j->last_id;
    j->blocks_since_cut = r->seen;
    j->stats.last_cut_ms = j->has_cut ? (int64_t)j->cut_id.ms : j->started_ms;
    if (j->stats.last_cut_ms > j->started_ms)
        j->stats.last_cut_ms = j->started_ms;
    j->want_cut |= j->ahead_ms > 0; /* so that the next start need not move them again */
    if (r->length < reading_stats(r->reading)->blocks)
        r->length = reading_stats(r->reading)->blocks;
    j->stats.stored_blocks = r->length;
    for (size_t i = 0; i < j->dictionary.n; i++)
        if (j->dictionary.chunks[i].live == 0)
            j->dictionary.chunks[i].gone = j->last_id;
    for (uint64_t n = 1; n <= ORPHANS; n++) {
        char key[KEY_LEN];

        key_cut(key, j->published_number + n);
        db_writef(j->o.db, NULL, NULL, "UNLINK %s", key);
    }
    journal_recovery_free(j);
    j->state = JOURNAL_READY;
    journal_push_soon(j);
    told.ready(NULL, told.arg);
}

static void on_blocks_read(const struct err *e, void *arg)
{
    struct journal *j = arg;

    if (e)
        fail(j, e);
    else
        finish(j);
}

static void start_blocks(struct journal *j)
{
    struct recovery *r = j->recovery;
    struct reading_options o = {.after = j->cut_id,
                                .to_ms = INT64_MAX,
                                .max_series = series_end(j->o.series) + SPARE_SERIES,
                                .block = on_block,
                                .done = on_blocks_read,
                                .arg = j};

    r->reading = reading_new(j, &o);
    if (!r->reading)
        recovery_fail_memory(j);
}

static void take_info(struct journal *j, const struct reply *reply)
{
    const char *last = NULL;

    for (size_t i = 0; reply && i + 1 < reply->n_items; i += 2) {
        if (strcmp(reply->items[i].text, "length") == 0)
            j->recovery->length = (uint64_t)reply->items[i + 1].number;
        if (strcmp(reply->items[i].text, "last-generated-id") == 0)
            last = reply->items[i + 1].text;
    }
    j->last_id = j->recovered_id = journal_id_parse(last);
    if ((int64_t)j->last_id.ms > j->started_ms + AHEAD_MS)
        j->ahead_ms = (int64_t)j->last_id.ms - j->started_ms;
    snprintf(j->run_id, sizeof j->run_id, "%s", db_health(j->o.db)->run_id);
    recovery_next(j, STEP_BLOCKS);
}

/* --- asking ------------------------------------------------------------------------------------------- */

static void take(struct journal *j, enum db_fate fate, const struct reply *reply)
{
    struct err e = {0};

    if (fate == DB_REFUSED) {
        if (j->recovery->step == STEP_INFO && strstr(reply->text, "no such key")) {
            take_info(j, NULL);
            return;
        }
        err_set(&e, ERR_REFUSED, "Redis does not let the journal be read: %s", reply->text);
        fail(j, &e);
        return;
    }
    switch (j->recovery->step) {
    case STEP_META:
        take_meta(j, reply);
        break;
    case STEP_SERIES:
        recovery_take_series(j, reply);
        break;
    case STEP_POINTER:
        take_pointer(j, reply);
        break;
    case STEP_CUT:
        take_cut(j, reply);
        break;
    case STEP_INFO:
        take_info(j, reply);
        break;
    case STEP_BLOCKS:
        break;
    }
}

static void on_answer(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;

    if (!journal_returned(j))
        return;
    journal_call(j); /* callbacks may free it */
    if (j->recovery) {
        j->recovery->asking = false;
        if (fate == DB_DONE || (fate == DB_REFUSED && !db_refusal_passes(reply->text)))
            take(j, fate, reply); /* else the poll asks again */
    }
    journal_returned(j);
}

static void ask(struct journal *j)
{
    struct recovery *r = j->recovery;
    char key[KEY_LEN];

    r->asking = true;
    journal_call(j);
    switch (r->step) {
    case STEP_META:
        db_sendf(j->o.db, on_answer, j, "HGETALL %s", KEY_META);
        break;
    case STEP_SERIES:
        db_sendf(j->o.db, on_answer, j, "HSCAN %s %s COUNT %s", KEY_SERIES, r->cursor, SCAN_COUNT);
        break;
    case STEP_POINTER:
        db_sendf(j->o.db, on_answer, j, "HGETALL %s", KEY_CUT);
        break;
    case STEP_CUT:
        key_cut(key, j->published_number);
        db_sendf(j->o.db, on_answer, j, "HGET %s %llu", key, (unsigned long long)r->cut_chunk);
        break;
    case STEP_INFO:
        db_sendf(j->o.db, on_answer, j, "XINFO STREAM %s", KEY_JOURNAL);
        break;
    case STEP_BLOCKS:
        journal_returned(j);
        start_blocks(j);
        break;
    }
}

void recovery_next(struct journal *j, enum step step)
{
    j->recovery->step = step;
    ask(j);
}

void journal_recovery_poll(struct journal *j)
{
    struct recovery *r = j->recovery;

    if (r && !r->asking && !r->reading && db_is_up(j->o.db))
        ask(j);
}

void journal_recover(struct journal *j, const struct journal_recovery *r)
{
    struct recovery *to = mem_zalloc(sizeof *to);
    struct err e = {0};

    if (!to) {
        err_set(&e, ERR_MEMORY, "no memory to read the journal back");
        r->ready(&e, r->arg);
        return;
    }
    to->r = *r;
    snprintf(to->cursor, sizeof to->cursor, "0");
    j->recovery = to;
    j->state = JOURNAL_RECOVERING;
    j->started_ms = journal_now_ms(j);
    journal_recovery_poll(j);
}

void journal_progress(const struct journal *j, struct buf *out)
{
    static const char *const doing[] = {"reading the format", "reading series",
                                        "looking for the cut", "reading the cut",
                                        "looking at the journal"};
    const struct recovery *r = j->recovery;

    if (j->state == JOURNAL_READY)
        buf_addf(out, "replayed %" PRIu64 " blocks", j->stats.replayed_blocks);
    else if (!r)
        buf_adds(out, "not begun");
    else if (!db_is_up(j->o.db))
        buf_adds(out, "waiting for Redis");
    else if (r->step == STEP_BLOCKS)
        buf_addf(out, "replaying blocks: %" PRIu64 " done, of at most %" PRIu64, r->seen,
                 r->length);
    else
        buf_adds(out, doing[r->step]);
}
