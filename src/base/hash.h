/* Hashing of bytes that strangers choose: XXH3 with a seed of this process (or, where a hash is
 * stored, of this installation). Never an identity on its own: whoever looks up compares bytes. */
#ifndef TOCSIN_BASE_HASH_H
#define TOCSIN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *p, size_t n);                 /* seed of this process */
uint64_t hash_seeded(const void *p, size_t n, uint64_t seed); /* seed of the caller */
uint64_t hash_mix(uint64_t a, uint64_t b);                    /* of two numbers, process seed */
/* Alertmanager's label fingerprint is FNV-1a: start with FNV_START, feed, print as %016x. */
#define FNV_START UINT64_C(14695981039346656037)
uint64_t hash_fnv1a(uint64_t h, const void *p, size_t n);

void random_bytes(void *p, size_t n); /* from the kernel; aborts without */
uint64_t random_u64(void);
#define UUID_LEN 36
void random_uuid(char out[UUID_LEN + 1]); /* version 4, RFC 9562 */

#endif
