/* Members of a JSON object, as cJSON has parsed it, where what is missing reads as nothing: for pages,
 * commands and explanations, which show what there is. `o` may be NULL. */
#ifndef TOCSIN_BASE_FIELD_H
#define TOCSIN_BASE_FIELD_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

const cJSON *field(const cJSON *o, const char *key);     /* NULL when it is not there */
const char *field_text(const cJSON *o, const char *key); /* "" when it is no text */
double field_number(const cJSON *o, const char *key);    /* 0 when it is no number */
int64_t field_ms(const cJSON *o, const char *key);       /* an RFC 3339 time; 0 when it is none */
bool field_true(const cJSON *o, const char *key);

#endif
