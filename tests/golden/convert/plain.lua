-- From plain.yml. What differs stands in the report of the conversion; numbers are lines of that file.

receiver "default" {                                    -- line 26
  webhook {                                             -- line 28
    url = "http://127.0.0.1:5001/alerts",
  },
}

receiver "payments" {                                   -- line 29
  webhook {                                             -- line 31
    url = "https://hooks.example.com/payments",
    bearer = secret_file "/etc/secrets/payments.token",
    ca_file = "/etc/ssl/own.pem",
    headers = {
      ["X-Team"] = "payments",
    },
    max_alerts = 20,
    timeout = "5s",
  },
  webhook {                                             -- line 39
    url = secret_file "/etc/secrets/second.url",
    send_resolved = false,
  },
}

receiver "search" {                                     -- line 41
  email {                                               -- line 43
    from = "tocsin@example.com",
    to = { "search@example.com", '"On call" <oncall@example.com>' },
    smtp = "smtps://mail.example.com:465",
  },
}

receiver "null-receiver" {                              -- line 47
  inbox {},
}

route {                                                 -- line 6
  receiver = "default",
  group_by = { "alertname", "cluster" },
  group_wait = "10s",
  group_interval = "5m",
  repeat_interval = "12h",
  route {                                               -- line 11
    matchers = { "team = payments", 'severity=~"critical|page"' },
    receiver = "payments",
    group_wait = "0s",
    continue = true,
  },
  route {                                               -- line 17
    matchers = { '{team="search",env!="dev"}', 'host!~"test-.*"' },
    receiver = "search",
    group_by = "all",
    route {                                             -- line 21
      matchers = { 'severity="info"' },
      receiver = "null-receiver",
      repeat_interval = "1d12h",
    },
  },
}

inhibit "cluster down" {                                -- line 50
  source = { 'alertname="ClusterDown"' },
  target = { 'severity=~"warning|info"' },
  equal = { "cluster" },
}
