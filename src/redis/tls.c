#include "redis/tls.h"

#include <openssl/err.h>

#include "base/mem.h"

struct tls {
    SSL_CTX *ctx;
};

static const char *tls_reason(unsigned long code)
{
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    return reason ? reason : "no reason given";
}

struct tls *tls_new(const char *ca_file, struct err *e)
{
    struct tls *t = mem_zalloc(sizeof *t);
    int ok;

    if (!t || !(t->ctx = SSL_CTX_new(TLS_client_method()))) {
        err_set(e, ERR_MEMORY, "cannot set up TLS");
        goto failed;
    }
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    ok = ca_file ? SSL_CTX_load_verify_locations(t->ctx, ca_file, NULL)
                 : SSL_CTX_set_default_verify_paths(t->ctx);
    if (!ok) {
        err_set(e, ERR_INPUT, "cannot read certificates from %s: %s",
                ca_file ? ca_file : "the system's store", tls_reason(ERR_get_error()));
        goto failed;
    }
    return t;
failed:
    tls_free(t);
    return NULL;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    if (t->ctx)
        SSL_CTX_free(t->ctx);
    mem_free(t);
}

SSL *tls_session(struct tls *t, const char *host)
{
    SSL *ssl = SSL_new(t->ctx);
    X509_VERIFY_PARAM *expect = ssl ? SSL_get0_param(ssl) : NULL;

    if (!ssl)
        return NULL;
    /* the certificate must be for this address or this name */
    if (!X509_VERIFY_PARAM_set1_ip_asc(expect, host) &&
        (!SSL_set_tlsext_host_name(ssl, host) || !SSL_set1_host(ssl, host))) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

const char *tls_why(const SSL *ssl, unsigned long code)
{
    long verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;

    /* what is wrong with the certificate says more than "verify failed" */
    if (verdict != X509_V_OK)
        return X509_verify_cert_error_string(verdict);
    return code ? tls_reason(code) : NULL;
}
