/* The embedded server as a process: started, asked who it is, stopped.
 * It is started by fork and exec with everything closed but what it needs: it inherits the lock of the data
 * directory, so that the lock lives as long as the server, also when we die before it. Whether exec worked
 * comes back over a pipe that exec closes: no guessing by time. Who answers at the socket is asked of the
 * kernel (SO_PEERCRED), since a process id in a file may be another one by now. Dropped: daemonizing, which
 * would lose the child. */
#include "redis/child.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define FORCED_END_MS 5000

/* --- start -------------------------------------------------------------------------------------- */

#define LOCK_FD   3 /* where the child has its descriptors */
#define REPORT_FD 4

static void close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
        return;
    for (int fd = first; fd < 65536; fd++)
        close(fd);
}

static void default_signals(void)
{
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts the descriptors where the server shall have them, and closes all others. */
static int move_descriptors(const struct guard *g, int lock_fd, int *report_fd)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = openat(g->dir_fd, "redis.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* above all targets first, so that no dup2() overwrites a source */
    int lock = fcntl(lock_fd, F_DUPFD_CLOEXEC, 16);
    int report = fcntl(*report_fd, F_DUPFD_CLOEXEC, 16);

    if (nothing < 0 || out < 0 || lock < 0 || report < 0)
        return -1;
    if (dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || dup2(lock, LOCK_FD) < 0 ||
        dup3(report, REPORT_FD, O_CLOEXEC) < 0)
        return -1;
    *report_fd = REPORT_FD;
    return 0;
}

/* Ours, and how the server's allocator gives memory back: the journal comes and goes all the time, and what it
 * has left is the system's after a second and not after ten. Whoever starts us may say otherwise. Free with
 * mem_free(); NULL: no memory. */
static char **server_environment(void)
{
    static char giving[] = "MALLOC_CONF=dirty_decay_ms:1000,narenas:1";
    size_t n = 0;
    char **all;

    while (environ[n])
        n++;
    all = mem_zalloc((n + 2) * sizeof *all);
    if (!all)
        return NULL;
    memcpy(all, environ, n * sizeof *all);
    if (!getenv("MALLOC_CONF"))
        all[n] = giving;
    return all;
}

/* In the child, between fork and exec: only calls that are safe there. Returns when it failed,
 * with errno; *report_fd is where to tell it. */
static void become_server(const struct guard *g, const char *binary, char **environment,
                          int lock_fd, int *report_fd)
{
    char *argv[] = {(char *)(size_t) "redis-server", (char *)(size_t) "redis.conf", NULL};

    setsid();
    umask(077);
    default_signals();
    if (fchdir(g->dir_fd) != 0 || move_descriptors(g, lock_fd, report_fd) != 0)
        return;
    close_from(REPORT_FD + 1);
    execvpe(binary, argv, environment);
}

static int cannot_start(const char *binary, int why, struct err *e)
{
    if (why == ENOENT)
        return err_set(e, ERR_IO,
                       "%s is not installed: run \"apt install redis-server\", or give the address "
                       "of a Redis with --redis",
                       binary);
    return err_set(e, ERR_IO, "cannot start %s: %s", binary, strerror(why));
}

pid_t child_start(const struct guard *g, const char *binary, int lock_fd, struct err *e)
{
    int report[2], why = 0;
    char **environment;
    pid_t pid;
    ssize_t n;

    if (pipe2(report, O_CLOEXEC) != 0)
        return cannot_start(binary, errno, e);
    environment = server_environment();
    pid = environment ? fork() : -1;
    if (pid == 0) {
        become_server(g, binary, environment, lock_fd, &report[1]);
        why = errno;
        _exit(write(report[1], &why, sizeof why) == sizeof why ? 127 : 126);
    }
    if (pid < 0)
        why = environment ? errno : ENOMEM;
    mem_free(environment);
    close(report[1]);
    /* closed by exec: nothing to read; else the reason */
    do
        n = pid > 0 ? read(report[0], &why, sizeof why) : 0;
    while (n < 0 && errno == EINTR);
    close(report[0]);
    if (why == 0)
        return pid;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return cannot_start(binary, why, e);
}

/* --- questions ---------------------------------------------------------------------------------- */

static pid_t listener(int fd)
{
    struct ucred who = {0};
    socklen_t len = sizeof who;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 ? who.pid : 0;
}

static redisContext *connect_to(const struct guard *g, int timeout_ms)
{
    struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    redisContext *c = redisConnectUnixWithTimeout(g->socket, tv);

    if (c && (c->err || redisSetTimeout(c, tv) != REDIS_OK)) {
        redisFree(c);
        return NULL;
    }
    return c;
}

enum child_state child_ask(const struct guard *g, int timeout_ms, pid_t *pid)
{
    redisContext *c = connect_to(g, timeout_ms);
    redisReply *reply;
    enum child_state state = CHILD_SILENT;

    *pid = 0;
    if (!c)
        return CHILD_SILENT;
    *pid = listener(c->fd);
    reply = redisCommand(c, "PING");
    if (reply && reply->type == REDIS_REPLY_STATUS)
        state = CHILD_READY;
    else if (reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "LOADING", 7) == 0)
        state = CHILD_LOADING;
    freeReplyObject(reply);
    redisFree(c);
    return state;
}

void child_set_memory(const struct guard *g, uint64_t max_memory)
{
    redisContext *c = connect_to(g, 1000);

    if (!c)
        return;
    freeReplyObject(redisCommand(c, "CONFIG SET maxmemory %llu", (unsigned long long)max_memory));
    redisFree(c);
}

/* --- the end ------------------------------------------------------------------------------------ */

int child_watch(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec */
}

static bool ends_within(int watch, int ms)
{
    struct pollfd p = {.fd = watch, .events = POLLIN};
    int n;

    do
        n = poll(&p, 1, ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

bool child_stop(int watch, int patience_ms)
{
    syscall(SYS_pidfd_send_signal, watch, SIGTERM, NULL, 0);
    if (ends_within(watch, patience_ms))
        return true;
    syscall(SYS_pidfd_send_signal, watch, SIGKILL, NULL, 0);
    return ends_within(watch, FORCED_END_MS);
}

void child_verdict(pid_t pid, char *out, size_t cap)
{
    int status;

    out[0] = 0;
    if (waitpid(pid, &status, WNOHANG) != pid)
        return;
    if (WIFSIGNALED(status))
        snprintf(out, cap, "signal %d", WTERMSIG(status));
    else
        snprintf(out, cap, "status %d", WEXITSTATUS(status));
}
