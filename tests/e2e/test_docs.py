"""What the documents say is so: their tables name what the program knows, their snippets run."""
import glob
import json
import os
import re
import subprocess

from harness import ROOT, TOCSIN, Tocsin, check, wait


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def blocks(text, language):
    found, inside = [], None
    for line in text.splitlines(keepends=True):
        if not line.startswith("```"):
            if inside is not None:
                found[-1][1] += line
        elif inside is None:
            inside = line[3:].strip()
            found.append([inside, ""])
        else:
            inside = None
    return [body for name, body in found if name == language]


def first_cells(text):
    """Every `name` in the first column of the tables."""
    cells = set()
    for line in text.splitlines():
        if line.startswith("| `"):
            cells.update(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return cells


def test_every_key_of_the_configuration_is_documented(folder):
    keys = {}
    for path in glob.glob(os.path.join(ROOT, "src", "config", "*.c")) + glob.glob(os.path.join(ROOT, "src", "channel", "*.c")):
        for key, kind in re.findall(r'\{\s*"(\w+)",\s*(ROW_\w+)', text_of(path)):
            keys.setdefault(key, set()).add(kind)
    check(len(keys) > 40, f"only {len(keys)} keys were found in the sources")
    known = {k for k, kinds in keys.items() if kinds != {"ROW_LATER"}}
    told = first_cells(text_of("docs", "configuration.md"))
    whole = text_of("docs", "configuration.md")
    missing = sorted(k for k in known if k not in told and f"`{k}" not in whole and f"{{ {k} =" not in whole and f", {k} =" not in whole)
    check(not missing, f"docs/configuration.md lacks {missing}")
    check(not told - known, f"docs/configuration.md tells of {sorted(told - known)}, which no row has")


def test_every_name_of_an_event_is_documented(folder):
    rows = re.findall(r'\{\s*"([^"]+)",\s*(ROLE_\w+)', text_of("src", "decode", "event_names.c"))
    check(len(rows) > 80, f"only {len(rows)} names were found")
    told = text_of("docs", "ingest.md")
    missing = [name for name, _ in rows if f"`{name}`" not in told]
    check(not missing, f"docs/ingest.md lacks {missing}")
    table = "\n".join(line for line in told.splitlines() if line.startswith("| `") or line.startswith("| time of") or line.startswith("| left out"))
    events = table[table.index("| time of"):]
    known = {name for name, _ in rows}
    more = [w for w in re.findall(r"`([^`]+)`", events) if w not in known]
    check(not more, f"docs/ingest.md tells of {more}, which the decoder does not know")


def test_the_rules_and_the_configuration_of_the_readme_are_accepted(folder):
    lua = blocks(text_of("README.md"), "lua")
    check(len(lua) >= 2, "README.md has no snippets")
    t = Tocsin(folder)
    for number, snippet in enumerate(lua):
        for secret in re.findall(r'secret_file "([^"]+)"', snippet):
            t.write(secret, "https://hooks.example.com/services/x\n" if "url" in secret else "x\n")
        t.write(f"snippet{number}.lua", snippet)
        out = t.command("check", f"snippet{number}.lua")
        check(": ok" in out, out)


def test_what_the_readme_sends_is_taken_and_its_rule_fires_on_it(folder):
    readme = text_of("README.md")
    rule = next(s for s in blocks(readme, "lua") if "alert " in s)
    t = Tocsin(folder, rules={"web.lua": rule}).start()
    curls = [s for s in blocks(readme, "") if s.startswith("curl")]
    check(curls, "README.md sends nothing")
    for snippet in curls:
        run = subprocess.run(["bash", "-ec", "set -o pipefail\n" + snippet.replace("curl ", "curl -sS --fail-with-body ").replace(
            "http://127.0.0.1:9393", t.url)], capture_output=True, text=True)
        check(run.returncode == 0, f"{snippet}\n{run.stdout}{run.stderr}")
    wait(lambda: any(s["name"] == "HighErrorRate" for s in t.get("/api/tocsin/v1/rules")), "the rule")
    host, path = re.search(r'HTTPHandler\("[^"]+", "([^"]+)", "(POST)"\)', readme).groups()[::-1]
    check(host == "POST", "the form of HTTPHandler")
    subprocess.run(["/usr/bin/python3", "-c", "import logging, logging.handlers\n"
                    f"h = logging.handlers.HTTPHandler('{t.url[7:]}', '{path}', 'POST')\n"
                    "l = logging.getLogger('shop'); l.addHandler(h); l.error('no stock of %s', 'tea')"], check=True)
    wait(lambda: t.get("/api/tocsin/v1/status")["journal"]["events"] == 1, "the event of HTTPHandler")
    t.stop()


def test_what_the_documents_show_as_lua_compiles(folder):
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md"))):
        for snippet in blocks(text_of(path), "lua"):
            name = os.path.join(folder, "snippet.lua")
            with open(name, "w", encoding="utf-8") as f:
                f.write(snippet)
            run = subprocess.run(["luac5.4", "-p", name], capture_output=True, text=True)
            check(run.returncode == 0, f"{path}\n{snippet}\n{run.stderr}")


def test_links_between_documents_lead_somewhere(folder):
    for path in [os.path.join(ROOT, "README.md"), os.path.join(ROOT, "CONTRIBUTING.md"), *glob.glob(os.path.join(ROOT, "docs", "*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(path)):
            if "://" not in target:
                check(os.path.exists(os.path.join(os.path.dirname(path), target)), f"{path}: {target}")


def test_the_unit_of_systemd_is_confined(folder):
    unit = os.path.join(folder, "tocsin.service")
    with open(unit, "w", encoding="utf-8") as f:
        f.write(text_of("contrib", "tocsin.service").replace("@PREFIX@", "/usr/local"))
    run = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True)
    check(run.returncode == 0, run.stdout[-400:] + run.stderr)


def test_install_puts_its_own_prefix_into_the_unit(folder):
    subprocess.run(["make", "-s", "-C", ROOT, "install", "PREFIX=/opt/tocsin", f"DESTDIR={folder}"], check=True, capture_output=True)
    unit = open(os.path.join(folder, "opt/tocsin/lib/systemd/system/tocsin.service"), encoding="utf-8").read()
    check("ExecStart=/opt/tocsin/bin/tocsin serve" in unit and "@" not in unit.replace("@system-service", "").replace(
        "@privileged", "").replace("@resources", ""), unit)
    check(os.path.exists(os.path.join(folder, "opt/tocsin/lib/sysusers.d/tocsin.conf")), "the user")
