-- Whole rules as people write them, on stories of some minutes. Looks every 15 s.
local function case(T, rules) return T.case(rules, { every = "15s", type = "counter" }) end

local HIGH_ERROR_RATE = [[
local http = m.http_requests_total
alert "HighErrorRate" {
    priority = "P1",
    value = ratio(http{ code = re"5.." }:increase("2m"):by("service"),
                  http:increase("2m"):by("service"), { min = 50 }),
    fire = above("2%", { clear = "1%" }),
    lasting = "2m",
}
]]

local function api(code) return { service = "api", code = code } end

local function error_rates(T)
    case(T, HIGH_ERROR_RATE)
        :series("http_requests_total", api "200", "0+95x60")
        :series("http_requests_total", api "500", "0x8 5+5x20 105x31")
        :series("http_requests_total", { service = "tiny", code = "500" }, "0+1x60")
        :at("2m", "HighErrorRate", {}, "quiet")
        :at("5m", "HighErrorRate", { service = "api" }, "P1")
        :at("5m", "HighErrorRate", { service = "tiny" }, "quiet")
        :at("11m", "HighErrorRate", {}, "quiet")
        :run("5 % of requests fail for 2 minutes, thin traffic does not count")
    case(T, HIGH_ERROR_RATE)
        :series("http_requests_total", api "200", "0+30x60")
        :series("http_requests_total", api "503", "40+4x30", { from = "4m" })
        :at("3m", "HighErrorRate", { service = "api" }, { value = 0, level = "ok" })
        :at("4m", "HighErrorRate", { service = "api" }, { value = 40 / 280 })
        :at("7m", "HighErrorRate", { service = "api" }, "P1")
        :run("no error series is no error; one born at 40 counts 40")
    case(T, HIGH_ERROR_RATE .. [[
        alert "DeployRunning" { notify = false, value = m.deploy:last():max_by("service"), fire = above(0) }
        alert "ErrorsWithoutDeploy" { priority = "P2",
            fire = firing("HighErrorRate", { by = { "service" } })
                 & ~firing("DeployRunning", { by = { "service" } }) }]])
        :series("http_requests_total", api "200", "0+95x60")
        :series("http_requests_total", api "500", "0+9x60")
        :series("http_requests_total", { service = "web", code = "200" }, "0+95x60")
        :series("http_requests_total", { service = "web", code = "500" }, "0+9x60")
        :series("deploy", { service = "web", build = "7" }, "1x60", { type = "gauge" })
        :at("8m", "ErrorsWithoutDeploy", { service = "api" }, "P2")
        :at("8m", "ErrorsWithoutDeploy", { service = "web" }, "quiet")
        :run("errors without a running deploy")
end

local function gauges(T)
    case(T, 'alert "QueueBacklog" { value = m.queue_length, fire = above(1000), lasting = "10m" }')
        :series("queue_length", { queue = "mail" }, "5x4 1500x40", { type = "gauge" })
        :series("queue_length", { queue = "pdf" }, "1500x30 900 1500x20", { type = "gauge" })
        :at("11m", "QueueBacklog", { queue = "mail" }, "quiet")
        :at("11m15s", "QueueBacklog", { queue = "mail" }, "P3")
        :at("11m15s", "QueueBacklog", { queue = "pdf" }, "quiet")
        :run("a queue above 1000 for 10 minutes, not 9")
    case(T, [[alert "CpuHigh" { value = m.cpu:avg("5m"), lasting = "2m", clear_after = "10m",
            fire = { P2 = above("95%", { clear = "85%" }), P3 = above("85%", { clear = "75%" }) } }]])
        :series("cpu", { host = "a" }, "0.9x39 0.8x39 0.5x120", { type = "gauge" })
        :at("1m45s", "CpuHigh", { host = "a" }, "quiet"):at("2m", "CpuHigh", { host = "a" }, "P3")
        :at("18m", "CpuHigh", { host = "a" }, "P3"):at("30m30s", "CpuHigh", { host = "a" }, "P3")
        :at("30m45s", "CpuHigh", { host = "a" }, "quiet")
        :run("hysteresis and slow recovery")
    case(T, 'alert "TargetMissing" { priority = "P1", lasting = "1m", fire = m.up:equals(0) & m.up:sum_by("job"):above(0) }')
        :series("up", { job = "a", instance = "1" }, "1x4 0x20", { type = "gauge" })
        :series("up", { job = "a", instance = "2" }, "1x24", { type = "gauge" })
        :series("up", { job = "b", instance = "1" }, "1x4 0x20", { type = "gauge" })
        :at("4m", "TargetMissing", { job = "a", instance = "1" }, "P1")
        :at("4m", "TargetMissing", { job = "a", instance = "2" }, "quiet")
        :at("4m", "TargetMissing", { job = "b" }, "quiet")
        :run("a target is missing unless its whole job is")
    case(T, [[local time = m.optime
        alert "Lag" { priority = "P1", fire = above("30s"),
            value = (time{ state = "PRIMARY" }:max_by("set") - time{ state = "SECONDARY" }) / 1000 }]])
        :series("optime", { set = "r", state = "PRIMARY", name = "p" }, "100000x20", { type = "gauge" })
        :series("optime", { set = "r", state = "SECONDARY", name = "s1" }, "99000x20", { type = "gauge" })
        :series("optime", { set = "r", state = "SECONDARY", name = "s2" }, "50000x20", { type = "gauge" })
        :at("2m", "Lag", { name = "s2" }, { level = "P1", value = 50 })
        :at("2m", "Lag", { name = "s1" }, "quiet")
        :run("the primary is broadcast over the secondaries")
    local osds = case(T, 'alert "OsdDown" { priority = "P1", value = m.osd_up:equals(0):share_by(), fire = at_least("10%") }')
    for i = 1, 20 do
        osds:series("osd_up", { daemon = "osd." .. i }, i <= 2 and "1x4 0x20" or "1x24", { type = "gauge" })
    end
    osds:at("30s", "OsdDown", {}, "quiet"):at("3m", "OsdDown", {}, { level = "P1", value = 0.1 })
        :run("a share of all")
end

local function logs(T)
    local burst = [[local errors = logs{ level = one_of{ "ERROR", "FATAL" } }
        alert "Burst" { value = errors{ fingerprint = present }:count("5m"):by("service", "fingerprint"),
            fire = { P2 = above(100), P3 = above(20) } }]]
    case(T, burst)
        :log("1m", { level = "ERROR", service = "api", fingerprint = "a" }, 150)
        :log("1m", { level = "FATAL", service = "api", fingerprint = "b" }, 30)
        :log("1m", { level = "INFO", service = "api", fingerprint = "c" }, 500)
        :log("1m", { level = "ERROR", service = "api" }, 500)
        :at("2m", "Burst", { fingerprint = "a" }, "P2"):at("2m", "Burst", { fingerprint = "b" }, "P3")
        :at("2m", "Burst", { fingerprint = "c" }, "absent"):at("7m", "Burst", {}, "quiet")
        :run("levels per fingerprint")
    local rates = case(T, [[alert "ErrorRate" { value = logs{ level = "ERROR" }:rate("5m"):by("service"), lasting = "5m",
        fire = above(per("service", { default = 1, checkout = 0.1, ["batch-*"] = 20 })) }]])
    for i = 1, 60 do
        local at = i * 15 .. "s"
        for service, n in pairs { checkout = 3, web = 3, ["batch-7"] = 60 } do
            rates:log(at, { level = "ERROR", service = service }, n)
        end
    end
    rates:at("12m", "ErrorRate", { service = "checkout" }, "P3"):at("12m", "ErrorRate", { service = "web" }, "quiet")
        :at("12m", "ErrorRate", { service = "batch-7" }, "quiet"):run("limits per label")
    local flat = case(T, [[alert "Flatline" { value = logs{ service = one_of{ "billing", "checkout" } }:count("10m"):by("service"),
        fire = below(1), expect = { { service = "billing" }, { service = "checkout" } } }]])
    for i = 1, 60 do flat:log(i * 15 .. "s", { service = "billing" }) end
    flat:at("12m", "Flatline", { service = "checkout" }, "P3"):at("12m", "Flatline", { service = "billing" }, "quiet")
        :at("25m", "Flatline", { service = "billing" }, "P3"):run("silence of a service that must log")
    case(T, [[alert "HeartbeatLost" { value = m.heartbeat:since_last():by("job"), fire = above("5m"), missing = "fire",
        expect = { { job = "backup" }, { job = "billing" } } }]])
        :series("heartbeat", { job = "backup" }, "1x8", { type = "gauge" })
        :at("5m", "HeartbeatLost", { job = "billing" }, "quiet")
        :at("6m", "HeartbeatLost", { job = "billing" }, "P3"):at("6m", "HeartbeatLost", { job = "backup" }, "quiet")
        :at("8m", "HeartbeatLost", { job = "backup" }, "P3"):run("a heartbeat lost, and one never seen")
end

local function checkout(T)
    local health = case(T, [[
        local http = m.requests
        alert "CheckoutHealth" {
            inputs = { err = http{ code = re"5.." }:rate("5m"):by("region"), all = http:rate("5m"):by("region"),
                queue = m.queue_length{ queue = "orders" }:last():max_by() },
            when = function(i, g)
                if i.all < 1 then return nil end
                local err = i.err / i.all
                if err > 0.20 or err > 0.05 and i.queue > 5000 then return "P1", err end
                if err > 0.05 then return "P2", err end
                return "ok", err
            end,
            lasting = "3m", clear_after = "5m" }]])
    for _, region in ipairs { "eu", "us" } do
        health:series("requests", { region = region, code = "200" }, "0+90x60")
        health:series("requests", { region = region, code = "500" }, region == "eu" and "0+8x60" or "0x60")
    end
    health:series("queue_length", { queue = "orders" }, "100x30 6000x30", { type = "gauge" })
        :at("7m", "CheckoutHealth", { region = "eu" }, { level = "P2", value = 8 / 98 })
        :at("7m", "CheckoutHealth", { region = "us" }, "quiet")
        :at("12m", "CheckoutHealth", { region = "eu" }, "P1")
        :run("a decision in Lua with a total beside groups")
end

return function(T)
    error_rates(T)
    gauges(T)
    logs(T)
    checkout(T)
end
