#include "deliver/templates.h"

#include <stdio.h>
#include <unistd.h>

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

/* A file that is there and cannot be read is no reason to send what somebody has replaced. */
static char *read_source(const char *folder, const char *name, struct named_template *nt,
                         size_t *len)
{
    char path[640];
    const struct builtin_file *f;
    struct err e = {.text = ""};

    if (folder) {
        snprintf(path, sizeof path, "%s/%s.lua", folder, name);
        if (access(path, F_OK) == 0) {
            char *text = file_read(path, TEMPLATE_MAX, len, &e);
            if (!text)
                snprintf(nt->error, sizeof nt->error, "%.250s", e.text);
            return text;
        }
    }
    snprintf(path, sizeof path, "rules/channels/%s.lua", name);
    f = builtin_find(path);
    nt->built_in = f != NULL;
    nt->missing = f == NULL;
    if (!f) {
        snprintf(nt->error, sizeof nt->error, "there is no template %.200s.lua", name);
        return NULL;
    }
    *len = f->len;
    return mem_dup(f->text, f->len);
}

void template_read(const char *folder, const char *name, struct named_template *nt)
{
    char file[300];
    size_t len;
    char *text;
    struct err e = {.text = "no memory"};

    *nt = (struct named_template){0};
    text = read_source(folder, name, nt, &len);
    snprintf(file, sizeof file, "%.250s.lua", name);
    if (text)
        nt->t = template_load(file, text, len, &e);
    mem_free(text);
    if (!nt->t && !nt->error[0])
        snprintf(nt->error, sizeof nt->error, "%.250s", e.text);
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
    template_read(t->folder, name, nt);
    if (!nt->t)
        log_error("a channel template does not load; plain text is sent", "error", nt->error, NULL);
    return nt;
}
