/* What a template is given of a notice: one plain tree, made once for each message.
 * Templates see data and no functions of ours, so a message can be tried with a tree alone. Numbers stand
 * beside their text, so that a template need not know units; texts come from wording.c, so that all channels
 * say the same of an alert. Nothing here checks memory: a tree that lacks a part is marked by the room
 * template and not used. Alerts are added some at
 * a time: all NOTICE_ALERTS_MAX of them would hold the loop. */
#include "channel/tree.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "channel/wording.h"

typedef void (*wording)(const struct notice *x, struct buf *out);
typedef void (*alert_wording)(const struct notice *x, const struct notice_alert *a,
                              struct buf *out);

static void add_words(struct template_tree *t, struct template_value *to, const char *key,
                      const struct notice *x, wording words)
{
    struct buf b = BUF_INIT;

    words(x, &b);
    template_string_n(t, to, key, buf_str(&b), b.len);
    buf_free(&b);
}

static void add_alert_words(struct template_tree *t, struct template_value *to, const char *key,
                            const struct notice *x, const struct notice_alert *a,
                            alert_wording words)
{
    struct buf b = BUF_INIT;

    words(x, a, &b);
    template_string_n(t, to, key, buf_str(&b), b.len);
    buf_free(&b);
}

static void add_labels(struct template_tree *t, struct template_value *to, const char *key,
                       const struct label *l, size_t n)
{
    struct template_value *o = template_object(t, to, key);

    for (size_t i = 0; i < n; i++)
        template_string_n(t, o, l[i].name, l[i].value, l[i].value_len);
}

static void add_pairs(struct template_tree *t, struct template_value *to, const char *key,
                      const struct rule_pair *p, size_t n)
{
    struct template_value *o = template_object(t, to, key);

    for (size_t i = 0; i < n; i++)
        if (*p[i].value)
            template_string(t, o, p[i].name, p[i].value);
}

static void add_time(struct template_tree *t, struct template_value *to, const char *key,
                     const char *text_key, int64_t at_ms)
{
    char text[TEXT_TIME_LEN];

    text_time(text, at_ms);
    template_string(t, to, text_key, at_ms ? text : "0001-01-01T00:00:00Z");
    if (at_ms)
        template_number(t, to, key, (double)at_ms / 1000);
}

static void add_number(struct template_tree *t, struct template_value *to, const char *key,
                       const struct notice_alert *a, bool there, double v)
{
    char text_key[32];
    struct buf b = BUF_INIT;

    if (!there)
        return;
    template_number(t, to, key, v);
    snprintf(text_key, sizeof text_key, "%s_text", key);
    wording_value(a, v, &b);
    template_string_n(t, to, text_key, buf_str(&b), b.len);
    buf_free(&b);
}

/* The log events that the rule attached stand in `why`: each becomes a table of its fields. */
static void add_events(struct template_tree *t, struct template_value *to,
                       const struct notice_alert *a)
{
    struct template_value *list = template_list(t, to, "events");
    cJSON *why = strstr(a->why, "\"events\"") ? cJSON_Parse(a->why) : NULL;
    const cJSON *event, *field;

    cJSON_ArrayForEach(event, cJSON_GetObjectItem(why, "events"))
    {
        struct template_value *o = template_object(t, list, NULL);

        cJSON_ArrayForEach(field, event) if (cJSON_IsString(field))
            template_string(t, o, field->string, field->valuestring);
    }
    cJSON_Delete(why);
}

static void add_alert(struct template_tree *t, struct template_value *list, const struct notice *x,
                      const struct notice_alert *a, size_t rank)
{
    struct template_value *o = template_object(t, list, NULL);
    char fingerprint[17];

    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)a->fingerprint);
    template_string(t, o, "status", a->firing ? "firing" : "resolved");
    template_bool(t, o, "firing", a->firing);
    template_bool(t, o, "new", a->is_new);
    template_bool(t, o, "changed", a->changed);
    template_bool(t, o, "missed", a->missed);
    template_number(t, o, "rank", (double)rank);
    template_string(t, o, "priority", priority_name(a->priority));
    template_string(t, o, "name", notice_label(a->labels, a->n_labels, "alertname"));
    add_labels(t, o, "labels", a->labels, a->n_labels);
    add_pairs(t, o, "annotations", a->annotations, a->n_annotations);
    add_time(t, o, "starts", "startsAt", a->starts_ms);
    add_time(t, o, "ends", "endsAt", a->ends_ms);
    add_number(t, o, "value", a, a->has_value, a->value);
    add_number(t, o, "peak", a, a->has_value, a->peak);
    add_number(t, o, "threshold", a, a->has_threshold, a->threshold);
    template_string(t, o, "fingerprint", fingerprint);
    template_string(t, o, "generatorURL", a->generator_url);
    template_string(t, o, "origin", a->origin);
    template_string(t, o, "end_reason", a->end_reason);
    template_string(t, o, "freed_by", a->freed_by);
    template_number(t, o, "n_dependents", (double)a->n_dependents);
    template_string(t, o, "dependents", a->dependents);
    template_bool(t, o, "nodata", a->nodata_ms != 0);
    add_alert_words(t, o, "nodata_text", x, a, wording_nodata);
    add_alert_words(t, o, "text", x, a, wording_alert);
    add_alert_words(t, o, "detail", x, a, wording_detail);
    add_alert_words(t, o, "where", x, a, wording_where);
    add_alert_words(t, o, "when", x, a, wording_when);
    add_events(t, o, a);
}

static void plain(const struct notice *x, struct buf *out)
{
    wording_plain(x, NULL, out);
}

static void add_notes(struct template_tree *t, struct template_value *root, const struct notice *x)
{
    struct template_value *list = template_list(t, root, "notes");
    struct buf b = BUF_INIT;
    char *rest = NULL, *line;

    wording_notes(x, &b);
    for (line = b.data ? strtok_r(b.data, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        template_string(t, list, NULL, line);
    buf_free(&b);
}

static void add_facts(struct template_tree *t, struct template_value *root, const struct notice *x)
{
    struct template_value *ack;

    template_string(t, root, "lane", x->lane);
    template_string(t, root, "receiver", x->receiver);
    add_words(t, root, "receiver_quoted", x, wording_receiver);
    template_string(t, root, "channel", x->channel);
    template_number(t, root, "incident", (double)x->incident);
    template_number(t, root, "seq", (double)x->seq);
    template_string(t, root, "key", x->key);
    template_string(t, root, "status", x->firing ? "firing" : "resolved");
    template_bool(t, root, "firing", x->firing);
    template_bool(t, root, "first", x->first);
    template_bool(t, root, "quiet", x->quiet);
    template_bool(t, root, "degraded", x->degraded);
    template_bool(t, root, "test", x->reason == REASON_TEST);
    template_string(t, root, "reason", notice_reason_names[x->reason]);
    template_string(t, root, "reason_text", x->reason_text);
    template_string(t, root, "priority", priority_name(x->priority));
    template_number(t, root, "n_firing", (double)x->n_firing);
    template_number(t, root, "n_silenced", (double)x->n_silenced);
    template_number(t, root, "n_suppressed", (double)x->n_suppressed);
    template_number(t, root, "n_inhibited", (double)x->n_inhibited);
    template_number(t, root, "n_held", (double)notice_held(x));
    template_string(t, root, "groupKey", x->group_key);
    template_string(t, root, "externalURL", x->external_url);
    template_string(t, root, "incident_url", x->incident_url);
    template_string(t, root, "fallback_for", x->fallback_for);
    add_time(t, root, "at", "at_text", x->at_ms);
    add_time(t, root, "since", "since_text", x->since_ms);
    add_time(t, root, "ended", "ended_text", x->ended_ms);
    add_time(t, root, "next_repeat", "next_repeat_text", x->next_repeat_ms);
    template_number(t, root, "late", (double)x->late_ms / 1000);
    if (x->previous) {
        template_number(t, root, "previous", (double)x->previous);
        template_number(t, root, "previous_at", (double)x->previous_ms / 1000);
        template_number(t, root, "previous_for", (double)x->previous_for_ms / 1000);
    }
    if (*x->ack.who) {
        ack = template_object(t, root, "ack");
        template_string(t, ack, "who", x->ack.who);
        template_string(t, ack, "note", x->ack.note);
        add_time(t, ack, "expires", "expires_text", x->ack.until_ms);
    }
}

static void add_head(struct template_tree *t, const struct notice *x, size_t shown)
{
    struct template_value *root = template_tree_root(t);

    add_facts(t, root, x);
    add_words(t, root, "title", x, wording_title);
    add_words(t, root, "group", x, wording_group);
    add_words(t, root, "plain", x, plain);
    add_words(t, root, "runbook_url", x, wording_runbook);
    if (x->n_alerts > 0)
        add_events(t, root, &x->alerts[0]);
    else
        template_list(t, root, "events");
    add_notes(t, root, x);
    template_number(t, root, "truncated", (double)(x->truncated + x->n_alerts - shown));
    template_number(t, root, "n_alerts", (double)(x->n_alerts + x->truncated));
    add_labels(t, root, "groupLabels", x->group_labels, x->n_group_labels);
    add_labels(t, root, "commonLabels", x->common_labels, x->n_common_labels);
    add_pairs(t, root, "commonAnnotations", x->common_annotations, x->n_common_annotations);
}

int tree_begin(struct tree_making *k, const struct notice *x, size_t max_alerts)
{
    size_t shown = max_alerts && max_alerts < x->n_alerts ? max_alerts : x->n_alerts;

    *k = (struct tree_making){.x = x, .shown = shown, .tree = template_tree_new()};
    k->rank = mem_alloc((x->n_alerts + 1) * sizeof *k->rank);
    if (!k->tree || !k->rank) {
        tree_end(k);
        return -1;
    }
    add_head(k->tree, x, shown);
    k->alerts = template_list(k->tree, template_tree_root(k->tree), "alerts");
    notice_rank(x, k->rank);
    return 0;
}

bool tree_step(struct tree_making *k, size_t n)
{
    const struct notice *x = k->x;

    for (; n > 0 && k->at < x->n_alerts; k->at++) {
        if (k->rank[k->at] > k->shown)
            continue;
        add_alert(k->tree, k->alerts, x, &x->alerts[k->at], k->rank[k->at]);
        n--;
    }
    return k->at == x->n_alerts;
}

void tree_end(struct tree_making *k)
{
    template_tree_free(k->tree);
    mem_free(k->rank);
    *k = (struct tree_making){0};
}
