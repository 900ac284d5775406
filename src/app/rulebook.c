#include "app/rulebook.h"

#include "app/rulebook_impl.h"
#include "base/files.h"
#include "base/mem.h"

struct rulebook *rulebook_new(void)
{
    struct rulebook *b = mem_zalloc(sizeof *b);

    if (b && !(b->by_path = map_new())) {
        mem_free(b);
        return NULL;
    }
    return b;
}

void rulebook_free(struct rulebook *b)
{
    if (!b)
        return;
    book_check_end(&b->check);
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

struct book_file *rulebook_file(struct rulebook *b, const char *path)
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

void rulebook_forget(struct rulebook *b, struct book_file *f)
{
    (void)map_removes(b->by_path, f->path);
    book_file_free(f);
}

void rulebook_keep(struct rulebook *b, const char *path, const char *text, size_t len)
{
    struct book_file *f = rulebook_file(b, path);

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
