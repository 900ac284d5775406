/* Messages are made here, large ones in slices over turns of the loop. */
#ifndef DELIVER_COMPOSE_H
#define DELIVER_COMPOSE_H

#include <stdbool.h>

struct deliver;
struct send;

/* Makes the message of a send, at once or in some turns. `made` (may be called within it) is told when it is
 * there; !ok: there was no memory for it. */
void compose_begin(struct send *s, void (*made)(struct send *s, bool ok));
/* It is no longer wanted; fine when it is not being made. */
void compose_drop(struct send *s);
/* The templates are about to be loaded anew: what is half made with the old ones begins again. */
void compose_again(struct deliver *d);
void compose_step(void *deliver); /* the timer's */

#endif
