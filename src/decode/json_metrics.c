/* JSON metrics: an array of samples, one sample, or one or several of them after another.
 *
 *   {"name": "api.latency", "labels": {"service": "web"}, "value": 1.5,
 *    "time": "2026-01-05T08:00:00Z", "type": "gauge"}
 *
 * `labels`, `time` and `type` may be missing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "decode/batch.h"
#include "decode/decoders.h"
#include "decode/json_read.h"

enum { F_NAME, F_LABELS, F_VALUE, F_TIME, F_TYPE, FIELDS };
static const char *const field_names[FIELDS] = {"name", "labels", "value", "time", "type"};

static const struct {
    const char *name;
    uint8_t kind;
} types[] = {{"gauge", SAMPLE_GAUGE},
             {"counter", SAMPLE_CUMULATIVE},
             {"delta", SAMPLE_DELTA},
             {"distribution", SAMPLE_DISTRIBUTION}};

#define TIME_MAX 1e14 /* seconds or milliseconds; beyond, it is no time */

struct metric {
    unsigned seen; /* one bit per field */
    const char *name;
    size_t name_len;
    uint8_t kind;
    double v;
    int64_t t_ms;
};

struct reading {
    struct json_reader r;
    struct decode_batch *b;
    const struct decode_input *in;
    struct err *e;
};

static int wrong(struct reading *x, const char *field, const char *why)
{
    return json_reader_refuse(&x->r, field, x->e, "%s", why);
}

static int read_name(struct reading *x, enum json_token t, struct metric *m)
{
    if (t != JSON_STRING || x->r.len == 0)
        return wrong(x, "name", "the name must be text and not empty");
    m->name = x->r.s;
    m->name_len = x->r.len;
    return batch_label(x->b, "__name__", 8, x->r.s, x->r.len) == 0 ? 0 : batch_no_memory(x->e);
}

static int read_label(struct reading *x)
{
    const char *name = x->r.s;
    size_t name_len = x->r.len;
    char field[64];
    enum json_token t = json_read(&x->r);

    snprintf(field, sizeof field, "labels.%.*s", (int)text_utf8_cut(name, name_len, 50), name);
    switch (t) {
    case JSON_ERROR:
        return json_reader_fail(&x->r, field, x->e);
    case JSON_STRING:
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        break;
    case JSON_NULL:
        return 0;
    default:
        return wrong(x, field, "the value of a label must be text");
    }
    if (name_len == 0)
        return wrong(x, field, "a label needs a name");
    if (name_len == 8 && memcmp(name, "__name__", 8) == 0)
        return wrong(x, field, "the name stands in \"name\", not in a label __name__");
    if (x->b->build->n_labels - x->b->build->open > LABELS_MAX)
        return wrong(x, "labels", "too many labels");
    return batch_label(x->b, name, name_len, x->r.s, x->r.len) == 0 ? 0 : batch_no_memory(x->e);
}

static int read_labels(struct reading *x, enum json_token t)
{
    if (t == JSON_NULL)
        return 0;
    if (t != JSON_OBJECT)
        return wrong(x, "labels", "labels must be an object, as in {\"service\": \"web\"}");
    for (;;) {
        switch (json_read(&x->r)) {
        case JSON_OBJECT_END:
            return 0;
        case JSON_KEY:
            if (read_label(x) != 0)
                return -1;
            break;
        default:
            return json_reader_fail(&x->r, "labels", x->e);
        }
    }
}

static int read_time(struct reading *x, enum json_token t, struct metric *m)
{
    double v;

    if (t == JSON_NULL) {
        m->seen &= ~(1u << F_TIME);
        return 0;
    }
    if (t == JSON_STRING && text_parse_time(x->r.s, x->r.len, &m->t_ms) == 0)
        return 0;
    if (t != JSON_NUMBER || json_read_number(x->r.s, x->r.len, &v) != 0 || fabs(v) > TIME_MAX)
        return wrong(x, "time",
                     "the time must be RFC 3339 text (2026-01-05T08:00:00Z) or Unix seconds or "
                     "milliseconds");
    m->t_ms = text_unix_ms(v);
    return 0;
}

static int read_type(struct reading *x, enum json_token t, struct metric *m)
{
    for (size_t i = 0; t == JSON_STRING && i < sizeof types / sizeof *types; i++) {
        if (strlen(types[i].name) != x->r.len || memcmp(types[i].name, x->r.s, x->r.len) != 0)
            continue;
        m->kind = types[i].kind;
        return 0;
    }
    return wrong(x, "type", "the type must be gauge, counter, delta or distribution");
}

static int unknown_field(struct reading *x)
{
    char name[65];
    const char *near;
    size_t n = text_utf8_cut(x->r.s, x->r.len, sizeof name - 1);

    memcpy(name, x->r.s, n);
    name[n] = 0;
    near = text_nearest(name, field_names, FIELDS);
    return json_reader_refuse(&x->r, name, x->e, "unknown field \"%s\"%s%s%s", name,
                              near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int field_of(const char *s, size_t n)
{
    for (int i = 0; i < FIELDS; i++)
        if (strlen(field_names[i]) == n && memcmp(field_names[i], s, n) == 0)
            return i;
    return n == 9 && memcmp(s, "timestamp", 9) == 0 ? F_TIME : -1;
}

static int read_field(struct reading *x, struct metric *m)
{
    int field = field_of(x->r.s, x->r.len);
    enum json_token t;

    if (field < 0)
        return unknown_field(x);
    if (m->seen & 1u << field)
        return wrong(x, field_names[field], "the field stands twice");
    m->seen |= 1u << field;
    t = json_read(&x->r);
    if (t == JSON_ERROR)
        return json_reader_fail(&x->r, field_names[field], x->e);
    switch (field) {
    case F_NAME:
        return read_name(x, t, m);
    case F_LABELS:
        return read_labels(x, t);
    case F_TIME:
        return read_time(x, t, m);
    case F_TYPE:
        return read_type(x, t, m);
    }
    if (t != JSON_NUMBER || json_read_number(x->r.s, x->r.len, &m->v) != 0)
        return wrong(x, "value", "the value must be a number");
    return 0;
}

static int located(struct reading *x)
{
    if (x->e && x->e->code == ERR_INPUT)
        x->e->line = json_reader_line(&x->r);
    return -1;
}

/* The opening brace has been read. */
static int read_metric(struct reading *x)
{
    struct metric m = {.t_ms = x->in->now_ms};
    enum json_token t;

    while ((t = json_read(&x->r)) == JSON_KEY)
        if (read_field(x, &m) != 0)
            return -1;
    if (t != JSON_OBJECT_END)
        return json_reader_fail(&x->r, NULL, x->e);
    if (!(m.seen & 1u << F_NAME))
        return wrong(x, "name", "a sample needs a name");
    if (!(m.seen & 1u << F_VALUE))
        return wrong(x, "value", "a sample needs a value");
    if (!(m.seen & 1u << F_TYPE))
        m.kind = batch_counts_up(m.name, m.name_len) ? SAMPLE_CUMULATIVE : SAMPLE_GAUGE;
    if (batch_series(x->b, x->in, m.kind, x->e) != 0)
        return located(x);
    x->b->n_untimed += !(m.seen & 1u << F_TIME);
    return batch_sample(x->b, x->in, m.t_ms, m.v, 1, false, x->e);
}

static int read_array(struct reading *x)
{
    for (;;) {
        switch (json_read(&x->r)) {
        case JSON_ARRAY_END:
            return 0;
        case JSON_OBJECT:
            if (read_metric(x) != 0)
                return -1;
            break;
        case JSON_ERROR:
            return json_reader_fail(&x->r, NULL, x->e);
        default:
            return wrong(x, NULL, "each element must be an object");
        }
    }
}

int decode_json_metrics(struct decode_batch *b, const struct decode_input *in, struct err *e)
{
    struct reading x = {json_reader_of(in->body, in->len, &b->build->pool), b, in, e};

    for (;;) {
        switch (json_read(&x.r)) {
        case JSON_END:
            batch_close(b);
            return 0;
        case JSON_OBJECT:
            if (read_metric(&x) != 0)
                return -1;
            break;
        case JSON_ARRAY:
            if (read_array(&x) != 0)
                return -1;
            break;
        case JSON_ERROR:
            return json_reader_fail(&x.r, NULL, e);
        default:
            return wrong(&x, NULL, "an object or an array of objects is expected");
        }
    }
}
