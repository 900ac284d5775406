/* A self-signed certificate for "localhost" and 127.0.0.1 in a fresh directory. */
#ifndef NET_CERT_H
#define NET_CERT_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static char cert_dir[64], cert_path[128], key_path[128];

static void cert_make(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509_EXTENSION *san =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    FILE *f;

    strcpy(cert_dir, "/tmp/tocsin-net-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cert_dir));
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", cert_dir);
    snprintf(key_path, sizeof key_path, "%s/key.pem", cert_dir);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    X509_add_ext(x, san, -1);
    ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
    f = fopen(cert_path, "w");
    ck_assert_int_eq(PEM_write_X509(f, x), 1);
    fclose(f);
    f = fopen(key_path, "w");
    ck_assert_int_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    X509_EXTENSION_free(san);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void cert_remove(void)
{
    unlink(cert_path);
    unlink(key_path);
    rmdir(cert_dir);
}

#endif
