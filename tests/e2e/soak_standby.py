"""Two programs on a master with two replicas and three sentinels. In turn the holder is killed, the standby, the
master, a sentinel; the holder is stopped for five seconds, and ended in order. What was killed comes back. Senders
and people talk to either program at random all the time. TOCSIN_ROUNDS and TOCSIN_SEED say how often and how."""
import json
import os
import random
import signal
import threading
import time

from harness import Either, HttpSink, Replicated, check, wait
from test_crash import RULES, Load, Story, check_counted, check_logs, config, is_ready, told
from test_standby import Pair, inner_pid

FAILOVER_S = 100  # a sentinel that stood still for two seconds waits for thirty
KINDS = ("holder", "standby", "master", "sentinel", "stopped", "ended")
STOPPED_S = 5
# a promoted replica has none of its own at first
HARMLESS = ("could not be delivered", "another Tocsin has taken the lease", "NOREPLICAS")


def lease_of(t):
    """What /readyz of this one says of the lease; None when it does not answer."""
    try:
        _, body, _ = t.call("GET", "/readyz", timeout=5)
        return json.loads(body)["lease"]
    except Exception:  # noqa: BLE001: no answer, or half of one
        return None


class Watch:
    """Looks all the time at who says that it acts. For one look both may: one that was stopped has to be answered
    by Redis before it knows."""

    BOTH_S = 1.5

    def __init__(self, both):
        self.both, self.names, self.wrong, self.running = both, {}, [], True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        since = None
        while self.running:
            leases = [lease_of(t) for t in self.both]
            held = [(t.name, lease["token"]) for t, lease in zip(self.both, leases) if lease and lease["state"] == "held"]
            for name, token in held:
                if self.names.setdefault(token, name) != name:
                    self.wrong.append(f"token {token} is {name}'s and {self.names[token]}'s")
            since = (since or time.monotonic()) if len(held) == 2 else None
            if since and time.monotonic() - since > self.BOTH_S:
                self.wrong.append(f"both act: {held}")
            time.sleep(0.1)  # the pace of the looks

    def stop(self):
        self.running = False
        self.thread.join(15)


class Rounds:
    def __init__(self, folder, rng):
        self.rng, self.dropped = rng, []
        self.sink = HttpSink(self.answer)
        self.redis = Replicated(folder, replicas=2)
        for s in self.redis.servers:
            s.command("CONFIG", "SET", "min-replicas-to-write", "1")
        self.pair = Pair(folder, self.sink, far=True, redis=self.redis, text=config(self.sink), rules=RULES)
        self.either = Either(self.pair.both, rng)

    def answer(self, r):
        """One in nine is dropped: the fate of that page is unknown, and it comes again."""
        if self.rng.random() < 0.11:
            self.dropped.append(r["headers"]["Idempotency-Key"])
            return "drop"
        return None

    def holder(self):
        return wait(lambda: next((t for t in self.pair.both if t.acts()), None), "one that acts", FAILOVER_S, every=0.1)

    def other(self, t):
        return self.pair.b if t is self.pair.a else self.pair.a

    def restart(self, t):
        t.process.child.wait(60)
        if self.rng.random() < 0.5:
            self.holder()
        t.start_again()

    def kill_holder(self, holder):
        os.kill(inner_pid(holder.process), signal.SIGKILL)
        self.restart(holder)

    def kill_standby(self, holder):
        other = self.other(holder)
        os.kill(inner_pid(other.process), signal.SIGKILL)
        self.restart(other)

    def kill_master(self, holder):
        before = wait(self.redis.master, "the sentinels to agree", FAILOVER_S, every=0.2)
        before.kill()
        wait(lambda: self.redis.master() not in (None, before), "a replica to be promoted", FAILOVER_S, every=0.2)
        before.start("--min-replicas-to-write", "1")

    def kill_sentinel(self, holder):
        s = self.rng.choice(self.redis.sentinels)
        s.kill()
        time.sleep(self.rng.uniform(0, 1))  # how long it is away
        s.start()

    def stop_holder(self, holder):
        pid = inner_pid(holder.process)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STOPPED_S)  # how long it is stopped
        os.kill(pid, signal.SIGCONT)

    def end_holder(self, holder):
        os.kill(inner_pid(holder.process), signal.SIGTERM)
        self.restart(holder)

    def strike(self, kind):
        do = {"holder": self.kill_holder, "standby": self.kill_standby, "master": self.kill_master, "sentinel": self.kill_sentinel,
              "stopped": self.stop_holder, "ended": self.end_holder}[kind]
        holder = self.holder()
        began = time.time()
        do(holder)
        wait(lambda: all(is_ready(t) for t in self.pair.both), f"both to be ready after {kind}", FAILOVER_S, every=0.1)
        self.holder()
        return began, time.time(), kind


def play(folder, rounds, seed):
    rng = random.Random(seed)
    all_of_it = Rounds(folder, rng)
    load = Load(all_of_it.either)
    story = Story(all_of_it.either, all_of_it.sink, patience=FAILOVER_S)
    watch = Watch(all_of_it.pair.both)
    try:
        for n in range(rounds):
            kind = KINDS[n % len(KINDS)]
            act = threading.Thread(target=story.act, args=(n,), daemon=True)
            act.start()
            time.sleep(rng.uniform(0.0, 1.2))  # the moment of the kill is what this is about
            story.kills.append(all_of_it.strike(kind))
            act.join(3 * FAILOVER_S)
            check(not act.is_alive(), f"round {n}: acts are not answered after {kind}")
            story.check_kept(n)
            story.check_timers(story.kills[-1][1])
            load.pause(FAILOVER_S)
            check_counted(all_of_it.either, load, 60)
            check(not load.wrong, f"round {n}: {load.wrong[:3]}")
            check(not watch.wrong, f"round {n}: {watch.wrong[:3]}")
            load.resume()
            print(f"       round {n}: {kind} {story.kills[-1][1] - story.kills[-1][0]:.1f} s", flush=True)
        for n in range(rounds):
            check(told(all_of_it.sink, f"r{n}"), f"the page of r{n}")
            if n < rounds - 2:
                check(told(all_of_it.sink, f"r{n}", status="resolved"), f"the resolve of r{n}")
        story.check_timers(time.time(), last=True)
        story.kills += [(r["at"], r["at"], "answer dropped") for r in all_of_it.sink.all()
                        if r["headers"]["Idempotency-Key"] in all_of_it.dropped]
        story.check_duplicates()
        for t in all_of_it.pair.both:
            check_logs(t.folder, HARMLESS)
        keys = [r["headers"]["Idempotency-Key"] for r in all_of_it.sink.all()]
        print(f"       {sum(load.acked)} increments, {load.events_acked} of {load.events_tried} events, {len(story.silences)} silences, "
              f"{len(story.acks)} acknowledgements, {len(keys)} messages ({len(keys) - len(set(keys))} again), "
              f"{len(watch.names)} tokens", flush=True)
        check(min(load.acked) > 2 * rounds and load.events_acked > rounds, "there was load")
    finally:
        watch.stop()
        load.stop()
        all_of_it.pair.close()


def test_thirty_rounds_of_two_on_one_redis(folder):
    rounds, seed = int(os.environ.get("TOCSIN_ROUNDS", "30")), int(os.environ.get("TOCSIN_SEED", str(int(time.time()))))
    print(f"       two on one Redis: {rounds} rounds, seed {seed}", flush=True)
    play(folder, rounds, seed)
