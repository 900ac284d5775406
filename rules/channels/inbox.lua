-- The inbox keeps the plain text and what a template would have been given.
return function(msg)
  return {
    text = msg.plain,
    title = msg.title,
    priority = msg.priority,
    reason = msg.reason,
    alerts = msg.alerts,
    groupLabels = msg.groupLabels,
  }
end
