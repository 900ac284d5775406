/* What holds for this run: the configuration file with the command line over it. */
#ifndef TOCSIN_APP_SETTINGS_H
#define TOCSIN_APP_SETTINGS_H

#include "base/err.h"
#include "tocsin/app.h"
#include "tocsin/config.h"

#define SETTINGS_USUAL "tocsin.lua" /* read where no --config is given and it exists */

struct settings {
    const struct app_options *o;
    struct config *config;
    const char *path; /* of the file that was read, NULL: built in */
    const char *listen, *statsd, *data_dir;
    const char *redis; /* URL; NULL: embedded */
    const char *const *rules;
    size_t n_rules;
    char *bound_listen, *bound_statsd; /* since the start; NULL: not yet, or off */
    char templates[512];               /* folder of channel templates */
};

int settings_load(struct settings *s, const struct app_options *o, struct err *e) MUST_USE;
/* Reads the file anew, also one that has come into being since the start; on failure everything
 * stays. Warns of what only a restart changes. */
int settings_reload(struct settings *s, struct err *e) MUST_USE;
void settings_clear(struct settings *s);

#endif
