#include "api/access.h"
#include "api/call.h"

const char *api_sender(struct api *a, struct http_request *r)
{
    struct access access;

    if (!access_of(&a->o.config(a->o.arg)->server, http_header(r, "Authorization"), &access)) {
        http_reply_header(r, "WWW-Authenticate", "Bearer");
        reply_error(r, 401, "unauthorized", "send a token: Authorization: Bearer …");
        return NULL;
    }
    if (access.tokens && !access_has(&access, ROLE_INGEST)) {
        reply_error(r, 403, "forbidden", "token %s may not send data: it needs the role ingest",
                    access.name);
        return NULL;
    }
    return access.name;
}
