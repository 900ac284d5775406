-- The definition phase: selectors, expressions and conditions build a graph of plain tables.
-- A node is { kind = …, … } with the metatable of expressions or of conditions; the evaluator
-- (evaluate.lua) walks it. Nothing here looks at data.
local units = require "units"
local matchers = require "matchers"

local language = {}
local Expr, Cond, Sel = {}, {}, {}          -- methods
local EXPR, COND, SEL = {}, {}, {}          -- metatables

local function fail(...) error(string.format(...), 0) end

local function expression(kind, node)
    node.kind = kind
    return setmetatable(node, EXPR)
end

local function condition(kind, node)
    node.kind = kind
    return setmetatable(node, COND)
end

function language.is_expression(x) return getmetatable(x) == EXPR or getmetatable(x) == SEL end
function language.is_condition(x) return getmetatable(x) == COND end

-- What stands where a number is wanted: an expression, a bare selector (its last value), a number
-- or a quantity.
function language.to_expression(x, what)
    if getmetatable(x) == EXPR then return x end
    if getmetatable(x) == SEL then return x:last() end
    if getmetatable(x) == COND then fail("%s is a condition, not a number", what) end
    return expression("number", { value = units.quantity(x, what) + 0.0 })
end
local to_expression = language.to_expression

local function label_list(...)
    local list = { ... }
    for _, label in ipairs(list) do
        if type(label) ~= "string" then fail("labels are given as strings") end
    end
    table.sort(list)
    return list
end

-- ------------------------------------------------------------------ selectors

function language.selector(source, name)
    return setmetatable({ source = source, name = name, matchers = {} }, SEL)
end

local function copy_selector(s, field)
    local copy = language.selector(s.source, s.name)
    for label, one in pairs(s.matchers) do copy.matchers[label] = one end
    rawset(copy, "field_name", field or rawget(s, "field_name"))
    return copy
end

SEL.__call = function(self, wanted)
    if type(wanted) ~= "table" then fail("matchers of %s must be a table", self.name) end
    local copy = copy_selector(self)
    for label, value in pairs(wanted) do
        if type(label) ~= "string" then fail("%s{…}: write label = value", self.name) end
        copy.matchers[label] = matchers.of(value)
    end
    return copy
end

function Sel:field(name)
    if self.source ~= "logs" then fail(":field() is for logs") end
    return copy_selector(self, name)
end

-- The parameters of each window function, in order.
local WINDOW_FUNCTIONS = {
    last = { "lookback" }, quantile = { "q", "window" }, fraction_below = { "limit", "window" },
    since_last = {},
}
for name in ([[rate irate increase count sum avg min max first delta stddev changes
               resets]]):gmatch("%S+") do
    WINDOW_FUNCTIONS[name] = { "window" }
end

local READ_PARAMETER = {
    window = units.duration,
    lookback = function(x, what) return units.duration(x == nil and "5m" or x, what) end,
    limit = units.quantity,
    q = function(x, what)
        if type(x) ~= "number" or x < 0 or x > 1 then fail("%s: q is between 0 and 1", what) end
        return x
    end,
}

local LOG_FUNCTIONS = { count = true, rate = true, since_last = true }
local FIELD_FUNCTIONS = {
    count = true, sum = true, avg = true, min = true, max = true, stddev = true,
    quantile = true, fraction_below = true, since_last = true,
}

local function leaf_maker(name, parameters)
    return function(selector, ...)
        local allowed = rawget(selector, "field_name") and FIELD_FUNCTIONS or LOG_FUNCTIONS
        if selector.source == "logs" and not allowed[name] then
            fail(":%s() is not for logs", name)
        end
        if select("#", ...) > #parameters then
            fail(":%s() takes %d argument(s)", name, #parameters)
        end
        local leaf = { selector = selector, fn = name, shift = 0 }
        for i, parameter in ipairs(parameters) do
            local value = select(i, ...)
            leaf[parameter] = READ_PARAMETER[parameter](value, ":" .. name .. "() " .. parameter)
        end
        leaf.window = leaf.window or leaf.lookback
        return expression("leaf", leaf)
    end
end
for name, parameters in pairs(WINDOW_FUNCTIONS) do Sel[name] = leaf_maker(name, parameters) end

-- ------------------------------------------------------------------ expressions

-- Functions whose data may be merged over series; after the others, several series in one group
-- would have no answer.
local MERGEABLE = {}
for name in ([[rate increase sum count avg min max quantile fraction_below changes resets
               since_last stddev]]):gmatch("%S+") do
    MERGEABLE[name] = true
end

local function clone(node, changes)
    local copy = {}
    for k, v in pairs(node) do copy[k] = v end
    for k, v in pairs(changes) do copy[k] = v end
    return setmetatable(copy, getmetatable(node))
end

local function grouping(mode)
    return function(self, ...)
        if rawget(self, "kind") ~= "leaf" then fail(":%s() follows a window function", mode) end
        if not MERGEABLE[self.fn] then fail(":%s() after :%s() is ambiguous", mode, self.fn) end
        if self.group_mode then fail(":by() or :without() given twice") end
        return clone(self, { group_mode = mode, group_labels = label_list(...) })
    end
end
Expr.by, Expr.without = grouping "by", grouping "without"

for name in ("sum avg min max count stddev"):gmatch("%S+") do
    for _, mode in ipairs { "by", "without" } do
        Expr[name .. "_" .. mode] = function(self, ...)
            return expression("aggregate",
                { op = name, mode = mode, labels = label_list(...), input = self })
        end
    end
end
for _, mode in ipairs { "by", "without" } do
    Expr["quantile_" .. mode] = function(self, q, ...)
        q = READ_PARAMETER.q(q, "quantile_" .. mode)
        return expression("aggregate",
            { op = "quantile", q = q, mode = mode, labels = label_list(...), input = self })
    end
end

local function arithmetic(op)
    return function(a, b)
        return expression("arithmetic", { op = op, a = to_expression(a, "left of " .. op),
            b = to_expression(b, "right of " .. op) })
    end
end

-- call nodes: a function of its arguments' values, group by group
function language.call(fn, options, ...)
    local args = {}
    for i, x in ipairs { ... } do args[i] = to_expression(x, fn .. "()") end
    return expression("call", { fn = fn, args = args, options = options })
end
for name in ("abs round floor ceil"):gmatch("%S+") do
    Expr[name] = function(self) return language.call(name, nil, self) end
end
function Expr:clamp(low, high) return language.call("clamp", nil, self, low, high) end
function Expr:default(value) return language.call("default", nil, self, value) end

function Expr:where(c)
    if not language.is_condition(c) then fail(":where() takes a condition") end
    return expression("where", { input = self, condition = c })
end

function Expr:on(...) return expression("rekey", { input = self, labels = label_list(...) }) end

local function shifted(node, by_ms)
    local kind = node.kind
    if kind == "leaf" then return clone(node, { shift = node.shift + by_ms })
    elseif kind == "number" then return node
    elseif kind == "arithmetic" then
        return clone(node, { a = shifted(node.a, by_ms), b = shifted(node.b, by_ms) })
    elseif kind == "aggregate" or kind == "rekey" then
        return clone(node, { input = shifted(node.input, by_ms) })
    elseif kind == "call" then
        local args = {}
        for i, x in ipairs(node.args) do args[i] = shifted(x, by_ms) end
        return clone(node, { args = args })
    end
    fail(":offset() is not possible on %s", kind)
end
function Expr:offset(d) return shifted(self, units.duration(d, ":offset()")) end

-- ------------------------------------------------------------------ conditions

language.VALUE = expression("value", {})     -- the rule's `value`, where no receiver is given

local COMPARISONS = { above = true, below = true, at_least = true, at_most = true,
    equals = true, differs = true }
local CAN_CLEAR = { above = true, below = true, at_least = true, at_most = true }

function language.compare(op, left, limit, options)
    local clear
    for key, value in pairs(options or {}) do
        if key ~= "clear" or not CAN_CLEAR[op] then fail("%s() has no option %s", op, key) end
        clear = to_expression(value, "clear")
    end
    return condition("compare", { op = op, a = left, b = to_expression(limit, op .. "()"),
        clear = clear })
end

function language.between(left, low, high)
    return language.compare("at_least", left, low) & language.compare("at_most", left, high)
end

function language.outside(left, low, high)
    return language.compare("below", left, low) | language.compare("above", left, high)
end

for op in pairs(COMPARISONS) do
    Expr[op] = function(self, limit, options) return language.compare(op, self, limit, options) end
end
Expr.between, Expr.outside = language.between, language.outside
language.COMPARISONS = COMPARISONS

function Expr:missing() return condition("missing", { a = self }) end

function language.firing(name, options)
    options = options or {}
    return condition("firing", { name = name, level = options.level,
        by = options.by and label_list(table.unpack(options.by)) })
end

function Cond:lasting(d)
    return condition("lasting", { a = self, duration = units.duration(d, ":lasting()") })
end

function Cond:on(...) return condition("rekey", { input = self, labels = label_list(...) }) end

local function share(op)
    return function(self, ...)
        return expression("aggregate", { op = op, mode = "by", labels = label_list(...),
            input = expression("as_number", { input = self }) })
    end
end
Cond.share_by, Cond.count_by = share "avg", share "sum"

local function joined(kind)
    return function(a, b)
        if not (language.is_condition(a) and language.is_condition(b)) then
            fail("& and | join conditions")
        end
        return condition(kind, { a = a, b = b })
    end
end
COND.__band, COND.__bor = joined "both", joined "either"
COND.__bnot = function(a) return condition("no", { a = a }) end

-- ------------------------------------------------------------------ metatables

for _, metatable in ipairs { EXPR, SEL } do
    metatable.__add, metatable.__sub = arithmetic "+", arithmetic "-"
    metatable.__mul, metatable.__div = arithmetic "*", arithmetic "/"
    metatable.__mod, metatable.__pow = arithmetic "%", arithmetic "^"
    metatable.__unm = function(a) return arithmetic "*"(a, -1) end
    metatable.__lt = function() fail("comparisons are written :above(x), :below(x), …") end
    metatable.__le = metatable.__lt
end

-- Fields that a node may lack; any other unknown name is a method that does not exist.
local ABSENT = {}
for name in ("group_mode group_labels options window lookback q limit"):gmatch("%S+") do
    ABSENT[name] = EXPR
end
for name in ("by level clear"):gmatch("%S+") do ABSENT[name] = COND end

local function lookup(metatable, methods, what)
    return function(_, name)
        if ABSENT[name] == metatable then return nil end
        return methods[name] or fail("%s has no method %s", what, tostring(name))
    end
end
EXPR.__index = lookup(EXPR, Expr, "an expression")
COND.__index = lookup(COND, Cond, "a condition")
-- A bare selector is its last value.
SEL.__index = function(selector, name)
    if Sel[name] then return Sel[name] end
    local method = EXPR.__index(selector, name)
    return function(self, ...) return method(self:last(), ...) end
end

language.expression = expression
return language
