-- Everything that has arrived, kept whole. A series keeps its samples three ways, because the
-- window functions ask three different questions:
--   placed  by their own time; of several with one time the last written stays (of a counter
--           the first, whose increment is known); `false` marks
--           the end of the series (staleness). Gauges and, for their values, counters.
--   steps   in order of arrival, late and repeated ones ignored: each with the increment since
--           the one before it, or none where nobody knows it. Counters, changes, resets.
--   deltas  by their own time, all of them: samples that are increments themselves.
local vectors = require "vectors"
local matchers = require "matchers"

local store = {}
store.__index = store

local STALENESS_MS = 5 * 60000
local FUTURE_MS = 60000
local ROUND_MS = 1000
local USUAL_OF = 8             -- the usual interval is the median of this many

-- `selectors`: those of all rules; what none of them wants is not followed.
function store.new(defaults, selectors)
    return setmetatable({ defaults = defaults or {}, selectors = selectors or {}, series = {}, by_key = {}, sources = {},
        events = {}, n_taken = 0 }, store)
end

-- Position of the first time after `t` in an ascending list.
function store.after(times, t)
    local low, high = 1, #times + 1
    while low < high do
        local middle = (low + high) // 2
        if times[middle] <= t then low = middle + 1 else high = middle end
    end
    return low
end

local function insert(list, t, v)
    local at = store.after(list.t, t)
    table.insert(list.t, at, t)
    table.insert(list.v, at, v)
end

local function place(placed, t, v, kind)
    local at = store.after(placed.t, t) - 1
    if placed.t[at] ~= t then
        insert(placed, t, v)
    elseif kind ~= "counter" or not placed.v[at] then
        placed.v[at] = v
    end
end

-- A round is all samples within a second of the first. A source begins with its first round, after a
-- silence of more than 5 min and 3 times its usual interval, and with a round in which its process
-- started anew: most counters that can tell fell, or its start time moved.
local function restarts(round)
    return round.moved or round.fell > round.held
end

local function open_round(source, t)
    local newest = source.newest
    local gap = newest and t - newest.t
    if gap and gap < ROUND_MS then return end
    local usual = source.usual
    source.newest = { t = t, fell = 0, held = 0 }
    if not newest or gap > STALENESS_MS and gap > 3 * usual then
        source.shown = { t }
    else
        if restarts(newest) then source.shown = { newest.t } end
        table.insert(source.shown, t)
    end
    if gap then
        source.usual = usual == 0 and gap or (usual + math.min(gap, 4 * usual)) // 2
    end
end

local function witness(series, t, v, kind)
    local source, steps = series.source, series.steps
    local round, n = source.newest, #series.steps.t
    if t < round.t then return end
    if series.name == "process_start_time_seconds" then
        if source.started and v > source.started + 2 then round.moved = true end
        source.started = math.max(source.started or v, v)
    end
    if kind ~= "counter" or not series.followed or n == 0 or t <= steps.t[n] then return end
    if v < steps.v[n] then round.fell = round.fell + 1
    elseif steps.v[n] > 0 then round.held = round.held + 1 end
end

-- Alive: two rounds were shown before this time, and it has not just begun anew.
local function was_alive(source, t)
    local second = source.shown[2]
    return second ~= nil and t - second >= ROUND_MS
        and not (t >= source.newest.t and restarts(source.newest))
end

local function usual_interval(intervals)
    local n = #intervals
    local last = table.move(intervals, math.max(1, n - USUAL_OF + 1), n, 1, {})
    table.sort(last)
    if #last == 0 then return 0 end
    local low, high = last[(#last + 1) // 2], last[#last // 2 + 1]
    return (low + high) / 2
end

local function add_step(series, t, v, order)
    local steps = series.steps
    local n = #steps.t
    local before, old = steps.t[n], steps.v[n]
    if n > 0 and t <= before then return end
    local increment, changed, dropped = false, false, false
    if n == 0 then
        if was_alive(series.source, t) then increment = v end
    else
        local known_for = math.max(STALENESS_MS, 3 * usual_interval(series.intervals))
        if t - before <= known_for then
            increment = v >= old and v - old or v
        end
        changed, dropped = v ~= old, v < old          -- whatever the gap before it
        series.intervals[#series.intervals + 1] = t - before
    end
    n = n + 1
    steps.t[n], steps.v[n], steps.increment[n] = t, v, increment
    steps.order[n] = order
    steps.changed[n], steps.dropped[n] = changed, dropped
end

-- ------------------------------------------------------------------ gone or silent

-- In whole seconds below a minute; of three intervals at least.
local function shown_interval(series)
    if #series.intervals < 3 then return nil end
    local rounded = {}
    for i, ms in ipairs(series.intervals) do
        rounded[i] = ms < 63001 and (ms + 500) // 1000 * 1000 or ms
    end
    return math.max(1000, usual_interval(rounded))
end

local function newest_of(series) return series.steps.t[#series.steps.t] end

local function ended(source, series)
    local newest, usual = newest_of(series), shown_interval(series)
    if not newest or series.kind == "delta" then return false end
    local since = math.max(newest, source.resumed)
    if series.marked and newest >= source.resumed and source.newest >= series.marked then return true end
    if not usual and not series.marked then return false end
    return source.newest - since >= 4 * (usual or 64000)
end

-- A sample that shows that the source goes on, and whether it did so without a break.
local function go_on(source, t)
    if source.newest and t <= source.newest then return end
    local usual, silent, marked = 64000, true, nil
    for _, series in ipairs(source.members) do
        if not series.gone and newest_of(series) then
            local shown = shown_interval(series)
            if shown then usual = math.min(source.usual or shown, shown); source.usual = usual end
            silent = silent and series.marked ~= nil
            marked = marked or series.marked
        end
    end
    if not source.newest or t - source.newest > 2 * (source.usual or 64000)
        or (silent and marked and t > marked) then
        source.resumed = t
    end
    source.newest = t
end

-- Of a source that is one instance of something.
local function judge(series, t, stale, about_scrape)
    local source = series.source.life
    if not series.labels.instance then return end
    if not stale and not about_scrape then go_on(source, t) end
    if stale then
        if newest_of(series) and t > newest_of(series) and not series.gone then series.marked = t end
    elseif t > (newest_of(series) or 0) then
        series.gone, series.marked = false, nil
    end
end

local function find_ended(source)
    if not source.newest then return end
    for _, series in ipairs(source.members) do
        if not series.gone and ended(source, series) then series.gone, series.marked = true, nil end
    end
end

function store:find_series(entry)
    local labels = {}
    for label, value in pairs(self.defaults.labels or {}) do labels[label] = value end
    for label, value in pairs(entry.labels or {}) do labels[label] = value end
    for label, value in pairs(labels) do
        labels[label] = value ~= "" and tostring(value) or nil
    end
    local key = vectors.key(labels)
    local id = entry.name .. "{" .. key
    local series = self.by_key[id]
    if series then return series end
    local origin = table.concat({ entry.token or self.defaults.token or "", labels.job or "",
        labels.instance or "" }, "\0")
    self.sources[origin] = self.sources[origin]
        or { shown = {}, usual = 0, life = { members = {} } }
    series = {
        name = entry.name, labels = labels, key = key, born = self.n_taken,
        source = self.sources[origin], intervals = {},
        placed = { t = {}, v = {} }, deltas = { t = {}, v = {} },
        steps = { t = {}, v = {}, increment = {}, changed = {}, dropped = {}, order = {} },
    }
    for _, selector in ipairs(self.selectors) do
        series.followed = series.followed or (entry.name == selector.name
            or entry.name == selector.buckets) and matchers.all_accept(selector.matchers, labels)
    end
    self.by_key[id] = series
    if series.followed then table.insert(series.source.life.members, series) end
    self.series[entry.name] = self.series[entry.name] or {}
    table.insert(self.series[entry.name], series)
    return series
end

local function time_of(entry)
    local t = entry.t or entry.at
    return t > entry.at + FUTURE_MS and entry.at or t
end

function store:take_sample(entry)
    local t = time_of(entry)
    local kind = entry.type or self.defaults.type or "gauge"
    if entry.stale then
        local series = self:find_series(entry)
        judge(series, math.min(t, entry.at), true)
        place(series.placed, t, false)
        find_ended(series.source.life)
        return
    end
    local v = entry.v + 0.0
    if v ~= v or v == math.huge or v == -math.huge then return end
    local series = self:find_series(entry)
    open_round(series.source, t)
    witness(series, t, v, kind)
    series.kind = kind
    judge(series, math.min(t, entry.at), false,
        entry.name == "up" or entry.name:find("^scrape_") ~= nil)
    if kind == "delta" then
        insert(series.deltas, t, v)
    else
        place(series.placed, t, v, kind)
        add_step(series, t, v, self.n_taken)
    end
    find_ended(series.source.life)
end

function store:take(entry)
    self.n_taken = self.n_taken + 1
    if entry.kind == "event" then
        self.events[#self.events + 1] = { t = time_of(entry), fields = entry.fields,
            born = self.n_taken }
    else
        self:take_sample(entry)
    end
end

-- ------------------------------------------------------------------ what a leaf sees

-- The members of a leaf, grouped: { key -> { labels, series = {…} | events = {…}, born } }.
-- Kept on the leaf's view and only extended, since series and events are never taken away.
function store:groups(view)
    local leaf = view.leaf
    if leaf.selector.source == "logs" then return self:event_groups(view) end
    self:take_series(view, leaf.selector.name, false)
    if view.wants_buckets then self:take_series(view, leaf.selector.name .. "_bucket", true) end
    return view.groups
end

function store:take_series(view, name, is_bucket)
    local list = self.series[name] or {}
    for i = (view.seen[name] or 0) + 1, #list do
        local series = list[i]
        if matchers.all_accept(view.leaf.selector.matchers, series.labels) then
            local group = view.group(view.group_labels(series.labels, is_bucket), series.born)
            table.insert(is_bucket and group.buckets or group.series, series)
        end
    end
    view.seen[name] = #list
end

function store:event_groups(view)
    local leaf = view.leaf
    local field = rawget(leaf.selector, "field_name")
    for i = (view.seen.events or 0) + 1, #self.events do
        local event = self.events[i]
        local value = not field and 0 or tonumber(event.fields[field])
        if value and matchers.all_accept(leaf.selector.matchers, event.fields) then
            local group = view.group(view.group_labels(event.fields, false), event.born)
            insert(group.events, event.t, value)
        end
    end
    view.seen.events = #self.events
    return view.groups
end

return store
