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
struct intake;

enum intake_answer {
    INTAKE_STORED,  /* 204 */
    INTAKE_WAITING, /* taken, but not yet safe: 503, the sender repeats it */
    INTAKE_REFUSED, /* nothing was taken: 429 (ERR_LIMIT) or 503 */
};
typedef void (*intake_done)(enum intake_answer answer, const struct err *e, void *arg);

struct intake_options {
    struct series_table *series; /* borrowed */
    struct clock *clock;         /* borrowed */
    struct decode_limits limits;
    /* Who sends? False: it has been refused and answered. NULL: everybody may send everything. */
    bool (*sender)(struct http_request *r, struct decode_sender *out, void *arg);
    /* Is there a heartbeat of that name? False with the reason, and with what to do. NULL: every name is
     * one. */
    bool (*heartbeat)(const char *name, struct err *e, void *arg);
    /* May more be taken? Asked before a body is decoded; false with the reason. NULL: always. */
    bool (*accepts)(struct err *e, void *arg);
    /* Takes a batch, copying what it keeps; calls `done` (may be NULL) once, now or later.
     * `identity` is what the request is known by when it comes again (model/identity.h). */
    void (*append)(const struct decode_batch *b, uint64_t identity, intake_done done,
                   void *done_arg, void *arg);
    void *arg;
};

struct intake *intake_new(const struct intake_options *o, struct err *e);
/* What requests are known by is hashed with this from now on: the installation's seed, or what was sent
 * before a restart and is sent again would count twice. Until then with one of this process. */
void intake_set_seed(struct intake *g, uint64_t seed);
void intake_free(struct intake *g);
/* True when the path is one of a decoder's: the request is then answered, now or later. */
bool intake_handle(struct intake *g, struct http_request *r);
/* StatsD: connect to udp_options.datagram and .drained with this ingest as argument. Datagrams
 * of one wake-up make one batch. */
void intake_datagram(const char *data, size_t len, void *ingest);
void intake_drained(void *ingest);

struct intake_stats {
    struct intake_protocol_stats {
        uint64_t requests;                        /* or datagrams */
        uint64_t samples, events;                 /* handed to the sink */
        uint64_t bad, too_large, busy, no_memory; /* requests refused, by reason */
        uint64_t unknown;                         /* pings of names that no heartbeat has */
        uint64_t not_numbers, exemplars, histograms, metadata, clamped, fields_dropped, values_cut,
            lines_refused, series_refused, series_over;
        uint64_t outside; /* requests refused, and series left out, by the scope of their token */
    } of[DECODE_PROTOCOLS];
    uint64_t new_series;
};
void intake_stats(const struct intake *g, struct intake_stats *out);

/* What is left out of what was taken, by reason: each is counted, and logged when it is met first. */
struct intake_loss {
    const char *name; /* the count, as in tocsin_ingest_NAME_total */
    const char *text; /* what it is that was left out, and why */
    size_t counted;   /* offset in struct decode_counts: uint32_t */
    size_t kept;      /* offset in struct intake_protocol_stats: uint64_t */
};
#define INTAKE_LOSSES 9
extern const struct intake_loss intake_losses[INTAKE_LOSSES];
/* How often it was met with this protocol. */
uint64_t intake_lost(const struct intake_stats *s, enum decode_protocol p,
                     const struct intake_loss *loss);

#endif
