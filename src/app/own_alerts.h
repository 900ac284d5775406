/* The alerts about Tocsin itself, as the built-in rule file defines them, for those who must know
 * them by name. */
#ifndef TOCSIN_APP_OWN_ALERTS_H
#define TOCSIN_APP_OWN_ALERTS_H

#include <stddef.h>

#include "tocsin/notify.h"
#include "tocsin/rulefile.h"

/* One per rule of `own`, which must outlive them. NULL: no memory. Free with own_alerts_free(). */
struct own_alert *own_alerts_new(const struct rulefile *own, size_t *n);
void own_alerts_free(struct own_alert *list, size_t n);

#endif
