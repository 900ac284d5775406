/* The program's own log: lines for people on standard error, or one JSON object a line.
 *
 * A message says what happened to what, and what to do. Fields follow as name, value pairs and
 * end with NULL:  log_warn("receiver is failing", "receiver", name, "error", e.text, NULL);
 * The same message at the same level is written at most ten times a minute; what was held back is
 * counted and told. */
#ifndef TOCSIN_BASE_LOG_H
#define TOCSIN_BASE_LOG_H

#include <stdbool.h>

#include "base/clock.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Until called: text, from LOG_LEVEL_INFO up, the system's clock. `clock` is borrowed. */
void log_setup(enum log_level from, bool as_json, struct clock *clock);
/* Seam of tests: every line goes to `sink` (NULL: back to standard error). */
void log_divert(void (*sink)(const char *line, void *arg), void *arg);

void log_debug(const char *msg, ...) __attribute__((sentinel));
void log_info(const char *msg, ...) __attribute__((sentinel));
void log_warn(const char *msg, ...) __attribute__((sentinel));
void log_error(const char *msg, ...) __attribute__((sentinel));

#endif
