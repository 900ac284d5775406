/* Documents: what is known of alerts, rules, incidents, silences and receivers, as JSON (docs/api.md).
 *
 * Each is written here and nowhere else; the API answers with them, pages draw them, and what its reader
 * may not see is not in them. Pure: nothing is changed, nobody is waited for. */
#ifndef TOCSIN_VIEW_H
#define TOCSIN_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "tocsin/alert.h"
#include "tocsin/deliver.h"
#include "tocsin/notify.h"
#include "tocsin/rule.h"

struct cJSON;
struct config;
struct config_receiver;

/* What documents are made of, and for whom; all borrowed. */
struct view {
    const struct labelsets *labels;
    struct rules *rules;
    struct alert_book *book;
    struct notify *notify;
    struct deliver *deliver;
    const char *external_url; /* NULL: not known */
    const struct actor *who;
    int64_t now_ms;
};

/* --- what the reader may see (scope.c) --- */
bool view_sees_alert(const struct view *v, const struct alert *a);
/* What has (at least) these labels: one that is not known may be anything, so what a rule or a silence
 * leaves open may concern him. */
bool view_may_concern(const struct view *v, struct matcher *const *known, size_t n);
bool view_sees_rule(const struct view *v, const struct rule_def *d);
bool view_sees_silence(const struct view *v, const struct silence *s);

/* Member `key`: an object of labels. */
void labels_json(struct json *j, const char *key, const struct label *l, size_t n);

/* --- alerts --- */
void alert_json(const struct view *v, struct json *j, const struct alert *a, bool with_why);
const char *alert_phase_name(const struct alert *a);
const char *alert_rule_name(const struct alert *a); /* "" where its rule is not known */

/* --- incidents --- */
struct incident_filter {
    uint64_t before;
    size_t limit;
    bool open, ended; /* only those */
};
/* Array of incidents, newest first, those the reader may see. */
void incidents_json(const struct view *v, struct json *j, const struct incident_filter *f);
/* One as it is in that array; -1: there is none. */
int incident_listed_json(const struct view *v, struct json *j, uint64_t number) MUST_USE;
/* One, with its alerts; -1: there is none that the reader may see. */
int incident_json(const struct view *v, uint64_t number, struct buf *out) MUST_USE;

/* --- silences --- */
#define SILENCES_CURRENT "current" /* active or pending: what mutes, or will */
struct silence_filter {
    struct matcher *const *matchers; /* of its exact matchers, read as labels */
    size_t n_matchers;
    const char *state; /* one of silence_state_names, or SILENCES_CURRENT; NULL or "": any */
    const char *after; /* id of the last one that was read; NULL or "": from the first */
    size_t limit;
};
void silences_json(const struct view *v, struct json *j, const struct silence_filter *f);
/* The answer to `dryRun`. */
void silence_preview_json(const struct silence_request *r, const struct silence_preview *p,
                          int64_t now_ms, struct buf *out);

/* --- rules --- */
void rules_json(const struct view *v, struct json *j, bool only_broken);
void rule_json(const struct view *v, struct json *j, struct rule *r, bool with_leaves);
/* The name of a rule that the reader may see and that is nearest to `name`; NULL: none is. Compares
 * with at most 5,000 rules. */
const char *rule_nearest(const struct view *v, const char *name);

/* --- explanations; history is added by who can wait for it --- */
struct view_labels {
    const struct label *l; /* sorted */
    size_t n;
};
/* The rule in its groups that have the labels of `want`, and why nothing fires where nothing does. */
void rule_explain_json(const struct view *v, struct json *j, struct rule *r,
                       const struct view_labels *want);
/* An incident: its alerts as they are seen now, and where it went. `parsed` is the incident itself, to be
 * deleted. -1: there is none that the reader may see. */
int incident_explain_json(const struct view *v, uint64_t number, struct buf *out,
                          struct cJSON **parsed) MUST_USE;

/* --- receivers --- */
void lane_members_json(const struct view *v, struct json *j, const struct lane_stats *s);
void channel_json(const struct view *v, struct json *j, const struct config_receiver *r, size_t i);

/* --- in Alertmanager's shape --- */
/* It fires, and somebody is to hear of it. */
bool am_is_listed(const struct alert *a);
void am_alert_json(const struct view *v, struct json *j, const struct alert *a,
                   const struct alert_standing *s);
/* The configuration as a file that Alertmanager's tools load; without secrets. */
void am_config_yaml(const struct config *c, struct buf *out);

/* --- in Prometheus' shape --- */
void prom_alerts_json(const struct view *v, struct json *j);
/* Rules by file; `list` is sorted in place. */
void prom_rules_json(const struct view *v, struct json *j, const struct rule **list, size_t n,
                     bool with_alerts);
const char *prom_group_name(const char *file); /* of the group that a file is */

#endif
