/* Changes of alerts into incidents, and the starts of the last week. */
#ifndef TOCSIN_NOTIFY_INTAKE_H
#define TOCSIN_NOTIFY_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "model/labels.h"
#include "tocsin/alert.h"

#define STARTS_MAX 16384 /* alert starts kept for "14 in 7 days" */

struct member;
struct notify;

struct start { /* of the ring of recent starts */
    int64_t at_ms;
    struct label *labels;
    size_t n_labels;
};

/* The alert as it is now, into the incidents of its routes: also when changes before it were missed. Cost: the
 * routes, unless only figures have changed. */
void intake_alert(struct notify *n, const struct alert *a, int64_t at_ms);
/* A known one, by the present configuration. Nobody is forgotten for it: members may be walked over. */
void intake_reroute(struct notify *n, struct member *m, int64_t at_ms);
/* It is off, for that reason; one that is off already stays as it is. */
void intake_end(struct notify *n, struct member *m, const char *reason, int64_t at_ms);

#endif
