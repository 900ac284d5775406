/* A token's scope on what it sends: every series and event has to match, a missing label is empty. */
#include "ingest/scope.h"

#include <assert.h>

#include "ingest/batch.h"
#include "model/matcher.h"

static void scope_text(const struct ingest_sender *s, struct buf *out)
{
    for (size_t i = 0; i < s->n_scope; i++) {
        if (i > 0)
            buf_addc(out, ',');
        matcher_am_text(s->scope[i], out);
    }
}

static int outside(const struct ingest_sender *s, const struct label *l, size_t n, const char *what,
                   struct err *e)
{
    struct buf scope = BUF_INIT, labels = BUF_INIT;

    scope_text(s, &scope);
    labels_text(l, n < LABELS_MAX ? n : LABELS_MAX, &labels);
    err_set(e, ERR_REFUSED, "token %s may send only what has %.80s, not %s %.120s", s->token,
            buf_str(&scope), what, buf_str(&labels));
    buf_free(&scope);
    buf_free(&labels);
    return -1;
}

/* Takes out the series that are outside, with their samples, which stand in the order of their
 * series. Returns how many. */
static size_t drop_series(struct ingest_batch *b, const struct ingest_sender *s, struct err *e)
{
    struct batch_build *w = b->build;
    size_t kept = 0, samples = 0, at = 0, all = w->n_wants;

    for (size_t i = 0; i < all; i++) {
        const struct series_want *x = &w->wants[i];
        bool in = matchers_test_labels(s->scope, s->n_scope, x->labels, x->n);

        if (!in && kept == i) /* the first one */
            outside(s, x->labels, x->n, "the series", e);
        for (; at < b->n_samples && w->samples[at].series == i; at++) {
            if (!in)
                continue;
            w->samples[samples] = w->samples[at];
            w->samples[samples++].series = (uint32_t)kept;
        }
        if (!in)
            continue;
        w->kinds[kept] = w->kinds[i];
        w->wants[kept++] = *x;
    }
    assert(at == b->n_samples && "samples stand in the order of their series");
    b->n_samples = samples;
    w->n_wants = kept;
    return all - kept;
}

int ingest_scope(struct ingest_batch *b, const struct ingest_sender *s, bool partly, struct err *e)
{
    struct batch_build *w = b->build;

    b->series_outside = 0;
    if (s->n_scope == 0)
        return 0;
    w->n_types = 0; /* the kind of a metric is shared by all that send it */
    for (size_t i = 0; i < b->n_events; i++)
        if (!matchers_test_labels(s->scope, s->n_scope, b->events[i].fields, b->events[i].n_fields))
            return outside(s, b->events[i].fields, b->events[i].n_fields, "the event", e);
    for (size_t i = 0; i < w->n_wants && !partly; i++)
        if (!matchers_test_labels(s->scope, s->n_scope, w->wants[i].labels, w->wants[i].n))
            return outside(s, w->wants[i].labels, w->wants[i].n, "the series", e);
    if (partly)
        b->series_outside = (uint32_t)drop_series(b, s, e);
    return 0;
}
