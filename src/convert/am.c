#include "convert/am.h"

#include <string.h>

#include "base/mem.h"
#include "tocsin/channel.h"

static bool has_channel(const char *channel, const char *key, void *arg)
{
    const struct channel *ch = channel_find(channel);

    (void)arg;
    if (!ch || !key)
        return ch;
    for (const struct row *r = ch->rows; r->key; r++)
        if (strcmp(r->key, key) == 0 && r->kind != ROW_LATER)
            return true;
    return false;
}

static void check_top(struct am *am)
{
    static const char *const known[] = {
        "global",         "templates",           "route",   "receivers",      "inhibit_rules",
        "time_intervals", "mute_time_intervals", "tracing", "event_recorder", NULL};
    const struct doc_node *tracing = doc_get(am->root, "tracing"),
                          *recorder = doc_get(am->root, "event_recorder");

    take_keys(&am->c, am->root, "the file", known);
    if (!doc_get(am->root, "route"))
        conversion_fail(&am->c, am->root, "no route: Alertmanager refuses this file too");
    if (tracing) {
        element_begin(&am->c, tracing->line, "tracing");
        element_differs(&am->c,
                        "Tocsin sends no traces; tocsin explain says what was done and why");
    }
    if (recorder) {
        element_begin(&am->c, recorder->line, "event_recorder");
        element_differs(&am->c, "the history is kept: tocsin history");
    }
}

static void templates(struct am *am)
{
    const struct doc_node *list = take_list(&am->c, am->root, "templates");

    for (size_t i = 0; list && i < list->n; i++) {
        element_begin(&am->c, list->items[i]->line, "templates %s", list->items[i]->text);
        element_differs(&am->c, "messages have Tocsin's own look; one of yours is a Lua file in "
                                "rules/channels (docs/channels.md)");
    }
}

int convert_alertmanager(const char *name, const char *text, size_t len,
                         const struct convert_options *o, struct converted *out, struct err *e)
{
    static const struct convert_options usual = {has_channel, NULL};
    struct err local = {0};
    struct am am = {.c = {.name = name, .o = o && o->has ? o : &usual, .out = out}};
    struct doc doc;
    int rc;

    *out = (struct converted){0};
    am.c.e = e = e ? e : &local;
    rc = doc_read(&doc, name, text, len, e);
    if (rc == 0) {
        am.root = doc.root;
        am.global = doc_get(doc.root, "global");
        buf_addf(
            &out->lua,
            "-- From %s. What differs stands in the report of the conversion; numbers are lines "
            "of that file.\n",
            name);
        check_top(&am);
        am_global(&am);
        templates(&am);
        am_intervals(&am);
        am_receivers(&am);
        am_routes(&am);
        am_inhibition(&am);
        element_end(&am.c);
        rc = am.c.failed ? -1 : 0;
    }
    if (rc == 0 && (!buf_ok(&out->lua) || !buf_ok(&out->report)))
        rc = err_set(e, ERR_MEMORY, "%s: no memory", name);
    buf_free(&am.c.element.what);
    buf_free(&am.c.element.notes);
    doc_clear(&doc);
    if (rc < 0)
        converted_clear(out);
    return rc;
}
