#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "redis/conn.h"
#include "redis/fence.h"
#include "redis/wire.h"

/* The commands are gathered ready for the wire, behind MULTI; the commit adds EXEC. What comes
 * back is MULTI's +OK, a +QUEUED or an error for each, and EXEC's list, or EXECABORT when one was
 * refused: that one's own error says more, and is kept. Behind a fence the same commands go as one script
 * (fence.c), whose answer is a list as EXEC's is. */

struct db_tx {
    struct db *db;
    struct buf out;
    size_t count;
    size_t n_args; /* behind a fence: of all commands, each with its number of them */
    bool fenced, single;
};

struct db_tx *db_tx_new(struct db *d)
{
    struct db_tx *t = mem_zalloc(sizeof *t);
    const char *multi[] = {"MULTI"};

    if (!t)
        return NULL;
    t->db = d;
    t->out.limit = d->options.max_outstanding;
    t->fenced = fence_is_up(d);
    if (!t->fenced)
        wire_add(&t->out, 1, multi, NULL);
    return t;
}

void db_tx_add(struct db_tx *t, int argc, const char *const *argv, const size_t *lens)
{
    t->count++;
    if (!t->fenced) {
        wire_add(&t->out, argc, argv, lens);
        return;
    }
    fence_add(&t->out, argc, argv, lens);
    t->n_args += 1 + (size_t)argc;
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

void db_tx_drop(struct db_tx *t)
{
    if (!t)
        return;
    buf_free(&t->out);
    mem_free(t);
}

static struct request *put_plain(struct db_tx *t, db_done done, void *arg)
{
    const char *exec[] = {"EXEC"};
    struct request *r;
    char *p = NULL;

    wire_add(&t->out, 1, exec, NULL);
    if (buf_ok(&t->out))
        p = conn_room(t->db, t->out.len, false);
    if (!p)
        return NULL;
    memcpy(p, t->out.data, t->out.len);
    r = conn_put(t->db, t->out.len, done, arg);
    r->replies = t->count + 2;
    return r;
}

static struct request *put_fenced(struct db_tx *t, db_done done, void *arg)
{
    size_t size = 0;
    char *p = NULL;

    if (buf_ok(&t->out)) {
        size = fence_head_size(t->db, t->n_args) + t->out.len;
        p = conn_room(t->db, size, false);
    }
    if (!p)
        return NULL;
    p = fence_put_head(t->db, p, t->n_args);
    memcpy(p, t->out.data, t->out.len);
    return conn_put(t->db, size, done, arg);
}

void db_tx_commit(struct db_tx *t, db_done done, void *arg)
{
    struct request *r;

    assert(t->fenced == fence_is_up(t->db));
    if (t->count == 0 && buf_ok(&t->out)) {
        conn_nothing(t->db, done, arg);
        db_tx_drop(t);
        return;
    }
    r = t->fenced ? put_fenced(t, done, arg) : put_plain(t, done, arg);
    if (r) {
        r->is_tx = true;
        r->is_single = t->single;
    } else {
        conn_unsent(t->db, done, arg);
    }
    db_tx_drop(t);
}

void db_writef(struct db *d, db_done done, void *arg, const char *fmt, ...)
{
    struct db_tx *t = db_tx_new(d);
    struct wire_args a;
    va_list ap;

    va_start(ap, fmt);
    wire_args_from(&a, fmt, ap);
    va_end(ap);
    if (!t || a.failed) {
        conn_unsent(d, done, arg);
        db_tx_drop(t);
    } else if (!t->fenced) {
        conn_send(d, false, (int)a.argc, a.argv, a.lens, done, arg);
        db_tx_drop(t);
    } else {
        t->single = true;
        db_tx_add(t, (int)a.argc, a.argv, a.lens);
        db_tx_commit(t, done, arg);
    }
    wire_args_free(&a);
}

/* The first error inside EXEC's list, or NULL. */
static const struct reply *error_in(const struct reply *exec)
{
    for (size_t i = 0; i < exec->n_items; i++)
        if (exec->items[i].kind == REPLY_ERROR)
            return &exec->items[i];
    return NULL;
}

static void tell(const struct request *r, enum db_fate fate, const struct reply *reply)
{
    if (r->done)
        r->done(fate, reply, r->arg);
}

void tx_finish(struct db *d, struct request *r, const struct reply *exec)
{
    const struct reply *inner = exec->kind == REPLY_LIST ? error_in(exec) : NULL;
    const char *text = r->tx_error;
    struct reply refused;

    if (inner)
        text = inner->text;
    else if (exec->kind == REPLY_ERROR && !text)
        text = exec->text;
    else if (exec->kind == REPLY_NIL)
        text = "a watched key has changed";
    if (!text) {
        tell(r, DB_DONE, r->is_single && exec->n_items == 1 ? &exec->items[0] : exec);
        return;
    }
    if (fence_refused(text) && d->options.on_fenced)
        d->options.on_fenced(fence_refused(text), d->options.arg);
    refused = (struct reply){.kind = REPLY_ERROR, .text = text, .len = strlen(text)};
    if (exec->kind == REPLY_LIST) {
        refused.items = exec->items;
        refused.n_items = exec->n_items;
    }
    tell(r, DB_REFUSED, &refused);
}
