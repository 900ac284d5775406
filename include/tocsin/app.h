/* The program as a whole: `tocsin serve`. */
#ifndef TOCSIN_APP_H
#define TOCSIN_APP_H

#include <stdbool.h>
#include <stddef.h>

struct app_options {
    const char *config; /* path; NULL: tocsin.lua where it exists, else the built-in one */
    const char *listen; /* these override the configuration; NULL: not given */
    const char *redis;
    const char *data_dir;
    const char *statsd;
    const char *const *rules; /* globs */
    size_t n_rules;
    bool shadow; /* everything but sending */
    bool log_json, verbose;
    const char *welcome; /* first line of the greeting of `make run`; NULL: none */
};

/* Runs until SIGTERM or SIGINT. Returns the exit code: 0, or 1 when the start was refused (the
 * reason has been told on standard error). */
int app_serve(const struct app_options *o);

#endif
