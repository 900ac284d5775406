-- Python applications that send their logs: logging.handlers.HTTPHandler, python-json-logger, structlog, loguru.

defaults { every = "10s", labels = { pack = "python" } }

local errors = logs{ level = one_of{ "ERROR", "FATAL" } }

alert "PythonErrorBurst" {
  value   = errors:count("5m"):by("service"),
  fire    = { P2 = above(200), P3 = above(50) },
  attach  = { events = 3, fields = { "exception", "message", "logger", "trace_id", "request_id" } },
  summary = "{service}: {value:number} errors in five minutes, the last: {event_message}",
}

alert "PythonExceptionBurst" {
  priority = "P3",
  value    = errors{ fingerprint = present }:count("5m"):by("service", "fingerprint"),
  fire     = above(20),
  limit    = 200,
  attach   = { events = 3, fields = { "exception", "stack", "trace_id", "request_id" } },
  summary  = "{service}: {value:number} × {event_exception} in five minutes",
}

alert "PythonFatal" {
  priority = "P2",
  value    = logs{ level = "FATAL" }:count("5m"):by("service"),
  fire     = above(0),
  attach   = { events = 1, fields = { "message", "exception", "stack" } },
  summary  = "{service} logged {event_level}: {event_message}",
}

alert "PythonSlowRequests" {
  priority = "P4",
  value    = logs{ event = "request", duration_ms = gte(0) }:field("duration_ms"):quantile(0.95, "5m"):by("service"),
  fire     = above(2000),
  lasting  = "5m",
  summary  = "{service}: one request in twenty takes {value:number} ms and more",
}
