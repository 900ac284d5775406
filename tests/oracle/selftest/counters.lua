-- Increments: windows, resets, gaps, births, markers, late and repeated samples, delta sources.
local C, D = { type = "counter" }, { type = "delta" }
local L = { a = "1" }

local function one(notation, o)
    o = o or {}
    o.type = o.type or "counter"
    return function(case) case:series("c", L, notation, o) end
end

-- series of one source: an old one from 0, and a new one that appears at `from` with value 40
local function born(from, old_labels)
    return function(case)
        case:series("old", old_labels or L, "1x60", C)
        case:series("c", L, "40+1x40", { type = "counter", from = from })
    end
end

return function(T)
    T.values("the example of adjacent windows", 'm.c:increase("1m")', one("1+1x4 9+1x4"),
        { { "20s", 1 }, { "35s", 2 }, { "50s", 3 }, { "65s", 4 }, { "80s", 7 } })
    T.values("a sample at T is in, one at T-w is not", 'm.c:increase("30s")', one("0+1x10"),
        { { "15s", 1 }, { "30s", 2 }, { "31s", 2 }, { "45s", 2 }, { "44s", 2 } })
    T.values("rate divides by w, not by what is covered", 'm.c:rate("1m")', one("0+60x8"),
        { { "15s", 1 }, { "2m", 4 } })
    T.values("the first sample of all is a base", 'm.c:increase("1m")', one("100"),
        { { "10s", 0 }, { "59s", 0 }, { "60s", "missing" } })
    T.values("an empty window of a cumulative counter is missing", 'm.c:increase("30s")',
        one("0 5"), { { "44s", 5 }, { "45s", "missing" } })
    T.values("a drop is a reset, however small", 'm.c:increase("1m")', one("10 20 19 25"),
        { { "45s", 10 + 19 + 6 } })
    T.values("5 minutes are no gap", 'm.c:increase("10m")', one("0 _x19 7"), { { "5m", 7 } })
    T.values("more than 5 minutes are one", 'm.c:increase("10m")', one("0 _x20 7 9"),
        { { "5m15s", 0 }, { "5m30s", 2 } })
    T.values("3 times the usual interval of a slow series", 'm.c:increase("1h")',
        one("0+1x9 _x2 20 _x3 25", { every = "3m" }), { { "36m", 20 }, { "48m", 20 } })
    T.values("a drop across a gap adds nothing", 'm.c:increase("10m")', one("100 _x30 5 6"),
        { { "7m45s", 0 }, { "8m", 1 } })

    T.values("born while its source lives: counts from 0", 'm.c:increase("1m")', born("30s"),
        { { "30s", 40 }, { "45s", 41 } })
    T.values("one earlier time of the source is too few", 'm.c:increase("1m")', born("15s"),
        { { "15s", 0 }, { "30s", 1 } })
    T.values("another instance is another source", 'm.c:increase("1m")',
        born("2m", { a = "1", instance = "x" }), { { "2m", 0 } })
    T.values("another job is another source", 'm.c:increase("1m")',
        born("2m", { a = "1", job = "x" }), { { "2m", 0 } })
    T.values("another metric of the same source is enough", 'm.c:increase("1m")',
        born("2m", { b = "2" }), { { "2m", 40 } })

    T.values("its source restarted: a base", 'm.c:increase("1m")', function(case)
        case:series("c", { b = "2" }, "10+1x8 2+1x20", C)
        case:series("c", L, "40+1x40", { type = "counter", from = "135s" })
    end, { { "135s", 0 }, { "150s", 1 } })
    T.values("two rounds after a restart: a birth", 'm.c:increase("1m")', function(case)
        case:series("c", { b = "2" }, "10+1x8 2+1x20", C)
        case:series("c", L, "40+1x40", { type = "counter", from = "165s" })
    end, { { "165s", 40 }, { "180s", 41 } })
    T.values("its process started anew: a base", 'm.c:increase("1m")', function(case)
        case:series("process_start_time_seconds", L, "1000x8 2000x20")
        case:series("c", L, "40+1x40", { type = "counter", from = "135s" })
    end, { { "135s", 0 }, { "150s", 1 } })
    T.values("its source was silent for long: a base", 'm.c:increase("1m")', function(case)
        case:series("c", { b = "2" }, "10+1x8 _x30 49", C)
        case:series("c", L, "40+1x40", { type = "counter", from = "10m" })
    end, { { "10m", 0 }, { "10m15s", 1 } })

    T.values("a marker, then on within 5 minutes: continues", 'm.c:increase("10m")',
        one("10 stale 13"), { { "30s", 3 } })
    T.values("a marker, then on after 5 minutes: a new base", 'm.c:increase("20m")',
        one("10 stale _x20 13 15"), { { "5m30s", 0 }, { "5m45s", 2 } })
    T.values("a marker keeps what the window has", 'm.c:increase("1m")', one("0 5 stale"),
        { { "30s", 5 }, { "75s", "missing" } })

    T.values("late and repeated samples are ignored", 'm.c:increase("5m")', function(case)
        case:series("c", L, "0 10 20 30", C)
        case:sample("46s", "c", L, "45s", 35, C):sample("47s", "c", L, "20s", 12, C)
        case:sample("60s", "c", L, "60s", 40, C)
    end, { { "47s", 30 }, { "60s", 40 } })
    T.values("it counts when it has arrived", 'm.c:increase("5m")', one("0 10 20", { late = "20s" }),
        { { "20s", 0 }, { "34s", 0 }, { "35s", 10 }, { "50s", 20 } })
    T.values("an hour ahead is brought back to its arrival", 'm.g:since_last()', function(case)
        case:sample("10s", "g", L, "1h", 1)
    end, { { "15s", 5 } })

    T.values("irate: the last two", 'm.c:irate("1m")', one("0 30 90 10"),
        { { "5s", "missing" }, { "30s", 4 }, { "45s", 10 / 15 }, { "100s", 10 / 15 }, { "105s", "missing" } })
    T.values("irate: nobody knows across a gap", 'm.c:irate("1m")', one("0 _x30 90 105"),
        { { "7m45s", "missing" }, { "8m", 1 } })
    T.values("irate: the older may be outside the window", 'm.c:irate("10s")', one("0 30"),
        { { "20s", 2 }, { "25s", "missing" } })

    T.values("changes: with the step from before the window", 'm.c:changes("30s")',
        one("1 2 2 3 1"), { { "15s", 1 }, { "30s", 1 }, { "45s", 1 }, { "60s", 2 }, { "89s", 1 }, { "90s", "missing" } })
    T.values("resets", 'm.c:resets("1m")', one("5 3 3 9 1"), { { "15s", 1 }, { "60s", 2 }, { "75s", 1 } })
    T.values("changes are summed over series", 'm.c:changes("1m"):by()', function(case)
        case:series("c", { a = "1" }, "1 2 3")
        case:series("c", { a = "2" }, "1 1 2")
    end, { { "30s", 3 } })

    T.values("groups add up their series", 'm.c:increase("1m"):by("s")', function(case)
        case:series("c", { s = "x", i = "1" }, "0+1x8", C)
        case:series("c", { s = "x", i = "2" }, "0+2x8", C)
        case:series("c", { i = "3" }, "0+7x8", C)
    end, { { "1m", 12, { s = "x" } } })
    T.values("without", 'm.c:increase("1m"):without("i")', function(case)
        case:series("c", { s = "x", i = "1", z = "z" }, "0+1x8", C)
        case:series("c", { s = "x", i = "2", z = "z" }, "0+2x8", C)
    end, { { "1m", 12, { s = "x", z = "z" } } })

    T.values("delta samples are increments, also twice at one time", 'm.d:increase("1m")',
        function(case)
            case:series("d", L, "5 5 5", D):sample("30s", "d", L, "30s", 2, D)
        end, { { "1s", 5 }, { "30s", 17 }, { "61s", 12 } })
    T.values("a known delta source has 0 in an empty window", 'm.c:increase("1m")', one("5", D),
        { { "2m", 0 }, { "60m", 0 }, { "61m", "absent" } })
    T.values("late delta samples find their place", 'm.d:rate("1m")', function(case)
        case:series("d", L, "60 _x3 60", D):sample("70s", "d", L, "20s", 60, D)
    end, { { "65s", 1 }, { "70s", 2 }, { "80s", 1 } })
end
