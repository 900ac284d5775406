"""Heartbeats of jobs, with curl as cron jobs call it, and the program as it runs."""
import subprocess
from datetime import datetime

from harness import Tocsin, check, wait

RULES = {"jobs.lua": """
heartbeat "backup" { every = "10s", grace = "2s", team = "ops" }
heartbeat "export" { every = "1h", grace = "5m", failed = "P1" }
heartbeat "unborn" { every = "20s", grace = "0s" }
alert "SlowExport" { value = m.heartbeat_duration{ job = "export" }, fire = above("60s"), summary = "{value:duration}" }
"""}


def curl(t, path, *args):
    done = subprocess.run(["curl", "-s", "-m", "10", "-w", "\n%{http_code}", *args, t.url + path], capture_output=True, text=True)
    body, _, code = done.stdout.rpartition("\n")
    return int(code), body


def summary(t, name):
    found = t.alerts(alertname=name)
    return found[0]["annotations"]["summary"] if found else ""


def test_pings_by_curl_missed_failed_and_good_again(folder):
    t = Tocsin(folder, rules=RULES).start()
    check(curl(t, "/ping/backup")[0] == 204, "GET")
    check(curl(t, "/ping/backup", "-I")[0] == 204, "HEAD")
    check(curl(t, "/ping/export/start", "-X", "POST")[0] == 204, "a start")
    code, _ = curl(t, "/ping/export/3", "--data-binary", "dumping\nno space left on device\n")
    check(code == 204, code)
    wait(lambda: "no space left" in summary(t, "export"), "a failure is told at once", 10)
    check(summary(t, "export") == "export: failed: exit code 3: no space left on device", summary(t, "export"))
    check(t.alerts(alertname="export")[0]["labels"]["job"] == "export", "its name is a label")
    check(curl(t, "/ping/export?status=0&duration=90")[0] == 204, "good again")
    wait(lambda: not t.alerts(alertname="export"), "the next good ping resolves it", 10)
    wait(lambda: summary(t, "SlowExport") == "1m30s", "how long it took is a metric", 10)
    wait(lambda: "last good ping" in summary(t, "backup"), "a missed one", 40)
    check("due every 10s (grace 2s)" in summary(t, "backup"), summary(t, "backup"))
    check(curl(t, "/ping/backup/0")[0] == 204, "back")
    wait(lambda: not t.alerts(alertname="backup"), "resolved", 10)
    t.stop()


def test_what_cannot_be_a_ping_says_what_to_do(folder):
    t = Tocsin(folder, rules=RULES).start()
    code, body = curl(t, "/ping/bakup")
    check(code == 404 and 'did you mean \\"backup\\"' in body and "heartbeat" in body, f"{code} {body}")
    check(curl(t, "/ping/SlowExport")[0] == 404, "an alert is no heartbeat")
    check(curl(t, "/ping/backup/later")[0] == 400, "no state")
    check(curl(t, "/ping/backup", "-X", "DELETE")[0] == 405, "a method")
    check('tocsin_ingest_unknown_total{protocol="heartbeat"} 2' in curl(t, "/metrics")[1], "counted")
    t.stop()


def looked(t, name):
    rules = [r for r in t.get("/api/tocsin/v1/rules") if r["name"] == name]
    return instant(rules[0]["lastLook"]) if rules and rules[0].get("lastLook") else 0


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_what_was_answered_204_outlives_kill_9_and_so_does_the_time_without_a_first_ping(folder):
    t = Tocsin(folder, rules=RULES).start()
    first = wait(lambda: looked(t, "unborn"), "a look", 30)
    wait(lambda: looked(t, "unborn") > first, "the next, which has noted since when nothing came", 30)
    check(curl(t, "/ping/export/fail", "--data-binary", "disk full")[0] == 204, "the ping")
    t.kill()
    t.start()
    wait(lambda: "disk full" in summary(t, "export"), "the ping from before", 30)
    wait(lambda: "since it was declared" in summary(t, "unborn"), "never pinged", 60)
    fired = instant(t.alerts(alertname="unborn")[0]["startsAt"])
    check(fired < first + 30, f"counted anew after the kill: {fired - first:.0f} s")
    t.stop()
