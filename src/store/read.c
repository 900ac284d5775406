#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store_impl.h"

/* --- loading ----------------------------------------------------------------------------------------
 *
 * Everything is asked at once. What Redis cannot answer now (it is away, loads its data, is busy with
 * a script, waits for its master) is asked again a second later, that alone; nothing else writes
 * meanwhile. Only a refusal that no waiting ends is told. */
#define AGAIN_MS 1000

struct loading {
    struct store *store;
    void (*field)(struct store_table *t, const char *field, size_t field_len, const char *value,
                  size_t len, void *arg);
    void (*done)(const struct err *e, void *arg);
    void *arg;
    size_t open; /* questions still to be answered */
    struct question *again;
    struct timer *timer;
    bool told;
    struct err e;
};

struct question {
    struct loading *load;
    struct store_table *table; /* NULL: the number of the last transaction */
    struct question *next;     /* of those that are asked again */
};

static bool passes(enum db_fate fate, const struct reply *reply)
{
    return fate == DB_UNSENT || fate == DB_UNKNOWN ||
           (fate == DB_REFUSED && db_refusal_passes(reply->text));
}

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

    assert(load->open > 0);
    if (--load->open > 0)
        return;
    assert(!load->again);
    timer_free(load->timer);
    load->store->loading = NULL;
    if (!load->store->closing)
        load->done(e.code == ERR_NONE ? NULL : &e, load->arg);
    store_returned(load->store);
    mem_free(load);
}

/* The number of the last transaction stands among its owners' fields, and is the store's alone. */
static bool is_own(const struct store_table *t, const struct reply *field)
{
    return strcmp(t->key, KEY_CONTROL_META) == 0 && field->len == 3 &&
           memcmp(field->text, "seq", 3) == 0;
}

static void take_seq(struct store *s, const struct reply *reply)
{
    s->seq = s->seq_expected = store_seq_of(reply);
    snprintf(s->run_id, sizeof s->run_id, "%s", db_health(s->db)->run_id);
}

static void take_table(const struct loading *load, struct store_table *t, const struct reply *reply)
{
    for (size_t i = 0; i + 1 < reply->n_items; i += 2)
        if (!is_own(t, &reply->items[i]))
            load->field(t, reply->items[i].text, reply->items[i].len, reply->items[i + 1].text,
                        reply->items[i + 1].len, load->arg);
}

static void wait_for(struct question *q, enum db_fate fate, const struct reply *reply)
{
    struct loading *load = q->load;

    if (!load->told)
        log_warn("control state cannot be read from Redis yet; it is asked again every second",
                 "reason", fate == DB_REFUSED ? reply->text : "the connection is away", NULL);
    load->told = true;
    q->next = load->again;
    load->again = q;
    timer_in(load->timer, AGAIN_MS);
}

static void on_answer(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct question *q = arg;
    struct loading *load = q->load;
    bool closing = load->store->closing; /* its tables are gone, then */

    if (!closing && passes(fate, reply)) {
        wait_for(q, fate, reply);
        return;
    }
    if (!closing && usable(&load->e, fate, reply, q->table ? q->table->key : KEY_CONTROL_META)) {
        if (q->table)
            take_table(load, q->table, reply);
        else
            take_seq(load->store, reply);
    }
    mem_free(q);
    one_less(load);
}

static void ask(struct question *q)
{
    struct db *db = q->load->store->db;

    q->next = NULL;
    if (q->table)
        db_sendf(db, on_answer, q, "HGETALL %s", q->table->key);
    else
        db_sendf(db, on_answer, q, "HGET %s seq", KEY_CONTROL_META);
}

static void ask_again(void *arg)
{
    struct loading *load = arg;
    struct question *q = load->again;

    load->again = NULL;
    while (q) {
        struct question *next = q->next;

        ask(q);
        q = next;
    }
}

static void ask_for(struct loading *load, struct store_table *table)
{
    struct question *q = mem_alloc(sizeof *q);

    if (!q) {
        err_set(&load->e, ERR_MEMORY, "no memory to read %s", table ? table->key : "control state");
        return;
    }
    *q = (struct question){.load = load, .table = table};
    load->open++;
    ask(q);
}

void store_load(struct store *s,
                void (*field)(struct store_table *t, const char *field, size_t field_len,
                              const char *value, size_t len, void *arg),
                void (*done)(const struct err *e, void *arg), void *arg)
{
    struct loading *load = mem_zalloc(sizeof *load);

    if (load)
        load->timer = timer_new(s->loop, LOOP_CONTROL, ask_again, load);
    if (!load || !load->timer) {
        struct err e = {0};

        mem_free(load);
        err_set(&e, ERR_MEMORY, "no memory to read control state");
        done(&e, arg);
        return;
    }
    load->store = s;
    load->field = field;
    load->done = done;
    load->arg = arg;
    s->loading = load;
    store_call(s);
    load->open = 1; /* until all is asked */
    ask_for(load, NULL);
    for (struct store_table *t = s->tables; t; t = t->next)
        if (!t->is_zset)
            ask_for(load, t);
    one_less(load);
}

/* Of a store that closes: what waits to be asked again never is. */
void store_end_loading(struct store *s)
{
    struct loading *load = s->loading;
    struct question *q = load ? load->again : NULL;

    if (!load)
        return;
    load->again = NULL;
    while (q) {
        struct question *next = q->next;

        mem_free(q);
        one_less(load);
        q = next;
    }
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
