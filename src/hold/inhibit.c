/* Inhibition: alerts that are on, by what they hold and are held by.
 *
 * Each alert is tied to a group for every inhibit rule and side that it matches, so that a question is a look at
 * the sources of its groups, and one that begins or ends costs its own ties; how many alerts it holds does not
 * matter. Those are told in steps, by a queue of groups with a place in each. Dropped: Alertmanager's
 * walk over the sources of each rule for each question; holding by the newest source only; remembering what the
 * answer was: whoever asks compares. */
#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "hold/inhibit_graph.h"
#include "model/matcher_alert.h"

/* --- made and freed --- */

static void drop_side(struct matcher **m, size_t n)
{
    for (size_t i = 0; m && i < n; i++)
        matcher_unref(m[i]);
    mem_free(m);
}

static void drop_rules(struct inhibit_rule *rules, size_t n)
{
    for (size_t i = 0; rules && i < n; i++) {
        struct inhibit_rule *r = &rules[i];

        drop_side(r->source, r->n_source);
        drop_side(r->target, r->n_target);
        for (size_t k = 0; r->equal && k < r->n_equal; k++)
            mem_free((char *)r->equal[k]);
        mem_free(r->equal);
        mem_free((char *)r->name);
    }
    mem_free(rules);
}

static struct matcher **copy_side(struct matcher *const *m, size_t n)
{
    struct matcher **copy = mem_alloc(n * sizeof *copy + 1);

    for (size_t i = 0; copy && i < n; i++)
        copy[i] = matcher_ref(m[i]);
    return copy;
}

/* Into `to`, which is all zero. -1: no memory, drop_rules() frees what is there. */
static int copy_rule(struct inhibit_rule *to, const struct inhibit_rule *r)
{
    to->line = r->line;
    to->n_source = r->n_source;
    to->n_target = r->n_target;
    to->n_equal = r->n_equal;
    to->name = mem_strdup(r->name);
    to->source = copy_side(r->source, r->n_source);
    to->target = copy_side(r->target, r->n_target);
    to->equal = mem_zalloc(r->n_equal * sizeof *to->equal + 1);
    for (size_t i = 0; to->equal && i < r->n_equal; i++)
        if (!(to->equal[i] = mem_strdup(r->equal[i])))
            return -1;
    return to->name && to->source && to->target && to->equal ? 0 : -1;
}

static int copy_rules(struct inhibits *h, const struct inhibit_rule *rules, size_t n)
{
    h->rules = mem_zalloc(n * sizeof *h->rules + 1);
    h->n_rules = h->rules ? n : 0;
    for (size_t i = 0; i < h->n_rules; i++)
        if (copy_rule(&h->rules[i], &rules[i]))
            return -1;
    return h->rules ? 0 : -1;
}

static int index_rules(struct inhibits *h)
{
    for (size_t i = 0; i < h->n_rules; i++) {
        const struct inhibit_rule *r = &h->rules[i];

        assert(r->n_source > 0 && r->n_target > 0);
        if (matcher_index_add(h->sources, r->source, r->n_source, (uint32_t)i) ||
            matcher_index_add(h->targets, r->target, r->n_target, (uint32_t)i))
            return -1;
    }
    return inhibit_circles_find(h);
}

struct inhibits *inhibits_new(const struct inhibit_rule *rules, size_t n)
{
    struct inhibits *h = mem_zalloc(sizeof *h);

    assert(n <= INHIBITS_MAX);
    if (!h)
        return NULL;
    h->in_circle = mem_zalloc(n + 1);
    h->todo = mem_alloc(CIRCLE_WALK * sizeof(struct inhibit_subject *));
    h->sources = matcher_index_new();
    h->targets = matcher_index_new();
    h->subjects = map_new();
    h->groups = map_new();
    if (h->in_circle && h->todo && h->sources && h->targets && h->subjects && h->groups &&
        copy_rules(h, rules, n) == 0 && index_rules(h) == 0)
        return h;
    inhibits_free(h);
    return NULL;
}

static void subject_free(void *value)
{
    struct inhibit_subject *s = value;

    mem_free(s->links);
    mem_free(s);
}

void inhibits_free(struct inhibits *h)
{
    if (!h)
        return;
    map_free(h->subjects, subject_free);
    map_free(h->groups, mem_free);
    matcher_index_free(h->sources);
    matcher_index_free(h->targets);
    matcher_candidates_free(&h->as_source);
    matcher_candidates_free(&h->as_target);
    drop_rules(h->rules, h->n_rules);
    mem_free(h->in_circle);
    mem_free(h->todo);
    mem_free(h);
}

static bool is_side(struct matcher *const *a, size_t n_a, struct matcher *const *b, size_t n_b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    bool same;

    for (size_t i = 0; i < n_a; i++)
        matcher_text(a[i], &x);
    for (size_t i = 0; i < n_b; i++)
        matcher_text(b[i], &y);
    same = n_a == n_b && buf_ok(&x) && buf_ok(&y) && strcmp(buf_str(&x), buf_str(&y)) == 0;
    buf_free(&x);
    buf_free(&y);
    return same;
}

bool inhibits_has(const struct inhibits *h, const struct inhibit_rule *rules, size_t n)
{
    for (size_t i = 0; i < n && n == h->n_rules; i++) {
        const struct inhibit_rule *a = &h->rules[i], *b = &rules[i];

        if (strcmp(a->name, b->name) != 0 || a->n_equal != b->n_equal ||
            !is_side(a->source, a->n_source, b->source, b->n_source) ||
            !is_side(a->target, a->n_target, b->target, b->n_target))
            return false;
        for (size_t k = 0; k < a->n_equal; k++)
            if (strcmp(a->equal[k], b->equal[k]) != 0)
                return false;
    }
    return n == h->n_rules;
}

/* --- groups --- */

static void group_queue(struct inhibits *h, struct inhibit_group *g)
{
    g->told_to = g->first[SIDE_TARGET] ? g->first[SIDE_TARGET] : g->first[SIDE_TARGET_BOTH];
    if (g->queued)
        return;
    g->queued = true;
    g->prev_told = h->last_told;
    g->next_told = NULL;
    *(h->last_told ? &h->last_told->next_told : &h->first_told) = g;
    h->last_told = g;
}

static void group_unqueue(struct inhibits *h, struct inhibit_group *g)
{
    if (!g->queued)
        return;
    *(g->prev_told ? &g->prev_told->next_told : &h->first_told) = g->next_told;
    *(g->next_told ? &g->next_told->prev_told : &h->last_told) = g->prev_told;
    g->queued = false;
}

static void group_no_longer_freed(struct inhibits *h, struct inhibit_group *g)
{
    if (g->freed_ms == 0)
        return;
    *(g->prev_freed ? &g->prev_freed->next_freed : &h->first_freed) = g->next_freed;
    *(g->next_freed ? &g->next_freed->prev_freed : &h->last_freed) = g->prev_freed;
    g->freed_ms = 0;
}

static void group_freed(struct inhibits *h, struct inhibit_group *g, int64_t at_ms)
{
    group_no_longer_freed(h, g);
    g->freed_ms = at_ms;
    g->prev_freed = h->last_freed;
    g->next_freed = NULL;
    *(h->last_freed ? &h->last_freed->next_freed : &h->first_freed) = g;
    h->last_freed = g;
    assert(!g->prev_freed || g->prev_freed->freed_ms <= at_ms);
}

static void queue_of_circle(struct inhibits *h, struct inhibit_group *g)
{
    group_queue(h, g);
}

/* Its targets, and what these hold in a circle. Cost where the circle is large: all groups, once for a change of one of its alerts. */
static void group_changed(struct inhibits *h, struct inhibit_group *g)
{
    struct inhibit_group *other;

    group_queue(h, g);
    if (!h->in_circle[g->rule] || inhibit_circle_each(h, g, queue_of_circle))
        return;
    for (size_t at = 0; (other = map_next(h->groups, &at, NULL, NULL));)
        if (h->in_circle[other->rule])
            group_queue(h, other);
}

static struct inhibit_group *group_get(struct inhibits *h, uint32_t rule,
                                       const struct alert_subject *a)
{
    const struct inhibit_rule *r = &h->rules[rule];
    struct buf key = BUF_INIT;
    struct inhibit_group *g = NULL;

    buf_add(&key, &rule, sizeof rule);
    for (size_t i = 0; i < r->n_equal; i++) {
        uint32_t len = 0;

        for (size_t k = 0; k < a->n; k++) {
            const struct label *l = &a->l[k];

            if (strlen(r->equal[i]) != l->name_len ||
                memcmp(r->equal[i], l->name, l->name_len) != 0)
                continue;
            len = l->value_len;
            buf_add(&key, &len, sizeof len);
            buf_add(&key, l->value, len);
            break;
        }
        if (len == 0)
            buf_add(&key, &len, sizeof len);
    }
    if (buf_ok(&key) && !(g = map_get(h->groups, key.data, key.len)) &&
        (g = mem_zalloc(sizeof *g + key.len))) {
        g->rule = rule;
        g->key_len = key.len;
        memcpy(g->key, key.data, key.len);
        if (map_put(h->groups, g->key, g->key_len, g, NULL)) {
            mem_free(g);
            g = NULL;
        }
    }
    buf_free(&key);
    return g;
}

static void group_drop_if_empty(struct inhibits *h, struct inhibit_group *g)
{
    for (int side = 0; side < SIDES; side++)
        if (g->n[side] > 0)
            return;
    group_no_longer_freed(h, g);
    group_unqueue(h, g);
    map_remove(h->groups, g->key, g->key_len);
    mem_free(g);
}

/* --- ties --- */

static struct inhibit_link *next_target(const struct inhibit_link *l)
{
    return l->next || l->side == SIDE_TARGET_BOTH ? l->next : l->group->first[SIDE_TARGET_BOTH];
}

static void tie(struct inhibits *h, struct inhibit_link *l)
{
    struct inhibit_group *g = l->group;
    enum inhibit_side side = l->side;

    l->prev = g->last[side];
    l->next = NULL;
    *(g->last[side] ? &g->last[side]->next : &g->first[side]) = l;
    g->last[side] = l;
    g->n[side]++;
    if (side == SIDE_SOURCE)
        group_no_longer_freed(h, g);
    if (side < SIDE_TARGET && (g->n[side] == 1 || h->in_circle[g->rule]))
        group_changed(h, g);
    assert(g->first[side] && g->last[side] == l);
}

static void untie(struct inhibits *h, struct inhibit_link *l, int64_t at_ms)
{
    struct inhibit_group *g = l->group;
    enum inhibit_side side = l->side;

    if (side < SIDE_TARGET && h->in_circle[g->rule]) /* while it can still be followed */
        group_changed(h, g);
    if (g->told_to == l)
        g->told_to = next_target(l);
    *(l->prev ? &l->prev->next : &g->first[side]) = l->next;
    *(l->next ? &l->next->prev : &g->last[side]) = l->prev;
    g->n[side]--;
    assert((g->n[side] == 0) == !g->first[side]);
    if (side < SIDE_TARGET && g->n[side] == 0 && g->n[SIDE_TARGET] + g->n[SIDE_TARGET_BOTH] > 0) {
        group_freed(h, g, at_ms);
        group_queue(h, g);
    }
    group_drop_if_empty(h, g);
}

/* The sides of rule `i` that the alert is on, from the front of both lists of candidates. */
static void sides_of(const struct inhibit_rule *r, bool source, bool target,
                     const struct alert_subject *a, bool on[SIDES])
{
    source = source && matchers_test_labels(r->source, r->n_source, a->l, a->n);
    target = target && matchers_test_labels(r->target, r->n_target, a->l, a->n);
    on[SIDE_SOURCE] = source && !target;
    on[SIDE_SOURCE_BOTH] = source && target;
    on[SIDE_TARGET] = target && !source;
    on[SIDE_TARGET_BOTH] = target && source;
}

/* The ties that the alert is to have, not tied yet, into *out. -1: no memory. */
static int links_make(struct inhibits *h, const struct inhibit_alert *a, struct inhibit_link **out,
                      size_t *n_out)
{
    struct matcher_candidates *s = &h->as_source, *t = &h->as_target;
    struct alert_subject subject;
    struct inhibit_link *links = NULL;
    size_t n = 0, cap = 0, at_s = 0, at_t = 0;

    *out = NULL;
    *n_out = 0;
    if (matcher_index_candidates(h->sources, a->labels, a->n_labels, a->priority, s) ||
        matcher_index_candidates(h->targets, a->labels, a->n_labels, a->priority, t))
        return -1;
    alert_subject(&subject, a->labels, a->n_labels, a->priority);
    while (at_s < s->n || at_t < t->n) {
        uint32_t next_s = at_s < s->n ? s->ids[at_s] : UINT32_MAX;
        uint32_t next_t = at_t < t->n ? t->ids[at_t] : UINT32_MAX;
        uint32_t rule = next_s < next_t ? next_s : next_t;
        bool on[SIDES];

        sides_of(&h->rules[rule], next_s == rule, next_t == rule, &subject, on);
        at_s += next_s == rule;
        at_t += next_t == rule;
        for (int side = 0; side < SIDES; side++) {
            struct inhibit_group *g = on[side] ? group_get(h, rule, &subject) : NULL;

            if (!on[side])
                continue;
            if (!g || mem_grow((void **)&links, &cap, n + 1, sizeof *links)) {
                for (size_t i = 0; i < n; i++)
                    group_drop_if_empty(h, links[i].group);
                if (g)
                    group_drop_if_empty(h, g);
                mem_free(links);
                return -1;
            }
            links[n++] = (struct inhibit_link){.group = g, .side = (enum inhibit_side)side};
        }
    }
    *out = links;
    *n_out = n;
    return 0;
}

/* New ties first: a group that it stays in is never without it. */
static void links_set(struct inhibits *h, struct inhibit_subject *s, struct inhibit_link *links,
                      size_t n, int64_t at_ms)
{
    struct inhibit_link *old = s->links;
    size_t n_old = s->n_links;

    s->links = links;
    s->n_links = n;
    for (size_t i = 0; i < n; i++) {
        links[i].subject = s;
        tie(h, &links[i]);
    }
    for (size_t i = 0; i < n_old; i++)
        untie(h, &old[i], at_ms);
    mem_free(old);
}

static uint64_t content_of(const struct inhibit_alert *a)
{
    uint64_t sum = hash_mix((uint64_t)a->priority, a->n_labels);

    for (size_t i = 0; i < a->n_labels; i++) {
        sum = hash_mix(sum, hash_bytes(a->labels[i].name, a->labels[i].name_len));
        sum = hash_mix(sum, hash_bytes(a->labels[i].value, a->labels[i].value_len));
    }
    return sum;
}

static struct inhibit_subject *subject_new(struct inhibits *h, const char *key)
{
    size_t len = strlen(key) + 1;
    struct inhibit_subject *s = mem_zalloc(sizeof *s + len);

    if (!s)
        return NULL;
    memcpy(s->key, key, len);
    if (map_puts(h->subjects, s->key, s, NULL) == 0)
        return s;
    mem_free(s);
    return NULL;
}

int inhibits_alert(struct inhibits *h, const struct inhibit_alert *a, int64_t at_ms)
{
    struct inhibit_subject *s = map_gets(h->subjects, a->key);
    struct inhibit_link *links;
    uint64_t content;
    size_t n;

    if (h->n_rules == 0 || (!s && !a->on))
        return 0;
    at_ms = h->at_ms = at_ms > h->at_ms ? at_ms : h->at_ms;
    if (!a->on) {
        map_removes(h->subjects, s->key);
        links_set(h, s, NULL, 0, at_ms);
        subject_free(s);
        return 0;
    }
    content = content_of(a);
    if (!s || s->content != content) {
        if (links_make(h, a, &links, &n))
            return -1;
        if (!s && !(s = subject_new(h, a->key))) {
            for (size_t i = 0; i < n; i++)
                group_drop_if_empty(h, links[i].group);
            mem_free(links);
            return -1;
        }
        links_set(h, s, links, n, at_ms);
        s->content = content;
    }
    s->starts_ms = a->starts_ms;
    s->fingerprint = a->fingerprint;
    s->looked_ms = at_ms;
    return 0;
}

/* --- answers --- */

static const struct inhibit_subject *holder_of(const struct inhibits *h,
                                               const struct inhibit_link *target)
{
    const struct inhibit_group *g = target->group;
    int sides = target->side == SIDE_TARGET_BOTH ? 1 : 2;

    for (int side = 0; side < sides; side++)
        for (const struct inhibit_link *l = g->first[side]; l; l = l->next)
            if (!h->in_circle[g->rule] || inhibit_circle_holds(h, l->subject, target->subject))
                return l->subject;
    return NULL;
}

static bool waits_for_look(const struct inhibit_link *l, int64_t at_ms)
{
    const struct inhibit_group *g = l->group;

    return g->freed_ms != 0 && l->subject->looked_ms <= g->freed_ms &&
           at_ms < g->freed_ms + INHIBIT_LOOK_MS;
}

void inhibits_find(const struct inhibits *h, const char *key, int64_t at_ms, struct inhibition *out)
{
    const struct inhibit_subject *s = map_gets(h->subjects, key), *holder;

    *out = (struct inhibition){0};
    for (size_t i = 0; s && i < s->n_links; i++) {
        const struct inhibit_link *l = &s->links[i];

        if (l->side < SIDE_TARGET)
            continue;
        if ((holder = holder_of(h, l))) {
            *out =
                (struct inhibition){&h->rules[l->group->rule], holder->key, holder->fingerprint, 0};
            return;
        }
        if (!out->rule && waits_for_look(l, at_ms))
            *out = (struct inhibition){.rule = &h->rules[l->group->rule],
                                       .until_ms = l->group->freed_ms + INHIBIT_LOOK_MS};
        if (!out->rule && !h->ready)
            *out = (struct inhibition){.rule = &h->rules[l->group->rule]};
    }
}

static bool is_source(const struct inhibit_link *l)
{
    return l->side < SIDE_TARGET;
}

size_t inhibits_dependents(const struct inhibits *h, const char *key)
{
    const struct inhibit_subject *s = map_gets(h->subjects, key);
    size_t n = 0;

    for (size_t i = 0; s && i < s->n_links; i++)
        if (is_source(&s->links[i]))
            n += s->links[i].group->n[SIDE_TARGET] +
                 (s->links[i].side == SIDE_SOURCE ? s->links[i].group->n[SIDE_TARGET_BOTH] : 0);
    return n;
}

void inhibits_each_dependent(const struct inhibits *h, const char *key, size_t most,
                             void (*each)(const char *key, void *arg), void *arg)
{
    const struct inhibit_subject *s = map_gets(h->subjects, key);

    for (size_t i = 0; s && i < s->n_links; i++) {
        const struct inhibit_link *l = &s->links[i];
        int last = l->side == SIDE_SOURCE ? SIDE_TARGET_BOTH : SIDE_TARGET;

        for (int side = SIDE_TARGET; is_source(l) && side <= last; side++)
            for (const struct inhibit_link *t = l->group->first[side]; t; t = t->next) {
                if (most-- == 0)
                    return;
                each(t->subject->key, arg);
            }
    }
}

/* --- time --- */

void inhibits_ready(struct inhibits *h)
{
    struct inhibit_group *g;

    if (h->ready)
        return;
    h->ready = true;
    for (size_t at = 0; (g = map_next(h->groups, &at, NULL, NULL));) /* once, at a start */
        group_queue(h, g);
}

bool inhibits_tick(struct inhibits *h, int64_t at_ms, size_t most,
                   void (*changed)(const char *key, void *arg), void *arg)
{
    struct inhibit_group *g;

    while ((g = h->first_freed) && at_ms >= g->freed_ms + INHIBIT_LOOK_MS) {
        group_no_longer_freed(h, g);
        group_queue(h, g);
    }
    while ((g = h->first_told)) {
        const struct inhibit_link *l = g->told_to;

        if (!l) {
            group_unqueue(h, g);
            continue;
        }
        if (most-- == 0)
            return false;
        g->told_to = next_target(l);
        changed(l->subject->key, arg);
    }
    return true;
}

int64_t inhibits_next_ms(const struct inhibits *h)
{
    if (h->first_told)
        return 1;
    return h->first_freed ? h->first_freed->freed_ms + INHIBIT_LOOK_MS : 0;
}

void inhibits_shift(struct inhibits *h, int64_t by_ms)
{
    struct inhibit_subject *s;

    clock_move(&h->at_ms, by_ms);
    for (struct inhibit_group *g = h->first_freed; g; g = g->next_freed)
        clock_move(&g->freed_ms, by_ms);
    for (size_t at = 0; (s = map_next(h->subjects, &at, NULL, NULL));)
        clock_move(&s->looked_ms, by_ms);
}
