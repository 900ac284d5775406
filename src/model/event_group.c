#include "model/event_group.h"

#include <assert.h>
#include <string.h>

static bool is_named(const struct leaf_spec *s, const struct label *f)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (strlen(s->labels[i]) == f->name_len && memcmp(s->labels[i], f->name, f->name_len) == 0)
            return true;
    return false;
}

size_t event_group(const struct leaf_spec *s, const struct logevent *e, struct label *out)
{
    size_t n = 0;

    if (s->grouping == LEAF_PER_SERIES || (s->grouping == LEAF_BY && !s->n_labels))
        return 0;
    for (uint32_t i = 0; i < e->n_fields && n < LABELS_MAX; i++)
        if (is_named(s, &e->fields[i]) == (s->grouping == LEAF_BY))
            out[n++] = e->fields[i];
    return n;
}

bool event_group_redact(const struct redact_also *also, struct label *l, size_t n, struct buf *room)
{
    uint32_t len[LABELS_MAX];
    size_t at = 0;

    assert(n <= LABELS_MAX && room->len == 0);
    for (size_t i = 0; i < n; i++) {
        size_t from = room->len;

        if (redact_is_secret(also, l[i].name, l[i].name_len))
            buf_adds(room, REDACTED);
        else
            redact_text(also, l[i].value, l[i].value_len, room);
        len[i] = (uint32_t)(room->len - from);
    }
    if (!buf_ok(room))
        return false;
    for (size_t i = 0; i < n; at += len[i++])
        if (len[i] != l[i].value_len || memcmp(room->data + at, l[i].value, len[i]) != 0) {
            l[i].value = room->data + at;
            l[i].value_len = len[i];
        }
    return true;
}
