local errors = logs{ level = one_of{ "ERROR", "FATAL" }, f = all_of{ present, is_not(glob"a*") } }
alert "Logs" {
  value = errors:field("ms"):quantile(0.99, "5m"):by("service"),
  fire = above(per("service", { default = 1, ["b-*"] = "400ms" })), attach = { events = 2, from = errors },
}
