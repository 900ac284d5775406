/* The names of the heartbeats that there are, for a ping that missed them all. */
#ifndef TOCSIN_APP_HEARTBEATS_H
#define TOCSIN_APP_HEARTBEATS_H

#include "tocsin/rule.h"

#define HEARTBEATS_MAX 1000 /* names that are compared for one ping: below a millisecond */

struct heartbeats;

struct heartbeats *heartbeats_new(void); /* NULL: no memory */
void heartbeats_free(struct heartbeats *h);
/* Reads them from the rules that run now; to be called when those were exchanged, before the old ones are
 * freed: the names are borrowed until the next call. Cost: one look at each rule, at most at 20,000; what
 * stands behind is pinged like others, and not suggested. */
void heartbeats_read(struct heartbeats *h, const struct rules *rules);
/* The name that was likely meant, NULL: none is near. */
const char *heartbeats_nearest(const struct heartbeats *h, const char *name);

#endif
