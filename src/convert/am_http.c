/* http_config of a channel that speaks HTTP. What a channel of Tocsin has keys for is written; all else would
 * change who can be reached or who is believed, so it is by hand and never passed over in silence: a proxy, a
 * token that has to be fetched, a certificate of ours. What only changes how (HTTP/2) is not told. */
#include "convert/am.h"

#include <string.h>

static void authorization(struct am_block *b, const struct doc_node *http)
{
    static const char *const known[] = {"type", "credentials", "credentials_file",
                                        "credentials_ref", NULL};
    const struct doc_node *a = doc_get(http, "authorization");
    const char *type = take_text(&b->am->c, a, "type");

    if (!a)
        return;
    take_keys(&b->am->c, a, "authorization", known);
    if (strcmp(b->channel, "webex") == 0) {
        am_put_secret(b, "bot_token", "credentials", doc_get(a, "credentials"),
                      doc_get(a, "credentials_file"));
        return;
    }
    if (type && strcasecmp(type, "Bearer") != 0)
        element_manual(&b->am->c,
                       "authorization of type %s: write it as headers = { Authorization "
                       "= secret_file \"…\" }",
                       type);
    else if (am_has(b, "bearer"))
        am_put_secret(b, "bearer", "credentials", doc_get(a, "credentials"),
                      doc_get(a, "credentials_file"));
}

static void basic(struct am_block *b, const struct doc_node *http)
{
    static const char *const known[] = {"username", "username_file", "username_ref",
                                        "password", "password_file", "password_ref",
                                        NULL};
    const struct doc_node *a = doc_get(http, "basic_auth");
    bool jira = strcmp(b->channel, "jira") == 0;
    const char *user = take_text(&b->am->c, a, "username");

    if (!a)
        return;
    take_keys(&b->am->c, a, "basic_auth", known);
    if (doc_get(a, "username_file") || !user) {
        element_manual(&b->am->c, "basic_auth without username: `user` is a text here");
        return;
    }
    if (!am_has(b, "user") || !am_has(b, jira ? "token" : "password"))
        return;
    am_put_text(b, "user", user);
    am_put_secret(b, jira ? "token" : "password", "password", doc_get(a, "password"),
                  doc_get(a, "password_file"));
}

static void tls(struct am_block *b, const struct doc_node *http)
{
    static const char *const known[] = {"ca",
                                        "ca_file",
                                        "ca_ref",
                                        "cert",
                                        "cert_file",
                                        "cert_ref",
                                        "key",
                                        "key_file",
                                        "key_ref",
                                        "server_name",
                                        "insecure_skip_verify",
                                        "min_version",
                                        "max_version",
                                        NULL};
    const struct doc_node *t = doc_get(http, "tls_config");
    const char *ca = take_text(&b->am->c, t, "ca_file");

    if (!t)
        return;
    take_keys(&b->am->c, t, "tls_config", known);
    if (ca && am_has(b, "ca_file"))
        am_put_text(b, "ca_file", ca);
    if (take_bool(&b->am->c, t, "insecure_skip_verify", false) && am_has(b, "insecure_skip_verify"))
        buf_adds(&b->out, "    insecure_skip_verify = true,\n");
    if (doc_get(t, "ca"))
        element_manual(&b->am->c, "tls_config: put `ca` into a file and name it as ca_file");
    if (doc_get(t, "cert") || doc_get(t, "cert_file"))
        element_manual(&b->am->c, "tls_config: certificates of a client are not sent; put a proxy "
                                  "between");
    if (doc_get(t, "server_name"))
        element_manual(&b->am->c, "tls_config: server_name: the name of the url is checked");
    if (doc_get(t, "min_version") || doc_get(t, "max_version"))
        element_differs(&b->am->c, "tls_config: versions of TLS are those of the system");
}

static void headers(struct am_block *b, const struct doc_node *http)
{
    static const char *const known[] = {"values", "secrets", "files", NULL};
    const struct doc_node *h = doc_get(http, "http_headers");

    if (!h || !am_has(b, "headers"))
        return;
    if (h->kind != DOC_MAP) {
        conversion_fail(&b->am->c, h, "http_headers: keys and values are expected");
        return;
    }
    buf_adds(&b->out, "    headers = {\n");
    for (size_t i = 0; i < h->n; i++) {
        const struct doc_node *v = h->items[i], *values = take_list(&b->am->c, v, "values"),
                              *files = take_list(&b->am->c, v, "files");

        take_keys(&b->am->c, v, "http_headers", known);
        if ((values ? values->n : 0) + (files ? files->n : 0) != 1 || doc_get(v, "secrets")) {
            element_manual(&b->am->c, "header %s: give it one value, a text or secret_file \"…\"",
                           h->keys[i]->text);
            continue;
        }
        buf_adds(&b->out, "      ");
        say_name(&b->out, h->keys[i]->text);
        buf_adds(&b->out, files && files->n ? " = secret_file " : " = ");
        say_quoted(&b->out, (files && files->n ? files : values)->items[0]->text);
        buf_adds(&b->out, ",\n");
    }
    buf_adds(&b->out, "    },\n");
}

void am_http(struct am_block *b)
{
    static const char *const known[] = {"authorization",
                                        "basic_auth",
                                        "bearer_token",
                                        "bearer_token_file",
                                        "oauth2",
                                        "proxy_url",
                                        "no_proxy",
                                        "proxy_from_environment",
                                        "proxy_connect_header",
                                        "tls_config",
                                        "follow_redirects",
                                        "enable_http2",
                                        "http_headers",
                                        NULL};
    const struct doc_node *http = am_value(b, "http_config", "http_config");
    struct conversion *c = &b->am->c;
    const char *proxy = take_text(c, http, "proxy_url");

    if (!http)
        return;
    take_keys(c, http, "http_config", known);
    authorization(b, http);
    basic(b, http);
    if (doc_get(http, "bearer_token") || doc_get(http, "bearer_token_file"))
        if (am_has(b, "bearer"))
            am_put_secret(b, "bearer", "bearer_token", doc_get(http, "bearer_token"),
                          doc_get(http, "bearer_token_file"));
    if (doc_get(http, "oauth2"))
        element_manual(c, "oauth2: fetch the token outside and write it into the file of `bearer`");
    if (proxy && am_has(b, "proxy"))
        am_put_text(b, "proxy", proxy);
    if (doc_get(http, "no_proxy") || take_bool(c, http, "proxy_from_environment", false) ||
        doc_get(http, "proxy_connect_header"))
        element_manual(c, "a proxy of the environment, its exceptions and headers are not used");
    tls(b, http);
    headers(b, http);
    if (take_bool(c, http, "follow_redirects", true) && doc_get(http, "follow_redirects"))
        element_differs(c, "redirects are not followed: write the url where they end");
}
