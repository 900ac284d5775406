/* Arguments of functions as C sees them: durations, quantities, labels, lists, tables of options.
 * Each reader raises an error that says what was expected, with an example, and what came: these are the
 * errors that people see most, so they are written once. A table of options refuses what it does not know.
 * Nothing is converted in silence: a number is not a duration, and "5" is not 5. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "script/safelib.h"
#include "script/script.h"
#include "script/value.h"

#define LABELS_BY_MAX 32

int64_t arg_duration0(lua_State *L, int idx, const char *what)
{
    size_t len;
    const char *text;
    int64_t ms;

    if (lua_type(L, idx) == LUA_TNUMBER && lua_tonumber(L, idx) == 0)
        return 0;
    if (lua_type(L, idx) != LUA_TSTRING)
        sandbox_fail(L, "%s must be a duration such as \"5m\", got %s", what, value_name(L, idx));
    text = lua_tolstring(L, idx, &len);
    if (strcmp(text, "0") == 0 || strcmp(text, "0s") == 0)
        return 0;
    if (text_parse_duration(text, len, &ms) < 0)
        sandbox_fail(L, "%s: bad duration \"%s\" (write 30s, 5m, 1h30m, 7d, 2w)", what, text);
    return ms;
}

int64_t arg_duration(lua_State *L, int idx, const char *what)
{
    int64_t ms = arg_duration0(L, idx, what);

    if (ms <= 0)
        sandbox_fail(L, "%s: a duration must be positive", what);
    return ms;
}

struct quantity arg_quantity(lua_State *L, int idx, const char *what)
{
    struct quantity q = {0};
    size_t len;

    if (lua_type(L, idx) == LUA_TNUMBER) {
        q.v = lua_tonumber(L, idx);
        if (!isfinite(q.v))
            sandbox_fail(L, "%s: expected a finite number", what);
        return q;
    }
    if (lua_type(L, idx) != LUA_TSTRING)
        sandbox_fail(L,
                     "%s: expected a number or a quantity such as \"400ms\", \"2%%\", \"10GiB\", "
                     "got %s",
                     what, value_name(L, idx));
    q.text = lua_tolstring(L, idx, &len);
    if (text_parse_quantity(q.text, len, &q.v, &q.unit) < 0 || !isfinite(q.v))
        sandbox_fail(L,
                     "%s: expected a number or a quantity such as \"400ms\", \"2%%\", \"10GiB\", "
                     "got \"%s\"",
                     what, q.text);
    q.text = script_string(L, idx);
    return q;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t sort_labels(const char **labels, size_t n)
{
    size_t kept = 0;

    if (n)
        qsort(labels, n, sizeof *labels, by_name);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || strcmp(labels[kept - 1], labels[i]) != 0)
            labels[kept++] = labels[i];
    return kept;
}

static const char *label_at(lua_State *L, int idx, const char *what)
{
    if (lua_type(L, idx) != LUA_TSTRING || lua_rawlen(L, idx) == 0)
        sandbox_fail(L, "%s: labels are named by strings, e.g. \"service\", got %s", what,
                     value_name(L, idx));
    return script_string(L, idx);
}

const char **arg_labels(lua_State *L, int idx, const char *me, size_t *n)
{
    int top = lua_gettop(L);
    size_t count = top >= idx ? (size_t)(top - idx) + 1 : 0;
    const char **labels = script_alloc(L, (count + 1) * sizeof *labels);

    if (count == 1 && lua_istable(L, idx)) {
        lua_pushfstring(L, ":%s()", me);
        return arg_label_list(L, idx, lua_tostring(L, -1), n);
    }
    if (count > LABELS_BY_MAX)
        sandbox_fail(L, ":%s() takes at most %d labels", me, LABELS_BY_MAX);
    for (size_t i = 0; i < count; i++) {
        if (lua_type(L, idx + (int)i) != LUA_TSTRING)
            sandbox_fail(L, "group labels must be strings: :%s(\"service\", \"route\")", me);
        labels[i] = label_at(L, idx + (int)i, me);
    }
    *n = sort_labels(labels, count);
    return labels;
}

/* An entry `name = …`, or one behind a hole, would be passed over without a word. */
static void refuse_named(lua_State *L, int idx, const char *what, lua_Integer n)
{
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING)
            sandbox_fail(L, "%s takes a list { …, … }, but has `%s = …`", what,
                         lua_tostring(L, -1));
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > n)
            sandbox_fail(L, "%s takes a list without holes", what);
    }
}

size_t arg_list_part(lua_State *L, int idx, const char *what, size_t max)
{
    lua_Integer n;

    if (!lua_istable(L, idx))
        sandbox_fail(L, "%s takes a list, got %s", what, value_name(L, idx));
    n = luaL_len(L, idx);
    if (n < 0 || (size_t)n > max)
        sandbox_fail(L, "%s takes at most %d entries", what, (int)max);
    return (size_t)n;
}

size_t arg_list(lua_State *L, int idx, const char *what, size_t max)
{
    size_t n = arg_list_part(L, idx, what, max);

    refuse_named(L, lua_absindex(L, idx), what, (lua_Integer)n);
    return n;
}

const char **arg_label_list(lua_State *L, int idx, const char *what, size_t *n)
{
    size_t count = arg_list(L, idx, what, LABELS_BY_MAX);
    const char **labels = script_alloc(L, (count + 1) * sizeof *labels);

    idx = lua_absindex(L, idx);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, idx, (lua_Integer)i + 1);
        labels[i] = label_at(L, -1, what);
        lua_pop(L, 1);
    }
    *n = sort_labels(labels, count);
    return labels;
}

void arg_keys(lua_State *L, int idx, const char *what, const char *const *names)
{
    size_t n = 0;

    idx = lua_absindex(L, idx);
    while (names[n])
        n++;
    safelib_keys(L, idx);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        const char *key, *near;
        size_t k = 0;

        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "%s: options are written `name = value`", what);
        key = lua_tostring(L, -1);
        while (k < n && strcmp(names[k], key) != 0)
            k++;
        near = k < n ? NULL : text_nearest(key, names, n);
        if (k == n && near)
            sandbox_fail(L, "%s has no option \"%s\" — did you mean \"%s\"?", what, key, near);
        if (k == n)
            sandbox_fail(L, "%s has no option \"%s\"", what, key);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}
