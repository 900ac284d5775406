/* The words of an explanation, made of what the engine wrote as JSON (rule_explain, rule_explain_leaves).
 *
 * The engine tells its tree once and in full; the words are made here, so that command, page and API say
 * the same and the engine has none. The price is that a tree is written and parsed again: an explanation
 * is asked for by a person, and a second form of the tree would be one that could differ. Timers come from
 * the alert itself. Depth is bounded, since a stored tree may be anybody's. */
#include "view/why.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "base/field.h"
#include "base/text.h"
#include "base/zone.h"
#include "model/expr.h"

#define STALE_MS  (5 * 60 * 1000) /* a leaf without a window: its newest sample is older */
#define DEPTH_MAX 40

/* --- comparisons ---------------------------------------------------------------------------------- */

/* "above 2% (clear 1%)" reads better as "> 2% (clear 1%)". */
static void comparison(struct buf *b, const char *node)
{
    for (int i = CMP_ABOVE; i <= CMP_DIFFERS; i++) {
        size_t n = strlen(expr_cmp_names[i]);

        if (strncmp(node, expr_cmp_names[i], n) == 0 && node[n] == ' ') {
            buf_adds(b, expr_cmp_signs[i]);
            node += n;
            break;
        }
    }
    buf_adds(b, node);
}

/* The limit that applies: "> 500 (h = web-*)", "> 20", "> 90, held until 80". */
static void limit_text(struct buf *b, const cJSON *node)
{
    const char *text = field_text(node, "node"), *limit = field_text(node, "limit");
    const char *held = field_text(node, "heldUntil");
    struct buf sign = BUF_INIT;

    comparison(&sign, text);
    if (*limit) {
        const char *clear = strstr(buf_str(&sign), " (clear ");

        buf_add(b, buf_str(&sign), strcspn(buf_str(&sign), " "));
        buf_addf(b, " %s", limit);
        if (*field_text(node, "per"))
            buf_addf(b, " (%s)", field_text(node, "per"));
        buf_adds(b, clear ? clear : "");
    } else {
        buf_adds(b, buf_str(&sign));
    }
    if (*held)
        buf_addf(b, ", not cleared: over clear %s", held);
    buf_free(&sign);
}

static bool is_firing(const cJSON *node)
{
    return *field_text(node, "firing") != '\0';
}

static bool is_comparison(const cJSON *node)
{
    const cJSON *children = field(node, "children");
    const cJSON *first = cJSON_IsArray(children) ? children->child : NULL;

    return *field_text(node, "truth") && first && field(first, "value");
}

static void node_lines(struct json *j, const char *level, const cJSON *node, int depth)
{
    const cJSON *children = field(node, "children"), *child;
    struct buf b = BUF_INIT;

    if (depth > DEPTH_MAX)
        return;
    if (is_firing(node)) {
        buf_addf(&b, "%s: %s: %s", level, field_text(node, "node"), field_text(node, "truth"));
        json_str(j, buf_str(&b));
        buf_free(&b);
        return;
    }
    if (!is_comparison(node)) {
        cJSON_ArrayForEach(child, children)
        {
            node_lines(j, level, child, depth + 1);
        }
        return;
    }
    child = children->child;
    buf_addf(&b, "%s: %s ", level, field_text(child, "node"));
    if (*field_text(child, "guard"))
        buf_addf(&b, "(%s)", field_text(child, "guard"));
    else
        buf_adds(&b, *field_text(child, "shown") ? field_text(child, "shown") : "(no data)");
    buf_addc(&b, ' ');
    limit_text(&b, node);
    buf_addf(&b, ": %s", field_text(node, "truth"));
    json_str(j, buf_str(&b));
    buf_free(&b);
}

static void input_line(struct json *j, const cJSON *input)
{
    const cJSON *tree = field(input, "tree");
    struct buf b = BUF_INIT;

    buf_addf(&b, "%s = %s", field_text(input, "input"),
             *field_text(tree, "shown") ? field_text(tree, "shown") : "(no data)");
    json_str(j, buf_str(&b));
    buf_free(&b);
}

void why_lines(struct json *j, const char *levels, size_t len)
{
    cJSON *list = cJSON_ParseWithLength(levels, len), *v;

    cJSON_ArrayForEach(v, list)
    {
        if (*field_text(v, "input"))
            input_line(j, v);
        else
            node_lines(j, field_text(v, "level"), field(v, "tree"), 0);
    }
    cJSON_Delete(list);
}

/* --- timers ------------------------------------------------------------------------------------------ */

static void add_duration(struct buf *b, const char *before, int64_t ms)
{
    buf_adds(b, before);
    text_duration(b, ms);
}

/* How long the level's condition has held, with what was counted before a pause. */
static int64_t held_ms(const struct alert_level *l, int64_t at_ms)
{
    return l->held_ms + (l->true_ms && at_ms > l->true_ms ? at_ms - l->true_ms : 0);
}

/* "true for 5s (lasting 5s)", "true for 20s (lasting 1m), fires in 40s",
 * "false for 10s, clears in 20s (clear_after 30s)"; "" when there is nothing to tell. */
static void timer_text(struct buf *b, const struct alert_policy *p, const struct alert *a, int i,
                       int64_t at_ms)
{
    const struct alert_level *l = &a->state.level[i];
    int64_t held = held_ms(l, at_ms), since = l->false_ms ? at_ms - l->false_ms : 0;

    if (l->true_ms || (l->held_ms && !l->on)) {
        add_duration(b, "true for ", held);
        if (p->lasting_ms[i])
            add_duration(b, " (lasting ", p->lasting_ms[i]);
        buf_adds(b, p->lasting_ms[i] ? ")" : "");
        if (!l->on && l->true_ms && p->lasting_ms[i] > held)
            add_duration(b, ", fires in ", p->lasting_ms[i] - held);
        if (!l->true_ms)
            buf_adds(b, ", no data: the time stands still");
    } else if (l->on && l->false_ms) {
        add_duration(b, "false for ", since);
        if (p->clear_after_ms > since)
            add_duration(b, ", clears in ", p->clear_after_ms - since);
        add_duration(b, " (clear_after ", p->clear_after_ms);
        buf_addc(b, ')');
    }
}

static void one_timer(struct json *j, const struct alert_policy *p, const struct alert *a, int i,
                      int64_t at_ms)
{
    const struct alert_level *l = &a->state.level[i];
    struct buf text = BUF_INIT;

    timer_text(&text, p, a, i, at_ms);
    if (text.len > 0) {
        json_object(j);
        json_kstr(j, "level", priority_name(p->priority[i]));
        json_kstr(j, "truth", l->true_ms ? "true" : l->false_ms ? "false" : "unknown");
        json_kbool(j, "on", l->on);
        json_kint(j, "for_ms", l->false_ms ? at_ms - l->false_ms : held_ms(l, at_ms));
        json_kint(j, "lasting_ms", p->lasting_ms[i]);
        if (!l->on && l->true_ms)
            json_ktime(j, "firesAt", at_ms + p->lasting_ms[i] - held_ms(l, at_ms));
        if (l->on && l->false_ms)
            json_ktime(j, "clearsAt", l->false_ms + p->clear_after_ms);
        json_kstr(j, "text", buf_str(&text));
        json_object_end(j);
    }
    buf_free(&text);
}

void why_timers(struct json *j, const struct rule_def *d, const struct alert *a, int64_t at_ms)
{
    struct alert_policy p;

    alert_policy_of(d, &p);
    json_array(j);
    for (int i = 0; a && i < p.n_levels; i++)
        one_timer(j, &p, a, i, at_ms);
    json_array_end(j);
}

/* What a `when` function says of the values that there are; without them, what it said last. */
static void when_line(struct json *j, struct rule *r, labelset group, const struct alert *a)
{
    struct rule_verdict v = {0};
    struct buf b = BUF_INIT;

    if (!rule_when(r, group, &v)) {
        if (!a)
            return;
        v = (struct rule_verdict){a->state.firing, a->has_value, false, a->value};
    }
    if (v.failed)
        buf_adds(&b, "when failed");
    else
        buf_addf(&b, "when returned %s", v.level < 0 ? "nil: no verdict" : priority_name(v.level));
    if (v.has_value) {
        buf_adds(&b, ", ");
        expr_number(&b, v.value, a ? a->unit : UNIT_NONE);
    }
    json_str(j, buf_str(&b));
    buf_free(&b);
}

/* Its last value stays until data say otherwise. */
static void no_data_line(struct json *j, const struct alert *a)
{
    char at[ZONE_TIME_LEN];
    struct buf b = BUF_INIT;

    zone_time(at, a->state.last_data_ms ? a->state.last_data_ms : a->state.nodata_ms, true);
    buf_addf(&b, "no data since %s", at);
    if (a->has_value) {
        buf_adds(&b, ", the last value was ");
        expr_number(&b, a->value, a->unit);
    }
    json_str(j, buf_str(&b));
    buf_free(&b);
}

static void gone_line(struct json *j, const struct alert *a, const struct alert_policy *p)
{
    char at[TEXT_TIME_LEN];
    struct buf b = BUF_INIT;

    text_clock(at, a->state.gone_ms);
    buf_addf(&b, "gone: its series ended at %s while its source goes on", at);
    if (a->has_value) {
        buf_adds(&b, ", the last value was ");
        expr_number(&b, a->value, a->unit);
    }
    text_clock(at, a->state.gone_ms + p->gone_ms);
    if (a->state.firing)
        buf_addf(&b, "; ends at %s", at);
    json_str(j, buf_str(&b));
    buf_free(&b);
}

void why_timer_lines(struct json *j, struct rule *r, labelset group, const struct alert *a,
                     int64_t at_ms)
{
    const struct rule_def *d = rule_definition(r);
    struct alert_policy p;

    alert_policy_of(d, &p);
    if (d->when >= 0)
        when_line(j, r, group, a);
    if (a && a->state.gone_ms)
        gone_line(j, a, &p);
    else if (a && a->state.nodata_ms)
        no_data_line(j, a);
    for (int i = 0; a && i < p.n_levels; i++) {
        struct buf text = BUF_INIT;

        /* a function that answers P2 holds every level below: one of them says it */
        if (d->when >= 0 && a->state.firing && p.priority[i] != a->state.firing)
            continue;
        timer_text(&text, &p, a, i, at_ms);
        if (text.len > 0) {
            struct buf line = BUF_INIT;

            buf_addf(&line, "%s: %s", priority_name(p.priority[i]), buf_str(&text));
            json_str(j, buf_str(&line));
            buf_free(&line);
        }
        buf_free(&text);
    }
    if (a && a->suppressed)
        json_str(j, "`unless` holds: messages are held back");
}

void why_warming_line(struct json *j, const struct rule *r, labelset group)
{
    int64_t until_ms = rule_warming_until_ms(r, group, false);
    int64_t full_ms = rule_warming_until_ms(r, group, true);
    struct buf line = BUF_INIT;
    char clock[ZONE_TIME_LEN];

    zone_time(clock, until_ms ? until_ms : full_ms, true);
    if (until_ms)
        buf_addf(&line, "warming until %s: %s", clock,
                 rule_definition(r)->when >= 0 ? "what `when` returned does not count yet"
                                               : "only what is certain already may fire");
    else if (full_ms)
        buf_addf(&line, "decides already, its longest window is full at %s", clock);
    if (line.len > 0)
        json_str(j, buf_str(&line));
    buf_free(&line);
}

/* --- why not ------------------------------------------------------------------------------------------- */

static void leaf_why(struct json *j, const struct rule_def *d, size_t i, const cJSON *leaf,
                     int64_t at_ms)
{
    const char *newest = field_text(leaf, "newest");
    const cJSON *groups = field(leaf, "groups");
    int64_t newest_ms = 0, window_ms = i < d->n_leaves ? d->leaves[i]->leaf->window_ms : 0;
    bool has = *newest && text_parse_time(newest, strlen(newest), &newest_ms) == 0;
    struct buf b = BUF_INIT;

    if (!has && cJSON_IsNumber(groups) && groups->valuedouble == 0)
        buf_addf(&b, "no series for %s", field_text(leaf, "leaf"));
    else if (has && at_ms - newest_ms > (window_ms ? window_ms : STALE_MS)) {
        buf_addf(&b, "no data for %s: last sample ", field_text(leaf, "leaf"));
        text_duration(&b, at_ms - newest_ms);
        buf_adds(&b, " ago");
    }
    if (b.len > 0)
        json_str(j, buf_str(&b));
    buf_free(&b);
}

static void no_group(struct json *j, const struct view_labels *want)
{
    struct buf b = BUF_INIT;

    buf_adds(&b, "it has no group");
    if (want->n > 0) {
        buf_adds(&b, " with ");
        labels_text(want->l, want->n, &b);
    }
    json_str(j, buf_str(&b));
    buf_free(&b);
}

void why_not(const struct view *v, struct json *j, struct rule *r, const struct view_labels *want,
             size_t n_groups)
{
    const struct rule_def *d = rule_definition(r);
    struct buf leaves = BUF_INIT;
    struct json lj = json_into(&leaves);
    struct rule_stats s;
    cJSON *list, *leaf;
    size_t i = 0;

    rule_stats(r, &s);
    rule_explain_leaves(r, &lj);
    list = cJSON_ParseWithLength(buf_str(&leaves), leaves.len);
    json_key(j, "whyNot");
    json_array(j);
    if (s.broken) {
        struct buf b = BUF_INIT;

        buf_addf(&b, "the rule is broken and its alerts stand still: %s", s.error);
        json_str(j, buf_str(&b));
        buf_free(&b);
    }
    if (s.hides) {
        struct buf b = BUF_INIT;

        buf_addf(&b,
                 "%u groups have no alert: the rule's label \"%s\" hides the data's; rename it, or "
                 "group without that label",
                 (unsigned)s.hidden, s.hides);
        json_str(j, buf_str(&b));
        buf_free(&b);
    }
    if (!s.matched && d->n_leaves > 0)
        json_str(j, "its selectors have never matched a series or event");
    if (s.overflow > 0) {
        struct buf b = BUF_INIT;

        buf_addf(
            &b,
            "%u groups that would alert are over `limit`: alerts hold the groups that came first",
            s.overflow);
        json_str(j, buf_str(&b));
        buf_free(&b);
    }
    if (n_groups == 0)
        no_group(j, want);
    cJSON_ArrayForEach(leaf, list)
    {
        leaf_why(j, d, i++, leaf, rules_now_ms(v->rules));
    }
    json_array_end(j);
    cJSON_Delete(list);
    buf_free(&leaves);
}
