/* The running configuration as an alertmanager.yml, which amtool loads to show and try routes.
 *
 * It tells what Alertmanager has words for: the tree of routes, inhibition and the names of receivers. What a receiver is
 * made of is a comment, for its keys are secrets or differ. A route with several receivers leads to one that
 * is named after all of them, "a,b", which is how amtool prints several. Matchers that Alertmanager lacks
 * (a list, a part of a text) are written as regular expressions; what has none, or a name or an expression
 * that Go does not take, is a comment. Every value is a quoted scalar, which YAML reads as JSON's strings. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/matcher.h"
#include "tocsin/config.h"
#include "tocsin/view.h"

static void indent(struct buf *out, int depth)
{
    buf_addf(out, "%*s", 2 * depth, "");
}

static void quoted(struct buf *out, const char *s)
{
    json_quote(out, s, strlen(s));
}

/* In Go's notation: "90s", "5m". Milliseconds in whole numbers are one unit of it. */
static void duration(struct buf *out, int depth, const char *key, int64_t ms)
{
    indent(out, depth);
    if (ms % 60000 == 0)
        buf_addf(out, "%s: %lldm\n", key, (long long)(ms / 60000));
    else if (ms % 1000 == 0)
        buf_addf(out, "%s: %llds\n", key, (long long)(ms / 1000));
    else
        buf_addf(out, "%s: %lldms\n", key, (long long)ms);
}

/* Names of all its receivers, as one. */
static void receiver_name(const struct config_route *r, struct buf *out)
{
    for (size_t i = 0; i < r->n_receivers; i++)
        buf_addf(out, "%s%s", i ? "," : "", r->receivers[i]->name);
}

/* --- matchers --- */

static void plain_char(char c, struct buf *out)
{
    if (strchr("\\.+*?()|[]{}^$", c))
        buf_addc(out, '\\');
    buf_addc(out, c);
}

static void plain_regex(const char *s, struct buf *out)
{
    for (; *s; s++)
        plain_char(*s, out);
}

/* Go's expressions know no look-around, no back-references and no possessive repetitions. */
static bool go_takes(const char *s)
{
    for (; *s; s++) {
        if (*s == '\\') {
            if (!*++s || (*s >= '1' && *s <= '9'))
                return false;
            continue;
        }
        if (s[0] == '(' && s[1] == '?' && !strchr(":isP", s[2]))
            return false;
        if (s[0] && strchr("+*?}", s[0]) && s[1] == '+')
            return false;
    }
    return true;
}

/* The value as an expression. False: there is none. */
static bool regex_of(const struct matcher *m, struct buf *out)
{
    const char *s = matcher_value(m), *const * list;
    size_t n;

    switch (matcher_op(m)) {
    case MATCH_REGEX:
        buf_adds(out, s);
        return go_takes(s);
    case MATCH_GLOB:
        for (; *s; s++)
            if (*s == '*')
                buf_adds(out, ".*");
            else
                plain_char(*s, out);
        return true;
    case MATCH_CONTAINS:
        buf_adds(out, ".*");
        plain_regex(s, out);
        buf_adds(out, ".*");
        return true;
    case MATCH_ONE_OF:
        n = matcher_list(m, &list);
        for (size_t i = 0; i < n; i++) {
            buf_adds(out, i ? "|" : "");
            plain_regex(list[i], out);
        }
        return true;
    default:
        return false;
    }
}

/* In quotes as Alertmanager's classic parser reads them. */
static void matcher_value_text(const char *s, struct buf *out)
{
    buf_addc(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addc(out, '\\');
        if (*s == '\n')
            buf_adds(out, "\\n");
        else
            buf_addc(out, *s);
    }
    buf_addc(out, '"');
}

/* False: Alertmanager has no word for it. */
static bool matcher_for_am(const struct matcher *m, struct buf *out)
{
    const char *name = matcher_name(m);
    bool negated = matcher_negated(m), ok = true;
    struct buf regex = BUF_INIT;

    buf_adds(out, name);
    if (matcher_op(m) == MATCH_EQUAL) {
        buf_adds(out, negated ? "!=" : "=");
        matcher_value_text(matcher_value(m), out);
    } else if (matcher_op(m) == MATCH_PRESENT) {
        buf_adds(out, negated ? "=\"\"" : "!=\"\"");
    } else {
        ok = regex_of(m, &regex);
        buf_adds(out, negated ? "!~" : "=~");
        matcher_value_text(buf_str(&regex), out);
    }
    buf_free(&regex);
    return ok && text_is_label(name, strlen(name));
}

static void comment(struct buf *out, const char *s)
{
    buf_adds(out, "# not in Alertmanager's words: ");
    for (; *s; s++)
        buf_addc(out, *s == '\n' || *s == '\r' ? ' ' : *s);
    buf_addc(out, '\n');
}

static void matchers(const char *key, struct matcher *const *list, size_t n, int depth,
                     struct buf *out)
{
    bool begun = false;

    for (size_t i = 0; i < n; i++) {
        struct buf text = BUF_INIT;
        bool ok = matcher_for_am(list[i], &text);

        if (ok && !begun) {
            indent(out, depth);
            buf_addf(out, "%s:\n", key);
            begun = true;
        }
        indent(out, depth);
        if (ok) {
            buf_adds(out, "- ");
            quoted(out, buf_str(&text));
            buf_addc(out, '\n');
        } else {
            buf_clear(&text);
            matcher_text(list[i], &text);
            comment(out, buf_str(&text));
        }
        buf_free(&text);
    }
}

static void names(const char *key, const char *const *list, size_t n, int depth, struct buf *out)
{
    const char *comma = "";

    indent(out, depth);
    buf_addf(out, "%s: [", key);
    for (size_t i = 0; i < n; i++) {
        if (!text_is_label(list[i], strlen(list[i])) && strcmp(list[i], "...") != 0)
            continue;
        buf_adds(out, comma);
        quoted(out, list[i]);
        comma = ", ";
    }
    buf_adds(out, "]\n");
}

static void route(const struct config_route *r, int depth, struct buf *out)
{
    struct buf name = BUF_INIT;

    receiver_name(r, &name);
    buf_adds(out, "receiver: "); /* the caller has indented the first line */
    quoted(out, buf_str(&name));
    buf_addc(out, '\n');
    buf_free(&name);
    if (r->group_by_all)
        names("group_by", (const char *const[]){"..."}, 1, depth, out);
    else
        names("group_by", r->group_by, r->n_group_by, depth, out);
    matchers("matchers", r->match, r->n_match, depth, out);
    if (r->continue_matching) {
        indent(out, depth);
        buf_adds(out, "continue: true\n");
    }
    if (r->group_wait_ms == GROUP_WAIT_BY_PRIORITY) {
        indent(out, depth);
        buf_adds(out, "group_wait: 10s # P1 and P2: at once\n");
    } else {
        duration(out, depth, "group_wait", r->group_wait_ms);
    }
    duration(out, depth, "group_interval", r->group_interval_ms);
    duration(out, depth, "repeat_interval", r->repeat_interval_ms);
    if (r->n_children == 0)
        return;
    indent(out, depth);
    buf_adds(out, "routes:\n");
    for (size_t i = 0; i < r->n_children; i++) {
        indent(out, depth);
        buf_adds(out, "- ");
        route(r->children[i], depth + 1, out);
    }
}

static void inhibits(const struct config *c, struct buf *out)
{
    if (c->n_inhibits == 0)
        return;
    buf_adds(out, "inhibit_rules:\n");
    for (size_t i = 0; i < c->n_inhibits; i++) {
        const struct inhibit_rule *r = &c->inhibits[i];

        buf_adds(out, "- "); /* a name Alertmanager has for it only from 0.31 on */
        names("equal", r->equal, r->n_equal, 0, out);
        matchers("source_matchers", r->source, r->n_source, 1, out);
        matchers("target_matchers", r->target, r->n_target, 1, out);
    }
}

/* --- names of several receivers, each once --- */

static bool named_before(const struct buf *names, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = names->data; p && *p; p += strlen(p) + 1)
        if (strlen(p) == n && memcmp(p, name, n) == 0)
            return true;
    return false;
}

/* `names`: NUL after each, and one more at the end. */
static void joined_names(const struct config_route *r, struct buf *names)
{
    struct buf name = BUF_INIT;

    if (r->n_receivers > 1) {
        receiver_name(r, &name);
        if (buf_ok(&name) && !named_before(names, name.data)) {
            buf_add(names, name.data, name.len);
            buf_addc(names, '\0');
        }
        names->failed |= name.failed;
        buf_free(&name);
    }
    for (size_t i = 0; i < r->n_children; i++)
        joined_names(r->children[i], names);
}

static void receivers(const struct config *c, struct buf *out)
{
    struct buf names = BUF_INIT;

    buf_adds(out, "receivers:\n");
    for (size_t i = 0; i < c->n_receivers; i++) {
        const struct config_receiver *r = &c->receivers[i];

        buf_adds(out, "- name: ");
        quoted(out, r->name);
        for (size_t k = 0; k < r->n_channels; k++)
            buf_addf(out, "%s%s", k ? ", " : " # ", channel_table[r->channels[k].type]->name);
        buf_addc(out, '\n');
    }
    joined_names(c->root, &names);
    for (const char *p = names.data; buf_ok(&names) && p && *p; p += strlen(p) + 1) {
        if (config_receiver_find(c, p))
            continue;
        buf_adds(out, "- name: ");
        quoted(out, p);
        buf_adds(out, " # all of these\n");
    }
    out->failed |= names.failed;
    buf_free(&names);
}

void am_config_yaml(const struct config *c, struct buf *out)
{
    buf_adds(out,
             "# The running configuration of Tocsin, as far as Alertmanager has words for it.\n"
             "global:\n");
    duration(out, 1, "resolve_timeout", c->server.resolve_timeout_ms);
    buf_adds(out, "route:\n  ");
    route(c->root, 1, out);
    inhibits(c, out);
    receivers(c, out);
}
