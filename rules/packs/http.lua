-- HTTP services that count requests and time them, as most client libraries do:
--   http_requests_total{service, code, …}   http_request_duration_seconds (classic histogram)

defaults { every = "15s", labels = { pack = "http" } }

local http = m.http_requests_total
local failed = http{ code = re"5.." }

alert "HttpErrorRatioHigh" {
  value   = ratio(failed:increase("5m"):by("service"), http:increase("5m"):by("service"), { min = 50 }),
  fire    = { P1 = above("10%", { clear = "5%" }), P2 = above("5%", { clear = "2%" }) },
  lasting = "2m",
  summary = "{service}: {value:percent} of requests fail",
}

alert "HttpLatencyHigh" {
  priority = "P3",
  value    = m.http_request_duration_seconds:quantile(0.99, "5m"):by("service"),
  fire     = above("1s", { clear = "800ms" }),
  lasting  = "5m",
  summary  = "{service}: the slowest 1% of requests take {value:duration} and more",
}

alert "HttpNoTraffic" {
  priority = "P3",
  value    = http:rate("5m"):by("service"),
  fire     = at_most(0),
  lasting  = "10m",
  summary  = "{service}: no request for ten minutes",
}

-- Three times the traffic of an hour ago, and enough of it to matter.
local rps = http:rate("5m"):by("service")
alert "HttpTrafficSpike" {
  priority = "P4",
  value    = rps / rps:offset("1h"),
  fire     = above(3) & rps:above(10),
  lasting  = "5m",
  summary  = "{service}: {value:x} the requests of an hour ago",
}
