/* Files: read whole, written whole, listed by patterns.
 * A read is bounded by the caller, and by the size that the file had when it was opened: a file that grows
 * meanwhile is read as it was. A write goes to a file beside it, to the disk, and then takes its place, so
 * that a reader or a crash sees the old or the new one. Lists are sorted and without doubles, since the
 * order in which rules are read must not be that of a directory. */
#include "base/files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char *fail(const char *path, struct err *e)
{
    err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return NULL;
}

static char *read_all(int fd, const char *path, size_t size, size_t *len, struct err *e)
{
    char *bytes = mem_alloc(size + 1);
    size_t n = 0;

    if (!bytes) {
        err_set(e, ERR_MEMORY, "%s: no memory for %zu bytes", path, size);
        return NULL;
    }
    while (n < size) {
        ssize_t got = read(fd, bytes + n, size - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            mem_free(bytes);
            return fail(path, e);
        }
        if (got == 0)
            break;
        n += (size_t)got;
    }
    bytes[n] = 0;
    *len = n;
    return bytes;
}

char *file_read(const char *path, size_t max, size_t *len, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *bytes = NULL;

    assert(path && max > 0 && len);
    if (fd < 0)
        return fail(path, e);
    if (fstat(fd, &st) < 0)
        fail(path, e);
    else if (!S_ISREG(st.st_mode))
        err_set(e, ERR_INPUT, "%s: not a file", path);
    else if ((size_t)st.st_size > max)
        err_set(e, ERR_LIMIT, "%s: longer than %zu bytes", path, max);
    else
        bytes = read_all(fd, path, (size_t)st.st_size, len, e);
    close(fd);
    return bytes;
}

int file_write(const char *path, const void *bytes, size_t len, struct err *e)
{
    char temporary[4096];
    int fd;

    assert(path && (bytes || len == 0));
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return err_set(e, ERR_INPUT, "%s: the path is too long", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        fail(temporary, e);
        return -1;
    }
    if (write(fd, bytes, len) != (ssize_t)len || fsync(fd) < 0 || rename(temporary, path) < 0) {
        fail(temporary, e);
        close(fd);
        unlink(temporary);
        return -1;
    }
    close(fd);
    return 0;
}

/* --- lists --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct path_list {
    char **paths;
    size_t n, cap;
};

static int add_matches(struct path_list *l, const char *pattern, bool (*take)(const char *path))
{
    glob_t g = {0};
    int rc = glob(pattern, GLOB_BRACE | GLOB_TILDE, NULL, &g) == GLOB_NOSPACE ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++) {
        if (take && !take(g.gl_pathv[i]))
            continue;
        if (mem_grow((void **)&l->paths, &l->cap, l->n + 1, sizeof *l->paths) < 0 ||
            !(l->paths[l->n] = mem_strdup(g.gl_pathv[i])))
            rc = -1;
        else
            l->n++;
    }
    globfree(&g);
    return rc;
}

long file_paths(const char *const *patterns, size_t n, bool (*take)(const char *path), char ***out,
                struct err *e)
{
    struct path_list l = {0};
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (add_matches(&l, patterns[i], take) < 0) {
            file_paths_free(l.paths, (long)l.n);
            return err_set(e, ERR_MEMORY, "no memory to list %s", patterns[i]);
        }
    }
    if (l.n > 0)
        qsort(l.paths, l.n, sizeof *l.paths, by_text);
    for (size_t i = 0; i < l.n; i++) {
        if (kept > 0 && strcmp(l.paths[kept - 1], l.paths[i]) == 0)
            mem_free(l.paths[i]);
        else
            l.paths[kept++] = l.paths[i];
    }
    assert(kept <= l.n);
    *out = l.paths;
    return (long)kept;
}

void file_paths_free(char **paths, long n)
{
    assert(n >= 0 && (paths || n == 0));
    for (long i = 0; i < n; i++)
        mem_free(paths[i]);
    mem_free(paths);
}
