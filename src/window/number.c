#include <string.h>

#include "window/kind.h"

void number_encode(struct buf *out, double v)
{
    int64_t whole = v > -9e15 && v < 9e15 ? (int64_t)v : 0;
    double back = (double)whole;

    if (memcmp(&back, &v, sizeof v) == 0) {
        buf_add_varint(out, (((uint64_t)whole << 1) ^ (uint64_t)(whole >> 63)) << 1);
        return;
    }
    buf_add_varint(out, 1);
    buf_add_f64(out, v);
}

double number_decode(struct cursor *c)
{
    uint64_t x = cursor_varint(c);

    if (x & 1)
        return cursor_f64(c);
    x >>= 1;
    return (double)(int64_t)((x >> 1) ^ (0 - (x & 1)));
}
