/* Random traffic (resets, gaps, late, repeated and stale samples, births) against a model that
 * keeps every sample and looks at all of them again each time. Now and then the windows are
 * replaced by what their cut says. */
#include "fixture.h"

#define SERIES  10
#define ENTRIES 6000
#define GROUPS  3 /* g = a, b; and all of them */

struct entry {
    int64_t t_ms;
    double v, inc, dt_s;
    bool ordered, known, has_before, changed, dropped, replaced, stale;
    bool newest; /* in its series, when it came */
};

struct modelled {
    char name[64], labels[64];
    enum sample_kind kind;
    int group, source;
    struct entry *e;
    size_t n;
    int64_t last_ms; /* of the ordered ones */
    double last_v;
    double intervals[ENTRIES];
    size_t n_intervals;
    double usual_s;    /* of its own group; the shared one is in the model */
    int64_t recent[8]; /* times of the samples taken last, newest first */
};

struct round { /* of a source: the samples of one second */
    int64_t t_ms;
    int fell, held; /* counters */
};

struct model {
    struct modelled s[SERIES];
    struct round rounds[2][8 * ENTRIES]; /* of each source */
    size_t n_rounds[2];
    double usual_s[2]; /* step of each group, as rates follow it */
    int64_t newest_ms[2];
    uint64_t seed;
};

static uint32_t rnd(struct model *m, uint32_t below)
{
    m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(m->seed >> 33) % below;
}

static void model_init(struct model *m, uint64_t seed)
{
    static const enum sample_kind kinds[SERIES] = {
        SAMPLE_CUMULATIVE, SAMPLE_CUMULATIVE, SAMPLE_GAUGE, SAMPLE_CUMULATIVE,   SAMPLE_GAUGE,
        SAMPLE_DELTA,      SAMPLE_CUMULATIVE, SAMPLE_GAUGE, SAMPLE_DISTRIBUTION, SAMPLE_CUMULATIVE};

    memset(m, 0, sizeof *m);
    m->seed = seed;
    for (int i = 0; i < SERIES; i++) {
        struct modelled *s = &m->s[i];

        s->kind = kinds[i];
        s->group = i % 2;
        s->source = i % 3 == 0;
        snprintf(s->labels, sizeof s->labels, "g=%c i=%d job=%d", 'a' + s->group, i, s->source);
        snprintf(s->name, sizeof s->name, "m g=%c i=%d job=%d", 'a' + s->group, i, s->source);
        s->e = calloc(ENTRIES, sizeof *s->e);
    }
}

static void model_free(struct model *m)
{
    for (int i = 0; i < SERIES; i++)
        free(m->s[i].e);
}

/* Two rounds before this one, since the source was first heard of, was silent for long or had most of
 * its counters fall. */
static bool source_is_alive(const struct model *m, int source, int64_t t_ms)
{
    const struct round *r = m->rounds[source];
    size_t n = m->n_rounds[source], from = 0;
    double usual = 0;

    for (size_t i = 1; i < n; i++) {
        double gap = (double)(r[i].t_ms - r[i - 1].t_ms);

        if (gap > 300000 && gap > 3 * usual)
            from = i;
        else if (r[i - 1].fell > r[i - 1].held)
            from = i - 1;
        usual = usual > 0 ? floor((usual + fmin(gap, 4 * usual)) / 2) : gap;
    }
    if (from + 1 >= n || t_ms - r[from + 1].t_ms < 1000)
        return false;
    return t_ms < r[n - 1].t_ms || r[n - 1].fell <= r[n - 1].held;
}

static void note_source(struct model *m, int source, int64_t t_ms)
{
    size_t *n = &m->n_rounds[source];

    if (*n == 0 || t_ms - m->rounds[source][*n - 1].t_ms >= 1000)
        m->rounds[source][(*n)++] = (struct round){.t_ms = t_ms};
}

static void witness(struct model *m, const struct modelled *s, int64_t t_ms, double v)
{
    struct round *r = &m->rounds[s->source][m->n_rounds[s->source] - 1];

    if (s->kind != SAMPLE_CUMULATIVE || s->last_ms == 0 || t_ms <= s->last_ms || t_ms < r->t_ms)
        return;
    r->fell += v < s->last_v;
    r->held += v >= s->last_v && s->last_v > 0;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double patience(const struct modelled *s)
{
    double last[8], usual;
    size_t n = s->n_intervals < 8 ? s->n_intervals : 8;

    if (n == 0)
        return 300;
    memcpy(last, s->intervals + s->n_intervals - n, n * sizeof *last);
    qsort(last, n, sizeof *last, ascending);
    usual = (last[(n - 1) / 2] + last[n / 2]) / 2;
    return fmax(300, 3 * usual);
}

static void follow_step(double *usual_s, double step_s, double on_s)
{
    if (*usual_s == 0)
        *usual_s = step_s;
    else if (step_s > *usual_s)
        *usual_s = fmin(step_s, 1.5 * *usual_s);
    else
        *usual_s -= (*usual_s - step_s) * fmin(1, on_s / (32 * *usual_s));
}

static void model_ordered(struct model *m, struct modelled *s, struct entry *e)
{
    e->ordered = e->newest = true;
    if (s->last_ms == 0) {
        e->known = source_is_alive(m, s->source, e->t_ms);
        e->inc = e->known ? e->v : 0;
    } else {
        e->dt_s = (double)(e->t_ms - s->last_ms) / 1000;
        e->known = e->has_before = e->dt_s <= patience(s);
        if (e->known) {
            e->inc = e->v >= s->last_v ? e->v - s->last_v : e->v;
            follow_step(&s->usual_s, e->dt_s, e->dt_s);
            follow_step(&m->usual_s[s->group], e->dt_s,
                        fmax(0, (double)(e->t_ms - m->newest_ms[s->group]) / 1000));
        }
        e->changed = e->v != s->last_v;
        e->dropped = e->v < s->last_v;
        s->intervals[s->n_intervals++] = e->dt_s;
    }
    s->last_ms = e->t_ms;
    s->last_v = e->v;
}

/* A late sample is a value when no sample of its time was taken, and it is not older than the eight
 * newest ones, where there were more. */
static bool takes_late(const struct modelled *s, int64_t t_ms)
{
    int later = 0, all = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (s->e[i].stale || s->e[i].replaced)
            continue;
        if (s->e[i].t_ms == t_ms)
            return false;
        later += s->e[i].t_ms > t_ms;
        all++;
    }
    return later < 8 || all == 8;
}

static void note_recent(struct modelled *s, int64_t t_ms)
{
    memmove(s->recent + 1, s->recent, 7 * sizeof *s->recent);
    s->recent[0] = t_ms;
}

static void model_take(struct model *m, struct modelled *s, int64_t t_ms, double v, bool stale)
{
    struct entry e = {.t_ms = t_ms, .v = v, .stale = stale};
    bool direct = s->kind == SAMPLE_DELTA || s->kind == SAMPLE_DISTRIBUTION;

    if (!stale) {
        note_source(m, s->source, t_ms);
        witness(m, s, t_ms, v);
    }
    if (!stale && direct) {
        e.known = true;
        e.inc = s->kind == SAMPLE_DELTA ? v : 1;
        e.newest = t_ms >= s->last_ms;
        e.has_before = s->last_ms != 0 && t_ms > s->last_ms;
        e.dt_s = (double)(t_ms - s->last_ms) / 1000;
        s->last_ms = e.newest ? t_ms : s->last_ms;
    } else if (!stale && t_ms < s->last_ms && !takes_late(s, t_ms)) {
        return; /* a late repetition, or nobody knows */
    } else if (!stale && t_ms == s->last_ms && s->kind == SAMPLE_CUMULATIVE) {
        return;
    } else if (!stale && t_ms > s->last_ms) {
        model_ordered(m, s, &e);
    } else if (!stale && t_ms == s->last_ms) {
        for (size_t i = 0; i < s->n; i++) {
            if (s->e[i].t_ms != t_ms || s->e[i].stale)
                continue;
            if (v == s->last_v)
                return;
            s->e[i].replaced = true;
        }
        if (s->kind == SAMPLE_GAUGE)
            s->last_v = v;
    }
    if (!stale && !direct && t_ms != s->last_ms)
        note_recent(s, t_ms);
    if (e.ordered)
        note_recent(s, t_ms);
    if ((e.ordered || (direct && !stale)) && t_ms > m->newest_ms[s->group])
        m->newest_ms[s->group] = t_ms;
    ck_assert_uint_lt(s->n, ENTRIES);
    s->e[s->n++] = e;
}

/* --- what a leaf should say --- */

struct wanted {
    enum leaf_fn fn;
    int64_t window_ms;
    double param;
    bool grouped;
};

struct answer {
    double sum, n, min, max, mean, m2, inc, changes, drops;
    bool any_step, any_delta;
    const struct entry *first, *last, *newest, *newest_step;
    double values[ENTRIES];
    size_t n_values;
};

static void see(struct answer *a, const struct modelled *s, const struct entry *e, bool inside)
{
    bool direct = s->kind == SAMPLE_DELTA || s->kind == SAMPLE_DISTRIBUTION;

    a->any_delta = a->any_delta || direct;
    if (!a->newest || e->t_ms >= a->newest->t_ms)
        a->newest = e;
    if (e->newest && (!a->newest_step || e->t_ms >= a->newest_step->t_ms))
        a->newest_step = e;
    if (!inside || e->stale)
        return;
    if (e->ordered || direct) {
        a->any_step = a->any_step || e->ordered;
        a->inc += e->inc;
        a->changes += e->changed;
        a->drops += e->dropped;
    }
    a->min = fmin(a->min, e->v);
    a->max = fmax(a->max, e->v);
    if (e->replaced)
        return;
    a->n++;
    a->sum += e->v;
    a->values[a->n_values++] = e->v;
    if (!a->first || e->t_ms < a->first->t_ms)
        a->first = e;
    if (!a->last || e->t_ms > a->last->t_ms)
        a->last = e;
}

static double rank_value(struct answer *a, double q)
{
    double rank, low;

    qsort(a->values, a->n_values, sizeof *a->values, ascending);
    rank = q * (double)(a->n_values - 1);
    low = floor(rank);
    if ((size_t)low + 1 >= a->n_values)
        return a->values[(size_t)low];
    return a->values[(size_t)low] +
           (a->values[(size_t)low + 1] - a->values[(size_t)low]) * (rank - low);
}

static double spread(const struct answer *a)
{
    double mean = a->sum / a->n, m2 = 0;

    for (size_t i = 0; i < a->n_values; i++)
        m2 += (a->values[i] - mean) * (a->values[i] - mean);
    return sqrt(m2 / a->n);
}

static double below(const struct answer *a, double limit)
{
    double n = 0;

    for (size_t i = 0; i < a->n_values; i++)
        n += a->values[i] <= limit;
    return n / a->n;
}

static double irate_of(const struct answer *a, int64_t from_ms)
{
    const struct entry *e = a->newest_step;

    return e && e->t_ms > from_ms && e->has_before ? e->inc / e->dt_s : MISSING;
}

/* Increments and coverage by panes, each series and sample looked at again. */
#define PANES 60
struct panes {
    double inc[PANES], s[PANES], pane_s;
    bool any, direct;
    int64_t newest_ms;
};

static void lay(struct panes *p, const struct entry *e, double from_s)
{
    double t = (double)e->t_ms / 1000 - from_s;

    for (int k = 0; k < PANES; k++) {
        double begin = k * p->pane_s, end = begin + p->pane_s;
        double part = fmin(end, t) - fmax(begin, t - e->dt_s);

        if (e->ordered && e->has_before) {
            p->s[k] += fmax(0, part);
            p->inc[k] += fmax(0, part) * e->inc / e->dt_s;
        } else if (t > begin && t <= end) {
            p->inc[k] += e->inc;
        }
    }
}

static double sum_of(const double *v, int from, int to)
{
    double sum = 0;

    for (int k = from; k < to; k++)
        sum += v[k];
    return sum;
}

static double uncovered_begin(const struct panes *p, double usual_s)
{
    int n = 0, most = (int)ceil(usual_s * 1.1 / p->pane_s);
    double next;

    while (n < PANES && n <= most && p->inc[n] == 0 && p->s[n] == 0)
        n++;
    if (n == 0 || n >= PANES || n > most || p->s[n] <= 0)
        return 0;
    next = n + 1 < PANES ? p->s[n + 1] : 0;
    return n * p->pane_s + (next > p->s[n] ? p->pane_s * (1 - p->s[n] / next) : 0);
}

/* Did all series report at the newest time? */
static bool together(const struct panes *p, int tail, double silent_s, double usual_s)
{
    int from = PANES - tail, before = from < tail ? from : tail;
    double whole = sum_of(p->s, from - before, from) / (before * p->pane_s);
    double missing = tail * p->pane_s - sum_of(p->s, from, PANES) / whole;

    return whole <= 0 || fabs(missing - silent_s) <= usual_s * 1e-3;
}

static double growth_of(const struct panes *p, double usual_s, int64_t at_ms)
{
    double window_s = PANES * p->pane_s, inc = sum_of(p->inc, 0, PANES), before, whole_s;
    double over_s = window_s - uncovered_begin(p, usual_s);
    double silent_s = (double)(at_ms - p->newest_ms) / 1000;
    int tail = (int)ceil(usual_s * 1.1 / p->pane_s), after = (int)floor(silent_s / p->pane_s);

    if (over_s <= 0)
        return inc / window_s;
    if (silent_s > usual_s * 1.1)
        return inc / over_s;
    if (tail < after || tail >= PANES || together(p, tail, silent_s, usual_s))
        return inc / (over_s > silent_s ? over_s - silent_s : over_s);
    whole_s = over_s - tail * p->pane_s;
    if (whole_s < over_s / 4)
        return inc / (over_s - silent_s);
    before = sum_of(p->inc, 0, PANES - tail);
    return (before + fmax(inc - before, before / whole_s * tail * p->pane_s)) / over_s;
}

static double rate_of(const struct model *m, const struct wanted *q, int group, int series,
                      int64_t at_ms)
{
    struct panes p = {.pane_s = (double)q->window_ms / 1000 / PANES};
    double usual_s = q->grouped ? m->usual_s[group] : m->s[series].usual_s;

    for (int i = 0; i < SERIES; i++) {
        const struct modelled *s = &m->s[i];
        bool direct = s->kind == SAMPLE_DELTA || s->kind == SAMPLE_DISTRIBUTION;

        if (q->grouped ? s->group != group : i != series)
            continue;
        for (size_t j = 0; j < s->n; j++) {
            const struct entry *e = &s->e[j];

            if (e->stale || !(direct || e->ordered))
                continue;
            p.direct = p.direct || direct;
            p.newest_ms = e->t_ms > p.newest_ms ? e->t_ms : p.newest_ms;
            p.any = p.any || e->t_ms > at_ms - q->window_ms;
            lay(&p, e, (double)(at_ms - q->window_ms) / 1000);
        }
    }
    if (!p.direct && !p.any)
        return MISSING;
    if (!p.direct && usual_s > 0)
        return growth_of(&p, usual_s, at_ms);
    return sum_of(p.inc, 0, PANES) / ((double)q->window_ms / 1000);
}

static double answer_of(struct answer *a, const struct wanted *q, int64_t at_ms)
{
    bool some = a->n > 0;

    switch (q->fn) {
    case LEAF_INCREASE:
        return a->any_step || a->any_delta ? a->inc : MISSING;
    case LEAF_COUNT:
        return a->n;
    case LEAF_SUM:
        return a->sum;
    case LEAF_AVG:
        return some ? a->sum / a->n : MISSING;
    case LEAF_MIN:
        return some ? a->min : MISSING;
    case LEAF_MAX:
        return some ? a->max : MISSING;
    case LEAF_STDDEV:
        return some ? spread(a) : MISSING;
    case LEAF_FIRST:
        return some ? a->first->v : MISSING;
    case LEAF_DELTA:
        return some && a->first != a->last ? a->last->v - a->first->v : MISSING;
    case LEAF_CHANGES:
        return a->any_step ? a->changes : MISSING;
    case LEAF_RESETS:
        return a->any_step ? a->drops : MISSING;
    case LEAF_IRATE:
        return irate_of(a, at_ms - q->window_ms);
    case LEAF_LAST:
        return a->newest->stale || a->newest->t_ms <= at_ms - q->window_ms ? MISSING : a->newest->v;
    case LEAF_QUANTILE:
        return some ? rank_value(a, q->param) : MISSING;
    case LEAF_FRACTION_BELOW:
        return some ? below(a, q->param) : MISSING;
    default:
        return MISSING;
    }
}

static double expected(const struct model *m, const struct wanted *q, int group, int series,
                       int64_t at_ms)
{
    static struct answer a;

    if (q->fn == LEAF_RATE)
        return rate_of(m, q, group, series, at_ms);
    a = (struct answer){.min = (double)INFINITY, .max = (double)-INFINITY};
    for (int i = 0; i < SERIES; i++) {
        if (q->grouped ? m->s[i].group != group : i != series)
            continue;
        for (size_t j = 0; j < m->s[i].n; j++)
            see(&a, &m->s[i], &m->s[i].e[j],
                m->s[i].e[j].t_ms > at_ms - q->window_ms && m->s[i].e[j].t_ms <= at_ms);
    }
    return answer_of(&a, q, at_ms);
}

/* --- the run --- */

static const struct wanted wanted[] = {
    {LEAF_RATE, 5 * MIN, 0, true},
    {LEAF_INCREASE, 5 * MIN, 0, false},
    {LEAF_INCREASE, HOUR, 0, true},
    {LEAF_RATE, MIN, 0, true},
    {LEAF_RATE, 5 * MIN, 0, false},
    {LEAF_RATE, HOUR, 0, true},
    {LEAF_COUNT, 5 * MIN, 0, true},
    {LEAF_SUM, 30 * MIN, 0, true},
    {LEAF_AVG, 5 * MIN, 0, true},
    {LEAF_AVG, 5 * MIN, 0, false},
    {LEAF_MIN, HOUR, 0, true},
    {LEAF_MAX, 5 * MIN, 0, false},
    {LEAF_MAX, HOUR, 0, false},
    {LEAF_STDDEV, 5 * MIN, 0, true},
    {LEAF_STDDEV, 30 * MIN, 0, false},
    {LEAF_FIRST, 5 * MIN, 0, false},
    {LEAF_DELTA, 30 * MIN, 0, false},
    {LEAF_CHANGES, 5 * MIN, 0, false},
    {LEAF_CHANGES, 5 * MIN, 0, true},
    {LEAF_RESETS, HOUR, 0, true},
    {LEAF_IRATE, 5 * MIN, 0, false},
    {LEAF_LAST, 5 * MIN, 0, false},
    {LEAF_QUANTILE, 5 * MIN, 0.9, true},
    {LEAF_QUANTILE, 30 * MIN, 0.5, false},
    {LEAF_QUANTILE, 5 * MIN, 0.25, false},
    {LEAF_FRACTION_BELOW, 5 * MIN, 40, true},
};
#define WANTED (sizeof wanted / sizeof *wanted)

static void register_leaves(struct windows *w, leaf_id leaves[WANTED])
{
    static const char *by[] = {"g"};

    for (size_t i = 0; i < WANTED; i++) {
        struct leaf_spec s = spec_of("m", wanted[i].fn, wanted[i].window_ms);

        s.param = wanted[i].param;
        if (wanted[i].grouped) {
            s.grouping = LEAF_BY;
            s.labels = by;
            s.n_labels = 1;
        }
        leaves[i] = leaf_of(w, &s);
    }
}

static void compare(struct fixture *f, const struct model *m, const leaf_id leaves[WANTED],
                    int64_t at_ms, int step)
{
    for (size_t i = 0; i < WANTED; i++) {
        int n = wanted[i].grouped ? 2 : SERIES;

        for (int k = 0; k < n; k++) {
            char group[64];
            double got, want, near;
            uint32_t slot;

            if (!wanted[i].grouped && m->s[k].n == 0)
                continue;
            snprintf(group, sizeof group, "g=%c", 'a' + k);
            slot = slot_in(f, f->w, leaves[i], wanted[i].grouped ? group : m->s[k].labels);
            if (slot == SLOT_NONE)
                continue;
            got = value_in(f->w, leaves[i], slot, at_ms);
            want = expected(m, &wanted[i], k, k, at_ms);
            near = wanted[i].fn == LEAF_RATE ? 1e-5 : 1e-6; /* of floats */
            ck_assert_msg(isnan(got) == isnan(want) &&
                              (isnan(got) || fabs(got - want) <= near * fmax(1, fabs(want))),
                          "step %d: %s(%lld s)%s group %d kind %d: %.12g, not %.12g", step,
                          leaf_fn_names[wanted[i].fn], (long long)wanted[i].window_ms / 1000,
                          wanted[i].grouped ? " by" : "", k, (int)m->s[k].kind, got, want);
        }
    }
}

static void send(struct fixture *f, struct model *m, int i, int64_t recv_ms, int64_t t_ms, double v,
                 bool stale)
{
    struct modelled *s = &m->s[i];

    model_take(m, s, t_ms, v, stale);
    fixture_apply(f, recv_ms,
                  (struct sample){.t_ms = t_ms,
                                  .v = v,
                                  .series = fixture_series(f, s->name, s->kind),
                                  .weight = 1,
                                  .kind = (uint8_t)s->kind,
                                  .stale = stale});
}

static void traffic(struct fixture *f, struct model *m, int64_t now_ms)
{
    for (int i = 0; i < SERIES; i++) {
        struct modelled *s = &m->s[i];
        uint32_t luck = rnd(m, 100);
        double v = s->kind == SAMPLE_CUMULATIVE ? s->last_v + rnd(m, 20) : rnd(m, 100);

        if ((i > 5 && now_ms < BASE + i * 3 * MIN) || luck < 5)
            continue; /* born later; or nothing this time */
        if (s->kind == SAMPLE_CUMULATIVE && luck < 10)
            v = rnd(m, 10);
        send(f, m, i, now_ms, now_ms, v, false);
        if (luck >= 90 && luck < 95 && s->kind != SAMPLE_DELTA && s->kind != SAMPLE_DISTRIBUTION)
            send(f, m, i, now_ms, now_ms, luck & 1 ? v : rnd(m, 100), false);
        if (luck >= 95 && luck < 98)
            send(f, m, i, now_ms, now_ms - 1 - rnd(m, 59000), rnd(m, 100), false);
        if (luck >= 80 && luck < 90 && s->kind != SAMPLE_DELTA && s->kind != SAMPLE_DISTRIBUTION) {
            const struct entry *e = s->n ? &s->e[rnd(m, (uint32_t)s->n)] : NULL;
            int64_t again_ms = luck < 85 || !e || e->stale ? s->recent[rnd(m, 8)] : e->t_ms;

            if (again_ms > 0)
                send(f, m, i, now_ms, again_ms, rnd(m, 100), false);
        }
        if (luck >= 98 && s->kind == SAMPLE_GAUGE)
            send(f, m, i, now_ms, now_ms + 1, 0, true);
    }
}

static void swap_by_cut(struct fixture *f, leaf_id leaves[WANTED])
{
    static struct chunks c;
    struct windows *next = fixture_windows(f, 0, 0);

    c = (struct chunks){0};
    register_leaves(next, leaves);
    ck_assert_int_eq(windows_encode(f->w, chunks_take, &c), 0);
    chunks_give(&c, next);
    windows_free(f->w);
    f->w = next;
    buf_free(&c.bytes);
}

START_TEST(against_the_model)
{
    static const int64_t strides[] = {15, 15, 15, 15, 15, 60, 60, 200, 650, 2100};
    static struct model m;
    struct fixture f = fixture_new();
    leaf_id leaves[WANTED];
    int64_t now_ms = BASE;
    uint64_t resets = 0, repeated = 0; /* of the windows before the present ones */

    model_init(&m, (uint64_t)_i * 7919 + 1);
    register_leaves(f.w, leaves);
    for (int step = 0; step < 400; step++) {
        /* mostly regular, with a stretch of long intervals that makes them usual */
        int64_t stride = step % 100 > 80 ? 200 : strides[rnd(&m, step % 10 == 0 ? 10 : 5)];

        now_ms += stride * S;
        traffic(&f, &m, now_ms);
        compare(&f, &m, leaves, (now_ms + MIN - 1) / MIN * MIN, step);
        if (rnd(&m, 40) == 0) {
            resets += stats_of(&f).resets;
            repeated += stats_of(&f).duplicate;
            swap_by_cut(&f, leaves);
            compare(&f, &m, leaves, (now_ms + MIN - 1) / MIN * MIN, step);
        }
    }
    ck_assert_uint_gt(resets + stats_of(&f).resets, 0);
    ck_assert_uint_gt(repeated + stats_of(&f).duplicate, 100);
    model_free(&m);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, against_the_model, 0, 8);
}

UNIT_MAIN("windows against a model", add)
