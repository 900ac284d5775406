/* All stages, connected. The one drawing of the whole flow stands at the head of wire.c. */
#ifndef TOCSIN_APP_WIRE_H
#define TOCSIN_APP_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "tocsin/alert.h"
#include "tocsin/config.h"
#include "tocsin/db.h"
#include "tocsin/deliver.h"
#include "tocsin/journal.h"
#include "tocsin/loop.h"
#include "tocsin/notify.h"
#include "tocsin/outbound.h"
#include "tocsin/rule.h"
#include "tocsin/store.h"
#include "tocsin/window.h"

struct wire;

struct wire_options {
    struct loop *loop; /* borrowed, like all of these */
    struct db *db;
    const char *db_url; /* for the child that saves the windows; NULL: saved in the loop */
    struct outbound *outbound;
    const struct config *config; /* a reference is taken */
    const char *templates;       /* folder of channel templates, NULL: the built-in ones */
    unsigned max_sends;          /* messages on their way at once; 0: 256 */
    bool shadow;
    /* Loads the rule files: called during the start, when what was kept in Redis is known; the journal
     * is replayed after wire_rules_loaded(), which may be called from here or turns later. */
    void (*load_rules)(struct wire *w, void *arg);
    /* One field of tocsin:{c}:rules: the last accepted text of a rule file. */
    void (*kept_rule_file)(const char *path, const char *text, size_t len, void *arg);
    /* Puts all accepted rule files into the table again (Redis came back older). */
    void (*rewrite_rule_files)(struct store_table *t, void *arg);
    /* Everything is restored and live (NULL), or the start failed for good. */
    void (*ready)(const struct err *e, void *arg);
    void *arg;
};

struct wire *wire_new(const struct wire_options *o, struct err *e);
void wire_free(struct wire *w);
/* Connection events, from db_options: the first one up starts. */
void wire_db_up(struct wire *w);
void wire_db_down(struct wire *w);
void wire_configure(struct wire *w, const struct config *c);

bool wire_is_live(const struct wire *w);
/* Why Redis, which answers, takes nothing: "" while it does, or is away. Begins with a word in
 * capitals. */
const char *wire_redis_trouble(const struct wire *w);
/* What the start is doing, for /startupz. */
const char *wire_phase(const struct wire *w);
/* Looks and blocks wait while rules are exchanged: no instant is begun, and blocks that Redis has stored are
 * applied and answered afterwards. False: an instant that is begun goes on first; call it again in another
 * turn. Each that was told true releases once. */
bool wire_hold(struct wire *w) MUST_USE;
void wire_release(struct wire *w);
void wire_rules_loaded(struct wire *w); /* once, of the start */
/* Starts filling leaves that a reload has added from what the journal still holds. */
void wire_fill_new_leaves(struct wire *w);

/* The parts, for the API and for tests. */
struct wire_parts {
    struct loop *loop;
    struct clock *clock;
    struct db *db;
    struct labelsets *labels;
    struct series_table *series;
    struct windows *windows;
    struct alert_book *book;
    struct rules *rules;
    struct store *store;
    struct store_table *rule_files;
    struct journal *journal;
    struct notify *notify;
    struct deliver *deliver;
    const struct config *config;
};
const struct wire_parts *wire_parts(const struct wire *w);

struct wire_stats {
    uint64_t looks_late_ms; /* the worst delay between an instant and its look, since asked */
    int64_t looked_to_ms;
    uint64_t ahead_ms;  /* so far was the clock of the run before */
    int64_t step_ms;    /* the last step of the clock that was followed; 0: none was */
    int64_t step_at_ms; /* monotonic: when that was */
    int64_t refused_ms; /* so far is the system's clock off, which Redis' does not confirm; 0 */
    uint64_t fills, fills_running;
};
/* The engine's clock has been set by `by_ms`, in this turn (clock_follow): whatever remembers
 * instants is moved by it, so that how long ago things were stays as it is. Only while live. */
void wire_clock_stepped(struct wire *w, int64_t by_ms);
/* A step that is not followed; 0: there is none (any more). */
void wire_clock_refused(struct wire *w, int64_t by_ms);
void wire_take_stats(struct wire *w, struct wire_stats *out);

#endif
