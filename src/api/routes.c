#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/handlers.h"

#define OWN "/api/tocsin/v1/"

static const struct route routes[] = {
    {"GET", OWN "alerts", ROUTE_API, ROLE_READ, BY_TEAM, get_alerts},
    {"GET", OWN "alerts/*", ROUTE_API, ROLE_READ, BY_TEAM, get_alert},
    {"POST", OWN "alerts/*/retire", ROUTE_API, ROLE_RESPOND, BY_TEAM, post_retire},
    {"GET", OWN "incidents", ROUTE_API, ROLE_READ, BY_TEAM, get_incidents},
    {"GET", OWN "incidents/*", ROUTE_API, ROLE_READ, BY_TEAM, get_incident},
    {"POST", OWN "incidents/*/ack", ROUTE_API, ROLE_RESPOND, BY_TEAM, post_ack},
    {"POST", OWN "incidents/*/release", ROUTE_API, ROLE_RESPOND, BY_TEAM, post_release},
    {"GET", OWN "silences", ROUTE_API, ROLE_READ, BY_TEAM, get_silences},
    {"POST", OWN "silences", ROUTE_API, ROLE_RESPOND, BY_TEAM, post_silence},
    {"GET", OWN "silences/*", ROUTE_API, ROLE_READ, BY_TEAM, get_silence},
    {"DELETE", OWN "silences/*", ROUTE_PLAIN, ROLE_RESPOND, BY_TEAM, delete_silence},
    {"GET", OWN "explain", ROUTE_API, ROLE_READ, BY_TEAM, get_explain},
    {"GET", OWN "route", ROUTE_API, ROLE_READ, BY_TEAM, get_route},
    {"GET", OWN "history", ROUTE_API, ROLE_READ, BY_TEAM, get_history},
    {"GET", OWN "receivers", ROUTE_API, ROLE_READ, BY_TEAM, get_receivers},
    {"POST", OWN "receivers/**/test", ROUTE_API, ROLE_RESPOND, ALL_TEAMS, post_test},
    {"GET", OWN "deliveries", ROUTE_API, ROLE_READ, BY_TEAM, get_deliveries},
    {"GET", OWN "deliveries/*/**", ROUTE_API, ROLE_READ, BY_TEAM, get_delivery},
    {"POST", OWN "deliveries/*/**/retry", ROUTE_API, ROLE_RESPOND, BY_TEAM, post_retry},
    {"POST", OWN "deliveries/*/**/drop", ROUTE_API, ROLE_RESPOND, BY_TEAM, post_drop},
    {"GET", OWN "inbox", ROUTE_API, ROLE_READ, BY_TEAM, get_inbox},
    {"GET", OWN "rules", ROUTE_API, ROLE_READ, BY_TEAM, get_rules},
    {"GET", OWN "rules/**", ROUTE_API, ROLE_READ, BY_TEAM, get_rule},
    {"GET", OWN "status", ROUTE_API, ROLE_READ, BY_TEAM, get_status},
    {"POST", OWN "reload", ROUTE_API, ROLE_ADMIN, ALL_TEAMS, post_reload},
    {"GET", OWN "whoami", ROUTE_API, ROLE_READ, BY_TEAM, get_whoami},
    {"GET", "/api/v1/rules", ROUTE_API, ROLE_READ, BY_TEAM, get_prom_rules},
    {"GET", "/api/v1/alerts", ROUTE_API, ROLE_READ, BY_TEAM, get_prom_alerts},
    {"GET", "/api/v2/status", ROUTE_API, ROLE_READ, NO_TEAM, get_am_status},
    {"GET", "/api/v2/receivers", ROUTE_API, ROLE_READ, NO_TEAM, get_am_receivers},
    {"GET", "/api/v2/alerts", ROUTE_API, ROLE_READ, BY_TEAM, get_am_alerts},
    {"POST", "/api/v2/alerts", ROUTE_PLAIN, ROLE_INGEST, BY_TEAM, post_am_alerts},
    {"GET", "/api/v2/alerts/groups", ROUTE_API, ROLE_READ, BY_TEAM, get_am_groups},
    {"GET", "/api/v2/silences", ROUTE_API, ROLE_READ, BY_TEAM, get_am_silences},
    {"POST", "/api/v2/silences", ROUTE_PLAIN, ROLE_RESPOND, BY_TEAM, post_am_silence},
    {"GET", "/api/v2/silence/*", ROUTE_API, ROLE_READ, BY_TEAM, get_am_silence},
    {"DELETE", "/api/v2/silence/*", ROUTE_PLAIN, ROLE_RESPOND, BY_TEAM, delete_am_silence},
    /* Alertmanager's first API; GET of /api/v1/alerts is Prometheus' */
    {"POST", "/api/v1/alerts", ROUTE_PLAIN, ROLE_READ, NO_TEAM, am_v1_gone},
    {"GET", "/api/v1/alerts/groups", ROUTE_API, ROLE_READ, NO_TEAM, am_v1_gone},
    {"GET", "/api/v1/status", ROUTE_API, ROLE_READ, NO_TEAM, am_v1_gone},
    {"GET", "/api/v1/receivers", ROUTE_API, ROLE_READ, NO_TEAM, am_v1_gone},
    {"GET", "/api/v1/silences", ROUTE_API, ROLE_READ, NO_TEAM, am_v1_gone},
    {"POST", "/api/v1/silences", ROUTE_PLAIN, ROLE_READ, NO_TEAM, am_v1_gone},
    {"GET", "/api/v1/silence/*", ROUTE_API, ROLE_READ, NO_TEAM, am_v1_gone},
    {"DELETE", "/api/v1/silence/*", ROUTE_PLAIN, ROLE_READ, NO_TEAM, am_v1_gone},
    {"GET", "/livez", ROUTE_PROBE, 0, NO_TEAM, get_livez},
    {"GET", "/readyz", ROUTE_PROBE, 0, NO_TEAM, get_readyz},
    {"GET", "/startupz", ROUTE_PROBE, 0, NO_TEAM, get_startupz},
    {"GET", "/-/healthy", ROUTE_PROBE, 0, NO_TEAM, get_healthy},
    {"GET", "/-/ready", ROUTE_PROBE, 0, NO_TEAM, get_ready},
    {"GET", "/metrics", ROUTE_API, ROLE_READ, ALL_TEAMS, get_metrics},
    {"POST", "/-/reload", ROUTE_PLAIN, ROLE_ADMIN, ALL_TEAMS, post_plain_reload},
    {"GET", "/", ROUTE_PAGE, ROLE_READ, BY_TEAM, get_page_overview},
    {"GET", "/i/*", ROUTE_PAGE, ROLE_READ, BY_TEAM, get_page_incident},
    {"POST", "/i/*/ack", ROUTE_PAGE, ROLE_RESPOND, BY_TEAM, form_ack},
    {"POST", "/i/*/release", ROUTE_PAGE, ROLE_RESPOND, BY_TEAM, form_release},
    {"POST", "/i/*/silence", ROUTE_PAGE, ROLE_RESPOND, BY_TEAM, form_silence_incident},
    {"GET", "/inbox", ROUTE_PAGE, ROLE_READ, BY_TEAM, get_page_inbox},
    {"GET", "/silences", ROUTE_PAGE, ROLE_READ, BY_TEAM, get_page_silences},
    {"POST", "/silences", ROUTE_PAGE, ROLE_RESPOND, BY_TEAM, form_silence},
    {"POST", "/silences/*/expire", ROUTE_PAGE, ROLE_RESPOND, BY_TEAM, form_expire},
    {"GET", "/rules", ROUTE_PAGE, ROLE_READ, BY_TEAM, get_page_rules},
    {"GET", "/style.css", ROUTE_PROBE, 0, NO_TEAM, get_page_style},
};

const struct route *route_at(size_t i)
{
    return i < sizeof routes / sizeof *routes ? &routes[i] : NULL;
}

/* Copies one part; false: it is empty or too long. */
static bool take_part(const char *s, size_t n, char out[ARG_MAX])
{
    if (n == 0 || n >= ARG_MAX)
        return false;
    memcpy(out, s, n);
    out[n] = '\0';
    return true;
}

bool route_match(const char *pattern, const char *path, char arg[2][ARG_MAX])
{
    int n = 0;

    arg[0][0] = arg[1][0] = '\0';
    while (*pattern) {
        size_t len, rest;

        if (*pattern != '*') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        if (pattern[1] == '*') { /* up to what the pattern ends with */
            rest = strlen(pattern + 2);
            len = strlen(path);
            return len > rest && strcmp(path + len - rest, pattern + 2) == 0 &&
                   take_part(path, len - rest, arg[n]);
        }
        len = strcspn(path, "/");
        if (!take_part(path, len, arg[n++]))
            return false;
        path += len;
        pattern++;
    }
    return *path == '\0';
}

static void allow_method(char allow[64], const char *method)
{
    size_t n = strlen(allow);

    if (!strstr(allow, method))
        snprintf(allow + n, 64 - n, "%s%s%s", n ? ", " : "", method,
                 strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const struct route *route_of(const char *method, const char *path, char arg[2][ARG_MAX],
                             char allow[64])
{
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    allow[0] = '\0';
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!route_match(routes[i].pattern, path, arg))
            continue;
        if (strcmp(routes[i].method, method) == 0)
            return &routes[i];
        allow_method(allow, routes[i].method);
    }
    return NULL;
}
