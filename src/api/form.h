/* The fields of a form: application/x-www-form-urlencoded. Pure. */
#ifndef API_FORM_H
#define API_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define FORM_FIELDS_MAX 200
#define FORM_BYTES_MAX  65536

struct form {
    char *text; /* holds everything below */
    struct form_field {
        const char *name, *value;
    } field[FORM_FIELDS_MAX];
    size_t n;
};

/* Too many fields or bytes, a NUL or a bad escape: -1, nothing to be freed. */
int form_parse(struct form *f, const char *body, size_t len, struct err *e) MUST_USE;
void form_free(struct form *f);
/* The `nth` value of a name, NULL when there is none. */
const char *form_value(const struct form *f, const char *name, int nth);

#endif
