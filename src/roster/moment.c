/* Who is on call at one moment: rows, rotations, `otherwise`, and changes on top of each. */
#include "roster/moment.h"

#include <assert.h>

#include "roster/civil.h"
#include "roster/duty.h"

static void lower(int64_t *until_ms, int64_t to_ms)
{
    if (to_ms < *until_ms)
        *until_ms = to_ms;
}

static int put(const struct roster *r, const struct roster_changes *c, const struct roster_ref *who,
               int64_t at_ms, struct roster_on_call *out, int64_t *until_ms, int depth);

/* Several turns of one person after another are one. With a single person there is no end at all, and between a few
 * the next one is not far. */
static void find_turn(const struct roster *r, size_t at, int64_t at_s)
{
    struct turns *t = &r->turns[at];
    size_t n = r->config->rotations[at].n_people, same = 1;
    int64_t k;

    if (at_s >= t->from_s && at_s < t->until_s)
        return;
    t->person = NULL;
    if (!rotation_turn(&t->rotation, at_s, &k, &t->from_s, &t->until_s)) {
        t->from_s = at_s;
        return;
    }
    t->person = t->people[(size_t)k % n];
    while (same < n && t->people[((size_t)k + same) % n] == t->person)
        same++;
    if (same == n)
        t->until_s = INT64_MAX / 1000;
    else if (same > 1)
        t->until_s = rotation_handoff(&t->rotation, k + (int64_t)same);
    assert(t->from_s <= at_s && at_s < t->until_s);
}

static void put_rotation(const struct roster *r, const struct roster_changes *c,
                         const struct roster_ref *who, int64_t at_ms, struct roster_on_call *own,
                         int64_t *until_ms)
{
    const struct turns *t = &r->turns[who->at];

    find_turn(r, who->at, civil_div(at_ms, 1000));
    if (t->person)
        duty_add(own, t->person, "rotation", who->name);
    lower(until_ms, t->until_s * 1000);
    changes_apply(c, r, "rotation", who->name, at_ms, own, until_ms);
}

static int put_schedule(const struct roster *r, const struct roster_changes *c,
                        const struct roster_ref *who, int64_t at_ms, struct roster_on_call *own,
                        int64_t *until_ms, int depth)
{
    const struct plan *p = &r->plans[who->at];
    bool any = false;

    for (size_t i = 0; i < p->n_rows; i++) {
        const struct duty_row *row = &p->rows[i];
        int64_t until_s;
        bool holds;

        if (calendar_step(row->when, civil_div(at_ms, 1000), &holds, &until_s))
            return -1;
        lower(until_ms, until_s * 1000);
        any = any || holds;
        for (size_t k = 0; holds && k < row->n_who; k++)
            if (put(r, c, &row->who[k], at_ms, own, until_ms, depth + 1))
                return -1;
    }
    for (size_t k = 0; !any && k < p->n_otherwise; k++)
        if (put(r, c, &p->otherwise[k], at_ms, own, until_ms, depth + 1))
            return -1;
    changes_apply(c, r, "schedule", who->name, at_ms, own, until_ms);
    return 0;
}

/* What a name adds to those on call; its own changes see its own people only. */
static int put(const struct roster *r, const struct roster_changes *c, const struct roster_ref *who,
               int64_t at_ms, struct roster_on_call *out, int64_t *until_ms, int depth)
{
    struct roster_on_call own;

    assert(depth <= DEPTH_MAX); /* roster_new() has let nothing deeper in */
    own.n = own.left_out = 0;
    if (who->kind == ROSTER_PERSON)
        duty_add(out, &r->config->people[who->at], "person", who->name);
    else if (who->kind == ROSTER_ROTATION)
        put_rotation(r, c, who, at_ms, &own, until_ms);
    else if (who->kind == ROSTER_SCHEDULE && put_schedule(r, c, who, at_ms, &own, until_ms, depth))
        return -1;
    for (size_t i = 0; i < own.n; i++)
        duty_add(out, own.list[i].person, own.list[i].via_kind, own.list[i].via_name);
    out->left_out += own.left_out;
    return 0;
}

int moment_step(const struct roster *r, const struct roster_changes *c,
                const struct roster_ref *who, int64_t at_ms, struct roster_on_call *out,
                int64_t *until_ms)
{
    out->n = out->left_out = 0;
    *until_ms = at_ms + CALENDAR_HORIZON_MS;
    if (put(r, c, who, at_ms, out, until_ms, 0))
        return -1;
    assert(*until_ms > at_ms);
    return 0;
}
