#!/usr/bin/env python3
"""What grows with what: for each quantity at 10^3, 10^4, 10^5 the time per operation and the longest
turn of the loop, so that a walk over everything shows as a line that is not straight. Prints, never
fails on a slow machine. Arguments choose quantities: rules logs incident claims silences firing. The sizes are
TOCSIN_GROWTH=3,4,5 by default: exponents of ten, or numbers. Rules are measured at 20,000 too, which with
five series each is what is promised of them."""
import contextlib
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness as h  # noqa: E402

SIZES = [int(n) if int(n) > 9 else 10 ** int(n) for n in os.environ.get("TOCSIN_GROWTH", "3,4,5").split(",")]
PROMISED = {"rules": [20000]}  # sizes that have a figure of their own
PER_REQUEST = 2000
CONFIG = ('receiver "log" { inbox {} }\nroute { receiver = "log", group_by = { "rule" } }\n'
          'limits { groups = 10000000, history = 1000 }\n')


def row(what, n, took, turn, note=""):
    print(f"{what:44} {n:>8,} {took:>22} {turn * 1000:>9.1f} ms  {note}", flush=True)


class Program(h.Tocsin):
    """Watches its longest turn: that of the last ten seconds is in /metrics."""

    def start(self, seconds=60):
        super().start(seconds)
        self.worst = 0
        threading.Thread(target=self.watch, daemon=True).start()
        return self

    def watch(self):
        with contextlib.suppress(OSError, ValueError, TypeError):
            while True:
                self.worst = max(self.worst, self.metric("tocsin_loop_turn_seconds"))
                time.sleep(2)

    def longest_turn(self):
        """Of the phase that ends here."""
        time.sleep(13)
        worst, self.worst = self.worst, 0
        return worst

    def batch(self, samples):
        began = time.monotonic()
        for at in range(0, len(samples), PER_REQUEST):
            status, body, _ = self.metrics(samples[at:at + PER_REQUEST])
            h.check(status == 204, f"{status} {body}")
        return time.monotonic() - began

    def close(self):
        self.kill()
        h.kill_leftovers(self.folder)


def files_of(n, rule, per_file=1000):
    """{file: text} of n rules."""
    return {f"r{at:06}.lua": "\n".join(rule(i) for i in range(at, min(n, at + per_file))) + "\n"
            for at in range(0, n, per_file)}


def median_of(run, times):
    return statistics.median(run() for _ in range(times))


def grow_rules(folder, n):
    """Each rule watches its own host, five series a host."""
    t = Program(folder, config=CONFIG, rules=files_of(n, lambda i: (
        f'alert "Down{i}" {{ value = m.up{{ job = "node", host = "h{i}" }}:last(), fire = below(1), notify = false }}')))
    began = time.monotonic()
    t.start(seconds=600)
    row("rules, each of a host: start", n, f"{time.monotonic() - began:.2f} s", t.longest_turn())
    names = ["up", "load", "memory", "disk", "net"]
    samples = [{"name": name, "labels": {"job": "node", "host": f"h{i}"}, "value": 1} for i in range(n) for name in names]
    took = t.batch(samples)
    row("  first batch, five series each", n, f"{took:.2f} s, {took / len(samples) * 1e6:.1f} us", t.longest_turn(), "per sample")
    took = t.batch(samples)
    row("  the same again", n, f"{took:.2f} s, {took / len(samples) * 1e6:.1f} us", t.longest_turn(), "per sample")
    row("  one sample a block", n, f"{median_of(lambda: t.batch(samples[:1]), 100) * 1e3:.2f} ms", t.longest_turn(), "median of 100")
    t.write("rules/r000000.lua", 'alert "Another" { value = m.other:last(), fire = above(1), notify = false }\n')
    began = time.monotonic()
    t.command("reload")
    row("  reload of one file", n, f"{time.monotonic() - began:.2f} s", t.longest_turn())
    t.close()


def grow_logs(folder, n):
    """Each rule counts the errors of its own service."""
    t = Program(folder, config=CONFIG, rules=files_of(n, lambda i: (
        f'alert "Errors{i}" {{ value = logs{{ level = "ERROR", service = "s{i}" }}:count("5m"), fire = above(1e9), notify = false }}')))
    t.start(seconds=600)
    events = [{"level": "ERROR", "service": f"s{i}", "message": "x"} for i in range(1000)]

    def send():
        began = time.monotonic()
        t.post("/api/tocsin/v1/events", events)
        return time.monotonic() - began

    send()
    took = median_of(send, 10)
    row("log rules: 1,000 events", n, f"{took * 1e3:.1f} ms, {took * 1e3:.1f} us", t.longest_turn(), "per event")
    t.close()


def grow_silences(folder, n):
    """A thousand alerts, each an incident of its own, and one more silence where there are n."""
    alerts = 1000
    t = Program(folder, config=CONFIG.replace('"rule"', '"host"').replace("history", "silences = 1000000, history"),
                rules={"down.lua": 'alert "Down" { value = m.up:last(), fire = below(1), limit = 100000 }\n'})
    t.start(seconds=600)
    t.batch([{"name": "up", "labels": {"host": f"h{i}"}, "value": 0} for i in range(alerts)])
    h.wait(lambda: (t.metric("tocsin_alerts_firing") or 0) >= alerts, "the alerts fire", 120)

    def silence(host):
        began = time.monotonic()
        t.post("/api/tocsin/v1/silences", {"matchers": [f'host="{host}"'], "for": "1h", "comment": "growth", "createdBy": "bench"})
        return time.monotonic() - began

    for i in range(n):
        silence(f"x{i}")
    t.longest_turn()
    at = iter(range(alerts))
    took = median_of(lambda: silence(f"h{next(at)}"), 100)
    row("silences: one more, 1,000 incidents", n, f"{took * 1e3:.2f} ms", t.longest_turn(), "median of 100")
    t.close()


def grow_firing(folder, n):
    """Silences where n alerts fire, each an incident of its own: one is made, previewed, ended; then so many begin, and end, at once."""
    t = Program(folder, config=CONFIG.replace('"rule"', '"host"').replace("history", "silences = 1000000, history"),
                rules={"down.lua": 'alert "Down" { value = m.up:last(), fire = below(1), limit = 1000000 }\n'})
    t.start(seconds=600)
    for i in range(0, n, PER_REQUEST):
        down = [{"name": "up", "labels": {"host": f"h{k}"}, "value": 0} for k in range(i, min(n, i + PER_REQUEST))]
        h.wait(lambda: t.metrics(down)[0] == 204, "so many alerts are taken", 60)
    h.wait(lambda: (t.metric("tocsin_alerts_firing") or 0) >= n, "the alerts fire", 300, every=2)
    settled(t)

    def post(**wish):
        began = time.monotonic()
        t.post("/api/tocsin/v1/silences", {"comment": "growth", "createdBy": "bench", "wide": n, **wish})
        return time.monotonic() - began

    def measure(what, matcher, times, **more):
        t.longest_turn()
        at = iter(range(times))
        took = median_of(lambda: post(matchers=[matcher.format(next(at))], **more), times)
        settled(t)
        row(what, n, f"{took * 1e3:.2f} ms", t.longest_turn(), f"median of {times}, until its answer")

    measure("a silence made: of one alert", 'host="h{}"', 50, **{"for": "1h"})
    measure("  of every tenth, by expression", 'host=~".*{}"', 5, **{"for": "1h"})
    measure("  its preview", 'host=~"h.*{}"', 5, **{"for": "1h", "dryRun": True})
    measure("  of all, by a label that all have", 'alertname="Down"', 1, **{"for": "20s"})
    time.sleep(20)
    settled(t)
    row("  which ends", n, "", t.longest_turn())
    begins = time.time() + max(20, n / 500)
    stamp = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # noqa: E731
    many = min(n, 10000)
    for i in range(many):
        post(matchers=[f'host="h{n - 1 - i}"'], startsAt=stamp(begins), endsAt=stamp(begins + 30))
    t.longest_turn()
    time.sleep(max(0, begins + 5 - time.time()))
    settled(t)
    row("  so many begin at once (10,000 at most)", many, "", t.longest_turn(), f"beside {n:,} incidents")
    time.sleep(max(0, begins + 35 - time.time()))
    settled(t)
    row("  and end", many, "", t.longest_turn(), f"beside {n:,} incidents")
    t.close()


def cpu(t):
    return sum(sum(int(x) for x in open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13]) for pid in (t.process.pid, t.redis_pid())
               ) / os.sysconf("SC_CLK_TCK")


def settled(t):
    """Processor seconds, once they stand still."""
    before = cpu(t)
    while True:
        time.sleep(3)
        now = cpu(t)
        if now - before < 0.15:
            return now
        before = now


def grow_incident(folder, n):
    """One incident of n alerts, told to three inboxes at once; then one of them ends, or begins anew; then all end."""
    t = Program(folder, config=CONFIG.replace("inbox {}", "inbox {}, inbox {}, inbox {}").replace(
        "group_by", 'group_wait = "5s", group_interval = "1s", group_by'),
                rules={"down.lua": 'alert "Down" { value = m.up:last(), fire = below(1), limit = 100000 }\n'})
    t.start(seconds=600)
    n = min(n, 10000)

    def all_at_once(what, up):
        began = cpu(t)
        t.batch([{"name": "up", "labels": {"host": f"h{i}"}, "value": up} for i in range(n)])
        time.sleep(8)
        row(what, n, f"{(settled(t) - began) / n * 1e6:.0f} us", t.longest_turn(), "processor, per alert; three lanes")

    all_at_once("incident: all alerts begin, are told at once", 0)
    began, changes = cpu(t), 30
    for i in range(changes):
        t.batch([{"name": "up", "labels": {"host": f"h{i // 2}"}, "value": 1 - i % 2}])
        time.sleep(1)
    took = cpu(t) - began
    row("  one alert changes, and is told", n, f"{took / changes * 1e3:.1f} ms", t.longest_turn(), "processor, per change and second")
    all_at_once("  all end", 1)
    t.close()


def grow_claims(folder, n):
    """n incidents of one alert, all due on one lane at once."""
    t = Program(folder, config=CONFIG.replace('group_by = { "rule" }', 'group_wait = "5s", group_by = { "host" }'),
                rules={"down.lua": 'alert "Down" { value = m.up:last(), fire = below(1), limit = 100000 }\n'})
    t.start(seconds=600)
    began = cpu(t)
    t.batch([{"name": "up", "labels": {"host": f"h{i}"}, "value": 0} for i in range(n)])
    h.wait(lambda: (t.metric("tocsin_notifications_delivered_total") or 0) >= n, "all are told", 600, every=2)
    row("claims: incidents that become due at once", n, f"{(cpu(t) - began) / n * 1e6:.0f} us", t.longest_turn(),
        "processor, per incident, sample to told")
    t.close()


GROWTH = {"rules": grow_rules, "logs": grow_logs, "incident": grow_incident, "claims": grow_claims, "silences": grow_silences,
          "firing": grow_firing}


def main():
    wanted = sys.argv[1:] or list(GROWTH)
    folder = h.Folder("growth")
    print(f"{'':44} {'n':>8} {'time':>22} {'longest turn':>12}", flush=True)
    for name in wanted:
        for n in sorted({*SIZES, *PROMISED.get(name, [])}):
            sub = os.path.join(folder.path, f"{name}{n}")
            os.makedirs(sub)
            try:
                GROWTH[name](sub, n)
            except (h.Failed, OSError, ValueError, TypeError) as e:
                print(f"{name} {n}: could not be measured: {e}", flush=True)
            h.kill_leftovers(sub)
    folder.remove()


main()
