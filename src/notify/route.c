/* Routing: which routes an alert reaches, and which incident it belongs to. Pure. */
#include "notify/route.h"

#include <assert.h>
#include <string.h>

#include "model/matcher_alert.h"
#include "notify/ledger.h"

static size_t walk(const struct config_route *r, const struct alert_subject *s,
                   const struct config_route **out, size_t n)
{
    size_t before = n;

    if (!matchers_test_labels(r->match, r->n_match, s->l, s->n))
        return n;
    for (size_t i = 0; i < r->n_children; i++) {
        size_t was = n;
        n = walk(r->children[i], s, out, n);
        if (n > was && !r->children[i]->continue_matching)
            break;
    }
    if (n == before && n < ROUTES_MAX)
        out[n++] = r;
    return n;
}

size_t route_find(const struct config_route *root, const struct label *l, size_t n, int priority,
                  const struct config_route **out)
{
    struct alert_subject s;

    if (!root)
        return 0;
    alert_subject(&s, l, n, priority);
    n = walk(root, &s, out, 0);
    assert(n <= ROUTES_MAX);
    return n;
}

static bool grouped(const struct config_route *r, const char *name)
{
    for (size_t i = 0; i < r->n_group_by; i++)
        if (strcmp(r->group_by[i], name) == 0)
            return true;
    return false;
}

size_t route_group(const struct config_route *r, const struct label *l, size_t n, struct label *out,
                   size_t max)
{
    size_t k = 0;

    for (size_t i = 0; i < n && k < max; i++) {
        /* severity follows the priority: an incident does not change its group when it rises */
        bool wanted = r->group_by_all ? strcmp(l[i].name, "severity") != 0 : grouped(r, l[i].name);
        if (wanted && l[i].value_len > 0)
            out[k++] = l[i];
    }
    assert(k <= max && k <= n);
    return k;
}

void route_key(const struct config_route *r, const struct label *group, size_t n, struct buf *out)
{
    if (r->group_by_all) {
        buf_adds(out, "...");
    } else {
        for (size_t i = 0; i < r->n_group_by; i++)
            buf_addf(out, "%s%s", i ? "," : "", r->group_by[i]);
    }
    buf_addc(out, '|');
    labels_text(group, n, out);
}

int64_t route_wait(const struct config_route *r, int priority)
{
    if (r->group_wait_ms != GROUP_WAIT_BY_PRIORITY)
        return r->group_wait_ms;
    return priority > 0 && priority <= 2 ? 0 : 10000;
}

bool route_reaches(const struct config_route *r, const struct lane *lane)
{
    if (!lane->config)
        return false;
    for (size_t i = 0; i < r->n_receivers; i++)
        if (r->receivers[i] == lane->config)
            return true;
    return false;
}
