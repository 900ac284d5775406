/* What kind of server this is, asked before it is trusted and now and then after.
 * INFO in sections (servers before 7 take one at a time), the one setting that INFO does not show, and TIME
 * last and by itself, so that its round trip holds nothing else: the offset of its clock is known to half of
 * that. An answer that is missing leaves its fact unknown; what is unknown is not held against the server. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redis/conn.h"

/* INFO in sections (servers before 7 take one at a time), the one setting that INFO does not
 * show, and TIME last and by itself, so that its round trip holds nothing else. */

#define N_QUESTIONS 5

/* Which question of which inspection a command is. */
struct asked {
    struct look *look;
    int index;
};

struct look {
    struct db *db;
    struct asked asked[N_QUESTIONS];
    bool own;
    bool ok;
    int left; /* answers still to come */
    struct db_health health;
    int64_t asked_ms; /* our clock, when TIME was sent */
    void (*done)(bool ok, void *arg);
    void *arg;
};

/* The value of a line "name:value" of INFO's text; false when it is not there. */
static bool info_value(const struct reply *info, const char *name, char *out, size_t cap)
{
    size_t n_name = strlen(name);
    const char *p = info->text;

    while (p && *p) {
        size_t n = strcspn(p, "\r\n");

        if (n > n_name && p[n_name] == ':' && memcmp(p, name, n_name) == 0) {
            snprintf(out, cap, "%.*s", (int)(n - n_name - 1), p + n_name + 1);
            return true;
        }
        p += n;
        p += strspn(p, "\r\n");
    }
    return false;
}

static uint64_t info_number(const struct reply *info, const char *name)
{
    char text[32];

    return info_value(info, name, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

static void read_server(struct db_health *h, const struct reply *info)
{
    h->known = info_value(info, "redis_version", h->version, sizeof h->version);
    info_value(info, "run_id", h->run_id, sizeof h->run_id);
}

static void read_memory(struct db_health *h, const struct reply *info)
{
    char policy[32] = "noeviction";

    h->max_memory = info_number(info, "maxmemory");
    h->used_memory = info_number(info, "used_memory");
    info_value(info, "maxmemory_policy", policy, sizeof policy);
    h->evicting = h->max_memory > 0 && strcmp(policy, "noeviction") != 0;
}

static void read_replication(struct db_health *h, const struct reply *info)
{
    char role[16] = "";

    info_value(info, "role", role, sizeof role);
    h->is_replica = strcmp(role, "slave") == 0;
}

static void read_persistence(struct db_health *h, const struct reply *info)
{
    h->aof = info_number(info, "aof_enabled") == 1;
}

static void read_fsync(struct db_health *h, const struct reply *pair)
{
    h->aof_always =
        pair->n_items == 2 && pair->items[1].text && strcmp(pair->items[1].text, "always") == 0;
}

static const struct {
    const char *argv[3];
    int argc;
    enum reply_kind kind;
    void (*read)(struct db_health *h, const struct reply *reply);
} questions[N_QUESTIONS] = {
    {{"INFO", "server"}, 2, REPLY_TEXT, read_server},
    {{"INFO", "memory"}, 2, REPLY_TEXT, read_memory},
    {{"INFO", "replication"}, 2, REPLY_TEXT, read_replication},
    {{"INFO", "persistence"}, 2, REPLY_TEXT, read_persistence},
    {{"CONFIG", "GET", "appendfsync"}, 3, REPLY_LIST, read_fsync},
};

static void finish(struct look *k)
{
    if (k->ok)
        k->db->health = k->health;
    if (k->done)
        k->done(k->ok && k->health.known, k->arg);
    mem_free(k);
}

static void on_time(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct look *k = arg;
    int64_t now_ms = clock_wall_ms(k->db->clock);

    k->ok = k->ok && fate <= DB_REFUSED;
    if (fate == DB_DONE && reply->n_items == 2 && reply->items[0].text && reply->items[1].text) {
        int64_t redis_ms = strtoll(reply->items[0].text, NULL, 10) * 1000 +
                           strtoll(reply->items[1].text, NULL, 10) / 1000;

        k->health.clock_offset_ms = redis_ms - (k->asked_ms + now_ms) / 2;
    }
    finish(k);
}

static void ask_time(struct look *k)
{
    const char *argv[] = {"TIME"};

    k->asked_ms = clock_wall_ms(k->db->clock);
    conn_send(k->db, k->own, 1, argv, NULL, on_time, k);
}

/* Answers of the wire and fates told by the timer may mix, so they are counted. */
static void on_answer(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct asked *asked = arg;
    struct look *k = asked->look;
    int i = asked->index;

    if (fate >= DB_UNSENT)
        k->ok = false;
    else if (fate == DB_DONE && reply->kind == questions[i].kind)
        questions[i].read(&k->health, reply);
    if (--k->left > 0)
        return;
    if (k->ok)
        ask_time(k);
    else
        finish(k);
}

int conn_inspect(struct db *d, bool own, void (*done)(bool ok, void *arg), void *arg)
{
    struct look *k = mem_zalloc(sizeof *k);

    if (!k)
        return -1;
    *k = (struct look){
        .db = d, .own = own, .ok = true, .left = N_QUESTIONS, .done = done, .arg = arg};
    for (int i = 0; i < N_QUESTIONS; i++) {
        k->asked[i] = (struct asked){k, i};
        conn_send(d, own, questions[i].argc, questions[i].argv, NULL, on_answer, &k->asked[i]);
    }
    return 0;
}

void db_inspect(struct db *d, void (*done)(bool ok, void *arg), void *arg)
{
    int rc = conn_inspect(d, false, done, arg);

    assert(rc == 0); /* a few hundred bytes: without them `done` could not be remembered either */
}
