/* Requests that take longer than a turn of the loop may: worked on in slices, one after the other, a few
 * milliseconds a turn for all of them together. */
#ifndef API_SLICED_H
#define API_SLICED_H

#include <stdbool.h>

#include "api/call.h"

#define SLICED_MAX 64 /* requests at once; more are answered 503 */

struct sliced {
    struct api *api;
    struct http_request *r;      /* NULL: answered */
    const struct config *config; /* held: the caller's scope and name lie in it */
    struct access access;
    struct actor actor;
    struct view view; /* what he may read; its time is that of the request */
    /* Some work, well below a millisecond. True: it is answered, or waits for something else. */
    bool (*step)(struct sliced *s);
    void (*drop)(struct sliced *s); /* frees what it holds, and itself */
    struct sliced *next, **at;      /* in api->sliced */
    bool waits;                     /* until sliced_resume() or sliced_end() */
};

/* Takes over the request of `c` and begins: `s` is the first member of a larger struct, zeroed, of which
 * `step` and `drop` are set. Where there are too many, it is answered 503 and dropped. */
void sliced_begin(struct sliced *s, struct call *c);
/* Its step, which returned true while it waits for something, goes on. Not from within it. */
void sliced_resume(struct sliced *s);
/* It is answered: out of the list, and dropped. Not from within its step, which returns true instead. */
void sliced_end(struct sliced *s);
/* Answers what is left; for api_free(). */
void sliced_free_all(struct api *a);

#endif
