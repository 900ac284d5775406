-- From everything.yml. What differs stands in the report of the conversion; numbers are lines of that file.

receiver "everyone" {                                   -- line 19
  webhook {                                             -- line 41
    url = secret_file "secrets/everyone-webhook-url",
    user = "u",
    password = secret_file "secrets/everyone-webhook-password",
  },
  webhook {                                             -- line 45
    url = secret_file "secrets/everyone-webhook-2-url",
    proxy = "http://proxy.example.org:3128",
  },
  slack {                                               -- line 21
    webhook_url = secret_file "secrets/slack-webhook_url",
    channel = "#alerts",
    proxy = "http://proxy.example.org:3128",
    send_resolved = false,
  },
  slack {                                               -- line 29
    webhook_url = secret_file "/etc/am/slack2.url",
    -- channel = "{{ .CommonLabels.channel }}",
    proxy = "http://proxy.example.org:3128",
  },
  slack {                                               -- line 32
    bot_token = secret_file "/etc/am/slack.token",
    channel = "C0123",
    proxy = "http://proxy.example.org:3128",
    send_resolved = false,
  },
  email {                                               -- line 35
    from = "Alerts <alerts@example.org>",
    user = "alerts",
    password = secret_file "secrets/email-password",
    to = { "a@example.org", "b@example.org" },
    smtp = "smtp://smtp.example.org:587",
    tls = "none",
    insecure_skip_verify = true,
    reply_to = "ops@example.org",
    headers = {
      ["X-Priority"] = "1",
    },
    send_resolved = false,
  },
}

receiver "phones & pagers" {                            -- line 46
  pagerduty {                                           -- line 48
    routing_key = secret_file "secrets/phones___pagers-pagerduty-routing_key",
    api_url = "https://events.eu.pagerduty.com",
    proxy = "http://proxy.example.org:3128",
  },
  pagerduty {                                           -- line 52
    routing_key = secret_file "secrets/phones___pagers-pagerduty-2-routing_key",
    proxy = "http://proxy.example.org:3128",
  },
  opsgenie {                                            -- line 54
    api_key = secret_file "/etc/am/opsgenie.key",
    proxy = "http://proxy.example.org:3128",
    tags = { "one", "two" },
  },
  opsgenie {                                            -- line 57
    api_key = secret_file "secrets/phones___pagers-opsgenie-2-api_key",
    api_url = "https://api.eu.opsgenie.com",
    proxy = "http://proxy.example.org:3128",
  },
  victorops {                                           -- line 59
    api_key = secret_file "secrets/victorops-api_key",
    routing_key = "ops",
    proxy = "http://proxy.example.org:3128",
  },
  pushover {                                            -- line 60
    token = secret_file "/t",
    user = secret_file "/u",
    proxy = "http://proxy.example.org:3128",
  },
  sns {                                                 -- line 62
    topic_arn = "arn:aws:sns:eu-west-1:1:t",
    proxy = "http://proxy.example.org:3128",
    region = "eu-west-1",
    access_key = "AK",
    secret_key = secret_file "secrets/phones___pagers-sns-secret_key",
  },
  sns {                                                 -- line 64
    proxy = "http://proxy.example.org:3128",
    region = "eu-west-1",
  },
  telegram {                                            -- line 66
    bot_token = secret_file "secrets/phones___pagers-telegram-bot_token",
    chat_id = "-100",
    topic = 7,
    api_url = "https://telegram.example.org",
    proxy = "http://proxy.example.org:3128",
  },
  discord {                                             -- line 67
    webhook_url = secret_file "secrets/phones___pagers-discord-webhook_url",
    proxy = "http://proxy.example.org:3128",
  },
  teams {                                               -- line 69
    webhook_url = secret_file "/etc/am/teams.url",
    proxy = "http://proxy.example.org:3128",
  },
  teams {                                               -- line 68
    webhook_url = secret_file "secrets/phones___pagers-teams-webhook_url",
    proxy = "http://proxy.example.org:3128",
  },
  webex {                                               -- line 70
    room_id = "r",
    bot_token = secret_file "secrets/phones___pagers-webex-bot_token",
  },
  jira {                                                -- line 72
    url = "https://jira.example.org",
    project = "OPS",
    issue_type = "Incident",
    done = "Done",
    user = "bot",
    token = secret_file "/etc/am/jira.token",
  },
  mattermost {                                          -- line 78
    webhook_url = secret_file "secrets/phones___pagers-mattermost-webhook_url",
    proxy = "http://proxy.example.org:3128",
  },
}

receiver "by hand" {                                    -- line 79
  -- rocketchat_configs, line 80: by hand
  -- wechat_configs, line 81: by hand
  inbox {},
}

route {                                                 -- line 17
  receiver = "everyone",
  group_by = {},
  group_wait = "30s",
  group_interval = "5m",
  repeat_interval = "4h",
}
