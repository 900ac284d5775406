#!/usr/bin/env python3
"""The benchmark table: Tocsin (with its Redis) beside Prometheus where it is installed, on loopback,
in one run, alternating. Prints figures and ratios; never fails on a slow machine. Arguments choose
rows: cpu create evaluate latency start. TOCSIN_BENCH=small makes everything ten times smaller."""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness as h  # noqa: E402

SMALL = os.environ.get("TOCSIN_BENCH") == "small"
LOAD = os.path.join(h.ROOT, "build", "load")
TICK = os.sysconf("SC_CLK_TCK")
rows = []


def row(what, tocsin, peer="", ratio="", note=""):
    rows.append((what, tocsin, peer, ratio, note))
    print(f"{what:52} {tocsin:>16} {peer:>16} {ratio:>10}  {note}", flush=True)


def cpu_seconds(*pids):
    total = 0.0
    for pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        total += sum(int(x) for x in fields[11:15]) / TICK
    return total


def rss(*pids):
    total = 0
    for pid in pids:
        total += int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) * 1024
    return total


def shipped_rules():
    found = {}
    for folder in (os.path.join(h.ROOT, "rules"), os.path.join(h.ROOT, "rules", "packs")):
        for f in os.listdir(folder):
            if f.endswith(".lua") and not f.endswith("_test.lua"):
                found[f] = open(os.path.join(folder, f)).read()
    return found


class Prometheus:
    def __init__(self, folder, rules=None, interval="15s"):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.port = h.free_port()
        config = f"global: {{scrape_interval: 15s, evaluation_interval: {interval}}}\n"
        if rules:
            open(os.path.join(folder, "rules.yml"), "w").write(rules)
            config += "rule_files: [rules.yml]\n"
        open(os.path.join(folder, "prometheus.yml"), "w").write(config)
        self.process = h.Process(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                                  f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver",
                                  "--log.level=warn"], os.path.join(folder, "prometheus.log"), cwd=folder)
        self.url = f"http://127.0.0.1:{self.port}"
        h.wait(self.ready, "prometheus", 60)

    def ready(self):
        try:
            return urllib.request.urlopen(self.url + "/-/ready", timeout=2).status == 200
        except OSError:
            return False

    def pids(self):
        return [self.process.pid]

    def query(self, q):
        return json.load(urllib.request.urlopen(self.url + "/api/v1/query?query=" + urllib.parse.quote(q), timeout=120))

    def close(self):
        self.process.kill()


class Tocsin(h.Tocsin):
    def pids(self):
        return [self.process.pid, self.redis_pid()]

    def close(self):
        self.kill()
        h.kill_leftovers(self.folder)


def load(port, series, scrapes, **more):
    argv = [LOAD, "--port", str(port), "--series", str(series), "--scrapes", str(scrapes)]
    for k, v in more.items():
        argv += ["--" + k.replace("_", "-"), str(v)]
    out = subprocess.run(argv, capture_output=True, text=True)
    if not out.stdout:
        raise h.Failed(out.stderr)
    return json.loads(out.stdout)


def measure_load(target, port, series, warm, scrapes):
    """Warm up with `warm` scrapes (series are created), then CPU per million samples, then memory."""
    now = int(time.time() * 1000)
    load(port, series, warm, end_ms=now - scrapes * 15000)
    before = cpu_seconds(*target.pids())
    result = load(port, series, scrapes, end_ms=now)
    used = cpu_seconds(*target.pids()) - before
    return used / result["samples"] * 1e6, result["samples"] / result["seconds"], result["refused_requests"]


def bench_cpu_and_memory(folder):
    for series, warm, scrapes in ((100000, 4, 40), (1000000, 2, 6)):
        series = series // 10 if SMALL else series
        ours_f, peer_f = os.path.join(folder, f"t{series}"), os.path.join(folder, f"p{series}")
        os.makedirs(ours_f)
        t = Tocsin(ours_f, rules=shipped_rules()).start()
        ours, rate, refused = measure_load(t, t.port, series, warm, scrapes)
        load(t.port, series, 120 - warm - scrapes)  # the journal to its bound: 30 minutes of 15 s scrapes
        cuts = t.metric("tocsin_journal_cuts_total")
        wait_for_cut(t, cuts)
        ours_m = rss(*t.pids())
        split = [rss(p) // (1 << 20) for p in t.pids()]
        stored = t.metric("tocsin_journal_stored_bytes")
        note = f"tocsin {split[0]} MiB + redis {split[1]} MiB, journal {stored / 1e6:.0f} MB"
        t.close()
        peer = peer_m = None
        if shutil.which("prometheus"):
            p = Prometheus(peer_f)
            peer, peer_rate, _ = measure_load(p, p.port, series, warm, min(scrapes, 8))
            peer_m = rss(*p.pids())
            p.close()
        row(f"remote write, {series:,} series: CPU s per million", f"{ours:.2f}", f"{peer:.2f}" if peer else "",
            f"{peer / ours:.1f}x" if peer else "", f"{rate / 1e3:.0f}k samples/s" + (f", {refused} refused" if refused else ""))
        row(f"memory per active series, {series:,} series: bytes", f"{ours_m / series:.0f}",
            f"{peer_m / series:.0f}" if peer else "", f"{peer_m / ours_m:.1f}x" if peer else "", note)


def bench_create(folder):
    """From the first batch on: fifteen scrapes, the creation of all series counted in."""
    series, scrapes = 10000 if SMALL else 100000, 15
    ours_f = os.path.join(folder, "t")
    os.makedirs(ours_f)

    def measure(target):
        before, end = cpu_seconds(*target.pids()), int(time.time() * 1000)
        result = load(target.port, series, scrapes, end_ms=end)
        used = cpu_seconds(*target.pids()) - before
        target.close()
        return used / result["samples"] * 1e6
    ours = measure(Tocsin(ours_f, rules=shipped_rules()).start())
    peer = measure(Prometheus(os.path.join(folder, "p"))) if shutil.which("prometheus") else None
    row(f"the same from the first of {scrapes} batches on", f"{ours:.2f}", f"{peer:.2f}" if peer else "",
        f"{peer / ours:.1f}x" if peer else "", f"{series:,} series are created in it")


def wait_for_cut(t, before):
    """One cut more than there were, so that its copy is counted; not for ever."""
    end = time.monotonic() + 150
    while time.monotonic() < end and (t.metric("tocsin_journal_cuts_total") or 0) <= (before or 0):
        time.sleep(1)


EVALUATIONS = (("rate 5m", 'm.ev_total:rate("5m")', "rate(ev_total[5m])"),
               ("max 1h", 'm.ev_gauge:max("1h")', "max_over_time(ev_gauge[1h])"),
               ("quantile 1h", 'm.ev_gauge:quantile(0.99, "1h")', "quantile_over_time(0.99, ev_gauge[1h])"))


def bench_evaluate(folder):
    series, scrapes = (5000 if SMALL else 50000), 244
    rules = "".join(f'alert "E{i}" {{ value = {ours}, fire = above(1e15), early = false, every = "10s", limit = 100000 }}\n'
                    for i, (_, ours, _) in enumerate(EVALUATIONS))
    t = Tocsin(os.path.join(folder, "ev"), rules={"ev.lua": rules})
    t.start()
    # ev_total and ev_gauge, half of the series each, an hour of them
    for name, kind in (("ev_total", "c"), ("ev_gauge", "g")):
        send_simple(t.port, name, series, scrapes)
    looked = {}
    for i, (name, _, _) in enumerate(EVALUATIONS):
        runs = []
        for _ in range(3):
            before = t.metric("tocsin_rule_busy_seconds_total", rule=f"E{i}")
            looks = t.metric("tocsin_rule_looks_total", rule=f"E{i}")
            h.wait(lambda: t.metric("tocsin_rule_looks_total", rule=f"E{i}") > looks, "a look", 30, every=0.5)
            n = t.metric("tocsin_rule_looks_total", rule=f"E{i}") - looks
            runs.append((t.metric("tocsin_rule_busy_seconds_total", rule=f"E{i}") - before) / n / series * 1e9)
        looked[name] = statistics.median(runs)
    t.close()
    peers = {}
    if shutil.which("prometheus"):
        text = "groups:\n" + "".join(
            f"- name: g{i}\n  interval: 15s\n  rules:\n  - alert: E{i}\n    expr: {q} > 1e15\n" for i, (_, _, q) in enumerate(EVALUATIONS))
        p = Prometheus(os.path.join(folder, "evp"), rules=text)
        for name in ("ev_total", "ev_gauge"):
            send_simple(p.port, name, series, scrapes)
        for i, (name, _, q) in enumerate(EVALUATIONS):
            took = []
            for _ in range(3):
                start = time.monotonic()
                p.query(f"count({q})")
                took.append(time.monotonic() - start)
            peers[name] = statistics.median(took) / series * 1e9
        p.close()
    for name, _, _ in EVALUATIONS:
        peer = peers.get(name)
        row(f"evaluate {name}, {series:,} series: ns per series", f"{looked[name]:.0f}", f"{peer:.0f}" if peer else "",
            f"{peer / looked[name]:.0f}x" if peer else "", "")


def send_simple(port, name, series, scrapes):
    load(port, series, scrapes, only=name)


LATENCY_RULES = {  # of two series a group, the second of which completes it
    "": 'alert "Bad" { priority = "P1", value = m.lat, fire = above(0) }',
    ", aggregation": 'alert "Bad" { priority = "P1", value = m.lat:last():min_by("i"), fire = above(0) }',
    ", when": 'alert "Bad" { priority = "P1", inputs = { v = m.lat:last():min_by("i") },\n'
              '  when = function(i) return i.v > 0 end }',
    ", firing": 'alert "Bad" { priority = "P1", fire = firing("Low", { by = { "i" } }) }\n'
                'alert "Low" { notify = false, value = m.lat:last():min_by("i"), fire = above(0) }',
}


def bench_latency(folder):
    """One sample at a time on an idle server; the clock starts when the sample that completes its group has been answered."""
    for what, rules in LATENCY_RULES.items():
        latency_of(os.path.join(folder, "lat" + what.replace(", ", "-")), what, rules)


def latency_of(folder, what, rules):
    sink = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "sink.py")],
                            stdout=subprocess.PIPE, text=True)
    config = ('receiver "hook" { webhook { url = "http://127.0.0.1:%d/" } }\n'
              'route { receiver = "hook", group_by = { "i" }, group_wait = "0s", group_interval = "1s" }\n' % int(sink.stdout.readline()))
    t = Tocsin(folder, config=config, rules={"r.lua": rules + "\n"}).start()
    n, took = (50 if SMALL else 300), []

    def send(i, **values):
        status, body, _ = t.metrics([{"name": "lat", "labels": {"i": str(i), "part": part} if what else {"i": str(i)}, "value": v}
                                     for part, v in values.items()])
        h.check(status == 204, f"{status} {body}")

    for _ in range(2 if what else 0):  # groups are known, and their members have come again
        for i in range(n):
            send(i, a=0, b=0)
        time.sleep(1.1)
    for i in range(n):
        if what:
            send(i, a=1)
        send(i, b=1)
        answered = time.time()
        took.append((float(sink.stdout.readline()) - answered) * 1000)
    took.sort()
    t.close()
    sink.kill()
    sink.wait()
    row(f"sample accepted -> webhook received{what}: p50 / p99 ms", f"{took[len(took) // 2]:.1f} / {took[int(len(took) * .99)]:.1f}",
        "", "", f"{n} samples; the peer is not measured here")


def bench_start(folder):
    series = 100000 if SMALL else 1000000
    t = Tocsin(os.path.join(folder, "start"), rules=shipped_rules())
    t.start()
    load(t.port, series, 8)
    for what in ("Tocsin", "Tocsin and Redis"):
        redis = t.redis_pid()
        t.kill()
        if "Redis" in what:
            os.kill(redis, 9)
        start = time.monotonic()
        t.start(seconds=120)
        row(f"start with {series:,} series after kill -9 of {what}: s", f"{time.monotonic() - start:.1f}", "", "", "until evaluating")
    t.close()


def main():
    wanted = sys.argv[1:]
    folder = h.Folder("bench")
    print(f"{'':52} {'tocsin':>16} {'prometheus':>16} {'ratio':>10}", flush=True)
    parts = {"cpu": bench_cpu_and_memory, "create": bench_create, "evaluate": bench_evaluate, "latency": bench_latency, "start": bench_start}
    for name, part in parts.items():
        if wanted and name not in wanted:
            continue
        sub = os.path.join(folder.path, name)
        os.makedirs(sub)
        try:
            part(sub)
        except (h.Failed, OSError, ValueError, TypeError) as e:
            print(f"{name}: could not be measured: {e}", flush=True)
        h.kill_leftovers(sub)
        shutil.rmtree(sub, ignore_errors=True)
    folder.remove()


main()
