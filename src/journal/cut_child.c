/* The child that writes a cut. It is a copy of the whole process, of which it may use its memory
 * only: its first act is to close every descriptor but its pipe and standard error, so that it
 * holds no socket of the parent's open; it touches neither loop nor TLS; it dies with its parent
 * and ends with _exit. Pieces go to Redis over a connection of its own, or, where that is not
 * possible (TLS), to the parent. What it says:
 *
 *   'C' piece …    over TLS only
 *   'D' pieces u64, bytes u64     done
 *   'E' text                      it failed
 *
 * each as: type | length u32 | bytes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/keys.h"
#include "base/mem.h"
#include "journal/cut_chunk.h"
#include "journal/cut_job.h"

#define PIPE_FD     3
#define FLUSH_BYTES ((size_t)4 << 20)
#define BLOCKING_MS 10000
#define READ_BYTES  ((size_t)256 << 10)
#define AHEAD_BYTES ((size_t)16 << 20) /* waiting for Redis: then the child waits, too */
#define FRAME_HEAD  5
#define PIPE_BYTES  (1 << 20)

/* --- in the child ------------------------------------------------------------------------------------ */

struct writer {
    struct db_blocking *db; /* NULL: everything to the parent */
    char key[KEY_LEN];
    uint64_t chunks, bytes;
    size_t unflushed;
    struct buf packed;
    struct err e;
};

static void say(char type, const void *p, size_t n)
{
    char head[FRAME_HEAD] = {type};
    uint32_t len = (uint32_t)n;
    const char *parts[] = {head, p};
    size_t lens[] = {FRAME_HEAD, n};

    memcpy(head + 1, &len, sizeof len);
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; at < lens[i];) {
            ssize_t rc = write(PIPE_FD, parts[i] + at, lens[i] - at);

            if (rc < 0 && errno != EINTR)
                _exit(1); /* the parent has let go */
            at += rc > 0 ? (size_t)rc : 0;
        }
}

static int to_redis(struct writer *w)
{
    char index[24];
    const char *argv[] = {"HSET", w->key, index, w->packed.data};
    size_t lens[] = {4, strlen(w->key), 0, w->packed.len};

    lens[2] = (size_t)snprintf(index, sizeof index, "%" PRIu64, w->chunks);
    if (db_blocking_add(w->db, 4, argv, lens, &w->e) != 0)
        return -1;
    w->unflushed += w->packed.len;
    if (w->unflushed < FLUSH_BYTES)
        return 0;
    w->unflushed = 0;
    return db_blocking_flush(w->db, &w->e);
}

static int emit(const void *chunk, size_t len, void *arg)
{
    struct writer *w = arg;

    if (cut_chunk_pack(chunk, len, &w->packed, &w->e) != 0)
        return -1;
    if (!w->db)
        say('C', w->packed.data, w->packed.len);
    else if (to_redis(w) != 0)
        return -1;
    w->chunks++;
    w->bytes += w->packed.len;
    return 0;
}

static int write_all(struct writer *w, const struct journal_cut *c)
{
    if (c->encode(emit, w, c->arg) != 0)
        return w->e.code == ERR_NONE ? err_set(&w->e, ERR_IO, "the windows could not be encoded")
                                     : -1;
    return w->db ? db_blocking_flush(w->db, &w->e) : 0;
}

static void leave_parent(int fd, pid_t parent)
{
    static const int defaults[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (fd != PIPE_FD && dup2(fd, PIPE_FD) < 0)
        _exit(1);
    close_range(PIPE_FD + 1, ~0u, 0);
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        signal(defaults[i], SIG_DFL);
}

static void child(const struct cut_job *k, const char *url, bool has_tls)
{
    struct writer w = {0};
    uint64_t done[2];

    key_cut(w.key, k->number);
    if (!has_tls && !(w.db = db_blocking_open(url, BLOCKING_MS, &w.e))) {
        say('E', w.e.text, strlen(w.e.text));
        return;
    }
    if (w.db)
        db_blocking_fence(w.db, k->journal->o.db);
    if (write_all(&w, &k->c) != 0) {
        say('E', w.e.text, strlen(w.e.text));
        return;
    }
    done[0] = w.chunks;
    done[1] = w.bytes;
    say('D', done, sizeof done);
}

/* --- in the parent ------------------------------------------------------------------------------------ */

/* One frame. False: the job has ended. */
static bool take_frame(struct cut_job *k, char type, const char *p, size_t n)
{
    uint64_t done[2];
    char why[160];

    if (type == 'C') {
        cut_put_piece(k, p, n);
        return true;
    }
    if (type == 'D' && n == sizeof done) {
        memcpy(done, p, sizeof done);
        k->chunks = done[0];
        k->bytes = done[1];
        cut_let_go(k, false);
        cut_written(k);
        return false;
    }
    snprintf(why, sizeof why, "%.*s", (int)(n < sizeof why ? n : sizeof why - 1), p);
    cut_fail(k->journal, why);
    return false;
}

static bool take_frames(struct cut_job *k)
{
    size_t at = 0;

    while (k->in.len - at >= FRAME_HEAD) {
        uint32_t len;

        memcpy(&len, k->in.data + at + 1, sizeof len);
        if (k->in.len - at - FRAME_HEAD < len)
            break;
        if (!take_frame(k, k->in.data[at], k->in.data + at + FRAME_HEAD, len))
            return false;
        at += FRAME_HEAD + len;
    }
    if (at > 0)
        memmove(k->in.data, k->in.data + at, k->in.len - at);
    k->in.len -= at;
    return true;
}

static void on_readable(void *arg)
{
    struct cut_job *k = arg;
    char *to = buf_reserve(&k->in, READ_BYTES);
    ssize_t n = to ? read(k->fd, to, READ_BYTES) : -1;

    if (n < 0 && to && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        cut_fail(k->journal, n == 0 ? "its child ended early" : "its child cannot be heard");
        return;
    }
    buf_commit(&k->in, (size_t)n);
    if (take_frames(k) && db_outstanding(k->journal->o.db) > AHEAD_BYTES) {
        watch_free(k->watch);
        k->watch = NULL;
    }
}

void cut_read_on(struct cut_job *k)
{
    if (k->fd >= 0 && !k->watch && db_outstanding(k->journal->o.db) <= AHEAD_BYTES)
        k->watch = watch_new(k->journal->o.loop, k->fd, on_readable, k);
}

int cut_fork(struct cut_job *k, const char *url, struct err *e)
{
    bool has_tls = strncmp(url, "rediss:", 7) == 0;
    pid_t parent = getpid();
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_set(e, ERR_IO, "no pipe for the cut: %s", strerror(errno));
    if (has_tls)
        (void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES); /* only faster */
    mem_trim();                                        /* fewer pages for the child, too */
    k->pid = fork();
    if (k->pid == 0) {
        leave_parent(fds[1], parent);
        child(k, url, has_tls);
        _exit(0);
    }
    close(fds[1]);
    k->fd = fds[0];
    if (k->pid < 0) {
        k->pid = 0;
        return err_set(e, ERR_IO, "no child for the cut: %s", strerror(errno));
    }
    (void)fcntl(k->fd, F_SETFL, O_NONBLOCK);
    cut_read_on(k);
    return 0;
}
