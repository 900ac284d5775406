/* Labels that the configuration asks for and no rule gives: a slip of the pen in a route sends its alerts to
 * the parent's receiver, and nothing says so.
 * Only a warning, since alerts from outside bring labels of their own. Where a rule watches each series by
 * itself its labels are those of the data, which are not known here: then only what looks like a slip of a
 * known label is told. Cost: the labels of all rules once, then one look a label asked for. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "cli/check.h"

struct known {
    struct map *set;
    const char **names; /* the same, for suggestions; borrowed from the rules */
    size_t n, cap;
    bool open;        /* a rule has labels that are not known */
    struct map *told; /* each unknown label once */
};

static int know(struct known *k, const char *name)
{
    if (map_gets(k->set, name))
        return 0;
    if (mem_grow((void **)&k->names, &k->cap, k->n + 1, sizeof *k->names) < 0 ||
        map_puts(k->set, name, k, NULL) < 0)
        return -1;
    k->names[k->n++] = name;
    return 0;
}

static int know_rule(struct known *k, const struct rule_def *d)
{
    int rc = d->team ? know(k, "team") : 0;

    k->open = k->open || d->keys.all;
    for (size_t i = 0; rc == 0 && i < d->keys.n; i++)
        rc = know(k, d->keys.names[i]);
    for (size_t i = 0; rc == 0 && i < d->n_labels; i++)
        rc = know(k, d->labels[i].name);
    for (size_t e = 0; rc == 0 && e < d->n_expect; e++)
        for (size_t i = 0; rc == 0 && i < d->expect[e].n; i++)
            rc = know(k, d->expect[e].labels[i].name);
    return rc;
}

static int know_file(struct known *k, const struct rulefile *f)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < rulefile_count(f); i++)
        rc = know_rule(k, rulefile_rule(f, i));
    return rc;
}

static int know_all(struct known *k, const struct ruleset *s)
{
    static const char *const always[] = {"alertname", "severity", "priority"};
    int rc = k->set && k->told ? 0 : -1;

    for (size_t i = 0; rc == 0 && i < sizeof always / sizeof *always; i++)
        rc = know(k, always[i]);
    for (size_t i = 0; rc == 0 && i < s->n_files; i++)
        rc = know_file(k, s->files[i]);
    for (size_t i = s->n_beside; rc == 0 && i-- > 0;) {
        size_t own = k->n;

        rc = know_file(k, s->beside[i]);
        if (i == 0) /* Tocsin's own rules stand first; their labels are no suggestion */
            k->n = own;
    }
    return rc;
}

/* `where`: "route 0.1 in line 4" */
static int ask_label(struct known *k, const char *path, const char *where, const char *key,
                     const char *name, ruleset_found found, void *arg)
{
    const char *near;
    struct buf text = BUF_INIT;

    if (map_gets(k->set, name) || map_gets(k->told, name))
        return 0;
    near = text_nearest(name, k->names, k->n);
    if (k->open && !near)
        return 0;
    buf_addf(&text, "%s: %s: `%s` asks for \"%s\", a label that no rule gives", path, where, key,
             name);
    if (near)
        buf_addf(&text, " — did you mean \"%s\"?", near);
    else
        buf_adds(&text, "; only alerts from outside could bring it");
    found(path, false, buf_str(&text), arg);
    buf_free(&text);
    return map_puts(k->told, name, k, NULL);
}

/* What a route has from its parent is told there; the root's own default is nobody's slip. */
static bool is_own_grouping(const struct config_route *r)
{
    if (r->parent)
        return r->group_by != r->parent->group_by;
    return !(r->n_group_by == 1 && strcmp(r->group_by[0], "service") == 0);
}

static int ask_route(struct known *k, const char *path, const struct config_route *r,
                     ruleset_found found, void *arg)
{
    char where[320];
    int rc = 0;

    snprintf(where, sizeof where, "route %s in line %d", r->id, r->line);
    for (size_t i = 0; rc == 0 && i < r->n_match; i++)
        rc = ask_label(k, path, where, "match", matcher_name(r->match[i]), found, arg);
    for (size_t i = 0; rc == 0 && is_own_grouping(r) && i < r->n_group_by; i++)
        rc = ask_label(k, path, where, "group_by", r->group_by[i], found, arg);
    for (size_t i = 0; rc == 0 && i < r->n_children; i++)
        rc = ask_route(k, path, r->children[i], found, arg);
    return rc;
}

static int ask_inhibit(struct known *k, const char *path, const struct inhibit_rule *r,
                       ruleset_found found, void *arg)
{
    char where[320];
    int rc = 0;

    snprintf(where, sizeof where, "inhibit \"%.200s\" in line %d", r->name, r->line);
    for (size_t i = 0; rc == 0 && i < r->n_source; i++)
        rc = ask_label(k, path, where, "source", matcher_name(r->source[i]), found, arg);
    for (size_t i = 0; rc == 0 && i < r->n_target; i++)
        rc = ask_label(k, path, where, "target", matcher_name(r->target[i]), found, arg);
    for (size_t i = 0; rc == 0 && i < r->n_equal; i++)
        rc = ask_label(k, path, where, "equal", r->equal[i], found, arg);
    return rc;
}

int check_labels(const struct config *c, const struct ruleset *s, ruleset_found found, void *arg)
{
    struct known k = {.set = map_new(), .told = map_new()};
    int rc = know_all(&k, s);

    if (rc == 0 && s->n_files + s->n_beside > 1) /* beside Tocsin's own there are rules */
        rc = ask_route(&k, c->path, c->root, found, arg);
    for (size_t i = 0; rc == 0 && s->n_files + s->n_beside > 1 && i < c->n_inhibits; i++)
        rc = ask_inhibit(&k, c->path, &c->inhibits[i], found, arg);
    map_free(k.set, NULL);
    map_free(k.told, NULL);
    mem_free(k.names);
    return rc;
}
