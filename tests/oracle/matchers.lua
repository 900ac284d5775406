-- Matchers of labels and log fields. A missing label is the empty one, for every matcher.
local regex = require "regex"

local matchers = {}
local Matcher = {}
Matcher.__index = Matcher

local function new(accepts) return setmetatable({ accepts = accepts }, Matcher) end

-- Numbers of log fields compare by their shortest text: 500 and 500.0 are both "500".
function matchers.text(value)
    if value == nil then return "" end
    if math.type(value) == "float" and value % 1 == 0 and math.abs(value) < 2 ^ 53 then
        return ("%d"):format(value)
    end
    return tostring(value)
end

function matchers.exact(value)
    local wanted = matchers.text(value)
    return new(function(text) return text == wanted end)
end

function matchers.of(value)
    if getmetatable(value) == Matcher then return value end
    local kind = type(value)
    if kind == "string" or kind == "number" or kind == "boolean" then
        return matchers.exact(value)
    end
    error("a label is matched by a string or a matcher, not by a " .. kind, 0)
end

function matchers.re(pattern)
    return new(regex.compile(pattern))
end

function matchers.glob(pattern)
    local lua_pattern = "^" .. pattern:gsub("[^%w*]", "%%%0"):gsub("%*", ".*") .. "$"
    return new(function(text) return text:find(lua_pattern) ~= nil end)
end

function matchers.one_of(list)
    local wanted = {}
    for _, value in ipairs(list) do wanted[matchers.text(value)] = true end
    return new(function(text) return wanted[text] == true end)
end

function matchers.contains(part)
    return new(function(text) return text:find(part, 1, true) ~= nil end)
end

function matchers.is_not(value)
    local inner = matchers.of(value)
    return new(function(text) return not inner.accepts(text) end)
end

function matchers.all_of(list)
    local all = {}
    for i, value in ipairs(list) do all[i] = matchers.of(value) end
    return new(function(text)
        for _, one in ipairs(all) do if not one.accepts(text) then return false end end
        return true
    end)
end

function matchers.gte(limit)
    return new(function(text) return (tonumber(text) or -math.huge) >= limit end)
end

function matchers.lt(limit)
    return new(function(text) return (tonumber(text) or math.huge) < limit end)
end

matchers.present = new(function(text) return text ~= "" end)

-- Do the labels (or fields) satisfy every matcher of the table?
function matchers.all_accept(by_label, labels)
    for label, one in pairs(by_label) do
        if not one.accepts(matchers.text(labels[label])) then return false end
    end
    return true
end

return matchers
