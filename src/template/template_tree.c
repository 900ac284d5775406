/* The plain tree that messages are built as, on both sides of a template.
 * One form for what goes in and what comes out, so that a channel reads the result of a template and what C
 * made alike. All of it is in one region with a bound: a template that builds without end meets it, and the
 * tree goes as a whole. A failed allocation is remembered, not returned: who builds writes forty lines
 * without a check and asks once. Members are lists and found by walking; objects are small. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "script/region.h"
#include "template/template_impl.h"

#define TREE_MAX ((size_t)16 << 20) /* a notice of 1,000 alerts with their log lines takes 5 to 8 */

struct template_tree {
    struct region region;
    struct template_value *root;
    bool failed;
};

struct template_tree *template_tree_sized(size_t max)
{
    struct template_tree *t = mem_zalloc(sizeof *t);

    if (!t)
        return NULL;
    region_init(&t->region, max ? max : TREE_MAX);
    t->root = region_alloc(&t->region, sizeof *t->root);
    if (!t->root) {
        template_tree_free(t);
        return NULL;
    }
    t->root->kind = TEMPLATE_OBJECT;
    return t;
}

struct template_tree *template_tree_new(void)
{
    return template_tree_sized(0);
}

void template_tree_free(struct template_tree *t)
{
    if (!t)
        return;
    region_free(&t->region);
    mem_free(t);
}

bool template_tree_ok(const struct template_tree *t)
{
    return !t->failed;
}

struct template_value *template_tree_root(struct template_tree *t)
{
    return t->root;
}

static void *need(struct template_tree *t, void *p)
{
    if (!p)
        t->failed = true;
    return p;
}

static struct template_value *member(const struct template_value *parent, const char *key)
{
    for (struct template_value *v = parent->first; v; v = v->next)
        if (v->key && v->key[0] == key[0] && strcmp(v->key, key) == 0)
            return v;
    return NULL;
}

struct template_value *template_append(struct template_tree *t, struct template_value *parent,
                                       const char *key, enum template_kind kind)
{
    struct template_value *v;
    const char *name = NULL;

    if (!need(t, parent))
        return NULL;
    assert(parent->kind == TEMPLATE_OBJECT || parent->kind == TEMPLATE_LIST);
    if (parent->kind == TEMPLATE_OBJECT && key) {
        name = need(t, region_strdup(&t->region, key));
        if (!name)
            return NULL;
    }
    v = need(t, region_alloc(&t->region, sizeof *v));
    if (!v)
        return NULL;
    v->kind = kind;
    v->key = name;
    if (parent->last)
        parent->last->next = v;
    else
        parent->first = v;
    parent->last = v;
    parent->n++;
    assert(parent->first && !v->next);
    return v;
}

/* A new member, or the one of that name made empty again. */
static struct template_value *add(struct template_tree *t, struct template_value *parent,
                                  const char *key, enum template_kind kind)
{
    struct template_value *v;

    if (!need(t, parent))
        return NULL;
    v = parent->kind == TEMPLATE_OBJECT && key ? member(parent, key) : NULL;
    if (!v)
        return template_append(t, parent, key, kind);
    v->kind = kind;
    v->first = v->last = NULL;
    v->n = 0;
    return v;
}

struct template_value *template_object(struct template_tree *t, struct template_value *parent,
                                       const char *key)
{
    return add(t, parent, key, TEMPLATE_OBJECT);
}

struct template_value *template_list(struct template_tree *t, struct template_value *parent,
                                     const char *key)
{
    return add(t, parent, key, TEMPLATE_LIST);
}

int template_set_string(struct template_tree *t, struct template_value *v, const char *s,
                        size_t len)
{
    v->kind = TEMPLATE_STRING;
    v->str = need(t, region_dup(&t->region, s, len));
    v->len = v->str ? len : 0;
    return v->str ? 0 : -1;
}

int template_set_number(struct template_tree *t, struct template_value *v, double num)
{
    struct buf text = BUF_INIT;
    int rc;

    text_plain(&text, num);
    rc = buf_ok(&text) ? template_set_string(t, v, buf_str(&text), text.len) : -1;
    t->failed = t->failed || rc < 0;
    buf_free(&text);
    v->kind = TEMPLATE_NUMBER;
    v->num = num;
    return rc;
}

struct template_value *template_string_n(struct template_tree *t, struct template_value *parent,
                                         const char *key, const char *s, size_t len)
{
    struct template_value *v = s ? add(t, parent, key, TEMPLATE_NULL) : NULL;

    if (!v || template_set_string(t, v, s, len) < 0)
        return NULL;
    return v;
}

struct template_value *template_string(struct template_tree *t, struct template_value *parent,
                                       const char *key, const char *s)
{
    return template_string_n(t, parent, key, s, s ? strlen(s) : 0);
}

struct template_value *template_number(struct template_tree *t, struct template_value *parent,
                                       const char *key, double num)
{
    struct template_value *v = add(t, parent, key, TEMPLATE_NULL);

    if (!v || template_set_number(t, v, num) < 0)
        return NULL;
    return v;
}

struct template_value *template_bool(struct template_tree *t, struct template_value *parent,
                                     const char *key, bool flag)
{
    struct template_value *v = add(t, parent, key, TEMPLATE_BOOL);

    if (v)
        v->flag = flag;
    return v;
}

/* --- reading --- */

const struct template_value *template_get(const struct template_value *v, const char *key)
{
    return v && v->kind == TEMPLATE_OBJECT ? member(v, key) : NULL;
}

const char *template_text(const struct template_value *v, const char *key)
{
    const struct template_value *m = template_get(v, key);

    return m && (m->kind == TEMPLATE_STRING || m->kind == TEMPLATE_NUMBER) ? m->str : NULL;
}

static void write_value(struct json *j, const struct template_value *v)
{
    switch (v->kind) {
    case TEMPLATE_NULL:
        json_null(j);
        break;
    case TEMPLATE_BOOL:
        json_bool(j, v->flag);
        break;
    case TEMPLATE_NUMBER:
        if (isfinite(v->num))
            json_raw(j, v->str, v->len);
        else
            json_null(j);
        break;
    case TEMPLATE_STRING:
        json_str_n(j, v->str, v->len);
        break;
    case TEMPLATE_LIST:
        json_array(j);
        for (const struct template_value *m = v->first; m; m = m->next)
            write_value(j, m);
        json_array_end(j);
        break;
    case TEMPLATE_OBJECT:
        json_object(j);
        for (const struct template_value *m = v->first; m; m = m->next) {
            json_key(j, m->key ? m->key : "");
            write_value(j, m);
        }
        json_object_end(j);
        break;
    }
}

void template_json(const struct template_value *v, struct buf *out)
{
    struct json j = json_into(out);

    write_value(&j, v);
}
