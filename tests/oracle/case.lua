-- Writes a case and the oracle's answers as JSON lines, for the comparison in C:
--   {"rules","start","looks"}   one line a feed item   {"t","rules"} one line a look
-- lua5.4 tests/oracle/case.lua SEED [strict]
local folder = arg[0]:match("^(.*)/[^/]*$") or "."
local mode = arg[2] and " " .. arg[2] or ""
local path = os.tmpname()
assert(os.execute(("lua5.4 %s/gen.lua %s%s > %s"):format(folder, arg[1], mode, path)))
local case = assert(loadfile(path))()

local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end
local function json(v)
  if type(v) == "string" then return quote(v) end
  if type(v) == "number" then
    if v ~= v or v == math.huge or v == -math.huge then return "null" end
    return math.type(v) == "integer" and tostring(v) or ("%.17g"):format(v)
  end
  if type(v) ~= "table" then return tostring(v) end
  local out = {}
  if #v > 0 then
    for i, x in ipairs(v) do out[i] = json(x) end
    return "[" .. table.concat(out, ",") .. "]"
  end
  for k, x in pairs(v) do out[#out + 1] = quote(k) .. ":" .. json(x) end
  table.sort(out)
  return "{" .. table.concat(out, ",") .. "}"
end

print(json{ rules = case.rules, start = case.start, looks = case.looks, labels = case.labels, token = case.token,
            type = case.type })
for _, item in ipairs(case.feed) do print(json(item)) end
io.stdout:flush()
local ok = os.execute(("lua5.4 %s/run.lua %s"):format(folder, path))
os.remove(path)
os.exit(ok and 0 or 1)
