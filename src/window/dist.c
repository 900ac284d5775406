#include "window/quantile.h"
#include "window/windows.h"

struct dist *dist_new(struct windows *w, size_t bytes, enum dist_mode mode)
{
    struct dist *d = wmem_alloc(&w->mem, bytes);

    if (!d) {
        w->stats.refused_values++;
        return NULL;
    }
    d->bytes = (uint32_t)bytes;
    d->mode = (uint8_t)mode;
    return d;
}

void dist_drop(struct windows *w, struct slot *s)
{
    struct dist *d = dist_of(s);

    if (d)
        wmem_free(&w->mem, d, d->bytes);
    dist_set(s, NULL);
}
