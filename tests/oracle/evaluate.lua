-- Evaluates one rule's graph at one instant. Expressions give vectors of numbers; conditions give
-- vectors of true, false and nil (unknown), joined by Kleene's tables.
local vectors = require "vectors"
local leaves = require "leaves"
local windows = require "windows"
local timer = require "timer"
local LEVELS = require "rulefile".LEVELS

local evaluate = {}
local node_kinds = {}

-- Results beyond the numbers (0/0, overflow) are missing.
local function finite(v)
    if v == nil or v ~= v or v == math.huge or v == -math.huge then return nil end
    return v + 0.0
end

local function divide(a, b) return b ~= 0 and a / b or nil end
local OPERATORS = {
    ["+"] = function(a, b) return a + b end,
    ["-"] = function(a, b) return a - b end,
    ["*"] = function(a, b) return a * b end,
    ["/"] = divide,
    ["%"] = function(a, b) return b ~= 0 and a % b or nil end,
    ["^"] = function(a, b) return (a + 0.0) ^ b end,
}

local function strict(f)
    return function(a, b)
        if a == nil or b == nil then return nil end
        return finite(f(a, b))
    end
end

local function round(v) return v < 0 and -math.floor(0.5 - v) or math.floor(v + 0.5) end
local UNARY = { abs = math.abs, floor = math.floor, ceil = math.ceil, round = round }

local CALLS = {}
for name, f in pairs(UNARY) do
    CALLS[name] = function(args)
        return vectors.map(args[1], function(v) return finite(v and f(v)) end)
    end
end
local function folded(f)
    return function(args)
        local out = args[1]
        for i = 2, #args do out = vectors.zip(out, args[i], f) end
        return out
    end
end
CALLS.max_of, CALLS.min_of = folded(strict(math.max)), folded(strict(math.min))
local function first_known(a, b)
    if a ~= nil then return a end
    return b
end
CALLS.coalesce, CALLS.default = folded(first_known), folded(first_known)
function CALLS.clamp(args)
    local capped = vectors.zip(args[1], args[3], strict(math.min))
    return vectors.zip(capped, args[2], strict(math.max))
end
-- Nothing of a total that exists is 0 of it; a total too small to judge is no answer.
function CALLS.ratio(args, options)
    return vectors.zip(args[1], args[2], function(part, total)
        if total == nil or total == 0 or options.min and total < options.min then return nil end
        return finite((part or 0) / total)
    end)
end

-- ------------------------------------------------------------------ expressions

function node_kinds.number(node) return vectors.scalar(node.value) end
function node_kinds.now(_, context) return vectors.scalar(context.now / 1000) end
function node_kinds.leaf(node, context) return leaves.evaluate(node, context) end

function node_kinds.value(_, context)
    return context.value or error("compares `value`, but the rule has none", 0)
end

-- The limit of a label's value: itself, else the longest pattern that fits, else the default.
function node_kinds.per(node)
    local patterns = {}
    for name in pairs(node.map) do
        if name:find("*", 1, true) then patterns[#patterns + 1] = name end
    end
    table.sort(patterns, function(a, b) return #a > #b or #a == #b and a < b end)
    local glob = require "matchers".glob
    return { scalar = false, point = function(labels)
        local value = labels[node.label]
        if value and node.map[value] then return node.map[value] end
        for _, pattern in ipairs(patterns) do
            if value and glob(pattern).accepts(value) then return node.map[pattern] end
        end
        return node.map.default
    end }
end

function node_kinds.arithmetic(node, context)
    local f = strict(OPERATORS[node.op])
    return vectors.zip(evaluate.node(node.a, context), evaluate.node(node.b, context), f)
end

function node_kinds.call(node, context)
    local args = {}
    for i, x in ipairs(node.args) do args[i] = evaluate.node(x, context) end
    return CALLS[node.fn](args, node.options)
end

local function sum(list)
    local total = 0
    for _, v in ipairs(list) do total = total + v end
    return total
end
local AGGREGATES = {
    sum = sum,
    avg = function(list) return sum(list) / #list end,
    min = function(list) return math.min(table.unpack(list)) end,
    max = function(list) return math.max(table.unpack(list)) end,
    count = function(list) return #list end,
    stddev = windows.deviation,
    quantile = windows.quantile,
}

function node_kinds.aggregate(node, context)
    local input = evaluate.node(node.input, context)
    if input.point then error("a plain number cannot be aggregated", 0) end
    local by = node.mode == "by"
    local keys = node.labels
    if not by then
        keys = "*"
        if input.keys ~= "*" then
            local left = {}
            for _, name in ipairs(input.keys) do left[name] = true end
            keys = {}
            for name in pairs(vectors.drop(left, node.labels)) do keys[#keys + 1] = name end
            table.sort(keys)
        end
    end
    local out, lists = vectors.new(keys), {}
    for _, item in ipairs(vectors.sorted(input)) do
        local labels = (by and vectors.project or vectors.drop)(item.labels, node.labels)
        local target = out.items[vectors.key(labels)] or vectors.put(out, labels, nil)
        lists[target] = lists[target] or {}
        if item.value ~= nil then table.insert(lists[target], item.value) end
        if item.seen then target.seen = math.max(target.seen or item.seen, item.seen) end
        if item.born then target.born = math.min(target.born or item.born, item.born) end
    end
    for target, list in pairs(lists) do
        if #list > 0 then target.value = finite(AGGREGATES[node.op](list, node.q)) end
    end
    return out
end

-- Several groups that become one have no answer: which would it be?
function node_kinds.rekey(node, context)
    local input = evaluate.node(node.input, context)
    local out, taken = vectors.new(node.labels), {}
    for _, item in ipairs(vectors.sorted(input)) do
        local labels = vectors.project(item.labels, node.labels)
        local key = vectors.key(labels)
        local value = item.value
        if taken[key] then value = nil end
        vectors.put(out, labels, value, item.seen, item.born)
        taken[key] = true
    end
    out.default = input.default
    return out
end

function node_kinds.where(node, context)
    return vectors.zip(evaluate.node(node.input, context), evaluate.node(node.condition, context),
        function(value, holds) if holds then return value end end)
end

function node_kinds.as_number(node, context)
    return vectors.map(evaluate.node(node.input, context), function(holds)
        if holds == nil then return nil end
        return holds and 1.0 or 0.0
    end)
end

-- ------------------------------------------------------------------ conditions

local COMPARE = {
    above = function(a, b) return a > b end,
    below = function(a, b) return a < b end,
    at_least = function(a, b) return a >= b end,
    at_most = function(a, b) return a <= b end,
    equals = function(a, b) return a == b end,
    differs = function(a, b) return a ~= b end,
}
local UPWARD = { above = true, at_least = true }

-- What a condition node remembers of a group over the looks.
local function memory_of(node, context, labels)
    local by_group = context.memory[node] or {}
    context.memory[node] = by_group
    local key = labels and vectors.key(labels) or "default"
    by_group[key] = by_group[key] or {}
    return by_group[key]
end

local function pair(a, b) return { a, b } end

function node_kinds.compare(node, context)
    local compare = COMPARE[node.op]
    local a, b = evaluate.node(node.a, context), evaluate.node(node.b, context)
    if not node.clear then
        return vectors.zip(a, b, function(x, y)
            if x == nil or y == nil then return nil end
            return compare(x, y)
        end)
    end
    local clear = evaluate.node(node.clear, context)
    local limits = vectors.zip(b, clear, pair)
    return vectors.zip(a, limits, function(x, limit, labels)
        local threshold, back = limit and limit[1], limit and limit[2]
        if x == nil or threshold == nil then return nil end
        local bit = memory_of(node, context, labels)
        local holds = compare(x, threshold)
        if not holds and bit.on then
            if back == nil then return nil end
            if UPWARD[node.op] then holds = x > back else holds = x < back end
        end
        bit.on = holds
        return holds
    end)
end

function node_kinds.missing(node, context)
    return vectors.map(evaluate.node(node.a, context), function(v) return v == nil end)
end

local function kleene_and(a, b)
    if a == false or b == false then return false end
    if a == nil or b == nil then return nil end
    return true
end

local function kleene_or(a, b)
    if a == true or b == true then return true end
    if a == nil or b == nil then return nil end
    return false
end

local function joined(f)
    return function(node, context)
        return vectors.zip(evaluate.node(node.a, context), evaluate.node(node.b, context), f)
    end
end
node_kinds.both, node_kinds.either = joined(kleene_and), joined(kleene_or)

function node_kinds.no(node, context)
    return vectors.map(evaluate.node(node.a, context), function(holds)
        if holds == nil then return nil end
        return not holds
    end)
end

function node_kinds.lasting(node, context)
    return vectors.map(evaluate.node(node.a, context), function(holds, labels)
        local t = memory_of(node, context, labels)
        local elapsed = timer.step(t, holds, context.now)
        if holds == nil then return nil end
        return elapsed ~= nil and elapsed >= node.duration
    end)
end

-- Never unknown: what is not firing is false.
function node_kinds.firing(node, context)
    local target = context.rules[node.name]
    local out = vectors.new(node.by or target.keys or "*")
    out.default = false
    for _, alert in pairs(target.alerts) do
        local labels = node.by and vectors.project(alert.labels, node.by) or alert.labels
        local item = out.items[vectors.key(labels)] or vectors.put(out, labels, false)
        if alert.level and (not node.level or LEVELS[alert.level] <= LEVELS[node.level]) then
            item.value = true
        end
    end
    return out
end

-- context: { store, now, start, expected, value, memory, views, rules, done = {} }
function evaluate.node(node, context)
    local result = context.done[node]
    if not result then
        result = node_kinds[node.kind](node, context)
        context.done[node] = result
    end
    return result
end

return evaluate
