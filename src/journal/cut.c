/* A cut, from the order to the pointer:
 *
 *   ARMED ──nothing in flight──> WRITING ──all pieces in Redis──> COUNTING ──> PUBLISHING ──> done
 *            (fork: the child                                      (HLEN)      (MULTI: pointer,
 *             holds this instant)                                               old one away)
 *
 * The next block after the fork starts a new run, so that blocks behind the cut can be read
 * without those before it. An answer that is lost while publishing leaves two cuts possible:
 * counting and publishing are then done again, which changes nothing if they had happened. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/cut_chunk.h"
#include "journal/cut_job.h"

#define TIMEOUT_MS      (2 * 60 * 1000)
#define AFTER_FAILED_MS 30000
#define URGENT_MS       5000 /* the same, while memory is more than Redis has */
#define EVERY_MS        (2 * 60 * 1000)

static void on_pieces_due(struct journal *j);

bool journal_cut_is_armed(const struct journal *j)
{
    return j->cut && j->cut->step == CUT_ARMED;
}

void journal_cut_is_not_enough(struct journal *j)
{
    if (j->cut && j->cut->step != CUT_ARMED)
        j->cut->precedes_loss = true;
}

bool journal_wants_cut(const struct journal *j)
{
    uint64_t max_memory = db_health(j->o.db)->max_memory;
    uint64_t bound =
        max_memory ? (uint64_t)((double)max_memory * j->o.memory_share) : j->o.max_bytes;

    if (j->state != JOURNAL_READY || j->cut || journal_is_away(j) ||
        journal_mono_ms(j) < j->cut_not_before_ms)
        return false;
    if (j->want_cut)
        return true;
    return j->blocks_since_cut > 0 && (journal_now_ms(j) - j->stats.last_cut_ms >= EVERY_MS ||
                                       j->bytes_since_cut >= bound / 4);
}

int journal_cut(struct journal *j, const struct journal_cut *c, struct err *e)
{
    struct cut_job *k;

    if (j->state != JOURNAL_READY)
        return err_set(e, ERR_REFUSED, "the journal is not ready");
    if (j->cut)
        return err_set(e, ERR_BUSY, "a cut is being taken");
    if (journal_is_away(j))
        return err_set(e, ERR_BUSY, "Redis is away");
    k = mem_zalloc(sizeof *k);
    if (!k)
        return err_set(e, ERR_MEMORY, "no memory for a cut");
    k->c = *c;
    k->fd = -1;
    k->journal = j;
    k->started_ms = journal_mono_ms(j);
    j->cut = k;
    journal_push_soon(j);
    return 0;
}

static void reap(struct journal *j)
{
    if (j->zombie > 0 && waitpid(j->zombie, NULL, WNOHANG) != 0)
        j->zombie = 0;
}

/* The child's end does not matter any more; it is collected when it has ended. */
void cut_let_go(struct cut_job *k, bool kill_it)
{
    watch_free(k->watch);
    k->watch = NULL;
    if (k->fd >= 0)
        close(k->fd);
    k->fd = -1;
    if (k->pid > 0) {
        if (kill_it)
            kill(k->pid, SIGKILL);
        if (k->journal->zombie > 0) /* an older one: it has been killed */
            waitpid(k->journal->zombie, NULL, 0);
        k->journal->zombie = k->pid;
    }
    k->pid = 0;
}

/* Answers that are still on their way find the job here, so it goes with the last of them. */
static void job_free(struct cut_job *k)
{
    cut_let_go(k, true);
    buf_free(&k->in);
    k->over = true;
    if (k->open == 0)
        mem_free(k);
}

void journal_cut_free(struct journal *j)
{
    if (j->cut)
        job_free(j->cut);
    j->cut = NULL;
    if (j->zombie > 0) {
        kill(j->zombie, SIGKILL);
        waitpid(j->zombie, NULL, 0);
    }
    j->zombie = 0;
}

static void end(struct journal *j, bool ok, const char *why)
{
    struct cut_job *k = j->cut;
    struct journal_cut c = k->c;
    int64_t took_ms = journal_mono_ms(j) - k->started_ms;
    char text[256];

    snprintf(text, sizeof text, "%s", why ? why : "");
    j->cut = NULL;
    job_free(k);
    if (ok) {
        j->stats.cuts++;
        j->stats.last_cut_took_ms = took_ms;
        j->stats.last_cut_ms = journal_now_ms(j);
    } else {
        j->stats.cut_failures++;
        j->cut_not_before_ms = journal_mono_ms(j) + (j->want_cut ? URGENT_MS : AFTER_FAILED_MS);
    }
    if (c.done)
        c.done(ok, ok ? NULL : text, took_ms, c.arg);
}

/* What was written of it goes; only while it is certain that no pointer names it. */
void cut_fail(struct journal *j, const char *why)
{
    char key[KEY_LEN];

    if (j->cut->number > 0) {
        key_cut(key, j->cut->number);
        db_writef(j->o.db, NULL, NULL, "UNLINK %s", key);
    }
    end(j, false, why);
}

/* --- the pieces, from whoever writes them -------------------------------------------------------------- */

static void on_piece(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct cut_job *k = arg;
    struct journal *j = k->journal;

    k->open--;
    if (fate != DB_DONE && !k->failed[0])
        snprintf(k->failed, sizeof k->failed, "%s",
                 fate == DB_REFUSED ? reply->text : "the connection to Redis was lost");
    if (k->over) {
        if (k->open == 0)
            mem_free(k);
    } else if (!j->closing) {
        on_pieces_due(j);
    }
    journal_returned(j);
}

void cut_put_piece(struct cut_job *k, const void *p, size_t n)
{
    char key[KEY_LEN];

    key_cut(key, k->number);
    k->open++;
    k->bytes += n;
    journal_call(k->journal);
    db_writef(k->journal->o.db, on_piece, k, "HSET %s %llu %b", key,
              (unsigned long long)k->chunks++, p, n);
}

/* In simulations: no child, the pieces leave from here. */
static int put_here(const void *chunk, size_t len, void *arg)
{
    struct cut_job *k = arg;
    struct buf packed = BUF_INIT;
    int rc = cut_chunk_pack(chunk, len, &packed, NULL);

    if (rc == 0)
        cut_put_piece(k, packed.data, packed.len);
    buf_free(&packed);
    return rc;
}

void journal_cut_begin(struct journal *j)
{
    struct cut_job *k = j->cut;
    char resolved[DB_URL_MAX];
    struct err e = {0};

    k->id = j->applied_id;
    k->number = ++j->cut_number;
    k->blocks_before = j->blocks_since_cut;
    k->bytes_before = j->bytes_since_cut;
    k->step = CUT_WRITING;
    j->need_run = true;
    if (j->url) {
        if (cut_fork(k, db_resolved_url(j->o.db, resolved) ? resolved : j->url, &e) != 0)
            cut_fail(j, e.text);
        return;
    }
    if (k->c.encode(put_here, k, k->c.arg) != 0)
        snprintf(k->failed, sizeof k->failed, "the windows could not be encoded");
    k->written = true;
    on_pieces_due(j);
}

/* --- publishing ------------------------------------------------------------------------------------------- */

static void on_published(enum db_fate fate, const struct reply *reply, void *arg);
static void on_counted(enum db_fate fate, const struct reply *reply, void *arg);

static void count(struct journal *j)
{
    char key[KEY_LEN];

    j->cut->step = CUT_COUNTING;
    j->cut->open++;
    key_cut(key, j->cut->number);
    journal_call(j);
    db_sendf(j->o.db, on_counted, j->cut, "HLEN %s", key);
}

/* True when the job is still wanted; takes it off the books. */
static bool came_back(struct cut_job *k)
{
    bool wanted = !k->over;

    k->open--;
    if (!wanted && k->open == 0)
        mem_free(k);
    return wanted;
}

static void publish(struct journal *j)
{
    struct cut_job *k = j->cut;
    struct db_tx *tx = db_tx_new(j->o.db);
    char id[JOURNAL_ID_LEN], old[KEY_LEN];

    k->step = CUT_AGAIN;
    if (!tx)
        return;
    k->step = CUT_PUBLISHING;
    journal_id_text(id, k->id);
    db_tx_addf(tx, "HSET %s number %llu id %s chunks %llu bytes %llu at %lld series %llu", KEY_CUT,
               (unsigned long long)k->number, id, (unsigned long long)k->chunks,
               (unsigned long long)k->bytes, (long long)journal_now_ms(j),
               (unsigned long long)series_end(j->o.series));
    if (j->published_number && j->published_number != k->number) {
        key_cut(old, j->published_number);
        db_tx_addf(tx, "UNLINK %s", old);
    }
    k->open++;
    journal_call(j);
    db_tx_commit(tx, on_published, k);
}

static void on_counted(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct cut_job *k = arg;
    struct journal *j = k->journal;

    if (came_back(k)) {
        if (fate == DB_DONE && (uint64_t)reply->number == k->chunks)
            publish(j);
        else if (fate == DB_DONE || fate == DB_REFUSED)
            end(j, false, "Redis does not have all pieces of the cut");
        else
            k->step = CUT_AGAIN;
    }
    journal_returned(j);
}

static void published(struct journal *j)
{
    struct cut_job *k = j->cut;

    j->has_cut = true;
    j->want_cut = k->precedes_loss;
    j->cut_id = k->id;
    j->published_number = k->number;
    j->blocks_since_cut -= k->blocks_before;
    j->bytes_since_cut -= k->bytes_before;
    end(j, true, NULL);
}

static void on_published(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct cut_job *k = arg;
    struct journal *j = k->journal;

    if (came_back(k)) {
        k->in_doubt |= fate == DB_UNKNOWN;
        if (fate == DB_DONE)
            published(j);
        else if (fate == DB_REFUSED && reply->n_items > 0)
            end(j, false, reply->text);
        else if (fate == DB_REFUSED && !k->in_doubt)
            cut_fail(j, reply->text); /* certainly not carried out */
        else
            k->step = CUT_AGAIN;
    }
    if (journal_returned(j))
        journal_trim(j);
}

/* A piece was answered, or the writer has ended: all there? */
static void on_pieces_due(struct journal *j)
{
    struct cut_job *k = j->cut;

    if (k->step != CUT_WRITING || !k->written || k->open > 0)
        return;
    if (k->failed[0])
        cut_fail(j, k->failed);
    else
        count(j);
}

void cut_written(struct cut_job *k)
{
    k->written = true;
    on_pieces_due(k->journal);
}

void journal_cut_poll(struct journal *j)
{
    struct cut_job *k = j->cut;

    reap(j);
    if (!k)
        return;
    if (k->step == CUT_ARMED && journal_is_away(j))
        end(j, false, "Redis went away");
    else if (k->step == CUT_WRITING && journal_mono_ms(j) - k->started_ms > TIMEOUT_MS)
        cut_fail(j, "it took longer than two minutes");
    else if (k->step == CUT_WRITING)
        cut_read_on(k);
    else if (k->step == CUT_AGAIN && !journal_is_away(j) && !j->must_ask)
        count(j);
}
