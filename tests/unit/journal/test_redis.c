#include "unit.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/driver.h"
#include "tocsin/journal.h"

/* Against a real redis-server: the child that writes a cut, Redis' own idea of trimming, and its
 * words for what we act on. Faults one by one are walked in tests/sim/test_journal.c. */

#define PIECES      9
#define PIECE_BYTES 300000

struct world {
    struct server server;
    struct driver v;
    struct labelsets *labels;
    struct series_table *series;
    struct journal *journal;
    double sum; /* of all values applied: the "windows" */
    int blocks, replayed, answers, ready, regressed, cut_chunks, discarded;
    double sum_of_cut;
    bool bad_piece;
    int ended; /* cuts: 1 fine, -1 failed */
    char why[256];
};

static void on_apply(const struct journal_block *b, void *arg)
{
    struct world *w = arg;

    for (size_t i = 0; i < b->n_samples; i++)
        w->sum += b->samples[i].v;
    w->blocks++;
    w->replayed += b->replayed;
}

static void on_regressed(void *arg)
{
    ((struct world *)arg)->regressed++;
}

static int on_cut_chunk(const void *chunk, size_t len, void *arg, struct err *e)
{
    struct world *w = arg;
    const char *p = chunk;

    (void)e;
    if (w->cut_chunks++ == 0) {
        w->bad_piece |= len != sizeof w->sum;
        memcpy(&w->sum, chunk, sizeof w->sum);
        w->sum_of_cut = w->sum;
        return 0;
    }
    w->bad_piece |= len != PIECE_BYTES;
    for (size_t i = 0; i < len; i++)
        w->bad_piece |= p[i] != (char)((i * 2654435761u) >> 13);
    return 0;
}

static void on_discard(void *arg)
{
    ((struct world *)arg)->discarded++;
}

static void on_ready(const struct err *e, void *arg)
{
    struct world *w = arg;

    w->ready = e ? -1 : 1;
    snprintf(w->v.why, sizeof w->v.why, "%.500s", e ? e->text : "");
}

static void start(struct world *w, const char *cut_url, int64_t retention_ms)
{
    struct journal_options o = {
        .url = cut_url,
        .retention_ms = retention_ms,
        .apply = on_apply,
        .regressed = on_regressed,
        .arg = w,
    };
    struct journal_recovery r = {on_cut_chunk, on_discard, on_ready, w};
    struct err e = {0};

    driver_up(&w->v, w->server.url);
    w->labels = labelsets_new(0);
    w->series = series_table_new(w->labels, 0);
    o.loop = w->v.loop;
    o.db = w->v.db;
    o.series = w->series;
    w->journal = journal_new(&o, &e);
    ck_assert_msg(w->journal != NULL, "%s", e.text);
    journal_recover(w->journal, &r);
    AWAIT(&w->v, w->ready != 0);
    ck_assert_int_eq(w->ready, 1);
}

static void stop(struct world *w)
{
    journal_free(w->journal);
    driver_close(&w->v);
    series_table_free(w->series);
    labelsets_free(w->labels);
}

static void on_answer(enum journal_answer answer, const struct err *e, void *arg)
{
    (void)e;
    ck_assert_int_eq(answer, JOURNAL_STORED);
    ((struct world *)arg)->answers++;
}

static void request(struct world *w, int i)
{
    char value[16];
    struct label l[2];
    bool is_new;
    struct sample m = {.t_ms = 1, .v = i + 0.25, .weight = 1};
    struct journal_request r = {.hash = (uint64_t)i + 1, .samples = &m, .n_samples = 1};

    snprintf(value, sizeof value, "%d", i % 50);
    l[0] = label_of("__name__", "m");
    l[1] = label_of("i", value);
    m.series = series_resolve(w->series, l, 2, "", SAMPLE_GAUGE, &is_new);
    journal_append(w->journal, &r, on_answer, w);
}

static void send_blocks(struct world *w, int n)
{
    for (int i = 0; i < n; i++) {
        int before = w->answers;

        request(w, i);
        AWAIT(&w->v, w->answers == before + 1);
    }
}

/* --- what the child writes ------------------------------------------------------------------------------ */

static int encode(int (*emit)(const void *chunk, size_t len, void *arg), void *emit_arg, void *arg)
{
    struct world *w = arg;
    char *piece = mem_alloc(PIECE_BYTES);
    int rc = emit(&w->sum, sizeof w->sum, emit_arg);

    for (size_t i = 0; i < PIECE_BYTES; i++)
        piece[i] = (char)((i * 2654435761u) >> 13);
    for (int i = 0; i < PIECES && rc == 0; i++)
        rc = emit(piece, PIECE_BYTES, emit_arg);
    mem_free(piece);
    return rc;
}

static int encode_failing(int (*emit)(const void *chunk, size_t len, void *arg), void *emit_arg,
                          void *arg)
{
    (void)arg;
    (void)emit("x", 1, emit_arg);
    return -1;
}

static int encode_dying(int (*emit)(const void *chunk, size_t len, void *arg), void *emit_arg,
                        void *arg)
{
    (void)arg;
    (void)emit("x", 1, emit_arg);
    raise(SIGKILL);
    return 0;
}

/* The only piece: how many descriptors this process has open. */
static int encode_descriptors(int (*emit)(const void *chunk, size_t len, void *arg), void *emit_arg,
                              void *arg)
{
    DIR *dir = opendir("/proc/self/fd");
    double n = 0;

    (void)arg;
    while (dir && readdir(dir))
        n++;
    closedir(dir);
    n -= 3; /* ".", ".." and the directory itself */
    return emit(&n, sizeof n, emit_arg);
}

static void on_cut(bool ok, const char *why, int64_t took_ms, void *arg)
{
    struct world *w = arg;

    ck_assert_int_ge(took_ms, 0);
    w->ended = ok ? 1 : -1;
    snprintf(w->why, sizeof w->why, "%s", why ? why : "");
}

static void cut(struct world *w, struct journal_cut c)
{
    struct err e = {0};
    int rc;

    w->ended = 0;
    c.done = on_cut;
    c.arg = w;
    rc = journal_cut(w->journal, &c, &e);
    ck_assert_msg(rc == 0, "%s", e.text);
    request(w, 1000); /* in the same turn: it belongs behind the cut */
    AWAIT(&w->v, w->ended != 0);
}

static void comes_back(struct world *w, int replayed)
{
    struct world q = {.server = w->server};

    start(&q, NULL, 0);
    ck_assert_double_eq(q.sum, w->sum);
    ck_assert_int_eq(q.replayed, replayed);
    ck_assert(!q.bad_piece);
    ck_assert_int_eq(q.cut_chunks, PIECES + 1);
    stop(&q);
}

static void one_cut(const char *url)
{
    struct world w = {0};

    server_start(&w.server, NULL);
    start(&w, strcmp(url, "own") == 0 ? w.server.url : url, 0);
    send_blocks(&w, 30);
    cut(&w, (struct journal_cut){.encode = encode});
    ck_assert_msg(w.ended == 1, "%s", w.why);
    send_blocks(&w, 3);
    AWAIT(&w.v, w.answers == 34);
    comes_back(&w, 4);
    cut(&w, (struct journal_cut){.encode = encode}); /* in the place of the first */
    ck_assert_int_eq(w.ended, 1);
    AWAIT(&w.v, w.answers == 35);
    comes_back(&w, 1);
    stop(&w);
    server_stop(&w.server);
}

START_TEST(a_child_writes_the_cut)
{
    one_cut("own");
}
END_TEST

/* As over TLS, where the child has no connection of its own. */
START_TEST(a_child_hands_the_cut_to_its_parent)
{
    one_cut("rediss://nobody.invalid:1");
}
END_TEST

START_TEST(a_child_that_fails_or_dies_is_told)
{
    static const char *const urls[] = {"own", "rediss://nobody.invalid:1", "unix:/nowhere/r.sock"};

    for (size_t i = 0; i < 3; i++) {
        struct world w = {0};

        server_start(&w.server, NULL);
        start(&w, i == 0 ? w.server.url : urls[i], 0);
        send_blocks(&w, 2);
        cut(&w, (struct journal_cut){.encode = encode_failing});
        ck_assert_int_eq(w.ended, -1);
        ck_assert_ptr_nonnull(strstr(w.why, i == 2 ? "/nowhere/r.sock" : "could not be encoded"));
        cut(&w, (struct journal_cut){.encode = encode_dying});
        ck_assert_int_eq(w.ended, -1);
        if (i != 2)
            ck_assert_ptr_nonnull(strstr(w.why, "ended early"));
        ck_assert(!journal_wants_cut(w.journal)); /* not at once again */
        stop(&w);
        server_stop(&w.server);
    }
}
END_TEST

START_TEST(a_child_keeps_nothing_of_its_parent_open)
{
    struct world w = {0}, q;

    server_start(&w.server, NULL);
    start(&w, w.server.url, 0);
    cut(&w, (struct journal_cut){.encode = encode_descriptors});
    ck_assert_msg(w.ended == 1, "%s", w.why);
    q = (struct world){.server = w.server};
    start(&q, NULL, 0);
    ck_assert_double_eq(q.sum_of_cut, 3); /* standard error, its pipe, its connection */
    stop(&q);
    stop(&w);
    server_stop(&w.server);
}
END_TEST

START_TEST(a_journal_freed_during_a_cut_leaves_no_child)
{
    struct world w = {0};
    struct journal_cut c = {encode, on_cut, &w};

    server_start(&w.server, NULL);
    start(&w, w.server.url, 0);
    ck_assert_int_eq(journal_cut(w.journal, &c, NULL), 0);
    loop_turn(w.v.loop, 10);
    stop(&w);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), 0); /* only the server is left */
    ck_assert_int_eq(w.ended, 0);
    server_stop(&w.server);
}
END_TEST

/* --- Redis' own ways ----------------------------------------------------------------------------------- */

static uint64_t stored(struct world *w)
{
    struct journal_stats st;

    journal_stats(w->journal, &st);
    return st.stored_blocks;
}

START_TEST(old_blocks_go_in_steps_up_to_the_cut)
{
    struct world w = {0};

    server_start(&w.server, NULL);
    start(&w, w.server.url, 1); /* a millisecond of retention */
    send_blocks(&w, 2500);      /* more than two steps */
    ck_assert_uint_eq(stored(&w), 2500);
    cut(&w, (struct journal_cut){.encode = encode});
    ck_assert_int_eq(w.ended, 1);
    AWAIT(&w.v, stored(&w) <= 101); /* Redis keeps a node that is needed in part */
    send_blocks(&w, 150);
    comes_back(&w, 151);
    ck_assert_int_eq(w.regressed, 0);
    stop(&w);
    server_stop(&w.server);
}
END_TEST

START_TEST(a_server_that_lost_everything_is_filled_again)
{
    struct world w = {0};

    server_start(&w.server, NULL);
    start(&w, w.server.url, 0);
    send_blocks(&w, 40);
    server_kill(&w.server);
    AWAIT(&w.v, !db_is_up(w.v.db));
    server_start_in(&w.server, NULL); /* empty: it was not told to keep anything */
    AWAIT(&w.v, w.regressed == 1);
    AWAIT(&w.v, stored(&w) == 40);
    {
        struct world q = {.server = w.server};

        start(&q, NULL, 0);
        ck_assert_double_eq(q.sum, w.sum);
        ck_assert_uint_eq(series_count(q.series), 40);
        stop(&q);
    }
    stop(&w);
    server_stop(&w.server);
}
END_TEST

START_TEST(a_full_server_is_survived)
{
    const char *small[] = {"--maxmemory", "3mb", NULL};
    struct world w = {0};
    struct err e = {0};

    server_start(&w.server, small);
    start(&w, w.server.url, 0);
    AWAIT(&w.v, db_health(w.v.db)->max_memory == 3 << 20);
    send_blocks(&w, 5);
    ck_assert(journal_accepts(w.journal, &e));
    db_sendf(w.v.db, NULL, NULL, "SETRANGE filler 1500000 x");
    AWAIT(&w.v, *journal_trouble(w.journal));
    ck_assert_ptr_nonnull(strstr(journal_trouble(w.journal), "memory"));
    db_sendf(w.v.db, NULL, NULL, "DEL filler");
    AWAIT(&w.v, !*journal_trouble(w.journal));
    send_blocks(&w, 5);
    stop(&w);
    server_stop(&w.server);
}
END_TEST

static void silent(const char *line, void *arg)
{
    (void)line, (void)arg;
}

static void add(TCase *t)
{
    log_divert(silent, NULL);
    tcase_add_test(t, a_child_writes_the_cut);
    tcase_add_test(t, a_child_hands_the_cut_to_its_parent);
    tcase_add_test(t, a_child_that_fails_or_dies_is_told);
    tcase_add_test(t, a_child_keeps_nothing_of_its_parent_open);
    tcase_add_test(t, a_journal_freed_during_a_cut_leaves_no_child);
    tcase_add_test(t, old_blocks_go_in_steps_up_to_the_cut);
    tcase_add_test(t, a_server_that_lost_everything_is_filled_again);
    tcase_add_test(t, a_full_server_is_survived);
}

UNIT_MAIN("journal with Redis", add)
