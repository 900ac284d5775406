#include <stdlib.h>

#include "base/mem.h"
#include "journal/reading.h"

#define NEAR_MS 60000 /* a time within this of its receipt is of a sender whose clock is ours */

/* A span of blocks for later use. A block can only be read after those of its run before it, so
 * the reading begins one run's length earlier. */

struct scan {
    struct scan *next;
    struct journal *journal;
    int64_t from_ms, to_ms;
    void (*block)(const struct journal_block *b, void *arg);
    void (*done)(const struct err *e, void *arg);
    void *arg;
    struct reading *reading;
};

static void scan_free(struct scan *s)
{
    struct scan **at = &s->journal->scans;

    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
    reading_free(s->reading);
    mem_free(s);
}

void journal_scans_free(struct journal *j)
{
    while (j->scans)
        scan_free(j->scans);
}

void journal_scans_shift(struct journal *j, int64_t by_ms)
{
    for (struct scan *s = j->scans; s; s = s->next) {
        s->from_ms += s->from_ms > 0 ? by_ms : 0;
        s->to_ms += s->to_ms < INT64_MAX ? by_ms : 0;
    }
}

/* Times of senders whose clock is another one are theirs. */
static void journal_shift(const struct journal *j, struct journal_id id, struct block_view *v)
{
    int64_t recv_ms = v->head.recv_ms, by_ms = 0;

    for (size_t i = 0; i < j->n_steps; i++)
        if (journal_id_compare(id, j->steps[i].id) <= 0)
            by_ms += j->steps[i].by_ms;
    v->head.recv_ms += by_ms;
    for (size_t i = 0; by_ms && i < v->n_samples; i++)
        if (llabs(v->samples[i].t_ms - recv_ms) <= NEAR_MS)
            v->samples[i].t_ms += by_ms;
    for (size_t i = 0; by_ms && i < v->n_events; i++)
        if (llabs(v->events[i].t_ms - recv_ms) <= NEAR_MS)
            v->events[i].t_ms += by_ms;
}

static int on_block(struct journal_id id, size_t len, struct block_view *v, void *arg,
                    struct err *e)
{
    struct scan *s = arg;
    struct journal_block b = {.id = id, .replayed = true};

    (void)len, (void)e;
    if (!v)
        return 0; /* told by the reading */
    journal_set_right(s->journal, id, v);
    journal_shift(s->journal, id, v);
    b.recv_ms = v->head.recv_ms;
    b.samples = v->samples;
    b.n_samples = v->n_samples;
    b.events = v->events;
    b.n_events = v->n_events;
    if (b.recv_ms >= s->from_ms && b.recv_ms <= s->to_ms)
        s->block(&b, s->arg);
    return 0;
}

static void on_done(const struct err *e, void *arg)
{
    struct scan *s = arg;
    void (*done)(const struct err *e, void *arg) = s->done;
    void *done_arg = s->arg;

    scan_free(s);
    done(e, done_arg);
}

static void refuse(struct scan *s, void (*done)(const struct err *e, void *arg), void *arg)
{
    struct err e = {0};

    if (s)
        scan_free(s);
    err_set(&e, ERR_MEMORY, "no memory to read the journal");
    done(&e, arg);
}

void journal_scan(struct journal *j, int64_t from_ms, int64_t to_ms,
                  void (*block)(const struct journal_block *b, void *arg),
                  void (*done)(const struct err *e, void *arg), void *arg)
{
    struct scan *s = mem_zalloc(sizeof *s);
    int64_t after_ms = from_ms > RUN_MAX_MS ? from_ms - RUN_MAX_MS - 1 : 0;
    /* ids may go on ahead of the receive times */
    bool all = to_ms < (int64_t)j->last_id.ms || j->n_steps > 0;
    struct reading_options o = {.after = {.ms = (uint64_t)after_ms},
                                .to_ms = all ? INT64_MAX : to_ms,
                                .max_series = series_end(j->o.series),
                                .block = on_block,
                                .done = on_done,
                                .arg = s};

    if (!s) {
        refuse(NULL, done, arg);
        return;
    }
    for (size_t i = 0; i < j->n_steps; i++) /* ids of before a step forwards lie behind its times */
        if (j->steps[i].by_ms > 0)
            o.after.ms -=
                o.after.ms > (uint64_t)j->steps[i].by_ms ? (uint64_t)j->steps[i].by_ms : o.after.ms;
    *s = (struct scan){
        .journal = j, .from_ms = from_ms, .to_ms = to_ms, .block = block, .done = done, .arg = arg};
    s->reading = reading_new(j, &o);
    if (!s->reading) {
        refuse(s, done, arg);
        return;
    }
    s->next = j->scans;
    j->scans = s;
}
