#include "unit.h"

#include <sys/file.h>

#include "base/log.h"
#include "driver.h"
#include "tocsin/embedded.h"

static char dir[64];
static struct driver v;

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/tocsin-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    driver_loop(&v);
}

static void teardown(void)
{
    driver_close(&v);
    server_remove_dir(dir, 2);
}

static struct embedded *try_open(const char *where, int start_ms, struct err *e)
{
    struct embedded_options o = {.dir = where, .start_ms = start_ms, .max_memory = 64 << 20};

    *e = (struct err){0};
    return embedded_open(v.loop, &o, e);
}

static struct embedded *open_in(const char *where)
{
    struct err e;
    struct embedded *s = try_open(where, 10000, &e);

    ck_assert_msg(s != NULL, "%s", e.text);
    return s;
}

/* One command over a connection of its own. */
static void run(const char *url, int argc, const char *const *argv)
{
    struct err e = {0};
    struct db_blocking *b = db_blocking_open(url, 5000, &e);

    ck_assert_msg(b != NULL, "%s", e.text);
    ck_assert_int_eq(db_blocking_add(b, argc, argv, NULL, &e), 0);
    ck_assert_msg(db_blocking_flush(b, &e) == 0, "%s", e.text);
    db_blocking_close(b);
}

static void set_key(const char *url)
{
    const char *set[] = {"SET", "key", "kept"};

    run(url, 3, set);
}

static void connect_db(const char *url)
{
    struct db_options o = {.url = url, .on_up = driver_on_up, .on_down = driver_on_down, .arg = &v};

    v.db = db_open(v.loop, &o, NULL);
    AWAIT(&v, db_is_up(v.db));
}

static void expect_key(void)
{
    struct told t = {0};

    db_sendf(v.db, told_done, &t, "GET key");
    AWAIT(&v, t.times == 1);
    ck_assert_str_eq(t.text, "kept");
}

static bool lives(pid_t pid)
{
    return kill(pid, 0) == 0;
}

START_TEST(a_server_is_started_private_and_durable)
{
    char inner[128], path[160];
    struct embedded *s;
    struct stat st;
    pid_t pid;
    struct told debug = {0};

    snprintf(inner, sizeof inner, "%s/made/here", dir);
    s = open_in(inner);
    pid = embedded_pid(s);
    ck_assert_int_eq(stat(inner, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/redis.sock", inner);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(getsid(pid), pid);
    connect_db(embedded_url(s));
    ck_assert(db_health(v.db)->aof && db_health(v.db)->aof_always && !db_health(v.db)->evicting);
    ck_assert_uint_eq(db_health(v.db)->max_memory, 64 << 20);
    db_sendf(v.db, told_done, &debug, "DEBUG SLEEP 0");
    AWAIT(&v, debug.times == 1);
    ck_assert_int_eq(debug.fate, DB_REFUSED);
    embedded_close(s, false);
    ck_assert(!lives(pid));
    server_remove_dir(inner, 2);
    snprintf(inner, sizeof inner, "%s/made", dir);
    rmdir(inner);
}
END_TEST

/* Whole nodes are what a rough trim takes: none, where all lie in one. */
START_TEST(blocks_share_the_nodes_of_their_stream)
{
    struct embedded *s = open_in(dir);
    char block[5000];
    struct told t = {0};

    memset(block, 'b', sizeof block);
    connect_db(embedded_url(s));
    for (int i = 0; i < 10; i++)
        db_writef(v.db, NULL, NULL, "XADD s * b %b", block, sizeof block);
    db_sendf(v.db, told_done, &t, "XTRIM s MAXLEN ~ 1");
    AWAIT(&v, t.times == 1);
    ck_assert_int_eq(t.kind, REPLY_INT);
    ck_assert_int_eq(t.number, 0);
    embedded_close(s, false);
}
END_TEST

static char allocator[65536]; /* what the server's allocator says of itself; "": not yet */

static void take_allocator(enum db_fate fate, const struct reply *r, void *arg)
{
    (void)arg;
    ck_assert_int_eq(fate, DB_DONE);
    snprintf(allocator, sizeof allocator, "%s", r->text);
}

static void check_decay(const char *expected)
{
    struct embedded *s = open_in(dir);
    char line[64];

    connect_db(embedded_url(s));
    allocator[0] = 0;
    db_sendf(v.db, take_allocator, NULL, "MEMORY MALLOC-STATS");
    AWAIT(&v, allocator[0]);
    snprintf(line, sizeof line, "opt.dirty_decay_ms: %s ", expected);
    ck_assert_msg(strstr(allocator, line) || !strstr(allocator, "jemalloc"), "%.2000s", allocator);
    embedded_close(s, false);
}

START_TEST(the_server_gives_memory_back_after_a_second)
{
    check_decay("1000");
}
END_TEST

START_TEST(an_allocators_settings_that_are_given_stay)
{
    setenv("MALLOC_CONF", "dirty_decay_ms:7000", 1);
    check_decay("7000");
}
END_TEST

START_TEST(what_was_stored_is_there_after_the_next_start)
{
    struct embedded *s = open_in(dir);
    pid_t first = embedded_pid(s);

    set_key(embedded_url(s));
    embedded_close(s, false);
    s = open_in(dir);
    ck_assert_int_ne(embedded_pid(s), first);
    connect_db(embedded_url(s));
    expect_key();
    embedded_close(s, false);
}
END_TEST

/* Runs `act` in a process of its own and returns how it ended. */
static int in_child(void (*act)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        act();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void be_second(void)
{
    struct err e;
    char want[160];

    snprintf(want, sizeof want,
             "another Tocsin (pid %ld) uses data directory %s: stop it or give --data-dir",
             (long)getppid(), dir);
    if (try_open(dir, 1000, &e) || e.code != ERR_REFUSED || strcmp(e.text, want) != 0)
        _exit(1);
}

START_TEST(a_second_tocsin_is_refused_with_the_first_ones_id)
{
    struct embedded *s = open_in(dir);
    pid_t pid = embedded_pid(s);

    ck_assert_int_eq(in_child(be_second), 0);
    ck_assert_int_eq(embedded_pid(s), pid);
    ck_assert(lives(pid)); /* and the first one's server was left alone */
    set_key(embedded_url(s));
    embedded_close(s, false);
}
END_TEST

static void be_killed(void)
{
    struct embedded *s = open_in(dir);

    set_key(embedded_url(s));
    raise(SIGKILL);
}

START_TEST(the_server_of_a_killed_tocsin_is_adopted_and_kept_alive)
{
    const char *limit[] = {"CONFIG", "SET", "maxmemory", "1mb"};
    int status = in_child(be_killed);
    struct embedded *s;
    pid_t orphan;

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    s = open_in(dir);
    orphan = embedded_pid(s);
    ck_assert_int_gt(orphan, 0);
    ck_assert_int_eq(waitpid(orphan, NULL, WNOHANG), -1); /* not a child of ours */
    run(embedded_url(s), 4, limit);
    connect_db(embedded_url(s));
    expect_key();
    kill(orphan, SIGKILL);
    AWAIT(&v, embedded_restarts(s) == 1 && embedded_pid(s) > 0);
    AWAIT(&v, v.downs > 0 && db_is_up(v.db));
    ck_assert_int_ne(embedded_pid(s), orphan);
    ck_assert_uint_eq(db_health(v.db)->max_memory, 64 << 20);
    expect_key();
    embedded_close(s, false);
}
END_TEST

START_TEST(a_server_that_dies_is_started_again_with_what_it_had)
{
    struct embedded *s = open_in(dir);

    connect_db(embedded_url(s));
    for (unsigned round = 1; round <= 2; round++) {
        int ups = v.ups;
        char run_id[48];

        set_key(embedded_url(s));
        memcpy(run_id, db_health(v.db)->run_id, sizeof run_id);
        kill(embedded_pid(s), SIGKILL);
        AWAIT(&v, v.ups > ups);
        ck_assert_uint_eq(embedded_restarts(s), round);
        ck_assert_str_ne(run_id, db_health(v.db)->run_id);
        expect_key();
    }
    embedded_close(s, false);
}
END_TEST

START_TEST(a_server_left_running_is_adopted_by_the_next_start)
{
    struct embedded *s = open_in(dir);
    pid_t pid = embedded_pid(s);

    embedded_close(s, true);
    ck_assert(lives(pid));
    s = open_in(dir);
    ck_assert_int_eq(embedded_pid(s), pid);
    ck_assert_uint_eq(embedded_restarts(s), 0);
    embedded_close(s, false);
    ck_assert(!lives(pid));
}
END_TEST

START_TEST(a_server_that_hangs_is_waited_for_within_the_bound)
{
    struct embedded *s = open_in(dir);
    pid_t pid = embedded_pid(s);
    struct err e;
    char id[24];

    embedded_close(s, true);
    kill(pid, SIGSTOP);
    ck_assert_ptr_null(try_open(dir, 100, &e));
    ck_assert_int_eq(e.code, ERR_BUSY);
    snprintf(id, sizeof id, "(pid %ld)", (long)pid);
    ck_assert_ptr_nonnull(strstr(e.text, id));
    ck_assert(lives(pid));
    kill(pid, SIGCONT);
    s = open_in(dir);
    ck_assert_int_eq(embedded_pid(s), pid);
    embedded_close(s, false);
}
END_TEST

/* As a rewrite child of a dead server does: holds the lock, as soon as it can get it, and answers
 * nothing. It tells over `told` when it has it, and ends when it can read from `release`. */
struct holder {
    int told[2], release[2];
    pid_t pid;
};

static void holder_start(struct holder *h)
{
    char path[96], byte = 0;

    snprintf(path, sizeof path, "%s/redis.lock", dir);
    ck_assert_int_eq(pipe(h->told), 0);
    ck_assert_int_eq(pipe(h->release), 0);
    h->pid = fork();
    if (h->pid == 0) {
        int fd = open(path, O_RDWR | O_CREAT, 0600);

        if (flock(fd, LOCK_EX) != 0 || write(h->told[1], "x", 1) != 1)
            _exit(1);
        _exit(read(h->release[0], &byte, 1) == 1 ? 0 : 1);
    }
}

static void holder_await(struct holder *h)
{
    char byte;

    ck_assert_int_eq(read(h->told[0], &byte, 1), 1);
}

static void holder_release(struct holder *h)
{
    ck_assert_int_eq(write(h->release[1], "x", 1), 1);
}

static void holder_end(struct holder *h)
{
    int status;

    ck_assert_int_eq(waitpid(h->pid, &status, 0), h->pid);
    ck_assert_int_eq(status, 0);
    for (int i = 0; i < 2; i++) {
        close(h->told[i]);
        close(h->release[i]);
    }
}

START_TEST(a_rewrite_child_that_holds_the_files_is_waited_for_at_the_start)
{
    struct holder h;
    struct embedded *s;
    struct err e;

    holder_start(&h);
    holder_await(&h);
    ck_assert_ptr_null(try_open(dir, 50, &e));
    ck_assert_int_eq(e.code, ERR_BUSY);
    holder_release(&h);
    s = open_in(dir);
    holder_end(&h);
    embedded_close(s, false);
}
END_TEST

static int waits;

static void count_waits(const char *line, void *arg)
{
    (void)arg;
    waits += strstr(line, "waits for a child") != NULL;
}

START_TEST(a_rewrite_child_that_holds_the_files_is_waited_for_at_a_restart)
{
    struct embedded *s = open_in(dir);
    struct holder h;

    set_key(embedded_url(s));
    holder_start(&h);
    log_divert(count_waits, NULL);
    kill(embedded_pid(s), SIGKILL);
    holder_await(&h);
    AWAIT(&v, waits == 2);
    ck_assert_uint_eq(embedded_restarts(s), 0);
    ck_assert_int_eq(embedded_pid(s), 0);
    holder_release(&h);
    AWAIT(&v, embedded_pid(s) > 0);
    log_divert(NULL, NULL);
    holder_end(&h);
    connect_db(embedded_url(s));
    expect_key();
    embedded_close(s, false);
}
END_TEST

START_TEST(what_prevents_a_start_is_told_with_what_to_do)
{
    struct embedded_options missing = {.dir = dir, .binary = "redis-server-that-is-not-there"};
    struct embedded_options failing = {.dir = dir, .binary = "false"};
    struct embedded_options in_file = {.dir = "/dev/null/x"};
    char long_dir[200];
    struct embedded_options too_long = {.dir = long_dir};
    struct err e = {0};

    ck_assert_ptr_null(embedded_open(v.loop, &missing, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "apt install redis-server"));
    ck_assert_ptr_null(embedded_open(v.loop, &failing, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "ended at its start (status 1)"));
    ck_assert_ptr_null(embedded_open(v.loop, &in_file, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "/dev/null/x"));
    snprintf(long_dir, sizeof long_dir, "%s/%0100d", dir, 0);
    ck_assert_ptr_null(embedded_open(v.loop, &too_long, &e));
    ck_assert_int_eq(e.code, ERR_INPUT);
    server_remove_dir(long_dir, 1);
}
END_TEST

START_TEST(a_file_cut_short_is_loaded_without_its_tail)
{
    struct embedded *s = open_in(dir);
    char path[160];
    int fd;

    set_key(embedded_url(s));
    embedded_close(s, false);
    snprintf(path, sizeof path, "%s/appendonlydir/appendonly.aof.1.incr.aof", dir);
    fd = open(path, O_WRONLY | O_APPEND);
    if (fd < 0) /* servers before 7 */
        fd = open((snprintf(path, sizeof path, "%s/appendonly.aof", dir), path),
                  O_WRONLY | O_APPEND);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "*3\r\n$3\r\nSET\r\n$3\r\nke", 19), 19);
    close(fd);
    s = open_in(dir);
    connect_db(embedded_url(s));
    expect_key();
    embedded_close(s, false);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_server_is_started_private_and_durable);
    tcase_add_test(c, blocks_share_the_nodes_of_their_stream);
    tcase_add_test(c, the_server_gives_memory_back_after_a_second);
    tcase_add_test(c, an_allocators_settings_that_are_given_stay);
    tcase_add_test(c, what_was_stored_is_there_after_the_next_start);
    tcase_add_test(c, a_second_tocsin_is_refused_with_the_first_ones_id);
    tcase_add_test(c, the_server_of_a_killed_tocsin_is_adopted_and_kept_alive);
    tcase_add_test(c, a_server_that_dies_is_started_again_with_what_it_had);
    tcase_add_test(c, a_server_left_running_is_adopted_by_the_next_start);
    tcase_add_test(c, a_server_that_hangs_is_waited_for_within_the_bound);
    tcase_add_test(c, a_rewrite_child_that_holds_the_files_is_waited_for_at_the_start);
    tcase_add_test(c, a_rewrite_child_that_holds_the_files_is_waited_for_at_a_restart);
    tcase_add_test(c, what_prevents_a_start_is_told_with_what_to_do);
    tcase_add_test(c, a_file_cut_short_is_loaded_without_its_tail);
}

UNIT_MAIN("embedded", add)
