#include "decode/decoders.h"

const struct decode_protocol_row decode_table[DECODE_PROTOCOLS] = {
    [DECODE_REMOTE_WRITE] = {.name = "remote_write",
                             .path = "/api/v1/write",
                             .types = {"application/x-protobuf"},
                             .decode = decode_remote_write},
    [DECODE_JSON_METRICS] = {.name = "json_metrics",
                             .path = "/api/tocsin/v1/metrics",
                             .types = {"application/json", "application/x-ndjson",
                                       "application/jsonl", "text/plain"},
                             .decode = decode_json_metrics},
    [DECODE_JSON_EVENTS] = {.name = "json_events",
                            .path = "/api/tocsin/v1/events",
                            .types = {"application/json", "application/x-ndjson",
                                      "application/jsonl", "text/plain"},
                            .decode = decode_json_events},
    [DECODE_FORM] = {.name = "form",
                     .path = "/api/tocsin/v1/form",
                     .types = {"application/x-www-form-urlencoded"},
                     .get = true,
                     .decode = decode_form},
    [DECODE_HEARTBEAT] = {.name = "heartbeat",
                          .path = "/ping/",
                          .below = true,
                          .get = true,
                          .decode = decode_heartbeat},
    [DECODE_STATSD] = {.name = "statsd", .decode = decode_statsd},
};

void decode_limits_fill(struct decode_limits *l)
{
    static const struct decode_limits usual = {
        .max_body = (size_t)32 * 1024 * 1024,
        .max_samples = 200000,
        .max_events = 50000,
        .max_labels = 40,
        .max_name = 256,
        .max_value = 2048,
        .max_fields = LOGEVENT_FIELDS_MAX,
        .max_field = 32 * 1024,
        .max_gauges = 100000,
        .new_series_per_minute = 2000000,
    };

    l->max_body = l->max_body ? l->max_body : usual.max_body;
    l->max_samples = l->max_samples ? l->max_samples : usual.max_samples;
    l->max_events = l->max_events ? l->max_events : usual.max_events;
    l->max_labels = l->max_labels ? l->max_labels : usual.max_labels;
    l->max_name = l->max_name ? l->max_name : usual.max_name;
    l->max_value = l->max_value ? l->max_value : usual.max_value;
    l->max_fields = l->max_fields ? l->max_fields : usual.max_fields;
    l->max_field = l->max_field ? l->max_field : usual.max_field;
    l->max_gauges = l->max_gauges ? l->max_gauges : usual.max_gauges;
    l->new_series_per_minute =
        l->new_series_per_minute ? l->new_series_per_minute : usual.new_series_per_minute;
    if (l->max_labels > LABELS_MAX)
        l->max_labels = LABELS_MAX;
    if (l->max_value > UINT16_MAX)
        l->max_value = UINT16_MAX;
    if (l->max_fields > LOGEVENT_FIELDS_MAX)
        l->max_fields = LOGEVENT_FIELDS_MAX;
}
