-- Vectors: what an expression is at one instant, a value (or a missing one) for each group.
--
--   { keys = "*" | { sorted label names }, items = { [key] = item }, default = value or nil }
--   item = { key, labels, value (nil: missing), seen = time of the newest sample behind it,
--            born = arrival number of the first one }
-- `default` is the value of any group that has no item. Two forms have no groups at all:
--   { point = function(labels) -> value, scalar = true|false }   a number, or per("label", {…})
local vectors = {}

function vectors.key(labels)
    local parts = {}
    for name, value in pairs(labels) do
        parts[#parts + 1] = ("%s=%q"):format(name, tostring(value))
    end
    table.sort(parts)
    return table.concat(parts, ",")
end
local key_of = vectors.key

function vectors.new(keys) return { keys = keys, items = {} } end

function vectors.scalar(value)
    return { scalar = true, point = function() return value end }
end

function vectors.put(vector, labels, value, seen, born)
    local item = { key = key_of(labels), labels = labels, value = value, seen = seen, born = born }
    vector.items[item.key] = item
    return item
end

function vectors.project(labels, names)
    local kept = {}
    for _, name in ipairs(names) do kept[name] = labels[name] end
    return kept
end

function vectors.drop(labels, names)
    local kept = {}
    for name, value in pairs(labels) do kept[name] = value end
    for _, name in ipairs(names) do kept[name] = nil end
    return kept
end

-- Items in the order of their keys, so that nothing depends on the order of a hash table.
function vectors.sorted(vector)
    local list = {}
    for _, item in pairs(vector.items) do list[#list + 1] = item end
    table.sort(list, function(a, b) return a.key < b.key end)
    return list
end

local function contains(names, part)
    local set = {}
    for _, name in ipairs(names) do set[name] = true end
    for _, name in ipairs(part) do if not set[name] then return false end end
    return true
end

local function is_part(part, whole)
    for name, value in pairs(part) do if whole[name] ~= value then return false end end
    return true
end

local function n_labels(item)
    local n = 0
    for _ in pairs(item.labels) do n = n + 1 end
    return n
end

-- Among `candidates` (sorted), the item whose labels are all in `labels`, the most of them first.
local function broadcast_partner(candidates, labels)
    local best, best_n
    for _, item in ipairs(candidates) do
        if is_part(item.labels, labels) then
            local n = n_labels(item)
            if not best or n > best_n then best, best_n = item, n end
        end
    end
    return best
end

local function latest(a, b)
    if a and b then return math.max(a, b) end
    return a or b
end

local function value_or_default(item, vector)
    if item then return item.value end
    return vector.default
end

-- `f(a, b, labels)` for every group that `leader` has; its partner is the other side's group with
-- the projected labels. `swap`: the leader is the right operand.
local function led(leader, other, f, swap)
    local out = vectors.new(leader.keys)
    for _, item in pairs(leader.items) do
        local labels = vectors.project(item.labels, other.keys)
        local partner = other.items[key_of(labels)]
        local value = value_or_default(partner, other)
        local result
        if swap then result = f(value, item.value, item.labels)
        else result = f(item.value, value, item.labels) end
        vectors.put(out, item.labels, result, item.seen or partner and partner.seen, item.born)
    end
    return out
end

-- Both sides group by the same labels: every group of either.
local function united(a, b, f)
    local out = vectors.new(a.keys)
    for key, item in pairs(a.items) do
        local other = b.items[key]
        vectors.put(out, item.labels, f(item.value, value_or_default(other, b), item.labels),
            latest(item.seen, other and other.seen), item.born)
    end
    for key, item in pairs(b.items) do
        if not a.items[key] then
            vectors.put(out, item.labels, f(a.default, item.value, item.labels), item.seen,
                item.born)
        end
    end
    return out
end

-- Neither side's labels are known beforehand: the same labels, else the side with fewer labels
-- goes to every group of the other that has them.
local function matched(a, b, f)
    local out = vectors.new("*")
    local list_a, list_b = vectors.sorted(a), vectors.sorted(b)
    local partner_of, broadcast = {}, {}
    for _, pair in ipairs { { list_a, list_b, b }, { list_b, list_a, a } } do
        for _, item in ipairs(pair[1]) do
            local partner = pair[3].items[item.key]
            if not partner then
                partner = broadcast_partner(pair[2], item.labels)
                if partner then broadcast[partner] = true end
            end
            partner_of[item] = partner
        end
    end
    for _, item in ipairs(list_a) do
        local partner = partner_of[item]
        if partner or not broadcast[item] then
            vectors.put(out, item.labels, f(item.value, value_or_default(partner, b), item.labels),
                item.seen, item.born)
        end
    end
    for _, item in ipairs(list_b) do
        local partner = partner_of[item]
        if not a.items[item.key] and (partner or not broadcast[item]) then
            vectors.put(out, item.labels, f(value_or_default(partner, a), item.value, item.labels),
                item.seen, item.born)
        end
    end
    return out
end

local function same(a, b) return a ~= "*" and b ~= "*" and contains(a, b) and contains(b, a) end

local function with_point(vector, point, f, swap)
    local out = vectors.new(vector.keys)
    local function at(value, labels)
        local limit = point.point(labels or {})
        if swap then return f(limit, value, labels) end
        return f(value, limit, labels)
    end
    for _, item in pairs(vector.items) do
        vectors.put(out, item.labels, at(item.value, item.labels), item.seen, item.born)
    end
    if point.scalar then out.default = at(vector.default, nil) end
    return out
end

-- Group by group. `f(a, b, labels)` sees nil for what is missing and answers nil for missing;
-- labels are nil where it works out the default of all other groups.
function vectors.zip(a, b, f)
    if a.point and b.point then
        return { scalar = a.scalar and b.scalar, point = function(labels)
            return f(a.point(labels), b.point(labels), labels)
        end }
    end
    if b.point then return with_point(a, b, f, false) end
    if a.point then return with_point(b, a, f, true) end
    local out
    if a.keys == "*" and b.keys == "*" then out = matched(a, b, f)
    elseif a.keys ~= "*" and b.keys ~= "*" and same(a.keys, b.keys) then out = united(a, b, f)
    elseif a.keys == "*" or b.keys ~= "*" and contains(a.keys, b.keys) then
        out = led(a, b, f, false)
    elseif b.keys == "*" or contains(b.keys, a.keys) then
        out = led(b, a, f, true)
    else
        error(("{%s} and {%s}: neither contains the other"):format(
            table.concat(a.keys, ", "), table.concat(b.keys, ", ")), 0)
    end
    out.default = f(a.default, b.default, nil)
    return out
end

function vectors.map(vector, f)
    if vector.point then
        return { scalar = vector.scalar, point = function(labels)
            return f(vector.point(labels), labels)
        end }
    end
    local out = vectors.new(vector.keys)
    for _, item in pairs(vector.items) do
        vectors.put(out, item.labels, f(item.value, item.labels), item.seen, item.born)
    end
    out.default = f(vector.default, nil)
    return out
end

-- The value that holds for a group elsewhere (for `unless`).
function vectors.at(vector, labels)
    if vector.point then return vector.point(labels) end
    if vector.keys ~= "*" then
        local item = vector.items[key_of(vectors.project(labels, vector.keys))]
        return value_or_default(item, vector)
    end
    local item = vector.items[key_of(labels)]
        or broadcast_partner(vectors.sorted(vector), labels)
    return value_or_default(item, vector)
end

return vectors
