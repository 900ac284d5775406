/* Checks between files: names given twice, and what firing() refers to.
 * Only the set as a whole can be right or wrong in this, so a reload checks it before anything runs. The
 * walk over what depends on what also gives the order of evaluation: a rule stands behind those it asks for.
 * It keeps a stack of its own, since a chain may be as long as there are rules. An error is told at the rule
 * that asks, with its file, and the walk goes on: a circle must not hide a misspelt name. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
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

/* What is done for each rule, one pass behind the other, so that it can be left after any of them. */
enum pass { PASS_NAMES, PASS_RULES, PASS_ORDER, PASS_END };

struct frame {
    struct entry *entry;
    size_t next_dep;
};

struct checking {
    struct rulefile *const *files;
    size_t n_files, file, rule; /* the next whose name is to be entered */
    enum pass pass;
    size_t next; /* the next of the other passes */
    struct entry *entries;
    size_t n;
    uint32_t *index; /* 1 + entry, by the hash of its name; of names given twice the first */
    size_t mask;
    const struct map *elsewhere;
    struct err *errors;
    size_t *which, max, n_errors;
    const struct rule_def **order;
    size_t n_order;
    struct frame *stack; /* of the walk */
    struct entry **path; /* of it, to show a circle */
    size_t n_path;
};

/* Half of the index is empty. */
static size_t place_of(const struct checking *c, const char *name)
{
    size_t at = (size_t)hash_seeded(name, strlen(name), 0) & c->mask;

    while (c->index[at] && strcmp(c->entries[c->index[at] - 1].def->name, name) != 0)
        at = (at + 1) & c->mask;
    return at;
}

static struct entry *entry_of(const struct checking *c, const char *name)
{
    uint32_t at = c->index[place_of(c, name)];

    return at ? &c->entries[at - 1] : NULL;
}

static const char *file_of(const struct rule_def *d)
{
    return sandbox_basename(d->file);
}

__attribute__((format(printf, 3, 4))) static void report(struct checking *c, const struct entry *at,
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

static void report_unknown(struct checking *c, const struct entry *at, const char *name)
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

static void report_circle(struct checking *c, const struct entry *from)
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
static void walk(struct checking *c, struct entry *start)
{
    struct frame *stack = c->stack;
    size_t depth = 0;

    assert(start->mark == MARK_NEW);
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
        dep = entry_of(c, top->entry->def->deps[top->next_dep++]);
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

static void report_key(struct checking *c, const struct entry *at, const struct expr_firing *f,
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
static void check_by(struct checking *c, const struct entry *at, const struct expr *x)
{
    const struct expr_firing *f = x->firing;
    const struct entry *other = entry_of(c, f->rule);

    for (size_t i = 0; other && f->by_given && i < f->n_by; i++) {
        if (!has_key(&other->def->keys, f->by[i]))
            report_key(c, at, f, f->by[i], other->def);
        else if (!has_key(&at->def->keys, f->by[i]))
            report_key(c, at, f, f->by[i], at->def);
    }
}

/* Bounded: a rule's graph has a bounded number of paths (NODE_PATHS_MAX). */
static void check_firings(struct checking *c, const struct entry *at, const struct expr *x)
{
    if (!x)
        return;
    if (x->kind == COND_FIRING)
        check_by(c, at, x);
    check_firings(c, at, x->a);
    check_firings(c, at, x->b);
    check_firings(c, at, x->c);
}

static void check_rule(struct checking *c, const struct entry *at)
{
    const struct rule_def *d = at->def;

    for (size_t k = 0; k < d->n_deps; k++)
        if (!entry_of(c, d->deps[k]) && !(c->elsewhere && map_gets(c->elsewhere, d->deps[k])))
            report_unknown(c, at, d->deps[k]);
    for (size_t i = 0; d->n_deps > 0 && i < d->n_levels; i++)
        check_firings(c, at, d->levels[i].cond);
    for (size_t i = 0; d->n_deps > 0 && i < d->n_inputs; i++)
        check_firings(c, at, d->inputs[i].x);
    if (d->n_deps > 0)
        check_firings(c, at, d->unless);
}

static void enter(struct checking *c, size_t file, const struct rule_def *d)
{
    size_t at = place_of(c, d->name);
    struct entry *e = &c->entries[c->n++];

    *e = (struct entry){d, file, MARK_NEW};
    if (c->index[at])
        report(c, e, "defined twice (first at %s:%d)", file_of(c->entries[c->index[at] - 1].def),
               c->entries[c->index[at] - 1].def->line);
    else
        c->index[at] = (uint32_t)c->n;
}

static void no_memory(struct err *errors, size_t *which, size_t max)
{
    if (max == 0)
        return;
    err_set(&errors[0], ERR_MEMORY, "not enough memory");
    which[0] = 0;
}

/* The next rule in the order of the files; false: there is none. */
static bool enter_next(struct checking *c)
{
    while (c->file < c->n_files && c->rule == rulefile_count(c->files[c->file])) {
        c->file++;
        c->rule = 0;
    }
    if (c->file == c->n_files)
        return false;
    enter(c, c->file, rulefile_rule(c->files[c->file], c->rule++));
    return true;
}

static bool check_next(struct checking *c)
{
    struct entry *e = c->next < c->n ? &c->entries[c->next++] : NULL;

    if (e && c->pass == PASS_RULES)
        check_rule(c, e);
    else if (e && e->mark == MARK_NEW)
        walk(c, e);
    return e != NULL;
}

struct checking *rulefiles_check_begin(struct rulefile *const *files, size_t n, struct err *errors,
                                       size_t *which, size_t max)
{
    struct checking *c = mem_zalloc(sizeof *c);
    size_t rules = 0;

    if (!c)
        return NULL;
    *c = (struct checking){
        .files = files, .n_files = n, .errors = errors, .which = which, .max = max};
    for (size_t i = 0; i < n; i++)
        rules += rulefile_count(files[i]);
    c->entries = mem_alloc((rules + 1) * sizeof *c->entries);
    c->path = mem_alloc((rules + 1) * sizeof *c->path);
    c->stack = mem_alloc((rules + 1) * sizeof *c->stack);
    for (c->mask = 1; c->mask < 2 * rules + 1; c->mask *= 2)
        continue;
    c->index = mem_zalloc(c->mask-- * sizeof *c->index);
    if (c->entries && c->path && c->stack && c->index)
        return c;
    (void)rulefiles_check_end(c);
    return NULL;
}

bool rulefiles_check_step(struct checking *c, size_t most)
{
    for (; c->pass != PASS_END && most > 0; most--) {
        bool more = c->pass == PASS_NAMES ? enter_next(c) : check_next(c);

        if (more)
            continue;
        c->pass = (enum pass)(c->pass + 1);
        c->next = 0;
    }
    return c->pass == PASS_END;
}

size_t rulefiles_check_end(struct checking *c)
{
    size_t n_errors = c->n_errors;

    mem_free(c->index);
    mem_free(c->stack);
    mem_free(c->path);
    mem_free(c->entries);
    mem_free(c);
    return n_errors;
}

size_t rulefiles_check(struct rulefile *const *files, size_t n, struct err *errors, size_t *which,
                       size_t max, const struct rule_def **order, const struct map *elsewhere)
{
    struct checking *c = rulefiles_check_begin(files, n, errors, which, max);

    if (!c) {
        no_memory(errors, which, max);
        return 1;
    }
    c->order = order;
    c->elsewhere = elsewhere;
    (void)rulefiles_check_step(c, SIZE_MAX);
    return rulefiles_check_end(c);
}
