#include <assert.h>

#include "alert/book.h"
#include "alert/external.h"
#include "base/mem.h"

struct alert_entry *entry_new(struct alert_rule *r, labelset group)
{
    struct alert_book *b = r->book;
    struct alert_entry *e = mem_zalloc(sizeof *e);
    struct buf field = BUF_INIT;

    if (!e)
        return NULL;
    e->a = (struct alert){.rule = r, .group = group, .origin = r->origin, .scope = ""};
    e->n_state = r->def ? r->def->n_state : 0;
    buf_adds(&field, r->origin);
    labelset_text(b->o.labels, group, &field);
    e->field = buf_take(&field, NULL);
    if (e->field && group_map_put(&r->alerts, group, e) == 0) {
        labelset_ref(b->o.labels, group);
        b->counts.alerts++;
        assert(e->a.rule == r && !e->a.labels && r->alerts.n > 0);
        return e;
    }
    mem_free(e->field);
    mem_free(e);
    return NULL;
}

void entry_state_clear(struct alert_entry *e)
{
    for (size_t i = 0; e->a.when_state && i < e->n_state; i++)
        mem_free(e->a.when_state[i]);
    mem_free(e->a.when_state);
    e->a.when_state = NULL;
}

static void follow(uint32_t *count, bool *is, bool now)
{
    assert(!*is || *count > 0);
    *count += (uint32_t)now - (uint32_t)*is;
    *is = now;
}

void entry_count(struct alert_entry *e)
{
    struct alert_stats *c = &e->a.rule->book->counts;
    const struct alert_state *s = &e->a.state;

    follow(&c->pending, &e->is_pending, s->firing == 0 && s->pending_ms != 0);
    follow(&c->firing, &e->is_firing, s->firing != 0);
    follow(&c->nodata, &e->is_nodata, s->nodata_ms != 0);
    assert(c->pending + c->firing <= c->alerts && c->nodata <= c->alerts);
}

void rule_count(struct alert_rule *r)
{
    uint64_t now = alert_rule_overflow(r) + alert_rule_hidden(r, NULL);

    assert(r->book->counts.overflow >= r->counted);
    r->book->counts.overflow += now - r->counted;
    r->counted = now;
}

void entry_free(struct alert_entry *e)
{
    struct alert *a = &e->a;
    struct alert_rule *r = a->rule;
    struct alert_stats *c = &r->book->counts;

    assert(group_map_get(&r->alerts, a->group) == e);
    if (e->x)
        external_free(e);
    follow(&c->pending, &e->is_pending, false);
    follow(&c->firing, &e->is_firing, false);
    follow(&c->nodata, &e->is_nodata, false);
    assert(c->alerts > 0);
    c->alerts--;
    group_map_remove(&r->alerts, a->group);
    entry_fingerprint_drop(e);
    labelset_unref(r->book->o.labels, a->group);
    entry_state_clear(e);
    entry_annotations_clear(e);
    mem_free(a->labels);
    mem_free(a->key);
    mem_free(a->end_reason);
    mem_free(a->why);
    mem_free(e->field);
    mem_free(e);
}
