/* What an alert says: its labels, its annotations, and why.
 * Labels are made when an alert first has a priority and anew when it changes, not for each look; all of a
 * set is made before the old one is given up, so that without memory an alert goes on under the labels it is
 * known by. Its identity leaves out a severity that follows from the priority: an alert that rises stays the
 * one that receivers know. Annotations are filled for each look while it is on, since they quote values; the
 * tree only for a change, since it is large. */
#include "alert/book.h"

#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct label_list {
    struct label l[2 * LABELS_MAX + 4];
    size_t n;
};

/* What a new set of labels takes, before the old one is given up. */
struct made {
    struct label *labels;
    size_t n;
    char *key;
    uint64_t fingerprint;
};

static void list_set(struct label_list *list, struct label l)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->l[i].name, l.name) == 0) {
            list->l[i] = l;
            return;
        }
    assert(list->n < sizeof list->l / sizeof *list->l); /* the group's, the rule's, four more */
    list->l[list->n++] = l;
}

/* Later ones win: the table's severity, the group, what the rule's author wrote, the name. */
static void collect(const struct alert_entry *e, int priority, struct label_list *list)
{
    const struct alert_rule *r = e->a.rule;
    const struct labelsets *ls = r->book->o.labels;
    const char *const *severity = r->book->o.severity;

    if (severity && priority > 0 && priority <= PRIORITIES && severity[priority])
        list_set(list, label_of("severity", severity[priority]));
    for (size_t i = 0; i < labelset_size(ls, e->a.group); i++)
        list_set(list, labelset_at(ls, e->a.group, i));
    if (r->def) {
        for (size_t i = 0; i < r->def->n_labels; i++)
            list_set(list, label_of(r->def->labels[i].name, r->def->labels[i].value));
        if (r->def->team)
            list_set(list, label_of("team", r->def->team));
        if (r->def->severity)
            list_set(list, label_of("severity", r->def->severity));
    }
    list_set(list, label_of("alertname", r->name));
}

const char *alert_rule_hides(const struct alert_rule *r, labelset group)
{
    const struct labelsets *ls = r->book->o.labels;
    const struct rule_def *d = r->def;
    size_t len;

    if (labelset_value(ls, group, "alertname", &len) && len > 0)
        return "alertname";
    for (size_t i = 0; d && i < d->n_labels; i++)
        if (labelset_value(ls, group, d->labels[i].name, &len) && len > 0)
            return d->labels[i].name;
    if (d && d->team && labelset_value(ls, group, "team", &len) && len > 0)
        return "team";
    if (d && d->severity && labelset_value(ls, group, "severity", &len) && len > 0)
        return "severity";
    return NULL;
}

/* Without a severity that follows from the priority or the rule; one of the data is data. */
static size_t identity(const struct alert_entry *e, const struct label *l, size_t n,
                       struct label *kept)
{
    const struct labelsets *ls = e->a.rule->book->o.labels;
    bool drop;
    size_t k = 0, len = 0;

    drop = !labelset_value(ls, e->a.group, "severity", &len) || len == 0;
    for (size_t i = 0; i < n; i++)
        if (!drop || strcmp(l[i].name, "severity") != 0)
            kept[k++] = l[i];
    return k;
}

static int make(struct alert_entry *e, const struct label *l, size_t n, struct made *out)
{
    struct map *m = e->a.rule->book->by_fingerprint;
    struct label kept[2 * LABELS_MAX + 4];
    size_t k = identity(e, l, n, kept);
    struct buf key = BUF_INIT;

    alert_key_text(e->a.origin, kept, k, &key);
    *out = (struct made){.labels = labels_dup(l, n),
                         .n = n,
                         .key = buf_take(&key, NULL),
                         .fingerprint = labels_fingerprint(kept, k)};
    buf_free(&key);
    /* of two alerts with one fingerprint (of another origin) the first is found by it */
    if (out->labels && out->key &&
        (map_get(m, &out->fingerprint, sizeof out->fingerprint) ||
         map_put(m, &out->fingerprint, sizeof out->fingerprint, e, NULL) == 0))
        return 0;
    mem_free(out->labels);
    mem_free(out->key);
    return -1;
}

static void install(struct alert_entry *e, const struct made *x)
{
    if (e->a.fingerprint != x->fingerprint)
        entry_fingerprint_drop(e);
    mem_free(e->a.labels);
    mem_free(e->a.key);
    e->a.labels = x->labels;
    e->a.n_labels = x->n;
    e->a.key = x->key;
    e->a.fingerprint = x->fingerprint;
    assert(e->a.labels && e->a.key);
}

void alert_key_text(const char *origin, const struct label *l, size_t n, struct buf *out)
{
    buf_adds(out, origin);
    labels_text(l, n, out);
}

void entry_fingerprint_drop(struct alert_entry *e)
{
    struct map *m = e->a.rule->book->by_fingerprint;

    if (e->a.labels && map_get(m, &e->a.fingerprint, sizeof e->a.fingerprint) == e)
        map_remove(m, &e->a.fingerprint, sizeof e->a.fingerprint);
}

void entry_fingerprint_claim(struct alert_entry *e)
{
    struct map *m = e->a.rule->book->by_fingerprint;
    const struct alert_entry *holder = map_get(m, &e->a.fingerprint, sizeof e->a.fingerprint);

    if (e->a.labels && (!holder || holder->a.state.firing == 0) &&
        map_put(m, &e->a.fingerprint, sizeof e->a.fingerprint, e, NULL))
        return; /* no memory: found by it after the next word */
}

int entry_label_as(struct alert_entry *e, const struct label *l, size_t n)
{
    struct made x;

    if (make(e, l, n, &x))
        return -1;
    install(e, &x);
    return 0;
}

int entry_label(struct alert_entry *e, int priority)
{
    struct label_list list = {.n = 0};
    int n;

    collect(e, priority, &list);
    n = labels_sort(list.l, list.n);
    if (n < 0 || entry_label_as(e, list.l, (size_t)n))
        return -1;
    e->labels_priority = priority;
    return 0;
}

/* The end of what was known under the old labels; the alert itself goes on. */
static void tell_old_end(const struct alert_entry *e, const char *reason, int64_t at_ms)
{
    struct alert old = e->a;
    struct buf text = BUF_INIT;

    buf_adds(&text, reason);
    old.state = (struct alert_state){0};
    old.ended_ms = at_ms;
    old.end_reason = buf_ok(&text) ? text.data : NULL;
    e->a.rule->book->o.changed(&old, CHANGE_RESOLVED, at_ms, e->a.rule->book->o.arg);
    buf_free(&text);
}

void entry_relabel(struct alert_entry *e, int64_t at_ms)
{
    const struct alert_book *b = e->a.rule->book;
    int priority = e->a.state.firing ? e->a.state.firing : e->labels_priority;
    struct label_list list = {.n = 0};
    struct made x;
    bool other, told, same;
    int n;

    collect(e, priority, &list);
    n = labels_sort(list.l, list.n);
    e->labels_stale = n < 0 || make(e, list.l, (size_t)n, &x);
    if (e->labels_stale)
        return; /* known under the old ones until there is memory */
    same = e->a.labels && labels_same(e->a.labels, e->a.n_labels, x.labels, x.n);
    other = !e->a.key || strcmp(e->a.key, x.key) != 0;
    told = e->a.state.firing != 0 && b->o.changed && !same;
    if (told && other && e->a.key)
        tell_old_end(e, "the labels of its rule were changed", at_ms);
    install(e, &x);
    e->labels_priority = priority;
    e->a.relabelled = told;
    if (told)
        b->o.changed(&e->a, other ? CHANGE_FIRED : CHANGE_NONE, at_ms, b->o.arg);
    e->a.relabelled = false;
}

void entry_annotations_clear(struct alert_entry *e)
{
    for (size_t i = 0; i < e->a.n_annotations; i++) {
        mem_free((char *)e->a.annotations[i].name);
        mem_free((char *)e->a.annotations[i].value);
    }
    mem_free(e->a.annotations);
    e->a.annotations = NULL;
    e->a.n_annotations = 0;
}

/* A text that shows a log event keeps the one that made it fire, or rise. */
static const char *kept_text(const struct alert_entry *e, const struct rule_pair *template,
                             enum alert_change change)
{
    if (change == CHANGE_FIRED || change == CHANGE_RAISED || change == CHANGE_PENDING ||
        !strstr(template->value, "{event_"))
        return NULL;
    for (size_t i = 0; i < e->a.n_annotations; i++)
        if (strcmp(e->a.annotations[i].name, template->name) == 0)
            return e->a.annotations[i].value;
    return NULL;
}

void entry_annotate(struct alert_entry *e, const struct alert_look *look, enum alert_change change,
                    int64_t at_ms)
{
    const struct rule_def *d = e->a.rule->def;
    struct rule_pair *made;
    size_t n = 0;

    if (!d || d->n_annotations == 0)
        return;
    made = mem_zalloc(d->n_annotations * sizeof *made);
    if (!made)
        return; /* the old ones are better than none */
    for (size_t i = 0; i < d->n_annotations; i++) {
        const char *kept = kept_text(e, &d->annotations[i], change);
        struct buf text = BUF_INIT;

        if (kept)
            buf_adds(&text, kept);
        else if (look->fill)
            look->fill(d->annotations[i].value, &e->a, at_ms, &text, look->fill_arg);
        else
            buf_adds(&text, d->annotations[i].value);
        buf_addc(&text, '\0'); /* so that an empty one is a string, too */
        made[n].name = mem_strdup(d->annotations[i].name);
        made[n].value = buf_take(&text, NULL);
        if (made[n].name && made[n].value) {
            n++;
            continue;
        }
        mem_free((char *)made[n].name);
        mem_free((char *)made[n].value);
        made[n] = (struct rule_pair){0};
    }
    entry_annotations_clear(e);
    e->a.annotations = made;
    e->a.n_annotations = n;
}

/* A tree that is too large is kept as a text of its beginning: cut JSON could not be read. */
void entry_explain(struct alert_entry *e, const struct alert_look *look)
{
    struct buf tree = BUF_INIT;

    if (!look->why)
        return;
    look->why(&tree, look->why_arg);
    if (buf_ok(&tree) && tree.len > ALERT_WHY_MAX) {
        struct buf cut = BUF_INIT;
        struct json j = json_into(&cut);
        json_object(&j);
        json_kint(&j, "bytes", (int64_t)tree.len);
        json_key(&j, "begins");
        /* a quoted byte takes at most two here: trees are JSON, their control bytes are escaped */
        json_str_n(&j, tree.data, (ALERT_WHY_MAX - 64) / 2);
        json_object_end(&j);
        buf_free(&tree);
        tree = cut;
    }
    if (buf_ok(&tree) && tree.len > 0) {
        mem_free(e->a.why);
        e->a.why = buf_take(&tree, NULL);
    }
    buf_free(&tree);
}
