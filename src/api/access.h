/* Who asks, and what he may do. Pure: headers and configuration in, a verdict out. */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

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

/* Is a write from this origin allowed? What a browser sends: Host, Origin and Sec-Fetch-Site (each
 * NULL when absent); `external_url` may be NULL. NULL: yes; else why not. */
const char *origin_refused(const char *host, const char *origin, const char *fetch_site,
                           const char *external_url);

#endif
