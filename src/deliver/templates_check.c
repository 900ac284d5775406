/* Templates, tried before a page needs them.
 *
 * A page is never held back by its looks: a template that fails is replaced by plain text. That is
 * no reason to find out at night, so whoever takes a configuration (the start, a reload, `check`)
 * asks here first, and refuses. What comes with the program is tried by its own tests, and left out. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "tocsin/config.h"
#include "deliver/sample.h"
#include "deliver/templates.h"
#include "tocsin/deliver.h"

struct trial {
    const char *folder;
    struct map *seen; /* "slack pager": a template is tried once for a kind of channel */
    void (*found)(const char *text, void *arg);
    void *arg;
    int n;
};

static void tell(struct trial *t, const struct config_receiver *r, const struct config_channel *c,
                 const char *what, const char *where)
{
    struct buf b = BUF_INIT;

    buf_addf(&b, "%s (template of %s in receiver \"%s\", %s:%d%s)", what,
             channel_table[c->type]->name, r->name, c->file, c->line, where);
    t->n++;
    t->found(buf_ok(&b) ? buf_str(&b) : what, t->arg);
    buf_free(&b);
}

/* Errors name the last part of the path: the folder in front. */
static void tell_failure(struct trial *t, const struct config_receiver *r,
                         const struct config_channel *c, const char *error, const char *where)
{
    struct buf b = BUF_INIT;
    size_t len = strlen(c->template);

    if (strncmp(error, c->template, len) == 0 && strncmp(error + len, ".lua", 4) == 0)
        buf_addf(&b, "%s/%s", t->folder, error);
    else
        buf_addf(&b, "%s/%s.lua: %s", t->folder, c->template, error);
    tell(t, r, c, buf_str(&b), where);
    buf_free(&b);
}

static int try_samples(struct trial *t, const struct config_receiver *r,
                       const struct config_channel *c, const struct named_template *nt)
{
    for (int kind = 0; kind < SAMPLES; kind++) {
        char where[64];
        struct message m;
        struct sample s;

        sample_make(&s, (enum sample_kind)kind, r->name, channel_table[c->type]->name);
        if (message_make(&(struct message_order){channel_table[c->type], c, nt->t, nt->error, &s.x},
                         &m) < 0)
            return -1;
        snprintf(where, sizeof where, ", tried with %s", sample_names[kind]);
        if (m.template_failed) {
            tell_failure(t, r, c, m.error, where);
            message_clear(&m);
            return 0; /* the others would tell the same */
        }
        message_clear(&m);
    }
    return 0;
}

static int try_template(struct trial *t, const struct config_receiver *r,
                        const struct config_channel *c)
{
    struct named_template nt;
    struct buf key = BUF_INIT, text = BUF_INIT;
    void *seen = NULL;
    int rc = 0;

    buf_addf(&key, "%s %s", channel_table[c->type]->name, c->template);
    if (!buf_ok(&key) || map_puts(t->seen, buf_str(&key), t, &seen) < 0) {
        buf_free(&key);
        return -1;
    }
    buf_free(&key);
    if (seen)
        return 0;
    template_read(t->folder, c->template, &nt);
    if (nt.missing) {
        buf_addf(&text,
                 "%s:%d: there is no template \"%s\": write %s/%s.lua, or leave `template` out",
                 c->file, c->line, c->template, t->folder ? t->folder : "channels", c->template);
        tell(t, r, c, buf_str(&text), "");
        buf_free(&text);
    } else if (!nt.t) {
        tell_failure(t, r, c, nt.error, "");
    } else if (!nt.built_in) {
        rc = try_samples(t, r, c, &nt);
    }
    template_free(nt.t);
    return rc;
}

int deliver_check_templates(const struct config *c, const char *folder,
                            void (*found)(const char *text, void *arg), void *arg)
{
    struct trial t = {.folder = folder, .seen = map_new(), .found = found, .arg = arg};
    int rc = t.seen ? 0 : -1;

    for (size_t i = 0; i < c->n_receivers && rc == 0; i++)
        for (size_t k = 0; k < c->receivers[i].n_channels && rc == 0; k++)
            rc = try_template(&t, &c->receivers[i], &c->receivers[i].channels[k]);
    map_free(t.seen, NULL);
    return rc < 0 ? -1 : t.n;
}

void deliver_template_folder(const char *rules, char *out, size_t size)
{
    const char *slash = strrchr(rules, '/');

    snprintf(out, size, "%.*s/channels", slash ? (int)(slash - rules) : 1, slash ? rules : ".");
}
