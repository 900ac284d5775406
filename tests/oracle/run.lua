-- lua5.4 run.lua CASE.lua …   evaluates cases and prints one line of JSON per look.
-- `-` reads a case from standard input. With several cases each begins with {"case":"FILE"}.
local here = arg[0]:match("^(.*/)[^/]*$") or "./"
package.path = here .. "?.lua;" .. package.path

local engine = require "engine"
local report = require "report"

local function read(path)
    if path == "-" then return io.read "a" end
    local file = assert(io.open(path))
    local text = file:read "a"
    file:close()
    return text
end

local function load_case(path)
    local text = read(path)
    local chunk = load("return " .. text, "=" .. path, "t", {}) or load(text, "=" .. path, "t", {})
    if not chunk then error(path .. ": not a Lua table", 0) end
    return chunk()
end

local function run(path)
    local case = load_case(path)
    local one = engine.new(case)
    for _, now in ipairs(case.looks) do print(report.line(now, one:look(now))) end
end

if #arg == 0 then
    io.stderr:write("usage: run.lua CASE.lua …\n")
    os.exit(2)
end
local failed = false
for _, path in ipairs(arg) do
    if #arg > 1 then print('{"case":' .. report.quote(path) .. "}") end
    local ok, err = pcall(run, path)
    if not ok then
        io.stderr:write(path, ": ", tostring(err), "\n")
        failed = true
    end
end
os.exit(failed and 1 or 0)
