/* What a request holds, before anything of it is taken: arrays that only grow, cleared between requests.
 *
 * Labels are views into the body; a decoder pushes them and closes a series, and only closing looks at them
 * (order, doubles, names, bounds), so every protocol is judged alike. Pointers are set at the very end, when
 * the arrays stand still. Checks look at eight bytes at a time, since this is the path of every label of
 * every sample; the exact answer is computed where that says "perhaps not". */
#include "decode/batch.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Arrays beyond this many bytes are not kept for the next request. */
#define KEPT_MAX ((size_t)16 * 1024 * 1024)

struct decode_batch *decode_batch_new(void)
{
    struct decode_batch *b = mem_zalloc(sizeof *b);

    if (!b)
        return NULL;
    b->build = mem_zalloc(sizeof *b->build);
    if (b->build)
        return b;
    mem_free(b);
    return NULL;
}

static void free_arrays(struct batch_build *w)
{
    mem_free(w->labels);
    mem_free(w->wants);
    mem_free(w->kinds);
    mem_free(w->samples);
    mem_free(w->events);
    mem_free(w->event_fields);
    mem_free(w->types);
    buf_free(&w->plain);
}

void decode_batch_free(struct decode_batch *b)
{
    if (!b)
        return;
    text_pool_free(&b->build->pool);
    free_arrays(b->build);
    mem_free(b->build);
    mem_free(b);
}

void decode_batch_clear(struct decode_batch *b)
{
    struct batch_build *w = b->build;
    struct text_pool pool = w->pool;

    text_pool_clear(&pool);
    if (w->cap_labels * sizeof *w->labels > KEPT_MAX || w->plain.cap > KEPT_MAX) {
        free_arrays(w);
        *w = (struct batch_build){0};
    }
    w->pool = pool;
    buf_clear(&w->plain);
    w->n_labels = w->open = w->n_wants = w->n_types = 0;
    *b = (struct decode_batch){.build = w};
}

int batch_no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "no memory for the request");
}

int batch_grow_labels(struct decode_batch *b)
{
    struct batch_build *w = b->build;

    return mem_grow((void **)&w->labels, &w->cap_labels, w->n_labels + 1, sizeof *w->labels);
}

void batch_abandon(struct decode_batch *b)
{
    assert(b->build->open <= b->build->n_labels);
    b->build->n_labels = b->build->open;
}

static bool is_utf8(const char *s, size_t n)
{
    for (size_t step; n > 0; s += step, n -= step) {
        step = *s ? text_utf8(s, n) : 0;
        if (step == 0)
            return false;
    }
    return true;
}

/* ASCII without NUL in all bytes; may be false also where it is so. */
static bool is_plain8(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);

    return ((x | (x - ones)) & ones << 7) == 0;
}

/* One to seven bytes as eight, some of them twice. */
static uint64_t load_short(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    uint32_t head, tail;

    assert(n > 0 && n < 8);
    if (n < 4)
        return u[0] * UINT64_C(0x0101010101010000) | (uint64_t)u[n / 2] << 8 | u[n - 1];
    memcpy(&head, s, 4);
    memcpy(&tail, s + n - 4, 4);
    return (uint64_t)head << 32 | tail;
}

/* Nearly every label is plain: looked at eight bytes at a time, the last eight once more. */
bool batch_is_text(const char *s, size_t n)
{
    uint64_t x;

    if (n < 8)
        return n == 0 || is_plain8(load_short(s, n)) || is_utf8(s, n);
    for (size_t i = 0; i < n; i += 8) {
        memcpy(&x, s + (i + 8 <= n ? i : n - 8), 8);
        if (!is_plain8(x))
            return is_utf8(s, n);
    }
    return true;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

bool batch_is_plain(const char *s, size_t n)
{
    bytes16 high = {0}, zero = {0}, x;
    words2 bad;

    if (n < sizeof x)
        return n == 0 || (n < 8 ? is_plain8(load_short(s, n)) : batch_is_text(s, n));
    for (size_t i = 0; i < n; i += sizeof x) {
        memcpy(&x, s + (i + sizeof x <= n ? i : n - sizeof x), sizeof x);
        high |= x;
        zero |= (bytes16)(x == 0);
    }
    bad = (words2)((high & 0x80) | zero);
    return (bad[0] | bad[1]) == 0;
}

/* ASCII without control characters in all bytes; may be false also where it is so. */
static bool is_plain_name8(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), del = x ^ ones * 0x7f;

    return ((x | (x - ones * 0x20) | (del - ones)) & ones << 7) == 0;
}

/* text_is_name(), fast for ASCII. */
static bool batch_is_name(const char *s, size_t n)
{
    uint64_t x;

    if (n < 8)
        return (n > 0 && is_plain_name8(load_short(s, n))) || text_is_name(s, n);
    for (size_t i = 0; i < n; i += 8) {
        memcpy(&x, s + (i + 8 <= n ? i : n - 8), 8);
        if (!is_plain_name8(x))
            return text_is_name(s, n);
    }
    return true;
}

/* Refuses it, shown without what cannot be shown. Returns -1. */
static int batch_bad_name(const char *what, const char *s, size_t n, struct err *e)
{
    char shown[64] = "";
    size_t len = text_utf8_cut(s, n, sizeof shown - 1);

    for (size_t i = 0, step; i < len; i += step) {
        bool fine;

        step = text_utf8(s + i, len - i);
        fine = step > 0 && text_is_name(s + i, step);
        step = step > 0 ? step : 1;
        strncat(shown, fine ? s + i : "?", fine ? step : 1);
    }
    return err_at(e, ERR_INPUT, 0, what,
                  "\"%s\" cannot be a name: it must be UTF-8 text without line breaks and other "
                  "control characters",
                  shown);
}

static int compare_names(const struct label *a, const struct label *b)
{
    uint32_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
    int order = memcmp(a->name, b->name, n);

    return order ? order : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static bool is_before(const struct label *a, const struct label *b)
{
    unsigned char x = (unsigned char)a->name[0], y = (unsigned char)b->name[0];

    return x != y ? x < y : compare_names(a, b) < 0;
}

/* What most senders send: sorted, each name once, nothing empty. */
static bool is_tidy(const struct label *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (l[i].value_len == 0 || l[i].name_len == 0 || (i > 0 && !is_before(&l[i - 1], &l[i])))
            return false;
    return true;
}

size_t batch_tidy(struct label *l, size_t n)
{
    size_t kept = 0;
    int sorted;

    if (is_tidy(l, n))
        return n;
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;

        while (at < kept && compare_names(&l[at], &l[i]) != 0)
            at++;
        if (at == kept && l[i].value_len > 0 && l[i].name_len > 0)
            l[kept++] = l[i];
    }
    sorted = labels_sort(l, kept);
    return sorted < 0 ? 0 : (size_t)sorted;
}

static bool is_name(const struct label *l)
{
    return l->name_len == 8 && memcmp(l->name, "__name__", 8) == 0;
}

/* Metrics and services are called by these in rules, pages and commands. */
static bool value_is_name(const struct label *l)
{
    return is_name(l) || (l->name_len == 7 && memcmp(l->name, "service", 7) == 0);
}

static bool is_own_mark(const struct label *l)
{
    return l->name_len == sizeof SERIES_OWN_LABEL - 1 &&
           memcmp(l->name, SERIES_OWN_LABEL, sizeof SERIES_OWN_LABEL - 1) == 0;
}

/* `plain`: batch_is_plain() was true of the bytes that its value is among. */
static int check_label(const struct label *l, bool plain, const struct decode_limits *x,
                       struct err *e)
{
    if (l->name_len > x->max_name)
        return err_at(e, ERR_INPUT, 0, "labels", "a label name has %u bytes: at most %u are taken",
                      l->name_len, x->max_name);
    if (l->value_len > x->max_value)
        return err_at(e, ERR_INPUT, 0, "labels",
                      "the value of label \"%.*s\" has %u bytes: at most %u are taken",
                      (int)text_utf8_cut(l->name, l->name_len, 60), l->name, l->value_len,
                      x->max_value);
    if (is_own_mark(l))
        return err_at(e, ERR_INPUT, 0, "labels",
                      "the label " SERIES_OWN_LABEL " marks Tocsin's own samples: send it under "
                      "another name");
    if (!batch_is_name(l->name, l->name_len))
        return batch_bad_name("labels", l->name, l->name_len, e);
    if (!plain && !batch_is_text(l->value, l->value_len))
        return err_at(e, ERR_INPUT, 0, "labels", "a label is not UTF-8 text");
    if (value_is_name(l) && !batch_is_name(l->value, l->value_len))
        return batch_bad_name(is_name(l) ? "name" : "service", l->value, l->value_len, e);
    return 0;
}

static int check_labels(const struct label *l, size_t n, bool plain, const struct decode_limits *x,
                        struct err *e)
{
    bool named = false;

    for (size_t i = 0; i < n; i++) {
        if (check_label(&l[i], plain, x, e) != 0)
            return -1;
        named |= is_name(&l[i]);
    }
    if (!named)
        return err_at(e, ERR_INPUT, 0, "name", "a series has no name");
    if (n - 1 > x->max_labels)
        return err_at(e, ERR_INPUT, 0, "labels", "a series has %zu labels: at most %u are taken",
                      n - 1, x->max_labels);
    return 0;
}

int batch_series(struct decode_batch *b, const struct decode_input *in, uint8_t kind, struct err *e)
{
    struct batch_build *w = b->build;
    size_t n = w->n_labels - w->open;
    struct label *l = n > 0 ? w->labels + w->open : NULL;

    assert(w->open <= w->n_labels);
    if (n > 0 && !is_tidy(l, n)) {
        int sorted = labels_sort(l, n);

        if (sorted < 0)
            return err_at(e, ERR_INPUT, 0, "labels", "a label name stands twice in one series");
        n = (size_t)sorted;
    }
    if (check_labels(l, n, w->plain_labels, in->limits, e) != 0)
        return -1;
    if (mem_grow((void **)&w->wants, &w->cap_wants, w->n_wants + 1, sizeof *w->wants) != 0 ||
        mem_grow((void **)&w->kinds, &w->cap_kinds, w->n_wants + 1, sizeof *w->kinds) != 0)
        return batch_no_memory(e);
    w->kinds[w->n_wants] = kind;
    w->wants[w->n_wants++] = (struct series_want){.n = (uint32_t)n, .hash = w->open};
    w->open += n;
    w->n_labels = w->open;
    return 0;
}

void batch_series_drop(struct decode_batch *b)
{
    struct batch_build *w = b->build;

    assert(w->n_wants > 0);
    w->open = w->n_labels = w->wants[--w->n_wants].hash;
}

static int64_t clamp(struct decode_batch *b, const struct decode_input *in, int64_t t_ms)
{
    if (t_ms <= in->now_ms + CLOCK_SLACK_MS)
        return t_ms;
    b->counts.clamped++;
    return in->now_ms;
}

int batch_sample(struct decode_batch *b, const struct decode_input *in, int64_t t_ms, double v,
                 float weight, bool stale, struct err *e)
{
    struct batch_build *w = b->build;

    assert(w->n_wants > 0); /* of the newest series */
    if (b->n_samples >= in->limits->max_samples)
        return err_set(e, ERR_LIMIT, "more than %u samples in one request",
                       in->limits->max_samples);
    if (mem_grow((void **)&w->samples, &w->cap_samples, b->n_samples + 1, sizeof *w->samples) != 0)
        return batch_no_memory(e);
    w->samples[b->n_samples++] = (struct sample){.t_ms = clamp(b, in, t_ms),
                                                 .v = v,
                                                 .series = (uint32_t)w->n_wants - 1,
                                                 .weight = weight,
                                                 .stale = stale};
    return 0;
}

static size_t n_filled(const struct label *l, size_t n)
{
    size_t filled = 0;

    for (size_t i = 0; i < n; i++)
        filled += l[i].value_len > 0;
    return filled;
}

static int check_fields(const struct label *l, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!batch_is_name(l[i].name, l[i].name_len))
            return batch_bad_name("fields", l[i].name, l[i].name_len, e);
        if (value_is_name(&l[i]) && !batch_is_name(l[i].value, l[i].value_len))
            return batch_bad_name("service", l[i].value, l[i].value_len, e);
    }
    return 0;
}

int batch_event(struct decode_batch *b, const struct decode_input *in, int64_t t_ms, struct err *e)
{
    struct batch_build *w = b->build;
    size_t given = n_filled(w->labels + w->open, w->n_labels - w->open);
    size_t n = batch_tidy(w->labels + w->open, w->n_labels - w->open);

    assert(n <= given);
    b->counts.fields_dropped += (uint32_t)(given - n); /* of one name, or of none */
    if (check_fields(w->labels + w->open, n, e) != 0)
        return -1;
    if (n > in->limits->max_fields) {
        b->counts.fields_dropped += (uint32_t)(n - in->limits->max_fields);
        n = in->limits->max_fields;
    }
    if (n == 0)
        return err_set(e, ERR_INPUT, "an event needs at least one field");
    if (b->n_events >= in->limits->max_events)
        return err_set(e, ERR_LIMIT, "more than %u events in one request", in->limits->max_events);
    if (mem_grow((void **)&w->events, &w->cap_events, b->n_events + 1, sizeof *w->events) != 0 ||
        mem_grow((void **)&w->event_fields, &w->cap_event_fields, b->n_events + 1,
                 sizeof *w->event_fields) != 0)
        return batch_no_memory(e);
    w->event_fields[b->n_events] = w->open;
    w->events[b->n_events++] =
        (struct logevent){.t_ms = clamp(b, in, t_ms), .n_fields = (uint32_t)n};
    w->open += n;
    w->n_labels = w->open;
    assert(w->n_labels <= w->cap_labels);
    return 0;
}

/* Only now do the arrays stand still. */
void batch_close(struct decode_batch *b)
{
    struct batch_build *w = b->build;

    for (size_t i = 0; i < b->n_events; i++)
        w->events[i].fields = w->labels + w->event_fields[i];
    for (size_t i = 0; i < w->n_wants; i++)
        w->wants[i].labels = w->labels + w->wants[i].hash;
    b->samples = w->samples;
    b->events = w->events;
}

size_t batch_keep_series(struct decode_batch *b,
                         bool (*keep)(const struct series_want *x, void *arg), void *arg)
{
    struct batch_build *w = b->build;
    size_t kept = 0, samples = 0, at = 0, all = w->n_wants;

    for (size_t i = 0; i < all; i++) {
        const struct series_want *x = &w->wants[i];
        bool in = keep(x, arg);

        for (; at < b->n_samples && w->samples[at].series == i; at++) {
            if (!in)
                continue;
            w->samples[samples] = w->samples[at];
            w->samples[samples++].series = (uint32_t)kept;
        }
        if (!in)
            continue;
        w->kinds[kept] = w->kinds[i];
        w->wants[kept++] = *x;
    }
    assert(at == b->n_samples && "samples stand in the order of their series");
    b->n_samples = samples;
    w->n_wants = kept;
    return all - kept;
}

bool batch_counts_up(const char *name, size_t len)
{
    static const char *const ends[] = {"_total", "_count", "_sum", "_bucket"};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i]);

        if (len > n && memcmp(name + len - n, ends[i], n) == 0)
            return true;
    }
    return false;
}
