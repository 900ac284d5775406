/* A block on its way: first open (requests are copied into it), then sealed (encoded), then
 * applied and confirmed, in either order; afterwards only its bytes are kept for a while. */
#ifndef TOCSIN_JOURNAL_PENDING_H
#define TOCSIN_JOURNAL_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/block.h"
#include "journal/dictionary.h"
#include "tocsin/journal.h"

struct sender {
    journal_done done; /* NULL: nobody to tell */
    void *arg;
};

struct event_text; /* the fields of one request's events */

struct pending {
    struct pending *next;
    struct journal_id id; /* once sealed */
    int64_t recv_ms;
    struct sample *samples;
    size_t n_samples, cap_samples;
    struct logevent *events;
    size_t n_events, cap_events;
    struct event_text *texts;
    uint64_t *hashes;
    size_t n_hashes, cap_hashes;
    struct sender *senders;
    size_t n_senders, cap_senders;
    uint64_t n_samples_held, n_events_held; /* still known when the samples are gone */
    struct buf bytes;                       /* encoded, once sealed */
    struct dict_write *dict;
    size_t n_dict;
    size_t size; /* memory held, without labels (the series table bounds those) */
    bool starts_run;
    bool applied;
    bool counted; /* in the statistics: it may be appended twice */
};

struct pending *pending_new(void); /* NULL: no memory */
void pending_free(struct pending *p);
/* What a request would add to `size`. */
size_t pending_cost(const struct journal_request *r);
/* Copies a request in. -1: no memory, the block as it was. */
int pending_add(struct pending *p, const struct journal_request *r, struct sender sender) MUST_USE;
/* One more to be told of this block. -1: no memory. */
int pending_join(struct pending *p, struct sender sender) MUST_USE;
/* Encodes it. -1: no memory; the codec must start a new run. */
int pending_seal(struct pending *p, struct block_codec *c, bool waited, struct err *e) MUST_USE;
/* What it holds once it is stored: its bytes, and those of the labels that it brought. */
size_t pending_kept(const struct pending *p);
/* Frees samples and events, which have been applied. */
void pending_shrink(struct pending *p);

#endif
