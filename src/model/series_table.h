/* Inside of the series table, shared by series.c (lookup), source.c (who sends) and batch.c.
 *
 *   table: [ tag | id+1 ] …  ->  pages of 4,096 struct series  ->  the interned label set
 *
 * A page is freed when all of its ids were given and forgotten: ids are not used again, so after
 * months the low pages are empty. */
#ifndef TOCSIN_MODEL_SERIES_TABLE_H
#define TOCSIN_MODEL_SERIES_TABLE_H

#include "model/labelsets.h"
#include "model/series.h"

#define SERIES_PAGE 4096
#define NAME_LABEL  "__name__"

/* Of one series beside its labels: its struct and its places in tables. */
#define SERIES_BYTES 48

struct series_page {
    uint32_t live;
    struct series series[SERIES_PAGE]; /* labels == LABELSET_NONE: unknown or forgotten */
};

/* Who sends: a token, and the `job` and `instance` labels as an interned set. A source without
 * series lets go of them; its number is not used again, since windows remember by it. */
struct series_source {
    labelset labels; /* LABELSET_NONE: gone */
    uint32_t token;  /* symbol */
    uint32_t refs;   /* series */
    uint64_t
        bytes; /* that labels grew by when its series came; a series that goes takes the mean */
};

/* The sources of one token. Tokens are few: they are searched one by one, for new series only. */
struct series_share {
    uint32_t token; /* symbol */
    uint32_t refs;  /* sources */
    uint64_t bytes;
};

struct series_table {
    struct labelsets *ls;
    uint32_t max_series;
    uint64_t seed;
    struct idtable ids, source_ids;
    struct series_page **pages;
    size_t n_pages, cap_pages;
    size_t pages_held;
    uint32_t count, end;
    struct series_source *sources;
    uint32_t n_sources, last_source; /* that a series was found to be of */
    size_t cap_sources;
    struct series_share *shares;
    size_t n_shares, cap_shares;
    uint64_t label_max, share_max; /* 0: no bound */
};

/* The number of the source with one reference more, created when new; SERIES_NONE: no memory. */
uint32_t series_source_take(struct series_table *t, const struct label *l, size_t n,
                            const char *token);
void series_source_drop(struct series_table *t, uint32_t source);
/* A series of this source has come, for which labels grew by so many bytes. */
void series_source_charge(struct series_table *t, uint32_t source, uint64_t bytes);
/* Are these the labels of the series? Compares all bytes. */
bool series_is(const struct series_table *t, const struct series *s, const struct label *l,
               size_t n);

static inline struct series *series_slot(const struct series_table *t, uint32_t id)
{
    return &t->pages[id / SERIES_PAGE]->series[id % SERIES_PAGE];
}

#endif
