#include "model/record_in.h"

#include "model/rule_def.h"

int record_in_labels(const cJSON *o, const char *key, struct label *out, size_t max)
{
    const cJSON *list = json_in_item(o, key), *v;
    size_t n = 0;

    if (!cJSON_IsObject(list))
        return -1;
    cJSON_ArrayForEach(v, list)
    {
        if (!cJSON_IsString(v) || n == max)
            return -1;
        out[n++] = label_of(v->string, v->valuestring);
    }
    return labels_sort(out, n);
}

int record_in_priority(const cJSON *o, const char *key)
{
    int word = priority_parse(json_in_text(o, key));
    int64_t number = json_in_whole(o, key);

    return word || number < 1 || number > PRIORITIES ? word : (int)number;
}
