-- A small regular expression engine, anchored at both ends: literals, `.`, classes, escapes,
-- groups, `|`, `* + ? {m,n}`. Every node is a function from a set of positions to the set of
-- positions that can be reached, so nothing backtracks and no pattern can explode.
local regex = {}

local CLASS_ESCAPES = {
    d = function(b) return b >= 48 and b <= 57 end,
    w = function(b)
        return b >= 48 and b <= 57 or b >= 65 and b <= 90 or b >= 97 and b <= 122 or b == 95
    end,
    s = function(b) return b == 32 or b >= 9 and b <= 13 end,
}
local CONTROL = { n = 10, t = 9, r = 13, f = 12, v = 11 }

local function one_byte(test)
    return function(subject, from)
        local to = {}
        for p in pairs(from) do
            local b = subject:byte(p)
            if b and test(b) then to[p + 1] = true end
        end
        return to
    end
end

local function position(test)
    return function(subject, from)
        local to = {}
        for p in pairs(from) do if test(subject, p) then to[p] = true end end
        return to
    end
end

local function sequence(parts)
    return function(subject, set)
        for _, part in ipairs(parts) do set = part(subject, set) end
        return set
    end
end

local function alternatives(branches)
    return function(subject, from)
        local to = {}
        for _, branch in ipairs(branches) do
            for p in pairs(branch(subject, from)) do to[p] = true end
        end
        return to
    end
end

local function repeated(part, least, most)
    return function(subject, set)
        for _ = 1, least do set = part(subject, set) end
        local reached = {}
        for p in pairs(set) do reached[p] = true end
        local rounds = least
        while next(set) and rounds < most do
            local fresh = {}
            for p in pairs(part(subject, set)) do
                if not reached[p] then reached[p], fresh[p] = true, true end
            end
            set, rounds = fresh, rounds + 1
        end
        return reached
    end
end

-- The recursive descent: `s` is the reader { text, at }.
local alternation

local function bad(s, why) error(("bad regex %q: %s"):format(s.text, why), 0) end
local function peek(s) return s.text:sub(s.at, s.at) end
local function take(s)
    local c = peek(s)
    s.at = s.at + 1
    return c
end

-- After a backslash: a byte test.
local function escape(s)
    local c = take(s)
    if c == "" then bad(s, "ends with \\") end
    if CLASS_ESCAPES[c] then return CLASS_ESCAPES[c] end
    local positive = CLASS_ESCAPES[c:lower()]
    if positive and c:match("%u") then return function(b) return not positive(b) end end
    local literal = CONTROL[c] or c:byte()
    return function(b) return b == literal end, literal
end

local function class(s)
    local tests, negated = {}, false
    if peek(s) == "^" then s.at, negated = s.at + 1, true end
    local first = true
    while first or peek(s) ~= "]" do
        first = false
        local c = take(s)
        if c == "" then bad(s, "class without ]") end
        local test, low
        if c == "\\" then test, low = escape(s) else low = c:byte() end
        if low and peek(s) == "-" and s.text:sub(s.at + 1, s.at + 1) ~= "]" then
            s.at = s.at + 1
            local high = take(s)
            if high == "\\" then high = take(s) end
            local last = high:byte()
            test = function(b) return b >= low and b <= last end
        end
        tests[#tests + 1] = test or function(b) return b == low end
    end
    s.at = s.at + 1
    return one_byte(function(b)
        for _, test in ipairs(tests) do if test(b) then return not negated end end
        return negated
    end)
end

local function atom(s)
    local c = take(s)
    if c == "(" then
        if s.text:sub(s.at, s.at + 1) == "?:" then s.at = s.at + 2 end
        local inner = alternation(s)
        if take(s) ~= ")" then bad(s, "group without )") end
        return inner
    elseif c == "[" then return class(s)
    elseif c == "." then return one_byte(function(b) return b ~= 10 end)
    elseif c == "^" then return position(function(_, p) return p == 1 end)
    elseif c == "$" then return position(function(text, p) return p == #text + 1 end)
    elseif c == "\\" then return one_byte((escape(s)))
    elseif c:match("[*+?]") then bad(s, "nothing to repeat") end
    local literal = c:byte()
    return one_byte(function(b) return b == literal end)
end

local function quantified(s)
    local part = atom(s)
    while true do
        local c = peek(s)
        local least, most, after
        if c == "*" then least, most = 0, math.huge
        elseif c == "+" then least, most = 1, math.huge
        elseif c == "?" then least, most = 0, 1
        else
            local low, comma, high, stop = s.text:match("^{(%d+)(,?)(%d*)}()", s.at)
            if not low then return part end
            least = tonumber(low)
            most = comma == "" and least or tonumber(high) or math.huge
            after = stop
        end
        s.at = after or s.at + 1
        part = repeated(part, least, most)
        if peek(s) == "?" then s.at = s.at + 1 end -- lazy: the same language when anchored
    end
end

function alternation(s)
    local branches = {}
    repeat
        local parts = {}
        while peek(s) ~= "" and not peek(s):match("[|)]") do parts[#parts + 1] = quantified(s) end
        branches[#branches + 1] = sequence(parts)
        local more = peek(s) == "|"
        if more then s.at = s.at + 1 end
    until not more
    return alternatives(branches)
end

-- Returns function(subject) -> boolean.
function regex.compile(pattern)
    local s = { text = pattern, at = 1 }
    local root = alternation(s)
    if s.at <= #pattern then bad(s, "unexpected )") end
    return function(subject) return root(subject, { [1] = true })[#subject + 1] == true end
end

return regex
