/* Who asks, and what he may do. Pure: headers and configuration in, a verdict out. */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/matcher.h"
#include "model/rule_def.h"
#include "tocsin/config.h"

struct access {
    bool tokens;      /* the configuration has some */
    const char *name; /* of the token, "" without */
    unsigned roles;   /* with those that they include */
    struct matcher *const *scope;
    size_t n_scope;
};

/* Of an Authorization header (NULL: none). False: tokens are configured and this is none of them;
 * `out` then has no role. The comparison takes as long for a near miss as for a far one. */
bool access_of(const struct config_server *s, const char *authorization, struct access *out);
bool access_has(const struct access *a, enum config_role role);

/* What a browser says of where a request comes from; each NULL when absent. An image or a form of an
 * old browser has a Referer only. */
struct origin {
    const char *host, *origin, *fetch_site, *referer;
};
/* May a request from there change or feed anything? `external_url` may be NULL. NULL: yes; else why
 * not. */
const char *origin_refused(const struct origin *o, const char *external_url);
/* May this Host be answered at all where there are no tokens? A page of a stranger may let its own
 * name point here (DNS rebinding); then its requests have its name as Host. NULL: yes. */
const char *host_refused(const char *host, const char *external_url);

#endif
