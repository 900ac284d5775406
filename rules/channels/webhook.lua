-- Alertmanager's webhook body, version 4, with Tocsin's own facts beside it under "tocsin".
local reasons = { ["new alerts"] = "new alerts added", ["repeat"] = "repeat interval elapsed" } -- Alertmanager's words

local function alert(a)
  return {
    status = a.status,
    labels = a.labels,
    annotations = a.annotations,
    startsAt = a.startsAt,
    endsAt = a.endsAt,
    generatorURL = a.generatorURL,
    fingerprint = a.fingerprint,
    tocsin = { priority = a.priority, value = a.value, threshold = a.threshold, peak = a.peak, new = a.new,
               missed = a.missed, end_reason = a.end_reason },
  }
end

return function(msg)
  local alerts = list{}
  for i, a in ipairs(msg.alerts) do alerts[i] = alert(a) end
  return {
    version = "4",
    receiver = msg.receiver_quoted,
    status = msg.status,
    notification_reason = reasons[msg.reason] or msg.reason,
    alerts = alerts,
    groupLabels = msg.groupLabels,
    commonLabels = msg.commonLabels,
    commonAnnotations = msg.commonAnnotations,
    externalURL = msg.externalURL,
    groupKey = msg.groupKey,
    truncatedAlerts = msg.truncated,
    tocsin = {
      incident = msg.incident,
      sequence = msg.seq,
      key = msg.key,
      priority = msg.priority,
      title = msg.title,
      reason = msg.reason_text,
      url = msg.incident_url,
      runbook_url = msg.runbook_url ~= "" and msg.runbook_url or null,
      events = msg.events,
      acknowledged_by = msg.ack and msg.ack.who or null,
      degraded = msg.degraded,
      late_seconds = msg.late,
    },
  }
end
