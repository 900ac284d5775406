/* Replies from bytes: hiredis' reader, with objects of our own.
 * All of a reply lies in one arena, so giving it back costs nothing and a reply of a million elements is no
 * million of frees. It is handed out as a view that lives until the next call, because callers look and are
 * done. Replies have a bound, or a wrong answer could take all memory. */
#include "redis/answer.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* The arena: a list of chunks, the newest first. A reset keeps the first one, so that small
 * replies, which are nearly all, cost no allocation. */
#define CHUNK_BYTES  ((size_t)64 << 10)
#define READER_KEEPS ((size_t)1 << 20) /* hiredis' buffer is given back above this when empty */

struct chunk {
    struct chunk *older;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct answer {
    redisReader *reader;
    struct chunk *chunks;
    struct reply root;
    size_t bytes; /* given out for the present reply */
    bool too_large;
    bool told; /* the present reply was handed out: forget it at the next call */
};

static struct chunk *chunk_new(size_t size)
{
    struct chunk *c = mem_alloc(sizeof *c + size);

    if (c)
        *c = (struct chunk){.size = size};
    return c;
}

static void *arena_take(struct answer *a, size_t n)
{
    struct chunk *c = a->chunks;
    void *p;

    n = (n + 15) & ~(size_t)15;
    if (n > ANSWER_MAX_BYTES || a->bytes + n > ANSWER_MAX_BYTES) {
        a->too_large = true;
        return NULL;
    }
    if (c->size - c->used < n) {
        c = chunk_new(n > CHUNK_BYTES ? n : CHUNK_BYTES);
        if (!c)
            return NULL;
        c->older = a->chunks;
        a->chunks = c;
    }
    p = c->bytes + c->used;
    c->used += n;
    a->bytes += n;
    return p;
}

static void arena_reset(struct answer *a)
{
    while (a->chunks->older) {
        struct chunk *c = a->chunks;

        a->chunks = c->older;
        mem_free(c);
    }
    a->chunks->used = 0;
    a->bytes = 0;
    a->told = false;
}

/* --- what hiredis calls ------------------------------------------------------------------------- */

/* hiredis keeps the value a function returned for an array as `obj` of that array's task; ours is
 * the struct reply whose items the children fill. */
static struct reply *slot(const redisReadTask *task)
{
    struct answer *a = task->privdata;

    if (!task->parent)
        return &a->root;
    return (struct reply *)((struct reply *)task->parent->obj)->items + task->idx;
}

static void *make_text(const redisReadTask *task, char *p, size_t n)
{
    struct reply *r = slot(task);
    char *copy = arena_take(task->privdata, n + 1);

    if (!copy)
        return NULL;
    memcpy(copy, p, n);
    copy[n] = 0;
    *r = (struct reply){
        .kind = task->type == REDIS_REPLY_ERROR ? REPLY_ERROR : REPLY_TEXT, .text = copy, .len = n};
    return r;
}

static void *make_list(const redisReadTask *task, int n)
{
    struct reply *r = slot(task);
    struct reply *items = arena_take(task->privdata, (size_t)n * sizeof *items);

    if (!items)
        return NULL;
    memset(items, 0, (size_t)n * sizeof *items);
    *r = (struct reply){.kind = REPLY_LIST, .items = items, .n_items = (size_t)n};
    return r;
}

static void *make_int(const redisReadTask *task, long long v)
{
    struct reply *r = slot(task);

    *r = (struct reply){.kind = REPLY_INT, .number = v};
    return r;
}

static void *make_nil(const redisReadTask *task)
{
    struct reply *r = slot(task);

    *r = (struct reply){.kind = REPLY_NIL};
    return r;
}

static void keep(void *object)
{
    (void)object; /* the arena owns it */
}

static redisReplyObjectFunctions functions = {make_text, make_list, make_int, make_nil, keep};

/* --- the door ------------------------------------------------------------------------------------- */

struct answer *answer_new(void)
{
    struct answer *a = mem_zalloc(sizeof *a);

    if (!a)
        return NULL;
    a->chunks = chunk_new(CHUNK_BYTES);
    a->reader = redisReaderCreateWithFunctions(&functions);
    if (!a->chunks || !a->reader) {
        answer_free(a);
        return NULL;
    }
    a->reader->privdata = a;
    a->reader->maxbuf = READER_KEEPS;
    return a;
}

void answer_free(struct answer *a)
{
    if (!a)
        return;
    if (a->reader)
        redisReaderFree(a->reader);
    if (a->chunks)
        arena_reset(a);
    mem_free(a->chunks);
    mem_free(a);
}

int answer_feed(struct answer *a, const void *p, size_t n, struct err *e)
{
    if (redisReaderFeed(a->reader, p, n) == REDIS_OK)
        return 0;
    return err_set(e, ERR_MEMORY, "no memory for a reply: %s", a->reader->errstr);
}

int answer_next(struct answer *a, const struct reply **reply, struct err *e)
{
    void *whole = NULL;

    if (a->told)
        arena_reset(a);
    if (redisReaderGetReply(a->reader, &whole) != REDIS_OK) {
        if (a->too_large)
            return err_set(e, ERR_LIMIT, "a reply is larger than %zu MiB", ANSWER_MAX_BYTES >> 20);
        return err_set(e, a->reader->err == REDIS_ERR_OOM ? ERR_MEMORY : ERR_IO,
                       "what came is not a reply of Redis: %s", a->reader->errstr);
    }
    if (!whole)
        return 0;
    a->told = true;
    *reply = &a->root;
    return 1;
}
