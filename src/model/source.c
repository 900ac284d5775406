/* The sources of series: token, `job` and `instance`.
 * A source is what a sender is judged by, its clock and whether it goes on; so it must be found without a
 * look-up for each sample: every series holds the number of its own. Which token pays for labels is counted
 * per source, as a sum, and given back as its mean: exact accounts would take a field of each series, of
 * which there are a million. Shares of tokens are a short list: there are as many as tokens that have sent. */
#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/series_table.h"

static uint32_t source_tag(const struct series_table *t, labelset labels, uint32_t token)
{
    uint32_t key[2] = {labels, token};

    return idtable_tag(hash_seeded(key, sizeof key, t->seed));
}

static uint32_t find(const struct series_table *t, labelset labels, uint32_t token, uint32_t tag)
{
    const struct idtable *ids = &t->source_ids;

    for (uint32_t i = idtable_home(ids, tag); ids->slots[i].id_plus_1; i = idtable_next(ids, i)) {
        uint32_t id = ids->slots[i].id_plus_1 - 1;

        if (ids->slots[i].tag == tag && t->sources[id].labels == labels &&
            t->sources[id].token == token)
            return id;
    }
    return SERIES_NONE;
}

/* Those that tell sources apart, at most two. */
static size_t keys_of(const struct label *l, size_t n, struct label kept[2])
{
    size_t n_kept = 0;

    for (size_t i = 0; i < n && n_kept < 2; i++)
        if ((l[i].name_len == 3 && memcmp(l[i].name, "job", 3) == 0) ||
            (l[i].name_len == 8 && memcmp(l[i].name, "instance", 8) == 0))
            kept[n_kept++] = l[i];
    return n_kept;
}

/* Series of a source come one behind the other. */
static bool is_last(const struct series_table *t, const struct label *keys, size_t n,
                    const char *token)
{
    const struct series_source *s = t->n_sources ? &t->sources[t->last_source] : NULL;
    const struct label_set *set;

    if (!s || s->labels == LABELSET_NONE || !symbol_is(t->ls, s->token, token, strlen(token)))
        return false;
    set = set_at(t->ls, s->labels);
    for (size_t i = 0; i < n && set->n == n; i++)
        if (!pair_is(t->ls, set->pairs[i], &keys[i]))
            return false;
    return set->n == n;
}

/* --- shares of tokens in the memory of labels --- */

static struct series_share *share_of(const struct series_table *t, uint32_t token)
{
    for (size_t i = 0; i < t->n_shares; i++)
        if (t->shares[i].token == token)
            return &t->shares[i];
    return NULL;
}

static bool share_take(struct series_table *t, uint32_t token)
{
    struct series_share *x = share_of(t, token);

    if (!x) {
        if (mem_grow((void **)&t->shares, &t->cap_shares, t->n_shares + 1, sizeof *t->shares) != 0)
            return false;
        x = &t->shares[t->n_shares++];
        *x = (struct series_share){.token = token};
    }
    x->refs++;
    return true;
}

static void share_drop(struct series_table *t, uint32_t token)
{
    struct series_share *x = share_of(t, token);

    assert(x && x->refs > 0);
    if (--x->refs > 0)
        return;
    assert(x->bytes == 0);
    *x = t->shares[--t->n_shares];
}

void series_source_charge(struct series_table *t, uint32_t source, uint64_t bytes)
{
    struct series_source *s = &t->sources[source];

    s->bytes += bytes;
    share_of(t, s->token)->bytes += bytes;
}

/* Labels are shared, so which series frees them is chance; the mean leaves nothing behind and needs
 * no field of each series. */
static void discharge(struct series_table *t, struct series_source *s)
{
    uint64_t bytes = s->bytes / s->refs;
    struct series_share *x = share_of(t, s->token);

    assert(x && x->bytes >= bytes);
    s->bytes -= bytes;
    x->bytes -= bytes;
}

void series_label_limits(struct series_table *t, uint64_t all, uint64_t token)
{
    t->label_max = all;
    t->share_max = token;
}

static uint64_t held(const struct series_table *t)
{
    return labelsets_held(t->ls) + (uint64_t)t->count * SERIES_BYTES;
}

/* The most that the labels can take: each in an object of its own, rounded up. */
static uint64_t most_of(const struct label *l, size_t n)
{
    uint64_t bytes = SERIES_BYTES;

    for (size_t i = 0; i < n; i++)
        bytes += l[i].name_len + 2 * (uint64_t)l[i].value_len + 32;
    return bytes;
}

enum series_room series_room(const struct series_table *t, const struct label *l, size_t n,
                             const char *token)
{
    uint64_t more = most_of(l, n);
    uint32_t symbol;
    const struct series_share *x;

    if (t->count >= t->max_series)
        return SERIES_TABLE_FULL;
    if (t->label_max > 0 && held(t) + more > t->label_max)
        return SERIES_LABELS_FULL;
    if (t->share_max == 0)
        return SERIES_FITS;
    symbol = symbol_find(t->ls, token, strlen(token));
    x = symbol == SYMBOL_NONE ? NULL : share_of(t, symbol);
    return (x ? x->bytes : 0) + more > t->share_max ? SERIES_TOKEN_FULL : SERIES_FITS;
}

void series_memory(const struct series_table *t, struct series_memory *out)
{
    *out = (struct series_memory){
        .all = held(t), .all_max = t->label_max, .token_max = t->share_max, .fullest_token = ""};
    for (size_t i = 0; i < t->n_shares; i++)
        if (t->shares[i].bytes > out->fullest) {
            out->fullest = t->shares[i].bytes;
            out->fullest_token = t->ls->symbols[t->shares[i].token].text;
        }
}

uint32_t series_source_take(struct series_table *t, const struct label *l, size_t n,
                            const char *token)
{
    struct label keys[2];
    size_t n_keys = keys_of(l, n, keys);
    uint32_t id = SERIES_NONE, symbol, tag;
    labelset labels;

    if (is_last(t, keys, n_keys, token)) {
        t->sources[t->last_source].refs++;
        return t->last_source;
    }
    labels = labelsets_intern(t->ls, keys, n_keys);
    if (labels == LABELSET_NONE)
        return SERIES_NONE;
    symbol = symbol_intern(t->ls, token, strlen(token));
    if (symbol == SYMBOL_NONE)
        goto release_labels;
    tag = source_tag(t, labels, symbol);
    id = find(t, labels, symbol, tag);
    if (id != SERIES_NONE) {
        t->sources[id].refs++;
        t->last_source = id;
        goto release;
    }
    if (t->n_sources >= SERIES_NONE - 1 || idtable_reserve(&t->source_ids) != 0 ||
        mem_grow((void **)&t->sources, &t->cap_sources, t->n_sources + 1u, sizeof *t->sources) != 0)
        goto release;
    if (!share_take(t, symbol))
        goto release;
    id = t->last_source = t->n_sources++;
    t->sources[id] = (struct series_source){labels, symbol, 1, 0};
    idtable_insert(&t->source_ids, tag, id);
    return id;
release:
    symbol_unref(t->ls, symbol);
release_labels:
    labelset_unref(t->ls, labels);
    return id;
}

void series_source_drop(struct series_table *t, uint32_t source)
{
    struct series_source *s = &t->sources[source];

    assert(s->labels != LABELSET_NONE && s->refs > 0);
    discharge(t, s);
    if (--s->refs > 0)
        return;
    assert(s->bytes == 0);
    share_drop(t, s->token);
    idtable_remove(&t->source_ids, source_tag(t, s->labels, s->token), source);
    labelset_unref(t->ls, s->labels);
    symbol_unref(t->ls, s->token);
    s->labels = LABELSET_NONE;
}

bool series_source_is_instance(const struct series_table *t, uint32_t source)
{
    size_t len = 0;

    assert(source < t->n_sources && t->sources[source].labels != LABELSET_NONE);
    (void)labelset_value(t->ls, t->sources[source].labels, "instance", &len);
    return len > 0;
}

uint32_t series_source_count(const struct series_table *t)
{
    return t->n_sources;
}

void series_source_text(const struct series_table *t, uint32_t source, struct buf *out)
{
    const struct series_source *s = source < t->n_sources ? &t->sources[source] : NULL;
    size_t n = s && s->labels != LABELSET_NONE ? labelset_size(t->ls, s->labels) : 0;
    const char *between = "";

    if (n == 0 && (!s || s->labels == LABELSET_NONE))
        return;
    for (size_t i = 0; i < n; i++, between = " ") {
        struct label l = labelset_at(t->ls, s->labels, i);

        buf_addf(out, "%s%.*s", between, (int)l.value_len, l.value);
    }
    if (*t->ls->symbols[s->token].text)
        buf_addf(out, "%s(token %s)", between, t->ls->symbols[s->token].text);
    else if (n == 0)
        buf_adds(out, "senders without job and instance");
}
