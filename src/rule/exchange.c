/* All files that were put begin to run between two instants, in slices.
 *
 * While the exchange goes on nobody looks and no block is applied: its caller holds them back, as it does
 * while rules look at an instant (app/wire.c). So a block or a tick is judged by the rules of before or by
 * those of afterwards, and the slices need not hide from each other. What remains to be safe between them is
 * that others may ask: the rules that run stand in `order` and are found by name until the new order is
 * there as a whole; who comes is entered behind them and under its name with its alerts in hand, who goes
 * leaves its name and the indexes after that, and is freed by rules_tidy().
 *
 *   wake     leaves of new rules begin to take what comes
 *   come     new rules have the alerts of their name, and their place behind the others
 *   mark     who goes: all rules of the files that were put
 *   sort     ranks of evaluation; a rule after those it names (link.c)
 *   turn     the new order is the order
 *   leave    who goes is out of all indexes
 *   link     alerts of renamed rules, firing(), dependents, grids (link.c)
 *   enter    who comes is told what touches its leaves (uses.c)
 *   note     who waited, waits on
 *
 * One step of the loop for all of it was dropped: at 100,000 rules it was a fifth of a second. So was doing
 * all beside the running rules and turning one pointer: ranks, names and lists of leaves would be kept
 * twice, and what an edit does to alerts cannot be done before. */
#include <assert.h>

#include "base/mem.h"
#include "rule/rules.h"

/* Each works on at most *most rules and takes them off; true: it is done. */

static bool wake(struct rules *e, size_t *most)
{
    return windows_wake(e->c.windows, e->exchange.at_ms, *most);
}

static bool come(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    for (; x->at < e->n_puts; x->at++, x->in = 0) {
        struct put *p = &e->puts[x->at];

        for (; x->in < p->n; x->in++) {
            if (*most == 0)
                return false;
            --*most;
            puts_come(e, p, x->in, x->at_ms);
            e->order[x->n_next++] = p->rules[x->in];
        }
        p->gone = puts_replace(e, p);
    }
    assert(x->n_next < e->cap || x->n_next == 0);
    return true;
}

static bool mark(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    for (; x->at < e->n_puts; x->at++)
        for (struct rule **gone = &e->puts[x->at].gone; *gone; *gone = (*gone)->next_in_file) {
            if (*most == 0)
                return false;
            --*most;
            assert(!(*gone)->leaving && e->n_retired + x->n_gone < e->retired_cap);
            (*gone)->leaving = true;
            e->retired[e->n_retired + x->n_gone++] = *gone;
        }
    return true;
}

/* Bound: the files that were put, a few ns each. */
static bool turn(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    (void)most;
    assert(x->n_sorted + x->n_gone == x->n_next);
    link_turn(e);
    x->n_next = e->n = x->n_sorted;
    e->n_retired += x->n_gone;
    for (size_t i = 0; i < e->n_puts; i++)
        e->puts[i].n_built = 0; /* they run */
    return true;
}

static bool leave(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    for (; x->at < x->n_gone; x->at++) {
        struct rule *r = e->retired[e->n_retired - x->n_gone + x->at];

        if (*most == 0)
            return false;
        --*most;
        puts_leave_name(e, r);
        uses_leave(e, r);
    }
    return true;
}

static bool enter(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    for (; x->at < e->n_puts; x->at++, x->in = 0)
        for (; x->in < e->puts[x->at].n; x->in++) {
            if (*most == 0)
                return false;
            --*most;
            uses_enter(e, e->puts[x->at].rules[x->in]);
        }
    uses_mend(e);
    agenda_reset(&e->agenda, e->n);
    return true;
}

static bool note(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    for (; x->at < x->n_busy; x->at++) {
        if (*most == 0)
            return false;
        --*most;
        if (!e->busy[x->at]->leaving)
            rules_note(e, e->busy[x->at], x->at_ms);
    }
    return true;
}

static bool (*const stages[])(struct rules *e, size_t *most) = {
    wake,  come,         mark,        link_sort_plain,       link_sort_rest,  turn,
    leave, link_renamed, link_firing, link_count_dependents, link_dependents, link_grids,
    enter, note,         puts_done};

bool rules_exchange_some(struct rules *e, int64_t at_ms, size_t most)
{
    struct exchange *x = &e->exchange;

    assert(!e->in_instant && most > 0);
    if (!x->on) {
        *x = (struct exchange){
            .on = true, .at_ms = at_ms, .n_next = e->n, .n_busy = link_list_busy(e)};
        e->n_exchanges++;
    }
    for (; x->stage < sizeof stages / sizeof *stages; x->stage++, x->at = x->in = 0)
        if (!stages[x->stage](e, &most))
            return false;
    assert(e->n == x->n_next && e->n_puts == 0);
    *x = (struct exchange){0};
    return true;
}

void rules_exchange(struct rules *e, int64_t at_ms)
{
    while (!rules_exchange_some(e, at_ms, SIZE_MAX))
        continue;
}

/* --- afterwards --- */

/* Of a rule that no file defines any more the alerts end. */
static void end_retired(struct rules *e, struct rule *old, int64_t at_ms)
{
    struct alert_rule *alerts = alert_rule_find(e->c.book, old->d->name);

    if (alerts && alert_rule_def(alerts) == old->d && !link_runs(e, old->d))
        alert_rule_remove(e->c.book, alerts, "rule removed", at_ms);
    running_free(old);
}

bool rules_tidy(struct rules *e, int64_t at_ms, size_t most)
{
    if (e->adoptions_left)
        return true; /* what may be renamed waits for memory */
    for (; e->n_tidied < e->n_retired && most > 0; most--)
        end_retired(e, e->retired[e->n_tidied++], at_ms);
    if (e->n_tidied < e->n_retired)
        return false;
    e->n_tidied = e->n_retired = 0;
    return true;
}

void rules_link(struct rules *e, int64_t at_ms)
{
    rules_exchange(e, at_ms);
    (void)rules_tidy(e, at_ms, SIZE_MAX);
}
