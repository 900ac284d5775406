#include <stdio.h>
#include <string.h>

#include "base/keys.h"
#include "journal/journal_impl.h"

/* The second copy of the blocks that no published cut holds: what reading.c turns to. It is written
 * behind the block, once that is known to be there, and beside the transaction, so that nothing
 * that may be wrong with it (a key of another type, say) keeps a block from being stored. Nobody
 * waits for it, and a block that it lacks is as good as one that was never copied. */

#define TRIM_STEP 1000ull /* blocks: about a millisecond of Redis' time */

/* A cut comes after about two minutes, of the half hour that is kept. Where much more comes than did,
 * the copy holds the newest: it is never more than about an eighth of the journal. */
#define SHARE_OF_JOURNAL 8
#define FEWEST_BLOCKS    128

void journal_copy(struct journal *j, const struct pending *p)
{
    char id[JOURNAL_ID_LEN];

    journal_id_text(id, p->id);
    db_writef(j->o.db, NULL, NULL, "XADD %s MAXLEN ~ %llu %s %s %b", KEY_COPY,
              (unsigned long long)(j->stats.stored_blocks / SHARE_OF_JOURNAL + FEWEST_BLOCKS), id,
              BLOCK_FIELD, p->bytes.data, p->bytes.len);
}

static void on_trimmed(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct journal *j = arg;

    if (!journal_returned(j))
        return;
    j->trimming_copy = false;
    if (fate == DB_DONE && reply->kind == REPLY_INT && reply->number == 0)
        j->copy_trimmed_to = j->copy_trim_to;
    else if (fate == DB_DONE && reply->kind == REPLY_INT)
        journal_copy_trim(j);
}

void journal_copy_trim(struct journal *j)
{
    struct journal_id behind = {.ms = j->cut_id.ms, .seq = j->cut_id.seq + 1};
    char id[JOURNAL_ID_LEN];

    if (j->trimming_copy || !j->has_cut || journal_id_compare(behind, j->copy_trimmed_to) <= 0)
        return;
    j->trimming_copy = true;
    j->copy_trim_to = behind;
    journal_id_text(id, behind);
    journal_call(j);
    db_writef(j->o.db, on_trimmed, j, "XTRIM %s MINID ~ %s LIMIT %llu", KEY_COPY, id, TRIM_STEP);
}

void journal_copy_forget(struct journal *j)
{
    db_writef(j->o.db, NULL, NULL, "UNLINK %s", KEY_COPY);
}
