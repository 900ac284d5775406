/* Replies: hiredis' reader, filled into struct reply in an arena that is reused.
 *
 * hiredis hands each text while its buffer holds it and forgets the buffer before the reply is
 * told, so each text is copied once; nothing else is allocated per element. */
#ifndef TOCSIN_REDIS_ANSWER_H
#define TOCSIN_REDIS_ANSWER_H

#include <stddef.h>

#include "base/err.h"
#include "tocsin/db.h"

/* One reply beyond this is a broken or hostile peer, not an answer to what we ask for. */
#define ANSWER_MAX_BYTES ((size_t)512 << 20)

struct answer;

struct answer *answer_new(void); /* NULL: no memory */
void answer_free(struct answer *a);

/* Adds bytes that came. Returns -1 with `e` when memory is short (then the peer must go). */
int answer_feed(struct answer *a, const void *p, size_t n, struct err *e) MUST_USE;
/* The next whole reply: 1 with *reply (valid until the next call of any function here), 0 when
 * more bytes are needed, -1 when the bytes are not the protocol or a bound was passed. */
int answer_next(struct answer *a, const struct reply **reply, struct err *e) MUST_USE;

#endif
