#include "deliver/templates.h"

#include <stdio.h>

#include "base/builtin.h"
#include "base/files.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#define TEMPLATE_MAX (256u << 10)

struct templates {
    const char *folder;
    struct map *by_name; /* -> struct named_template */
};

static void drop(void *value)
{
    struct named_template *nt = value;

    template_free(nt->t);
    mem_free(nt);
}

struct templates *templates_new(const char *folder)
{
    struct templates *t = mem_zalloc(sizeof *t);

    if (!t)
        return NULL;
    t->folder = folder;
    t->by_name = map_new();
    if (t->by_name)
        return t;
    mem_free(t);
    return NULL;
}

void templates_free(struct templates *t)
{
    if (!t)
        return;
    map_free(t->by_name, drop);
    mem_free(t);
}

void templates_forget(struct templates *t)
{
    struct named_template *nt;
    const char *key;
    size_t len;

    for (size_t at = 0; (nt = map_next(t->by_name, &at, &key, &len));)
        drop(map_remove(t->by_name, key, len));
}

static char *read_source(const struct templates *t, const char *name, char *path, size_t size,
                         size_t *len)
{
    const struct builtin_file *f;
    struct err e;
    char *text = NULL;

    if (t->folder) {
        snprintf(path, size, "%s/%s.lua", t->folder, name);
        text = file_read(path, TEMPLATE_MAX, len, &e);
    }
    if (text)
        return text;
    snprintf(path, size, "rules/channels/%s.lua", name);
    f = builtin_find(path);
    if (!f)
        return NULL;
    *len = f->len;
    return mem_dup(f->text, f->len);
}

static void load(const struct templates *t, const char *name, struct named_template *nt)
{
    char path[640];
    size_t len;
    char *text = read_source(t, name, path, sizeof path, &len);
    struct err e;

    if (text)
        nt->t = template_load(path, text, len, &e);
    else
        err_set(&e, ERR_INPUT, "there is no template %s.lua", name);
    mem_free(text);
    if (nt->t)
        return;
    snprintf(nt->error, sizeof nt->error, "%.250s", e.text);
    log_error("a channel template does not load; plain text is sent", "error", e.text, NULL);
}

const struct named_template *templates_find(struct templates *t, const char *name)
{
    struct named_template *nt = map_gets(t->by_name, name);

    if (nt)
        return nt;
    nt = mem_zalloc(sizeof *nt);
    if (!nt || map_puts(t->by_name, name, nt, NULL) < 0) {
        mem_free(nt);
        return NULL;
    }
    load(t, name, nt);
    return nt;
}
