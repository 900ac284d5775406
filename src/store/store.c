#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store_impl.h"

/* One transaction is under way at a time; meanwhile changes gather, the newest of each field.
 *
 *     waiting ──push──> flying ──DONE──────────────> gone
 *        ^                ├────REFUSED, UNSENT────> back to waiting, tried again later
 *        │                └────UNKNOWN──> check: is its number in Redis?  yes: gone
 *        └──────────────────────────────────────────────────────────────  no: back
 *
 * Each transaction reads the number of the one before it and writes its own. So three things are
 * found: that a transaction of unknown fate happened; that Redis lost transactions (its number is
 * lower: all tables are written again); that somebody else wrote (higher: told, and adopted). The
 * number is also asked when the server's run id has changed, before anything is written. */

#define TX_BYTES_MAX    ((size_t)16 << 20) /* a quarter of what the connection takes at once */
#define TX_FIELDS       128                /* of one HSET or HDEL: short stalls in Redis */
#define POLL_AWAY_MS    100
#define POLL_MS         1000
#define REFUSED_WAIT_MS 1000
#define MEND_EVERY_MS   60000

static void on_push(void *arg);
static void on_poll(void *arg);

struct store *store_new(struct loop *l, struct db *d)
{
    struct store *s = mem_zalloc(sizeof *s);

    if (!s)
        return NULL;
    s->loop = l;
    s->db = d;
    s->tables_end = &s->tables;
    s->waiters_end = &s->waiters;
    s->round = 1;
    lines_init(&s->lines);
    lines_init(&s->lines_flying);
    /* the first stage: changes of one turn leave before the next turn's work */
    s->push = timer_new(l, LOOP_DELIVERY, on_push, s);
    s->poll = timer_new(l, LOOP_CONTROL, on_poll, s);
    if (!s->push || !s->poll) {
        store_free(s);
        return NULL;
    }
    timer_in(s->poll, POLL_MS);
    return s;
}

static void free_waiters(struct store *s)
{
    while (s->waiters) {
        struct waiter *w = s->waiters;

        s->waiters = w->next;
        mem_free(w);
    }
    s->waiters_end = &s->waiters;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    while (s->tables) {
        struct store_table *t = s->tables;

        s->tables = t->next;
        batch_clear(&t->waiting);
        changes_free(t->flying);
        mem_free(t->key);
        mem_free(t);
    }
    lines_clear(&s->lines);
    lines_clear(&s->lines_flying);
    free_waiters(s);
    timer_free(s->push);
    timer_free(s->poll);
    s->closing = true;
    store_call(s);
    store_end_loading(s);
    (void)store_returned(s);
}

/* --- what waits ------------------------------------------------------------------------------------------ */

static struct store_table *add_table(struct store *s, const char *key, bool is_zset)
{
    struct store_table *t = mem_zalloc(sizeof *t);

    if (!t)
        return NULL;
    t->store = s;
    t->is_zset = is_zset;
    t->key = mem_strdup(key);
    if (!t->key) {
        mem_free(t);
        return NULL;
    }
    batch_init(&t->waiting);
    *s->tables_end = t;
    s->tables_end = &t->next;
    return t;
}

struct store_table *store_table(struct store *s, const char *key,
                                void (*rewrite)(struct store_table *t, void *arg), void *arg)
{
    struct store_table *t = add_table(s, key, false);

    if (t) {
        t->rewrite = rewrite;
        t->arg = arg;
    }
    return t;
}

static void push_soon(struct store *s)
{
    if (s->state == STORE_IDLE)
        timer_in(s->push, 0);
}

static void put(struct store_table *t, const char *field, size_t field_len, const char *value,
                size_t len, int64_t score)
{
    if (batch_put(&t->waiting, field, field_len, value, len, score) != 0)
        t->store->lost = true;
    push_soon(t->store);
}

void store_put(struct store_table *t, const char *field, const void *value, size_t len)
{
    assert(field && (value || len == 0));
    put(t, field, strlen(field), len ? value : "", len, 0);
}

void store_del(struct store_table *t, const char *field)
{
    put(t, field, strlen(field), NULL, 0, 0);
}

/* There are one or two sorted sets. */
static struct store_table *zset(struct store *s, const char *key)
{
    struct store_table *t = s->tables;

    while (t && !(t->is_zset && strcmp(t->key, key) == 0))
        t = t->next;
    if (!t && !(t = add_table(s, key, true)))
        s->lost = true;
    return t;
}

void store_zadd(struct store *s, const char *key, const char *member, int64_t score)
{
    struct store_table *t = zset(s, key);

    assert(member);
    if (t)
        put(t, member, strlen(member), "", 0, score);
}

void store_zrem(struct store *s, const char *key, const char *member)
{
    struct store_table *t = zset(s, key);

    if (t)
        put(t, member, strlen(member), NULL, 0, 0);
}

void store_append(struct store *s, const char *key, uint64_t max_len, const char *id,
                  const char *const *pairs)
{
    assert(pairs && pairs[0]);
    if (lines_put(&s->lines, key, max_len, id, pairs) != 0)
        s->lines.dropped++;
    push_soon(s);
}

static size_t count_waiting(const struct store *s)
{
    size_t n = s->lines.n;

    for (const struct store_table *t = s->tables; t; t = t->next)
        n += t->waiting.n + t->clear;
    return n;
}

bool store_is_clean(const struct store *s)
{
    return s->state == STORE_IDLE && !s->unknown && !s->lost && count_waiting(s) == 0;
}

/* --- who waits -------------------------------------------------------------------------------------------- */

void store_after(struct store *s, void (*then)(bool durable, void *arg), void *arg)
{
    struct waiter *w = mem_zalloc(sizeof *w);
    bool waits = count_waiting(s) > 0 || s->lost;

    assert(then);
    assert(w); /* nobody else could tell the caller */
    w->then = then;
    w->arg = arg;
    if (waits)
        w->round = s->round;
    else if (s->state == STORE_IDLE && !s->unknown)
        w->round = s->round_done;
    else
        w->round = s->round_flying ? s->round_flying : s->round;
    *s->waiters_end = w;
    s->waiters_end = &w->next;
    push_soon(s);
}

/* Tells those that waited up to `round`; their callbacks may put, wait anew, free the store. */
static void tell(struct store *s, uint64_t round, bool durable)
{
    struct waiter *told = NULL, **end = &told, **at = &s->waiters;

    while (*at) {
        struct waiter *w = *at;

        if (w->round > round) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->next = NULL;
        *end = w;
        end = &w->next;
    }
    s->waiters_end = at;
    store_call(s);
    while (told) {
        struct waiter *w = told;

        told = w->next;
        if (!s->closing)
            w->then(durable, w->arg);
        mem_free(w);
    }
    store_returned(s);
}

static void tell_nobody_waits(struct store *s)
{
    tell(s, UINT64_MAX, false);
}

/* --- writing everything again --------------------------------------------------------------------------- */

void store_rewrite(struct store *s)
{
    s->lost = false;
    s->stats.rewrites++;
    for (struct store_table *t = s->tables; t; t = t->next) {
        batch_clear(&t->waiting);
        t->clear = true;
    }
    for (struct store_table *t = s->tables; t; t = t->next)
        if (t->rewrite)
            t->rewrite(t, t->arg);
    push_soon(s);
}

static void regressed(struct store *s, uint64_t found)
{
    char ours[24], theirs[24];

    snprintf(ours, sizeof ours, "%" PRIu64, s->seq);
    snprintf(theirs, sizeof theirs, "%" PRIu64, found);
    log_warn("Redis has lost control state; all of it is written again from memory", "transaction",
             ours, "found", theirs, NULL);
    store_rewrite(s);
}

/* --- the fates of a transaction ----------------------------------------------------------------------- */

static void forget_flying(struct store *s)
{
    for (struct store_table *t = s->tables; t; t = t->next) {
        changes_free(t->flying);
        t->flying = NULL;
        t->clear_flying = false;
    }
    lines_clear(&s->lines_flying);
    s->unknown = false;
}

static void give_back(struct store *s)
{
    for (struct store_table *t = s->tables; t; t = t->next) {
        if (t->clear) /* written anew since: what was flying is history */
            changes_free(t->flying);
        else if (batch_give_back(&t->waiting, t->flying) != 0)
            s->lost = true;
        t->flying = NULL;
        t->clear |= t->clear_flying;
        t->clear_flying = false;
    }
    lines_give_back(&s->lines, &s->lines_flying);
    s->unknown = false;
    if (s->round_flying) { /* both rounds are one again */
        for (struct waiter *w = s->waiters; w; w = w->next)
            if (w->round == s->round_flying)
                w->round = s->round;
    }
    s->round_flying = 0;
}

const char *store_trouble(const struct store *s)
{
    const char *unfit = db_health_unfit(db_health(s->db));

    if (!db_is_up(s->db))
        return "";
    return unfit ? unfit : s->refused_why;
}

static void taken_again(struct store *s)
{
    if (s->refused_why[0])
        log_info("Redis takes control state again", NULL);
    s->refused_why[0] = 0;
}

static void landed(struct store *s)
{
    uint64_t round = s->round_flying;

    forget_flying(s);
    s->seq_expected = ++s->seq;
    s->stats.commits++;
    s->failing = false;
    taken_again(s);
    s->round_flying = 0;
    if (round) {
        s->round_done = round;
        s->behind = false;
    }
    assert(s->round_done < s->round);
}

/* `why`: a refusal, which is said once, however often it is tried again; NULL: a loss. */
static void failed(struct store *s, const char *why, int64_t wait_ms)
{
    s->failing = s->behind = true;
    s->not_before_ms = clock_mono_ms(loop_clock(s->loop)) + wait_ms;
    timer_in(s->poll, wait_ms ? wait_ms : POLL_AWAY_MS);
    if (why) {
        s->stats.failures++;
        if (!db_refusal_is_fence(why) &&
            strncmp(s->refused_why, why, sizeof s->refused_why - 1) != 0)
            log_error("control state cannot be written to Redis; it is kept and tried again",
                      "error", why, NULL);
        snprintf(s->refused_why, sizeof s->refused_why, "%s", why);
    }
}

/* One command of a transaction that did happen was refused. The same command would be again, so it
 * is not repeated: all tables are written anew, which begins with their removal and so mends a key
 * of another type. What that does not mend costs one such attempt in a while. */
static void some_refused(struct store *s, const struct reply *reply)
{
    s->stats.failures++;
    s->mend = true;
    log_error("a change of control state was refused by Redis; all of it is written again from "
              "memory",
              "error", reply->text, NULL);
}

static void happened(struct store *s, const struct reply *reply, bool all)
{
    uint64_t before = store_seq_of(&reply->items[0]), expected = s->seq_expected;

    landed(s);
    if (before < expected)
        regressed(s, before);
    else if (before > expected)
        log_warn("somebody else writes control state", "transaction", reply->items[0].text, NULL);
    tell(s, s->round_done, all);
}

static void on_commit(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct store *s = arg;

    if (!store_returned(s))
        return;
    store_call(s);
    s->state = STORE_IDLE;
    if (fate == DB_DONE) {
        happened(s, reply, true);
    } else if (fate == DB_REFUSED && reply->n_items > 0) {
        some_refused(s, reply);
        happened(s, reply, false);
    } else if (fate == DB_UNKNOWN) {
        s->unknown = s->must_check = true;
        failed(s, NULL, 0);
        tell_nobody_waits(s);
    } else {
        give_back(s);
        failed(s, fate == DB_REFUSED ? reply->text : NULL,
               fate == DB_REFUSED ? REFUSED_WAIT_MS : 0);
        tell_nobody_waits(s);
    }
    if (!s->closing && !s->failing && (count_waiting(s) > 0 || s->waiters))
        push_soon(s);
    store_returned(s);
}

/* --- asking for the number -------------------------------------------------------------------------------- */

static void compare(struct store *s, uint64_t found)
{
    s->must_check = s->failing = false;
    if (count_waiting(s) == 0 && !s->unknown)
        taken_again(s);
    if (s->unknown) {
        if (found == s->seq + 1)
            landed(s);
        else
            give_back(s);
    }
    if (found < s->seq_expected)
        regressed(s, found);
    else if (found > s->seq)
        log_warn("somebody else writes control state", NULL);
    s->seq_expected = found;
    if (found > s->seq)
        s->seq = found;
}

static void on_checked(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct store *s = arg;

    if (!store_returned(s))
        return;
    s->state = STORE_IDLE;
    if (fate == DB_DONE) {
        compare(s, store_seq_of(reply));
    } else {
        s->must_check = true;
        s->run_id[0] = 0;
        failed(s, fate == DB_REFUSED ? reply->text : NULL,
               fate == DB_REFUSED ? REFUSED_WAIT_MS : 0);
    }
    timer_in(s->push, 0);
}

static bool is_other_server(const struct store *s)
{
    return strcmp(s->run_id, db_health(s->db)->run_id) != 0;
}

static void check(struct store *s)
{
    s->state = STORE_CHECKING;
    snprintf(s->run_id, sizeof s->run_id, "%s", db_health(s->db)->run_id);
    store_call(s);
    db_sendf(s->db, on_checked, s, "HGET %s seq", KEY_CONTROL_META);
}

/* --- a transaction ------------------------------------------------------------------------------------------ */

struct command {
    const char *argv[2 + 2 * TX_FIELDS];
    size_t lens[2 + 2 * TX_FIELDS];
    char scores[TX_FIELDS][24];
    int argc;
};

static void word(struct command *c, const char *p, size_t len)
{
    c->argv[c->argc] = p;
    c->lens[c->argc++] = len;
}

static void start(struct command *c, const struct store_table *t, bool removes)
{
    const char *verb = t->is_zset ? (removes ? "ZREM" : "ZADD") : (removes ? "HDEL" : "HSET");

    c->argc = 0;
    word(c, verb, 4);
    word(c, t->key, strlen(t->key));
}

static void add_change(struct command *c, const struct store_table *t, const struct change *ch)
{
    char *score = c->scores[c->argc / 2 - 1];

    if (t->is_zset && ch->value) {
        snprintf(score, sizeof c->scores[0], "%" PRId64, ch->score);
        word(c, score, strlen(score));
    }
    word(c, ch->field, ch->field_len);
    if (!t->is_zset && ch->value)
        word(c, ch->value, ch->len);
}

/* The changes of the list that set (or remove), as commands of at most TX_FIELDS fields. */
static void add_commands(struct db_tx *tx, const struct store_table *t, bool removes)
{
    struct command c;
    int full = removes ? 2 + TX_FIELDS : 2 + 2 * TX_FIELDS;

    start(&c, t, removes);
    for (const struct change *ch = t->flying; ch; ch = ch->next) {
        if (!ch->value != removes)
            continue;
        add_change(&c, t, ch);
        if (c.argc == full) {
            db_tx_add(tx, c.argc, c.argv, c.lens);
            start(&c, t, removes);
        }
    }
    if (c.argc > 2)
        db_tx_add(tx, c.argc, c.argv, c.lens);
}

/* Moves changes from waiting to flying up to the bound, and writes them down. */
static void send_table(struct store *s, struct store_table *t, struct db_tx *tx)
{
    struct change **end = &t->flying, *c;
    size_t room = db_tx_bytes(tx) < TX_BYTES_MAX ? TX_BYTES_MAX - db_tx_bytes(tx) : 0;

    assert(!t->flying && !t->clear_flying);
    if (room == 0)
        return;
    if (t->clear) {
        const char *unlink[] = {"UNLINK", t->key};

        db_tx_add(tx, 2, unlink, NULL);
        t->clear = false;
        t->clear_flying = true;
    }
    for (size_t used = 0; used < room && (c = batch_take(&t->waiting));) {
        used += c->field_len + c->len;
        c->next = NULL;
        *end = c;
        end = &c->next;
        s->stats.fields++;
    }
    add_commands(tx, t, true);
    add_commands(tx, t, false);
}

static void commit(struct store *s)
{
    struct db_tx *tx = db_tx_new(s->db);

    if (!tx) {
        failed(s, "no memory", REFUSED_WAIT_MS);
        return;
    }
    db_tx_addf(tx, "HGET %s seq", KEY_CONTROL_META);
    for (struct store_table *t = s->tables; t; t = t->next)
        send_table(s, t, tx);
    lines_send(&s->lines, tx, TX_BYTES_MAX, &s->lines_flying);
    db_tx_addf(tx, "HSET %s seq %llu", KEY_CONTROL_META, (unsigned long long)s->seq + 1);
    if (count_waiting(s) == 0)
        s->round_flying = s->round++;
    s->state = STORE_FLYING;
    store_call(s);
    db_tx_commit(tx, on_commit, s);
}

static bool mend_is_due(const struct store *s)
{
    return s->mend && clock_mono_ms(loop_clock(s->loop)) >= s->mend_at_ms;
}

/* Does the next thing there is to do, if it can be done now. */
static void on_push(void *arg)
{
    struct store *s = arg;
    bool held =
        clock_mono_ms(loop_clock(s->loop)) < s->not_before_ms || db_health_unfit(db_health(s->db));

    if (s->state != STORE_IDLE)
        return;
    if (!db_is_up(s->db) || held) {
        s->behind |= !store_is_clean(s);
        if (!s->behind)
            tell(s, s->round_done, true);
        else
            tell_nobody_waits(s);
        return;
    }
    if (s->must_check || is_other_server(s)) {
        check(s);
        return;
    }
    if (s->lost || mend_is_due(s)) {
        if (s->mend)
            s->mend_at_ms = clock_mono_ms(loop_clock(s->loop)) + MEND_EVERY_MS;
        s->mend = false;
        store_rewrite(s);
    }
    if (count_waiting(s) > 0) {
        commit(s);
        return;
    }
    s->behind = false;
    tell(s, s->round, true);
}

void store_redis_is_back(struct store *s)
{
    push_soon(s);
}

bool store_is_behind(const struct store *s)
{
    return s->behind || s->mend;
}

static void on_poll(void *arg)
{
    struct store *s = arg;
    bool began = s->run_id[0]; /* before that, what another one writes is no news */
    bool due = !store_is_clean(s) || mend_is_due(s) || s->must_check ||
               (began && db_is_up(s->db) && is_other_server(s));

    timer_in(s->poll, due ? POLL_AWAY_MS : POLL_MS);
    if (due && s->state == STORE_IDLE && db_is_up(s->db))
        timer_in(s->push, 0);
}

void store_stats(const struct store *s, struct store_stats *out)
{
    *out = s->stats;
    out->dropped_entries = s->lines.dropped;
    out->waiting_fields = count_waiting(s);
}
