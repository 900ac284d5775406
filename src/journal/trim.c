/* The bounds. Retention: blocks older than it go, and the oldest go when they take more than
 * their share of Redis' memory; but never past the published cut, behind which every block is
 * needed for a start. One small XTRIM at a time, since a large one holds Redis up (1.1 us for a
 * block of 4 KB). At 75 % of Redis' memory new blocks wait here, as while it is away, so that
 * control state can always be written; trimming goes on, and makes room. */
#include <assert.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "journal/journal_impl.h"

#define INSPECT_MS  1000
#define COUNT_MS    250 /* so long, and a poll, may what FLUSHALL took be missing */
#define WEIGH_MS    30000
#define TRIM_BLOCKS 1000ull /* in one step: about a millisecond of Redis' time */

static bool is_due(const struct journal *j, int64_t *at_ms, int64_t every_ms)
{
    int64_t now_ms = journal_mono_ms(j);

    if (now_ms < *at_ms)
        return false;
    *at_ms = now_ms + every_ms;
    return true;
}

/* --- how much there is -------------------------------------------------------------------------------- */

/* Told when it changes. A server of another kind for a while may hold other data afterwards. */
static void note_kind(struct journal *j, const char *unfit)
{
    if (unfit && unfit != j->unfit)
        log_error("Redis cannot be written to: blocks are kept in memory, pages go on, senders are "
                  "told to repeat",
                  "reason", unfit, NULL);
    if (!unfit && j->unfit) {
        log_info("Redis can be written to again", NULL);
        journal_missing(j);
    }
    j->unfit = unfit;
}

static void on_inspected(bool ok, void *arg)
{
    struct journal *j = arg;
    const struct db_health *h;
    double used;

    if (!journal_returned(j))
        return;
    j->inspecting = false;
    h = db_health(j->o.db);
    note_kind(j, db_health_unfit(h));
    if (!ok || h->max_memory == 0) {
        j->memory_full = false;
        return;
    }
    used = (double)h->used_memory / (double)h->max_memory;
    if (used >= MEMORY_FULL && !j->memory_full)
        log_error("Redis' memory is nearly full: new blocks wait in memory until there is room",
                  NULL);
    j->memory_full = used >= (j->memory_full ? MEMORY_FREE : MEMORY_FULL);
}

static void on_length(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;

    if (!journal_returned(j))
        return;
    j->counting = false;
    if (fate != DB_DONE || reply->kind != REPLY_INT || j->must_ask)
        return;
    if ((uint64_t)reply->number < j->stats.stored_blocks && !j->count_unsure)
        journal_missing(j);
    else
        j->stats.stored_blocks = (uint64_t)reply->number;
    j->count_unsure = false;
}

static void on_weight(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;

    if (journal_returned(j) && fate == DB_DONE)
        j->stats.stored_bytes = reply->kind == REPLY_INT ? (uint64_t)reply->number : 0;
}

static void on_exist(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;

    if (!journal_returned(j))
        return;
    j->looking = false;
    if (fate != DB_DONE || reply->kind != REPLY_INT || (uint64_t)reply->number >= j->keys_due)
        return;
    j->keys_missing = true;
    journal_missing(j);
}

/* Beside the blocks, which are counted: the labels and the cut, which a start needs as well. While a
 * cut is being made its names change. */
static void look_for_keys(struct journal *j)
{
    const char *argv[4] = {"EXISTS"};
    char pieces[KEY_LEN];
    int n = 1;

    if (j->has_series && j->dictionary.n > 0)
        argv[n++] = KEY_SERIES;
    if (j->has_cut && !j->cut) {
        key_cut(pieces, j->published_number);
        argv[n++] = KEY_CUT;
        argv[n++] = pieces;
    }
    if (n == 1 || j->looking || j->must_ask)
        return;
    j->looking = true;
    j->keys_due = (uint64_t)n - 1;
    journal_call(j);
    db_send(j->o.db, n, argv, NULL, on_exist, j);
}

void journal_watch_memory(struct journal *j)
{
    if (!db_is_up(j->o.db))
        return;
    if (!j->counting && is_due(j, &j->count_at_ms, COUNT_MS)) {
        /* answers keep their order: blocks and trims sent before are counted */
        j->counting = true;
        journal_call(j);
        db_sendf(j->o.db, on_length, j, "XLEN %s", KEY_JOURNAL);
        look_for_keys(j);
    }
    if (j->inspecting || !is_due(j, &j->inspect_at_ms, INSPECT_MS))
        return;
    j->inspecting = true;
    journal_call(j);
    db_inspect(j->o.db, on_inspected, j);
    if (is_due(j, &j->weigh_at_ms, WEIGH_MS)) {
        journal_call(j);
        /* all of it: a sample is taken from the oldest blocks, and weighs them for the rest */
        db_sendf(j->o.db, on_weight, j, "MEMORY USAGE %s SAMPLES 0", KEY_JOURNAL);
    }
}

/* --- trimming ------------------------------------------------------------------------------------------- */

static uint64_t bytes_bound(const struct journal *j)
{
    uint64_t max_memory = db_health(j->o.db)->max_memory;

    return max_memory ? (uint64_t)((double)max_memory * j->o.memory_share) : j->o.max_bytes;
}

/* How many of the oldest blocks are over the bound in bytes, and may go. */
static uint64_t too_many(const struct journal *j)
{
    const struct journal_stats *st = &j->stats;
    uint64_t bound = bytes_bound(j), each, n, may;

    if (st->stored_bytes <= bound || st->stored_blocks == 0)
        return 0;
    each = st->stored_bytes / st->stored_blocks + 1;
    n = (st->stored_bytes - bound) / each + 1;
    may = st->stored_blocks > j->blocks_since_cut ? st->stored_blocks - j->blocks_since_cut : 0;
    return n < may ? n : may;
}

/* The first block that stays for its age, at most the first behind the cut. */
static struct journal_id keep_from(const struct journal *j)
{
    int64_t from_ms = journal_now_ms(j) - j->o.retention_ms;
    struct journal_id from = {.ms = from_ms > 0 ? (uint64_t)from_ms : 0};
    struct journal_id behind = {.ms = j->cut_id.ms, .seq = j->cut_id.seq + 1};

    return journal_id_compare(from, behind) < 0 ? from : behind;
}

static void on_dropped(enum db_fate fate, const struct reply *reply, void *arg)
{
    (void)fate, (void)reply;
    journal_returned(arg); /* a chunk that stays is found and dropped after the next start */
}

static void drop_series(struct journal *j, struct journal_id oldest)
{
    struct db_tx *tx = db_tx_new(j->o.db);

    if (!tx)
        return;
    dictionary_drop(&j->dictionary, oldest, tx);
    journal_call(j);
    db_tx_commit(tx, on_dropped, j);
}

static void on_trimmed(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;
    uint64_t n, each;

    if (!journal_returned(j))
        return;
    j->trimming = false;
    if (fate == DB_UNKNOWN)
        j->count_unsure = true;
    if (fate != DB_DONE || reply->kind != REPLY_INT)
        return;
    n = (uint64_t)reply->number;
    each = j->stats.stored_blocks ? j->stats.stored_bytes / j->stats.stored_blocks : 0;
    if (n > j->stats.stored_blocks)
        n = j->stats.stored_blocks;
    j->stats.trimmed_blocks += n;
    j->stats.stored_blocks -= n;
    assert(n * each <= j->stats.stored_bytes);
    j->stats.stored_bytes -= n * each;
    if (n > 0) {
        journal_trim(j);            /* the next step */
    } else if (j->trim_to.ms > 0) { /* all that is older is gone */
        j->stats.oldest_ms = (int64_t)j->trim_to.ms;
        if (j->dictionary.n_gone > 0)
            drop_series(j, j->trim_to);
    }
}

void journal_trim(struct journal *j)
{
    char id[JOURNAL_ID_LEN];
    uint64_t over;

    if (!j->has_cut || j->must_ask || (journal_is_away(j) && !j->memory_full))
        return;
    journal_copy_trim(j);
    if (j->trimming)
        return;
    j->trimming = true;
    journal_call(j);
    over = too_many(j);
    if (over > 0) {
        j->trim_to = (struct journal_id){0};
        db_writef(j->o.db, on_trimmed, j, "XTRIM %s MAXLEN ~ %llu LIMIT %llu", KEY_JOURNAL,
                  (unsigned long long)(j->stats.stored_blocks - over), TRIM_BLOCKS);
        return;
    }
    j->trim_to = keep_from(j);
    journal_id_text(id, j->trim_to);
    db_writef(j->o.db, on_trimmed, j, "XTRIM %s MINID ~ %s LIMIT %llu", KEY_JOURNAL, id,
              TRIM_BLOCKS);
}
