/* A silence as this room keeps it. */
#ifndef HOLD_RECORD_H
#define HOLD_RECORD_H

#include <assert.h>

#include "tocsin/hold.h"

struct silence_record {
    struct silence s;               /* first: what the door shows */
    bool begun, ended;              /* as it was told, and as what it holds was looked at */
    int64_t next_ms;                /* it begins, ends or is forgotten; 0: it is to be looked at */
    size_t at;                      /* its place in the list of all */
    uint32_t standing;              /* its number in the index, 0: labels do not find it */
    struct silence_record *next_of; /* made for the same incident */
};

static inline struct silence_record *record_of(const struct silence *s)
{
    return (struct silence_record *)s;
}

#endif
