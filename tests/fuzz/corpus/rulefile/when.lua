local limits = { web = 3 }
alert "Free" {
  inputs = { a = m.a:rate("5m"):by("s"), b = (m.b - m.b:last():offset("1h")):max_by("s") },
  state = { n = 0 },
  when = function(i, g)
    g.state.n = g.state.n + 1
    if i.a > (limits[g.s] or 1) then return "P1", i.a end
    return i.b > 5
  end,
}
for _, row in ipairs(data "x.csv") do local y = include "a.lua" end
