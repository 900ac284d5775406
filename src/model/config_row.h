/* A key of a block of the configuration as data: the room that uses a value says what it must be, the
 * configuration reads it. */
#ifndef MODEL_CONFIG_ROW_H
#define MODEL_CONFIG_ROW_H

#include <stddef.h>

enum row_kind {
    ROW_TEXT,      /* const char * */
    ROW_PATH,      /* const char *, resolved against the folder of the file */
    ROW_TEXTS,     /* const char ** and, right behind it, size_t: a string or a list */
    ROW_WORD,      /* an enum: 1 + the place among `words`, in which `_` may stand for a space */
    ROW_DURATION,  /* int64_t, positive */
    ROW_DURATION0, /* int64_t, 0 allowed */
    ROW_TIMEOUT,   /* int: milliseconds, at most ten minutes */
    ROW_BOOL,      /* bool */
    ROW_COUNT,     /* unsigned, at most a million */
    ROW_NUMBER,    /* uint64_t, positive */
    ROW_BYTES,     /* uint64_t, positive: "64MiB" */
    ROW_SECRET,    /* const struct secret * */
    ROW_URL,       /* const struct secret *: http or https */
    ROW_SERVER,    /* const char *: a URL without secrets that begins with one of `words` */
    ROW_HEADERS,   /* const struct config_header * and, right behind it, size_t */
    ROW_OTHER,     /* read by the block itself */
    ROW_LATER,     /* not part of this version */
};

struct row {
    const char *key; /* NULL: behind the last */
    enum row_kind kind;
    size_t offset;            /* in what the block becomes */
    const char *const *words; /* NULL at the end */
};

#endif
