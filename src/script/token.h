/* Tokens of Lua text, enough of it to see what stands beside what. */
#ifndef SCRIPT_TOKEN_H
#define SCRIPT_TOKEN_H

#include <stddef.h>

enum token_kind { TOKEN_NAME, TOKEN_STRING, TOKEN_NUMBER, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    int line;
    const char *s; /* in the source; of a string without its quotes */
    size_t len;
    size_t match; /* of a bracket: index of its partner, SIZE_MAX: none */
};

struct tokens {
    struct token *t;
    size_t n, cap;
};

/* Cuts `source` into tokens, comments left out. Text that is not Lua ends the list early: the
 * compiler tells better what is wrong. -1: no memory. */
int tokens_read(struct tokens *ts, const char *source, size_t len);
void tokens_free(struct tokens *ts);

#endif
