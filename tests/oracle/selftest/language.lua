-- Operators, matching of groups, conditions in three values.
local function g(name, labels, notation) return function(case) case:series(name, labels, notation) end end
local function all(...)
    local list = { ... }
    return function(case) for _, f in ipairs(list) do f(case) end end
end

local data = all(g("a", { s = "x" }, "6x20"), g("a", { s = "y" }, "-2.5x20"),
    g("b", { s = "x" }, "4x20"), g("b", { s = "z" }, "0x20"), g("zero", { s = "x" }, "0x20"))

local X, Y, Z = { s = "x" }, { s = "y" }, { s = "z" }

local EXPRESSIONS = {
    { "m.a + m.b", { X, 10 }, { Y, "missing" }, { Z, "missing" } },
    { "m.a - m.b", { X, 2 } }, { "m.a * 2", { X, 12 } }, { "2 ^ m.b", { X, 16 } },
    { "m.a % m.b", { X, 2 } }, { "m.a / m.b", { X, 1.5 } }, { "-m.a", { X, -6 } },
    { "m.a / m.zero", { X, "missing" } }, { "m.a % m.zero", { X, "missing" } },
    { "(m.a - 100) ^ 0.5", { X, "missing" } }, { "1e308 * m.a", { X, "missing" } },
    { "ratio(m.a, m.b)", { X, 1.5 }, { Y, "missing" }, { Z, "missing" } },
    { "ratio(m.none, m.b)", { X, 0 }, { Z, "missing" } },
    { "ratio(m.a, m.b, { min = 4 })", { X, 1.5 } }, { "ratio(m.a, m.b, { min = 5 })", { X, "missing" } },
    { "max_of(m.a, m.b)", { X, 6 }, { Y, "missing" } }, { "max_of(m.b, 5)", { X, 5 } },
    { "min_of(m.a, 5, m.b)", { X, 4 } }, { "coalesce(m.b, m.a)", { X, 4 }, { Y, -2.5 }, { Z, 0 } },
    { "m.a:abs()", { Y, 2.5 } }, { "m.a:floor()", { Y, -3 } }, { "m.a:ceil()", { Y, -2 } },
    { "m.a:round()", { Y, -3 }, { X, 6 } }, { "m.a:clamp(0, 5)", { X, 5 }, { Y, 0 } },
    { "m.b:default(9) + m.a", { X, 10 }, { Y, 6.5 }, { Z, "missing" } },
    { "m.a:where(m.a:above(0))", { X, 6 }, { Y, "missing" } },
    { "m.a:where(m.b:above(0))", { X, 6 }, { Y, "missing" } },
    { "now() - m.b", { X, 56 } }, { "const('2%') + 0", { {}, 0.02 } },
    { "m.a:sum_by() + m.a", { X, 9.5 }, { Y, 1 } },
    { "m.a:count_by()", { {}, 2 } }, { "m.a:avg_by()", { {}, 1.75 } }, { "m.a:min_by()", { {}, -2.5 } },
    { "m.a:max_without('s')", { {}, 6 } }, { "m.a:stddev_by()", { {}, 4.25 } },
    { "m.a:quantile_by(0.5)", { {}, 1.75 } },
    { "m.a:above(0):share_by()", { {}, 0.5 } }, { "m.a:above(0):count_by('s')", { X, 1 }, { Y, 0 } },
}

-- a condition over m.a (x: 6, y: -2.5) and m.b (x: 4, z: 0): what it is for x, y, z
local t, f, u = true, false, "unknown"
local CONDITIONS = {
    { "m.a:above(6)", f, f }, { "m.a:at_least(6)", t, f }, { "m.a:below(6)", f, t },
    { "m.a:at_most(6)", t, t }, { "m.a:equals(6)", t, f }, { "m.a:differs(6)", f, t },
    { "m.a:between(-2.5, 0)", f, t }, { "m.a:outside(-2.5, 5)", t, f },
    { "m.a:above(m.b)", t, u, u }, { "m.a:above('600%')", f, f },
    { "m.a:above(0) & m.b:above(0)", t, f, f }, { "m.a:above(-9) & m.b:above(-9)", t, u, u },
    { "m.a:above(0) | m.b:equals(0)", t, u, t }, { "~(m.a:above(0) & m.b:equals(4))", f, t, t },
    { "~m.a:above(0)", f, t }, { "(m.a + m.b):missing()", f, t, t },
    { "(m.a + m.b):missing() | m.a:above(0)", t, t, t },
    { "m.a:above(per('s', { default = 9, x = 5 }))", t, f },
    { "m.a:above(per('s', { default = -9, ['x*'] = 7, ['*'] = -1 }))", f, f },
    { "m.a:above(0) & m.a:max_by():above(5)", t, f },
}

local function matching(T)
    local per_disk = all(g("used", { host = "h", disk = "1" }, "5x9"), g("used", { host = "h", disk = "2" }, "8x9"),
        g("size", { host = "h" }, "10x9"), g("size", { host = "i" }, "10x9"))
    T.values("fewer labels go to all", "m.used / m.size", per_disk,
        { { "1m", 0.5, { disk = "1" } }, { "1m", 0.8, { disk = "2" } }, { "1m", "missing", { host = "i" } } })
    T.values("whichever side", "m.size - m.used", per_disk, { { "1m", 2, { disk = "2" } } })
    local two_sizes = all(g("used", { host = "h", disk = "1" }, "5x9"), g("size", { host = "h" }, "10x9"),
        g("size", {}, "20x9"))
    T.values("the most labels in common win", "m.used / m.size", two_sizes, { { "1m", 0.5, { disk = "1" } } })
    local looked = require "engine".new { feed = {}, looks = { 0 },
        rules = 'alert "A" { value = m.used + m.size, fire = above(0) }' }
    for _, entry in ipairs { { "used", { host = "h", disk = "1" } }, { "size", { host = "h" } } } do
        looked.store:take { at = 0, kind = "sample", name = entry[1], labels = entry[2], v = 1 }
    end
    T.equal("what was broadcast is no group of its own", #looked:look(0).A, 1)
    T.values("known labels", "m.used:max('1m'):by('host', 'disk') / m.size:max('1m'):by('host')", per_disk,
        { { "1m", 0.5, { disk = "1" } }, { "1m", "absent", { host = "i" } } })
    T.values("nothing of a total is 0", "ratio(m.used:max('1m'):by('host'), m.size:max('1m'):by('host'))",
        per_disk, { { "1m", 0, { host = "i" } }, { "1m", 0.8, { host = "h" } } })
    T.values("on", "m.used{ disk = '1' }:on('host') / m.size", per_disk, { { "1m", 0.5, { host = "h" } } })
    T.values("on, two become one", "m.used:on('host')", per_disk, { { "1m", "missing", { host = "h" } } })
    T.values("without", "m.used:sum_without('disk')", per_disk, { { "1m", 13, { host = "h" } } })
    local case = T.case("alert 'A' { value = m.used:max('1m'):by('disk') + m.size:max('1m'):by('host'), fire = above(0) }")
    per_disk(case)
    T.equal("labels that do not fit", (pcall(function()
        local one = require "engine".new { rules = case.rules, feed = case.feed, looks = { 0 } }
        one:look(0)
    end)), false)
end

return function(T)
    for _, row in ipairs(EXPRESSIONS) do
        local expected = {}
        for i = 2, #row do expected[i - 1] = { "1m", row[i][2], row[i][1] } end
        T.values("expression", row[1], data, expected)
    end
    for _, row in ipairs(CONDITIONS) do
        local case = T.case('alert "A" { fire = ' .. row[1] .. " }")
        data(case)
        for i, labels in ipairs { X, Y, Z } do
            local wanted = row[i + 1]
            if wanted == t then case:at("1m", "A", labels, "P3")
            elseif wanted == f then case:at("1m", "A", labels, { state = "ok" })
            elseif wanted == u then case:at("1m", "A", labels, { state = "nodata" }) end
        end
        case:run("condition " .. row[1])
    end
    matching(T)
    T.refused('alert "A" { value = m.a:last():by("s"), fire = above(1) }', "ambiguous")
    T.refused('alert "A" { value = m.a, fire = above(1), lastin = "5m" }', "unknown key")
    T.refused('alert "A" { fire = firing("B") }', "unknown rule")
    T.refused('alert "A" { fire = firing("B") } alert "B" { fire = firing("A") }', "circle")
    T.refused('alert "A" { value = m.a:rat("5m"), fire = above(1) }', "no method")
    T.refused('alert "A" { value = m.a, fire = m.a > 5 }', "comparisons")
    T.refused('alert "A" { value = m.a:quantile(99, "5m"), fire = above(1) }', "between 0 and 1")
end
