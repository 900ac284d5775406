/* What a reload changes, for people: "added A · B limit 2% → 30% · #7 will resolve".
 *
 * Rules are compared as data, file by file, by name; a rule that moves to another file is told as removed
 * there and added here. Of limits only the first comparison of each level is told: the rest is in the
 * file, whose author knows. What will resolve is judged by the values that alerts have now, without a
 * look: the new rule does not run yet. */
#include "app/changes.h"

#include <string.h>

#include "base/log.h"
#include "base/map.h"

#define ENDING_MAX 32 /* incidents that a line may name; with more that stay none is named */

const struct rule_def *changes_find(const struct rulefile *f, const char *name)
{
    for (size_t i = 0; f && i < rulefile_count(f); i++)
        if (strcmp(rulefile_rule(f, i)->name, name) == 0)
            return rulefile_rule(f, i);
    return NULL;
}

/* The first comparison with a number in a condition. */
static const struct expr *first_limit(const struct expr *x)
{
    const struct expr *found;

    if (!x)
        return NULL;
    if (x->kind == COND_CMP)
        return x->b->kind == EXPR_NUM ? x : NULL;
    if (x->kind != COND_AND && x->kind != COND_OR && x->kind != COND_NOT && x->kind != COND_LASTING)
        return NULL;
    found = first_limit(x->a);
    return found ? found : first_limit(x->b);
}

static void add_limit_change(struct buf *out, const struct rule_def *was, const struct rule_def *is)
{
    for (size_t i = 0; i < is->n_levels && i < was->n_levels; i++) {
        const struct expr *old = first_limit(was->levels[i].cond);
        const struct expr *fresh = first_limit(is->levels[i].cond);

        if (!old || !fresh || old->b->num == fresh->b->num)
            continue;
        buf_adds(out, " limit ");
        expr_number(out, old->b->num, old->b->unit);
        buf_adds(out, " → ");
        expr_number(out, fresh->b->num, fresh->b->unit);
    }
}

static bool within(const struct expr *cmp, double v)
{
    bool upper = cmp->cmp == CMP_ABOVE || cmp->cmp == CMP_AT_LEAST;
    bool lower = cmp->cmp == CMP_BELOW || cmp->cmp == CMP_AT_MOST;

    return (upper && v < cmp->b->num) || (lower && v > cmp->b->num);
}

/* Incidents whose alerts of the rule are on and no longer would be, by the value they have now. One of
 * which an alert of the rule stays on is not named, nor one twice. */
struct ending {
    const struct rule_def *is;
    struct notify *notify;
    uint64_t stay[ENDING_MAX], end[ENDING_MAX]; /* numbers of incidents */
    size_t n_stay, n_end;
};

static void note_once(uint64_t *list, size_t *n, uint64_t number)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == number)
            return;
    if (*n < ENDING_MAX)
        list[(*n)++] = number;
}

static bool would_end(const struct rule_def *is, const struct alert *a)
{
    for (size_t i = 0; i < is->n_levels; i++) {
        const struct expr *cmp = first_limit(is->levels[i].cond);

        if (!cmp || !within(cmp, a->value))
            return false;
    }
    return a->has_value;
}

static void note_ending(struct alert *a, void *arg)
{
    struct ending *x = arg;
    struct alert_standing standing;

    if (a->state.firing == 0)
        return;
    notify_standing(x->notify, a, &standing);
    if (standing.incident && would_end(x->is, a))
        note_once(x->end, &x->n_end, standing.incident);
    else if (standing.incident)
        note_once(x->stay, &x->n_stay, standing.incident);
}

static void add_endings(struct buf *out, const struct ending *x)
{
    for (size_t i = 0; i < x->n_end && x->n_stay < ENDING_MAX; i++) {
        size_t k = 0;

        while (k < x->n_stay && x->stay[k] != x->end[i])
            k++;
        if (k == x->n_stay)
            buf_addf(out, " · #%llu will resolve", (unsigned long long)x->end[i]);
    }
}

/* False: there are too many to be told one by one. */
static bool add_name(struct change_list *l, const char *between, const char *name)
{
    if (l->n++ >= CHANGES_TOLD)
        return false;
    if (l->names.len)
        buf_adds(&l->names, between);
    buf_adds(&l->names, name);
    return true;
}

static const char *list_text(const struct change_list *l, struct buf *out)
{
    buf_clear(out);
    if (l->n > 0)
        buf_adds(out, buf_str(&l->names));
    if (l->n > CHANGES_TOLD)
        buf_addf(out, " and %zu more", l->n - CHANGES_TOLD);
    return buf_str(out);
}

static bool same_texts(const struct rule_def *a, const struct rule_def *b)
{
    if (a->n_annotations != b->n_annotations || a->n_labels != b->n_labels)
        return false;
    for (size_t i = 0; i < a->n_annotations; i++)
        if (strcmp(a->annotations[i].value, b->annotations[i].value) != 0)
            return false;
    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i].value, b->labels[i].value) != 0)
            return false;
    return true;
}

static bool same_rule(const struct rule_def *a, const struct rule_def *b)
{
    bool same = a->fire_hash == b->fire_hash && a->lasting_ms == b->lasting_ms &&
                a->clear_after_ms == b->clear_after_ms && a->every_ms == b->every_ms &&
                a->when < 0 && b->when < 0 && same_texts(a, b);

    for (size_t i = 0; same && i < a->n_levels; i++)
        same = a->levels[i].priority == b->levels[i].priority &&
               a->levels[i].lasting_ms == b->levels[i].lasting_ms;
    return same;
}

static void add_change(struct changes *d, const struct rule_def *old, const struct rule_def *fresh,
                       const struct wire_parts *p)
{
    struct ending ending = {.is = fresh, .notify = p->notify};
    struct alert_rule *alerts = alert_rule_find(p->book, fresh->name);

    if (!add_name(&d->changed, " · ", fresh->name))
        return;
    add_limit_change(&d->changed.names, old, fresh);
    if (alerts)
        alert_each_of(alerts, note_ending, &ending);
    add_endings(&d->changed.names, &ending);
}

/* The rules of a file by their names; without memory for it they are searched one by one. */
static struct map *names_of(const struct rulefile *f)
{
    struct map *names = map_new();

    for (size_t i = 0; names && f && i < rulefile_count(f); i++)
        if (map_puts(names, rulefile_rule(f, i)->name, (void *)rulefile_rule(f, i), NULL) < 0) {
            map_free(names, NULL);
            names = NULL;
        }
    return names;
}

static const struct rule_def *find(const struct map *names, const struct rulefile *f,
                                   const char *name)
{
    return names ? map_gets(names, name) : changes_find(f, name);
}

void changes_add(struct changes *d, const struct rulefile *was, const struct rulefile *is,
                 const struct wire_parts *p)
{
    struct map *old, *fresh;

    if (is == was)
        return;
    old = names_of(was);
    fresh = names_of(is);
    for (size_t i = 0; is && i < rulefile_count(is); i++) {
        const struct rule_def *now = rulefile_rule(is, i), *before = find(old, was, now->name);

        if (!before)
            (void)add_name(&d->added, ", ", now->name);
        else if (!same_rule(before, now))
            add_change(d, before, now, p);
    }
    for (size_t i = 0; was && i < rulefile_count(was); i++)
        if (!find(fresh, is, rulefile_rule(was, i)->name))
            (void)add_name(&d->removed, ", ", rulefile_rule(was, i)->name);
    map_free(old, NULL);
    map_free(fresh, NULL);
}

void changes_log(const struct changes *d, bool in_part)
{
    struct buf line = BUF_INIT, text = BUF_INIT;
    const struct {
        const char *what;
        const struct change_list *list;
    } parts[] = {{"added ", &d->added}, {"", &d->changed}, {"removed ", &d->removed}};

    for (size_t i = 0; i < 3; i++)
        if (parts[i].list->n > 0)
            buf_addf(&line, " · %s%s", parts[i].what, list_text(parts[i].list, &text));
    if (line.len) {
        struct buf all = BUF_INIT;

        buf_addf(&all, "%s%s", in_part ? "reloaded in part" : "reloaded", buf_str(&line));
        log_info(buf_str(&all), NULL);
        buf_free(&all);
    }
    buf_free(&line);
    buf_free(&text);
}

void changes_json(const struct changes *d, struct json *out)
{
    struct buf text = BUF_INIT;

    json_object(out);
    json_kstr(out, "added", list_text(&d->added, &text));
    json_kstr(out, "changed", list_text(&d->changed, &text));
    json_kstr(out, "removed", list_text(&d->removed, &text));
    json_object_end(out);
    buf_free(&text);
}

void changes_clear(struct changes *d)
{
    buf_free(&d->added.names);
    buf_free(&d->changed.names);
    buf_free(&d->removed.names);
    *d = (struct changes){0};
}
