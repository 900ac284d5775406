"""What is said of an alert: explain names what decided."""
import re

from harness import Tocsin, check, wait

RULES = """
alert "Help" { value = m.x:last():max_by("h"), fire = above(5), notify = false }
alert "Big" { value = m.x:last():max_by("h"), fire = above(50), notify = false }
alert "Comp" { fire = firing("Help", { by = { "h" } }) & firing("Big", { by = { "h" } }) }
alert "Per" { value = m.x:last():max_by("h"), fire = above(per("h", { default = 5, ["web-*"] = 500 })) }
alert "Dyn" { value = m.x:last():max_by("h"), fire = above(m.lim:last():max_by("h") * 2) }
alert "Held" { value = m.z:last():max_by("h"), fire = above(90, { clear = 80 }) }
alert "Wh" { inputs = { a = m.x:last():max_by("h") }, when = function(i, g) if i.a > 5 then return "P2", i.a * 2 end return "ok" end }
"""


def test_explain_names_what_decided(folder):
    t = Tocsin(folder, rules={"a.lua": RULES}).start()

    def feed(**values):
        for name, value in values.items():
            t.command("send", "metric", name, str(value), "h=web-1")

    def says(rule, words):
        wait(lambda: re.search(words, t.command("explain", rule, "h=web-1")), f"{rule}: {words}", 60)

    feed(x=30, lim=10, z=95)
    says("Wh", r"(?s)when returned P2, 60.*warming until \d\d:\d\d.*does not count yet")
    says("Held", r"P3 since")
    feed(z=85)
    says("Held", r"85 > 90 .*over clear 80")
    says("Per", r"30 > 500 \(h = web-\*\): false")
    says("Dyn", r"> 20\b")
    says("Comp", r"firing Big by\(h\): false")
    says("Wh", r"when returned P2, 60")
    t.command("silence", "alertname=Held", "--for", "1h", "--comment", "x")
    says("Held", r"silences s\d+ until \d\d:\d\d")
    t.stop()
