/* JSON events: one object, an array of them, or objects one after another (lines). Nested objects
 * are flattened with dots, arrays are kept as the JSON they are. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "decode/decoders.h"
#include "decode/event.h"
#include "decode/json_read.h"

/* The dotted name being built; names beyond the bound are cut. */
#define PATH_MAX_BYTES 1024

struct reading {
    struct json_reader r;
    struct decode_batch *b;
    const struct decode_input *in;
    struct err *e;
    char path[PATH_MAX_BYTES];
    size_t path_len;
};

static int add_field(struct reading *x, const char *key, size_t key_len, const char *value,
                     size_t len)
{
    struct batch_build *w = x->b->build;
    const char *name = key;
    size_t name_len = key_len;

    if (len == 0)
        return 0;
    if (w->n_labels - w->open >= EVENT_RAW_MAX) {
        x->b->counts.fields_dropped++;
        return 0;
    }
    if (x->path_len > 0) {
        char *joined = text_pool_take(&w->pool, x->path_len + key_len);

        if (!joined)
            return batch_no_memory(x->e);
        memcpy(joined, x->path, x->path_len);
        memcpy(joined + x->path_len, key, key_len);
        name = joined;
        name_len = x->path_len + key_len;
    }
    name_len = text_utf8_cut(name, name_len, x->in->limits->max_name);
    return batch_label(x->b, name, name_len, value, len) == 0 ? 0 : batch_no_memory(x->e);
}

static int push_path(struct reading *x, const char *key, size_t len)
{
    if (x->path_len + len + 1 > sizeof x->path)
        return json_reader_refuse(&x->r, NULL, x->e, "the name of a nested field is too long");
    memcpy(x->path + x->path_len, key, len);
    x->path[x->path_len + len] = '.';
    x->path_len += len + 1;
    return 0;
}

/* The opening brace has been read. Recursion is bounded by the reader's depth. */
static int read_object(struct reading *x)
{
    for (;;) {
        enum json_token t = json_read(&x->r);
        const char *key = x->r.s;
        size_t key_len = x->r.len, path_len = x->path_len;

        if (t == JSON_OBJECT_END)
            return 0;
        if (t != JSON_KEY)
            return json_reader_fail(&x->r, NULL, x->e);
        t = json_read(&x->r);
        if (t == JSON_OBJECT) {
            if (push_path(x, key, key_len) != 0 || read_object(x) != 0)
                return -1;
            x->path_len = path_len;
            continue;
        }
        if (t == JSON_ERROR || (t == JSON_ARRAY && json_read_whole(&x->r) != 0)) {
            char field[64];

            snprintf(field, sizeof field, "%.*s", (int)text_utf8_cut(key, key_len, 60), key);
            return json_reader_fail(&x->r, field, x->e);
        }
        if (t != JSON_NULL && add_field(x, key, key_len, x->r.s, x->r.len) != 0)
            return -1;
    }
}

static int read_event(struct reading *x)
{
    x->path_len = 0;
    if (read_object(x) != 0)
        return -1;
    if (event_finish(x->b, x->in, x->e) == 0)
        return 0;
    if (x->e && x->e->code == ERR_INPUT)
        x->e->line = json_reader_line(&x->r);
    return -1;
}

static int read_array(struct reading *x)
{
    for (;;) {
        switch (json_read(&x->r)) {
        case JSON_ARRAY_END:
            return 0;
        case JSON_OBJECT:
            if (read_event(x) != 0)
                return -1;
            break;
        case JSON_ERROR:
            return json_reader_fail(&x->r, NULL, x->e);
        default:
            return json_reader_refuse(&x->r, NULL, x->e, "each element must be an object");
        }
    }
}

int decode_json_events(struct decode_batch *b, const struct decode_input *in, struct err *e)
{
    struct reading x = {
        .r = json_reader_of(in->body, in->len, &b->build->pool), .b = b, .in = in, .e = e};

    for (;;) {
        switch (json_read(&x.r)) {
        case JSON_END:
            batch_close(b);
            return 0;
        case JSON_OBJECT:
            if (read_event(&x) != 0)
                return -1;
            break;
        case JSON_ARRAY:
            if (read_array(&x) != 0)
                return -1;
            break;
        case JSON_ERROR:
            return json_reader_fail(&x.r, NULL, e);
        default:
            return json_reader_refuse(&x.r, NULL, e,
                                      "an object or an array of objects is expected");
        }
    }
}
