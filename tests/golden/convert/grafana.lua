-- Who is on call, from grafana.json.

-- People. Their receivers keep messages in the inbox until you write how each is told.
receiver "ana" { inbox {} }
person "ana" { receiver = "ana", email = "ana@example.com" }
receiver "bo" { inbox {} }
person "bo" { receiver = "bo", email = "bo@example.com" }
receiver "eve" { inbox {} }
person "eve" { receiver = "eve", email = "eve@example.com" }
receiver "cy" { inbox {} }
person "cy" { receiver = "cy", email = "cy@example.com" }
receiver "di" { inbox {} }
person "di" { receiver = "di", email = "di@example.com" }

rotation "Weekdays" { zone = "Europe/Paris", start = "2026-09-07 00:00", every = "1w", people = { "bo", "ana" } }
rotation "Weekdays 2" { zone = "Europe/Paris", start = "2026-09-07 00:00", every = "1w", people = { "eve", "di" } }
rotation "Nights" { zone = "Europe/Paris", start = "2026-09-07 09:00", every = "2d", people = { "bo", "cy", "ana" } }

schedule "Core" {
  zone = "Europe/Paris",
  { "2026-12-05 00:00 - 2026-12-06 00:00", "person:eve" },
  otherwise = "schedule:Core, layer 2",
}

schedule "Core, layer 2" {
  zone = "Europe/Paris",
  { "Mon-Fri 09:00-18:00", "rotation:Weekdays" },
  { "Mon-Fri 09:00-18:00", "rotation:Weekdays 2" },
  otherwise = "rotation:Nights",
}
