/* TLS towards Redis: whom to trust, and what the certificate must be for. */
#ifndef TOCSIN_REDIS_TLS_H
#define TOCSIN_REDIS_TLS_H

#include <openssl/ssl.h>

#include "base/err.h"

struct tls; /* certificates and settings, shared by all connections of one db */

struct tls *tls_new(const char *ca_file, struct err *e); /* NULL file: the system's */
void tls_free(struct tls *t);
/* A session that accepts only a trusted certificate for `host` (name or address). NULL: no memory. */
SSL *tls_session(struct tls *t, const char *host);
/* Why a session failed, for people; `code` is OpenSSL's, 0 for none. NULL: not known. */
const char *tls_why(const SSL *ssl, unsigned long code);

#endif
