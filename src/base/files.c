#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
