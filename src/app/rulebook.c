/* One entry a file (book_file.c): the version that runs, the text on disk, and the verdict on it.
 *
 * A load has stages, each in pieces of a few milliseconds, so that nothing that runs changes before all is
 * known: files are read and loaded, the set is checked as a whole (names, firing() across files), compared
 * with what runs, and the rules of each accepted candidate are built. The end is one step: the candidates
 * take the places of their files' versions. What has gone is freed afterwards, in pieces again. All or nothing
 * was dropped: one mistyped file would keep every other edit out. Blame is by time: of two files that quarrel the
 * one that does not run yet is refused; one that runs and has lost what it names runs on. A dry run goes the same
 * way and is undone, rather than being a second way that could differ. */
#include "app/rulebook.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/book_file.h"
#include "app/changes.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/files.h"
#include "base/text.h"

#define CHECK_ERRORS  16
#define READ_FILES    32           /* of a piece: about a millisecond */
#define READ_BYTES    (256u << 10) /* the same; a file more */
#define CHECK_RULES   2000         /* the same */
#define COMPARE_RULES 500          /* the same; a file more */
#define BUILD_RULES   200          /* of a piece: about two milliseconds */
#define TIDY_RULES    500          /* the same */

enum stage { STAGE_READ, STAGE_LOAD, STAGE_CHECK, STAGE_COMPARE, STAGE_BUILD, STAGE_END };

/* The check of all files together, which begins anew when one was refused. */
struct together {
    struct rulefile **set;
    struct book_file **of;
    struct checking *checking; /* NULL: the next round is to begin */
    struct err errors[CHECK_ERRORS];
    size_t which[CHECK_ERRORS], round;
};

struct rulebook {
    struct book_file **files;
    size_t n, cap;
    struct map *by_path;
    struct rulefile *own;
    /* of the load under way: */
    bool loading, dry_run;
    struct wire *wire;
    enum stage stage;
    int64_t at_ms;
    size_t n_before; /* files known when it began */
    size_t next;     /* file that the stage is at */
    char **paths;    /* to be read */
    size_t n_paths;
    struct together together;
    struct changes changes;
    char *list_error;
};

struct rulebook *rulebook_new(void)
{
    struct rulebook *b = mem_zalloc(sizeof *b);

    if (b && !(b->by_path = map_new())) {
        mem_free(b);
        return NULL;
    }
    return b;
}

static void end_together(struct rulebook *b)
{
    if (b->together.checking)
        (void)rulefiles_check_end(b->together.checking);
    mem_free(b->together.set);
    mem_free(b->together.of);
    b->together = (struct together){0};
}

void rulebook_free(struct rulebook *b)
{
    if (!b)
        return;
    end_together(b);
    changes_clear(&b->changes);
    file_paths_free(b->paths, (long)b->n_paths);
    for (size_t i = 0; i < b->n; i++)
        book_file_free(b->files[i]);
    mem_free(b->files);
    mem_free(b->list_error);
    map_free(b->by_path, NULL);
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
    struct book_file *f = map_gets(b->by_path, path);

    if (f || mem_grow((void **)&b->files, &b->cap, b->n + 1, sizeof *b->files) < 0)
        return f;
    f = mem_zalloc(sizeof *f);
    if (!f || !(f->path = mem_strdup(path)) || map_puts(b->by_path, path, f, NULL) < 0) {
        if (f)
            mem_free(f->path);
        mem_free(f);
        return NULL;
    }
    b->files[b->n++] = f;
    return f;
}

static void forget(struct rulebook *b, struct book_file *f)
{
    (void)map_removes(b->by_path, f->path);
    book_file_free(f);
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

/* Some files a piece. True: all are read. */
static bool read_some(struct rulebook *b)
{
    size_t bytes = 0, n = 0;

    for (; b->next < b->n_paths && bytes < READ_BYTES && n < READ_FILES; n++) {
        struct book_file *f = find_or_add(b, b->paths[b->next++]);

        if (!f)
            continue;
        f->seen = true;
        book_file_read(f, b->dry_run);
        bytes += f->new_len;
    }
    return b->next == b->n_paths;
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

            if (!book_file_wanted(f) || (f->candidate || !f->runs) != fresh)
                continue;
            of[n] = f;
            set[n++] = book_file_wanted(f);
        }
    }
    return n;
}

/* The round has found errors in new versions: the first that is at fault is refused. False: there is none, or
 * what is at fault runs. */
static bool refuse_one(struct rulebook *b, size_t n_errors)
{
    struct together *t = &b->together;

    for (size_t k = 0; k < n_errors; k++) {
        struct book_file *f = t->of[t->which[k]];

        if (!f || book_file_is_misfit(f))
            continue;
        if (!f->candidate) { /* a kept version, which does not run yet */
            rulefile_unref(f->file);
            f->file = NULL;
        }
        book_file_reject(f, b->dry_run, t->errors[k].text);
        return true;
    }
    for (size_t k = 0; k < n_errors; k++)
        if (t->of[t->which[k]])
            book_file_reject(t->of[t->which[k]], b->dry_run, t->errors[k].text);
    return false;
}

static bool begin_round(struct rulebook *b)
{
    struct together *t = &b->together;

    if (!t->set) {
        t->set = mem_alloc((b->n + 1) * sizeof *t->set);
        t->of = mem_alloc((b->n + 1) * sizeof *t->of);
    }
    if (t->set && t->of && t->round++ <= b->n)
        t->checking = rulefiles_check_begin(t->set, gather(b, t->set, t->of), t->errors, t->which,
                                            CHECK_ERRORS);
    return t->checking != NULL;
}

/* Checks that reach over files. A new version with an error is refused alone, and the rest is
 * checked again without it. A file that has not changed and no longer fits (a rule that it names
 * is gone) runs on, and is told of like one that is refused. True: done. */
static bool check_some(struct rulebook *b, size_t most)
{
    struct together *t = &b->together;
    size_t n_errors;

    if (!t->checking && !begin_round(b))
        return true;
    if (!rulefiles_check_step(t->checking, most))
        return false;
    n_errors = rulefiles_check_end(t->checking);
    t->checking = NULL;
    return !refuse_one(b, n_errors < CHECK_ERRORS ? n_errors : CHECK_ERRORS);
}

static bool compare_some(struct rulebook *b, size_t most)
{
    for (size_t done = 0; b->next < b->n && done < most;) {
        struct book_file *f = b->files[b->next++];

        if (f->file != book_file_wanted(f))
            done += book_file_rules(f->file) + book_file_rules(book_file_wanted(f));
        changes_add(&b->changes, f->file, book_file_wanted(f), wire_parts(b->wire));
    }
    return b->next == b->n;
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
    const struct map *stay; /* names of rules */
    struct json *out;
};

static void note_would_end(const struct alert *a, void *arg)
{
    struct would_end *w = arg;
    const char *name = alert_rule_def(a->rule)->name;
    struct buf text = BUF_INIT;

    if (a->state.firing == 0 || map_gets(w->stay, name))
        return;
    labels_text(a->labels, a->n_labels, &text);
    json_str(w->out, buf_str(&text));
    buf_free(&text);
}

/* --- making it so --- */

/* Builds rules of files to be accepted, and takes note of files that are gone. True: all are done. */
static bool build_some(struct rulebook *b, size_t most)
{
    struct rules *rules = wire_parts(b->wire)->rules;
    struct err e;

    for (; b->next < b->n; b->next++) {
        struct book_file *f = b->files[b->next];
        int rc;

        if (!book_file_needs_put(f) && (f->seen || !f->file))
            continue;
        if (most == 0)
            return false;
        rc = rules_put_some(rules, f->path, book_file_wanted(f), b->at_ms, most, &e);
        if (rc == 0)
            return false;
        most -= most < book_file_rules(book_file_wanted(f)) ? most
                                                            : book_file_rules(book_file_wanted(f));
        f->built = rc > 0;
        if (rc < 0 && f->seen)
            book_file_reject(f, b->dry_run, e.text);
        else if (rc < 0)
            log_error("a removed rule file still runs", "error", e.text, NULL);
    }
    return true;
}

static void accept(struct rulebook *b, struct book_file *f)
{
    assert(f->built && f->seen);
    f->built = false;
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
    book_file_error(f, NULL);
    store_put(wire_parts(b->wire)->rule_files, f->path, f->text, f->len);
    assert(f->runs && f->file && f->text && !f->candidate);
}

static void forget_missing(struct rulebook *b)
{
    size_t kept = 0;

    for (size_t i = 0; i < b->n; i++) {
        struct book_file *f = b->files[i];

        if (f->seen) {
            b->files[kept++] = f;
            continue;
        }
        store_del(wire_parts(b->wire)->rule_files, f->path);
        forget(b, f);
    }
    b->n = kept;
}

static void add_names(struct map *names, const struct rulefile *f)
{
    for (size_t i = 0; i < book_file_rules(f); i++)
        if (map_puts(names, rulefile_rule(f, i)->name, (void *)f, NULL) < 0)
            return; /* one more is told to end */
}

/* Bound: the rules there are, and the alerts; for a dry run only. */
static void write_would_end(struct rulebook *b, const struct wire_parts *p, struct json *out)
{
    struct map *stay = map_new();
    struct would_end we = {.stay = stay, .out = out};

    for (size_t i = 0; stay && i < b->n; i++)
        add_names(stay, book_file_wanted(b->files[i]));
    if (stay && b->own)
        add_names(stay, b->own);
    json_key(out, "would_resolve");
    json_array(out);
    if (stay)
        alert_each(p->book, note_would_end, &we);
    json_array_end(out);
    map_free(stay, NULL);
}

static void begin_files(struct rulebook *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct book_file *f = b->files[i];

        f->seen = false;
        f->verdict = "removed";
        f->error_before = f->error;
        f->error = NULL;
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
            forget(b, f);
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

/* The step in which the new versions begin to run. Bound: some 0.1 us a rule that stays, 2 us one that comes. */
static void exchange(struct rulebook *b, bool in_part)
{
    b->at_ms = clock_wall_ms(wire_parts(b->wire)->clock);
    rules_exchange(wire_parts(b->wire)->rules, b->at_ms);
    wire_rules_changed(b->wire);
    if (!wire_is_live(b->wire))
        return;
    changes_log(&b->changes, in_part);
    wire_fill_new_leaves(b->wire);
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
    long n_paths = rule_paths(patterns, n_patterns, &b->paths, &e);

    assert(!b->loading && !b->list_error && b->n_paths == 0);
    b->loading = true;
    b->dry_run = dry_run;
    b->wire = w;
    b->at_ms = clock_wall_ms(wire_parts(w)->clock);
    b->n_before = b->n;
    b->next = 0;
    b->stage = n_paths < 0 ? STAGE_END : STAGE_READ;
    if (n_paths < 0) {
        b->list_error = mem_strdup(e.text);
        return;
    }
    if (n_paths == 0 && n_patterns > 0 && !dry_run)
        log_warn("no rule file is found; only Tocsin's own alerts run", "rules", patterns[0], NULL);
    b->n_paths = (size_t)n_paths;
    begin_files(b);
}

/* True: the next file, if there is one, may be loaded in the same slice. */
static bool load_next(struct rulebook *b, int64_t slice_us)
{
    struct book_file *f = b->files[b->next];

    if (f->wanted && !book_file_load(f, b->dry_run, slice_us))
        return false;
    book_file_fall_back(f);
    b->next++;
    return !f->new_text; /* a file a turn, at most */
}

static bool load_some(struct rulebook *b, int64_t slice_us)
{
    while (b->next < b->n && (load_next(b, slice_us) || slice_us == 0))
        continue;
    return b->next == b->n;
}

/* One piece of the stage; true: it is done. */
static bool work(struct rulebook *b, int64_t slice_us)
{
    switch (b->stage) {
    case STAGE_READ:
        return read_some(b);
    case STAGE_LOAD:
        return load_some(b, slice_us);
    case STAGE_CHECK:
        return check_some(b, CHECK_RULES);
    case STAGE_COMPARE:
        return compare_some(b, COMPARE_RULES);
    case STAGE_BUILD:
        return b->dry_run || build_some(b, BUILD_RULES);
    case STAGE_END:
        break;
    }
    return true;
}

bool rulebook_step(struct rulebook *b, int64_t slice_us)
{
    assert(b->loading);
    do {
        if (b->stage == STAGE_END)
            return true;
        if (!work(b, slice_us))
            continue;
        b->stage = (enum stage)(b->stage + 1);
        b->next = 0;
    } while (slice_us == 0);
    return b->stage == STAGE_END;
}

static void end_stages(struct rulebook *b)
{
    end_together(b);
    changes_clear(&b->changes);
    file_paths_free(b->paths, (long)b->n_paths);
    b->paths = NULL;
    b->n_paths = 0;
    b->loading = false;
}

size_t rulebook_end(struct rulebook *b, struct wire *w, struct json *out)
{
    size_t rejected;

    assert(b->loading && b->stage == STAGE_END && b->wire == w);
    if (b->list_error) {
        end_stages(b);
        return list_failed(b, out);
    }
    for (size_t i = 0; i < b->n; i++)
        if (b->files[i]->built && b->files[i]->seen)
            accept(b, b->files[i]);
    if (out)
        write_result(b, &b->changes, out);
    if (out && b->dry_run)
        write_would_end(b, wire_parts(w), out);
    rejected = count_rejected(b);
    for (size_t i = 0; i < b->n; i++)
        book_file_drop(b->files[i]);
    if (b->dry_run) {
        undo(b, b->n_before);
    } else {
        end_load(b);
        forget_missing(b);
        exchange(b, rejected > 0);
    }
    end_stages(b);
    assert(!b->loading && !b->list_error);
    return rejected;
}

bool rulebook_tidy(struct rulebook *b, struct wire *w)
{
    assert(!b->loading);
    return rules_tidy(wire_parts(w)->rules, b->at_ms, TIDY_RULES);
}

size_t rulebook_load(struct rulebook *b, struct wire *w, const char *const *patterns,
                     size_t n_patterns)
{
    size_t rejected;

    rulebook_begin(b, w, patterns, n_patterns, false);
    while (!rulebook_step(b, 0))
        continue;
    rejected = rulebook_end(b, w, NULL);
    while (!rulebook_tidy(b, w))
        continue;
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
    for (size_t i = 0; i < b->n; i++) {
        const struct book_file *f = b->files[i];
        const char *error = f->error || !b->loading ? f->error : f->error_before;

        if (error)
            each(f->path, error, arg);
    }
}
