/* Paths to handlers. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "api/call.h"

enum route_kind {
    ROUTE_API,   /* JSON; a write needs the JSON content type */
    ROUTE_PLAIN, /* a write needs no content type, and its body is not read */
    ROUTE_PROBE, /* answered at all times, without a token */
    ROUTE_PAGE,  /* HTML; a write is a form */
};

enum route_scope {
    BY_TEAM,   /* the handler shows and touches what the token's scope covers */
    ALL_TEAMS, /* shows or touches what belongs to no team: takes a token without a scope */
    NO_TEAM,   /* tells nothing of alerts, rules or data */
};

struct route {
    const char *method;  /* GET is also HEAD */
    const char *pattern; /* a star is one part of the path, two stars are one or more */
    enum route_kind kind;
    enum config_role role;
    enum route_scope scope;
    void (*handle)(struct call *c);
};

/* The route of a method and path, its parts in `arg`. NULL: none; `*allow` is then the methods
 * that the path has ("GET, HEAD, POST"), "" for an unknown path. */
const struct route *route_of(const char *method, const char *path, char arg[2][ARG_MAX],
                             char allow[64]);
/* Seam of tests: the table, to walk it. NULL: `i` is behind the last. */
const struct route *route_at(size_t i);
/* Does the pattern match? */
bool route_match(const char *pattern, const char *path, char arg[2][ARG_MAX]);

#endif
