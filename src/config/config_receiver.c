/* receiver "name" { inbox {}, webhook { … }, fallback = "other" } and the channels.
 * The keys of a channel stand in its own file as rows; here one function reads any of them, given its place
 * in channel_table[], so a new channel adds no line here. Receivers are kept with where they stand in the
 * file, and names of others are only noted: whether they exist is known when the whole file has been read. */
#include <stdio.h>
#include <string.h>

#include "config/config_impl.h"

#define CHANNELS_MAX  32
#define RECEIVERS_MAX 10000
#define UNDELIVERED   (5 * 60 * 1000)

/* --- channels: NAME { … } --- */

/* Upvalue 1: the channel's place in channel_table[]. */
static int channel(lua_State *L)
{
    enum channel_type type = (enum channel_type)lua_tointeger(L, lua_upvalueindex(1));
    const struct channel *ch = channel_table[type];
    struct config_channel *c = script_alloc(L, sizeof *c);
    const char *warning = NULL;
    char file[LUA_IDSIZE];
    struct err e;

    if (!lua_istable(L, 1))
        sandbox_fail(L, "%s { … } takes a table, got %s", ch->name, value_name(L, 1));
    if (luaL_len(L, 1) > 0)
        sandbox_fail(L, "%s { … }: keys are written `name = value`", ch->name);
    c->type = type;
    c->line = sandbox_where(L, file, sizeof file);
    c->file = script_dup(L, file, strlen(file));
    c->send_resolved = true;
    c->timeout_ms = ch->timeout_ms;
    c->template = ch->name;
    config_rows_read(L, 1, ch->name, ch->rows, c);
    if (strchr(c->template, '/') || *c->template == '.')
        sandbox_fail(L, "%s: `template` is the name of a file in rules/channels, without folder",
                     ch->name);
    if (ch->finish && ch->finish(c, &warning, &e) < 0)
        sandbox_fail(L, "%s", e.text);
    if (warning)
        script_warn(L, "%s", warning);
    value_push(L, VALUE_CHANNEL, c);
    return 1;
}

/* --- receivers --- */

static void grow(lua_State *L, struct config_file *f)
{
    size_t cap = f->cap_receivers ? f->cap_receivers * 2 : 8;
    struct config_receiver *r;
    struct receiver_names *p;

    if (f->n_receivers < f->cap_receivers)
        return;
    if (f->n_receivers >= RECEIVERS_MAX)
        sandbox_fail(L, "more than %d receivers", RECEIVERS_MAX);
    r = script_alloc(L, cap * sizeof *r);
    p = script_alloc(L, cap * sizeof *p);
    if (f->n_receivers) {
        memcpy(r, f->receivers, f->n_receivers * sizeof *r);
        memcpy(p, f->pending, f->n_receivers * sizeof *p);
    }
    f->receivers = r;
    f->pending = p;
    f->cap_receivers = cap;
}

static void read_channels(lua_State *L, struct config_receiver *r)
{
    size_t n = arg_list_part(L, 1, "receiver", CHANNELS_MAX);
    struct config_channel *channels;

    if (n == 0)
        sandbox_fail(L, "it has no channel (inbox {}, webhook { … }, slack { … }, email { … })");
    channels = script_alloc(L, n * sizeof *channels);
    for (size_t i = 0; i < n; i++) {
        const struct config_channel *c;

        lua_geti(L, 1, (lua_Integer)i + 1);
        c = value_at(L, -1, VALUE_CHANNEL);
        if (!c)
            sandbox_fail(L, "entry %d is %s, not a channel such as inbox {}", (int)i + 1,
                         value_name(L, -1));
        channels[i] = *c;
        lua_pop(L, 1);
    }
    r->channels = channels;
    r->n_channels = n;
}

static int receiver_body(lua_State *L)
{
    static const struct row rows[] = {
        {"fallback", ROW_OTHER, 0, NULL},
        {"if_undelivered", ROW_DURATION, offsetof(struct config_receiver, if_undelivered_ms), NULL},
        {0}};
    struct config_file *f = config_file_of(L);
    struct config_receiver *r;
    struct receiver_names *names;
    char file[LUA_IDSIZE];

    if (!lua_istable(L, 1))
        sandbox_fail(L, "receiver \"name\" { … } needs a table, got %s", value_name(L, 1));
    lua_pushvalue(L, lua_upvalueindex(1));
    grow(L, f);
    r = &f->receivers[f->n_receivers];
    names = &f->pending[f->n_receivers];
    r->name = script_string(L, -1);
    names->line = r->line = (int)lua_tointeger(L, lua_upvalueindex(2));
    sandbox_where(L, file, sizeof file);
    names->file = script_dup(L, file, strlen(file));
    r->if_undelivered_ms = UNDELIVERED;
    for (size_t i = 0; i < f->n_receivers; i++)
        if (strcmp(f->receivers[i].name, r->name) == 0)
            sandbox_fail(L, "defined twice (first at %s:%d)", f->pending[i].file,
                         f->receivers[i].line);
    config_rows_read(L, 1, "receiver", rows, r);
    if (lua_getfield(L, 1, "fallback") != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "`fallback` is the name of another receiver, got %s",
                         value_name(L, -1));
        names->fallback = script_string(L, -1);
    }
    read_channels(L, r);
    f->n_receivers++;
    f->script.box.prefix[0] = 0;
    return 0;
}

static int receiver(lua_State *L)
{
    return config_named(L, "receiver", receiver_body);
}

void config_receiver_names(lua_State *L)
{
    lua_pushcfunction(L, receiver);
    lua_setfield(L, -2, "receiver");
    for (int type = 0; type < CHANNEL_TYPES; type++) {
        lua_pushinteger(L, type);
        lua_pushcclosure(L, channel, 1);
        lua_setfield(L, -2, channel_table[type]->name);
    }
}
