#include "cli/takes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli/cli.h"
#include "model/matcher.h"
#include "model/rule_def.h"
#include "tocsin/address.h"

const char *takes_duration(const char *value)
{
    int64_t ms;

    return text_parse_duration(value, strlen(value), &ms) == 0 ? NULL
                                                               : "a duration such as 30s, 2h, 7d";
}

const char *takes_count(const char *value)
{
    char *end;
    long n;

    errno = 0;
    n = *value >= '0' && *value <= '9' ? strtol(value, &end, 10) : 0;
    return n > 0 && errno == 0 && *end == 0 ? NULL : "a whole number from 1";
}

int time_read(const char *value, int64_t *at_ms)
{
    time_t now = time(NULL);
    struct tm tm;
    const char *end;

    if (text_parse_time(value, strlen(value), at_ms) == 0)
        return 0;
    localtime_r(&now, &tm);
    tm.tm_sec = 0;
    end = strptime(value, strlen(value) > 5 ? "%H:%M:%S" : "%H:%M", &tm);
    if (!end || *end)
        return -1;
    *at_ms = (int64_t)mktime(&tm) * 1000;
    return 0;
}

const char *takes_time(const char *value)
{
    int64_t at_ms;

    return time_read(value, &at_ms) == 0 ? NULL : "20:15, 20:15:30 or 2026-01-05T20:15:00Z";
}

const char *takes_priority(const char *value)
{
    return priority_parse(value) ? NULL : "P1, P2, P3, P4 or P5";
}

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(value, *words) == 0)
            return true;
    return false;
}

const char *takes_alert_state(const char *value)
{
    static const char *const words[] = {"firing", "pending", "all", NULL};

    return is_one_of(value, words) ? NULL : "firing, pending or all";
}

const char *takes_silence_state(const char *value)
{
    static const char *const words[] = {"active", "pending", "expired", "all", NULL};

    return is_one_of(value, words) ? NULL : "active, pending, expired or all";
}

const char *takes_sample_type(const char *value)
{
    static const char *const words[] = {"gauge", "counter", "delta", NULL};

    return is_one_of(value, words) ? NULL : "gauge, counter or delta";
}

const char *takes_address(const char *value)
{
    char host[256], port[6];
    struct err e;

    return address_split(value, host, sizeof host, port, &e) == 0
               ? NULL
               : "an address and a port such as 127.0.0.1:9393 or [::1]:9393";
}

int words_are_matchers(const char *command, int n, char *const *words)
{
    for (int i = 0; i < n; i++) {
        struct err e = {.text = ""};
        struct matcher *m = matcher_parse(words[i], strlen(words[i]), &e);

        if (!m)
            return usage(command, e.text);
        matcher_unref(m);
    }
    return EXIT_YES;
}

int words_are_labels(const char *command, int n, char *const *words)
{
    for (int i = 0; i < n; i++) {
        char why[160];

        if (strchr(words[i], '=') && *words[i] != '=')
            continue;
        snprintf(why, sizeof why, "a label is name=value, not %.100s", words[i]);
        return usage(command, why);
    }
    return EXIT_YES;
}
