#include "base/err.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int err_setv(struct err *e, enum err_code code, const char *fmt, va_list ap)
{
    assert(code != ERR_NONE && fmt && *fmt);
    if (!e)
        return -1;
    e->code = code;
    e->line = 0;
    e->at[0] = 0;
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    return -1;
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_setv(e, code, fmt, ap);
    va_end(ap);
    return -1;
}

int err_at(struct err *e, enum err_code code, int line, const char *at, const char *fmt, ...)
{
    va_list ap;

    assert(line >= 0);
    if (!e)
        return -1;
    va_start(ap, fmt);
    err_setv(e, code, fmt, ap);
    va_end(ap);
    e->line = line;
    snprintf(e->at, sizeof e->at, "%s", at ? at : "");
    return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    char tail[sizeof e->text];
    size_t head;
    va_list ap;

    assert(fmt && *fmt);
    if (!e)
        return -1;
    memcpy(tail, e->text, sizeof tail);
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    head = strlen(e->text);
    snprintf(e->text + head, sizeof e->text - head, ": %s", tail);
    return -1;
}
