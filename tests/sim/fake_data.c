#include "fake_data.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* What Redis adds to each key, field, member and entry, about. */
#define OVERHEAD 64

struct bytes bytes_of(const char *p, size_t len)
{
    struct bytes b = {.p = mem_dup(p, len), .len = len};

    assert(b.p);
    return b;
}

int bytes_compare(struct bytes a, const char *p, size_t len)
{
    int order = memcmp(a.p, p, a.len < len ? a.len : len);

    return order ? order : (a.len > len) - (a.len < len);
}

static void *grow(void *p, size_t *cap, size_t need, size_t size)
{
    int rc = mem_grow(&p, cap, need, size);

    assert(rc == 0);
    return p;
}

static void entry_clear(struct entry *e)
{
    for (size_t i = 0; i < e->n; i++)
        mem_free(e->parts[i].p);
    mem_free(e->parts);
}

static void value_clear(struct value *v)
{
    mem_free(v->text.p);
    for (size_t i = 0; i < v->n_pairs; i++) {
        mem_free(v->pairs[i].name.p);
        mem_free(v->pairs[i].value.p);
    }
    mem_free(v->pairs);
    for (size_t i = 0; i < v->n_entries; i++)
        entry_clear(&v->entries[i]);
    mem_free(v->entries);
    memset(v, 0, sizeof *v);
}

void data_free(struct data *d)
{
    for (size_t i = 0; i < d->n; i++) {
        mem_free(d->keys[i].name.p);
        value_clear(&d->keys[i].value);
    }
    mem_free(d->keys);
    *d = (struct data){0};
}

static struct entry entry_copy(const struct entry *e)
{
    struct entry out = *e;

    out.parts = mem_alloc(e->n * sizeof *out.parts);
    assert(out.parts);
    for (size_t i = 0; i < e->n; i++)
        out.parts[i] = bytes_of(e->parts[i].p, e->parts[i].len);
    return out;
}

static struct value value_copy(const struct value *v)
{
    struct value out = *v;

    if (v->text.p)
        out.text = bytes_of(v->text.p, v->text.len);
    out.pairs = NULL, out.cap_pairs = 0;
    out.entries = NULL, out.cap_entries = 0;
    out.pairs = grow(out.pairs, &out.cap_pairs, v->n_pairs + 1, sizeof *out.pairs);
    for (size_t i = 0; i < v->n_pairs; i++) {
        out.pairs[i].name = bytes_of(v->pairs[i].name.p, v->pairs[i].name.len);
        out.pairs[i].value = bytes_of(v->pairs[i].value.p, v->pairs[i].value.len);
        out.pairs[i].score = v->pairs[i].score;
    }
    out.entries = grow(out.entries, &out.cap_entries, v->n_entries + 1, sizeof *out.entries);
    for (size_t i = 0; i < v->n_entries; i++)
        out.entries[i] = entry_copy(&v->entries[i]);
    return out;
}

struct data data_copy(const struct data *d)
{
    struct data out = {0};

    out.keys = grow(out.keys, &out.cap, d->n + 1, sizeof *out.keys);
    for (out.n = 0; out.n < d->n; out.n++) {
        out.keys[out.n].name = bytes_of(d->keys[out.n].name.p, d->keys[out.n].name.len);
        out.keys[out.n].value = value_copy(&d->keys[out.n].value);
    }
    return out;
}

size_t value_bytes(const struct value *v)
{
    size_t n = OVERHEAD + v->text.len;

    for (size_t i = 0; i < v->n_pairs; i++)
        n += OVERHEAD + v->pairs[i].name.len + v->pairs[i].value.len;
    for (size_t i = 0; i < v->n_entries; i++) {
        n += OVERHEAD;
        for (size_t k = 0; k < v->entries[i].n; k++)
            n += v->entries[i].parts[k].len;
    }
    return n;
}

size_t data_bytes(const struct data *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        n += d->keys[i].name.len + value_bytes(&d->keys[i].value);
    return n;
}

/* Where the key is, or would be. */
static size_t key_place(const struct data *d, const char *key, size_t len, bool *found)
{
    size_t low = 0, high = d->n;

    *found = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = bytes_compare(d->keys[mid].name, key, len);

        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct value *data_find(struct data *d, const char *key, size_t len)
{
    bool found;
    size_t at = key_place(d, key, len, &found);

    return found ? &d->keys[at].value : NULL;
}

struct value *data_make(struct data *d, const char *key, size_t len, enum value_kind kind)
{
    bool found;
    size_t at = key_place(d, key, len, &found);

    if (found)
        return d->keys[at].value.kind == kind ? &d->keys[at].value : NULL;
    d->keys = grow(d->keys, &d->cap, d->n + 1, sizeof *d->keys);
    memmove(d->keys + at + 1, d->keys + at, (d->n - at) * sizeof *d->keys);
    d->keys[at] = (struct key){.name = bytes_of(key, len), .value = {.kind = kind}};
    d->n++;
    return &d->keys[at].value;
}

bool data_remove(struct data *d, const char *key, size_t len)
{
    bool found;
    size_t at = key_place(d, key, len, &found);

    if (!found)
        return false;
    mem_free(d->keys[at].name.p);
    value_clear(&d->keys[at].value);
    memmove(d->keys + at, d->keys + at + 1, (d->n - at - 1) * sizeof *d->keys);
    d->n--;
    return true;
}

static size_t pair_place(const struct value *v, const char *name, size_t len, bool *found)
{
    size_t low = 0, high = v->n_pairs;

    *found = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = bytes_compare(v->pairs[mid].name, name, len);

        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct pair *value_pair(const struct value *v, const char *name, size_t len)
{
    bool found;
    size_t at = pair_place(v, name, len, &found);

    return found ? &v->pairs[at] : NULL;
}

struct pair *value_make_pair(struct value *v, const char *name, size_t len, bool *is_new)
{
    bool found;
    size_t at = pair_place(v, name, len, &found);

    *is_new = !found;
    if (found)
        return &v->pairs[at];
    v->pairs = grow(v->pairs, &v->cap_pairs, v->n_pairs + 1, sizeof *v->pairs);
    memmove(v->pairs + at + 1, v->pairs + at, (v->n_pairs - at) * sizeof *v->pairs);
    v->pairs[at] = (struct pair){.name = bytes_of(name, len), .value = bytes_of("", 0)};
    v->n_pairs++;
    return &v->pairs[at];
}

bool value_remove_pair(struct value *v, const char *name, size_t len)
{
    bool found;
    size_t at = pair_place(v, name, len, &found);

    if (!found)
        return false;
    mem_free(v->pairs[at].name.p);
    mem_free(v->pairs[at].value.p);
    memmove(v->pairs + at, v->pairs + at + 1, (v->n_pairs - at - 1) * sizeof *v->pairs);
    v->n_pairs--;
    return true;
}

void pair_set(struct pair *p, const char *value, size_t len)
{
    mem_free(p->value.p);
    p->value = bytes_of(value, len);
}

void value_append(struct value *v, uint64_t ms, uint64_t seq, const char *const *parts,
                  const size_t *lens, size_t n)
{
    struct entry *e;

    v->entries = grow(v->entries, &v->cap_entries, v->n_entries + 1, sizeof *v->entries);
    e = &v->entries[v->n_entries++];
    *e = (struct entry){.ms = ms, .seq = seq, .n = n};
    e->parts = mem_alloc((n ? n : 1) * sizeof *e->parts);
    assert(e->parts);
    for (size_t i = 0; i < n; i++)
        e->parts[i] = bytes_of(parts[i], lens ? lens[i] : strlen(parts[i]));
    v->last_ms = ms;
    v->last_seq = seq;
}

void value_trim(struct value *v, size_t n)
{
    assert(n <= v->n_entries);
    for (size_t i = 0; i < n; i++)
        entry_clear(&v->entries[i]);
    memmove(v->entries, v->entries + n, (v->n_entries - n) * sizeof *v->entries);
    v->n_entries -= n;
}

bool value_is_empty(const struct value *v)
{
    return (v->kind == VALUE_HASH || v->kind == VALUE_ZSET) && v->n_pairs == 0;
}
