/* A rule file from text to rules, in steps that may pause.
 * The chunk runs on a coroutine in slices of the loop (rulefile_begin() … ), so a long file does not hold
 * it; what C does in between is charged by the bytes. Two phases have two environments: building while it
 * loads; after that tables are frozen, and `when` functions see only what decides. They are tried once, each
 * in a call of its own, so that a mistake is found at load. A file without functions gives its Lua state
 * back, which would be most of its memory. Dropped: a thread for loading, which needs locks around all that
 * it makes. */
#include "lang/rulefile_impl.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lang/language.h"
#include "script/safelib.h"

#define DECIDING_BLOCK ((size_t)256 << 10) /* of one string or table while rules decide */
#define UNITS_PER_BYTE 32 /* of a file: what a long one may cost beyond what every one may */
#define DECIDING_HEAP  ((size_t)8 << 20) /* beyond what the loaded file takes */

struct source {
    const char *text;
    size_t len;
};

static void push_names(lua_State *L)
{
    safelib_names(L, false);
    match_names(L);
    language_selector_names(L);
    language_expr_names(L);
    language_cond_names(L);
    language_alert_names(L);
    language_heartbeat_names(L);
    lua_pushcfunction(L, script_include);
    lua_setfield(L, -2, "include");
    lua_pushcfunction(L, script_data);
    lua_setfield(L, -2, "data");
}

/* A text scan knows the line, the loader the file. */
static void scan(lua_State *L, const struct source *src)
{
    struct err e = {0};

    if (rulefile_scan(src->text, src->len, &e) == 0)
        return;
    if (e.code == ERR_MEMORY)
        sandbox_no_memory(L);
    lua_pushfstring(L, "%s:%d: %s", script_of(L)->file, e.line, e.text);
    lua_error(L);
}

/* Leaves the chunk on the stack of a thread of its own, which the registry holds. */
static int prepare(lua_State *L)
{
    const struct source *src = lua_touserdata(L, 1);
    struct script *s = script_of(L);
    struct rulefile *f = rulefile_of(L);

    lua_settop(L, 0);
    language_metatables(L);
    push_names(L);
    safelib_env(L, language_unknown);
    lua_pushvalue(L, -1);
    script_set_env(L);
    /* compiled first: a syntax error is told better by the compiler than by the scan */
    script_push_chunk(L, s->path, src->text, src->len);
    scan(L, src);
    lua_pushnil(L);
    push_names(L);
    names_check(L, src->text, src->len);
    lua_pop(L, 1);
    f->loading.co = lua_newthread(L);
    f->loading.ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_xmove(L, f->loading.co, 1);
    return 0;
}

static int end_chunk(lua_State *L)
{
    struct rulefile *f = rulefile_of(L);

    luaL_unref(L, LUA_REGISTRYINDEX, f->loading.ref);
    f->loading.co = NULL;
    map_free(f->loading.names, NULL);
    f->loading.names = NULL;
    if (*f->script.box.prefix)
        sandbox_fail(L, "it has no { … }");
    return 0;
}

/* The end of the first phase: other names, frozen tables, and no more building. */
static int end_loading(lua_State *L)
{
    struct rulefile *f = rulefile_of(L);

    when_env(L);
    script_set_env(L);
    for (size_t i = 0; i < f->n_rules; i++) {
        struct rule *r = f->rules[i];

        if (r->def.when < 0)
            continue;
        snprintf(f->script.box.prefix, sizeof f->script.box.prefix,
                 "alert \"%.100s\": ", r->def.name);
        f->script.box.line = r->def.line;
        when_prepare(L, r);
    }
    f->script.box.prefix[0] = 0;
    f->script.box.line = 0;
    return 0;
}

static bool has_when(const struct rulefile *f)
{
    for (size_t i = 0; i < f->n_rules; i++)
        if (f->rules[i]->def.when >= 0)
            return true;
    return false;
}

/* Files without functions need no Lua any more: a state of 30 KiB each would be most of their
 * memory. */
static int end_run(struct rulefile *f, struct err *e)
{
    struct sandbox *s = &f->script.box;

    assert(f->loading.step == LOADING_RUN);
    if (sandbox_run(s, end_chunk, NULL, e) < 0)
        return -1;
    if (!has_when(f)) {
        sandbox_close(s);
        script_loaded(&f->script);
        f->loading.step = LOADING_DONE;
        return 0;
    }
    if (sandbox_run(s, end_loading, NULL, e) < 0)
        return -1;
    s->deciding = true;
    f->loading.step = LOADING_TRY;
    return 0;
}

/* Its functions are tried, one a call. */
static int try_next(struct rulefile *f, struct err *e)
{
    struct sandbox *s = &f->script.box;

    assert(f->loading.step == LOADING_TRY && s->deciding);
    while (f->loading.tried < f->n_rules && f->rules[f->loading.tried]->def.when < 0)
        f->loading.tried++;
    if (f->loading.tried < f->n_rules)
        return when_smoke(f, f->rules[f->loading.tried++], e);
    script_loaded(&f->script);
    lua_gc(s->L, LUA_GCCOLLECT);
    s->max_block = DECIDING_BLOCK;
    if (s->max_heap > s->heap + DECIDING_HEAP)
        s->max_heap = s->heap + DECIDING_HEAP;
    f->loading.step = LOADING_DONE;
    return 0;
}

struct rulefile *rulefile_begin(const char *path, const char *text, size_t len,
                                const struct rulefile_options *o, struct err *e)
{
    static const struct rulefile_options defaults;
    struct source src = {text, len};
    struct script_reader reader;
    struct sandbox_limits limits;
    struct rulefile *f;

    o = o ? o : &defaults;
    reader = (struct script_reader){o->root, o->read, o->arg};
    limits = (struct sandbox_limits){o->max_heap, o->max_instructions, 0};
    if (!limits.instructions)
        limits.instructions = SANDBOX_INSTRUCTIONS + len * UNITS_PER_BYTE;
    f = mem_zalloc(sizeof *f);
    if (!f)
        return err_set(e, ERR_MEMORY, "%s: not enough memory", path), NULL;
    f->refs = 1;
    f->group_ref = LUA_NOREF;
    if (script_open(&f->script, path, &reader, &limits, e) < 0) {
        mem_free(f);
        return NULL;
    }
    if (sandbox_run(&f->script.box, prepare, &src, e) < 0) {
        rulefile_unref(f);
        return NULL;
    }
    f->loading.step = LOADING_RUN;
    assert(f->loading.co && f->refs == 1);
    return f;
}

int rulefile_step(struct rulefile *f, int64_t slice_us, struct err *e)
{
    int rc = 0;

    assert(f->loading.step != LOADING_DONE && f->refs == 1);
    if (f->loading.step == LOADING_RUN) {
        rc = sandbox_resume(&f->script.box, f->loading.co, slice_us, e);
        if (rc <= 0)
            return rc;
        rc = end_run(f, e);
    } else {
        rc = try_next(f, e);
    }
    return rc < 0 ? -1 : f->loading.step == LOADING_DONE;
}

struct rulefile *rulefile_load(const char *path, const char *text, size_t len,
                               const struct rulefile_options *o, struct err *e)
{
    struct rulefile *f = rulefile_begin(path, text, len, o, e);
    int rc = 0;

    while (f && (rc = rulefile_step(f, 0, e)) == 0)
        continue;
    if (rc < 0) {
        rulefile_unref(f);
        return NULL;
    }
    return f;
}

struct rulefile *rulefile_ref(struct rulefile *f)
{
    assert(f->refs > 0);
    f->refs++;
    return f;
}

void rulefile_unref(struct rulefile *f)
{
    assert(!f || f->refs > 0);
    if (!f || --f->refs > 0)
        return;
    script_free(&f->script);
    map_free(f->loading.names, NULL);
    mem_free(f->rules);
    mem_free(f);
}

size_t rulefile_count(const struct rulefile *f)
{
    return f->n_rules;
}

const struct rule_def *rulefile_rule(const struct rulefile *f, size_t i)
{
    assert(i < f->n_rules);
    return &f->rules[i]->def;
}

size_t rulefile_warnings(const struct rulefile *f, const char *const **texts)
{
    *texts = f->script.warnings;
    return f->script.n_warnings;
}

size_t rulefile_inputs(const struct rulefile *f, const char *const **paths)
{
    *paths = f->script.inputs;
    return f->script.n_inputs;
}
