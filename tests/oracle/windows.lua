-- The window functions: each takes a group, the window (low, high] in milliseconds and its leaf,
-- and returns a number or nil (missing). They look at every sample again each time; the only aim
-- is to be obviously right.
local store = require "store"

local windows = {}
local functions = {}

-- Calls visit(list, i) for every entry of `list` (ascending in .t) inside (low, high].
local function each_inside(list, low, high, visit)
    for i = store.after(list.t, low), store.after(list.t, high) - 1 do visit(list, i) end
end

-- All values in the window, of every member of the group, each member's in order of time.
local function values(group, low, high)
    local found = {}
    local function add(list, i) if list.v[i] then found[#found + 1] = list.v[i] end end
    each_inside(group.events, low, high, add)
    for _, series in ipairs(group.series) do
        each_inside(series.placed, low, high, add)
        each_inside(series.deltas, low, high, add)
    end
    return found
end

local function total(list)
    local sum = 0
    for _, v in ipairs(list) do sum = sum + v end
    return sum
end

local function mean(list) return total(list) / #list end

function windows.deviation(list)
    local centre, squares = mean(list), 0
    for _, v in ipairs(list) do squares = squares + (v - centre) ^ 2 end
    return math.sqrt(squares / #list)
end

-- Interpolated at rank q * (n - 1).
function windows.quantile(list, q)
    local sorted = table.move(list, 1, #list, 1, {})
    table.sort(sorted)
    local rank = q * (#sorted - 1)
    local below = math.floor(rank)
    local a, b = sorted[below + 1], sorted[math.min(below + 2, #sorted)]
    return a + (b - a) * (rank - below)
end

-- The newest placed or delta entry at or before `high`: time, value (false: ended).
local function newest(series, high)
    local time, value
    for _, list in ipairs { series.placed, series.deltas } do
        local i = store.after(list.t, high) - 1
        if i > 0 and (not time or list.t[i] >= time) then time, value = list.t[i], list.v[i] end
    end
    return time, value
end

-- Time of the newest sample of the group up to `high` (markers of staleness are none), or nil.
function windows.last_seen(group, high)
    local last
    local function consider(list)
        local i = store.after(list.t, high) - 1
        while i > 0 and list.v[i] == false do i = i - 1 end
        if i > 0 and (not last or list.t[i] > last) then last = list.t[i] end
    end
    consider(group.events)
    for _, series in ipairs(group.series) do
        consider(series.placed)
        consider(series.deltas)
    end
    for _, series in ipairs(group.buckets) do
        consider(series.placed)
        consider(series.deltas)
    end
    return last
end

-- ------------------------------------------------------------------ counters

-- What one series grew by; nil when it is cumulative and showed nothing in the window.
local function growth(series, low, high)
    local sum
    if store.after(series.deltas.t, high) > 1 then sum = 0 end   -- a known delta source
    each_inside(series.deltas, low, high, function(list, i) sum = sum + list.v[i] end)
    each_inside(series.steps, low, high, function(list, i)
        sum = (sum or 0) + (list.increment[i] or 0)
    end)
    return sum
end

-- Adds up what `of_one` finds for each series; nil when it finds nothing anywhere.
local function over_series(list, of_one)
    local sum
    for _, series in ipairs(list) do
        local v = of_one(series)
        if v then sum = (sum or 0) + v end
    end
    return sum
end

function functions.increase(group, low, high)
    return over_series(group.series, function(series) return growth(series, low, high) end)
end

function functions.rate(group, low, high, leaf)
    local sum
    if leaf.selector.source == "logs" then sum = #values(group, low, high)
    else sum = functions.increase(group, low, high) end
    return sum and sum / (leaf.window / 1000)
end

-- The last two samples, the newest inside the window.
function functions.irate(group, low, high)
    local series = group.series[1]
    local deltas = store.after(series.deltas.t, high) - 1
    if deltas > 1 and series.deltas.t[deltas] > low then
        local list = series.deltas
        local span = list.t[deltas] - list.t[deltas - 1]
        return span > 0 and list.v[deltas] / (span / 1000) or nil
    end
    local steps = series.steps
    local i = store.after(steps.t, high) - 1
    if i < 2 or steps.t[i] <= low or not steps.increment[i] then return nil end
    return steps.increment[i] / ((steps.t[i] - steps.t[i - 1]) / 1000)
end

local function step_counter(what)
    return function(group, low, high)
        return over_series(group.series, function(series)
            local n
            each_inside(series.steps, low, high, function(steps, i)
                n = (n or 0) + (steps[what][i] and 1 or 0)
            end)
            return n
        end)
    end
end
functions.changes, functions.resets = step_counter "changed", step_counter "dropped"

-- ------------------------------------------------------------------ values

function functions.last(group, low, high)
    local time, value = newest(group.series[1], high)
    return time and time > low and value or nil
end

function functions.since_last(group, _, high)
    local last = windows.last_seen(group, high)
    return last and (high - last) / 1000
end

function functions.count(group, low, high) return #values(group, low, high) end
function functions.sum(group, low, high) return total(values(group, low, high)) end

-- Functions of the values that are missing where there are fewer than `least` of them.
local function of_values(least, f)
    return function(group, low, high, leaf)
        local list = values(group, low, high)
        return #list >= least and f(list, leaf) or nil
    end
end
functions.avg = of_values(1, mean)
functions.min = of_values(1, function(list) return math.min(table.unpack(list)) end)
functions.max = of_values(1, function(list) return math.max(table.unpack(list)) end)
functions.first = of_values(1, function(list) return list[1] end)
functions.delta = of_values(2, function(list) return list[#list] - list[1] end)
functions.stddev = of_values(1, windows.deviation)

-- ------------------------------------------------------------------ histograms

-- { bound, cumulative count } ascending, from the growth of the bucket series; nil when nothing
-- was observed or the +Inf bucket, which holds the total, is not there.
local function buckets(group, low, high)
    local grown = {}
    for _, series in ipairs(group.buckets) do
        local text = series.labels.le or ""
        local bound = text:lower():match("^%+?inf$") and math.huge or tonumber(text)
        local n = growth(series, low, high)
        if bound and n then grown[bound] = (grown[bound] or 0) + n end
    end
    local list = {}
    for bound, n in pairs(grown) do list[#list + 1] = { bound = bound, n = n } end
    table.sort(list, function(a, b) return a.bound < b.bound end)
    for i = 2, #list do list[i].n = math.max(list[i].n, list[i - 1].n) end
    local last = list[#list]
    if not last or last.bound ~= math.huge or last.n <= 0 then return nil end
    return list
end

local function lower_edge(list, i)
    if i > 1 then return list[i - 1].bound, list[i - 1].n end
    return math.min(0, list[1].bound), 0
end

local function histogram_quantile(list, q)
    local rank = q * list[#list].n
    for i, bucket in ipairs(list) do
        if bucket.n > 0 and bucket.n >= rank then
            if bucket.bound == math.huge then return i > 1 and list[i - 1].bound or nil end
            local edge, before = lower_edge(list, i)
            return edge + (bucket.bound - edge) * (rank - before) / (bucket.n - before)
        end
    end
end

local function histogram_fraction(list, limit)
    local all = list[#list].n
    for i, bucket in ipairs(list) do
        local edge, before = lower_edge(list, i)
        if limit < bucket.bound then
            if bucket.bound == math.huge or limit <= edge then return before / all end
            return (before + (bucket.n - before) * (limit - edge) / (bucket.bound - edge)) / all
        end
    end
    return 1
end

local function quantile_of_values(list, leaf) return windows.quantile(list, leaf.q) end

local function fraction_of_values(list, leaf)
    local n = 0
    for _, v in ipairs(list) do if v <= leaf.limit then n = n + 1 end end
    return n / #list
end

local function raw_or_buckets(raw, of_buckets, parameter)
    local of_raw = of_values(1, raw)
    return function(group, low, high, leaf)
        if #group.buckets == 0 then return of_raw(group, low, high, leaf) end
        local list = buckets(group, low, high)
        return list and of_buckets(list, leaf[parameter])
    end
end
functions.quantile = raw_or_buckets(quantile_of_values, histogram_quantile, "q")
functions.fraction_below = raw_or_buckets(fraction_of_values, histogram_fraction, "limit")

windows.functions = functions
windows.reads_buckets = { quantile = true, fraction_below = true }
return windows
