/* The value of a Retry-After header: seconds, or an HTTP date. Pure. */
#ifndef NET_RETRY_AFTER_H
#define NET_RETRY_AFTER_H

#include <stddef.h>
#include <stdint.h>

/* No peer has a good reason to ask for more; it keeps the arithmetic of the callers safe. */
#define RETRY_AFTER_MOST_MS (INT64_C(7) * 24 * 3600 * 1000)

/* Milliseconds from `now_ms` (wall clock), 0 for a date that has passed, -1: not understood. */
int64_t retry_after_parse(const char *value, size_t len, int64_t now_ms);

#endif
