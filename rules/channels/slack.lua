-- Slack by incoming webhook: what a phone shows first, then one line an alert, then what to do.
local colours = { P1 = "#d00000", P2 = "#e85d04", P3 = "#f2a900", P4 = "#3a86ff", P5 = "#8d99ae" }
local shown = 20
local esc = slack_escape

local function line(a)
  local text = (a.firing and "• " or "✓ ") .. a.priority .. " *" .. esc(a.name) .. "* " .. esc(a.where) .. "  " .. esc(a.detail)
  if not a.firing then text = text .. " · " .. esc(a.when) end
  if a.nodata then text = text .. " · " .. a.nodata_text end
  if a.freed_by ~= "" then text = text .. " · held back until now by " .. esc(a.freed_by) end
  if a.n_dependents > 0 then
    text = text .. " · " .. round(a.n_dependents) .. " held back because of it: " .. esc(a.dependents)
  end
  return text
end

local function head(msg)
  local parts = { msg.priority .. " #" .. round(msg.incident), esc(msg.group),
    pluralise(msg.firing and msg.n_firing or msg.n_alerts, "alert") }
  if msg.test then parts[1] = "Test" end
  if msg.firing and not msg.test then
    if msg.at - msg.since >= 60 then parts[#parts + 1] = duration(msg.at - msg.since) end
    parts[#parts + 1] = msg.ack and esc(msg.ack.who) .. " has it" or "nobody has it"
  end
  if not msg.firing then parts[#parts + 1] = "resolved" end
  return join(parts, " · ")
end

local function add_links(lines, msg)
  local links = {}
  if msg.incident_url ~= "" then links[#links + 1] = "<" .. esc(msg.incident_url) .. "|Acknowledge, silence, why>" end
  if msg.runbook_url ~= "" then links[#links + 1] = "<" .. esc(msg.runbook_url) .. "|Runbook>" end
  if #links > 0 then lines[#lines + 1] = join(links, " · ") end
end

return function(msg)
  local lines = { "*" .. head(msg) .. "*" }
  for _, note in ipairs(msg.notes) do lines[#lines + 1] = "_" .. esc(note) .. "_" end
  for _, a in ipairs(msg.alerts) do -- what is new, worse or over is never the one left out
    if a.rank <= shown then lines[#lines + 1] = line(a) end
  end
  local more = msg.n_alerts - (#msg.alerts < shown and #msg.alerts or shown)
  if more > 0 then lines[#lines + 1] = "and " .. round(more) .. " more" end
  local e = msg.alerts[1] and msg.alerts[1].firing and msg.events[1]
  if e then
    lines[#lines + 1] = "`" .. esc(truncate(e.exception or e.message or "", 200)) .. "`"
        .. (e.trace_id and "  trace " .. esc(e.trace_id) or "")
  end
  add_links(lines, msg)
  return {
    text = esc(msg.title),
    attachments = list{ {
      color = msg.firing and (colours[msg.priority] or "#8d99ae") or "#2a9d8f",
      fallback = esc(msg.title),
      text = join(lines, "\n"),
      mrkdwn_in = list{ "text" },
    } },
  }
end
