/* Which group of a log leaf an event belongs to. Windows count it there, rules keep its text there:
 * both have to mean the same labels. */
#ifndef TOCSIN_MODEL_EVENT_GROUP_H
#define TOCSIN_MODEL_EVENT_GROUP_H

#include "base/buf.h"
#include "base/redact.h"
#include "model/leaf.h"
#include "model/sample.h"

/* The labels of its group, sorted as its fields are; views into the event. `out` has room for
 * LABELS_MAX. An event has no fixed labels: a leaf without grouping is one total, without labels. */
size_t event_group(const struct leaf_spec *s, const struct logevent *e, struct label *out);

/* Hides the secrets in the values, since labels are shown wherever an alert is: "https://bob:pw@host"
 * becomes one group with every other password of bob's. Values that change are views into `room`
 * (empty at the call) until it is freed. `also` may be NULL. False: no memory. */
bool event_group_redact(const struct redact_also *also, struct label *l, size_t n,
                        struct buf *room) MUST_USE;

#endif
