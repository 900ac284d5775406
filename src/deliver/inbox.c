/* The inbox is a ring in memory beside a capped stream in Redis, numbered on through restarts.
 *
 * It is the receiver of who has configured none, so it must work without Redis, too: what is read comes from
 * the ring, what is kept goes to the stream. Lanes wait until the stream has been read once, or numbers would
 * be given twice. Messages are cut to a bound each, which bounds the whole. */
#include "deliver/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/keys.h"
#include "base/mem.h"

#define KEPT_MAX   1000
#define STORED_MAX 10000

struct entry {
    uint64_t n;
    int64_t at_ms;
    char *receiver, *status, *text, *payload;
    uint64_t incident;
};

struct inbox {
    struct store *store;
    struct entry ring[KEPT_MAX]; /* entry n stands at n % KEPT_MAX */
    uint64_t last;
    bool known, reading;
    void (*then)(const struct err *e, void *arg);
    void *then_arg;
};

struct inbox *inbox_new(struct store *store)
{
    struct inbox *b = mem_zalloc(sizeof *b);

    if (!b)
        return NULL;
    b->store = store;
    b->known = !store;
    return b;
}

static void entry_clear(struct entry *e)
{
    mem_free(e->receiver);
    mem_free(e->status);
    mem_free(e->text);
    mem_free(e->payload);
    *e = (struct entry){0};
}

void inbox_free(struct inbox *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < KEPT_MAX; i++)
        entry_clear(&b->ring[i]);
    mem_free(b);
}

static int keep(struct inbox *b, const struct entry *from)
{
    struct entry fresh = {.n = from->n,
                          .at_ms = from->at_ms,
                          .incident = from->incident,
                          .receiver = mem_strdup(from->receiver),
                          .status = mem_strdup(from->status),
                          .text = mem_strdup(from->text),
                          .payload = mem_strdup(from->payload)};

    if (!fresh.receiver || !fresh.status || !fresh.text || !fresh.payload) {
        entry_clear(&fresh);
        return -1;
    }
    entry_clear(&b->ring[from->n % KEPT_MAX]);
    b->ring[from->n % KEPT_MAX] = fresh;
    if (from->n > b->last)
        b->last = from->n;
    return 0;
}

int inbox_add(struct inbox *b, const struct notice *x, const char *text, const char *payload)
{
    struct entry e = {.n = b->last + 1,
                      .at_ms = x->at_ms,
                      .incident = x->incident,
                      .receiver = (char *)x->receiver,
                      .status = (char *)(x->firing ? "firing" : "resolved"),
                      .text = (char *)text,
                      .payload = (char *)payload};
    char id[32], at[24], incident[24];
    const char *pairs[] = {"at",     at,     "receiver", e.receiver, "incident", incident, "status",
                           e.status, "text", text,       "payload",  payload,    NULL};

    if (keep(b, &e) < 0)
        return -1;
    snprintf(id, sizeof id, "%llu-0", (unsigned long long)e.n);
    snprintf(at, sizeof at, "%lld", (long long)e.at_ms);
    snprintf(incident, sizeof incident, "%llu", (unsigned long long)e.incident);
    if (b->store)
        store_append(b->store, KEY_INBOX, STORED_MAX, id, pairs);
    return 0;
}

static const char *pair(const char *const *pairs, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(pairs[2 * i], name) == 0)
            return pairs[2 * i + 1];
    return "";
}

void inbox_restore(struct inbox *b, const char *id, const char *const *pairs, size_t n)
{
    struct entry e = {.n = strtoull(id, NULL, 10),
                      .at_ms = strtoll(pair(pairs, n, "at"), NULL, 10),
                      .incident = strtoull(pair(pairs, n, "incident"), NULL, 10),
                      .receiver = (char *)pair(pairs, n, "receiver"),
                      .status = (char *)pair(pairs, n, "status"),
                      .text = (char *)pair(pairs, n, "text"),
                      .payload = (char *)pair(pairs, n, "payload")};

    if (e.n > b->ring[e.n % KEPT_MAX].n)
        (void)keep(b, &e); /* one message less to show, when there is no memory */
}

static void read_entry(const char *id, const char *const *pairs, size_t n, void *arg)
{
    inbox_restore(arg, id, pairs, n);
}

static void was_read(const struct err *e, void *arg)
{
    struct inbox *b = arg;

    b->reading = false;
    b->known = b->known || !e;
    b->then(e, b->then_arg);
}

bool inbox_is_known(struct inbox *b, void (*then)(const struct err *e, void *arg), void *arg)
{
    if (b->known || b->reading)
        return b->known;
    b->reading = true;
    b->then = then;
    b->then_arg = arg;
    store_read_stream(b->store, KEY_INBOX, NULL, 1, read_entry, was_read, b);
    return b->known;
}

void inbox_set_known(struct inbox *b)
{
    b->known = true;
}

static void write_entry(const struct entry *e, struct json *out)
{
    json_object(out);
    json_kint(out, "n", (int64_t)e->n);
    json_ktime(out, "at", e->at_ms);
    json_kstr(out, "receiver", e->receiver);
    json_kint(out, "incident", (int64_t)e->incident);
    json_kstr(out, "status", e->status);
    json_kstr(out, "text", e->text);
    json_key(out, "payload");
    if (*e->payload)
        json_raw(out, e->payload, strlen(e->payload));
    else
        json_null(out);
    json_object_end(out);
}

void inbox_json(const struct inbox *b, uint64_t after, uint64_t before, size_t limit,
                struct json *out)
{
    uint64_t first = b->last >= KEPT_MAX ? b->last - KEPT_MAX + 1 : 1;

    json_array(out);
    if (after > 0) {
        for (uint64_t n = after + 1 > first ? after + 1 : first; n <= b->last && limit > 0; n++) {
            if (b->ring[n % KEPT_MAX].n != n)
                continue;
            write_entry(&b->ring[n % KEPT_MAX], out);
            limit--;
        }
    } else {
        for (uint64_t n = before && before <= b->last ? before - 1 : b->last;
             n >= first && limit > 0; n--) {
            if (b->ring[n % KEPT_MAX].n != n)
                continue;
            write_entry(&b->ring[n % KEPT_MAX], out);
            limit--;
        }
    }
    json_array_end(out);
}
