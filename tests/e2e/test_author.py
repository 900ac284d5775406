"""The first hour of who writes rules: mistakes are told where they are made, commands say what they
take, and what is saved runs."""
import json
import os
import re
import socket
import subprocess

from harness import ROOT, TOCSIN, Process, Tocsin, check, free_port, wait

RULE = 'alert "LoadHigh" { value = m.load:last():max_by("service"), fire = above(10) }\n'


def tocsin(*args, cwd=None, url="http://127.0.0.1:1", stdin=""):
    return subprocess.run([TOCSIN, *args], capture_output=True, text=True, input=stdin, cwd=cwd,
                          env={**os.environ, "TOCSIN_URL": url}, timeout=60)


def test_usage_errors_exit_with_2_also_while_nothing_listens(folder):
    wrong = ["ack", "ack foo", "ack 1 --for xx", "release x", "silence", "silence 5 --for zz", "silence host --for 1h",
             "silence host=~[ --for 1h --comment x", "silence host=a --for 1h --wide many", "silence list host=~[",
             "silence list --state nonsense", "silence expire", "history --limit abc", "history --limit 0", "alerts foo",
             "alerts --state xx", "alerts --limit -1", "incidents x", "incidents 1 2", "route", "route foo", "route a=b --priority P9",
             "route a=b --at xx", "explain", "explain R foo", "explain 1 --at xx", "receiver foo", "receiver test",
             "deliveries show 1", "deliveries foo", "status extra", "reload extra", "send", "send metric x", "send metric x y",
             "send metric x 1 --type foo", "demo --for xx", "demo extra", "serve extra", "serve --bogus", "serve --listen nonsense",
             "serve --listen 127.0.0.1:99999", "serve --listen ::1", "serve --statsd x", "check --config", "check -x", "chek", "-x", "--bogus"]
    for line in wrong:
        run = tocsin(*line.split(), cwd=folder)
        check(run.returncode == 2 and run.stderr and not run.stdout, f"{line}: exit {run.returncode}\n{run.stdout}{run.stderr}")
    check(tocsin("send", "metric", "drift", "-3", cwd=folder).returncode == 3, "a negative value is no option")


def test_help_is_where_people_look_for_it(folder):
    whole = tocsin("--help").stdout
    check("silence" in whole and tocsin("-h").stdout == whole and tocsin("help").stdout == whole, "-h, help")
    one = tocsin("silence", "--help")
    check("--for" in one.stdout and one.returncode == 0, one.stdout)
    for args in (["silence", "-h"], ["help", "silence"], ["silence", "5", "-h"]):
        check(tocsin(*args).stdout == one.stdout, f"{args}")
    run = tocsin("help", "silense")
    check(run.returncode == 2 and 'did you mean "silence"' in run.stderr, run.stderr)


def test_check_tells_all_errors_of_a_file_in_its_set(folder):
    t = Tocsin(folder, rules={"base.lua": RULE})
    t.write("new.lua", 'alert "A" { value = m.x, fire = abov(1) }\nalert "B" {\n  value = m.x:avgg("5m"), fire = above(1) }\n'
                       'alert "C" { fire = firing("LoadHigh") }\n')
    out = t.command("check", "new.lua", "--config", "tocsin.lua", code=1)
    check("new.lua:1:" in out and "new.lua:3:" in out and out.count("new.lua:") == 2, out)
    t.write("new.lua", 'alert "C" { fire = firing("LoadHi") }\nalert "LoadHigh" { value = m.x, fire = above(1) }\n')
    out = t.command("check", "new.lua", code=1)
    check('defined twice (first at base.lua:1)' in out and 'did you mean "LoadHigh"' in out, out)
    t.write("new.lua", 'alert "C" { fire = firing("LoadHigh") }\n')
    t.command("check", "new.lua")
    t.write("tocsin.lua", 'receiver "a" { inbx {} }\nreceiver "b" { webhook {} }\nroute { receiver = "a" }\n')
    out = t.command("check", "tocsin.lua", code=1)
    check("tocsin.lua:1:" in out and "tocsin.lua:2:" in out and "0 rules" in out, out)


def test_a_route_that_asks_for_a_label_no_rule_gives_is_told_and_route_shows_the_way(folder):
    t = Tocsin(folder, rules={"base.lua": 'alert "A" { value = m.x:last():max_by("service"), fire = above(1), team = "pay" }\n'})
    t.write("tocsin.lua", 'receiver "a" { inbox {} }\nreceiver "b" { inbox {} }\nroute { receiver = "a", group_by = { "servise" },\n'
                          '  route { matchers = { \'team="pay"\', "service!~test.*" }, route { matchers = { "servce=till" }, receiver = "b" } } }\n')
    out = t.command("check")
    check('line 3: `group_by` asks for "servise"' in out and 'did you mean "service"' in out and 'asks for "servce"' in out, out)
    check('"team"' not in out, out)
    t.start()
    out = t.command("route", "team=pay", "service=web", "servce=till", "severity=critical")
    check("→ b  (P1, route 0.0.0 in line 4)" in out and "the root › 0.0 {team=" in out, out)
    t.command("silence", "team=pay", "service=web", "--for", "2h", "--comment", "deploy")
    out = t.command("route", "team=pay", "service=web", "servce=till", "severity=critical")
    check("held back: silenced by s1 until" in out and "deploy" in out, out)
    t.stop()


def test_what_check_says_of_a_file_the_server_says_too(folder):
    t = Tocsin(folder, rules={"base.lua": RULE}).start()
    bad = {"flat.lua": 'alert "F" { value = m.x, fire = above(1), expect = { job = "b" } }\n',
           "unit.lua": 'alert "U" { value = m.x, fire = above(1), unit = "bananas" }\n',
           "twice.lua": 'alert "LoadHigh" { value = m.x, fire = above(1) }\n',
           "own.lua": 'alert "RuleBroken" { value = m.x, fire = above(1) }\n',
           "by.lua": 'alert "Y" { value = m.y:last():max_by("host"), fire = above(1), unless = firing("LoadHigh", { by = { "host" } }) }\n'}
    for name, text in bad.items():
        t.write(f"rules/{name}", text)
        said = t.command("check", f"rules/{name}", code=1).splitlines()[0]
        wait(lambda: any(f["file"].endswith(name) for f in t.get("/api/tocsin/v1/status")["rejected"]), name)
        refused = [f["error"] for f in t.get("/api/tocsin/v1/status")["rejected"] if f["file"].endswith(name)]
        check(refused == [said], f"{refused}\n{said}")
        os.unlink(os.path.join(folder, "rules", name))
    t.stop()


def test_a_first_configuration_is_taken_by_saving_it_and_by_reload(folder):
    os.makedirs(os.path.join(folder, "rules"))
    with open(os.path.join(folder, "rules", "a.lua"), "w", encoding="utf-8") as f:
        f.write(RULE)
    p = Process([TOCSIN, "serve", "--listen", "127.0.0.1:0"], os.path.join(folder, "log"), cwd=folder)
    url = wait(lambda: re.search(r"tocsin ready http=(http\S+)", p.output()), "the ready line", 60).group(1)
    check("everyone" in tocsin("receiver", url=url).stdout, "the built-in receiver")
    with open(os.path.join(folder, "tocsin.lua"), "w", encoding="utf-8") as f:
        f.write('receiver "ops" { inbox {} }\nroute { receiver = "ops" }\n')
    wait(lambda: "ops" in tocsin("receiver", url=url).stdout, "the first configuration", 60)
    with open(os.path.join(folder, "tocsin.lua"), "w", encoding="utf-8") as f:
        f.write('server { data_dir = "elsewhere" }\nreceiver "web" { inbox {} }\nroute { receiver = "web" }\n')
    run = tocsin("reload", url=url)
    check(run.returncode == 0 and "web" in tocsin("receiver", url=url).stdout, run.stdout + run.stderr)
    check("takes effect with the next start" in p.output() and "data_dir" in p.output(), p.output())
    p.stop()


def test_a_taken_port_is_said_with_the_way_out(folder):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        address = f"127.0.0.1:{s.getsockname()[1]}"
        run = tocsin("serve", "--listen", address, cwd=folder)
    check(run.returncode == 1 and f"cannot listen on {address}: the port is in use" in run.stderr, run.stderr)


def test_make_run_takes_a_port(folder):
    port = free_port()
    p = Process(["make", "-s", "run", f"PORT={port}", f"DATA={folder}/data"], os.path.join(folder, "log"), cwd=ROOT)
    wait(lambda: f"http://127.0.0.1:{port}" in p.output() and "inbox" in p.output(), "the greeting", 300)
    os.killpg(p.pid, 15)
    p.child.wait(30)


def test_a_mistyped_rule_is_answered_with_the_name_that_was_meant(folder):
    t = Tocsin(folder, rules={"base.lua": RULE}).start()
    for args in (["explain", "LoadHgh"], ["history", "LoadHgh"]):
        run = tocsin(*args, url=t.url)
        check(run.returncode == 1 and "there is no rule LoadHgh: did you mean LoadHigh?" in run.stderr, run.stderr)
    t.stop()


def test_pending_silences_are_listed_and_a_full_page_says_so(folder):
    t = Tocsin(folder, rules={"base.lua": RULE}).start()
    t.command("silence", "service=a", "--for", "1h", "--start", "2031-01-05T20:00:00Z", "--comment", "later")
    t.command("silence", "service=b", "--for", "1h", "--comment", "now")
    out = t.command("silence", "list")
    check("service=a" in out and "from " in out and "service=b" in out, out)
    check("service=a" not in t.command("silence", "list", "--state", "active"), "active only")
    run = tocsin("silence", "list", "--limit", "1", url=t.url)
    check("the first 1, there may be more" in run.stderr and run.returncode == 0, run.stderr)
    run = tocsin("silence", "list", "--limit", "1", "--json", url=t.url)
    check(len(json.loads(run.stdout)) == 1 and "there may be more" in run.stderr, run.stderr)
    check("more" not in tocsin("silence", "list", "--limit", "3", url=t.url).stderr, "all were shown")
    t.stop()
