-- Queues and workers: queue_length{queue}, queue_oldest_seconds{queue}, jobs_processed_total and
-- jobs_failed_total{queue}; gauges and counters of any job system, or of StatsD.

defaults { every = "15s", labels = { pack = "queue" } }

alert "QueueBacklog" {
  value   = m.queue_length:last():max_by("queue"),
  fire    = { P2 = above(per("queue", { default = 10000 }), { clear = 8000 }), P3 = above(1000, { clear = 800 }) },
  lasting = "10m",
  summary = "{queue}: {value:number} messages wait",
}

alert "QueueOldestMessage" {
  priority = "P3",
  value    = m.queue_oldest_seconds:max("2m"):by("queue"),
  fire     = above("15m", { clear = "5m" }),
  lasting  = "2m",
  summary  = "{queue}: the oldest message has waited {value:duration}",
}

local done = m.jobs_processed_total:increase("10m"):by("queue")
alert "QueueStuck" {
  priority = "P2",
  value    = m.queue_length:last():max_by("queue"),
  fire     = above(0) & done:at_most(0),
  lasting  = "10m",
  summary  = "{queue}: {value:number} messages wait and none is worked on",
}

local bad = m.jobs_failed_total:increase("10m"):by("queue")
alert "JobsFailing" {
  value   = ratio(bad, done, { min = 20 }),
  fire    = { P2 = above("50%", { clear = "30%" }), P3 = above("10%", { clear = "5%" }) },
  lasting = "5m",
  summary = "{queue}: {value:percent} of the jobs fail",
}
