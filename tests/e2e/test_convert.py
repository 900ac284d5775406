"""What Alertmanager is configured with, as a configuration of Tocsin that it takes."""
import os, re, subprocess

from harness import ROOT, TOCSIN, Tocsin, check, wait

GOLDEN = os.path.join(ROOT, "tests", "golden", "convert")
EXAMPLE = "/usr/share/doc/prometheus-alertmanager/examples/simple.yml"


def convert(folder, *args, code):
    run = subprocess.run([TOCSIN, "convert", "alertmanager", *args], capture_output=True, text=True, cwd=folder, timeout=60)
    check(run.returncode == code, f"exit {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout, run.stderr


def secrets(folder, text):
    """The files that the text asks for, and the text with their paths below the folder."""
    for path in set(re.findall(r'secret_file "([^"]+)"', text)):
        own = os.path.join(folder, path.lstrip("/"))
        os.makedirs(os.path.dirname(own), exist_ok=True)
        with open(own, "w", encoding="utf-8") as f:
            f.write("https://example.org/x" if "url" in path else "s3cret")
        text = text.replace(f'"{path}"', f'"{path.lstrip("/")}"')
    return text.replace('ca_file = "/', 'ca_file = "')


def test_a_converted_configuration_is_taken_and_routes_as_it_did(folder):
    t = Tocsin(folder, rules={"a.lua": 'alert "A" { value = m.x:last():max_by("host"), fire = above(1) }\n'})
    convert(folder, os.path.join(GOLDEN, "plain.yml"), "-o", "out.lua", code=0)
    with open(os.path.join(folder, "out.lua"), encoding="utf-8") as f:
        t.write("tocsin.lua", secrets(folder, f.read()))
    t.command("check")
    t.start()

    def told(*labels):
        return re.findall(r"^→ (\S+)", t.command("route", *labels), re.M)

    check(told("team=payments", "severity=critical") == ["payments"], "continue, and nothing else takes it")
    check(told("team=payments", "severity=warning") == ["default"], "no child takes it")
    check(told("team=search", "env=prod", "host=a") == ["search"], "several matchers in one text")
    check(told("team=search", "env=prod", "host=test-1") == ["default"], "a negative one")
    check(told("team=search", "severity=info") == ["null-receiver"], "deeper")
    t.stop()


def test_time_intervals_of_a_converted_configuration_hold_messages_back(folder):
    t = Tocsin(folder, rules={"a.lua": 'alert "A" { value = m.x:last(), fire = above(1) }\n'})
    convert(folder, os.path.join(GOLDEN, "hours.yml"), "-o", "out.lua", code=1)
    with open(os.path.join(folder, "out.lua"), encoding="utf-8") as f:
        by_hand = re.sub(r'calendar "both ends" \{.*?\n\}\n', "", f.read(), flags=re.S)
    t.write("tocsin.lua", by_hand)
    t.command("check", "tocsin.lua")
    t.start()
    night = t.command("route", "team=web", "service=a", "--at", "2026-02-04T23:00:00Z")
    check("held back: calendar nights until" in night, night)
    evening = t.command("route", "team=web", "service=a", "--at", "2026-02-04T18:30:00Z")
    check("held back: calendar office hours until" in evening, evening)
    noon = t.command("route", "team=web", "service=a", "--at", "2026-02-04T11:00:00Z")
    check("held back" not in noon and "→ x" in noon, noon)
    t.stop()


def test_the_example_that_comes_with_alertmanager_is_read(folder):
    out, said = convert(folder, EXAMPLE, code=1)
    check("route {" in out and out.count("route {") == 8 and 'continue = true' in out, out)
    check('simple.yml:110: receiver "team-X-pager" pagerduty_configs: manual:' in said and "by hand" in said, said)
    check("password'" not in out and 'secret_file "secrets/email-password"' in out, out)


def test_what_cannot_be_converted_is_said_with_its_line(folder):
    with open(os.path.join(folder, "am.yml"), "w", encoding="utf-8") as f:
        f.write("route:\n  receiver: a\n  recever: b\nreceivers: [{name: a}]\n")
    out, said = convert(folder, "am.yml", code=1)
    check(out == "" and said == 'am.yml:3: route: unknown key "recever" — did you mean "receiver"?\n', said)
    convert(folder, "missing.yml", code=1)
    convert(folder, code=2)


def imported(folder, *files, at="2026-11-28T14:00:00Z", code=0):
    run = subprocess.run([TOCSIN, "import", "oncall", *[os.path.join(GOLDEN, f) for f in files], "--at", at],
                         capture_output=True, text=True, cwd=folder, timeout=60)
    check(run.returncode == code, f"exit {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout, run.stderr


def test_a_schedule_is_imported_with_its_next_four_weeks_beside_each_other(folder):
    out, said = imported(folder, "pagerduty.json")
    check('schedule "Payments primary" {' in out and 'people = { "ana-ruiz", "bo-lindqvist" }' in out, out)
    check("Mon 2026-11-30 09:00  ana-ruiz              ana-ruiz" in said and "\n!" not in said, said)
    out, said = imported(folder, "pagerduty.json", at="2026-12-20T00:00:00Z", code=1)
    check("\n!" in said and "nobody" in said, "beyond what the export says the sides differ")
    t = Tocsin(folder)
    for files, code in ((["pagerduty.json"], 0), (["opsgenie.json", "opsgenie-timeline.json"], 1), (["grafana.json", "grafana-shifts.json"], 1), (["team.ics"], 0)):
        out, _ = imported(folder, *files, code=code)
        t.write("tocsin.lua", out + 'receiver "everyone" { inbox {} }\nroute { receiver = "everyone" }\n')
        t.command("check")
    out = t.command("oncall", "Infra on call", "--config", "tocsin.lua", "--at", "2026-11-30T17:30:00Z")
    check("bo" in out and "di" in out, out)
    imported(folder, "plain.yml", code=1)
