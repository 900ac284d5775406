#include "base/field.h"

#include <string.h>

#include "base/text.h"

const cJSON *field(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

const char *field_text(const cJSON *o, const char *key)
{
    const cJSON *v = field(o, key);

    return cJSON_IsString(v) ? v->valuestring : "";
}

double field_number(const cJSON *o, const char *key)
{
    const cJSON *v = field(o, key);

    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

int64_t field_ms(const cJSON *o, const char *key)
{
    const char *text = field_text(o, key);
    int64_t at_ms;

    return text[0] && text_parse_time(text, strlen(text), &at_ms) == 0 ? at_ms : 0;
}

bool field_true(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(field(o, key));
}
