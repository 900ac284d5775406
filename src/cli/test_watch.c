/* `tocsin test --watch`: waits until something is saved in the folders of the tests. */
#include <stdio.h>
#include <sys/inotify.h>
#include <poll.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ruleset.h"
#include "cli/test.h"

#define SETTLE_MS 300 /* editors write, rename and touch in a burst */

static void watch_folder_of(int fd, const char *path)
{
    char folder[4096];

    ruleset_folder(path, folder, sizeof folder);
    if (inotify_add_watch(fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0)
        print_error("tocsin test: %s cannot be watched", folder);
}

static int watch_configured(int fd, const char *config_path, struct err *e)
{
    struct config *c = ruleset_config(config_path, e);

    if (!c)
        return -1;
    for (size_t i = 0; i < c->server.n_rules; i++)
        watch_folder_of(fd, c->server.rules[i]);
    config_unref(c);
    return 0;
}

/* Reads events until none has come for a while. */
static int wait_for_change(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char bytes[4096];
    int timeout_ms = -1, rc;

    while ((rc = poll(&p, 1, timeout_ms)) > 0) {
        if (read(fd, bytes, sizeof bytes) <= 0)
            return -1;
        timeout_ms = SETTLE_MS;
    }
    return rc;
}

int test_watch(const char *config_path, char *const *tests, int n_tests, struct err *e)
{
    int fd = inotify_init1(IN_CLOEXEC), rc = 0;

    if (fd < 0)
        return err_set(e, ERR_IO, "files cannot be watched here");
    for (int i = 0; i < n_tests; i++)
        watch_folder_of(fd, tests[i]);
    if (n_tests == 0)
        rc = watch_configured(fd, config_path, e);
    if (rc == 0 && wait_for_change(fd) < 0)
        rc = err_set(e, ERR_IO, "watching the files failed");
    close(fd);
    return rc;
}
