/* A token's scope on what it sends: every series and event has to match, a missing label is empty. */

#include "decode/batch.h"
#include "model/matcher.h"

static void scope_text(const struct decode_sender *s, struct buf *out)
{
    for (size_t i = 0; i < s->n_scope; i++) {
        if (i > 0)
            buf_addc(out, ',');
        matcher_am_text(s->scope[i], out);
    }
}

static int outside(const struct decode_sender *s, const struct label *l, size_t n, const char *what,
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

struct judging {
    const struct decode_sender *sender;
    struct err *e;
    bool refused; /* the first one is told */
};

static bool is_inside(const struct series_want *x, void *arg)
{
    struct judging *j = arg;

    if (matchers_test_labels(j->sender->scope, j->sender->n_scope, x->labels, x->n))
        return true;
    if (!j->refused)
        outside(j->sender, x->labels, x->n, "the series", j->e);
    j->refused = true;
    return false;
}

int decode_scope(struct decode_batch *b, const struct decode_sender *s, bool partly, struct err *e)
{
    struct batch_build *w = b->build;
    struct judging judging = {.sender = s, .e = e};

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
        b->series_outside = (uint32_t)batch_keep_series(b, is_inside, &judging);
    return 0;
}
