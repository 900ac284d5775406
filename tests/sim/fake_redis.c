#include "fake_redis.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "fake_data.h"

#define ARGS_MAX    64
#define WRONG_TYPE  "WRONGTYPE Operation against a key holding the wrong kind of value"
#define NOT_INTEGER "ERR value is not an integer or out of range"
#define BAD_ID      "ERR Invalid stream ID specified as stream command argument"

struct chunk {
    struct chunk *next;
};

struct fake_redis {
    struct clock *clock;
    struct data data;
    struct chunk *memory;    /* of the reply that stands */
    const char *refuses;     /* the error of each write; NULL: they are taken */
    const char *refuses_all; /* of reads too */
    bool is_replica, evicting;
    uint64_t max_memory, used_memory;
    unsigned run;
    char run_id[48];
    uint64_t commands;
};

struct fake_dump {
    struct data data;
};

struct args {
    int n;
    const char *const *v;
    const size_t *lens;
};

static void new_run_id(struct fake_redis *r)
{
    snprintf(r->run_id, sizeof r->run_id, "fake-run-%06u", ++r->run);
}

struct fake_redis *fake_redis_new(struct clock *clock)
{
    struct fake_redis *r = mem_zalloc(sizeof *r);

    assert(r);
    r->clock = clock;
    new_run_id(r);
    return r;
}

static void forget_reply(struct fake_redis *r)
{
    while (r->memory) {
        struct chunk *c = r->memory;

        r->memory = c->next;
        mem_free(c);
    }
}

void fake_redis_free(struct fake_redis *r)
{
    if (!r)
        return;
    forget_reply(r);
    data_free(&r->data);
    mem_free(r);
}

/* --- replies --------------------------------------------------------------------------------------- */

static void *reply_memory(struct fake_redis *r, size_t n)
{
    struct chunk *c = mem_zalloc(sizeof *c + n);

    assert(c);
    c->next = r->memory;
    r->memory = c;
    return c + 1;
}

static struct reply number(int64_t v)
{
    return (struct reply){.kind = REPLY_INT, .number = v};
}

static struct reply nil(void)
{
    return (struct reply){.kind = REPLY_NIL};
}

static struct reply text_n(struct fake_redis *r, const char *p, size_t len)
{
    char *copy = reply_memory(r, len + 1);

    memcpy(copy, p, len);
    return (struct reply){.kind = REPLY_TEXT, .text = copy, .len = len};
}

static struct reply text(struct fake_redis *r, const char *s)
{
    return text_n(r, s, strlen(s));
}

static struct reply bytes_reply(struct fake_redis *r, struct bytes b)
{
    return text_n(r, b.p, b.len);
}

static struct reply error(struct fake_redis *r, const char *s)
{
    struct reply out = text(r, s);

    out.kind = REPLY_ERROR;
    return out;
}

static struct reply list(struct fake_redis *r, size_t n, struct reply **items)
{
    *items = reply_memory(r, (n ? n : 1) * sizeof **items);
    return (struct reply){.kind = REPLY_LIST, .items = *items, .n_items = n};
}

/* --- arguments --------------------------------------------------------------------------------------- */

static size_t len_of(const struct args *a, int i)
{
    return a->lens ? a->lens[i] : strlen(a->v[i]);
}

static bool is(const struct args *a, int i, const char *word)
{
    return i < a->n && len_of(a, i) == strlen(word) &&
           strncasecmp(a->v[i], word, strlen(word)) == 0;
}

static bool number_of(const struct args *a, int i, int64_t *v)
{
    char digits[32];
    char *end;

    if (i >= a->n || len_of(a, i) == 0 || len_of(a, i) >= sizeof digits)
        return false;
    memcpy(digits, a->v[i], len_of(a, i));
    digits[len_of(a, i)] = 0;
    *v = strtoll(digits, &end, 10);
    return *end == 0;
}

static struct value *value_at(struct fake_redis *r, const struct args *a)
{
    struct value *v = data_find(&r->data, a->v[1], len_of(a, 1));

    if (v && v->expires_ms && v->expires_ms <= clock_wall_ms(r->clock)) {
        data_remove(&r->data, a->v[1], len_of(a, 1));
        return NULL;
    }
    return v;
}

static struct value *make_at(struct fake_redis *r, const struct args *a, enum value_kind kind)
{
    (void)value_at(r, a); /* expired ones go */
    return data_make(&r->data, a->v[1], len_of(a, 1), kind);
}

/* --- keys and strings ------------------------------------------------------------------------------------ */

static struct reply run_get(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);

    if (!v)
        return nil();
    return v->kind == VALUE_STRING ? bytes_reply(r, v->text) : error(r, WRONG_TYPE);
}

static struct reply run_set(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);
    int64_t expire_ms = 0, n;

    for (int i = 3; i < a->n; i++) {
        if ((is(a, i, "NX") && v) || (is(a, i, "XX") && !v))
            return nil();
        if (is(a, i, "NX") || is(a, i, "XX"))
            continue;
        if (!(is(a, i, "PX") || is(a, i, "EX")) || !number_of(a, i + 1, &n))
            return error(r, "ERR syntax error");
        expire_ms = clock_wall_ms(r->clock) + (is(a, i, "PX") ? n : n * 1000);
        i++;
    }
    data_remove(&r->data, a->v[1], len_of(a, 1));
    v = make_at(r, a, VALUE_STRING);
    v->text = bytes_of(a->v[2], len_of(a, 2));
    v->expires_ms = expire_ms;
    return text(r, "OK");
}

static struct reply run_del(struct fake_redis *r, const struct args *a)
{
    int64_t n = 0;

    for (int i = 1; i < a->n; i++)
        n += data_remove(&r->data, a->v[i], len_of(a, i));
    return number(n);
}

static struct reply run_exists(struct fake_redis *r, const struct args *a)
{
    int64_t n = value_at(r, a) != NULL;

    for (int i = 2; i < a->n; i++)
        n += data_find(&r->data, a->v[i], len_of(a, i)) != NULL;
    return number(n);
}

static struct reply run_flushall(struct fake_redis *r, const struct args *a)
{
    (void)a;
    data_free(&r->data);
    return text(r, "OK");
}

/* --- hashes ------------------------------------------------------------------------------------------------ */

static struct reply run_hset(struct fake_redis *r, const struct args *a)
{
    struct value *v = make_at(r, a, VALUE_HASH);
    int64_t added = 0;
    bool is_new;

    if (!v)
        return error(r, WRONG_TYPE);
    if (a->n % 2 != 0)
        return error(r, "ERR wrong number of arguments for 'hset' command");
    for (int i = 2; i < a->n; i += 2) {
        pair_set(value_make_pair(v, a->v[i], len_of(a, i), &is_new), a->v[i + 1], len_of(a, i + 1));
        added += is_new;
    }
    return number(added);
}

static struct reply run_hsetnx(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);

    if (v && v->kind == VALUE_HASH && value_pair(v, a->v[2], len_of(a, 2)))
        return number(0);
    return run_hset(r, a);
}

static struct reply run_hdel(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);
    int64_t n = 0;

    if (v && v->kind != VALUE_HASH)
        return error(r, WRONG_TYPE);
    for (int i = 2; v && i < a->n; i++)
        n += value_remove_pair(v, a->v[i], len_of(a, i));
    if (v && value_is_empty(v))
        data_remove(&r->data, a->v[1], len_of(a, 1));
    return number(n);
}

static struct reply field_at(struct fake_redis *r, const struct value *v, const struct args *a,
                             int i)
{
    struct pair *p = v ? value_pair(v, a->v[i], len_of(a, i)) : NULL;

    return p ? bytes_reply(r, p->value) : nil();
}

static struct reply run_hget(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);

    if (v && v->kind != VALUE_HASH)
        return error(r, WRONG_TYPE);
    return field_at(r, v, a, 2);
}

static struct reply run_hmget(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);
    struct reply *items, out;

    if (v && v->kind != VALUE_HASH)
        return error(r, WRONG_TYPE);
    out = list(r, (size_t)a->n - 2, &items);
    for (int i = 2; i < a->n; i++)
        items[i - 2] = field_at(r, v, a, i);
    return out;
}

static struct reply all_fields(struct fake_redis *r, const struct value *v, size_t from, size_t n)
{
    struct reply *items, out = list(r, 2 * n, &items);

    for (size_t i = 0; i < n; i++) {
        items[2 * i] = bytes_reply(r, v->pairs[from + i].name);
        items[2 * i + 1] = bytes_reply(r, v->pairs[from + i].value);
    }
    return out;
}

static struct reply run_hgetall(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);

    if (v && v->kind != VALUE_HASH)
        return error(r, WRONG_TYPE);
    return all_fields(r, v, 0, v ? v->n_pairs : 0);
}

/* HSCAN key cursor [COUNT n]: the cursor is the place in the sorted fields. */
static struct reply run_hscan(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);
    size_t have = v ? v->n_pairs : 0, end;
    struct reply *items, out;
    int64_t from, count = 10;
    char next[24];

    if (v && v->kind != VALUE_HASH)
        return error(r, WRONG_TYPE);
    if (!number_of(a, 2, &from) || from < 0 || (is(a, 3, "COUNT") && !number_of(a, 4, &count)))
        return error(r, "ERR invalid cursor");
    from = (size_t)from > have ? (int64_t)have : from;
    end = have - (size_t)from > (size_t)count ? (size_t)(from + count) : have;
    out = list(r, 2, &items);
    snprintf(next, sizeof next, "%zu", end == have ? 0 : end);
    items[0] = text(r, next);
    items[1] = all_fields(r, v, (size_t)from, end - (size_t)from);
    return out;
}

static struct reply run_hlen(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);

    if (v && v->kind != VALUE_HASH && v->kind != VALUE_ZSET)
        return error(r, WRONG_TYPE);
    return number(v ? (int64_t)v->n_pairs : 0);
}

/* --- sorted sets --------------------------------------------------------------------------------------- */

static struct reply run_zadd(struct fake_redis *r, const struct args *a)
{
    struct value *v = make_at(r, a, VALUE_ZSET);
    int64_t added = 0;
    bool is_new;

    if (!v)
        return error(r, WRONG_TYPE);
    if (a->n % 2 != 0)
        return error(r, "ERR syntax error");
    for (int i = 2; i < a->n; i += 2) {
        struct pair *p = value_make_pair(v, a->v[i + 1], len_of(a, i + 1), &is_new);

        p->score = strtod(a->v[i], NULL);
        added += is_new;
    }
    return number(added);
}

static struct reply run_zrem(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);
    int64_t n = 0;

    if (v && v->kind != VALUE_ZSET)
        return error(r, WRONG_TYPE);
    for (int i = 2; v && i < a->n; i++)
        n += value_remove_pair(v, a->v[i], len_of(a, i));
    if (v && value_is_empty(v))
        data_remove(&r->data, a->v[1], len_of(a, 1));
    return number(n);
}

static int by_score(const void *a, const void *b)
{
    const struct pair *x = *(const struct pair *const *)a, *y = *(const struct pair *const *)b;

    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return bytes_compare(x->name, y->name.p, y->name.len);
}

/* ZRANGE key 0 -1 [WITHSCORES]: whole sets only, which is all that is asked for. */
static struct reply run_zrange(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);
    size_t n = v ? v->n_pairs : 0, step = is(a, 4, "WITHSCORES") ? 2 : 1;
    const struct pair **sorted;
    struct reply *items, out;
    char score[40];

    if (v && v->kind != VALUE_ZSET)
        return error(r, WRONG_TYPE);
    if (!is(a, 2, "0") || !is(a, 3, "-1"))
        return error(r, "ERR the fake lists whole sorted sets only");
    sorted = reply_memory(r, (n + 1) * sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &v->pairs[i];
    qsort(sorted, n, sizeof *sorted, by_score);
    out = list(r, n * step, &items);
    for (size_t i = 0; i < n; i++) {
        items[i * step] = bytes_reply(r, sorted[i]->name);
        snprintf(score, sizeof score, "%.17g", sorted[i]->score);
        if (step == 2)
            items[i * step + 1] = text(r, score);
    }
    return out;
}

/* --- streams ------------------------------------------------------------------------------------------------ */

static int id_compare(uint64_t ms, uint64_t seq, uint64_t ms2, uint64_t seq2)
{
    if (ms != ms2)
        return ms < ms2 ? -1 : 1;
    return (seq > seq2) - (seq < seq2);
}

/* "12-3", "12" (with `seq_default`). */
static bool id_of(const char *p, size_t len, uint64_t seq_default, uint64_t *ms, uint64_t *seq)
{
    char copy[64];
    char *end;

    if (len == 0 || len >= sizeof copy || p[0] < '0' || p[0] > '9')
        return false;
    memcpy(copy, p, len);
    copy[len] = 0;
    *ms = strtoull(copy, &end, 10);
    *seq = seq_default;
    if (*end == 0)
        return true;
    if (*end != '-' || end[1] < '0' || end[1] > '9')
        return false;
    *seq = strtoull(end + 1, &end, 10);
    return *end == 0;
}

static struct reply id_text(struct fake_redis *r, uint64_t ms, uint64_t seq)
{
    char out[48];

    snprintf(out, sizeof out, "%" PRIu64 "-%" PRIu64, ms, seq);
    return text(r, out);
}

/* How many of the oldest entries MAXLEN n or MINID id at argument `i` would drop; `*next` is the
 * argument behind. Trims exactly, where Redis may keep a little more for "~". */
static bool trim_of(const struct value *v, const struct args *a, int i, size_t *drop, int *next)
{
    bool by_length = is(a, i, "MAXLEN");
    uint64_t ms, seq;
    int64_t n;

    if (!by_length && !is(a, i, "MINID"))
        return false;
    i++;
    if (is(a, i, "~") || is(a, i, "="))
        i++;
    if (i >= a->n)
        return false;
    *drop = 0;
    if (by_length) {
        if (!number_of(a, i, &n) || n < 0)
            return false;
        *drop = v->n_entries > (size_t)n ? v->n_entries - (size_t)n : 0;
    } else {
        if (!id_of(a->v[i], len_of(a, i), 0, &ms, &seq))
            return false;
        while (*drop < v->n_entries &&
               id_compare(v->entries[*drop].ms, v->entries[*drop].seq, ms, seq) < 0)
            ++*drop;
    }
    i++;
    if (is(a, i, "LIMIT")) {
        if (!number_of(a, i + 1, &n) || n < 0)
            return false;
        if (n > 0 && *drop > (size_t)n)
            *drop = (size_t)n;
        i += 2;
    }
    *next = i;
    return true;
}

/* XADD key [MAXLEN|MINID …] id|* name value … */
static struct reply run_xadd(struct fake_redis *r, const struct args *a)
{
    struct value *v = make_at(r, a, VALUE_STREAM);
    uint64_t ms, seq;
    size_t drop = 0;
    int i = 2, trim_at = 0;

    if (!v)
        return error(r, WRONG_TYPE);
    if (is(a, 2, "MAXLEN") || is(a, 2, "MINID")) {
        trim_at = 2;
        if (!trim_of(v, a, 2, &drop, &i))
            return error(r, "ERR syntax error");
    }
    if (i >= a->n || (a->n - i - 1) < 2 || (a->n - i - 1) % 2 != 0)
        return error(r, "ERR wrong number of arguments for 'xadd' command");
    if (is(a, i, "*")) {
        ms = (uint64_t)clock_wall_ms(r->clock);
        seq = 0;
        if (ms <= v->last_ms) {
            ms = v->last_ms;
            seq = v->last_seq + 1;
        }
    } else if (!id_of(a->v[i], len_of(a, i), 0, &ms, &seq)) {
        return error(r, BAD_ID);
    }
    if (id_compare(ms, seq, v->last_ms, v->last_seq) <= 0)
        return error(r, "ERR The ID specified in XADD is equal or smaller than the target stream "
                        "top item");
    value_append(v, ms, seq, a->v + i + 1, a->lens ? a->lens + i + 1 : NULL,
                 (size_t)(a->n - i - 1));
    if (trim_at && trim_of(v, a, trim_at, &drop, &i))
        value_trim(v, drop);
    return id_text(r, ms, seq);
}

static struct reply run_xtrim(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);
    size_t drop;
    int next;

    if (!v)
        return number(0);
    if (v->kind != VALUE_STREAM)
        return error(r, WRONG_TYPE);
    if (!trim_of(v, a, 2, &drop, &next) || next != a->n)
        return error(r, "ERR syntax error");
    value_trim(v, drop);
    return number((int64_t)drop);
}

static struct reply run_xlen(struct fake_redis *r, const struct args *a)
{
    struct value *v = value_at(r, a);

    if (v && v->kind != VALUE_STREAM)
        return error(r, WRONG_TYPE);
    return number(v ? (int64_t)v->n_entries : 0);
}

static struct reply entry_reply(struct fake_redis *r, const struct entry *e)
{
    struct reply *items, *parts, out = list(r, 2, &items);

    items[0] = id_text(r, e->ms, e->seq);
    items[1] = list(r, e->n, &parts);
    for (size_t i = 0; i < e->n; i++)
        parts[i] = bytes_reply(r, e->parts[i]);
    return out;
}

struct bound {
    uint64_t ms, seq;
    bool is_open; /* "(": the id itself is outside */
};

static bool bound_of(const struct args *a, int i, bool upper, struct bound *b)
{
    const char *p = a->v[i];
    size_t len = len_of(a, i);

    *b = (struct bound){0};
    if (is(a, i, "-"))
        return true;
    if (is(a, i, "+")) {
        b->ms = b->seq = UINT64_MAX;
        return true;
    }
    if (len && *p == '(') {
        b->is_open = true;
        p++, len--;
    }
    return id_of(p, len, upper ? UINT64_MAX : 0, &b->ms, &b->seq);
}

static bool within(const struct entry *e, const struct bound *low, const struct bound *high)
{
    int from = id_compare(e->ms, e->seq, low->ms, low->seq);
    int to = id_compare(e->ms, e->seq, high->ms, high->seq);

    return (low->is_open ? from > 0 : from >= 0) && (high->is_open ? to < 0 : to <= 0);
}

static struct reply range(struct fake_redis *r, const struct args *a, bool back)
{
    struct value *v = value_at(r, a);
    struct bound low, high;
    struct reply *items, out;
    int64_t count = INT64_MAX;
    size_t have = v ? v->n_entries : 0, n = 0;

    if (v && v->kind != VALUE_STREAM)
        return error(r, WRONG_TYPE);
    if (!bound_of(a, back ? 3 : 2, false, &low) || !bound_of(a, back ? 2 : 3, true, &high) ||
        (is(a, 4, "COUNT") && !number_of(a, 5, &count)))
        return error(r, BAD_ID);
    out = list(r, have, &items);
    for (size_t i = 0; i < have && (int64_t)n < count; i++) {
        const struct entry *e = &v->entries[back ? have - 1 - i : i];

        if (within(e, &low, &high))
            items[n++] = entry_reply(r, e);
    }
    out.n_items = n;
    return out;
}

static struct reply run_xrange(struct fake_redis *r, const struct args *a)
{
    return range(r, a, false);
}

static struct reply run_xrevrange(struct fake_redis *r, const struct args *a)
{
    return range(r, a, true);
}

static struct reply run_xinfo(struct fake_redis *r, const struct args *a)
{
    struct args key = {.n = 2, .v = a->v + 1, .lens = a->lens ? a->lens + 1 : NULL};
    struct value *v = value_at(r, &key);
    struct reply *items, out;

    if (!is(a, 1, "STREAM"))
        return error(r, "ERR syntax error");
    if (!v)
        return error(r, "ERR no such key");
    if (v->kind != VALUE_STREAM)
        return error(r, WRONG_TYPE);
    out = list(r, 8, &items);
    items[0] = text(r, "length");
    items[1] = number((int64_t)v->n_entries);
    items[2] = text(r, "last-generated-id");
    items[3] = id_text(r, v->last_ms, v->last_seq);
    items[4] = text(r, "first-entry");
    items[5] = v->n_entries ? entry_reply(r, &v->entries[0]) : nil();
    items[6] = text(r, "last-entry");
    items[7] = v->n_entries ? entry_reply(r, &v->entries[v->n_entries - 1]) : nil();
    return out;
}

/* --- the server -------------------------------------------------------------------------------------------- */

static struct reply run_ping(struct fake_redis *r, const struct args *a)
{
    (void)a;
    return text(r, "PONG");
}

static struct reply run_time(struct fake_redis *r, const struct args *a)
{
    struct reply *items, out = list(r, 2, &items);
    char digits[32];

    (void)a;
    snprintf(digits, sizeof digits, "%" PRId64, clock_wall_ms(r->clock) / 1000);
    items[0] = text(r, digits);
    snprintf(digits, sizeof digits, "%" PRId64, clock_wall_ms(r->clock) % 1000 * 1000);
    items[1] = text(r, digits);
    return out;
}

static struct reply run_info(struct fake_redis *r, const struct args *a)
{
    uint64_t used = r->used_memory ? r->used_memory : data_bytes(&r->data);
    char out[256];

    (void)a;
    snprintf(out, sizeof out,
             "redis_version:7.0.0\r\nrun_id:%s\r\nused_memory:%" PRIu64 "\r\nmaxmemory:%" PRIu64
             "\r\nmaxmemory_policy:%s\r\nrole:%s\r\n",
             r->run_id, used, r->max_memory, r->evicting ? "allkeys-lru" : "noeviction",
             r->is_replica ? "slave" : "master");
    return text(r, out);
}

/* MEMORY USAGE key */
static struct reply run_memory(struct fake_redis *r, const struct args *a)
{
    struct args key = {.n = 2, .v = a->v + 1, .lens = a->lens ? a->lens + 1 : NULL};
    struct value *v;

    if (!is(a, 1, "USAGE"))
        return error(r, "ERR syntax error");
    v = value_at(r, &key);
    return v ? number((int64_t)value_bytes(v)) : nil();
}

static const struct {
    const char *name;
    int least;  /* arguments with the name */
    bool grows; /* refused when memory is out */
    struct reply (*run)(struct fake_redis *r, const struct args *a);
} commands[] = {
    {"GET", 2, false, run_get},
    {"SET", 3, true, run_set},
    {"DEL", 2, false, run_del},
    {"UNLINK", 2, false, run_del},
    {"EXISTS", 2, false, run_exists},
    {"FLUSHALL", 1, false, run_flushall},
    {"HSET", 4, true, run_hset},
    {"HDEL", 3, false, run_hdel},
    {"HSETNX", 4, true, run_hsetnx},
    {"HGET", 3, false, run_hget},
    {"HMGET", 3, false, run_hmget},
    {"HGETALL", 2, false, run_hgetall},
    {"HSCAN", 3, false, run_hscan},
    {"HLEN", 2, false, run_hlen},
    {"ZADD", 4, true, run_zadd},
    {"ZREM", 3, false, run_zrem},
    {"ZRANGE", 4, false, run_zrange},
    {"ZCARD", 2, false, run_hlen},
    {"XADD", 5, true, run_xadd},
    {"XTRIM", 4, false, run_xtrim},
    {"XLEN", 2, false, run_xlen},
    {"XRANGE", 4, false, run_xrange},
    {"XREVRANGE", 4, false, run_xrevrange},
    {"XINFO", 3, false, run_xinfo},
    {"PING", 1, false, run_ping},
    {"TIME", 1, false, run_time},
    {"INFO", 1, false, run_info},
    {"MEMORY", 3, false, run_memory},
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static size_t command_of(const struct args *a)
{
    size_t i = 0;

    while (i < N_COMMANDS && !is(a, 0, commands[i].name))
        i++;
    return i;
}

static struct reply run(struct fake_redis *r, const struct args *a)
{
    size_t i = command_of(a);
    char why[128];

    r->commands++;
    if (i == N_COMMANDS) {
        snprintf(why, sizeof why, "ERR unknown command '%.*s'", (int)len_of(a, 0), a->v[0]);
        return error(r, why);
    }
    if (a->n < commands[i].least)
        return error(r, "ERR wrong number of arguments");
    if (r->refuses_all)
        return error(r, r->refuses_all);
    if (commands[i].grows && r->refuses)
        return error(r, r->refuses);
    return commands[i].run(r, a);
}

const struct reply *fake_redis_run(struct fake_redis *r, int argc, const char *const *argv,
                                   const size_t *lens)
{
    struct args a = {.n = argc, .v = argv, .lens = lens};
    struct reply *out;

    forget_reply(r);
    out = reply_memory(r, sizeof *out);
    *out = run(r, &a);
    return out;
}

const struct reply *fake_redis_ask(struct fake_redis *r, ...)
{
    const char *argv[ARGS_MAX];
    int argc = 0;
    va_list ap;

    va_start(ap, r);
    while ((argv[argc] = va_arg(ap, const char *)))
        assert(++argc < ARGS_MAX);
    va_end(ap);
    return fake_redis_run(r, argc, argv, NULL);
}

const struct reply *fake_redis_exec(struct fake_redis *r, const struct fake_command *c, size_t n,
                                    bool *aborted)
{
    struct reply *out, *items;

    forget_reply(r);
    out = reply_memory(r, sizeof *out);
    *aborted = false;
    for (size_t i = 0; i < n; i++) {
        struct args a = {.n = c[i].argc, .v = c[i].argv, .lens = c[i].lens};
        size_t k = command_of(&a);

        if (k == N_COMMANDS || (r->refuses && commands[k].grows)) {
            *aborted = true;
            *out = run(r, &a); /* its error */
            return out;
        }
    }
    *out = list(r, n, &items);
    for (size_t i = 0; i < n; i++) {
        struct args a = {.n = c[i].argc, .v = c[i].argv, .lens = c[i].lens};

        items[i] = run(r, &a);
    }
    return out;
}

/* --- what a test decides --------------------------------------------------------------------------- */

void fake_redis_refuse_writes(struct fake_redis *r, bool oom)
{
    r->refuses = oom ? "OOM command not allowed when used memory > 'maxmemory'." : NULL;
}

void fake_redis_refuse_all_with(struct fake_redis *r, const char *text)
{
    r->refuses_all = text;
}

void fake_redis_refuse_with(struct fake_redis *r, const char *text)
{
    r->refuses = text;
}

void fake_redis_kind(struct fake_redis *r, bool is_replica, bool evicting)
{
    r->is_replica = is_replica;
    r->evicting = evicting;
}

void fake_redis_memory(struct fake_redis *r, uint64_t max_memory, uint64_t used_memory)
{
    r->max_memory = max_memory;
    r->used_memory = used_memory;
}

struct fake_dump *fake_redis_dump(const struct fake_redis *r)
{
    struct fake_dump *d = mem_zalloc(sizeof *d);

    assert(d);
    d->data = data_copy(&r->data);
    return d;
}

void fake_dump_free(struct fake_dump *d)
{
    if (d)
        data_free(&d->data);
    mem_free(d);
}

void fake_redis_restore(struct fake_redis *r, const struct fake_dump *d)
{
    data_free(&r->data);
    r->data = data_copy(&d->data);
    new_run_id(r);
}

void fake_redis_restart(struct fake_redis *r)
{
    new_run_id(r);
}

const char *fake_redis_run_id(const struct fake_redis *r)
{
    return r->run_id;
}

uint64_t fake_redis_commands(const struct fake_redis *r)
{
    return r->commands;
}
