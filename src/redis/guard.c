#include "redis/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define LOG_SET_ASIDE_ABOVE (10 << 20)
#define MEMORY_AT_MOST      ((uint64_t)4 << 30)

/* appendfsync always: what was acknowledged survives the machine. One write of the loop is one
 * fsync, so it costs a turn and not a command. aof-load-truncated: a last command cut short by a
 * crash is dropped at the start instead of refusing it; it was not acknowledged. A stream's node of
 * 64 KB holds many blocks: with a node for each block a sixth of the journal's memory was rounding.
 * DEBUG is renamed away because servers before 7 have no setting for it. */
static const char settings[] = "# Written at each start of Tocsin: changes are lost.\n"
                               "port 0\n"
                               "unixsocket redis.sock\n"
                               "unixsocketperm 600\n"
                               "daemonize no\n"
                               "supervised no\n"
                               "dir ./\n"
                               "logfile redis.log\n"
                               "loglevel notice\n"
                               "databases 1\n"
                               "save \"\"\n"
                               "appendonly yes\n"
                               "appendfsync always\n"
                               "no-appendfsync-on-rewrite no\n"
                               "aof-load-truncated yes\n"
                               "aof-use-rdb-preamble yes\n"
                               "auto-aof-rewrite-percentage 100\n"
                               "auto-aof-rewrite-min-size 64mb\n"
                               "maxmemory-policy noeviction\n"
                               "stream-node-max-bytes 65536\n"
                               "timeout 0\n"
                               "rename-command DEBUG \"\"\n";

/* mkdir -p; directories that are made are private. */
static int make_dir(const char *dir)
{
    char *path = mem_strdup(dir);
    int rc = path ? 0 : -1;

    for (char *p = path; rc == 0 && (p = strchr(p + 1, '/'));) {
        *p = 0;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            rc = -1;
        *p = '/';
    }
    if (rc == 0 && mkdir(path, 0700) != 0 && errno != EEXIST)
        rc = -1;
    mem_free(path);
    return rc;
}

static int take_own_lock(struct guard *g, const char *dir, struct err *e)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char who[32] = "";

    g->own_lock = openat(g->dir_fd, "tocsin.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (g->own_lock < 0)
        return err_set(e, ERR_IO, "cannot write in data directory %s: %s", dir, strerror(errno));
    if (fcntl(g->own_lock, F_SETLK, &lock) == 0)
        return 0;
    if (errno != EAGAIN && errno != EACCES)
        return err_set(e, ERR_IO, "cannot lock data directory %s: %s", dir, strerror(errno));
    if (fcntl(g->own_lock, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
        snprintf(who, sizeof who, " (pid %ld)", (long)lock.l_pid);
    return err_set(e, ERR_REFUSED,
                   "another Tocsin%s uses data directory %s: stop it or give --data-dir", who, dir);
}

/* The absolute path, or, where that is too long for a socket's address, the one that was given. */
static char *short_socket_path(const char *absolute, const char *given)
{
    const size_t room = sizeof((struct sockaddr_un *)0)->sun_path;
    const char *dir = strlen(absolute) + sizeof "/redis.sock" <= room ? absolute : given;
    struct buf b = BUF_INIT;

    b.limit = room;
    buf_addf(&b, "%s/redis.sock", dir);
    return buf_take(&b, NULL);
}

static char *url_of(const char *path)
{
    struct buf b = BUF_INIT;

    buf_adds(&b, "unix:");
    for (; *path; path++) {
        if (*path == '%' || *path == '?' || (*path == '/' && path[1] == '/'))
            buf_addf(&b, "%%%02X", (unsigned)*path);
        else
            buf_addc(&b, *path);
    }
    return buf_take(&b, NULL);
}

static int name_things(struct guard *g, const char *dir, struct err *e)
{
    g->dir = realpath(dir, NULL);
    if (!g->dir)
        return err_set(e, ERR_IO, "cannot use data directory %s: %s", dir, strerror(errno));
    g->socket = short_socket_path(g->dir, dir);
    if (!g->socket)
        return err_set(e, ERR_INPUT,
                       "the path of data directory %s is too long for a socket in it: at most "
                       "%zu bytes",
                       dir, sizeof((struct sockaddr_un *)0)->sun_path - sizeof "/redis.sock");
    g->url = url_of(g->socket);
    return g->url ? 0 : err_set(e, ERR_MEMORY, "no memory for the embedded Redis");
}

int guard_open(struct guard *g, const char *dir, struct err *e)
{
    *g = (struct guard){.dir_fd = -1, .own_lock = -1};
    if (make_dir(dir) != 0) {
        err_set(e, ERR_IO, "cannot make data directory %s: %s", dir, strerror(errno));
        goto failed;
    }
    g->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (g->dir_fd < 0) {
        err_set(e, ERR_IO, "cannot use data directory %s: %s", dir, strerror(errno));
        goto failed;
    }
    if (take_own_lock(g, dir, e) != 0 || name_things(g, dir, e) != 0)
        goto failed;
    return 0;
failed:
    guard_close(g);
    return -1;
}

void guard_close(struct guard *g)
{
    if (g->own_lock >= 0)
        close(g->own_lock);
    if (g->dir_fd >= 0)
        close(g->dir_fd);
    free(g->dir); /* realpath() allocates with malloc() */
    mem_free(g->socket);
    mem_free(g->url);
    *g = (struct guard){.dir_fd = -1, .own_lock = -1};
}

int guard_redis_lock(const struct guard *g)
{
    int fd = openat(g->dir_fd, "redis.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int why;

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void set_log_aside(const struct guard *g)
{
    struct stat st;

    if (fstatat(g->dir_fd, "redis.log", &st, 0) == 0 && st.st_size > LOG_SET_ASIDE_ABOVE)
        renameat(g->dir_fd, "redis.log", g->dir_fd, "redis.log.1");
}

int guard_prepare(const struct guard *g, uint64_t max_memory, struct err *e)
{
    int fd = openat(g->dir_fd, "redis.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    int rc;

    set_log_aside(g);
    if (!f) {
        err_set(e, ERR_IO, "cannot write %s/redis.conf: %s", g->dir, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    rc = fprintf(f, "%smaxmemory %llu\n", settings, (unsigned long long)max_memory);
    if (fclose(f) != 0 || rc < 0)
        return err_set(e, ERR_IO, "cannot write %s/redis.conf: %s", g->dir, strerror(errno));
    return 0;
}

void guard_last_log(const struct guard *g, char *out, size_t cap)
{
    char tail[1024];
    int fd = openat(g->dir_fd, "redis.log", O_RDONLY | O_CLOEXEC);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    off_t from = size > (off_t)sizeof tail - 1 ? size - (off_t)sizeof tail + 1 : 0;
    ssize_t n = fd >= 0 ? pread(fd, tail, sizeof tail - 1, from) : 0;
    char *line;

    out[0] = 0;
    if (fd >= 0)
        close(fd);
    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == '\r'))
        n--;
    if (n <= 0)
        return;
    tail[n] = 0;
    line = strrchr(tail, '\n');
    snprintf(out, cap, "%s", line ? line + 1 : tail);
}

uint64_t guard_default_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t all = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : MEMORY_AT_MOST;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
    unsigned long long container;

    if (f) {
        if (fscanf(f, "%llu", &container) == 1 && container < all)
            all = container;
        fclose(f);
    }
    return all / 4 < MEMORY_AT_MOST ? all / 4 : MEMORY_AT_MOST;
}
