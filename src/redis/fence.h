/* Transactions that are carried out only while a token stands in Redis (db_fence in tocsin/db.h). */
#ifndef TOCSIN_REDIS_FENCE_H
#define TOCSIN_REDIS_FENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct db;

/* The arguments that one command may have behind a fence: Lua hands that many to a call, and some. */
#define FENCE_ARGS_MAX 4000

#define FENCE_REFUSAL "FENCED" /* before the token that stands in Redis */

void fence_free(struct db *d);
bool fence_is_up(const struct db *d);
/* What stands before the commands, of which each is its number of arguments and these; `n_args` counts both. */
size_t fence_head_size(const struct db *d, size_t n_args);
char *fence_put_head(const struct db *d, char *p, size_t n_args);
/* One command behind that head: its number of arguments, and these (FENCE_ARGS_MAX at most). A failure stays in the
 * buffer. */
void fence_add(struct buf *b, int argc, const char *const *argv, const size_t *lens);
/* The token in Redis, where this is the answer to a transaction that carries another one; else NULL. */
const char *fence_refused(const char *text);

#endif
