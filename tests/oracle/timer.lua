-- A timer that runs while something holds, stands still while nobody knows whether it does, and
-- starts over when it does not.
local timer = {}

-- `t` is the timer's table, empty at first; `holds` is true, false or nil (unknown). Returns for
-- how long it has held in milliseconds, nil when it does not hold or is unknown. The time from
-- the last look that knew to the next one that does counts for nothing. Doing it again at the
-- same instant changes nothing.
function timer.step(t, holds, now)
    if holds == nil then
        t.paused = t.since ~= nil
        return nil
    end
    if not holds then
        t.since, t.paused = nil, nil
        return nil
    end
    if not t.since then
        t.since = now
    elseif t.paused then
        t.since = t.since + (now - t.known)
    end
    t.paused, t.known = false, now
    return now - t.since
end

return timer
