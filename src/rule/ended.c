#include "rule/ended.h"

#include "rule/derived.h"

/* What is there has a value and tells nothing; of what is missing all must have ended. */
struct ends {
    bool silent, ended;
    int64_t last_ms;
};

static void note(struct ends *e, enum group_life life, int64_t ended_ms)
{
    if (life == GROUP_LIVES)
        e->silent = true;
    if (life != GROUP_ENDED)
        return;
    e->ended = true;
    e->last_ms = ended_ms > e->last_ms ? ended_ms : e->last_ms;
}

static int64_t result(const struct ends *e)
{
    return e->silent ? 0 : e->ended ? e->last_ms : -1;
}

static void of_leaf(const struct rowset *rs, const struct source *s, uint32_t slot, int64_t at_ms,
                    struct ends *e)
{
    int64_t ended_ms = 0;
    enum group_life life = windows_group_life(rs->windows, s->leaf, slot, &ended_ms);
    uint8_t ok;
    double v;

    windows_eval(rs->windows, s->leaf, at_ms, &slot, 1, &v, &ok);
    if (!ok)
        note(e, life, ended_ms);
}

static void of_derived(struct derived *d, uint32_t slot, int64_t at_ms, struct ends *e)
{
    if (slot >= d->n || (d->at_ms == at_ms && d->ok[slot]))
        return;
    for (uint32_t row = d->first[slot]; row != ROW_NONE && !e->silent; row = d->next[row]) {
        int64_t ms = ended_row_ms(&d->in, row, at_ms);

        if (ms >= 0)
            note(e, ms > 0 ? GROUP_ENDED : GROUP_LIVES, ms);
    }
}

int64_t ended_row_ms(struct rowset *rs, uint32_t row, int64_t at_ms)
{
    struct ends e = {0};

    for (size_t i = 0; i < rs->n_sources && !e.silent; i++) {
        struct source *s = &rs->sources[i];
        uint32_t slot = s->slot[row];

        if (slot == SLOT_NONE)
            continue;
        if (s->derived)
            of_derived(s->derived, slot, at_ms, &e);
        else
            of_leaf(rs, s, slot, at_ms, &e);
    }
    return result(&e);
}
