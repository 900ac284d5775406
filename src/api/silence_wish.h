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

#endif
