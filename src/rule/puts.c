/* Files of rules, put in beside the running ones until they are exchanged with them (exchange.c).
 *
 * What takes time for each rule is done before, a few rules a call, while the old ones go on judging: its
 * rows and leaves, its place in the book of alerts, and all memory that the exchange will need, so that it
 * cannot fail half way. Putting files in one by one and judging in between was dropped: rules name each
 * other, and a file that is half there would end alerts. What is left for the exchange is a look-up of the
 * name and the alerts of each rule that comes. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "rule/rules.h"

static struct rule nobody; /* stands for a file that has no rules yet */

static struct rule *first_of(const struct rules *e, const char *path)
{
    struct rule *first = map_gets(e->by_path, path);

    return first == &nobody ? NULL : first;
}

/* --- memory --- */

static int fit(void **column, size_t n, size_t size)
{
    void *grown = mem_realloc(*column, n * size);

    if (!grown)
        return -1;
    *column = grown;
    return 0;
}

/* Room for `n` rules in everything that has a place for each. */
static int fit_ranks(struct rules *e, size_t n)
{
    n++;
    if (n <= e->cap)
        return 0;
    n += n / 2; /* a start puts thousands of files */
    if (fit((void **)&e->order, n, sizeof(struct rule *)) < 0 ||
        fit((void **)&e->scratch, n, sizeof(struct rule *)) < 0 ||
        fit((void **)&e->busy, n, sizeof(struct rule *)) < 0 ||
        fit((void **)&e->grids, n, sizeof *e->grids) < 0 ||
        fit((void **)&e->grid_ranks, n, sizeof *e->grid_ranks) < 0 ||
        fit((void **)&e->first_dependent, n, sizeof *e->first_dependent) < 0 ||
        agenda_fit(&e->agenda, n) < 0)
        return -1;
    e->cap = n;
    return 0;
}

static size_t count_in_file(const struct rule *first)
{
    size_t n = 0;

    for (const struct rule *r = first; r; r = r->next_in_file)
        n++;
    return n;
}

/* All that the exchange will need for the file at hand, with those before it. */
static int reserve(struct rules *e)
{
    const struct put *p = &e->putting;
    size_t leaving = e->n_leaving + count_in_file(first_of(e, p->path));
    size_t coming = e->n_coming + p->n, deps = e->n_coming_deps + p->n_deps;

    if (fit_ranks(e, e->n + coming) < 0 || /* columns that have grown are as good as before */
        mem_grow((void **)&e->dependents, &e->dependents_cap, e->n_deps + deps + 1,
                 sizeof *e->dependents) < 0 ||
        mem_grow((void **)&e->retired, &e->retired_cap, e->n_retired + leaving + 1,
                 sizeof(struct rule *)) < 0 ||
        mem_grow((void **)&e->puts, &e->puts_cap, e->n_puts + 1, sizeof *e->puts) < 0)
        return -1;
    if (!map_gets(e->by_path, p->path) && map_puts(e->by_path, p->path, &nobody, NULL) < 0)
        return -1;
    e->n_leaving = leaving;
    e->n_coming = coming;
    e->n_coming_deps = deps;
    return 0;
}

/* --- putting a file in --- */

/* Nothing of it runs: what ran before goes on as it is. */
static void drop(struct rules *e, struct put *p)
{
    for (size_t i = 0; i < p->n_built; i++) {
        alert_rule_unreserve(e->c.book, p->rules[i]->d);
        running_free(p->rules[i]);
    }
    if (p->path && map_gets(e->by_path, p->path) == &nobody)
        (void)map_removes(e->by_path, p->path);
    rulefile_unref(p->file);
    mem_free(p->rules);
    mem_free(p->path);
    *p = (struct put){0};
}

void puts_free(struct rules *e)
{
    drop(e, &e->putting);
    for (size_t i = 0; i < e->n_puts; i++)
        drop(e, &e->puts[i]);
    mem_free(e->puts);
}

static int begin_put(struct rules *e, const char *path, struct rulefile *file)
{
    struct put *p = &e->putting;
    size_t n = file ? rulefile_count(file) : 0;

    assert(!p->path);
    *p = (struct put){.path = mem_strdup(path),
                      .file = file ? rulefile_ref(file) : NULL,
                      .rules = mem_zalloc((n + 1) * sizeof *p->rules),
                      .n = n};
    return p->path && p->rules ? 0 : -1;
}

static int build(struct rules *e, int64_t at_ms, struct err *e_out)
{
    struct put *p = &e->putting;
    const struct rule_def *d = rulefile_rule(p->file, p->n_built);
    struct rule *r = running_new(e, p->file, d, at_ms, e_out);

    if (!r)
        return -1;
    p->rules[p->n_built++] = r;
    p->n_deps += d->n_deps;
    if (d->n_deps == 0 && running_link(r, e_out) < 0)
        return -1;
    if (alert_rule_reserve(e->c.book, d) < 0)
        return err_set(e_out, ERR_MEMORY, "no memory for the rules of %s", p->path);
    return 0;
}

int rules_put_some(struct rules *e, const char *path, struct rulefile *file, int64_t at_ms,
                   size_t most, struct err *e_out)
{
    struct put *p = &e->putting;

    if (p->path && (strcmp(p->path, path) != 0 || p->file != file))
        drop(e, p); /* nobody goes on with it */
    if (!p->path && begin_put(e, path, file) < 0)
        goto no_memory;
    for (; p->n_built < p->n && most > 0; most--)
        if (build(e, at_ms, e_out) < 0) {
            drop(e, p);
            return -1;
        }
    if (p->n_built < p->n)
        return 0;
    if (reserve(e) < 0)
        goto no_memory;
    e->puts[e->n_puts++] = *p;
    *p = (struct put){0};
    return 1;
no_memory:
    drop(e, p);
    return err_set(e_out, ERR_MEMORY, "no memory for the rules of %s", path);
}

int rules_put(struct rules *e, const char *path, struct rulefile *file, int64_t at_ms,
              struct err *e_out)
{
    return rules_put_some(e, path, file, at_ms, SIZE_MAX, e_out) < 0 ? -1 : 0;
}

/* --- the exchange --- */

/* Without memory there is no index, and rules_find() walks until one can be made. */
void puts_enter_name(struct rules *e, struct rule *r)
{
    if (!e->by_name || map_puts(e->by_name, r->d->name, r, NULL) == 0)
        return;
    map_free(e->by_name, NULL);
    e->by_name = NULL;
}

/* Another file may have the name by now. */
void puts_leave_name(struct rules *e, const struct rule *r)
{
    if (e->by_name && map_gets(e->by_name, r->d->name) == r)
        (void)map_removes(e->by_name, r->d->name);
}

void puts_come(struct rules *e, struct put *p, size_t i, int64_t at_ms)
{
    struct rule *r = p->rules[i];

    r->next_in_file = i + 1 < p->n ? p->rules[i + 1] : NULL;
    running_register(r, at_ms);
    puts_enter_name(e, r);
    assert(r->alerts && !r->leaving);
}

struct rule *puts_replace(struct rules *e, const struct put *p)
{
    struct rule *gone = first_of(e, p->path);

    if (p->n == 0)
        (void)map_removes(e->by_path, p->path);
    else if (map_puts(e->by_path, p->path, p->rules[0], NULL) < 0)
        assert(false); /* the path has its place since reserve() */
    return gone;
}

bool puts_done(struct rules *e, size_t *most)
{
    for (; e->n_puts > 0; e->n_puts--) {
        if (*most == 0)
            return false;
        --*most;
        assert(e->puts[e->n_puts - 1].n_built == 0);
        drop(e, &e->puts[e->n_puts - 1]);
    }
    e->n_coming = e->n_coming_deps = e->n_leaving = 0;
    return true;
}
