/* What a person may see and touch of an incident. A scope is a matcher on everything, and an incident
 * may hold alerts of several teams: who is scoped sees his own alerts in it, and what is computed
 * (counts, priority, summary) is computed from these alone. What acts on the incident as a whole
 * acts on every alert in it, so it takes a scope that covers them all. Dropped: splitting incidents by
 * team, since what belongs together would no longer be told together. */
#include "notify/scope.h"

#include <assert.h>

#include "model/matcher_alert.h"
#include "notify/desired.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/told.h"

bool actor_sees(const struct actor *a, const struct label *l, size_t n, int priority)
{
    return !a || a->n_scope == 0 || matchers_allow(a->scope, a->n_scope, l, n, priority);
}

bool actor_sees_member(const struct actor *a, const struct member *m)
{
    return actor_sees(a, m->labels, m->n_labels, m->priority);
}

bool actor_sees_some(const struct actor *a, const struct incident *inc)
{
    if (!a || a->n_scope == 0)
        return true;
    for (size_t i = 0; i < inc->n_members; i++)
        if (actor_sees_member(a, inc->members[i]))
            return true;
    return false;
}

/* At most MEMBERS_MAX tests, and none without a scope. */
enum sight actor_sight(const struct actor *a, const struct incident *inc)
{
    size_t seen = 0;

    if (!a || a->n_scope == 0)
        return SIGHT_WHOLE;
    for (size_t i = 0; i < inc->n_members; i++)
        seen += actor_sees_member(a, inc->members[i]);
    assert(seen <= inc->n_members);
    return seen == 0 ? SIGHT_NONE : seen < inc->n_members ? SIGHT_PART : SIGHT_WHOLE;
}

enum sight notify_sight(const struct notify *n, uint64_t incident, const struct actor *a)
{
    const struct incident *inc = incident_by_number(n, incident);

    return inc ? actor_sight(a, inc) : SIGHT_NONE;
}

/* A lane is shown to whom it tells of something that he may see. */
bool actor_sees_entry(const struct actor *a, const struct entry *e)
{
    if (!a || a->n_scope == 0)
        return true;
    for (size_t i = 0; i < e->incident->n_members; i++) {
        const struct member *m = e->incident->members[i];

        if (actor_sees_member(a, m) &&
            (ledger_routes(e, m) || told_find(e, m->n) || owed_find(e, m->n)))
            return true;
    }
    return false;
}

/* Is everything that acting on it would touch within the scope? What has ended is touched only by
 * acts on deliveries, which may owe its end. */
static bool covers(const struct actor *a, const struct incident *inc, bool ended_too)
{
    for (size_t i = 0; i < inc->n_members; i++)
        if ((inc->members[i]->firing || ended_too) && !actor_sees_member(a, inc->members[i]))
            return false;
    return true;
}

struct incident *actor_incident(const struct notify *n, uint64_t number, const struct actor *a,
                                bool ended_too, struct err *e)
{
    struct incident *inc = incident_by_number(n, number);

    if (!inc || !actor_sees_some(a, inc)) {
        err_set(e, ERR_INPUT, "there is no incident #%llu", (unsigned long long)number);
        return NULL;
    }
    if (covers(a, inc, ended_too))
        return inc;
    err_set(e, ERR_REFUSED,
            "incident #%llu also holds alerts outside the scope of your token: a silence mutes "
            "yours alone, the rest takes a token that may see them all",
            (unsigned long long)number);
    return NULL;
}
