/* open:  tocsin.lock ──> redis.lock free?  yes: start a server that inherits it
 *                                          no:  somebody lives: adopt it when it answers, else wait
 * later: the server ends ──(back-off)──> redis.lock free? start again; else wait for it
 *
 * The lock alone is not life: a rewrite child outlives its server and holds it as well. The answer
 * alone is not the right to write: only who holds the lock has that. */
#include "tocsin/embedded.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "redis/child.h"
#include "redis/guard.h"

#define START_MS         60000
#define STOP_MS          15000 /* more than redis-server itself waits for replicas at shutdown */
#define ASK_MS           500
#define LOOK_AGAIN_MS    5
#define RESTART_FIRST_MS 100
#define RESTART_MAX_MS   10000
#define GOOD_AFTER_MS    30000 /* a server that lived this long was good: short waits again */

struct embedded {
    struct loop *loop;
    struct clock *clock;
    struct guard guard;
    char *binary;
    uint64_t max_memory;
    int start_ms;
    pid_t pid; /* 0: none runs */
    int watch; /* -1: none */
    struct event *ended;
    struct timer *restart;
    int64_t began_mono_ms;
    unsigned failures; /* restarts since one was good */
    uint64_t restarts;
};

static void on_ended(evutil_socket_t fd, short what, void *arg);

/* From now on the process is told by `ended`. -1: it is gone already. */
static int watch(struct embedded *s, pid_t pid, struct err *e)
{
    s->watch = child_watch(pid);
    if (s->watch < 0)
        return err_set(e, ERR_IO, "cannot watch redis-server (pid %ld): %s", (long)pid,
                       strerror(errno));
    s->ended = event_new(loop_base(s->loop), s->watch, EV_READ, on_ended, s);
    if (!s->ended || event_add(s->ended, NULL) != 0)
        return err_set(e, ERR_MEMORY, "no memory to watch redis-server");
    s->pid = pid;
    s->began_mono_ms = clock_mono_ms(s->clock);
    return 0;
}

static void unwatch(struct embedded *s)
{
    if (s->ended)
        event_free(s->ended);
    if (s->watch >= 0)
        close(s->watch);
    s->ended = NULL;
    s->watch = -1;
    s->pid = 0;
}

/* The lock goes to the child; ours is closed, so that it is free when the child has ended. */
static int start(struct embedded *s, int lock_fd, struct err *e)
{
    pid_t pid = -1;

    if (guard_prepare(&s->guard, s->max_memory, e) == 0)
        pid = child_start(&s->guard, s->binary, lock_fd, e);
    close(lock_fd);
    if (pid < 0)
        return -1;
    if (watch(s, pid, e) == 0)
        return 0;
    kill(pid, SIGKILL); /* nobody would notice its end */
    waitpid(pid, NULL, 0);
    return -1;
}

/* --- the first start, blocking ------------------------------------------------------------------ */

static int64_t left_ms(const struct embedded *s, int64_t until_ms)
{
    return until_ms - clock_mono_ms(s->clock);
}

static bool has_ended(const struct embedded *s)
{
    struct pollfd p = {.fd = s->watch, .events = POLLIN};

    return poll(&p, 1, LOOK_AGAIN_MS) > 0;
}

static int died(struct embedded *s, struct err *e)
{
    char last[512], verdict[32];

    child_verdict(s->pid, verdict, sizeof verdict);
    guard_last_log(&s->guard, last, sizeof last);
    return err_set(e, ERR_IO, "redis-server ended at its start (%s); %s/redis.log ends with: %s",
                   verdict, s->guard.dir, last);
}

static int await_answer(struct embedded *s, int64_t until_ms, struct err *e)
{
    pid_t pid;

    while (child_ask(&s->guard, ASK_MS, &pid) != CHILD_READY || pid != s->pid) {
        if (has_ended(s))
            return died(s, e);
        if (left_ms(s, until_ms) <= 0)
            return err_set(e, ERR_BUSY,
                           "redis-server (pid %ld) does not answer within %d s: see %s/redis.log",
                           (long)s->pid, s->start_ms / 1000, s->guard.dir);
    }
    return 0;
}

/* 1: adopted, 0: not (yet), -1: failed. */
static int adopt(struct embedded *s, pid_t *holder, struct err *e)
{
    enum child_state state = child_ask(&s->guard, ASK_MS, holder);
    pid_t again;

    if (state != CHILD_READY || *holder <= 0)
        return 0;
    if (watch(s, *holder, e) != 0) {
        unwatch(s);
        return errno == ESRCH ? 0 : -1;
    }
    /* asked once more, now that it is watched: it may have ended in between */
    if (child_ask(&s->guard, ASK_MS, &again) != CHILD_READY || again != s->pid) {
        unwatch(s);
        return 0;
    }
    child_set_memory(&s->guard, s->max_memory);
    return 1;
}

static int start_or_adopt(struct embedded *s, struct err *e)
{
    int64_t until_ms = clock_mono_ms(s->clock) + s->start_ms;
    pid_t holder = 0;
    char who[32] = "";

    for (;;) {
        int lock_fd = guard_redis_lock(&s->guard);
        int rc;

        if (lock_fd >= 0)
            return start(s, lock_fd, e) == 0 ? await_answer(s, until_ms, e) : -1;
        if (errno != EWOULDBLOCK)
            return err_set(e, ERR_IO, "cannot lock %s/redis.lock: %s", s->guard.dir,
                           strerror(errno));
        rc = adopt(s, &holder, e);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
        if (left_ms(s, until_ms) <= 0)
            break;
        poll(NULL, 0, LOOK_AGAIN_MS);
    }
    if (holder > 0)
        snprintf(who, sizeof who, " (pid %ld)", (long)holder);
    return err_set(e, ERR_BUSY,
                   "a redis-server%s of an earlier run holds data directory %s and does not answer "
                   "within %d s: end it, then start again",
                   who, s->guard.dir, s->start_ms / 1000);
}

/* --- supervision, in the loop ------------------------------------------------------------------- */

static void restart_later(struct embedded *s)
{
    int64_t ms = s->failures < 16 ? (int64_t)RESTART_FIRST_MS << s->failures : RESTART_MAX_MS;

    s->failures++;
    timer_in(s->restart, ms < RESTART_MAX_MS ? ms : RESTART_MAX_MS);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct embedded *s = arg;
    char verdict[32], last[512], pid[24];

    (void)fd, (void)what;
    snprintf(pid, sizeof pid, "%ld", (long)s->pid);
    child_verdict(s->pid, verdict, sizeof verdict);
    guard_last_log(&s->guard, last, sizeof last);
    log_error("the embedded redis-server has ended and is started again", "pid", pid, "how",
              verdict[0] ? verdict : "not known", "its log ends with", last, NULL);
    if (clock_mono_ms(s->clock) - s->began_mono_ms >= GOOD_AFTER_MS)
        s->failures = 0;
    unwatch(s);
    restart_later(s);
}

static void on_restart(void *arg)
{
    struct embedded *s = arg;
    struct err e = {0};
    int lock_fd = guard_redis_lock(&s->guard);

    if (lock_fd < 0) {
        log_warn("the embedded redis-server waits for a child of the one before it", "directory",
                 s->guard.dir, "error", strerror(errno), NULL);
        restart_later(s);
        return;
    }
    s->restarts++;
    if (start(s, lock_fd, &e) == 0)
        return;
    log_error("cannot start the embedded redis-server, trying again", "error", e.text, NULL);
    unwatch(s);
    restart_later(s);
}

/* --- the door ----------------------------------------------------------------------------------- */

static void release(struct embedded *s)
{
    unwatch(s);
    timer_free(s->restart);
    guard_close(&s->guard);
    mem_free(s->binary);
    mem_free(s);
}

static void stop(struct embedded *s, int patience_ms)
{
    char text[32];

    if (s->pid <= 0)
        return;
    if (child_stop(s->watch, patience_ms)) {
        child_verdict(s->pid, text, sizeof text); /* so that no zombie stays */
        return;
    }
    snprintf(text, sizeof text, "%ld", (long)s->pid);
    log_error("the embedded redis-server does not end", "pid", text, NULL);
}

struct embedded *embedded_open(struct loop *l, const struct embedded_options *o, struct err *e)
{
    struct embedded *s = mem_zalloc(sizeof *s);
    struct err unheard;

    if (!e)
        e = &unheard;
    if (!s) {
        err_set(e, ERR_MEMORY, "no memory for the embedded Redis");
        return NULL;
    }
    s->loop = l;
    s->clock = loop_clock(l);
    s->watch = -1;
    s->start_ms = o->start_ms > 0 ? o->start_ms : START_MS;
    s->max_memory = o->max_memory ? o->max_memory : guard_default_memory();
    s->restart = timer_new(l, LOOP_CONTROL, on_restart, s);
    s->binary = mem_strdup(o->binary ? o->binary : "redis-server");
    if (guard_open(&s->guard, o->dir, e) != 0)
        goto failed;
    if (!s->restart || !s->binary) {
        err_set(e, ERR_MEMORY, "no memory for the embedded Redis");
        goto failed;
    }
    if (start_or_adopt(s, e) == 0)
        return s;
failed:
    /* one that we started and that does not answer must not stay behind unseen */
    stop(s, 0);
    release(s);
    return NULL;
}

void embedded_close(struct embedded *s, bool leave_running)
{
    if (!s)
        return;
    if (!leave_running)
        stop(s, STOP_MS);
    release(s);
}

const char *embedded_url(const struct embedded *s)
{
    return s->guard.url;
}

pid_t embedded_pid(const struct embedded *s)
{
    return s->pid;
}

uint64_t embedded_restarts(const struct embedded *s)
{
    return s->restarts;
}
