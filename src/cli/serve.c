#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/takes.h"
#include "tocsin/app.h"

int command_serve(int argc, char **argv)
{
    struct app_options o = {0};
    const char **rules = NULL, *workers = NULL;
    const struct option_row rows[] = {
        {.name = "--config", .value = &o.config},
        {.name = "--listen", .value = &o.listen, .takes = takes_address},
        {.name = "--redis", .value = &o.redis},
        {.name = "--data-dir", .value = &o.data_dir},
        {.name = "--rules", .list = &rules},
        {.name = "--statsd", .value = &o.statsd, .takes = takes_address},
        {.name = "--workers", .value = &workers},
        {.name = "--shadow", .flag = &o.shadow},
        {.name = "--log-json", .flag = &o.log_json},
        {.name = "--verbose", .flag = &o.verbose},
        {.name = "--welcome", .value = &o.welcome},
    };
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;

    if (n < 0)
        return EXIT_USAGE;
    if (n > 1)
        return usage("serve", "takes options only");
    if (workers && strcmp(workers, "1") != 0)
        return usage("serve", "this version runs one worker: --workers 1");
    while (rules && rules[o.n_rules])
        o.n_rules++;
    o.rules = rules;
    code = app_serve(&o);
    mem_free(rules);
    return code;
}
