-- The inbox keeps the plain text and what a template would have been given.
return function(msg)
  return {
    text = msg.plain,
    title = msg.title,
    priority = msg.priority,
    reason = msg.reason,
    runbook_url = msg.runbook_url ~= "" and msg.runbook_url or null,
    events = msg.events,
    alerts = msg.alerts,
    groupLabels = msg.groupLabels,
  }
end
