-- Random data: sources that are scraped, fail and restart; their series, with resets, gaps, births, ends,
-- late and repeated samples; log events.
local feed = {}

local SECOND, MINUTE = 1000, 60000

local function copy(labels, more)
    local out = {}
    for name, value in pairs(labels) do out[name] = value end
    for name, value in pairs(more or {}) do out[name] = value end
    return out
end

local SERVICES = { "x", "y" }
local BOUNDS = { "0.1", "0.5", "1", "2.5", "+Inf" }

local function per_service(list)
    local out = {}
    for _, service in ipairs(SERVICES) do
        for _, more in ipairs(list) do out[#out + 1] = copy({ service = service }, more) end
    end
    return out
end

-- What can be asked for by name. `repeats`: a sample of the same time may come again with another
-- value; `late`: samples may arrive after newer ones.
local METRICS = {
    http_total = { kind = "counter", repeats = true, late = true,
        labels = per_service { { code = "200" }, { code = "500" }, { code = "503" } } },
    jobs_total = { kind = "counter", repeats = true, late = true,
        labels = { { queue = "web-1" }, { queue = "web-2" }, { queue = "mail" } } },
    hits = { kind = "delta", labels = per_service { {} }, late = true },
    load = { kind = "gauge", labels = per_service { { disk = "1" }, { disk = "2" } }, late = true },
    size = { kind = "gauge", labels = per_service { {} }, late = true },
    flag = { kind = "flag", labels = per_service { {} } },
    restarts = { kind = "steps", labels = per_service { {} } },
    lat = { kind = "histogram", labels = per_service { {} } },
}

-- ------------------------------------------------------------------ values

local function next_counter(r, v, scrape)
    if scrape.restarted or r:chance(0.02) then return r:int(0, 4) end
    return v + (r:chance(0.2) and 0 or r:int(1, 12))
end

local NEXT = {
    counter = next_counter,
    delta = function(r) return r:int(1, 9) end,
    gauge = function(r, v) return math.max(-20, math.min(120, v + r:int(-40, 40) / 4)) end,
    flag = function(r, v) return r:chance(0.15) and 1 - v or v end,
    steps = function(r, v)
        if r:chance(0.1) then return r:int(0, 3) end
        return r:chance(0.3) and v + 1 or v
    end,
}
local FIRST = {
    counter = function(r) return r:int(0, 60) end,
    delta = function(r) return r:int(1, 9) end,
    gauge = function(r) return r:int(0, 400) / 4 end,
    flag = function(r) return r:int(0, 1) end,
    steps = function(r) return r:int(0, 5) end,
}

-- ------------------------------------------------------------------ series

-- `times`: the scrapes that reached the source. Returns the part of them in which the series is
-- there: perhaps born later, perhaps away for a while.
local function lifetime(r, times)
    local first, away_from, away_to = 1, #times + 1, #times + 1
    if r:chance(0.35) then first = r:int(1, math.max(1, #times // 2)) end
    if r:chance(0.3) then
        away_from = r:int(first + 1, #times + 1)
        away_to = away_from + r:int(1, 40)
    end
    return first, away_from, away_to
end

local function send(out, r, metric, sample, is_first)
    out(sample)
    if is_first then return end
    if metric.late and r:chance(0.04) then
        -- held back on its way: newer ones overtake it
        sample.at = sample.at + r:int(12, 50) * SECOND
    elseif r:chance(0.04) and metric.kind ~= "delta" then
        local again = copy(sample)
        again.at = sample.at + r:int(0, 30) * SECOND
        if metric.repeats then again.v = again.v + r:int(-3, 3) end
        out(again)
    end
end

local function one_series(out, r, name, metric, labels, scrapes)
    local first, away_from, away_to = lifetime(r, scrapes)
    local kind = metric.kind
    local v
    for i = first, #scrapes do
        local scrape = scrapes[i]
        local sample = { at = scrape.at, t = scrape.t, kind = "sample", name = name,
            labels = labels, type = (kind == "counter" or kind == "delta") and kind or "gauge" }
        if i >= away_from and i < away_to or scrape.failed then
            if (i == away_from or scrape.failed == "marked") and v then
                sample.stale = true
                out(sample)
            end
        elseif kind ~= "delta" or r:chance(0.6) then
            local is_first = v == nil
            v = is_first and FIRST[kind](r) or NEXT[kind](r, v, scrape)
            sample.v = v
            send(out, r, metric, sample, is_first)
            if kind == "delta" and r:chance(0.1) then out(copy(sample, { v = r:int(1, 5) })) end
        end
    end
end

-- The buckets of a classic histogram grow, and are reset, together.
local function histogram(out, r, name, labels, scrapes)
    local first = lifetime(r, scrapes)
    local counts = {}
    for i = first, #scrapes do
        local scrape = scrapes[i]
        if not scrape.failed then
            local reset = scrape.restarted or r:chance(0.02)
            local total = 0
            for b, bound in ipairs(BOUNDS) do
                counts[b] = (reset and 0 or counts[b] or 0) + r:int(0, r:pick { 0, 2, 6 })
                total = total + counts[b]
                out { at = scrape.at, t = scrape.t, kind = "sample", name = name .. "_bucket",
                    labels = copy(labels, { le = bound }), v = total, type = "counter" }
            end
        end
    end
end

-- ------------------------------------------------------------------ sources

-- The scrapes of one source: { t, at, failed = nil | "marked" | "silent", restarted }.
local function scrapes_of(r, start, finish, from)
    local interval = r:pick { 10, 10, 15, 15, 30 } * SECOND
    local t = start + from + r:int(0, interval - 1)
    local list, failing, mark = {}, 0, nil
    while t <= finish do
        if failing == 0 and r:chance(0.015) then
            local long = r:chance(0.4)
            failing = (long and r:int(330, 480) or r:int(20, 90)) * SECOND // interval
            mark = r:chance(0.5) and "marked" or "silent"
        end
        local failed
        if failing > 0 then
            failed, failing = mark, failing - 1
            if mark == "marked" then mark = "silent" end
        end
        list[#list + 1] = { t = t, at = t + r:int(0, 2500), failed = failed,
            restarted = r:chance(0.02) }
        t = t + interval
    end
    return list
end

local function events(out, r, start, finish)
    local per_minute = r:pick { 4, 10, 20 }
    local t, n_services = start + r:int(0, MINUTE), r:int(2, 3)
    local quiet_from = start + r:int(2, 20) * MINUTE
    while t < finish do
        if t > quiet_from and r:chance(0.02) then
            t = t + r:int(60, 400) * SECOND
        end
        local fields = { service = ({ "x", "y", "z" })[r:int(1, n_services)],
            level = r:pick { "ERROR", "ERROR", "WARN", "INFO" },
            event = r:pick { "query", "login" } }
        if r:chance(0.7) then fields.ms = tostring(r:int(1, 400)) end
        if r:chance(0.1) then fields.ms = "slow" end
        local late = r:chance(0.05) and r:int(5, 40) * SECOND or 0
        out { at = t + late + r:int(0, 1500), t = t, kind = "event", fields = fields }
        t = t + r:int(1, 120 * SECOND // per_minute)
    end
end

-- Everything that the rules name: `m.NAME` and logs. Returns the feed in order of arrival.
function feed.make(r, rules, start, finish)
    local list = {}
    local function out(entry)
        list[#list + 1] = entry
        entry.order = #list
    end
    local names, seen = {}, {}
    for name in rules:gmatch("m%.([%w_]+)") do
        if METRICS[name] and not seen[name] then names[#names + 1], seen[name] = name, true end
    end
    for i = 1, #names > 0 and r:int(1, 3) or 0 do
        local from = i > 1 and r:chance(0.3) and r:int(60, 400) * SECOND or 0
        local scrapes = scrapes_of(r, start, finish, from)
        local identity = { job = "app", instance = "i" .. i }
        for _, name in ipairs(names) do
            local metric = METRICS[name]
            for _, labels in ipairs(metric.labels) do
                local all = copy(labels, identity)
                if metric.kind == "histogram" then histogram(out, r, name, all, scrapes)
                elseif r:chance(0.85) then
                    one_series(out, r, name, metric, all, scrapes)
                end
            end
        end
    end
    if rules:find("logs{", 1, true) then events(out, r, start, finish) end
    table.sort(list, function(a, b)
        if a.at ~= b.at then return a.at < b.at end
        return a.order < b.order
    end)
    for _, entry in ipairs(list) do entry.order = nil end
    return list
end

return feed
