-- From shared.yml. What differs stands in the report of the conversion; numbers are lines of that file.

receiver "ops" {                                        -- line 21
  webhook {                                             -- line 23
    url = "http://127.0.0.1:1/",
    send_resolved = false,
  },
  webhook {                                             -- line 26
    url = "http://127.0.0.1:1/",
  },
}

route {                                                 -- line 2
  receiver = "ops",
  group_by = {},
  group_wait = "30s",
  group_interval = "5m",
  repeat_interval = "4h",
  route {                                               -- line 5
    matchers = { 'severity="critical"', 'team="say \\"hi\\" \\ there"' },
    receiver = "ops",
  },
  route {                                               -- line 7
    matchers = { 'severity="critical"', 'team="say \\"hi\\" \\ there"', 'service=~"^(foo1|foo2)$"' },
    receiver = "ops",
    group_by = {},
  },
}

inhibit "rule 1" {                                      -- line 12
  source = { 'severity="critical"' },
  target = { 'severity=~"warning|info"' },
  equal = { "alertname" },
}

inhibit "same" {                                        -- line 15
  source = { "a=b", '"odd name"="c"' },
  target = { "c=d" },
}

inhibit "same (2)" {                                    -- line 18
  source = { "a=b" },
}
