"""Data in Redis that is damaged, older, truncated or gone: what is made good, and what is said."""
import glob
import os
import shutil
import socket
import time

from harness import HttpSink, Redis, Tocsin, check, wait

RULES = {"damage.lua": """
defaults { every = "1s" }
alert "Counted" { value = m.kill_total:increase("30m"):by("shard"), fire = { P5 = at_least(0) }, summary = "{shard}" }
alert "Load" { priority = "P1", value = m.load:last("20m"), fire = above(10), summary = "{service}: {value}" }
"""}
JOURNAL, SERIES, COPY = "tocsin:{1.0}:journal", "tocsin:{1.0}:series", "tocsin:{1.0}:copy"


def config(sink):
    return (f'receiver "ops" {{ webhook {{ url = "{sink.url}" }} }}\nreceiver "nobody" {{ inbox {{}} }}\n'
            'route { receiver = "ops", group_by = { "alertname", "service" }, group_wait = "0s", group_interval = "1s",\n'
            '  route { match = { team = "tocsin" }, receiver = "nobody" },\n'
            '  route { match = { alertname = "Counted" }, receiver = "nobody" } }\n')


class Wire:
    """Commands with any bytes, over the unix socket."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)
        self.f = self.s.makefile("rb")

    def read(self):
        line = self.f.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return None if rest == b"-1" else self.f.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        check(kind != b"-", rest)
        return int(rest) if kind == b":" else rest

    def __call__(self, *args):
        args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        self.s.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args))
        return self.read()


def told(sink, service, status="firing"):
    return [r for r in sink.all() if r["json"]["status"] == status and r["json"]["groupLabels"]["service"] == service]


def counted(t):
    return {a["labels"]["shard"]: a.get("value") for a in t.alerts(alertname="Counted")}


def damage(t):
    return {d["reason"]: d["count"] for d in t.get("/api/tocsin/v1/status")["damage"]}


def count(t, total):
    """Of two readings of a counter within one millisecond the first is the sample, and the other counts with the next:
    so each has a millisecond of its own, also the last."""
    t.feed(total, name="kill_total", shard="a", service="s")
    t.feed(2 * total, name="kill_total", shard="b", service="s")
    last = time.time_ns() // 1000000
    wait(lambda: time.time_ns() // 1000000 > last, "the next millisecond", every=0.0002)


def tell_story(t, sink):
    """A window with values, a page that is acknowledged, one that is not, and a silence."""
    for total in range(0, 60, 2):
        count(t, total)
    wait(lambda: counted(t) == {"a": 58, "b": 116}, "the counted")
    for service in ("acked", "open"):
        t.feed(50, service=service)
        wait(lambda: told(sink, service), f"the page of {service}")
    number = [i["number"] for i in t.get("/api/tocsin/v1/incidents?open=1") if i["groupLabels"].get("service") == "acked"][0]
    t.post(f"/api/tocsin/v1/incidents/{number}/ack", {"note": "on it", "by": "bo"})
    # a kill before an answer is noted would repeat that message; what is stored after it holds it
    wait(lambda: t.get("/api/tocsin/v1/status")["deliver"]["in_flight"] == 0, "all answers")
    s = t.post("/api/tocsin/v1/silences", {"matchers": ['service="quiet"'], "for": "1h", "comment": "x", "createdBy": "ana"})
    check(s["durable"], "the silence is stored")
    return number, s["id"]


def check_story(t, sink, story, what):
    number, silence = story
    count(t, 60)
    wait(lambda: counted(t) == {"a": 60, "b": 120}, f"{what}: the windows: {counted(t)}", seconds=60)
    check([s["id"] for s in t.get("/api/tocsin/v1/silences")] == [silence], f"{what}: the silence")
    check(t.get(f"/api/tocsin/v1/incidents/{number}")["acknowledged"]["note"] == "on it", f"{what}: the acknowledgement")
    check(sorted(a["labels"]["service"] for a in t.alerts(alertname="Load")) == ["acked", "open"], f"{what}: the alerts")
    t.feed(50, service="quiet")
    wait(lambda: [a for a in t.alerts(alertname="Load", service="quiet") if a["status"]["state"] == "suppressed"], f"{what}: it holds")
    t.feed(1, service="open")
    wait(lambda: told(sink, "open", "resolved"), f"{what}: the resolve", seconds=60)
    check(len(told(sink, "open")) == len(told(sink, "acked")) == 1, f"{what}: nothing is told twice")
    check(not told(sink, "quiet"), f"{what}: what is silenced was told")


def truncated(folder, what, do):
    """Redis loses something under a running Tocsin, which is killed a second later."""
    os.makedirs(folder)
    sink = HttpSink()
    redis = Redis(folder).start()
    t = Tocsin(folder, config(sink), RULES, redis=redis.url).start()
    story = tell_story(t, sink)
    do(redis)
    time.sleep(1)  # so long after it the program is killed
    t.kill()
    t.start()
    check_story(t, sink, story, what)
    check(t.stop() == 0, "the end")
    redis.kill()
    sink.close()


def test_what_redis_loses_is_there_after_a_kill_a_second_later(folder):
    for what in (("FLUSHALL",), ("DEL", JOURNAL), ("DEL", SERIES), ("DEL", JOURNAL, SERIES), ("DEL", "tocsin:{1.0}:cut")):
        truncated(os.path.join(folder, "".join(what).replace(":", "-")), " ".join(what), lambda r: r.command(*what))


def test_an_older_redis_is_made_good_a_second_later(folder):
    def older(redis):
        redis.kill()
        shutil.rmtree(os.path.join(redis.folder, "appendonlydir"))
        redis.start()  # empty, as an old dump would be
    truncated(os.path.join(folder, "older"), "restart with an older dump", older)


def test_one_damaged_block_costs_nothing(folder):
    sink = HttpSink()
    redis = Redis(folder).start()
    t = Tocsin(folder, config(sink), RULES, redis=redis.url).start()
    story = tell_story(t, sink)
    t.kill()
    wire = Wire(redis.socket)
    blocks = wire("XRANGE", JOURNAL, "-", "+")
    check(len(blocks) >= 60, len(blocks))
    wire("DEL", JOURNAL)
    wrong = (0, len(blocks) // 2, len(blocks) // 2 + 1, len(blocks) - 1)
    for n, (i, (field, data)) in enumerate(blocks):
        if n in wrong:
            data = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
        wire("XADD", JOURNAL, i, field, data)
    t.start()
    check(damage(t) == {"mended_blocks": len(wrong)}, damage(t))
    check(t.metric("tocsin_damage", reason="mended_blocks") == len(wrong), "the metric")
    check_story(t, sink, story, "damaged blocks")
    check(not t.alerts(alertname="DataLost"), "nothing is lost")
    wait(lambda: t.get("/api/tocsin/v1/status")["journal"]["cuts"] > 0, "a cut")
    t.kill()
    wire("DEL", COPY)
    t.start()
    check(not damage(t), f"a cut was taken: the damage is behind it: {damage(t)}")
    check(t.stop() == 0, "the end")
    redis.kill()
    sink.close()


def logs(folder):
    return "".join(open(p, encoding="utf-8").read() for p in sorted(glob.glob(os.path.join(folder, "tocsin-*.log"))))


def test_an_emptied_data_directory_is_said(folder):
    sink = HttpSink()
    t = Tocsin(folder, config(sink), RULES).start()
    tell_story(t, sink)
    mark = os.path.join(folder, "data", "redis.mark")
    wait(lambda: os.path.exists(mark), "the mark", seconds=60)
    check(not damage(t), "a first start says nothing")
    check(t.stop() == 0, "the end")
    t.start()
    check(not damage(t) and "does not have" not in logs(folder), "nor does a second one")
    check(t.stop() == 0, "the end")
    shutil.rmtree(os.path.join(folder, "data", "appendonlydir"))
    t.start()
    check(damage(t) == {"emptied": 1}, damage(t))
    check("Redis does not have the data of the last run" in logs(folder), "the log")
    wait(lambda: t.alerts(alertname="DataLost", what="emptied"), "the own alert", seconds=60)
    said = open(mark, encoding="utf-8").read()
    wait(lambda: open(mark, encoding="utf-8").read() != said, "the mark follows", seconds=60)
    check(t.stop() == 0, "the end")
    t.start()
    check(not damage(t), "it is said once: from then on this is the data")
    t.stop()
    sink.close()


def test_an_older_data_directory_is_said(folder):
    def number():
        try:
            return int(open(os.path.join(folder, "data", "redis.mark"), encoding="utf-8").read().split()[2])
        except (OSError, IndexError):
            return 0
    sink = HttpSink()
    t = Tocsin(folder, config(sink), RULES).start()
    wait(number, "the mark", seconds=60)
    check(t.stop() == 0, "the end")
    files, old = os.path.join(folder, "data", "appendonlydir"), os.path.join(folder, "old")
    shutil.copytree(files, old)
    then = number()
    t.start()
    tell_story(t, sink)
    wait(lambda: number() > then + 3, "the mark follows", seconds=60)
    check(t.stop() == 0, "the end")
    shutil.rmtree(files)
    shutil.copytree(old, files)
    t.start()
    check(damage(t).get("older", 0) > 0 and "emptied" not in damage(t), damage(t))
    check("Redis is older than the last run left it" in logs(folder), "the log")
    wait(lambda: t.alerts(alertname="DataLost", what="older"), "the own alert", seconds=60)
    t.stop()
    sink.close()
