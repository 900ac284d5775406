-- Durations ("1h30m" -> milliseconds) and quantities ("2%" -> 0.02), as rule files write them.
local units = {}

local DURATION_MS = {
    ms = 1, s = 1000, m = 60000, h = 3600000, d = 86400000, w = 604800000,
}
local FACTOR = {
    ["%"] = 0.01, ms = 0.001, s = 1, m = 60, h = 3600, d = 86400, w = 604800,
    k = 1e3, K = 1e3, M = 1e6, G = 1e9,
    B = 1, kB = 1e3, KB = 1e3, MB = 1e6, GB = 1e9, TB = 1e12,
    KiB = 2 ^ 10, MiB = 2 ^ 20, GiB = 2 ^ 30, TiB = 2 ^ 40,
}

-- Milliseconds, or nil when `text` is not a positive duration. A number counts as seconds.
function units.parse_duration(text)
    if type(text) == "number" then
        return text > 0 and math.floor(text * 1000 + 0.5) or nil
    end
    if type(text) ~= "string" or text == "" then return nil end
    local total, at = 0, 1
    while at <= #text do
        local amount, unit, after = text:match("^(%d+%.?%d*)(%a+)()", at)
        if not amount or not DURATION_MS[unit] then return nil end
        total = total + tonumber(amount) * DURATION_MS[unit]
        at = after
    end
    return total > 0 and math.floor(total + 0.5) or nil
end

function units.duration(text, what)
    return units.parse_duration(text)
        or error(("%s: bad duration %s"):format(what, tostring(text)), 0)
end

function units.quantity(value, what)
    if type(value) == "number" then return value end
    if type(value) == "string" then
        local amount, unit = value:match("^([-+]?%d+%.?%d*)%s*(%S*)$")
        if amount and unit == "" then return tonumber(amount) end
        if amount and FACTOR[unit] then return tonumber(amount) * FACTOR[unit] end
        local ms = units.parse_duration(value)
        if ms then return ms / 1000 end
    end
    error(("%s: bad quantity %s"):format(what, tostring(value)), 0)
end

return units
