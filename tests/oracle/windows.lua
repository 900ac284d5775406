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

-- The longest usual step of a group, in seconds: rises with longer ones by half at most, falls
-- to shorter ones over 32 of them. In order of arrival.
local function usual_step(group)
    local known = group.usual or { s = 0, seen = {}, newest = 0 }  -- extended from look to look
    local steps, usual = {}, known.s
    group.usual = known
    for _, series in ipairs(group.series) do
        for i = (known.seen[series] or 0) + 1, #series.steps.t do
            steps[#steps + 1] = { order = series.steps.order[i], t = series.steps.t[i],
                s = i > 1 and series.steps.increment[i]
                    and (series.steps.t[i] - series.steps.t[i - 1]) / 1000 }
        end
        known.seen[series] = #series.steps.t
    end
    table.sort(steps, function(a, b) return a.order < b.order end)
    for _, step in ipairs(steps) do
        local on = math.max(0, step.t - known.newest) / 1000
        if step.s and usual == 0 then usual = step.s
        elseif step.s and step.s > usual then usual = math.min(step.s, usual * 1.5)
        elseif step.s then usual = usual - (usual - step.s) * math.min(1, on / (32 * usual)) end
        known.newest = math.max(known.newest, step.t)
    end
    known.s = usual
    return usual
end

local PANES = { 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600 }
local function pane_of(seconds)
    for _, pane in ipairs(PANES) do if pane >= seconds / 60 then return pane end end
end

-- Increments evenly over their steps, and the seconds that steps cover, pane by pane.
local function lay(group, low, pane, n)
    local grown, covered, any, newest = {}, {}, false, nil
    for k = 1, n do grown[k], covered[k] = 0, 0 end
    for _, series in ipairs(group.series) do
        local steps = series.steps
        newest = math.max(newest or 0, steps.t[#steps.t] or 0)
        for i = store.after(steps.t, low), #steps.t do
            local t, ms = steps.t[i], pane * 1000
            any = any or t <= low + n * ms
            local known = i > 1 and steps.increment[i]
            local from = known and math.max(low, steps.t[i - 1]) or t - 1
            for k = math.max(1, (from - low) // ms), math.min(n, (t - low) // ms + 1) do
                local first, last = low + (k - 1) * pane * 1000, low + k * pane * 1000
                if known then
                    local part = math.min(last, t) - math.max(first, steps.t[i - 1])
                    if part > 0 then
                        covered[k] = covered[k] + part / 1000
                        grown[k] = grown[k] + steps.increment[i] * part / (t - steps.t[i - 1])
                    end
                elseif t > first and t <= last then
                    grown[k] = grown[k] + (steps.increment[i] or 0)
                end
            end
        end
    end
    return grown, covered, any, newest
end

local function sum_of(list, first, last)
    local sum = 0
    for k = first, last do sum = sum + list[k] end
    return sum
end

-- Did all series report at the newest time, `silent` seconds ago?
local function together(covered, pane, n, tail, silent, usual)
    local from = n - tail
    local before = math.min(from, tail)
    local whole = sum_of(covered, from - before + 1, from) / (before * pane)
    if whole <= 0 then return true end
    local missing = tail * pane - sum_of(covered, from + 1, n) / whole
    return math.abs(missing - silent) <= usual / 1000
end

-- What is missing at the newest end has gone on like what is complete before it, if it does not
-- show more already; of one scrape it is known how much is missing.
local function filled_up(grown, covered, pane, n, over, silent, usual)
    local sum, tail = sum_of(grown, 1, n), math.ceil(usual * 1.1 / pane)
    if math.abs(silent) > usual * 1.1 then return sum / over end
    silent = math.max(silent, 0)
    if tail < silent // pane or tail >= n or together(covered, pane, n, tail, silent, usual) then
        return sum / (over > silent and over - silent or over)
    end
    local whole = over - tail * pane
    if whole < over / 4 then return sum / (over - silent) end
    local before = sum_of(grown, 1, n - tail)
    return (before + math.max(sum - before, before / whole * tail * pane)) / over
end

-- Seconds at the oldest end before the first sample, when that is within a step of it.
local function missing_begin(grown, covered, pane, n, usual)
    local most, k = math.ceil(usual * 1.1 / pane), 0
    while k < n and k <= most and grown[k + 1] == 0 and covered[k + 1] == 0 do k = k + 1 end
    if k == 0 or k >= n or k > most or covered[k + 1] <= 0 then return 0 end
    local next_one = covered[k + 2] or 0
    local part = next_one > covered[k + 1] and pane * (1 - covered[k + 1] / next_one) or 0
    return k * pane + part
end

-- Increments by the time that the samples cover; what is sent as an increment is divided by w.
function functions.rate(group, low, high, leaf)
    local seconds = leaf.window / 1000
    if leaf.selector.source == "logs" then return #values(group, low, high) / seconds end
    for _, series in ipairs(group.series) do
        if #series.deltas.t > 0 then
            local sum = functions.increase(group, low, high)
            return sum and sum / seconds
        end
    end
    local pane, usual = pane_of(seconds), usual_step(group)
    local n = seconds // pane
    local grown, covered, any, newest = lay(group, low, pane, n)
    local sum = sum_of(grown, 1, n)
    if sum == 0 and sum_of(covered, 1, n) == 0 and
        not (any and newest > low and newest <= high) then return nil end
    if usual == 0 then return sum / seconds end
    local over = seconds - missing_begin(grown, covered, pane, n, usual)
    if over <= 0 then return sum / seconds end
    return filled_up(grown, covered, pane, n, over, (high - newest) / 1000, usual)
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
    if group.series[1] and group.series[1].gone and not group.shifted then return nil end
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
