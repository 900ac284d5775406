#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/cut_chunk.h"
#include "journal/pages.h"

/* The start, one question at a time; a question whose answer is lost is asked again:
 *
 *   meta -> series (HSCAN, all chunks) -> pointer of the cut -> its chunks -> the stream's last id
 *        -> blocks behind the cut, page by page -> ready
 *
 * A series that was forgotten and came back stands in the dictionary twice, under two ids. The
 * newer one is the living one, so chunks are decoded from the newest to the oldest. */

#define SCAN_COUNT   "16"
#define SPARE_SERIES (1u << 20) /* ids above the dictionary's that a block may name */
#define ORPHANS      8          /* cuts that failed attempts may have left behind the last */

enum step { STEP_META, STEP_SERIES, STEP_POINTER, STEP_CUT, STEP_INFO, STEP_BLOCKS };

struct raw_chunk {
    uint32_t first;
    char *bytes;
    size_t len;
};

struct recovery {
    struct journal_recovery r;
    enum step step;
    bool asking;
    char cursor[24]; /* of HSCAN */
    struct raw_chunk *chunks;
    size_t n_chunks, cap_chunks;
    uint64_t cut_chunks, cut_chunk; /* how many, and the next */
    uint64_t length, seen, skipped, damaged;
    struct pages *pages;
    struct block_codec *codec;
    struct block_view view;
};

static void next(struct journal *j, enum step step);

static void forget_chunks(struct recovery *r)
{
    for (size_t i = 0; i < r->n_chunks; i++)
        mem_free(r->chunks[i].bytes);
    mem_free(r->chunks);
    r->chunks = NULL;
    r->n_chunks = r->cap_chunks = 0;
}

void journal_recovery_free(struct journal *j)
{
    struct recovery *r = j->recovery;

    if (!r)
        return;
    j->recovery = NULL;
    forget_chunks(r);
    pages_free(r->pages);
    block_codec_free(r->codec);
    block_view_free(&r->view);
    mem_free(r);
}

static void fail(struct journal *j, const struct err *e)
{
    struct journal_recovery r = j->recovery->r;

    journal_recovery_free(j);
    r.ready(e, r.arg);
}

static void fail_memory(struct journal *j)
{
    struct err e = {0};

    err_set(&e, ERR_MEMORY, "no memory to read the journal back");
    fail(j, &e);
}

/* --- meta --------------------------------------------------------------------------------------------- */

void journal_write_meta(struct journal *j)
{
    /* the seed is the installation's: once there it stays, or one partition's series would move */
    db_sendf(j->o.db, NULL, NULL, "HSETNX %s seed %llu", KEY_META,
             (unsigned long long)random_u64());
    db_sendf(j->o.db, NULL, NULL, "HSET %s format %llu generation 1", KEY_META,
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
    const char *format = field(reply, "format");
    struct err e = {0};

    if (format && strtoull(format, NULL, 10) > JOURNAL_FORMAT) {
        err_set(&e, ERR_REFUSED,
                "the data in Redis was written by a newer Tocsin (format %s, this program knows "
                "%d): run that one, or use another Redis database",
                format, JOURNAL_FORMAT);
        fail(j, &e);
        return;
    }
    if (!format)
        journal_write_meta(j);
    next(j, STEP_SERIES);
}

/* --- series --------------------------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
    const struct raw_chunk *x = a, *y = b;

    return (x->first < y->first) - (x->first > y->first);
}

struct restoring {
    struct journal *j;
    uint32_t live, end;
};

static int restore(const struct dict_entry *d, void *arg, struct err *e)
{
    struct restoring *to = arg;

    if (series_restore(to->j->o.series, d->id, d->labels, d->n_labels, d->token, d->kind, e) == 0)
        to->live++;
    else if (e->code != ERR_INPUT)
        return -1;
    to->end = d->id + 1;
    return 0;
}

static void restore_chunk(struct journal *j, const struct raw_chunk *c)
{
    struct restoring to = {.j = j};
    struct err e = {0};

    if (dict_decode(c->bytes, c->len, restore, &to, &e) != 0) {
        j->recovery->damaged++;
        log_error("series cannot be read back", "error", e.text, NULL);
    }
    if (to.end > c->first && dictionary_found(&j->dictionary, c->first, to.end, to.live) != 0)
        j->rewrite_series = true;
}

static void restore_series(struct journal *j)
{
    struct recovery *r = j->recovery;

    if (r->n_chunks)
        qsort(r->chunks, r->n_chunks, sizeof *r->chunks, newest_first);
    for (size_t i = 0; i < r->n_chunks; i++) /* HSCAN may tell a field twice */
        if (i == 0 || r->chunks[i].first != r->chunks[i - 1].first)
            restore_chunk(j, &r->chunks[i]);
    forget_chunks(r);
    next(j, STEP_POINTER);
}

static int keep_chunk(struct recovery *r, const struct reply *name, const struct reply *value)
{
    void *chunks = r->chunks;
    struct raw_chunk *c;

    if (mem_grow(&chunks, &r->cap_chunks, r->n_chunks + 1, sizeof *r->chunks) != 0)
        return -1;
    r->chunks = chunks;
    c = &r->chunks[r->n_chunks];
    c->first = (uint32_t)strtoul(name->text, NULL, 10);
    c->len = value->len;
    c->bytes = mem_dup(value->text, value->len);
    if (!c->bytes)
        return -1;
    r->n_chunks++;
    return 0;
}

static void take_series(struct journal *j, const struct reply *reply)
{
    struct recovery *r = j->recovery;
    const struct reply *page = reply->n_items == 2 ? &reply->items[1] : NULL;

    for (size_t i = 0; page && i + 1 < page->n_items; i += 2)
        if (keep_chunk(r, &page->items[i], &page->items[i + 1]) != 0) {
            fail_memory(j);
            return;
        }
    snprintf(r->cursor, sizeof r->cursor, "%s", page ? reply->items[0].text : "0");
    if (strcmp(r->cursor, "0") == 0)
        restore_series(j);
    else
        next(j, STEP_SERIES);
}

/* --- the cut ---------------------------------------------------------------------------------------------- */

static void take_pointer(struct journal *j, const struct reply *reply)
{
    const char *number = field(reply, "number"), *chunks = field(reply, "chunks");
    const char *id = field(reply, "id");

    if (!number || !chunks || !id) {
        next(j, STEP_INFO);
        return;
    }
    j->published_number = j->cut_number = strtoull(number, NULL, 10);
    j->recovery->cut_chunks = strtoull(chunks, NULL, 10);
    j->cut_id = j->applied_id = journal_id_parse(id);
    j->has_cut = true;
    next(j, j->recovery->cut_chunks ? STEP_CUT : STEP_INFO);
}

static void discard_cut(struct journal *j, const char *why)
{
    struct recovery *r = j->recovery;

    log_error("the cut cannot be used: all blocks that Redis still has are replayed", "error", why,
              NULL);
    j->has_cut = false;
    j->cut_id = j->applied_id = (struct journal_id){0};
    j->want_cut = true;
    if (r->r.cut_discard)
        r->r.cut_discard(r->r.arg);
    next(j, STEP_INFO);
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
        next(j, ++r->cut_chunk < r->cut_chunks ? STEP_CUT : STEP_INFO);
}

/* --- blocks ---------------------------------------------------------------------------------------------- */

static void replay(struct journal *j, struct journal_id id, const struct block_view *v)
{
    struct journal_block b = {.id = id,
                              .recv_ms = v->head.recv_ms,
                              .samples = v->samples,
                              .n_samples = v->n_samples,
                              .events = v->events,
                              .n_events = v->n_events,
                              .replayed = true};

    if (v->head.waited)
        for (size_t i = 0; i < v->head.n_hashes; i++)
            retries_found(&j->retries, v->head.hashes[i], v->head.recv_ms);
    j->stats.replayed_blocks++;
    journal_apply(j, &b);
}

static int on_block(struct journal_id id, const char *bytes, size_t len, void *arg, struct err *e)
{
    struct journal *j = arg;
    struct recovery *r = j->recovery;

    r->seen++;
    if (journal_id_compare(id, j->last_id) > 0)
        j->last_id = id;
    j->bytes_since_cut += len;
    if (block_decode(r->codec, bytes, len, &r->view, e) == 0) {
        replay(j, id, &r->view);
        return 0;
    }
    if (e->code == ERR_MEMORY)
        return -1;
    if (e->code == ERR_REFUSED) {
        r->skipped++; /* its run's beginning was trimmed away, or is damaged */
    } else {
        r->damaged++;
        log_error("a block of the journal cannot be read", "error", e->text, NULL);
    }
    *e = (struct err){0};
    return 0;
}

static void finish(struct journal *j)
{
    struct recovery *r = j->recovery;
    struct journal_recovery told = r->r;

    if (r->skipped) {
        char n[24];

        snprintf(n, sizeof n, "%" PRIu64, r->skipped);
        log_warn("blocks without the beginning of their run were skipped", "blocks", n, NULL);
    }
    j->confirmed_id = j->forgotten_id = j->last_id;
    j->blocks_since_cut = r->seen;
    j->stats.last_cut_ms = j->has_cut ? (int64_t)j->cut_id.ms : journal_now_ms(j);
    if (r->length < r->seen)
        r->length = r->seen;
    j->stats.stored_blocks = r->length;
    for (size_t i = 0; i < j->dictionary.n; i++)
        if (j->dictionary.chunks[i].live == 0)
            j->dictionary.chunks[i].gone = j->last_id;
    for (uint64_t n = 1; n <= ORPHANS; n++) {
        char key[KEY_LEN];

        key_cut(key, j->published_number + n);
        db_sendf(j->o.db, NULL, NULL, "UNLINK %s", key);
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
    struct pages_options o = {.after = j->cut_id,
                              .to_ms = INT64_MAX,
                              .block = on_block,
                              .done = on_blocks_read,
                              .arg = j};

    r->codec = block_codec_new(series_end(j->o.series) + SPARE_SERIES);
    r->pages = pages_new(j, &o);
    if (!r->codec || !r->pages)
        fail_memory(j);
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
    j->last_id = journal_id_parse(last);
    snprintf(j->run_id, sizeof j->run_id, "%s", db_health(j->o.db)->run_id);
    next(j, STEP_BLOCKS);
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
        take_series(j, reply);
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
        if (fate == DB_DONE || fate == DB_REFUSED)
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

static void next(struct journal *j, enum step step)
{
    j->recovery->step = step;
    ask(j);
}

void journal_recovery_poll(struct journal *j)
{
    struct recovery *r = j->recovery;

    if (r && !r->asking && !r->pages && db_is_up(j->o.db))
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
