-- Loads the text of a rule file: the names it may use, and alert "Name" { … } checked and
-- turned into { name, levels, value | inputs + when, … } with durations in milliseconds.
local language = require "language"
local matchers = require "matchers"
local units = require "units"
local windows = require "windows"

local rulefile = {}

rulefile.LEVELS = { P1 = 1, P2 = 2, P3 = 3, P4 = 4, P5 = 5 }
local LEVELS = rulefile.LEVELS

local KEYS = {}
for key in ([[value fire inputs when priority severity lasting clear_after missing forget gone expect
              unless active mute attach flap limit every labels team summary description
              runbook_url annotations unit state notify shadow early]]):gmatch("%S+") do
    KEYS[key] = true
end

local function fail(...) error(string.format(...), 0) end

local function level_of(cond, level, lasting)
    if not language.is_condition(cond) then fail("fire must be a condition") end
    -- an own :lasting at the top is the level's timer
    if cond.kind == "lasting" then
        return { level = level, condition = cond.a, lasting = cond.duration }
    end
    return { level = level, condition = cond, lasting = lasting }
end

local function levels_of_fire(rule)
    local levels = {}
    if language.is_condition(rule.fire) then
        levels[1] = level_of(rule.fire, rule.priority or "P3", rule.lasting)
    elseif type(rule.fire) == "table" and not language.is_expression(rule.fire) then
        if rule.priority then fail("priority and levels in fire exclude each other") end
        for level, cond in pairs(rule.fire) do
            if not LEVELS[level] then fail("unknown level %s", tostring(level)) end
            levels[#levels + 1] = level_of(cond, level, rule.lasting)
        end
    else
        fail("fire must be a condition or a table of levels")
    end
    return levels
end

local function levels_of_when(rule)
    if type(rule.when) ~= "function" or not rule.inputs then fail("when needs inputs") end
    local levels = {}
    for level in pairs(LEVELS) do
        levels[#levels + 1] = { level = level, lasting = rule.lasting }
    end
    return levels
end

-- The level that missing = "fire" raises; a named one that no condition has is added.
local function find_missing_level(rule)
    local wanted = rule.missing
    if wanted == "keep" or wanted == "clear" then return end
    if wanted == "fire" then
        wanted = rule.when and (rule.priority or "P3") or rule.levels[1].level
    elseif not LEVELS[wanted] then
        fail("missing = %s", tostring(wanted))
    end
    rule.missing, rule.missing_level = "fire", wanted
    for _, level in ipairs(rule.levels) do if level.level == wanted then return end end
    rule.levels[#rule.levels + 1] = { level = wanted, lasting = rule.lasting }
end

local function finish(name, spec, defaults)
    local rule = {}
    for key, value in pairs(defaults) do rule[key] = value end
    for key, value in pairs(spec) do
        if not KEYS[key] then fail("unknown key %s", tostring(key)) end
        rule[key] = value
    end
    rule.name = name
    for _, key in ipairs { "lasting", "clear_after", "forget", "gone" } do
        rule[key] = rule[key] and units.duration(rule[key], key)
    end
    rule.lasting, rule.clear_after = rule.lasting or 0, rule.clear_after or 0
    rule.forget = rule.forget or 24 * 3600000
    rule.missing, rule.limit = rule.missing or "keep", rule.limit or 10000
    if rule.priority and not LEVELS[rule.priority] then fail("priority %s", rule.priority) end
    if (rule.fire == nil) == (rule.when == nil) then fail("needs either fire or when") end
    if rule.value ~= nil then rule.value = language.to_expression(rule.value, "value") end
    for key, input in pairs(rule.inputs or {}) do
        rule.inputs[key] = language.to_expression(input, key)
    end
    rule.levels = rule.when and levels_of_when(rule) or levels_of_fire(rule)
    local function severer(a, b) return LEVELS[a.level] < LEVELS[b.level] end
    table.sort(rule.levels, severer)
    find_missing_level(rule)
    table.sort(rule.levels, severer)
    return rule
end

local function environment(rules)
    local defaults, env = {}, {}
    env.m = setmetatable({}, { __index = function(_, name)
        return language.selector("metric", name)
    end })
    env.logs = function(wanted) return language.selector("logs", "logs")(wanted or {}) end
    for _, name in ipairs { "re", "glob", "one_of", "contains", "is_not", "all_of", "gte", "lt",
        "present" } do
        env[name] = matchers[name]
    end
    for op in pairs(language.COMPARISONS) do
        env[op] = function(limit, options)
            return language.compare(op, language.VALUE, limit, options)
        end
    end
    env.between = function(low, high) return language.between(language.VALUE, low, high) end
    env.outside = function(low, high) return language.outside(language.VALUE, low, high) end
    env.firing = language.firing
    env.ratio = function(part, total, options)
        local min = options and options.min and units.quantity(options.min, "min")
        return language.call("ratio", { min = min }, part, total)
    end
    for _, name in ipairs { "max_of", "min_of", "coalesce" } do
        env[name] = function(...) return language.call(name, nil, ...) end
    end
    env.now = function() return language.expression("now", {}) end
    env.const = function(x) return language.to_expression(x, "const()") end
    env.per = function(label, by_value)
        if by_value.default == nil then fail("per() needs a default") end
        local map = {}
        for value, limit in pairs(by_value) do map[value] = units.quantity(limit, "per()") end
        return language.expression("per", { label = label, map = map })
    end
    env.defaults = function(t) for key, value in pairs(t) do defaults[key] = value end end
    env.alert = function(name)
        return function(spec)
            if rules[name] then fail("defined twice") end
            local ok, rule = pcall(finish, name, spec, defaults)
            if not ok then fail("alert %q: %s", name, tostring(rule)) end
            rules[name] = rule
        end
    end
    for _, name in ipairs { "ipairs", "pairs", "next", "select", "type", "tonumber", "tostring",
        "assert", "error", "math", "table", "string" } do
        env[name] = _G[name]
    end
    return setmetatable(env, {
        __index = function(_, name) fail("unknown name %s", tostring(name)) end,
        __newindex = function(_, name) fail("global %s: use local", tostring(name)) end,
    })
end

local function dependencies(node, found)
    if type(node) ~= "table" then return end
    if rawget(node, "kind") == "firing" then found[#found + 1] = node.name end
    for key, child in next, node do
        if key ~= "matchers" and key ~= "selector" then dependencies(child, found) end
    end
end

local function collect_selectors(node, found)
    if type(node) ~= "table" then return end
    local selector = rawget(node, "matchers") and node or rawget(node, "selector")
    if selector and selector.source == "metric" then
        local reads = rawget(node, "selector") and windows.reads_buckets[rawget(node, "fn")]
        found[#found + 1] = { name = selector.name, matchers = selector.matchers,
            buckets = reads and selector.name .. "_bucket" or nil }
        return
    end
    for _, child in next, node do collect_selectors(child, found) end
end

-- What all rules ask of metrics: { name, matchers, buckets = name of the buckets or nil } …
function rulefile.selectors(rules)
    local found = {}
    for _, rule in ipairs(rules) do
        for _, key in ipairs { "value", "inputs", "levels", "unless" } do
            collect_selectors(rule[key], found)
        end
    end
    return found
end

-- Rules in an order in which every one comes after those whose firing() it asks for.
local function ordered(rules)
    local names, order, mark = {}, {}, {}
    for name in pairs(rules) do names[#names + 1] = name end
    table.sort(names)
    local function visit(name)
        if mark[name] == "done" then return end
        if mark[name] then fail("firing() runs in a circle at %s", name) end
        local rule = rules[name] or fail("firing() names an unknown rule: %s", name)
        mark[name] = "open"
        local found = {}
        for _, key in ipairs { "value", "inputs", "levels", "unless" } do
            dependencies(rule[key], found)
        end
        for _, other in ipairs(found) do visit(other) end
        mark[name] = "done"
        order[#order + 1] = rule
    end
    for _, name in ipairs(names) do visit(name) end
    return order
end

-- Returns the list of rules in evaluation order; raises an error as text.
function rulefile.load(text)
    local rules = {}
    local chunk, err = load(text, "=rules", "t", environment(rules))
    if not chunk then error(err, 0) end
    chunk()
    return ordered(rules)
end

return rulefile
