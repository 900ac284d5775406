/* The table of series: labels to a dense 32-bit id and back.
 *
 * An id is given once and never again while the journal may still hold it; ids are stored in
 * blocks, so they are stable over restarts (the journal writes the dictionary). The table knows
 * nothing of Redis or windows: windows keep their own arrays by id. Memory: about 40 bytes a
 * series plus its share of the interned labels. */
#ifndef TOCSIN_MODEL_SERIES_H
#define TOCSIN_MODEL_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/labels.h"
#include "model/sample.h"

#define SERIES_NONE UINT32_MAX

/* The mark of samples that this program writes about itself. Whatever comes in with a label of
 * this name is refused, so its own alerts, which ask for it, see nobody else's data. */
#define SERIES_OWN_LABEL "__origin__"
#define SERIES_OWN       "tocsin"

struct series {
    labelset labels;   /* without __name__ */
    uint32_t name;     /* interned name: compare ids, read with series_name() */
    uint32_t source;   /* who sends it: token + job + instance, see series_source_count() */
    uint32_t seen_min; /* minute of its newest sample, as the windows count them */
    uint8_t kind;      /* enum sample_kind of its newest sample */
    bool about_scrape; /* `up`, `scrape_…`: they come also from a target that is away */
};

struct series_table;

/* The memory that labels may take, in bytes: of all series, and of those that one token has sent
 * ("" is one, too). Asked by series_room(); nothing else refuses by it, so that what was stored is
 * restored, and the program's own samples find room. Until set: no bound. */
void series_label_limits(struct series_table *t, uint64_t all, uint64_t token);
enum series_room { SERIES_FITS, SERIES_TABLE_FULL, SERIES_LABELS_FULL, SERIES_TOKEN_FULL };
/* Would a new series of this token fit, if nothing of its labels were there yet? */
enum series_room series_room(const struct series_table *t, const struct label *l, size_t n,
                             const char *token);
struct series_memory {
    uint64_t all, all_max;     /* bytes of labels; 0: no bound */
    uint64_t token_max;        /* of one token */
    uint64_t fullest;          /* bytes of the token that holds most */
    const char *fullest_token; /* "" for none */
};
void series_memory(const struct series_table *t, struct series_memory *out);

/* `ls` is borrowed. `max_series`: more are refused (0: no bound). NULL: no memory. */
struct series_table *series_table_new(struct labelsets *ls, uint32_t max_series);
void series_table_free(struct series_table *t);
struct labelsets *series_labelsets(struct series_table *t);

/* The id of the series with these labels (sorted, with __name__ among them), created when new
 * with the kind given. `token` names who sent it, "" for none; it is part of the source only.
 * SERIES_NONE: over the bound, no __name__, or no memory. Cost: one hash and one compare of all
 * label bytes; `*is_new` tells whether it was created. */
uint32_t series_resolve(struct series_table *t, const struct label *l, size_t n, const char *token,
                        enum sample_kind kind, bool *is_new);
/* The same in two steps, so that a batch can prefetch: hash all, then look up all. */
uint64_t series_hash(const struct series_table *t, const struct label *l, size_t n);
void series_prefetch(const struct series_table *t, uint64_t hash);
uint32_t series_resolve_hashed(struct series_table *t, uint64_t hash, const struct label *l,
                               size_t n, const char *token, enum sample_kind kind, bool *is_new);
/* The id of a known series, SERIES_NONE when there is none; nothing is created. */
uint32_t series_find(const struct series_table *t, uint64_t hash, const struct label *l, size_t n);
/* Looks many up at once: the one that follows the last in the table first, which costs a compare; where
 * that is another one, by hash, with their cache misses overlapped (the fastest way at a million series).
 * Fills `id`. Those that are not known get SERIES_NONE and their `hash`; create them with
 * series_resolve_hashed(). */
struct series_want {
    const struct label *labels; /* sorted, with __name__ */
    uint32_t n;
    uint32_t id;
    uint64_t hash; /* of those that are not known */
};
void series_lookup(const struct series_table *t, struct series_want *w, size_t n);

/* Puts a series back under the id it had (recovery). Returns -1 when the id is taken by other
 * labels or memory fails. */
int series_restore(struct series_table *t, uint32_t id, const struct label *l, size_t n,
                   const char *token, enum sample_kind kind, struct err *e) MUST_USE;
/* Forgets a series: its id is not used again, its labels are released. */
void series_forget(struct series_table *t, uint32_t id);

struct series *series_get(struct series_table *t, uint32_t id); /* NULL: unknown or forgotten */
const char *series_name(const struct series_table *t, uint32_t name, size_t *len);
uint32_t series_name_find(const struct series_table *t, const char *name,
                          size_t len);                               /* or UINT32_MAX */
const char *series_token(const struct series_table *t, uint32_t id); /* "" for none */
uint32_t series_count(const struct series_table *t);                 /* known now */
uint32_t series_end(const struct series_table *t);                   /* first id never given yet */
void series_set_end(struct series_table *t, uint32_t end); /* recovery: ids below were given */
/* Seam of tests: sources, which are numbered from 0. */
uint32_t series_source_count(const struct series_table *t);
/* What a source is, for people: its token, job and instance, as far as it has them; "" for a source
 * that is gone. */
void series_source_text(const struct series_table *t, uint32_t source, struct buf *out);
/* Is this source, which has series, one instance of something? */
bool series_source_is_instance(const struct series_table *t, uint32_t source);
/* Seam of tests: memory held. */
size_t series_bytes(const struct series_table *t);
/* Writes all labels of a series, __name__ included, sorted, into `out` (room for LABELS_MAX + 1).
 * Returns how many, 0 for an unknown series. */
size_t series_labels(const struct series_table *t, uint32_t id, struct label *out);

#endif
