-- A timer that runs while something holds, stands still while nobody knows whether it does, and
-- starts over when it does not.
local timer = {}

-- `t` is the timer's table, empty at first; `holds` is true, false or nil (unknown). Returns for
-- how long it has held in milliseconds, nil when it does not hold or is unknown. Doing it again
-- at the same instant changes nothing.
function timer.step(t, holds, now)
    if holds == nil then
        if t.since and not t.paused then t.paused = now end
        return nil
    end
    if not holds then
        t.since, t.paused = nil, nil
        return nil
    end
    if not t.since then
        t.since = now
    elseif t.paused then
        t.since = t.since + (now - t.paused)
    end
    t.paused = nil
    return now - t.since
end

return timer
