"""Alertmanager's API with the programs that speak it: Debian's amtool and Prometheus, and what karma and Grafana ask."""
import json
import os
import subprocess
import time
import urllib.parse

from harness import HttpSink, Process, Tocsin, check, free_port, wait

CONFIG = """
receiver "everyone" {{ {channel} }}
receiver "payments" {{ inbox {{}} }}
receiver "web" {{ inbox {{}} }}
route {{
  receiver = "everyone", group_by = {{ "service" }}, group_wait = "0s", group_interval = "1s",
  route {{ match = {{ team = "payments" }}, receiver = {{ "payments", "everyone" }} }},
  route {{ match = {{ team = one_of {{ "web", "shop.x" }} }}, receiver = "web", group_by = {{ "..." }} }},
}}
inhibit "cluster" {{ source = {{ alertname = "ClusterDown" }}, target = {{ severity = "warning" }}, equal = {{ "cluster" }} }}
"""
SECONDS = "%Y-%m-%dT%H:%M:%SZ"


def config(sink=None):
    channel = f'webhook {{ url = "{sink.url}", timeout = "2s" }}' if sink else "inbox {}"
    return CONFIG.format(channel=channel)


def at(offset):
    return time.strftime(SECONDS, time.gmtime(time.time() + offset))


def amtool(t, *args, code=0):
    run = subprocess.run(["amtool", f"--alertmanager.url={t.url}", *args], capture_output=True, text=True, timeout=60,
                         cwd=t.folder, env={**os.environ, "HOME": t.folder, "TZ": "UTC"})
    check(run.returncode == code, f"amtool {' '.join(args)}: exit {run.returncode}\n{run.stdout}{run.stderr}")
    check("version" not in run.stderr, f"amtool is not content with the version: {run.stderr}")
    return run.stdout


def told(sink, status):
    """Names of the alerts in all webhook messages of that status."""
    return [a["labels"]["alertname"] for r in sink.all() if r["json"]["status"] == status for a in r["json"]["alerts"]]


def post(t, *alerts):
    return t.call("POST", "/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"})


def test_amtool_adds_and_asks_for_alerts(folder):
    t = Tocsin(folder, config()).start()
    amtool(t, "alert", "add", "Manual", "service=man", "severity=critical", "--annotation=summary=hi there",
           "--generator-url=http://here/x")
    amtool(t, "alert", "add", "Other", "service=other", "--end", at(3600))
    check("hi there" in amtool(t, "alert"), "alert")
    listed = json.loads(amtool(t, "alert", "query", "-o", "json"))
    check(sorted(a["labels"]["alertname"] for a in listed) == ["Manual", "Other"], listed)
    manual = json.loads(amtool(t, "alert", "query", "Manual", "-o", "json"))
    check(len(manual) == 1 and manual[0]["generatorURL"] == "http://here/x" and manual[0]["status"]["state"] == "active", manual)
    check(len(json.loads(amtool(t, "alert", "query", "service=~o.*", "-o", "json"))) == 1, "a regular expression")
    check(json.loads(amtool(t, "alert", "query", "service!=man", "alertname=Manual", "-o", "json")) == [], "both match")
    check(len(json.loads(amtool(t, "alert", "query", "--receiver=every.*", "-o", "json"))) == 2, "receiver")
    check(len(json.loads(amtool(t, "alert", "query", "--receiver=web", "-o", "json"))) == 0, "another receiver")
    check("http://here/x" in amtool(t, "alert", "query", "-o", "extended"), "extended")
    # ended as amtool can: with an end that has come
    amtool(t, "alert", "add", "Manual", "service=man", "severity=critical", "--start", at(-60), "--end", at(-1))
    check(len(json.loads(amtool(t, "alert", "query", "-o", "json"))) == 1, "it has ended")
    check(t.get("/api/tocsin/v1/alerts?filter=alertname%3DOther")[0]["priority"] == "P3", "its priority")
    # held by another: told with -i only
    amtool(t, "alert", "add", "ClusterDown", "cluster=eu", "severity=critical")
    amtool(t, "alert", "add", "Slow", "cluster=eu", "severity=warning")
    held = wait(lambda: json.loads(amtool(t, "alert", "query", "-i", "-o", "json")), "the alert that is inhibited")
    check([a["labels"]["alertname"] for a in held] == ["Slow"] and len(held[0]["status"]["inhibitedBy"]) == 1, held)


def test_amtool_makes_changes_imports_and_ends_silences(folder):
    t = Tocsin(folder, config()).start()
    amtool(t, "alert", "add", "Hot", "host=a1", "service=x")
    first = amtool(t, "silence", "add", "alertname=Hot", "host=~a.*", "-c", "deploy", "-d", "1h", "-a", "me").strip()
    check(len(first) == 36, first)
    check(json.loads(amtool(t, "alert", "query", "-o", "json")) == [], "it is silenced")
    check(json.loads(amtool(t, "alert", "query", "-s", "-o", "json"))[0]["status"]["silencedBy"] == [first], "by this one")
    s = json.loads(amtool(t, "silence", "query", "-o", "json"))
    check(len(s) == 1 and s[0]["createdBy"] == "me" and s[0]["comment"] == "deploy" and len(s[0]["matchers"]) == 2, s)
    check(amtool(t, "silence", "query", "alertname=Hot", "-q").strip() == first, "its filter")
    check(amtool(t, "silence", "query", "alertname=Cold", "-q").strip() == "", "another filter")
    check(amtool(t, "silence", "query", "host=~a.*", "--created-by=me", "--within=2h", "-q").strip() == first, "filters of amtool's own")
    amtool(t, "silence", "update", first, "-c", "longer", "-d", "3h")
    changed = json.loads(amtool(t, "silence", "query", "-o", "json"))
    check([(c["id"], c["comment"]) for c in changed] == [(first, "longer")] and changed[0]["endsAt"] > at(2 * 3600), changed)
    check(t.get("/api/tocsin/v1/silences/" + first)["origin"] == "api v2", "a silence like others")
    t.write("silences.json", amtool(t, "silence", "query", "-o", "json"))
    amtool(t, "silence", "expire", first)
    check(amtool(t, "silence", "query", "-q").strip() == "", "it has ended")
    check(amtool(t, "silence", "query", "--expired", "-q").strip() == first, "and is listed so")
    check(len(json.loads(amtool(t, "alert", "query", "-o", "json"))) == 1, "the alert is told")
    again = amtool(t, "silence", "import", "silences.json").strip()
    check(len(again) == 36 and again != first, again)
    t.write("silences.json", json.dumps([{**s[0], "id": "00000000-0000-4000-8000-000000000001", "endsAt": at(3600)}]))
    amtool(t, "silence", "import", "silences.json")  # an id that is not known: made anew
    check(len(json.loads(amtool(t, "silence", "query", "-o", "json"))) == 2, "imported")
    amtool(t, "silence", "expire", "00000000-0000-4000-8000-000000000001", code=1)
    amtool(t, "silence", "add", "host=", "-c", "all", "-a", "me", code=1)
    t.kill()
    t.start()
    check(len(json.loads(amtool(t, "silence", "query", "-o", "json"))) == 2, "kept over a crash")


def test_amtool_shows_and_tries_the_running_configuration(folder):
    t = Tocsin(folder, config()).start()
    shown = amtool(t, "config", "show")
    check('receiver: "payments,everyone"' in shown and "inhibit_rules" in shown, shown)
    tree = amtool(t, "config", "routes", "show")
    check("team=~\"shop" in tree and "receiver: web" in tree, tree)
    for labels, receivers in ((["team=payments"], "payments,everyone"), (["team=web"], "web"), (["team=shop.x"], "web"),
                              (["team=shopax"], "everyone"), ([], "everyone")):
        got = amtool(t, "config", "routes", "test", *(labels or ["a=b"])).strip()
        check(got == receivers, f"{labels}: {got}, not {receivers}")
    amtool(t, "config", "routes", "test", "--verify.receivers=web", "team=web")
    check("disabled" in amtool(t, "cluster", "show"), "cluster show")
    t.write("am.yml", t.get("/api/v2/status")["config"]["original"])
    check("SUCCESS" in amtool(t, "check-config", "am.yml"), "check-config")
    # another configuration is told at once
    t.write("tocsin.lua", 'receiver "solo" { inbox {} }\nroute { receiver = "solo" }\n')
    wait(lambda: amtool(t, "config", "routes", "test", "team=web").strip() == "solo", "the new configuration")


PROMETHEUS = """
global: {{ evaluation_interval: 1s, scrape_interval: 1s }}
rule_files: [rules.yml]
alerting:
  alertmanagers: [{{ static_configs: [{{ targets: ["127.0.0.1:{port}"] }}] }}]
"""
ALERTS = """
groups:
- name: g
  rules:
  - alert: Fires
    expr: vector({a}) > 0
    labels: {{ severity: critical, service: prom }}
    annotations: {{ summary: "value {{{{ $value }}}}" }}
  - alert: Levels
    expr: vector(1)
    labels: {{ severity: warning, service: levels }}
  - alert: Levels
    expr: vector({b}) > 0
    labels: {{ severity: critical, service: levels }}
"""


def test_prometheus_fires_rises_and_resolves_here(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink)).start()
    port = free_port()
    t.write("prometheus.yml", PROMETHEUS.format(port=t.port))
    t.write("rules.yml", ALERTS.format(a=1, b=0))
    p = Process(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address=127.0.0.1:{port}",
                 "--rules.alert.resend-delay=5s", "--web.enable-lifecycle"], os.path.join(folder, "prometheus.log"), cwd=folder)

    def reload(a, b):
        t.write("rules.yml", ALERTS.format(a=a, b=b))
        run = subprocess.run(["curl", "-sf", "-X", "POST", f"http://127.0.0.1:{port}/-/reload"], capture_output=True)
        check(run.returncode == 0, "prometheus does not reload")

    def priority(name):
        return [a["priority"] for a in t.get("/api/tocsin/v1/alerts") if a["labels"]["alertname"] == name]

    try:
        wait(lambda: "Fires" in told(sink, "firing") and priority("Levels") == ["P3"], "the first page", 60)
        a = t.get("/api/v2/alerts?filter=alertname%3DFires")[0]
        check(a["annotations"]["summary"] == "value 1" and f":{port}/graph" in a["generatorURL"] and a["endsAt"] > at(0), a)
        reload(1, 1)
        wait(lambda: priority("Levels") == ["P1"], "the alert that rose", 60)
        reload(1, 0)
        wait(lambda: priority("Levels") == ["P3"], "the alert that fell", 60)
        reload(0, 0)
        wait(lambda: "Fires" in told(sink, "resolved"), "the end", 60)
        check("Levels" not in told(sink, "resolved"), "one severity's end is not the alert's")
        check(told(sink, "firing").count("Fires") == 1, "what is repeated each second is told once")
        reasons = {h["reason"] for h in t.get("/api/tocsin/v1/history?rule=Fires") if h["to"] == "ok"}
        check(reasons == {"ended by its sender"}, reasons)
    finally:
        p.stop()
    sink.close()


def test_alerts_of_senders_outlive_kill_9_and_end_in_time(folder):
    sink = HttpSink()
    t = Tocsin(folder, "server { resolve_timeout = \"6s\" }\n" + config(sink)).start()
    status, _, _ = post(t, {"labels": {"alertname": "Kept", "service": "k", "severity": "critical"},
                            "annotations": {"summary": "still here"}, "startsAt": at(-5), "endsAt": at(300)},
                        {"labels": {"alertname": "Short", "service": "s"}})
    check(status == 200, status)
    t.kill()
    t.start()
    kept = t.get("/api/v2/alerts?filter=alertname%3DKept")
    check(len(kept) == 1 and kept[0]["annotations"]["summary"] == "still here", kept)
    wait(lambda: "Kept" in told(sink, "firing") and "Short" in told(sink, "resolved"), "page and end", 30)
    check("Kept" not in told(sink, "resolved"), "it was not ended")
    history = t.get("/api/tocsin/v1/history?rule=Short")
    check(history[0]["reason"] == "its sender did not repeat it in time", history[0])
    post(t, {"labels": {"alertname": "Kept", "service": "k", "severity": "critical"}, "endsAt": at(-1)})
    wait(lambda: "Kept" in told(sink, "resolved"), "the end")
    t.stop()
    sink.close()


def test_valid_alerts_are_taken_beside_refused_ones_and_large_bodies_whole(folder):
    t = Tocsin(folder, config()).start()
    status, body, _ = post(t, {"labels": {"alertname": "Good"}}, {"labels": {}}, {"labels": {"alertname": "Better"}})
    check(status == 400 and "alert 1" in json.loads(body), (status, body))
    check(len(t.get("/api/v2/alerts")) == 2, "the others are taken")
    many = [{"labels": {"alertname": "Many", "host": f"h{i}", "service": f"s{i % 50}"}} for i in range(5000)]
    status, body, _ = post(t, *many)
    check(status == 200, (status, body))
    listed = t.get("/api/v2/alerts?filter=alertname%3DMany")
    check(len(listed) == 5000 and [a["fingerprint"] for a in listed] == sorted(a["fingerprint"] for a in listed), len(listed))
    groups = t.get("/api/v2/alerts/groups?filter=alertname%3DMany")
    check(len(groups) == 50 and sum(len(g["alerts"]) for g in groups) == 5000, len(groups))


def test_what_karma_and_grafana_ask_is_answered(folder):
    t = Tocsin(folder, config()).start()
    post(t, {"labels": {"alertname": "A", "service": "x", "team": "web"}}, {"labels": {"alertname": "B", "service": "x"}})
    status, body, _ = t.call("GET", "/metrics")
    check(status == 200 and b"alertmanager_build_info{version=\"0.25.0\"" in body, "karma looks for the version")
    check(t.get("/api/v2/status")["cluster"]["status"] == "disabled", "status")
    check(t.get("/api/v2/silences") == [], "silences")
    groups = t.get("/api/v2/alerts/groups")
    check(sorted(g["receiver"]["name"] for g in groups) == ["everyone", "web"], groups)
    check(groups[0]["labels"] in ({"service": "x"}, {"alertname": "A", "service": "x", "team": "web"}), groups)
    query = urllib.parse.urlencode({"active": "true", "silenced": "false", "inhibited": "false", "receiver": "web"})
    check(len(t.get("/api/v2/alerts/groups?" + query)) == 1, "Grafana's panel of one receiver")
    check([r["name"] for r in t.get("/api/v2/receivers")] == ["everyone", "payments", "web"], "receivers")
    made = t.post("/api/v2/silences", {"matchers": [{"name": "team", "value": "web", "isRegex": False}], "startsAt": at(-1),
                                       "endsAt": at(600), "createdBy": "karma", "comment": "c"}, want=(200,))
    check(t.get("/api/v2/silence/" + made["silenceID"])["status"]["state"] == "active", "silence")
    check([g["receiver"]["name"] for g in t.get("/api/v2/alerts/groups?silenced=false")] == ["everyone"], "what is silenced is left out")
    status, _, _ = t.call("DELETE", "/api/v2/silence/" + made["silenceID"])
    check(status == 200, "ended")
