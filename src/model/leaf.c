#include "model/leaf.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

const char *const leaf_fn_names[LEAF_FNS] = {
    [LEAF_LAST] = "last",
    [LEAF_RATE] = "rate",
    [LEAF_INCREASE] = "increase",
    [LEAF_IRATE] = "irate",
    [LEAF_COUNT] = "count",
    [LEAF_SUM] = "sum",
    [LEAF_AVG] = "avg",
    [LEAF_MIN] = "min",
    [LEAF_MAX] = "max",
    [LEAF_FIRST] = "first",
    [LEAF_DELTA] = "delta",
    [LEAF_STDDEV] = "stddev",
    [LEAF_CHANGES] = "changes",
    [LEAF_RESETS] = "resets",
    [LEAF_SINCE_LAST] = "since_last",
    [LEAF_QUANTILE] = "quantile",
    [LEAF_FRACTION_BELOW] = "fraction_below",
};

/* text_duration() shows two units; a canonical text must not lose the rest. */
static void exact_duration(struct buf *out, int64_t ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (ms >= units[i].ms)
            buf_addf(out, "%lld%s", (long long)(ms / units[i].ms), units[i].name);
        ms %= units[i].ms;
    }
    assert(ms == 0);
}

static void text_function(const struct leaf_spec *s, struct buf *out)
{
    assert(s->fn < LEAF_FNS);
    buf_addf(out, " %s", leaf_fn_names[s->fn]);
    if (s->fn == LEAF_SINCE_LAST && s->window_ms == 0)
        return;
    buf_addc(out, '(');
    if (s->fn == LEAF_QUANTILE || s->fn == LEAF_FRACTION_BELOW) {
        text_plain(out, s->param);
        buf_adds(out, ", ");
    }
    exact_duration(out, s->window_ms);
    buf_addc(out, ')');
}

void leaf_text(const struct leaf_spec *s, struct buf *out)
{
    assert(s->source == LEAF_LOGS || s->metric);
    buf_adds(out, s->source == LEAF_LOGS ? "logs" : s->metric);
    if (s->n_matchers > 0 || s->source == LEAF_LOGS) {
        buf_addc(out, '{');
        for (size_t i = 0; i < s->n_matchers; i++) {
            if (i > 0)
                buf_addc(out, ',');
            matcher_text(s->matchers[i], out);
        }
        buf_addc(out, '}');
    }
    if (s->field)
        buf_addf(out, " field(%s)", s->field);
    text_function(s, out);
    if (s->offset_ms != 0) {
        buf_adds(out, " offset(");
        exact_duration(out, s->offset_ms);
        buf_addc(out, ')');
    }
    if (s->grouping == LEAF_PER_SERIES)
        return;
    buf_adds(out, s->grouping == LEAF_BY ? " by(" : " without(");
    for (size_t i = 0; i < s->n_labels; i++)
        buf_addf(out, "%s%s", i > 0 ? "," : "", s->labels[i]);
    buf_addc(out, ')');
}

struct leaf_spec *leaf_spec_dup(const struct leaf_spec *s)
{
    struct leaf_spec *d = mem_alloc(sizeof *d);

    if (!d)
        return NULL;
    *d = *s;
    d->metric = d->field = NULL;
    d->matchers = mem_zalloc(s->n_matchers * sizeof *d->matchers);
    d->labels = mem_zalloc(s->n_labels * sizeof *d->labels);
    d->n_matchers = d->n_labels = 0;
    if (!d->matchers || !d->labels || (s->metric && !(d->metric = mem_strdup(s->metric))) ||
        (s->field && !(d->field = mem_strdup(s->field))))
        goto fail;
    for (; d->n_matchers < s->n_matchers; d->n_matchers++)
        d->matchers[d->n_matchers] = matcher_ref(s->matchers[d->n_matchers]);
    for (; d->n_labels < s->n_labels; d->n_labels++) {
        d->labels[d->n_labels] = mem_strdup(s->labels[d->n_labels]);
        if (!d->labels[d->n_labels])
            goto fail;
    }
    return d;
fail:
    leaf_spec_free(d);
    return NULL;
}

void leaf_spec_free(struct leaf_spec *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_matchers; i++)
        matcher_unref(s->matchers[i]);
    for (size_t i = 0; i < s->n_labels; i++)
        mem_free((char *)s->labels[i]);
    mem_free(s->matchers);
    mem_free(s->labels);
    mem_free((char *)s->metric);
    mem_free((char *)s->field);
    mem_free(s);
}

int64_t leaf_pane_ms(int64_t window_ms, bool sketch)
{
    static const int64_t steps[] = {1000,   2000,    5000,    10000,   15000,
                                    30000,  60000,   120000,  300000,  600000,
                                    900000, 1800000, 3600000, 7200000, 21600000};
    size_t n = sizeof steps / sizeof *steps, i = 0;
    int64_t parts = sketch ? 12 : 60;

    assert(window_ms >= 0);
    while (i + 1 < n && steps[i] * parts < window_ms)
        i++;
    return steps[i];
}
