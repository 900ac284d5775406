/* Searching the history stream, page by page, without blocking the loop. */
#ifndef API_HISTORY_H
#define API_HISTORY_H

#include "api/later.h"

#define HISTORY_PAGE     500
#define HISTORY_SEARCHED 10000 /* entries looked at for one answer */
#define HISTORY_TARGETS  200   /* alerts of one incident that are asked for */
#define STREAM_ID_MAX    44

struct history_target {  /* alerts of this rule with these group labels, or some of them */
    char *rule, *labels; /* labels: as the stream has them; NULL: any */
    char *fingerprint;   /* of one alert, whose labels are `all`; NULL: as `labels` says */
    struct label_list all;
};

struct history_search {
    struct api *api;
    struct history_search *next, **at; /* in api->searches */
    /* what is wanted; empty ones want everything */
    struct history_target *targets;
    size_t n_targets;
    struct label_list labels; /* all of these */
    struct matcher_list scope;
    int64_t since_ms; /* older ones end the search, 0: none */
    int64_t until_ms; /* newer ones are another story, 0: none */
    size_t limit;
    char meant[480]; /* said where nothing is found: the rule may have been mistyped */
    char before[STREAM_ID_MAX];
    /* the answer so far: entries, with commas, without brackets */
    struct buf found;
    size_t n, seen, page;
    bool over; /* limit, time or end of the stream */
    void (*done)(struct history_search *s, const struct err *e, void *arg);
    void *arg;
};

/* NULL: no memory. The scope of `c` is copied. */
struct history_search *history_search_new(const struct call *c, size_t limit);
void history_search_free(struct history_search *s);
int history_want(struct history_search *s, const char *rule, const char *labels) MUST_USE;
/* Alerts of one incident (as incident_json() tells it), from an hour before it was opened, but behind
 * the end of the one before it, to its end. */
int history_want_incident(struct history_search *s, const cJSON *incident) MUST_USE;
/* Starts it; `done` is told once, from the loop, and frees the search. */
void history_start(struct history_search *s,
                   void (*done)(struct history_search *s, const struct err *e, void *arg),
                   void *arg);

/* {a="b",c="d"} as labelset_text() writes it; sorted. -1: it is none, or no memory. */
int labels_of_text(const char *text, struct label_list *out) MUST_USE;

#endif
