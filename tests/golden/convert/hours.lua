-- From hours.yml. What differs stands in the report of the conversion; numbers are lines of that file.

calendar "nights" {                                     -- line 12
  "00:00-07:30,22:00-24:00",
}

calendar "office hours" {                               -- line 16
  zone = "Europe/Paris",
  "Mon-Fri 08:00-18:00",
  "Sat in Jan-Mar,Dec",
  -- "day -1,1-3",
}

calendar "holidays" {                                   -- line 26
  "day 24-31 in Dec",
  "2027-01-01 - 2027-12-31",
  "2029-01-01 - 2030-12-31",
  rrule = {
    { start = "2026-01-01T02:00", lasts = "3h", rule = "FREQ=DAILY;BYDAY=SU;UNTIL=20271231T235959" },
  },
}

calendar "always" {                                     -- line 34
  "00:00-24:00",
}

calendar "both ends" {                                  -- line 38
  -- "day 2--2",
}

calendar "here" {                                       -- line 40
  "Sun-Sat",
}

receiver "x" {                                          -- line 10
  webhook {                                             -- line 10
    url = "http://127.0.0.1:1/",
  },
}

route {                                                 -- line 3
  receiver = "x",
  group_by = {},
  group_wait = "30s",
  group_interval = "5m",
  repeat_interval = "4h",
  route {                                               -- line 5
    matchers = { 'team="web"', 'service=~"a|b\\.c"', 'zone=~""' },
    receiver = "x",
    mute = { "nights", "holidays" },
    active = { "office hours" },
  },
}
