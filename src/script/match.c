/* Matchers in the language: re"…", one_of{…}, is_not(…), all_of{…}, and plain values.
 * A matcher is made without its label, as a value that may be used for several; it is built when it meets
 * one. Then equal ones are one object: a regular expression that a hundred rules use is compiled once.
 * Negation is a flag and not another kind, so all kinds have it; of all_of it is refused, since "not all" is
 * no list of matchers. */
#include <string.h>

#include "script/script.h"
#include "script/value.h"

#define LIST_MAX 1000

static struct match *push_match(lua_State *L, enum matcher_op op)
{
    struct match *m = script_scratch(L, sizeof *m);

    m->op = op;
    value_push(L, VALUE_MATCH, m);
    return m;
}

/* The text of a label's value: numbers and booleans as Lua writes them. */
static const char *scalar_text(lua_State *L, int idx)
{
    const char *text = luaL_tolstring(L, idx, NULL);

    text = script_string(L, -1);
    lua_pop(L, 1);
    return text;
}

static bool is_scalar(lua_State *L, int idx)
{
    int type = lua_type(L, idx);

    return type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN;
}

static int match_text(lua_State *L, enum matcher_op op, const char *name, const char *eg)
{
    if (lua_type(L, 1) != LUA_TSTRING)
        sandbox_fail(L, "%s\"…\" takes a string, e.g. %s, got %s", name, eg, value_name(L, 1));
    push_match(L, op)->value = script_string(L, 1);
    return 1;
}

static int match_re(lua_State *L)
{
    return match_text(L, MATCH_REGEX, "re", "re\"5..\"");
}

static int match_glob(lua_State *L)
{
    return match_text(L, MATCH_GLOB, "glob", "glob\"web-*\"");
}

static int match_contains(lua_State *L)
{
    return match_text(L, MATCH_CONTAINS, "contains", "contains\"timeout\"");
}

static int match_number(lua_State *L, enum matcher_op op, const char *name)
{
    double v = arg_quantity(L, 1, name).v;

    push_match(L, op)->num = v;
    return 1;
}

static int match_gte(lua_State *L)
{
    return match_number(L, MATCH_AT_LEAST, "gte()");
}

static int match_lt(lua_State *L)
{
    return match_number(L, MATCH_BELOW, "lt()");
}

static int match_one_of(lua_State *L)
{
    size_t n = arg_list(L, 1, "one_of{…}", LIST_MAX);
    const char **list = script_scratch(L, n * sizeof *list);
    struct match *m;

    if (n == 0)
        sandbox_fail(L, "one_of{…} needs at least one value");
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        if (!is_scalar(L, -1))
            sandbox_fail(L, "one_of{…} takes plain values, got %s (join matchers with all_of{…})",
                         value_name(L, -1));
        list[i] = scalar_text(L, -1);
        lua_pop(L, 1);
    }
    m = push_match(L, MATCH_ONE_OF);
    m->list = list;
    m->n_list = n;
    return 1;
}

static int match_is_not(lua_State *L)
{
    const struct match *inner = match_arg(L, 1, "is_not");
    struct match *m;

    if (inner->all)
        sandbox_fail(L, "is_not(all_of{…}) is not possible: negate the matchers in it");
    m = push_match(L, inner->op);
    *m = *inner;
    m->negate = !inner->negate;
    return 1;
}

static int match_all_of(lua_State *L)
{
    size_t n = arg_list(L, 1, "all_of{…}", LIST_MAX);
    struct match **all = script_scratch(L, (n + 1) * sizeof *all), *m;

    if (n == 0)
        sandbox_fail(L, "all_of{…} needs at least one matcher");
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        all[i] = (struct match *)match_arg(L, -1, "all_of");
        if (all[i]->all)
            sandbox_fail(L, "all_of{…} inside all_of{…}: write one list");
        lua_pop(L, 1);
    }
    m = push_match(L, MATCH_EQUAL);
    m->all = all;
    m->n_all = n;
    return 1;
}

void match_names(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"re", match_re},         {"glob", match_glob},     {"contains", match_contains},
        {"gte", match_gte},       {"lt", match_lt},         {"one_of", match_one_of},
        {"is_not", match_is_not}, {"all_of", match_all_of}, {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
    push_match(L, MATCH_PRESENT);
    lua_setfield(L, -2, "present");
}

const struct match *match_arg(lua_State *L, int idx, const char *label)
{
    struct match *m = value_at(L, idx, VALUE_MATCH);

    if (m)
        return m;
    if (!is_scalar(L, idx))
        sandbox_fail(L,
                     "label \"%s\": expected a string or re\"…\", glob\"…\", one_of{…}, "
                     "contains\"…\", is_not(…), present, got %s",
                     label, value_name(L, idx));
    m = script_scratch(L, sizeof *m);
    m->op = MATCH_EQUAL;
    m->value = scalar_text(L, idx);
    return m;
}

size_t match_count(const struct match *m)
{
    return m->all ? m->n_all : 1;
}

static void regex_key(const struct match *m, const char *label, struct buf *key)
{
    buf_addf(key, "%s%s\n%s", m->negate ? "!" : "", label, m->value);
}

static bool is_compiled(const struct script *s, const struct match *m, const char *label)
{
    struct buf key = BUF_INIT;
    bool is;

    regex_key(m, label, &key);
    is = s->regexes && buf_ok(&key) && map_gets(s->regexes, buf_str(&key));
    buf_free(&key);
    return is;
}

/* The same expression on the same label is compiled once per file: compiling is the dearest part
 * of loading. Without memory for the table it is just compiled again. */
static struct matcher *regex(lua_State *L, const struct match *m, const char *label, struct err *e)
{
    struct script *s = script_of(L);
    struct buf key = BUF_INIT;
    struct matcher *built;
    bool kept;

    if (!is_compiled(s, m, label))
        sandbox_charge(L, SANDBOX_PATTERN(strlen(m->value))); /* raises: nothing is held yet */
    regex_key(m, label, &key);
    if (!s->regexes)
        s->regexes = map_new();
    built = s->regexes && buf_ok(&key) ? map_gets(s->regexes, buf_str(&key)) : NULL;
    if (built) {
        matcher_ref(built);
    } else {
        built = matcher_new(label, MATCH_REGEX, m->negate, m->value, e);
        kept = built && s->regexes && buf_ok(&key) &&
               map_puts(s->regexes, buf_str(&key), built, NULL) == 0;
        (void)kept;
    }
    buf_free(&key);
    return built;
}

struct matcher *match_build(lua_State *L, const struct match *m, size_t i, const char *label)
{
    struct matcher *built;
    struct err e = {0};

    if (m->all)
        m = m->all[i];
    if (m->op == MATCH_ONE_OF)
        built = matcher_new_list(label, m->negate, m->list, m->n_list, &e);
    else if (m->op == MATCH_AT_LEAST || m->op == MATCH_BELOW)
        built = matcher_new_number(label, m->op, m->negate, m->num, &e);
    else if (m->op == MATCH_REGEX)
        built = regex(L, m, label, &e);
    else
        built = matcher_new(label, m->op, m->negate, m->value ? m->value : "", &e);
    if (!built && e.code == ERR_MEMORY)
        sandbox_no_memory(L);
    if (!built)
        sandbox_fail(L, "label \"%s\": %s", label, e.text);
    return script_keep(L, built);
}

static int match_write(lua_State *L)
{
    sandbox_fail(L, "%s cannot be changed", value_name(L, 1));
}

static int match_index(lua_State *L)
{
    sandbox_fail(L, "a matcher such as re\"5..\" has nothing to ask for; it goes into the table of "
                    "a selector: m.name{ code = re\"5..\" }");
}

void match_metatable(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, match_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, match_write);
    lua_setfield(L, -2, "__newindex");
    value_metatable(L, VALUE_MATCH);
}
