/* Reading what stands in a JSON object that cJSON has parsed, as records are read: a field that is missing
 * or of another kind has the empty value, so that a record of an earlier version still loads. `o` may be
 * NULL or no object: all is missing then. Cost of each: a walk over the fields of the object. */
#ifndef TOCSIN_BASE_JSON_IN_H
#define TOCSIN_BASE_JSON_IN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

const cJSON *json_in_item(const cJSON *o, const char *key);        /* NULL: missing */
const char *json_in_text(const cJSON *o, const char *key);         /* borrowed from `o`; "" */
int64_t json_in_time(const cJSON *o, const char *key);             /* ms, of RFC 3339 text; 0 */
bool json_in_number(const cJSON *o, const char *key, double *out); /* false: `out` stays */
int64_t json_in_whole(const cJSON *o, const char *key);            /* 0, also beyond 9e15 */
uint64_t json_in_hex(const cJSON *o, const char *key);             /* 0 */
bool json_in_bool(const cJSON *o, const char *key);                /* false */
/* The place of a word among `n` names (some may be NULL), 0 when it is none of them. A whole number below
 * `n` stands for itself: earlier versions wrote some so. */
int json_in_word(const cJSON *o, const char *key, const char *const *names, int n);

#endif
