/* Words to the JSON of one metric or event, for `tocsin send`. */
#ifndef TOCSIN_CLI_SEND_H
#define TOCSIN_CLI_SEND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

struct send_options {
    bool events;      /* else metrics */
    const char *type; /* of metrics: gauge, counter, delta; NULL: by the name */
    const char *time; /* NULL: now */
    bool each_line;   /* send each line as it comes */
};

/* words: NAME VALUE label=value…; -1 with the reason in `why`. The text written so far is then of
 * no use. */
int send_metric_json(char **words, size_t n, const struct send_options *o, struct json *j,
                     struct buf *why);
/* words: field=value…; `message` may be NULL. */
int send_event_json(char **words, size_t n, const char *message, const struct send_options *o,
                    struct json *j, struct buf *why);
/* Cuts a line into words at blanks, in place; returns how many, at most `max`. */
size_t send_split(char *line, char **words, size_t max);

#endif
