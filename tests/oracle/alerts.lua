-- The states of one rule's alerts: ok -> pending -> firing(level) -> ok.
--
-- Every level has two timers of its own: `pending` runs while its condition holds and raises the
-- level when `lasting` is over, `clearing` runs while it does not and lowers it when
-- `clear_after` is over. Both stand still while the condition is unknown. The alert's level is
-- the most severe one that is raised.
local vectors = require "vectors"
local timer = require "timer"

local alerts = {}

local function new_alert(labels, key)
    return { labels = labels, key = key, levels = {}, level = nil, state = "ok" }
end

-- `holds`: the level's condition, nil unknown. `at_once`: unknown counts as resolved.
local function step_level(rule, level, own, holds, at_once, now)
    if holds == nil and at_once then
        own.pending, own.clearing, own.raised = {}, {}, false
        return
    end
    local held = timer.step(own.pending, holds, now)
    local gone = timer.step(own.clearing, holds ~= nil and not holds or nil, now)
    if held and held >= level.lasting then own.raised = true end
    if gone and gone >= rule.clear_after then own.raised = false end
    if holds then own.clearing = {} end
end

-- any level true / none true and one unknown / all false
local function summary(rule, verdicts)
    local unknown = false
    for i in ipairs(rule.levels) do
        if verdicts[i] == true then return true end
        if verdicts[i] == nil then unknown = true end
    end
    if unknown then return nil end
    return false
end

local function apply_missing(rule, verdicts)
    for i, level in ipairs(rule.levels) do
        if rule.missing == "fire" and level.level == rule.missing_level then verdicts[i] = true end
    end
end

local function step_alert(rule, alert, verdicts, now)
    local overall = summary(rule, verdicts)
    if overall == nil and not verdicts.broken then apply_missing(rule, verdicts) end
    local at_once = rule.missing == "clear" and not verdicts.broken
    local pending = false
    alert.level = nil
    for i, level in ipairs(rule.levels) do
        local own = alert.levels[i] or { pending = {}, clearing = {}, raised = false }
        alert.levels[i] = own
        step_level(rule, level, own, verdicts[i], at_once, now)
        if own.raised and not alert.level then alert.level = level.level end
        pending = pending or own.pending.since ~= nil
    end
    if alert.level then alert.state = "firing"
    elseif pending then alert.state = "pending"
    elseif overall == nil then alert.state = "nodata"
    else alert.state = "ok" end
end

local function is_forgotten(rule, alert, verdicts, now)
    return summary(rule, verdicts) == nil and not verdicts.broken and alert.seen
        and not alert.expected and now - alert.seen >= rule.forget
end

local function forget(rule, key)
    rule.alerts[key] = nil
    for _, by_group in pairs(rule.memory) do by_group[key] = nil end
end

-- New groups, the ones that came first before the others, as far as the limit goes.
local function admit(rule, universe)
    local n, fresh = 0, {}
    for _ in pairs(rule.alerts) do n = n + 1 end
    for _, item in pairs(universe.items) do
        if not rule.alerts[item.key] then fresh[#fresh + 1] = item end
    end
    table.sort(fresh, function(a, b)
        local born_a, born_b = a.born or math.huge, b.born or math.huge
        if born_a ~= born_b then return born_a < born_b end
        return a.key < b.key
    end)
    for i = 1, math.min(#fresh, rule.limit - n) do
        rule.alerts[fresh[i].key] = new_alert(fresh[i].labels, fresh[i].key)
    end
end

-- `universe`: a vector whose values are { value, verdicts = { per level true, false, nil } }.
function alerts.advance(rule, universe, expected_keys, now)
    local unseen = universe.default or { verdicts = {} }
    admit(rule, universe)
    local keys = {}
    for key in pairs(rule.alerts) do keys[#keys + 1] = key end
    table.sort(keys)
    for _, key in ipairs(keys) do
        local alert, item = rule.alerts[key], universe.items[key]
        local found = item and item.value or unseen
        local verdicts = { broken = found.verdicts.broken }
        for i in ipairs(rule.levels) do verdicts[i] = found.verdicts[i] end
        alert.value = found.value
        if item and item.seen then alert.seen = math.max(alert.seen or item.seen, item.seen) end
        alert.expected = expected_keys[key]
        if is_forgotten(rule, alert, verdicts, now) then
            forget(rule, key)
        else
            step_alert(rule, alert, verdicts, now)
            if not item and not alert.level and not alert.expected then forget(rule, key) end
        end
    end
end

function alerts.is_suppressed(alert, unless)
    return unless ~= nil and vectors.at(unless, alert.labels) == true
end

return alerts
