/* promtool's way of writing a row of samples: 0+95x60 is 0, 95, 190 … (61 of them). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "testlang/testfile_impl.h"

#define COUNT_MAX 10000000

/* A decimal number; strtod() would take "0x8" as a hexadecimal one. */
static bool number(const char **s, double *v)
{
    const char *p = *s;
    char text[64];
    size_t n;

    p += *p == '-';
    if (!isdigit((unsigned char)*p) && *p != '.')
        return false;
    p += strspn(p, "0123456789.");
    if (*p == 'e' && isdigit((unsigned char)p[1 + (p[1] == '-')]))
        p += 1 + (p[1] == '-'), p += strspn(p, "0123456789");
    n = (size_t)(p - *s);
    if (n >= sizeof text)
        return false;
    memcpy(text, *s, n);
    text[n] = 0;
    *v = strtod(text, NULL);
    *s = p;
    return true;
}

static bool count(const char **s, uint32_t *n)
{
    char *end;
    unsigned long v;

    if (!isdigit((unsigned char)**s))
        return false;
    v = strtoul(*s, &end, 10);
    if (v > COUNT_MAX)
        return false;
    *n = (uint32_t)v;
    *s = end;
    return true;
}

static bool token(const char **s, struct notation *t)
{
    int sign;

    if (strncmp(*s, "stale", 5) == 0) {
        *s += 5;
        t->stale = true;
        return true;
    }
    if (**s == '_') {
        t->missing = true;
        if (*++*s != 'x')
            return true;
        ++*s;
        return count(s, &t->n);
    }
    if (!number(s, &t->from))
        return false;
    sign = **s == '+' ? 1 : **s == '-' ? -1 : 0;
    if (sign) {
        ++*s;
        if (!number(s, &t->step) || **s != 'x')
            return false;
        t->step *= sign;
    }
    if (**s != 'x')
        return true;
    ++*s;
    if (!count(s, &t->n))
        return false;
    t->n++; /* "axn" is a, and n times more */
    return true;
}

int notation_next(const char **s, struct notation *out)
{
    *out = (struct notation){.n = 1};
    *s += strspn(*s, " \t\r\n");
    if (!**s)
        return 0;
    if (!token(s, out) || (**s && !isspace((unsigned char)**s)))
        return -1;
    return 1;
}
