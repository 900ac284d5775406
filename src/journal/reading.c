/* The blocks of a run are differences from those before, which makes them small and lets one that
 * is damaged cost all behind it. So what no cut holds yet stands in Redis twice (copy.c), and a
 * reading that meets trouble turns aside:
 *
 *   stream ──block──> decodes? ──yes──> next
 *      ^                 no: the stream waits; the copy's blocks after the last one, up to this one
 *      └───────────────── go on behind it; what the copy did not have is lost
 *
 * What is missing is noticed by the next block of its run, which the codec refuses. A run whose
 * beginning is lost is asked for once, not for each of its blocks.
 *
 * Blocks that stand for themselves were tried: 3.7 bytes a sample instead of 1.5, in all that the
 * journal keeps. A copy of what lies behind the last cut is two minutes of load. */
#include "journal/reading.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/pages.h"

#define TOLD_MAX 20 /* blocks named in the log by one reading; all are counted */

struct reading {
    struct journal *journal;
    struct reading_options o;
    struct pages *stream, *copy;
    struct block_codec *codec;
    struct block_view view;
    struct journal_id last; /* that was looked at */
    struct journal_id end;  /* what stands behind it has come while this reads */
    uint64_t lost_run;      /* its beginning is lost, and was looked for; 0: none */
    bool headless;          /* … because the reading began within it */
    /* the trouble, while the copy is read */
    struct journal_id wrong; /* 0-0: it is read for what may lie behind the stream's end */
    size_t wrong_len;
    uint64_t wrong_run; /* 0: the block does not tell */
    bool wrong_first;   /* the stream's first one */
    struct err why;
    unsigned told;
    struct reading_stats stats;
};

static void read_copy(struct reading *r, int64_t to_ms);

static int hand_over(struct reading *r, struct journal_id id, size_t len, bool readable,
                     struct err *e)
{
    assert(journal_id_compare(id, r->last) > 0);
    r->last = id;
    return r->o.block(id, len, readable ? &r->view : NULL, r->o.arg, e);
}

static int on_block(struct journal_id id, const char *bytes, size_t len, void *arg, struct err *e)
{
    struct reading *r = arg;

    r->wrong_first = r->stats.blocks++ == 0;
    if (journal_id_compare(id, r->last) <= 0)
        return 0; /* the copy had it */
    if (block_decode(r->codec, bytes, len, &r->view, e) == 0)
        return hand_over(r, id, len, true, e);
    if (e->code == ERR_MEMORY)
        return -1;
    r->wrong = id;
    r->wrong_len = len;
    r->wrong_run = e->code == ERR_REFUSED ? r->view.run : 0;
    r->why = *e;
    *e = (struct err){0};
    if (r->wrong_run && r->wrong_run == r->lost_run) {
        *(r->headless ? &r->stats.headless : &r->stats.behind) += 1;
        return hand_over(r, id, len, false, e);
    }
    read_copy(r, (int64_t)id.ms);
    return PAGES_WAIT;
}

/* --- the copy ------------------------------------------------------------------------------------- */

static void tell(struct reading *r, bool mended)
{
    char id[JOURNAL_ID_LEN];

    if (r->told++ >= TOLD_MAX)
        return;
    journal_id_text(id, r->wrong);
    if (mended)
        log_warn("a block of the journal is damaged or missing; it was read from its copy",
                 "at block", id, "error", r->why.text, NULL);
    else
        log_error("a block of the journal cannot be read: what came in with it is lost", "block",
                  id, "error", r->why.text, NULL);
}

static int on_copied(struct journal_id id, const char *bytes, size_t len, void *arg, struct err *e)
{
    struct reading *r = arg;

    if (journal_id_compare(id, r->last) <= 0)
        return 0;
    if (r->wrong.ms > 0 && journal_id_compare(id, r->wrong) > 0)
        return 0; /* of the same millisecond: the stream's own is tried first */
    if (block_decode(r->codec, bytes, len, &r->view, e) != 0) {
        if (e->code == ERR_MEMORY)
            return -1;
        *e = (struct err){0};
        return 0; /* the stream's own trouble is what is told */
    }
    if (r->wrong.ms ? journal_id_compare(id, r->wrong) < 0 : journal_id_compare(id, r->end) <= 0)
        r->stats.mended++;
    return hand_over(r, id, len, true, e);
}

static int judge(struct reading *r, struct err *e)
{
    bool mended = journal_id_compare(r->last, r->wrong) >= 0;

    r->stats.mended += mended && !r->wrong_run;
    if (mended) {
        tell(r, true);
        return 0;
    }
    if (r->wrong_run) {
        r->lost_run = r->wrong_run;
        r->headless = r->wrong_first;
        *(r->headless ? &r->stats.headless : &r->stats.behind) += 1;
    } else {
        r->stats.lost++;
        tell(r, false);
    }
    return hand_over(r, r->wrong, r->wrong_len, false, e);
}

/* What could not be named one by one. */
static void sum_up(const struct reading *r)
{
    char behind[24], all[24];

    if (r->stats.headless) {
        snprintf(behind, sizeof behind, "%" PRIu64, r->stats.headless);
        log_debug("blocks without the beginning of their run were skipped", "blocks", behind, NULL);
    }
    if (r->stats.mended + r->stats.lost + r->stats.behind == 0)
        return;
    snprintf(behind, sizeof behind, "%" PRIu64, r->stats.behind);
    snprintf(all, sizeof all, "%" PRIu64, r->stats.mended + r->stats.lost);
    log_warn("the journal in Redis is damaged; see tocsin status", "blocks", all,
             "and behind those that are lost", behind, NULL);
}

static void end(struct reading *r, const struct err *e)
{
    sum_up(r);
    r->o.done(e, r->o.arg);
}

static void on_copy_read(const struct err *failed, void *arg)
{
    struct reading *r = arg;
    struct err e = failed ? *failed : (struct err){0};

    pages_free(r->copy);
    r->copy = NULL;
    if (e.code == ERR_MEMORY) {
        end(r, &e);
        return;
    }
    if (e.code) /* a key of another type, say: it is as if there were none */
        log_warn("the copy of the newest blocks cannot be read", "error", e.text, NULL);
    e = (struct err){0};
    if (r->wrong.ms == 0) {
        end(r, NULL);
    } else if (judge(r, &e) != 0) {
        end(r, &e);
    } else if (!r->journal->closing) {
        pages_go_on(r->stream, r->last);
    }
}

static void read_copy(struct reading *r, int64_t to_ms)
{
    struct pages_options o = {.key = KEY_COPY,
                              .after = r->last,
                              .to_ms = to_ms,
                              .block = on_copied,
                              .done = on_copy_read,
                              .arg = r};
    struct err e = {0};

    r->copy = pages_new(r->journal, &o);
    if (r->copy)
        return;
    err_set(&e, ERR_MEMORY, "no memory to read the copy of the newest blocks");
    on_copy_read(&e, r);
}

/* --- the door ------------------------------------------------------------------------------------- */

static void on_stream_read(const struct err *e, void *arg)
{
    struct reading *r = arg;

    r->wrong = (struct journal_id){0};
    if (e || r->o.to_ms != INT64_MAX)
        end(r, e);
    else
        read_copy(r, INT64_MAX);
}

struct reading *reading_new(struct journal *j, const struct reading_options *o)
{
    struct pages_options p = {.key = KEY_JOURNAL,
                              .after = o->after,
                              .to_ms = o->to_ms,
                              .block = on_block,
                              .done = on_stream_read};
    struct reading *r = mem_zalloc(sizeof *r);

    if (!r)
        return NULL;
    r->journal = j;
    r->o = *o;
    r->last = o->after;
    /* while it is read back nobody appends */
    r->end = j->recovery ? (struct journal_id){UINT64_MAX, UINT64_MAX} : j->confirmed_id;
    p.arg = r;
    r->codec = block_codec_new(o->max_series);
    r->stream = r->codec ? pages_new(j, &p) : NULL;
    if (r->stream)
        return r;
    reading_free(r);
    return NULL;
}

void reading_free(struct reading *r)
{
    if (!r)
        return;
    pages_free(r->stream);
    pages_free(r->copy);
    block_codec_free(r->codec);
    block_view_free(&r->view);
    mem_free(r);
}

const struct reading_stats *reading_stats(const struct reading *r)
{
    return &r->stats;
}
