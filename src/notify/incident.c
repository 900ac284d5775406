/* Incidents: numbers, lists, and when each must be reviewed.
 * An incident is open until every lane has been told its end; then it is kept for "previous" and for people.
 * Those that something changed are marked, in a list in the order of the changes; those that only time
 * changes stand in a heap by the time of their next review, which has room for all before they are listed,
 * so scheduling cannot fail. Dropped: a timer for each incident or lane. A full incident makes room by
 * forgetting members that are over and told, at most once a second; settled ones go by age and number. */
#include "notify/incident.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "notify/alert_index.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/told.h"

#define SWEEP_MS   1000 /* between two walks of a full incident */
#define SWEEP_ROWS 250 /* of old incidents are deleted in one turn, and those of the last of them */

struct incident *incident_by_number(const struct notify *n, uint64_t number)
{
    return map_get(n->by_number, &number, sizeof number);
}

struct incident *incident_new(struct notify *n, uint64_t number)
{
    struct incident *inc = mem_zalloc(sizeof *inc);

    size_t total = map_count(n->by_number) + 1;

    if (!inc)
        return NULL;
    inc->number = number;
    /* room for all: scheduling cannot fail later */
    if (mem_grow((void **)&n->heap, &n->cap_heap, total, sizeof *n->heap) == 0 &&
        map_put(n->by_number, &number, sizeof number, inc, NULL) == 0)
        return inc;
    mem_free(inc);
    return NULL;
}

/* The open incident of a group stands under its key; one that has ended long ago stays listed
 * until its lanes are settled, but a new one takes its place there. */
int incident_list(struct notify *n, struct incident *inc)
{
    if (mem_grow((void **)&n->open, &n->cap_open, n->n_open + 1, sizeof *n->open))
        return -1;
    n->open[n->n_open++] = inc;
    inc->open_at = n->n_open;
    return 0;
}

void incident_unlist(struct notify *n, struct incident *inc)
{
    struct incident *last = n->open[n->n_open - 1];

    assert(inc->open_at > 0 && n->open[inc->open_at - 1] == inc);
    n->open[inc->open_at - 1] = last;
    last->open_at = inc->open_at;
    inc->open_at = 0;
    n->n_open--;
}

struct incident *incident_open(struct notify *n, const char *key, const struct label *l,
                               size_t n_labels, int64_t at_ms)
{
    struct incident *inc = incident_new(n, n->next_number);
    const struct incident *last = map_gets(n->last_of, key);

    if (!inc)
        return NULL;
    inc->opened_ms = at_ms;
    inc->key = mem_strdup(key);
    inc->labels = labels_dup(l, n_labels);
    inc->n_labels = n_labels;
    if (!inc->key || !inc->labels || incident_list(n, inc)) {
        incident_free(n, inc);
        return NULL;
    }
    if (map_puts(n->by_key, key, inc, NULL)) {
        incident_unlist(n, inc);
        incident_free(n, inc);
        return NULL;
    }
    if (last) {
        inc->previous = last->number;
        inc->previous_ms = last->opened_ms;
        inc->previous_for_ms = last->ended_ms - last->opened_ms;
    }
    n->next_number++;
    numbers_store(n);
    inc->dirty = true;
    assert(inc->number < n->next_number && inc->ended_ms == 0 && inc->settled_ms == 0);
    return inc;
}

int incident_newest_first(const void *pa, const void *pb)
{
    uint64_t a = (*(struct incident *const *)pa)->number,
             b = (*(struct incident *const *)pb)->number;

    return (a < b) - (a > b);
}

struct member *incident_member(const struct incident *inc, uint32_t n)
{
    size_t low = 0, high = inc->n_members;

    while (low < high) {
        size_t mid = (low + high) / 2;
        if (inc->members[mid]->n == n)
            return inc->members[mid];
        if (inc->members[mid]->n < n)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

bool incident_acked(const struct incident *inc, int64_t at_ms)
{
    return inc->ack_ms != 0 && (inc->ack_until_ms == 0 || at_ms < inc->ack_until_ms);
}

/* --- the heap of next reviews ---------------------------------------------------------------------- */

static void heap_place(struct notify *n, size_t i, struct incident *inc)
{
    n->heap[i] = inc;
    inc->heap_at = i + 1;
}

static void heap_up(struct notify *n, size_t i)
{
    struct incident *inc = n->heap[i];

    for (; i > 0 && n->heap[(i - 1) / 2]->next_ms > inc->next_ms; i = (i - 1) / 2)
        heap_place(n, i, n->heap[(i - 1) / 2]);
    heap_place(n, i, inc);
}

static void heap_down(struct notify *n, size_t i)
{
    struct incident *inc = n->heap[i];

    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= n->n_heap)
            break;
        if (c + 1 < n->n_heap && n->heap[c + 1]->next_ms < n->heap[c]->next_ms)
            c++;
        if (n->heap[c]->next_ms >= inc->next_ms)
            break;
        heap_place(n, i, n->heap[c]);
        i = c;
    }
    heap_place(n, i, inc);
}

static void heap_remove(struct notify *n, struct incident *inc)
{
    size_t i = inc->heap_at - 1;
    struct incident *last = n->heap[n->n_heap - 1];

    assert(inc->heap_at > 0 && inc->heap_at <= n->n_heap && n->heap[i] == inc);
    n->n_heap--;
    inc->heap_at = 0;
    if (last == inc)
        return;
    heap_place(n, i, last);
    heap_up(n, i);
    heap_down(n, last->heap_at - 1);
}

struct incident *heap_top(const struct notify *n)
{
    return n->n_heap ? n->heap[0] : NULL;
}

void incident_schedule(struct notify *n, struct incident *inc, int64_t at_ms)
{
    if (inc->heap_at)
        heap_remove(n, inc);
    inc->next_ms = at_ms;
    assert(inc->heap_at == 0);
    if (at_ms == 0)
        return;
    assert(n->n_heap < n->cap_heap); /* room was made with the incident */
    heap_place(n, n->n_heap, inc);
    heap_up(n, n->n_heap++);
    assert(inc->heap_at > 0);
}

void incident_mark(struct notify *n, struct incident *inc)
{
    inc->changed = true;
    incident_mark_rest(n, inc);
}

void incident_mark_rest(struct notify *n, struct incident *inc)
{
    if (inc->marked)
        return;
    inc->marked = true;
    inc->prev_marked = n->last_marked;
    inc->next_marked = NULL;
    *(n->last_marked ? &n->last_marked->next_marked : &n->first_marked) = inc;
    n->last_marked = inc;
    assert(n->first_marked && n->last_marked->next_marked == NULL);
}

void incident_unmark(struct notify *n, struct incident *inc)
{
    if (!inc->marked)
        return;
    *(inc->prev_marked ? &inc->prev_marked->next_marked : &n->first_marked) = inc->next_marked;
    *(inc->next_marked ? &inc->next_marked->prev_marked : &n->last_marked) = inc->prev_marked;
    inc->marked = false;
    assert((n->first_marked == NULL) == (n->last_marked == NULL));
}

bool incident_is_behind(const struct incident *inc)
{
    for (size_t i = 0; i < inc->n_entries; i++)
        if (ledger_rows_wait(inc->entries[i]))
            return true;
    return inc->changed || inc->to_plan > 0 || inc->dirty_members;
}

/* --- the end of one -------------------------------------------------------------------------------- */

static void forget_member(struct notify *n, struct member *m)
{
    struct member *head = map_gets(n->members, m->key), **at = &head;

    for (; *at && *at != m; at = &(*at)->next_same)
        continue;
    if (!*at)
        return;
    *at = m->next_same;
    m->next_same = NULL;
    if (!head)
        map_removes(n->members, m->key);
    else if (map_puts(n->members, m->key, head, NULL))
        map_removes(n->members, m->key); /* replacing allocates nothing: not reached */
}

/* It is over, and no lane was told of it or is owed it. A message on its way may still speak of it. */
static bool is_done(const struct incident *inc, const struct member *m)
{
    for (size_t i = 0; i < inc->n_entries && !m->firing; i++) {
        const struct entry *e = inc->entries[i];
        if (e->state == ENTRY_CLAIMED || told_find(e, m->n) || owed_find(e, m->n))
            return false;
    }
    return !m->firing;
}

/* Walks a full incident, at most once in SWEEP_MS however many knock. */
static void forget_done(struct notify *n, struct incident *inc, int64_t at_ms)
{
    size_t kept = 0;

    if (at_ms - inc->swept_ms < SWEEP_MS && at_ms >= inc->swept_ms)
        return;
    inc->swept_ms = at_ms;
    for (struct member **at = &inc->dirty_members; *at;)
        if (is_done(inc, *at))
            *at = (*at)->next_dirty;
        else
            at = &(*at)->next_dirty;
    for (size_t i = 0; i < inc->n_members; i++) {
        struct member *m = inc->members[i];
        if (!is_done(inc, m)) {
            inc->members[kept++] = m;
            continue;
        }
        assert(!m->firing);
        member_set_priority(m, 0);
        inc->n_at[0]--;
        member_unstore(n, m);
        forget_member(n, m);
        member_free(m);
    }
    assert(kept <= inc->n_members);
    inc->n_members = kept;
}

static uint32_t as_severe(const struct incident *inc, int priority)
{
    uint32_t count = 0;

    for (int p = 1; p <= priority && p <= PRIORITIES; p++)
        count += inc->n_at[p];
    return count;
}

bool incident_has_room(struct notify *n, struct incident *inc, int priority, int64_t at_ms)
{
    if (at_ms != 0 && as_severe(inc, priority) >= MEMBERS_MAX)
        forget_done(n, inc, at_ms);
    return as_severe(inc, priority) < MEMBERS_MAX;
}

/* Everybody was told everything: it is history now. */
void incident_settle(struct notify *n, struct incident *inc, int64_t at_ms)
{
    assert(inc->ended_ms != 0 && inc->settled_ms == 0);
    if (mem_grow((void **)&n->kept, &n->cap_kept, n->n_kept + 1, sizeof *n->kept))
        return;
    incident_unlist(n, inc);
    if (map_gets(n->by_key, inc->key) == inc)
        map_removes(n->by_key, inc->key);
    for (size_t i = 0; i < inc->n_members; i++) {
        forget_member(n, inc->members[i]);
        inc->members[i]->n_routes = 0; /* a reload does not come here any more */
        member_text(&inc->members[i]->why, NULL, 0);
        member_touch(inc->members[i]);
    }
    inc->settled_ms = at_ms;
    inc->dirty = true;
    n->kept[n->n_kept++] = inc;
    assert(n->n_kept <= n->cap_kept && map_gets(n->by_key, inc->key) != inc);
    if (map_puts(n->last_of, inc->key, inc, NULL))
        return; /* only "previous" will be missing */
}

void incident_free(struct notify *n, struct incident *inc)
{
    if (inc->heap_at)
        heap_remove(n, inc);
    map_remove(n->by_number, &inc->number, sizeof inc->number);
    if (inc->key && map_gets(n->last_of, inc->key) == inc)
        map_removes(n->last_of, inc->key);
    incident_unmark(n, inc);
    assert(!inc->marked && !inc->heap_at && incident_by_number(n, inc->number) != inc);
    for (size_t i = 0; i < inc->n_entries; i++) {
        ledger_set_due(n, inc->entries[i], false);
        ledger_release(inc->entries[i]);
    }
    for (size_t i = 0; i < inc->n_members; i++) {
        alert_index_remove(n, inc->members[i]);
        if (!inc->settled_ms)
            forget_member(n, inc->members[i]);
        member_free(inc->members[i]);
    }
    mem_free(inc->members);
    mem_free(inc->entries);
    mem_free(inc->key);
    mem_free(inc->labels);
    mem_free(inc->ack_who);
    mem_free(inc->ack_note);
    mem_free(inc->ack_origin);
    mem_free(inc);
}

static bool is_claimed(const struct incident *inc)
{
    for (size_t i = 0; i < inc->n_entries; i++)
        if (inc->entries[i]->state == ENTRY_CLAIMED)
            return true;
    return false;
}

static void drop(struct notify *n, struct incident *inc, int64_t at_ms)
{
    assert(inc->settled_ms != 0 && !is_claimed(inc));
    while (inc->n_entries > 0) {
        struct entry *e = inc->entries[inc->n_entries - 1];
        while (e->n_owed > 0)
            ledger_expire(n, e, e->owed[e->n_owed - 1].n, "its incident is too old", at_ms);
        ledger_drop(n, e);
    }
    incident_unstore(n, inc);
    incident_free(n, inc);
}

bool incidents_sweep(struct notify *n, int64_t at_ms)
{
    size_t gone = 0, rows = 0;
    bool more;

    while ((more = gone < n->n_kept && !is_claimed(n->kept[gone]) &&
                   (n->n_kept - gone > n->o.max_incidents ||
                    at_ms - n->kept[gone]->settled_ms > n->o.keep_incidents_ms)) &&
           (rows < SWEEP_ROWS || !n->o.loop)) {
        rows += 1 + n->kept[gone]->n_members;
        drop(n, n->kept[gone++], at_ms);
    }
    if (gone > 0) {
        n->n_kept -= gone;
        memmove(n->kept, n->kept + gone, n->n_kept * sizeof *n->kept);
    }
    return !more;
}
