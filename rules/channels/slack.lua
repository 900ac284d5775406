-- Slack by incoming webhook: what a phone shows first, then one line an alert, then what to do.
local colours = { P1 = "#d00000", P2 = "#e85d04", P3 = "#f2a900", P4 = "#3a86ff", P5 = "#8d99ae" }
local shown = 20

local function line(a)
  local mark = a.firing and "• " .. a.priority or "✓ " .. a.priority
  local text = mark .. " *" .. slack_escape(a.name) .. "* " .. slack_escape(a.where) .. "  " .. slack_escape(a.text)
  if not a.firing then text = text .. " · " .. slack_escape(a.when) end
  if a.nodata then text = text .. " · its data has stopped" end
  if a.freed_by ~= "" then text = text .. " · held back until now by " .. slack_escape(a.freed_by) end
  return text
end

local function head(msg)
  local who = msg.ack and msg.ack.who .. " has it" or "nobody has it"
  local parts = { msg.priority .. " #" .. round(msg.incident), slack_escape(msg.group), pluralise(msg.n_alerts, "alert") }
  if msg.firing then
    parts[#parts + 1] = duration(msg.at - msg.since)
    parts[#parts + 1] = slack_escape(who)
  end
  return join(parts, " · ")
end

return function(msg)
  local lines = { "*" .. head(msg) .. "*" }
  if msg.reason_text ~= "" and not msg.first then lines[#lines + 1] = "_" .. slack_escape(msg.reason_text) .. "_" end
  if msg.fallback_for ~= "" then
    lines[#lines + 1] = "_you get this because " .. slack_escape(msg.fallback_for) .. " did not take it_"
  end
  for i, a in ipairs(msg.alerts) do
    if i > shown then break end
    lines[#lines + 1] = line(a)
  end
  local more = msg.n_alerts - (#msg.alerts < shown and #msg.alerts or shown)
  if more > 0 then lines[#lines + 1] = "and " .. round(more) .. " more" end
  local worst = msg.alerts[1]
  if worst and worst.firing then
    local e = worst.events[1]
    if e then
      lines[#lines + 1] = "`" .. slack_escape(truncate(e.exception or e.message or "", 200)) .. "`"
          .. (e.trace_id and "  trace " .. slack_escape(e.trace_id) or "")
    end
  end
  local links = {}
  if msg.incident_url ~= "" then links[#links + 1] = "<" .. msg.incident_url .. "|Acknowledge, silence, why>" end
  local runbook = worst and worst.annotations.runbook_url
  if runbook then links[#links + 1] = "<" .. slack_escape(runbook) .. "|Runbook>" end
  if #links > 0 then lines[#lines + 1] = join(links, " · ") end
  return {
    text = slack_escape(msg.title),
    attachments = list{ {
      color = msg.firing and (colours[msg.priority] or "#8d99ae") or "#2a9d8f",
      fallback = slack_escape(msg.title),
      text = join(lines, "\n"),
      mrkdwn_in = list{ "text" },
    } },
  }
end
