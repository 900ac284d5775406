/* Folders are watched, not files: editors and platforms replace a file by renaming another one over it,
 * and a watch on the file would stay with the old one.
 *
 * Any event of a file that matters starts a short timer, so that a burst of saves is one reload; what has
 * changed is found by the reload itself. A file that does not exist yet counts as soon as it is there.
 * Folders and names are bounded; beyond the bounds a signal still reloads. Polling was dropped: a second
 * of delay, and a wakeup for nothing for the rest of the day. */
#include "app/watch.h"

#include <assert.h>
#include <stdbool.h>

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"

#define SETTLE_MS   300 /* editors write, rename and touch in a burst */
#define FOLDERS_MAX 256
#define NAMES_MAX   4096

struct file_watch {
    int fd;
    struct watch *watch;
    struct timer *settle;
    void (*changed)(void *arg);
    void *arg;
    char *folders[FOLDERS_MAX];
    size_t n_folders;
    struct map *names; /* last components of the files that were added */
};

/* Swap and backup files of editors are no news; data files are csv or json; tokens, certificates
 * and other secrets are files that were added by name, or, where a platform mounts them, links
 * below "..data", which is exchanged as a whole. */
static bool concerns(const struct file_watch *w, const struct inotify_event *ev)
{
    const char *dot = ev->len ? strrchr(ev->name, '.') : NULL;

    if (ev->mask & IN_CREATE) /* a file is news when it is written; a folder may have been filled */
        return ev->mask & IN_ISDIR && map_gets(w->names, ev->name);
    if (dot && (strcmp(dot, ".lua") == 0 || strcmp(dot, ".csv") == 0 || strcmp(dot, ".json") == 0))
        return true;
    return ev->len && (strcmp(ev->name, "..data") == 0 || map_gets(w->names, ev->name));
}

static void readable(void *arg)
{
    struct file_watch *w = arg;
    char bytes[8192] __attribute__((aligned(8)));
    ssize_t n;

    while ((n = read(w->fd, bytes, sizeof bytes)) > 0) {
        for (char *p = bytes; p < bytes + n;) {
            const struct inotify_event *ev = (const struct inotify_event *)p;

            if (concerns(w, ev))
                timer_in(w->settle, SETTLE_MS);
            p += sizeof *ev + ev->len;
        }
    }
}

static void settled(void *arg)
{
    struct file_watch *w = arg;

    w->changed(w->arg);
}

struct file_watch *file_watch_new(struct loop *l, void (*changed)(void *arg), void *arg,
                                  struct err *e)
{
    struct file_watch *w = mem_zalloc(sizeof *w);

    assert(changed);
    if (!w) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    w->changed = changed;
    w->arg = arg;
    w->names = map_new();
    if (!w->names) {
        mem_free(w);
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0) {
        err_set(e, ERR_IO, "files cannot be watched: %s", strerror(errno));
        map_free(w->names, NULL);
        mem_free(w);
        return NULL;
    }
    w->settle = timer_new(l, LOOP_CONTROL, settled, w);
    w->watch = watch_new(l, w->fd, readable, w);
    if (!w->settle || !w->watch) {
        err_set(e, ERR_MEMORY, "no memory to watch files");
        file_watch_free(w);
        return NULL;
    }
    return w;
}

void file_watch_free(struct file_watch *w)
{
    if (!w)
        return;
    watch_free(w->watch);
    timer_free(w->settle);
    for (size_t i = 0; i < w->n_folders; i++)
        mem_free(w->folders[i]);
    map_free(w->names, NULL);
    close(w->fd);
    mem_free(w);
}

static void add_folder(struct file_watch *w, const char *folder)
{
    for (size_t i = 0; i < w->n_folders; i++)
        if (strcmp(w->folders[i], folder) == 0)
            return;
    if (w->n_folders == FOLDERS_MAX)
        return;
    if (inotify_add_watch(w->fd, folder,
                          IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0)
        return; /* it does not exist yet: nothing there can change either */
    if ((w->folders[w->n_folders] = mem_strdup(folder)))
        w->n_folders++;
}

static void folder_of(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');

    snprintf(folder, size, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
}

void file_watch_add(struct file_watch *w, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char folder[4096];

    if (!w)
        return;
    folder_of(path, folder, sizeof folder);
    add_folder(w, folder);
    if (map_count(w->names) < NAMES_MAX && map_puts(w->names, name, w, NULL) < 0)
        return; /* no memory: SIGHUP still works */
}

void file_watch_below(struct file_watch *w, const char *path)
{
    static const char *const deeper[] = {"/*/", "/*/*/"};
    char folder[4096 - 8], pattern[4096];

    if (!w)
        return;
    folder_of(path, folder, sizeof folder);
    add_folder(w, folder);
    for (size_t i = 0; i < sizeof deeper / sizeof *deeper; i++) {
        glob_t found;

        snprintf(pattern, sizeof pattern, "%s%s", folder, deeper[i]);
        if (glob(pattern, GLOB_ONLYDIR, NULL, &found) == 0)
            for (size_t k = 0; k < found.gl_pathc; k++)
                add_folder(w, found.gl_pathv[k]);
        globfree(&found);
    }
}
