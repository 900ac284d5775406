/* What is asked of silences, and what follows when one begins or ends. Making them, with guard rails, is
 * in silence_make.c. */
#include "notify/silence.h"

#include <stdlib.h>

#include "base/mem.h"
#include "notify/hold_spread.h"
#include "notify/notify_impl.h"
#include "notify/silence_rails.h"

#define CHANGES_A_RUN 1000 /* silences that begin, end or are forgotten, of some us each */

const struct silence *notify_silence_find(const struct notify *n, const char *id)
{
    return holds_silence(n->holds, id);
}

struct walk {
    int64_t at_ms;
};

/* Active by soonest end, pending by soonest start, expired by latest end. */
static int in_order(const void *pa, const void *pb, void *arg)
{
    const struct silence *a = *(struct silence *const *)pa, *b = *(struct silence *const *)pb;
    int64_t at_ms = ((struct walk *)arg)->at_ms, x, y;
    enum silence_state sa = silence_state(a, at_ms), sb = silence_state(b, at_ms);
    static const int rank[] = {[SILENCE_ACTIVE] = 0, [SILENCE_PENDING] = 1, [SILENCE_EXPIRED] = 2};

    if (sa != sb)
        return rank[sa] - rank[sb];
    x = sa == SILENCE_PENDING ? a->starts_ms : a->ends_ms;
    y = sa == SILENCE_PENDING ? b->starts_ms : b->ends_ms;
    if (sa == SILENCE_EXPIRED)
        return (x < y) - (x > y);
    return (x > y) - (x < y);
}

void notify_silences(const struct notify *n, void (*each)(const struct silence *s, void *arg),
                     void *arg)
{
    struct walk w = {notify_now(n)};
    size_t count = holds_count(n->holds);
    const struct silence **list = mem_alloc((count + 1) * sizeof *list);

    if (!list)
        return;
    for (size_t i = 0; i < count; i++)
        list[i] = holds_at(n->holds, i);
    qsort_r(list, count, sizeof *list, in_order, &w);
    for (size_t i = 0; i < count; i++)
        each(list[i], arg);
    mem_free(list);
}

static void has_changed(const struct silence *s, void *arg)
{
    hold_spread_add(arg, s);
}

static void is_forgotten(const struct silence *s, void *arg)
{
    struct notify *n = arg;

    hold_spread_forget(n, s);
    if (n->silences_table)
        store_del(n->silences_table, s->id);
}

bool silences_tick(struct notify *n, int64_t at_ms, struct slice *slice)
{
    struct holds_tick tell = {.changed = has_changed, .forgotten = is_forgotten, .arg = n};
    bool told = holds_tick(n->holds, at_ms, n->o.loop ? CHANGES_A_RUN : SIZE_MAX, &tell);

    if (!told) /* the others hold by now, or no more */
        hold_spread_wait(n);
    return hold_spread_step(n, told, slice) && told;
}

void silence_json(const struct silence *s, const struct silence_preview *p, int64_t at_ms,
                  struct buf *out)
{
    struct json j = json_into(out);

    json_object(&j);
    silence_write(s, &j);
    json_key(&j, "status");
    json_object(&j);
    json_kstr(&j, "state", silence_state_names[silence_state(s, at_ms)]);
    json_object_end(&j);
    if (p) {
        json_key(&j, "mutes");
        json_object(&j);
        json_kint(&j, "now", (int64_t)p->now);
        json_kint(&j, "week", (int64_t)p->week);
        json_object_end(&j);
    }
    json_object_end(&j);
}
