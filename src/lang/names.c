/* Misspelt names in functions.
 *
 * At the top of a file every name is looked up while it is loaded. In a `when` function a name may
 * stand in a branch that is taken once a year, so the text is looked at: a name that no `local`,
 * parameter, loop or function of the file declares, and that is none of the language, is one that
 * would fail then. Where a name is declared is not asked (scopes would need a parser): a name that the
 * file declares anywhere passes. */
#include <string.h>

#include "base/map.h"
#include "lang/language.h"
#include "lang/rulefile_impl.h"
#include "script/token.h"

static bool is(const struct token *t, const char *word)
{
    return t->kind != TOKEN_STRING && t->len == strlen(word) && memcmp(t->s, word, t->len) == 0;
}

static bool is_keyword(const struct token *t)
{
    static const char *const words[] = {"and",   "break", "do",       "else", "elseif", "end",
                                        "false", "for",   "function", "goto", "if",     "in",
                                        "local", "nil",   "not",      "or",   "repeat", "return",
                                        "then",  "true",  "until",    "while"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is(t, words[i]))
            return true;
    return false;
}

static int declare(struct map *m, const struct token *t)
{
    return t->kind == TOKEN_NAME && !is_keyword(t) ? map_put(m, t->s, t->len, m, NULL) : 0;
}

/* The names from `i` on, joined by commas, attributes (<const>) left out. */
static int declare_list(struct map *m, const struct tokens *ts, size_t i)
{
    for (; i < ts->n; i++) {
        const struct token *t = &ts->t[i];

        if (is(t, "<") && i + 2 < ts->n && is(t + 2, ">"))
            i += 2;
        else if (t->kind == TOKEN_NAME && !is_keyword(t) && declare(m, t) != 0)
            return -1;
        else if (!is(t, ",") && (t->kind != TOKEN_NAME || is_keyword(t)))
            break;
    }
    return 0;
}

static int declare_parameters(struct map *m, const struct tokens *ts, size_t i)
{
    while (i < ts->n && !is(&ts->t[i], "("))
        i++;
    return declare_list(m, ts, i + 1);
}

static int find_declared(struct map *m, const struct tokens *ts)
{
    int rc = 0;

    for (size_t i = 0; i + 1 < ts->n && rc == 0; i++) {
        const struct token *t = &ts->t[i];

        if (is(t, "local") && is(t + 1, "function"))
            rc = i + 2 < ts->n ? declare(m, t + 2) : 0;
        else if (is(t, "local") || is(t, "for"))
            rc = declare_list(m, ts, i + 1);
        else if (is(t, "function"))
            rc = declare_parameters(m, ts, i + 1);
        else if (is(t, "goto") || (is(t, ":") && i > 0 && is(t - 1, ":")))
            rc = declare(m, t + 1); /* a label */
    }
    return rc;
}

/* A field, a method or a key is looked up elsewhere. */
static bool is_plain_name(const struct tokens *ts, size_t i)
{
    const struct token *t = &ts->t[i];
    bool after_dot = i > 0 && (is(t - 1, ".") || is(t - 1, ":"));
    bool key = i + 1 < ts->n && is(t + 1, "=");

    return t->kind == TOKEN_NAME && !is_keyword(t) && !after_dot && !key;
}

static bool opens(const struct token *t)
{
    return is(t, "function") || is(t, "if") || is(t, "do") || is(t, "repeat");
}

static bool closes(const struct token *t)
{
    return is(t, "end") || is(t, "until");
}

/* The first unknown name in a function, SIZE_MAX: none. The names of the language are in the table
 * on top of the stack. */
static size_t first_unknown(lua_State *L, const struct tokens *ts, const struct map *declared)
{
    size_t depth = 0, function_at = SIZE_MAX; /* depth of the outermost function's block */

    for (size_t i = 0; i < ts->n; i++) {
        const struct token *t = &ts->t[i];
        bool known;

        if (opens(t)) {
            if (is(t, "function") && function_at == SIZE_MAX)
                function_at = depth;
            depth++;
        } else if (closes(t) && depth > 0) {
            depth--;
            function_at = depth == function_at ? SIZE_MAX : function_at;
        }
        if (function_at == SIZE_MAX || !is_plain_name(ts, i) || is(t, "self") || is(t, "_ENV") ||
            map_get(declared, t->s, t->len))
            continue;
        lua_pushlstring(L, t->s, t->len);
        known = lua_rawget(L, -2) != LUA_TNIL;
        lua_pop(L, 1);
        if (!known)
            return i;
    }
    return SIZE_MAX;
}

struct looking {
    struct tokens ts;
    struct map *declared;
    size_t found;
};

static int look(lua_State *L)
{
    struct looking *x = lua_touserdata(L, 1);

    x->found = first_unknown(L, &x->ts, x->declared);
    return 0;
}

void names_check(lua_State *L, const char *source, size_t len)
{
    struct looking x = {.found = SIZE_MAX};
    struct sandbox *s = sandbox_of(L);
    bool ok = tokens_read(&x.ts, source, len) == 0;
    int line = 0, status = LUA_OK, names = lua_gettop(L);

    x.declared = ok ? map_new() : NULL;
    ok = x.declared && find_declared(x.declared, &x.ts) == 0;
    if (ok) { /* protected: nothing may be raised past the tokens */
        lua_pushcfunction(L, look);
        lua_pushlightuserdata(L, &x);
        lua_pushvalue(L, names);
        status = lua_pcall(L, 2, 0, 0);
    }
    if (x.found != SIZE_MAX && status == LUA_OK) {
        line = x.ts.t[x.found].line;
        lua_pushlstring(L, x.ts.t[x.found].s, x.ts.t[x.found].len);
    }
    map_free(x.declared, NULL);
    tokens_free(&x.ts);
    if (!ok)
        sandbox_no_memory(L);
    if (status != LUA_OK)
        lua_error(L);
    if (line) {
        s->line = line;
        lua_replace(L, 2); /* as the environment would be asked for it */
        lua_pushvalue(L, names);
        lua_replace(L, 1);
        lua_settop(L, 2);
        language_unknown(L);
    }
    lua_settop(L, names - 1);
}
