"""What comes in: every protocol from its real sender, and what bad input is told."""
import gzip
import http.client
import json
import logging
import logging.handlers
import os
import shutil
import socket
import struct
import time
import zlib

from harness import HttpSink, Process, Tocsin, check, free_port, wait

RULES = {"in.lua": """
alert "Load" { value = m.load:last(), fire = above(10), summary = "load {value}" }
alert "Orders" { value = m.orders_total:increase("1m"):by("shop"), fire = above(4), summary = "{value} orders" }
alert "Errors" {
  value = logs{ level = "ERROR" }:count("1m"):by("service"), fire = above(0),
  attach = { events = 2, fields = { "message", "exception", "trace_id" } }, summary = "{service}: {event_message}",
}
alert "Slow" { value = m["api.latency"]:quantile(0.5, "1m"):by(), fire = above("100ms"), summary = "slow" }
alert "Scraped" { value = m.shop_open_orders:last(), fire = above(10), summary = "{job}: {value} orders wait" }
alert "TargetDown" { value = m.up:last(), fire = below(1), summary = "{job} is down" }
"""}
CONFIG = """receiver "ops" { inbox {} }
route { receiver = "ops", group_by = { "alertname" }, group_wait = "0s", group_interval = "1s" }
"""


def start(folder, args=()):
    return Tocsin(folder, CONFIG, RULES, args=args).start()


def fires(t, name, **labels):
    return wait(lambda: t.alerts(alertname=name, **labels), f"{name} {labels} to fire")[0]


def refused(t, path, body, status, code, text="", line=None, field=None, kind="application/json", headers=None):
    got, answer, _ = t.call("POST", path, body, {"Content-Type": kind, **(headers or {})})
    error = json.loads(answer)
    check(got == status, f"{got} instead of {status}: {answer}")
    check(error["accepted"] == 0 and error["error"]["code"] == code, error)
    check(text in error["error"]["message"], error)
    check(line is None or error["error"].get("line") == line, error)
    check(field is None or error["error"].get("field") == field, error)


METRICS = "/api/tocsin/v1/metrics"
EVENTS = "/api/tocsin/v1/events"


def test_json_metrics_as_object_array_and_lines(folder):
    t = start(folder)
    now = time.time()
    for body, kind in (('{"name":"load","labels":{"host":"one"},"value":11}', "application/json"),
                       ('[{"name":"load","labels":{"host":"two"},"value":11},{"name":"load","labels":{"host":"three"},"value":1}]', "application/json"),
                       ('{"name":"load","labels":{"host":"four"},"value":11}\n{"name":"load","labels":{"host":"five"},"value":12}\n', "application/x-ndjson"),
                       (json.dumps([{"name": "load", "labels": {"host": "six"}, "value": 11, "time": now}]), "application/json"),
                       (json.dumps([{"name": "load", "labels": {"host": "seven"}, "value": 11, "time": int(now * 1000)}]), "application/json")):
        status, answer, _ = t.call("POST", METRICS, body.encode(), {"Content-Type": kind})
        check(status == 204 and answer == b"", f"{status} {answer}")
    for host in ("one", "two", "four", "five", "six", "seven"):
        fires(t, "Load", host=host)
    check(not t.alerts(alertname="Load", host="three"), "below the limit")


def test_a_named_request_counts_once_also_after_a_restart(folder):
    """An Idempotency-Key is known again by what the journal holds, whichever process hashes it."""
    t = start(folder)
    body = b'{"level":"ERROR","service":"cart","message":"no stock"}'
    named = {"Content-Type": "application/json", "Idempotency-Key": "order-1"}
    check(t.call("POST", EVENTS, body, named)[0] == 204, "first")
    fires(t, "Errors", service="cart")
    t.kill()
    t.start()
    check(t.call("POST", EVENTS, body, named)[0] == 204, "again, after the restart")
    check(t.call("POST", EVENTS, body.replace(b"cart", b"mark"), {"Content-Type": "application/json"})[0] == 204, "a mark behind it")
    fires(t, "Errors", service="mark")
    check(fires(t, "Errors", service="cart")["value"] == 1, f"counted once: {t.alerts(alertname='Errors')}")


def test_gzip_and_chunks(folder):
    t = start(folder)
    body = b'[{"name":"load","labels":{"host":"zipped"},"value":11}]'
    status, answer, _ = t.call("POST", METRICS, gzip.compress(body), {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    check(status == 204, f"{status} {answer}")
    fires(t, "Load", host="zipped")
    c = http.client.HTTPConnection("127.0.0.1", t.port)
    c.request("POST", METRICS, iter([body[:20].replace(b"zipped", b"chunks"), body[20:].replace(b"zipped", b"chunks")]),
              {"Content-Type": "application/json"}, encode_chunked=True)
    check(c.getresponse().status == 204, "chunked")
    fires(t, "Load", host="chunks")
    check(t.call("POST", METRICS, b"not gzip", {"Content-Type": "application/json", "Content-Encoding": "gzip"})[0] == 400, "not gzip")


def test_bad_metrics_are_told_where(folder):
    t = start(folder)
    refused(t, METRICS, b'[{"name":"load","value":1},\n {"name":"load"}]', 400, "bad_request", "value", line=2)
    refused(t, METRICS, b'[{"name":"load","value":"x"}]', 400, "bad_request", field="value")
    refused(t, METRICS, b'[{"value":1}]', 400, "bad_request", "name")
    refused(t, METRICS, b'[{"name":"load","value":1', 400, "bad_request", line=1)
    refused(t, METRICS, b'[{"name":"load","value":1,"type":"gague"}]', 400, "bad_request", "gauge", field="type")
    refused(t, METRICS, b'[{"name":"load","value":1,"labels":{"a":[5]}}]', 400, "bad_request")
    refused(t, METRICS, b'\xff\xfe', 400, "bad_request")
    refused(t, METRICS, b'[{"name":"load","labels":{"host":"all or nothing"},"value":11},{"name":""}]', 400, "bad_request")
    time.sleep(1.2)  # the absence of an alert cannot be waited for
    check(not t.alerts(alertname="Load"), "part of a refused request was taken")


def test_refusals_by_kind(folder):
    t = start(folder)
    refused(t, METRICS, b"name=x", 415, "content_type", kind="application/x-www-form-urlencoded")
    status, _, headers = t.call("GET", METRICS)
    check(status == 405 and "POST" in headers["Allow"], f"{status} {headers}")
    status, _, headers = t.call("DELETE", EVENTS)
    check(status == 405 and "POST" in headers["Allow"], f"{status} {headers}")
    check(t.call("POST", "/api/v1/nothing", b"{}")[0] == 404, "unknown path")
    big = b"[" + b'{"name":"load","value":1},' * 1_400_000
    c = http.client.HTTPConnection("127.0.0.1", t.port)
    c.putrequest("POST", METRICS)
    c.putheader("Content-Type", "application/json")
    c.putheader("Content-Length", str(len(big)))
    c.endheaders()
    try:
        c.send(big)
    except OSError:
        pass  # it may close as soon as it has refused
    try:
        check(c.getresponse().status == 413, "a body above the limit")
    except (ConnectionError, http.client.BadStatusLine):
        pass
    bomb = gzip.compress(b" " * (64 << 20))
    status, _, _ = t.call("POST", METRICS, bomb, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    check(status == 413, f"a small body that grows large: {status}")
    many = json.dumps([{"name": "load", "value": 1, "labels": {f"l{i}": "x" for i in range(41)}}]).encode()
    refused(t, METRICS, many, 400, "bad_request", "at most 40")
    check(t.call("GET", "/livez")[0] == 200, "it still answers")


def test_events_of_the_usual_loggers(folder):
    t = start(folder)
    for service, body in (
            ("jsonlogger", {"asctime": time.strftime("%Y-%m-%d %H:%M:%S,123"), "levelname": "ERROR", "name": "app", "message": "boom", "service": "jsonlogger"}),
            ("structlog", {"event": "boom", "level": "error", "timestamp": "2026-01-05T08:00:00Z", "service": "structlog"}),
            ("bunyan", {"name": "bunyan", "hostname": "h", "pid": 1, "level": 50, "msg": "boom", "time": "2026-01-05T08:00:00Z", "v": 0, "service": "bunyan"}),
            ("zap", {"level": "error", "ts": time.time(), "msg": "boom", "service": "zap"}),
            ("ecs", {"@timestamp": "2026-01-05T08:00:00Z", "log.level": "error", "message": "boom", "service.name": "ecs"}),
            ("own", {"level": "ERROR", "service": "own", "message": "boom", "trace_id": "t1"})):
        if "timestamp" in body or "@timestamp" in body or "time" in body:
            for k in ("timestamp", "@timestamp", "time"):
                if k in body:
                    body[k] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        status, answer, _ = t.call("POST", EVENTS, body)
        check(status == 204, f"{service}: {status} {answer}")
        fires(t, "Errors", service=service)
    message = wait(lambda: [m for m in t.inbox() if "boom" in m["text"]], "the log line in the message")
    check(message, "attached")
    lines = "\n".join(json.dumps({"level": "ERROR", "service": f"line{i}", "message": "x"}) for i in range(3))
    check(t.call("POST", EVENTS, lines.encode(), {"Content-Type": "application/x-ndjson"})[0] == 204, "lines")
    fires(t, "Errors", service="line2")
    refused(t, EVENTS, b'{"level":"ERROR"}\n{"level":', 400, "bad_request", line=2, kind="application/x-ndjson")


def test_pythons_own_http_handler(folder):
    t = start(folder)
    log = logging.getLogger("shop")
    log.propagate = False
    log.addHandler(logging.handlers.HTTPHandler(f"127.0.0.1:{t.port}", "/api/tocsin/v1/form", method="POST"))
    try:
        raise ValueError("no stock for order 17")
    except ValueError:
        log.exception("order failed", extra={"service": "shop"})
    alerts = wait(lambda: t.alerts(alertname="Errors"), "the alert of the log line")
    check(alerts[0]["labels"]["service"] == "shop", alerts[0]["labels"])
    log.handlers.clear()


def test_statsd_over_udp(folder):
    t = start(folder, args=["--statsd", "127.0.0.1:0"])
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(text):
        s.sendto(text.encode(), ("127.0.0.1", t.statsd))
    for _ in range(5):
        send("orders_total:1|c|#shop:a")
    send("orders_total:3|c|#shop:b\nload:42|g|#host:udp\nthis is no metric\n")
    send("api.latency:250|ms")
    fires(t, "Orders", shop="a")
    fires(t, "Load", host="udp")
    wait(lambda: send("api.latency:250|ms") or t.alerts(alertname="Slow"), "a quantile, of a minute seen whole", 120, every=1)
    check(not t.alerts(alertname="Orders", shop="b"), "three are not above four")
    metrics = t.call("GET", "/metrics")[1].decode()
    check("refused" in metrics, "lines that are refused are counted")
    s.close()


# --- remote write ---

def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def snappy(data):
    """A block of literals: what snappy makes of what it cannot compress."""
    out = varint(len(data))
    for i in range(0, len(data), 65536):
        part = data[i:i + 65536]
        out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
    return out


def write_request(*series):
    out = b""
    for labels, samples in series:
        body = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in sorted(labels.items()))
        body += b"".join(field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(at)) for v, at in samples)
        out += field(1, body)
    return snappy(out)


REMOTE = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}


def test_remote_write_by_hand(folder):
    t = start(folder)
    now = int(time.time() * 1000)
    body = write_request(({"__name__": "load", "host": "remote"}, [(42.0, now)]))
    check(t.call("POST", "/api/v1/write", body, REMOTE)[0] == 204, "taken")
    fires(t, "Load", host="remote")
    check(t.call("POST", "/api/v1/write", b"\xff\xff\xff\xff\x0f", REMOTE)[0] in (400, 413), "a length that lies")
    check(t.call("POST", "/api/v1/write", snappy(b"\x0a\xff\xff"), REMOTE)[0] == 400, "a message that is cut")
    check(t.call("POST", "/api/v1/write", body, {**REMOTE, "Content-Encoding": "gzip"})[0] == 415, "gzip")


def test_a_real_prometheus(folder):
    check(shutil.which("prometheus"), "Debian's prometheus is not installed: make deps-test")
    t = start(folder)
    orders = [5]

    def exporter(request):
        text = f"# TYPE shop_open_orders gauge\nshop_open_orders {orders[0]}\n# TYPE orders_total counter\norders_total{{shop=\"prom\"}} 10\n"
        return 200, text.encode(), {"Content-Type": "text/plain; version=0.0.4"}
    shop = HttpSink(exporter)
    with open(os.path.join(folder, "prometheus.yml"), "w", encoding="utf-8") as f:
        f.write(f"""
global: {{ scrape_interval: 1s }}
scrape_configs:
  - job_name: shop
    static_configs: [ {{ targets: [ "127.0.0.1:{shop.port}" ] }} ]
remote_write:
  - url: {t.url}/api/v1/write
    queue_config: {{ batch_send_deadline: 500ms }}
""")
    prometheus = Process(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prom", f"--web.listen-address=127.0.0.1:{free_port()}"],
                         os.path.join(folder, "prometheus.log"), cwd=folder)
    try:
        wait(lambda: [g for g in t.get("/api/tocsin/v1/explain?rule=Scraped")["groups"]], "the first scrape", seconds=40)
        check(not t.alerts(alertname="Scraped"), "five orders are not above ten")
        orders[0] = 17
        alert = wait(lambda: t.alerts(alertname="Scraped"), "the alert about the scraped metric", seconds=20)[0]
        check(alert["labels"]["job"] == "shop" and alert["value"] == 17, alert)
        check(wait(lambda: [m for m in t.inbox() if "17 orders wait" in m["text"]], "its message"), "")
        orders[0] = 3
        wait(lambda: not t.alerts(alertname="Scraped"), "the end")
        shop.answer = lambda request: (500, b"broken", {})
        wait(lambda: t.alerts(alertname="TargetDown", job="shop"), "up{} of a target that is gone", seconds=20)
    finally:
        prometheus.stop()


def test_counter_over_a_crash_of_tocsin(folder):
    """What was answered with 204 is counted once, also when the process is killed right after."""
    t = start(folder)
    total, begin = 0, time.time()
    for i in range(12):
        total += 1
        # a time of its own for each: of two values of one millisecond the first is the sample
        sample = {"name": "orders_total", "labels": {"shop": "k"}, "value": total, "time": begin + i * 0.01}
        wait(lambda: t.metrics([sample])[0] == 204, "taken")
        if i % 4 == 3:
            t.kill()
            t.start()
    alert = wait(lambda: [a for a in t.alerts(alertname="Orders", shop="k") if a.get("value") == total - 1], f"an increase of {total - 1}")
    check(alert, "")


def test_compressed_with_deflate_or_nothing_known(folder):
    t = start(folder)
    body = b'[{"name":"load","labels":{"host":"d"},"value":11}]'
    status, _, _ = t.call("POST", METRICS, zlib.compress(body), {"Content-Type": "application/json", "Content-Encoding": "deflate"})
    check(status in (204, 415), f"deflate: {status}")
    status, _, _ = t.call("POST", METRICS, body, {"Content-Type": "application/json", "Content-Encoding": "br"})
    check(status == 415, f"brotli: {status}")


def test_own_alerts_ignore_what_others_send_under_their_names(folder):
    t = start(folder)
    names = {"tocsin_redis_away_seconds": {}, "tocsin_lane_failing_seconds": {"lane": "ops/inbox"}, "tocsin_rule_broken": {"rule": "Load"},
             "tocsin_rule_file_rejected": {"file": "x.lua"}, "tocsin_redis_memory_ratio": {}, "tocsin_input_quiet_seconds": {}}
    t.metrics([{"name": name, "labels": {"job": "tocsin", **labels}, "value": 1e6} for name, labels in names.items()])
    t.metrics([{"name": "load", "labels": {"host": "seen"}, "value": 11}])
    fires(t, "Load", host="seen")
    looks = t.metric("tocsin_rule_looks_total", rule="RedisAway")
    wait(lambda: t.metric("tocsin_rule_looks_total", rule="RedisAway") >= looks + 2, "own rules to look twice", 60)
    check(not [a for a in t.alerts() if a["labels"].get("team") == "tocsin" and a["labels"]["alertname"] != "Canary"], t.alerts())
    refused(t, METRICS, b'{"name":"tocsin_redis_away_seconds","labels":{"__origin__":"tocsin"},"value":1e6}', 400, "bad_request",
            "marks Tocsin's own samples")


def test_what_is_left_out_is_counted_by_its_reason_and_logged_once(folder):
    t = start(folder)
    fields = {f"f{i}": 1 for i in range(200)}
    for _ in range(2):
        check(t.call("POST", EVENTS, json.dumps({"message": "many", **fields}).encode(), {"Content-Type": "application/json"})[0] == 204, "many fields")
    left = [x for x in t.get("/api/tocsin/v1/status")["left_out"] if x["reason"] == "fields_dropped"]
    check(len(left) == 1 and left[0]["protocol"] == "json_events" and left[0]["count"] > 100, t.get("/api/tocsin/v1/status")["left_out"])
    check(t.metric("tocsin_ingest_fields_dropped_total", protocol="json_events") == left[0]["count"], "the metric")
    check("fields of events" in t.command("status"), t.command("status"))
    check(t.process.output().count("metric=fields_dropped") == 1, t.process.output())


def test_what_a_message_advises_to_raise_can_be_raised(folder):
    t = Tocsin(folder, rules=RULES)

    def limits(**keys):
        t.write("tocsin.lua", "limits { %s }\n" % ", ".join(f"{k} = {json.dumps(v)}" for k, v in keys.items()) +
                'receiver "everyone" { inbox {} }\nroute { receiver = "everyone" }\n')

    def series(n):
        return [{"name": "load", "labels": {"host": f"h{i}"}, "value": 1} for i in range(n)]

    def silence(n):
        return t.call("POST", "/api/tocsin/v1/silences", {"matchers": [f"host=s{n}"], "for": "1h", "comment": "x"})

    limits(series=1000, silences=10, redis_memory="64MiB")
    t.start()
    check(t.get("/api/tocsin/v1/status")["redis"]["max_memory"] == 64 << 20, "redis_memory")
    code, body, _ = t.metrics(series(1100))
    check(code == 429 and b"raise limits { series }" in body, f"{code} {body}")
    for n in range(10):
        check(silence(n)[0] == 201, f"silence {n}")
    code, body, _ = silence(10)
    check(code >= 400 and b"raise limits { silences }" in body, f"{code} {body}")
    limits(series=2000, silences=11, redis_memory="128MiB", new_series_per_minute=1200)
    check("next start" in wait(lambda: t.command("reload") and "setting=limits" in t.process.output() and t.process.output(), "the warning"), "told")
    t.stop()
    t.start()
    check(t.get("/api/tocsin/v1/status")["redis"]["max_memory"] == 128 << 20, "redis_memory")
    check(silence(10)[0] == 201, "the silence that was refused")
    code, body, _ = t.metrics(series(1100))
    check(code == 204, f"{code} {body}")
    code, body, _ = t.metrics(series(1400))
    check(code == 429 and b"new_series_per_minute = 1200" in body, f"{code} {body}")
    t.stop()


def test_labels_are_bounded_by_their_bytes_and_it_is_told_before(folder):
    t = Tocsin(folder, CONFIG + 'limits { label_memory_per_token = "1MiB" }\n', RULES).start()
    wide = lambda i: {"name": f"wide{i}", "value": 1, "labels": {f"l{k}": f"{i}-{k}-".ljust(2000, "x") for k in range(39)}}
    check(t.metrics([wide(i) for i in range(11)])[0] == 204, "these fit")
    refused(t, METRICS, json.dumps([wide(i) for i in range(11, 31)]).encode(), 429, "busy", "limits { label_memory_per_token }")
    check(t.metrics([wide(0)])[0] == 204, "what is known goes on")
    series = t.get("/api/tocsin/v1/status")["series"]
    check(800_000 < series["token_bytes"] <= series["label_memory_per_token"] == 1 << 20, series)
    wait(lambda: t.alerts(alertname="LabelMemoryHigh"), "LabelMemoryHigh to fire", 60)
