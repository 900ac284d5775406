/* One entry a file, with the version that runs, the text on disk, and the verdict on it.
 *
 * A load has three parts, so that nothing that runs changes before all is known: candidates are loaded in
 * slices, then the set is checked as a whole (names, firing() across files), then each accepted candidate
 * takes the place of its file's version. All or nothing was dropped: one mistyped file would keep every
 * other edit out. Blame is by time: of two files that quarrel the one that does not run yet is refused; one
 * that runs and has lost what it names runs on. A file whose text is the same is not loaded again, unless
 * it includes others. A dry run goes the same way and is undone, rather than being a second way that could
 * differ. Files are looked up by a walk: there are tens, and it is a reload, no sample. */
#include "app/rulebook.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/changes.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/files.h"
#include "base/text.h"

#define CHECK_ERRORS  16
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
    struct rulefile *candidate; /* while `wanted`: being loaded */
    char root[512];             /* its includes stay below it */
    bool wanted;                /* is to be loaded, or being loaded */
    char *error_before;         /* of the load before */
    bool runs;                  /* `file` has been put into the engine */
    bool seen;                  /* still on disk */
    bool kept_only;             /* known from Redis, not yet from disk */
    const char *verdict;        /* "unchanged", "loaded", "rejected", "removed" */
};

struct rulebook {
    struct book_file **files;
    size_t n, cap;
    struct rulefile *own;
    /* of the load under way: */
    bool loading, dry_run;
    int64_t at_ms;
    size_t n_before; /* files known when it began */
    size_t next;     /* file to be loaded, or being loaded */
    char *list_error;
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
    mem_free(f->error_before);
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

/* Paths that match the patterns, *_test.lua left out; sorted, without doubles. Each and the array
 * to be freed with mem_free(). Returns how many, or -1. */
static long rule_paths(const char *const *patterns, size_t n, char ***out, struct err *e)
{
    return file_paths(patterns, n, is_rule_file, out, e);
}

/* --- loading --- */

static void set_error(struct book_file *f, const char *text)
{
    mem_free(f->error);
    f->error = text ? mem_strdup(text) : NULL;
}

static void reject(const struct rulebook *b, struct book_file *f, const char *text)
{
    bool news = !f->error_before || strcmp(f->error_before, text) != 0;

    set_error(f, text);
    f->verdict = "rejected";
    drop_candidate(f);
    if (news && !b->dry_run)
        log_error(f->file || f->text ? "rule file refused; its previous version runs on"
                                     : "rule file refused",
                  "file", f->path, "error", text, NULL);
}

static struct rulefile *begin_text(struct book_file *f, const char *text, size_t len, struct err *e)
{
    struct rulefile_options o = {.root = f->root};
    const char *slash = strrchr(f->path, '/');

    snprintf(f->root, sizeof f->root, "%.*s", slash ? (int)(slash - f->path) : 1,
             slash ? f->path : ".");
    return rulefile_begin(f->path, text, len, &o, e);
}

static void read_candidate(const struct rulebook *b, struct book_file *f)
{
    struct err e;

    f->new_text = file_read(f->path, RULE_FILE_MAX, &f->new_len, &e);
    if (!f->new_text) {
        reject(b, f, e.text);
        return;
    }
    /* Includes may have changed although the file has not: it is loaded anew unless it has none. */
    if (f->file && f->len == f->new_len && memcmp(f->text, f->new_text, f->len) == 0) {
        const char *const *inputs;

        if (rulefile_inputs(f->file, &inputs) == 0) {
            f->verdict = "unchanged";
            return;
        }
    }
    f->wanted = true;
}

/* One slice of the file's loading. True: there is a verdict. */
static bool load_slice(const struct rulebook *b, struct book_file *f, int64_t slice_us)
{
    struct err e;
    int rc;

    assert(f->wanted && f->new_text);
    if (!f->candidate) {
        f->candidate = begin_text(f, f->new_text, f->new_len, &e);
        rc = f->candidate ? 0 : -1;
    } else {
        rc = rulefile_step(f->candidate, slice_us, &e);
    }
    if (rc == 0)
        return false;
    f->wanted = false;
    if (rc < 0)
        reject(b, f, e.text);
    else
        f->verdict = "loaded";
    return true;
}

/* The version that runs when the text on disk does not load: the one in memory, else the one kept
 * in Redis. */
static void fall_back(struct book_file *f)
{
    struct err e;
    int rc = 0;

    if (f->file || !f->text || f->candidate)
        return;
    f->file = begin_text(f, f->text, f->len, &e);
    while (f->file && (rc = rulefile_step(f->file, 0, &e)) == 0)
        continue;
    if (rc < 0) {
        rulefile_unref(f->file);
        f->file = NULL;
    }
    if (!f->file)
        log_error("the kept version of a rule file does not load either", "error", e.text, NULL);
}

static struct rulefile *wanted(const struct book_file *f)
{
    if (!f->seen)
        return NULL;
    return f->candidate ? f->candidate : f->file;
}

/* All that is to run, as one set: what runs already first, so that of two rules of one name the
 * newcomer is at fault. Returns how many. */
static size_t gather(const struct rulebook *b, struct rulefile **set, struct book_file **of)
{
    size_t n = 0;

    if (b->own) {
        of[n] = NULL;
        set[n++] = b->own;
    }
    for (int fresh = 0; fresh < 2; fresh++) {
        for (size_t i = 0; i < b->n; i++) {
            struct book_file *f = b->files[i];

            if (!wanted(f) || (f->candidate || !f->runs) != fresh)
                continue;
            of[n] = f;
            set[n++] = wanted(f);
        }
    }
    return n;
}

static bool is_misfit(const struct book_file *f)
{
    return f && f->runs && !f->candidate;
}

/* Checks that reach over files. A new version with an error is refused alone, and the rest is
 * checked again without it. A file that has not changed and no longer fits (a rule that it names
 * is gone) runs on, and is told of like one that is refused. */
static void check_together(struct rulebook *b)
{
    struct rulefile **set = mem_alloc((b->n + 1) * sizeof *set);
    struct book_file **of = mem_alloc((b->n + 1) * sizeof *of);
    struct err errors[CHECK_ERRORS];
    size_t which[CHECK_ERRORS], n_errors = 0;

    for (size_t round = 0; set && of && round <= b->n; round++) {
        size_t k = 0;

        n_errors =
            rulefiles_check(set, gather(b, set, of), errors, which, CHECK_ERRORS, NULL, NULL);
        n_errors = n_errors < CHECK_ERRORS ? n_errors : CHECK_ERRORS;
        while (k < n_errors && (!of[which[k]] || is_misfit(of[which[k]])))
            k++;
        if (k == n_errors)
            break;
        if (!of[which[k]]->candidate) { /* a kept version, which does not run yet */
            rulefile_unref(of[which[k]]->file);
            of[which[k]]->file = NULL;
        }
        reject(b, of[which[k]], errors[k].text);
        n_errors = 0;
    }
    for (size_t k = 0; k < n_errors; k++)
        if (of[which[k]])
            reject(b, of[which[k]], errors[k].text);
    mem_free(set);
    mem_free(of);
}

/* --- for people --- */

static void write_result(const struct rulebook *b, const struct changes *d, struct json *out)
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
    changes_json(d, out);
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

    if (a->state.firing == 0 || changes_find(w->b->own, name))
        return;
    for (size_t i = 0; i < w->b->n; i++)
        if (changes_find(wanted(w->b->files[i]), name))
            return;
    labels_text(a->labels, a->n_labels, &text);
    json_str(w->out, buf_str(&text));
    buf_free(&text);
}

/* --- making it so --- */

/* Accepted just now, or a kept version that does not run yet. */
static bool needs_put(const struct book_file *f)
{
    return f->seen && (f->candidate || (f->file && !f->runs));
}

static void accept(struct rulebook *b, struct book_file *f, struct wire *w, int64_t at_ms)
{
    const struct wire_parts *p = wire_parts(w);
    struct err e;

    assert(needs_put(f));
    if (rules_put(p->rules, f->path, wanted(f), at_ms, &e) < 0) {
        reject(b, f, e.text);
        return;
    }
    f->runs = true;
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
    assert(f->runs && f->file && f->text && !f->candidate);
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

static void write_would_end(struct rulebook *b, const struct wire_parts *p, struct json *out)
{
    struct would_end we = {.b = b, .out = out};

    json_key(out, "would_resolve");
    json_array(out);
    alert_each(p->book, note_would_end, &we);
    json_array_end(out);
}

static void read_files(struct rulebook *b, char **paths, size_t n)
{
    for (size_t i = 0; i < b->n; i++) {
        struct book_file *f = b->files[i];

        f->seen = false;
        f->verdict = "removed";
        f->error_before = f->error;
        f->error = NULL;
    }
    for (size_t i = 0; i < n; i++) {
        struct book_file *f = find_or_add(b, paths[i]);

        if (!f)
            continue;
        f->seen = true;
        read_candidate(b, f);
    }
}

/* Leaves the book as a dry run has found it. */
static void undo(struct rulebook *b, size_t n_before)
{
    assert(n_before <= b->n);
    for (size_t i = 0; i < b->n; i++) {
        struct book_file *f = b->files[i];

        mem_free(f->error);
        f->error = f->error_before;
        f->error_before = NULL;
        if (i >= n_before)
            book_file_free(f);
    }
    b->n = n_before;
}

static void end_load(struct rulebook *b)
{
    for (size_t i = 0; i < b->n; i++) {
        mem_free(b->files[i]->error_before);
        b->files[i]->error_before = NULL;
    }
}

static size_t count_rejected(const struct rulebook *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        n += b->files[i]->seen && b->files[i]->error;
    return n;
}

static void settle(struct rulebook *b, struct wire *w, const struct changes *c, bool in_part,
                   int64_t at_ms)
{
    end_load(b);
    forget_missing(b, w, at_ms);
    rules_link(wire_parts(w)->rules, at_ms);
    wire_rules_changed(w);
    if (!wire_is_live(w))
        return;
    changes_log(c, in_part);
    wire_fill_new_leaves(w);
}

/* Nothing could be listed: that is no reason to end what runs. */
static size_t list_failed(struct rulebook *b, struct json *out)
{
    log_error("rule files cannot be listed; the rules run on as they are", "error", b->list_error,
              NULL);
    if (out)
        json_kstr(out, "error", b->list_error);
    mem_free(b->list_error);
    b->list_error = NULL;
    return 1;
}

void rulebook_begin(struct rulebook *b, struct wire *w, const char *const *patterns,
                    size_t n_patterns, bool dry_run)
{
    struct err e;
    char **paths = NULL;
    long n_paths = rule_paths(patterns, n_patterns, &paths, &e);

    assert(!b->loading && !b->list_error);
    b->loading = true;
    b->dry_run = dry_run;
    b->at_ms = clock_wall_ms(wire_parts(w)->clock);
    b->n_before = b->n;
    b->next = 0;
    if (n_paths < 0) {
        b->list_error = mem_strdup(e.text);
        b->next = b->n;
        return;
    }
    if (n_paths == 0 && n_patterns > 0 && !dry_run)
        log_warn("no rule file is found; only Tocsin's own alerts run", "rules", patterns[0], NULL);
    read_files(b, paths, (size_t)n_paths);
    assert(b->n >= b->n_before);
    file_paths_free(paths, n_paths);
}

bool rulebook_step(struct rulebook *b, int64_t slice_us)
{
    assert(b->loading);
    while (b->next < b->n) {
        struct book_file *f = b->files[b->next];

        if (f->wanted && !load_slice(b, f, slice_us))
            return false;
        fall_back(f);
        b->next++;
        if (slice_us && f->new_text)
            return false; /* a file a turn, at most */
    }
    return true;
}

size_t rulebook_end(struct rulebook *b, struct wire *w, struct json *out)
{
    const struct wire_parts *p = wire_parts(w);
    struct changes c = {0};
    size_t rejected;

    assert(b->loading && b->next == b->n);
    b->loading = false;
    if (b->list_error)
        return list_failed(b, out);
    check_together(b);
    for (size_t i = 0; i < b->n; i++)
        changes_add(&c, b->files[i]->file, wanted(b->files[i]), p);
    for (size_t i = 0; i < b->n && !b->dry_run; i++)
        if (needs_put(b->files[i]))
            accept(b, b->files[i], w, b->at_ms);
    if (out)
        write_result(b, &c, out);
    if (out && b->dry_run)
        write_would_end(b, p, out);
    rejected = count_rejected(b);
    for (size_t i = 0; i < b->n; i++)
        drop_candidate(b->files[i]);
    if (b->dry_run)
        undo(b, b->n_before);
    else
        settle(b, w, &c, rejected > 0, b->at_ms);
    changes_clear(&c);
    assert(!b->loading && !b->list_error);
    return rejected;
}

size_t rulebook_load(struct rulebook *b, struct wire *w, const char *const *patterns,
                     size_t n_patterns)
{
    rulebook_begin(b, w, patterns, n_patterns, false);
    while (!rulebook_step(b, 0))
        continue;
    return rulebook_end(b, w, NULL);
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
    for (size_t i = 0; i < b->n; i++) {
        const struct book_file *f = b->files[i];
        const char *error = f->error || !b->loading ? f->error : f->error_before;

        if (error)
            each(f->path, error, arg);
    }
}
