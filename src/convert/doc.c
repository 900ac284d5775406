/* YAML from libyaml's events. Its own tree has no lines of keys and follows aliases into circles; here an
 * alias is the node that its anchor named, which is known only when that node is complete, so no circle can
 * be written. What aliases multiply is counted as it is built: each node knows its weight with all that is
 * below it, so nine levels of nine aliases are refused at the level that is too much, in no time.
 *
 *   events:  map-start  key  list-start  text text  list-end  …
 *   frames:  [map, waiting for a value] [list]                  one for each container that is open
 *
 * Dropped: tags (Alertmanager has none), and what yaml.v2 makes of `yes` and `12:30`: texts stay texts, whoever
 * asks for a truth or a number reads it. */
#include "convert/doc.h"

#include <assert.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"

#define SHOWN_MAX 80

struct frame {
    struct doc_node *node;
    char *anchor; /* in the region; NULL: none */
    struct doc_node **items, **keys;
    size_t n, cap_items, cap_keys;
    struct doc_node *key; /* waits for its value */
};

struct anchor {
    const char *name;
    struct doc_node *node;
};

struct reading {
    struct doc *d;
    const char *name;
    struct err *e;
    struct frame frames[DOC_DEPTH_MAX];
    size_t depth;
    struct anchor anchors[DOC_ALIAS_MAX];
    size_t n_anchors, n_aliases, n_nodes;
};

static int fail(const struct reading *r, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int fail(const struct reading *r, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_setv(r->e, ERR_INPUT, fmt, ap);
    va_end(ap);
    return err_prefix(r->e, "%s:%d", r->name, line);
}

static int no_memory(const struct reading *r)
{
    return err_set(r->e, ERR_MEMORY, "%s: no memory", r->name);
}

static struct doc_node *node_new(struct reading *r, enum doc_kind kind, size_t line)
{
    struct doc_node *n = region_alloc(&r->d->region, sizeof *n);

    if (n)
        *n = (struct doc_node){
            .kind = kind, .line = (int)line + 1, .text = "", .weight = 1, .depth = 1};
    return n;
}

static struct doc_node *find(const struct doc_node *map, const char *key)
{
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->items[i];
    return NULL;
}

static int name_anchor(struct reading *r, const char *name, struct doc_node *n)
{
    if (!name)
        return 0;
    if (r->n_anchors == DOC_ALIAS_MAX)
        return fail(r, n->line, "more than %d anchors", DOC_ALIAS_MAX);
    r->anchors[r->n_anchors++] = (struct anchor){name, n};
    return 0;
}

/* A complete node goes to the container that is open, or is the root. */
static int put(struct reading *r, struct doc_node *n)
{
    struct frame *f = r->depth ? &r->frames[r->depth - 1] : NULL;

    if (!f) {
        r->d->root = n;
        return 0;
    }
    if (f->node->kind == DOC_MAP && !f->key) {
        if (n->kind != DOC_TEXT)
            return fail(r, n->line, "a key is a text");
        f->key = n;
        return 0;
    }
    if (f->node->kind == DOC_MAP && f->n == DOC_KEYS_MAX)
        return fail(r, n->line, "more than %d keys in one map", DOC_KEYS_MAX);
    f->node->weight += n->weight + (f->key ? f->key->weight : 0);
    if (n->depth + 1 > f->node->depth)
        f->node->depth = n->depth + 1;
    if (f->node->weight > DOC_WEIGHT_MAX)
        return fail(r, n->line, "more than %d values, with what aliases repeat", DOC_WEIGHT_MAX);
    if (f->node->depth + r->depth - 1 > DOC_DEPTH_MAX)
        return fail(r, n->line, "nested more than %d deep", DOC_DEPTH_MAX);
    if (mem_grow((void **)&f->items, &f->cap_items, f->n + 1, sizeof(*f->items)) < 0 ||
        mem_grow((void **)&f->keys, &f->cap_keys, f->n + 1, sizeof(*f->keys)) < 0)
        return no_memory(r);
    f->items[f->n] = n;
    f->keys[f->n++] = f->key;
    f->key = NULL;
    return 0;
}

static int begin(struct reading *r, enum doc_kind kind, size_t line, const yaml_char_t *anchor)
{
    struct frame *f;

    if (r->depth == DOC_DEPTH_MAX)
        return fail(r, (int)line + 1, "nested more than %d deep", DOC_DEPTH_MAX);
    f = &r->frames[r->depth];
    *f = (struct frame){.node = node_new(r, kind, line)};
    if (anchor)
        f->anchor = region_strdup(&r->d->region, (const char *)anchor);
    if (!f->node || (anchor && !f->anchor))
        return no_memory(r);
    r->depth++;
    return 0;
}

static bool is_merge(const struct doc_node *key)
{
    return !key->quoted && strcmp(key->text, "<<") == 0;
}

/* What `<<` names, where the map has no such key of its own. */
static int merge(struct reading *r, struct doc_node *map, const struct doc_node *from, size_t room)
{
    if (from->kind == DOC_LIST) {
        for (size_t i = 0; i < from->n; i++)
            if (from->items[i]->kind != DOC_MAP || merge(r, map, from->items[i], room) < 0)
                return fail(r, from->line, "<< takes a map, or a list of maps");
        return 0;
    }
    if (from->kind != DOC_MAP)
        return fail(r, from->line, "<< takes a map, or a list of maps");
    for (size_t i = 0; i < from->n; i++) {
        if (find(map, from->keys[i]->text))
            continue;
        if (map->n == room)
            return fail(r, from->line, "more than %d keys in one map", DOC_KEYS_MAX);
        map->keys[map->n] = from->keys[i];
        map->items[map->n++] = from->items[i];
    }
    return 0;
}

static int end_map(struct reading *r, struct frame *f)
{
    struct doc_node *m = f->node;
    size_t room = f->n;

    for (size_t i = 0; i < f->n; i++)
        if (is_merge(f->keys[i]))
            room = DOC_KEYS_MAX;
    m->items = region_alloc(&r->d->region, (room + 1) * sizeof(*m->items));
    m->keys = region_alloc(&r->d->region, (room + 1) * sizeof(*m->keys));
    if (!m->items || !m->keys)
        return no_memory(r);
    for (size_t i = 0; i < f->n; i++) {
        if (is_merge(f->keys[i]))
            continue;
        if (find(m, f->keys[i]->text))
            return fail(r, f->keys[i]->line, "the key \"%.*s\" stands twice", SHOWN_MAX,
                        f->keys[i]->text);
        m->keys[m->n] = f->keys[i];
        m->items[m->n++] = f->items[i];
    }
    for (size_t i = 0; i < f->n; i++)
        if (is_merge(f->keys[i]) && merge(r, m, f->items[i], room) < 0)
            return -1;
    return 0;
}

static int end(struct reading *r)
{
    struct frame *f = &r->frames[r->depth - 1];
    struct doc_node *n = f->node;
    int rc = 0;

    assert(r->depth > 0);
    if (n->kind == DOC_MAP) {
        rc = end_map(r, f);
    } else {
        n->items = region_alloc(&r->d->region, (f->n + 1) * sizeof(*n->items));
        if (!n->items)
            return no_memory(r);
        for (; n->n < f->n; n->n++)
            n->items[n->n] = f->items[n->n];
    }
    if (rc == 0)
        rc = name_anchor(r, f->anchor, n);
    mem_free(f->items);
    mem_free(f->keys);
    r->depth--;
    return rc == 0 ? put(r, n) : -1;
}

static int text(struct reading *r, const yaml_event_t *ev)
{
    struct doc_node *n = node_new(r, DOC_TEXT, ev->start_mark.line);
    size_t len = ev->data.scalar.length;
    const char *name = (const char *)ev->data.scalar.anchor;

    if (!n)
        return no_memory(r);
    if (memchr(ev->data.scalar.value, 0, len))
        return fail(r, n->line, "a text contains a zero byte");
    n->text = region_dup(&r->d->region, (const char *)ev->data.scalar.value, len);
    n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (name)
        name = region_strdup(&r->d->region, name);
    if (!n->text || (ev->data.scalar.anchor && !name))
        return no_memory(r);
    return name_anchor(r, name, n) < 0 ? -1 : put(r, n);
}

static int alias(struct reading *r, const yaml_event_t *ev)
{
    const char *name = (const char *)ev->data.alias.anchor;
    int line = (int)ev->start_mark.line + 1;

    if (++r->n_aliases > DOC_ALIAS_MAX)
        return fail(r, line, "more than %d aliases", DOC_ALIAS_MAX);
    for (size_t i = r->n_anchors; i-- > 0;)
        if (strcmp(r->anchors[i].name, name) == 0)
            return put(r, r->anchors[i].node);
    return fail(r, line, "*%.*s: no anchor of that name stands before it", SHOWN_MAX, name);
}

/* 1: the document has ended. */
static int step(struct reading *r, const yaml_event_t *ev)
{
    if (ev->type != YAML_MAPPING_END_EVENT && ++r->n_nodes > DOC_WEIGHT_MAX)
        return fail(r, (int)ev->start_mark.line + 1, "more than %d values", DOC_WEIGHT_MAX);
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        return text(r, ev);
    case YAML_ALIAS_EVENT:
        return alias(r, ev);
    case YAML_SEQUENCE_START_EVENT:
        return begin(r, DOC_LIST, ev->start_mark.line, ev->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return begin(r, DOC_MAP, ev->start_mark.line, ev->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return end(r);
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
        return 1;
    default:
        return 0;
    }
}

int doc_read(struct doc *d, const char *name, const char *text_in, size_t len, struct err *e)
{
    struct reading *r = mem_zalloc(sizeof *r);
    yaml_parser_t parser;
    yaml_event_t ev;
    int rc = 0;

    *d = (struct doc){0};
    region_init(&d->region, 16 * DOC_BYTES_MAX);
    if (!r || !yaml_parser_initialize(&parser)) {
        mem_free(r);
        return err_set(e, ERR_MEMORY, "%s: no memory", name);
    }
    *r = (struct reading){.d = d, .name = name, .e = e};
    if (len > DOC_BYTES_MAX)
        rc = err_set(e, ERR_LIMIT, "%s: longer than %zu MiB", name, DOC_BYTES_MAX >> 20);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text_in, len);
    while (rc == 0) {
        if (!yaml_parser_parse(&parser, &ev)) {
            rc = parser.error == YAML_MEMORY_ERROR
                     ? no_memory(r)
                     : fail(r, (int)parser.problem_mark.line + 1, "%s",
                            parser.problem ? parser.problem : "no YAML");
            break;
        }
        rc = step(r, &ev);
        yaml_event_delete(&ev);
    }
    while (r->depth > 0) {
        r->depth--;
        mem_free(r->frames[r->depth].items);
        mem_free(r->frames[r->depth].keys);
    }
    yaml_parser_delete(&parser);
    mem_free(r);
    return rc < 0 ? -1 : 0;
}

void doc_clear(struct doc *d)
{
    region_free(&d->region);
    *d = (struct doc){0};
}

bool doc_is_null(const struct doc_node *n)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    if (!n)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n->kind == DOC_TEXT && !n->quoted && strcmp(n->text, words[i]) == 0)
            return true;
    return false;
}

const struct doc_node *doc_get(const struct doc_node *map, const char *key)
{
    const struct doc_node *n = map && map->kind == DOC_MAP ? find(map, key) : NULL;

    return doc_is_null(n) ? NULL : n;
}
