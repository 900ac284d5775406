#include "window/kind.h"

#include <string.h>

#include "window/members.h"
#include "window/ring.h"

const struct leaf_kind *leaf_kind_of(const struct leaf_spec *spec)
{
    static const struct leaf_kind *const kinds[LEAF_FNS] = {
        [LEAF_LAST] = &kind_last,
        [LEAF_RATE] = &kind_rate,
        [LEAF_INCREASE] = &kind_sum,
        [LEAF_IRATE] = &kind_irate,
        [LEAF_COUNT] = &kind_sum,
        [LEAF_SUM] = &kind_total,
        [LEAF_AVG] = &kind_avg,
        [LEAF_MIN] = &kind_min,
        [LEAF_MAX] = &kind_max,
        [LEAF_FIRST] = &kind_ends,
        [LEAF_DELTA] = &kind_ends,
        [LEAF_STDDEV] = &kind_stddev,
        [LEAF_CHANGES] = &kind_sum,
        [LEAF_RESETS] = &kind_sum,
        [LEAF_SINCE_LAST] = &kind_since_last,
        [LEAF_QUANTILE] = &kind_quantile,
        [LEAF_FRACTION_BELOW] = &kind_quantile,
    };

    /* Without an offset the newest value is all that can be asked for. */
    if (spec->offset_ms > 0 && (spec->fn == LEAF_LAST || spec->fn == LEAF_IRATE))
        return &kind_ends;
    return kinds[spec->fn];
}

/* newest | flags | what the kind keeps */
void slot_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    buf_add_zigzag(out, leaf_wall_ms(l, s->newest_ms));
    buf_add_u8(out, (uint8_t)(s->flags & (SLOT_ZERO | SLOT_STALE | SLOT_SET)));
    if (s->flags & SLOT_SET)
        members_encode(l, s, out);
    else if (l->kind->cell)
        ring_encode(l, s, out);
    else
        l->kind->encode(l, s, out);
}

int slot_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c)
{
    int64_t newest = cursor_zigzag(c);
    uint8_t flags = cursor_u8(c);

    if (c->failed || newest < 0 || newest > TIME_MAX_MS ||
        (flags & ~(SLOT_ZERO | SLOT_STALE | SLOT_SET)) ||
        ((flags & SLOT_SET) && !members_wanted(l)))
        return -1;
    s->newest_ms = newest;
    s->flags = (s->flags & SLOT_HIDDEN) | (flags & 15u);
    if (flags & SLOT_SET)
        return members_decode(w, l, s, c);
    return l->kind->cell ? ring_decode(l, s, c) : l->kind->decode(w, l, s, c);
}

int slot_merge(struct windows *w, const struct leaf *l, struct slot *into,
               const struct leaf *from_leaf, const struct slot *from)
{
    int done = 0;

    if (from->newest_ms == 0)
        return 0;
    if ((into->flags | from->flags) & SLOT_SET)
        done = members_merge(w, l, into, from_leaf, from);
    else if (l->kind->cell)
        ring_merge(l, into, from);
    else
        done = l->kind->merge(w, l, into, from_leaf, from);
    if (done != 0)
        return -1;
    if (from->newest_ms > into->newest_ms)
        into->flags = (into->flags & (15u - SLOT_STALE)) | (from->flags & SLOT_STALE);
    if (from->flags & SLOT_ZERO)
        slot_flag(into, SLOT_ZERO);
    slot_note(into, from->newest_ms);
    return 0;
}

void slot_clear(struct windows *w, const struct leaf *l, struct slot *s, bool keep_rows)
{
    if (s->flags & SLOT_SET)
        members_clear(w, s);
    else if (l->kind->clear)
        l->kind->clear(w, l, s, keep_rows);
    s->newest_ms = 0;
    s->head = 0;
    s->flags = s->flags & SLOT_HIDDEN;
}
