/* Mail to single recipients: who a mail server refused while it took the mail for others. */
#ifndef TOCSIN_DELIVER_LATE_H
#define TOCSIN_DELIVER_LATE_H

#include <stddef.h>

#include "deliver/send.h"

struct late;

/* One mail to some of a channel's recipients ("Ana <ana@example.com>"), all borrowed for the call.
 * NULL with `e`: refused at once. */
struct late_mail {
    const struct config_channel *config;
    const char *const *to;
    size_t n_to;
    const char *data;
    size_t len;
};
struct outbound_call *late_mail(struct deliver *d, const struct late_mail *m, outbound_done done,
                                void *arg, struct err *e);

/* A message of `s` was taken for all but those of `refused`: says so, tries those again whose
 * reply was temporary (4yz), and forgets what was still to be tried for them of earlier messages of
 * this lane and incident. `n` may be 0. */
void late_follow(const struct send *s, const struct outbound_refusal *refused, size_t n);
/* "taken, but not for gone@example.com: 550 no such user". */
void late_explain(const struct outbound_result *r, char *out, size_t size);
void late_free_all(struct deliver *d);

#endif
