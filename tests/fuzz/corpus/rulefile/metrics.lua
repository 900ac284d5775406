local http = m.http_requests_total
defaults { team = "web" }
alert "HighErrorRate" {
  value = ratio(http{ code = re"5.." }:increase("2m"):by("service"), http:increase("2m"):by("service"), { min = 50 }),
  fire = { P1 = above("20%"):lasting("1m"), P2 = above("2%", { clear = "1%" }) },
  unless = firing("Down", { by = {} }), expect = { { service = "a" } }, labels = { a = "b" },
  summary = "{service}: {value:percent}",
}
alert "Down" { value = m.up:last():min_by(), fire = equals(0) | m.up:missing() & ~m.x:between(1, 2) }
