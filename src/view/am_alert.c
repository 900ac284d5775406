/* An alert as Alertmanager's API has it. Its clients read pointers without asking: every member is there,
 * no list is null. An end lies ahead while it fires: of a sender's alert the time at which it ends unless
 * it is repeated, of a rule's, which has none, a while from now. */
#include <stdio.h>
#include <string.h>

#include "tocsin/view.h"

#define RULE_LASTS_MS (5 * 60000) /* as Alertmanager's resolve_timeout */

bool am_is_listed(const struct alert *a)
{
    const struct rule_def *d = alert_rule_def(a->rule);

    return a->state.firing && a->labels && (!d || (d->notify && !d->shadow));
}

static void text_list(struct json *j, const char *key, const char *const *list, size_t n)
{
    json_key(j, key);
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, list[i]);
    json_array_end(j);
}

static void source_json(const struct view *v, struct json *j, const struct alert *a,
                        uint64_t incident)
{
    struct buf url = BUF_INIT;

    if (a->url) {
        json_kstr(j, "generatorURL", a->url);
        return;
    }
    buf_adds(&url, v->external_url ? v->external_url : "");
    if (incident)
        buf_addf(&url, "/i/%llu", (unsigned long long)incident);
    else
        buf_adds(&url, "/rules");
    json_kstr(j, "generatorURL", buf_str(&url));
    buf_free(&url);
}

void am_alert_json(const struct view *v, struct json *j, const struct alert *a,
                   const struct alert_standing *s)
{
    char fingerprint[20];

    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)a->fingerprint);
    json_object(j);
    json_key(j, "annotations");
    json_object(j);
    for (size_t i = 0; i < a->n_annotations; i++)
        json_kstr(j, a->annotations[i].name, a->annotations[i].value);
    json_object_end(j);
    json_ktime(j, "endsAt", a->expires_ms ? a->expires_ms : v->now_ms + RULE_LASTS_MS);
    json_kstr(j, "fingerprint", fingerprint);
    json_key(j, "receivers");
    json_array(j);
    for (size_t i = 0; i < s->n_receivers; i++) {
        json_object(j);
        json_kstr(j, "name", s->receivers[i]);
        json_object_end(j);
    }
    json_array_end(j);
    json_ktime(j, "startsAt", a->started_ms ? a->started_ms : v->now_ms);
    json_key(j, "status");
    json_object(j);
    json_key(j, "inhibitedBy");
    json_array(j);
    if (s->inhibited_by) {
        snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)s->inhibited_by);
        json_str(j, fingerprint);
    }
    json_array_end(j);
    text_list(j, "mutedBy", &s->muted_by, s->muted_by ? 1 : 0);
    text_list(j, "silencedBy", s->silenced_by, s->n_silenced_by);
    json_kstr(j, "state", s->suppressed ? "suppressed" : "active");
    json_object_end(j);
    json_ktime(j, "updatedAt", a->state.last_look_ms ? a->state.last_look_ms : v->now_ms);
    source_json(v, j, a, s->incident);
    labels_json(j, "labels", a->labels, a->n_labels);
    json_object_end(j);
}
