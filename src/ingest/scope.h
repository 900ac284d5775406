/* What a token may send: its scope as a matcher on every series and event. */
#ifndef INGEST_SCOPE_H
#define INGEST_SCOPE_H

#include "tocsin/ingest.h"

/* To be called on a decoded batch before ingest_resolve(). Something is outside of the sender's
 * scope: -1 with ERR_REFUSED that names the first, or, `partly`, its series are taken out, counted in
 * `series_outside`, and `e` names the first of them. Without a scope it costs nothing; with one a
 * test of each series and event. */
int ingest_scope(struct ingest_batch *b, const struct ingest_sender *s, bool partly,
                 struct err *e) MUST_USE;

#endif
