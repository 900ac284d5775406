"""Who is on call, and calendars: answered from the configuration alone, while no server runs."""
import json
import os
import subprocess

from harness import TOCSIN, check

CONFIG = """
receiver "everyone" { inbox {} }
route { receiver = "everyone" }
calendar "business-hours" { zone = "Europe/Paris", "Mon-Fri 08:00-20:00", except = calendar "holidays" }
calendar "holidays" { zone = "Europe/Paris", ical = file "holidays.ics" }
person "ana" { receiver = "everyone" }
person "bo" { receiver = "everyone" }
rotation "payments-week" { zone = "Europe/Paris", start = "2026-11-02 09:00", every = "1w", people = { "ana", "bo" } }
schedule "payments" { zone = "Europe/Paris",
  { "Sat 00:00 - Mon 00:00", "person:ana" },
  otherwise = "rotation:payments-week" }
escalation "payments" { step { notify = "schedule:payments" }, step { notify = "receiver:everyone", wait = "15m" } }
"""
HOLIDAYS = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y//EN", "BEGIN:VEVENT", "UID:1", "SUMMARY:Christmas",
                        "DTSTART;VALUE=DATE:20201225", "RRULE:FREQ=YEARLY", "END:VEVENT", "END:VCALENDAR", ""])


def asked(folder, *words):
    env = dict(os.environ, TZ="UTC", TOCSIN_URL="http://127.0.0.1:1")
    done = subprocess.run([TOCSIN, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def written(folder):
    with open(os.path.join(folder, "tocsin.lua"), "w", encoding="utf-8") as f:
        f.write(CONFIG)
    with open(os.path.join(folder, "holidays.ics"), "w", encoding="utf-8") as f:
        f.write(HOLIDAYS)


def test_who_is_on_call_is_answered_without_a_server(folder):
    written(folder)
    code, out, err = asked(folder, "oncall", "payments", "--at", "2026-11-10T12:00:00Z", "--json")
    check(code == 0, err)
    check(json.loads(out) == [{
        "schedule": "payments", "at": "2026-11-10T12:00:00.000Z",
        "oncall": [{"person": "bo", "since": "2026-11-09T08:00:00.000Z", "until": "2026-11-13T23:00:00.000Z",
                    "via": "rotation:payments-week"}],
        "next": {"at": "2026-11-13T23:00:00.000Z", "oncall": ["ana"]}}], out)
    code, out, err = asked(folder, "oncall", "--at", "2026-11-14 12:00", "--zone", "Europe/Paris")
    check(code == 0 and out.startswith("payments  ana  since 13 Nov 23:00 UTC"), out + err)
    code, out, _ = asked(folder, "oncall", "payments-week", "--at", "2026-11-14 12:00", "--json")
    check(json.loads(out)[0]["rotation"] == "payments-week" and json.loads(out)[0]["oncall"][0]["person"] == "bo", out)
    code, out, err = asked(folder, "oncall", "pyments")
    check(code == 1 and err == 'tocsin: there is no schedule "pyments" — did you mean "payments"?\n', err)


def test_a_calendar_says_whether_it_holds_and_until_when(folder):
    written(folder)
    code, out, err = asked(folder, "calendar", "business-hours", "--at", "2026-12-24T12:00:00Z", "--json")
    check(code == 0, err)
    check(json.loads(out) == {"calendar": "business-hours", "at": "2026-12-24T12:00:00.000Z", "holds": True,
                              "until": "2026-12-24T19:00:00.000Z"}, out)
    code, out, _ = asked(folder, "calendar", "business-hours", "--at", "2026-12-25 09:00", "--zone", "Europe/Paris")
    check(code == 0 and out == "business-hours does not hold at 25 Dec 08:00 UTC, from 28 Dec 07:00 UTC on\n", out)
    code, _, err = asked(folder, "calendar", "busines-hours")
    check(code == 1 and "did you mean \"business-hours\"?" in err, err)


def test_check_tells_a_mistake_in_a_calendar_with_its_line(folder):
    written(folder)
    path = os.path.join(folder, "tocsin.lua")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace("Mon-Fri", "Mon-Fry"))
    code, out, err = asked(folder, "check", "tocsin.lua")
    check(code == 1 and "tocsin.lua:4: calendar \"business-hours\": \"Mon-Fry 08:00-20:00\", column 5" in out + err, out + err)
