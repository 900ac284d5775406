/* Rules in the book: put, changed, renamed, removed, and what that does to their alerts.
 * A reload may not fail half way, so all that a put needs is reserved before (alert_rule_reserve). Alerts
 * live on through an edit: levels are carried over by priority, a changed condition starts waits anew, and
 * what is on stays on until the new condition has been false for its time. Dropped: ending all alerts of an
 * edited rule, which pages twice for one typo in a text. Also here is the list of an alert's instants that
 * move with the clock. Cost: a put, a step of the clock, a bridged outage and each firing() walk the alerts
 * that they concern. */
#include "alert/book.h"

#include <assert.h>
#include <string.h>

#include "alert/external.h"
#include "base/clock.h"
#include "base/mem.h"

#define COUNTED_OUTAGE_MS (15 * 60 * 1000) /* shorter ones count as passed time */

struct alert_rule *rule_alloc(struct alert_book *b, const char *name, const char *origin)
{
    struct alert_rule *r = mem_zalloc(sizeof *r);

    if (!r)
        return NULL;
    r->book = b;
    r->name = mem_strdup(name);
    r->keys = mem_strdup("*");
    r->origin = mem_strdup(origin);
    r->policy.n_levels = PRIORITIES;
    for (int i = 0; i < PRIORITIES; i++)
        r->policy.priority[i] = i + 1;
    if (r->name && r->keys && r->origin)
        return r;
    rule_free(r);
    return NULL;
}

struct alert_rule *rule_new(struct alert_book *b, const char *name)
{
    struct buf origin = BUF_INIT;
    struct alert_rule *r;

    buf_addf(&origin, "rule:%s", name);
    r = buf_ok(&origin) ? rule_alloc(b, name, origin.data) : NULL;
    buf_free(&origin);
    if (r && map_puts(b->rules, name, r, NULL) == 0)
        return r;
    if (r)
        rule_free(r);
    return NULL;
}

void rule_free(struct alert_rule *r)
{
    /* a removal moves later ones of the run up: each place is emptied before the next */
    for (size_t i = 0; i < r->alerts.cap; i++)
        while (r->alerts.slots[i].value)
            entry_free(r->alerts.slots[i].value);
    assert(r->alerts.n == 0);
    r->refused = r->refused_before = (struct refusals){0};
    rule_count(r);
    group_map_clear(&r->alerts);
    mem_free(r->name);
    mem_free(r->origin);
    mem_free(r->keys);
    mem_free(r->next_keys);
    mem_free(r);
}

static void rule_keys_text(const struct rule_def *d, struct buf *out)
{
    if (d->keys.scalar)
        return;
    if (d->keys.all) {
        buf_addc(out, '*');
        return;
    }
    for (size_t i = 0; i < d->keys.n; i++)
        buf_addf(out, "%s%s", i ? "," : "", d->keys.names[i]);
}

/* --- a new version -------------------------------------------------------------------------------- */

static void end_all(struct alert_rule *r, const char *reason, int64_t at_ms)
{
    for (size_t i = 0; i < r->alerts.cap; i++)
        while (r->alerts.slots[i].value)
            alert_end(r->alerts.slots[i].value, reason, at_ms);
    assert(r->alerts.n == 0);
}

/* Those whose own labels the new version would hide. */
static void end_hidden(struct alert_rule *r, int64_t at_ms)
{
    for (size_t i = 0; i < r->alerts.cap; i++) {
        struct alert_entry *e;

        while ((e = r->alerts.slots[i].value) && alert_rule_hides(r, e->a.group))
            alert_end(&e->a, "a label of its rule hides one of its own", at_ms);
    }
}

static int level_of(const struct alert_policy *p, int priority)
{
    for (int i = 0; i < p->n_levels; i++)
        if (p->priority[i] == priority)
            return i;
    return -1;
}

/* The level that takes over what fires at `priority`: the same one, else the next less severe,
 * else the least severe there is. */
static int heir_of(const struct alert_policy *p, int priority)
{
    int best = -1, last = 0;

    for (int i = 0; i < p->n_levels; i++) {
        if (p->priority[i] >= priority && (best < 0 || p->priority[i] < p->priority[best]))
            best = i;
        if (p->priority[i] > p->priority[last])
            last = i;
    }
    return best >= 0 ? best : last;
}

/* Carries levels from one shape of policy to another. `restart`: conditions changed, so pending
 * ones begin anew; what is on stays on until the new condition has been false for clear_after. */
static void state_adapt(struct alert_state *s, const struct alert_policy *was,
                        const struct alert_policy *is, bool restart)
{
    struct alert_level levels[PRIORITIES] = {{0}};
    bool same_count = was->n_levels == is->n_levels;

    for (int i = 0; i < was->n_levels; i++) {
        struct alert_level l = s->level[i];
        int to = same_count && !restart ? i : level_of(is, was->priority[i]);

        if (restart || to < 0)
            l.held_ms = l.true_ms = l.false_ms = 0;
        if (l.on && to < 0)
            to = heir_of(is, was->priority[i]);
        if (to < 0)
            continue;
        if (!levels[to].on)
            levels[to] = l;
    }
    memcpy(s->level, levels, sizeof levels);
    if (restart && s->firing == 0)
        s->pending_ms = s->nodata_ms = 0;
}

static void entry_adapt(struct alert_entry *e, const struct alert_policy *was, bool restart,
                        int64_t at_ms)
{
    struct alert_rule *r = e->a.rule;

    state_adapt(&e->a.state, was, &r->policy, restart);
    entry_count(e);
    if (restart) {
        e->conditions_changed = true;
        e->a.sticky = 0;
        memset(e->a.since_ms, 0, sizeof e->a.since_ms);
    }
    if (e->n_state != r->def->n_state) {
        entry_state_clear(e);
        e->n_state = r->def->n_state;
    }
    if (e->a.labels)
        entry_relabel(e, at_ms);
    entry_store(e);
}

/* The state goes on under the new name; what was told under the old one ends. -1: no memory, and
 * nothing has changed. */
static int adopt(struct alert_rule *r, struct alert_entry *from, int64_t at_ms)
{
    const struct alert_policy *was = &from->a.rule->policy;
    struct alert_entry *to = entry_new(r, from->a.group);
    bool restart = from->a.rule->fire_hash != r->fire_hash;
    int priority = from->a.state.firing;
    struct buf reason = BUF_INIT;

    buf_addf(&reason, "renamed to %s", r->name);
    if (!to || !buf_ok(&reason) || (priority && entry_label(to, priority))) {
        if (to)
            entry_free(to);
        buf_free(&reason);
        return -1;
    }
    to->a.state = from->a.state;
    to->a.sticky = from->a.sticky;
    memcpy(to->a.since_ms, from->a.since_ms, sizeof to->a.since_ms);
    to->a.has_value = from->a.has_value;
    to->a.value = from->a.value;
    to->a.peak = from->a.peak;
    to->has_peak = from->has_peak;
    to->peak_low = from->peak_low;
    to->a.has_threshold = from->a.has_threshold;
    to->a.threshold = from->a.threshold;
    to->a.unit = from->a.unit;
    to->a.started_ms = from->a.started_ms;
    to->n_state = from->n_state;
    to->a.when_state = from->a.when_state;
    from->a.when_state = NULL;
    to->a.annotations = from->a.annotations;
    to->a.n_annotations = from->a.n_annotations;
    from->a.annotations = NULL;
    from->a.n_annotations = 0;
    to->a.suppressed = from->a.suppressed;
    entry_adapt(to, was, restart, at_ms);
    alert_end(&from->a, buf_str(&reason), at_ms);
    buf_free(&reason);
    if (priority == 0)
        return 0;
    entry_history(to, &(struct conclusion){.change = CHANGE_FIRED, .at_ms = at_ms}, "renamed");
    if (r->book->o.changed)
        r->book->o.changed(&to->a, CHANGE_FIRED, at_ms, r->book->o.arg);
    return 0;
}

int alert_rule_adopt(struct alert_rule *r, struct alert_rule *old, int64_t at_ms)
{
    assert(r != old && r->def);
    if (strcmp(r->keys, old->keys) != 0)
        end_all(old, "rule changed", at_ms);
    for (size_t i = 0; i < old->alerts.cap; i++) {
        struct alert_entry *e;

        while ((e = old->alerts.slots[i].value)) {
            if (group_map_get(&r->alerts, e->a.group) || alert_rule_hides(r, e->a.group))
                alert_end(&e->a, "rule renamed", at_ms);
            else if (adopt(r, e, at_ms))
                return -1;
        }
    }
    alert_rule_remove(r->book, old, "rule renamed", at_ms);
    return 0;
}

int alert_rule_reserve(struct alert_book *b, const struct rule_def *d)
{
    struct alert_rule *r = map_gets(b->rules, d->name);
    struct buf text = BUF_INIT;

    if (!r)
        r = rule_new(b, d->name);
    buf_reserve(&text, 1);
    rule_keys_text(d, &text);
    if (r) {
        mem_free(r->next_keys);
        r->next_keys = buf_take(&text, NULL);
        r->next_def = r->next_keys ? d : NULL;
    }
    buf_free(&text);
    if (r && r->next_keys) {
        assert(r->next_def == d);
        return 0;
    }
    alert_rule_unreserve(b, d);
    return -1;
}

void alert_rule_unreserve(struct alert_book *b, const struct rule_def *d)
{
    struct alert_rule *r = map_gets(b->rules, d->name);

    if (!r)
        return;
    if (r->next_def == d) {
        mem_free(r->next_keys);
        r->next_keys = NULL;
        r->next_def = NULL;
    }
    if (r->def || r->alerts.n > 0 || r->next_def)
        return;
    map_removes(b->rules, r->name); /* it was made for this definition */
    rule_free(r);
}

struct alert_rule *alert_rule_put(struct alert_book *b, const struct rule_def *d, int64_t at_ms)
{
    struct alert_rule *r = map_gets(b->rules, d->name);
    struct alert_policy was;
    bool restart;

    if (!r || r->next_def != d) {
        if (alert_rule_reserve(b, d))
            return NULL;
        r = map_gets(b->rules, d->name);
    }
    assert(r && r->next_def == d && r->next_keys);
    /* at the first put after a start the keys are those that were stored with the alerts */
    if (r->alerts.n > 0 && strcmp(r->next_keys, r->keys) != 0)
        end_all(r, "rule changed", at_ms);
    mem_free(r->keys);
    r->keys = r->next_keys;
    r->next_keys = NULL;
    r->next_def = NULL;
    was = r->policy;
    restart = r->alerts.n > 0 && r->fire_hash != d->fire_hash;
    r->def = d;
    r->hides = NULL;
    r->fire_hash = d->fire_hash;
    alert_policy_of(d, &r->policy);
    end_hidden(r, at_ms);
    for (size_t i = 0; i < r->alerts.cap; i++)
        if (r->alerts.slots[i].value)
            entry_adapt(r->alerts.slots[i].value, &was, restart, at_ms);
    assert(r->def == d && !r->next_def && r->keys);
    return r;
}

void alert_rule_remove(struct alert_book *b, struct alert_rule *r, const char *reason,
                       int64_t at_ms)
{
    assert(map_gets(b->rules, r->name) == r);
    end_all(r, reason, at_ms);
    map_removes(b->rules, r->name);
    rule_free(r);
}

/* A record is not written for every look: alerts that had data were looked at until the end. */
static void catch_up(struct alert_state *s, int64_t evaluated_to_ms)
{
    if (s->last_look_ms < evaluated_to_ms)
        s->last_look_ms = evaluated_to_ms;
    if (s->nodata_ms == 0 && s->last_data_ms < evaluated_to_ms)
        s->last_data_ms = evaluated_to_ms;
}

void alert_book_restored(struct alert_book *b, int64_t at_ms)
{
    struct alert_rule *r;

    for (size_t at = 0; (r = map_next(b->rules, &at, NULL, NULL));) {
        for (size_t i = 0; i < r->alerts.cap; i++) {
            struct alert_entry *e = r->alerts.slots[i].value;
            if (e)
                catch_up(&e->a.state, b->evaluated_to_ms);
        }
        if (!r->def)
            alert_rule_remove(b, r, "rule removed", at_ms);
    }
}

static void move_back(int64_t *at_ms, int64_t by_ms, int64_t now_ms)
{
    if (*at_ms <= now_ms)
        return;
    *at_ms -= by_ms;
    if (*at_ms > now_ms)
        *at_ms = now_ms;
}

/* Of an end that lies ahead. */
static void take_back(int64_t *at_ms, int64_t by_ms, int64_t now_ms)
{
    (void)now_ms;
    *at_ms -= by_ms;
}

static void move(int64_t *at_ms, int64_t by_ms, int64_t now_ms)
{
    (void)now_ms;
    clock_move(at_ms, by_ms);
}

/* The instants that timers count from; not when the alert began, which receivers know it by. */
static void each_time(struct alert *a,
                      void (*change)(int64_t *at_ms, int64_t by_ms, int64_t now_ms), int64_t by_ms,
                      int64_t now_ms)
{
    struct alert_state *s = &a->state;

    for (int k = 0; k < PRIORITIES; k++) {
        change(&s->level[k].true_ms, by_ms, now_ms);
        change(&s->level[k].false_ms, by_ms, now_ms);
    }
    for (int k = 0; k < ALERT_SINCE_MAX; k++)
        change(&a->since_ms[k], by_ms, now_ms);
    change(&s->pending_ms, by_ms, now_ms);
    change(&s->nodata_ms, by_ms, now_ms);
    change(&s->gone_ms, by_ms, now_ms);
    change(&s->last_data_ms, by_ms, now_ms);
    change(&s->last_look_ms, by_ms, now_ms);
}

int64_t alert_book_set_right(struct alert_book *b, int64_t now_ms)
{
    int64_t by_ms = b->evaluated_to_ms > now_ms ? b->evaluated_to_ms - now_ms : 0;
    struct alert_rule *r;

    for (struct book_cursor c = {0}; (r = book_next(b, &c));)
        for (size_t i = 0; i < r->alerts.cap; i++) {
            struct alert_entry *e = r->alerts.slots[i].value;

            if (!e)
                continue;
            each_time(&e->a, move_back, by_ms, now_ms);
            if (e->x)
                external_move(e, take_back, by_ms, now_ms);
            move_back(&e->a.state.active_ms, by_ms, now_ms);
            entry_count(e);
        }
    b->evaluated_to_ms -= by_ms;
    b->evaluated_stored_ms -= by_ms;
    assert(b->evaluated_to_ms <= now_ms);
    return by_ms;
}

void alert_book_shift(struct alert_book *b, int64_t by_ms)
{
    struct alert_rule *r;

    for (struct book_cursor c = {0}; (r = book_next(b, &c));)
        for (size_t i = 0; i < r->alerts.cap; i++) {
            struct alert_entry *e = r->alerts.slots[i].value;

            if (!e)
                continue;
            each_time(&e->a, move, by_ms, 0);
            if (e->x)
                external_move(e, move, by_ms, 0);
            entry_count(e);
            entry_store(e);
        }
    clock_move(&b->evaluated_to_ms, by_ms);
    clock_move(&b->evaluated_stored_ms, by_ms);
}

void alert_book_bridge(struct alert_book *b, int64_t outage_ms)
{
    struct alert_rule *r;

    external_bridge(b, outage_ms);
    if (outage_ms <= COUNTED_OUTAGE_MS)
        return;
    for (size_t at = 0; (r = map_next(b->rules, &at, NULL, NULL));)
        for (size_t i = 0; i < r->alerts.cap; i++) {
            struct alert_entry *e = r->alerts.slots[i].value;
            if (!e)
                continue;
            for (int k = 0; k < PRIORITIES; k++) {
                clock_move(&e->a.state.level[k].true_ms, outage_ms);
                clock_move(&e->a.state.level[k].false_ms, outage_ms);
            }
            for (int k = 0; k < ALERT_SINCE_MAX; k++)
                clock_move(&e->a.since_ms[k], outage_ms);
            clock_move(&e->a.state.gone_ms, outage_ms);
            clock_move(&e->a.state.last_data_ms, outage_ms);
            clock_move(&e->a.state.last_look_ms, outage_ms);
            entry_store(e);
        }
}

/* --- questions ------------------------------------------------------------------------------------ */

struct alert_rule *alert_rule_find(struct alert_book *b, const char *name)
{
    return map_gets(b->rules, name);
}

const struct rule_def *alert_rule_def(const struct alert_rule *r)
{
    return r->def;
}

size_t alert_rule_count(const struct alert_rule *r)
{
    return r->alerts.n;
}

bool alert_rule_fires(const struct alert_rule *r, int priority, const struct label_names *by,
                      labelset group)
{
    struct labelsets *ls = r->book->o.labels;
    labelset want = by ? labelset_project(ls, group, by) : group;
    bool fires = false;

    if (want == LABELSET_NONE)
        return false;
    for (size_t i = 0; i < r->alerts.cap && !fires; i++) {
        const struct alert_entry *e = r->alerts.slots[i].value;
        if (!e || e->a.state.firing == 0)
            continue;
        if (priority != 0 && e->a.state.firing > priority)
            continue;
        fires = (by ? labelset_project_find(ls, e->a.group, by) : e->a.group) == want;
    }
    if (by)
        labelset_unref(ls, want);
    return fires;
}
