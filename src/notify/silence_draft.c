/* A silence as it was asked for, before anything is decided of it: its matchers, its scope, its times.
 * Preview and making draft alike. "Silence this incident" becomes matchers at once and does not stay a
 * reference, so that people see in the list what is held, and it holds whatever joins later. Labels that the
 * group lacks are part of what it is, so they are matched as empty; priority and severity never are, or a
 * rise would break through as a stranger. Where neither group nor a single alert name says what is meant, it
 * is refused instead of holding all. */
#include "notify/silence_draft.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/scope.h"

#define MATCHERS_MAX 32

static int take_matchers(struct matcher ***to, size_t *count, struct matcher *const *m, size_t n,
                         struct err *e)
{
    *to = mem_alloc((n + 1) * sizeof **to);
    if (!*to)
        return err_set(e, ERR_MEMORY, "no memory");
    for (size_t i = 0; i < n; i++)
        (*to)[i] = matcher_ref(m[i]);
    *count = n;
    return 0;
}

static int add_matcher(struct silence *s, struct label l, struct err *e)
{
    struct matcher *m = matcher_new(l.name, MATCH_EQUAL, false, l.value, e);

    if (!m)
        return -1;
    s->matchers[s->n_matchers++] = m;
    return 0;
}

/* The labels that the incident's alerts were grouped by stand in its key (route_key()), also those
 * that they do not have: of these the empty value is part of what it is. */
static int add_missing(struct silence *s, const struct incident *inc, struct err *e)
{
    const char *p = inc->key, *end = strchr(p, '|');
    size_t n;

    for (; end && p < end; p += n + 1) {
        char name[256];
        bool has = false;

        n = strcspn(p, ",|");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        for (size_t i = 0; i < inc->n_labels; i++)
            has = has || strcmp(inc->labels[i].name, name) == 0;
        if (has || n == 0 || n >= sizeof name || strcmp(name, "...") == 0 ||
            strcmp(name, "severity") == 0 || strcmp(name, "priority") == 0)
            continue;
        if (s->n_matchers == MATCHERS_MAX)
            return err_set(e, ERR_LIMIT, "a silence has at most %d matchers", MATCHERS_MAX);
        if (add_matcher(s, label_of(name, ""), e) != 0)
            return -1;
    }
    return 0;
}

/* The exact alertname (when the incident has one) and the group labels; never the priority. */
static int matchers_of_incident(struct silence *s, const struct incident *inc,
                                const struct actor *a, struct err *e)
{
    const struct label *name = NULL;
    bool grouped = false;

    for (size_t i = 0; i < inc->n_labels; i++)
        grouped = grouped || strcmp(inc->labels[i].name, "alertname") == 0;
    for (size_t i = 0; i < inc->n_members && !grouped; i++) {
        const struct member *m = inc->members[i];
        if ((!m->firing && inc->ended_ms == 0) || !actor_sees_member(a, m))
            continue;
        for (size_t k = 0; k < m->n_labels; k++) {
            if (strcmp(m->labels[k].name, "alertname") != 0)
                continue;
            grouped = name && strcmp(name->value, m->labels[k].value) != 0; /* several: by group */
            name = &m->labels[k];
        }
    }
    s->matchers = mem_zalloc((inc->n_labels + MATCHERS_MAX + 2) * sizeof *s->matchers);
    if (!s->matchers)
        return err_set(e, ERR_MEMORY, "no memory");
    if (name && !grouped && add_matcher(s, *name, e))
        return -1;
    for (size_t i = 0; i < inc->n_labels; i++) {
        if (strcmp(inc->labels[i].name, "severity") == 0)
            continue;
        if (strcmp(inc->labels[i].name, "priority") == 0)
            continue;
        if (add_matcher(s, inc->labels[i], e))
            return -1;
    }
    if (s->n_matchers > 0)
        return add_missing(s, inc, e);
    return err_set(e, ERR_REFUSED,
                   "incident #%llu has no group labels and several alert names: "
                   "say what to silence with matchers",
                   (unsigned long long)inc->number);
}

static int set_times(const struct notify *n, struct silence *s, const struct silence_request *r,
                     struct err *e)
{
    int64_t at_ms = notify_now(n);

    s->starts_ms = r->starts_ms > at_ms ? r->starts_ms : at_ms;
    s->ends_ms = r->ends_ms;
    s->updated_ms = at_ms;
    if (r->until_resolved) {
        if (r->incident == 0)
            return err_set(e, ERR_INPUT, "only the silence of an incident can last until resolved");
        s->until_resolved = true;
        if (s->ends_ms == 0 || s->ends_ms > s->starts_ms + DAY_MS)
            s->ends_ms = s->starts_ms + DAY_MS;
    }
    if (s->ends_ms <= s->starts_ms)
        return err_set(e, ERR_INPUT,
                       s->ends_ms <= at_ms ? "the end of a silence lies in the past"
                                           : "a silence ends before it starts");
    return 0;
}

/* Everything of a silence but its ids. NULL with `e`. */
struct silence *silence_draft(struct notify *n, const struct silence_request *r,
                              const struct actor *a, struct err *e)
{
    struct silence *d = silence_new();
    const struct incident *inc = r->incident ? incident_by_number(n, r->incident) : NULL;
    int rc;

    if (!d) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    if (r->incident && (!inc || !actor_sees_some(a, inc)))
        rc = err_set(e, ERR_INPUT, "there is no incident #%llu", (unsigned long long)r->incident);
    else if (inc && r->n_matchers == 0)
        rc = matchers_of_incident(d, inc, a, e);
    else if (r->n_matchers == 0)
        rc = err_set(e, ERR_INPUT, "a silence needs at least one matcher");
    else if (r->n_matchers > MATCHERS_MAX)
        rc = err_set(e, ERR_LIMIT, "a silence has at most %d matchers", MATCHERS_MAX);
    else
        rc = take_matchers(&d->matchers, &d->n_matchers, r->matchers, r->n_matchers, e);
    if (rc == 0 && a)
        rc = take_matchers(&d->scope, &d->n_scope, a->scope, a->n_scope, e);
    if (rc == 0)
        rc = set_times(n, d, r, e);
    if (rc == 0) {
        d->incident = r->incident;
        member_text(&d->comment, r->comment, 1024);
        member_text(&d->by, a ? a->who : "", 128);
        member_text(&d->origin, a ? a->origin : "", 64);
        return d;
    }
    silence_free(d);
    return NULL;
}
