/* The configuration while it is read: blocks, rows of keys, and what waits to be resolved. */
#ifndef CONFIG_CONFIG_IMPL_H
#define CONFIG_CONFIG_IMPL_H

#include "script/script.h"
#include "script/value.h"
#include "tocsin/config.h"

/* Who is on call, as it is collected: lists in the region. */
struct roster_parts {
    struct roster_calendar *calendars;
    struct roster_person *people;
    struct roster_rotation *rotations;
    struct roster_schedule *schedules;
    struct roster_escalation *escalations;
    size_t n_calendars, n_people, n_rotations, n_schedules, n_escalations;
    size_t cap_calendars, cap_people, cap_rotations, cap_schedules, cap_escalations;
    struct calendar_name *mentioned; /* calendar "x", with or without its { … }; newest first */
};

struct calendar_name {
    const char *name;
    struct roster_place place;
    struct calendar_name *next;
};

struct config_file {
    struct config config; /* first: what the door hands out */
    int refs;
    struct script script;
    const struct config_options *options;
    struct secret **secrets; /* owned */
    size_t n_secrets, cap_secrets;
    struct config_receiver *receivers; /* room for cap_receivers, in the region */
    struct receiver_names *pending;    /* per receiver: what it refers to */
    size_t n_receivers, cap_receivers;
    struct inhibit_rule *inhibits; /* those of `config`, room for cap_inhibits */
    size_t cap_inhibits;
    struct route_block *roots; /* routes that no route has taken in, newest first */
    struct roster_parts parts;
    struct roster_config on_call;
    bool server_given, priorities_given, deadman_given, limits_given;
};

struct receiver_names {
    const char *file, *fallback;
    int line;
};

/* A route as written; becomes a config_route when the whole file is read. */
struct route_block {
    struct config_route route;
    const char *file;
    const char **receivers; /* names */
    size_t n_receivers;
    const char **active, **mute; /* names of calendars */
    size_t n_active, n_mute;
    bool has_group_by, has_wait, has_interval, has_repeat;
    struct route_block **children;
    size_t n_children;
    bool taken;
    struct route_block *next; /* in config_file.roots */
};

struct config_file *config_file_of(lua_State *L);

/* --- rows (model/config_row.h) --- */
/* Reads the string keys of the table at `idx` into `target`; unknown keys raise. */
void config_rows_read(lua_State *L, int idx, const char *what, const struct row *rows,
                      void *target);

/* --- values --- */
const struct secret *config_secret(lua_State *L, int idx, const char *what);
const struct secret *config_keep_secret(lua_State *L, const char *bytes, size_t len);
const char *config_path(lua_State *L, const char *path);
void config_check_url(lua_State *L, const char *url, const char *what, const char *const *schemes);
void config_check_address(lua_State *L, const char *address, const char *what);
void config_check_plain(lua_State *L, const char *text,
                        const char *what); /* no control characters */
/* Raises with a position other than the current one. */
__attribute__((noreturn, format(printf, 4, 5))) void config_fail_at(lua_State *L, const char *file,
                                                                    int line, const char *fmt, ...);

/* Raises unless the argument is a table, given for the first time. */
void config_once(lua_State *L, bool *given, const char *what);

/* The matchers of a key of the table at 1, in the region; NULL and 0: it is not given. `what` is the block, for
 * errors. */
struct matcher **config_read_match(lua_State *L, const char *what, const char *key, size_t *count);
/* The function of a block with a name, `what "name" { … }`: returns `body`, whose upvalues are the name and its
 * line, and which takes the table. Errors begin with block and name until `body` clears the prefix. */
int config_named(lua_State *L, const char *what, lua_CFunction body);
/* The name at 1 of such a block, checked; Lua's. */
const char *config_name(lua_State *L, const char *what);
struct roster_place config_here(lua_State *L); /* where the file is now */
/* Room in the region for one more of a list of `n`; raises. */
void *config_grow(lua_State *L, void *list, size_t n, size_t *cap, size_t size);

/* --- functions of the file, into the table on top of the stack --- */
void config_server_names(lua_State *L);
int config_limits(lua_State *L); /* limits { … } */
void config_receiver_names(lua_State *L);
void config_route_names(lua_State *L);
void config_inhibit_names(lua_State *L);
void config_calendar_names(lua_State *L);
void config_people_names(lua_State *L);
void config_escalation_names(lua_State *L);
/* After the file has run: names become pointers. Raises. */
void config_resolve(lua_State *L);
void config_resolve_inhibits(lua_State *L); /* raises where two hold each other */
void config_roster_resolve(lua_State *L);   /* after the receivers */

#endif
