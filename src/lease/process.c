#include "lease/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORD 48

/* The first `size` - 1 bytes of a file of /proc. False: there is none. */
static bool read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = 0;
    return n > 0;
}

static bool read_place(char boot[WORD], char space[WORD])
{
    ssize_t n = readlink("/proc/self/ns/pid", space, WORD - 1);

    if (n <= 0 || !read_small("/proc/sys/kernel/random/boot_id", boot, WORD))
        return false;
    space[n] = 0;
    boot[strcspn(boot, "\n")] = 0;
    return true;
}

/* State and start of a process: fields 3 and 22 behind the name, which may hold anything. */
static bool read_stat(long pid, char *state, uint64_t *start)
{
    char path[64], text[1024];
    const char *p;

    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (!read_small(path, text, sizeof text) || !(p = strrchr(text, ')')))
        return false;
    *state = p[1] ? p[2] : 0;
    for (int field = 2; field < 22 && p; field++)
        p = strchr(p + 1, ' ');
    return p && sscanf(p, " %" SCNu64, start) == 1;
}

void process_self(char out[PROCESS_TEXT])
{
    char boot[WORD], space[WORD], state;
    uint64_t start;

    out[0] = 0;
    if (read_place(boot, space) && read_stat((long)getpid(), &state, &start))
        snprintf(out, PROCESS_TEXT, "%s %s %ld %" PRIu64, boot, space, (long)getpid(), start);
}

bool process_is_gone(const char *text)
{
    char boot[WORD], space[WORD], its_boot[WORD], its_space[WORD], state = 0;
    uint64_t its_start, start = 0;
    long pid;

    if (sscanf(text, "%47s %47s %ld %" SCNu64, its_boot, its_space, &pid, &its_start) != 4 ||
        !read_place(boot, space) || strcmp(boot, its_boot) != 0 || strcmp(space, its_space) != 0)
        return false;
    return !read_stat(pid, &state, &start) || start != its_start || state == 'Z' || state == 'X';
}
