#include "api/access.h"
#include "api/call.h"

bool api_sender(struct api *a, struct http_request *r, struct api_sender *out)
{
    const struct config_server *server = &a->o.config(a->o.arg)->server;
    struct origin origin = call_origin(r);
    const char *why = origin_refused(&origin, server->external_url);
    struct access access;

    if (!why && !server->tokens_given)
        why = host_refused(origin.host, server->external_url);
    if (why) { /* a page that somebody has open is no source of data */
        reply_error(r, 403, "forbidden", "%s", why);
        return false;
    }
    if (!access_of(server, http_header(r, "Authorization"), &access)) {
        http_reply_header(r, "WWW-Authenticate", "Bearer");
        reply_error(r, 401, "unauthorized", "send a token: Authorization: Bearer …");
        return false;
    }
    if (access.tokens && !access_has(&access, ROLE_INGEST)) {
        reply_error(r, 403, "forbidden", "token %s may not send data: it needs the role ingest",
                    access.name);
        return false;
    }
    *out = (struct api_sender){access.name, access.scope, access.n_scope};
    return true;
}
