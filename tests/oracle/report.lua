-- Writes what a look found as one line of JSON, always in the same order.
local report = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

function report.quote(text)
    return '"' .. text:gsub('[%c"\\]', function(c)
        return ESCAPES[c] or ("\\u%04x"):format(c:byte())
    end) .. '"'
end

local function number(v)
    if v == nil or v ~= v or v == math.huge or v == -math.huge then return "null" end
    return ("%.17g"):format(v)
end

local function sorted_keys(t)
    local keys = {}
    for key in pairs(t) do keys[#keys + 1] = key end
    table.sort(keys)
    return keys
end

local function labels_object(labels)
    local parts = {}
    for _, name in ipairs(sorted_keys(labels)) do
        parts[#parts + 1] = report.quote(name) .. ":" .. report.quote(labels[name])
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

local function alert_object(alert)
    local value = type(alert.value) == "number" and alert.value or nil
    return ('{"labels":%s,"value":%s,"level":"%s","state":"%s"%s}'):format(
        labels_object(alert.labels), number(value), alert.level or "ok", alert.state,
        alert.suppressed and ',"suppressed":true' or "")
end

function report.line(now, found)
    local rules = {}
    for _, name in ipairs(sorted_keys(found)) do
        local list = {}
        for i, alert in ipairs(found[name]) do list[i] = alert_object(alert) end
        rules[#rules + 1] = report.quote(name) .. ":[" .. table.concat(list, ",") .. "]"
    end
    return ('{"t":%d,"rules":{%s}}'):format(now, table.concat(rules, ","))
end

return report
