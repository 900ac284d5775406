/* What comes in: requests and datagrams of several protocols, made into samples and events.
 *
 * A decoder is pure: bytes and limits in, a batch or an error out. It touches no series table, so
 * a request that is refused has created nothing. ingest_resolve() then turns the batch's label
 * sets into series ids. The receiver is the thin part around it that speaks HTTP and UDP and
 * hands whole batches to a sink (the journal, connected elsewhere); it answers the client when
 * the sink has. One request is taken whole or not at all; remote write series by series, as its
 * protocol says, and datagrams line by line. Whatever is left out is counted by its reason. */
#ifndef TOCSIN_INGEST_H
#define TOCSIN_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "model/series.h"

/* --- limits; 0 takes the default --- */
struct ingest_limits {
    uint32_t new_series_per_minute; /* beyond: the request is refused until later; 2,000,000 */
    /* seams of tests; 0 or NULL, as in the program: what is said */
    size_t max_body;      /* bytes after decompression; 32 MiB */
    uint32_t max_samples; /* of one request; 200,000 */
    uint32_t max_events;  /* of one request; 50,000 */
    uint32_t max_labels;  /* of one series, without its name; 40, at most LABELS_MAX */
    uint32_t max_name;    /* bytes of a metric, label or field name; 256 */
    uint32_t max_value;   /* bytes of a label value; 2,048, at most 65,535 */
    uint32_t max_fields;  /* of one event, further ones are left out; LOGEVENT_FIELDS_MAX */
    uint32_t max_field;   /* bytes of a field's value, longer ones are cut; 32 KiB */
    uint32_t max_gauges;  /* remembered for StatsD's relative gauges; 100,000 */
};
void ingest_limits_fill(struct ingest_limits *l); /* puts the defaults where 0 stands */

/* --- a decoded request --- */
struct ingest_batch {
    const struct sample *samples; /* series ids are set by ingest_resolve() */
    size_t n_samples;
    const struct logevent *events; /* views into the body or into memory of the batch */
    size_t n_events;
    uint32_t n_untimed;      /* samples and events that brought neither a time nor an id */
    uint32_t n_named;        /* events that brought an id */
    uint32_t series_outside; /* taken out: they are outside of the scope of the sender's token */
    struct ingest_counts {
        uint32_t not_numbers; /* samples left out: NaN (but for the staleness mark), Inf */
        uint32_t exemplars, histograms, metadata; /* of remote write, not used */
        uint32_t clamped;                         /* times more than a minute ahead, set to now */
        uint32_t fields_dropped, values_cut;      /* of events beyond the limits */
        uint32_t lines_refused;  /* of StatsD; the first reason is in `part_error` */
        uint32_t series_refused; /* of remote write: not well formed; the same */
        uint32_t series_over;    /* new series over a bound, of what is taken in parts; the same */
        uint32_t new_series;     /* created by ingest_resolve() */
    } counts;
    bool in_parts;             /* what is refused costs itself, not the whole request */
    struct err part_error;     /* why the first part was left out */
    struct batch_build *build; /* private */
};

struct ingest_batch *ingest_batch_new(void); /* NULL: no memory */
void ingest_batch_free(struct ingest_batch *b);
void ingest_batch_clear(struct ingest_batch *b); /* for the next request; keeps its memory */

/* What decoders remember between requests: gauges of StatsD, types of Prometheus' metadata.
 * Bounded. */
struct ingest_memory;
struct ingest_memory *ingest_memory_new(void); /* NULL: no memory */
void ingest_memory_free(struct ingest_memory *m);

struct ingest_input {
    const void *body;
    size_t len;
    int64_t now_ms;
    const struct ingest_limits *limits; /* filled */
    struct ingest_memory *memory;
};

/* Decodes all of the input into the (cleared) batch. Returns -1 with the line and field of the
 * first fault: ERR_INPUT (400), ERR_LIMIT (413), ERR_MEMORY (503); the batch is to be cleared
 * then. The views of the batch live as long as the body and until the batch is cleared. */
typedef int (*ingest_decode)(struct ingest_batch *b, const struct ingest_input *in, struct err *e);

enum ingest_protocol {
    INGEST_REMOTE_WRITE,
    INGEST_JSON_METRICS,
    INGEST_JSON_EVENTS,
    INGEST_FORM,
    INGEST_STATSD,
    INGEST_PROTOCOLS
};

struct ingest_decoder {
    const char *name;     /* as in tocsin_ingest_…{protocol="…"} */
    const char *path;     /* of HTTP; NULL: not by HTTP */
    const char *types[4]; /* content types taken, NULL at the end; none: any */
    bool get;             /* GET with the body as query is taken too */
    ingest_decode decode;
};
extern const struct ingest_decoder ingest_decoders[INGEST_PROTOCOLS];

/* How many series may still be created in this minute. */
struct ingest_budget {
    int64_t minute;
    uint32_t left;
};

/* Gives the batch's samples their series ids, creating those that are new, for the sender `token`
 * ("" for none). All or nothing: -1 (ERR_BUSY: over the budget or the table's bound; ERR_MEMORY)
 * leaves the table as it was. `budget` may be NULL. Cost: about 200 ns a sample at a million
 * series. */
int ingest_resolve(struct ingest_batch *b, const struct ingest_input *in, struct series_table *t,
                   const char *token, struct ingest_budget *budget, struct err *e) MUST_USE;

/* --- the receiver --- */
struct http_request;
struct ingest;

enum ingest_answer {
    INGEST_STORED,  /* 204 */
    INGEST_WAITING, /* taken, but not yet safe: 503, the sender repeats it */
    INGEST_REFUSED, /* nothing was taken: 429 (ERR_LIMIT) or 503 */
};
typedef void (*ingest_done)(enum ingest_answer answer, const struct err *e, void *arg);

/* Who sends. */
struct ingest_sender {
    const char *token;            /* its name; "": there are no tokens */
    struct matcher *const *scope; /* all it sends must match; borrowed */
    size_t n_scope;
};

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
