/* Anything may happen in any order: alerts, silences, acknowledgements, failing receivers, lost
 * answers, reloads, kill -9. What must hold all the same:
 *
 *   - who was told "firing" is told the end; nobody hears the end of what was not announced;
 *   - what is held back is not announced, and when it is not, everybody knows it soon;
 *   - a message without news is a reminder, and comes no earlier than reminders may;
 *   - no content is delivered twice, but after an answer that was lost;
 *   - what became due and could not be delivered is told afterwards.
 *
 * Told is what the test itself heard, held is what the test itself asked for. */
#include "scene.h"

#define SEEDS     60
#define STEPS     250
#define N_ALERTS  12
#define INCIDENTS 2048
#define SILENCES  64
#define LANES     8

struct heard {
    int priority; /* firing and told, 0: not */
    bool owed;    /* a first message about it failed */
    bool maybe;   /* and may have arrived */
    bool over;    /* a message of its end may have arrived: it may be new once more */
};

struct world {
    struct scene *s;
    uint64_t seed, random;
    struct heard heard[LANES][INCIDENTS][N_ALERTS];
    int64_t sent_ms[LANES][INCIDENTS];
    struct {
        int svc, priority; /* svc: -1 unused */
        char id[16];
        int64_t ends_ms;
    } silences[SILENCES];
    size_t n_silences;
    int priority[N_ALERTS]; /* 0: does not fire */
    bool suppressed[N_ALERTS], acked;
    bool with_holds, with_refusals, elsewhere, late;
    char keys[LINES][64];
    size_t n_keys;
    uint64_t expired; /* counted by runs that were killed */
};

static const char *const teams[] = {"ops", "quiet", "both", "pager", "live", "pair"};

static uint64_t next_random(struct world *w, uint64_t below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->random >> 33) % below;
}

static int64_t now(const struct world *w)
{
    return clock_wall_ms(w->s->clock);
}

static bool held(const struct world *w, int alert)
{
    if (w->suppressed[alert])
        return true;
    for (size_t i = 0; i < w->n_silences; i++)
        if (w->silences[i].svc == alert % 3 && now(w) < w->silences[i].ends_ms &&
            (w->silences[i].priority == 0 || w->priority[alert] >= w->silences[i].priority))
            return true;
    return false;
}

static int alert_of(const struct notice_alert *a)
{
    return notice_label(a, "alertname")[0] - 'A';
}

#define CHECK(w, x, holds, what)                                                                \
    ck_assert_msg(holds, "seed %llu, %lld s, %s #%llu (%s): %s", (unsigned long long)(w)->seed, \
                  (long long)((now(w) - START) / SEC), (x)->lane,                               \
                  (unsigned long long)(x)->incident, (x)->reason_text, what)

static void hear_alert(struct world *w, const struct notice *x, const struct notice_alert *a,
                       struct heard *h)
{
    /* it hears of no ends, so that the test cannot know from messages when one is forgotten */
    bool quiet = strcmp(x->lane, "quiet/webhook") == 0;
    int i = alert_of(a);

    if (!a->firing) {
        CHECK(w, x, a->missed || h->priority != 0 || h->maybe, "the end of what was not announced");
        CHECK(w, x, !a->missed || h->priority == 0 || quiet, "missed, although it was told");
        *h = (struct heard){0};
        return;
    }
    if (!w->late) { /* what was claimed before something changed is as it was then */
        CHECK(w, x, w->priority[i] != 0, "announced, and does not fire");
        CHECK(w, x, !held(w, i), "announced while it is held back");
        CHECK(w, x, a->priority == w->priority[i], "of another priority");
    }
    CHECK(w, x, a->is_new == (h->priority == 0) || (a->is_new && h->over) || quiet,
          "new, and told before, or not new, and never told");
    *h = (struct heard){.priority = a->priority};
}

static void hear(const struct notice *x, enum outcome_kind fate, void *arg)
{
    struct world *w = arg;
    size_t lane = scene_lane(w->s, x->lane);
    bool news = false;

    ck_assert_uint_lt(lane, LANES);
    ck_assert_uint_lt(x->incident, INCIDENTS);
    for (size_t i = 0; i < x->n_alerts; i++) {
        struct heard *h = &w->heard[lane][x->incident][alert_of(&x->alerts[i])];
        news = news || x->alerts[i].changed;
        if (fate == OUTCOME_DELIVERED)
            hear_alert(w, x, &x->alerts[i], h);
        else if (x->alerts[i].is_new) {
            h->owed = true;
            h->maybe = h->maybe || fate == OUTCOME_UNKNOWN;
        } else if (!x->alerts[i].firing && fate == OUTCOME_UNKNOWN)
            h->over = true;
    }
    if (fate != OUTCOME_DELIVERED)
        return;
    if (!news && x->reason == REASON_REPEAT)
        CHECK(w, x, x->at_ms - w->sent_ms[lane][x->incident] >= 4 * 3600 * SEC,
              "reminded too early");
    else
        CHECK(w, x, news || x->reason == REASON_ACK || x->reason == REASON_ACK_ENDED,
              "without news");
    for (size_t i = 0; i < w->n_keys; i++)
        CHECK(w, x, strcmp(w->keys[i], x->key) != 0, "the same content twice");
    if (w->n_keys < LINES)
        snprintf(w->keys[w->n_keys++], sizeof w->keys[0], "%s", x->key);
    w->sent_ms[lane][x->incident] = x->at_ms;
}

/* --- what may happen ---------------------------------------------------------------------------------- */

static void fire(struct world *w, int i)
{
    char words[64];
    int priority = 1 + (int)next_random(w, 4);

    if (w->priority[i] == priority)
        return;
    snprintf(words, sizeof words, "%c P%d svc=s%d team=%s", 'A' + i, priority, i % 3,
             teams[(i / 3 + i) % 6]);
    scene_fire(w->s, words);
    w->priority[i] = priority;
}

static void end(struct world *w, int i)
{
    char name[2] = {(char)('A' + i), 0};

    if (w->priority[i] == 0)
        return;
    scene_end(w->s, name);
    w->priority[i] = 0;
}

static void suppress(struct world *w, int i, bool on)
{
    char name[2] = {(char)('A' + i), 0};

    if (w->priority[i] == 0 && on)
        return;
    w->suppressed[i] = on;
    scene_suppress(w->s, name, on);
}

static void silence(struct world *w)
{
    int svc = (int)next_random(w, 3), most = 0;
    char matcher[16];
    struct err e;
    const struct silence *s;
    int64_t seconds = 60 + (int64_t)next_random(w, 7200);

    if (w->n_silences == SILENCES)
        return;
    snprintf(matcher, sizeof matcher, "svc=s%d", svc);
    for (int i = 0; i < N_ALERTS; i++)
        if (i % 3 == svc && w->priority[i] && (most == 0 || w->priority[i] < most))
            most = w->priority[i];
    notify_run(w->s->n);
    s = scene_silence(w->s, matcher, seconds, &e);
    ck_assert_msg(s != NULL, "%s", e.text);
    w->silences[w->n_silences].svc = svc;
    w->silences[w->n_silences].priority = most;
    w->silences[w->n_silences].ends_ms = now(w) + seconds * SEC;
    snprintf(w->silences[w->n_silences++].id, 16, "%s", s->short_id);
}

static void expire(struct world *w, size_t i)
{
    struct err e;

    if (i >= w->n_silences || now(w) >= w->silences[i].ends_ms)
        return;
    ck_assert_int_eq(notify_silence_expire(w->s->n, w->silences[i].id, &ana, &e), 0);
    w->silences[i].ends_ms = now(w);
}

static void ack(struct world *w)
{
    struct err e;

    for (uint64_t number = 1; number < INCIDENTS; number++) {
        if (next_random(w, 3) ||
            notify_ack(w->s->n, number, next_random(w, 2) ? 1800 * SEC : 0, "", &ana, &e))
            continue;
        w->acked = true;
        return;
    }
}

static void release_all(struct world *w)
{
    struct err e;

    for (uint64_t number = 1; number < INCIDENTS; number++)
        if (notify_release(w->s->n, number, &ana, &e))
            continue;
    w->acked = false;
}

static void restart(struct world *w)
{
    struct notify_stats st;

    notify_run(w->s->n); /* the book would tell again what was not noticed: not this test */
    notify_stats(w->s->n, &st);
    w->expired += st.expired;
    if (w->s->held)
        hear(w->s->held, OUTCOME_UNKNOWN, w);
    w->s->hold = false;
    scene_restart(w->s);
}

static void reload(struct world *w)
{
    struct stage_config *c = stage_config_new(), *old = w->s->config;

    w->elsewhere = next_random(w, 2);
    if (w->elsewhere)
        c->to[2][0] = &c->receivers[OPS];
    w->s->config = c;
    notify_configure(w->s->n, &c->config);
    stage_config_free(old);
}

static void lane_fate(struct world *w)
{
    static const enum outcome_kind kinds[] = {OUTCOME_DELIVERED, OUTCOME_DELIVERED,
                                              OUTCOME_TEMPORARY, OUTCOME_UNKNOWN,
                                              OUTCOME_RETURNED,  OUTCOME_PERMANENT};

    if (w->s->n_lanes == 0)
        return;
    w->s->fate[next_random(w, w->s->n_lanes)] = kinds[next_random(w, w->with_refusals ? 6 : 5)];
}

static void step(struct world *w)
{
    int i = (int)next_random(w, N_ALERTS);

    switch (next_random(w, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        fire(w, i);
        break;
    case 4:
    case 5:
    case 6:
        end(w, i);
        break;
    case 7:
        if (w->with_holds)
            suppress(w, i, next_random(w, 2));
        break;
    case 8:
        if (w->with_holds)
            silence(w);
        break;
    case 9:
        expire(w, next_random(w, SILENCES));
        break;
    case 10:
        next_random(w, 2) ? ack(w) : release_all(w);
        break;
    case 11:
    case 12:
        lane_fate(w);
        break;
    case 13:
        restart(w);
        break;
    case 14:
        if (w->with_holds)
            reload(w);
        break;
    default:
        if (!w->s->held)
            w->s->hold = next_random(w, 2);
        break;
    }
    scene_go(w->s, next_random(w, 3) ? (int64_t)next_random(w, 30 * SEC)
                                     : (int64_t)next_random(w, 3600 * SEC));
    if (w->s->held && next_random(w, 2)) {
        struct notice *x = w->s->held;
        w->s->held = NULL;
        w->s->hold = false;
        w->late = true;
        scene_commit(w->s, x, OUTCOME_DELIVERED);
        w->late = false;
    }
}

/* --- what must hold ------------------------------------------------------------------------------------- */

static void recover(struct world *w)
{
    struct outcome o = {.kind = OUTCOME_RETURNED, .retry_ms = 1};
    struct err e;

    for (size_t i = 0; i < 16; i++)
        w->s->fate[i] = OUTCOME_DELIVERED;
    if (w->s->held)
        notify_commit(w->s->n, w->s->held, &o);
    w->s->held = NULL;
    w->s->hold = false;
    for (size_t l = 0; l < w->s->n_lanes; l++)
        for (uint64_t number = 1; number < INCIDENTS; number++)
            if (notify_retry(w->s->n, number, w->s->lanes[l], &ana, &e))
                continue;
    scene_go(w->s, 180 * SEC);
}

static bool heard_somewhere(const struct world *w, int i)
{
    for (size_t l = 0; l < w->s->n_lanes; l++)
        for (size_t n = 0; n < INCIDENTS; n++)
            if (w->heard[l][n][i].priority != 0)
                return true;
    return false;
}

static void everybody_knows(struct world *w)
{
    for (int i = 0; i < N_ALERTS; i++)
        ck_assert_msg(w->priority[i] == 0 || held(w, i) || heard_somewhere(w, i),
                      "seed %llu: %c fires and nobody was told", (unsigned long long)w->seed,
                      'A' + i);
}

static void end_of_story(struct world *w)
{
    size_t owed = 0;
    struct notify_stats st;

    for (int i = 0; i < N_ALERTS; i++) {
        end(w, i);
        suppress(w, i, false);
    }
    for (size_t i = 0; i < w->n_silences; i++)
        expire(w, i);
    recover(w);
    recover(w);
    notify_stats(w->s->n, &st);
    ck_assert_msg(st.due + st.claimed + st.retrying + st.dead == 0 && st.incidents_open == 0,
                  "seed %llu: something still waits", (unsigned long long)w->seed);
    for (size_t l = 0; l < w->s->n_lanes; l++)
        for (size_t n = 0; n < INCIDENTS; n++)
            for (int i = 0; i < N_ALERTS; i++) {
                ck_assert_msg(w->heard[l][n][i].priority == 0 ||
                                  strcmp(w->s->lanes[l], "quiet/webhook") == 0,
                              "seed %llu: %s was never told the end of %c in #%zu",
                              (unsigned long long)w->seed, w->s->lanes[l], 'A' + i, n);
                owed += w->heard[l][n][i].owed;
            }
    ck_assert_msg(owed <= st.expired + w->expired, "seed %llu: %zu owed, %llu recorded as expired",
                  (unsigned long long)w->seed, owed, (unsigned long long)(st.expired + w->expired));
    if (!w->with_holds)
        ck_assert_uint_eq(st.expired + w->expired, 0);
}

static void swallow(const char *line, void *arg)
{
    (void)line, (void)arg;
}

START_TEST(anything)
{
    struct world *w = calloc(1, sizeof *w);

    log_divert(swallow, NULL);
    w->seed = (uint64_t)_i;
    w->random = (uint64_t)_i * 7919 + 17;
    w->with_holds = _i % 3 != 0;
    w->with_refusals = _i % 2 != 0;
    w->s = scene_new();
    w->s->hear = hear;
    w->s->arg = w;
    for (int i = 0; i < STEPS; i++) {
        step(w);
        if (i % 50 != 49)
            continue;
        recover(w);
        everybody_knows(w);
    }
    end_of_story(w);
    scene_free(w->s);
    free(w);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, anything, 0, SEEDS);
}

UNIT_MAIN("notify/random", add)
