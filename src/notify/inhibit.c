/* Inhibition in notify: between alerts as they come and members as they are told. The graph knows alerts by key and
 * tells in slices whose answer may differ; only members that remember another answer are reviewed, so that a parent with ten
 * thousand dependents that comes and goes costs each of them one look. */
#include "notify/inhibit.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notify_impl.h"

#define LOOKS_A_RUN   5000 /* at members whose holder came or went: some 200 ns each */
#define INHIBIT_NAMED 100  /* of what an alert holds, looked at for their names */
#define NAMES         5

/* Its members, where what holds them is not what they remember. */
static void look_again(const char *key, void *arg)
{
    struct notify *n = arg;
    struct inhibition now;

    inhibits_find(n->inhibits, key, notify_now(n), &now);
    for (struct member *m = map_gets(n->members, key); m; m = m->next_same) {
        bool was = m->hold == HOLD_INHIBIT;
        bool other =
            was && now.rule && strncmp(now.rule->name, m->held_by, strlen(m->held_by)) != 0;

        if (!m->firing || (was == (now.rule != NULL) && !other))
            continue;
        if (m->hold != HOLD_NONE && !was) /* another hold comes first */
            continue;
        m->hold_known = false;
        incident_mark(n, m->incident);
    }
}

void inhibit_alert(struct notify *n, const struct alert *a, int64_t at_ms)
{
    struct inhibit_alert x = {.key = a->key,
                              .labels = a->labels,
                              .n_labels = a->n_labels,
                              .priority = a->state.firing,
                              .starts_ms = a->started_ms,
                              .fingerprint = a->fingerprint,
                              .on = a->state.firing != 0};

    if (!a->labels || (n->config && n->config->n_inhibits == 0))
        return;
    if (inhibits_alert(n->inhibits, &x, at_ms))
        log_warn("no memory to see whom an alert inhibits; it is tried again with its next look",
                 "alert", a->key, NULL);
    look_again(a->key, n);
    if (inhibits_next_ms(n->inhibits) == 1 && n->started)
        notify_run_soon(n);
}

bool inhibit_run(struct notify *n, int64_t at_ms)
{
    if (n->sources_ms != 0 && at_ms >= n->sources_ms)
        n->sources_ms = 0;
    if (n->sources_ms == 0)
        inhibits_ready(n->inhibits);
    return inhibits_tick(n->inhibits, at_ms, n->o.loop ? LOOKS_A_RUN : SIZE_MAX, look_again, n);
}

int64_t inhibit_next_ms(const struct notify *n)
{
    int64_t next_ms = inhibits_next_ms(n->inhibits);

    if (next_ms == 0 || (n->sources_ms != 0 && n->sources_ms < next_ms && next_ms != 1))
        return n->sources_ms;
    return next_ms;
}

/* --- another configuration --- */

static void take_in(const struct alert *a, void *arg)
{
    struct notify *n = arg;

    if (a->state.firing != 0)
        inhibit_alert(n, a, notify_now(n));
}

void inhibit_configure(struct notify *n, const struct config *c)
{
    struct inhibits *next, *before = n->inhibits;

    if (inhibits_has(before, c->inhibits, c->n_inhibits))
        return;
    next = inhibits_new(c->inhibits, c->n_inhibits);
    if (!next) {
        log_error("no memory for the rules of inhibition: those before stay in force", NULL);
        return;
    }
    n->inhibits = next;
    inhibits_free(before);
    if (n->sources_ms == 0)
        inhibits_ready(next);
    if (n->book)
        alert_each(n->book, take_in, n);
    for (size_t i = 0; i < n->n_open; i++) /* those that no rule holds any more */
        for (size_t k = 0; k < n->open[i]->n_members; k++)
            if (n->open[i]->members[k]->hold == HOLD_INHIBIT)
                look_again(n->open[i]->members[k]->key, n);
}

/* --- for people --- */

struct names {
    const struct notify *n;
    struct {
        const char *name;
        size_t n;
    } of[NAMES];
    size_t n_names, named;
};

static void count_name(const char *key, void *arg)
{
    struct names *x = arg;
    const struct member *m = map_gets(x->n->members, key);
    const char *name = "";
    size_t i = 0;

    for (size_t k = 0; m && k < m->n_labels; k++)
        if (strcmp(m->labels[k].name, "alertname") == 0)
            name = m->labels[k].value;
    if (!m || !m->firing || m->hold != HOLD_INHIBIT)
        return;
    while (i < x->n_names && strcmp(x->of[i].name, name) != 0)
        i++;
    if (i == NAMES)
        return;
    if (i == x->n_names)
        x->of[x->n_names++].name = name;
    x->of[i].n++;
    x->named++;
}

size_t inhibit_dependents_text(const struct notify *n, const struct member *m, struct buf *out)
{
    struct names x = {.n = n};
    size_t all = m->firing ? inhibits_dependents(n->inhibits, m->key) : 0;

    if (all == 0)
        return 0;
    inhibits_each_dependent(n->inhibits, m->key, INHIBIT_NAMED, count_name, &x);
    if (all <=
        INHIBIT_NAMED) /* all were looked at: those of circles and other holds do not count */
        all = x.named;
    for (size_t i = 0; i < x.n_names; i++) {
        buf_addf(out, "%s%s", i ? ", " : "", x.of[i].name);
        if (x.of[i].n > 1)
            buf_addf(out, " (%zu)", x.of[i].n);
    }
    if (all > x.named)
        buf_addf(out, "%s%zu more", x.n_names ? " and " : "", all - x.named);
    return all;
}
