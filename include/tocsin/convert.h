/* What other programs are configured with, as a tocsin.lua: Alertmanager's alertmanager.yml, and schedules of who is on
 * call (PagerDuty, Opsgenie, Grafana OnCall, iCalendar).
 *
 * A conversion gives a text to read and to keep, not a running configuration: whatever cannot be said in Tocsin is
 * left out of it or put there as a comment, and told in a report. Nothing secret is ever copied: a secret becomes a
 * reference to a file. Pure: no file is read or written here. */
#ifndef TOCSIN_CONVERT_H
#define TOCSIN_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CONVERT_INPUT_MAX ((size_t)4 << 20) /* bytes of one file */

enum convert_verdict {
    CONVERT_EXACT,   /* means the same */
    CONVERT_DIFFERS, /* works, and differs as the report says */
    CONVERT_MANUAL,  /* does not work until a person does what the report says */
    CONVERT_VERDICTS
};
extern const char *const convert_verdict_names[CONVERT_VERDICTS]; /* "exact" … */

struct convert_options {
    /* seams of tests; NULL, as in the program: what is said */
    /* Has this version the channel (key NULL), and this key of it? NULL: asks channel_find(). */
    bool (*has)(const char *channel, const char *key, void *arg);
    void *arg;
};

struct converted {
    struct buf lua;    /* the text */
    struct buf report; /* a line an element: "alertmanager.yml:12: route to \"ops\": exact" */
    struct buf beside; /* of schedules: who is on call in the next four weeks, there and here */
    size_t n[CONVERT_VERDICTS];
};

/* `name` is the file's name in messages; `o` may be NULL. -1 with `e`, which names the line: not what Alertmanager
 * takes (no YAML, an unknown key, a receiver that is not defined …), too large, or no memory; then `out` is empty. */
int convert_alertmanager(const char *name, const char *text, size_t len,
                         const struct convert_options *o, struct converted *out,
                         struct err *e) MUST_USE;

struct convert_file {
    const char *name, *text;
    size_t len;
};
/* Schedules of one export, which may be several files (answers of a REST interface as they are, iCalendar files), as
 * people, rotations and schedules. `now_ms`: what is over by then is left out. -1 as above; also when what became of it
 * is not taken by the roster. */
int convert_oncall(const struct convert_file *files, size_t n, int64_t now_ms,
                   struct converted *out, struct err *e) MUST_USE;
void converted_clear(struct converted *c);

#endif
