/* A redis-server of a test's own, on a unix socket in a temporary directory. It is ended by its
 * process id, also when the test fails: it is told to die with the test that started it. */
#ifndef TOCSIN_TESTS_REDIS_SERVER_H
#define TOCSIN_TESTS_REDIS_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct server {
    char dir[64];
    char socket_path[96];
    char url[128]; /* unix:… */
    int port;      /* of loopback, with server_start_tcp(); else 0 */
    pid_t pid;
};

static inline int64_t server_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* True when something accepts on the socket. */
static inline bool server_accepts(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    ok = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return ok;
}

static inline void server_await(const char *path)
{
    int64_t until_ms = server_now_ms() + 10000;

    while (!server_accepts(path)) {
        ck_assert_msg(server_now_ms() < until_ms, "redis-server does not come up");
        usleep(2000);
    }
}

#define SERVER_ARGS_MAX 24

/* `more`: further arguments, NULL at the end; may be NULL. `file`: configuration in the directory,
 * or NULL. */
static inline void server_spawn(struct server *s, const char *file, const char *const *more)
{
    const char *argv[SERVER_ARGS_MAX + 12] = {"redis-server", file};
    const char *const always[] = {"--port", "0", "--unixsocket", "r.sock",
                                  "--save", "",  "--dir",        "."};
    int n = file ? 2 : 1;

    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        argv[n++] = always[i];
    for (; more && *more; more++)
        argv[n++] = *more;
    ck_assert_int_le(n, SERVER_ARGS_MAX + 11);
    snprintf(s->socket_path, sizeof s->socket_path, "%s/r.sock", s->dir);
    snprintf(s->url, sizeof s->url, "unix:%s", s->socket_path);
    s->pid = fork();
    ck_assert_int_ge(s->pid, 0);
    if (s->pid == 0) {
        int out;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(s->dir) != 0)
            _exit(127);
        out = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(out, 1);
        dup2(out, 2);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
}

static inline void server_start_in(struct server *s, const char *const *more)
{
    server_spawn(s, NULL, more);
    server_await(s->socket_path);
}

static inline void server_make_dir(struct server *s)
{
    *s = (struct server){.dir = "/tmp/tocsin-test-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(s->dir));
}

/* Below the range from which connections get their ports, and not in use a moment ago. */
static inline int server_free_port(void)
{
    for (;;) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int port = 12000 + (int)(random() % 20000);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free;

        a.sin_port = htons((uint16_t)port);
        is_free = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        close(fd);
        if (is_free)
            return port;
    }
}

/* Also listens on s->port of loopback; another one is tried when somebody else was quicker. */
static inline void server_start_tcp(struct server *s, const char *file, const char *const *more)
{
    int64_t until_ms = server_now_ms() + 20000;

    srandom((unsigned)getpid() ^ (unsigned)server_now_ms());
    for (s->pid = 0; s->pid == 0 || !server_accepts(s->socket_path); usleep(2000)) {
        const char *argv[SERVER_ARGS_MAX] = {"--bind", "127.0.0.1", "--port"};
        char port[8];
        int n = 4;

        ck_assert_msg(server_now_ms() < until_ms, "redis-server does not come up");
        if (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == 0)
            continue;
        s->port = server_free_port();
        snprintf(port, sizeof port, "%d", s->port);
        argv[3] = port;
        for (const char *const *m = more; m && *m; m++)
            argv[n++] = *m;
        server_spawn(s, file, argv);
    }
}

static inline void server_start(struct server *s, const char *const *more)
{
    server_make_dir(s);
    server_start_in(s, more);
}

static inline void server_signal(struct server *s, int signo)
{
    kill(s->pid, signo);
}

static inline void server_kill(struct server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

/* Removes what is in the directory (one level of directories below it), and the directory. */
static inline void server_remove_dir(const char *path, int depth)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char *name;

    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        ck_assert_int_gt(asprintf(&name, "%s/%s", path, entry->d_name), 0);
        if (unlink(name) != 0 && depth > 0)
            server_remove_dir(name, depth - 1);
        free(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static inline void server_stop(struct server *s)
{
    server_kill(s);
    server_remove_dir(s->dir, 2);
}

#endif
