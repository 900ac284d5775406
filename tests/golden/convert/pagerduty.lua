-- Who is on call, from pagerduty.json.

-- People. Their receivers keep messages in the inbox until you write how each is told.
receiver "di" { inbox {} }
person "di" { receiver = "di" }
receiver "ana-ruiz" { inbox {} }
person "ana-ruiz" { receiver = "ana-ruiz" }
receiver "bo-lindqvist" { inbox {} }
person "bo-lindqvist" { receiver = "bo-lindqvist" }
receiver "cy" { inbox {} }
person "cy" { receiver = "cy" }

rotation "Payments primary Office hours" { zone = "Europe/Paris", start = "2026-09-07 09:00", every = "1w", people = { "ana-ruiz", "bo-lindqvist" } }
rotation "Payments primary Always" { zone = "Europe/Paris", start = "2026-08-31 18:00", every = "1w", people = { "bo-lindqvist", "cy", "di" } }

schedule "Payments primary" {
  zone = "Europe/Paris",
  { "2026-12-02 12:00 - 2026-12-03 12:00", "person:di" },
  otherwise = "schedule:Payments primary, layer 2",
}

schedule "Payments primary, layer 2" {
  zone = "Europe/Paris",
  { "Mon-Fri 09:00-18:00", "rotation:Payments primary Office hours" },
  otherwise = "rotation:Payments primary Always",
}
