-- Random rules. Each template is a function of the random numbers that returns the text of a rule
-- file whose first rule is named "A". Limits carry a crumb (".13") where sums of rounded numbers
-- could otherwise meet them exactly, so that two right evaluators cannot disagree.
local templates = {}

local f = string.format

local function window(r) return r:pick { "1m", "2m", "5m", "10m" } end
local function short(r) return r:pick { "1m", "2m" } end

-- keys that any rule may carry
local function keys(r)
    local out = {}
    if r:chance(0.5) then out[#out + 1] = f('lasting = "%s"', r:pick { "10s", "30s", "1m", "2m" }) end
    if r:chance(0.4) then out[#out + 1] = f('clear_after = "%s"', r:pick { "20s", "1m", "3m" }) end
    if r:chance(0.4) then out[#out + 1] = f('missing = "%s"', r:pick { "keep", "clear", "fire" }) end
    if #out == 0 then return "" end
    return ", " .. table.concat(out, ", ")
end

local function rule(r, value, fire) return f('alert "A" { value = %s, fire = %s%s }', value, fire, keys(r)) end

local function group(r, ...)
    local choices = { "", ':by("service")', ":by()", ':without("instance", "job")', ... }
    return r:pick(choices)
end

local VALUE_LIMITS = { "20.13", "45.13", "60.13" }

function templates.counters(r)
    local w = window(r)
    local seconds = ({ ["1m"] = 60, ["2m"] = 120, ["5m"] = 300, ["10m"] = 600 })[w]
    local name, limit = r:pick { "increase", "rate" }, r:pick { 0.1, 0.3, 1 } * seconds + 0.13
    if name == "rate" then limit = limit / seconds end
    local selector = r:pick { "m.http_total", 'm.http_total{ code = re"5.." }', "m.jobs_total" }
    local by = group(r, ':by("code")', ':by("service", "code")')
    return rule(r, f('%s:%s("%s")%s', selector, name, w, by), f("above(%.17g)", limit))
end

function templates.irate(r) return rule(r, f('m.http_total:irate("%s")', short(r)), "above(0.413)") end

function templates.steps(r)
    return rule(r, f('m.restarts:%s("%s")%s', r:pick { "changes", "resets" }, window(r), group(r)),
        f("above(%d)", r:int(0, 6)))
end

function templates.values(r)
    local name = r:pick { "sum", "count", "avg", "min", "max", "stddev", "first", "delta" }
    local by = (name == "first" or name == "delta") and "" or group(r, ':by("service", "disk")')
    local limit = name == "count" and r:int(2, 30) .. ".5" or r:pick(VALUE_LIMITS)
    return rule(r, f('m.load:%s("%s")%s', name, window(r), by), f("above(%s)", limit))
end

function templates.last(r)
    return rule(r, r:pick { "m.load", 'm.load:last("1m")', 'm.load:last("2m"):offset("1m")' },
        r:pick { "above(40)", "below(30)", "at_least(50)", "between(20, 60)", "outside(10, 80)" })
end

function templates.quantiles(r)
    local name = r:pick { f("quantile(%s, ", r:pick { "0", "0.25", "0.5", "0.95", "1" }), "fraction_below(45.1, " }
    return rule(r, f('m.load:%s"%s")%s', name, short(r), group(r)),
        name:find "quantile" and "above(45.13)" or "above(0.4513)")
end

function templates.since_last(r)
    return rule(r, "m.load:since_last()" .. group(r), f("above(%d.0005)", r:int(8, 60)))
end

function templates.aggregates(r)
    local input = r:pick { "m.load", 'm.load:avg("2m")', 'm.http_total:rate("1m")' }
    local op = r:pick { "sum", "avg", "min", "max", "count", "stddev" }
    local labels = r:pick { '_by("service")', "_by()", '_without("instance")', '_by("service", "instance")' }
    local call = r:chance(0.2) and ':quantile_by(0.5, "service")' or ":" .. op .. labels
    local wanted = op == "count" and "3.5" or input:find "rate" and "0.713" or "45.13"
    return rule(r, input .. call, f("above(%s)", wanted))
end

function templates.ratio(r)
    local w, options = window(r), r:pick { "", ", { min = 20 }", ", { min = 100 }" }
    local by = r:pick { ':by("service")', ":by()", ':by("instance", "service")' }
    local value = r:chance(0.8)
        and f('ratio(m.http_total{ code = re"5.." }:increase("%s")%s, m.http_total:increase("%s")%s%s)', w, by, w, by, options)
        or f('ratio(m.load:sum("1m"):by("service"), m.size:sum("1m"):by("service")%s)', options)
    return rule(r, value, 'above("61.3%", { clear = "57.7%" })')
end

function templates.arithmetic(r)
    return rule(r, r:pick {
        'm.load:max("2m"):by("service", "instance") - m.load:avg("2m"):by("service")',
        'm.load:max("1m"):by("service") / m.size:avg("1m"):by("service")',
        'm.http_total:increase("2m"):by("service", "code") / m.http_total:increase("2m"):by("service")',
        'm.load:count("1m"):by("service") * 3 + 2 ^ m.flag:sum("1m"):by("service") - 10',
        '-m.load:min("1m"):by("service") % 7', 'm.load - m.load:sum_by("service")',
        "m.size / m.flag", 'now() - m.restarts:since_last() - 1700000000',
    }, r:pick { "above(0.513)", "above(12.13)", "below(-3.13)" })
end

function templates.functions(r)
    return rule(r, r:pick {
        'max_of(m.load:max("1m"):by("service"), m.size:max("1m"):by("service"))',
        'min_of(m.load:min("1m"):by("service"), m.size, 60)', 'max_of(m.size, 45)',
        'coalesce(m.size:last("30s"), m.size:avg("5m"))', 'coalesce(m.flag, m.restarts, 3)',
        "(m.size - 50):abs()", "m.size:clamp(10, 70)", 'm.http_total:rate("1m"):round()',
        "(m.size / 7):floor()", "(m.size / 7):ceil() * 7", 'm.load:avg("1m"):by("service"):default(50)',
        'm.size:max("1m"):by("service"):default(0) + m.load:max("1m"):by("service")',
        "m.size:where(m.flag:equals(1))", 'm.load:sum("2m"):by("service"):where(m.flag:max_by("service"):above(0))',
        'm.load:avg("2m"):offset("1m")', 'm.http_total:increase("1m"):by("service") - m.http_total:increase("1m"):by("service"):offset("2m")',
    }, r:pick { "above(45.13)", "above(10.13)", "below(31.13)" })
end

function templates.on(r)
    return rule(r, 'm.size{ instance = "i1" }:on("service") - m.load:avg("1m"):by("service")', "above(5.13)")
end

function templates.levels(r)
    local value = r:pick { "m.size", 'm.load:avg("1m"):by("service")', 'm.load:max("2m"):by("service")' }
    return rule(r, value, r:pick {
        "{ P1 = above(80), P2 = above(60), P4 = above(40) }",
        '{ P1 = above(70, { clear = 55 }):lasting("30s"), P3 = above(50, { clear = 35 }) }',
        '{ P2 = below(20, { clear = 30 }), P3 = below(40, { clear = 45 }):lasting("1m") }',
    })
end

function templates.hysteresis(r)
    return rule(r, "(m.size / 5):floor()", r:pick { "above(12, { clear = 8 })", "below(8, { clear = 12 })",
        "at_least(12, { clear = 9 })", "at_most(7, { clear = 11 })" })
end

function templates.kleene(r)
    local a = r:pick { "m.size:above(50)", 'm.load:avg("1m"):by("service", "instance"):above(50.13)' }
    local b = r:pick { 'm.flag:last("20s"):equals(1)', 'm.size:last("20s"):below(60)', 'm.flag:differs(0)' }
    local c = r:pick { 'm.restarts:changes("1m"):above(1)', 'm.size:last("15s"):missing()' }
    if a:find "by" then
        b = 'm.flag:last("20s"):max_by("service", "instance"):equals(1)'
        c = 'm.size:last("20s"):min_by("service", "instance"):missing()'
    end
    return f('alert "A" { fire = %s%s }', f(r:pick { "%s & %s", "%s | %s", "~(%s & %s) & %s", "(%s | %s) & ~%s",
        "~%s | (%s & %s)" }, a, b, c), keys(r))
end

function templates.lasting(r)
    return f('alert "A" { fire = m.size:above(45):lasting("%s") & m.flag:equals(1)%s }',
        r:pick { "20s", "1m" }, keys(r))
end

function templates.shares(r)
    local labels = r:pick { "", '"service"', '"instance"' }
    return rule(r, f("m.load:above(50):%s(%s)", r:pick { "share_by", "count_by" }, labels), "above(0.6)")
end

function templates.firing(r)
    local below = 'alert "Z" { value = m.load:max("1m"):by("service", "instance"), fire = { P2 = above(80), P4 = above(50) }, lasting = "20s", clear_after = "30s" } '
    local by = r:pick { '{ "service" }', '{ "service", "instance" }', "{}" }
    local level = r:pick { "", ', level = "P2"' }
    local fire = f('firing("Z", { by = %s%s })', by, level)
    if by == '{ "service" }' then
        fire = r:pick { fire, 'm.size:max_by("service"):above(40) & ~' .. fire }
    end
    return below .. f('alert "A" { fire = %s%s }', fire, r:chance(0.5) and ', lasting = "30s"' or "")
end

function templates.missing(r)
    local forget = r:chance(0.4) and ', forget = "6m"' or ""
    return f('alert "A" { value = %s, fire = %s, missing = "%s"%s }', r:pick { 'm.size:last("30s")',
        'm.load:max("1m"):by("service", "instance")' }, r:pick { "above(40)", "{ P2 = above(70), P5 = above(30) }" },
        r:pick { "keep", "clear", "fire" }, forget)
end

function templates.absent(r)
    return f('alert "A" { fire = %s%s }', r:pick { 'm.size:last("1m"):missing()', 'm.size:last("30s"):max_by():missing()',
        '(m.size:last("30s") / m.flag:last("1m")):missing()' }, r:chance(0.5) and ', lasting = "20s"' or "")
end

function templates.expected(r)
    return r:pick {
        'alert "A" { value = logs{ level = "ERROR" }:count("1m"):by("service"), fire = below(2), expect = { { service = "x" }, { service = "z" }, { service = "never" } } }',
        'alert "A" { value = m.load:since_last():by("service"), fire = above(90), expect = { { service = "x" }, { service = "never" } } }',
        'alert "A" { value = m.load:max("1m"):by("service"), fire = above(50), missing = "fire", expect = { { service = "x" }, { service = "never" } } }',
    }
end

function templates.unless(r)
    return f('alert "A" { value = m.load:avg("1m"):by("service", "instance"), fire = above(45.13), unless = %s }',
        r:pick { 'm.flag:max_by("service"):equals(1)', 'm.flag:max_by("instance", "service"):equals(0)', 'm.size:max_by():above(60)' })
end

function templates.per(r)
    return rule(r, 'm.jobs_total:increase("2m"):by("queue")', 'above(per("queue", { default = 20, mail = 60, ["web-*"] = 45 }))')
end

function templates.when(r)
    return f([[alert "A" { inputs = { err = m.http_total{ code = re"5.." }:increase("2m"):by("service")%s,
    all = m.http_total:increase("2m"):by("service"), size = m.size:last():max_by() },
  when = function(i, g)
    if i.all < 20 then return nil end
    local share = i.err / i.all
    if g.level ~= "ok" and share > 0.55 then return g.level, share end
    if share > 0.713 or (share > 0.6 and i.size > 60) then return "P1", share end
    if share > 0.613 then return "P3", share end
    return "ok", share
  end%s }]], r:pick { "", ":default(0)" }, keys(r))
end

function templates.limit(r)
    return f('alert "A" { value = m.http_total:increase("5m"), fire = above(-1), limit = %d }', r:int(1, 6))
end

function templates.logs(r)
    local by = r:pick { ':by("service")', ":by()", ':by("service", "level")' }
    local value = r:pick { f('logs{}:count("%s")', window(r)), f('logs{ level = one_of{ "ERROR", "WARN" } }:rate("%s") * 60', window(r)),
        f('logs{ ms = gte(100) }:count("%s")', short(r)), f('logs{ event = "query" }:field("ms"):avg("%s") / 20', short(r)),
        f('logs{}:field("ms"):max("%s") / 40', window(r)), f('logs{ level = is_not("INFO") }:field("ms"):sum("%s") / 200', short(r)),
        f('logs{}:field("ms"):quantile(0.9, "%s") / 40', short(r)), "logs{}:since_last()" }
    local first, rest = value:match("^(.-)( [*/] %d+)$")
    return rule(r, (first or value) .. by .. (rest or ""), f("above(%d.13)", r:int(2, 12)))
end

function templates.histograms(r)
    local what = r:pick { "quantile(0.5, ", "quantile(0.9, ", "quantile(0.99, ", "fraction_below(0.7, ", "fraction_below(1, " }
    return rule(r, f('m.lat:%s"%s")%s', what, short(r), group(r)), f("above(%s)", r:pick { "0.613", "0.413", "1.313" }))
end

function templates.deltas(r)
    return rule(r, f('m.hits:%s("1m")%s', r:pick { "increase", "sum", "count" }, group(r)), "below(9.5)")
end

function templates.comparisons(r)
    return rule(r, "m.restarts", r:pick { "equals(2)", "differs(2)", "at_least(3)", "at_most(1)", "between(1, 3)",
        "outside(1, 4)", 'above(m.flag:last() + 1)', "above('300%')" })
end

function templates.matchers(r)
    local selector = r:pick { 'm.jobs_total{ queue = glob"web-*" }', 'm.jobs_total{ queue = re"(web-[12]|none)" }',
        'm.jobs_total{ queue = is_not(contains"web") }', 'm.jobs_total{ queue = all_of{ present, is_not"mail" } }',
        'm.http_total{ code = gte(500), zone = "" }', 'm.http_total{ code = lt(300) }', 'm.http_total{ code = one_of{ "200", "503" } }',
        'm.http_total{ code = re"5\\\\d+" }{ service = is_not"y" }', "m.http_total{ service = present, zone = is_not(present) }" }
    return rule(r, selector .. ':increase("2m")', "above(20)")
end

-- Readings of the specification that an engine may share or not; only with `strict`.
templates.contested = {
    added_level = function() return 'alert "A" { value = m.size:last("30s"), fire = { P2 = above(60) }, missing = "P5" }' end,
    mixed_levels = function(r)
        return f('alert "A" { fire = { P1 = m.flag:last("20s"):equals(1), P3 = m.size:above(40) }, missing = "%s" }', r:pick { "fire", "clear", "keep", "P1", "P3", "P4" })
    end,
    long_quantiles = function() return 'alert "A" { value = m.lat:quantile(0.9, "5m"):by("service"), fire = above(0.6) }' end,
}

return templates
