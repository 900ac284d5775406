#include "base/zone.h"

#include <assert.h>
#include <ctype.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"

#define ZONES_MAX  4096 /* names looked at for a suggestion; the database has some 600 */
#define FOLDER_LEN 512

static const char *database(void)
{
    const char *dir = getenv("TZDIR");

    return dir && *dir && strlen(dir) < FOLDER_LEN ? dir : "/usr/share/zoneinfo";
}

static bool is_name(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("/_+-", name[i]))
            return false;
    return n > 0 && n < ZONE_NAME_MAX && name[0] != '/' && name[n - 1] != '/';
}

/* RFC 8536: a file of the database begins with its magic. */
static bool is_zone(const char *path)
{
    char magic[4];
    FILE *f = fopen(path, "rbe");
    bool yes = f && fread(magic, 1, sizeof magic, f) == sizeof magic &&
               memcmp(magic, "TZif", sizeof magic) == 0;

    if (f)
        fclose(f);
    return yes;
}

/* --- a suggestion --- */

static struct walk { /* nftw() has no argument of its own */
    size_t skip;     /* bytes of the folder in front of a name */
    char **names;
    size_t n;
} walk;

static int note_name(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)at;
    if (type != FTW_F || walk.n == ZONES_MAX || strlen(path) <= walk.skip)
        return 0;
    path += walk.skip;
    if (!is_name(path) || strncmp(path, "posix/", 6) == 0 || strncmp(path, "right/", 6) == 0)
        return 0;
    walk.names[walk.n] = mem_strdup(path);
    walk.n += walk.names[walk.n] != NULL;
    return 0;
}

/* "Berlin" is Europe/Berlin; else the nearest by its letters. */
static const char *meant(const char *name)
{
    for (size_t i = 0; i < walk.n; i++) {
        const char *city = strrchr(walk.names[i], '/');

        if (strcasecmp(walk.names[i], name) == 0 || (city && strcasecmp(city + 1, name) == 0))
            return walk.names[i];
    }
    return text_nearest(name, (const char *const *)walk.names, walk.n);
}

static int refuse(const char *name, struct err *e)
{
    const char *near;

    walk = (struct walk){.skip = strlen(database()) + 1,
                         .names = mem_zalloc(ZONES_MAX * sizeof *walk.names)};
    if (walk.names)
        nftw(database(), note_name, 8, FTW_PHYS);
    near = walk.n ? meant(name) : NULL;
    if (walk.n == 0)
        err_set(e, ERR_INPUT, "there are no time zones in %s: install the package tzdata",
                database());
    else if (near)
        err_set(e, ERR_INPUT, "there is no time zone \"%.64s\"; did you mean \"%s\"?", name, near);
    else
        err_set(e, ERR_INPUT,
                "there is no time zone \"%.64s\"; a name is of the form \"Europe/Berlin\", or "
                "\"UTC\"",
                name);
    for (size_t i = 0; i < walk.n; i++)
        mem_free(walk.names[i]);
    mem_free(walk.names);
    return -1;
}

int zone_check(const char *name, struct err *e)
{
    char path[FOLDER_LEN + ZONE_NAME_MAX + 2];

    if (strcmp(name, "UTC") == 0)
        return 0;
    if (!is_name(name))
        return refuse(name, e);
    snprintf(path, sizeof path, "%s/%s", database(), name);
    return is_zone(path) ? 0 : refuse(name, e);
}

int zone_use(const char *name)
{
    char value[ZONE_NAME_MAX + 1];

    if (name) {
        assert(is_name(name));
        snprintf(value, sizeof value, ":%s", name); /* POSIX: a name, never a rule */
        if (setenv("TZ", value, 1) != 0)
            return -1;
    }
    tzset();
    return 0;
}

void zone_time(char out[ZONE_TIME_LEN], int64_t at_ms, bool seconds)
{
    time_t at = (time_t)(at_ms / 1000 - (at_ms % 1000 < 0));
    struct tm tm;

    if (!localtime_r(&at, &tm) ||
        strftime(out, ZONE_TIME_LEN, seconds ? "%H:%M:%S %Z" : "%H:%M %Z", &tm) == 0)
        snprintf(out, ZONE_TIME_LEN, "?"); /* beyond the year 2^31 */
}
