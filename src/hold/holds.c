/* All silences, and what holds an alert.
 *
 * They stand in one list, and in the index for everything that is asked of a single alert or id. The list is
 * a heap by the time at which the next thing happens to each, so that one that is made, begins or ends costs
 * the logarithm of how many there are, and a tick with nothing to tell one comparison. Dropped: one time for
 * all, by which each new silence had all looked at. Inhibition, which follows from other alerts, is a graph of its own (inhibit.c). */
#include "base/clock.h"
#include "base/mem.h"
#include "hold/silence_index.h"

#define RETRY_MS 10000 /* what found no memory to stand in the index is tried again */

const char *const hold_names[HOLD_KINDS] = {"", "unless", "silence", "inhibit"};

struct holds {
    struct silence_record **list; /* a heap by next_ms */
    size_t n, cap;
    struct silence_index *index; /* of the same */
    size_t tried;                /* by the last question */
    struct silence **answer;
    size_t cap_answer;
};

struct holds *holds_new(void)
{
    struct holds *h = mem_zalloc(sizeof *h);

    if (!h)
        return NULL;
    h->index = silence_index_new();
    if (h->index)
        return h;
    mem_free(h);
    return NULL;
}

void holds_free(struct holds *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++) {
        silence_index_remove(h->index, h->list[i]);
        silence_free(&h->list[i]->s);
    }
    silence_index_free(h->index);
    mem_free(h->list);
    mem_free(h->answer);
    mem_free(h);
}

/* --- the list --- */

static void place(struct holds *h, size_t i, struct silence_record *r)
{
    h->list[i] = r;
    r->at = i;
}

static void sift(struct holds *h, size_t i, struct silence_record *r)
{
    for (; i > 0 && r->next_ms < h->list[(i - 1) / 2]->next_ms; i = (i - 1) / 2)
        place(h, i, h->list[(i - 1) / 2]);
    for (size_t c; (c = 2 * i + 1) < h->n; i = c) {
        c += c + 1 < h->n && h->list[c + 1]->next_ms < h->list[c]->next_ms;
        if (h->list[c]->next_ms >= r->next_ms)
            break;
        place(h, i, h->list[c]);
    }
    place(h, i, r);
}

static void set_next(struct holds *h, struct silence_record *r, int64_t next_ms)
{
    assert(r->at < h->n && h->list[r->at] == r);
    r->next_ms = next_ms;
    sift(h, r->at, r);
}

static void take_out(struct holds *h, struct silence_record *r)
{
    struct silence_record *last = h->list[--h->n];

    if (last != r)
        sift(h, r->at, last);
}

int holds_add(struct holds *h, struct silence *s, int64_t at_ms)
{
    struct silence_record *r = record_of(s);

    assert(s->n_matchers > 0 && s->ends_ms >= s->starts_ms);
    if (mem_grow((void **)&h->list, &h->cap, h->n + 1, sizeof *h->list) ||
        silence_index_add(h->index, r))
        return -1;
    if (silence_index_stand(h->index, r, silence_state(s, at_ms) != SILENCE_EXPIRED)) {
        silence_index_remove(h->index, r);
        return -1;
    }
    r->next_ms = 0;
    h->n++;
    sift(h, h->n - 1, r);
    return 0;
}

size_t holds_count(const struct holds *h)
{
    return h->n;
}

struct silence *holds_at(const struct holds *h, size_t i)
{
    assert(i < h->n);
    return &h->list[i]->s;
}

struct silence *holds_silence(const struct holds *h, const char *id)
{
    struct silence_record *r = silence_index_by_id(h->index, id);

    return r ? &r->s : NULL;
}

struct silence *holds_of_incident(const struct holds *h, uint64_t incident)
{
    struct silence_record *r = silence_index_of(h->index, incident);

    return r ? &r->s : NULL;
}

struct silence *holds_next_of(const struct silence *s)
{
    struct silence_record *next = record_of(s)->next_of;

    return next ? &next->s : NULL;
}

void holds_end(struct holds *h, struct silence *s, int64_t at_ms)
{
    if (s->starts_ms > at_ms)
        s->starts_ms = at_ms;
    if (s->ends_ms > at_ms)
        s->ends_ms = at_ms;
    s->updated_ms = at_ms;
    set_next(h, record_of(s), 0);
    assert(silence_state(s, at_ms) == SILENCE_EXPIRED);
}

void holds_change(struct holds *h, struct silence *s, struct silence *from, bool any_priority,
                  int64_t at_ms)
{
    enum silence_state state = silence_state(s, at_ms);
    char *comment = s->comment;

    assert(state != SILENCE_EXPIRED);
    if (state == SILENCE_PENDING)
        s->starts_ms = from->starts_ms;
    s->ends_ms = from->ends_ms;
    s->updated_ms = from->updated_ms;
    s->until_resolved = from->until_resolved;
    if (any_priority)
        s->priority = 0;
    if (from->comment) { /* the other is freed with `from` */
        s->comment = from->comment;
        from->comment = comment;
    }
    set_next(h, record_of(s), 0);
}

void holds_muted(struct silence *s)
{
    s->muted++;
}

/* --- what holds an alert --- */

static bool is_held(const struct silence *s, const struct hold_subject *a, int64_t at_ms)
{
    if (silence_state(s, at_ms) != SILENCE_ACTIVE)
        return false;
    if (s->priority != 0 && a->priority != 0 && a->priority < s->priority)
        return false;
    return silence_matches(s, a->labels, a->n_labels, a->priority);
}

int holds_find(struct holds *h, const struct hold_subject *a, int64_t at_ms, struct hold *out)
{
    struct silence_record *const *list;
    size_t n;

    *out = (struct hold){.kind = a->suppressed ? HOLD_UNLESS : HOLD_NONE, .by = ""};
    h->tried = 0;
    if (a->suppressed)
        return 0;
    if (silence_index_find(h->index, a->labels, a->n_labels, a->priority, &list, &n))
        return -1;
    h->tried = n;
    for (size_t i = 0; i < n; i++) {
        struct silence *s = &list[i]->s;

        if (!is_held(s, a, at_ms))
            continue;
        *out = (struct hold){HOLD_SILENCE, s->short_id, s->ends_ms, s};
        break;
    }
    assert((out->kind == HOLD_SILENCE) == (out->silence != NULL));
    return 0;
}

int holds_find_all(struct holds *h, const struct hold_subject *a, int64_t at_ms,
                   struct silence *const **out, size_t *n)
{
    struct silence_record *const *list;
    size_t found;

    *n = 0;
    *out = NULL;
    if (silence_index_find(h->index, a->labels, a->n_labels, a->priority, &list, &found) ||
        mem_grow((void **)&h->answer, &h->cap_answer, found + 1, sizeof(struct silence *)))
        return -1;
    h->tried = found;
    for (size_t i = 0; i < found; i++)
        if (is_held(&list[i]->s, a, at_ms))
            h->answer[(*n)++] = &list[i]->s;
    *out = h->answer;
    return 0;
}

size_t holds_tried(const struct holds *h)
{
    return h->tried;
}

/* --- time --- */

static void forget(struct holds *h, struct silence_record *r, const struct holds_tick *tell)
{
    tell->forgotten(&r->s, tell->arg);
    take_out(h, r);
    silence_index_remove(h->index, r);
    silence_free(&r->s);
}

/* It begins or ends, which counts as one. RETRY_MS later where there is no memory to find it by. */
static int64_t follow_state(struct holds *h, struct silence_record *r, int64_t at_ms,
                            const struct holds_tick *tell, size_t *count)
{
    enum silence_state state = silence_state(&r->s, at_ms);
    bool changed =
        (state >= SILENCE_ACTIVE && !r->begun) || (state == SILENCE_EXPIRED && !r->ended);

    if (silence_index_stand(h->index, r, state != SILENCE_EXPIRED))
        return at_ms + RETRY_MS;
    r->begun = state >= SILENCE_ACTIVE;
    r->ended = state == SILENCE_EXPIRED;
    assert(r->begun || !r->ended);
    *count += changed;
    if (changed)
        tell->changed(&r->s, tell->arg);
    return state == SILENCE_PENDING  ? r->s.starts_ms
           : state == SILENCE_ACTIVE ? r->s.ends_ms
                                     : r->s.ends_ms + SILENCE_KEEP_MS;
}

bool holds_tick(struct holds *h, int64_t at_ms, size_t most, const struct holds_tick *tell)
{
    size_t count = 0;

    while (h->n > 0 && h->list[0]->next_ms <= at_ms) {
        struct silence_record *r = h->list[0];

        if (count >= most)
            return false;
        if (r->ended && at_ms - r->s.ends_ms >= SILENCE_KEEP_MS) {
            forget(h, r, tell);
            count++;
        } else
            set_next(h, r, follow_state(h, r, at_ms, tell, &count));
        assert(h->n == 0 || h->list[0]->at == 0);
    }
    return true;
}

void holds_look(struct holds *h, const struct silence *s)
{
    set_next(h, record_of(s), 0);
}

int64_t holds_next_ms(const struct holds *h)
{
    return h->n > 0 ? h->list[0]->next_ms : 0;
}

/* All are looked at again: as one time is as good as the other, they are a heap. */
static void look_at_all(struct holds *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->list[i]->next_ms = 0;
}

void holds_settle(struct holds *h, int64_t at_ms)
{
    for (size_t i = 0; i < h->n; i++) {
        struct silence_record *r = h->list[i];
        enum silence_state state = silence_state(&r->s, at_ms);

        r->begun = state >= SILENCE_ACTIVE;
        r->ended = state == SILENCE_EXPIRED;
    }
    look_at_all(h);
}

void holds_shift(struct holds *h, int64_t by_ms)
{
    for (size_t i = 0; i < h->n; i++) {
        struct silence_record *r = h->list[i];

        clock_move(&r->s.updated_ms, by_ms);
        if (!r->begun)
            continue;
        clock_move(&r->s.starts_ms, by_ms);
        clock_move(&r->s.ends_ms, by_ms);
    }
    look_at_all(h);
}
