/* A silence in the making, with what it owns: from the body of a request, or from a form. */
#ifndef API_SILENCE_WISH_H
#define API_SILENCE_WISH_H

#include "api/call.h"

struct silence_wish {
    struct silence_request r;
    struct matcher_list matchers;
    bool dry_run;
};
void silence_wish_free(struct silence_wish *w);

/* The answer to `dryRun`. */
void silence_preview_json(const struct silence_request *r, const struct silence_preview *p,
                          int64_t now_ms, struct buf *out);

#endif
