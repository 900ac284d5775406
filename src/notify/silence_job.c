/* Making a silence takes a count first, and counting 100,000 alerts takes longer than a turn of the loop may.
 * So what is asked for is kept as a draft with a copy of who asks, counted in slices, decided in one turn and
 * told. One is counted at a time, in the order in which they came: who asks twice gets the second answer after
 * the first. Until it is decided nothing of it is anywhere, in memory or in Redis, and from then on it holds
 * all that it matches (hold_spread.h). Without a loop the answer is there when the call returns. */
#include "notify/silence_job.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "notify/notify_impl.h"
#include "notify/silence_count.h"
#include "notify/silence_draft.h"
#include "notify/silence_make.h"
#include "notify/silence_rails.h"
#include "notify/slice.h"

struct silence_job {
    struct silence_job *next;
    struct silence *draft; /* NULL: taken */
    struct silence_count count;
    bool counting, dry_run, has_actor;
    struct silence_request r; /* without matchers: the draft has them */
    struct actor actor;       /* its scope is the draft's */
    char id[UUID_LEN + 1];
    silence_answer *then;
    void *arg;
};

static void job_free(struct silence_job *j)
{
    silence_count_end(&j->count);
    silence_free(j->draft);
    mem_free(j);
}

/* --- what is kept of the question --- */

static struct silence_job *job_new(struct notify *n, const struct silence_request *r,
                                   const struct actor *a, bool dry_run, struct err *e)
{
    struct silence_job *j = mem_zalloc(sizeof *j);
    const struct silence *d;

    if (!j) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    j->dry_run = dry_run;
    j->r = *r;
    j->r.matchers = NULL;
    j->r.n_matchers = 0;
    j->r.comment = NULL;
    if (silence_known_id(n, r, a, e) || !(j->draft = silence_draft(n, r, a, e))) {
        job_free(j);
        return NULL;
    }
    d = j->draft;
    if (r->id)
        memcpy(j->id, r->id, strnlen(r->id, UUID_LEN));
    j->r.id = j->id;
    j->has_actor = a != NULL;
    if (a)
        j->actor = (struct actor){.who = d->by ? d->by : "",
                                  .origin = d->origin,
                                  .scope = d->scope,
                                  .n_scope = d->n_scope,
                                  .admin = a->admin};
    return j;
}

/* --- its turn --- */

static void decide(struct notify *n, struct silence_job *j)
{
    const struct actor *a = j->has_actor ? &j->actor : NULL;
    struct silence_preview p = j->count.p;
    const struct silence *s = NULL;
    struct err e = {0};

    silence_finish_preview(n, j->draft, &p);
    if (!j->dry_run) {
        struct silence *d = j->draft;

        silence_count_end(&j->count); /* which borrows it */
        s = silence_take(n, &j->draft, &j->r, a, &p, &e);
        assert(!s || (s == d) == !j->draft);
    }
    j->then(s, &p, s || j->dry_run ? NULL : &e, j->arg);
}

/* False: the slice is over before it is counted. */
static bool job_step(struct notify *n, struct silence_job *j, struct slice *slice)
{
    if (!j->counting)
        silence_count_begin(&j->count, n, j->draft);
    j->counting = true;
    return silence_count_step(&j->count, n, slice);
}

bool silence_jobs_step(struct notify *n, struct slice *slice)
{
    struct silence_job *j;

    while ((j = n->first_job)) {
        if (slice_over(slice) || !job_step(n, j, slice))
            return false;
        n->first_job = j->next;
        if (!n->first_job)
            n->last_job = NULL;
        decide(n, j);
        job_free(j);
    }
    return true;
}

void notify_silence_order(struct notify *n, const struct silence_request *r, const struct actor *a,
                          bool dry_run, silence_answer *then, void *arg)
{
    struct err e = {0};
    struct silence_job *j = job_new(n, r, a, dry_run, &e);

    if (j && dry_run && silence_hard_rails(n, j->draft, r, a, &e)) {
        job_free(j);
        j = NULL;
    }
    if (!j) {
        then(NULL, NULL, &e, arg);
        return;
    }
    j->then = then;
    j->arg = arg;
    *(n->last_job ? &n->last_job->next : &n->first_job) = j;
    n->last_job = j;
    if (n->o.loop)
        notify_run_soon(n);
    else if (!silence_jobs_step(n, &(struct slice){0}))
        assert(0 && "without a loop a slice has no end");
}

void silence_jobs_shift(struct notify *n, int64_t by_ms)
{
    for (struct silence_job *j = n->first_job; j; j = j->next) {
        struct silence *d = j->draft;

        if (d->starts_ms != d->updated_ms) /* set for later: people named the time */
            continue;
        clock_move(&d->starts_ms, by_ms);
        clock_move(&d->ends_ms, by_ms);
        clock_move(&d->updated_ms, by_ms);
    }
}

void silence_jobs_free(struct notify *n)
{
    struct silence_job *j;

    while ((j = n->first_job)) {
        n->first_job = j->next;
        job_free(j);
    }
    n->last_job = NULL;
}
