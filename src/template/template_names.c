/* What templates are offered beside the safe parts of Lua.
 * Numbers as people read them, and escaping for the few places where C cannot know what a text becomes:
 * which channel escapes what is C's business, or each template would have to get it right. */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/zone.h"
#include "script/safelib.h"
#include "script/sandbox.h"
#include "template/template_impl.h"

/* Text is formatted in C and handed to Lua; `out` is freed also when pushing fails. */
static int push_buf(lua_State *L)
{
    const struct buf *b = lua_touserdata(L, 1);

    lua_pushlstring(L, buf_str(b), b->len);
    return 1;
}

static int give(lua_State *L, struct buf *out)
{
    bool ok = buf_ok(out);
    int status;

    lua_pushcfunction(L, push_buf);
    lua_pushlightuserdata(L, out);
    status = lua_pcall(L, 1, 1, 0);
    buf_free(out);
    if (status != LUA_OK)
        lua_error(L);
    if (!ok)
        sandbox_no_memory(L);
    return 1;
}

static int format(lua_State *L, void (*form)(struct buf *, double))
{
    double v = luaL_checknumber(L, 1);
    struct buf out = BUF_INIT;

    form(&out, v);
    return give(L, &out);
}

static int names_percent(lua_State *L)
{
    return format(L, text_percent);
}

static int names_duration(lua_State *L)
{
    return format(L, text_seconds);
}

static int names_bytes(lua_State *L)
{
    return format(L, text_bytes);
}

static int names_number(lua_State *L)
{
    return format(L, text_number);
}

static int names_round(lua_State *L)
{
    double v = luaL_checknumber(L, 1);
    lua_Integer digits = luaL_optinteger(L, 2, 0);
    double scale = pow(10, (double)(digits < -15 ? -15 : digits > 15 ? 15 : digits));

    template_push_number(L, round(v * scale) / scale);
    return 1;
}

static int when(lua_State *L, void (*form)(char *, int64_t), size_t from, size_t to)
{
    char text[TEXT_TIME_LEN];
    double seconds = luaL_checknumber(L, 1);

    if (!(fabs(seconds) < 253402300800.0)) /* the year 10000 */
        luaL_argerror(L, 1, "Unix seconds are needed");
    form(text, (int64_t)(seconds * 1000));
    if (strlen(text) < to)
        to = strlen(text);
    lua_pushlstring(L, text + from, to - from);
    return 1;
}

static void time_of_day(char *out, int64_t at_ms)
{
    zone_time(out, at_ms, false);
}

static int names_clock(lua_State *L)
{
    return when(L, time_of_day, 0, ZONE_TIME_LEN); /* 02:41 CET */
}

static int names_time(lua_State *L)
{
    return when(L, text_time, 0, TEXT_TIME_LEN);
}

static int names_date(lua_State *L)
{
    return when(L, text_time, 0, 10); /* 2026-01-05 */
}

/* pluralise(3, "alert") is "3 alerts"; a third argument gives an irregular form. */
static int names_pluralise(lua_State *L)
{
    double n = luaL_checknumber(L, 1);
    const char *one = luaL_checkstring(L, 2), *many = luaL_optstring(L, 3, NULL);
    struct buf out = BUF_INIT;

    text_number(&out, n);
    buf_addf(&out, " %s%s", n == 1 || !many ? one : many, n == 1 || many ? "" : "s");
    return give(L, &out);
}

static int names_join(lua_State *L)
{
    const char *sep = luaL_optstring(L, 2, ", ");
    luaL_Buffer out;
    lua_Integer n;

    luaL_checktype(L, 1, LUA_TTABLE);
    n = luaL_len(L, 1);
    luaL_buffinit(L, &out);
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addstring(&out, sep);
        if (lua_geti(L, 1, i) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
            sandbox_fail(L, "join(): entry %d is %s, not a text", (int)i, luaL_typename(L, -1));
        sandbox_charge(L, 1 + lua_rawlen(L, -1) / 16);
        luaL_addvalue(&out);
    }
    luaL_pushresult(&out);
    return 1;
}

static int escape(lua_State *L, const char *chars, const char *const *with)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    luaL_Buffer out;

    sandbox_charge(L, len / 4);
    luaL_buffinit(L, &out);
    for (size_t i = 0; i < len; i++) {
        const char *hit = s[i] ? strchr(chars, s[i]) : NULL;

        if (hit)
            luaL_addstring(&out, with[hit - chars]);
        else
            luaL_addchar(&out, s[i]);
    }
    luaL_pushresult(&out);
    return 1;
}

static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

static int names_html_escape(lua_State *L)
{
    return escape(L, "&<>\"'", entities);
}

/* Slack's text: only these three; formatting characters stay as they are. */
static int names_slack_escape(lua_State *L)
{
    return escape(L, "&<>", entities);
}

static int names_truncate(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Integer max = luaL_checkinteger(L, 2);

    luaL_argcheck(L, max >= 3, 2, "at least 3 bytes");
    if (len <= (size_t)max) {
        lua_settop(L, 1);
        return 1;
    }
    lua_pushlstring(L, s, text_utf8_cut(s, len, (size_t)max - 3));
    lua_pushliteral(L, "…");
    lua_concat(L, 2);
    return 1;
}

static int names_list(lua_State *L)
{
    if (lua_isnone(L, 1))
        lua_newtable(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    template_mark_list(L);
    return 1;
}

void template_names(lua_State *L)
{
    static const luaL_Reg functions[] = {{"percent", names_percent},
                                         {"duration", names_duration},
                                         {"bytes", names_bytes},
                                         {"number", names_number},
                                         {"round", names_round},
                                         {"clock", names_clock},
                                         {"time", names_time},
                                         {"date", names_date},
                                         {"pluralise", names_pluralise},
                                         {"join", names_join},
                                         {"html_escape", names_html_escape},
                                         {"slack_escape", names_slack_escape},
                                         {"truncate", names_truncate},
                                         {"list", names_list},
                                         {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
    template_push_null(L);
    lua_setfield(L, -2, "null");
}
