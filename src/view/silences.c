/* Silences as documents, and what one would do. */
#include <string.h>

#include "tocsin/view.h"

struct silence_walk {
    const struct view *v;
    struct json *j;
    struct silence_filter f;
    size_t left;
    bool skipping; /* until `after` was passed */
};

/* Its exact matchers, read as labels. */
static bool passes(const struct silence *s, const struct silence_filter *f)
{
    struct label l[LABELS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < s->n_matchers && n < LABELS_MAX; i++)
        if (!matcher_negated(s->matchers[i]))
            l[n++] = label_of(matcher_name(s->matchers[i]), matcher_value(s->matchers[i]));
    return matchers_test_labels(f->matchers, f->n_matchers, l, n);
}

bool view_sees_silence(const struct view *v, const struct silence *s)
{
    return view_may_concern(v, s->matchers, s->n_matchers) &&
           view_may_concern(v, s->scope, s->n_scope);
}

static void raw_silence(struct json *j, const struct silence *s, int64_t now_ms)
{
    struct buf one = BUF_INIT;

    silence_json(s, NULL, now_ms, &one);
    if (buf_ok(&one))
        json_raw(j, one.data, one.len);
    else
        j->out->failed = true;
    buf_free(&one);
}

static bool is_in_state(const struct silence *s, const char *state, int64_t now_ms)
{
    enum silence_state is = silence_state(s, now_ms);

    if (strcmp(state, SILENCES_CURRENT) == 0)
        return is != SILENCE_EXPIRED;
    return strcmp(state, silence_state_names[is]) == 0;
}

static void walk_one(const struct silence *s, void *arg)
{
    struct silence_walk *w = arg;
    int64_t now_ms = w->v->now_ms;

    if (w->skipping) {
        w->skipping = strcmp(s->id, w->f.after) != 0 && strcmp(s->short_id, w->f.after) != 0;
        return;
    }
    if (w->left == 0 || !view_sees_silence(w->v, s) || !passes(s, &w->f) ||
        (w->f.state && *w->f.state && !is_in_state(s, w->f.state, now_ms)))
        return;
    w->left--;
    raw_silence(w->j, s, now_ms);
}

void silences_json(const struct view *v, struct json *j, const struct silence_filter *f)
{
    struct silence_walk w = {
        .v = v, .j = j, .f = *f, .left = f->limit, .skipping = f->after && *f->after};

    json_array(j);
    notify_silences(v->notify, walk_one, &w);
    json_array_end(j);
}

static void preview_text(const struct silence_preview *p, struct buf *b)
{
    buf_addf(b, "Mutes %zu firing now", p->now);
    for (size_t i = 0; i < p->incidents && i < 8; i++)
        buf_addf(b, "%s#%llu", i ? ", " : " (", (unsigned long long)p->first_incidents[i]);
    if (p->incidents > 8)
        buf_addf(b, " and %zu more", p->incidents - 8);
    buf_addf(b, "%s, %zu in %s", p->incidents ? ")" : "", p->week,
             p->week_complete ? "7 days" : "the time that was kept");
    if (p->now)
        buf_addf(b, ", %zu rule%s", p->rules, p->rules == 1 ? "" : "s");
    buf_adds(b, ".");
    if (p->priority > 1)
        buf_addf(b, " Will not mute: a rise to %s.", priority_name(p->priority - 1));
    if (p->wide)
        buf_addf(b, "%s confirm with the number %zu.",
                 p->open_ended ? " A matcher takes every value:" : " This is wide:", p->confirm);
    if (p->own)
        buf_adds(b, " It would mute Tocsin's own alerts, which needs the role admin.");
}

void silence_preview_json(const struct silence_request *r, const struct silence_preview *p,
                          int64_t now_ms, struct buf *out)
{
    struct json j = json_into(out);
    struct buf text = BUF_INIT;

    json_object(&j);
    json_kbool(&j, "dryRun", true);
    json_ktime(&j, "startsAt", r->starts_ms > now_ms ? r->starts_ms : now_ms);
    if (r->ends_ms)
        json_ktime(&j, "endsAt", r->ends_ms);
    json_key(&j, "mutes");
    json_object(&j);
    json_kint(&j, "now", (int64_t)p->now);
    json_kint(&j, "week", (int64_t)p->week);
    json_kbool(&j, "weekComplete", p->week_complete);
    json_object_end(&j);
    json_kint(&j, "firing", (int64_t)p->active);
    json_key(&j, "incidents");
    json_array(&j);
    for (size_t i = 0; i < p->incidents && i < 8; i++)
        json_int(&j, (int64_t)p->first_incidents[i]);
    json_array_end(&j);
    json_kint(&j, "nIncidents", (int64_t)p->incidents);
    json_kint(&j, "rules", (int64_t)p->rules);
    if (p->priority)
        json_kstr(&j, "priority", priority_name(p->priority));
    json_kbool(&j, "wide", p->wide);
    json_kint(&j, "confirm", (int64_t)p->confirm);
    json_kbool(&j, "own", p->own);
    preview_text(p, &text);
    json_kstr(&j, "text", buf_str(&text));
    buf_free(&text);
    json_object_end(&j);
}
