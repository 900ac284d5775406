-- A mail: the state in the first line, one line an alert, links that open a page (mail scanners
-- follow links, so nothing acts on a GET).
local function state(msg)
  local worst = msg.alerts[1]
  if not msg.firing then return "RESOLVED " .. (worst and worst.text or msg.group) .. (worst and ", " .. worst.when or "") end
  return msg.priority .. " FIRING " .. (worst and worst.text or msg.group) .. (worst and ", " .. worst.when or "")
end

local function facts(msg)
  local t = { pluralise(msg.n_alerts, "alert") .. "." }
  if msg.firing then
    t[#t + 1] = msg.ack and msg.ack.who .. " has it." or "Nobody has acknowledged."
  end
  if msg.reason_text ~= "" and not msg.first then t[#t + 1] = msg.reason_text .. "." end
  if msg.fallback_for ~= "" then t[#t + 1] = "You get this because " .. msg.fallback_for .. " did not take it." end
  return join(t, " ")
end

local function row(a)
  return a.priority .. " " .. a.name .. (a.where ~= "" and " " .. a.where or "") .. " · " .. a.text .. " · " .. a.when
end

local function links(msg)
  local t = {}
  if msg.incident_url ~= "" then t[#t + 1] = { "Acknowledge · Silence · Why", msg.incident_url } end
  local worst = msg.alerts[1]
  if worst and worst.annotations.runbook_url then t[#t + 1] = { "Runbook", worst.annotations.runbook_url } end
  return t
end

local function text(msg)
  local t = { state(msg), facts(msg), "" }
  for _, a in ipairs(msg.alerts) do t[#t + 1] = row(a) end
  if msg.truncated > 0 then t[#t + 1] = "and " .. round(msg.truncated) .. " more" end
  local worst = msg.alerts[1]
  for _, e in ipairs(worst and worst.events or {}) do
    t[#t + 1] = "  " .. truncate(e.exception or e.message or "", 300) .. (e.trace_id and " (trace " .. e.trace_id .. ")" or "")
  end
  t[#t + 1] = ""
  for _, l in ipairs(links(msg)) do t[#t + 1] = l[1] .. ": " .. l[2] end
  t[#t + 1] = "You get this because: receiver " .. msg.receiver
  return join(t, "\n") .. "\n"
end

local function html(msg)
  local h = html_escape
  local t = { "<div style=\"font-family:sans-serif;font-size:15px\">",
    "<p style=\"font-size:17px\"><b>" .. h(state(msg)) .. "</b></p><p>" .. h(facts(msg)) .. "</p>",
    "<table cellpadding=\"4\" style=\"border-collapse:collapse\">" }
  for _, a in ipairs(msg.alerts) do
    t[#t + 1] = "<tr><td><b>" .. h(a.priority) .. "</b></td><td>" .. h(a.name) .. " " .. h(a.where) .. "</td><td>"
        .. h(a.text) .. "</td><td>" .. h(a.when) .. "</td></tr>"
  end
  t[#t + 1] = "</table>"
  if msg.truncated > 0 then t[#t + 1] = "<p>and " .. round(msg.truncated) .. " more</p>" end
  local worst = msg.alerts[1]
  for _, e in ipairs(worst and worst.events or {}) do
    t[#t + 1] = "<pre>" .. h(truncate(e.exception or e.message or "", 300)) .. (e.trace_id and " (trace " .. h(e.trace_id) .. ")" or "") .. "</pre>"
  end
  for _, l in ipairs(links(msg)) do
    t[#t + 1] = "<p><a href=\"" .. h(l[2]) .. "\">" .. h(l[1]) .. "</a></p>"
  end
  t[#t + 1] = "<p style=\"color:#777\">You get this because: receiver " .. h(msg.receiver) .. "</p></div>"
  return join(t, "\n")
end

return function(msg)
  return { text = text(msg), html = html(msg) }
end
