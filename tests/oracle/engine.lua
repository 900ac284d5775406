-- Runs one case: takes the feed in order of arrival and looks at the given instants.
local store = require "store"
local rulefile = require "rulefile"
local vectors = require "vectors"
local evaluate = require "evaluate"
local alerts = require "alerts"

local engine = {}
engine.__index = engine

-- case: { rules, feed, looks, start, token, type, labels }, see README.md
function engine.new(case)
    local first_feed, first_look = case.feed[1], case.looks[1]
    local self = setmetatable({ feed = case.feed, next = 1, views = {}, rules = {},
        start = case.start or math.min(first_feed and first_feed.at or math.huge,
            first_look or math.huge) }, engine)
    self.order = rulefile.load(case.rules)
    self.store = store.new({ token = case.token, type = case.type, labels = case.labels },
        rulefile.selectors(self.order))
    for _, rule in ipairs(self.order) do
        rule.alerts, rule.memory = {}, {}
        self.rules[rule.name] = rule
    end
    return self
end

function engine:receive_until(now)
    while self.feed[self.next] and self.feed[self.next].at <= now do
        self.store:take(self.feed[self.next])
        self.next = self.next + 1
    end
end

-- ------------------------------------------------------------------ what every group's row is

-- Joins vectors into one whose values are rows { [1] = …, [2] = … } of their values.
local function rows(list)
    local joined = vectors.map(list[1], function(v) return { v } end)
    for i = 2, #list do
        joined = vectors.zip(joined, list[i], function(row, v)
            local copy = {}
            for k = 1, i - 1 do copy[k] = row and row[k] end
            copy[i] = v
            return copy
        end)
    end
    return joined
end

-- Constants have no groups; a rule of nothing else has one, without labels. So has a total.
local function with_single_group(joined)
    if joined.point then
        local row = joined.point {}
        joined = vectors.new {}
        vectors.put(joined, {}, row)
    elseif joined.keys ~= "*" and #joined.keys == 0 and not next(joined.items) then
        vectors.put(joined, {}, joined.default)
    end
    return joined
end

-- added levels (missing = "P2" that no condition has) are false unless the alert is unknown
local function fill_added_levels(rule, verdicts)
    local known, holds = true, false
    for i, level in ipairs(rule.levels) do
        if level.condition and verdicts[i] == nil then known = false end
        holds = holds or verdicts[i] == true
    end
    for i, level in ipairs(rule.levels) do
        if not level.condition and (known or holds) then verdicts[i] = false end
    end
end

local function universe_of_fire(rule, context)
    local list, index = {}, {}
    if rule.value then
        context.value = evaluate.node(rule.value, context)
        list[1] = context.value
    end
    for i, level in ipairs(rule.levels) do
        if level.condition then
            list[#list + 1] = evaluate.node(level.condition, context)
            index[i] = #list
        end
    end
    return vectors.map(with_single_group(rows(list)), function(row)
        local verdicts = {}
        for i in ipairs(rule.levels) do
            if row and index[i] then verdicts[i] = row[index[i]] end
        end
        fill_added_levels(rule, verdicts)
        return { value = rule.value and row and row[1] or nil, verdicts = verdicts }
    end)
end

-- A verdict for one level holds for the less severe ones as well, so that their timers run on.
local function verdicts_of(rule, answer)
    local verdicts = {}
    if answer == true then answer = rule.priority or "P3" end
    if answer == nil then return verdicts end
    local rank = rulefile.LEVELS[answer] or math.huge
    for i, level in ipairs(rule.levels) do
        verdicts[i] = rulefile.LEVELS[level.level] >= rank
    end
    return verdicts
end

local function decide(rule, names, row, labels, context)
    local inputs = {}
    for i, name in ipairs(names) do
        if row[i] == nil then return { verdicts = {} } end
        inputs[name] = row[i]
    end
    setmetatable(inputs, { __index = function(_, name) error("no input " .. tostring(name)) end })
    local alert = rule.alerts[vectors.key(labels)]
    local group = { level = alert and alert.level or "ok", now = context.now / 1000 }
    for name, value in pairs(labels) do group[name] = value end
    if rule.state then
        local memory = rule.memory.state or {}
        rule.memory.state = memory
        local key = vectors.key(labels)
        memory[key] = memory[key] or vectors.drop(rule.state, {})
        group.state = memory[key]
    end
    local ok, answer, value = pcall(rule.when, inputs, group)
    if not ok then return { verdicts = { broken = true } } end
    return { value = value, verdicts = verdicts_of(rule, answer) }
end

local function universe_of_when(rule, context)
    local names, list = {}, {}
    for name in pairs(rule.inputs) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do list[i] = evaluate.node(rule.inputs[name], context) end
    local joined = with_single_group(rows(list))
    local out = vectors.new(joined.keys)
    for _, item in pairs(joined.items) do
        local found = decide(rule, names, item.value or {}, item.labels, context)
        vectors.put(out, item.labels, found, item.seen, item.born)
    end
    return out
end

-- ------------------------------------------------------------------ looks

function engine:evaluate_rule(rule, now)
    local context = { store = self.store, now = now, start = self.start, views = self.views,
        rules = self.rules, memory = rule.memory, expected = rule.expect or {}, done = {} }
    local universe = (rule.when and universe_of_when or universe_of_fire)(rule, context)
    local expected_keys = {}
    for _, labels in ipairs(context.expected) do
        local key = vectors.key(labels)
        expected_keys[key] = true
        if not universe.items[key] then
            vectors.put(universe, labels, universe.default, nil, -1)
        end
    end
    rule.keys = universe.keys
    -- a total that fires without data exists without it: ending it would make it fire again
    if rule.missing == "fire" and universe.keys ~= "*" and #universe.keys == 0 then
        expected_keys[vectors.key {}] = true
    end
    alerts.advance(rule, universe, expected_keys, now)
    local unless = rule.unless and evaluate.node(rule.unless, context)
    for _, alert in pairs(rule.alerts) do alert.suppressed = alerts.is_suppressed(alert, unless) end
end

-- Everything that arrived up to `now` counts. Returns { [rule name] = alerts sorted by labels }.
function engine:look(now)
    self:receive_until(now)
    local found = {}
    for _, rule in ipairs(self.order) do
        self:evaluate_rule(rule, now)
        local list = {}
        for _, alert in pairs(rule.alerts) do list[#list + 1] = alert end
        table.sort(list, function(a, b) return a.key < b.key end)
        found[rule.name] = list
    end
    return found
end

return engine
