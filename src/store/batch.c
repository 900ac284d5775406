#include "store/batch.h"

#include <string.h>

#include "base/mem.h"

void batch_init(struct batch *b)
{
    *b = (struct batch){.end = &b->first};
}

static void change_free(struct change *c)
{
    if (!c)
        return;
    mem_free(c->field);
    mem_free(c->value);
    mem_free(c);
}

void batch_clear(struct batch *b)
{
    changes_free(b->first);
    map_free(b->by_field, NULL);
    batch_init(b);
}

static struct change *change_new(const char *field, size_t field_len)
{
    struct change *c = mem_zalloc(sizeof *c);

    if (!c)
        return NULL;
    c->field = mem_dup(field, field_len);
    c->field_len = field_len;
    if (!c->field) {
        mem_free(c);
        return NULL;
    }
    return c;
}

static void append(struct batch *b, struct change *c)
{
    c->next = NULL;
    *b->end = c;
    b->end = &c->next;
    b->n++;
    b->bytes += c->field_len + c->len;
}

/* The change of that field, made when there is none. */
static struct change *change_of(struct batch *b, const char *field, size_t field_len)
{
    struct change *c;

    if (!b->by_field && !(b->by_field = map_new()))
        return NULL;
    c = map_get(b->by_field, field, field_len);
    if (c)
        return c;
    c = change_new(field, field_len);
    if (!c || map_put(b->by_field, field, field_len, c, NULL) != 0) {
        change_free(c);
        return NULL;
    }
    append(b, c);
    return c;
}

int batch_put(struct batch *b, const char *field, size_t field_len, const char *value, size_t len,
              int64_t score)
{
    char *copy = value ? mem_dup(value, len) : NULL;
    struct change *c;

    if (value && !copy)
        return -1;
    c = change_of(b, field, field_len);
    if (!c) {
        mem_free(copy);
        return -1;
    }
    b->bytes -= c->len;
    mem_free(c->value);
    c->value = copy;
    c->len = value ? len : 0;
    c->score = score;
    b->bytes += c->len;
    return 0;
}

struct change *batch_take(struct batch *b)
{
    struct change *c = b->first;

    if (!c)
        return NULL;
    b->first = c->next;
    if (!b->first)
        b->end = &b->first;
    b->n--;
    b->bytes -= c->field_len + c->len;
    map_remove(b->by_field, c->field, c->field_len);
    return c;
}

void changes_free(struct change *list)
{
    while (list) {
        struct change *c = list;

        list = c->next;
        change_free(c);
    }
}

int batch_give_back(struct batch *b, struct change *older)
{
    int rc = 0;

    while (older) {
        struct change *c = older;

        older = c->next;
        if (!b->by_field && !(b->by_field = map_new())) {
            change_free(c);
            rc = -1;
        } else if (map_get(b->by_field, c->field, c->field_len)) {
            change_free(c);
        } else if (map_put(b->by_field, c->field, c->field_len, c, NULL) != 0) {
            change_free(c);
            rc = -1;
        } else {
            append(b, c);
        }
    }
    return rc;
}
