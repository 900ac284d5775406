"""What people do: silence, acknowledge, ask why, change rules; and what the program refuses."""
import json
import os
import signal
import subprocess
import time

from harness import ROOT, TOCSIN, HttpSink, Process, Redis, Tocsin, check, wait

RULES = {"load.lua": """
alert "LoadHigh" {
  value = m.load:last():max_by("service", "host"),
  fire = { P1 = above(100), P2 = above(10) },
  summary = "{service}: load is {value}",
}
"""}


COLD = 120  # seconds: of an aggregation over last values a start knows after a minute that all have reported


def config(sink=None, **route):
    options = {"group_interval": "1s", "group_wait": "0s", **route}
    rest = ", ".join(f'{k} = "{v}"' for k, v in options.items())
    channel = f'webhook {{ url = "{sink.url}", timeout = "2s" }}' if sink else "inbox {}"
    return (f'receiver "ops" {{ {channel} }}\n'
            f'route {{ receiver = "ops", group_by = {{ "service" }}, {rest} }}\n')


def pages(sink, status="firing"):
    return [r["json"] for r in sink.all() if r["json"]["status"] == status]


def settle(t, value, **labels):
    """Feeds a value and waits until its alert has looked at it."""
    t.feed(value, **labels)
    wait(lambda: any(a.get("value") == value for a in t.alerts(alertname="LoadHigh")), f"the look at {value}")


def test_silence_holds_at_once_survives_a_crash_and_announces_at_its_end(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink), RULES).start()
    out = json.loads(t.command("silence", "service=checkout", "--for", "3s", "--comment", "deploy", "--json"))
    check(out["short"] == "s1" and out["mutes"]["now"] == 0 and len(out["id"]) == 36, out)
    t.kill()
    t.start()
    kept = t.get("/api/tocsin/v1/silences/s1")
    check(kept["id"] == out["id"] and kept["comment"] == "deploy" and kept["endsAt"] == out["endsAt"], kept)
    settle(t, 50)
    check(not sink.all() and t.alerts(alertname="LoadHigh")[0]["status"]["state"] == "suppressed", "it was sent")
    check(t.alerts(alertname="LoadHigh")[0]["status"]["silencedBy"] == [out["id"]], "silenced by")
    wait(lambda: pages(sink), "the page after the silence")
    body = pages(sink)[0]
    check("was silenced until now by s1" in body["tocsin"]["reason"], body["tocsin"])
    check(t.get("/api/tocsin/v1/silences?state=expired")[0]["short"] == "s1", "expired")
    sink.close()


def test_many_silences_answered_are_there_after_kill_9(folder):
    t = Tocsin(folder, config(), RULES).start()
    ids = []
    for i in range(20):
        ids.append(json.loads(t.call("POST", "/api/tocsin/v1/silences", {
            "matchers": [f'service="s{i}"'], "for": "1h", "comment": "x", "createdBy": "ana"})[1])["id"])
        if i % 5 == 4:
            t.kill()
            t.start()
    have = {s["id"] for s in t.get("/api/tocsin/v1/silences?limit=1000")}
    check(set(ids) == have, f"{len(set(ids) - have)} of {len(ids)} are gone")


def test_expiring_a_silence_announces_at_once(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink), RULES).start()
    t.command("silence", "service=checkout", "--for", "1h", "--comment", "x")
    settle(t, 50)
    check(not sink.all(), "silent")
    out = t.command("silence", "list")
    check("s1" in out and "service" in out, out)
    t.command("silence", "expire", "s1")
    wait(lambda: pages(sink), "the page", seconds=5)
    t.command("silence", "expire", "s9", code=1)
    sink.close()


def test_who_was_told_hears_the_end_also_through_a_silence(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink), RULES).start()
    t.feed(50)
    wait(lambda: pages(sink), "the page")
    t.command("silence", "1", "--for", "1h", "--comment", "x")
    t.feed(1)
    wait(lambda: pages(sink, "resolved"), "the resolve", COLD)
    sink.close()


def test_silence_of_an_incident_and_a_rise_above_it(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink), RULES).start()
    t.feed(50)
    wait(lambda: pages(sink), "the page")
    s = json.loads(t.command("silence", "1", "--for", "1h", "--comment", "known", "--json"))
    check({m["name"]: m["value"] for m in s["matchers"]} == {"alertname": "LoadHigh", "service": "checkout"}, s)
    check(s["incident"] == 1, s)
    t.feed(200)
    wait(lambda: [p for p in pages(sink) if p["tocsin"]["priority"] == "P1"], "the rise to P1")
    sink.close()


def test_guard_rails(folder):
    t = Tocsin(folder, config(), RULES).start()
    for i in range(60):
        t.feed(50, service=f"s{i}")
    wait(lambda: len(t.alerts(alertname="LoadHigh")) == 60, "sixty alerts")
    out = t.command("silence", "alertname=LoadHigh", "--for", "1h", "--comment", "x", "--dry-run")
    check("Mutes 60 firing now" in out, out)
    check(t.get("/api/tocsin/v1/silences") == [], "a preview changes nothing")
    def refused(body, text):
        status, answer, _ = t.call("POST", "/api/tocsin/v1/silences", {"comment": "x", "for": "1h", **body})
        error = json.loads(answer)["error"]
        check(status in (400, 409) and text in error["message"], f"{status} {error}")
    refused({"matchers": ['alertname="LoadHigh"']}, "60")
    refused({"matchers": ['alertname=~".*"']}, "match")
    refused({"matchers": ['alertname!="x"']}, "")
    refused({"matchers": []}, "")
    refused({"matchers": ['alertname="LoadHigh"'], "for": "8d", "wide": 60}, "7")
    out = t.command("silence", "alertname=LoadHigh", "--for", "1h", "--comment", "x", code=1)
    t.command("silence", "alertname=LoadHigh", "--for", "1h", "--comment", "x", "--wide", "60")
    wait(lambda: all(a["status"]["state"] == "suppressed" for a in t.alerts(alertname="LoadHigh")), "all held")


def test_acknowledgement_stops_repeats_and_survives_kill_9(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink, repeat_interval="1s"), RULES).start()
    t.feed(50)
    wait(lambda: len(pages(sink)) >= 2, "a reminder")
    out = t.command("ack", "1", "--note", "mine")
    check("#1" in out, out)
    t.kill()
    n = len(sink.all())
    t.start()
    check(t.get("/api/tocsin/v1/incidents/1")["acknowledged"]["note"] == "mine", "the acknowledgement")
    time.sleep(2.5)  # the absence of reminders cannot be waited for
    check(len(sink.all()) <= n + 1, "reminders went on after the acknowledgement")
    t.feed(50, host="second")
    wait(lambda: [p for p in pages(sink) if len(p["alerts"]) == 2], "a new alert breaks through")
    t.command("release", "1")
    check(t.get("/api/tocsin/v1/incidents/1")["acknowledged"] is None, "released")
    n = len(sink.all())
    wait(lambda: len(sink.all()) > n, "reminders again")
    t.command("ack", "7", code=1)
    sink.close()


def test_acknowledgement_that_runs_out_is_told(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink), RULES).start()
    t.feed(50)
    wait(lambda: pages(sink), "the page")
    t.command("ack", "1", "--for", "2s")
    wait(lambda: [p for p in pages(sink) if p["notification_reason"] == "acknowledgement ran out"], "what ran out")
    sink.close()


def test_answers_to_why_and_where(folder):
    t = Tocsin(folder, config(), RULES).start()
    t.feed(50)
    wait(t.inbox, "the message")
    out = t.command("explain", "1")
    check("LoadHigh" in out and "50" in out and "sent inbox" in out, out)
    out = t.command("explain", "LoadHigh", "service=checkout")
    check("50" in out and "10" in out, out)
    out = t.command("explain", "LoadHigh", "service=nothing")
    check("service" in out, out)
    t.command("explain", "LoadHi", code=1)
    out = t.command("explain", "LoadHi", code=1)
    out = t.command("route", "service=checkout", "severity=critical")
    check("ops" in out, out)
    out = t.command("history", "LoadHigh")
    check("fired" in out or "P2" in out, out)
    rows = t.get("/api/tocsin/v1/history?rule=LoadHigh")
    check(rows[0]["change"] == "fired" and rows[0]["to"] == "P2" and rows[0]["value"] == 50, rows[0])
    check(t.get("/api/tocsin/v1/explain?incident=1")["incident"]["number"] == 1, "JSON")
    for command in (["alerts"], ["incidents"], ["status"], ["deliveries"], ["receiver"]):
        t.command(*command)
        json.loads(t.command(*command, "--json"))
    t.stop()
    t.command("alerts", code=3)


def test_tests_and_check_need_no_server(folder):
    t = Tocsin(folder, config(), RULES)
    t.write("rules/load_test.lua", 'test("it fires", function(t)\n  t:series("load", { service = "a" }, "1x5 50x20")\n'
            '  t:at("3s"):quiet("LoadHigh")\n  t:at("2m"):fires("LoadHigh", { service = "a" }, "P2")\nend)\n')
    out = t.command("test", "rules/load_test.lua")
    check(out.strip().endswith("1 passed, 0 failed"), out)
    t.write("rules/load_test.lua", 'test("it does not", function(t)\n  t:series("load", { service = "a" }, "50x20")\n'
            '  t:at("2m"):quiet("LoadHigh")\nend)\n')
    out = t.command("test", "rules/load_test.lua", code=1)
    check("0 passed, 1 failed" in out and "load_test.lua:3" in out, out)
    t.command("check", "rules/load.lua")
    t.write("rules/bad.lua", 'alert "Bad" {\n  valu = m.load:last(),\n  fire = above(1),\n}\n')
    run = subprocess.run([TOCSIN, "check", "rules/bad.lua"], capture_output=True, text=True, cwd=folder)
    check(run.returncode == 1, run.returncode)
    check("bad.lua" in run.stdout + run.stderr and "value" in run.stdout + run.stderr, run.stdout + run.stderr)
    shipped = subprocess.run([TOCSIN, "test"], capture_output=True, text=True, cwd=ROOT, timeout=300)
    check(shipped.returncode == 0 and ", 0 failed" in shipped.stdout, shipped.stdout[-2000:] + shipped.stderr[-2000:])


def test_a_saved_rule_file_is_picked_up_and_a_bad_one_keeps_the_old(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink), RULES).start()
    settle(t, 50)
    wait(lambda: pages(sink), "the page")
    t.write("rules/load.lua", RULES["load.lua"].replace("above(10)", "abov(10)"))
    rejected = wait(lambda: t.get("/api/tocsin/v1/status")["rejected"], "the refusal", seconds=5)
    check("load.lua:4" in rejected[0]["error"] and "above" in rejected[0]["error"], rejected)
    check(t.alerts(alertname="LoadHigh"), "the old version runs on")
    t.kill()
    t.start()
    check(t.get("/api/tocsin/v1/status")["rejected"], "refused after the restart, too")
    check(t.alerts(alertname="LoadHigh"), "and the old version is back from Redis")
    t.write("rules/load.lua", RULES["load.lua"].replace("above(10)", "above(60)"))
    wait(lambda: not t.get("/api/tocsin/v1/status")["rejected"], "the good file", seconds=5)
    t.feed(50)
    wait(lambda: pages(sink, "resolved"), "resolved by the new limit", COLD)
    sink.close()


def test_mending_what_a_file_includes_is_seen_and_ends_the_alert(folder):
    t = Tocsin(folder, config()).start()
    os.makedirs(os.path.join(folder, "rules", "lib"), exist_ok=True)
    t.write("rules/lib/limit.lua", "local x = (")
    t.write("rules/more.lua", 'local limit = include "lib/limit.lua"\nalert "More" { value = m.more, fire = above(limit) }\n')
    rejected = lambda: t.get("/api/tocsin/v1/status")["rejected"]
    check("included at more.lua:1" in wait(rejected, "the refusal", seconds=5)[0]["error"], rejected())
    t.write("rules/lib/limit.lua", "return 5")
    wait(lambda: not rejected(), "mended where it was broken", seconds=5)
    t.write("rules/lib/limit.lua", "local x = (")
    wait(lambda: t.alerts(alertname="RuleFileRejected"), "the alert about the file", seconds=30)
    t.kill()
    t.write("rules/lib/limit.lua", "return 5")
    t.start()
    wait(lambda: not t.alerts(alertname="RuleFileRejected"), "the end of that alert", COLD)


def test_reload_by_command_tells_what_would_change(folder):
    t = Tocsin(folder, config(), RULES).start()
    settle(t, 50)
    os.rename(os.path.join(folder, "rules"), os.path.join(folder, "rules2"))
    answer = json.loads(t.command("reload", "--dry-run", "--json", code=None))
    check(t.alerts(alertname="LoadHigh"), "a dry run changes nothing")
    check("rules" in answer, answer)
    os.rename(os.path.join(folder, "rules2"), os.path.join(folder, "rules"))
    t.write("rules/more.lua", 'alert "More" { value = m.load:last(), fire = above(1), summary = "more" }\n')
    t.process.child.send_signal(signal.SIGHUP)
    wait(lambda: [r for r in t.get("/api/tocsin/v1/rules") if r["name"] == "More"], "the new rule")


def test_of_two_rule_files_the_newcomer_is_at_fault(folder):
    rule = 'alert "{}" {{ value = m.load:last(), fire = above(1), summary = "x"{} }}\n'
    t = Tocsin(folder, config(), {**RULES, "b.lua": rule.format("Second", ', unless = firing("LoadHigh")')}).start()
    names = lambda: sorted(r["name"] for r in t.get("/api/tocsin/v1/rules") if r["name"] in ("First", "LoadHigh", "Second"))
    reload = lambda *more: {f["path"]: f["status"] for f in json.loads(t.command("reload", "--json", *more, code=None))["files"]}
    t.write("rules/a.lua", rule.format("Second", ""))  # sorts before the one whose name it takes
    check(reload()["rules/a.lua"] == "rejected", "the newcomer runs")
    t.write("rules/a.lua", rule.format("First", ""))
    reload()
    wait(lambda: names() == ["First", "LoadHigh", "Second"], "both")
    os.remove(os.path.join(folder, "rules/load.lua"))  # Second still names its rule
    check(reload()["rules/b.lua"] == "rejected", "it is not told that its rule is gone")
    check(names() == ["First", "Second"], names())
    os.remove(os.path.join(folder, "rules/b.lua"))
    reload()
    wait(lambda: names() == ["First"], "the end of what is removed")


def test_bad_configuration_keeps_the_old(folder):
    t = Tocsin(folder, config(), RULES).start()
    t.write("tocsin.lua", 'receiver "ops" { inbx {} }\nroute { receiver = "ops" }\n')
    wait(lambda: "refused" in t.process.output(), "the refusal")
    check("tocsin.lua:1" in t.process.output() and "inbox" in t.process.output(), t.process.output()[-500:])
    t.feed(50)
    wait(t.inbox, "a message through the old one")
    t.stop()
    t.spawn()
    check(t.process.child.wait(20) == 1, "a start with it is refused")
    check("tocsin.lua:1" in t.process.output(), t.process.output())


def test_second_instance_on_the_same_data_is_refused(folder):
    t = Tocsin(folder, config(), RULES).start()
    second = Process([TOCSIN, "serve", "--config", "tocsin.lua", "--data-dir", "data", "--listen", "127.0.0.1:0"],
                     os.path.join(folder, "second.log"), cwd=folder)
    check(second.child.wait(30) == 1, "it started")
    check(str(t.process.pid) in second.output() or "data" in second.output(), second.output())
    t.feed(50)
    wait(t.inbox, "the first goes on")


def test_redis_that_evicts_is_refused(folder):
    redis = Redis(folder, "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru").start()
    t = Tocsin(folder, config(), RULES, redis=redis.url)
    t.spawn()
    check(t.process.child.wait(30) == 1, "it started")
    check("noeviction" in t.process.output(), t.process.output())
    redis.kill()


def test_readyz_says_why(folder):
    redis = Redis(folder).start()
    t = Tocsin(folder, config(), RULES, redis=redis.url).start()
    status, body, _ = t.call("GET", "/readyz")
    check(status == 200 and json.loads(body)["ready"], body)
    redis.kill()
    answer = wait(lambda: (lambda a: a if a[0] == 503 else None)(t.call("GET", "/readyz")), "not ready")
    bad = [r for r in json.loads(answer[1])["reasons"] if not r["ok"]]
    check(bad and any(r["check"] == "redis" for r in bad), bad)
    check(t.call("GET", "/livez")[0] == 200, "alive all the same")
    redis.start()
    wait(lambda: t.call("GET", "/readyz")[0] == 200, "ready again")
    redis.kill()


def test_redis_of_another_is_waited_for(folder):
    redis = Redis(folder)
    t = Tocsin(folder, config(), RULES, redis=redis.url)
    t.spawn()
    time.sleep(0.5)  # it must outlive that nobody answers
    check(t.process.alive(), t.process.output())
    redis.start()
    t.await_ready()
    t.feed(50)
    wait(t.inbox, "a message")
    redis.kill()


def test_pages_show_without_script_and_escape_what_strangers_write(folder):
    t = Tocsin(folder, config(), RULES).start()
    evil = "<script>alert(1)</script>\"'&"
    t.feed(50, service=evil, host="<img src=x onerror=alert(2)>")
    wait(t.inbox, "the message")
    for path in ("/", "/i/1", "/inbox", "/alerts", "/silences", "/rules", "/receivers", "/status"):
        status, body, headers = t.call("GET", path)
        text = body.decode()
        if status == 404 and path not in ("/", "/i/1", "/inbox"):
            continue
        check(status == 200 and "text/html" in headers["Content-Type"], f"{path}: {status}")
        check("<script>alert" not in text and "<img src=x" not in text, f"{path} shows it as HTML")
        check("default-src 'none'" in headers.get("Content-Security-Policy", ""), f"{path}: {headers}")
    check("&lt;script&gt;" in t.call("GET", "/")[1].decode(), "the label is shown as text")
    check(t.call("GET", "/i/99")[0] == 404, "no such incident")


def test_the_page_changes_nothing_from_elsewhere(folder):
    t = Tocsin(folder, config(), RULES).start()
    t.feed(50)
    wait(t.inbox, "an incident")
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/json", "Origin": "http://evil.example"},
                    {"Content-Type": "application/json", "Host": "evil.example", "Origin": "http://evil.example"},
                    {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://evil.example"}):
        for path in ("/api/tocsin/v1/incidents/1/ack", "/i/1/ack"):
            status, _, _ = t.call("POST", path, b"{}", headers)
            check(status in (403, 404, 405, 415), f"{path} {headers}: {status}")
    check(t.get("/api/tocsin/v1/incidents/1")["acknowledged"] is None, "acknowledged by a stranger")


def test_tokens_guard_everything(folder):
    with open(os.path.join(folder, "tokens"), "w", encoding="utf-8") as f:
        f.write('writer ingest * wwwwwwwwwwwwwwwwwwww\nreader read service=checkout rrrrrrrrrrrrrrrrrrrr\n'
                'ana admin * aaaaaaaaaaaaaaaaaaaa\n')
    os.chmod(os.path.join(folder, "tokens"), 0o600)
    t = Tocsin(folder, 'server { tokens = secret_file "tokens" }\n' + config(), RULES).start()
    def call(token, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token * 20}"
        return t.call(method, path, json.dumps(body).encode() if body is not None else None, headers)
    sample = [{"name": "load", "labels": {"service": "checkout"}, "value": 50},
              {"name": "load", "labels": {"service": "other"}, "value": 50}]
    check(call(None, "POST", "/api/tocsin/v1/metrics", sample)[0] == 401, "ingest without a token")
    check(call("r", "POST", "/api/tocsin/v1/metrics", sample)[0] == 403, "ingest with a reader's")
    check(call("w", "POST", "/api/tocsin/v1/metrics", sample)[0] == 204, "ingest")
    check(call("w", "GET", "/api/tocsin/v1/alerts")[0] == 403, "reading with a writer's")
    wait(lambda: len(json.loads(call("a", "GET", "/api/tocsin/v1/alerts?filter=alertname%3DLoadHigh")[1])) == 2, "two alerts")
    seen = json.loads(call("r", "GET", "/api/tocsin/v1/alerts")[1])
    check([a["labels"]["service"] for a in seen] == ["checkout"], seen)
    silence = {"matchers": ['service="checkout"'], "for": "1h", "comment": "x"}
    check(call("r", "POST", "/api/tocsin/v1/silences", silence)[0] == 403, "silencing with a reader's")
    check(call("a", "POST", "/api/tocsin/v1/silences", silence)[0] == 201, "silencing")
    check(call(None, "GET", "/livez")[0] == 200 and call(None, "GET", "/readyz")[0] == 200, "probes")


def test_first_ten_minutes(folder):
    os.makedirs(os.path.join(folder, "rules"))
    start = os.path.join(ROOT, "rules", "start.lua")
    with open(start, encoding="utf-8") as f:
        rules = f.read()
    t = Tocsin(folder, config(), {"start.lua": rules}).start()
    demo = Process([TOCSIN, "demo", "--deploy-after", "3s", "--for", "90s"], os.path.join(folder, "demo.log"), cwd=folder,
                   env={**os.environ, "TOCSIN_URL": t.url})
    try:
        first = wait(t.inbox, "the page of the demo", seconds=60)[-1]
        check("requests fail" in first["text"] and "P1" in first["text"], first["text"])
        number = str(first["incident"])
        wait(lambda: f"#{number}" in demo.output(), "the demo shows it")
        out = t.command("explain", number)
        check("HighErrorRate" in out and "2%" in out, out)
        out = t.command("ack", number)
        check(f"#{number} is yours" in out, out)
        check('"2%"' in rules, "the limit of the starter rule")
        t.write("rules/start.lua", rules.replace('"2%"', '"60%"').replace('"1%"', '"50%"'))
        wait(lambda: [m for m in t.inbox() if m["status"] == "resolved"], "resolved by the new limit", seconds=30)
        check("reloaded" in t.process.output(), t.process.output())
        out = t.command("receiver", "test", "ops")
        check("ok" in out, out)
    finally:
        demo.stop()
