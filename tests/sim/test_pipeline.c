/* The whole program in one process, from the journal to the receivers, on a virtual clock: random
 * stories of metrics and log events that walk across thresholds, silences, acknowledgements,
 * reloads, receivers that fail, a Redis that comes and goes, and kill -9 at any moment between two
 * turns. What must hold all the same:
 *
 *   - who was told "firing" is told the end; nobody hears the end of what was not announced;
 *   - no message is taken twice, but after an answer that could not be known;
 *   - what is held back is not announced, and what is not held is known to everybody soon;
 *   - at the end of a silence what is still on is told at once;
 *   - what became due and could not be delivered is told afterwards;
 *   - what was said to be stored is there after a crash: samples, silences, acknowledgements; every
 *     acknowledged increment counts once;
 *   - a new process stands where the old one stood: states, timers, values, incidents.
 *
 * In the second half each story is told twice, once with kills and once without: people must hear
 * the same of both.
 *
 * TOCSIN_SEEDS=7-7 tells one story, with the program's log; 1-5000 tells more. */
#include "unit.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "app/wire.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "fake_db.h"
#include "fake_loop.h"
#include "fake_outbound.h"

#define SEC       INT64_C(1000)
#define MINUTE    (60 * SEC)
#define START_MS  INT64_C(1767571200000)
#define STEPS     90
#define FEED_MS   (10 * SEC)
#define GROUPS    3
#define LANES     2
#define SILENCES  256
#define HEARD     4096
#define TAKES     16384
#define POINTS    8640
#define AT_ONCE   64 /* points of one request */
#define LINES     150
#define INCIDENTS 4096

static const char *const groups[GROUPS] = {"a", "b", "c"};
static const char *const lanes[LANES] = {"ops", "pager"};

static const char *const config_text[2] = {
    "receiver 'ops' { webhook { url = 'http://ops/' } }\n"
    "receiver 'pager' { webhook { url = 'http://pager/' } }\n"
    "route { receiver = 'ops', group_by = { 'alertname' }, group_wait = '10s',\n"
    "  group_interval = '1m', repeat_interval = '30m',\n"
    "  route { match = { g = 'c' }, receiver = 'pager', group_by = { 'g' } },\n"
    "  route { match = { alertname = 'Levels' }, receiver = { 'pager', 'ops' } } }\n",
    "receiver 'ops' { webhook { url = 'http://ops/' } }\n"
    "receiver 'pager' { webhook { url = 'http://pager/' } }\n"
    "route { receiver = 'ops', group_by = { 'alertname' }, group_wait = '10s',\n"
    "  group_interval = '1m', repeat_interval = '30m',\n"
    "  route { match = { g = 'b' }, receiver = 'pager', group_by = { 'g', 'alertname' } } }\n",
};

#define RULES_OF_BOTH                                                                             \
    "defaults { every = '15s' }\n"                                                                \
    "alert 'Levels' { value = m.temp:max('1m'):by('g'), lasting = '1m',\n"                        \
    "  fire = { P1 = above(90, { clear = 80 }), P3 = above(50, { clear = 40 }) } }\n"             \
    "local http = m.http_total\n"                                                                 \
    "alert 'Errors' { value = ratio(http{ code = '500' }:increase('5m'):by('g'),\n"               \
    "  http:increase('5m'):by('g'), { min = 10 }), lasting = '30s', missing = 'clear',\n"         \
    "  fire = { P1 = above('50%'), P2 = above('20%', { clear = '10%' }) } }\n"                    \
    "alert 'Held' { priority = 'P3', value = m.queue:last():max_by('g'), fire = above(50),\n"     \
    "  unless = firing('Hot', { by = { 'g' } }) }\n"                                              \
    "alert 'Beat' { priority = 'P4', value = m.beat:increase('2m'):by('g'), fire = at_most(0),\n" \
    "  missing = 'fire', lasting = '1m', expect = { { g = 'a' }, { g = 'b' } } }\n"               \
    "alert 'Logs' { priority = 'P2', value = logs{ level = 'ERROR' }:count('2m'):by('g'),\n"      \
    "  fire = at_least(3) }\n"                                                                    \
    "alert 'Total' { value = m.work_total:increase('24h'):by('g'), fire = above(1e15) }\n"        \
    "alert 'Deltas' { value = m.hits:increase('24h'):by('g'), fire = above(1e15) }\n"

static const char *const rules_text[2] = {
    RULES_OF_BOTH "alert 'Hot' { priority = 'P2', value = m.load:last():max_by('g'),\n"
                  "  fire = above(70, { clear = 60 }) }\n"
                  "alert 'Slow' { priority = 'P3', value = m.lag:avg('2m'):by('g'),\n"
                  "  fire = above(60), lasting = '2m', clear_after = '3m' }\n",
    RULES_OF_BOTH "alert 'Hot' { priority = 'P2', value = m.load:last():max_by('g'),\n"
                  "  fire = above(80, { clear = 60 }) }\n"
                  "alert 'Extra' { priority = 'P3', value = m.load:avg('10m'):by('g'),\n"
                  "  fire = above(60), lasting = '30s' }\n",
};

/* One message that the receiver has. */
struct take {
    char key[72];
    size_t lane;
    uint64_t number;
    bool answered; /* the sender heard that it was taken */
    bool durable;  /* and has that in Redis */
    bool unknown;  /* the sender cannot know: it may come again */
    bool sure;     /* Redis had the claim before it was sent */
};

/* What one lane knows of one alert in one incident. */
struct heard {
    size_t lane;
    uint64_t incident;
    char alert[48];
    bool told, owed;
    bool doubt; /* the sender does not know what of this was taken */
    bool lost;  /* told while Redis was away, and then the only memory of it was killed */
    size_t take;
    uint64_t send; /* the last request that spoke of it, taken or not */
    int64_t at_ms;
};

struct quiet { /* a silence */
    char id[UUID_LEN + 1];
    int group;
    int64_t ends_ms, stored_ends_ms; /* as ordered, as it stands in Redis for certain; 0: not */
    int64_t begun_ms;
    bool lost;
};

struct point { /* of the counters: what they were, and what came since the point before */
    int64_t t_ms;
    double total[GROUPS], hits[GROUPS];
};

struct request {                 /* points from `from` on */
    bool open, stored, doubtful; /* doubtful: a process died over it */
    uint64_t hash;
    size_t from, n;
};

struct line { /* of what people heard, for comparing two tellings */
    int64_t at_ms;
    char text[160];
};

struct process {
    struct loop *loop;
    struct db *db;
    struct outbound *outbound;
    struct wire *wire;
    struct rulefile *file;
    struct config *config;
    bool ready, dying;
};

static struct world {
    unsigned long seed;
    uint64_t world_random, fault_random, chaos; /* three streams: what happens, faults, getrandom */
    bool crashes, faults;
    struct clock *clock;
    struct fake_redis *redis;
    struct fake_dump *dump;
    struct process *p;
    int config, rules;
    /* data */
    double temp[GROUPS], load[GROUPS], lag[GROUPS], queue[GROUPS], http[GROUPS][2];
    double errors[GROUPS]; /* share of requests that fail */
    double beat[GROUPS];
    bool beats[GROUPS], quiet_data[GROUPS];
    int logs[GROUPS];
    int64_t fed_ms;
    struct request request;
    uint64_t requests;
    struct point points[POINTS];
    size_t n_points;
    double extra[GROUPS]; /* increments that may have been counted twice */
    /* people */
    enum fake_answer mode[LANES];
    int64_t slow_ms[LANES];
    int64_t trouble_ms[LANES]; /* the last moment the lane was not well */
    struct heard heard[HEARD];
    size_t n_heard;
    struct take takes[TAKES];
    size_t n_takes;
    bool known[TAKES];             /* by number of request: the sender heard what became of it */
    uint64_t last_send, safe_send; /* up to this one that stands in Redis */
    struct quiet quiet[SILENCES];
    size_t n_quiet;
    struct {
        bool on, durable;
    } acks[INCIDENTS];
    int64_t last_take_ms[LANES][INCIDENTS];
    /* Redis */
    bool redis_away, refusing, latency;
    int64_t redis_trouble_ms;
    bool starting;        /* what was not stored for certain may be gone */
    uint64_t firing[256]; /* fingerprints of what fired a moment ago */
    size_t n_firing;
    uint64_t expired;
    struct line *told;
    size_t n_told, cap_told;
    char log[LINES][200];
    size_t n_log;
} w;

static const struct actor ana = {.who = "ana", .origin = "test", .admin = true};

/* All randomness of the program is the story's. */
ssize_t getrandom(void *to, size_t n, unsigned flags)
{
    unsigned char *p = to;

    (void)flags;
    for (size_t i = 0; i < n; i++) {
        w.chaos = w.chaos * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        p[i] = (unsigned char)(w.chaos >> 40);
    }
    return (ssize_t)n;
}

static uint32_t draw(uint64_t *stream, uint32_t below)
{
    *stream = *stream * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*stream >> 33) % below);
}

static uint32_t world(uint32_t below)
{
    return draw(&w.world_random, below);
}

static uint32_t fault(uint32_t below)
{
    return draw(&w.fault_random, below);
}

static int64_t now(void)
{
    return clock_wall_ms(w.clock);
}

static void note(const char *format, ...)
{
    char *line = w.log[w.n_log++ % LINES];
    int n = snprintf(line, sizeof w.log[0], "%8.1f  ", (double)(now() - START_MS) / 1000);
    va_list ap;

    va_start(ap, format);
    vsnprintf(line + n, sizeof w.log[0] - (size_t)n, format, ap);
    va_end(ap);
}

static void wrong(const char *format, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    fprintf(stderr, "seed %lu%s%s, at %.1f s: %s\nwhat came before:\n", w.seed,
            w.crashes ? ", with kills" : "", w.faults ? ", with faults" : "",
            (double)(now() - START_MS) / 1000, text);
    for (size_t i = w.n_log > LINES ? w.n_log - LINES : 0; i < w.n_log; i++)
        fprintf(stderr, "%s\n", w.log[i % LINES]);
    ck_abort_msg("seed %lu: %s", w.seed, text);
}

#define MUST(holds, ...)        \
    do {                        \
        if (!(holds))           \
            wrong(__VA_ARGS__); \
    } while (0)

static struct notify *people(void)
{
    return wire_parts(w.p->wire)->notify;
}

/* Nothing is wrong with Redis now or was a moment ago: claims are stored before they are sent, and
 * sent in the instant in which they are made. */
static bool redis_is_well(void)
{
    return !w.redis_away && !w.refusing && !w.latency && fake_db_bitten(w.p->db) &&
           db_is_up(w.p->db) && now() - w.redis_trouble_ms > 15 * SEC;
}

/* --- receivers ------------------------------------------------------------------------------------ */

static const struct quiet *silenced(int group, int64_t since_ms)
{
    for (size_t i = 0; i < w.n_quiet; i++)
        if (w.quiet[i].group == group && !w.quiet[i].lost && now() < w.quiet[i].ends_ms &&
            w.quiet[i].begun_ms <= since_ms &&
            (!w.starting || w.quiet[i].stored_ends_ms == w.quiet[i].ends_ms))
            return &w.quiet[i];
    return NULL;
}

static struct heard *heard_of(size_t lane, uint64_t incident, const char *alert)
{
    struct heard *h;

    for (size_t i = 0; i < w.n_heard; i++)
        if (w.heard[i].lane == lane && w.heard[i].incident == incident &&
            strcmp(w.heard[i].alert, alert) == 0)
            return &w.heard[i];
    ck_assert_uint_lt(w.n_heard, HEARD);
    h = &w.heard[w.n_heard++];
    *h = (struct heard){.lane = lane, .incident = incident};
    snprintf(h->alert, sizeof h->alert, "%s", alert);
    return h;
}

struct envelope {
    size_t lane;
    uint64_t incident;
    const char *key, *reason;
    bool degraded;
    cJSON *alerts;
};

static const char *text_of(const cJSON *o, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

    return s ? s : "";
}

static bool flag(const cJSON *o, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static void alert_name(const cJSON *a, char *out, size_t size)
{
    const cJSON *labels = cJSON_GetObjectItemCaseSensitive(a, "labels");

    snprintf(out, size, "%s/%s", text_of(labels, "alertname"), text_of(labels, "g"));
}

static void tell_line(size_t lane, const char *alert, bool firing, const cJSON *a)
{
    struct line l = {.at_ms = now()};

    snprintf(l.text, sizeof l.text, "%s %s %s %s %s", lanes[lane], alert,
             firing ? "firing" : "resolved", text_of(a, "startsAt"),
             firing ? "" : text_of(a, "endsAt"));
    ck_assert_int_eq(mem_grow((void **)&w.told, &w.cap_told, w.n_told + 1, sizeof *w.told), 0);
    w.told[w.n_told++] = l;
}

/* What stands in a message must be so, when nothing lay between the claim and now. */
static void check_present(const struct envelope *m, const char *name, const cJSON *a)
{
    uint64_t fp = strtoull(text_of(a, "fingerprint"), NULL, 16);
    const struct alert *is = alert_by_fingerprint(wire_parts(w.p->wire)->book, fp);

    if (!is || !is->state.firing) /* it may have ended between the claim and now */
        for (size_t i = 0; i < w.n_firing; i++)
            if (w.firing[i] == fp)
                return;
    MUST(is && is->state.firing, "%s is announced to %s, and does not fire", name, lanes[m->lane]);
    MUST(!is->suppressed, "%s is announced to %s, and is held by `unless`", name, lanes[m->lane]);
}

static void hear_firing(const struct envelope *m, const cJSON *a, struct heard *h)
{
    bool is_new = flag(cJSON_GetObjectItemCaseSensitive(a, "tocsin"), "new");
    int group = h->alert[strlen(h->alert) - 1] - 'a';

    if (redis_is_well()) {
        check_present(m, h->alert, a);
        MUST(!silenced(group, now() - 1) || !is_new, "%s is announced to %s, and is silenced",
             h->alert, lanes[m->lane]);
    }
    MUST(!is_new || !h->told || h->doubt, "%s in #%llu is new to %s, which was told before",
         h->alert, (unsigned long long)m->incident, lanes[m->lane]);
    MUST(is_new || h->told || h->doubt, "%s in #%llu is not new to %s, which was never told",
         h->alert, (unsigned long long)m->incident, lanes[m->lane]);
    if (!h->told)
        tell_line(m->lane, h->alert, true, a);
    h->told = true;
}

static void hear_end(const struct envelope *m, const cJSON *a, struct heard *h)
{
    bool missed = flag(cJSON_GetObjectItemCaseSensitive(a, "tocsin"), "missed");
    bool trouble = w.crashes || now() - w.trouble_ms[m->lane] < 2 * 60 * MINUTE ||
                   now() - w.redis_trouble_ms < 2 * 60 * MINUTE;

    MUST(h->told || h->doubt || missed, "%s hears the end of %s in #%llu, which was not announced",
         lanes[m->lane], h->alert, (unsigned long long)m->incident);
    MUST(!missed || !h->told || h->doubt, "%s hears that it missed %s, and was told",
         lanes[m->lane], h->alert);
    MUST(h->told || h->doubt || h->owed || trouble,
         "%s hears that it missed %s, which could have been told", lanes[m->lane], h->alert);
    if (h->told)
        tell_line(m->lane, h->alert, false, a);
    h->told = h->owed = h->lost = false;
}

static void hear(const struct envelope *m, const struct take *t)
{
    const cJSON *a;
    int64_t last_ms = w.last_take_ms[m->lane][m->incident % INCIDENTS];
    bool in_doubt = false;

    for (size_t i = 0; i < w.n_takes; i++) {
        const struct take *b = &w.takes[i];

        MUST(b == t || b->lane != m->lane || b->unknown || strcmp(b->key, t->key) != 0,
             "%s takes message %s twice", lanes[m->lane], t->key);
        in_doubt = in_doubt || (b != t && b->lane == m->lane && b->unknown);
    }
    cJSON_ArrayForEach(a, m->alerts)
    {
        char name[48];
        struct heard *h;

        alert_name(a, name, sizeof name);
        h = heard_of(m->lane, m->incident, name);
        if (strcmp(text_of(a, "status"), "firing") == 0)
            hear_firing(m, a, h);
        else
            hear_end(m, a, h);
        h->doubt = false;
        h->owed = false;
        h->take = (size_t)(t - w.takes);
        h->at_ms = now();
    }
    if (strcmp(m->reason, "repeat interval elapsed") == 0) {
        MUST(!w.acks[m->incident % INCIDENTS].on, "#%llu is repeated to %s, and is acknowledged",
             (unsigned long long)m->incident, lanes[m->lane]);
        MUST(in_doubt || last_ms == 0 || now() - last_ms >= 30 * MINUTE - 20 * SEC,
             "#%llu is repeated to %s after %lld s", (unsigned long long)m->incident,
             lanes[m->lane], (long long)(now() - last_ms) / 1000);
    }
    w.last_take_ms[m->lane][m->incident % INCIDENTS] = now();
}

static void describe(const struct envelope *m, const struct fake_plan *plan, uint64_t number)
{
    static const char *const answers[] = {"takes", "503", "400", "away", "takes, mute"};
    char text[120] = "";
    const cJSON *a;

    cJSON_ArrayForEach(a, m->alerts)
    {
        char name[48];
        size_t n = strlen(text);

        alert_name(a, name, sizeof name);
        snprintf(text + n, sizeof text - n, " %s%s%s",
                 flag(cJSON_GetObjectItemCaseSensitive(a, "tocsin"), "new") ? "+" : "", name,
                 strcmp(text_of(a, "status"), "firing") == 0 ? "" : "-");
    }
    note("%s <- #%llu %s:%s  (%s, %lld ms, send %llu, key %.8s)", lanes[m->lane],
         (unsigned long long)m->incident, m->reason, text, answers[plan->answer],
         (long long)plan->after_ms, (unsigned long long)number, m->key);
}

/* Of what it was told before, before this message is heard. */
static void note_attempt(const struct envelope *m, uint64_t number, bool fails)
{
    const cJSON *a;

    cJSON_ArrayForEach(a, m->alerts)
    {
        char name[48];
        struct heard *h;

        alert_name(a, name, sizeof name);
        h = heard_of(m->lane, m->incident, name);
        h->doubt = h->doubt || (h->send != 0 && !w.known[h->send]);
        h->send = number;
        if (fails && strcmp(text_of(a, "status"), "firing") == 0 &&
            flag(cJSON_GetObjectItemCaseSensitive(a, "tocsin"), "new"))
            h->owed = true;
    }
}

static struct fake_plan on_receive(const struct fake_message *f, void *arg)
{
    cJSON *body = cJSON_ParseWithLength(f->body, f->len);
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(body, "tocsin");
    struct envelope m = {.lane = strstr(f->url, "pager") != NULL,
                         .incident = (uint64_t)cJSON_GetNumberValue(
                             cJSON_GetObjectItemCaseSensitive(own, "incident")),
                         .key = f->key,
                         .reason = text_of(body, "notification_reason"),
                         .degraded = flag(own, "degraded"),
                         .alerts = cJSON_GetObjectItemCaseSensitive(body, "alerts")};
    struct fake_plan plan = {w.mode[m.lane], w.slow_ms[m.lane]};

    (void)arg;
    MUST(body && own, "a message that is no JSON of ours: %.200s", f->body);
    describe(&m, &plan, f->number);
    ck_assert_uint_lt(f->number, TAKES);
    w.last_send = f->number;
    note_attempt(&m, f->number, plan.answer != FAKE_TAKES && plan.answer != FAKE_IS_MUTE);
    if (plan.answer == FAKE_TAKES || plan.answer == FAKE_IS_MUTE) {
        struct take *t = &w.takes[w.n_takes++];

        ck_assert_uint_lt(w.n_takes, TAKES);
        *t = (struct take){.lane = m.lane, .number = f->number, .sure = redis_is_well()};
        t->unknown = plan.answer == FAKE_IS_MUTE || plan.after_ms > 10000;
        snprintf(t->key, sizeof t->key, "%s", f->key);
        hear(&m, t);
        if (t->unknown)
            for (size_t i = 0; i < w.n_heard; i++)
                if (w.heard[i].take == w.n_takes - 1)
                    w.heard[i].doubt = true;
    }
    if (plan.answer != FAKE_TAKES || plan.after_ms > 0)
        w.trouble_ms[m.lane] = now();
    cJSON_Delete(body);
    return plan;
}

static void on_answered(uint64_t number, bool ok, void *arg)
{
    (void)arg;
    w.known[number] = ok;
    for (size_t i = w.n_takes; i-- > 0;)
        if (w.takes[i].number == number)
            w.takes[i].answered = ok;
}

static const struct fake_receiver receiver = {on_receive, on_answered, NULL};

/* --- a process -------------------------------------------------------------------------------------- */

static struct rulefile *load_file(void)
{
    struct err e = {0};
    struct rulefile *f =
        rulefile_load("rules.lua", rules_text[w.rules], strlen(rules_text[w.rules]), NULL, &e);

    MUST(f, "%s", e.text);
    return f;
}

static struct config *load_config(void)
{
    struct err e = {0};
    struct config *c =
        config_load("tocsin.lua", config_text[w.config], strlen(config_text[w.config]), NULL, &e);

    MUST(c, "%s", e.text);
    return c;
}

static void put_rules(struct process *p)
{
    struct rulefile *f = load_file();
    struct rules *r = wire_parts(p->wire)->rules;
    struct err e;

    MUST(rules_put(r, "rules.lua", f, now(), &e) == 0, "%s", e.text);
    rules_link(r, now());
    rulefile_unref(p->file);
    p->file = f;
}

static void on_load_rules(struct wire *wire, void *arg)
{
    struct process *p = arg;

    put_rules(p);
    wire_rules_loaded(wire);
}

static void on_kept(const char *path, const char *text, size_t len, void *arg)
{
    (void)path, (void)text, (void)len, (void)arg;
}

static void on_rewrite(struct store_table *t, void *arg)
{
    (void)t, (void)arg;
}

static void on_ready(const struct err *e, void *arg)
{
    MUST(!e, "the start failed: %s", e ? e->text : "");
    ((struct process *)arg)->ready = true;
}

static void on_up(void *arg)
{
    struct process *p = arg;

    if (p->wire && !p->dying)
        wire_db_up(p->wire);
}

static void on_down(const char *why, void *arg)
{
    struct process *p = arg;

    (void)why;
    w.redis_trouble_ms = now();
    if (p->wire && !p->dying)
        wire_db_down(p->wire);
}

static bool is_ready(void *arg)
{
    return ((struct process *)arg)->ready;
}

static void process_start(void)
{
    struct process *p = mem_zalloc(sizeof *p);
    struct db_options d = {.url = "fake:", .on_up = on_up, .on_down = on_down, .arg = p};
    struct wire_options o = {.load_rules = on_load_rules,
                             .kept_rule_file = on_kept,
                             .rewrite_rule_files = on_rewrite,
                             .ready = on_ready,
                             .arg = p};
    struct err e = {0};

    w.p = p;
    p->loop = o.loop = loop_new(w.clock, NULL);
    fake_db_serve(w.redis);
    p->db = o.db = db_open(p->loop, &d, NULL);
    p->outbound = o.outbound = outbound_new(p->loop, NULL, NULL);
    p->config = load_config();
    o.config = p->config;
    p->wire = wire_new(&o, &e);
    MUST(p->wire, "%s", e.text);
    MUST(fake_loop_wait(p->loop, is_ready, p, 60 * SEC), "not ready after a minute: %s",
         wire_phase(p->wire));
    fake_loop_settle(p->loop);
}

static void process_end(void)
{
    struct process *p = w.p;

    p->dying = true;
    fake_db_crash(p->db, fault(3));
    wire_free(p->wire);
    outbound_free(p->outbound);
    db_close(p->db);
    loop_free(p->loop);
    rulefile_unref(p->file);
    config_unref(p->config);
    mem_free(p);
    w.p = NULL;
}

/* --- what stands where, before and after a kill ------------------------------------------------------ */

struct snapshot {
    struct buf text;
};

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *lines[4096];
static size_t n_lines;

static void add_line(const char *format, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    ck_assert_uint_lt(n_lines, 4096);
    lines[n_lines++] = mem_strdup(text);
}

static void add_alert(const struct alert *a, void *arg)
{
    const struct alert_state *s = &a->state;
    struct buf labels = BUF_INIT;
    char levels[400] = "";

    (void)arg;
    labels_text(a->labels, a->n_labels, &labels);
    for (int i = 0; i < PRIORITIES; i++) {
        size_t n = strlen(levels);

        snprintf(levels + n, sizeof levels - n, " %d/%lld/%lld/%lld", s->level[i].on,
                 (long long)s->level[i].held_ms, (long long)s->level[i].true_ms,
                 (long long)s->level[i].false_ms);
    }
    add_line("alert %s firing %d since %lld pending %lld nodata %lld suppressed %d%s",
             buf_str(&labels), s->firing, (long long)s->active_ms, (long long)s->pending_ms,
             (long long)s->nodata_ms, a->suppressed, levels);
    buf_free(&labels);
}

static void add_incident(const struct incident_view *v, void *arg)
{
    (void)arg;
    add_line("incident #%llu P%d opened %lld firing %zu held %zu ack %s",
             (unsigned long long)v->number, v->priority, (long long)v->opened_ms, v->firing,
             v->held, v->ack.who);
}

static void take_snapshot(struct snapshot *out)
{
    n_lines = 0;
    alert_each(wire_parts(w.p->wire)->book, add_alert, NULL);
    notify_incidents(people(), 0, 1000, true, &ana, add_incident, NULL);
    qsort(lines, n_lines, sizeof *lines, compare_lines);
    for (size_t i = 0; i < n_lines; i++) {
        buf_addf(&out->text, "%s\n", lines[i]);
        mem_free(lines[i]);
    }
}

static void compare_snapshots(const struct snapshot *before, const struct snapshot *after)
{
    const char *a = buf_str(&before->text), *b = buf_str(&after->text);

    while (*a || *b) {
        int n = (int)strcspn(a, "\n"), k = (int)strcspn(b, "\n");

        if (n != k || memcmp(a, b, (size_t)n) != 0)
            wrong("after a restart it is not as it was\n  before: %.*s\n  after:  %.*s", n, a, k,
                  b);
        a += n + (a[n] != 0);
        b += k + (b[k] != 0);
    }
}

/* --- kill -9 ------------------------------------------------------------------------------------------ */

static bool all_is_stored(void)
{
    struct journal_stats s;

    journal_stats(wire_parts(w.p->wire)->journal, &s);
    return s.pending_blocks == 0 && !w.request.open && db_is_up(w.p->db) && !w.refusing &&
           db_outstanding(w.p->db) == 0 && store_is_clean(wire_parts(w.p->wire)->store) &&
           now() - w.redis_trouble_ms > 15 * SEC;
}

static void add_firing(const struct alert *a, void *arg)
{
    (void)arg;
    if (a->state.firing && w.n_firing < 256)
        w.firing[w.n_firing++] = a->fingerprint;
}

/* What has come to rest in Redis is there for good. */
static void mark_durable(void)
{
    w.n_firing = 0;
    alert_each(wire_parts(w.p->wire)->book, add_firing, NULL);
    if (!db_is_up(w.p->db) || w.refusing || !store_is_clean(wire_parts(w.p->wire)->store))
        return;
    if (outbound_in_flight(w.p->outbound) == 0)
        w.safe_send = w.last_send;
    for (size_t i = 0; i < w.n_takes; i++)
        w.takes[i].durable = w.takes[i].durable || w.takes[i].answered;
    for (size_t i = 0; i < w.n_quiet; i++)
        w.quiet[i].stored_ends_ms = w.quiet[i].ends_ms;
    for (size_t i = 0; i < INCIDENTS; i++)
        w.acks[i].durable = w.acks[i].on;
}

static void forget_takes(void)
{
    for (size_t i = 0; i < w.n_takes; i++)
        w.takes[i].unknown = w.takes[i].unknown || !w.takes[i].durable;
    for (size_t i = 0; i < w.n_heard; i++) {
        const struct take *t = &w.takes[w.heard[i].take];

        w.heard[i].doubt = w.heard[i].doubt || w.heard[i].send > w.safe_send;
        if (w.heard[i].at_ms == 0 || t->durable)
            continue;
        w.heard[i].doubt = true;
        w.heard[i].lost = w.heard[i].lost || !t->sure;
    }
}

static void check_silences(void)
{
    for (size_t i = 0; i < w.n_quiet; i++) {
        struct quiet *q = &w.quiet[i];
        const struct silence *s = q->lost ? NULL : notify_silence_find(people(), q->id);

        if (q->lost)
            continue;
        MUST(s || q->stored_ends_ms == 0, "a silence that was stored is gone");
        if (!s) {
            q->lost = true;
            continue;
        }
        MUST(s->ends_ms == q->ends_ms || s->ends_ms != q->stored_ends_ms ||
                 q->stored_ends_ms != q->ends_ms,
             "a silence ends at another time than was stored");
        q->ends_ms = s->ends_ms;
    }
}

static void check_ack(const struct incident_view *v, void *arg)
{
    (void)arg;
    MUST(v->ack.who[0] || v->ended_ms || !w.acks[v->number % INCIDENTS].durable,
         "the acknowledgement of #%llu was stored and is gone", (unsigned long long)v->number);
    w.acks[v->number % INCIDENTS].on = v->ack.who[0] != 0;
}

static void kill_process(void)
{
    struct snapshot before = {BUF_INIT}, after = {BUF_INIT};
    struct notify_stats st;
    bool whole = all_is_stored() && outbound_in_flight(w.p->outbound) == 0;

    note("kill -9%s", whole ? ", of a process at rest" : "");
    if (whole)
        take_snapshot(&before);
    notify_stats(people(), &st);
    w.expired += st.expired;
    if (whole)
        mark_durable();
    process_end();
    forget_takes();
    w.redis_away = false;
    w.request.open = false;
    w.request.doubtful = w.request.doubtful || !w.request.stored;
    w.latency = false;
    w.starting = true;
    process_start();
    w.starting = false;
    check_silences();
    for (size_t i = 0; i < INCIDENTS; i++)
        w.acks[i].on = w.acks[i].on && w.acks[i].durable;
    notify_incidents(people(), 0, INCIDENTS, true, &ana, check_ack, NULL);
    if (whole) {
        take_snapshot(&after);
        compare_snapshots(&before, &after);
    }
    buf_free(&before.text);
    buf_free(&after.text);
}

/* --- data ------------------------------------------------------------------------------------------------ */

static void on_stored(enum journal_answer answer, const struct err *e, void *arg)
{
    struct request *r = arg;

    (void)e;
    if (w.p->dying || !r->open)
        return;
    r->open = false;
    r->stored = answer == JOURNAL_STORED;
    if (!r->stored)
        note("sender is told %s", answer == JOURNAL_WAITING ? "to come again" : "no");
}

static void add_sample(struct sample *to, size_t *n, const char *name, int group, const char *code,
                       enum sample_kind kind, double v, int64_t t_ms)
{
    struct label l[3] = {label_of("__name__", name)};
    size_t k = 1;
    bool is_new;

    if (code)
        l[k++] = label_of("code", code);
    l[k++] = label_of("g", groups[group]);
    to[*n] = (struct sample){.t_ms = t_ms, .v = v, .weight = 1, .kind = (uint8_t)kind};
    to[*n].series = series_resolve(wire_parts(w.p->wire)->series, l, k, "", kind, &is_new);
    *n += 1;
}

/* A sender that counts: it repeats a request until it is told that it is stored, and sends what has
 * gathered meanwhile after it. */
static void send_counters(void)
{
    struct request *r = &w.request;
    struct sample s[2 * GROUPS * AT_ONCE];
    struct journal_request j = {.samples = s};
    struct point *p = &w.points[w.n_points];

    ck_assert_uint_lt(w.n_points, POINTS);
    p->t_ms = now();
    w.n_points++;
    for (int g = 0; g < GROUPS; g++) {
        p->hits[g] = w.n_points > 1 ? 1 + world(9) : 0;
        p->total[g] = p->hits[g] + (w.n_points > 1 ? p[-1].total[g] : 0);
    }
    if (r->open)
        return;
    if (r->stored || r->hash == 0) {
        for (size_t i = r->from; i < r->from + r->n && r->doubtful; i++)
            for (int g = 0; g < GROUPS; g++)
                w.extra[g] += w.points[i].hits[g];
        *r = (struct request){.hash = 1000 + ++w.requests, .from = r->from + r->n};
        r->n = w.n_points - r->from < AT_ONCE ? w.n_points - r->from : AT_ONCE;
    }
    r->open = true;
    for (size_t i = r->from; i < r->from + r->n; i++)
        for (int g = 0; g < GROUPS; g++) {
            p = &w.points[i];
            add_sample(s, &j.n_samples, "work_total", g, NULL, SAMPLE_CUMULATIVE, p->total[g],
                       p->t_ms);
            add_sample(s, &j.n_samples, "hits", g, NULL, SAMPLE_DELTA, p->hits[g], p->t_ms);
        }
    j.hash = r->hash;
    journal_append(wire_parts(w.p->wire)->journal, &j, on_stored, r);
}

/* Everybody else: what they say once they say once. */
static void send_levels(void)
{
    struct sample s[8 * GROUPS];
    struct label fields[GROUPS][2];
    struct logevent events[4 * GROUPS];
    struct journal_request j = {.samples = s, .events = events};

    for (int g = 0; g < GROUPS; g++) {
        int n = w.logs[g] > 4 ? 4 : w.logs[g];

        w.logs[g] -= n;
        fields[g][0] = label_of("g", groups[g]);
        fields[g][1] = label_of("level", "ERROR");
        for (int i = 0; i < n; i++)
            events[j.n_events++] =
                (struct logevent){.t_ms = now(), .fields = fields[g], .n_fields = 2};
        w.http[g][0] += 10 * (1 - w.errors[g]);
        w.http[g][1] += 10 * w.errors[g];
        w.beat[g] += w.beats[g];
        if (w.quiet_data[g])
            continue;
        add_sample(s, &j.n_samples, "temp", g, NULL, SAMPLE_GAUGE, w.temp[g], now());
        add_sample(s, &j.n_samples, "load", g, NULL, SAMPLE_GAUGE, w.load[g], now());
        add_sample(s, &j.n_samples, "lag", g, NULL, SAMPLE_GAUGE, w.lag[g], now());
        add_sample(s, &j.n_samples, "queue", g, NULL, SAMPLE_GAUGE, w.queue[g], now());
        add_sample(s, &j.n_samples, "http_total", g, "200", SAMPLE_CUMULATIVE, w.http[g][0], now());
        add_sample(s, &j.n_samples, "http_total", g, "500", SAMPLE_CUMULATIVE, w.http[g][1], now());
        if (w.beats[g])
            add_sample(s, &j.n_samples, "beat", g, NULL, SAMPLE_CUMULATIVE, w.beat[g], now());
    }
    if (j.n_samples + j.n_events > 0)
        journal_append(wire_parts(w.p->wire)->journal, &j, NULL, NULL);
}

static void run_to(int64_t at_ms)
{
    while (w.fed_ms + FEED_MS <= at_ms) {
        w.fed_ms += FEED_MS;
        fake_loop_run_until(w.p->loop, w.fed_ms);
        mark_durable();
        send_counters();
        send_levels();
        fake_loop_settle(w.p->loop);
    }
    fake_loop_run_until(w.p->loop, at_ms);
    mark_durable();
}

static void run_for(int64_t ms)
{
    run_to(now() + ms);
}

/* --- what happens in the world ------------------------------------------------------------------------------ */

static void walk(double *v)
{
    *v = world(3) ? *v + (double)world(41) - 20 : (double)world(100);
    *v = *v < 0 ? 0 : *v > 100 ? 100 : *v;
}

static void move_data(void)
{
    int g = (int)world(GROUPS);

    switch (world(9)) {
    case 0:
    case 1:
        walk(&w.temp[g]);
        break;
    case 2:
    case 3:
        walk(&w.load[g]);
        break;
    case 4:
        walk(&w.lag[g]);
        break;
    case 5:
        walk(&w.queue[g]);
        break;
    case 6:
        w.errors[g] = world(2) ? 0 : (double)world(8) / 10;
        break;
    case 7:
        w.logs[g] += (int)world(5);
        break;
    default:
        if (world(3))
            w.beats[g] = !w.beats[g];
        else
            w.quiet_data[g] = !w.quiet_data[g];
    }
}

static void silence(void)
{
    int g = (int)world(GROUPS);
    int64_t ms = 30 * SEC + (int64_t)world(900) * SEC;
    char text[16];
    struct err e;
    struct matcher *m;
    struct silence_request r = {.matchers = &m,
                                .n_matchers = 1,
                                .ends_ms = now() + ms,
                                .comment = "known",
                                .wide = -1,
                                .any_priority = true};
    const struct silence *s;

    if (w.n_quiet == SILENCES)
        return;
    snprintf(text, sizeof text, "g=%s", groups[g]);
    m = matcher_parse(text, strlen(text), &e);
    s = notify_silence(people(), &r, &ana, NULL, &e);
    MUST(s, "%s", e.text);
    note("silence %s for %lld s", text, (long long)ms / 1000);
    w.quiet[w.n_quiet] = (struct quiet){.group = g, .ends_ms = now() + ms, .begun_ms = now()};
    snprintf(w.quiet[w.n_quiet++].id, sizeof w.quiet[0].id, "%s", s->id);
    matcher_unref(m);
}

static void expire(size_t i)
{
    struct err e;

    if (i >= w.n_quiet || w.quiet[i].lost || now() >= w.quiet[i].ends_ms)
        return;
    MUST(notify_silence_expire(people(), w.quiet[i].id, &ana, &e) == 0, "%s", e.text);
    note("silence of %s ends by hand", groups[w.quiet[i].group]);
    w.quiet[i].ends_ms = now();
}

static void newest(const struct incident_view *v, void *arg)
{
    *(uint64_t *)arg = v->number;
}

static void ack(void)
{
    uint64_t number = 0;
    struct err e;

    notify_incidents(people(), 0, 1, true, &ana, newest, &number);
    if (number == 0 || number >= INCIDENTS)
        return;
    if (w.acks[number].on) {
        note("#%llu is released", (unsigned long long)number);
        MUST(notify_release(people(), number, &ana, &e) == 0, "%s", e.text);
        w.acks[number].on = w.acks[number].durable = false;
    } else if (notify_ack(people(), number, 0, "", &ana, &e) == 0) {
        note("#%llu is acknowledged", (unsigned long long)number);
        w.acks[number].on = true;
    }
}

static void reload(void)
{
    if (world(2)) {
        struct config *old = w.p->config;

        w.config = !w.config;
        note("configuration %d", w.config);
        w.p->config = load_config();
        wire_configure(w.p->wire, w.p->config);
        config_unref(old);
        return;
    }
    w.rules = !w.rules;
    note("rules %d", w.rules);
    while (!wire_hold(w.p->wire))
        fake_loop_settle(w.p->loop);
    put_rules(w.p);
    wire_fill_new_leaves(w.p->wire);
    wire_release(w.p->wire);
}

static void step_world(void)
{
    switch (world(16)) {
    case 0:
        silence();
        break;
    case 1:
        expire(world((uint32_t)w.n_quiet + 1));
        break;
    case 2:
        ack();
        break;
    case 3:
        if (world(4) == 0)
            reload();
        break;
    default:
        for (uint32_t i = world(3); i-- > 0;)
            move_data();
        move_data();
    }
}

/* --- faults ---------------------------------------------------------------------------------------------- */

static void upset_receiver(void)
{
    static const enum fake_answer answers[] = {FAKE_TAKES,   FAKE_TAKES,   FAKE_TAKES,
                                               FAKE_FAILS,   FAKE_IS_AWAY, FAKE_IS_MUTE,
                                               FAKE_REFUSES, FAKE_TAKES};
    size_t l = fault(LANES);

    w.mode[l] = answers[fault(8)];
    w.slow_ms[l] = fault(2) ? 0 : (int64_t)fault(3) * 6000;
    w.trouble_ms[l] = now();
    note("%s: mode %d, answers after %lld ms", lanes[l], w.mode[l], (long long)w.slow_ms[l]);
}

static void redis_back(void)
{
    w.redis_trouble_ms = now();
    w.redis_away = w.refusing = w.latency = false;
    fake_redis_refuse_writes(w.redis, false);
    fake_db_latency(w.p->db, 0);
    fake_db_up(w.p->db);
}

/* Goes back to the state of a moment ago and stays alive until memory and Redis are one again. */
static void lose_tail(void)
{
    if (!w.dump)
        return;
    note("Redis has lost its tail");
    fake_db_down(w.p->db, fault(2));
    fake_redis_restore(w.redis, w.dump);
    fake_dump_free(w.dump);
    w.dump = NULL;
    redis_back();
    run_for(30 * SEC);
    MUST(all_is_stored() || w.request.open || now() - w.redis_trouble_ms <= 30 * SEC,
         "what Redis lost is not written again");
}

static void upset_redis(void)
{
    w.redis_trouble_ms = now();
    switch (fault(8)) {
    case 0:
        note("a command meets a fault");
        fake_db_fault(w.p->db, (enum fake_fault)fault(FAKE_RESTART + 1),
                      fake_db_sent(w.p->db) + 1 + fault(6));
        break;
    case 1:
        note("Redis goes away");
        w.redis_away = true;
        fake_db_down(w.p->db, fault(3));
        break;
    case 2:
        note("Redis is slow");
        w.latency = true;
        fake_db_latency(w.p->db, 1 + fault(60));
        break;
    case 3:
        if (fault(3))
            break;
        note("Redis refuses writes");
        w.refusing = true;
        fake_redis_refuse_writes(w.redis, true);
        break;
    case 4:
        if (!w.dump)
            w.dump = fake_redis_dump(w.redis);
        break;
    case 5:
        lose_tail();
        break;
    default:
        note("Redis is well");
        redis_back();
    }
}

static void step_faults(void)
{
    if (w.faults && fault(5) == 0)
        upset_receiver();
    if (w.faults && fault(5) == 0)
        upset_redis();
    if (w.crashes && fault(6) == 0) {
        for (uint32_t turns = fault(4); turns-- > 0;)
            loop_turn(w.p->loop, 0);
        if (w.refusing)
            redis_back();
        fake_dump_free(w.dump); /* of an older moment than what the new process knows */
        w.dump = NULL;
        kill_process();
    }
}

/* --- what must be so when all is well ------------------------------------------------------------------------ */

static void all_is_well(void)
{
    if (w.faults)
        redis_back();
    for (size_t l = 0; l < LANES; l++) {
        w.mode[l] = FAKE_TAKES;
        w.slow_ms[l] = 0;
    }
}

static void try_again(void)
{
    struct err e;

    for (uint64_t i = 1; i < INCIDENTS; i++) {
        bool any = false;

        for (size_t l = 0; l < LANES; l++) {
            char lane[32];

            snprintf(lane, sizeof lane, "%s/webhook", lanes[l]);
            any = notify_retry(people(), i, lane, &ana, &e) == 0 || any;
        }
    }
}

static bool is_told(size_t lane, const char *alert)
{
    for (size_t i = 0; i < w.n_heard; i++)
        if (w.heard[i].lane == lane && w.heard[i].told && strcmp(w.heard[i].alert, alert) == 0)
            return true;
    return false;
}

static void name_alert(const struct alert *a, char *out, size_t size)
{
    const char *g = "";

    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, "g") == 0)
            g = a->labels[i].value;
    snprintf(out, size, "%s/%s", alert_rule_def(a->rule)->name, g);
}

static bool held(const struct alert *a)
{
    char name[48];

    name_alert(a, name, sizeof name);
    return a->suppressed || silenced(name[strlen(name) - 1] - 'a', now()) != NULL;
}

static void check_known(const struct alert *a, void *arg)
{
    char name[48];
    struct alert_standing s;

    (void)arg;
    name_alert(a, name, sizeof name);
    if (!a->state.firing || held(a))
        return;
    notify_standing(people(), a, &s);
    MUST(!s.suppressed, "%s counts as held, and nothing holds it", name);
    MUST(s.n_receivers > 0, "%s goes to nobody", name);
    for (size_t i = 0; i < s.n_receivers; i++)
        for (size_t l = 0; l < LANES; l++)
            MUST(strcmp(s.receivers[i], lanes[l]) != 0 || is_told(l, name),
                 "%s fires since %lld s, and %s does not know", name,
                 (long long)(now() - a->state.active_ms) / 1000, lanes[l]);
}

static void find_firing(const struct alert *a, void *arg)
{
    const char **name = arg;
    char is[48];

    name_alert(a, is, sizeof is);
    if (*name && a->state.firing && strcmp(is, *name) == 0)
        *name = NULL;
}

static void check_ended(void)
{
    for (size_t i = 0; i < w.n_heard; i++) {
        const struct heard *h = &w.heard[i];
        const char *name = h->alert;

        if (!h->told || h->lost)
            continue;
        alert_each(wire_parts(w.p->wire)->book, find_firing, &name);
        MUST(name == NULL, "%s was told that %s fires (#%llu), and never of its end",
             lanes[h->lane], h->alert, (unsigned long long)h->incident);
    }
}

/* Every increment that was said to be stored counts, once. */
static void check_counts(void)
{
    struct rules *rules = wire_parts(w.p->wire)->rules;
    const struct request *r = &w.request;

    MUST(r->stored && !r->open && r->from + r->n == w.n_points,
         "a request is not stored although all is well");
    for (int g = 0; g < GROUPS; g++) {
        struct label l = label_of("g", groups[g]);
        double all = w.points[w.n_points - 1].total[g], extra = w.extra[g];
        labelset found;
        double v = 0;

        MUST(rule_groups(rules_find(rules, "Total"), &l, 1, &found, 1) == 1, "no group");
        MUST(rule_value(rules_find(rules, "Total"), found, &v) && v == all,
             "counter %s has grown by %.0f, and counts as %.0f", groups[g], all, v);
        MUST(rule_groups(rules_find(rules, "Deltas"), &l, 1, &found, 1) == 1, "no group");
        MUST(rule_value(rules_find(rules, "Deltas"), found, &v) && v >= all && v <= all + extra,
             "increments of %s make %.0f (%.0f of them may count again), and count as %.0f",
             groups[g], all, extra, v);
    }
}

struct freed {
    int group;
    char names[32][48];
    size_t n;
};

static void note_freed(const struct alert *a, void *arg)
{
    struct freed *f = arg;
    char name[48];

    name_alert(a, name, sizeof name);
    if (a->state.firing && !held(a) && name[strlen(name) - 1] - 'a' == f->group && f->n < 32)
        snprintf(f->names[f->n++], 48, "%s", name);
}

/* The end of a silence by hand: what is still on is known in the same second. */
static void check_speaks(void)
{
    struct freed f = {0};
    size_t i = 0;

    while (i < w.n_quiet && (w.quiet[i].lost || now() >= w.quiet[i].ends_ms))
        i++;
    if (i == w.n_quiet)
        return;
    f.group = w.quiet[i].group;
    expire(i);
    alert_each(wire_parts(w.p->wire)->book, note_freed, &f);
    fake_loop_run_for(w.p->loop, SEC);
    for (size_t k = 0; k < f.n; k++)
        MUST(is_told(0, f.names[k]) || is_told(1, f.names[k]),
             "%s is still on when its silence ends, and nobody is told", f.names[k]);
}

static void check_calm(void)
{
    note("all is well");
    all_is_well();
    run_for(5 * SEC);
    try_again();
    run_for(12 * MINUTE);
    try_again();
    run_for(3 * MINUTE);
    alert_each(wire_parts(w.p->wire)->book, check_known, NULL);
    check_ended();
    check_counts();
    check_speaks();
}

static void end_story(void)
{
    struct notify_stats st;
    size_t owed = 0;

    note("the end");
    all_is_well();
    for (size_t i = 0; i < w.n_quiet; i++)
        expire(i);
    for (int g = 0; g < GROUPS; g++) {
        w.temp[g] = w.load[g] = w.lag[g] = w.queue[g] = w.errors[g] = 0;
        w.logs[g] = 0;
        w.beats[g] = true;
        w.quiet_data[g] = false;
    }
    run_for(20 * MINUTE);
    try_again();
    run_for(100 * MINUTE);
    try_again();
    run_for(5 * MINUTE);
    check_ended();
    check_counts();
    notify_stats(people(), &st);
    for (size_t i = 0; i < w.n_heard; i++) {
        MUST(!w.heard[i].told || w.heard[i].lost, "%s was never told the end of %s",
             lanes[w.heard[i].lane], w.heard[i].alert);
        owed += w.heard[i].owed && !w.heard[i].doubt;
    }
    MUST(st.firing == 0, "%zu alerts still fire", st.firing);
    MUST(st.due + st.claimed + st.retrying + st.dead == 0 && st.incidents_open == 0,
         "something waits: %zu due, %zu claimed, %zu retried, %zu dead, %zu incidents open", st.due,
         st.claimed, st.retrying, st.dead, st.incidents_open);
    MUST(owed <= w.expired + st.expired || w.crashes,
         "%zu firings were owed and never told, %llu are recorded as expired", owed,
         (unsigned long long)(w.expired + st.expired));
}

/* --- stories ------------------------------------------------------------------------------------------------- */

static void tell_story(unsigned long seed, bool crashes, bool faults)
{
    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.crashes = crashes;
    w.faults = faults;
    w.world_random = seed * 7919 + 17;
    w.fault_random = seed * 104729 + 71;
    w.chaos = 42;
    w.redis_trouble_ms = -INT64_C(1000) * MINUTE;
    for (size_t l = 0; l < LANES; l++)
        w.trouble_ms[l] = -INT64_C(1000) * MINUTE;
    w.clock = clock_virtual(START_MS);
    w.fed_ms = START_MS;
    for (int g = 0; g < GROUPS; g++)
        w.beats[g] = true;
    w.redis = fake_redis_new(w.clock);
    fake_outbound_serve(&receiver);
    process_start();
    run_for(MINUTE);
    for (int i = 0; i < STEPS; i++) {
        step_world();
        run_for(world(4) ? 200 + (int64_t)world(30000) : (int64_t)world(240) * SEC);
        step_faults();
        if (i % 30 == 29)
            check_calm();
    }
    end_story();
    process_end();
    fake_dump_free(w.dump);
    fake_redis_free(w.redis);
    clock_free(w.clock);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->text, ((const struct line *)b)->text);
}

/* What people hear is the same with and without kills. */
static void tell_twice(unsigned long seed)
{
    struct line *first;
    size_t n;

    tell_story(seed, false, false);
    first = w.told;
    n = w.n_told;
    tell_story(seed, true, false);
    qsort(first, n, sizeof *first, by_text);
    qsort(w.told, w.n_told, sizeof *w.told, by_text);
    w.clock = clock_virtual(START_MS);
    for (size_t i = 0; i < n || i < w.n_told; i++) {
        const char *a = i < n ? first[i].text : "nothing";
        const char *b = i < w.n_told ? w.told[i].text : "nothing";

        MUST(strcmp(a, b) == 0, "without kills people hear: %s (at %.1f s); with kills: %s (%.1f)",
             a, i < n ? (double)(first[i].at_ms - START_MS) / 1000 : 0, b,
             i < w.n_told ? (double)(w.told[i].at_ms - START_MS) / 1000 : 0);
    }
    clock_free(w.clock);
    mem_free(first);
    mem_free(w.told);
}

static void seeds(unsigned long *from, unsigned long *to, unsigned long usual)
{
    const char *s = getenv("TOCSIN_SEEDS");

    *from = 1;
    *to = usual;
    if (s && sscanf(s, "%lu-%lu", from, to) == 1)
        *to = *from;
}

START_TEST(random_stories_end_well)
{
    unsigned long from, to;

    seeds(&from, &to, 100);
    for (unsigned long i = from; i <= to; i++) {
        tell_story(i, i % 2, i % 4 != 3);
        mem_free(w.told);
    }
}
END_TEST

START_TEST(kills_change_nothing_for_people)
{
    unsigned long from, to;

    seeds(&from, &to, 50);
    for (unsigned long i = from; i <= to; i++)
        tell_twice(i);
}
END_TEST

static void silent(const char *line, void *arg)
{
    (void)line, (void)arg;
}

static void add(TCase *t)
{
    if (!getenv("TOCSIN_LOG"))
        log_divert(silent, NULL);
    tcase_set_timeout(t, 3600);
    tcase_add_test(t, random_stories_end_well);
    tcase_add_test(t, kills_change_nothing_for_people);
}

UNIT_MAIN("pipeline", add)
