-- Functions of values, histograms, logs; what is known and what is missing.
local L = { a = "1" }

local function gauge(notation, o)
    return function(case) case:series("g", L, notation, o) end
end

local function two(notation_1, notation_2)
    return function(case)
        case:series("g", { s = "x", i = "1" }, notation_1)
        case:series("g", { s = "x", i = "2" }, notation_2)
    end
end

-- counts per bucket in (…, 1], (1, 2], (2, 4], (4, +Inf], observed between 15 s and 30 s
local function histogram(labels, counts)
    return function(case)
        local total = 0
        for i, le in ipairs { "1", "2", "4", "+Inf" } do
            total = total + counts[i]
            local all = { le = le }
            for name, value in pairs(labels) do all[name] = value end
            case:series("h_bucket", all, ("100 100 %d"):format(100 + total), { type = "counter" })
        end
    end
end

local function both(...)
    local list = { ... }
    return function(case) for _, f in ipairs(list) do f(case) end end
end

local function values_of_g(T)
    local data = gauge("1 9 4 6")
    for expr, wanted in pairs {
        ["sum('45s')"] = 19, ["count('45s')"] = 3, ["avg('1m')"] = 5, ["min('30s')"] = 4,
        ["max('1m')"] = 9, ["first('45s')"] = 9, ["delta('1m')"] = 5, ["last()"] = 6,
        ["stddev('30s')"] = 1, ["quantile(0.5, '1m')"] = 5, ["quantile(1, '1m')"] = 9,
        ["quantile(0.1, '1m')"] = 1.9, ["fraction_below(4, '1m')"] = 0.5, ["since_last()"] = 0,
        ["first('15s')"] = 6, ["delta('15s')"] = "missing", ["stddev('15s')"] = 0,
    } do
        T.values("1 9 4 6", "m.g:" .. expr, data, { { "45s", wanted } })
    end
    for expr, wanted in pairs {
        ["sum('1m')"] = 0, ["count('1m')"] = 0, ["avg('1m')"] = "missing", ["min('1m')"] = "missing",
        ["max('1m')"] = "missing", ["first('1m')"] = "missing", ["last('1m')"] = "missing",
        ["last('10m')"] = 6, ["stddev('1m')"] = "missing", ["quantile(0.5, '1m')"] = "missing",
        ["changes('1m')"] = "missing", ["since_last()"] = 255,
    } do
        T.values("empty window", "m.g:" .. expr, data, { { "5m", wanted } })
    end
end

return function(T)
    values_of_g(T)
    T.values("last looks back over (T-5m, T]", "m.g", gauge("7"), { { "299s", 7 }, { "300s", "missing" } })
    T.values("a known group is forgotten in time", "m.g:count('1m')", gauge("7"),
        { { "1h", 0 }, { "3601s", "absent" } })
    T.values("twice the window, if that is longer", "m.g:count('45m')", gauge("7"),
        { { "90m", 0 }, { "5401s", "absent" } })
    T.values("a marker ends it at once", "m.g", gauge("7 stale 8"), { { "14s", 7 }, { "15s", "missing" }, { "30s", 8 } })
    T.values("a marker is no sample", "m.g:count('1m')", gauge("7 stale"), { { "30s", 1 } })
    T.values("of one time the last written stays", "m.g:sum('1m')", function(case)
        case:series("g", L, "1 2"):sample("16s", "g", L, "15s", 5)
    end, { { "15s", 3 }, { "16s", 6 } })
    T.values("late ones find their place", "m.g:first('20s')", function(case)
        case:series("g", L, "1 2 3"):sample("31s", "g", L, "12s", 9)
    end, { { "30s", 2 }, { "31s", 9 }, { "32s", 2 } })
    T.values("a late one is not the last", "m.g", function(case)
        case:series("g", L, "1 2"):sample("16s", "g", L, "14s", 9)
    end, { { "16s", 2 } })
    T.values("offset", "m.g:offset('30s')", gauge("1 2 3"), { { "29s", "missing" }, { "30s", 1 }, { "60s", 3 } })
    T.values("offset", "m.g:avg('30s'):offset('1m')", gauge("1 2 3"), { { "75s", 1.5 }, { "90s", 2.5 } })

    local pair = two("1 2 3", "10 20")
    for expr, wanted in pairs { ["sum('1m')"] = 36, ["count('1m')"] = 5, ["avg('1m')"] = 7.2,
        ["min('1m')"] = 1, ["max('1m')"] = 20, ["quantile(0.5, '1m')"] = 3, ["since_last()"] = 0,
        ["fraction_below(2, '1m')"] = 0.4 } do
        T.values("merged", "m.g:" .. expr .. ":by('s')", pair, { { "30s", wanted, { s = "x" } } })
    end
    T.values("merged deviation", "m.g:stddev('1m'):by()", two("1 3", "5 7"), { { "15s", math.sqrt(5) } })

    -- 10 observations: 2, 4, 3, 1
    local h = histogram({ s = "x" }, { 2, 4, 3, 1 })
    for q, wanted in pairs { [0] = 0, [0.1] = 0.5, [0.2] = 1, [0.4] = 1.5, [0.75] = 3, [0.9] = 4, [0.95] = 4 } do
        T.values("histogram", ("m.h:quantile(%g, '1m')"):format(q), h, { { "30s", wanted, { s = "x" } } })
    end
    for limit, wanted in pairs { [0] = 0, [0.5] = 0.1, [1] = 0.2, [1.5] = 0.4, [3] = 0.75, [4] = 0.9, [9] = 0.9 } do
        T.values("histogram", ("m.h:fraction_below(%g, '1m')"):format(limit), h, { { "30s", wanted } })
    end
    T.values("histograms merge", "m.h:quantile(0.5, '1m'):by()",
        both(histogram({ s = "x" }, { 2, 0, 0, 0 }), histogram({ s = "y" }, { 0, 0, 2, 0 })),
        { { "30s", 1 } })
    T.values("no observation is no answer", "m.h:quantile(0.5, '1m')", h, { { "20s", "missing" }, { "2m", "missing" } })
    T.values("nothing in the first buckets", "m.h:quantile(0, '1m')", histogram({}, { 0, 0, 2, 0 }), { { "30s", 2 } })
    T.values("without +Inf there is no total", "m.h:quantile(0.5, '1m')", function(case)
        case:series("h_bucket", { le = "1" }, "0 5", { type = "counter" })
    end, { { "15s", "missing" } })

    T.values("buckets never fall", "m.h:quantile(0.75, '1m')", function(case)
        for le, n in pairs { ["1"] = 4, ["2"] = 2, ["4"] = 8, ["+Inf"] = 8 } do
            case:series("h_bucket", { le = le }, "0 " .. n, { type = "counter" })
        end
    end, { { "15s", 3 } })
    T.values("below zero there is no lower edge", "m.h:quantile(0.25, '1m')", function(case)
        case:series("h_bucket", { le = "-1" }, "0 2", { type = "counter" })
        case:series("h_bucket", { le = "+Inf" }, "0 4", { type = "counter" })
    end, { { "15s", -1 } })

    local function events(case)
        case:log("10s", { level = "ERROR", service = "a", ms = "40" }, 3)
        case:log("20s", { level = "ERROR", service = "a" })
        case:log("20s", { level = "ERROR", service = "b", ms = 8 })
        case:log("20s", { level = "INFO", service = "c", ms = 8 })
        case:log("15s", { level = "ERROR", service = "a", ms = "x" }, 1, "25s")
    end
    local errors = 'logs{ level = "ERROR" }'
    T.values("events", errors .. ":count('1m'):by('service')", events,
        { { "20s", 4, { service = "a" } }, { "25s", 5, { service = "a" } }, { "70s", 2, { service = "a" } },
          { "74s", 2, { service = "a" } }, { "75s", 1, { service = "a" } }, { "5m", 0, { service = "a" } },
          { "24h", 0, { service = "b" } }, { "30s", 1, { service = "b" } },
          { "30s", "absent", { service = "c" } } })
    T.values("events", errors .. ":rate('1m'):by()", events, { { "30s", 0.1 } })
    T.values("fields that are numbers", errors .. ":field('ms'):avg('1m'):by()", events, { { "30s", 32 } })
    T.values("fields that are numbers", errors .. ":field('ms'):count('1m'):by('service')", events,
        { { "30s", 3, { service = "a" } } })
    T.values("matchers of events", "logs{ ms = gte(10) }:count('1m'):by()", events, { { "30s", 3 } })
    T.values("a group without the label", "logs{}:count('1m'):by('ms')", events,
        { { "30s", 2, { ms = "8" } }, { "30s", 3, { ms = "40" } } })
end
