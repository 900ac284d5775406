/* Changes that people make of schedules and rotations, and what they come to at a moment.
 *
 *   temporary (the last made of those that cover it: everything is replaced)
 *     └► remove, replace, add in the order in which they were made, each seeing the result so far
 *
 * Kept by the name they were made of, in their order, so that a question costs the changes of what it uses. A replace
 * that a newer one of the same person covers at that moment does not act: who swaps a shift twice means the second. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "roster/duty.h"

const char *const roster_change_names[] = {"temporary", "remove", "replace", "add"};

struct change_list { /* of one schedule or rotation */
    const struct roster_change **list;
    size_t n, cap;
};

struct roster_changes {
    struct map *by_name; /* "schedule:payments" -> change_list */
};

struct roster_changes *roster_changes_new(void)
{
    struct roster_changes *c = mem_zalloc(sizeof *c);

    if (c)
        c->by_name = map_new();
    if (c && c->by_name)
        return c;
    mem_free(c);
    return NULL;
}

static void drop_list(void *value)
{
    struct change_list *l = value;

    mem_free(l->list);
    mem_free(l);
}

void roster_changes_free(struct roster_changes *c)
{
    if (!c)
        return;
    map_free(c->by_name, drop_list);
    mem_free(c);
}

static struct change_list *list_of(struct roster_changes *c, const char *on)
{
    struct change_list *l = map_gets(c->by_name, on);

    if (l)
        return l;
    l = mem_zalloc(sizeof *l);
    if (l && map_puts(c->by_name, on, l, NULL) == 0)
        return l;
    mem_free(l);
    return NULL;
}

int roster_changes_add(struct roster_changes *c, const struct roster_change *change, struct err *e)
{
    struct change_list *l = list_of(c, change->on);

    if (!l)
        return err_set(e, ERR_MEMORY, "not enough memory");
    if (l->n == ROSTER_CHANGES_MAX)
        return err_set(e, ERR_LIMIT, "%.64s has %d changes that are not over: cancel some",
                       change->on, ROSTER_CHANGES_MAX);
    if (mem_grow((void **)&l->list, &l->cap, l->n + 1, sizeof(void *)))
        return err_set(e, ERR_MEMORY, "not enough memory");
    l->list[l->n++] = change;
    return 0;
}

void roster_changes_remove(struct roster_changes *c, const struct roster_change *change)
{
    struct change_list *l = map_gets(c->by_name, change->on);

    for (size_t i = 0; l && i < l->n; i++)
        if (l->list[i] == change) {
            memmove(&l->list[i], &l->list[i + 1], (l->n - i - 1) * sizeof(void *));
            l->n--;
            return;
        }
}

/* --- at a moment --- */

/* Does it cover the moment? And the next one at which that is otherwise. */
static bool covers(int64_t from_ms, int64_t end_ms, int64_t at_ms, int64_t *until_ms)
{
    if (from_ms > at_ms && from_ms < *until_ms)
        *until_ms = from_ms;
    if (end_ms > at_ms && end_ms < *until_ms)
        *until_ms = end_ms;
    return from_ms <= at_ms && at_ms < end_ms;
}

static bool covers_now(const struct roster_change *x, int64_t at_ms)
{
    return x->from_ms <= at_ms && at_ms < x->until_ms;
}

static void apply_temporary(const struct change_list *l, const struct roster *r, int64_t at_ms,
                            struct roster_on_call *o, int64_t *until_ms)
{
    const struct roster_change *last = NULL;

    for (size_t i = 0; i < l->n; i++)
        if (covers(l->list[i]->from_ms, l->list[i]->until_ms, at_ms, until_ms) &&
            l->list[i]->kind == ROSTER_TEMPORARY)
            last = l->list[i];
    if (!last)
        return;
    o->n = o->left_out = 0;
    for (size_t i = 0; i < last->n_shifts; i++) {
        const struct roster_shift_plan *s = &last->shifts[i];
        const struct roster_person *p = roster_person_named(r, s->person);

        if (covers(s->from_ms, s->until_ms, at_ms, until_ms) && p)
            duty_add(o, p, "temporary", last->id);
    }
}

static void take_out(struct roster_on_call *o, struct roster_duty *d)
{
    size_t at = (size_t)(d - o->list);

    assert(at < o->n);
    memmove(d, d + 1, (o->n - at - 1) * sizeof *d);
    o->n--;
}

static bool newer_replace(const struct change_list *l, size_t at, int64_t at_ms)
{
    for (size_t i = at + 1; i < l->n; i++)
        if (l->list[i]->kind == ROSTER_REPLACE && covers_now(l->list[i], at_ms) &&
            strcmp(l->list[i]->person, l->list[at]->person) == 0)
            return true;
    return false;
}

static void apply_one(const struct change_list *l, size_t at, const struct roster *r, int64_t at_ms,
                      struct roster_on_call *o)
{
    const struct roster_change *x = l->list[at];
    const struct roster_person *p = roster_person_named(r, x->person),
                               *with = x->kind == ROSTER_REPLACE ? roster_person_named(r, x->with)
                                                                 : NULL;
    struct roster_duty *d = p ? duty_of(o, p) : NULL;

    if (x->kind == ROSTER_ADD && p)
        duty_add(o, p, "override", x->id);
    if (!d || x->kind == ROSTER_ADD || (x->kind == ROSTER_REPLACE && newer_replace(l, at, at_ms)))
        return;
    if (x->kind == ROSTER_REPLACE && !with)
        return; /* of a person who is no longer in the configuration: the shift stays with who has it */
    if (x->kind == ROSTER_REPLACE && !duty_of(o, with))
        *d = (struct roster_duty){.person = with, .via_kind = "override", .via_name = x->id};
    else if (with != p)
        take_out(o, d);
}

void changes_apply(const struct roster_changes *c, const struct roster *r, const char *kind,
                   const char *name, int64_t at_ms, struct roster_on_call *o, int64_t *until_ms)
{
    char on[300];
    const struct change_list *l;
    size_t n = strlen(kind), len = strlen(name);

    if (!c || map_count(c->by_name) == 0 || n + len + 2 > sizeof on)
        return;
    memcpy(on, kind, n);
    on[n] = ':';
    memcpy(on + n + 1, name, len + 1);
    l = map_gets(c->by_name, on);
    if (!l)
        return;
    apply_temporary(l, r, at_ms, o, until_ms);
    for (size_t i = 0; i < l->n; i++)
        if (l->list[i]->kind != ROSTER_TEMPORARY && covers_now(l->list[i], at_ms))
            apply_one(l, i, r, at_ms, o);
}
