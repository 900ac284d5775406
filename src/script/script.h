/* A file being loaded, whatever it is (rules, configuration, tests): its sandbox, the memory of
 * what it becomes, and what it read besides itself. Each kind of file embeds this first. */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include "base/err.h"
#include "base/map.h"
#include "script/region.h"
#include "script/sandbox.h"
#include "model/matcher.h"

#define SCRIPT_DATA_MAX ((size_t)1 << 20) /* bytes of one data file */
#define SCRIPT_INPUTS   256               /* files one file may read */
#define SCRIPT_WARNINGS 64

struct script_reader {
    const char *root; /* files stay below it; NULL: none may be read */
    char *(*read)(const char *path, size_t *len, void *arg, struct err *e); /* NULL: from disk */
    void *arg;
};

struct script {
    struct sandbox box;      /* box.owner is the script */
    struct region region;    /* what the file becomes */
    struct region scratch;   /* what is needed while it is loaded */
    struct map *regexes;     /* compiled ones, by label and pattern */
    const char *path, *file; /* as given, and its last component */
    struct script_reader reader;
    struct matcher **matchers; /* one reference each */
    size_t n_matchers, cap_matchers;
    const char *inputs[SCRIPT_INPUTS];
    size_t n_inputs;
    uint64_t
        content; /* hash of all that was read, with the names it was read by; of this process */
    const char *warnings[SCRIPT_WARNINGS];
    size_t n_warnings;
    int depth; /* of includes */
};

int script_open(struct script *s, const char *path, const struct script_reader *reader,
                const struct sandbox_limits *l, struct err *e) MUST_USE;
void script_loaded(struct script *s); /* frees what was needed for loading */
void script_free(struct script *s);   /* also ends the Lua state */
struct script *script_of(lua_State *L);

/* In protected calls; each raises when memory fails. */
void *script_alloc(lua_State *L, size_t n);   /* zeroed, of the script's region */
void *script_scratch(lua_State *L, size_t n); /* zeroed, freed when the file is loaded */
const char *script_dup(lua_State *L, const char *text, size_t len);
const char *script_string(lua_State *L, int idx);             /* a copy of a Lua string */
struct matcher *script_keep(lua_State *L, struct matcher *m); /* takes the reference over */
void script_keep_all(lua_State *L, struct matcher *const *m, size_t n); /* all of them */
__attribute__((format(printf, 2, 3))) void script_warn(lua_State *L, const char *fmt, ...);

/* The bytes of any file (mem_free() them; nothing may be raised before that); it becomes an
 * input. `shown` is its name in errors. */
char *script_bytes(lua_State *L, const char *full, const char *shown, size_t max, size_t *len);
/* What was read from elsewhere than a file (a variable) is part of `content`. */
void script_content(lua_State *L, const char *name, const char *bytes, size_t len);
/* The bytes of a file below the root, pushed as a string; it becomes an input. */
void script_read(lua_State *L, const char *path, size_t max);
/* A kind of file that is loaded in one go. Both are called in the protected call, and may raise. */
struct script_kind {
    void (*names)(
        lua_State *L);     /* adds its names to the table on top, which has those of all files */
    lua_CFunction unknown; /* what reading another name calls: see safelib_env() */
    void (*loaded)(lua_State *L); /* the value that the file returned is on top; NULL: no matter */
};
/* Runs the text of an open script as that kind. -1 with `e`. */
int script_load(struct script *s, const struct script_kind *kind, const char *text, size_t len,
                struct err *e) MUST_USE;
/* Pushes a chunk whose environment is that of the script. */
void script_push_chunk(lua_State *L, const char *name, const char *source, size_t len);
/* Runs a chunk whose environment is that of the script; leaves what it returned. */
void script_chunk(lua_State *L, const char *name, const char *source, size_t len);
/* Sets the environment (on top of the stack, popped) of all chunks, also those that ran. */
void script_set_env(lua_State *L);
/* include "path": the value that the file returned; each file runs once. */
int script_include(lua_State *L);
/* data "path": the contents of a .csv or .json file as tables. */
int script_data(lua_State *L);

#endif
