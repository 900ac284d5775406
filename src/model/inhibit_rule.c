/* Circles that the rules of inhibition show by themselves. Only what is the same word for word is called one: a
 * circle that is merely possible is for those who see the alerts (hold). */
#include "model/inhibit_rule.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

static bool is_same_side(struct matcher *const *a, size_t n_a, struct matcher *const *b, size_t n_b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    size_t found = 0;

    for (size_t i = 0; i < n_a && n_a == n_b; i++) {
        buf_clear(&x);
        matcher_text(a[i], &x);
        for (size_t k = 0; k < n_b; k++) {
            buf_clear(&y);
            matcher_text(b[k], &y);
            if (buf_ok(&x) && buf_ok(&y) && strcmp(buf_str(&x), buf_str(&y)) == 0) {
                found++;
                break;
            }
        }
    }
    buf_free(&x);
    buf_free(&y);
    return n_a == n_b && found == n_a;
}

static bool leads_to(const struct inhibit_rule *a, const struct inhibit_rule *b)
{
    return is_same_side(a->target, a->n_target, b->source, b->n_source);
}

/* The first rule on a way from `at` to `start`; SIZE_MAX: there is none. */
static size_t way_back(const bool *leads, size_t n, bool *seen, size_t at, size_t start)
{
    for (size_t i = 0; i < n; i++) {
        if (seen[i] || !leads[at * n + i])
            continue;
        if (i == start)
            return i;
        seen[i] = true;
        if (way_back(leads, n, seen, i, start) != SIZE_MAX)
            return i;
    }
    return SIZE_MAX;
}

size_t inhibit_rules_circle(const struct inhibit_rule *rules, size_t n, size_t *next)
{
    bool *leads = mem_alloc(n * n + 1), *seen = mem_alloc(n + 1);
    size_t found = n;

    assert(n <= INHIBITS_MAX);
    *next = SIZE_MAX;
    if (!leads || !seen)
        goto out;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            leads[i * n + k] = i != k && leads_to(&rules[i], &rules[k]);
    for (size_t i = 0; i < n && found == n; i++) {
        memset(seen, 0, n);
        *next = way_back(leads, n, seen, i, i);
        if (*next != SIZE_MAX)
            found = i;
    }
    if (found == n)
        *next = n;
out:
    mem_free(leads);
    mem_free(seen);
    return found;
}
