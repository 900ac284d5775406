/* What metrics count, by the endings of their names, and which thresholds cannot be meant. */
#include <stdio.h>
#include <string.h>

#include "lang/node.h"
#include "script/script.h"

static const struct {
    const char *ending;
    enum dim dim;
} endings[] = {
    {"_seconds", DIM_SECONDS}, {"_ms", DIM_MS},           {"_milliseconds", DIM_MS},
    {"_bytes", DIM_BYTES},     {"_percent", DIM_PERCENT}, {"_ratio", DIM_RATIO},
};

static const struct {
    const char *noun; /* "counts …" */
    const char *eg;   /* a threshold of the right form */
} dims[] = {
    [DIM_SECONDS] = {"seconds", "a time such as above(\"400ms\")"},
    [DIM_MS] = {"milliseconds", NULL},
    [DIM_BYTES] = {"bytes", "a size such as above(\"10GiB\")"},
    [DIM_PERCENT] = {"from 0 to 100", NULL},
    [DIM_RATIO] = {"from 0 to 1", "a share such as above(\"90%\")"},
};

static bool ends(const char *name, size_t n, const char *ending)
{
    size_t k = strlen(ending);

    return n > k && memcmp(name + n - k, ending, k) == 0;
}

enum dim dim_of_name(const char *name)
{
    size_t n = strlen(name);

    if (ends(name, n, "_total"))
        n -= strlen("_total");
    else if (ends(name, n, "_sum"))
        n -= strlen("_sum");
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends(name, n, endings[i].ending))
            return endings[i].dim;
    return DIM_UNKNOWN;
}

static bool fits(enum dim dim, enum unit unit)
{
    switch (unit) {
    case UNIT_RATIO:
        return dim == DIM_RATIO;
    case UNIT_SECONDS:
        return dim == DIM_SECONDS;
    case UNIT_BYTES:
        return dim == DIM_BYTES;
    default:
        return true;
    }
}

void units_check(lua_State *L, const struct node *n, const struct quantity *q, const char *what)
{
    const char *name = n->dim_name ? n->dim_name : "the expression";

    if (n->dim == DIM_UNKNOWN || fits(n->dim, q->unit))
        return;
    if (n->dim == DIM_PERCENT && q->unit == UNIT_RATIO)
        sandbox_fail(L, "%s: \"%s\" is %.14g, but %s counts from 0 to 100: write %s(%.14g)", what,
                     q->text, q->v, name, what, q->v * 100);
    if (n->dim == DIM_MS && q->unit == UNIT_SECONDS)
        sandbox_fail(L, "%s: \"%s\" is %.14g seconds, but %s counts milliseconds: write %s(%.14g)",
                     what, q->text, q->v, name, what, q->v * 1000);
    if (dims[n->dim].eg)
        sandbox_fail(L, "%s: \"%s\" cannot be a value of %s, which counts %s: write %s", what,
                     q->text, name, dims[n->dim].noun, dims[n->dim].eg);
    sandbox_fail(L, "%s: \"%s\" cannot be a value of %s, which counts %s: write a plain number",
                 what, q->text, name, dims[n->dim].noun);
}

void units_arith(struct node *n)
{
    const struct node *a = node_of(n->x.a), *b = node_of(n->x.b);
    bool same = a->dim == b->dim;

    switch (n->x.op) {
    case ARITH_ADD:
    case ARITH_SUB:
        if (same || b->x.kind == EXPR_NUM) {
            n->dim = a->dim;
            n->dim_name = a->dim_name;
        } else if (a->x.kind == EXPR_NUM) {
            n->dim = b->dim;
            n->dim_name = b->dim_name;
        }
        break;
    case ARITH_DIV:
        if (same && a->dim != DIM_UNKNOWN)
            n->dim = DIM_RATIO;
        break;
    default:
        break;
    }
}
