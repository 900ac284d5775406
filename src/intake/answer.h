/* What senders are answered, in JSON: why nothing or not all was taken, and whether to repeat it. */
#ifndef INTAKE_ANSWER_H
#define INTAKE_ANSWER_H

#include "tocsin/http.h"
#include "tocsin/intake.h"

struct refusal {
    int status;
    const char *code, *retry_after; /* NULL: repeating it does not help */
};

struct refusal refusal_of(enum err_code code);
/* Answers that nothing was taken. `e` may be NULL. */
void answer_refused(struct http_request *r, struct refusal a, const struct err *e);
/* What does not help to repeat: 403 outside of the scope of the token (ERR_REFUSED), else 400. */
struct refusal refusal_of_part(enum err_code code);
/* Answers so: `accepted` samples and events were stored, the first part that was not is told. */
void answer_partial(struct http_request *r, size_t accepted, const struct err *e);
/* intake_done of a whole request; `arg` is the http_request. */
void answer_appended(enum intake_answer answer, const struct err *e, void *arg);

/* A request of which a part was left out, while the rest is on its way. NULL: no memory. */
struct partial;
struct partial *partial_new(struct http_request *r, size_t accepted, const struct err *why);
/* intake_done of it: `arg` is the partial, which is freed. */
void partial_appended(enum intake_answer answer, const struct err *e, void *arg);

#endif
