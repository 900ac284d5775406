/* Tocsin watching itself: its metrics for /metrics, the few of them that its own rules look at as
 * samples in its own journal, the canary, and the dead man's switch. */
#ifndef TOCSIN_APP_SELFWATCH_H
#define TOCSIN_APP_SELFWATCH_H

#include "app/dataset.h"
#include "app/forward.h"
#include "app/rulebook.h"
#include "app/wire.h"
#include "base/buf.h"
#include "tocsin/http.h"
#include "tocsin/intake.h"

struct selfwatch;

struct selfwatch_options {
    struct wire *wire;
    struct rulebook *rulebook;
    struct dataset *dataset;
    struct intake *ingest;
    struct http_server *http; /* may be NULL */
    struct outbound *outbound;
    const struct lease *lease;
    const struct forward *forward;
};

struct selfwatch *selfwatch_new(const struct selfwatch_options *o); /* NULL: no memory */
void selfwatch_free(struct selfwatch *s);
void selfwatch_start(struct selfwatch *s); /* once everything is live */
void selfwatch_db(struct selfwatch *s, bool up);
/* The exposition format, version 0.0.4. */
void selfwatch_metrics(struct selfwatch *s, struct buf *out);
/* Readiness: {"ready","reasons":[…],"lease":{"state","holder","url","token"}}. */
bool selfwatch_ready(struct selfwatch *s, struct json *out);

#endif
