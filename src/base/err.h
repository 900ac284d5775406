/* An expected failure, told to the caller: a code to act on and a sentence to show.
 *
 * A function that can fail takes `struct err *` last, fills it once, where the failure is known
 * best, and returns -1 or NULL. Whoever can name the rule, receiver or client prefixes that name
 * and logs it, once. A bug is not an error: it asserts. */
#ifndef TOCSIN_BASE_ERR_H
#define TOCSIN_BASE_ERR_H

#include <stdarg.h>

#ifdef NDEBUG
#error "asserts are part of the program: a broken invariant ends it before it decides wrongly"
#endif

#ifndef MUST_USE /* cppcheck does not parse it behind a pointer to a function */
#define MUST_USE __attribute__((warn_unused_result))
#endif
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum err_code {
    ERR_NONE = 0,
    ERR_INPUT,   /* what came from outside is wrong; repeating it will not help */
    ERR_LIMIT,   /* a bound was reached (too large, too many) */
    ERR_BUSY,    /* a bound in time was reached: try again later */
    ERR_MEMORY,  /* an allocation failed */
    ERR_IO,      /* a file, socket or peer failed */
    ERR_REFUSED, /* understood, and not allowed in this state */
};

struct err {
    enum err_code code;
    int line;    /* 1-based line in the input, 0: not known */
    char at[64]; /* field or place in the input, "" : not known */
    char text[768];
};

/* Fills `e` (may be NULL) and returns -1, so that a caller can `return err_set(…)`. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_setv(struct err *e, enum err_code code, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);
/* err_set() with the place in the input. */
int err_at(struct err *e, enum err_code code, int line, const char *at, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* Puts "`what`: " before the text of `e`. Returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
