-- Tocsin's own alerts, built into the program: they run beside whatever rules are configured.
-- Their data are Tocsin's own samples, which take the same way as everybody's. They carry a label that is refused
-- from everybody else: another Tocsin's metrics forwarded here raise nothing.

defaults { team = "tocsin", every = "10s" }

alert "RuleBroken" {
  priority = "P3",
  value    = m.tocsin_rule_broken{ __origin__ = "tocsin" }:max("1m"):by("rule"),
  fire     = above(0),
  summary  = "rule {rule} keeps failing: its alerts are frozen; see tocsin explain {rule}",
}

alert "RuleLimitReached" {
  priority = "P3",
  value    = m.tocsin_rule_groups_over_limit{ __origin__ = "tocsin" }:last():max_by("rule"),
  fire     = above(0),
  summary  = "rule {rule} has reached its limit: {value} more groups hold and are not told; group it more coarsely or raise `limit`",
}

alert "RuleFileRejected" {
  priority = "P3",
  value    = m.tocsin_rule_file_rejected{ __origin__ = "tocsin" }:last():max_by("file"),
  fire     = above(0),
  summary  = "{file} does not load: its previous version runs on; see tocsin check {file}",
}

alert "RuleNeverMatched" {
  priority = "P5",
  value    = m.tocsin_rule_unmatched_seconds{ __origin__ = "tocsin" }:last():max_by("rule"),
  fire     = above("6h"),
  summary  = "rule {rule} has matched no series and no event for {value:duration}; is the name right?",
}

alert "InputStopped" {
  priority = "P2",
  value    = m.tocsin_input_quiet_seconds{ __origin__ = "tocsin" }:last():max_by(),
  fire     = above("5m"),
  summary  = "nothing has come in for {value:duration}, and it did before",
}

alert "DeliveryFailing" {
  priority = "P2",
  value    = m.tocsin_lane_failing_seconds{ __origin__ = "tocsin" }:last():max_by("lane"),
  fire     = above("5m"),
  summary  = "{lane} has taken no message for {value:duration}; see tocsin deliveries",
}

alert "RedisMemoryHigh" {
  priority = "P2",
  value    = m.tocsin_redis_memory_ratio{ __origin__ = "tocsin" }:last():max_by(),
  fire     = above("70%", { clear = "65%" }),
  summary  = "Redis is {value:percent} full; at 75% new data waits in memory",
}

alert "RedisAway" {
  priority = "P2",
  value    = m.tocsin_redis_away_seconds{ __origin__ = "tocsin" }:last():max_by(),
  fire     = above("10s"),
  summary  = "Redis has not answered for {value:duration}: pages go on, senders are told to repeat",
}

alert "RedisRefuses" {
  priority = "P2",
  value    = m.tocsin_redis_refusing_seconds{ __origin__ = "tocsin" }:last():max_by("reason"),
  fire     = above("5s"),
  summary  = "Redis answers {reason} and takes nothing: pages go on, senders are told to repeat; see tocsin status",
}

alert "LabelMemoryHigh" {
  priority = "P2",
  value    = m.tocsin_label_memory_ratio{ __origin__ = "tocsin" }:last():max_by(),
  fire     = above("80%", { clear = "75%" }),
  summary  = "labels of series take {value:percent} of their memory: then new series are refused; see tocsin status",
}

alert "ClockStepped" {
  priority = "P3",
  value    = m.tocsin_clock_step_seconds{ __origin__ = "tocsin" }:last():max_by("what"),
  fire     = above(0),
  summary  = "the clock of this machine was set by {value:duration} ({what}); is it right now? see chronyc tracking, timedatectl",
}

alert "SourceClockOff" {
  priority = "P3",
  value    = m.tocsin_source_clock_off_seconds{ __origin__ = "tocsin" }:last():max_by("source"),
  fire     = above("50s"),
  summary  = "all that {source} sends is off by {value:duration}: it counts as of its arrival; is the clock right there, and here?",
}

alert "DataLost" {
  priority = "P2",
  value    = m.tocsin_data_lost{ __origin__ = "tocsin" }:last():max_by("what"),
  fire     = above(0),
  summary  = "the start did not find all that was stored in Redis ({what}: {value}): windows, silences or alerts may be missing; see tocsin status",
}

alert "LooksLate" {
  priority = "P3",
  value    = m.tocsin_look_delay_seconds{ __origin__ = "tocsin" }:max("1m"):by(),
  fire     = above("5s"),
  lasting  = "1m",
  summary  = "rules are evaluated {value:duration} late",
}

-- Not for people: on while samples really come through; the deadman pings only then.
alert "Canary" {
  notify   = false,
  priority = "P5",
  value    = m.tocsin_canary{ __origin__ = "tocsin" }:since_last():by(),
  fire     = below("1m"),
  missing  = "clear",
  summary  = "ingest, windows and rules work",
}
