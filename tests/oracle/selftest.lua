-- Checks the oracle itself, with results worked out by hand. Prints "oracle: N passed, N failed".
local here = arg[0]:match("^(.*/)[^/]*$") or "./"
package.path = here .. "?.lua;" .. package.path

local engine = require "engine"
local units = require "units"
local vectors = require "vectors"

local T = { passed = 0, failed = 0 }

local function seconds(x) return (units.parse_duration(x) or 0) / 1000 end

-- Samples in the notation of promtool, one every `every` (15 s): "0+5x3" is 0 5 10 15, "7x2" is
-- 7 7 7, "_x4" leaves four out, "stale" ends the series. Options: from, every, type, late (each
-- sample arrives so much later than its time).
local function add_series(feed, name, labels, notation, o)
    o = o or {}
    local at, every = seconds(o.from or 0), seconds(o.every or "15s")
    local function add(v, stale)
        feed[#feed + 1] = { at = (at + seconds(o.late or 0)) * 1000 // 1, t = at * 1000 // 1,
            kind = "sample", name = name, labels = labels, v = v, stale = stale, type = o.type }
        at = at + every
    end
    for token in notation:gmatch("%S+") do
        local first, sign, step, n = token:match("^(-?[%d%.]+)([-+]?)([%d%.]*)x(%d+)$")
        if first then
            local delta = (tonumber(step) or 0) * (sign == "-" and -1 or 1)
            for i = 0, tonumber(n) do add(tonumber(first) + i * delta) end
        elseif token:match("^_") then at = at + every * (tonumber(token:match("x(%d+)")) or 1)
        elseif token == "stale" then add(nil, true)
        else add((assert(tonumber(token), token))) end
    end
end

local Case = {}
Case.__index = Case

-- A case under construction; it looks every `every` (10 s) from 0.
function T.case(rules, o)
    o = o or {}
    return setmetatable({ rules = rules, feed = {}, checks = {}, every = seconds(o.every or "10s"),
        last = 0, extra = o }, Case)
end

function Case:series(...) add_series(self.feed, ...) return self end

function Case:sample(at, name, labels, t, v, o)
    o = o or {}
    table.insert(self.feed, { at = seconds(at) * 1000 // 1, t = seconds(t) * 1000 // 1,
        kind = "sample", name = name, labels = labels, v = v, type = o.type, stale = o.stale })
    return self
end

function Case:log(t, fields, n, at)
    for _ = 1, n or 1 do
        table.insert(self.feed, { at = seconds(at or t) * 1000 // 1, t = seconds(t) * 1000 // 1,
            kind = "event", fields = fields })
    end
    return self
end

-- At `t`, the alert of `rule` with these labels (a part of them is enough) is as `wanted` says:
-- "P2" | "quiet" (not firing) | "absent" | { value =, level =, state =, suppressed = }.
function Case:at(t, rule, labels, wanted)
    table.insert(self.checks, { t = seconds(t), rule = rule, labels = labels, wanted = wanted })
    self.last = math.max(self.last, seconds(t))
    return self
end

local function find(list, labels)
    for _, alert in ipairs(list) do
        local fits = true
        for name, value in pairs(labels) do fits = fits and alert.labels[name] == value end
        if fits then return alert end
    end
end

local function near(a, b)
    if a == nil or b == nil then return a == b end
    return a == b or math.abs(a - b) <= 1e-9 * math.max(math.abs(a), math.abs(b))
end

local function complaint(alert, wanted)
    if wanted == "absent" then return alert and "is there" end
    if wanted == "quiet" then return alert and alert.level and "is " .. alert.level end
    if not alert then return "is not there" end
    if type(wanted) == "string" then wanted = { level = wanted } end
    for key, value in pairs(wanted) do
        local got = alert[key]
        if key == "value" then
            if not near(got, value ~= "missing" and value or nil) then
                return ("value is %s, not %s"):format(tostring(got), tostring(value))
            end
        elseif (got or "ok") ~= value and not (value == false and not got) then
            return ("%s is %s, not %s"):format(key, tostring(got), tostring(value))
        end
    end
end

local function verdict(name, problems)
    if #problems == 0 then
        T.passed = T.passed + 1
        return
    end
    T.failed = T.failed + 1
    print("FAIL  " .. name)
    for _, problem in ipairs(problems) do print("        " .. problem) end
end

local function run_case(self, one_look_each)
    local order = {}
    for i, entry in ipairs(self.feed) do order[entry] = i end
    table.sort(self.feed, function(a, b)
        if a.at ~= b.at then return a.at < b.at end
        return order[a] < order[b]
    end)
    local looks, wanted = {}, {}
    for _, check in ipairs(self.checks) do wanted[check.t * 1000 // 1] = true end
    if one_look_each then
        for t in pairs(wanted) do looks[#looks + 1] = t end
    else
        for t = 0, self.last * 1000 // 1, self.every * 1000 // 1 do looks[#looks + 1] = t end
    end
    table.sort(looks)
    local case = { rules = self.rules, feed = self.feed, looks = looks, start = 0 }
    for key, value in pairs(self.extra) do case[key] = case[key] or value end
    local one, problems, looked = engine.new(case), {}, {}
    for _, now in ipairs(looks) do
        local found = one:look(now)
        looked[now] = true
        for _, check in ipairs(self.checks) do
            if check.t * 1000 // 1 == now then
                local why = complaint(find(found[check.rule], check.labels), check.wanted)
                if why then
                    problems[#problems + 1] = ("at %gs: %s {%s} %s"):format(check.t, check.rule,
                        vectors.key(check.labels), why)
                end
            end
        end
    end
    for t in pairs(wanted) do
        if not looked[t] then problems[#problems + 1] = ("no look at %gs"):format(t / 1000) end
    end
    return problems
end

function Case:run(name)
    local ok, problems = pcall(run_case, self, false)
    verdict(name, ok and problems or { tostring(problems) })
end

-- Values of one expression: `feed(case)` adds the data, `expected` is a list of
-- { time, value or "missing" or "absent", labels or nil }.
function T.values(name, expr, feed, expected)
    local case = T.case('alert "A" { value = ' .. expr .. ", fire = above(1e300) }")
    feed(case)
    for _, row in ipairs(expected) do
        case:at(row[1], "A", row[3] or {}, row[2] == "absent" and "absent" or { value = row[2] })
    end
    local ok, problems = pcall(run_case, case, true)
    verdict(name .. ": " .. expr, ok and problems or { tostring(problems) })
end

function T.equal(name, got, wanted)
    local problem = ("got %s, not %s"):format(tostring(got), tostring(wanted))
    verdict(name, got == wanted and {} or { problem })
end

-- Loading these rules fails with a text that contains `part`.
function T.refused(rules, part)
    local ok, err = pcall(engine.new, { rules = rules, feed = {}, looks = { 0 } })
    if ok then verdict("refused: " .. rules, { "was accepted" })
    else T.equal("refused: " .. rules, tostring(err):find(part, 1, true) and part or err, part) end
end

for _, name in ipairs { "matchers", "counters", "values", "language", "alerts", "examples" } do
    dofile(here .. "selftest/" .. name .. ".lua")(T)
end
print(("oracle: %d passed, %d failed"):format(T.passed, T.failed))
os.exit(T.failed == 0 and 0 or 1)
