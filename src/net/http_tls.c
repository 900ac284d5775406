#include <openssl/err.h>

#include "net/http_server.h"

static int failed(const char *what, const char *file, struct err *e)
{
    char text[256];

    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return err_set(e, ERR_IO, "cannot use %s %s: %s", what, file, text);
}

SSL_CTX *http_tls_context(const char *cert_file, const char *key_file, struct err *e)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (!tls) {
        err_set(e, ERR_MEMORY, "cannot set up TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    /* renegotiation lets a client make the server work for free */
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS); /* 34 kB less for each idle connection */
    if (SSL_CTX_use_certificate_chain_file(tls, cert_file) != 1) {
        failed("the certificate", cert_file, e);
    } else if (SSL_CTX_use_PrivateKey_file(tls, key_file, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(tls) != 1) {
        failed("the key", key_file, e);
    } else {
        return tls;
    }
    SSL_CTX_free(tls);
    return NULL;
}
