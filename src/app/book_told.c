#include "app/book_told.h"

#include "base/map.h"

void book_told_result(struct book_file *const *files, size_t n, const struct changes *d,
                      struct json *out)
{
    json_key(out, "files");
    json_array(out);
    for (size_t i = 0; i < n; i++) {
        json_object(out);
        json_kstr(out, "path", files[i]->path);
        json_kstr(out, "status", files[i]->verdict ? files[i]->verdict : "unchanged");
        if (files[i]->error)
            json_kstr(out, "error", files[i]->error);
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
    const struct rule_def *d = alert_rule_def(a->rule); /* NULL: it is a sender's */
    struct buf text = BUF_INIT;

    if (a->state.firing == 0 || !d || map_gets(w->stay, d->name))
        return;
    labels_text(a->labels, a->n_labels, &text);
    json_str(w->out, buf_str(&text));
    buf_free(&text);
}

static void add_names(struct map *names, const struct rulefile *f)
{
    for (size_t i = 0; i < book_file_rules(f); i++)
        if (map_puts(names, rulefile_rule(f, i)->name, (void *)f, NULL) < 0)
            return; /* one more is told to end */
}

void book_told_would_end(struct book_file *const *files, size_t n, const struct rulefile *own,
                         struct alert_book *alerts, struct json *out)
{
    struct map *stay = map_new();
    struct would_end we = {.stay = stay, .out = out};

    for (size_t i = 0; stay && i < n; i++)
        add_names(stay, book_file_wanted(files[i]));
    if (stay && own)
        add_names(stay, own);
    json_key(out, "would_resolve");
    json_array(out);
    if (stay)
        alert_each(alerts, note_would_end, &we);
    json_array_end(out);
    map_free(stay, NULL);
}
