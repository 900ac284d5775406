#include "cli/roster_args.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/visible.h"
#include "cli/ruleset.h"
#include "cli/show.h"
#include "cli/takes.h"

/* On the clock of this machine: "2026-11-09 08:00". */
static int local_time(const char *text, int64_t *at_ms)
{
    struct tm tm = {.tm_isdst = -1};
    const char *end = strptime(text, "%Y-%m-%d %H:%M", &tm);

    if (!end || *end)
        return -1;
    *at_ms = (int64_t)mktime(&tm) * 1000;
    return 0;
}

static int read_time(const char *command, const char *at, const char *zone, int64_t *at_ms)
{
    struct err e = {.text = ""};

    if (zone && calendar_instant(at ? at : "", zone, at_ms, &e) == 0)
        return EXIT_YES;
    if (!zone && (!at || time_read(at, at_ms) == 0 || local_time(at, at_ms) == 0))
        return EXIT_YES;
    usage(command,
          zone ? e.text : "--at takes 20:15, \"2026-11-09 08:00\" or 2026-11-09T08:00:00Z");
    return EXIT_USAGE;
}

int roster_args_read(const char *command, int argc, char **argv, struct roster_args *out)
{
    const char *at = NULL, *zone = NULL, *config = NULL;
    const struct option_row rows[] = {{.name = "--at", .value = &at},
                                      {.name = "--zone", .value = &zone},
                                      {.name = "--config", .value = &config}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows);
    struct err e = {.text = ""};

    *out = (struct roster_args){.at_ms = wall_ms()};
    if (n < 0)
        return EXIT_USAGE;
    if (n > 2)
        return usage(command, "takes one name");
    if (zone && !at)
        return usage(command, "--zone is that of --at \"2026-11-09 08:00\"");
    out->name = n == 2 ? argv[1] : NULL;
    if (read_time(command, at, zone, &out->at_ms) != EXIT_YES)
        return EXIT_USAGE;
    out->config = ruleset_config(config, &e);
    if (out->config)
        return EXIT_YES;
    print_error("tocsin: %s", e.text);
    return EXIT_NO;
}

int roster_print(struct buf *text,
                 void (*show)(const struct cJSON *answer, int64_t now_ms, struct buf *out))
{
    struct buf out = BUF_INIT;
    cJSON *j = NULL;
    int code = EXIT_YES;

    if (!buf_ok(text)) {
        print_error("tocsin: not enough memory");
        code = EXIT_NO;
    } else if (args_json) {
        visible_json(&out, text->data, text->len);
        printf("%s\n", buf_str(&out));
    } else if ((j = cJSON_ParseWithLength(text->data, text->len)) && answer_make_visible(j) == 0) {
        show(j, wall_ms(), &out);
        print_lines(&out);
    } else {
        print_error("tocsin: not enough memory");
        code = EXIT_NO;
    }
    cJSON_Delete(j);
    buf_free(&out);
    buf_free(text);
    return code;
}
