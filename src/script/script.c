/* A file being loaded: what it reads, what it includes, and the memory of what it becomes.
 * It may read only below its root: no "..", and the real paths decide, since a link may lead out. All it has
 * read are its inputs: a reload looks at them to know whether it changed. Memory is in two regions, what
 * stays and what only loading needs, freed as a whole; so an error may be raised anywhere. Chunks share one
 * environment that can be exchanged when loading ends. */
#include "script/script.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "script/safelib.h"

#define INCLUDE_DEPTH 16
#define REGION_MAX    ((size_t)64 << 20)

static const char env_key, chunks_key, included_key; /* registry */

int script_open(struct script *s, const char *path, const struct script_reader *reader,
                const struct sandbox_limits *l, struct err *e)
{
    *s = (struct script){0};
    if (reader)
        s->reader = *reader;
    region_init(&s->region, REGION_MAX);
    region_init(&s->scratch, REGION_MAX);
    s->path = region_strdup(&s->region, path);
    if (!s->path) {
        region_free(&s->region);
        return err_set(e, ERR_MEMORY, "%s: not enough memory", path);
    }
    s->file = sandbox_basename(s->path);
    if (sandbox_open(&s->box, s->file, l, e) < 0) {
        region_free(&s->region);
        return -1;
    }
    s->box.owner = s;
    return 0;
}

void script_loaded(struct script *s)
{
    region_free(&s->scratch);
    map_free(s->regexes, NULL); /* the matchers are owned by the list */
    s->regexes = NULL;
}

void script_free(struct script *s)
{
    sandbox_close(&s->box);
    script_loaded(s);
    for (size_t i = 0; i < s->n_matchers; i++)
        matcher_unref(s->matchers[i]);
    mem_free(s->matchers);
    s->matchers = NULL;
    s->n_matchers = 0;
    region_free(&s->region);
}

struct script *script_of(lua_State *L)
{
    return sandbox_of(L)->owner;
}

static void *allocate(lua_State *L, struct region *from, size_t n)
{
    void *p;

    if (script_of(L)->box.deciding)
        sandbox_fail(L, "expressions are built while loading; a `when` function sees plain numbers "
                        "(declare what it needs in `inputs`)");
    p = region_alloc(from, n);
    if (!p && from->total + n > from->max)
        sandbox_fail(L, "more than %zu MiB for what this file defines", from->max >> 20);
    if (!p)
        sandbox_no_memory(L);
    return p;
}

void *script_alloc(lua_State *L, size_t n)
{
    return allocate(L, &script_of(L)->region, n);
}

void *script_scratch(lua_State *L, size_t n)
{
    return allocate(L, &script_of(L)->scratch, n);
}

const char *script_dup(lua_State *L, const char *text, size_t len)
{
    const char *p = region_dup(&script_of(L)->region, text, len);

    if (!p)
        sandbox_no_memory(L);
    return p;
}

const char *script_string(lua_State *L, int idx)
{
    size_t len, n;
    const char *text = lua_tolstring(L, idx, &len);

    for (size_t i = 0; i < len; i += n) {
        n = text[i] ? text_utf8(text + i, len - i) : 0;
        if (n == 0)
            sandbox_fail(L, "a text has byte %d at place %d, which is not UTF-8 text",
                         (unsigned char)text[i], (int)i + 1);
    }
    return script_dup(L, text, len);
}

void script_keep_all(lua_State *L, struct matcher *const *m, size_t n)
{
    struct script *s = script_of(L);

    if (mem_grow((void **)&s->matchers, &s->cap_matchers, s->n_matchers + n, sizeof *s->matchers) <
        0) {
        for (size_t i = 0; i < n; i++)
            matcher_unref(m[i]);
        sandbox_no_memory(L);
    }
    for (size_t i = 0; i < n; i++)
        s->matchers[s->n_matchers++] = m[i];
}

struct matcher *script_keep(lua_State *L, struct matcher *m)
{
    script_keep_all(L, &m, 1);
    return m;
}

void script_warn(lua_State *L, const char *fmt, ...)
{
    struct script *s = script_of(L);
    char text[512], file[LUA_IDSIZE];
    int line = sandbox_where(L, file, sizeof file);
    size_t n;
    va_list ap;

    if (s->n_warnings == SCRIPT_WARNINGS)
        return;
    n = (size_t)snprintf(text, sizeof text, "%s:%d: %s", file, line, s->box.prefix);
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - n, fmt, ap);
    va_end(ap);
    s->warnings[s->n_warnings] = script_dup(L, text, strlen(text));
    s->n_warnings++;
}

/* --- files below the root --- */

static bool path_is_below(const char *path)
{
    size_t n;

    if (!*path || *path == '/')
        return false;
    for (; *path; path += n + (path[n] == '/')) {
        n = strcspn(path, "/");
        if (n == 2 && path[0] == '.' && path[1] == '.')
            return false;
    }
    return true;
}

/* A symbolic link may lead out of the root: the real paths decide. */
static bool really_below(const char *root, const char *path)
{
    char real_root[PATH_MAX], real[PATH_MAX];
    size_t n;

    if (!realpath(*root ? root : ".", real_root) || !realpath(path, real))
        return false;
    n = strlen(real_root);
    return strncmp(real, real_root, n) == 0 && (real[n] == '/' || n == 1);
}

static char *read_disk(const char *path, size_t max, size_t *len, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *bytes = NULL;
    ssize_t got;

    *len = 0;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        err_set(e, ERR_IO, "%s cannot be read", path);
        goto out;
    }
    if ((uint64_t)st.st_size > max) {
        err_set(e, ERR_LIMIT, "%s is larger than %zu KiB", path, max >> 10);
        goto out;
    }
    bytes = mem_alloc((size_t)st.st_size + 1);
    if (!bytes) {
        err_set(e, ERR_MEMORY, "not enough memory");
        goto out;
    }
    while (*len < (size_t)st.st_size &&
           (got = read(fd, bytes + *len, (size_t)st.st_size - *len)) > 0)
        *len += (size_t)got;
    bytes[*len] = 0;
out:
    if (fd >= 0)
        close(fd);
    return bytes;
}

static void note_content(struct script *s, const char *name, const char *bytes, size_t len)
{
    s->content = hash_mix(s->content, hash_bytes(name, strlen(name)));
    s->content = hash_mix(s->content, hash_bytes(bytes, len));
}

void script_content(lua_State *L, const char *name, const char *bytes, size_t len)
{
    note_content(script_of(L), name, bytes, len);
}

char *script_bytes(lua_State *L, const char *full, const char *shown, size_t max, size_t *len)
{
    struct script *s = script_of(L);
    const struct script_reader *from = &s->reader;
    struct err e = {0};
    char *bytes;

    if (s->n_inputs == SCRIPT_INPUTS)
        sandbox_fail(L, "more than %d files are read", SCRIPT_INPUTS);
    s->inputs[s->n_inputs] = script_dup(L, full, strlen(full)); /* watched, even if missing now */
    s->n_inputs++;
    bytes = from->read ? from->read(full, len, from->arg, &e) : read_disk(full, max, len, &e);
    if (bytes && *len > max) {
        mem_free(bytes);
        sandbox_fail(L, "\"%s\" is larger than %zu KiB", shown, max >> 10);
    }
    if (!bytes && e.code == ERR_MEMORY)
        sandbox_no_memory(L);
    if (!bytes)
        sandbox_fail(L, "\"%s\": %s", shown, e.text);
    note_content(s, full, bytes, *len);
    return bytes;
}

struct reading { /* of one file: freed also when pushing it fails */
    char *bytes;
    size_t len;
};

static int push_reading(lua_State *L)
{
    const struct reading *r = lua_touserdata(L, 1);

    lua_pushlstring(L, r->bytes, r->len);
    return 1;
}

void script_read(lua_State *L, const char *path, size_t max)
{
    const struct script_reader *from = &script_of(L)->reader;
    struct reading r = {0};
    char full[PATH_MAX];
    int status;

    if (!from->root)
        sandbox_fail(L, "\"%s\": files cannot be read here", path);
    if (!path_is_below(path))
        sandbox_fail(L, "\"%s\": a path below %s is needed, without `..`", path,
                     *from->root ? from->root : "this folder");
    if (snprintf(full, sizeof full, "%s%s%s", from->root, *from->root ? "/" : "", path) >=
        (int)sizeof full)
        sandbox_fail(L, "\"%s\": the path is too long", path);
    if (!from->read && !really_below(from->root, full))
        sandbox_fail(L, "\"%s\": there is no such file below %s", path,
                     *from->root ? from->root : "this folder");
    r.bytes = script_bytes(L, full, path, max, &r.len);
    lua_pushcfunction(L, push_reading);
    lua_pushlightuserdata(L, &r);
    status = lua_pcall(L, 1, 1, 0);
    mem_free(r.bytes);
    if (status != LUA_OK)
        lua_error(L);
}

/* --- chunks --- */

static void push_registry_table(lua_State *L, const void *key)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void script_set_env(lua_State *L)
{
    int env = lua_gettop(L);

    push_registry_table(L, &chunks_key);
    for (lua_Integer i = 1; lua_rawgeti(L, env + 1, i) == LUA_TFUNCTION; i++) {
        lua_pushvalue(L, env);
        lua_setupvalue(L, -2, 1);
        lua_pop(L, 1);
    }
    lua_settop(L, env);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &env_key);
}

void script_push_chunk(lua_State *L, const char *name, const char *source, size_t len)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &env_key);
    sandbox_compile(L, name, source, len);
    push_registry_table(L, &chunks_key);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, luaL_len(L, -2) + 1);
    lua_pop(L, 1);
}

void script_chunk(lua_State *L, const char *name, const char *source, size_t len)
{
    script_push_chunk(L, name, source, len);
    lua_call(L, 0, 1);
}

struct loading {
    const struct script_kind *kind;
    const char *text;
    size_t len;
};

static int load(lua_State *L)
{
    const struct loading *l = lua_touserdata(L, 1);

    lua_settop(L, 0);
    safelib_names(L, false);
    l->kind->names(L);
    assert(lua_gettop(L) == 1);
    safelib_env(L, l->kind->unknown);
    script_set_env(L);
    script_chunk(L, script_of(L)->path, l->text, l->len);
    if (l->kind->loaded)
        l->kind->loaded(L);
    return 0;
}

int script_load(struct script *s, const struct script_kind *kind, const char *text, size_t len,
                struct err *e)
{
    struct loading l = {kind, text, len};

    note_content(s, s->path, text, len);
    return sandbox_run(&s->box, load, &l, e);
}

static int have_included(lua_State *L, int status, lua_KContext ctx)
{
    struct script *s = script_of(L);

    (void)status, (void)ctx;
    assert(s->depth > 0);
    s->depth--;
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, lua_tostring(L, 1));
    return 1;
}

/* The file may pause in its slice, as the one that includes it. */
int script_include(lua_State *L)
{
    struct script *s = script_of(L);
    const char *path = luaL_checkstring(L, 1), *source;
    size_t len;

    lua_settop(L, 1);
    push_registry_table(L, &included_key);
    if (lua_getfield(L, 2, path) == LUA_TLIGHTUSERDATA)
        sandbox_fail(L, "include \"%s\": the file includes itself", path);
    if (!lua_isnil(L, -1))
        return 1;
    if (s->depth == INCLUDE_DEPTH)
        sandbox_fail(L, "include \"%s\": nested more than %d deep", path, INCLUDE_DEPTH);
    lua_pushlightuserdata(L, s);
    lua_setfield(L, 2, path);
    script_read(L, path, SANDBOX_SOURCE);
    source = lua_tolstring(L, -1, &len);
    s->depth++;
    script_push_chunk(L, path, source, len);
    lua_callk(L, 0, 1, 0, have_included);
    return have_included(L, LUA_OK, 0);
}
