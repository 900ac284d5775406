"""Receivers that hang keep nobody else waiting, with the settings that everybody runs: a page reaches
who can be reached while others of the same route hang in their answer, in their connection or in
the look-up of their name. Times are printed, not asserted; the deadline is 60 s."""
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time

from harness import HttpSink, Process, Tocsin, check, free_port, wait

RULES = {"load.lua": 'defaults { every = "1s" }\nalert "LoadHigh" { priority = "P1", value = m.load:last(), fire = above(10) }\n'}
HUNG_HOSTS = 40


def config(urls):
    """A receiver for every eight."""
    parts = [urls[i:i + 8] for i in range(0, len(urls), 8)]
    receivers = "".join(f'receiver "ops{i}" {{ ' + ", ".join(f'webhook {{ url = "{url}" }}' for url in part) + " }\n"
                        for i, part in enumerate(parts))
    names = ", ".join(f'"ops{i}"' for i in range(len(parts)))
    return f'{receivers}route {{ receiver = {{ {names} }}, group_by = {{ "service" }} }}\n'


def told(t, sink, path, what):
    began = time.monotonic()
    t.feed(50, service="first")
    t.feed(50, service="second")  # what comes later is not held up either

    def both():
        got = [r["json"]["groupLabels"]["service"] for r in sink.all() if r["path"] == path]
        return "first" in got and "second" in got
    wait(both, f"the two pages at the one that works, {what}", 60)
    print(f"       {what}: both told after {time.monotonic() - began:.2f} s")


def test_three_hung_paths_of_one_host_and_a_fourth_that_works(folder):
    over = threading.Event()
    sink = HttpSink(lambda r: over.wait(120) and None if r["path"].startswith("/hang") else None)
    t = Tocsin(folder, config([f"{sink.url}hang{i}" for i in range(3)] + [f"{sink.url}works"]), RULES).start()
    told(t, sink, "/works", "three hung paths of one host")
    check(len({r["path"] for r in sink.all()}) == 4, "the three hang with a request each")
    over.set()
    sink.close()


@contextlib.contextmanager
def silent_hosts(n):
    """Addresses of loopback that take connections and never answer."""
    port, sockets = free_port(), []
    try:
        for i in range(n):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((f"127.0.0.{2 + i}", port))
            s.listen(64)
            sockets.append(s)
        yield [f"http://127.0.0.{2 + i}:{port}/" for i in range(n)]
    finally:
        for s in sockets:
            s.close()


def test_forty_hung_hosts_and_one_that_works(folder):
    sink = HttpSink()
    with silent_hosts(HUNG_HOSTS) as urls:
        t = Tocsin(folder, config(urls + [sink.url]), RULES).start()
        told(t, sink, "/", f"{HUNG_HOSTS} hung hosts")
        lanes = {d["lane"]: d["state"] for d in t.get("/api/tocsin/v1/deliveries")}
        check(sum(state != "idle" for state in lanes.values()) >= HUNG_HOSTS, lanes)
    sink.close()


def private_resolver(folder, nameserver):
    """What runs a command with a resolv.conf of its own; None where this is not allowed."""
    conf = os.path.join(folder, "resolv.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"nameserver {nameserver}\noptions timeout:30 attempts:2\n")
    argv = ["unshare", "--mount", "sh", "-c", f'mount --bind "{conf}" /etc/resolv.conf && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*argv, "true"], capture_output=True).returncode != 0:
        return None
    return argv


def test_forty_names_that_hang_in_the_resolver_and_an_address_that_works(folder):
    sink, asked = HttpSink(), set()
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    argv = private_resolver(folder, "127.0.0.77")
    try:
        silent.bind(("127.0.0.77", 53))
    except OSError:
        argv = None
    if not argv:
        print("       not tried: a resolver of its own needs root")
        return

    def listen():
        with contextlib.suppress(OSError):
            while True:
                asked.add(silent.recvfrom(512)[0][12:])
    threading.Thread(target=listen, daemon=True).start()
    t = Tocsin(folder, config([f"http://host{i}.example.net:9/" for i in range(HUNG_HOSTS)] + [sink.url]), RULES)
    t.spawn()
    t.kill()
    t.process = Process([*argv, *t.process.argv], os.path.join(folder, f"{t.name}-{t.starts}.log"), cwd=folder)
    t.await_ready()
    told(t, sink, "/", f"{HUNG_HOSTS} names that hang in the resolver")
    wait(lambda: len(asked) >= HUNG_HOSTS, "each name to be looked up by itself", 60)
    silent.close()
    sink.close()
