/* Notices made by hand, with the figures of the example that the documents use. */
#ifndef UNIT_CHANNEL_NOTICES_H
#define UNIT_CHANNEL_NOTICES_H

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "model/notice.h"

#define AT_MS INT64_C(1767667260000) /* 2026-01-06 02:41:00 UTC */
#define MIN   INT64_C(60000)

static inline struct notice_alert an_alert(const char *name, int priority, struct label *labels,
                                           size_t n_labels, struct rule_pair *pairs, size_t n_pairs)
{
    labels[0] = label_of("alertname", name);
    return (struct notice_alert){.firing = true,
                                 .is_new = true,
                                 .changed = true,
                                 .priority = priority,
                                 .fingerprint = UINT64_C(0x0f3a6c9b1e2d4f58),
                                 .labels = labels,
                                 .n_labels = n_labels,
                                 .annotations = pairs,
                                 .n_annotations = n_pairs,
                                 .starts_ms = AT_MS,
                                 .unit_name = "",
                                 .origin = "rule:HighErrorRate",
                                 .generator_url = "http://t.example/i/412#0f3a6c9b1e2d4f58",
                                 .end_reason = "",
                                 .freed_by = "",
                                 .why = ""};
}

static inline struct notice a_notice(struct notice_alert *alerts, size_t n)
{
    static struct label group[1];

    group[0] = label_of("service", "checkout");
    setenv("TZ", "UTC", 1);
    tzset();
    return (struct notice){.lane = "ops/slack",
                           .receiver = "ops",
                           .channel = "slack",
                           .incident = 412,
                           .seq = 1,
                           .key = "412.1.00000000deadbeef",
                           .firing = true,
                           .first = true,
                           .reason = REASON_FIRST,
                           .reason_text = "first notification",
                           .priority = 1,
                           .alerts = alerts,
                           .n_alerts = n,
                           .n_firing = n,
                           .group_labels = group,
                           .n_group_labels = 1,
                           .group_key = "{}:{service=\"checkout\"}",
                           .external_url = "http://t.example",
                           .incident_url = "http://t.example/i/412",
                           .ack = {"", "", 0, 0},
                           .at_ms = AT_MS,
                           .since_ms = AT_MS,
                           .fallback_for = "",
                           .attempt = 1,
                           .data = ""};
}

/* The incident of the examples: three alerts, the first with a summary, a limit and a log line. */
struct example {
    struct notice x;
    struct notice_alert alerts[3];
    struct label labels[3][4], common[1];
    struct rule_pair pairs[3][2];
};

static inline void example_make(struct example *e)
{
    e->labels[0][1] = label_of("region", "eu-1");
    e->labels[0][2] = label_of("service", "checkout");
    e->labels[0][3] = label_of("severity", "critical");
    e->pairs[0][0] = (struct rule_pair){"summary", "checkout: 23% of requests fail"};
    e->pairs[0][1] = (struct rule_pair){"runbook_url", "https://wiki.example/a?b=1&c=2"};
    e->alerts[0] = an_alert("HighErrorRate", 1, e->labels[0], 4, e->pairs[0], 2);
    e->alerts[0].has_value = e->alerts[0].has_threshold = true;
    e->alerts[0].value = 0.23;
    e->alerts[0].peak = 0.31;
    e->alerts[0].threshold = 0.02;
    e->alerts[0].unit = UNIT_RATIO;
    e->alerts[0].why =
        "{\"tree\":{},\"events\":[{\"time\":\"2026-01-06T02:40:59.000Z\","
        "\"exception\":\"TimeoutError: db-pool <exhausted>\",\"trace_id\":\"7fa3\"}]}";
    e->labels[1][1] = label_of("region", "eu-1");
    e->labels[1][2] = label_of("service", "checkout");
    e->labels[1][3] = label_of("severity", "error");
    e->alerts[1] = an_alert("HighLatencyP99", 2, e->labels[1], 4, NULL, 0);
    e->alerts[1].has_value = e->alerts[1].has_threshold = true;
    e->alerts[1].value = e->alerts[1].peak = 2.8;
    e->alerts[1].threshold = 0.4;
    e->alerts[1].unit = UNIT_SECONDS;
    e->labels[2][1] = label_of("queue", "orders");
    e->labels[2][2] = label_of("service", "checkout");
    e->alerts[2] = an_alert("QueueBacklog", 2, e->labels[2], 3, NULL, 0);
    e->alerts[2].has_value = e->alerts[2].has_threshold = true;
    e->alerts[2].value = e->alerts[2].peak = 5120;
    e->alerts[2].threshold = 1000;
    e->common[0] = label_of("service", "checkout");
    e->x = a_notice(e->alerts, 3);
    e->x.common_labels = e->common;
    e->x.n_common_labels = 1;
}

/* Seventeen minutes later all of it is over. */
static inline void example_resolve(struct example *e)
{
    e->x.firing = e->x.first = false;
    e->x.seq = 2;
    e->x.reason = REASON_RESOLVED;
    e->x.reason_text = "all alerts resolved";
    e->x.n_firing = 0;
    e->x.at_ms = e->x.ended_ms = AT_MS + 17 * MIN;
    for (size_t i = 0; i < 3; i++) {
        e->alerts[i].firing = e->alerts[i].is_new = false;
        e->alerts[i].ends_ms = AT_MS + 17 * MIN;
        e->alerts[i].end_reason = "condition cleared";
    }
    e->alerts[0].value = 0.004;
}

#endif
