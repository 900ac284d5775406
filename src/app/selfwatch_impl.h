/* What watching itself keeps, for its files: samples and probes, and /metrics. */
#ifndef TOCSIN_APP_SELFWATCH_IMPL_H
#define TOCSIN_APP_SELFWATCH_IMPL_H

#include "app/selfwatch.h"

/* The samples of one turn, before they get their series. */
#define SELF_SAMPLES_MAX 2048

struct selfwatch {
    struct selfwatch_options o;
    struct timer *timer;
    struct timer *deadman;
    int64_t down_since_ms;     /* Redis, 0: up */
    int64_t refusing_since_ms; /* Redis answers, but takes nothing; 0: it does */
    uint64_t last_input;       /* samples and events counted at the last turn */
    int64_t last_input_ms;     /* when it last grew, 0: never */
    struct wire_stats wire;
    struct loop_lag lag;
    uint64_t long_turns, longest_turn_ns; /* since the start */
    uint64_t busy_ns[LOOP_STAGES];
    bool pinging, late_told;
    uint64_t pings, pings_failed, pings_held;
    struct sample samples[SELF_SAMPLES_MAX];
    size_t n_samples, next_rule;
    bool asking;                  /* rules, from next_rule on */
    int64_t at_ms;                /* of the samples */
    int64_t began_ms;             /* monotonic */
    struct clocks_off clocks_off; /* at the last turn */
    bool off_told;
    int64_t stepped_at_ms; /* monotonic: the last step of the clock that its times were moved by */
};

/* selfwatch_clock.c: samples about clocks, and what /readyz says of them. Returns whether all of them
 * are right. */
void selfwatch_add_clocks(struct selfwatch *s);
bool selfwatch_describe_clocks(const struct selfwatch *s, char *text, size_t size);
/* selfwatch_rules.c: samples about rules, of some thousand from `next_rule` on; true: of all. Then a 0 for
 * each alert of our own that is on and of which no sample says otherwise. */
bool selfwatch_add_rules(struct selfwatch *s);
void selfwatch_settle(struct selfwatch *s);
/* selfwatch_lease.c: who acts. Returns whether that is as it should be. */
bool selfwatch_describe_lease(const struct selfwatch *s, char *text, size_t size);
void selfwatch_lease_json(const struct selfwatch *s, struct json *out);
/* Adds a sample of our own, with one label or none (NULL). */
void selfwatch_add(struct selfwatch *s, const char *name, const char *label, const char *value,
                   double v);

/* Bytes of the word that begins a refusal, which says its kind: "READONLY", "OOM", "REPLICA" … */
#define TROUBLE_KIND 24

static inline const struct wire_parts *selfwatch_parts(const struct selfwatch *s)
{
    return wire_parts(s->o.wire);
}

#endif
