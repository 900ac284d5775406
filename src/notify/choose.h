/* Which alerts a message shows when not all have room. */
#ifndef TOCSIN_NOTIFY_CHOOSE_H
#define TOCSIN_NOTIFY_CHOOSE_H

#include <stddef.h>

struct item;

/* Brings the `shown` (<= n) that matter most to the front, in the order in which they are shown. The first
 * of all stays the first: it says how bad it is. Cost: on average a few looks at each. */
void choose_items(struct item *items, size_t n, size_t shown);

#endif
