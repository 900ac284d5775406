/* How a leaf is cut into panes, and which of them a moment looks at.
 * Everything that depends on the definition alone is computed once: lengths of panes, their number, the
 * stride of a slot, and divisions as multiplications, since each sample divides by them. A window is whole
 * panes and the inside part of the first. Windows that would need more than a group may take are refused,
 * with what to shorten, when the rule loads. */
#include "window/leaf.h"

#include "window/kind.h"
#include "window/quantile.h"
#include "window/windows.h"

#define HOUR_MS        INT64_C(3600000)
#define SLOT_BYTES     262144 /* of one group: a chunk of a cut must hold it */
#define RING_PANES     2048   /* an offset beyond this many makes the panes longer */
#define PAGE_BYTES     8192
#define SKETCH_PANES   192 /* 340 bins of values at least */
#define REGISTER_PANES 400 /* of 1 KiB each */
#define BUCKETS_LEAST  8   /* of a histogram over the longest offset */
#define SPAN_MAX_MS    (INT64_C(400) * 24 * HOUR_MS)

static int64_t panes_over(int64_t ms, int64_t pane_ms)
{
    return (ms + pane_ms - 1) / pane_ms;
}

/* A window over the distant past would need a ring of fine panes as long as the offset: beyond
 * 2,048 of them panes grow up to a fifth of the window, and where even that is too much memory up
 * to half of it. */
static int64_t pane_for(int64_t window_ms, int64_t offset_ms, uint32_t cell)
{
    int64_t pane = leaf_pane_ms(window_ms, false), panes;

    while ((panes = panes_over(window_ms + offset_ms, pane)) > RING_PANES) {
        int64_t longer = leaf_pane_ms(pane * 60 + 1, false);
        bool large = panes * cell > SLOT_BYTES - 4096;

        if (longer <= pane || longer > window_ms / (large ? 2 : 5))
            break;
        pane = longer;
    }
    return pane;
}

/* Sketches and registers are large: an offset makes their panes longer, past the window if need
 * be. */
static int64_t sketch_pane_for(int64_t window_ms, int64_t offset_ms, int64_t most)
{
    int64_t pane = leaf_pane_ms(window_ms, true);

    while (panes_over(window_ms + offset_ms, pane) > most - 64) {
        int64_t longer = leaf_pane_ms(pane * 60 + 1, false);

        if (longer <= pane)
            break;
        pane = longer;
    }
    return pane;
}

/* Panes for the window and the offset, one for each end that cuts a pane, and those ahead. */
static int64_t ring_panes(int64_t window_ms, int64_t offset_ms, int64_t pane_ms)
{
    return panes_over(window_ms, pane_ms) + panes_over(offset_ms + AHEAD_MS, pane_ms) + 1;
}

static void measure_pages(struct leaf *l)
{
    l->pages.shift = 0;
    while (l->pages.shift < 8 && ((size_t)l->pages.stride << (l->pages.shift + 1)) <= PAGE_BYTES)
        l->pages.shift++;
}

static int64_t ttl_of(const struct leaf_spec *spec)
{
    int64_t ttl = spec->source == LEAF_LOGS || spec->fn == LEAF_SINCE_LAST ? 24 * HOUR_MS : HOUR_MS;

    if (spec->fn == LEAF_SINCE_LAST && spec->window_ms > 0)
        return SPAN_MAX_MS + 24 * HOUR_MS; /* of a heartbeat: one of a year is not forgotten */
    if (2 * spec->window_ms > ttl)
        ttl = 2 * spec->window_ms;
    return ttl + spec->offset_ms;
}

static int refuse_long(struct err *e)
{
    return err_set(e, ERR_LIMIT,
                   "window and offset are too long for each other: the panes of one "
                   "group would take more than 256 KiB; use a shorter offset");
}

int leaf_measure(struct leaf *l, const struct leaf_spec *spec, struct err *e)
{
    /* the newest sample has no panes, however long it is remembered */
    int64_t window_ms = spec->fn == LEAF_SINCE_LAST ? 0 : spec->window_ms;
    int64_t pane_ms, sketch_ms, panes, sketch_panes, most;
    size_t stride;

    if (spec->window_ms < 0 || spec->offset_ms < 0 || spec->window_ms > SPAN_MAX_MS ||
        spec->offset_ms > SPAN_MAX_MS)
        return err_set(e, ERR_LIMIT, "window and offset must be between 0 and 400 days");
    l->kind = leaf_kind_of(spec);
    most = l->kind == &kind_quantile ? SKETCH_PANES : REGISTER_PANES;
    pane_ms = pane_for(window_ms, spec->offset_ms, l->kind->cell);
    sketch_ms = sketch_pane_for(window_ms, spec->offset_ms, most);
    panes = ring_panes(window_ms, spec->offset_ms, pane_ms);
    sketch_panes = ring_panes(window_ms, spec->offset_ms, sketch_ms);
    stride = sizeof(struct slot) + l->kind->extra + (size_t)panes * l->kind->cell;
    if (stride > SLOT_BYTES || sketch_panes > most ||
        (l->kind == &kind_quantile && (size_t)panes * BUCKETS_LEAST * 4 > DIST_BYTES / 2))
        return refuse_long(e);
    l->pane = divider_of((uint32_t)(pane_ms / 1000));
    l->ring = divider_of((uint32_t)panes);
    l->sketch = divider_of((uint32_t)(sketch_ms / 1000));
    l->sketch_panes = (uint32_t)sketch_panes;
    l->window_s = (double)spec->window_ms / 1000;
    l->ttl_ms = ttl_of(spec);
    l->pages.stride = (uint32_t)((stride + 7) & ~(size_t)7);
    measure_pages(l);
    return 0;
}

/* The first pane that is not wholly before `from_ms`, and how much of it is inside. */
static uint32_t first_pane(int64_t from_ms, uint32_t pane_s, double *weight)
{
    int64_t pane_ms = (int64_t)pane_s * 1000, lo = from_ms / pane_ms + 1;

    *weight = (double)(lo * pane_ms - from_ms) / (double)pane_ms;
    return (uint32_t)lo;
}

struct span leaf_span(const struct leaf *l, int64_t at_ms)
{
    struct span p = {.to_ms = at_ms - l->moved_ms - l->spec->offset_ms};
    double unused;

    if (p.to_ms < 0)
        p.to_ms = 0;
    if (p.to_ms > TIME_MAX_MS)
        p.to_ms = TIME_MAX_MS;
    p.from_ms = p.to_ms > l->spec->window_ms ? p.to_ms - l->spec->window_ms : 0;
    p.hi = pane_of(l->pane, second_of(p.to_ms));
    p.lo = first_pane(p.from_ms, l->pane.d, &p.weight);
    if (p.lo >= p.hi)
        p.weight = 1; /* the newest pane counts whole */
    p.hi_at = mod32(l->ring, p.hi);
    p.sketch_hi = pane_of(l->sketch, second_of(p.to_ms));
    p.sketch_lo = first_pane(p.from_ms, l->sketch.d, &unused);
    return p;
}

size_t leaf_group_bytes(const struct leaf_spec *spec)
{
    struct leaf l = {.spec = (struct leaf_spec *)(uintptr_t)spec};
    /* labels, references, owner, and a slot of the index that is three quarters full at most */
    size_t bytes = 3 * sizeof(uint32_t) + 14;

    if (leaf_measure(&l, spec, NULL) != 0)
        return SIZE_MAX;
    bytes += l.pages.stride;
    if (l.kind == &kind_quantile)
        bytes += raw_bytes(RAW_MAX, false) + WMEM_OVERHEAD;
    return bytes;
}
