/* From label sets to series ids, after the whole request has proved to be sound.
 * All or nothing: a sender repeats a refused request whole, so a part that was kept would count twice, and
 * new series are forgotten again. Only where the sender's protocol lets some be left out (`in_parts`) those
 * with room are taken, and the answer says so. Bounds are asked here for every decoder alike: per minute,
 * the table, all labels, those of one token. The kind of a series follows its name until metadata says
 * better; that costs a walk over all series, so it is made for news alone and not more than once in ten
 * seconds. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "decode/batch.h"
#include "decode/memory.h"

static uint8_t kind_of_name(const struct decode_memory *m, const struct label *l, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int told;

        if (l[i].name_len != 8 || memcmp(l[i].name, "__name__", 8) != 0)
            continue;
        told = memory_type(m, l[i].value, l[i].value_len);
        if (told >= 0)
            return (uint8_t)told;
        return batch_counts_up(l[i].value, l[i].value_len) ? SAMPLE_CUMULATIVE : SAMPLE_GAUGE;
    }
    return SAMPLE_GAUGE;
}

static int take_budget(struct decode_budget *budget, const struct decode_input *in, uint32_t n_new,
                       struct err *e)
{
    int64_t minute = in->now_ms / 60000;

    if (!budget)
        return 0;
    if (budget->minute != minute) {
        budget->minute = minute;
        budget->left = in->limits->new_series_per_minute;
    }
    if (n_new > budget->left)
        return err_set(e, ERR_BUSY,
                       "%u new series in this request, but only %u more may be created in this "
                       "minute (limits { new_series_per_minute = %u })",
                       n_new, budget->left, in->limits->new_series_per_minute);
    budget->left -= n_new;
    return 0;
}

/* Why there is no room for a new series of this sender. */
static int no_room(const struct series_table *t, enum series_room room, const char *token,
                   struct err *e)
{
    struct series_memory m;
    struct buf is = BUF_INIT, max = BUF_INIT;

    series_memory(t, &m);
    text_bytes(&is, (double)m.all);
    text_bytes(&max, room == SERIES_TOKEN_FULL ? (double)m.token_max : (double)m.all_max);
    if (room == SERIES_TABLE_FULL)
        err_set(e, ERR_BUSY,
                "the table of series is full (%u series): send fewer, or raise limits { series }",
                series_count(t));
    else if (room == SERIES_LABELS_FULL)
        err_set(e, ERR_BUSY,
                "the labels of all series take %s of %s: send fewer series or shorter labels, or "
                "raise limits { label_memory }",
                buf_str(&is), buf_str(&max));
    else
        err_set(e, ERR_BUSY,
                "the labels of series that %s%s sent take all of %s: send fewer series or shorter "
                "labels, or raise limits { label_memory_per_token }",
                token[0] ? "token " : "senders without token", token, buf_str(&max));
    buf_free(&is);
    buf_free(&max);
    return -1;
}

static bool has_id(const struct series_want *x, void *arg)
{
    (void)arg;
    return x->id != SERIES_NONE;
}

static void undo(struct decode_batch *b, struct series_table *t, uint32_t before)
{
    while (before < series_end(t))
        series_forget(t, before++);
    b->counts.new_series = 0;
}

/* All or nothing; of a batch that is taken in parts, those for which there is room. */
static int create_missing(struct decode_batch *b, const struct decode_input *in,
                          struct series_table *t, const char *token, struct err *e)
{
    struct batch_build *w = b->build;
    uint32_t before = series_end(t), over = 0;

    for (size_t i = 0; i < w->n_wants; i++) {
        struct series_want *x = &w->wants[i];
        enum series_room room;
        bool is_new;

        if (x->id != SERIES_NONE)
            continue;
        if (w->kinds[i] == KIND_BY_NAME)
            w->kinds[i] = kind_of_name(in->memory, x->labels, x->n);
        room = series_find(t, x->hash, x->labels, x->n) == SERIES_NONE /* twice in this batch */
                   ? series_room(t, x->labels, x->n, token)
                   : SERIES_FITS;
        if (room != SERIES_FITS && b->in_parts) {
            if (over++ == 0 && b->part_error.code == ERR_NONE)
                no_room(t, room, token, &b->part_error);
            continue;
        }
        if (room != SERIES_FITS) {
            undo(b, t, before);
            return no_room(t, room, token, e);
        }
        x->id = series_resolve_hashed(t, x->hash, x->labels, x->n, token, w->kinds[i], &is_new);
        b->counts.new_series += is_new;
        if (x->id != SERIES_NONE)
            continue;
        undo(b, t, before);
        return batch_no_memory(e);
    }
    b->counts.series_over = over > 0 ? (uint32_t)batch_keep_series(b, has_id, NULL) : 0;
    assert(b->counts.series_over == over);
    return 0;
}

/* A series that was there keeps the kind it has, unless this request says another. */
static void settle_kinds(struct batch_build *w, struct series_table *t)
{
    for (size_t i = 0; i < w->n_wants; i++) {
        struct series *s = series_get(t, w->wants[i].id);

        if (w->kinds[i] == KIND_BY_NAME)
            w->kinds[i] = s->kind;
        else if (s->kind != w->kinds[i])
            s->kind = w->kinds[i];
    }
}

static int find_last_symbol(const struct series_table *t, const struct decode_memory *m,
                            uint32_t *last)
{
    const char *name;
    size_t at = 0, len;
    int found = 0;

    *last = 0;
    while (map_next(m->types, &at, &name, &len)) {
        uint32_t symbol = series_name_find(t, name, len);

        if (symbol == UINT32_MAX)
            continue;
        found = 1;
        *last = symbol > *last ? symbol : *last;
    }
    return found;
}

/* Gives all series the kind that metadata tells. A million series: some 5 ms. */
static void apply_types(const struct decode_memory *m, struct series_table *t)
{
    const char *name;
    uint8_t *kinds; /* by the symbol of the name; 0: nothing told */
    size_t at = 0, len;
    uint32_t last;
    const void *kind;

    if (!find_last_symbol(t, m, &last))
        return;
    kinds = mem_zalloc((size_t)last + 1);
    if (!kinds)
        return; /* the kinds stay as the names tell until the next metadata */
    while ((kind = map_next(m->types, &at, &name, &len)) != NULL) {
        uint32_t symbol = series_name_find(t, name, len);

        if (symbol != UINT32_MAX)
            kinds[symbol] = (uint8_t)(uintptr_t)kind;
    }
    for (uint32_t id = 0; id < series_end(t); id++) {
        struct series *s = series_get(t, id);

        if (s && s->name <= last && kinds[s->name])
            s->kind = (uint8_t)(kinds[s->name] - 1);
    }
    mem_free(kinds);
}

/* Metadata comes minutes after the first samples, and again when the sender restarts. Only what
 * is news and differs from what the name says costs a walk over the series, and that not more
 * than once in ten seconds. */
static void learn_types(struct batch_build *w, const struct decode_input *in,
                        struct series_table *t)
{
    struct decode_memory *m = in->memory;

    for (size_t i = 0; i < w->n_types; i++) {
        const struct batch_type *x = &w->types[i];
        uint8_t by_name = batch_counts_up(x->name, x->len) ? SAMPLE_CUMULATIVE : SAMPLE_GAUGE;

        if (memory_type(m, x->name, x->len) < 0 && by_name == x->kind)
            continue;
        if (memory_type_set(m, x->name, x->len, x->kind) == 1)
            m->types_are_news = true;
    }
    if (!m->types_are_news || in->now_ms < m->types_applied_ms + TYPES_EVERY_MS)
        return;
    m->types_are_news = false;
    m->types_applied_ms = in->now_ms;
    apply_types(m, t);
}

int decode_resolve(struct decode_batch *b, const struct decode_input *in, struct series_table *t,
                   const char *token, struct decode_budget *budget, struct err *e)
{
    struct batch_build *w = b->build;
    uint32_t n_new = 0;

    learn_types(w, in, t);
    series_lookup(t, w->wants, w->n_wants);
    for (size_t i = 0; i < w->n_wants; i++)
        n_new += w->wants[i].id == SERIES_NONE;
    if (n_new > 0 &&
        (take_budget(budget, in, n_new, e) != 0 || create_missing(b, in, t, token, e) != 0))
        return -1;
    settle_kinds(w, t);
    for (size_t i = 0; i < b->n_samples; i++) {
        struct sample *s = &w->samples[i];

        s->kind = w->kinds[s->series];
        s->series = w->wants[s->series].id;
    }
    return 0;
}
