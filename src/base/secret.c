#include "base/secret.h"

#include <string.h>

#include "base/mem.h"

struct secret {
    size_t len;
    char text[];
};

/* The compiler must not find out that nobody reads it again. */
void secret_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

struct secret *secret_new(const void *bytes, size_t len)
{
    struct secret *s = mem_alloc(sizeof *s + len + 1);

    if (!s)
        return NULL;
    s->len = len;
    if (len)
        memcpy(s->text, bytes, len);
    s->text[len] = 0;
    return s;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    secret_wipe(s->text, s->len);
    mem_free(s);
}

const char *secret_text(const struct secret *s)
{
    return s ? s->text : NULL;
}

size_t secret_len(const struct secret *s)
{
    return s ? s->len : 0;
}
