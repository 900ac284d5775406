/* One entry a file (book_file.c): the version that runs, the text on disk, and the verdict on it.
 *
 * A load has stages, each in pieces of a few milliseconds, so that nothing that runs changes before all is
 * known: files are read and loaded, the set is checked as a whole (names, firing() across files), compared
 * with what runs, and the rules of each accepted candidate are built. Then looks and blocks are held back
 * between two instants, and all candidates take the places of their files' versions, in pieces again: no block
 * and no tick is judged by some of both. What has gone is freed afterwards. All or nothing was dropped: one mistyped file would keep every other edit out. Blame is by time: of two files that quarrel the
 * one that does not run yet is refused; one that runs and has lost what it names runs on. A dry run goes the same
 * way and is undone, rather than being a second way that could differ. */
#include <assert.h>
#include <string.h>

#include "app/book_told.h"
#include "app/rulebook_impl.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"

#define READ_FILES     32           /* of a piece: about a millisecond */
#define READ_BYTES     (256u << 10) /* the same; a file more */
#define CHECK_RULES    2000         /* the same */
#define COMPARE_RULES  500          /* the same; a file more */
#define BUILD_RULES    200          /* of a piece: about two milliseconds */
#define EXCHANGE_RULES 2000         /* the same */
#define ACCEPT_FILES   32           /* the same */
#define ACCEPT_BYTES   (256u << 10) /* the same; a file more */
#define TIDY_RULES     500          /* the same */

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
        struct book_file *f = rulebook_file(b, b->paths[b->next++]);

        if (!f)
            continue;
        f->seen = true;
        book_file_read(f, b->dry_run);
        bytes += f->new_len;
    }
    return b->next == b->n_paths;
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
        rulebook_forget(b, f);
    }
    b->n = kept;
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
            rulebook_forget(b, f);
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

/* A piece of the exchange, in which the new versions begin to run. Looks and blocks are held back until it
 * is done. */
static bool exchange_some(struct rulebook *b, size_t most)
{
    if (!rules_exchange_some(wire_parts(b->wire)->rules, b->at_ms, most))
        return false;
    if (wire_is_live(b->wire)) {
        changes_log(&b->changes, count_rejected(b) > 0);
        wire_fill_new_leaves(b->wire);
    }
    b->holding = false;
    wire_release(b->wire);
    return true;
}

static bool hold(struct rulebook *b)
{
    b->at_ms = clock_wall_ms(wire_parts(b->wire)->clock);
    b->holding = b->holding || wire_hold(b->wire);
    return b->holding;
}

/* Some files whose new versions run are kept as such. */
static bool accept_some(struct rulebook *b)
{
    size_t bytes = 0;

    for (size_t n = 0; b->next < b->n && bytes < ACCEPT_BYTES && n < ACCEPT_FILES; n++) {
        struct book_file *f = b->files[b->next++];

        if (f->built && f->seen)
            book_file_accept(f, wire_parts(b->wire)->rule_files);
        bytes += f->len;
        book_file_drop(f);
    }
    return b->next == b->n;
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
        return book_check_some(&b->check, CHECK_RULES);
    case STAGE_COMPARE:
        return compare_some(b, COMPARE_RULES);
    case STAGE_BUILD:
        return b->dry_run || build_some(b, BUILD_RULES);
    case STAGE_HOLD:
        return b->dry_run || hold(b);
    case STAGE_EXCHANGE:
        return b->dry_run || exchange_some(b, EXCHANGE_RULES);
    case STAGE_ACCEPT:
        return b->dry_run || accept_some(b);
    case STAGE_END:
        break;
    }
    return true;
}

static void next_stage(struct rulebook *b)
{
    assert(b->stage < STAGE_END);
    b->stage = (enum stage)(b->stage + 1);
    b->next = 0;
    if (b->stage == STAGE_CHECK)
        book_check_begin(&b->check, b->files, b->n, b->own, b->dry_run);
}

bool rulebook_step(struct rulebook *b, int64_t slice_us)
{
    assert(b->loading);
    do {
        if (b->stage == STAGE_END)
            return true;
        if (!work(b, slice_us))
            continue;
        next_stage(b);
    } while (slice_us == 0);
    return b->stage == STAGE_END;
}

static void end_stages(struct rulebook *b)
{
    book_check_end(&b->check);
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
    if (out)
        book_told_result(b->files, b->n, &b->changes, out);
    if (out && b->dry_run)
        book_told_would_end(b->files, b->n, b->own, wire_parts(w)->book, out);
    rejected = count_rejected(b);
    if (b->dry_run) {
        for (size_t i = 0; i < b->n; i++)
            book_file_drop(b->files[i]);
        undo(b, b->n_before);
    } else {
        end_load(b);
        forget_missing(b);
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
