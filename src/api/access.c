/* Tokens, scopes and origins, as functions of headers and configuration alone, so that tests can ask
 * every combination without a server.
 *
 * A token is looked for among all of them, each compared in full, so that the time says nothing about
 * how near a guess was. There are no sessions: a browser sends its token as the password of Basic with
 * each request, which leaves nothing to be stolen but the token, and nothing to be revoked but the row in
 * the tokens file. What a browser could be made to send is therefore told by Origin, Sec-Fetch-Site and
 * Referer; a request with none of them comes from no browser. A scope is asked here of what is known only
 * in part (rules, silences): it refuses by a label that is certainly another one. Alerts and incidents
 * have all their labels, and are notify's to decide. */
#include "api/access.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKEN_MAX 512

/* --- tokens ------------------------------------------------------------------------------------- */

static int base64_value(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* Returns the number of bytes, or 0 when it is not base64 or too long. */
static size_t base64_decode(const char *s, char *out, size_t room)
{
    unsigned bits = 0;
    int have = 0, v;
    size_t n = 0;

    for (; (v = base64_value(*s)) >= 0; s++) {
        bits = (bits << 6) | (unsigned)v;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (n == room)
            return 0;
        out[n++] = (char)(bits >> have);
    }
    return s[strspn(s, "= ")] ? 0 : n;
}

/* The token in the header: of "Bearer TOKEN", or the password of "Basic base64(user:TOKEN)". */
static size_t presented(const char *authorization, char out[TOKEN_MAX])
{
    size_t n;
    char *colon;

    if (strncasecmp(authorization, "Bearer ", 7) == 0) {
        authorization += 7 + strspn(authorization + 7, " ");
        n = strcspn(authorization, " ");
        if (authorization[n] || n > TOKEN_MAX)
            return 0;
        memcpy(out, authorization, n);
        return n;
    }
    if (strncasecmp(authorization, "Basic ", 6) != 0)
        return 0;
    n = base64_decode(authorization + 6, out, TOKEN_MAX);
    colon = n ? memchr(out, ':', n) : NULL;
    if (!colon)
        return 0;
    n -= (size_t)(colon + 1 - out);
    memmove(out, colon + 1, n);
    return n;
}

/* As many steps as the longer of both has bytes, whatever they are. */
static bool same_secret(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned char differs = n_a != n_b;
    size_t n = n_a > n_b ? n_a : n_b;

    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(a[n_a ? i % n_a : 0] ^ b[n_b ? i % n_b : 0]);
    return !differs;
}

static unsigned with_included(unsigned roles)
{
    if (roles & ROLE_ADMIN)
        roles |= ROLE_RESPOND;
    if (roles & ROLE_RESPOND)
        roles |= ROLE_READ;
    return roles;
}

bool access_of(const struct config_server *s, const char *authorization, struct access *out)
{
    char token[TOKEN_MAX];
    size_t n;
    const struct config_token *found = NULL;

    assert(s->tokens_given || s->n_tokens == 0);
    *out = (struct access){.tokens = s->tokens_given, .name = ""};
    if (!out->tokens) {
        out->roles = with_included(ROLE_ADMIN) | ROLE_INGEST;
        return true;
    }
    n = authorization ? presented(authorization, token) : 0;
    if (n == 0)
        return false;
    for (size_t i = 0; i < s->n_tokens; i++) {
        const struct secret *secret = s->tokens[i].token;

        if (secret_len(secret) > 0 &&
            same_secret(token, n, secret_text(secret), secret_len(secret)))
            found = &s->tokens[i];
    }
    memset(token, 0, sizeof token);
    if (!found)
        return false;
    out->name = found->name;
    out->roles = with_included(found->roles);
    out->scope = found->scope;
    out->n_scope = found->n_scope;
    return true;
}

bool access_has(const struct access *a, enum config_role role)
{
    return (a->roles & role) != 0;
}

/* --- origin and host ----------------------------------------------------------------------------- */

struct authority {
    const char *s;
    size_t len;
};

/* "https://tocsin.example.com:443/x" -> "tocsin.example.com": without scheme, path, usual port. */
static struct authority authority_of(const char *s)
{
    const char *after = strstr(s, "://");
    struct authority a;

    a.s = after ? after + 3 : s;
    a.len = strcspn(a.s, "/?#");
    if (a.len > 4 && memcmp(a.s + a.len - 4, ":443", 4) == 0)
        a.len -= 4;
    else if (a.len > 3 && memcmp(a.s + a.len - 3, ":80", 3) == 0)
        a.len -= 3;
    return a;
}

static bool same_authority(struct authority a, struct authority b)
{
    return a.len > 0 && a.len == b.len && strncasecmp(a.s, b.s, a.len) == 0;
}

/* Without the port; brackets of IPv6 are left. */
static size_t host_length(struct authority a)
{
    const char *end = a.len && *a.s == '[' ? memchr(a.s, ']', a.len) : NULL;
    const char *colon;

    if (end)
        return (size_t)(end + 1 - a.s);
    colon = memchr(a.s, ':', a.len);
    return colon ? (size_t)(colon - a.s) : a.len;
}

/* Names that nobody else can make point here: addresses, localhost, names without dots. */
static bool is_near(struct authority a)
{
    size_t n = host_length(a);
    unsigned char bytes[16];
    char name[64];

    if (n == 0 || n >= sizeof name)
        return false;
    if (*a.s == '[')
        return true;
    memcpy(name, a.s, n);
    name[n] = '\0';
    if (inet_pton(AF_INET, name, bytes) == 1 || !strchr(name, '.'))
        return true;
    return n > 10 && strcasecmp(name + n - 10, ".localhost") == 0;
}

#define NOT_OUR_NAME "this host name is not the external_url of the configuration"
#define ELSEWHERE    "the request comes from another site"

const char *host_refused(const char *host, const char *external_url)
{
    struct authority here = authority_of(host ? host : "");

    if (!host || is_near(here) ||
        same_authority(here, authority_of(external_url ? external_url : "")))
        return NULL;
    return NOT_OUR_NAME;
}

static bool is_ours(const char *url, struct authority here, struct authority known)
{
    struct authority from = authority_of(url);

    return same_authority(from, here) || same_authority(from, known);
}

const char *origin_refused(const struct origin *o, const char *external_url)
{
    struct authority here = authority_of(o->host ? o->host : "");
    struct authority known = authority_of(external_url ? external_url : "");

    if (!o->origin && !o->fetch_site && !o->referer)
        return NULL; /* not a browser: nobody's session is borrowed */
    if (host_refused(o->host ? o->host : "", external_url))
        return NOT_OUR_NAME;
    if (o->origin)
        return is_ours(o->origin, here, known) ? NULL : ELSEWHERE;
    if (o->fetch_site)
        return strcmp(o->fetch_site, "same-origin") == 0 || strcmp(o->fetch_site, "none") == 0
                   ? NULL
                   : ELSEWHERE;
    return is_ours(o->referer, here, known) ? NULL : ELSEWHERE;
}
