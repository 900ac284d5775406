/* StatsD lines, with the tags of DogStatsD:
 *
 *   api.latency:12:15|ms|@0.1|#service:web,canary
 *   ^name       ^values ^type ^sampling rate ^tags
 *
 *   c counter -> increments (divided by the rate)    g gauge, "+5" and "-5" are relative
 *   ms timer -> seconds    h, d distribution    s set
 *
 * A line that is wrong is left out and counted: a datagram has nobody to answer to. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "decode/batch.h"
#include "decode/decoders.h"
#include "decode/json_read.h"
#include "decode/memory.h"

#define KEY_MAX 4096 /* bytes of a gauge's name and tags, as a key */

struct piece {
    const char *s;
    size_t n;
};

struct line {
    struct piece name, values, tags;
    char type; /* c g m h s */
    double rate;
    int64_t t_ms;
};

struct reading {
    struct decode_batch *b;
    const struct decode_input *in;
    struct err *e;
    const char *why; /* the line is wrong; NULL: the whole cannot go on, see `e` */
};

static int wrong(struct reading *x, const char *why)
{
    x->why = why;
    return -1;
}

/* Cuts the part up to `c`, or all of it, off the front. */
static struct piece cut(struct piece *from, char c)
{
    const char *found = memchr(from->s, c, from->n);
    struct piece head = {from->s, found ? (size_t)(found - from->s) : from->n};
    size_t gone = head.n + (found ? 1 : 0);

    from->s += gone;
    from->n -= gone;
    return head;
}

static bool read_number(struct piece p, double *v)
{
    char text[64];
    char *end;

    if (json_short_number(p.s, p.n, v))
        return true;
    if (p.n == 0 || p.n >= sizeof text || !memchr("+-.0123456789", p.s[0], 13) ||
        memchr(p.s, 'x', p.n) || memchr(p.s, 'X', p.n)) /* no hexadecimals */
        return false;
    memcpy(text, p.s, p.n);
    text[p.n] = 0;
    *v = strtod(text, &end);
    return end == text + p.n && isfinite(*v);
}

static int read_type(struct reading *x, struct piece type, struct line *l)
{
    static const struct {
        char text[3], type;
    } types[] = {{"c", 'c'}, {"g", 'g'}, {"ms", 'm'}, {"h", 'h'}, {"d", 'h'}, {"s", 's'}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strlen(types[i].text) != type.n || memcmp(types[i].text, type.s, type.n) != 0)
            continue;
        l->type = types[i].type;
        return 0;
    }
    return wrong(x, "the type must be c, g, ms, h, d or s");
}

static int read_section(struct reading *x, struct piece p, struct line *l)
{
    struct piece rest = {p.s + 1, p.n - 1};
    double v;

    switch (*p.s) {
    case '@':
        if (!read_number(rest, &l->rate) || l->rate <= 0 || l->rate > 1)
            return wrong(x, "the sampling rate must be above 0 and at most 1");
        return 0;
    case '#':
        l->tags = rest;
        return 0;
    case 'T':
        if (!read_number(rest, &v) || v <= 0 || v > 1e12)
            return wrong(x, "the time after T must be Unix seconds");
        l->t_ms = text_unix_ms(v);
        return 0;
    case 'c': /* container */
    case 'e':
        return 0;
    }
    return wrong(x, "an unknown part follows the type");
}

static int split(struct reading *x, struct piece text, struct line *l)
{
    struct piece head = cut(&text, '|'), type;

    *l = (struct line){.rate = 1, .t_ms = x->in->now_ms};
    l->name = cut(&head, ':');
    l->values = head;
    if (l->name.n == 0 || l->values.n == 0)
        return wrong(x, "a line begins with name:value|type");
    if (l->name.n > x->in->limits->max_name)
        return wrong(x, "the name is too long");
    type = cut(&text, '|');
    if (read_type(x, type, l) != 0)
        return -1;
    while (text.n > 0) {
        struct piece section = cut(&text, '|');

        if (section.n > 0 && read_section(x, section, l) != 0)
            return -1;
    }
    return 0;
}

static int push(struct reading *x, struct piece name, struct piece value)
{
    struct batch_build *w = x->b->build;

    if (w->n_labels - w->open > x->in->limits->max_labels)
        return wrong(x, "too many tags");
    if (batch_label(x->b, name.s, name.n, value.s, value.n) == 0)
        return 0;
    x->why = NULL;
    return batch_no_memory(x->e);
}

static int push_labels(struct reading *x, const struct line *l)
{
    static const struct piece name_label = {"__name__", 8}, yes = {"true", 4};
    struct batch_build *w = x->b->build;
    struct piece tags = l->tags;

    if (push(x, name_label, l->name) != 0)
        return -1;
    while (tags.n > 0) {
        struct piece tag = cut(&tags, ','), name = cut(&tag, ':');
        bool bare = tag.n == 0 && (name.s + name.n == tag.s);

        if (name.n == 0 || (name.n == 8 && memcmp(name.s, "__name__", 8) == 0))
            continue;
        if (push(x, name, bare ? yes : tag) != 0)
            return -1;
    }
    w->n_labels = w->open + batch_tidy(w->labels + w->open, w->n_labels - w->open);
    return 0;
}

static double *level_of(struct reading *x)
{
    const struct batch_build *w = x->b->build;
    const struct series_want *s = &w->wants[w->n_wants - 1];
    char key[KEY_MAX];
    size_t n = 0;

    for (size_t i = s->hash; i < w->open; i++) {
        const struct label *l = &w->labels[i];

        if (n + l->name_len + l->value_len + 2 > sizeof key)
            return NULL;
        memcpy(key + n, l->name, l->name_len);
        n += l->name_len;
        key[n++] = 0;
        memcpy(key + n, l->value, l->value_len);
        n += l->value_len;
        key[n++] = 0;
    }
    return memory_gauge_make(x->in->memory, key, n, x->in->limits->max_gauges);
}

/* A gauge that is only ever set needs no memory of its level; where the table is full, such go
 * on, relative ones are refused. */
static int gauge_value(struct reading *x, struct piece text, double *v)
{
    bool relative = text.s[0] == '+' || text.s[0] == '-';
    double *level = level_of(x);

    if (!level)
        return relative ? wrong(x, "too many gauges are remembered to add to this one") : 0;
    *v += relative ? *level : 0;
    *level = *v;
    return 0;
}

/* A member of a set as a number below 2^53, the same in every process. */
static double member(struct piece text)
{
    return (double)(hash_seeded(text.s, text.n, 0) >> 11);
}

static int add_value(struct reading *x, const struct line *l, struct piece text)
{
    struct err e = {0};
    double v = 0;
    float weight = 1;

    assert(l->rate > 0);
    if (l->type == 's' ? text.n == 0 : !read_number(text, &v))
        return wrong(x, "the value must be a number");
    switch (l->type) {
    case 'c':
        v /= l->rate;
        break;
    case 'g':
        if (gauge_value(x, text, &v) != 0)
            return -1;
        break;
    case 'm':
        v /= 1000;
        weight = (float)(1 / l->rate);
        break;
    case 'h':
        weight = (float)(1 / l->rate);
        break;
    case 's':
        v = member(text);
        break;
    }
    if (!isfinite(v) || !isfinite(weight))
        return wrong(x, "the value is too large");
    if (batch_sample(x->b, x->in, l->t_ms, v, weight, false, &e) == 0)
        return 0;
    x->why = e.code == ERR_MEMORY ? NULL : "too many samples at once";
    return x->why ? -1 : batch_no_memory(x->e);
}

static uint8_t kind_of(char type)
{
    switch (type) {
    case 'c':
        return SAMPLE_DELTA;
    case 'g':
        return SAMPLE_GAUGE;
    case 's':
        return SAMPLE_SET;
    }
    return SAMPLE_DISTRIBUTION;
}

static int read_line(struct reading *x, struct piece text)
{
    struct batch_build *w = x->b->build;
    size_t n_samples = x->b->n_samples;
    struct err e = {0};
    struct line l;

    if (split(x, text, &l) != 0 || push_labels(x, &l) != 0)
        return -1;
    if (batch_series(x->b, x->in, kind_of(l.type), &e) != 0) {
        x->why = e.code == ERR_MEMORY ? NULL : "the name or a tag is not well formed or too long";
        return x->why ? -1 : batch_no_memory(x->e);
    }
    while (l.values.n > 0) {
        if (add_value(x, &l, cut(&l.values, ':')) == 0)
            continue;
        x->b->n_samples = n_samples; /* a line is taken whole, too */
        w->open = w->n_labels = w->wants[--w->n_wants].hash;
        return -1;
    }
    return 0;
}

static void count_wrong(struct reading *x, struct piece text, int line)
{
    batch_abandon(x->b);
    if (x->b->counts.lines_refused++ == 0)
        err_at(&x->b->part_error, ERR_INPUT, line, "", "%s: \"%.*s\"", x->why,
               (int)text_utf8_cut(text.s, text.n, 100), text.s);
}

int decode_statsd(struct decode_batch *b, const struct decode_input *in, struct err *e)
{
    struct reading x = {.b = b, .in = in, .e = e};
    struct piece all = {in->body, in->len};

    b->in_parts = true;
    for (int line = 1; all.n > 0; line++) {
        struct piece text = cut(&all, '\n');

        if (text.n > 0 && text.s[text.n - 1] == '\r')
            text.n--;
        if (text.n == 0 || read_line(&x, text) == 0)
            continue;
        if (!x.why)
            return -1;
        count_wrong(&x, text, line);
    }
    batch_close(b);
    return 0;
}
