-- A mail: the state in the first line, one line an alert, links that open a page (mail scanners
-- follow links, so nothing acts on a GET).
local function state(msg)
  local worst = msg.alerts[1]
  local what = worst and worst.text .. ", " .. worst.when or msg.group
  if msg.test then return "TEST " .. what end
  return (msg.firing and msg.priority .. " FIRING " or "RESOLVED ") .. what
end

local function facts(msg)
  local t = { pluralise(msg.firing and msg.n_firing or msg.n_alerts, "alert") .. "." }
  if msg.firing and not msg.test then
    t[#t + 1] = msg.ack and msg.ack.who .. " has it." or "Nobody has acknowledged."
  end
  if msg.n_held > 0 then t[#t + 1] = round(msg.n_held) .. " more firing, held back." end
  return join(t, " ")
end

local function row(a)
  local t = { a.priority .. " " .. a.name .. (a.where ~= "" and " " .. a.where or "") }
  if a.detail ~= "" then t[#t + 1] = a.detail end
  t[#t + 1] = a.when
  if a.freed_by ~= "" then t[#t + 1] = "held back until now by " .. a.freed_by end
  if a.n_dependents > 0 then t[#t + 1] = round(a.n_dependents) .. " held back because of it: " .. a.dependents end
  if a.nodata then t[#t + 1] = a.nodata_text end
  return t
end

local function events(msg)
  local t = {}
  for _, e in ipairs(msg.events) do
    t[#t + 1] = truncate(e.exception or e.message or "", 300) .. (e.trace_id and " (trace " .. e.trace_id .. ")" or "")
  end
  return t
end

local function links(msg)
  local t = {}
  if msg.incident_url ~= "" then t[#t + 1] = { "Acknowledge · Silence · Why", msg.incident_url } end
  if msg.runbook_url ~= "" then t[#t + 1] = { "Runbook", msg.runbook_url } end
  return t
end

local function text(msg)
  local t = { state(msg), facts(msg) }
  for _, note in ipairs(msg.notes) do t[#t + 1] = note end
  t[#t + 1] = ""
  for _, a in ipairs(msg.alerts) do t[#t + 1] = join(row(a), " · ") end
  if msg.truncated > 0 then t[#t + 1] = "and " .. round(msg.truncated) .. " more" end
  for _, e in ipairs(events(msg)) do t[#t + 1] = "  " .. join(e:split("\n"), "\n  ") end -- no line of ours
  t[#t + 1] = ""
  for _, l in ipairs(links(msg)) do t[#t + 1] = l[1] .. ": " .. l[2] end
  t[#t + 1] = "You get this because: receiver " .. msg.receiver
  return join(t, "\n") .. "\n"
end

local function html(msg)
  local h = html_escape
  local t = { "<div style=\"font-family:sans-serif;font-size:15px\">",
    "<p style=\"font-size:17px\"><b>" .. h(state(msg)) .. "</b></p><p>" .. h(facts(msg)) .. "</p>" }
  for _, note in ipairs(msg.notes) do t[#t + 1] = "<p><i>" .. h(note) .. "</i></p>" end
  t[#t + 1] = "<table cellpadding=\"4\" style=\"border-collapse:collapse\">"
  for _, a in ipairs(msg.alerts) do
    local cells = {}
    for i, cell in ipairs(row(a)) do cells[i] = "<td>" .. h(cell) .. "</td>" end
    t[#t + 1] = "<tr>" .. join(cells, "") .. "</tr>"
  end
  t[#t + 1] = "</table>"
  if msg.truncated > 0 then t[#t + 1] = "<p>and " .. round(msg.truncated) .. " more</p>" end
  for _, e in ipairs(events(msg)) do t[#t + 1] = "<pre>" .. h(e) .. "</pre>" end
  for _, l in ipairs(links(msg)) do
    t[#t + 1] = "<p><a href=\"" .. h(l[2]) .. "\">" .. h(l[1]) .. "</a></p>"
  end
  t[#t + 1] = "<p style=\"color:#777\">You get this because: receiver " .. h(msg.receiver) .. "</p></div>"
  return join(t, "\n")
end

return function(msg)
  return { text = text(msg), html = html(msg) }
end
