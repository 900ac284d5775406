/* Inside of the book: shared by the files of this room only. */
#ifndef TOCSIN_ALERT_BOOK_H
#define TOCSIN_ALERT_BOOK_H

#include "alert/due.h"
#include "alert/group_map.h"
#include "base/map.h"
#include "tocsin/alert.h"

#define ALERT_WHY_MAX         4096 /* bytes of the evaluated tree that are kept: a screenful of JSON */
#define HISTORY_DEFAULT       100000
#define EXTERNAL_DEFAULT      200000 /* about 1 KiB each */
#define EXTERNAL_EACH_DEFAULT 100000
/* evaluated_to is stored with alerts at once, alone at most this often: it only saves replay */
#define EVALUATED_EVERY_MS 1000

struct alert_book {
    struct alert_book_options o;
    struct store_table *table, *meta; /* NULL without a store */
    struct map *rules;                /* name -> struct alert_rule */
    struct map *senders;              /* origin -> struct alert_rule without a definition */
    struct map *by_fingerprint;       /* 8 bytes -> struct alert_entry */
    struct due_heap due;              /* the alerts of senders */
    int64_t evaluated_to_ms, evaluated_stored_ms;
    struct alert_stats counts; /* kept where states change: entry_count(), rule_count() */
    bool dirty;                /* an alert was stored since evaluated_to was */
};

struct alert_rule {
    struct alert_book *book;
    const struct rule_def *def; /* NULL: restored, not yet claimed */
    char *name, *origin, *keys; /* keys: names of the group labels, "*" for any */
    uint64_t fire_hash;         /* of the conditions that its alerts were decided by */
    struct alert_policy policy; /* until claimed: one level for each priority */
    struct group_map alerts;
    const struct rule_def *next_def; /* reserved for, with next_keys */
    char *next_keys;
    /* groups refused since the present look, and at the look before it */
    struct refusals {
        uint64_t limit, hidden;
    } refused, refused_before;
    uint64_t counted;  /* what of it is in the book's counts */
    const char *hides; /* the label that hid one of the data's last; of `def` */
    int64_t look_ms;
};

/* The alert and what only the book needs to know. */
struct alert_entry {
    struct alert a;     /* first: an alert is its entry */
    char *field;        /* in tocsin:{c}:alerts: origin + label text */
    uint64_t stored;    /* hash of what a restart must not lose, as it was last written */
    struct external *x; /* of an alert of a sender; NULL: a rule's */
    bool in_store, has_peak, peak_low;
    bool is_pending, is_firing, is_nodata; /* as the book counts it */
    bool conditions_changed;               /* by a reload, while it was on: not looked at since */
    bool labels_stale;   /* there was no memory for those of the rule's new version */
    size_t n_state;      /* strings in a.when_state */
    int labels_priority; /* the severity label was made for this priority */
};

/* --- book.c --- */
/* Each rule, then each sender; start with a cursor of zeros. NULL at the end. */
struct book_cursor {
    bool senders;
    size_t at;
};
struct alert_rule *book_next(const struct alert_book *b, struct book_cursor *c);
/* A change, and what was before it. */
struct conclusion {
    enum alert_change change;
    int from;
    enum alert_phase from_phase;
    bool tell;
    int64_t at_ms;
};
/* Counts, writes, tells and, where nothing is left to remember, frees: after the state has changed. */
void entry_conclude(struct alert_entry *e, const struct conclusion *c);
/* When it began and ended, after the state has changed. */
void entry_follow_times(struct alert *a, enum alert_change change, const char *reason,
                        int64_t at_ms);

/* --- entry.c --- */
struct alert_entry *entry_new(struct alert_rule *r, labelset group); /* takes a reference of it */
void entry_free(struct alert_entry *e); /* also out of its rule's map; the store is not told */
void entry_state_clear(struct alert_entry *e);
void entry_count(struct alert_entry *e); /* after its state changed: the book's counts follow */
void rule_count(struct alert_rule *r);   /* after its refusals changed */

/* --- content.c: labels, annotations, why --- */
int entry_label(struct alert_entry *e, int priority); /* makes its labels; -1: as they were */
/* The same of labels that are known (sorted, copied). */
int entry_label_as(struct alert_entry *e, const struct label *l, size_t n);
void entry_annotate(struct alert_entry *e, const struct alert_look *look, enum alert_change change,
                    int64_t at_ms);
void entry_annotations_clear(struct alert_entry *e);
void entry_explain(struct alert_entry *e, const struct alert_look *look);
void entry_fingerprint_drop(struct alert_entry *e);
/* It is found by its fingerprint, unless another one that fires is: two origins may have the same labels. */
void entry_fingerprint_claim(struct alert_entry *e);
/* After the rule's labels changed: makes its labels anew. Who may have been told of it under the
 * old ones is told its end, then its start under the new ones. */
void entry_relabel(struct alert_entry *e, int64_t at_ms);

/* --- record.c: what stands in Redis --- */
void entry_store(struct alert_entry *e); /* writes it when a restart would lose something */
void entry_unstore(struct alert_entry *e);
void entry_history(const struct alert_entry *e, const struct conclusion *c, const char *reason);

/* --- rule.c --- */
struct alert_rule *rule_alloc(struct alert_book *b, const char *name, const char *origin);
struct alert_rule *rule_new(struct alert_book *b, const char *name);
void rule_free(struct alert_rule *r); /* its alerts as well; nothing is told */

#endif
