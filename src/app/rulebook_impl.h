/* The rulebook and the load of it that is under way: rulebook.c has the files, rulebook_load.c loads them. */
#ifndef TOCSIN_APP_RULEBOOK_IMPL_H
#define TOCSIN_APP_RULEBOOK_IMPL_H

#include "app/book_check.h"
#include "app/book_file.h"
#include "app/changes.h"
#include "app/rulebook.h"
#include "base/map.h"

enum stage {
    STAGE_READ,
    STAGE_LOAD,
    STAGE_CHECK,
    STAGE_COMPARE,
    STAGE_BUILD,
    STAGE_HOLD,
    STAGE_EXCHANGE,
    STAGE_ACCEPT,
    STAGE_END
};

struct rulebook {
    struct book_file **files;
    size_t n, cap;
    struct map *by_path;
    struct rulefile *own;
    /* of the load under way: */
    bool loading, dry_run, holding;
    struct wire *wire;
    enum stage stage;
    int64_t at_ms;
    size_t n_before; /* files known when it began */
    size_t next;     /* file that the stage is at */
    char **paths;    /* to be read */
    size_t n_paths;
    struct book_check check;
    struct changes changes;
    char *list_error;
};

/* The file of a path; a new one has nothing but that. NULL: no memory. */
struct book_file *rulebook_file(struct rulebook *b, const char *path);
/* Frees it; its place in `files` is the caller's to close. */
void rulebook_forget(struct rulebook *b, struct book_file *f);

#endif
