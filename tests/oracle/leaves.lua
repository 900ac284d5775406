-- Leaves: one window function over one selector, as a vector of groups.
--
-- A group is known from its first sample until its data has been away for its time to live; a
-- known group without a result is there, and missing.
local vectors = require "vectors"
local windows = require "windows"

local leaves = {}

local HOUR_MS = 3600000
-- How long a group without data stays known.
local function time_to_live(leaf)
    if leaf.fn == "since_last" then return math.huge end
    if leaf.selector.source == "logs" then return 24 * HOUR_MS end
    return math.max(2 * leaf.window, HOUR_MS)
end

local function without_empty(labels)
    local kept = {}
    for name, value in pairs(labels) do
        if value ~= "" then kept[name] = tostring(value) end
    end
    return kept
end

-- The leaf's private memory over the looks: which series or events belong to which group.
local function new_view(leaf)
    local view = { leaf = leaf, seen = {}, groups = {},
        wants_buckets = windows.reads_buckets[leaf.fn] and leaf.selector.source == "metric" }
    local mode, names = leaf.group_mode, leaf.group_labels
    function view.group_labels(labels, is_bucket)
        if mode == "by" then return without_empty(vectors.project(labels, names)) end
        if is_bucket then labels = vectors.drop(labels, { "le" }) end
        return without_empty(mode == "without" and vectors.drop(labels, names) or labels)
    end
    function view.group(labels, born)
        local key = vectors.key(labels)
        local group = view.groups[key]
        if not group then
            group = { labels = labels, born = born, series = {}, buckets = {},
                events = { t = {}, v = {} } }
            view.groups[key] = group
        end
        return group
    end
    return view
end

local function counts_events(leaf)
    return leaf.selector.source == "logs" and not rawget(leaf.selector, "field_name")
        and (leaf.fn == "count" or leaf.fn == "rate")
end

-- `expected`: label sets that exist whether or not anything came; `start`: when the engine did.
local function add_expected(out, leaf, expected, now, start)
    for _, labels in ipairs(expected) do
        local mine = labels
        local names_it = true
        if leaf.group_mode == "by" then
            mine = vectors.project(labels, leaf.group_labels)
            for _, name in ipairs(leaf.group_labels) do
                names_it = names_it and mine[name] ~= nil
            end
        end
        if names_it and not out.items[vectors.key(mine)] then
            local value
            if leaf.fn == "since_last" then value = (now - leaf.shift - start) / 1000
            elseif counts_events(leaf) then value = 0.0 end
            vectors.put(out, mine, value, nil, -1)
        end
    end
end

-- context: { store, now, start, expected, views = table kept over the looks }
function leaves.evaluate(leaf, context)
    local source = leaf.selector.source
    if source == "logs" and not leaf.group_mode then
        error((":%s() on logs needs :by(…)"):format(leaf.fn), 0)
    end
    context.views[leaf] = context.views[leaf] or new_view(leaf)
    local high = context.now - leaf.shift
    local low = high - (leaf.window or 0)
    local out = vectors.new(leaf.group_mode == "by" and leaf.group_labels or "*")
    local compute = windows.functions[leaf.fn]
    local ttl = time_to_live(leaf)
    for _, group in pairs(context.store:groups(context.views[leaf])) do
        local last = windows.last_seen(group, context.now)
        if last and high - last <= ttl then
            group.shifted = leaf.shift > 0          -- what was there before stays there
            local value = compute(group, low, high, leaf)
            vectors.put(out, group.labels, value and value + 0.0, last, group.born)
        end
    end
    add_expected(out, leaf, context.expected, context.now, context.start)
    return out
end

return leaves
