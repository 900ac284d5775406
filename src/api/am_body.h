/* The body of POST /api/v2/alerts, an element at a time. Pure. */
#ifndef API_AM_BODY_H
#define API_AM_BODY_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/labels.h"
#include "model/rule_def.h"

#define AM_ALERT_MAX (256 * 1024) /* bytes of one alert in the body */
#define AM_PAIRS_MAX 64           /* annotations of one alert */
#define AM_TEXT_MAX  8192         /* bytes of a label's value, of an annotation 32 KiB, of a URL */

struct am_body {
    const char *at, *end;
    size_t n; /* elements read */
};

enum am_next { AM_ELEMENT, AM_END, AM_BROKEN };

/* The bytes of the next element of an array; AM_BROKEN with `e`: it is no array of objects, or one is
 * larger than AM_ALERT_MAX. What lies within an element is not looked at but for its quotes and braces. */
enum am_next am_body_next(struct am_body *b, const char **element, size_t *len, struct err *e);

/* One alert as it was posted; views into the parsed element. */
struct am_alert {
    struct label labels[LABELS_MAX];
    size_t n_labels;
    struct rule_pair annotations[AM_PAIRS_MAX];
    size_t n_annotations;
    const char *url;
    int64_t starts_ms, ends_ms; /* 0: not given, or the year 1 */
};
/* Whether it has the form of an alert, as Alertmanager's schema has it; -1 with `e`: `e->code` ERR_INPUT, `e->at`
 * the field where it lacks one ("labels"), else "". */
int am_alert_check(const cJSON *o, struct err *e) MUST_USE;
/* Of one that has that form: what it says, without empty labels, sorted. -1 with `e`: it is refused, the
 * others of the body are not. */
int am_alert_read(const cJSON *o, struct am_alert *out, struct err *e) MUST_USE;

#endif
