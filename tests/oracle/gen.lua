-- lua5.4 gen.lua SEED [strict]              writes a random case to standard output
-- lua5.4 gen.lua FIRST LAST DIR [strict]    writes DIR/case-SEED.lua for every seed
-- The same seed gives the same case. README.md says what `strict` adds.
local here = arg[0]:match("^(.*/)[^/]*$") or "./"
package.path = here .. "?.lua;" .. package.path

local random = require "generate.random"
local feed = require "generate.feed"
local templates = require "generate.templates"

local EPOCH_MS = 1767571200000 -- Monday 2026-01-05 00:00 UTC
local GRID_MS = 10000

local function sorted(t)
    local keys = {}
    for key in pairs(t) do keys[#keys + 1] = key end
    table.sort(keys)
    return keys
end

local function literal(value)
    if type(value) == "table" then
        local parts = {}
        for _, key in ipairs(sorted(value)) do
            parts[#parts + 1] = ("[%q]=%s"):format(key, literal(value[key]))
        end
        return "{" .. table.concat(parts, ",") .. "}"
    elseif math.type(value) == "float" then return ("%.17g"):format(value)
    elseif type(value) == "string" then return ("%q"):format(value):gsub("\\\n", "\\n")
    end
    return tostring(value)
end

local function write_case(file, seed, strict)
    local r = random.new(seed)
    local names = {}
    for _, name in ipairs(sorted(templates)) do
        if name ~= "contested" then names[#names + 1] = name end
    end
    local name = names[seed % #names + 1]
    local template = templates[name]
    if strict and r:chance(0.2) then
        name = r:pick(sorted(templates.contested))
        template = templates.contested[name]
    end
    -- the ends of what is gone are not the oracle's (README.md); that its value leaves is
    local rules = 'defaults{ gone = "30d" } ' .. template(r)
    local start = EPOCH_MS + r:int(0, 8640) * GRID_MS
    local minutes = r:int(10, 40)
    file:write(("-- seed %d: %s\nreturn {\n"):format(seed, name),
        ("rules = %s,\nstart = %d,\nfeed = {\n"):format(literal(rules), start))
    for _, entry in ipairs(feed.make(r, rules, start, start + minutes * 60000)) do
        file:write(literal(entry), ",\n")
    end
    file:write("},\nlooks = {")
    for i = 1, minutes * 6 do file:write(start + i * GRID_MS, i % 8 == 0 and ",\n" or ",") end
    file:write("},\n}\n")
end

local first = math.tointeger(tonumber(arg[1]))
local last = math.tointeger(tonumber(arg[2]))
if not first then
    io.stderr:write("usage: gen.lua SEED [strict] | gen.lua FIRST LAST DIR [strict]\n")
    os.exit(2)
end
if not last then
    write_case(io.stdout, first, arg[2] == "strict")
    os.exit(0)
end
for seed = first, last do
    local file = assert(io.open(("%s/case-%d.lua"):format(arg[3], seed), "w"))
    write_case(file, seed, arg[4] == "strict")
    file:close()
end
