/* Sample messages: what a template is tried with before a page needs it. */
#ifndef TOCSIN_DELIVER_SAMPLE_H
#define TOCSIN_DELIVER_SAMPLE_H

#include "model/notice.h"

/* Between them they have, and lack, whatever a message may have or lack. */
enum sample_kind {
    SAMPLE_FIRING,   /* the first of an incident: a summary, a limit, log events, a runbook */
    SAMPLE_WORSE,    /* a P1 joins what ana has; late, in another lane's place, one without data */
    SAMPLE_RESOLVED, /* all over; one ended before it could be told, one without any value */
    SAMPLES
};
extern const char *const sample_names[SAMPLES]; /* "a message that fires" … */

struct sample {
    struct notice x;
    struct notice_alert alerts[3];
    struct label labels[3][3], group[1];
    struct rule_pair pairs[2];
};
/* Strings are literals, but for `receiver`, `lane` and `channel`, which are borrowed. */
void sample_make(struct sample *s, enum sample_kind kind, const char *receiver,
                 const char *channel);

#endif
