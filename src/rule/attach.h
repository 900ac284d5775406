/* The last log events of each group of a rule, for its messages: "412x TimeoutError (trace 7fa3)".
 *
 * Kept only for rules that ask (`attach`, or {event_…} in a text): at most five events a group and
 * 4 KiB each, a thousand groups a rule (the one that was quiet longest makes room); secrets are
 * redacted before anything is kept. */
#ifndef TOCSIN_RULE_ATTACH_H
#define TOCSIN_RULE_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/map.h"
#include "base/redact.h"
#include "model/rule_def.h"
#include "model/sample.h"

#define ATTACH_EVENTS_MAX 5
#define ATTACH_GROUPS_MAX 1000

struct attachments {
    const struct leaf_spec *from; /* NULL: the rule attaches nothing */
    struct labelsets *labels;
    const struct rule_def *d;
    const struct redact_also *redact; /* borrowed; NULL: nothing beside the usual */
    uint32_t keep;                    /* events a group */
    struct map *groups;               /* labelset id -> struct group_events */
};

/* Decides from the definition whether events are kept. -1: no memory. */
int attachments_init(struct attachments *a, const struct rule_def *d, struct labelsets *ls,
                     const struct redact_also *redact) MUST_USE;
void attachments_clear(struct attachments *a);
void attachments_note(struct attachments *a, const struct logevent *e);
/* Fields of the newest event of a group; 0 when there is none. Valid until the next note. */
size_t attachments_newest(const struct attachments *a, labelset group, const struct label **fields);
/* An array of the events kept, newest first, each an object of the fields that the rule names. */
void attachments_json(const struct attachments *a, labelset group, struct json *j);

#endif
