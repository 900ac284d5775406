/* Secrets: opaque, so that nothing prints one by accident; wiped when freed. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

struct secret;
struct secret *secret_new(const void *bytes, size_t len); /* a copy; NULL: no memory */
void secret_free(struct secret *s);                       /* NULL is fine */
const char *secret_text(const struct secret *s); /* NUL-terminated; NULL of NULL; never log it */
size_t secret_len(const struct secret *s);
void secret_wipe(void *p, size_t n); /* of a buffer that held one */

#endif
