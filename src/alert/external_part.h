/* An alert of a sender at one severity, and all of these together. */
#ifndef TOCSIN_ALERT_EXTERNAL_PART_H
#define TOCSIN_ALERT_EXTERNAL_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/rule_def.h"

struct alert_posted;

#define EXTERNAL_PARTS 8 /* severities of one alert; a table of severities has about five */
/* After its end: Prometheus repeats for so long that an alert has ended, and one that comes back
 * meanwhile is compared with it. */
#define EXTERNAL_KEEP_MS (INT64_C(15) * 60 * 1000)

/* The alert at one severity, with a life of its own: two rules of a sender's that differ in severity
 * alone are one alert here, which rises when the second fires and falls when it ends. */
struct external_part {
    char *severity; /* the label; "": it has none */
    int priority;
    int64_t starts_ms, ends_ms; /* ended where ends_ms is not later than now */
    int64_t updated_ms;
    bool on;      /* had not ended when it was last looked at */
    bool timeout; /* ends_ms is not its sender's word: it was not given */
    char *url;
    struct rule_pair *annotations; /* one block */
    size_t n_annotations;
};

struct external {
    struct external_part part[EXTERNAL_PARTS];
    size_t n;
    size_t due_at; /* place in the book's heap */
};

bool external_part_is_on(const struct external_part *p, int64_t at_ms);
/* What is said: times that are not given are filled in. -1: no memory. */
int external_part_make(struct external_part *out, const struct alert_posted *p,
                       const char *severity, int priority, int64_t at_ms) MUST_USE;
void external_part_clear(struct external_part *p);
/* What is known goes into what is said, where Alertmanager would merge them. */
void external_part_merge(const struct external_part *old, struct external_part *new, int64_t at_ms);
/* Where a part goes: that of its severity, a new one, or the place of the one that ended first; NULL: all
 * are on. */
struct external_part *external_part_place(struct external *x, const char *severity, int64_t at_ms);
void external_part_remove(struct external *x, size_t i);
/* Those that ended long ago. */
void external_parts_forget(struct external *x, int64_t at_ms);
/* What the alert is shown as: the most severe part that is on, else the one that ended last; NULL: it
 * has none. */
const struct external_part *external_part_shown(const struct external *x, int64_t at_ms);
/* When something is due of it: an end, or forgetting what ended. */
int64_t external_parts_due_ms(const struct external *x, int64_t at_ms);

#endif
