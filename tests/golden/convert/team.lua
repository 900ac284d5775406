-- Who is on call, from team.ics.

-- People. Their receivers keep messages in the inbox until you write how each is told.
receiver "ana-ruiz" { inbox {} }
person "ana-ruiz" { receiver = "ana-ruiz" }
receiver "bo" { inbox {} }
person "bo" { receiver = "bo", email = "bo@example.com" }
receiver "cy-the-tallest" { inbox {} }
person "cy-the-tallest" { receiver = "cy-the-tallest" }
receiver "di" { inbox {} }
person "di" { receiver = "di" }

rotation "team" { zone = "Europe/Paris", start = "2026-11-02 09:00", every = "1w", people = { "ana-ruiz", "bo", "cy-the-tallest" } }

schedule "Infra on call" {
  zone = "Europe/Paris",
  { "00:00-24:00", "rotation:team" },
  { "Mon,Wed 18:00-22:00", "2026-12-24 00:00 - 2026-12-26 00:00", "person:di" },
}
