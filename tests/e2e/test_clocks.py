"""The clock of the machine is set under the running program and its Redis; the sender's is right."""
import json
import os
import subprocess
import time

from harness import HttpSink, Tocsin, check, wait

RULES = {"load.lua": """
alert "LoadHigh" {
  value = m.load:max("30s"):by("service"),
  fire = above(10),
  summary = "{service}: load is {value}",
}
"""}


class Clock:
    """What the program and its children take for the time (clock.c); monotonic time is real."""

    def __init__(self, folder):
        self.file, library = os.path.join(folder, "clock"), os.path.join(folder, "clock.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(os.path.dirname(__file__), "clock.c")], check=True)
        self.set(0)
        self.env = {"LD_PRELOAD": library, "TEST_CLOCK": self.file}

    def set(self, seconds):
        with open(self.file + ".new", "w", encoding="ascii") as f:
            f.write(f"{seconds}\n")
        os.rename(self.file + ".new", self.file)


def pages(sink, status, name):
    return [r["json"] for r in sink.all() if r["json"]["status"] == status
            and any(a["labels"]["alertname"] == name for a in r["json"]["alerts"])]


def feed_until(t, value, condition, what):
    """Sends a reading with the right time, once a second; the seconds it took."""
    began, sent = time.monotonic(), [0.0]

    def turn():
        if time.monotonic() - sent[0] >= 1:
            sent[0] = time.monotonic()
            t.metrics([{"name": "load", "labels": {"service": "a", "job": "app"}, "value": value, "time": time.time()}])
        return condition()
    wait(turn, what, 90)
    return time.monotonic() - began


def told(t, text):
    return any(text in r["text"] for r in json.loads(t.call("GET", "/readyz")[1])["reasons"] if not r["ok"])


def step(folder, by):
    sink, clock = HttpSink(), Clock(folder)
    t = Tocsin(folder, f'receiver "ops" {{ webhook {{ url = "{sink.url}" }} }}\n'
               'route { receiver = "ops", group_by = { "alertname" }, group_wait = "0s", group_interval = "1s" }\n', RULES, env=clock.env)
    try:
        t.start()
        feed_until(t, 1, lambda: t.get("/api/tocsin/v1/status")["windows"]["groups"], "data")
        clock.set(by)
        feed_until(t, 1, lambda: told(t, "was set by") or told(t, "sources are off"), "the step to be told")
        check("  ! clock: " in t.command("status"), "and shown")
        there = feed_until(t, 95, lambda: pages(sink, "firing", "LoadHigh"), "a page in the wrong time")
        feed_until(t, 95, lambda: pages(sink, "firing", "ClockStepped"), "ClockStepped")
        clock.set(0)
        ends = feed_until(t, 1, lambda: pages(sink, "resolved", "LoadHigh"), "its end in the right time")
        check(len(pages(sink, "firing", "LoadHigh")) == 1, "told once")
        print(f"clock {by:+} s: a page after {there:.0f} s, its end after {ends:.0f} s")
    finally:
        t.kill()
        sink.close()


def test_a_clock_that_is_set_ahead_and_back(folder):
    step(folder, 3600)


def test_a_clock_that_is_set_back_and_ahead(folder):
    step(folder, -3600)
