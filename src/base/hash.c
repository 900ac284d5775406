#include "base/hash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t process_seed(void)
{
    static uint64_t seed;

    while (seed == 0)
        seed = random_u64();
    return seed;
}

uint64_t hash_seeded(const void *p, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

uint64_t hash_bytes(const void *p, size_t n)
{
    return XXH3_64bits_withSeed(p, n, process_seed());
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ process_seed()) * UINT64_C(0x9E3779B97F4A7C15);

    h = (h ^ (h >> 32) ^ b) * UINT64_C(0xD6E8FEB86659FD93);
    return h ^ (h >> 32);
}

uint64_t hash_fnv1a(uint64_t h, const void *p, size_t n)
{
    const unsigned char *bytes = p;

    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * UINT64_C(1099511628211);
    return h;
}

void random_bytes(void *p, size_t n)
{
    unsigned char *to = p;

    assert(p || n == 0);
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);

        if (got < 0)
            abort(); /* without randomness tokens and seeds would be guessable */
        to += got;
        n -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t v;

    random_bytes(&v, sizeof v);
    return v;
}

void random_uuid(char out[UUID_LEN + 1])
{
    unsigned char b[16];

    random_bytes(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, UUID_LEN + 1,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}
