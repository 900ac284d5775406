/* What the files behind tocsin/journal.h share. */
#ifndef TOCSIN_JOURNAL_IMPL_H
#define TOCSIN_JOURNAL_IMPL_H

#include <sys/types.h>

#include "journal/block.h"
#include "journal/dictionary.h"
#include "journal/pending.h"
#include "journal/retry.h"
#include "tocsin/journal.h"

#define JOURNAL_FORMAT 1 /* in tocsin:meta: of everything the journal writes */

#define POLL_MS         250
#define POLL_AWAY_MS    100
#define REFUSED_WAIT_MS 1000
#define RUN_MAX_MS      (5 * 60 * 1000) /* readers start at the beginning of a run */
#define FLIGHT_BYTES    ((size_t)8 << 20)
#define RECENT_BYTES    ((size_t)2 << 20) /* three seconds of the highest rate */
#define MEMORY_FULL     0.75              /* of Redis' maxmemory: the rest is for control state */
#define MEMORY_FREE     0.73              /* and it must be this low again */
#define BLOCK_FIELD     "b"

struct answer_due { /* a sender to be told from the loop */
    struct answer_due *next;
    journal_done done;
    void *arg;
    enum journal_answer answer;
    struct err e;
};

struct pending_list {
    struct pending *first, *last;
    size_t n;
};

/* The clock stepped after the block `id`. */
#define STEPS_MAX 16
struct clock_step {
    struct journal_id id;
    int64_t by_ms;
};

enum journal_state { JOURNAL_NEW, JOURNAL_RECOVERING, JOURNAL_READY };
enum journal_link { LINK_IDLE, LINK_FLYING, LINK_CONFIRMING, LINK_ASKING };
#define APPLY_SLICE_MS 5 /* so long blocks are applied in one turn */

struct recovery;
struct scan;
struct cut_job;

struct journal {
    struct journal_options o;
    char *url;
    struct clock *clock;
    struct timer *push, *poll;
    int64_t poll_at_ms; /* monotonic */
    enum journal_state state;
    size_t calls; /* commands under way that call back here */
    bool closing;

    /* encoding */
    struct block_codec *codec;
    bool need_run;
    int64_t run_since_ms;
    struct dictionary dictionary;

    /* blocks: open -> queue (the first n_flying of it under way) -> recent */
    struct pending *open; /* NULL: empty */
    struct pending_list queue, recent;
    struct pending *settled; /* of the queue, up to here: applied, and the senders told; or NULL */
    size_t n_flying;         /* in the transaction under way, or taken and not confirmed yet */
    size_t n_unknown;        /* of one whose fate is not known */
    size_t pending_bytes, recent_bytes;
    struct journal_id last_id;      /* given to a block */
    struct journal_id confirmed_id; /* in Redis */
    uint64_t seed;                  /* of the installation, in Redis; 0: not read yet */
    struct journal_id applied_id;
    int64_t started_ms;  /* of the recovery */
    int64_t ahead_ms;    /* the clock of an earlier run was ahead of `started_ms` by that; 0 */
    int64_t replayed_ms; /* receive time of the last block that was replayed */
    struct journal_id recovered_id;     /* the last one of earlier runs */
    struct clock_step steps[STEPS_MAX]; /* of this run */
    size_t n_steps;
    struct journal_id forgotten_id; /* the newest block that `recent` has let go */
    struct retries retries;
    struct answer_due *answers, **answers_end;

    /* Redis */
    enum journal_link link;
    bool must_ask;              /* what Redis has, before anything is sent */
    struct journal_id found_id; /* what it said */
    uint64_t found_length;
    bool rewrite_series;   /* the whole dictionary goes with the next transaction … */
    bool rewriting_series; /* … or with the one under way */
    bool refusing;         /* Redis refused the last transaction: */
    char refused_why[200]; /* in these words */
    const char *unfit;     /* what was last told of the server's kind; NULL: that it is fit */
    int64_t not_before_ms; /* monotonic */
    char run_id[48];
    bool memory_full, inspecting, counting, count_unsure;
    bool has_series;   /* Redis has labels, as far as is known */
    bool looking;      /* whether the keys are there that should be */
    uint64_t keys_due; /* how many were looked for */
    bool keys_missing; /* … and not all were there */
    int64_t inspect_at_ms, count_at_ms, weigh_at_ms;

    /* bounds and the cut */
    bool trimming, measure_due;
    struct journal_id trim_to; /* of the trim under way */
    bool trimming_copy;
    struct journal_id copy_trim_to, copy_trimmed_to; /* under way; done */
    bool has_cut;
    struct journal_id cut_id; /* of the published one */
    uint64_t cut_number;      /* its name, or that of the last attempt */
    uint64_t published_number;
    uint64_t blocks_since_cut, bytes_since_cut;
    bool want_cut;
    int64_t cut_not_before_ms;
    struct cut_job *cut;
    pid_t zombie; /* a cut's child that has not been collected; 0: none */

    struct recovery *recovery;
    struct scan *scans;
    struct journal_stats stats;
};

/* --- calls.c --- */
/* A command under way keeps the journal in memory. False: it was freed meanwhile. */
void journal_call(struct journal *j);
bool journal_returned(struct journal *j);
int64_t journal_now_ms(const struct journal *j);
int64_t journal_mono_ms(const struct journal *j);
void journal_push_soon(struct journal *j);

/* --- journal.c --- */
void journal_poll_within(struct journal *j, int64_t ms); /* at least once in that time */
/* All senders of a block, once. */
void journal_tell_all(struct journal *j, struct pending *p, enum journal_answer answer,
                      const char *why);

/* --- pending_list.c --- */
void pending_list_add(struct pending_list *l, struct pending *p);
struct pending *pending_list_take(struct pending_list *l);

/* --- journal_id.c --- */
/* "12-3" and back; 0-0 for what is not an id. */
#define JOURNAL_ID_LEN 48
void journal_id_text(char out[JOURNAL_ID_LEN], struct journal_id id);
struct journal_id journal_id_parse(const char *s);

/* --- commit.c --- */
/* The open block gets its id and its bytes and stands at the end of the queue. */
void journal_seal(struct journal *j);
/* Does the next thing there is to do with blocks. `apply` may free the journal. */
void journal_commit(struct journal *j);
void journal_apply(struct journal *j, const struct journal_block *b);
/* Redis has the first block of the queue. */
void journal_confirm_first(struct journal *j);
bool journal_is_away(const struct journal *j);
/* Redis is treated as away for `ms`, or until it is up. */
void journal_hold(struct journal *j, int64_t ms);
/* Redis answered with an error, which counts as away for a while; and the end of that. */
void journal_refused(struct journal *j, const char *why);
void journal_taken_again(struct journal *j);

/* --- verify.c --- */
void journal_keep_recent(struct journal *j, struct pending *p);
bool journal_must_verify(const struct journal *j);
void journal_verify(struct journal *j);
/* The number of blocks is not what it should be: blocks are missing somewhere in the middle. */
void journal_missing(struct journal *j);

/* --- copy.c --- */
/* The first block of the queue is in Redis: it is written once more. */
void journal_copy(struct journal *j, const struct pending *p);
/* Drops what the published cut holds, in steps. */
void journal_copy_trim(struct journal *j);
/* Redis has lost blocks: the copy is begun anew. */
void journal_copy_forget(struct journal *j);

/* --- recover.c --- */
void journal_recovery_poll(struct journal *j);
void journal_recovery_free(struct journal *j);
void journal_write_meta(struct journal *j);
/* Times after this run's start come from a clock that was ahead: they are moved back by as much as
 *  it was. `id`: of the block. */
void journal_set_right(const struct journal *j, struct journal_id id, struct block_view *v);

/* --- scan.c --- */
void journal_scans_free(struct journal *j);
void journal_scans_shift(struct journal *j, int64_t by_ms);

/* --- trim.c --- */
void journal_watch_memory(struct journal *j);
void journal_trim(struct journal *j);

/* --- cut.c --- */
bool journal_cut_is_armed(const struct journal *j);
/* Everything up to applied_id is in Redis and nothing else is sealed: take the cut now. */
void journal_cut_begin(struct journal *j);
/* Redis has lost blocks: one that is being written does not make that good. */
void journal_cut_is_not_enough(struct journal *j);
void journal_cut_poll(struct journal *j);
void journal_cut_free(struct journal *j);

#endif
