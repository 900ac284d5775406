/* What `calendar` and `oncall` are asked with. Both answer from the configuration alone, without a server. */
#ifndef TOCSIN_CLI_ROSTER_ARGS_H
#define TOCSIN_CLI_ROSTER_ARGS_H

#include "base/json.h"
#include "cli/cli.h"
#include "tocsin/config.h"

struct roster_args {
    const char *name; /* NULL: not given */
    int64_t at_ms;
    struct config *config;
};

/* Reads --at, --zone and --config, at most one word, and the configuration. Returns EXIT_YES, or another exit code once
 * what is wrong has been printed. config_unref() of `config`. */
int roster_args_read(const char *command, int argc, char **argv, struct roster_args *out);
/* Prints a document: with --json as it is, else by `show`. `text` is cleared. */
int roster_print(struct buf *text,
                 void (*show)(const struct cJSON *answer, int64_t now_ms, struct buf *out));

#endif
