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

int route_mute(const struct config_route *r, int64_t at_ms, struct route_mute *out)
{
    struct calendar_state s;
    int64_t open_ms = CALENDAR_NEVER;
    bool active = r->n_active == 0;

    *out = (struct route_mute){.by = ""};
    for (size_t i = 0; i < r->n_mute; i++) {
        if (calendar_look(r->mute[i].calendar, at_ms, &s))
            return -1;
        if (s.holds && (!out->muted || s.until_ms > out->until_ms))
            *out = (struct route_mute){true, r->mute[i].name, s.until_ms, 0};
        else if (!out->muted && s.from_ms > out->from_ms)
            out->from_ms = s.from_ms;
    }
    for (size_t i = 0; i < r->n_active && !active; i++) {
        if (calendar_look(r->active[i].calendar, at_ms, &s))
            return -1;
        active = s.holds;
        open_ms = s.until_ms < open_ms ? s.until_ms : open_ms;
        if (active && !out->muted && s.from_ms > out->from_ms)
            out->from_ms = s.from_ms;
    }
    if (!active && (!out->muted || open_ms > out->until_ms))
        *out = (struct route_mute){true, r->active[0].name, open_ms, 0};
    assert(!out->muted || out->until_ms > at_ms);
    return 0;
}
