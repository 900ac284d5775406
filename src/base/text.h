/* Text that people write and read: durations, quantities, times, numbers, near misses.
 *
 * Durations are "90s", "5m", "1h30m", "7d", "2w", "500ms" (units from large to small are usual
 * but not demanded; fractions allowed: "1.5h"). Quantities add "%", k, M, G, KiB, MiB, GiB, TiB,
 * kB … to a number. Times are RFC 3339. */
#ifndef TOCSIN_BASE_TEXT_H
#define TOCSIN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Parses all of `s`; 0 and *ms > 0, or -1 (the caller words the error: it knows the key). */
int text_parse_duration(const char *s, size_t n, int64_t *ms) MUST_USE;

/* UNIT_PERCENT: a number from 0 to 100, where UNIT_RATIO is one from 0 to 1. */
enum unit { UNIT_NONE, UNIT_RATIO, UNIT_SECONDS, UNIT_BYTES, UNIT_PERCENT };
#define UNITS (UNIT_PERCENT + 1)
extern const char *const text_unit_names[UNITS]; /* "none" "ratio" "seconds" "bytes" "percent" */
enum unit text_unit(const char *name);           /* UNIT_NONE when it is none of these */
/* "2%" -> 0.02 (UNIT_RATIO), "400ms" -> 0.4 (UNIT_SECONDS), "10GiB" (UNIT_BYTES), "5k" and "12"
 * (UNIT_NONE). 0, or -1. */
int text_parse_quantity(const char *s, size_t n, double *v, enum unit *unit) MUST_USE;

/* RFC 3339 ("2026-01-05T08:00:00.5+01:00", a space for the T is accepted) to Unix milliseconds. */
int text_parse_time(const char *s, size_t n, int64_t *at_ms) MUST_USE;
/* A JSON number or RFC 3339 text: Unix seconds, or milliseconds where the number is above 1e11. */
int64_t text_unix_ms(double seconds_or_ms);

#define TEXT_TIME_LEN 32
void text_time(char out[TEXT_TIME_LEN], int64_t at_ms); /* 2026-01-05T08:00:00.000Z */
void text_clock(char out[TEXT_TIME_LEN],
                int64_t at_ms); /* 08:00:00: of log lines; people read zone_time() */

void text_duration(struct buf *b, int64_t ms); /* "45s", "2m30s", "1h19m": the two largest units */
void text_seconds(struct buf *b,
                  double seconds); /* as text_duration, with ms and µs below 1 s: "2.8s" "400ms" */
void text_number(struct buf *b,
                 double v); /* "5,120"  "0.04"  "1.5e+09": four digits, thousands apart */
void text_percent(struct buf *b, double v); /* 0.231 -> "23.1%" */
void text_bytes(struct buf *b, double v);   /* "1.5 GiB" */
void text_plain(struct buf *b, double v);   /* shortest form that reads back, no separators */

#define BYTE_ORDER_MARK "\xEF\xBB\xBF" /* that some editors put before a UTF-8 text */

/* Number of bytes (1 to 4) of the well-formed UTF-8 sequence at `s`, 0 when it is not one. */
size_t text_utf8(const char *s, size_t n);
/* The longest prefix of at most `max` bytes that does not cut a UTF-8 sequence. */
size_t text_utf8_cut(const char *s, size_t n, size_t max);

/* The candidate nearest to `word` (edit distance below 4, at most half of the word), or NULL:
 * for "did you mean". `names` has `n` entries; NULL entries are skipped. */
const char *text_nearest(const char *word, const char *const *names, size_t n);

/* `*` only. Cost: at most the pattern's length for each byte. */
bool text_glob(const char *pattern, const char *s, size_t n);
bool text_is_label(const char *s, size_t n); /* [a-zA-Z_][a-zA-Z0-9_]* */
/* A name of a metric, label, field or service: not empty, UTF-8, without control characters. */
bool text_is_name(const char *s, size_t n);
#endif
