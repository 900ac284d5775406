/* Secrets out of texts: what others log ends in messages, mail and pages.
 *
 * Names decide where there are names ("password=…", `"token": "…"`, headers, tags), shapes where there
 * are none (keys of known forms, JWT, PEM, user:pass@ in URLs). Local variables in stack traces go as a
 * whole: nobody names them with readers in mind. When in doubt the value goes, the name stays. */
#ifndef TOCSIN_BASE_REDACT_H
#define TOCSIN_BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define REDACTED           "[redacted]"
#define REDACT_PATTERNS    64 /* of one configuration: each is tried on each word */
#define REDACT_PATTERN_MAX 128

/* What an installation adds: words with `*`, compared without regard to case. Borrowed. */
struct redact_also {
    const char *const *patterns;
    size_t n;
};

/* Appends `s` with REDACTED in place of each secret. `also` may be NULL. Idempotent in what it hides;
 * time linear in n (times the patterns), the result is at most 3 * n + 32 bytes. */
void redact_text(const struct redact_also *also, const char *s, size_t n, struct buf *out);
/* Does a field of this name hold a secret, whatever its value? "db_password" and "X-Api-Key" do,
 * "password_length" and "max_tokens" do not. */
bool redact_is_secret(const struct redact_also *also, const char *name, size_t n);

/* --- for redact.c alone --- */
/* Length of the key, token or JWT that begins at `s` by its known form, 0: none. Reads no further than
 * it. */
size_t redact_shape(const char *s, size_t n);
/* Does the word match a pattern of the installation? */
bool redact_matches(const struct redact_also *also, const char *s, size_t n);
/* A header whose value is a whole line: Authorization, Cookie. */
bool redact_is_header(const char *name, size_t n);
/* "token: expired", "password = None": a word that says how it is, no secret. */
bool redact_is_harmless(const char *value, size_t n);

#endif
