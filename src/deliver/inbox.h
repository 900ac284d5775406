/* The inbox: messages kept and shown at /inbox, sent nowhere. The last thousand in memory, ten
 * thousand in Redis, written in the same transaction as the ledger. */
#ifndef TOCSIN_DELIVER_INBOX_H
#define TOCSIN_DELIVER_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "model/notice.h"
#include "tocsin/store.h"

struct inbox;

struct inbox *inbox_new(struct store *store); /* store may be NULL; NULL: no memory */
void inbox_free(struct inbox *b);
/* True when the number of the newest stored message is known: the next one takes the number after
 * it. Else it is read (once at a time), and `then` told; it is to ask again. */
bool inbox_is_known(struct inbox *b, void (*then)(const struct err *e, void *arg), void *arg);
void inbox_set_known(struct inbox *b); /* all of the newest were given to inbox_restore() */
int inbox_add(struct inbox *b, const struct notice *x, const char *text,
              const char *payload) MUST_USE;
void inbox_restore(struct inbox *b, const char *id, const char *const *pairs, size_t n);
void inbox_json(const struct inbox *b, uint64_t after, uint64_t before, size_t limit,
                struct json *out);

#endif
