-- Levels, timers, hysteresis, missing data, expected groups, firing(), unless, limit, when.
-- All cases look every 10 s unless they say otherwise; `q` is scraped every 10 s.
local EVERY = { every = "10s" }
local H = { host = "a" }

local function rule(text) return 'alert "A" { value = m.q, ' .. text .. " }" end

local function q(text, notation)
    return text and function(T) return T.case(rule(text)):series("q", H, notation, EVERY) end
end

local function states(T, name, make, rows)
    local case = make(T)
    for _, row in ipairs(rows) do case:at(row[1], "A", row[3] or H, row[2]) end
    case:run(name)
end

local function timers(T)
    states(T, "lasting counts from the first look that holds", q("fire = above(5), lasting = '30s'", "9x20"),
        { { "0s", { state = "pending" } }, { "20s", { state = "pending", level = "ok" } }, { "30s", "P3" } })
    states(T, "one look without it starts over", q("fire = above(5), lasting = '30s'", "9x1 1 9x20"),
        { { "10s", { state = "pending" } }, { "20s", { state = "ok" } }, { "50s", { state = "pending" } }, { "60s", "P3" } })
    states(T, "unknown neither runs nor resets", q("fire = above(5), lasting = '30s'", "9 9 stale stale 9 9 9 9"),
        { { "20s", { state = "pending" } }, { "50s", { state = "pending" } }, { "60s", "P3" } })
    states(T, "clear_after", q("fire = above(5), clear_after = '30s'", "9 1 1 9 1 1 1 1 1"),
        { { "0s", "P3" }, { "20s", "P3" }, { "40s", "P3" }, { "60s", "P3" }, { "70s", "quiet" } })
    states(T, "so does clear_after", q("fire = above(5), clear_after = '30s'", "9 1 1 stale stale 1 1 1 1"),
        { { "40s", "P3" }, { "60s", "P3" }, { "70s", "quiet" } })
    states(T, "every level has its own timer",
        q("fire = { P1 = above(8):lasting('20s'), P2 = above(5) }, lasting = '10s'", "9x9"),
        { { "0s", { state = "pending" } }, { "10s", "P2" }, { "20s", "P1" } })
    states(T, "escalation does not wait, the way down does",
        q("fire = { P1 = above(8), P3 = above(5) }, clear_after = '20s'", "6 9 6 6 6 1 1 1"),
        { { "0s", "P3" }, { "10s", "P1" }, { "30s", "P1" }, { "40s", "P3" }, { "60s", "P3" }, { "70s", "quiet" } })
    states(T, "the lower level may still be waiting",
        q("fire = { P1 = above(8):lasting('10s'), P3 = above(5):lasting('40s') }", "9 9 6 6 6"),
        { { "10s", "P1" }, { "20s", { state = "pending" } }, { "40s", "P3" } })
    states(T, "lasting inside a condition", q("fire = m.q:above(5):lasting('20s') & m.q:below(9)", "7 7 7 1 7 7 7"),
        { { "10s", "quiet" }, { "20s", "P3" }, { "30s", "quiet" }, { "50s", "quiet" }, { "60s", "P3" } })
end

local function hysteresis(T)
    states(T, "stays until clear, equal to clear clears", q("fire = above(5, { clear = 3 })", "6 5 4 3.5 3 4 5 6"),
        { { "0s", "P3" }, { "30s", "P3" }, { "40s", "quiet" }, { "60s", "quiet" }, { "70s", "P3" } })
    states(T, "downwards", q("fire = below(5, { clear = 7 })", "5 4 6 7 6 5 4"),
        { { "0s", "quiet" }, { "10s", "P3" }, { "20s", "P3" }, { "30s", "quiet" }, { "50s", "quiet" }, { "60s", "P3" } })
    states(T, "the bit survives missing data", q("fire = above(5, { clear = 3 }), missing = 'clear'", "6 stale 4 2 4"),
        { { "0s", "P3" }, { "10s", "quiet" }, { "20s", "P3" }, { "30s", "quiet" }, { "40s", "quiet" } })
    states(T, "each group has its own", function(T)
        return T.case(rule "fire = above(5, { clear = 3 })"):series("q", H, "6 4", EVERY)
            :series("q", { host = "b" }, "4 4", EVERY)
    end, { { "10s", "P3" }, { "10s", "quiet", { host = "b" } } })
end

local function missing(T)
    states(T, "keep", q("fire = above(5)", "6 stale stale 6 1"),
        { { "10s", { level = "P3", state = "firing", value = "missing" } }, { "40s", "quiet" } })
    states(T, "keep, however long", q("fire = above(5)", "6"), { { "5m", "P3" }, { "3h", "P3" } })
    states(T, "forget counts from the last sample", q("fire = above(5), forget = '10m'", "6 6"),
        { { "590s", "P3" }, { "600s", "P3" }, { "610s", "absent" }, { "620s", "absent" } })
    states(T, "clear does not wait", q("fire = above(5), missing = 'clear', clear_after = '5m'", "6 stale"),
        { { "0s", "P3" }, { "10s", { state = "nodata" } } })
    states(T, "fire takes the most severe level", q("fire = { P2 = above(8), P4 = above(5) }, missing = 'fire'", "1 stale 1"),
        { { "0s", "quiet" }, { "10s", "P2" }, { "20s", "quiet" } })
    states(T, "or the one that is named", q("fire = { P2 = above(8), P4 = above(5) }, missing = 'P5'", "1 stale 9"),
        { { "10s", "P5" }, { "20s", "P2" } })
    states(T, "fire when none holds and one is unknown", function(T)
        return T.case('alert "A" { fire = { P1 = m.q:above(5), P3 = m.r:above(5) }, missing = "fire" }')
            :series("q", H, "1 1 1 9", EVERY):series("r", H, "1 stale 1 1", EVERY)
    end, { { "0s", "quiet" }, { "10s", "P1" }, { "20s", "quiet" }, { "30s", "P1" } })
    states(T, "a level of its own is off while another holds", function(T)
        return T.case('alert "A" { fire = { P2 = m.q:above(5), P3 = m.r:above(5) }, missing = "P1" }')
            :series("q", H, "9 9", EVERY):series("r", H, "1 stale", EVERY)
    end, { { "0s", "P2" }, { "10s", "P2" } })
    states(T, "a total is there from the start, and not forgotten", function(T)
        return T.case('alert "A" { value = m.q:max("10s"):by(), fire = above(5), missing = "fire", forget = "1m" }')
            :series("q", H, "_x3 1", EVERY)
    end, { { "0s", "P3", {} }, { "30s", "quiet", {} }, { "50s", "P3", {} }, { "5m", "P3", {} } })
    states(T, "fire waits as the level does", q("fire = above(5), missing = 'fire', lasting = '20s'", "1 stale"),
        { { "10s", { state = "pending" } }, { "30s", "P3" } })
    states(T, "fire is forgotten as well", q("fire = above(5), missing = 'fire', forget = '2m'", "1 stale"),
        { { "110s", "P3" }, { "120s", "absent" }, { "130s", "absent" } })
    states(T, "missing() of a total", function(T)
        return T.case('alert "A" { fire = m.q:max_by():missing() }'):series("q", H, "_x3 1", EVERY)
    end, { { "0s", "P3", {} }, { "30s", "quiet", {} } })
end

local function expected(T)
    states(T, "expected events are 0", function(T)
        return T.case('alert "A" { value = logs{}:count("1m"):by("s"), fire = below(1), expect = { { s = "x" }, { s = "y" } } }')
            :log("5s", { s = "x" })
    end, { { "10s", { value = 1, level = "ok" }, { s = "x" } }, { "0s", "P3", { s = "y" } }, { "70s", "P3", { s = "x" } } })
    states(T, "the last value is missing, never 0", function(T)
        return T.case('alert "A" { value = m.q:last():max_by("s"), fire = below(1), expect = { { s = "x" } } }')
    end, { { "10s", { value = "missing", state = "nodata" }, { s = "x" } } })
    states(T, "since_last counts from the start", function(T)
        return T.case('alert "A" { value = m.q:since_last():by("s"), fire = above("20s"), expect = { { s = "x" } } }')
    end, { { "20s", { value = 20, level = "ok" }, { s = "x" } }, { "30s", "P3", { s = "x" } } })
    states(T, "the expected are not forgotten", function(T)
        return T.case('alert "A" { value = m.q:max("1m"):by("host"), fire = above(5), missing = "fire", forget = "1m", expect = { { host = "a" } } }')
            :series("q", H, "1", EVERY)
    end, { { "50s", "quiet" }, { "5m", "P3" } })
end

local BELOW = [[
alert "Load" { value = m.q, fire = { P2 = above(8), P4 = above(5) } }
]]

local function composite(T)
    local function two(text)
        return function(T)
            return T.case(BELOW .. 'alert "A" { ' .. text .. " }")
                :series("q", { host = "a", disk = "1" }, "6 9 1", EVERY)
                :series("q", { host = "b", disk = "1" }, "1x5", EVERY)
        end
    end
    states(T, "firing, at the same instant", two 'fire = firing("Load", { by = { "host" } })',
        { { "0s", "P3" }, { "10s", "P3" }, { "20s", { state = "ok" } }, { "0s", "quiet", { host = "b" } } })
    states(T, "firing at a level", two 'fire = firing("Load", { by = { "host" }, level = "P2" })',
        { { "0s", "quiet" }, { "10s", "P3" }, { "20s", "quiet" } })
    states(T, "firing anywhere", two 'fire = firing("Load", { by = {} })',
        { { "0s", "P3", {} }, { "20s", { state = "ok" }, {} } })
    states(T, "not firing", two 'fire = m.q:max_by("host"):below(5) & ~firing("Load", { by = { "host" } })',
        { { "0s", "quiet" }, { "0s", "P3", { host = "b" } }, { "20s", "P3" } })
    states(T, "unless holds only messages back",
        two 'fire = m.q:max_by("host"):above(5), unless = firing("Load", { by = { "host" }, level = "P2" })',
        { { "0s", { level = "P3", suppressed = false } }, { "10s", { level = "P3", suppressed = true } } })
    states(T, "unknown does not suppress", two 'fire = m.q:above(0), unless = m.none:max_by():above(0)',
        { { "0s", { level = "P3", suppressed = false } } })
end

local WHEN = [[
alert "A" {
    inputs = { err = m.err, all = m.all:max_by("host") },
    when = function(i, g)
        if i.all < 10 then return nil end
        if i.all > 900 then return i.misspelt end
        local r = i.err / i.all
        if g.level ~= "ok" and r > 0.1 then return g.level, r end
        if r > 0.5 then return "P1", r elseif r > 0.2 then return "P2", r end
        return r > 0.15 or "ok", r
    end,
    lasting = "10s", priority = "P4",
}]]

local function functions(T)
    local function make(err, total)
        return function(T)
            return T.case(WHEN):series("err", H, err, EVERY):series("all", { host = "a", x = "y" }, total, EVERY)
        end
    end
    states(T, "a verdict in Lua", make("30x9", "100x9"),
        { { "0s", { state = "pending", value = 0.3 } }, { "10s", "P2" } })
    states(T, "true is the rule's priority", make("18x9", "100x9"), { { "10s", "P4" } })
    states(T, "the function sees the level", make("30x3 15x3 5x3", "100x20"),
        { { "60s", "P2" }, { "80s", "quiet" } })
    states(T, "no verdict is no data", make("30x2 30x9", "100 100 5x3 100"),
        { { "20s", { level = "P2", value = "missing" } }, { "50s", "P2" } })
    states(T, "an error changes nothing", make("30x9", "100 100 1000 1000"), { { "30s", "P2" } })
    states(T, "not even with missing = clear", function(T)
        return T.case [[alert "A" { inputs = { q = m.q }, missing = "clear",
            when = function(i) return i.q > 5 and (i.q < 9 or i.nothing) end }]]
            :series("q", H, "6 9 stale", EVERY)
    end, { { "0s", "P3" }, { "10s", "P3" }, { "20s", "quiet" } })
    states(T, "a missing input is no verdict", make("30x9", "_ 100 100"),
        { { "0s", { state = "nodata" } }, { "20s", "P2" } })
    states(T, "worse verdicts leave the timers of the milder ones running", function(T)
        return T.case [[alert "A" { inputs = { q = m.q }, lasting = "20s", clear_after = "10s",
            when = function(i) return i.q > 8 and "P1" or i.q > 5 and "P3" or "ok" end }]]
            :series("q", H, "6 9 9 9 6 6 1 1", EVERY)
    end, { { "10s", "quiet" }, { "20s", "P3" }, { "30s", "P1" }, { "40s", "P1" }, { "50s", "P3" },
        { "60s", "P3" }, { "70s", "quiet" } })
    states(T, "state of a group", function(T)
        return T.case [[alert "A" { inputs = { q = m.q }, state = { n = 0 },
            when = function(i, g) g.state.n = g.state.n + i.q; return g.state.n > 5, g.state.n end }]]
            :series("q", H, "2x5", EVERY):series("q", { host = "b" }, "1x5", EVERY)
    end, { { "20s", { level = "P3", value = 6 } }, { "20s", { level = "ok", value = 3 }, { host = "b" } } })
end

local function limits(T)
    local case = T.case(rule "fire = above(5), limit = 2")
    case:series("q", { host = "c" }, "6x5", EVERY):series("q", { host = "b" }, "6x5", EVERY)
    case:series("q", { host = "a" }, "6x5", { every = "10s", from = "10s" })
    case:at("0s", "A", { host = "c" }, "P3"):at("20s", "A", { host = "b" }, "P3"):at("20s", "A", H, "absent")
    case:run("the groups that came first stay")
    T.case(rule "fire = above(5), limit = 1")
        :series("q", { host = "c" }, "6x5", EVERY):series("q", { host = "b" }, "6x5", EVERY)
        :at("0s", "A", { host = "c" }, "P3"):at("0s", "A", { host = "b" }, "absent")
        :run("first by arrival, not by label")
    T.case('alert "A" { value = const(1), fire = above(0) }'):at("0s", "A", {}, "P3"):run("a constant")
    T.case('local hot = above(5) alert "A" { value = m.q, fire = hot } alert "B" { value = m.p, fire = hot }')
        :series("q", H, "6x5"):series("p", H, "1x5")
        :at("10s", "A", H, "P3"):at("10s", "B", H, "quiet"):run("a condition shared by two rules")
    T.case('defaults{ priority = "P1", lasting = "10s" } ' .. rule "fire = above(5)")
        :series("q", H, "6x5"):at("0s", "A", H, "quiet"):at("10s", "A", H, "P1"):run("defaults")
end

return function(T)
    timers(T)
    hysteresis(T)
    missing(T)
    expected(T)
    composite(T)
    functions(T)
    limits(T)
end
