/* What /readyz and status say of the lease. */
#include <stdio.h>

#include "app/selfwatch_impl.h"

/* Holds it, or stands by for one that was heard of a moment ago. */
bool selfwatch_describe_lease(const struct selfwatch *s, char *text, size_t size)
{
    const struct lease *l = s->o.lease;
    const struct lease_holder *h = lease_holder(l);
    const char *refusal = lease_refusal(l);
    enum lease_state state = lease_state(l);

    if (state == LEASE_HELD && h->number == 0)
        snprintf(text, size, "acts alone: its Redis is its own");
    else if (state == LEASE_HELD)
        snprintf(text, size, "holds the lease and acts (token %llu)",
                 (unsigned long long)h->number);
    else if (state == LEASE_LOST)
        snprintf(text, size, "another Tocsin has taken the lease: this one begins anew");
    else if (*refusal)
        snprintf(text, size, "Redis does not let the lease be taken: %.150s", refusal);
    else if (state == LEASE_STANDBY)
        snprintf(text, size,
                 "stands by: %.80s acts (token %llu); what comes here is sent on to %.80s",
                 h->name[0] ? h->name : "nobody", (unsigned long long)h->number,
                 h->url[0] ? h->url : "nobody");
    else
        snprintf(text, size, "Redis has not said yet who holds the lease");
    return state == LEASE_HELD || (state == LEASE_STANDBY && h->number > 0 && !*refusal &&
                                   db_is_up(selfwatch_parts(s)->db));
}

void selfwatch_lease_json(const struct selfwatch *s, struct json *out)
{
    const struct lease_holder *h = lease_holder(s->o.lease);

    json_key(out, "lease");
    json_object(out);
    json_kstr(out, "state", lease_state_name(lease_state(s->o.lease)));
    json_kstr(out, "holder", h->name);
    json_kstr(out, "url", h->url);
    json_kint(out, "token", (int64_t)h->number);
    json_object_end(out);
}
