/* Which silences could hold an alert, without trying each of them.
 * Silences that stand (have begun and not ended) are in an index by one matcher of theirs; what it gives are
 * candidates, and the caller tests them whole. Each has a number of its own for as long as it stands,
 * because the index knows numbers; names and incidents are maps beside it. Dropped: a list for each label
 * name, in which thousands of silences on `service` stand together. Cost: a few look-ups for each label of
 * the alert, and one for each candidate. */
#include "hold/silence_index.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/map.h"
#include "model/matcher_alert.h"

struct silence_index {
    struct map *by_id;       /* short id, and uuid in lower case */
    struct map *by_incident; /* 8 bytes -> the first of a chain */
    struct map *by_standing; /* 4 bytes -> record */
    struct matcher_index *matchers;
    uint32_t last; /* number given last */
    struct matcher_candidates found;
    struct silence_record **answer;
    size_t cap_answer;
};

struct silence_index *silence_index_new(void)
{
    struct silence_index *ix = mem_zalloc(sizeof *ix);

    if (!ix)
        return NULL;
    ix->by_id = map_new();
    ix->by_incident = map_new();
    ix->by_standing = map_new();
    ix->matchers = matcher_index_new();
    if (ix->by_id && ix->by_incident && ix->by_standing && ix->matchers)
        return ix;
    silence_index_free(ix);
    return NULL;
}

void silence_index_free(struct silence_index *ix)
{
    if (!ix)
        return;
    map_free(ix->by_id, NULL);
    map_free(ix->by_incident, NULL);
    map_free(ix->by_standing, NULL);
    matcher_index_free(ix->matchers);
    matcher_candidates_free(&ix->found);
    mem_free(ix->answer);
    mem_free(ix);
}

static void lower(const char *id, char out[UUID_LEN + 1])
{
    size_t i = 0;

    for (; i < UUID_LEN && id[i]; i++)
        out[i] = (char)tolower((unsigned char)id[i]);
    out[i] = '\0';
}

struct silence_record *silence_index_by_id(const struct silence_index *ix, const char *id)
{
    struct silence_record *r = map_gets(ix->by_id, id);
    char uuid[UUID_LEN + 1];

    if (r || strlen(id) != UUID_LEN)
        return r;
    lower(id, uuid);
    return map_gets(ix->by_id, uuid);
}

struct silence_record *silence_index_of(const struct silence_index *ix, uint64_t incident)
{
    return map_get(ix->by_incident, &incident, sizeof incident);
}

/* --- in and out --- */

static int name_it(struct silence_index *ix, struct silence_record *r, const char *id)
{
    return map_gets(ix->by_id, id) ? 0 : map_puts(ix->by_id, id, r, NULL);
}

static void forget_name(struct silence_index *ix, const struct silence_record *r, const char *id)
{
    if (map_gets(ix->by_id, id) == r)
        map_removes(ix->by_id, id);
}

static int join_incident(struct silence_index *ix, struct silence_record *r)
{
    uint64_t number = r->s.incident;

    r->next_of = NULL;
    if (number == 0)
        return 0;
    r->next_of = silence_index_of(ix, number);
    return map_put(ix->by_incident, &number, sizeof number, r, NULL);
}

static void leave_incident(struct silence_index *ix, struct silence_record *r)
{
    uint64_t number = r->s.incident;
    struct silence_record *at = silence_index_of(ix, number);

    if (at == r) {
        map_remove(ix->by_incident, &number, sizeof number);
        if (r->next_of && map_put(ix->by_incident, &number, sizeof number, r->next_of, NULL))
            assert(0 && "there is room for what was removed");
    }
    for (; at && at != r; at = at->next_of)
        if (at->next_of == r) {
            at->next_of = r->next_of;
            break;
        }
    r->next_of = NULL;
}

int silence_index_add(struct silence_index *ix, struct silence_record *r)
{
    char uuid[UUID_LEN + 1];

    assert(!r->standing);
    lower(r->s.id, uuid);
    if (name_it(ix, r, r->s.short_id) == 0 && name_it(ix, r, uuid) == 0 &&
        join_incident(ix, r) == 0)
        return 0;
    r->next_of = NULL;
    forget_name(ix, r, r->s.short_id);
    forget_name(ix, r, uuid);
    return -1;
}

void silence_index_remove(struct silence_index *ix, struct silence_record *r)
{
    char uuid[UUID_LEN + 1];

    if (silence_index_stand(ix, r, false))
        assert(0 && "to leave takes no memory");
    lower(r->s.id, uuid);
    forget_name(ix, r, r->s.short_id);
    forget_name(ix, r, uuid);
    leave_incident(ix, r);
}

int silence_index_stand(struct silence_index *ix, struct silence_record *r, bool stands)
{
    uint32_t number = ix->last + 1;

    if ((r->standing != 0) == stands)
        return 0;
    if (!stands) {
        matcher_index_remove(ix->matchers, r->s.matchers, r->s.n_matchers, r->standing);
        map_remove(ix->by_standing, &r->standing, sizeof r->standing);
        r->standing = 0;
        return 0;
    }
    while (number == 0 || map_get(ix->by_standing, &number, sizeof number))
        number++; /* after 2^32 of them */
    if (map_put(ix->by_standing, &number, sizeof number, r, NULL))
        return -1;
    if (matcher_index_add(ix->matchers, r->s.matchers, r->s.n_matchers, number)) {
        map_remove(ix->by_standing, &number, sizeof number);
        return -1;
    }
    r->standing = ix->last = number;
    assert(matcher_index_count(ix->matchers) == map_count(ix->by_standing));
    return 0;
}

int silence_index_find(struct silence_index *ix, const struct label *l, size_t n_labels,
                       int priority, struct silence_record *const **out, size_t *n)
{
    *out = NULL;
    *n = 0;
    if (map_count(ix->by_standing) == 0)
        return 0;
    if (matcher_index_candidates(ix->matchers, l, n_labels, priority, &ix->found) ||
        mem_grow((void **)&ix->answer, &ix->cap_answer, ix->found.n + 1, sizeof *ix->answer))
        return -1;
    for (size_t i = 0; i < ix->found.n; i++) {
        ix->answer[i] = map_get(ix->by_standing, &ix->found.ids[i], sizeof ix->found.ids[i]);
        assert(ix->answer[i] && ix->answer[i]->standing == ix->found.ids[i]);
    }
    *out = ix->answer;
    *n = ix->found.n;
    return 0;
}
