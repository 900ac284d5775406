test("a quarter of the requests failing pages within seconds, a few do not", function(t)
  for _, service in ipairs { "checkout", "cart" } do
    t:series("http_requests_total", { service = service, code = "200" }, "0+40x60", { every = "1s" })
  end
  t:series("http_requests_total", { service = "checkout", code = "500" }, "0x10 10+10x49", { every = "1s" })
  t:series("http_requests_total", { service = "cart", code = "500" }, "0x30 1x29", { every = "1s" })
  t:at("10s"):quiet("HighErrorRate")
  t:at("30s"):fires("HighErrorRate", { service = "checkout" }, "P1")
             :with{ value = near(0.2, 0.01), message = has"20%" }
             :quiet("HighErrorRate", { service = "cart" })
end)

test("errors among too few requests do not page", function(t)
  t:series("http_requests_total", { service = "tiny", code = "500" }, "0+1x60", { every = "1s" })
  t:at("1m"):quiet("HighErrorRate")
end)

test("a service gets slow", function(t)
  t:timer("http_request_duration_seconds", { service = "search" }, "1s", { 0.05, 0.06, 0.05, 0.07 })
  t:timer("http_request_duration_seconds", { service = "search" }, "20s", { 0.9, 1.1, 1.3, 0.8 })
  t:at("10s"):quiet("HighLatencyP99")
  t:at("30s"):fires("HighLatencyP99", { service = "search" }, "P2")
end)

test("a queue fills up and is worked off", function(t)
  t:series("queue_length", { queue = "orders" }, "10x5 1500x5 900x3 100x5", { every = "5s" })
  t:at("20s"):quiet("OrdersWaiting")
  t:at("45s"):fires("OrdersWaiting", { queue = "orders" }, "P2"):with{ value = 1500 }
  t:at("62s"):fires("OrdersWaiting", { queue = "orders" })
  t:at("80s"):quiet("OrdersWaiting")
end)

test("a disk fills up", function(t)
  local disk = { instance = "db-1", mountpoint = "/" }
  t:series("node_filesystem_size_bytes", disk, "100x40", { every = "5s" })
  t:series("node_filesystem_avail_bytes", disk, "20x10 7x10 2x20", { every = "5s" })
  t:at("45s"):quiet("DiskNearlyFull")
  t:at("95s"):fires("DiskNearlyFull", { instance = "db-1" }, "P3")
  t:at("150s"):fires("DiskNearlyFull", { instance = "db-1" }, "P2")
end)

test("memory runs out", function(t)
  t:series("node_memory_MemTotal_bytes", { instance = "db-1" }, "16x30", { every = "5s" })
  t:series("node_memory_MemAvailable_bytes", { instance = "db-1" }, "8x5 0.8x25", { every = "5s" })
  t:at("25s"):quiet("MemoryNearlyGone")
  t:at("80s"):fires("MemoryNearlyGone", { instance = "db-1" }, "P3")
end)

test("errors in the logs, with the last message", function(t)
  local function error(n)
    return { level = "ERROR", service = "checkout", message = "order not placed", trace_id = "t" .. n }
  end
  for i = 1, 20 do t:log(i .. "s", error(i), 4) end
  t:log("1s", { level = "INFO", service = "web", message = "hello" }, 500)
  t:at("10s"):quiet("ErrorLogBurst")
  t:at("30s"):fires("ErrorLogBurst", { service = "checkout" }, "P3")
             :with{ message = has"order not placed" }
             :quiet("ErrorLogBurst", { service = "web" })
end)
