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

struct route {
    const char *method;  /* GET is also HEAD */
    const char *pattern; /* a star is one part of the path, two stars are one or more */
    enum route_kind kind;
    enum config_role role;
    void (*handle)(struct call *c);
};

/* The route of a method and path, its parts in `arg`. NULL: none; `*allow` is then the methods
 * that the path has ("GET, HEAD, POST"), "" for an unknown path. */
const struct route *route_of(const char *method, const char *path, char arg[2][ARG_MAX],
                             char allow[64]);
/* Does the pattern match? */
bool route_match(const char *pattern, const char *path, char arg[2][ARG_MAX]);

#endif
