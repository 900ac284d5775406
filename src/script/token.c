/* Lua's text as tokens: what only the text shows, without running it.
 * Needed for what a run cannot tell: which pieces a file has, where a global is written, all errors and not
 * the first. It knows strings, comments, long brackets, names, and no grammar; Lua's own compiler has the
 * last word on what is valid. Dropped: patterns over lines, which a comment or a long string deceives. */
#include "script/token.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

struct reader {
    const char *p, *end;
    int line;
};

static int is_name(int c)
{
    return isalnum(c) || c == '_';
}

/* Level of a long bracket "[==[" at p, -1 when there is none. */
static int long_level(const char *p, const char *end)
{
    int level = 0;

    if (p >= end || *p++ != '[')
        return -1;
    for (; p < end && *p == '='; p++)
        level++;
    return p < end && *p == '[' ? level : -1;
}

/* Passes over "[==[ … ]==]"; false when it has no end. */
static int skip_long(struct reader *r, int level, const char **s, size_t *len)
{
    r->p += level + 2;
    *s = r->p;
    for (; r->p < r->end; r->p++) {
        const char *q = r->p;
        int n = 0;

        if (*r->p == '\n')
            r->line++;
        if (*q++ != ']')
            continue;
        for (; q < r->end && *q == '='; q++)
            n++;
        if (n == level && q < r->end && *q == ']') {
            *len = (size_t)(r->p - *s);
            r->p = q + 1;
            return 1;
        }
    }
    return 0;
}

static int skip_string(struct reader *r, const char **s, size_t *len)
{
    char quote = *r->p++;

    *s = r->p;
    for (; r->p < r->end && *r->p != quote; r->p++) {
        if (*r->p == '\\' && r->p + 1 < r->end)
            r->p++;
        else if (*r->p == '\n')
            return 0;
        r->line += *r->p == '\n';
    }
    if (r->p >= r->end)
        return 0;
    *len = (size_t)(r->p - *s);
    r->p++;
    return 1;
}

static int skip_comment(struct reader *r)
{
    const char *s;
    size_t len;
    int level;

    r->p += 2;
    level = long_level(r->p, r->end);
    if (level >= 0)
        return skip_long(r, level, &s, &len);
    while (r->p < r->end && *r->p != '\n')
        r->p++;
    return 1;
}

static int skip_space(struct reader *r)
{
    while (r->p < r->end) {
        if (*r->p == '\n')
            r->line++;
        if (isspace((unsigned char)*r->p))
            r->p++;
        else if (*r->p == '-' && r->p + 1 < r->end && r->p[1] == '-') {
            if (!skip_comment(r))
                return 0;
        } else
            break;
    }
    return 1;
}

/* One token; 0 at the end or where the text is no Lua. */
static int next_token(struct reader *r, struct token *t)
{
    int level;

    if (!skip_space(r) || r->p >= r->end)
        return 0;
    *t = (struct token){.kind = TOKEN_SIGN, .line = r->line, .s = r->p, .match = SIZE_MAX};
    level = long_level(r->p, r->end);
    if (*r->p == '"' || *r->p == '\'') {
        t->kind = TOKEN_STRING;
        return skip_string(r, &t->s, &t->len);
    }
    if (level >= 0) {
        t->kind = TOKEN_STRING;
        return skip_long(r, level, &t->s, &t->len);
    }
    if (isdigit((unsigned char)*r->p)) {
        t->kind = TOKEN_NUMBER;
        while (r->p < r->end && (is_name((unsigned char)*r->p) || *r->p == '.'))
            r->p++;
    } else if (is_name((unsigned char)*r->p)) {
        t->kind = TOKEN_NAME;
        while (r->p < r->end && is_name((unsigned char)*r->p))
            r->p++;
    } else {
        r->p++;
        /* == is one sign, so that a lone = can be told */
        if (r->p < r->end && *r->p == '=' && strchr("=~<>", r->p[-1]))
            r->p++;
    }
    t->len = (size_t)(r->p - t->s);
    return 1;
}

static void pair_brackets(struct tokens *ts, size_t *open)
{
    size_t depth = 0;

    for (size_t i = 0; i < ts->n; i++) {
        struct token *t = &ts->t[i];

        if (t->kind != TOKEN_SIGN || t->len != 1)
            continue;
        if (strchr("({[", *t->s))
            open[depth++] = i;
        else if (strchr(")}]", *t->s) && depth > 0) {
            t->match = open[--depth];
            ts->t[t->match].match = i;
        }
    }
}

int tokens_read(struct tokens *ts, const char *source, size_t len)
{
    struct reader r = {source, source + len, 1};
    struct token t;
    size_t *open;

    *ts = (struct tokens){0};
    if (len >= 3 && memcmp(source, BYTE_ORDER_MARK, 3) == 0)
        r.p += 3;
    while (next_token(&r, &t)) {
        if (mem_grow((void **)&ts->t, &ts->cap, ts->n + 1, sizeof *ts->t) < 0) {
            tokens_free(ts);
            return -1;
        }
        ts->t[ts->n++] = t;
    }
    open = mem_alloc((ts->n + 1) * sizeof *open);
    if (!open) {
        tokens_free(ts);
        return -1;
    }
    pair_brackets(ts, open);
    mem_free(open);
    return 0;
}

void tokens_free(struct tokens *ts)
{
    mem_free(ts->t);
    *ts = (struct tokens){0};
}
