/* What does Redis have? Asked (XINFO STREAM: its last id and its length) after a transaction of
 * unknown fate, when the server's run id has changed, and when the number of blocks is too low.
 *
 *   confirmed: the last block known to be there;  unknown: those of the transaction in doubt
 *
 *   last = confirmed             nothing was lost; the unknown ones did not happen
 *   last = the last unknown      they did happen (a transaction is whole)
 *   last < confirmed             Redis lost its tail: append again what `recent` still has, if it
 *                                reaches back that far; else only a new cut makes memory and
 *                                Redis one again, and the labels are written anew
 *   last > all of ours           somebody else appends: our blocks get ids behind it
 *   as it should, but too short  the same as a tail that is too long ago
 *
 * In each case of loss the published cut may be older than we think, so nothing is trimmed until
 * the next one is published, and the owner of control state is told. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/journal_impl.h"

void journal_keep_recent(struct journal *j, struct pending *p)
{
    pending_list_add(&j->recent, p);
    j->recent_bytes += pending_kept(p);
    while (j->recent_bytes > RECENT_BYTES && j->recent.n > 1) {
        struct pending *old = pending_list_take(&j->recent);

        j->recent_bytes -= pending_kept(old);
        j->forgotten_id = old->id;
        pending_free(old);
    }
}

bool journal_must_verify(const struct journal *j)
{
    return j->must_ask || strcmp(j->run_id, db_health(j->o.db)->run_id) != 0;
}

static void forget_recent(struct journal *j)
{
    struct pending *p;

    while ((p = pending_list_take(&j->recent))) {
        j->forgotten_id = p->id;
        pending_free(p);
    }
    j->recent_bytes = 0;
}

static void on_pointer(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;

    if (journal_returned(j) && fate == DB_DONE && reply->kind == REPLY_TEXT)
        j->published_number = journal_id_parse(reply->text).ms;
}

/* Memory is the truth from here on, until a cut of it is in Redis. */
static void lost(struct journal *j)
{
    j->has_cut = j->has_series = false;
    j->want_cut = true;
    j->cut_not_before_ms = 0;
    journal_cut_is_not_enough(j);
    journal_write_meta(j);
    journal_copy_forget(j);
    journal_call(j);
    db_sendf(j->o.db, on_pointer, j, "HGET %s number", KEY_CUT);
    if (j->o.regressed)
        j->o.regressed(j->o.arg);
}

static void lost_for_good(struct journal *j, const char *what)
{
    log_warn("Redis has lost data; labels and windows are written again from memory", "found", what,
             NULL);
    j->rewrite_series = true;
    j->need_run = true;
    lost(j);
}

/* The newest of `recent`, all after `last`, stand in front of the queue again. */
static size_t requeue_after(struct journal *j, struct journal_id last)
{
    struct pending_list again = {0}, kept = {0};
    struct pending *p;

    while ((p = pending_list_take(&j->recent))) {
        bool is_lost = journal_id_compare(p->id, last) > 0;

        pending_list_add(is_lost ? &again : &kept, p);
        if (is_lost) {
            j->recent_bytes -= pending_kept(p);
            j->pending_bytes += p->size;
        }
    }
    j->recent = kept;
    if (again.n == 0)
        return 0;
    again.last->next = j->queue.first;
    j->queue.first = again.first;
    if (!j->queue.last)
        j->queue.last = again.last;
    j->queue.n += again.n;
    j->settled = NULL;
    return again.n;
}

static void tail_lost(struct journal *j, struct journal_id last)
{
    char ours[JOURNAL_ID_LEN], found[JOURNAL_ID_LEN];
    size_t n;

    journal_id_text(ours, j->confirmed_id);
    journal_id_text(found, last);
    log_warn("Redis is older than memory: its last block is not ours", "ours", ours, "found", found,
             NULL);
    j->confirmed_id = last;
    if (journal_id_compare(j->forgotten_id, last) > 0) {
        lost_for_good(j, found);
        forget_recent(j); /* its run began in what is gone: nobody could read it */
        return;
    }
    n = requeue_after(j, last);
    j->stats.repeated_blocks += n;
    lost(j);
}

/* Somebody else's blocks are behind ours: ours go behind theirs. */
static void renumber(struct journal *j, struct journal_id last)
{
    char found[JOURNAL_ID_LEN];

    journal_id_text(found, last);
    log_error("somebody else appends to the journal", "found", found, NULL);
    j->confirmed_id = last;
    for (struct pending *p = j->queue.first; p; p = p->next) {
        last.seq++;
        if (journal_id_compare(p->id, last) > 0)
            break;
        p->id = last;
    }
    if (journal_id_compare(j->last_id, last) < 0)
        j->last_id = last;
}

static void unknown_landed(struct journal *j)
{
    size_t n = j->n_unknown;

    j->n_unknown = 0;
    j->stats.repeated_blocks += n;
    for (; n > 0 && !j->closing; n--)
        journal_confirm_first(j);
}

static struct journal_id last_unknown(const struct journal *j)
{
    const struct pending *p = j->queue.first;

    for (size_t i = 1; i < j->n_unknown; i++)
        p = p->next;
    return p->id;
}

static void judge(struct journal *j, struct journal_id last, uint64_t length, bool unknown_is_there)
{
    uint64_t expected = j->stats.stored_blocks;

    if (j->n_unknown > 0 && unknown_is_there) {
        expected += j->n_unknown;
        unknown_landed(j);
        if (j->closing)
            return;
    }
    j->n_unknown = 0;
    if (journal_id_compare(last, j->confirmed_id) < 0) {
        tail_lost(j, last);
    } else {
        if (journal_id_compare(last, j->confirmed_id) > 0)
            renumber(j, last);
        if (length < expected && !j->count_unsure)
            lost_for_good(j, "too few blocks");
        else if (j->keys_missing)
            lost_for_good(j, "no labels of series, or no saved windows");
    }
    j->keys_missing = false;
    j->stats.stored_blocks = length;
    j->count_unsure = false;
    j->must_ask = false;
    if (!j->queue.first)
        journal_taken_again(j); /* nothing is left that could be refused */
}

static const struct reply *field_of(const struct reply *r, const char *name)
{
    for (size_t i = 0; i + 1 < r->n_items; i += 2)
        if (r->items[i].kind == REPLY_TEXT && strcmp(r->items[i].text, name) == 0)
            return &r->items[i + 1];
    return NULL;
}

/* The answer cannot be had now: asked again when the connection is back, or a little later. */
static void ask_again(struct journal *j, enum db_fate fate, const struct reply *reply)
{
    j->must_ask = true;
    if (fate == DB_REFUSED)
        journal_refused(j, reply->text);
    else
        journal_hold(j, 0);
}

static void on_unknown(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;

    if (!journal_returned(j))
        return;
    journal_call(j); /* `apply` and `regressed` may free it */
    j->link = LINK_IDLE;
    if (fate == DB_DONE)
        judge(j, j->found_id, j->found_length, reply->n_items > 0);
    else
        ask_again(j, fate, reply);
    if (!j->closing)
        journal_push_soon(j);
    journal_returned(j);
}

/* Redis' last block is not ours, so it does not tell whether the unknown ones are there. */
static void ask_for_unknown(struct journal *j)
{
    char id[JOURNAL_ID_LEN];

    journal_id_text(id, last_unknown(j));
    j->link = LINK_ASKING;
    journal_call(j);
    db_sendf(j->o.db, on_unknown, j, "XRANGE %s %s %s COUNT 1", KEY_JOURNAL, id, id);
}

static void found(struct journal *j, struct journal_id last, uint64_t length)
{
    int order = j->n_unknown ? journal_id_compare(last, last_unknown(j)) : -1;

    j->found_id = last;
    j->found_length = length;
    if (order > 0)
        ask_for_unknown(j);
    else
        judge(j, last, length, order == 0);
}

static void on_info(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;
    const struct reply *id, *length;

    if (!journal_returned(j))
        return;
    journal_call(j);
    j->link = LINK_IDLE;
    if (fate == DB_DONE) {
        id = field_of(reply, "last-generated-id");
        length = field_of(reply, "length");
        found(j, journal_id_parse(id ? id->text : NULL), length ? (uint64_t)length->number : 0);
    } else if (fate == DB_REFUSED && strstr(reply->text, "no such key")) {
        found(j, (struct journal_id){0}, 0);
    } else {
        ask_again(j, fate, reply);
    }
    if (!j->closing)
        journal_push_soon(j);
    journal_returned(j);
}

void journal_verify(struct journal *j)
{
    j->link = LINK_ASKING;
    snprintf(j->run_id, sizeof j->run_id, "%s", db_health(j->o.db)->run_id);
    j->must_ask = true;
    journal_call(j);
    db_sendf(j->o.db, on_info, j, "XINFO STREAM %s", KEY_JOURNAL);
}

void journal_missing(struct journal *j)
{
    j->must_ask = true;
    journal_push_soon(j);
}
