/* The tables of the redactor: names that hold secrets, forms of keys, words that are none.
 *
 * A name is compared by its segments ("dbPassword", "db-password" and "DB_PASSWORD" are one), so that
 * "compass" hides no "pass" and "author" no "auth". Its last segment may say that it is about a secret
 * ("password_length"): such a value is kept. Regular expressions would say the same in fewer lines;
 * one after the other over each value they cost more than the rest of an event's way. */
#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/redact.h"
#include "base/text.h"

#define NAME_MAX_BYTES 128 /* longer ones are judged by their end */

/* One or two segments, wherever they stand in the name. */
static const char *const secret_names[] = {
    "password",    "passwd",       "passphrase",    "passcode",     "pwd",
    "secret",      "secrets",      "token",         "apikey",       "api_key",
    "access_key",  "private_key",  "secret_key",    "signing_key",  "encryption_key",
    "account_key", "master_key",   "auth_key",      "shared_key",   "authorization",
    "cookie",      "cookies",      "credential",    "credentials",  "session_id",
    "sessionid",   "session_key",  "jwt",           "bearer",       "signature",
    "accesstoken", "refreshtoken", "authtoken",     "clientsecret", "accesskey",
    "privatekey",  "secretkey",    "userpassword",  "locals",       "f_locals",
    "cvv",         "cvc",          "sasl_password", "pgpassword",   "connectionstring",
    NULL};
/* Only as the whole name. */
static const char *const whole_names[] = {"pass", "auth", "sig", "sid", "pw", "otp", NULL};
/* A name that ends so is about a secret: a part of a program, a file of its source, a figure. */
static const char *const about_names[] = {
    "count",      "type",    "length",     "len",     "limit",   "usage",     "expires",
    "expiry",     "ttl",     "valid",      "error",   "errors",  "at",        "age",
    "policy",     "domain",  "budget",     "status",  "bucket",  "version",   "required",
    "reset",      "changed", "attempts",   "manager", "path",    "file",      "enabled",
    "present",    "missing", "service",    "filter",  "handler", "exception", "provider",
    "controller", "store",   "repository", "java",    "py",      "js",        "ts",
    "go",         "rb",      "php",        "rs",      "cc",      "cpp",       "kt",
    "cs",         NULL};
static const char *const headers[] = {"authorization", "proxy_authorization", "cookie",
                                      "set_cookie", NULL};
static const char *const harmless[] = {
    "invalid", "expired", "missing", "required", "incorrect", "wrong",     "null",     "none",
    "nil",     "true",    "false",   "empty",    "not",       "must",      "is",       "has",
    "was",     "failed",  "unknown", "denied",   "rejected",  "undefined", "mismatch", "malformed",
    "revoked", "too",     "cannot",  "bad",      "ok",        REDACTED,    NULL};

/* Lower case, `_` between segments, also where camelCase has none. */
static size_t normal(const char *name, size_t n, char out[NAME_MAX_BYTES])
{
    size_t k = 0;

    if (n > NAME_MAX_BYTES / 2 - 1) {
        name += n - (NAME_MAX_BYTES / 2 - 1);
        n = NAME_MAX_BYTES / 2 - 1;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        bool hump = i > 0 && isupper(c) && islower((unsigned char)name[i - 1]);

        if ((hump || !isalnum(c)) && k > 0 && out[k - 1] != '_')
            out[k++] = '_';
        if (isalnum(c))
            out[k++] = (char)tolower(c);
    }
    while (k > 0 && out[k - 1] == '_')
        k--;
    out[k] = '\0';
    assert(k < NAME_MAX_BYTES);
    return k;
}

static bool is_one_of(const char *const *list, const char *s, size_t n)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(*list, s, n) == 0)
            return true;
    return false;
}

/* `word` in `name`, from one segment's beginning to another's end. */
static bool has_segments(const char *name, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = name; (at = strstr(at, word)); at++)
        if ((at == name || at[-1] == '_') && (at[n] == '\0' || at[n] == '_'))
            return true;
    return false;
}

bool redact_is_secret(const struct redact_also *also, const char *name, size_t n)
{
    char plain[NAME_MAX_BYTES];
    size_t len = normal(name, n, plain);
    const char *last = strrchr(plain, '_');

    if (redact_matches(also, name, n))
        return true;
    if (is_one_of(whole_names, plain, len))
        return true;
    if (last && is_one_of(about_names, last + 1, strlen(last + 1)))
        return false;
    for (size_t i = 0; secret_names[i]; i++)
        if (has_segments(plain, secret_names[i]))
            return true;
    return false;
}

bool redact_is_header(const char *name, size_t n)
{
    char plain[NAME_MAX_BYTES];
    size_t len = normal(name, n, plain);

    return is_one_of(headers, plain, len);
}

bool redact_is_harmless(const char *value, size_t n)
{
    while (n > 0 && strchr(".!?", value[n - 1]))
        n--;
    return n == 0 || is_one_of(harmless, value, n);
}

bool redact_matches(const struct redact_also *also, const char *s, size_t n)
{
    char low[REDACT_PATTERN_MAX * 2], pattern[REDACT_PATTERN_MAX + 1];

    if (!also || also->n == 0)
        return false;
    n = n < sizeof low ? n : sizeof low;
    for (size_t i = 0; i < n; i++)
        low[i] = (char)tolower((unsigned char)s[i]);
    for (size_t p = 0; p < also->n; p++) {
        size_t len = strlen(also->patterns[p]);

        assert(len <= REDACT_PATTERN_MAX);
        for (size_t i = 0; i <= len; i++)
            pattern[i] = (char)tolower((unsigned char)also->patterns[p][i]);
        if (text_glob(pattern, low, n))
            return true;
    }
    return false;
}

/* --- forms of keys --- */

/* From the issuers' documentation of their token formats. `min`: bytes behind the beginning that must
 * be of the set; what follows of it belongs to the key. */
static const struct {
    const char *begin;
    size_t min;
    const char *also; /* beside letters and digits */
} shapes[] = {
    {"AKIA", 16, ""},
    {"ASIA", 16, ""},
    {"ghp_", 20, "_"},
    {"gho_", 20, "_"},
    {"ghu_", 20, "_"},
    {"ghs_", 20, "_"},
    {"ghr_", 20, "_"},
    {"github_pat_", 20, "_"},
    {"glpat-", 16, "_-."},
    {"xoxb-", 8, "-"},
    {"xoxp-", 8, "-"},
    {"xoxa-", 8, "-"},
    {"xoxr-", 8, "-"},
    {"xoxs-", 8, "-"},
    {"xapp-", 8, "-"},
    {"sk_live_", 10, "_"},
    {"sk_test_", 10, "_"},
    {"rk_live_", 10, "_"},
    {"whsec_", 16, "_+/="},
    {"sk-", 20, "_-"},
    {"AIza", 30, "_-"},
    {"ya29.", 20, "_-."},
    {"npm_", 30, ""},
    {"pypi-AgE", 16, "_-"},
    {"SG.", 20, "_-."},
    {"dop_v1_", 20, ""},
    {"hf_", 20, ""},
    {"hvs.", 20, "_-"},
    {"shpat_", 20, ""},
    {"NRAK-", 20, ""},
    {"sq0atp-", 16, "_-"},
    {"AGE-SECRET-KEY-1", 20, ""},
    {"eyJ", 17, "_-.+/="}, /* base64 of `{"`: JWT, and any JSON that was packed */
    {"hooks.slack.com/services/", 8, "/"},
    {"hooks.slack.com/workflows/", 8, "/"},
    {"discord.com/api/webhooks/", 8, "/_-"},
    {"api.telegram.org/bot", 8, ":_-"},
};

static bool is_in(const char *also, char c)
{
    return isalnum((unsigned char)c) || (c && strchr(also, c));
}

size_t redact_shape(const char *s, size_t n)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t begin = strlen(shapes[i].begin), len = begin;

        if (n < begin + shapes[i].min || memcmp(s, shapes[i].begin, begin) != 0)
            continue;
        while (len < begin + shapes[i].min && is_in(shapes[i].also, s[len]))
            len++;
        if (len < begin + shapes[i].min)
            continue;
        while (len < n && is_in(shapes[i].also, s[len]))
            len++;
        return len;
    }
    return 0;
}
