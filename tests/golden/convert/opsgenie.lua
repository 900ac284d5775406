-- Who is on call, from opsgenie.json.

-- People. Their receivers keep messages in the inbox until you write how each is told.
receiver "ana" { inbox {} }
person "ana" { receiver = "ana", email = "ana@example.com" }
receiver "bo" { inbox {} }
person "bo" { receiver = "bo", email = "bo@example.com" }
receiver "cy" { inbox {} }
person "cy" { receiver = "cy", email = "cy@example.com" }

rotation "SRE Weekdays" { zone = "Europe/Paris", start = "2026-09-07 08:00", every = "1d", people = { "ana", "bo" } }
rotation "SRE Weekends" { zone = "Europe/Paris", start = "2026-09-01 00:00", every = "2w", people = { "cy", "ana" } }

schedule "SRE" {
  zone = "Europe/Paris",
  { "Mon-Fri 08:00-20:00", "rotation:SRE Weekdays" },
  { "Fri 20:00 - Mon 08:00", "rotation:SRE Weekends" },
}
