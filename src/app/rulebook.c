#include "app/rulebook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/files.h"
#include "base/text.h"

#define RULE_FILE_MAX (4u << 20) /* bytes; the largest generated rule files seen are below 1 MiB */

struct book_file {
    char *path;
    char *text; /* as accepted */
    size_t len;
    struct rulefile *file; /* accepted version; NULL: none yet */
    char *error;           /* why the text on disk is refused, NULL: it runs */
    /* of the load under way: */
    char *new_text;
    size_t new_len;
    struct rulefile *candidate;
    bool seen;           /* still on disk */
    bool kept_only;      /* known from Redis, not yet from disk */
    const char *verdict; /* "unchanged", "loaded", "rejected", "removed" */
};

struct rulebook {
    struct book_file **files;
    size_t n, cap;
    struct rulefile *own;
};

struct rulebook *rulebook_new(void)
{
    return mem_zalloc(sizeof(struct rulebook));
}

static void drop_candidate(struct book_file *f)
{
    rulefile_unref(f->candidate);
    mem_free(f->new_text);
    f->candidate = NULL;
    f->new_text = NULL;
}

static void book_file_free(struct book_file *f)
{
    drop_candidate(f);
    rulefile_unref(f->file);
    mem_free(f->path);
    mem_free(f->text);
    mem_free(f->error);
    mem_free(f);
}

void rulebook_free(struct rulebook *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        book_file_free(b->files[i]);
    mem_free(b->files);
    rulefile_unref(b->own);
    mem_free(b);
}

void rulebook_reserve(struct rulebook *b, struct rulefile *own)
{
    rulefile_unref(b->own);
    b->own = rulefile_ref(own);
}

static struct book_file *find_or_add(struct rulebook *b, const char *path)
{
    struct book_file *f;

    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->files[i]->path, path) == 0)
            return b->files[i];
    if (mem_grow((void **)&b->files, &b->cap, b->n + 1, sizeof *b->files) < 0)
        return NULL;
    f = mem_zalloc(sizeof *f);
    if (!f || !(f->path = mem_strdup(path))) {
        mem_free(f);
        return NULL;
    }
    b->files[b->n++] = f;
    return f;
}

void rulebook_keep(struct rulebook *b, const char *path, const char *text, size_t len)
{
    struct book_file *f = find_or_add(b, path);

    if (!f)
        return;
    mem_free(f->text);
    f->text = mem_dup(text, len);
    f->len = len;
    f->kept_only = true;
}

void rulebook_rewrite(struct rulebook *b, struct store_table *t)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->files[i]->file)
            store_put(t, b->files[i]->path, b->files[i]->text, b->files[i]->len);
}

/* --- finding files --- */

/* Tests stand beside the rules and are never loaded as such. */
static bool is_rule_file(const char *path)
{
    size_t len = strlen(path);

    return len < 9 || strcmp(path + len - 9, "_test.lua") != 0;
}

long rule_paths(const char *const *patterns, size_t n, char ***out, struct err *e)
{
    return file_paths(patterns, n, is_rule_file, out, e);
}

/* --- loading --- */

static void set_error(struct book_file *f, const char *text)
{
    mem_free(f->error);
    f->error = text ? mem_strdup(text) : NULL;
}

static void reject(struct book_file *f, const char *text)
{
    bool news = !f->error || strcmp(f->error, text) != 0;

    set_error(f, text);
    f->verdict = "rejected";
    drop_candidate(f);
    if (news)
        log_error(f->file || f->text ? "rule file refused; its previous version runs on"
                                     : "rule file refused",
                  "error", text, NULL);
}

static struct rulefile *load_text(const char *path, const char *text, size_t len, struct err *e)
{
    char root[512];
    struct rulefile_options o = {.root = root};
    const char *slash = strrchr(path, '/');

    snprintf(root, sizeof root, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return rulefile_load(path, text, len, &o, e);
}

static void read_candidate(struct book_file *f)
{
    struct err e;

    f->new_text = file_read(f->path, RULE_FILE_MAX, &f->new_len, &e);
    if (!f->new_text) {
        reject(f, e.text);
        return;
    }
    /* Includes may have changed although the file has not: it is loaded anew unless it has none. */
    if (f->file && f->len == f->new_len && memcmp(f->text, f->new_text, f->len) == 0) {
        const char *const *inputs;

        if (rulefile_inputs(f->file, &inputs) == 0) {
            set_error(f, NULL);
            f->verdict = "unchanged";
            return;
        }
    }
    f->candidate = load_text(f->path, f->new_text, f->new_len, &e);
    if (!f->candidate)
        reject(f, e.text);
    else
        f->verdict = "loaded";
}

/* The version that runs when the text on disk does not load: the one in memory, else the one kept
 * in Redis. */
static void fall_back(struct book_file *f)
{
    struct err e;

    if (f->file || !f->text || f->candidate)
        return;
    f->file = load_text(f->path, f->text, f->len, &e);
    if (!f->file)
        log_error("the kept version of a rule file does not load either", "error", e.text, NULL);
}

static struct rulefile *wanted(const struct book_file *f)
{
    if (!f->seen)
        return NULL;
    return f->candidate ? f->candidate : f->file;
}

/* Checks that reach over files. A file with an error is refused alone, and the rest is checked
 * again without its new version. */
static void check_together(struct rulebook *b)
{
    struct rulefile **set = mem_alloc((b->n + 2) * sizeof *set);
    size_t *index = mem_alloc((b->n + 2) * sizeof *index);

    for (size_t round = 0; set && index && round <= b->n; round++) {
        struct err errors[1];
        size_t which[1], n = 0;
        struct book_file *bad;

        if (b->own) { /* first: of two rules of one name the later is at fault */
            index[n] = SIZE_MAX;
            set[n++] = b->own;
        }
        for (size_t i = 0; i < b->n; i++) {
            if (wanted(b->files[i])) {
                index[n] = i;
                set[n++] = wanted(b->files[i]);
            }
        }
        if (rulefiles_check(set, n, errors, which, 1, NULL) == 0 || index[which[0]] == SIZE_MAX)
            break;
        bad = b->files[index[which[0]]];
        if (!bad->candidate) {
            /* an old version that fits no more: it cannot run beside the others */
            rulefile_unref(bad->file);
            bad->file = NULL;
        }
        reject(bad, errors[0].text);
    }
    mem_free(set);
    mem_free(index);
}

/* --- what changed, for people --- */

static const struct rule_def *find_rule(const struct rulefile *f, const char *name)
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

/* Alerts that are on and no longer would be, by the value they have now. */
struct ending {
    const struct rule_def *is;
    struct notify *notify;
    struct buf *out;
};

static void note_ending(struct alert *a, void *arg)
{
    const struct ending *x = arg;
    struct alert_standing standing;

    if (a->state.firing == 0 || !a->has_value)
        return;
    for (size_t i = 0; i < x->is->n_levels; i++) {
        const struct expr *cmp = first_limit(x->is->levels[i].cond);

        if (!cmp || !within(cmp, a->value))
            return;
    }
    notify_standing(x->notify, a, &standing);
    if (standing.incident)
        buf_addf(x->out, " · #%llu will resolve", (unsigned long long)standing.incident);
}

struct differences {
    struct buf added, changed, removed; /* "A, B" */
};

static void add_name(struct buf *b, const char *name)
{
    if (b->len)
        buf_adds(b, " · ");
    buf_adds(b, name);
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

static void compare(const struct book_file *f, const struct wire_parts *p, struct differences *d)
{
    const struct rulefile *is = wanted(f), *was = f->file;

    for (size_t i = 0; is && i < rulefile_count(is); i++) {
        const struct rule_def *fresh = rulefile_rule(is, i), *old = find_rule(was, fresh->name);

        if (!old) {
            add_name(&d->added, fresh->name);
        } else if (!same_rule(old, fresh)) {
            struct ending ending = {.is = fresh, .notify = p->notify, .out = &d->changed};
            struct alert_rule *alerts = alert_rule_find(p->book, fresh->name);

            add_name(&d->changed, fresh->name);
            add_limit_change(&d->changed, old, fresh);
            if (alerts)
                alert_each_of(alerts, note_ending, &ending);
        }
    }
    for (size_t i = 0; was && i < rulefile_count(was); i++)
        if (!find_rule(is, rulefile_rule(was, i)->name))
            add_name(&d->removed, rulefile_rule(was, i)->name);
}

static void tell(const struct differences *d, size_t n_rejected)
{
    struct buf line = BUF_INIT;
    const struct {
        const char *what;
        const struct buf *names;
    } parts[] = {{"added ", &d->added}, {"", &d->changed}, {"removed ", &d->removed}};

    for (size_t i = 0; i < 3; i++)
        if (parts[i].names->len)
            buf_addf(&line, " · %s%s", parts[i].what, buf_str(parts[i].names));
    if (line.len) {
        struct buf all = BUF_INIT;

        buf_addf(&all, "%s%s", n_rejected ? "reloaded in part" : "reloaded", buf_str(&line));
        log_info(buf_str(&all), NULL);
        buf_free(&all);
    }
    buf_free(&line);
}

static void write_result(const struct rulebook *b, const struct differences *d, struct json *out)
{
    json_key(out, "files");
    json_array(out);
    for (size_t i = 0; i < b->n; i++) {
        json_object(out);
        json_kstr(out, "path", b->files[i]->path);
        json_kstr(out, "status", b->files[i]->verdict ? b->files[i]->verdict : "unchanged");
        if (b->files[i]->error)
            json_kstr(out, "error", b->files[i]->error);
        json_object_end(out);
    }
    json_array_end(out);
    json_key(out, "rules");
    json_object(out);
    json_kstr(out, "added", buf_str(&d->added));
    json_kstr(out, "changed", buf_str(&d->changed));
    json_kstr(out, "removed", buf_str(&d->removed));
    json_object_end(out);
}

/* Alerts that would end because their rule goes. */
struct would_end {
    struct rulebook *b;
    struct json *out;
};

static void note_would_end(const struct alert *a, void *arg)
{
    struct would_end *w = arg;
    const char *name = alert_rule_def(a->rule)->name;
    struct buf text = BUF_INIT;

    if (a->state.firing == 0)
        return;
    for (size_t i = 0; i < w->b->n; i++)
        if (find_rule(wanted(w->b->files[i]), name))
            return;
    labels_text(a->labels, a->n_labels, &text);
    json_str(w->out, buf_str(&text));
    buf_free(&text);
}

/* --- making it so --- */

static void accept(struct rulebook *b, struct book_file *f, struct wire *w, int64_t at_ms)
{
    const struct wire_parts *p = wire_parts(w);
    struct err e;

    (void)b;
    if (rules_put(p->rules, f->path, wanted(f), at_ms, &e) < 0) {
        reject(f, e.text);
        return;
    }
    if (!f->candidate)
        return;
    rulefile_unref(f->file);
    mem_free(f->text);
    f->file = f->candidate;
    f->text = f->new_text;
    f->len = f->new_len;
    f->candidate = NULL;
    f->new_text = NULL;
    set_error(f, NULL);
    store_put(p->rule_files, f->path, f->text, f->len);
}

static void forget_missing(struct rulebook *b, struct wire *w, int64_t at_ms)
{
    const struct wire_parts *p = wire_parts(w);
    size_t kept = 0;
    struct err e;

    for (size_t i = 0; i < b->n; i++) {
        struct book_file *f = b->files[i];

        if (f->seen) {
            b->files[kept++] = f;
            continue;
        }
        if (f->file && rules_put(p->rules, f->path, NULL, at_ms, &e) < 0)
            log_error("a removed rule file still runs", "error", e.text, NULL);
        store_del(p->rule_files, f->path);
        book_file_free(f);
    }
    b->n = kept;
}

static bool needs_put(const struct book_file *f, const struct rules *rules)
{
    const struct rule_def *first =
        f->file && rulefile_count(f->file) ? rulefile_rule(f->file, 0) : NULL;

    /* accepted just now, or a kept version that does not run yet */
    return f->candidate || (first && !rules_find(rules, first->name));
}

size_t rulebook_load(struct rulebook *b, struct wire *w, const char *const *patterns,
                     size_t n_patterns, bool dry_run, struct json *out)
{
    const struct wire_parts *p = wire_parts(w);
    struct differences d = {0};
    struct err e;
    char **paths = NULL;
    long n_paths = rule_paths(patterns, n_patterns, &paths, &e);
    int64_t at_ms = clock_wall_ms(p->clock);
    size_t rejected = 0;

    for (size_t i = 0; i < b->n; i++) {
        b->files[i]->seen = false;
        b->files[i]->verdict = "removed";
    }
    for (long i = 0; i < n_paths; i++) {
        struct book_file *f = find_or_add(b, paths[i]);

        if (f) {
            f->seen = true;
            read_candidate(f);
            fall_back(f);
        }
        mem_free(paths[i]);
    }
    mem_free(paths);
    check_together(b);
    for (size_t i = 0; i < b->n; i++)
        compare(b->files[i], p, &d);
    if (out)
        write_result(b, &d, out);
    if (out && dry_run) {
        struct would_end we = {.b = b, .out = out};

        json_key(out, "would_resolve");
        json_array(out);
        alert_each(p->book, note_would_end, &we);
        json_array_end(out);
    }
    for (size_t i = 0; i < b->n; i++) {
        struct book_file *f = b->files[i];

        if (!dry_run && f->seen && needs_put(f, p->rules))
            accept(b, f, w, at_ms);
        drop_candidate(f);
        rejected += f->error != NULL;
    }
    if (!dry_run) {
        forget_missing(b, w, at_ms);
        rules_link(p->rules, at_ms);
        wire_rules_changed(w);
        if (wire_is_live(w)) {
            tell(&d, rejected);
            wire_fill_new_leaves(w);
        }
    }
    buf_free(&d.added);
    buf_free(&d.changed);
    buf_free(&d.removed);
    return rejected;
}

void rulebook_inputs(const struct rulebook *b, void (*each)(const char *path, void *arg), void *arg)
{
    for (size_t i = 0; i < b->n; i++) {
        const char *const *inputs;
        size_t n = b->files[i]->file ? rulefile_inputs(b->files[i]->file, &inputs) : 0;

        each(b->files[i]->path, arg);
        for (size_t k = 0; k < n; k++)
            each(inputs[k], arg);
    }
}

void rulebook_rejected(const struct rulebook *b,
                       void (*each)(const char *path, const char *error, void *arg), void *arg)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->files[i]->error)
            each(b->files[i]->path, b->files[i]->error, arg);
}

size_t rulebook_count(const struct rulebook *b)
{
    return b->n;
}
