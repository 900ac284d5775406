/* A number for the text of a node, the same in every process: it is stored with pending alerts. */
#include <string.h>

#include "base/hash.h"
#include "lang/plan.h"

static uint64_t add_str(uint64_t h, const char *s)
{
    return s ? hash_fnv1a(h, s, strlen(s) + 1) : hash_fnv1a(h, "", 1);
}

static uint64_t add_num(uint64_t h, double v)
{
    return hash_fnv1a(h, &v, sizeof v);
}

static uint64_t add_names(uint64_t h, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = add_str(h, names[i]);
    return hash_fnv1a(h, "|", 1);
}

static uint64_t add_leaf(lua_State *L, uint64_t h, const struct leaf_spec *spec)
{
    struct buf text = BUF_INIT;
    bool ok;

    leaf_text(spec, &text);
    h = add_str(h, buf_str(&text));
    ok = buf_ok(&text);
    buf_free(&text);
    if (!ok)
        sandbox_no_memory(L);
    return h;
}

uint64_t plan_hash(lua_State *L, const struct node *n)
{
    const struct expr *x = &n->x, *child[] = {x->a, x->b, x->c};
    uint64_t h = add_num(FNV_START, x->kind);

    h = add_num(h, x->kind == EXPR_ARITH ? (double)x->op
                   : x->kind == EXPR_FN  ? (double)x->fn
                   : x->kind == EXPR_AGG ? (double)x->agg
                   : x->kind == COND_CMP ? (double)x->cmp
                                         : 0);
    h = add_num(h, x->num);
    h = add_num(h, (double)x->ms + x->without);
    h = add_names(h, x->labels, x->n_labels);
    if (x->leaf)
        h = add_leaf(L, h, x->leaf);
    if (x->per) {
        h = add_num(add_str(h, x->per->label), x->per->fallback);
        for (size_t i = 0; i < x->per->n_rows; i++)
            h = add_num(add_str(h, x->per->rows[i].pattern), x->per->rows[i].v);
    }
    if (x->firing) {
        h = add_num(add_str(h, x->firing->rule), x->firing->level + 10 * x->firing->by_given);
        h = add_names(h, x->firing->by, x->firing->n_by);
    }
    for (size_t i = 0; i < 3; i++)
        h = child[i] ? hash_fnv1a(h, &node_of(child[i])->hash, sizeof h) : add_num(h, -1);
    return h;
}
