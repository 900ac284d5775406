/* A plan made into a notice, and what stands behind one until its outcome is known. */
#ifndef TOCSIN_NOTIFY_NOTICE_H
#define TOCSIN_NOTIFY_NOTICE_H

#include <stddef.h>
#include <stdint.h>

#include "model/notice.h"
#include "notify/desired.h"

struct entry;
struct notify;

struct claim {     /* behind notice.memory */
    struct block { /* the notice's strings and lists */
        struct block *next;
        size_t used, size;
        max_align_t data[];
    } * blocks;
    struct entry *entry;
    struct notify *notify;
    size_t n_items;
    struct item_told { /* by rising numbers */
        uint32_t n;
        enum item_kind kind;
        int priority;
        int64_t starts_ms;
    } * items;
    uint64_t digest;
    int64_t ack_ms;
};
/* Everything that the message needs, in memory of its own: notify_notice_free(). NULL: no memory. */
struct notice *notice_build(struct notify *n, struct entry *e, const struct plan *p, int64_t at_ms);

#endif
