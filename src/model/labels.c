/* Labels as a plain array of views: sorting, text, fingerprint.
 *
 * Sorting allocates nothing and is bounded for what a stranger sends: insertion for what comes in sorted or
 * short, a heap for a hostile thousand. qsort() would allocate and call back for each pair. A missing label
 * is the empty one everywhere, so empty ones are dropped here and nowhere else. */
#include "model/labels.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

struct label label_of(const char *name, const char *value)
{
    return (struct label){name, value, (uint32_t)strlen(name), (uint32_t)strlen(value)};
}

static int compare_names(const struct label *a, const struct label *b)
{
    uint32_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
    int order = memcmp(a->name, b->name, n);

    return order ? order : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static void sift_down(struct label *l, size_t root, size_t n)
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        struct label swap;

        if (child + 1 < n && compare_names(&l[child], &l[child + 1]) < 0)
            child++;
        if (compare_names(&l[root], &l[child]) >= 0)
            return;
        swap = l[root];
        l[root] = l[child];
        l[child] = swap;
    }
}

/* Insertion sort for what comes in sorted already or is short; a hostile thousand of fields is
 * sorted by heap. Neither allocates. */
static void sort(struct label *l, size_t n)
{
    size_t moves = 0;

    if (n < 2)
        return;
    for (size_t i = 1; i < n && moves < 8 * n; i++) {
        struct label x = l[i];
        size_t j = i;

        for (; j > 0 && compare_names(&l[j - 1], &x) > 0; j--, moves++)
            l[j] = l[j - 1];
        l[j] = x;
    }
    if (moves < 8 * n)
        return;
    for (size_t i = n / 2; i-- > 0;)
        sift_down(l, i, n);
    for (size_t end = n - 1; end > 0; end--) {
        struct label swap = l[0];

        l[0] = l[end];
        l[end] = swap;
        sift_down(l, 0, end);
    }
}

struct label *labels_dup(const struct label *l, size_t n)
{
    size_t bytes = n * sizeof *l + 1;
    struct label *out;
    char *p;

    for (size_t i = 0; i < n; i++)
        bytes += (size_t)l[i].name_len + l[i].value_len + 2;
    out = mem_alloc(bytes);
    if (!out)
        return NULL;
    p = (char *)(out + n);
    for (size_t i = 0; i < n; i++) {
        out[i] = l[i];
        out[i].name = memcpy(p, l[i].name, l[i].name_len);
        p += l[i].name_len;
        *p++ = '\0';
        out[i].value = memcpy(p, l[i].value, l[i].value_len);
        p += l[i].value_len;
        *p++ = '\0';
    }
    assert(p == (char *)out + bytes - 1);
    return out;
}

int labels_sort(struct label *l, size_t n)
{
    size_t kept = 0;

    sort(l, n);
    for (size_t i = 1; i < n; i++)
        if (compare_names(&l[i - 1], &l[i]) == 0)
            return -1;
    for (size_t i = 0; i < n; i++)
        if (l[i].value_len > 0)
            l[kept++] = l[i];
    assert(kept <= n);
    return (int)kept;
}

static void add_escaped(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n') {
            buf_adds(out, "\\n");
            continue;
        }
        if (s[i] == '"' || s[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, s[i]);
    }
}

void labels_text(const struct label *l, size_t n, struct buf *out)
{
    assert(l || n == 0);
    buf_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_addc(out, ',');
        buf_add(out, l[i].name, l[i].name_len);
        buf_adds(out, "=\"");
        add_escaped(out, l[i].value, l[i].value_len);
        buf_addc(out, '"');
    }
    buf_addc(out, '}');
}

bool labels_same(const struct label *a, size_t n_a, const struct label *b, size_t n_b)
{
    for (size_t i = 0; n_a == n_b && i < n_a; i++)
        if (a[i].name_len != b[i].name_len || a[i].value_len != b[i].value_len ||
            memcmp(a[i].name, b[i].name, a[i].name_len) != 0 ||
            memcmp(a[i].value, b[i].value, a[i].value_len) != 0)
            return false;
    return n_a == n_b;
}

/* By name, each once. */
static bool is_sorted(const struct label *l, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (compare_names(&l[i - 1], &l[i]) >= 0)
            return false;
    return true;
}

uint64_t labels_fingerprint(const struct label *l, size_t n)
{
    static const unsigned char end = 0xff;
    uint64_t h = FNV_START;

    assert(is_sorted(l, n));
    for (size_t i = 0; i < n; i++) {
        h = hash_fnv1a(h, l[i].name, l[i].name_len);
        h = hash_fnv1a(h, &end, 1);
        h = hash_fnv1a(h, l[i].value, l[i].value_len);
        h = hash_fnv1a(h, &end, 1);
    }
    return h;
}
