/* What a request is known by when it is sent again: 64 bits, 0 for none.
 *
 * A body whose items all carry a time of their own is known by its hash while its sender waits to be
 * told: sent again, it is the same one. A body without times is not: the same reading may come twice.
 * What its sender has given a name (an Idempotency-Key, ids of events) is the same one whenever it
 * comes again, also after it was answered. */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#define IDENTITY_NAMED \
    (UINT64_C(1) << 63) /* this bit says that it is to be known after its answer too */

static inline bool identity_is_named(uint64_t identity)
{
    return (identity & IDENTITY_NAMED) != 0;
}

/* Of a hash; never 0. */
static inline uint64_t identity_of(uint64_t hash, bool named)
{
    hash = named ? hash | IDENTITY_NAMED : hash & ~IDENTITY_NAMED;
    return hash ? hash : 1;
}

#endif
