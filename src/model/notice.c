#include "model/notice.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

const char *const notice_reason_names[NOTICE_REASONS] = {
    [REASON_NONE] = "nothing to tell",
    [REASON_FIRST] = "first notification",
    [REASON_NEW_ALERTS] = "new alerts",
    [REASON_RAISED] = "priority raised",
    [REASON_SILENCE_ENDED] = "was held back until now",
    [REASON_REPEAT] = "repeat",
    [REASON_ACK_ENDED] = "acknowledgement ran out",
    [REASON_LOWERED] = "priority lowered",
    [REASON_SOME_RESOLVED] = "some alerts resolved",
    [REASON_RESOLVED] = "all alerts resolved",
    [REASON_MISSED] = "fired and ended before it could be told",
    [REASON_MOVED] = "routed elsewhere now",
    [REASON_ACK] = "acknowledgement changed",
    [REASON_TEST] = "test",
};

static int by_importance(const void *pa, const void *pb)
{
    const struct notice_alert *a = *(const struct notice_alert *const *)pa,
                              *b = *(const struct notice_alert *const *)pb;

    if (a->changed != b->changed)
        return a->changed ? -1 : 1;
    if (a->changed && a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    return (a > b) - (a < b); /* of one list, which is in order */
}

void notice_rank(const struct notice *x, size_t *rank)
{
    const struct notice_alert **order = mem_alloc((x->n_alerts + 1) * sizeof *order);

    for (size_t i = 0; i < x->n_alerts; i++) {
        rank[i] = i + 1; /* without memory: as they stand */
        if (order)
            order[i] = &x->alerts[i];
    }
    if (order && x->n_alerts > 1)
        qsort(order + 1, x->n_alerts - 1, sizeof *order, by_importance);
    for (size_t i = 0; order && i < x->n_alerts; i++)
        rank[order[i] - x->alerts] = i + 1;
    assert(x->n_alerts == 0 || rank[0] == 1); /* the head is kept longest */
    mem_free(order);
}
