#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "redis/conn.h"
#include "redis/wire.h"

/* The commands are gathered ready for the wire, behind MULTI; the commit adds EXEC. What comes
 * back is MULTI's +OK, a +QUEUED or an error for each, and EXEC's list, or EXECABORT when one was
 * refused: that one's own error says more, and is kept. */

struct db_tx {
    struct db *db;
    struct buf out;
    size_t count;
};

struct db_tx *db_tx_new(struct db *d)
{
    struct db_tx *t = mem_zalloc(sizeof *t);
    const char *multi[] = {"MULTI"};

    if (!t)
        return NULL;
    t->db = d;
    t->out.limit = d->options.max_outstanding;
    wire_add(&t->out, 1, multi, NULL);
    return t;
}

void db_tx_add(struct db_tx *t, int argc, const char *const *argv, const size_t *lens)
{
    wire_add(&t->out, argc, argv, lens);
    t->count++;
}

void db_tx_addf(struct db_tx *t, const char *fmt, ...)
{
    struct wire_args a;
    va_list ap;

    va_start(ap, fmt);
    wire_args_from(&a, fmt, ap);
    va_end(ap);
    if (a.failed)
        t->out.failed = true;
    else
        db_tx_add(t, (int)a.argc, a.argv, a.lens);
    wire_args_free(&a);
}

size_t db_tx_bytes(const struct db_tx *t)
{
    return t->out.len;
}

size_t db_tx_count(const struct db_tx *t)
{
    return t->count;
}

void db_tx_drop(struct db_tx *t)
{
    if (!t)
        return;
    buf_free(&t->out);
    mem_free(t);
}

void db_tx_commit(struct db_tx *t, db_done done, void *arg)
{
    const char *exec[] = {"EXEC"};
    struct request *r;
    char *p = NULL;

    if (t->count == 0 && buf_ok(&t->out)) {
        conn_nothing(t->db, done, arg);
        db_tx_drop(t);
        return;
    }
    wire_add(&t->out, 1, exec, NULL);
    if (buf_ok(&t->out))
        p = conn_room(t->db, t->out.len, false);
    if (p) {
        memcpy(p, t->out.data, t->out.len);
        r = conn_put(t->db, t->out.len, done, arg);
        r->is_tx = true;
        r->replies = t->count + 2;
    } else {
        conn_unsent(t->db, done, arg);
    }
    db_tx_drop(t);
}

/* The first error inside EXEC's list, or NULL. */
static const struct reply *error_in(const struct reply *exec)
{
    for (size_t i = 0; i < exec->n_items; i++)
        if (exec->items[i].kind == REPLY_ERROR)
            return &exec->items[i];
    return NULL;
}

void tx_finish(struct request *r, const struct reply *exec)
{
    const struct reply *inner = exec->kind == REPLY_LIST ? error_in(exec) : NULL;
    const char *text = r->tx_error;
    struct reply refused;

    if (!r->done)
        return;
    if (inner)
        text = inner->text;
    else if (exec->kind == REPLY_ERROR && !text)
        text = exec->text;
    else if (exec->kind == REPLY_NIL)
        text = "a watched key has changed";
    if (!text) {
        r->done(DB_DONE, exec, r->arg);
        return;
    }
    refused = (struct reply){.kind = REPLY_ERROR, .text = text, .len = strlen(text)};
    if (exec->kind == REPLY_LIST) {
        refused.items = exec->items;
        refused.n_items = exec->n_items;
    }
    r->done(DB_REFUSED, &refused, r->arg);
}
