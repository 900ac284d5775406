-- Starter rules: six that watch a web shop (tocsin demo), quick enough that a demo does not bore.
-- Change a limit and save: it runs within a second. For rules made for production see the files
-- beside this one; they look longer before they call somebody.

defaults { lasting = "5s", every = "5s" }

local http = m.http_requests_total

alert "HighErrorRate" {
  priority = "P1",
  value    = ratio(http{ code = re"5.." }:increase("10s"):by("service"),
                   http:increase("10s"):by("service"), { min = 20 }),
  fire     = above("2%"),
  summary  = "{service}: {value:percent} of requests fail",
}

alert "HighLatencyP99" {
  priority = "P2",
  value    = m.http_request_duration_seconds:quantile(0.99, "30s"):by("service"),
  fire     = above("400ms", { clear = "300ms" }),
  summary  = "{service}: the slowest 1% of requests take {value:duration} and more",
}

alert "OrdersWaiting" {
  priority = "P2",
  value    = m.queue_length:last():max_by("queue"),
  fire     = above(1000, { clear = 800 }),
  summary  = "{queue}: {value:number} messages wait",
}

alert "DiskNearlyFull" {
  value   = m.node_filesystem_avail_bytes / m.node_filesystem_size_bytes,
  fire    = { P2 = below("3%"), P3 = below("8%") },
  lasting = "30s",
  summary = "{instance} {mountpoint}: {value:percent} of the disk is left",
}

alert "MemoryNearlyGone" {
  value   = m.node_memory_MemAvailable_bytes / m.node_memory_MemTotal_bytes,
  fire    = { P2 = below("3%"), P3 = below("6%") },
  lasting = "30s",
  summary = "{instance}: {value:percent} of memory is left",
}

alert "ErrorLogBurst" {
  priority = "P3",
  value    = logs{ level = one_of{ "ERROR", "FATAL" } }:count("1m"):by("service"),
  fire     = above(50, { clear = 20 }),
  attach   = { events = 3, fields = { "exception", "message", "trace_id", "request_id" } },
  summary  = "{service}: {value:number} errors in a minute, the last: {event_message}",
}
