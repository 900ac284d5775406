"""What is not told while something else is on, with the program as it runs."""
from harness import HttpSink, Tocsin, check, wait
from test_people import pages

RULES = {"two.lua": """
alert "DatabaseDown" { value = m.db_down:last(), fire = { P1 = above(0) } }
alert "AppSlow" { value = m.app_slow:last(), fire = { P1 = above(0) } }
"""}

CONFIG = """
receiver "ops" { webhook { url = "%s", timeout = "2s" } }
route { receiver = "ops", group_by = { "alertname", "cluster" }, group_wait = "0s", group_interval = "1s" }
inhibit "db down" { source = { alertname = "DatabaseDown" }, target = { alertname = re"App.*" }, equal = { "cluster" } }
"""


def told(sink, name, status="firing"):
    return [p for p in pages(sink, status) if any(a["labels"]["alertname"] == name for a in p["alerts"])]


def test_a_dependent_is_held_over_kill_9_named_by_its_parent_and_told_when_it_outlives_it(folder):
    sink = HttpSink()
    t = Tocsin(folder, CONFIG % sink.url, RULES).start()

    def put(name, value, **labels):
        t.feed(value, name=name, **labels)

    put("db_down", 1, cluster="a")
    wait(lambda: told(sink, "DatabaseDown"), "the parent", 60)
    put("app_slow", 1, cluster="a", service="web")
    put("app_slow", 1, cluster="b", service="web")
    wait(lambda: told(sink, "AppSlow"), "the one of another cluster", 60)
    check([a["labels"]["cluster"] for p in told(sink, "AppSlow") for a in p["alerts"]] == ["b"], told(sink, "AppSlow"))
    held = t.alerts(alertname="AppSlow", cluster="a")[0]
    parent = t.alerts(alertname="DatabaseDown")[0]
    check(held["status"] == {"state": "suppressed", "silencedBy": [], "inhibitedBy": [parent["fingerprint"]], "mutedBy": []}, held)
    out = t.command("explain", str(held["incident"]))
    check("db down" in out and "DatabaseDown" in out, out)
    t.kill()
    t.start()
    wait(lambda: t.alerts(alertname="AppSlow", cluster="a"), "the alert after the start", 60)
    put("app_slow", 1, cluster="a", service="web")
    put("db_down", 0, cluster="a")
    wait(lambda: told(sink, "DatabaseDown", "resolved"), "the end of the parent", 60)
    put("app_slow", 1, cluster="a", service="web")
    wait(lambda: any(a["labels"]["cluster"] == "a" for p in told(sink, "AppSlow") for a in p["alerts"]), "it outlives its parent", 60)
    last = told(sink, "AppSlow")[-1]
    check("inhibited until now by db down" in last["tocsin"]["reason"], last["tocsin"])
    sink.close()


MUTED = """
receiver "ops" { webhook { url = "%s", timeout = "2s" } }
receiver "kept" { inbox {} }
calendar "always" { "00:00-24:00" }
route {
  receiver = "kept", group_by = { "alertname", "cluster" }, group_wait = "0s", group_interval = "1s",
  route { match = { cluster = "a" }, receiver = "ops"%s },
}
"""


def test_a_route_in_its_muted_hours_tells_nobody_says_why_and_speaks_when_they_are_taken_away(folder):
    sink = HttpSink()
    rules = {"one.lua": 'alert "AppSlow" { value = m.app_slow:last(), fire = { P1 = above(0) } }\n'}
    t = Tocsin(folder, MUTED % (sink.url, ', mute = "always"'), rules).start()
    t.feed(1, name="app_slow", cluster="a", service="web")
    wait(lambda: t.alerts(alertname="AppSlow"), "the alert", 60)
    alert = t.alerts(alertname="AppSlow")[0]
    check(alert["status"]["state"] == "suppressed" and alert["status"]["mutedBy"] == ["always"], alert)
    check(t.get("/api/v2/alerts")[0]["status"]["mutedBy"] == ["always"], t.get("/api/v2/alerts"))
    out = t.command("explain", str(alert["incident"]))
    check('muted by calendar "always"' in out, out)
    route = t.command("route", "cluster=a")
    check("held back: calendar always for the next two years" in route, route)
    check(not sink.all(), "nobody is told")
    t.write("tocsin.lua", MUTED % (sink.url, ""))
    t.command("reload")
    wait(lambda: told(sink, "AppSlow"), "the page when nothing mutes it any more", 60)
    sink.close()
