#include <stdio.h>
#include <string.h>

#include "base/keys.h"
#include "base/mem.h"
#include "store/store_impl.h"

/* --- loading ---------------------------------------------------------------------------------------- */

struct loading {
    struct store *store;
    void (*field)(struct store_table *t, const char *field, size_t field_len, const char *value,
                  size_t len, void *arg);
    void (*done)(const struct err *e, void *arg);
    void *arg;
    size_t open; /* answers still to come */
    struct err e;
};

struct table_load {
    struct loading *load;
    struct store_table *table;
};

/* Whether the answer can be used; the first that cannot is told at the end. */
static bool usable(struct err *e, enum db_fate fate, const struct reply *reply, const char *what)
{
    if (fate == DB_DONE)
        return true;
    if (e->code == ERR_NONE)
        err_set(e, fate == DB_REFUSED ? ERR_REFUSED : ERR_BUSY, "%s cannot be read from Redis: %s",
                what, fate == DB_REFUSED ? reply->text : "the connection is away");
    return false;
}

static void one_less(struct loading *load)
{
    struct err e = load->e;

    if (--load->open > 0)
        return;
    if (!load->store->closing)
        load->done(e.code == ERR_NONE ? NULL : &e, load->arg);
    store_returned(load->store);
    mem_free(load);
}

static void on_seq(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct loading *load = arg;
    struct store *s = load->store;

    if (!s->closing && usable(&load->e, fate, reply, KEY_CONTROL_META)) {
        s->seq = s->seq_expected = store_seq_of(reply);
        snprintf(s->run_id, sizeof s->run_id, "%s", db_health(s->db)->run_id);
    }
    one_less(load);
}

/* The number of the last transaction stands among its owners' fields, and is the store's alone. */
static bool is_own(const struct store_table *t, const struct reply *field)
{
    return strcmp(t->key, KEY_CONTROL_META) == 0 && field->len == 3 &&
           memcmp(field->text, "seq", 3) == 0;
}

static void on_table(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct table_load *t = arg;
    struct loading *load = t->load;

    if (!load->store->closing && usable(&load->e, fate, reply, t->table->key))
        for (size_t i = 0; i + 1 < reply->n_items; i += 2)
            if (!is_own(t->table, &reply->items[i]))
                load->field(t->table, reply->items[i].text, reply->items[i].len,
                            reply->items[i + 1].text, reply->items[i + 1].len, load->arg);
    mem_free(t);
    one_less(load);
}

static void load_table(struct loading *load, struct store_table *table)
{
    struct table_load *t = mem_alloc(sizeof *t);

    if (!t) {
        err_set(&load->e, ERR_MEMORY, "no memory to read %s", table->key);
        return;
    }
    *t = (struct table_load){load, table};
    load->open++;
    db_sendf(load->store->db, on_table, t, "HGETALL %s", table->key);
}

void store_load(struct store *s,
                void (*field)(struct store_table *t, const char *field, size_t field_len,
                              const char *value, size_t len, void *arg),
                void (*done)(const struct err *e, void *arg), void *arg)
{
    struct loading *load = mem_zalloc(sizeof *load);

    if (!load) {
        struct err e = {0};

        err_set(&e, ERR_MEMORY, "no memory to read control state");
        done(&e, arg);
        return;
    }
    *load = (struct loading){.store = s, .field = field, .done = done, .arg = arg};
    store_call(s);
    load->open = 1;
    db_sendf(s->db, on_seq, load, "HGET %s seq", KEY_CONTROL_META);
    for (struct store_table *t = s->tables; t; t = t->next)
        if (!t->is_zset)
            load_table(load, t);
}

/* --- pages of a stream ------------------------------------------------------------------------------- */

struct page {
    void (*entry)(const char *id, const char *const *pairs, size_t n_pairs, void *arg);
    void (*done)(const struct err *e, void *arg);
    void *arg;
    struct store *store;
};

static int tell_entry(const struct page *p, const struct reply *entry)
{
    const struct reply *parts;
    const char **texts;

    if (entry->n_items != 2 || entry->items[1].kind != REPLY_LIST)
        return 0; /* not an entry: nothing to show */
    parts = &entry->items[1];
    texts = mem_alloc((parts->n_items + 1) * sizeof *texts);
    if (!texts)
        return -1;
    for (size_t i = 0; i < parts->n_items; i++)
        texts[i] = parts->items[i].text;
    p->entry(entry->items[0].text, texts, parts->n_items / 2, p->arg);
    mem_free(texts);
    return 0;
}

static void on_page(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct page *p = arg;
    struct err e = {0};

    if (store_returned(p->store)) {
        if (usable(&e, fate, reply, "a stream"))
            for (size_t i = 0; i < reply->n_items && e.code == ERR_NONE; i++)
                if (tell_entry(p, &reply->items[i]) != 0)
                    err_set(&e, ERR_MEMORY, "no memory for an entry");
        p->done(e.code == ERR_NONE ? NULL : &e, p->arg);
    }
    mem_free(p);
}

void store_read_stream(struct store *s, const char *key, const char *before, size_t limit,
                       void (*entry)(const char *id, const char *const *pairs, size_t n_pairs,
                                     void *arg),
                       void (*done)(const struct err *e, void *arg), void *arg)
{
    struct page *p = mem_alloc(sizeof *p);
    char end[64];

    if (!p) {
        struct err e = {0};

        err_set(&e, ERR_MEMORY, "no memory to read %s", key);
        done(&e, arg);
        return;
    }
    *p = (struct page){.entry = entry, .done = done, .arg = arg, .store = s};
    snprintf(end, sizeof end, "%s%s", before ? "(" : "", before ? before : "+");
    store_call(s);
    db_sendf(s->db, on_page, p, "XREVRANGE %s %s - COUNT %llu", key, end,
             (unsigned long long)limit);
}
