/* What Lua would do without a word and no metamethod can see, found in the text: `and`, `or`,
 * `not` beside a condition (they are not operators that a type can define), and a key given twice
 * in one table (Lua keeps the last). */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "script/token.h"
#include "tocsin/rulefile.h"

static const char *const condition_words[] = {
    "above",   "below",   "at_least", "at_most", "equals", "differs", "between",
    "outside", "lasting", "missing",  "firing",  "during", NULL};

#define CONDITION_WORDS (sizeof condition_words / sizeof *condition_words)
#define NESTING         200 /* deeper ones do not compile */

struct scan {
    struct tokens ts;
    struct err *e;
    signed char declared[CONDITION_WORDS]; /* 0: not looked for yet */
};

static bool is(const struct token *t, const char *text)
{
    return t->len == strlen(text) && memcmp(t->s, text, t->len) == 0 && t->kind != TOKEN_STRING;
}

static bool same(const struct token *a, const struct token *b)
{
    return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static bool declares(const struct scan *s, const char *word)
{
    for (size_t i = 1; i < s->ts.n; i++) {
        const struct token *t = &s->ts.t[i];

        if (t->kind != TOKEN_NAME || !is(t, word))
            continue;
        if (is(t - 1, "local") || is(t - 1, "function") ||
            (i > 2 && is(t - 1, ",") && is(t - 3, "local")))
            return true;
    }
    return false;
}

/* A local variable of this name somewhere in the file: then a bare call of it is the user's. */
static bool declared(struct scan *s, const char *word)
{
    size_t i = 0;

    while (condition_words[i] != word)
        i++;
    if (!s->declared[i])
        s->declared[i] = declares(s, word) ? 1 : -1;
    return s->declared[i] > 0;
}

static const char *condition_word(const struct token *t)
{
    for (size_t i = 0; condition_words[i]; i++)
        if (t->kind == TOKEN_NAME && is(t, condition_words[i]))
            return condition_words[i];
    return NULL;
}

/* The word of the condition that the operand ending at token `i` is, NULL: it is none. */
static const char *ends_in_condition(struct scan *s, size_t i)
{
    const struct token *t = s->ts.t;
    const char *word;
    size_t open;

    for (int depth = 0; depth < NESTING; depth++) {
        if (i >= s->ts.n || !is(&t[i], ")") || t[i].match == SIZE_MAX)
            return NULL;
        open = t[i].match;
        if (open > 0 && t[open - 1].kind == TOKEN_NAME) {
            word = condition_word(&t[open - 1]);
            if (!word)
                return NULL;
            if (open > 1 && is(&t[open - 2], ":"))
                return word;
            return declared(s, word) ? NULL : word;
        }
        if (open > 0 &&
            (is(&t[open - 1], ")") || is(&t[open - 1], "]") || t[open - 1].kind == TOKEN_STRING))
            return NULL; /* a call of something else */
        i--;             /* plain parentheses: what is in them */
    }
    return NULL;
}

/* Index of the last token of the operand that begins at `i`. */
static size_t operand_end(const struct scan *s, size_t i)
{
    const struct token *t = s->ts.t;

    for (int n = 0; n < NESTING && i < s->ts.n && (is(&t[i], "~") || is(&t[i], "-")); n++)
        i++;
    if (i < s->ts.n && is(&t[i], "(") && t[i].match != SIZE_MAX)
        i = t[i].match;
    while (i + 1 < s->ts.n) {
        const struct token *next = &t[i + 1];

        if ((is(next, "(") || is(next, "{") || is(next, "[")) && next->match != SIZE_MAX)
            i = next->match;
        else if (next->kind == TOKEN_STRING)
            i++;
        else if ((is(next, ".") || is(next, ":")) && i + 2 < s->ts.n && t[i + 2].kind == TOKEN_NAME)
            i += 2;
        else
            break;
    }
    return i;
}

static int check_word(struct scan *s, size_t i)
{
    const struct token *t = &s->ts.t[i];
    bool is_and = is(t, "and"), is_or = is(t, "or"), is_not = is(t, "not");
    const char *word = NULL;

    if (t->kind != TOKEN_NAME || (!is_and && !is_or && !is_not))
        return 0;
    if (!is_not && i > 0)
        word = ends_in_condition(s, i - 1);
    if (word)
        return err_at(s->e, ERR_INPUT, t->line, "",
                      "`%s` after %s(…): Lua would silently drop one side; conditions are joined "
                      "with `%s`",
                      is_and ? "and" : "or", word, is_and ? "&" : "|");
    if (i + 1 < s->ts.n)
        word = ends_in_condition(s, operand_end(s, i + 1));
    if (word && is_not)
        return err_at(s->e, ERR_INPUT, t->line, "",
                      "`not` before %s(…): a condition is negated with `~`", word);
    if (word)
        return err_at(s->e, ERR_INPUT, t->line, "",
                      "`%s` before %s(…): Lua would silently drop one side; conditions are joined "
                      "with `%s`",
                      is_and ? "and" : "or", word, is_and ? "&" : "|");
    return 0;
}

/* --- keys given twice --- */

/* If a field `name = …` or ["name"] = … begins at token i, its key. */
static const struct token *key_at(const struct scan *s, size_t i)
{
    const struct token *t = s->ts.t;
    size_t left = s->ts.n - i;

    if (left > 1 && t[i].kind == TOKEN_NAME && is(&t[i + 1], "="))
        return &t[i];
    if (left > 3 && is(&t[i], "[") && t[i + 1].kind == TOKEN_STRING && is(&t[i + 2], "]") &&
        is(&t[i + 3], "="))
        return &t[i + 1];
    return NULL;
}

/* Walks over the fields of the constructor that opens at `open`; nested brackets are passed over,
 * functions in it have their own statements and are left out by their `end`. */
static size_t next_field(const struct scan *s, size_t i, size_t close)
{
    const struct token *t = s->ts.t;
    int blocks = 0; /* function … end, if … end … inside the constructor */

    for (; i < close; i++) {
        if ((is(&t[i], "(") || is(&t[i], "{") || is(&t[i], "[")) && t[i].match != SIZE_MAX)
            i = t[i].match;
        else if (is(&t[i], "function") || is(&t[i], "if") || is(&t[i], "do") || is(&t[i], "repeat"))
            blocks++;
        else if (is(&t[i], "end") || is(&t[i], "until"))
            blocks--;
        else if (blocks == 0 && (is(&t[i], ",") || is(&t[i], ";")))
            return i + 1;
    }
    return close;
}

#define FIELDS_MAX 512 /* of one constructor: more is data, not a selector */

static int check_table(struct scan *s, size_t open)
{
    const struct token *keys[FIELDS_MAX];
    size_t close = s->ts.t[open].match, n = 0;

    for (size_t i = open + 1; i < close && n < FIELDS_MAX; i = next_field(s, i, close)) {
        const struct token *key = key_at(s, i);

        if (!key)
            continue;
        for (size_t k = 0; k < n; k++)
            if (same(keys[k], key))
                return err_at(s->e, ERR_INPUT, key->line, "",
                              "\"%.*s\" is given twice in one table: Lua would keep only the last "
                              "(join several tests of one label with all_of{ … })",
                              (int)(key->len > 100 ? 100 : key->len), key->s);
        keys[n++] = key;
    }
    return 0;
}

int rulefile_scan(const char *source, size_t len, struct err *e)
{
    struct scan s = {.e = e};
    int rc = 0;

    if (tokens_read(&s.ts, source, len) < 0)
        return err_set(e, ERR_MEMORY, "not enough memory");
    for (size_t i = 0; i < s.ts.n && rc == 0; i++) {
        rc = check_word(&s, i);
        if (rc == 0 && is(&s.ts.t[i], "{") && s.ts.t[i].match != SIZE_MAX)
            rc = check_table(&s, i);
    }
    tokens_free(&s.ts);
    return rc;
}
