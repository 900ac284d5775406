/* A cut that is being taken: what cut.c (its steps) and cut_child.c (its writer) share. */
#ifndef TOCSIN_JOURNAL_CUT_JOB_H
#define TOCSIN_JOURNAL_CUT_JOB_H

#include <sys/types.h>

#include "journal/journal_impl.h"

enum cut_step {
    CUT_ARMED,
    CUT_WRITING,
    CUT_COUNTING,
    CUT_PUBLISHING,
    CUT_AGAIN /* an answer was lost: count and publish once more */
};

struct cut_job {
    struct journal *journal;
    struct journal_cut c;
    enum cut_step step;
    struct journal_id id; /* the windows stand after this block */
    uint64_t number;      /* its name; 0: not begun */
    int64_t started_ms;   /* monotonic */
    uint64_t blocks_before, bytes_before;
    uint64_t chunks, bytes;
    size_t open;        /* commands without an answer */
    bool written;       /* no more pieces come */
    bool precedes_loss; /* blocks behind it were lost meanwhile: another one is needed */
    bool in_doubt;      /* the pointer may name it already */
    bool over;          /* the journal has let go of it */
    char failed[160];
    /* the child */
    pid_t pid;
    int fd; /* what it says; -1: closed */
    struct watch *watch;
    struct buf in;
};

/* --- cut.c --- */
void cut_fail(struct journal *j, const char *why); /* frees the job */
void cut_put_piece(struct cut_job *k, const void *p, size_t n);
void cut_written(struct cut_job *k); /* may free the job */
void cut_let_go(struct cut_job *k, bool kill_it);

/* --- cut_child.c --- */
/* Starts the child. -1: it cannot be started. */
int cut_fork(struct cut_job *k, const char *url, struct err *e) MUST_USE;
/* Goes on reading when that was put off because too much waited for Redis. */
void cut_read_on(struct cut_job *k);

#endif
