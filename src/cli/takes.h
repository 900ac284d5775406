/* What options and words of commands take, checked before a server is asked: a mistyped value is
 * the caller's mistake (exit 2), also while nothing listens. Each check returns NULL when `value`
 * is fine, else what is taken, to stand behind "--for takes ". */
#ifndef TOCSIN_CLI_TAKES_H
#define TOCSIN_CLI_TAKES_H

#include <stdint.h>

const char *takes_duration(const char *value); /* 2h */
const char *takes_count(const char *value);    /* a whole number from 1 */
const char *takes_time(const char *value);     /* 20:15, 20:15:30, RFC 3339 */
const char *takes_priority(const char *value); /* P1 … P5 */
const char *takes_alert_state(const char *value);
const char *takes_silence_state(const char *value);
const char *takes_sample_type(const char *value);
const char *takes_address(const char *value); /* 127.0.0.1:9393 */

/* The instant of a value that takes_time() accepts; a clock time is today's, in the local zone.
 * -1: it is none. */
int time_read(const char *value, int64_t *at_ms);

/* Checks that every word is a matcher (name=value, name!=value, name=~regex, name!~regex), or a
 * label (name=value). At the first that is not, prints what is wrong and the usage of `command`, and
 * returns EXIT_USAGE; else EXIT_YES. */
int words_are_matchers(const char *command, int n, char *const *words);
int words_are_labels(const char *command, int n, char *const *words);

#endif
