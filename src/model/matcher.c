/* A matcher decides once, when it is made, what it is: a list is sorted, a regular expression compiled, and
 * whether the empty value matches is known, since that is what a missing label asks.
 *
 * Its text is canonical, so that equal matchers have equal texts: leaves are compared by them.
 * Lists and numbers are kinds of their own instead of regular expressions, which would be slower and say
 * less in a message. Immutable and counted, since rules, silences and scopes share them over reloads. */
#include "model/matcher.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/matcher_regex.h"

const char *const matcher_op_names[] = {"equal",  "regex",   "glob",     "contains",
                                        "one_of", "present", "at_least", "below"};

struct matcher {
    unsigned refs;
    enum matcher_op op;
    bool negate;
    bool matches_empty;
    char *name, *value;
    size_t value_len;
    char **list; /* MATCH_ONE_OF: sorted, without doubles */
    size_t n_list;
    double limit;
    struct regex *regex;
};

static void destroy(struct matcher *m)
{
    for (size_t i = 0; i < m->n_list; i++)
        mem_free(m->list[i]);
    mem_free(m->list);
    regex_free(m->regex);
    mem_free(m->name);
    mem_free(m->value);
    mem_free(m);
}

static struct matcher *no_memory(struct matcher *m, struct err *e)
{
    if (m)
        destroy(m);
    err_set(e, ERR_MEMORY, "no memory for a matcher");
    return NULL;
}

/* `value` may be NULL: it is set later. */
static struct matcher *create(const char *name, enum matcher_op op, bool negate, const char *value)
{
    struct matcher *m = mem_zalloc(sizeof *m);

    assert(name);
    if (!m)
        return NULL;
    m->refs = 1;
    m->op = op;
    m->negate = negate;
    m->name = mem_strdup(name);
    m->value = value ? mem_strdup(value) : NULL;
    m->value_len = value ? strlen(value) : 0;
    if (m->name && (m->value || !value))
        return m;
    destroy(m);
    return NULL;
}

static struct matcher *finish(struct matcher *m)
{
    assert(m->refs == 1 && m->name && m->value);
    m->matches_empty = matcher_test(m, "", 0);
    return m;
}

struct matcher *matcher_new(const char *name, enum matcher_op op, bool negate, const char *value,
                            struct err *e)
{
    struct matcher *m;

    assert(op == MATCH_EQUAL || op == MATCH_REGEX || op == MATCH_GLOB || op == MATCH_CONTAINS ||
           op == MATCH_PRESENT);
    m = create(name, op, negate, op == MATCH_PRESENT || !value ? "" : value);
    if (!m)
        return no_memory(NULL, e);
    if (op == MATCH_REGEX) {
        m->regex = regex_new(m->value, m->value_len, e);
        if (!m->regex) {
            destroy(m);
            return NULL;
        }
    }
    return finish(m);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int copy_list(struct matcher *m, const char *const *values, size_t n)
{
    size_t kept = 0;

    m->list = mem_zalloc(n * sizeof *m->list);
    if (!m->list)
        return -1;
    for (; m->n_list < n; m->n_list++) {
        m->list[m->n_list] = mem_strdup(values[m->n_list]);
        if (!m->list[m->n_list])
            return -1;
    }
    qsort(m->list, n, sizeof *m->list, compare_strings);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && strcmp(m->list[kept - 1], m->list[i]) == 0)
            mem_free(m->list[i]);
        else
            m->list[kept++] = m->list[i];
    }
    m->n_list = kept;
    return 0;
}

struct matcher *matcher_new_list(const char *name, bool negate, const char *const *values, size_t n,
                                 struct err *e)
{
    struct matcher *m = create(name, MATCH_ONE_OF, negate, NULL);
    struct buf joined = BUF_INIT;

    assert(values || n == 0);
    if (!m || copy_list(m, values, n) != 0)
        return no_memory(m, e);
    for (size_t i = 0; i < m->n_list; i++) {
        if (i > 0)
            buf_addc(&joined, '|');
        buf_adds(&joined, m->list[i]);
    }
    buf_add(&joined, "", 0);
    m->value = buf_ok(&joined) ? mem_dup(buf_str(&joined), joined.len) : NULL;
    m->value_len = joined.len;
    buf_free(&joined);
    return m->value ? finish(m) : no_memory(m, e);
}

struct matcher *matcher_new_number(const char *name, enum matcher_op op, bool negate, double limit,
                                   struct err *e)
{
    struct matcher *m;
    struct buf text = BUF_INIT;

    assert(op == MATCH_AT_LEAST || op == MATCH_BELOW);
    text_plain(&text, limit);
    m = buf_ok(&text) ? create(name, op, negate, buf_str(&text)) : NULL;
    buf_free(&text);
    if (!m)
        return no_memory(NULL, e);
    m->limit = limit;
    return finish(m);
}

struct matcher *matcher_ref(struct matcher *m)
{
    assert(m->refs > 0);
    m->refs++;
    return m;
}

void matcher_unref(struct matcher *m)
{
    assert(!m || m->refs > 0);
    if (m && --m->refs == 0)
        destroy(m);
}

const char *matcher_name(const struct matcher *m)
{
    return m->name;
}

enum matcher_op matcher_op(const struct matcher *m)
{
    return m->op;
}

bool matcher_negated(const struct matcher *m)
{
    return m->negate;
}

const char *matcher_value(const struct matcher *m)
{
    return m->value;
}

size_t matcher_values(const struct matcher *m, const char *const **values)
{
    bool is_list = m->op == MATCH_ONE_OF;

    if (m->negate || m->matches_empty || !(is_list || m->op == MATCH_EQUAL))
        return 0;
    *values = (const char *const *)(is_list ? m->list : &m->value);
    return is_list ? m->n_list : 1;
}

size_t matcher_list(const struct matcher *m, const char *const **values)
{
    *values = (const char *const *)m->list;
    return m->n_list;
}

bool matcher_matches_empty(const struct matcher *m)
{
    return m->matches_empty;
}

static bool is_in_list(const struct matcher *m, const char *value, size_t len)
{
    size_t low = 0, high = memchr(value, 0, len) ? 0 : m->n_list;

    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strncmp(m->list[mid], value, len);

        if (order == 0)
            order = m->list[mid][len] != 0;
        if (order == 0)
            return true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* All of the value must be one number. */
static bool read_number(const char *value, size_t len, double *v)
{
    char text[64];
    char *end;

    if (len == 0 || len >= sizeof text || !memchr("+-.0123456789", value[0], 13))
        return false;
    memcpy(text, value, len);
    text[len] = 0;
    *v = strtod(text, &end);
    return end == text + len && isfinite(*v);
}

static bool test(const struct matcher *m, const char *value, size_t len)
{
    double v;

    switch (m->op) {
    case MATCH_EQUAL:
        return len == m->value_len && memcmp(value, m->value, len) == 0;
    case MATCH_REGEX:
        return regex_matches(m->regex, value, len);
    case MATCH_GLOB:
        return text_glob(m->value, value, len);
    case MATCH_CONTAINS:
        return memmem(value, len, m->value, m->value_len) != NULL;
    case MATCH_ONE_OF:
        return is_in_list(m, value, len);
    case MATCH_PRESENT:
        return len > 0;
    case MATCH_AT_LEAST:
        return read_number(value, len, &v) && v >= m->limit;
    case MATCH_BELOW:
        return read_number(value, len, &v) && v < m->limit;
    }
    return false;
}

bool matcher_test(const struct matcher *m, const char *value, size_t len)
{
    return test(m, value, len) != m->negate;
}

static void text_in_braces(const struct matcher *m, const char *word, struct buf *out)
{
    const char *const *items = (const char *const *)(m->op == MATCH_ONE_OF ? m->list : &m->value);
    size_t n = m->op == MATCH_ONE_OF ? m->n_list : 1;

    buf_adds(out, m->name);
    buf_adds(out, m->negate ? " not " : " ");
    buf_adds(out, word);
    buf_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_addc(out, '|');
        for (const char *s = items[i]; *s; s++) {
            if (strchr("\\|}", *s))
                buf_addc(out, '\\');
            buf_addc(out, *s);
        }
    }
    buf_addc(out, '}');
}

static void quoted(struct buf *out, const char *s)
{
    buf_addc(out, '"');
    for (; *s; s++) {
        if (*s == '\n') {
            buf_adds(out, "\\n");
            continue;
        }
        if (*s == '"' || *s == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *s);
    }
    buf_addc(out, '"');
}

static void text_quoted(const struct matcher *m, const char *op, struct buf *out)
{
    buf_adds(out, m->name);
    buf_adds(out, op);
    quoted(out, m->value);
}

void matcher_text(const struct matcher *m, struct buf *out)
{
    switch (m->op) {
    case MATCH_EQUAL:
        text_quoted(m, m->negate ? "!=" : "=", out);
        break;
    case MATCH_REGEX:
        text_quoted(m, m->negate ? "!~" : "~", out);
        break;
    case MATCH_GLOB:
        text_in_braces(m, "like", out);
        break;
    case MATCH_CONTAINS:
        text_in_braces(m, "contains", out);
        break;
    case MATCH_ONE_OF:
        text_in_braces(m, "in", out);
        break;
    case MATCH_PRESENT:
        buf_addf(out, "%s %spresent", m->name, m->negate ? "not " : "");
        break;
    case MATCH_AT_LEAST:
        buf_addf(out, "%s%s%s", m->name, m->negate ? " not >=" : ">=", m->value);
        break;
    case MATCH_BELOW:
        buf_addf(out, "%s%s%s", m->name, m->negate ? " not <" : "<", m->value);
        break;
    }
}

void matcher_am_text(const struct matcher *m, struct buf *out)
{
    bool plain = true;

    if (m->op != MATCH_EQUAL && m->op != MATCH_REGEX) {
        matcher_text(m, out);
        return;
    }
    for (const char *s = m->name; *s && plain; s++)
        plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' || *s == ':' ||
                (*s >= '0' && *s <= '9' && s > m->name);
    if (plain)
        buf_adds(out, m->name);
    else
        quoted(out, m->name);
    if (m->op == MATCH_EQUAL)
        buf_adds(out, m->negate ? "!=" : "=");
    else
        buf_adds(out, m->negate ? "!~" : "=~");
    quoted(out, m->value);
}

bool matchers_test_set(struct matcher *const *m, size_t n, const struct labelsets *ls, labelset id)
{
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *value = labelset_value(ls, id, m[i]->name, &len);

        if (!matcher_test(m[i], value, len))
            return false;
    }
    return true;
}

bool matchers_test_labels(struct matcher *const *m, size_t n, const struct label *l,
                          size_t n_labels)
{
    for (size_t i = 0; i < n; i++) {
        size_t name_len = strlen(m[i]->name), at = 0;

        while (at < n_labels &&
               (l[at].name_len != name_len || memcmp(l[at].name, m[i]->name, name_len) != 0))
            at++;
        if (at < n_labels ? !matcher_test(m[i], l[at].value, l[at].value_len)
                          : !m[i]->matches_empty)
            return false;
    }
    return true;
}
