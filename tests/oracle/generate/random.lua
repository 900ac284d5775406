-- A small generator of random numbers (splitmix64), the same on every machine.
local random = {}
random.__index = random

function random.new(seed) return setmetatable({ state = seed * 0x5851F42D4C957F2D + 1 }, random) end

function random:next()
    self.state = self.state + 0x9E3779B97F4A7C15
    local z = self.state
    z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ~ (z >> 27)) * 0x94D049BB133111EB
    return z ~ (z >> 31)
end

function random:int(low, high) return low + (self:next() >> 1) % (high - low + 1) end

function random:chance(p) return (self:next() >> 11) * 2.0 ^ -53 < p end

function random:pick(list) return list[self:int(1, #list)] end

return random
