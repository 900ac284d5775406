/* What stands between method and version in a request line, made safe: decoded once, without "..",
 * empty segments, NUL or other control bytes. Pure: bytes in, a target or an error out.
 *
 *     GET /api/v2/alerts?filter=a%3D%22b%22&active HTTP/1.1
 *         '---- path ---' '- name -- value-' 'name'        */
#ifndef NET_HTTP_TARGET_H
#define NET_HTTP_TARGET_H

#include <stddef.h>

#include "base/err.h"

/* More than any form of ours has; each costs a comparison per look-up. */
#define HTTP_PARAMS_MAX 1000

struct http_param {
    const char *name;
    const char *value; /* "" when there is no "=" */
};

struct http_target {
    char *text; /* holds everything below */
    const char *path;
    struct http_param *params;
    size_t n_params, cap_params;
};

/* Fills `t`; 0, or -1 with `t` empty. ERR_INPUT: refused. Cost: one pass, two allocations. */
int http_target_parse(struct http_target *t, const char *raw, size_t len, struct err *e) MUST_USE;
void http_target_free(struct http_target *t);
const char *http_target_param(const struct http_target *t, const char *name, int nth);

#endif
