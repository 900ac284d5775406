#include "deliver/sample.h"

#define SAMPLE_MS INT64_C(1767667260000) /* 2026-01-06 02:41 UTC */
#define MINUTE    INT64_C(60000)

const char *const sample_names[SAMPLES] = {"a message that fires", "a message of what got worse",
                                           "a message of an end"};

static void sample_alert(struct sample *s, size_t i, const char *name, int priority)
{
    s->labels[i][0] = label_of("alertname", name);
    s->labels[i][1] = label_of("region", i ? "eu-2" : "eu-1");
    s->labels[i][2] = label_of("service", "checkout");
    s->alerts[i] = (struct notice_alert){.firing = true,
                                         .priority = priority,
                                         .fingerprint = 1 + i,
                                         .labels = s->labels[i],
                                         .n_labels = 3,
                                         .starts_ms = SAMPLE_MS,
                                         .unit_name = "",
                                         .origin = "rule:Sample",
                                         .generator_url = "",
                                         .end_reason = "",
                                         .freed_by = "",
                                         .dependents = "",
                                         .why = ""};
}

static void common_facts(struct sample *s, const char *receiver, const char *channel)
{
    s->group[0] = label_of("service", "checkout");
    s->x = (struct notice){.lane = receiver,
                           .receiver = receiver,
                           .channel = channel,
                           .incident = 412,
                           .seq = 1,
                           .key = "412.1.0",
                           .firing = true,
                           .priority = 1,
                           .alerts = s->alerts,
                           .n_alerts = 3,
                           .n_firing = 3,
                           .group_labels = s->group,
                           .n_group_labels = 1,
                           .common_labels = s->group,
                           .n_common_labels = 1,
                           .group_key = "{}:{service=\"checkout\"}",
                           .external_url = "https://tocsin.example.com",
                           .incident_url = "https://tocsin.example.com/i/412",
                           .ack = {"", "", 0, 0},
                           .at_ms = SAMPLE_MS,
                           .since_ms = SAMPLE_MS,
                           .fallback_for = "",
                           .attempt = 1,
                           .data = ""};
}

static void make_firing(struct sample *s)
{
    struct notice_alert *a = &s->alerts[0];

    s->x.first = true;
    s->x.reason = REASON_FIRST;
    s->pairs[0] = (struct rule_pair){"runbook_url", "https://wiki.example.com/checkout"};
    s->pairs[1] = (struct rule_pair){"summary", "checkout: 23% of requests fail"};
    a->annotations = s->pairs;
    a->n_annotations = 2;
    a->has_value = a->has_threshold = true;
    a->value = 0.23;
    a->peak = 0.31;
    a->threshold = 0.02;
    a->unit = UNIT_RATIO;
    a->why =
        "{\"events\":[{\"time\":\"2026-01-06T02:40:59.000Z\",\"message\":\"db-pool exhausted\","
        "\"trace_id\":\"7fa3\"}]}";
    for (size_t i = 0; i < 3; i++)
        s->alerts[i].is_new = s->alerts[i].changed = true;
}

static void make_worse(struct sample *s)
{
    s->x.reason = REASON_NEW_ALERTS;
    s->x.seq = 2;
    s->x.at_ms += 20 * MINUTE;
    s->x.late_ms = 12 * MINUTE;
    s->x.fallback_for = "other/webhook";
    s->x.degraded = s->x.uncertain = true;
    s->x.n_silenced = 2;
    s->x.truncated = 7;
    s->x.next_repeat_ms = s->x.at_ms + 240 * MINUTE;
    s->x.ack = (struct notice_ack){"ana", "looking", SAMPLE_MS, SAMPLE_MS + 60 * MINUTE};
    s->x.previous = 398;
    s->x.previous_ms = SAMPLE_MS - 1440 * MINUTE;
    s->x.previous_for_ms = 18 * MINUTE;
    s->alerts[0].is_new = s->alerts[0].changed = true;
    s->alerts[0].freed_by = "s31";
    s->alerts[1].nodata_ms = SAMPLE_MS + MINUTE;
}

static void make_resolved(struct sample *s)
{
    s->x.reason = REASON_RESOLVED;
    s->x.seq = 3;
    s->x.firing = false;
    s->x.n_firing = 0;
    s->x.at_ms = s->x.ended_ms = SAMPLE_MS + 17 * MINUTE;
    for (size_t i = 0; i < 3; i++) {
        s->alerts[i].firing = false;
        s->alerts[i].changed = true;
        s->alerts[i].ends_ms = SAMPLE_MS + 17 * MINUTE;
        s->alerts[i].end_reason = "condition cleared";
    }
    s->alerts[0].has_value = true;
    s->alerts[0].value = 0.004;
    s->alerts[0].peak = 0.31;
    s->alerts[1].missed = true;
}

void sample_make(struct sample *s, enum sample_kind kind, const char *receiver, const char *channel)
{
    static void (*const make[SAMPLES])(struct sample * s) = {make_firing, make_worse,
                                                             make_resolved};

    common_facts(s, receiver, channel);
    sample_alert(s, 0, "HighErrorRate", 1);
    sample_alert(s, 1, "HighLatencyP99", 2);
    sample_alert(s, 2, "QueueBacklog", 3);
    make[kind](s);
    s->x.reason_text = notice_reason_names[s->x.reason];
}
