#include "app/book_check.h"

#include "base/mem.h"

void book_check_begin(struct book_check *c, struct book_file *const *files, size_t n,
                      struct rulefile *own, bool dry_run)
{
    *c = (struct book_check){.files = files, .n = n, .own = own, .dry_run = dry_run};
}

void book_check_end(struct book_check *c)
{
    if (c->checking)
        (void)rulefiles_check_end(c->checking);
    mem_free(c->set);
    mem_free(c->of);
    *c = (struct book_check){0};
}

/* All that is to run, as one set: what runs already first, so that of two rules of one name the
 * newcomer is at fault. Returns how many. */
static size_t gather(const struct book_check *c, struct rulefile **set, struct book_file **of)
{
    size_t n = 0;

    if (c->own) {
        of[n] = NULL;
        set[n++] = c->own;
    }
    for (int fresh = 0; fresh < 2; fresh++) {
        for (size_t i = 0; i < c->n; i++) {
            struct book_file *f = c->files[i];

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
static bool refuse_one(struct book_check *c, size_t n_errors)
{
    for (size_t k = 0; k < n_errors; k++) {
        struct book_file *f = c->of[c->which[k]];

        if (!f || book_file_is_misfit(f))
            continue;
        if (!f->candidate) { /* a kept version, which does not run yet */
            rulefile_unref(f->file);
            f->file = NULL;
        }
        book_file_reject(f, c->dry_run, c->errors[k].text);
        return true;
    }
    for (size_t k = 0; k < n_errors; k++)
        if (c->of[c->which[k]])
            book_file_reject(c->of[c->which[k]], c->dry_run, c->errors[k].text);
    return false;
}

static bool begin_round(struct book_check *c)
{
    if (!c->set) {
        c->set = mem_alloc((c->n + 1) * sizeof *c->set);
        c->of = mem_alloc((c->n + 1) * sizeof *c->of);
    }
    if (c->set && c->of && c->round++ <= c->n)
        c->checking = rulefiles_check_begin(c->set, gather(c, c->set, c->of), c->errors, c->which,
                                            CHECK_ERRORS);
    return c->checking != NULL;
}

/* Checks that reach over files. A new version with an error is refused alone, and the rest is
 * checked again without it. A file that has not changed and no longer fits (a rule that it names
 * is gone) runs on, and is told of like one that is refused. True: done. */
bool book_check_some(struct book_check *c, size_t most)
{
    size_t n_errors;

    if (!c->checking && !begin_round(c))
        return true;
    if (!rulefiles_check_step(c->checking, most))
        return false;
    n_errors = rulefiles_check_end(c->checking);
    c->checking = NULL;
    return !refuse_one(c, n_errors < CHECK_ERRORS ? n_errors : CHECK_ERRORS);
}
