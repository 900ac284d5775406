"""Who is let in: web pages of strangers, revoked tokens, sockets beyond this machine, descriptors."""
import json
import os
import signal
import socket
import ssl
import subprocess

from harness import TOCSIN, Process, Tocsin, check, self_signed, wait

RULE = {"r.lua": 'alert "Hot" { priority = "P1", value = m.temperature, fire = above(90) }\n'}
SAMPLE = {"name": "temperature", "labels": {"host": "a"}, "value": 95}


def own(t, tokens=None, **server):
    """A configuration with server {}: the harness gives the address on the command line."""
    keys = "".join(f', {k} = "{v}"' for k, v in server.items())
    secret = ', tokens = secret_file "tokens"' if tokens is not None else ""
    if tokens is not None:
        t.write("tokens", tokens)
    t.write("tocsin.lua", f'server {{ log = "text"{keys}{secret} }}\nreceiver "everyone" {{ inbox {{}} }}\nroute {{ receiver = "everyone" }}\n')


def status(t, token=None, method="GET", path="/api/tocsin/v1/alerts", body=None, **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return t.call(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})[0]


def test_what_a_browser_sends_from_another_site_feeds_nothing(folder):
    t = Tocsin(folder, rules=RULE).start()
    elsewhere = [{"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Referer": "https://evil.example/x"}]
    for headers in elsewhere:
        for path, kind, body in [("/api/tocsin/v1/metrics", "text/plain", json.dumps(SAMPLE).encode()),
                                 ("/api/tocsin/v1/events", "text/plain", b'{"message":"x"}'),
                                 ("/api/tocsin/v1/form", "application/x-www-form-urlencoded", b"msg=x&levelname=ERROR")]:
            code = status(t, None, "POST", path, body, Content_Type=kind, **headers)
            check(code == 403, f"{path} {headers}: {code}")
        check(status(t, None, "GET", "/api/tocsin/v1/form?msg=x&levelname=ERROR", **headers) == 403, f"an image, {headers}")
    check(t.metrics([SAMPLE])[0] == 204, "who is no browser is heard")
    wait(lambda: t.get("/api/tocsin/v1/status")["journal"]["samples"] > 0, "the sample")
    check(t.get("/api/tocsin/v1/status")["journal"]["events"] == 0, "events came through")
    t.stop()


def test_a_foreign_host_reads_nothing_and_feeds_nothing_without_tokens(folder):
    t = Tocsin(folder, rules=RULE).start()
    for path in ("/api/tocsin/v1/alerts", "/", "/inbox", "/metrics", "/api/v1/alerts"):
        check(status(t, path=path, Host="evil.example:9393") == 403, path)
    check(status(t, None, "POST", "/api/tocsin/v1/metrics", [SAMPLE], Host="evil.example") == 403, "fed")
    check(status(t, path="/livez", Host="evil.example") == 200, "a probe tells nothing")
    check(status(t, Host=f"localhost:{t.port}") == 200, "localhost")
    own(t, external_url="https://tocsin.example.com")
    t.command("reload")
    check(status(t, Host="tocsin.example.com") == 200 and status(t, Host="evil.example") == 403, "external_url")
    t.stop()


def test_revoked_tokens_are_closed_by_saving_the_file_and_all_revoked_opens_nothing(folder):
    t = Tocsin(folder, rules=RULE)
    own(t, "ana admin * admintoken-00001\n")
    t.start()
    check(status(t) == 401 and status(t, "admintoken-00001") == 200, "the token")
    t.write("tokens", "bo admin * admintoken-00002\n")
    wait(lambda: status(t, "admintoken-00001") == 401, "the first token to be closed")
    check(status(t, "admintoken-00002") == 200, "the second one")
    t.write("tokens", "# bo admin * admintoken-00002\n")
    wait(lambda: status(t, "admintoken-00002") == 401, "all to be closed")
    check(status(t) == 401 and status(t, None, "POST", "/api/tocsin/v1/metrics", [SAMPLE]) == 401, "opened")
    check("nobody may do anything" in t.process.output(), "it is said")
    t.write("tokens", "bo admin * admintoken-00002\n")
    wait(lambda: status(t, "admintoken-00002") == 200, "the second token to be back")
    t.write("tokens", "")
    wait(lambda: status(t, "admintoken-00002") == 401, "an emptied file to close all")
    check(status(t) == 401, "opened by an empty file")
    own(t)  # without tokens, and without the socket that they guarded
    t.process.child.send_signal(signal.SIGHUP)
    wait(lambda: status(t) == 200, "loopback without tokens")
    t.stop()


def test_a_socket_beyond_this_machine_is_never_left_without_tokens(folder):
    for address in ("0.0.0.0:0", "[::]:0", "127.evil.example:0", ":0"):
        run = subprocess.run([TOCSIN, "serve", "--listen", address], capture_output=True, text=True, cwd=folder, timeout=60)
        check(run.returncode == 1 and "without tokens" in run.stderr, f"{address}: {run.returncode} {run.stderr}")
        run = subprocess.run([TOCSIN, "serve", "--listen", "127.0.0.1:0", "--statsd", address], capture_output=True, text=True,
                             cwd=folder, timeout=60)
        check(run.returncode == 1 and "without tokens" in run.stderr, f"statsd {address}: {run.returncode} {run.stderr}")
    t = Tocsin(folder, rules=RULE)
    own(t, "ana admin * admintoken-00001\n")
    p = Process([TOCSIN, "serve", "--listen", "0.0.0.0:0"], os.path.join(folder, "log"), cwd=folder)
    wait(lambda: "tocsin ready" in p.output(), "the ready line", 60)
    own(t)
    p.child.send_signal(signal.SIGHUP)
    wait(lambda: "configuration refused" in p.output() and "without tokens" in p.output(), "the refusal")
    p.stop()


def test_a_renewed_certificate_is_used_without_a_restart(folder):
    t = Tocsin(folder, rules=RULE)
    self_signed(folder)
    t.write("tocsin.lua", 'server { tls = { cert = "cert.pem", key = "key.pem" } }\n'
                          'receiver "everyone" { inbox {} }\nroute { receiver = "everyone" }\n')
    t.start()

    def shown():
        return ssl.get_server_certificate(("127.0.0.1", t.port))
    first = shown()
    os.makedirs(os.path.join(folder, "new"))
    self_signed(os.path.join(folder, "new"))
    for name in ("key.pem", "cert.pem"):
        os.rename(os.path.join(folder, "new", name), os.path.join(folder, name))
    wait(lambda: shown() != first, "the new certificate")
    t.write("cert.pem", "nonsense")
    wait(lambda: "the certificate does not load" in t.process.output(), "the bad one to be told")
    check(shown() != first, "the previous one is used on")
    t.stop()


def test_with_all_descriptors_taken_by_clients_pages_go_out_and_newcomers_are_heard(folder):
    t = Tocsin(folder, rules=RULE)
    t.spawn()
    t.process.kill()
    t.process = Process(["prlimit", "--nofile=256:256", *t.process.argv], os.path.join(folder, "few.log"), cwd=folder)
    t.await_ready()
    idle = []
    for _ in range(400):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", t.port))
        idle.append(s)

    def heard():
        try:
            return t.metrics([SAMPLE])[0] == 204
        except OSError:
            return False
    wait(heard, "a newcomer to be heard", 60)
    wait(lambda: t.inbox(), "the page", 60)
    check(t.process.alive(), t.process.output())
    text = t.call("GET", "/metrics")[1].decode()
    closed = next(float(line.split()[1]) for line in text.splitlines() if line.startswith("tocsin_http_closed_quiet_total"))
    check(closed > 0, "it is counted")
    for s in idle:
        s.close()
    t.stop()
