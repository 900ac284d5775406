#include "api/form.h"

#include <string.h>

#include "base/mem.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes [s, end) in place and ends it with a NUL; -1: a bad escape or a NUL in it. */
static int decode(char *s, char *end)
{
    char *to = s;

    for (; s < end; s++) {
        int high, low;

        if (*s == '+') {
            *to++ = ' ';
            continue;
        }
        if (*s != '%') {
            if (*s == '\0')
                return -1;
            *to++ = *s;
            continue;
        }
        if (end - s < 3 || (high = hex(s[1])) < 0 || (low = hex(s[2])) < 0 || high + low == 0)
            return -1;
        *to++ = (char)(high * 16 + low);
        s += 2;
    }
    *to = '\0';
    return 0;
}

static int add_field(struct form *f, char *s, char *end, struct err *e)
{
    char *equals = memchr(s, '=', (size_t)(end - s));
    char *value = equals ? equals + 1 : end;

    if (f->n == FORM_FIELDS_MAX)
        return err_set(e, ERR_INPUT, "more than %d fields", FORM_FIELDS_MAX);
    if (decode(value, end) != 0 || decode(s, equals ? equals : end) != 0)
        return err_set(e, ERR_INPUT, "a field is not encoded as a form is");
    f->field[f->n++] = (struct form_field){s, value};
    return 0;
}

int form_parse(struct form *f, const char *body, size_t len, struct err *e)
{
    char *s, *end;

    f->n = 0;
    f->text = NULL;
    if (len > FORM_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "the form is more than %d bytes", FORM_BYTES_MAX);
    f->text = mem_dup(body, len);
    if (!f->text)
        return err_set(e, ERR_MEMORY, "no memory");
    for (s = f->text, end = s + len; s < end;) {
        char *next = memchr(s, '&', (size_t)(end - s));

        next = next ? next : end;
        if (next > s && add_field(f, s, next, e) != 0) {
            form_free(f);
            return -1;
        }
        s = next + 1;
    }
    return 0;
}

void form_free(struct form *f)
{
    mem_free(f->text);
    f->text = NULL;
    f->n = 0;
}

const char *form_value(const struct form *f, const char *name, int nth)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->field[i].name, name) == 0 && nth-- == 0)
            return f->field[i].value;
    return NULL;
}
