/* Requests and datagrams of several protocols, made into samples and events.
 *
 * A decoder is pure: bytes and limits in, a batch or an error out. It touches no series table, so
 * a request that is refused has created nothing. decode_resolve() then turns the batch's label
 * sets into series ids. One request is taken whole or not at all; remote write series by series, as its
 * protocol says, and datagrams line by line. Whatever is left out is counted by its reason. */
#ifndef TOCSIN_DECODE_H
#define TOCSIN_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "model/series.h"

/* --- limits; 0 takes the default --- */
struct decode_limits {
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
void decode_limits_fill(struct decode_limits *l); /* puts the defaults where 0 stands */

/* --- a decoded request --- */
struct decode_batch {
    const struct sample *samples; /* series ids are set by decode_resolve() */
    size_t n_samples;
    const struct logevent *events; /* views into the body or into memory of the batch */
    size_t n_events;
    uint32_t n_untimed;      /* samples and events that brought neither a time nor an id */
    uint32_t n_named;        /* events that brought an id */
    uint32_t series_outside; /* taken out: they are outside of the scope of the sender's token */
    struct decode_counts {
        uint32_t not_numbers; /* samples left out: NaN (but for the staleness mark), Inf */
        uint32_t exemplars, histograms, metadata; /* of remote write, not used */
        uint32_t clamped;                         /* times more than a minute ahead, set to now */
        uint32_t fields_dropped, values_cut;      /* of events beyond the limits */
        uint32_t lines_refused;  /* of StatsD; the first reason is in `part_error` */
        uint32_t series_refused; /* of remote write: not well formed; the same */
        uint32_t series_over;    /* new series over a bound, of what is taken in parts; the same */
        uint32_t new_series;     /* created by decode_resolve() */
    } counts;
    bool in_parts;             /* what is refused costs itself, not the whole request */
    struct err part_error;     /* why the first part was left out */
    struct batch_build *build; /* private */
};

struct decode_batch *decode_batch_new(void); /* NULL: no memory */
void decode_batch_free(struct decode_batch *b);
void decode_batch_clear(struct decode_batch *b); /* for the next request; keeps its memory */

/* What decoders remember between requests: gauges of StatsD, types of Prometheus' metadata.
 * Bounded. */
struct decode_memory;
struct decode_memory *decode_memory_new(void); /* NULL: no memory */
void decode_memory_free(struct decode_memory *m);

struct decode_input {
    const void *body;
    size_t len;
    int64_t now_ms;
    const struct decode_limits *limits; /* filled */
    struct decode_memory *memory;
};

/* Decodes all of the input into the (cleared) batch. Returns -1 with the line and field of the
 * first fault: ERR_INPUT (400), ERR_LIMIT (413), ERR_MEMORY (503); the batch is to be cleared
 * then. The views of the batch live as long as the body and until the batch is cleared. */
typedef int (*decode_fn)(struct decode_batch *b, const struct decode_input *in, struct err *e);

enum decode_protocol {
    DECODE_REMOTE_WRITE,
    DECODE_JSON_METRICS,
    DECODE_JSON_EVENTS,
    DECODE_FORM,
    DECODE_HEARTBEAT,
    DECODE_STATSD,
    DECODE_PROTOCOLS
};

struct decode_protocol_row {
    const char *name;     /* as in tocsin_ingest_…{protocol="…"} */
    const char *path;     /* of HTTP; NULL: not by HTTP */
    const char *types[4]; /* content types taken, NULL at the end; none: any */
    bool get;             /* GET (and HEAD, which asks for the same) is taken too */
    bool below;           /* `path` is how the path begins: the rest says what is meant */
    decode_fn decode;
};
extern const struct decode_protocol_row decode_table[DECODE_PROTOCOLS];

/* How many series may still be created in this minute. */
struct decode_budget {
    int64_t minute;
    uint32_t left;
};

/* Gives the batch's samples their series ids, creating those that are new, for the sender `token`
 * ("" for none). All or nothing: -1 (ERR_BUSY: over the budget or the table's bound; ERR_MEMORY)
 * leaves the table as it was. `budget` may be NULL. Cost: about 200 ns a sample at a million
 * series. */
int decode_resolve(struct decode_batch *b, const struct decode_input *in, struct series_table *t,
                   const char *token, struct decode_budget *budget, struct err *e) MUST_USE;

/* --- what a token may send: its scope as a matcher on every series and event --- */
/* Who sends. */
struct decode_sender {
    const char *token;            /* its name; "": there are no tokens */
    struct matcher *const *scope; /* all it sends must match; borrowed */
    size_t n_scope;
};

/* To be called on a decoded batch before decode_resolve(). Something is outside of the sender's
 * scope: -1 with ERR_REFUSED that names the first, or, `partly`, its series are taken out, counted in
 * `series_outside`, and `e` names the first of them. Without a scope it costs nothing; with one a
 * test of each series and event. */
int decode_scope(struct decode_batch *b, const struct decode_sender *s, bool partly,
                 struct err *e) MUST_USE;

#endif
