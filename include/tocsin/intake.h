/* Where samples and events come in: HTTP and UDP around the decoders.
 *
 * The receiver hands whole batches to a sink (the journal, connected elsewhere) and answers the sender
 * when the sink has; what was left out of a batch is counted by its reason, and told. */
#ifndef TOCSIN_INTAKE_H
#define TOCSIN_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "tocsin/decode.h"

struct http_request;
struct ingest;

enum ingest_answer {
    INGEST_STORED,  /* 204 */
    INGEST_WAITING, /* taken, but not yet safe: 503, the sender repeats it */
    INGEST_REFUSED, /* nothing was taken: 429 (ERR_LIMIT) or 503 */
};
typedef void (*ingest_done)(enum ingest_answer answer, const struct err *e, void *arg);

struct ingest_options {
    struct series_table *series; /* borrowed */
    struct clock *clock;         /* borrowed */
    struct ingest_limits limits;
    /* Who sends? False: it has been refused and answered. NULL: everybody may send everything. */
    bool (*sender)(struct http_request *r, struct ingest_sender *out, void *arg);
    /* May more be taken? Asked before a body is decoded; false with the reason. NULL: always. */
    bool (*accepts)(struct err *e, void *arg);
    /* Takes a batch, copying what it keeps; calls `done` (may be NULL) once, now or later.
     * `identity` is what the request is known by when it comes again (model/identity.h). */
    void (*append)(const struct ingest_batch *b, uint64_t identity, ingest_done done,
                   void *done_arg, void *arg);
    void *arg;
};

struct ingest *ingest_new(const struct ingest_options *o, struct err *e);
/* What requests are known by is hashed with this from now on: the installation's seed, or what was sent
 * before a restart and is sent again would count twice. Until then with one of this process. */
void ingest_set_seed(struct ingest *g, uint64_t seed);
void ingest_free(struct ingest *g);
/* True when the path is one of a decoder's: the request is then answered, now or later. */
bool ingest_handle(struct ingest *g, struct http_request *r);
/* StatsD: connect to udp_options.datagram and .drained with this ingest as argument. Datagrams
 * of one wake-up make one batch. */
void ingest_datagram(const char *data, size_t len, void *ingest);
void ingest_drained(void *ingest);

struct ingest_stats {
    struct ingest_protocol_stats {
        uint64_t requests;                        /* or datagrams */
        uint64_t samples, events;                 /* handed to the sink */
        uint64_t bad, too_large, busy, no_memory; /* requests refused, by reason */
        uint64_t not_numbers, exemplars, histograms, metadata, clamped, fields_dropped, values_cut,
            lines_refused, series_refused, series_over;
        uint64_t outside; /* requests refused, and series left out, by the scope of their token */
    } of[INGEST_PROTOCOLS];
    uint64_t new_series;
};
void ingest_stats(const struct ingest *g, struct ingest_stats *out);

/* What is left out of what was taken, by reason: each is counted, and logged when it is met first. */
struct ingest_loss {
    const char *name; /* the count, as in tocsin_ingest_NAME_total */
    const char *text; /* what it is that was left out, and why */
    size_t counted;   /* offset in struct ingest_counts: uint32_t */
    size_t kept;      /* offset in struct ingest_protocol_stats: uint64_t */
};
#define INGEST_LOSSES 9
extern const struct ingest_loss ingest_losses[INGEST_LOSSES];
/* How often it was met with this protocol. */
uint64_t ingest_lost(const struct ingest_stats *s, enum ingest_protocol p,
                     const struct ingest_loss *loss);

#endif
