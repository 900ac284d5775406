/* A stage for scenarios: notify on a virtual clock, a configuration, alerts made by hand, and
 * receivers that do as they are told. What is delivered is written down as one line each:
 *
 *   "10 ops/webhook #1 first notification F A+ B="
 *    |  |           |  |                  | one word an alert: + new, = as before, ^ raised,
 *    |  |           |  reason             | v lowered, ! freed, - resolved, ? missed, > moved
 *    |  lane        incident              F firing or R resolved
 *    seconds since the start */
#ifndef TOCSIN_TESTS_SCENE_H
#define TOCSIN_TESTS_SCENE_H

#include <ctype.h>

#include "base/keys.h"
#include "base/log.h"
#include "fake_store.h"
#include "tocsin/config.h"
#include "tocsin/notify.h"
#include "unit.h"

#define SEC    INT64_C(1000)
#define START  INT64_C(1767571200000)
#define LINES  4096
#define ALERTS 64

/* The room lua has this table; the tests do without that room. */

/* --- the configuration ----------------------------------------------------------------------------- */

enum { OPS, QUIET, PAGER, BACKUP, LIVE, TWO, BRIEF, N_RECEIVERS };

struct stage_config {
    struct config config;
    struct config_channel hook, mute, slack, brief, pair[2];
    struct config_receiver receivers[N_RECEIVERS];
    struct config_route root, child[7];
    const struct config_route *children[7];
    const struct config_receiver *to[9][2];
    struct matcher *match[7];
};

static void stage_route(struct config_route *r, const struct config_receiver **to, size_t n)
{
    static const char *group_by[] = {"svc"};

    *r = (struct config_route){.id = "0",
                               .receivers = to,
                               .n_receivers = n,
                               .group_by = group_by,
                               .n_group_by = 1,
                               .group_wait_ms = GROUP_WAIT_BY_PRIORITY,
                               .group_interval_ms = 60 * SEC,
                               .repeat_interval_ms = 4 * 3600 * SEC};
}

/* team=quiet -> quiet (no resolves); team=both -> ops and quiet; team=pager -> pager, whose
 * fallback is backup after 5 min; team=live -> live (Slack, edits); team=pair -> two webhooks of
 * one receiver; team=brief -> brief (what is worse); team=odd -> ops, with a group_interval of 7 min and a
 * repeat_interval of 10; everything else -> ops. */
static struct stage_config *stage_config_new(void)
{
    static const char *const teams[] = {"quiet", "both", "pager", "live", "pair", "brief"};
    static const int first[] = {QUIET, OPS, PAGER, LIVE, TWO, BRIEF};
    static const char *const names[] = {"ops", "quiet", "pager", "backup", "live", "two", "brief"};
    struct stage_config *c = calloc(1, sizeof *c);

    c->hook = (struct config_channel){.type = CHANNEL_WEBHOOK, .send_resolved = true};
    c->mute = (struct config_channel){.type = CHANNEL_WEBHOOK, .send_resolved = false};
    c->slack = (struct config_channel){.type = CHANNEL_SLACK, .send_resolved = true};
    c->brief = (struct config_channel){.type = CHANNEL_INBOX, .send_resolved = true};
    c->pair[0] = c->pair[1] = c->hook;
    for (int i = 0; i < N_RECEIVERS; i++)
        c->receivers[i] = (struct config_receiver){.name = names[i],
                                                   .channels = &c->hook,
                                                   .n_channels = 1,
                                                   .if_undelivered_ms = 300 * SEC};
    c->receivers[QUIET].channels = &c->mute;
    c->receivers[LIVE].channels = &c->slack;
    c->receivers[BRIEF].channels = &c->brief;
    c->receivers[TWO].channels = c->pair;
    c->receivers[TWO].n_channels = 2;
    c->receivers[PAGER].fallback = &c->receivers[BACKUP];
    c->to[8][0] = &c->receivers[OPS];
    stage_route(&c->root, c->to[8], 1);
    for (size_t i = 0; i < 6; i++) {
        struct err e;
        c->to[i][0] = &c->receivers[first[i]];
        c->to[i][1] = &c->receivers[QUIET];
        stage_route(&c->child[i], c->to[i], strcmp(teams[i], "both") == 0 ? 2 : 1);
        c->match[i] = matcher_new("team", MATCH_EQUAL, false, teams[i], &e);
        c->child[i].match = &c->match[i];
        c->child[i].n_match = 1;
        c->child[i].parent = &c->root;
        c->children[i] = &c->child[i];
    }
    stage_route(&c->child[6], c->to[8], 1);
    c->child[6].group_interval_ms = 7 * 60 * SEC;
    c->child[6].repeat_interval_ms = 10 * 60 * SEC;
    c->match[6] = matcher_new("team", MATCH_EQUAL, false, "odd", NULL);
    c->child[6].match = &c->match[6];
    c->child[6].n_match = 1;
    c->child[6].parent = &c->root;
    c->children[6] = &c->child[6];
    c->root.children = c->children;
    c->root.n_children = 7;
    c->config.receivers = c->receivers;
    c->config.n_receivers = N_RECEIVERS;
    c->config.root = &c->root;
    c->config.server.external_url = "https://t.example";
    return c;
}

static void stage_config_free(struct stage_config *c)
{
    for (size_t i = 0; i < 7; i++)
        matcher_unref(c->match[i]);
    free(c);
}

/* --- the stage --------------------------------------------------------------------------------------- */

struct actor_alert {
    bool used;
    struct alert a;
    struct label l[8];
    char text[8][64];
    size_t n;
};

struct scene {
    struct clock *clock;
    struct loop *loop; /* NULL, unless a test turns one */
    struct store *store;
    struct stage_config *config;
    struct notify *n;
    struct actor_alert alerts[ALERTS];
    char lanes[16][32];
    enum outcome_kind fate[16]; /* of the lane of that name; delivered unless told */
    bool paused[16];
    size_t n_lanes;
    char *lines[LINES];
    size_t n_lines, read;
    char key[64], last_key[64]; /* of the last two messages that were tried */
    struct notice *held;        /* a message under way */
    bool hold;
    void (*hear)(const struct notice *x, enum outcome_kind fate, void *arg); /* may be NULL */
    void *arg;
};

/* Stand-ins for what a channel can be: the types themselves do not matter here. */
static enum tells stage_tells(const char *channel)
{
    if (strcmp(channel, "slack") == 0)
        return TELLS_ALL;
    return strcmp(channel, "inbox") == 0 ? TELLS_WORSE : TELLS_CHANGES;
}

static struct notify *scene_notify(struct scene *s)
{
    struct notify_options o = {.clock = s->clock,
                               .loop = s->loop,
                               .store = s->store,
                               .config = &s->config->config,
                               .tells = stage_tells,
                               .arg = s};

    return notify_new(&o);
}

static struct scene *scene_new(void)
{
    struct scene *s = calloc(1, sizeof *s);

    s->clock = clock_virtual(START);
    s->store = fake_store_new();
    s->config = stage_config_new();
    s->n = scene_notify(s);
    notify_start(s->n, NULL);
    return s;
}

static void scene_free(struct scene *s)
{
    struct outcome o = {.kind = OUTCOME_RETURNED};

    if (s->held)
        notify_commit(s->n, s->held, &o);
    notify_free(s->n);
    stage_config_free(s->config);
    fake_store_free(s->store);
    clock_free(s->clock);
    for (size_t i = 0; i < s->n_lines; i++)
        free(s->lines[i]);
    free(s);
}

static size_t scene_lane(struct scene *s, const char *name)
{
    for (size_t i = 0; i < s->n_lanes; i++)
        if (strcmp(s->lanes[i], name) == 0)
            return i;
    snprintf(s->lanes[s->n_lanes], sizeof s->lanes[0], "%s", name);
    return s->n_lanes++;
}

static const char *notice_label(const struct notice_alert *a, const char *name)
{
    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, name) == 0)
            return a->labels[i].value;
    return "";
}

static char notice_sign(const struct notice_alert *a)
{
    if (a->moved)
        return '>';
    if (a->missed)
        return '?';
    if (!a->firing)
        return '-';
    if (a->is_new)
        return '+';
    if (!a->changed)
        return '=';
    if (a->priority < a->told_priority)
        return '^';
    return a->priority > a->told_priority ? 'v' : '!';
}

static void scene_note(struct scene *s, const struct notice *x)
{
    struct buf b = BUF_INIT;

    buf_addf(&b, "%lld %s #%llu %s %c", (long long)((clock_wall_ms(s->clock) - START) / SEC),
             x->lane, (unsigned long long)x->incident, x->reason_text, x->firing ? 'F' : 'R');
    for (size_t i = 0; i < x->n_alerts; i++)
        buf_addf(&b, " %s%c", notice_label(&x->alerts[i], "alertname"), notice_sign(&x->alerts[i]));
    if (s->n_lines < LINES)
        s->lines[s->n_lines++] = strdup(buf_str(&b));
    buf_free(&b);
}

/* Ends what is under way. */
static void scene_commit(struct scene *s, struct notice *x, enum outcome_kind fate)
{
    struct outcome o = {.kind = fate, .error = "HTTP 500"};

    o.retry_ms = fate == OUTCOME_DELIVERED ? 0 : clock_wall_ms(s->clock) + 60 * SEC;
    snprintf(s->last_key, sizeof s->last_key, "%s", s->key);
    snprintf(s->key, sizeof s->key, "%s", x->key);
    if (fate == OUTCOME_DELIVERED)
        scene_note(s, x);
    if (s->hear)
        s->hear(x, fate, s->arg);
    notify_commit(s->n, x, &o);
}

struct lane_list {
    char names[16][32];
    size_t n;
};

static void list_lane(const char *lane, const char *receiver, const char *channel, size_t index,
                      void *arg)
{
    struct lane_list *l = arg;

    (void)receiver, (void)channel, (void)index;
    snprintf(l->names[l->n++], sizeof l->names[0], "%s", lane);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Sends what is due on each lane; how many were tried. */
static size_t scene_round(struct scene *s)
{
    size_t sent = 0;
    struct lane_list l = {.n = 0};
    struct notice *x;

    notify_run(s->n);
    notify_lanes(s->n, list_lane, &l);
    qsort(l.names, l.n, sizeof l.names[0], by_name);
    for (size_t i = 0; i < l.n; i++) {
        size_t lane = scene_lane(s, l.names[i]);
        while (!s->paused[lane] && !s->held && (x = notify_claim(s->n, l.names[i]))) {
            if (s->hold) {
                s->held = x;
                break;
            }
            sent++;
            scene_commit(s, x, s->fate[lane]);
            notify_run(s->n);
        }
    }
    notify_run(s->n);
    return sent;
}

static void scene_pump(struct scene *s)
{
    while (scene_round(s) > 0)
        continue;
}

static void scene_go(struct scene *s, int64_t ms)
{
    int64_t to_ms = clock_wall_ms(s->clock) + ms, next_ms;
    int turns = 0;

    scene_pump(s);
    while ((next_ms = notify_next_ms(s->n)) != 0 && next_ms <= to_ms) {
        ck_assert_msg(++turns < 100000, "time stands still");
        if (next_ms > clock_wall_ms(s->clock))
            clock_set(s->clock, next_ms);
        scene_pump(s);
    }
    clock_set(s->clock, to_ms);
    scene_pump(s);
}

static bool scene_load_field(void *room, struct store_table *t, const char *field, size_t field_len,
                             const char *value, size_t len)
{
    return notify_load(room, t, field, field_len, value, len);
}

/* kill -9, and another process that has loaded what is stored: what was claimed is lost with its
 * answer. */
static void scene_reload(struct scene *s)
{
    struct outcome o = {.kind = OUTCOME_RETURNED};
    struct notice *lost = s->held;
    struct store *kept = s->store, *copy = fake_store_new();

    /* the commit below is only to free the notice: its writes go to a store nobody reads again */
    for (size_t i = 0; i < kept->n_fields; i++) {
        struct store_table t = {.store = copy, .key = kept->fields[i].key};
        store_put(&t, kept->fields[i].field, kept->fields[i].value, kept->fields[i].len);
    }
    s->held = NULL;
    if (lost)
        notify_commit(s->n, lost, &o);
    notify_free(s->n);
    fake_store_free(kept);
    s->store = copy;
    s->n = scene_notify(s);
    fake_load(s->store, scene_load_field, s->n);
}

static void scene_restart(struct scene *s)
{
    scene_reload(s);
    notify_start(s->n, NULL);
}

/* --- alerts ------------------------------------------------------------------------------------------- */

static struct actor_alert *scene_alert(struct scene *s, const char *name)
{
    struct actor_alert *free_one = NULL;

    for (size_t i = 0; i < ALERTS; i++) {
        struct actor_alert *x = &s->alerts[i];
        if (x->used && strcmp(x->text[0], name) == 0)
            return x;
        if (!x->used && !free_one)
            free_one = x;
    }
    ck_assert_ptr_nonnull(free_one);
    free_one->used = true;
    free_one->a.origin = "rule:test";
    free_one->a.scope = "";
    snprintf(free_one->text[0], sizeof free_one->text[0], "%s", name);
    free_one->l[0] = label_of("alertname", free_one->text[0]);
    free_one->n = 1;
    return free_one;
}

static void alert_label(struct actor_alert *x, const char *name, const char *value)
{
    for (size_t i = 1; i < x->n; i++)
        if (strcmp(x->l[i].name, name) == 0)
            return;
    ck_assert_uint_lt(x->n, 8);
    snprintf(x->text[x->n], sizeof x->text[0], "%s%c%s", name, 0, value);
    memcpy(x->text[x->n] + strlen(name) + 1, value, strlen(value) + 1);
    x->l[x->n] = label_of(x->text[x->n], x->text[x->n] + strlen(name) + 1);
    x->n++;
}

static void alert_tell(struct scene *s, struct actor_alert *x, enum alert_change change)
{
    struct label sorted[8];
    char key[1024] = ""; /* not allocated: allocations fail on order here */
    int at = 0;
    static struct rule_pair text = {"summary", "it burns"};

    memcpy(sorted, x->l, sizeof sorted);
    ck_assert_int_ge(labels_sort(sorted, x->n), 0);
    x->a.labels = sorted;
    x->a.n_labels = x->n;
    x->a.annotations = &text;
    x->a.n_annotations = 1;
    x->a.fingerprint = labels_fingerprint(sorted, x->n);
    for (size_t i = 0; i < x->n; i++)
        at +=
            snprintf(key + at, sizeof key - (size_t)at, "%s=%s,", sorted[i].name, sorted[i].value);
    x->a.key = key;
    notify_alert(s->n, &x->a, change, clock_wall_ms(s->clock));
    x->a.labels = NULL;
    x->a.key = NULL;
}

/* `words`: "A P2 svc=web team=pager". */
static void scene_fire(struct scene *s, const char *words)
{
    char copy[256], *at = copy, *name, *priority, *w;
    struct actor_alert *x;
    int before, now;

    snprintf(copy, sizeof copy, "%s", words);
    name = strsep(&at, " ");
    priority = strsep(&at, " ");
    x = scene_alert(s, name);
    while ((w = strsep(&at, " "))) {
        char *value = strchr(w, '=');
        *value++ = '\0';
        alert_label(x, w, value);
    }
    before = x->a.state.firing;
    now = priority_parse(priority);
    x->a.state.firing = now;
    if (before == 0)
        x->a.started_ms = x->a.state.active_ms = clock_wall_ms(s->clock);
    x->a.ended_ms = 0;
    alert_tell(s, x, before == 0 ? CHANGE_FIRED : now < before ? CHANGE_RAISED : CHANGE_LOWERED);
}

static void scene_end(struct scene *s, const char *name)
{
    struct actor_alert *x = scene_alert(s, name);

    x->a.state.firing = 0;
    x->a.ended_ms = clock_wall_ms(s->clock);
    alert_tell(s, x, CHANGE_RESOLVED);
}

__attribute__((unused)) static void scene_suppress(struct scene *s, const char *name, bool on)
{
    struct actor_alert *x = scene_alert(s, name);

    x->a.suppressed = on;
    alert_tell(s, x, CHANGE_NONE);
}

/* --- people ------------------------------------------------------------------------------------------- */

static const struct actor ana = {.who = "ana", .origin = "cli", .admin = true};

/* `matchers`: "svc=web,team=x"; length in seconds. */
static const struct silence *scene_silence(struct scene *s, const char *matchers, int64_t seconds,
                                           struct err *e)
{
    struct matcher *m[8];
    struct silence_request r = {.matchers = m, .comment = "known", .wide = -1};
    char copy[256], *at = copy, *w;
    const struct silence *made;

    snprintf(copy, sizeof copy, "%s", matchers);
    while ((w = strsep(&at, ","))) {
        m[r.n_matchers] = matcher_parse(w, strlen(w), e);
        ck_assert_ptr_nonnull(m[r.n_matchers]);
        r.n_matchers++;
    }
    r.ends_ms = clock_wall_ms(s->clock) + seconds * SEC;
    made = notify_silence(s->n, &r, &ana, NULL, e);
    for (size_t i = 0; i < r.n_matchers; i++)
        matcher_unref(m[i]);
    return made;
}

#endif
