/* Alertmanager's file in parts: each writes its blocks of tocsin.lua and its lines of the report. */
#ifndef CONVERT_AM_H
#define CONVERT_AM_H

#include "convert/conversion.h"

struct am {
    struct conversion c;
    const struct doc_node *root, *global; /* global: may be NULL */
};

/* global { … }, templates and what else stands beside routes and receivers. */
void am_global(struct am *am);
/* Calendars, of both lists of time intervals. */
void am_intervals(struct am *am);
/* Whether one of the lists defines it. */
bool am_interval_known(const struct am *am, const char *name);
void am_receivers(struct am *am);
const struct doc_node *am_receiver_named(const struct am *am, const char *name);
/* The tree of routes, then inhibition. */
void am_routes(struct am *am);
void am_inhibition(struct am *am);

/* --- one channel --- */

/* The block of a channel while it is written. */
struct am_block {
    struct am *am;
    const char *receiver, *channel; /* channel: Tocsin's name */
    const struct doc_node *node;    /* Alertmanager's block */
    size_t number;                  /* of its kind in the receiver, from 1 */
    bool known;                     /* this version has the channel */
    struct buf out;                 /* keys, indented by 2 */
};

/* Has this version the key? Otherwise it is noted as manual, and false. */
bool am_has(struct am_block *b, const char *key);
void am_put_text(struct am_block *b, const char *key, const char *value);
/* A secret, inline or in a file, becomes key = secret_file "…". `name`: of the YAML, for notes. */
void am_put_secret(struct am_block *b, const char *key, const char *name,
                   const struct doc_node *inline_text, const struct doc_node *file);
/* key = secret_file "…", of a secret that a person has to get first. */
void am_put_place(struct am_block *b, const char *key);
/* http_config of the block, else the global one. */
void am_http(struct am_block *b);
/* Whether a global or own value is given. */
const struct doc_node *am_value(const struct am_block *b, const char *key, const char *global);

#endif
