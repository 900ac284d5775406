/* The tree of routes, and inhibition. Both mean in Tocsin what they mean in Alertmanager, so nearly all of it is
 * written as it stands; what Alertmanager leaves to defaults is written out at the root, since Tocsin's are others:
 * alerts are grouped by service there, and the first message of a P1 waits for nothing. */
#include "convert/am.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "model/matcher.h"

#define GROUP_WAIT_MS     30000
#define GROUP_INTERVAL_MS (5 * 60000)
#define REPEAT_MS         (4 * 3600000)

/* --- matchers --- */

struct texts {
    struct buf *out;
    size_t n;
};

static void put_text(struct texts *t, const char *text)
{
    buf_adds(t->out, t->n++ ? ", " : "");
    say_quoted(t->out, text);
}

/* Alertmanager refuses what it does not understand; a regular expression that only it takes is for a person. */
static void check_matcher(struct am *am, const struct doc_node *at, const char *text)
{
    struct matcher *found[MATCHERS_PARSE_MAX];
    struct err e = {0};
    int n = matchers_parse(text, strlen(text), found, &e);

    for (int i = 0; i < n; i++)
        matcher_unref(found[i]);
    if (n >= 0)
        return;
    if (strstr(e.text, "regular expression"))
        element_manual(&am->c, "line %d: %s", at->line, e.text);
    else
        conversion_fail(&am->c, at, "%s", e.text);
}

/* name="value" as a matcher's text is written. */
static void pair_text(struct buf *out, const char *name, const char *op, const char *value)
{
    buf_addf(out, "%s%s\"", name, op);
    for (const char *s = value; *s; s++) {
        if (*s == '"' || (*s == '\\' && (!s[1] || strchr("n\"\\", s[1]))))
            buf_addc(out, '\\'); /* before another letter it stands for itself */
        if (*s == '\n')
            buf_adds(out, "\\n");
        else
            buf_addc(out, *s);
    }
    buf_addc(out, '"');
}

static bool is_label(const char *name)
{
    bool is = *name && !isdigit((unsigned char)*name);

    for (; *name; name++)
        is = is && (isalnum((unsigned char)*name) || *name == '_');
    return is;
}

/* match and match_re: name: value. */
static void put_pairs(struct am *am, struct texts *t, const struct doc_node *map, const char *key,
                      const char *op)
{
    const struct doc_node *pairs = doc_get(map, key);

    if (pairs && pairs->kind != DOC_MAP) {
        conversion_fail(&am->c, pairs, "%s: `label: value` is the form", key);
        return;
    }
    for (size_t i = 0; pairs && i < pairs->n; i++) {
        const struct doc_node *v = pairs->items[i];
        struct buf text = BUF_INIT;

        if (!is_label(pairs->keys[i]->text))
            conversion_fail(&am->c, pairs->keys[i], "%s: \"%s\" is no label name", key,
                            pairs->keys[i]->text);
        if (v->kind != DOC_TEXT || (op[1] && doc_is_null(v)))
            conversion_fail(&am->c, v, "%s: the value of \"%s\" is a text", key,
                            pairs->keys[i]->text);
        if (am->c.failed)
            return;
        pair_text(&text, pairs->keys[i]->text, op, doc_is_null(v) ? "" : v->text);
        put_text(t, buf_str(&text));
        check_matcher(am, v, buf_str(&text));
        buf_free(&text);
    }
}

/* Writes KEY = { 'label="value"', … } of the three forms that matchers have: PREFIXmatchers, PREFIXmatch and PREFIXmatch_re.
 * Nothing, where there is none of them. Returns how many. */
static size_t put_matchers(struct am *am, const struct doc_node *map, const char *prefix, int depth,
                           const char *key)
{
    char matchers[40], match[40], match_re[40];
    struct buf list = BUF_INIT;
    struct texts t = {&list, 0};
    const struct doc_node *lines;

    snprintf(matchers, sizeof matchers, "%smatchers", prefix);
    snprintf(match, sizeof match, "%smatch", prefix);
    snprintf(match_re, sizeof match_re, "%smatch_re", prefix);
    put_pairs(am, &t, map, match, "=");
    put_pairs(am, &t, map, match_re, "=~");
    lines = take_list(&am->c, map, matchers);
    for (size_t i = 0; lines && i < lines->n; i++) {
        const struct doc_node *line = lines->items[i];

        if (line->kind != DOC_TEXT) {
            conversion_fail(&am->c, line, "%s: a text such as 'team=\"web\"' is expected",
                            matchers);
            break;
        }
        check_matcher(am, line, line->text);
        if (line->text[strspn(line->text, " {},")])
            put_text(&t, line->text);
    }
    if (t.n > 0) {
        say_indent(&am->c.out->lua, depth);
        buf_addf(&am->c.out->lua, "%s = { %s },\n", key, buf_str(&list));
    }
    am->c.out->lua.failed |= !buf_ok(&list);
    buf_free(&list);
    return t.n;
}

/* --- routes --- */

static void put_names(struct buf *out, int depth, const char *key, const struct doc_node *list)
{
    say_indent(out, depth);
    buf_addf(out, "%s = {", key);
    for (size_t i = 0; i < list->n; i++) {
        buf_adds(out, i ? ", " : " ");
        say_quoted(out, list->items[i]->text);
    }
    buf_adds(out, list->n ? " },\n" : "},\n");
}

static void check_names(struct am *am, const struct doc_node *list, const char *key)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i]->kind != DOC_TEXT)
            conversion_fail(&am->c, list->items[i], "%s: a name is expected", key);
        for (size_t k = 0; k < i && !am->c.failed; k++)
            if (strcmp(list->items[i]->text, list->items[k]->text) == 0)
                conversion_fail(&am->c, list->items[i], "%s: \"%s\" stands twice", key,
                                list->items[i]->text);
        if (i >= 100)
            conversion_fail(&am->c, list, "%s: more than 100 names", key);
        if (am->c.failed)
            return;
    }
}

static void put_group_by(struct am *am, const struct doc_node *r, bool root, int depth)
{
    const struct doc_node *list = take_list(&am->c, r, "group_by");
    struct buf *out = &am->c.out->lua;
    bool all = false;

    if (!list && root) {
        say_indent(out, depth);
        buf_adds(out, "group_by = {},\n");
    }
    if (!list)
        return;
    check_names(am, list, "group_by");
    for (size_t i = 0; i < list->n; i++)
        all = all || strcmp(list->items[i]->text, "...") == 0;
    if (all && list->n > 1)
        conversion_fail(&am->c, list, "group_by: \"...\" stands alone: it means every label");
    if (all) {
        say_indent(out, depth);
        buf_adds(out, "group_by = \"all\",\n");
    } else if (list->n > 0 || root) {
        put_names(out, depth, "group_by", list);
    } else {
        element_differs(&am->c,
                        "group_by: [] means one group here, as in Alertmanager 0.31 and later; "
                        "before that it meant the parent's");
        put_names(out, depth, "group_by", list);
    }
}

static void put_duration(struct am *am, const struct doc_node *r, const char *key,
                         int64_t otherwise, int depth)
{
    int64_t ms = take_duration(&am->c, r, key);

    if (ms == 0 && strcmp(key, "group_wait") != 0)
        conversion_fail(&am->c, doc_get(r, key), "%s is not 0", key);
    if (ms < 0)
        ms = otherwise;
    if (ms < 0)
        return;
    say_indent(&am->c.out->lua, depth);
    buf_addf(&am->c.out->lua, "%s = ", key);
    say_duration(&am->c.out->lua, ms);
    buf_adds(&am->c.out->lua, ",\n");
}

static void put_intervals(struct am *am, const struct doc_node *r, const char *yaml,
                          const char *key, int depth)
{
    const struct doc_node *list = take_list(&am->c, r, yaml);

    if (!list || list->n == 0)
        return;
    check_names(am, list, yaml);
    for (size_t i = 0; i < list->n && !am->c.failed; i++)
        if (!am_interval_known(am, list->items[i]->text))
            conversion_fail(&am->c, list->items[i], "%s: the time interval \"%s\" is not defined",
                            yaml, list->items[i]->text);
    put_names(&am->c.out->lua, depth, key, list);
}

static void check_root(struct am *am, const struct doc_node *r)
{
    static const char *const none[] = {"matchers", "match", "match_re", "mute_time_intervals",
                                       "active_time_intervals"};

    if (!doc_get(r, "receiver"))
        conversion_fail(&am->c, r, "the root route has no receiver");
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        const struct doc_node *n = doc_get(r, none[i]);

        if (n && n->n > 0)
            conversion_fail(&am->c, n,
                            "the root route takes every alert, always: %s belongs to the "
                            "routes inside it",
                            none[i]);
    }
    if (take_bool(&am->c, r, "continue", false))
        conversion_fail(&am->c, doc_get(r, "continue"), "continue means nothing on the root route");
}

static void route(struct am *am, const struct doc_node *r, bool root, int depth)
{
    static const char *const known[] = {"receiver",
                                        "group_by",
                                        "group_wait",
                                        "group_interval",
                                        "repeat_interval",
                                        "matchers",
                                        "match",
                                        "match_re",
                                        "continue",
                                        "mute_time_intervals",
                                        "active_time_intervals",
                                        "routes",
                                        "labels",
                                        NULL};
    struct conversion *c = &am->c;
    struct buf *out = &c->out->lua;
    const char *receiver = take_text(c, r, "receiver");
    const struct doc_node *children;

    take_keys(c, r, "route", known);
    if (receiver)
        element_begin(c, r->line, "route to \"%s\"", receiver);
    else
        element_begin(c, r->line, "route");
    if (root)
        check_root(am, r);
    if (receiver && !am_receiver_named(am, receiver))
        conversion_fail(c, doc_get(r, "receiver"), "the receiver \"%s\" is not defined", receiver);
    say_indent(out, depth);
    buf_adds(out, "route {");
    say_line_of(out, r->line);
    put_matchers(am, r, "", depth + 1, "matchers");
    if (receiver)
        say_text(out, depth + 1, "receiver", receiver);
    put_group_by(am, r, root, depth + 1);
    put_duration(am, r, "group_wait", root ? GROUP_WAIT_MS : -1, depth + 1);
    put_duration(am, r, "group_interval", root ? GROUP_INTERVAL_MS : -1, depth + 1);
    put_duration(am, r, "repeat_interval", root ? REPEAT_MS : -1, depth + 1);
    put_intervals(am, r, "mute_time_intervals", "mute", depth + 1);
    put_intervals(am, r, "active_time_intervals", "active", depth + 1);
    if (take_bool(c, r, "continue", false) && !root) {
        say_indent(out, depth + 1);
        buf_adds(out, "continue = true,\n");
    }
    if (doc_get(r, "labels"))
        element_manual(
            c, "labels of a route: put what they say into the names of receivers, or into the "
               "labels of rules");
    children = take_list(c, r, "routes");
    for (size_t i = 0; children && i < children->n && !c->failed; i++)
        route(am, children->items[i], false, depth + 1);
    say_indent(out, depth);
    buf_adds(out, depth ? "},\n" : "}\n");
}

void am_routes(struct am *am)
{
    const struct doc_node *root = doc_get(am->root, "route");

    if (!root || am->c.failed)
        return;
    buf_addc(&am->c.out->lua, '\n');
    route(am, root, true, 0);
}

/* --- inhibition --- */

/* Alertmanager's names may be missing or stand twice; here each is one. */
static void rule_name(const struct doc_node *list, size_t i, const char *given, struct buf *out)
{
    size_t before = 0;

    for (size_t k = 0; given && k < i; k++) {
        const struct doc_node *other = doc_get(list->items[k], "name");

        before += other && strcmp(other->text, given) == 0;
    }
    if (!given || !*given)
        buf_addf(out, "rule %zu", i + 1);
    else if (before > 0)
        buf_addf(out, "%s (%zu)", given, before + 1);
    else
        buf_adds(out, given);
}

void am_inhibition(struct am *am)
{
    static const char *const known[] = {"name",
                                        "source_match",
                                        "source_match_re",
                                        "source_matchers",
                                        "target_match",
                                        "target_match_re",
                                        "target_matchers",
                                        "equal",
                                        "sources",
                                        NULL};
    struct conversion *c = &am->c;
    const struct doc_node *list = take_list(c, am->root, "inhibit_rules");

    for (size_t i = 0; list && i < list->n && !c->failed; i++) {
        const struct doc_node *r = list->items[i], *equal = take_list(c, r, "equal");
        struct buf name = BUF_INIT, *out = &c->out->lua;
        size_t n_source, n_target;

        take_keys(c, r, "inhibit_rules", known);
        rule_name(list, i, take_text(c, r, "name"), &name);
        element_begin(c, r->line, "inhibit rule \"%s\"", buf_str(&name));
        buf_adds(out, "\ninhibit ");
        say_quoted(out, buf_str(&name));
        buf_adds(out, " {");
        say_line_of(out, r->line);
        n_source = put_matchers(am, r, "source_", 1, "source");
        n_target = put_matchers(am, r, "target_", 1, "target");
        if (n_source == 0 || n_target == 0)
            element_manual(c, "without %s it takes every alert: say which are meant",
                           n_source ? "target" : "source");
        if (doc_get(r, "sources"))
            element_manual(c, "sources: write a rule of its own for each");
        if (equal) {
            check_names(am, equal, "equal");
            put_names(out, 1, "equal", equal);
        }
        buf_adds(out, "}\n");
        out->failed |= !buf_ok(&name);
        buf_free(&name);
    }
}
