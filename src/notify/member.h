/* An alert as one incident knows it. Several incidents may hold the same alert, each with a member of its
 * own: what it is routed by, told of and held by differs. */
#ifndef TOCSIN_NOTIFY_MEMBER_H
#define TOCSIN_NOTIFY_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/labels.h"
#include "model/rule_def.h"
#include "notify/alert_index.h"
#include "tocsin/alert.h"
#include "tocsin/hold.h"

#define WHY_MAX 4096

struct config_route;
struct incident;

struct member {
    /* what every plan asks of each, side by side: walks over thousands wait for memory */
    uint32_t n; /* number within the incident, never used again */
    bool firing;
    bool moved;      /* ended here because it is routed to other incidents */
    bool hold_known; /* `hold` was by the silences there were; false: to be computed */
    bool dirty;      /* differs from its row: among the incident's dirty_members */
    int priority;    /* now, or the last */
    int worst;       /* the most severe since it started: what its end is told as */
    enum hold_kind hold;
    uint64_t hold_version; /* by which silences it is known: hold_is_known() */
    size_t n_routes;
    const struct config_route **routes; /* that lead it here; of the present configuration */
    int64_t starts_ms, ends_ms;
    int64_t visible_ms; /* fires and is not held since then, 0: is not */
    int64_t raised_ms;  /* its priority changed, last */
    int64_t routed_ms;  /* its routes changed, last */
    int64_t freed_ms;   /* a hold ended with it still on, last */
    struct incident *incident;
    struct member *next_same; /* the same alert in other incidents */
    struct member *next_dirty;
    char *key; /* origin + labels without severity: its identity */
    char *origin;
    struct label *labels; /* one block; sorted */
    size_t n_labels;
    struct rule_pair *annotations; /* one block */
    size_t n_annotations;
    uint64_t fingerprint;
    bool suppressed, has_value, has_threshold;
    double value, peak, threshold;
    enum unit unit;
    char *unit_name;
    int64_t nodata_ms, gone_ms;
    char *end_reason, *why;
    int64_t held_ms;
    char held_by[UUID_LEN + 1]; /* "s31"; "" of `unless` */
    char freed_by[UUID_LEN + 1];
    struct index_place place; /* among all that fire, and by each of its labels: alert_index.c */
    struct index_place *places;
    size_t n_places;
};

/* Joins the incident with the next number, behind all others. NULL: no memory. */
struct member *member_new(struct incident *inc, const char *key);
/* The only way that its priority changes: the incident counts its members by it. */
void member_set_priority(struct member *m, int priority);
/* It differs from its row, which the next review of its incident writes. */
void member_touch(struct member *m);
void member_free(struct member *m); /* out of no list: that is the incident's */
/* All that the alert says: labels, texts, tree, figures. -1: no memory, it stays as it was. */
int member_copy(struct member *m, const struct alert *a);
/* The figures alone: nothing that a message depends on. */
void member_values(struct member *m, const struct alert *a);
/* What it is shown as: its priority while it is on, then the most severe that it had. */
int member_priority(const struct member *m);
/* Firing first, most severe first, oldest first: the order everywhere. */
int member_order(const struct member *a, const struct member *b);
/* Replaces a text by a copy of `max` bytes at most, cut between characters; NULL or "": by none. Without
 * memory the old one stays. */
void member_text(char **to, const char *text, size_t max);

#endif
