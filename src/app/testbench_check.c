/* Whether what a test expects is so, and if not, why.
 * A check is asked of the alerts as they are now, or of the transitions that were remembered, never of
 * values that the bench computed for it. A failure is written for who did not write the rule: what is
 * instead, then the history, then the trees of a few groups that the check concerns; they are made only when
 * a check fails. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/testbench.h"
#include "base/json.h"
#include "base/text.h"

#include <cjson/cJSON.h>

#define SHOWN_GROUPS  3   /* groups that a failure explains */
#define SHOWN_CHANGES 100 /* transitions that a failure lists */

/* --- finding alerts --- */

struct find {
    const struct bench *b;
    const struct test_check *k;
    const struct alert *shown, *held, *other_priority, *waiting;
};

static void sort_in(const struct alert *a, void *arg)
{
    struct find *f = arg;

    if (strcmp(alert_rule_def(a->rule)->name, f->k->rule) != 0 ||
        !bench_has_labels(a->labels, a->n_labels, f->k->labels, f->k->n_labels))
        return;
    if (a->state.firing == 0)
        f->waiting = a;
    else if (f->k->priority && a->state.firing != f->k->priority)
        f->other_priority = a;
    else if (bench_held(f->b, a))
        f->held = a;
    else
        f->shown = a;
}

/* --- saying what is --- */

static void add_subject(const struct test_check *k, struct buf *out)
{
    buf_adds(out, k->rule);
    if (k->n_labels) {
        buf_addc(out, ' ');
        labels_text(k->labels, k->n_labels, out);
    }
}

static void start_text(struct bench *b, const struct test_check *k, struct testbench_result *out)
{
    buf_adds(&out->text, "at ");
    bench_instant(b, b->at_ms, &out->text);
    buf_adds(&out->text, ": ");
    add_subject(k, &out->text);
}

static bool is_transition(const struct bench_change *c)
{
    return c->kind == CHANGE_FIRED || c->kind == CHANGE_RAISED || c->kind == CHANGE_LOWERED ||
           alert_change_ends(c->kind);
}

static void add_change(const struct bench_change *c, struct buf *out)
{
    if (c->kind == CHANGE_NONE)
        buf_adds(out, c->shown ? " no longer held back" : " held back");
    else if (is_transition(c))
        buf_addf(out, " %s → %s", alert_change_names[c->kind], priority_name(c->priority));
    else
        buf_addf(out, " %s", alert_change_names[c->kind]);
}

static void add_history(const struct bench *b, const struct test_check *k, struct buf *out)
{
    size_t shown = 0;

    for (size_t i = 0; i < b->n_changes; i++) {
        const struct bench_change *c = &b->changes[i];

        if (strcmp(c->rule, k->rule) != 0 ||
            !bench_has_labels(c->labels, c->n_labels, k->labels, k->n_labels))
            continue;
        if (shown++ == SHOWN_CHANGES) {
            buf_adds(out, "…\n");
            break;
        }
        bench_instant(b, c->at_ms, out);
        buf_addf(out, "  %s ", c->rule);
        labels_text(c->labels, c->n_labels, out);
        add_change(c, out);
        if (c->has_value) {
            buf_adds(out, " (value ");
            expr_number(out, c->value, c->unit);
            buf_addc(out, ')');
        }
        buf_addc(out, '\n');
    }
}

static void add_groups(struct bench *b, struct rule *r, const struct test_check *k, struct json *j)
{
    labelset groups[SHOWN_GROUPS];
    size_t n = rule_groups(r, k->labels, k->n_labels, groups, SHOWN_GROUPS);

    if (n == 0) /* labels that the rule adds are in no group */
        n = rule_groups(r, NULL, 0, groups, SHOWN_GROUPS);
    json_key(j, "groups");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        json_key(j, "labels");
        json_object(j);
        for (size_t m = 0; m < labelset_size(b->labels, groups[i]); m++) {
            struct label l = labelset_at(b->labels, groups[i], m);

            json_key_n(j, l.name, l.name_len);
            json_str_n(j, l.value, l.value_len);
        }
        json_object_end(j);
        json_key(j, "levels");
        rule_explain(r, groups[i], j);
        json_object_end(j);
    }
    json_array_end(j);
}

/* Fills history and tree; returns false, so that a check can return it. */
static bool explain(struct bench *b, const struct test_check *k, struct testbench_result *out)
{
    struct rule *r = rules_find(b->rules, k->rule);
    struct json j = json_into(&out->why);

    add_history(b, k, &out->history);
    json_object(&j);
    if (r) {
        add_groups(b, r, k, &j);
        json_key(&j, "leaves");
        rule_explain_leaves(r, &j);
    }
    json_object_end(&j);
    return false;
}

/* --- with{ … } --- */

static const char *label_value(const struct label *l, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(l[i].name, name) == 0)
            return l[i].value;
    return NULL;
}

static const char *annotation(const struct alert *a, const char *name)
{
    for (size_t i = 0; i < a->n_annotations; i++)
        if (strcmp(a->annotations[i].name, name) == 0)
            return a->annotations[i].value;
    return NULL;
}

/* A field of the newest event that was kept with the alert's last change and has it. */
static void add_event_field(const struct alert *a, const char *name, struct buf *out)
{
    cJSON *why = a->why ? cJSON_Parse(a->why) : NULL;
    const cJSON *event, *v;

    cJSON_ArrayForEach(event, cJSON_GetObjectItem(why, "events"))
    {
        v = cJSON_GetObjectItemCaseSensitive(event, name);
        if (cJSON_IsString(v)) {
            buf_adds(out, v->valuestring);
            break;
        }
    }
    cJSON_Delete(why);
}

static void text_of(const struct alert *a, const char *key, struct buf *out)
{
    const char *text = annotation(a, strcmp(key, "message") == 0 ? "summary" : key);

    if (strcmp(key, "value") == 0 && a->has_value) {
        text_plain(out, a->value);
        return;
    }
    if (strcmp(key, "threshold") == 0 && a->has_threshold) {
        text_plain(out, a->threshold);
        return;
    }
    if (!text)
        text = label_value(a->labels, a->n_labels, key);
    if (text)
        buf_adds(out, text);
    else
        add_event_field(a, key, out);
}

static bool with_holds(const struct test_with *w, const char *text)
{
    char *end;
    double v;

    switch (w->kind) {
    case WITH_TEXT:
        return strcmp(text, w->text) == 0;
    case WITH_HAS:
        return strstr(text, w->text) != NULL;
    case WITH_NUMBER:
        v = strtod(text, &end);
        return *text && *end == 0 && fabs(v - w->number) <= w->tolerance + 1e-9 * fabs(w->number);
    }
    return false;
}

static bool check_with(struct bench *b, const struct test_check *k, const struct alert *a,
                       struct testbench_result *out)
{
    for (size_t i = 0; i < k->n_with; i++) {
        const struct test_with *w = &k->with[i];
        struct buf text = BUF_INIT;
        bool holds;

        text_of(a, w->key, &text);
        holds = with_holds(w, buf_str(&text));
        if (!holds) {
            start_text(b, k, out);
            buf_addf(&out->text, " fires with %s = \"%s\", expected ", w->key, buf_str(&text));
            if (w->kind == WITH_NUMBER)
                buf_addf(&out->text, "%g (±%g)", w->number, w->tolerance);
            else
                buf_addf(&out->text, "%s\"%s\"", w->kind == WITH_HAS ? "a text with " : "",
                         w->text);
        }
        buf_free(&text);
        if (!holds)
            return explain(b, k, out);
    }
    return true;
}

/* --- the kinds of checks --- */

static bool check_fires(struct bench *b, const struct test_check *k, const struct find *f,
                        struct testbench_result *out)
{
    if (f->shown)
        return check_with(b, k, f->shown, out);
    start_text(b, k, out);
    if (f->held) {
        buf_adds(&out->text, " fires, but is held back (:suppressed(…))");
    } else if (f->other_priority) {
        buf_addf(&out->text, " fires as %s, expected %s",
                 priority_name(f->other_priority->state.firing), priority_name(k->priority));
    } else {
        buf_adds(&out->text, " does not fire");
        if (f->waiting && f->waiting->state.pending_ms) {
            buf_adds(&out->text, ": pending since ");
            bench_instant(b, f->waiting->state.pending_ms, &out->text);
        }
    }
    return explain(b, k, out);
}

static bool check_quiet(struct bench *b, const struct test_check *k, const struct find *f,
                        struct testbench_result *out)
{
    const struct alert *a = f->shown ? f->shown : f->held;

    if (!a)
        return true;
    start_text(b, k, out);
    buf_addf(&out->text, " fires (%s) for ", priority_name(a->state.firing));
    labels_text(a->labels, a->n_labels, &out->text);
    buf_adds(&out->text, ", expected quiet");
    return explain(b, k, out);
}

static bool check_suppressed(struct bench *b, const struct test_check *k, const struct find *f,
                             struct testbench_result *out)
{
    if (f->held)
        return true;
    start_text(b, k, out);
    buf_adds(&out->text, f->shown ? " fires and is not held back" : " does not fire");
    return explain(b, k, out);
}

static bool concerns(const struct bench_change *c, const struct test_check *k)
{
    return strcmp(c->rule, k->rule) == 0 &&
           bench_has_labels(c->labels, c->n_labels, k->labels, k->n_labels);
}

static bool check_never(struct bench *b, const struct test_check *k, struct testbench_result *out)
{
    for (size_t i = 0; i < b->n_changes; i++) {
        const struct bench_change *c = &b->changes[i];

        if (!concerns(c, k) || !c->shown)
            continue;
        add_subject(k, &out->text);
        buf_adds(&out->text, " fired at ");
        bench_instant(b, c->at_ms, &out->text);
        buf_adds(&out->text, ", expected never");
        return explain(b, k, out);
    }
    return true;
}

static void add_span(const struct bench *b, const struct test_span *s, struct buf *out)
{
    bench_instant(b, b->c->start_ms + s->from_ms, out);
    buf_adds(out, "..");
    bench_instant(b, b->c->start_ms + s->to_ms, out);
    buf_addf(out, " %s", priority_name(s->priority));
}

static bool fits(const struct bench *b, const struct bench_change *c, const struct test_span *s)
{
    int64_t at_ms = c->at_ms - b->c->start_ms;
    int priority = alert_change_ends(c->kind) ? 0 : c->priority;

    return at_ms >= s->from_ms && at_ms <= s->to_ms && priority == s->priority;
}

static bool check_transitions(struct bench *b, const struct test_check *k,
                              struct testbench_result *out)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n_changes; i++) {
        const struct bench_change *c = &b->changes[i];

        if (!concerns(c, k) || !is_transition(c))
            continue;
        if (n < k->n_spans && fits(b, c, &k->spans[n])) {
            n++;
            continue;
        }
        add_subject(k, &out->text);
        buf_addf(&out->text, " became %s at ", priority_name(c->priority));
        bench_instant(b, c->at_ms, &out->text);
        buf_adds(&out->text, ", expected ");
        if (n < k->n_spans)
            add_span(b, &k->spans[n], &out->text);
        else
            buf_adds(&out->text, "no further change");
        return explain(b, k, out);
    }
    if (n == k->n_spans)
        return true;
    add_subject(k, &out->text);
    buf_adds(&out->text, " did not change in ");
    add_span(b, &k->spans[n], &out->text);
    return explain(b, k, out);
}

/* --- functions that fail --- */

static bool is_expected(const struct test_check *k, const char *error)
{
    const struct test_with *w = k->n_with ? k->with : NULL;

    return !w ||
           (w->kind == WITH_HAS ? strstr(error, w->text) != NULL : strcmp(w->text, error) == 0);
}

static bool breaks(struct bench *b, const struct test_check *k, struct testbench_result *out)
{
    struct rule *r = rules_find(b->rules, k->rule);
    struct rule_stats s;

    assert(r); /* put_rules() has looked */
    rule_stats(r, &s);
    if (s.errors > 0 && is_expected(k, s.error))
        return true;
    start_text(b, k, out);
    if (s.errors == 0)
        buf_adds(&out->text, " never failed, expected that its function does");
    else
        buf_addf(&out->text, " failed with \"%s\", expected %s\"%s\"", s.error,
                 k->with->kind == WITH_HAS ? "a text with " : "", k->with->text);
    return explain(b, k, out);
}

/* t:breaks("W"), or t:at(…):fires("RuleBroken", { rule = "W" }) */
static bool breaks_are_meant(const struct bench *b, const char *rule)
{
    const struct label broken = label_of("rule", rule);

    for (size_t i = 0; i < b->c->n_checks; i++) {
        const struct test_check *k = &b->c->checks[i];

        if (k->kind == CHECK_BREAKS && strcmp(k->rule, rule) == 0)
            return true;
        if (k->kind == CHECK_FIRES && strcmp(k->rule, "RuleBroken") == 0 &&
            bench_has_labels(k->labels, k->n_labels, &broken, 1))
            return true;
    }
    return false;
}

bool bench_tell_broken(const struct bench *b, struct buf *out)
{
    bool any = false;

    for (size_t i = 0; i < rules_count(b->rules); i++) {
        const struct rule *r = rules_at(b->rules, i);
        const char *name = rule_definition(r)->name;
        struct rule_stats s;

        rule_stats(r, &s);
        if (s.errors == 0 || breaks_are_meant(b, name))
            continue;
        buf_addf(out, "%s%s: its function failed %llu times%s, last: %s", any ? "\n" : "", name,
                 (unsigned long long)s.errors, s.broken ? " and was set aside" : "", s.error);
        any = true;
    }
    return any;
}

bool bench_check(struct bench *b, const struct test_check *k, struct testbench_result *out)
{
    struct find f = {.b = b, .k = k};

    switch (k->kind) {
    case CHECK_BREAKS:
        return breaks(b, k, out);
    case CHECK_NEVER:
        return check_never(b, k, out);
    case CHECK_TRANSITIONS:
        return check_transitions(b, k, out);
    case CHECK_FIRES:
    case CHECK_QUIET:
    case CHECK_SUPPRESSED:
        break;
    }
    alert_each(b->book, sort_in, &f);
    if (k->kind == CHECK_FIRES)
        return check_fires(b, k, &f, out);
    return k->kind == CHECK_QUIET ? check_quiet(b, k, &f, out) : check_suppressed(b, k, &f, out);
}
