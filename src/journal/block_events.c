#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "journal/block.h"

/* Log events of a block:
 *
 *   names v, (length v, bytes) …            each field name once, in the order of first use
 *   then for each event: time z (- the last event's, at first recv_ms) | fields v |
 *                        (name's number v, length v, bytes) …
 *
 * With no events there is nothing at all. zstd finds what the values have in common. */

/* The number of a name + 1 is kept as the map's pointer. */
static int number_of(struct map *names, const struct label *l, struct buf *list, size_t *n)
{
    void *have = map_get(names, l->name, l->name_len);

    if (have)
        return (int)((uintptr_t)have - 1);
    if (map_put(names, l->name, l->name_len, (void *)(uintptr_t)(*n + 1), NULL) != 0)
        return -1;
    buf_add_bytes(list, l->name, l->name_len);
    return (int)(*n)++;
}

static int put_all(const struct logevent *events, size_t n, int64_t recv_ms, struct map *names,
                   struct buf *list, size_t *n_names, struct buf *out)
{
    int64_t last = recv_ms;

    for (size_t i = 0; i < n; i++) {
        const struct logevent *ev = &events[i];

        buf_add_zigzag(out, (int64_t)((uint64_t)ev->t_ms - (uint64_t)last));
        buf_add_varint(out, ev->n_fields);
        last = ev->t_ms;
        for (uint32_t k = 0; k < ev->n_fields; k++) {
            int name = number_of(names, &ev->fields[k], list, n_names);

            if (name < 0)
                return -1;
            buf_add_varint(out, (uint64_t)name);
            buf_add_bytes(out, ev->fields[k].value, ev->fields[k].value_len);
        }
    }
    return 0;
}

int block_put_events(const struct logevent *events, size_t n, int64_t recv_ms, struct buf *out)
{
    struct buf list = BUF_INIT, rest = BUF_INIT;
    struct map *names;
    size_t n_names = 0;
    int rc = -1;

    if (n == 0)
        return 0;
    names = map_new();
    if (names && put_all(events, n, recv_ms, names, &list, &n_names, &rest) == 0 && buf_ok(&list) &&
        buf_ok(&rest)) {
        buf_add_varint(out, n_names);
        buf_add(out, list.data, list.len);
        buf_add(out, rest.data, rest.len);
        rc = 0;
    }
    map_free(names, NULL);
    buf_free(&list);
    buf_free(&rest);
    return rc;
}

static int take_names(struct cursor *in, struct block_view *v)
{
    uint64_t n = cursor_varint(in);
    void *names = v->names;

    if (in->failed || n > cursor_left(in))
        return -1;
    if (mem_grow(&names, &v->cap_names, (size_t)n + 1, sizeof *v->names) != 0)
        return -1;
    v->names = names;
    for (v->n_names = 0; v->n_names < n; v->n_names++) {
        size_t len;
        const char *p = cursor_bytes(in, &len);

        if (!p || len > UINT32_MAX)
            return -1;
        v->names[v->n_names] = (struct label){.name = p, .name_len = (uint32_t)len};
    }
    return 0;
}

static int take_fields(struct cursor *in, size_t n, struct block_view *v)
{
    void *fields = v->fields;

    if (mem_grow(&fields, &v->cap_fields, v->n_fields + n + 1, sizeof *v->fields) != 0)
        return -1;
    v->fields = fields;
    for (size_t i = 0; i < n; i++) {
        struct label *l = &v->fields[v->n_fields];
        uint64_t name = cursor_varint(in);
        size_t len;
        const char *p = cursor_bytes(in, &len);

        if (!p || name >= v->n_names || len > UINT32_MAX)
            return -1;
        *l = v->names[name];
        l->value = p;
        l->value_len = (uint32_t)len;
        v->n_fields++;
    }
    return 0;
}

int block_take_events(struct cursor *in, size_t n, int64_t recv_ms, struct block_view *v)
{
    void *events = v->events;
    uint64_t at = (uint64_t)recv_ms;
    size_t from = 0;

    v->n_fields = 0;
    if (n == 0)
        return cursor_left(in) ? -1 : 0;
    if (take_names(in, v) != 0 || n > cursor_left(in) ||
        mem_grow(&events, &v->cap_events, n, sizeof *v->events) != 0)
        return -1;
    v->events = events;
    for (size_t i = 0; i < n; i++) {
        uint64_t n_fields;

        at += (uint64_t)cursor_zigzag(in);
        n_fields = cursor_varint(in);
        if (in->failed || n_fields > LOGEVENT_FIELDS_MAX ||
            take_fields(in, (size_t)n_fields, v) != 0)
            return -1;
        v->events[i] = (struct logevent){.t_ms = (int64_t)at, .n_fields = (uint32_t)n_fields};
    }
    for (size_t i = 0; i < n; i++) { /* the array stands still now */
        v->events[i].fields = v->fields + from;
        from += v->events[i].n_fields;
    }
    return cursor_left(in) ? -1 : 0;
}
