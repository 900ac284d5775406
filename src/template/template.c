/* A template and its calls. Each has a Lua state of its own, so that one that fails or is greedy takes
 * nothing from the others; the state runs one message at a time, since budgets belong to it. A rendering is
 * a coroutine: it pauses between values that go in or come out, and where a hook finds the slice over. A
 * thread was dropped: the state, its regions and what it logs are the loop's. */
#include "tocsin/template.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "script/safelib.h"
#include "script/script.h"
#include "template/template_impl.h"

#define TEMPLATE_HEAP         SANDBOX_HEAP
#define TEMPLATE_INSTRUCTIONS 2000000
#define TEMPLATE_CPU_MS       200
#define TEMPLATE_RESULT       ((size_t)1 << 20)

struct template
{
    struct script script; /* first */
    int function;         /* registry */
    bool running;         /* of one message at a time: its budget is that of the state */
};

static void loaded(lua_State *L)
{
    struct template *t = (struct template *)script_of(L);

    if (!lua_isfunction(L, -1))
        sandbox_fail(L, "a template returns a function: return function(msg) … end");
    t->function = luaL_ref(L, LUA_REGISTRYINDEX);
}

static const struct script_kind message = {template_names, safelib_unknown, loaded};

struct template *template_load(const char *path, const char *text, size_t len, struct err *e)
{
    struct sandbox_limits limits = {.max_heap = TEMPLATE_HEAP};
    struct template *t = mem_zalloc(sizeof *t);

    if (!t)
        return err_set(e, ERR_MEMORY, "%s: not enough memory", path), NULL;
    if (script_open(&t->script, path, NULL, &limits, e) < 0) {
        mem_free(t);
        return NULL;
    }
    if (script_load(&t->script, &message, text, len, e) < 0) {
        template_free(t);
        return NULL;
    }
    t->script.box.doing = "rendering";
    return t;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    script_free(&t->script);
    mem_free(t);
}

/* --- rendering; whoever wants it in one go gives no slice ------------------------------------------- */

#define VALUES_A_STEP 5000 /* that go in or come out between two pauses: some 2 ms */

struct template_run {
    struct template *template;
    const struct template_value *input;
    struct template_tree *result;
    lua_State *co;
    int co_ref; /* registry */
    struct template_walk walk;
    bool ended;
};

static struct template_run *run_of(lua_KContext ctx)
{
    return (struct template_run *)ctx;
}

static int pull(lua_State *L, int status, lua_KContext ctx)
{
    struct template_run *r = run_of(ctx);

    (void)status;
    while (!template_pull_some(L, r->result, &r->walk, VALUES_A_STEP))
        if (sandbox_in_slice(L))
            return lua_yieldk(L, 0, ctx, pull);
    return 0;
}

static int called(lua_State *L, int status, lua_KContext ctx)
{
    struct template_run *r = run_of(ctx);

    if (!lua_istable(L, -1) && lua_type(L, -1) != LUA_TSTRING)
        sandbox_fail(L, "the template returned %s instead of a table or a text",
                     luaL_typename(L, -1));
    template_pull_begin(L, r->result, &r->walk);
    return pull(L, status, ctx);
}

static int push(lua_State *L, int status, lua_KContext ctx)
{
    struct template_run *r = run_of(ctx);

    (void)status;
    while (!template_push_some(L, &r->walk, VALUES_A_STEP))
        if (sandbox_in_slice(L))
            return lua_yieldk(L, 0, ctx, push);
    lua_callk(L, 1, 1, ctx, called);
    return called(L, LUA_OK, ctx);
}

static int render(lua_State *L)
{
    struct template_run *r = lua_touserdata(L, lua_upvalueindex(1));

    lua_rawgeti(L, LUA_REGISTRYINDEX, r->template->function);
    template_push_begin(L, &r->walk, r->input);
    return push(L, LUA_OK, (lua_KContext)r);
}

static int prepare(lua_State *L)
{
    struct template_run *r = lua_touserdata(L, 1);
    lua_State *co = lua_newthread(L);

    r->co_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    r->co = co;
    lua_pushlightuserdata(co, r);
    lua_pushcclosure(co, render, 1);
    return 0;
}

struct template_run *template_begin(struct template *t, const struct template_value *input,
                                    const struct template_budget *b, struct err *e)
{
    static const struct template_budget none;
    struct template_run *r = mem_zalloc(sizeof *r);
    struct sandbox *s = &t->script.box;

    assert(!t->running);
    b = b ? b : &none;
    if (r)
        r->result = template_tree_sized(b->max_bytes ? b->max_bytes : TEMPLATE_RESULT);
    if (!r || !r->result) {
        mem_free(r);
        return err_set(e, ERR_MEMORY, "%s: not enough memory", t->script.file), NULL;
    }
    r->template = t;
    r->input = input;
    r->co_ref = LUA_NOREF;
    t->running = true;
    sandbox_budget(s, b->instructions ? b->instructions : TEMPLATE_INSTRUCTIONS,
                   b->cpu_ms ? b->cpu_ms : TEMPLATE_CPU_MS);
    if (sandbox_run(s, prepare, r, e) < 0) {
        template_tree_free(template_end(r));
        return NULL;
    }
    return r;
}

int template_step(struct template_run *r, int64_t slice_us, struct err *e)
{
    int rc;

    assert(!r->ended && r->template->running);
    rc = sandbox_resume(&r->template->script.box, r->co, slice_us, e);
    r->ended = rc != 0;
    if (rc < 0) {
        template_tree_free(r->result);
        r->result = NULL;
    }
    return rc;
}

struct template_tree *template_end(struct template_run *r)
{
    struct template_tree *result;

    if (!r)
        return NULL;
    result = r->result;
    if (!r->ended) {
        template_tree_free(result);
        result = NULL;
    }
    luaL_unref(r->template->script.box.L, LUA_REGISTRYINDEX, r->co_ref);
    r->template->running = false;
    mem_free(r);
    return result;
}

struct template_tree *template_render(struct template *t, const struct template_value *input,
                                      const struct template_budget *b, struct err *e)
{
    struct template_run *r = template_begin(t, input, b, e);

    while (r && template_step(r, 0, e) == 0)
        continue;
    return template_end(r);
}
