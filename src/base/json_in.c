#include "base/json_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

const cJSON *json_in_item(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

const char *json_in_text(const cJSON *o, const char *key)
{
    const cJSON *v = json_in_item(o, key);

    return cJSON_IsString(v) ? v->valuestring : "";
}

int64_t json_in_time(const cJSON *o, const char *key)
{
    const char *s = json_in_text(o, key);
    int64_t at_ms;

    return s[0] && text_parse_time(s, strlen(s), &at_ms) == 0 ? at_ms : 0;
}

bool json_in_number(const cJSON *o, const char *key, double *out)
{
    const cJSON *v = json_in_item(o, key);

    if (cJSON_IsNumber(v))
        *out = v->valuedouble;
    return cJSON_IsNumber(v);
}

int64_t json_in_whole(const cJSON *o, const char *key)
{
    double v = 0;

    json_in_number(o, key, &v);
    return v > -9e15 && v < 9e15 ? (int64_t)v : 0;
}

uint64_t json_in_hex(const cJSON *o, const char *key)
{
    return strtoull(json_in_text(o, key), NULL, 16);
}

bool json_in_bool(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(json_in_item(o, key));
}

int json_in_word(const cJSON *o, const char *key, const char *const *names, int n)
{
    const char *word = json_in_text(o, key);
    int64_t number = json_in_whole(o, key);

    for (int i = 0; i < n; i++)
        if (names[i] && strcmp(names[i], word) == 0)
            return i;
    return number > 0 && number < n ? (int)number : 0;
}
