#include "journal/retry.h"

#include <assert.h>

#include "base/mem.h"
#include "model/identity.h"

struct retry *retry_find(const struct retries *r, uint64_t hash)
{
    return r->by_hash && hash ? map_get(r->by_hash, &hash, sizeof hash) : NULL;
}

static void unlink_stored(struct retries *r, struct retry *one)
{
    *(one->prev ? &one->prev->next : &r->first) = one->next;
    *(one->next ? &one->next->prev : &r->last) = one->prev;
    assert(r->n_stored > 0);
    r->n_stored--;
    assert((r->n_stored == 0) == (r->first == NULL));
}

void retry_forget(struct retries *r, struct retry *one)
{
    if (!one->block)
        unlink_stored(r, one);
    map_remove(r->by_hash, &one->hash, sizeof one->hash);
    mem_free(one);
}

static struct retry *add(struct retries *r, uint64_t hash)
{
    struct retry *one;

    if (!r->by_hash && !(r->by_hash = map_new()))
        return NULL;
    one = mem_zalloc(sizeof *one);
    if (!one)
        return NULL;
    one->hash = hash;
    if (map_put(r->by_hash, &hash, sizeof hash, one, NULL) != 0) {
        mem_free(one);
        return NULL;
    }
    return one;
}

static void link_stored(struct retries *r, struct retry *one, int64_t stored_ms)
{
    one->block = NULL;
    one->stored_ms = stored_ms;
    one->next = NULL;
    one->prev = r->last;
    *(r->last ? &r->last->next : &r->first) = one;
    r->last = one;
    r->n_stored++;
    if (r->n_stored > RETRY_KEEP_MAX)
        retry_forget(r, r->first);
    assert(r->n_stored <= RETRY_KEEP_MAX && !r->last->block);
}

void retries_enter(struct retries *r, struct pending *block, uint64_t hash)
{
    struct retry *one = add(r, hash);

    assert(identity_is_named(hash));
    if (one)
        one->block = block;
}

void retries_abandon(struct retries *r, const struct pending *block)
{
    for (size_t i = 0; i < block->n_hashes; i++) {
        struct retry *one = retry_find(r, block->hashes[i]);

        if (one && one->block == block)
            retry_forget(r, one);
    }
}

void retries_wait(struct retries *r, struct pending *block)
{
    for (size_t i = 0; i < block->n_hashes; i++) {
        struct retry *one = retry_find(r, block->hashes[i]);

        if (one && !one->block) { /* stored once already, and here again: the newer one counts */
            retry_forget(r, one);
            one = NULL;
        }
        if (!one && (one = add(r, block->hashes[i])))
            one->block = block;
        else if (one && one->block == block)
            one->joined = false; /* who joined was told to come again as well */
    }
}

void retries_stored(struct retries *r, struct pending *block, int64_t now_ms)
{
    for (size_t i = 0; i < block->n_hashes; i++) {
        struct retry *one = retry_find(r, block->hashes[i]);

        if (!one || one->block != block)
            continue;
        if (one->joined && !identity_is_named(one->hash))
            retry_forget(r, one);
        else
            link_stored(r, one, now_ms);
    }
}

void retries_found(struct retries *r, uint64_t hash, int64_t stored_ms)
{
    struct retry *one = retry_find(r, hash) ? NULL : add(r, hash);

    if (one)
        link_stored(r, one, stored_ms);
}

void retries_expire(struct retries *r, int64_t now_ms)
{
    while (r->first && now_ms - r->first->stored_ms > RETRY_KEEP_MS)
        retry_forget(r, r->first);
}

static void drop(void *one)
{
    mem_free(one);
}

void retries_clear(struct retries *r)
{
    map_free(r->by_hash, drop);
    *r = (struct retries){0};
}
