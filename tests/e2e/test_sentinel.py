"""A Redis with a replica and three sentinels: when the master is killed, Tocsin goes on with the promoted
replica, and what it had said to be done is done once. Rules and rhythm are the defaults."""

from harness import HttpSink, Replicated, Tocsin, check, wait
from test_damage import RULES, SERIES, check_story, config, tell_story, told

FAILOVER_S = 100  # a sentinel that stood still for two seconds waits for thirty
DEFAULTS = {name: text.replace('defaults { every = "1s" }\n', "") for name, text in RULES.items()}
CUT = "tocsin:{1.0}:cut"


def start(folder):
    redis, sink = Replicated(folder), HttpSink()
    return redis, sink, Tocsin(folder, config(sink), DEFAULTS, redis=redis.url).start()


def followed(redis, t, before):
    """Tocsin takes data again, on another master."""
    wait(lambda: redis.master() not in (None, before), "the sentinels to promote the replica", FAILOVER_S, every=0.2)
    t.feed(0, name="probe", seconds=FAILOVER_S)
    wait(lambda: t.call("GET", "/readyz")[0] == 200, "ready again", FAILOVER_S)

    def named():
        after = redis.master()
        return after if after and t.get("/api/tocsin/v1/status")["redis"]["server"] == f"127.0.0.1:{after.port}" else None
    return wait(named, "status to name the new master", FAILOVER_S, every=0.2)


def test_a_killed_master_costs_nothing_that_was_replicated(folder):
    redis, sink, t = start(folder)
    story = tell_story(t, sink)
    before = redis.settle()
    before.kill()
    after = followed(redis, t, before)
    check_story(t, sink, story, "after the fail-over")

    # the child that saves the windows goes there, too: a loss of labels makes it do so
    cuts = t.get("/api/tocsin/v1/status")["journal"]["cuts"]
    after.command("DEL", SERIES)
    wait(lambda: t.get("/api/tocsin/v1/status")["journal"]["cuts"] > cuts and after.command("EXISTS", CUT) == "1",
         "the windows to be saved on the new master", FAILOVER_S)

    # the old master comes back as a replica, and its turn comes again
    before.start()
    redis.settle()
    after.kill()
    check(followed(redis, t, after) is before, "there are two of them")
    t.feed(50, service="later")
    wait(lambda: told(sink, "later"), "the page after the second fail-over", 60)
    wait(lambda: t.get("/api/tocsin/v1/status")["deliver"]["in_flight"] == 0, "its answer")
    s = t.post("/api/tocsin/v1/silences", {"matchers": ['service="last"'], "for": "1h", "comment": "x", "createdBy": "ana"})
    check(s["durable"], "the silence is stored, and the answer before it")
    t.kill()
    t.start()
    check(len(told(sink, "later")) == len(told(sink, "open", "resolved")) == 1, "nothing is told twice")
    check(t.stop() == 0, "the end")
    redis.close()
    sink.close()


def test_a_promoted_replica_that_lacks_the_newest_is_given_it_from_memory(folder):
    redis, sink, t = start(folder)
    before = redis.settle()
    replica = next(s for s in redis.servers if s is not before)
    replica.kill()
    story = tell_story(t, sink)
    before.kill()
    replica.start("--replicaof", "127.0.0.1", str(before.port))
    followed(redis, t, before)
    check_story(t, sink, story, "after the fail-over")
    t.kill()
    t.start()
    check([s["id"] for s in t.get("/api/tocsin/v1/silences")] == [story[1]], "the silence, after a start")
    check(len(told(sink, "open")) == len(told(sink, "acked")) == 1, "nothing is told twice")
    check(t.stop() == 0, "the end")
    redis.close()
    sink.close()
