"""Two programs on one Redis: one acts, the other stands by, sends on what comes to it, and takes over. How long
that takes is printed; the limits are judged on a virtual clock (tests/unit/lease)."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

from harness import HttpSink, Redis, Tocsin, check, self_signed, wait

RULES = {"load.lua": 'alert "LoadHigh" { priority = "P1", value = m.load:last("20m"), fire = above(10),\n'
                     '  summary = "{service}: {value}" }\n'}


def config(sink):
    return (f'receiver "ops" {{ webhook {{ url = "{sink.url}", timeout = "3s" }} }}\n'
            'route { receiver = "ops", group_by = { "alertname", "service" }, group_wait = "0s", group_interval = "1s" }\n')


def elsewhere():
    """What runs a program as if on another machine: in a pid namespace of its own, nobody sees from outside that
    it is gone. Nothing where that is not allowed: then takeovers are quicker than they would be."""
    command = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
    if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        return command
    return []


class Pair:
    def __init__(self, folder, sink, args=(), far=False, redis=None, text=None, rules=None):
        self.redis = redis or Redis(folder).start()
        self.sink = sink
        self.both = []
        for name in ("a", "b"):
            home = os.path.join(folder, name)
            os.makedirs(home)
            self.both.append(Tocsin(home, text or config(sink), rules or RULES, redis=self.redis.url, name=name, args=args,
                                    under=elsewhere() if far else ()))
        self.a, self.b = self.both
        self.a.start()
        self.b.start_standby()

    def told(self, status, service="checkout"):
        """Messages about the service that say so."""
        return [r["json"] for r in self.sink.all()
                if r["json"]["status"] == status and r["json"]["groupLabels"].get("service") == service]

    def await_told(self, status, service="checkout", seconds=60):
        wait(lambda: self.told(status, service), f"{service} {status}", seconds)

    def close(self):
        for t in self.both:
            if t.process.alive():
                t.kill()
        self.redis.close()
        self.sink.close()


def inner_pid(process):
    """The program itself, where another command runs it."""
    out = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    return int(out[0]) if out else process.pid


def test_one_acts_and_the_other_sends_on_what_comes_to_it(folder):
    p = Pair(folder, HttpSink(), args=("--statsd", "127.0.0.1:0"))
    check(p.a.acts() and not p.b.acts(), "the first one holds the lease")
    ready = p.b.get("/readyz")
    check(ready["ready"] and ready["lease"]["state"] == "standby" and ready["lease"]["url"] == p.a.url, ready)
    check("stands by" in ready["reasons"][0]["text"], ready)
    check(p.b.call("GET", "/startupz")[0] == 200, "a standby has started")
    check(p.b.metric("tocsin_lease_held") == 0 and p.a.metric("tocsin_lease_held") == 1, "/metrics are one's own")
    p.b.feed(50)  # remote write, JSON, anything: to either
    p.await_told("firing")
    check(p.b.alerts(service="checkout"), "alerts are asked of either")
    check(p.b.command("status").splitlines()[0].startswith("tocsin "), "commands as well")
    check("token 1" in p.b.command("status"), p.b.command("status"))
    made = p.b.post("/api/tocsin/v1/silences", {"matchers": ['service="quiet"'], "for": "1h", "comment": "to either",
                                                "createdBy": "ana"})
    check([s["id"] for s in p.a.get("/api/tocsin/v1/silences")] == [made["id"]], "a silence made at the standby is the holder's")
    status, body, headers = p.b.call("GET", "/no-such-page")
    check(status == 404 and "text/html" in headers["Content-Type"], (status, body))
    status, body, _ = p.b.call("POST", "/api/tocsin/v1/metrics", b"{no json", {"Content-Type": "application/json"})
    check(status == 400 and b"error" in body, (status, body))
    status, body, _ = p.b.call("GET", "/api/tocsin/v1/alerts", headers={"Tocsin-Forwarded": "another"})
    check(status == 503 and b"stands by" in body, "what a standby has sent on goes no further")
    port = int(p.b.process.output().split("statsd=127.0.0.1:")[1].split()[0]) if "statsd=" in p.b.process.output() else None
    check(port, p.b.process.output())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        def sent():
            s.sendto(b"load:60|g|#service:cart", ("127.0.0.1", port))
            return p.b.metric("tocsin_forwarded_datagrams_total") and p.a.alerts(service="cart")
        wait(sent, "a datagram that came to the standby", 60, every=0.2)
    check(len(p.told("firing")) == 1, "one page")
    p.close()


def all_known(t):
    """What became of each message is stored: one that is sent again would be one too many."""
    s = t.get("/api/tocsin/v1/status")
    return s["deliveries"]["claimed"] == 0 and s["deliveries"]["due"] == 0 and s["store"]["clean"]


def take_over(folder, how, far):
    sink = HttpSink()
    p = Pair(folder, sink, far=far)
    p.a.feed(50)
    p.await_told("firing")
    p.a.feed(60, service="cart")
    p.await_told("firing", "cart")
    wait(lambda: all_known(p.a), "the deliveries to be stored", 60)
    began = time.monotonic()
    how(p)
    wait(p.b.acts, "the standby to act", 60)
    print(f"       acts after {time.monotonic() - began:.2f} s")
    check(p.b.get("/readyz")["lease"]["token"] == 2, "with a token of its own")
    check("warn" not in p.b.process.output(), p.b.process.output())
    check(len(p.b.alerts(alertname="LoadHigh")) == 2, "it knows what fires")
    p.b.feed(1)
    p.await_told("resolved")
    check(len(p.told("firing")) == 1 and len(p.told("firing", "cart")) == 1 and len(p.told("resolved")) == 1,
          [(m["status"], m["groupLabels"]) for m in (r["json"] for r in sink.all())])
    return p


def test_a_standby_takes_over_after_kill_9(folder):
    p = take_over(folder, lambda p: os.kill(inner_pid(p.a.process), signal.SIGKILL), far=True)
    p.a.process.child.wait()
    p.a.start_standby()  # comes back, and is the standby
    p.b.kill()
    wait(p.a.acts, "the first one again", 60)
    p.close()


def test_a_standby_takes_over_from_one_that_ends(folder):
    take_over(folder, lambda p: os.kill(inner_pid(p.a.process), signal.SIGTERM), far=True).close()


def test_a_restart_does_not_wait_for_itself(folder):
    p = Pair(folder, HttpSink())
    p.b.kill()
    p.a.kill()
    began = time.monotonic()
    p.a.start()
    print(f"       acts again after {time.monotonic() - began:.2f} s")
    check(p.a.get("/readyz")["lease"]["token"] == 2, "a token of its own")
    p.close()


def test_one_that_was_stopped_sends_and_writes_nothing_more(folder):
    sink = HttpSink()
    p = Pair(folder, sink)
    p.a.feed(50)
    p.await_told("firing")
    url, pid = p.a.url, p.a.process.pid
    wait(lambda: all_known(p.a), "the delivery to be stored", 60)
    os.kill(pid, signal.SIGSTOP)
    wait(p.b.acts, "the standby to act", 60)
    p.b.feed(1)
    p.await_told("resolved")
    p.b.feed(70, service="cart")
    p.await_told("firing", "cart")
    os.kill(pid, signal.SIGCONT)
    wait(lambda: "tocsin standby" in p.a.process.output(), "the one that was stopped to stand by", 60)
    check(f"http={url} holder=" in p.a.process.output().split("tocsin standby")[1], "at the same address")
    wait(lambda: p.a.call("GET", "/readyz")[0] == 200, "it to be ready", 60)
    check(p.a.get("/readyz")["lease"]["state"] == "standby" and p.b.acts(), "the other one acts on")
    check(len(p.told("firing")) == 1 and len(p.told("resolved")) == 1 and len(p.told("firing", "cart")) == 1,
          [(r["json"]["status"], r["json"]["groupLabels"]) for r in sink.all()])
    p.a.feed(1, service="cart")  # sent on
    p.await_told("resolved", "cart")
    p.close()


def test_a_redis_that_was_away_costs_nobody_the_lease(folder):
    sink = HttpSink()
    p = Pair(folder, sink)
    p.redis.signal(signal.SIGSTOP)
    wait(lambda: p.a.call("GET", "/readyz")[0] == 503 and p.b.call("GET", "/readyz")[0] == 503, "both to say so", 60)
    check(json.loads(p.b.call("GET", "/readyz")[1])["lease"]["state"] == "standby", "a standby without Redis stands by")
    p.a.gauge(50)
    p.redis.signal(signal.SIGCONT)
    p.b.feed(50)
    p.await_told("firing")
    wait(p.a.acts, "the holder to be ready again", 60)
    check(p.a.get("/readyz")["lease"]["token"] == 1 and not p.b.acts(), "nobody has taken it")
    p.redis.command("FLUSHALL")
    wait(lambda: p.redis.command("HGET", "tocsin:{c}:lease", "token").startswith("1-"), "the token to be put back", 60)
    p.a.feed(60, service="cart")
    p.await_told("firing", "cart")
    check(p.a.acts() and not p.b.acts(), "a Redis that was emptied is its holder's")
    p.close()


def raw(t, request):
    """What one connection gets that is closed behind the answer: (header lines, body)."""
    with socket.create_connection(("127.0.0.1", t.port), timeout=60) as s:
        s.sendall(request.replace(b"HOST", b"127.0.0.1:%d" % t.port))
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return sorted(line for line in head.split(b"\r\n") if not line.startswith(b"Date:")), body


def test_what_comes_to_a_standby_is_answered_as_the_holder_answers(folder):
    p = Pair(folder, HttpSink())
    lines = b" HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n"
    alerts = b"GET /api/tocsin/v1/alerts"
    for request in (b"HEAD /api/tocsin/v1/silences" + lines + b"\r\n",
                    b"GET /api/tocsin/v1/silences HTTP/1.0\r\n\r\n",
                    b"GET /api/tocsin/v1/silences" + lines + b"X-Empty:\r\n\r\n",
                    b"GET http://example.com/api/tocsin/v1/silences?x=1" + lines + b"\r\n",
                    b"OPTIONS /api/tocsin/v1/silences" + lines + b"\r\n",
                    b"POST /api/tocsin/v1/reload" + lines + b"Origin: http://elsewhere\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 2\r\n\r\n{}",
                    b"POST /api/tocsin/v1/metrics" + lines + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b'18\r\n[{"name":"q","value":1}]\r\n0\r\n\r\n'):
        check(raw(p.a, request) == raw(p.b, request), f"{request}: {raw(p.a, request)} and {raw(p.b, request)}")
    named = (b"POST /api/tocsin/v1/reload HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nConnection: origin\r\nOrigin: http://elsewhere\r\n"
             b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    head, body = raw(p.b, named)
    check(not any(b" 403 " in line for line in head), f"what Connection names stays behind: {head} {body}")
    with socket.socket() as other:  # one that a target makes of the holder's address
        other.bind(("127.0.0.1", 0))
        other.listen()
        other.settimeout(0)
        for target in (b"@127.0.0.1:%d/", b"127.0.0.1:%d/", b"*", b"x@127.0.0.1:%d/x"):
            target = target % other.getsockname()[1] if b"%" in target else target
            head, _ = raw(p.b, alerts.replace(b"/api/tocsin/v1/alerts", target) + lines + b"\r\n")
            check(not any(b" 200 " in line for line in head), f"{target}: {head}")
        try:
            other.accept()
            check(False, "a request was sent to another server")
        except BlockingIOError:
            pass
    big = json.dumps([{"name": "big", "labels": {"i": "x" * 200}, "value": 1}] * 60000).encode()
    check(p.b.call("POST", "/api/tocsin/v1/metrics", big, {"Content-Type": "application/json"}, timeout=60)[0] == 204,
          f"{len(big)} bytes")
    p.close()


def test_who_waits_for_a_holder_that_hangs_is_told_at_the_takeover(folder):
    p = Pair(folder, HttpSink(), far=True)
    pid = inner_pid(p.a.process)
    os.kill(pid, signal.SIGSTOP)
    status, body, _ = p.b.call("GET", "/api/tocsin/v1/alerts", timeout=60)
    check(status == 503 and b"acts no more" in body, (status, body))
    wait(p.b.acts, "the standby to act", 60)
    check(p.b.call("GET", "/api/tocsin/v1/alerts")[0] == 200, "and itself answers")
    os.kill(pid, signal.SIGCONT)
    p.close()


def test_tls_and_tokens_are_the_same_at_a_standby(folder):
    """The holder is trusted by `peer_ca`; who may do what is its decision."""
    cert, key = self_signed(folder)
    tokens = os.path.join(folder, "tokens")
    with open(tokens, "w", encoding="utf-8") as f:
        f.write(f'sender ingest * {"a" * 32}\nreader read,ingest team="a" {"b" * 32}\n')
    os.chmod(tokens, 0o600)
    text = (f'server {{ tls = {{ cert = "{cert}", key = "{key}" }}, peer_ca = "{cert}", tokens = secret_file "{tokens}" }}\n'
            'receiver "everyone" { inbox {} }\nroute { receiver = "everyone" }\n')
    p = Pair(folder, HttpSink(), text=text)

    def ask(t, token, method, path, body=None):
        headers = {"Authorization": "Bearer " + token} if token else {}
        request = urllib.request.Request(t.url + path, data=body, method=method, headers={**headers, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=cert), timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()
    for token, read, sent in ((None, 401, 401), ("a" * 32, 403, 204), ("b" * 32, 200, 403), ("c" * 32, 401, 401)):
        for t in p.both:
            answers = (ask(t, token, "GET", "/api/tocsin/v1/silences"),
                       ask(t, token, "POST", "/api/tocsin/v1/metrics", b'[{"name":"q","value":1}]'))
            check([a[0] for a in answers] == [read, sent], f"{t.name}: {answers}")
    p.close()
