/* From the fields of some logging library to an event with the names that rules use.
 *
 * The decoder pushes an event's fields as they came, flattened, with batch_label(); event_finish()
 * gives them their names, reads time and level, takes exceptions apart, and closes the event. */
#ifndef DECODE_EVENT_H
#define DECODE_EVENT_H

#include "decode/batch.h"

#define EVENT_RAW_MAX 512 /* fields of one event as sent; further ones are left out */

/* What a field of a known name is about. Of several fields for one role the one that stands
 * higher in the table of names wins. */
enum event_role {
    ROLE_NONE,
    ROLE_TIME,
    ROLE_LEVEL,
    ROLE_LEVEL_PYTHON, /* a number, 10 to 50 */
    ROLE_SERVICE,
    ROLE_EVENT,
    ROLE_MESSAGE,
    ROLE_LOGGER,
    ROLE_REQUEST_ID,
    ROLE_TRACE_ID,
    ROLE_SPAN_ID,
    ROLE_EXCEPTION, /* a type, a traceback, or something with both in it */
    ROLE_STACK,
    ROLE_FINGERPRINT,
    ROLE_DROP, /* says what another field says better */
    ROLES
};

/* The role of a field and its rank among those of the same role (0: first). */
enum event_role event_role_of(const char *name, size_t len, unsigned *rank);
extern const char *const event_role_names[ROLES]; /* the field's new name; NULL: none */

/* -1: no field at all, too many events, or no memory. */
int event_finish(struct decode_batch *b, const struct decode_input *in, struct err *e) MUST_USE;

/* --- parts, for tests --- */
/* DEBUG INFO WARN ERROR FATAL of a name or number in any library's words; NULL: not known. */
const char *event_level(const char *s, size_t n);
const char *event_level_python(const char *s, size_t n);
/* Unix milliseconds of a time as loggers write it. A time without a zone counts as UTC when it is
 * then near now (20 minutes), else as unreadable: nobody knows the sender's zone. -1. */
int event_time(const char *s, size_t n, int64_t now_ms, int64_t *t_ms) MUST_USE;

struct event_text {
    const char *s;
    size_t n;
};
/* Takes the value of an exception field apart: its type and its stack (empty where there is
 * none). Views into `s`. */
void event_exception(const char *s, size_t n, struct event_text *type, struct event_text *stack);
/* The same for exceptions that differ only in numbers, addresses, lines and messages. */
uint64_t event_fingerprint(struct event_text type, struct event_text stack);

#endif
