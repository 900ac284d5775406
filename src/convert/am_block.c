/* The block of a channel while it is written: its keys, and where its secrets go.
 * A secret is told from a text by the key it stands under, except in the address of a webhook, which people write
 * without one as often as with one; there a user, a query or a long word makes it a secret. The path says receiver,
 * channel and key, so that whoever writes the file knows what it is; of a global one only the channel. */
#include "convert/am.h"

#include <string.h>

#define NAME_MAX_LEN 120

const struct doc_node *am_value(const struct am_block *b, const char *key, const char *global)
{
    const struct doc_node *own = doc_get(b->node, key);

    return own ? own : global ? doc_get(b->am->global, global) : NULL;
}

bool am_has(struct am_block *b, const char *key)
{
    const struct convert_options *o = b->am->c.o;

    if (!b->known || o->has(b->channel, key, o->arg))
        return true;
    element_manual(&b->am->c, "`%s` is no key of %s in this version", key, b->channel);
    return false;
}

void am_put_text(struct am_block *b, const char *key, const char *value)
{
    if (strstr(value, "{{")) {
        element_manual(&b->am->c, "`%s` is made by a template: it is a fixed text here", key);
        say_indent(&b->out, 2);
        buf_adds(&b->out, "-- ");
        say_text(&b->out, 0, key, value);
        return;
    }
    say_text(&b->out, 2, key, value);
}

/* "secrets/ops-pagerduty-routing_key"; of the second of its kind in a receiver: "secrets/ops-pagerduty-2-…" */
static void secret_path(const struct am_block *b, const char *key, bool global, struct buf *out)
{
    buf_adds(out, "secrets/");
    for (const char *s = b->receiver; *s && !global && out->len < NAME_MAX_LEN; s++)
        buf_addc(out, strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *s)
                          ? *s
                          : '_');
    buf_addf(out, global ? "%s" : "-%s", b->channel);
    if (b->number > 1 && !global)
        buf_addf(out, "-%zu", b->number);
    buf_addf(out, "-%s", key);
}

static bool is_global(const struct am_block *b, const struct doc_node *n)
{
    for (size_t i = 0; b->am->global && i < b->am->global->n; i++)
        if (b->am->global->items[i] == n)
            return true;
    return false;
}

/* Where the secret goes that a person has to get first. */
void am_put_place(struct am_block *b, const char *key)
{
    struct buf path = BUF_INIT;

    secret_path(b, key, false, &path);
    say_indent(&b->out, 2);
    buf_addf(&b->out, "%s = secret_file ", key);
    say_quoted(&b->out, buf_str(&path));
    buf_adds(&b->out, ",\n");
    buf_free(&path);
}

/* Nothing in it that lets somebody in: no user, no query, no long word. */
static bool is_plain_url(const char *url)
{
    const char *path = strstr(url, "://");

    if (!path || strpbrk(url, "@?#"))
        return false;
    for (path = strchr(path + 3, '/'); path; path = strchr(path, '/'))
        if (strcspn(++path, "/") > 20)
            return false;
    return true;
}

void am_put_secret(struct am_block *b, const char *key, const char *name,
                   const struct doc_node *inline_text, const struct doc_node *file)
{
    struct buf path = BUF_INIT;

    if (inline_text && file)
        conversion_fail(&b->am->c, file, "%s and %s_file: one of them is given", name, name);
    if ((inline_text && inline_text->kind != DOC_TEXT) || (file && file->kind != DOC_TEXT))
        conversion_fail(&b->am->c, file ? file : inline_text, "%s: a text is expected", name);
    if (!inline_text && !file)
        return;
    if (inline_text && strcmp(key, "url") == 0 && is_plain_url(inline_text->text)) {
        am_put_text(b, key, inline_text->text);
        return;
    }
    if (file) {
        buf_adds(&path, file->text);
    } else {
        secret_path(b, key, is_global(b, inline_text), &path);
        element_differs(&b->am->c, "write %s of line %d into %s", name, inline_text->line,
                        buf_str(&path));
    }
    buf_addf(&b->out, "    %s = secret_file ", key);
    say_quoted(&b->out, buf_str(&path));
    buf_adds(&b->out, ",\n");
    b->out.failed |= !buf_ok(&path);
    buf_free(&path);
}
