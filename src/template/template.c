#include "tocsin/template.h"

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

struct rendering {
    struct template *template;
    const struct template_value *input;
    struct template_tree *result;
};

static int render(lua_State *L)
{
    struct rendering *r = lua_touserdata(L, 1);

    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->template->function);
    template_push(L, r->input);
    lua_call(L, 1, 1);
    if (!lua_istable(L, 1) && lua_type(L, 1) != LUA_TSTRING)
        sandbox_fail(L, "the template returned %s instead of a table or a text",
                     luaL_typename(L, 1));
    template_pull(L, 1, r->result, template_tree_root(r->result));
    return 0;
}

struct template_tree *template_render(struct template *t, const struct template_value *input,
                                      const struct template_budget *b, struct err *e)
{
    static const struct template_budget none;
    struct rendering r = {t, input, NULL};
    struct sandbox *s = &t->script.box;

    b = b ? b : &none;
    r.result = template_tree_sized(b->max_bytes ? b->max_bytes : TEMPLATE_RESULT);
    if (!r.result)
        return err_set(e, ERR_MEMORY, "%s: not enough memory", t->script.file), NULL;
    sandbox_budget(s, b->instructions ? b->instructions : TEMPLATE_INSTRUCTIONS,
                   b->cpu_ms ? b->cpu_ms : TEMPLATE_CPU_MS);
    if (sandbox_run(s, render, &r, e) < 0) {
        template_tree_free(r.result);
        return NULL;
    }
    return r.result;
}
