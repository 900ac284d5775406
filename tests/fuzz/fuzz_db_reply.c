/* Replies from a peer that may be anything: fed in pieces, read to the end, every byte of every
 * accepted reply touched. */
#include <stdint.h>
#include <stdlib.h>

#include "redis/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

volatile uint64_t touched; /* so that reading is not optimised away */

static uint64_t touch(const struct reply *r)
{
    uint64_t sum = (uint64_t)r->number;

    for (size_t i = 0; r->text && i <= r->len; i++)
        sum += (unsigned char)r->text[i];
    for (size_t i = 0; i < r->n_items; i++)
        sum += touch(&r->items[i]);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer *a = answer_new();
    size_t step = size > 0 ? data[0] % 16 + 1u : 1;
    const struct reply *r;
    struct err e;
    int rc = 0;

    for (size_t i = 1; a && i < size && rc >= 0; i += step) {
        rc = answer_feed(a, data + i, size - i < step ? size - i : step, &e);
        while (rc >= 0 && (rc = answer_next(a, &r, &e)) == 1)
            touched = touch(r);
    }
    answer_free(a);
    return 0;
}
