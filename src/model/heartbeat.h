/* Heartbeats: what a job says of its runs, and the series and events that this becomes.
 *
 * Who reads a ping (decode), who plays one in a test (testlang) and who makes a rule of it (lang) must agree
 * on names; they stand here and nowhere else. A ping is nothing but samples and at most one event: windows,
 * journal and rules know no heartbeats. */
#ifndef TOCSIN_MODEL_HEARTBEAT_H
#define TOCSIN_MODEL_HEARTBEAT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define HEARTBEAT_LABEL    "job"              /* of its series, events and alerts: its name */
#define HEARTBEAT_GOOD     "heartbeat_ok"     /* 1 at each good end */
#define HEARTBEAT_BAD      "heartbeat_failed" /* the exit code at each bad end; 1 when none is known */
#define HEARTBEAT_BEGIN    "heartbeat_started"  /* 1 at each start */
#define HEARTBEAT_LASTED   "heartbeat_duration" /* seconds that a run took, at its end */
#define HEARTBEAT_LOGGER   "heartbeat"          /* field `logger` of its events */
#define HEARTBEAT_NAME_MAX 100                  /* bytes */
#define HEARTBEAT_LOG_MAX  4096                 /* bytes of a body that are kept, the last ones */

enum heartbeat_state { HEARTBEAT_OK, HEARTBEAT_FAILED, HEARTBEAT_STARTED };

struct heartbeat_ping {
    enum heartbeat_state state;
    int code; /* of HEARTBEAT_FAILED: 1 to 255, 0: none was told */
};

/* Can it stand in the address of a ping as it is? Letters, digits, `.`, `_` and `-`, not a dot first. */
bool heartbeat_is_name(const char *s, size_t n);
/* "ok", "success", "" (a good end), "fail", "start", or an exit code from 0 to 255. Returns -1 for other
 * text. */
int heartbeat_parse(const char *s, size_t n, struct heartbeat_ping *out) MUST_USE;
/* The metric and the value of the sample that a ping is. */
const char *heartbeat_sample(const struct heartbeat_ping *p, double *v);
/* Is it worth an event? One that failed always is, others where they brought a text. */
bool heartbeat_has_event(const struct heartbeat_ping *p, size_t log_len);
/* The event's `level`: "ERROR" or "INFO". */
const char *heartbeat_level(const struct heartbeat_ping *p);
/* The event's `message`: the exit code and the last line of the text that is not empty, which is where
 * programs say why. */
void heartbeat_message(const struct heartbeat_ping *p, const char *log, size_t len,
                       struct buf *out);

#endif
