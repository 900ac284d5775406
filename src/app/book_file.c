/* One rule file of the book: the version that runs, the text on disk, and the verdict on it. What it means for the
 * others, and when it takes its place, is the book's (rulebook_load.c). A file whose text is the same is not loaded
 * again, unless it includes others. */
#include "app/book_file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"

#define RULE_FILE_MAX (4u << 20) /* bytes; the largest generated rule files seen are below 1 MiB */

void book_file_drop(struct book_file *f)
{
    rulefile_unref(f->candidate);
    mem_free(f->new_text);
    f->candidate = NULL;
    f->new_text = NULL;
}

void book_file_free(struct book_file *f)
{
    book_file_drop(f);
    rulefile_unref(f->file);
    mem_free(f->path);
    mem_free(f->text);
    mem_free(f->error);
    mem_free(f->error_before);
    mem_free(f);
}

/* Why the text on disk is refused; NULL: it is not. */
static void set_error(struct book_file *f, const char *text)
{
    mem_free(f->error);
    f->error = text ? mem_strdup(text) : NULL;
}

void book_file_reject(struct book_file *f, bool dry_run, const char *text)
{
    bool news = !f->error_before || strcmp(f->error_before, text) != 0;

    set_error(f, text);
    f->verdict = "rejected";
    book_file_drop(f);
    if (news && !dry_run)
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

void book_file_read(struct book_file *f, bool dry_run)
{
    struct err e;

    f->new_text = file_read(f->path, RULE_FILE_MAX, &f->new_len, &e);
    if (!f->new_text) {
        book_file_reject(f, dry_run, e.text);
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
bool book_file_load(struct book_file *f, bool dry_run, int64_t slice_us)
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
        book_file_reject(f, dry_run, e.text);
    else
        f->verdict = "loaded";
    return true;
}

/* The version that runs when the text on disk does not load: the one in memory, else the one kept
 * in Redis. */
void book_file_fall_back(struct book_file *f)
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

struct rulefile *book_file_wanted(const struct book_file *f)
{
    if (!f->seen)
        return NULL;
    return f->candidate ? f->candidate : f->file;
}

bool book_file_is_misfit(const struct book_file *f)
{
    return f && f->runs && !f->candidate;
}

size_t book_file_rules(const struct rulefile *f)
{
    return f ? rulefile_count(f) : 0;
}

/* Accepted just now, or a kept version that does not run yet. */
bool book_file_needs_put(const struct book_file *f)
{
    return f->seen && (f->candidate || (f->file && !f->runs));
}

void book_file_accept(struct book_file *f, struct store_table *t)
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
    set_error(f, NULL);
    store_put(t, f->path, f->text, f->len);
    assert(f->runs && f->file && f->text && !f->candidate);
}
