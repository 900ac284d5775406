/* data "limits.csv" and data "limits.json": tables kept outside the rules.
 * Tables of data belong to people who do not write rules, and their mistakes are told with file and line.
 * Everything stays text in CSV: what is a number is for the rule to say, or "007" would become 7. Both
 * formats are bounded in depth and width, and what reading costs is charged to the file, since C runs
 * between Lua's own counts. */
#include <cjson/cJSON.h>
#include <string.h>

#include "script/script.h"

#define JSON_DEPTH 32
#define CSV_FIELDS 64
#define CSV_FIELD  4096

/* --- CSV (RFC 4180): the first line names the fields, each further one becomes a table --- */

struct csv {
    const char *p, *end;
    int line;
};

/* Reads one field, pushes it. Returns true when the record goes on after it. */
static bool csv_field(lua_State *L, struct csv *c, const char *path)
{
    char text[CSV_FIELD];
    size_t n = 0;
    bool quoted = c->p < c->end && *c->p == '"';

    c->p += quoted;
    while (c->p < c->end) {
        char ch = *c->p;

        if (quoted && ch == '"') {
            if (c->p + 1 >= c->end || c->p[1] != '"') {
                c->p++;
                quoted = false;
                continue;
            }
            c->p++;
        } else if (!quoted && (ch == ',' || ch == '\n')) {
            break;
        }
        if (n == sizeof text)
            sandbox_fail(L, "%s:%d: a field is longer than %d bytes", path, c->line, CSV_FIELD);
        c->line += ch == '\n';
        text[n++] = ch;
        c->p++;
    }
    if (quoted)
        sandbox_fail(L, "%s:%d: a quoted field has no end", path, c->line);
    if (n && text[n - 1] == '\r')
        n--;
    lua_pushlstring(L, text, n);
    return c->p < c->end && *c->p++ == ',';
}

static void csv_push(lua_State *L, const char *path, const char *bytes, size_t len)
{
    struct csv c = {.p = bytes, .end = bytes + len, .line = 1};
    lua_Integer row = 0;
    int names = 0, base;

    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        c.p += 3;
    lua_newtable(L); /* the rows */
    base = lua_gettop(L);
    luaL_checkstack(L, CSV_FIELDS + 8, NULL);
    if (c.p == c.end)
        return;
    for (bool more = true; more; names++) {
        if (names == CSV_FIELDS)
            sandbox_fail(L, "%s: more than %d columns", path, CSV_FIELDS);
        more = csv_field(L, &c, path);
    }
    while (c.p < c.end) {
        int line = ++c.line, i = 0;

        sandbox_charge(L, 10);
        lua_createtable(L, 0, names);
        for (bool more = true; more; i++) {
            more = csv_field(L, &c, path);
            if (i >= names)
                sandbox_fail(L, "%s:%d: more fields than the first line names", path, line);
            lua_pushvalue(L, base + 1 + i);
            lua_insert(L, -2);
            lua_rawset(L, -3);
        }
        if (i < names && i > 1)
            sandbox_fail(L, "%s:%d: %d fields where the first line names %d", path, line, i, names);
        if (i == names)
            lua_rawseti(L, base, ++row);
        else
            lua_pop(L, 1); /* an empty line */
    }
    lua_settop(L, base);
}

/* --- JSON --- */

static void json_push(lua_State *L, const char *path, const cJSON *v, int depth)
{
    lua_Integer i = 0;

    luaL_checkstack(L, 4, NULL);
    if (depth > JSON_DEPTH)
        sandbox_fail(L, "%s: nested more than %d deep", path, JSON_DEPTH);
    sandbox_charge(L, 4);
    switch (v->type & 0xff) {
    case cJSON_True:
    case cJSON_False:
        lua_pushboolean(L, cJSON_IsTrue(v));
        break;
    case cJSON_Number:
        lua_pushnumber(L, v->valuedouble);
        break;
    case cJSON_String:
        lua_pushstring(L, v->valuestring);
        break;
    case cJSON_Array:
    case cJSON_Object:
        lua_newtable(L);
        for (const cJSON *child = v->child; child; child = child->next) {
            json_push(L, path, child, depth + 1);
            if (cJSON_IsArray(v))
                lua_rawseti(L, -2, ++i);
            else
                lua_setfield(L, -2, child->string);
        }
        break;
    default:
        lua_pushnil(L);
    }
}

struct json_file {
    const char *path;
    cJSON *root;
};

static int json_protected(lua_State *L)
{
    const struct json_file *f = lua_touserdata(L, 1);

    json_push(L, f->path, f->root, 0);
    return 1;
}

static void json_file_push(lua_State *L, const char *path, const char *bytes, size_t len)
{
    struct json_file f = {.path = path, .root = cJSON_ParseWithLength(bytes, len)};
    int status;

    if (!f.root)
        sandbox_fail(L, "data \"%s\": this is not JSON", path);
    lua_pushcfunction(L, json_protected);
    lua_pushlightuserdata(L, &f);
    status = lua_pcall(L, 1, 1, 0);
    cJSON_Delete(f.root);
    if (status != LUA_OK)
        lua_error(L);
}

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), t = strlen(tail);

    return n >= t && strcmp(s + n - t, tail) == 0;
}

int script_data(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1), *bytes;
    size_t len;

    if (!ends_with(path, ".csv") && !ends_with(path, ".json"))
        sandbox_fail(L, "data \"%s\": a .csv or .json file is needed", path);
    script_read(L, path, SCRIPT_DATA_MAX);
    bytes = lua_tolstring(L, -1, &len);
    sandbox_charge(L, len / 4);
    if (ends_with(path, ".csv"))
        csv_push(L, path, bytes, len);
    else
        json_file_push(L, path, bytes, len);
    return 1;
}
