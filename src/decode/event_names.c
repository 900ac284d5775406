/* Which names logging libraries use for what.
 * One row per name; where two names of a role stand in one event, the upper row wins. It is a table and no
 * configuration: what libraries write is the same everywhere, and an event must be read alike on all
 * machines and by the tests of rules. A name that is missing here stays what its sender called it. */
#include <string.h>

#include "decode/event.h"

const char *const event_role_names[ROLES] = {
    [ROLE_LEVEL] = "level",
    [ROLE_SERVICE] = "service",
    [ROLE_EVENT] = "event",
    [ROLE_MESSAGE] = "message",
    [ROLE_LOGGER] = "logger",
    [ROLE_REQUEST_ID] = "request_id",
    [ROLE_TRACE_ID] = "trace_id",
    [ROLE_SPAN_ID] = "span_id",
    [ROLE_EXCEPTION] = "exception",
    [ROLE_STACK] = "stack",
    [ROLE_FINGERPRINT] = "fingerprint",
};

static const struct {
    const char *name;
    enum event_role role;
} names[] = {
    {"timestamp", ROLE_TIME},
    {"@timestamp", ROLE_TIME},            /* ECS, logstash */
    {"time", ROLE_TIME},                  /* bunyan, pino, slog */
    {"ts", ROLE_TIME},                    /* zap */
    {"created", ROLE_TIME},               /* Python's LogRecord: seconds */
    {"record.time.timestamp", ROLE_TIME}, /* loguru */
    {"datetime", ROLE_TIME},
    {"asctime", ROLE_TIME}, /* Python: without a zone */
    {"level", ROLE_LEVEL},
    {"levelname", ROLE_LEVEL}, /* Python */
    {"record.level.name", ROLE_LEVEL},
    {"log.level", ROLE_LEVEL}, /* ECS */
    {"severity", ROLE_LEVEL},
    {"severity_text", ROLE_LEVEL},
    {"severityText", ROLE_LEVEL},
    {"loglevel", ROLE_LEVEL},
    {"log_level", ROLE_LEVEL},
    {"lvl", ROLE_LEVEL},
    {"levelno", ROLE_LEVEL_PYTHON},
    {"record.level.no", ROLE_LEVEL_PYTHON},
    {"service", ROLE_SERVICE},
    {"service.name", ROLE_SERVICE}, /* ECS, OpenTelemetry */
    {"service_name", ROLE_SERVICE},
    {"serviceName", ROLE_SERVICE},
    {"record.extra.service", ROLE_SERVICE},
    {"dd.service", ROLE_SERVICE},
    {"event", ROLE_EVENT},        /* structlog */
    {"event.action", ROLE_EVENT}, /* ECS */
    {"record.extra.event", ROLE_EVENT},
    {"message", ROLE_MESSAGE},
    {"record.message", ROLE_MESSAGE},
    {"msg", ROLE_MESSAGE},           /* bunyan, pino, zap, slog */
    {"log", ROLE_MESSAGE},           /* Docker */
    {"short_message", ROLE_MESSAGE}, /* GELF */
    {"error.message", ROLE_MESSAGE},
    {"logger", ROLE_LOGGER},
    {"log.logger", ROLE_LOGGER},
    {"logger_name", ROLE_LOGGER}, /* logstash */
    {"loggerName", ROLE_LOGGER},
    {"record.name", ROLE_LOGGER},
    {"name", ROLE_LOGGER}, /* Python; see is_bunyan() */
    {"request_id", ROLE_REQUEST_ID},
    {"requestId", ROLE_REQUEST_ID},
    {"req_id", ROLE_REQUEST_ID},
    {"reqId", ROLE_REQUEST_ID},
    {"request.id", ROLE_REQUEST_ID},
    {"req.id", ROLE_REQUEST_ID}, /* pino-http */
    {"http.request.id", ROLE_REQUEST_ID},
    {"x_request_id", ROLE_REQUEST_ID},
    {"correlation_id", ROLE_REQUEST_ID},
    {"record.extra.request_id", ROLE_REQUEST_ID},
    {"trace_id", ROLE_TRACE_ID},
    {"traceId", ROLE_TRACE_ID},
    {"trace.id", ROLE_TRACE_ID},
    {"dd.trace_id", ROLE_TRACE_ID},
    {"otelTraceID", ROLE_TRACE_ID},
    {"logging.googleapis.com/trace", ROLE_TRACE_ID},
    {"record.extra.trace_id", ROLE_TRACE_ID},
    {"span_id", ROLE_SPAN_ID},
    {"spanId", ROLE_SPAN_ID},
    {"span.id", ROLE_SPAN_ID},
    {"dd.span_id", ROLE_SPAN_ID},
    {"otelSpanID", ROLE_SPAN_ID},
    {"logging.googleapis.com/spanId", ROLE_SPAN_ID},
    {"record.extra.span_id", ROLE_SPAN_ID},
    {"exception.type", ROLE_EXCEPTION}, /* OpenTelemetry */
    {"exception_type", ROLE_EXCEPTION},
    {"error.type", ROLE_EXCEPTION}, /* ECS */
    {"error.kind", ROLE_EXCEPTION},
    {"err.type", ROLE_EXCEPTION}, /* pino */
    {"err.name", ROLE_EXCEPTION}, /* bunyan */
    {"record.exception.type", ROLE_EXCEPTION},
    {"exc_type", ROLE_EXCEPTION},
    {"exception", ROLE_EXCEPTION}, /* structlog: a traceback or its frames */
    {"exc_info", ROLE_EXCEPTION},  /* python-json-logger: a traceback */
    {"stack", ROLE_STACK},
    {"stacktrace", ROLE_STACK},  /* zap */
    {"stack_trace", ROLE_STACK}, /* logstash */
    {"exception.stacktrace", ROLE_STACK},
    {"error.stack_trace", ROLE_STACK},
    {"error.stack", ROLE_STACK},
    {"err.stack", ROLE_STACK},
    {"traceback", ROLE_STACK},
    {"exc_text", ROLE_STACK},
    {"stack_info", ROLE_STACK}, /* Python: where it was logged */
    {"fingerprint", ROLE_FINGERPRINT},
    {"args", ROLE_DROP},
    {"msecs", ROLE_DROP},
    {"relativeCreated", ROLE_DROP},
    {"record.time.repr", ROLE_DROP},
    {"record.elapsed.repr", ROLE_DROP},
    {"record.elapsed.seconds", ROLE_DROP},
    {"record.level.icon", ROLE_DROP},
    {"record.exception.traceback", ROLE_DROP},
};

#define N_NAMES    (sizeof names / sizeof *names)
#define SLOTS      512 /* a power of two, four times the names */
#define NAME_BYTES 32  /* the longest name above, and some */

/* Open addressing over the table, filled at the first use: row + 1, 0 is empty. */
static uint8_t slots[SLOTS];
_Static_assert(N_NAMES < 255, "rows are numbered by bytes");

static uint32_t slot_of(const char *s, size_t n)
{
    uint32_t h = (uint32_t)n;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return (h ^ h >> 15) & (SLOTS - 1);
}

static void fill_slots(void)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        uint32_t at = slot_of(names[i].name, strlen(names[i].name));

        while (slots[at])
            at = (at + 1) & (SLOTS - 1);
        slots[at] = (uint8_t)(i + 1);
    }
}

enum event_role event_role_of(const char *name, size_t len, unsigned *rank)
{
    static bool filled;

    if (!filled)
        fill_slots();
    filled = true;
    *rank = 0;
    if (len == 0 || len > NAME_BYTES)
        return ROLE_NONE;
    for (uint32_t at = slot_of(name, len); slots[at]; at = (at + 1) & (SLOTS - 1)) {
        unsigned row = slots[at] - 1u;

        if (strncmp(names[row].name, name, len) != 0 || names[row].name[len] != 0)
            continue;
        *rank = row;
        return names[row].role;
    }
    return ROLE_NONE;
}
