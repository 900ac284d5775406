"""What receivers get, and what becomes of it when they fail: over real HTTP and SMTP."""
import hashlib
import hmac
import os
import re
import ssl
import time

from harness import HttpSink, Mail, Tocsin, check, free_port, self_signed, wait

RULES = {"load.lua": """
alert "LoadHigh" {
  priority = "P1", value = m.load:last(), fire = above(10),
  summary = "{service}: load is {value}", runbook_url = "https://wiki.example/load",
}
alert "Warm" { priority = "P3", value = m.warmth:last(), fire = above(10), summary = "{service} is warm" }
"""}


def config(receivers, **route):
    options = {"group_interval": "1s", "group_wait": "0s", **route}
    rest = ", ".join(f'{k} = "{v}"' for k, v in options.items())
    return f'server {{ external_url = "http://tocsin.example" }}\n{receivers}\nroute {{ receiver = "ops", group_by = {{ "service" }}, {rest} }}\n'


def hook(sink, more=""):
    return f'receiver "ops" {{ webhook {{ url = "{sink.url}", timeout = "2s", {more} }} }}\n'


def jsons(sink, **want):
    return [r["json"] for r in sink.all() if "json" in r and all(r["json"].get(k) == v for k, v in want.items())]


def test_webhook_body_is_alertmanagers_v4(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink)), RULES).start()
    t.feed(50, host="a")
    t.feed(60, host="b")
    wait(lambda: [j for j in jsons(sink, status="firing") if len(j["alerts"]) == 2], "both alerts in one message")
    body = jsons(sink, status="firing")[-1]
    check(body["version"] == "4" and body["receiver"] == "ops", body)
    check(body["groupLabels"] == {"service": "checkout"}, body["groupLabels"])
    check(body["groupKey"].endswith('{service="checkout"}'), body["groupKey"])
    check(body["commonLabels"] == {"alertname": "LoadHigh", "service": "checkout", "severity": "critical"}, body["commonLabels"])
    check(body["externalURL"] == "http://tocsin.example", body["externalURL"])
    check(body["truncatedAlerts"] == 0, body["truncatedAlerts"])
    for alert in body["alerts"]:
        check(alert["status"] == "firing" and alert["endsAt"] == "0001-01-01T00:00:00Z", alert)
        check(alert["labels"]["alertname"] == "LoadHigh" and len(alert["fingerprint"]) == 16, alert)
        check(alert["annotations"]["runbook_url"] == "https://wiki.example/load", alert)
        check(alert["generatorURL"].startswith("http://tocsin.example/i/1"), alert)
    check(sorted(a["annotations"]["summary"] for a in body["alerts"]) == ["checkout: load is 50", "checkout: load is 60"], body)
    first = sink.all()[0]
    check(first["headers"]["Content-Type"] == "application/json", first["headers"])
    check(first["headers"]["User-Agent"].startswith("Alertmanager/"), first["headers"])
    keys = [r["headers"]["Idempotency-Key"] for r in sink.all()]
    check(len(set(keys)) == len(keys), f"a key for each content: {keys}")
    t.feed(1, host="a")
    t.feed(1, host="b")
    wait(lambda: jsons(sink, status="resolved"), "the resolve")
    last = jsons(sink, status="resolved")[-1]
    check(all(a["status"] == "resolved" and a["endsAt"] > a["startsAt"] for a in last["alerts"]), last)
    check(last["notification_reason"] == "all alerts resolved", last)
    check(t.stop() == 0, "the exit code")
    sink.close()


def test_signature_and_headers(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink, 'sign = "k3y", bearer = "tok", headers = { ["X-Team"] = "pay" }')), RULES).start()
    t.feed(50)
    r = wait(sink.all, "a message")[0]
    want = hmac.new(b"k3y", r["body"], hashlib.sha256).hexdigest()
    check(r["headers"]["X-Tocsin-Signature"] == "sha256=" + want, r["headers"])
    check(r["headers"]["Authorization"] == "Bearer tok" and r["headers"]["X-Team"] == "pay", r["headers"])
    shown = t.call("GET", "/api/tocsin/v1/status")[1] + t.call("GET", "/api/tocsin/v1/receivers")[1] + t.process.output().encode()
    check(b"k3y" not in shown and b"Bearer" not in shown, "a secret is shown")
    sink.close()


def test_slack_body(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(f'receiver "ops" {{ slack {{ webhook_url = "{sink.url}", channel = "#ops" }} }}'), RULES).start()
    t.feed(50, host="<!channel>&")
    body = wait(lambda: jsons(sink), "a message")[0]
    check(body["channel"] == "#ops", body)
    check(body["text"].startswith("P1 checkout: load is 50"), body["text"])
    text = body["attachments"][0]["text"]
    check("P1 #1 · checkout · 1 alert · nobody has it" in text, text)
    check("&lt;!channel&gt;&amp;" in text and "<!channel>" not in text, text)
    check("<http://tocsin.example/i/1|" in text and "<https://wiki.example/load|Runbook>" in text, text)
    t.feed(1, host="<!channel>&")
    done = wait(lambda: [j for j in jsons(sink) if j["text"].startswith("Resolved:")], "the resolve")[0]
    check("resolved" in done["attachments"][0]["text"], done)
    sink.close()


def test_slack_refusal_in_a_200_is_a_dead_letter(folder):
    sink = HttpSink(lambda r: (200, b'{"ok":false,"error":"channel_not_found"}', {}))
    t = Tocsin(folder, config(f'receiver "ops" {{ slack {{ webhook_url = "{sink.url}" }} }}'), RULES).start()
    t.feed(50)
    dead = wait(lambda: [d for d in t.get("/api/tocsin/v1/deliveries") if d["state"] == "dead"], "a dead letter")[0]
    check("channel_not_found" in dead["error"] and dead["lane"] == "ops/slack", dead)
    check(len(sink.all()) == 1, "a refusal is not repeated")
    sink.answer = None
    t.post(f"/api/tocsin/v1/deliveries/1/{dead['lane']}/retry", {"by": "ana"})
    wait(lambda: len(sink.all()) == 2, "the retry that was asked for")
    sink.close()


MAIL = 'receiver "ops" {{ email {{ to = {{ "Zoë <zoe@example.com>", "bo@example.com" }}, from = "Tocsin <tocsin@example.com>", smtp = "smtp://{host}:{port}", {more} }} }}'


def test_email_text_html_and_one_thread(folder):
    mail = Mail()
    t = Tocsin(folder, config(MAIL.format(host="127.0.0.1", port=mail.port, more="")), RULES).start()
    t.feed(50, host="<b>x</b>")
    wait(lambda: mail.messages, "a mail")
    t.feed(1, host="<b>x</b>")
    wait(lambda: len(mail.messages) == 2, "the resolve")
    first, second = mail.messages
    check(first["from"] == "tocsin@example.com" and first["to"] == ["zoe@example.com", "bo@example.com"], first)
    check(first["message"]["To"] == "Zoë <zoe@example.com>, bo@example.com", first["message"]["To"])
    check(first["message"]["Subject"] == "[#1] checkout" == second["message"]["Subject"], first["message"]["Subject"])
    check(first["message"]["Message-ID"] != second["message"]["Message-ID"], "message ids differ")
    check(first["message"]["References"] == second["message"]["References"], "one thread")
    check(first["message"]["Auto-Submitted"] == "auto-generated", "no answering machine answers")
    text = first["message"].get_body(("plain",)).get_content()
    html = first["message"].get_body(("html",)).get_content()
    check(text.startswith("P1 FIRING load is 50"), text)
    check("Nobody has acknowledged." in text and "http://tocsin.example/i/1" in text, text)
    check("&lt;b&gt;x&lt;/b&gt;" in html and "<b>x</b>" not in html, html)
    check(second["message"].get_body(("plain",)).get_content().startswith("RESOLVED "), second["data"])
    lines = first["data"].split(b"\r\n")
    check(all(len(line) <= 998 for line in lines) and b"\n" not in b"".join(lines), "lines of a mail")
    mail.close()


def test_email_with_starttls_and_password(folder):
    cert, key = self_signed(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    mail = Mail(tls=tls, auth=("ana", "s3cret"))
    more = f'tls = "required", ca_file = "{cert}", user = "ana", password = "s3cret"'
    t = Tocsin(folder, config(MAIL.format(host="127.0.0.1", port=mail.port, more=more)), RULES).start()
    t.feed(50)
    m = wait(lambda: mail.messages, "a mail")[0]
    check(m["tls"] and m["user"] == "ana", m)
    mail.close()


def test_email_takes_a_certificate_of_its_own_unless_told_otherwise(folder):
    cert, key = self_signed(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    mail = Mail(tls=tls)
    t = Tocsin(folder, config(MAIL.format(host="127.0.0.1", port=mail.port, more="")), RULES).start()
    t.feed(50)
    check(wait(lambda: mail.messages, "a mail")[0]["tls"], "it is encrypted")
    mail.close()


def test_email_without_tls_is_not_sent_where_it_is_required(folder):
    mail = Mail()
    t = Tocsin(folder, config(MAIL.format(host="127.0.0.1", port=mail.port, more='tls = "required"')), RULES).start()
    t.feed(50)
    wait(lambda: [d for d in t.get("/api/tocsin/v1/deliveries") if d["attempts"] >= 1 and d["error"]], "a failed attempt")
    check(not mail.messages, "it went out in the clear")
    mail.close()


def test_mail_server_says_later(folder):
    refusals = []

    def reply(envelope):
        refusals.append(1)
        return "451 greylisted, try again" if len(refusals) == 1 else None
    mail = Mail(reply)
    t = Tocsin(folder, config(MAIL.format(host="127.0.0.1", port=mail.port, more="")), RULES).start()
    t.feed(50)
    wait(lambda: mail.messages, "the second try")
    check(len(refusals) == 2, refusals)
    mail.close()


def test_inbox(folder):
    t = Tocsin(folder, config('receiver "ops" { inbox {} }'), RULES).start()
    t.feed(50)
    m = wait(t.inbox, "a message")[0]
    check(m["receiver"] == "ops" and m["incident"] == 1 and m["status"] == "firing", m)
    check(m["text"].startswith("P1 checkout: load is 50"), m["text"])
    check(m["payload"]["alerts"][0]["labels"]["service"] == "checkout", m["payload"])
    t.kill()
    t.start()
    check([x["n"] for x in t.inbox()] == [1], "the inbox outlives a crash")
    t.feed(1)
    wait(lambda: len(t.inbox()) == 2, "the resolve")
    check([x["n"] for x in t.get("/api/tocsin/v1/inbox?after=1")] == [2], "after=1")


def test_receiver_that_was_down_gets_one_message_of_what_holds_now(folder):
    port = free_port()
    t = Tocsin(folder, config(f'receiver "ops" {{ webhook {{ url = "http://127.0.0.1:{port}/" }} }}'), RULES).start()
    t.feed(50, host="a")
    wait(lambda: [d for d in t.get("/api/tocsin/v1/deliveries") if d["attempts"] >= 1], "a failed attempt")
    t.feed(60, host="b")
    t.feed(70, host="c")
    t.feed(1, host="c")
    wait(lambda: len(t.alerts(alertname="LoadHigh")) == 2, "two that go on")
    sink = HttpSink(port=port)
    t.post("/api/tocsin/v1/deliveries/1/ops/webhook/retry", {})
    wait(sink.all, "the message")
    body = jsons(sink)[0]
    states = {a["labels"]["host"]: a["status"] for a in body["alerts"]}
    check(states.get("a") == states.get("b") == "firing", states)
    check(states.get("c", "resolved") == "resolved", states)
    t.feed(1, host="a")
    t.feed(1, host="b")
    wait(lambda: jsons(sink, status="resolved"), "the resolve")
    check(len(jsons(sink, status="firing")) == 1, "one message, up to date")
    sink.close()


def test_owed_resolve_outlives_an_outage_of_the_receiver(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink)), RULES).start()
    t.feed(50)
    wait(lambda: jsons(sink, status="firing"), "the page")
    sink.answer = lambda r: (503, b"down", {})
    t.feed(1)
    wait(lambda: len(jsons(sink, status="resolved")) >= 2, "attempts that fail")
    t.kill()
    t.start()
    sink.answer = None
    before = len(jsons(sink, status="resolved"))
    wait(lambda: len(jsons(sink, status="resolved")) > before, "the resolve that is owed")
    wait(lambda: t.get("/api/tocsin/v1/incidents/1")["settled"], "settled")
    sink.close()


def test_fired_and_ended_while_the_receiver_was_down_is_told_with_both_times(folder):
    sink = HttpSink(lambda r: (503, b"down", {}))
    t = Tocsin(folder, config(hook(sink)), RULES).start()
    t.feed(50)
    wait(sink.all, "an attempt")
    t.feed(1)
    wait(lambda: not t.alerts(alertname="LoadHigh"), "the end")
    sink.answer = None
    before = len(sink.all())
    wait(lambda: len(sink.all()) > before, "the late message", seconds=60)
    body = jsons(sink)[-1]
    check(body["status"] == "resolved" and body["notification_reason"] == "fired and ended before it could be told", body)
    sink.close()


def test_retry_after_is_honoured(folder):
    sink = HttpSink(lambda r: (429, b"slow down", {"Retry-After": "3"}) if len(sink.all()) == 1 else None)
    t = Tocsin(folder, config(hook(sink)), RULES).start()
    t.feed(50)
    wait(lambda: len(sink.all()) == 2, "the second attempt")
    gap = sink.all()[1]["at"] - sink.all()[0]["at"]
    check(2.9 <= gap < 6, f"{gap:.2f} s between the attempts")
    check(sink.all()[0]["headers"]["Idempotency-Key"] == sink.all()[1]["headers"]["Idempotency-Key"], "the same key")
    sink.close()


def test_unknown_outcome_is_sent_again_with_the_same_key(folder):
    sink = HttpSink(lambda r: "drop" if len(sink.all()) == 1 else None)
    t = Tocsin(folder, config(hook(sink)), RULES).start()
    t.feed(50)
    wait(lambda: len(sink.all()) == 2, "the second attempt")
    a, b = sink.all()
    check(a["headers"]["Idempotency-Key"] == b["headers"]["Idempotency-Key"] and a["json"]["alerts"] == b["json"]["alerts"],
          "the same key for the same content")
    sink.close()


def test_slow_receiver_holds_up_nobody_else(folder):
    slow = HttpSink(lambda r: time.sleep(30))
    fast = HttpSink()
    receivers = f'receiver "ops" {{ webhook {{ url = "{slow.url}", timeout = "20s" }}, webhook {{ url = "{fast.url}" }} }}'
    t = Tocsin(folder, config(receivers), RULES).start()
    for i in range(20):
        t.feed(50, service=f"s{i}")
    wait(lambda: len(fast.all()) == 20, "all twenty at the fast one", seconds=10)
    fast.close()


def test_fallback_is_told_and_hears_the_end(folder):
    dead, spare = HttpSink(lambda r: (503, b"down", {})), HttpSink()
    receivers = (f'receiver "ops" {{ webhook {{ url = "{dead.url}" }}, fallback = "spare", if_undelivered = "1s" }}\n'
                 f'receiver "spare" {{ webhook {{ url = "{spare.url}" }} }}')
    t = Tocsin(folder, config(receivers), RULES).start()
    t.feed(50)
    wait(lambda: jsons(spare, status="firing"), "the fallback")
    check("ops/webhook" in jsons(spare)[0]["tocsin"]["reason"], jsons(spare)[0]["tocsin"])
    t.feed(1)
    wait(lambda: jsons(spare, status="resolved"), "its resolve")
    dead.close()
    spare.close()


def test_a_template_that_fails_on_real_data_sends_plain_text(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(f'receiver "ops" {{ slack {{ webhook_url = "{sink.url}" }} }}'), RULES)
    os.makedirs(os.path.join(folder, "rules", "channels"))
    t.write("rules/channels/slack.lua",  # only what nobody can know before fails it
            "return function(msg)\n  return { text = msg.incident == 1 and msg.nothing.at.all or msg.title }\nend\n")
    t.start()
    t.feed(50)
    text = wait(lambda: jsons(sink), "a message")[0]["text"]
    check("load is 50" in text and "slack.lua:2" in text and "the template failed" in text, text)
    check(t.get("/api/tocsin/v1/status")["deliver"]["template_errors"] == 1, "counted")
    sink.close()


def test_missing_broken_and_failing_templates_are_errors_of_check_start_and_reload(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink, 'template = "pager"')), RULES)
    out = t.command("check", "--config", "tocsin.lua", code=1)
    check('tocsin.lua:2: there is no template "pager": write rules/channels/pager.lua' in out, out)
    t.spawn()
    check(t.process.child.wait(60) == 1 and "there is no template" in t.process.output(), t.process.output())
    os.makedirs(os.path.join(folder, "rules", "channels"))
    for text, error in (("return function(msg)\n  return {\nend\n", "rules/channels/pager.lua:3"),
                        ("return 5\n", "a template returns a function"),
                        ("return function(msg)\n  return 5\nend\n", "instead of a table or a text"),
                        ("return function(msg)\n  return { text = msg.alerts[9].name }\nend\n", "rules/channels/pager.lua:2"),
                        ("return function(msg)\n  if not msg.firing then return msg.ack.who end\n  return {}\nend\n",
                         "tried with a message of an end")):
        t.write("rules/channels/pager.lua", text)
        out = t.command("check", "tocsin.lua", code=1)
        check(error in out and 'receiver "ops", tocsin.lua:2' in out, out)
        t.spawn()
        check(t.process.child.wait(60) == 1 and error in t.process.output(), t.process.output())
    t.write("rules/channels/pager.lua", "return function(msg)\n  return { text = 'old ' .. msg.title }\nend\n")
    t.command("check", "tocsin.lua")
    t.start()
    t.write("rules/channels/pager.lua", "return function(msg)\n  return { text = msg.nothing.at.all }\nend\n")
    wait(lambda: "configuration refused; the previous one runs on" in t.process.output(), "the saved file to be noticed and refused", 60)
    check("rules/channels/pager.lua:2" in t.command("reload", code=1), "the place")
    t.feed(50)
    check(wait(lambda: jsons(sink), "a message", 60)[0]["text"].startswith("old "), "the previous template")
    t.write("rules/channels/pager.lua", "return function(msg)\n  return { text = 'new ' .. msg.title }\nend\n")
    t.command("reload")
    t.feed(1)
    wait(lambda: [j for j in jsons(sink) if j["text"].startswith("new Resolved")], "the mended template", 60)
    sink.close()


def test_times_in_messages_and_pages_have_the_zone_of_the_configuration(folder):
    sink = HttpSink()
    text = config(hook(sink) + 'receiver "kept" { inbox {} }\n').replace("server {", 'server { zone = "Asia/Kolkata",')
    t = Tocsin(folder, text.replace('receiver = "ops"', 'receiver = { "ops", "kept" }'), RULES).start()
    t.feed(50)
    title = wait(lambda: jsons(sink), "a message", 60)[0]["tocsin"]["title"]
    check(re.search(r" · \d\d:\d\d IST · #1$", title), title)
    kept = wait(t.inbox, "the inbox", 60)[0]["text"]
    check(re.search(r"since \d\d:\d\d IST", kept), kept)
    check(re.search(rb">\d\d:\d\d:\d\d IST</time>", t.call("GET", "/i/1")[1]), "the page")
    sink.close()


def test_a_template_that_is_written_later_is_used_when_it_is_saved(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(f'receiver "ops" {{ slack {{ webhook_url = "{sink.url}" }} }}'), RULES).start()
    os.makedirs(os.path.join(folder, "rules", "channels"))
    t.write("rules/channels/slack.lua", "return function(msg)\n  return 'mine'\nend\n")

    def mine():
        t.post("/api/tocsin/v1/receivers/ops/test", {})
        return [j for j in jsons(sink) if j["text"] == "mine"]
    wait(mine, "the saved template", 60, every=0.3)
    sink.close()


def test_own_template(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink, 'template = "pager"')), RULES)
    os.makedirs(os.path.join(folder, "rules", "channels"))
    t.write("rules/channels/pager.lua", """
return function(msg)
  return { event = msg.firing and "trigger" or "resolve", id = "tocsin-" .. msg.incident, text = msg.title,
           hosts = list{} , urgent = msg.priority == "P1", nothing = null }
end
""")
    t.start()
    t.feed(50)
    body = wait(lambda: jsons(sink), "a message")[0]
    check(body["event"] == "trigger" and body["id"] == "tocsin-1" and body["urgent"] is True, body)
    check(body["hosts"] == [] and body["nothing"] is None, body)
    sink.close()


def test_receiver_test_tells_the_answer(folder):
    good, bad = HttpSink(), HttpSink(lambda r: (404, b"no such hook", {}))
    receivers = f'receiver "ops" {{ webhook {{ url = "{good.url}" }}, webhook {{ url = "{bad.url}" }}, inbox {{}} }}'
    t = Tocsin(folder, config(receivers), RULES).start()
    answer = t.post("/api/tocsin/v1/receivers/ops/test", {})
    check(answer["ok"] is False and len(answer["answers"]) == 3, answer)
    by = {a["index"]: a for a in answer["answers"]}
    check(by[0]["ok"] and by[0]["status"] == 200, by)
    check(not by[1]["ok"] and by[1]["status"] == 404 and "no such hook" in by[1]["text"], by)
    check(by[2]["ok"], by)
    check(good.all()[0]["json"]["alerts"][0]["labels"]["alertname"] == "Test", good.all())
    out = t.command("receiver", "test", "ops", code=1)
    check("404" in out, out)
    check(t.call("POST", "/api/tocsin/v1/receivers/nobody/test", {})[0] == 404, "404")
    good.close()
    bad.close()


def test_send_resolved_false(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink, "send_resolved = false")), RULES).start()
    t.feed(50)
    wait(lambda: jsons(sink, status="firing"), "the page")
    t.feed(1)
    wait(lambda: t.get("/api/tocsin/v1/incidents/1")["settled"], "settled without a word")
    check(not jsons(sink, status="resolved"), "a resolve that nobody wanted")
    sink.close()


def test_shadow_sends_nothing(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink)), RULES, args=["--shadow"]).start()
    t.feed(50)
    wait(lambda: t.get("/api/tocsin/v1/status")["deliver"]["sent"] == 1, "what would be sent")
    check(not sink.all(), "it was sent")
    sink.close()


def test_repeat_comes_and_stops_with_the_end(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink), repeat_interval="2s"), RULES).start()
    t.feed(50)
    wait(lambda: len(jsons(sink, status="firing")) >= 3, "two reminders")
    times = [r["at"] for r in sink.all()]
    check(all(b - a > 1.5 for a, b in zip(times, times[1:])), times)
    check(jsons(sink)[1]["notification_reason"] == "repeat interval elapsed", jsons(sink)[1])
    t.feed(1)
    wait(lambda: jsons(sink, status="resolved"), "the end")
    sink.close()


def test_one_refused_recipient_costs_only_himself(folder):
    mail = Mail(refuse={"bo@example.com": "550 5.1.1 no such user"})
    t = Tocsin(folder, config(MAIL.format(host="127.0.0.1", port=mail.port, more="")), RULES).start()
    t.feed(50)
    wait(lambda: mail.messages, "a mail")
    shown = wait(lambda: [d for d in t.get("/api/tocsin/v1/deliveries") if d.get("error")], "the refusal is shown")[0]
    check("bo@example.com" in shown["error"] and "no such user" in shown["error"], shown)
    check(shown["told_firing"] == 1 and shown["attempts"] == 0, shown)
    mail.close()


def test_a_recipient_refused_for_a_time_is_shown_as_not_told_after_a_kill(folder):
    mail = Mail(refuse={"bo@example.com": "450 4.7.1 greylisted"})
    t = Tocsin(folder, config(MAIL.format(host="127.0.0.1", port=mail.port, more="")), RULES).start()
    t.feed(50)

    def shown():
        return [d["error"] for d in t.get("/api/tocsin/v1/deliveries") if "greylisted" in d.get("error", "")]
    wait(shown, "the refusal is shown", 60)
    t.kill()
    t.start()
    check("bo@example.com" in wait(shown, "the refusal is still shown", 60)[0], "who was not told")
    mail.close()


def test_nothing_is_sent_to_a_denied_network(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(hook(sink)).replace("server {", 'server { deny_outgoing = "127.0.0.0/8",'), RULES).start()
    t.feed(50)
    shown = wait(lambda: [d for d in t.get("/api/tocsin/v1/deliveries") if d.get("error")], "the error is shown")[0]
    check("forbidden network" in shown["error"], shown)
    check(sink.all() == [], "nothing arrived")
    sink.close()
