/* Checks between files: names given twice, and what firing() refers to.
 * Only the set as a whole can be right or wrong in this, so a reload checks it before anything runs. The
 * walk over what depends on what also gives the order of evaluation: a rule stands behind those it asks for.
 * It keeps a stack of its own, since a chain may be as long as there are rules. An error is told at the rule
 * that asks, with its file, and the walk goes on: a circle must not hide a misspelt name. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "script/sandbox.h"
#include "tocsin/rulefile.h"

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct entry {
    const struct rule_def *def;
    size_t file;
    enum mark mark;
};

struct check {
    struct entry *entries;
    size_t n;
    struct map *by_name; /* name -> struct entry */
    const struct map *elsewhere;
    struct err *errors;
    size_t *which, max, n_errors;
    const struct rule_def **order;
    size_t n_order;
    struct entry **path; /* of the walk, to show a circle */
    size_t n_path;
};

static const char *file_of(const struct rule_def *d)
{
    return sandbox_basename(d->file);
}

__attribute__((format(printf, 3, 4))) static void report(struct check *c, const struct entry *at,
                                                         const char *fmt, ...)
{
    struct err *e = &c->errors[c->n_errors];
    va_list ap;

    if (c->n_errors++ >= c->max)
        return;
    va_start(ap, fmt);
    err_setv(e, ERR_INPUT, fmt, ap);
    va_end(ap);
    err_prefix(e, "%s:%d: alert \"%.100s\"", file_of(at->def), at->def->line, at->def->name);
    e->line = at->def->line;
    snprintf(e->at, sizeof e->at, "%s", file_of(at->def));
    c->which[c->n_errors - 1] = at->file;
}

static void report_unknown(struct check *c, const struct entry *at, const char *name)
{
    const char **names = mem_alloc((c->n + 1) * sizeof *names), *near;

    for (size_t i = 0; names && i < c->n; i++)
        names[i] = c->entries[i].def->name;
    near = names ? text_nearest(name, names, c->n) : NULL;
    if (near)
        report(c, at, "firing(\"%s\"): there is no such alert — did you mean \"%s\"?", name, near);
    else
        report(c, at, "firing(\"%s\"): there is no such alert", name);
    mem_free(names);
}

static void report_circle(struct check *c, const struct entry *from)
{
    char text[400];
    size_t used = 0, i = c->n_path;

    while (i > 0 && c->path[i - 1] != from)
        i--;
    for (i = i ? i - 1 : 0; i < c->n_path && used < sizeof text; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%.60s → ", c->path[i]->def->name);
    report(c, from, "firing() goes in a circle: %s%.60s", used ? text : "", from->def->name);
}

/* Depth first: what a rule asks for is evaluated before it. Depth is bounded by the stack we
 * keep ourselves: a chain may be as long as there are rules. */
struct frame {
    struct entry *entry;
    size_t next_dep;
};

static void walk(struct check *c, struct frame *stack, struct entry *start)
{
    size_t depth = 0;

    stack[depth++] = (struct frame){start, 0};
    start->mark = MARK_OPEN;
    c->n_path = 0;
    c->path[c->n_path++] = start;
    while (depth > 0) {
        struct frame *top = &stack[depth - 1];
        struct entry *dep;

        if (top->next_dep == top->entry->def->n_deps) {
            top->entry->mark = MARK_DONE;
            if (c->order)
                c->order[c->n_order++] = top->entry->def;
            c->n_path = --depth;
            continue;
        }
        dep = map_gets(c->by_name, top->entry->def->deps[top->next_dep++]);
        if (!dep)
            continue; /* told already */
        if (dep->mark == MARK_OPEN) {
            report_circle(c, dep);
        } else if (dep->mark == MARK_NEW) {
            dep->mark = MARK_OPEN;
            stack[depth++] = (struct frame){dep, 0};
            c->path[c->n_path++] = dep;
        }
    }
}

/* --- labels that firing() and expect name --- */

static bool has_key(const struct expr_keys *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->names[i], name) == 0)
            return true;
    return k->all;
}

static void report_key(struct check *c, const struct entry *at, const struct expr_firing *f,
                       const char *label, const struct rule_def *who)
{
    const char *near = text_nearest(label, who->keys.names, who->keys.n);

    report(c, at,
           "firing(\"%s\", { by = { \"%s\" } }) can never be true: alerts of \"%s\" have no label "
           "\"%s\"%s%s%s",
           f->rule, label, who->name, label, near ? " — did you mean \"" : "", near ? near : "",
           near ? "\"?" : "");
}

/* A label that one of the two sides never has is empty there, and equals nothing here. */
static void check_by(struct check *c, const struct entry *at, const struct expr *x)
{
    const struct expr_firing *f = x->firing;
    const struct entry *other = map_gets(c->by_name, f->rule);

    for (size_t i = 0; other && f->by_given && i < f->n_by; i++) {
        if (!has_key(&other->def->keys, f->by[i]))
            report_key(c, at, f, f->by[i], other->def);
        else if (!has_key(&at->def->keys, f->by[i]))
            report_key(c, at, f, f->by[i], at->def);
    }
}

/* Bounded: a rule's graph has a bounded number of paths (NODE_PATHS_MAX). */
static void check_firings(struct check *c, const struct entry *at, const struct expr *x)
{
    if (!x)
        return;
    if (x->kind == COND_FIRING)
        check_by(c, at, x);
    check_firings(c, at, x->a);
    check_firings(c, at, x->b);
    check_firings(c, at, x->c);
}

static void check_rule(struct check *c, const struct entry *at)
{
    const struct rule_def *d = at->def;

    for (size_t k = 0; k < d->n_deps; k++)
        if (!map_gets(c->by_name, d->deps[k]) &&
            !(c->elsewhere && map_gets(c->elsewhere, d->deps[k])))
            report_unknown(c, at, d->deps[k]);
    for (size_t i = 0; d->n_deps > 0 && i < d->n_levels; i++)
        check_firings(c, at, d->levels[i].cond);
    for (size_t i = 0; d->n_deps > 0 && i < d->n_inputs; i++)
        check_firings(c, at, d->inputs[i].x);
    if (d->n_deps > 0)
        check_firings(c, at, d->unless);
}

static int fill(struct check *c, struct rulefile *const *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < rulefile_count(files[i]); k++) {
            struct entry *e = &c->entries[c->n++], *first;

            *e = (struct entry){rulefile_rule(files[i], k), i, MARK_NEW};
            first = map_gets(c->by_name, e->def->name);
            if (first)
                report(c, e, "defined twice (first at %s:%d)", file_of(first->def),
                       first->def->line);
            else if (map_puts(c->by_name, e->def->name, e, NULL) < 0)
                return -1;
        }
    return 0;
}

size_t rulefiles_check(struct rulefile *const *files, size_t n, struct err *errors, size_t *which,
                       size_t max, const struct rule_def **order, const struct map *elsewhere)
{
    struct check c = {
        .errors = errors, .which = which, .max = max, .order = order, .elsewhere = elsewhere};
    struct frame *stack = NULL;
    size_t rules = 0;

    for (size_t i = 0; i < n; i++)
        rules += rulefile_count(files[i]);
    c.entries = mem_alloc((rules + 1) * sizeof *c.entries);
    c.path = mem_alloc((rules + 1) * sizeof *c.path);
    stack = mem_alloc((rules + 1) * sizeof *stack);
    c.by_name = map_new();
    if (!c.entries || !c.path || !stack || !c.by_name || fill(&c, files, n) < 0) {
        if (max > 0) {
            err_set(&errors[0], ERR_MEMORY, "not enough memory");
            which[0] = 0;
        }
        c.n_errors = 1;
        goto out;
    }
    for (size_t i = 0; i < c.n; i++)
        check_rule(&c, &c.entries[i]);
    for (size_t i = 0; i < c.n; i++)
        if (c.entries[i].mark == MARK_NEW)
            walk(&c, stack, &c.entries[i]);
out:
    map_free(c.by_name, NULL);
    mem_free(stack);
    mem_free(c.path);
    mem_free(c.entries);
    return c.n_errors;
}
