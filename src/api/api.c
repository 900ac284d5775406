/* One request from its arrival to its handler: the route, who asks, and the guards of writes.
 * All that is refused is refused here, by the row of the route table, so that a handler cannot forget a
 * check: first, where there are no tokens, the Host (a page of elsewhere must not read through a browser),
 * then the token and its role, then whether it may act for all teams, then what only writes need (origin,
 * CSRF token, media type). Probes come before all of it and say little. Page and API differ in how they
 * refuse, not in what. */
#include "api/later.h"
#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/am.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/history.h"
#include "api/sliced.h"
#include "base/hash.h"
#include "base/mem.h"

struct api *api_new(const struct api_options *o)
{
    struct api *a = mem_zalloc(sizeof *a);
    unsigned char secret[CSRF_LEN / 2];

    if (!a)
        return NULL;
    a->o = *o;
    a->started_ms = clock_wall_ms(loop_clock(o->loop));
    random_bytes(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        snprintf(a->csrf + 2 * i, 3, "%02x", secret[i]);
    return a;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    later_free_all(a);
    sliced_free_all(a);
    while (a->searches)
        history_search_free(a->searches);
    mem_free(a);
}

void api_open(struct api *a)
{
    a->open = true;
}

/* --- refusals, as JSON or as a page ----------------------------------------------------------------- */

static bool is_page_path(const char *path)
{
    return strncmp(path, "/api/", 5) != 0 && strncmp(path, "/-/", 3) != 0;
}

static void refuse(struct call *c, bool page, int status, const char *code, const char *text)
{
    if (page)
        reply_page_error(c, status, status == 404 ? "Not found" : "That is not possible", text);
    else
        reply_error(c->r, status, code, "%s", text);
}

static void no_route(struct call *c, const char *allow)
{
    const char *path = http_path(c->r), *method = http_method(c->r);
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    bool page = is_page_path(path) && (reads || *allow); /* an agent that sends reads no page */

    if (*allow) {
        http_reply_header(c->r, "Allow", allow);
        if (strncmp(path, "/api/v2/", 8) == 0)
            am_reply_code(c->r, 405, 405, "method %s is not allowed, but [%s] are", method, allow);
        else
            refuse(c, page, 405, "method_not_allowed", "this path does not take that method");
    } else if (!reads) {
        refuse(c, page, 404, "not_found",
               "there is nothing at this path; data is taken at /api/tocsin/v1/metrics, "
               "/api/tocsin/v1/events, /api/tocsin/v1/form and /api/v1/write");
    } else {
        refuse(c, page, 404, "not_found", "there is nothing at this path");
    }
}

static void no_token(struct call *c, const struct route *route)
{
    http_reply_header(c->r, "WWW-Authenticate",
                      route->kind == ROUTE_PAGE ? "Basic realm=\"Tocsin\", charset=\"UTF-8\""
                                                : "Bearer realm=\"Tocsin\"");
    refuse(c, route->kind == ROUTE_PAGE, 401, "unauthorized",
           "a token is needed: Authorization: Bearer TOKEN, or the token as the password");
}

/* --- writes ------------------------------------------------------------------------------------------ */

static bool is_write(const struct call *c)
{
    return strcmp(http_method(c->r), "GET") != 0 && strcmp(http_method(c->r), "HEAD") != 0;
}

static bool from_elsewhere(struct call *c, const struct route *route)
{
    struct origin o = call_origin(c->r);
    const char *why = origin_refused(&o, c->config->server.external_url);

    if (why)
        refuse(c, route->kind == ROUTE_PAGE, 403, "forbidden", why);
    return why != NULL;
}

/* Who acts: the token, or the name that the body or form gives. */
static void fill_actor(struct call *c, const char *by, const char *origin)
{
    const char *agent = http_header(c->r, "User-Agent");

    if (c->access.tokens)
        by = c->access.name;
    c->actor = (struct actor){.who = by && *by ? by : "local",
                              .origin = origin                                      ? origin
                                        : agent && strncmp(agent, "tocsin", 6) == 0 ? "cli"
                                                                                    : "api",
                              .scope = c->access.scope,
                              .n_scope = c->access.n_scope,
                              .admin = access_has(&c->access, ROLE_ADMIN)};
}

static const char *by_of(const cJSON *body)
{
    const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "by"));

    if (!by)
        by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "createdBy"));
    return by && strlen(by) <= WHO_MAX ? by : NULL;
}

/* A whole object and nothing after it but space. NULL: answered. */
static cJSON *parse_body(struct call *c)
{
    const char *end = NULL;
    const void *body;
    struct err e;
    size_t len;
    cJSON *v;

    if (http_body_plain(c->r, BODY_MAX, &body, &len, &e) != 0) {
        reply_err(c->r, &e);
        return NULL;
    }
    if (len == 0)
        return cJSON_CreateObject();
    v = cJSON_ParseWithLengthOpts(body, len, &end, false);
    while (v && end < (const char *)body + len && strchr(" \t\r\n", *end) && *end)
        end++;
    if (cJSON_IsObject(v) && end == (const char *)body + len)
        return v;
    cJSON_Delete(v);
    reply_error(c->r, 400, "bad_request", "the body is not a JSON object");
    return NULL;
}

static void write_json(struct call *c, const struct route *route)
{
    const char *type = http_content_type(c->r);
    cJSON *body;

    if (strcmp(type, "application/json") != 0) {
        reply_error(c->r, 415, "media_type", "writes need Content-Type: application/json%s%.60s",
                    *type ? ", not " : "", type);
        return;
    }
    body = parse_body(c);
    if (!body)
        return;
    c->body = body;
    fill_actor(c, by_of(body), NULL);
    route->handle(c);
    cJSON_Delete(body);
}

static bool csrf_is(const struct api *a, const char *given)
{
    unsigned char differs = 0;

    if (!given || strlen(given) != CSRF_LEN)
        return false;
    for (size_t i = 0; i < CSRF_LEN; i++)
        differs |= (unsigned char)(given[i] ^ a->csrf[i]);
    return !differs;
}

static void write_form(struct call *c, const struct route *route)
{
    struct form *f = NULL;
    const char *by;
    struct err e;
    size_t len;
    const char *body = http_body(c->r, &len);

    if (strcmp(http_content_type(c->r), "application/x-www-form-urlencoded") != 0) {
        reply_page_error(c, 415, "That is not possible", "Pages take forms only.");
        return;
    }
    f = mem_zalloc(sizeof *f);
    if (!f)
        err_set(&e, ERR_MEMORY, "no memory");
    if (!f || form_parse(f, body, len, &e) != 0) {
        reply_page_err(c, &e);
    } else if (!csrf_is(c->api, form_value(f, "csrf", 0))) {
        reply_page_error(
            c, 403, "That is not possible",
            "This form is from before a restart, or from elsewhere: load the page again.");
        form_free(f);
    } else {
        by = form_value(f, "by", 0);
        c->form = f;
        fill_actor(c, by && strlen(by) <= WHO_MAX ? by : NULL, "page");
        route->handle(c);
        form_free(f);
    }
    mem_free(f);
}

static void handle_write(struct call *c, const struct route *route)
{
    if (from_elsewhere(c, route))
        return;
    if (route->kind == ROUTE_PAGE) {
        write_form(c, route);
    } else if (route->kind == ROUTE_PLAIN) {
        fill_actor(c, NULL, NULL);
        route->handle(c);
    } else {
        write_json(c, route);
    }
}

/* --- all of it ---------------------------------------------------------------------------------------- */

static void handle_allowed(struct call *c, const struct route *route)
{
    if (!access_has(&c->access, route->role)) {
        refuse(c, route->kind == ROUTE_PAGE, 403, "forbidden",
               "the role of this token does not allow that");
    } else if (route->scope == ALL_TEAMS && c->access.n_scope > 0) {
        refuse(c, route->kind == ROUTE_PAGE, 403, "forbidden",
               "this concerns all teams: it takes a token whose scope is *");
    } else if (is_write(c)) {
        handle_write(c, route);
    } else {
        fill_actor(c, NULL, NULL);
        route->handle(c);
    }
}

void api_handle(struct api *a, struct http_request *r)
{
    struct call c = {.api = a, .r = r, .config = a->o.config(a->o.arg), .access = {.name = ""}};
    const char *authorization = http_header(r, "Authorization");
    bool known = access_of(&c.config->server, authorization, &c.access);
    const struct route *route;
    char allow[64];

    c.actor = (struct actor){.who = "", .scope = c.access.scope, .n_scope = c.access.n_scope};
    c.view = (struct view){.labels = a->o.labels,
                           .rules = a->o.rules,
                           .book = a->o.book,
                           .notify = a->o.notify,
                           .deliver = a->o.deliver,
                           .external_url = c.config->server.external_url,
                           .who = &c.actor,
                           .now_ms = call_now_ms(&c)};
    route = route_of(http_method(r), http_path(r), c.arg, allow);
    if (route && route->kind == ROUTE_PROBE)
        route->handle(&c);
    else if (!c.access.tokens &&
             host_refused(http_header(r, "Host"), c.config->server.external_url))
        reply_error(r, 403, "forbidden", "%s",
                    host_refused(http_header(r, "Host"), c.config->server.external_url));
    else if (!route)
        no_route(&c, allow);
    else if (!a->open && strcmp(route->pattern, "/metrics") != 0)
        refuse(&c, route->kind == ROUTE_PAGE, 503, "unavailable",
               "starting: what was stored is being read");
    else if (!known)
        no_token(&c, route);
    else
        handle_allowed(&c, route);
}
