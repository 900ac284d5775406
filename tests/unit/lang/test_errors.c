/* The texts that an author sees: one line per mistake. */
#include "unit.h"

#include <string.h>

#include "tocsin/rulefile.h"

struct wrong {
    const char *source;
    const char *want; /* the whole error */
};

#define A "web.lua:1: alert \"A\": "

static const struct wrong operators[] = {
    {"alert \"A\" { value = m.queue_length, fire = m.queue_length > 1000 }",
     A "`<`, `>`, `<=`, `>=`, `==` cannot be used on expressions (Lua would turn the result into "
       "true/false at load time). Write  fire = above(x) / below(x),  or  expr:above(x),  or use a "
       " when = function(i) … end"},
    {"alert \"A\" { value = m.queue_length, fire = m.queue_length == 1000 }",
     A "`fire` is a plain false: `==`, `<` or `>` was evaluated while loading. Write fire = "
       "equals(0), above(x), below(x)"},
    {"alert \"A\" { fire = m.a == m.b }",
     A "`<`, `>`, `<=`, `>=`, `==` cannot be used on expressions (Lua would turn the result into "
       "true/false at load time). Write  fire = above(x) / below(x),  or  expr:above(x),  or use a "
       " when = function(i) … end"},
    {"alert \"A\" { value = m.x:rate(\"5m\") .. \"!\", fire = above(1) }",
     A "an expression cannot be joined to a string; use placeholders in `summary`: \"{service} at "
       "{value:percent}\""},
    {"alert \"A\" { fire = m.a:above(1) & m.b }",
     A "both sides of `&` must be conditions such as expr:above(5), got an expression (forgot "
       ":above()/:below()?)"},
    {"alert \"A\" { fire = m.a & m.b:above(1) }",
     A "both sides of `&` must be conditions such as expr:above(5), got an expression (forgot "
       ":above()/:below()?)"},
    {"alert \"A\" { fire = m.a:above(1) | true }",
     A "both sides of `|` must be conditions such as expr:above(5), got boolean"},
    {"alert \"A\" { fire = ~m.a }",
     A "`~` negates a condition, such as ~expr:above(5), got a selector"},
    {"alert \"A\" { fire = m.a:above(1) + 1 }",
     A "conditions are joined with `&`, `|`, `~`, not calculated with; use "
       ":share_by()/:count_by() to turn one into a number"},
    {"alert \"A\" { value = m.a // 2, fire = above(1) }",
     A "`//` does not work on expressions; write (a / b):floor()"},
    {"alert \"A\" { value = (m.a / 2){ x = \"1\" }, fire = above(1) }",
     A "an expression cannot be called; label matchers go right after the metric name: m.name{ "
       "label = \"x\" }:rate(\"5m\")"},
    {"alert \"A\" { fire = m.a:above(1) and m.b:below(2) }",
     "web.lua:1: `and` after above(…): Lua would silently drop one side; conditions are joined "
     "with `&`"},
    {"alert \"A\" { value = m.a, fire = above(1) or below(-1) }",
     "web.lua:1: `or` after above(…): Lua would silently drop one side; conditions are joined with "
     "`|`"},
    {"alert \"A\" { fire = not m.a:above(1) }",
     "web.lua:1: `not` before above(…): a condition is negated with `~`"},
    {"local x = true\nalert \"A\" { fire = x and m.a:above(1) }",
     "web.lua:2: `and` before above(…): Lua would silently drop one side; conditions are joined "
     "with `&`"},
    {"alert \"A\" { fire = (m.a:above(1)) and (m.b:above(2):lasting(\"5m\")) }",
     "web.lua:1: `and` after above(…): Lua would silently drop one side; conditions are joined "
     "with `&`"},
    {"m.x = 5", "web.lua:1: m cannot be changed"},
    {"threshold = 5", "web.lua:1: global \"threshold\": declare it with `local threshold = …`"},
};

static const struct wrong keys[] = {
    {"alert \"A\" { value = m.q, fire = above(1000), [\"for\"] = \"5m\" }",
     A "unknown key \"for\" — use `lasting`"},
    {"alert \"A\" { value = m.q, fire = above(1000), lastin = \"5m\" }",
     A "unknown key \"lastin\" — did you mean \"lasting\"?"},
    {"alert \"A\" { value = m.q, fire = above(1), lastin = \"5m\", colour = 1, zz = 2 }",
     A "unknown key \"colour\" (nor is there \"lastin\", \"zz\")"},
    {"alert \"A\" { value = m.q, fire = above(1), expect = { job = \"b\" } }",
     A "`expect` is a list of label sets: { { job = \"backup\" }, … }"},
    {"alert \"A\" { value = m.q, fire = above(1), expect = { { job = \"b\" }, job = \"c\" } }",
     A "`expect` takes a list { …, … }, but has `job = …`"},
    {"alert \"A\" { value = m.q:last():max_by(\"tier\"), fire = above(1), labels = { tier = \"1\" "
     "} }",
     A
     "`labels` would hide the label \"tier\" of the data, which the rule groups by: choose another "
     "name, group without it or write it into `annotations`"},
    {"alert \"A\" { value = m.q:last():max_by(\"team\"), fire = above(1), team = \"x\" }", A
     "`team` would hide the label \"team\" of the data, which the rule groups by: group without it "
     "or write it into `annotations`"},
    {"alert \"A\" { value = m.q:last():max_by(\"severity\"), fire = above(1), severity = \"x\" }",
     A "`severity` would hide the label \"severity\" of the data, which the rule groups by: group "
       "without it or write it into `annotations`"},
    {"alert \"A\" { value = m.q:last():max_by(\"alertname\"), fire = above(1) }",
     A "`alert` would hide the label \"alertname\" of the data, which the rule groups by: group "
       "without it or write it into `annotations`"},
    {"alert \"A\" { value = m.q, fire = above(1), unit = \"second\" }",
     A "unit = \"second\" is unknown — did you mean \"seconds\"?"},
    {"alert \"A\" { value = m.q, fire = above(1), unit = \"req/s\" }",
     A "unit = \"req/s\" is unknown: write \"ratio\", \"percent\", \"seconds\" or \"bytes\""},
    {"alert \"A\" { value = m.q, fire = above(1), team = \"a\\0b\" }",
     A "a text has byte 0 at place 2, which is not UTF-8 text"},
    {"alert \"A\\27[2J\" { value = m.q, fire = above(1) }",
     "web.lua:1: the name of an alert has byte 27 at place 2: letters, digits, spaces and signs "
     "only"},
    {"-- ok\nlocal s = \"caf\xe9\"",
     "web.lua:2: byte 0xE9 is not UTF-8 text: save the file as UTF-8"},
    {"local t = {}\nlocal function f(n)\n  return 1 + f(n + 1)\nend\nf(1)",
     "web.lua:3: more than 5000 calls inside each other while loading: a function calls itself "
     "without "
     "an end"},
    {"local n = 0\n\nalert \"A\" { inputs = { a = m.x }, when = function(i) n = n + 1 return i.a > "
     "n "
     "end }",
     "web.lua:3: alert \"A\": `when` changes the local \"n\" declared outside of it: the same "
     "inputs must give the same answer; use `state = { … }` and g.state (tried while loading, with "
     "all inputs 10)"},
    {"alert \"A\" { value = m.q, fire = above(1), expr = 1 }",
     A "unknown key \"expr\" — use `value` + `fire`"},
    {"alert \"A\" { value = m.q, fire = above(1), message = \"x\" }",
     A "unknown key \"message\" — use `summary`"},
    {"alert \"A\" { value = m.q, fire = above(1), runbook = \"x\" }",
     A "unknown key \"runbook\" — use `runbook_url`"},
    {"alert \"A\" { fire = above(1) }",
     A "`above(…)` compares `value`, but the rule has no `value = …`"},
    {"alert \"A\" { value = m.x }", A "needs `fire = …` (or `when = function(i) … end`)"},
    {"alert \"A\" { value = m.x, fire = 5 }",
     A "`fire` must be a condition such as above(5), or a table of levels { P1 = above(10), P2 = "
       "above(5) }, got number"},
    {"alert \"A\" { fire = m.x:rate(\"5m\") }",
     A "`fire` must be a condition such as above(5), or a table of levels { P1 = above(10), P2 = "
       "above(5) }, got an expression (compare it: expr:above(…))"},
    {"alert \"A\" { value = m.x:above(1), fire = above(1) }",
     A "`value` is a condition; put it in `fire`"},
    {"alert \"A\" { value = m.x, fire = { critical = above(1) } }",
     A "fire.critical: unknown level (use P1 … P5)"},
    {"alert \"A\" { value = m.x, fire = { P1 = 5 } }",
     A "fire.P1 must be a condition such as above(5), got number"},
    {"alert \"A\" { priority = \"P1\", value = m.x, fire = { P1 = above(5) } }",
     A "`priority` and a table of levels in `fire` exclude each other"},
    {"alert \"A\" { priority = \"critical\", value = m.x, fire = above(5) }",
     A "priority \"critical\" is unknown (P1 … P5; severity = \"…\" is a free label)"},
    {"alert \"A\" { value = m.x, fire = above(1), missing = \"no\" }",
     A "missing = \"no\": write \"keep\", \"clear\", \"fire\" or a level such as \"P2\""},
    {"alert \"A\" { value = m.x, fire = above(1), lasting = 300 }",
     A "lasting must be a duration such as \"5m\", got number"},
    {"alert \"A\" { value = m.x, fire = above(1) }\nalert \"A\" { value = m.x, fire = above(1) }",
     "web.lua:2: alert \"A\": defined twice (first at web.lua:1)"},
    {"alert \"A\"", "web.lua: alert \"A\": it has no { … }"},
    {"alert { value = m.x }", "web.lua:1: alert \"Name\" { … } needs a name of at most 200 bytes"},
    {"defaults { lastin = \"5m\" }",
     "web.lua:1: defaults{}: unknown key \"lastin\" — did you mean \"lasting\"?"},
    {"alert \"A\" { value = m.x, fire = above(1), labels = { severity = \"x\" } }",
     A "labels.severity is set by Tocsin itself: use the key of that name"},
    {"alert \"A\" { value = m.x, fire = above(1), attach = { events = 3 } }",
     A "`attach` needs logs{…}: give attach = { from = logs{ … }, … }"},
};

static const struct wrong methods[] = {
    {"alert \"A\" { value = m.x_total:rat(\"5m\"), fire = above(1) }",
     A "selector has no method \"rat\" — did you mean \"rate\"?"},
    {"alert \"A\" { value = m.x_total:rate(\"5min\"), fire = above(1) }",
     A ":rate() window: bad duration \"5min\" (write 30s, 5m, 1h30m, 7d, 2w)"},
    {"alert \"A\" { value = m.x_total:rate(), fire = above(1) }",
     A ":rate() needs window, e.g. \"5m\""},
    {"alert \"A\" { value = m.x:rate(\"5m\", \"1m\"), fire = above(1) }",
     A ":rate() takes 1 argument(s), got 2"},
    {"alert \"A\" { value = m.x:rate(\"36d\"), fire = above(1) }",
     A ":rate() window 36d is longer than the maximum of 35d"},
    {"alert \"A\" { value = m.x:rate(\"500ms\"), fire = above(1) }",
     A ":rate() window 500ms is shorter than the minimum of 1s"},
    {"alert \"A\" { value = m.x_total:last():by(\"service\"), fire = above(1) }",
     A ":by() after :last() is ambiguous: several series would collapse into one — say which: "
       ":sum_by, :max_by, :avg_by, :min_by"},
    {"alert \"A\" { value = m.x:by(\"service\"), fire = above(1) }",
     A ":by() after :last() is ambiguous: several series would collapse into one — say which: "
       ":sum_by, :max_by, :avg_by, :min_by"},
    {"alert \"A\" { value = (m.x + 1):by(\"service\"), fire = above(1) }",
     A ":by() groups the data of one selector; on a computed expression use :sum_by(), :avg_by(), "
       ":max_by() …"},
    {"alert \"A\" { value = (m.x + 1):rate(\"5m\"), fire = above(1) }",
     A ":rate() works on a metric or log selector, not on a computed expression"},
    {"alert \"A\" { value = m.a:rate(\"5m\"):by(\"service\", \"zone\") / "
     "m.b:rate(\"5m\"):by(\"service\", \"pod\"), fire = above(1) }",
     A "`/` at web.lua:1 combines {service, zone} with {pod, service}: neither contains the other. "
       "Aggregate one side to common labels with :by(…)/:sum_by(…)"},
    {"alert \"A\" { value = logs{ level = \"ERROR\" }:count(\"5m\"), fire = above(1) }",
     A ":count() on logs{…} at web.lua:1 needs :by(…): a log event has no fixed label set. Use "
       ":by() for one total"},
    {"alert \"A\" { value = logs{}:count(\"5m\"):by(\"user\", \"api_token\"), fire = above(1) }", A
     ":by(\"api_token\") at web.lua:1: a field of this name holds secrets, which are not shown, so "
     "that all its values would be one group. Group by another field, or send a hash of it under "
     "another name"},
    {"alert \"A\" { value = logs{ level = \"ERROR\" }:avg(\"5m\"):by(), fire = above(1) }",
     A ":avg() on logs{…} needs a numeric field: logs{…}:field(\"duration_ms\"):avg(\"5m\")"},
    {"alert \"A\" { value = logs{}:increase(\"5m\"):by(), fire = above(1) }",
     A ":increase() works on metrics; on logs{…} use :count(\"5m\") or :rate(\"5m\")"},
    {"alert \"A\" { value = m.lat:quantile(99, \"5m\"), fire = above(1) }",
     A ":quantile() quantile must be between 0 and 1, got 99"},
    {"alert \"A\" { value = rate(m.x, \"5m\"), fire = above(1) }",
     A "`rate` is a method: m.x:rate(\"5m\")"},
    {"alert \"A\" { value = sum_by(m.x, \"a\"), fire = above(1) }",
     A "`sum_by` is a method: m.x:sum_by(\"service\")"},
    {"alert \"A\" { value = m.x, fire = abov(1) }",
     A "unknown name \"abov\" — did you mean \"above\"?"},
    {"alert \"A\" { value = http_requests_total:rate(\"5m\"), fire = above(1) }",
     A "unknown name \"http_requests_total\" (a metric is written m.http_requests_total)"},
    {"alert \"A\" { value = m.lat_bucket:quantile(0.99, \"5m\"):by(\"a\"), fire = above(1) }",
     A ":quantile() finds the buckets itself: write m.lat instead of m.lat_bucket"},
    {"alert \"A\" { value = m.lat_bucket:fraction_below(0.3, \"5m\"):by(\"a\"), fire = above(1) }",
     A ":fraction_below() finds the buckets itself: write m.lat instead of m.lat_bucket"},
    {"alert \"A\" { value = m.x:above(1):lasting(\"5m\"):share_by(), fire = above(0.5) }",
     A ":lasting(…) at web.lua:1 remembers nothing inside an aggregation (:share_by); put it "
       "outside"},
    {"alert \"A\" { fire = m.x:above(5, { clear = 3 }):count_by(\"a\"):above(1) }",
     A "`clear` of above(…) at web.lua:1 remembers nothing inside an aggregation (:count_by); put "
       "it outside"},
    {"alert \"A\" { fire = (m.x:above(1):lasting(\"5m\") & m.y:above(1)):on(\"a\") }",
     A ":lasting(…) at web.lua:1 remembers nothing inside an aggregation (:on); put it outside"},
    {"alert \"A\" { value = m.x:where(m.y:below(2, { clear = 3 })):sum_by(), fire = above(1) }",
     A "`clear` of below(…) at web.lua:1 remembers nothing inside an aggregation (:sum_by); put "
       "it outside"},
    {"alert \"A\" { value = (m.x:above(1) & firing(\"B\")):share_by(), fire = above(0.5) }",
     A "firing(\"B\") at web.lua:1 has no groups inside an aggregation (:share_by); put it "
       "outside"},
    {"alert \"A\" { value = m.x:lasting(\"5m\"), fire = above(1) }",
     A "selector has no method \"lasting\": compare first, e.g. e:above(1):lasting(…)"},
    {"alert \"A\" { value = m.x:sum_by(\"a\"):avg_by(\"b\"), fire = above(1) }",
     A ":avg_by(b) at web.lua:1: the expression only has labels {a}"},
    {"alert \"A\" { value = m.x:offset(\"1h\"), fire = above(1) }",
     A ":offset() goes after the window function: sel:rate(\"5m\"):offset(\"1d\")"},
    {"alert \"A\" { value = m.x, fire = m.y:above(m.x:above(1)) }",
     A "above() is a condition; use :share_by()/:count_by() to turn it into a number"},
    {"alert \"A\" { value = m.x(5), fire = above(1) }",
     A "m.x(…): label matchers must be a table: m.x{ label = \"x\" }"},
    {"alert \"A\" { value = m.x{ \"a\" }, fire = above(1) }",
     A "m.x{…}: matchers are written `label = value`"},
    {"alert \"A\" { value = m.x{ a = {} }, fire = above(1) }",
     A "label \"a\": expected a string or re\"…\", glob\"…\", one_of{…}, contains\"…\", is_not(…), "
       "present, got table"},
    {"alert \"A\" { value = logs{ a = \"x\", b = \"y\", a = \"z\" }:count(\"5m\"):by(), fire = "
     "above(1) }",
     "web.lua:1: \"a\" is given twice in one table: Lua would keep only the last (join several "
     "tests of one label with all_of{ … })"},
    {"alert \"A\" { value = m.x + per(\"a\", { default = 1 }), fire = above(1) }",
     A "per(…) is a threshold: it goes into above(…), below(…) and their kin"},
    {"alert \"A\" { value = m.x:rate(\"5m\"):by(\"a\"), fire = above(per(\"b\", { default = 1 })) "
     "}",
     A "per(\"b\", …) at web.lua:1: what is compared only has labels {a}"},
};

static const struct wrong limits[] = {
    {"alert \"A\" { value = m.cpu:avg(\"5m\"), fire = { P1 = above(\"85%\"), P2 = above(\"95%\") } "
     "}",
     A "level P1 (above 0.85) is easier to reach than P2 (above 0.95): priorities are inverted"},
    {"alert \"A\" { value = m.cpu:avg(\"5m\"), fire = { P1 = below(5), P2 = below(2) } }",
     A "level P1 (below 5) is easier to reach than P2 (below 2): priorities are inverted"},
    {"alert \"A\" { value = m.cpu:avg(\"5m\"), fire = above(\"85%\", { clear = \"95%\" }) }",
     A "above(85%, { clear = 95% }): the clear level is on the wrong side of the threshold, the "
       "alert would never be stable"},
    {"alert \"A\" { value = m.cpu, fire = above(5, { claer = 2 }) }",
     A "above() has no option \"claer\" — did you mean \"clear\"?"},
    {"alert \"A\" { value = m.x:rate(\"5m\"):by(\"service\"), fire = above(1), summary = "
     "\"{servce} "
     "is bad\" }",
     A "summary uses {servce}, but the alert has only the labels {service}"},
    {"alert \"A\" { value = m.x:rate(\"5m\"):by(\"größe 1\"), fire = above(1), summary = "
     "\"{größe 2}\" }",
     A "summary uses {größe 2}, but the alert has only the labels {größe 1}"},
    {"alert \"A\" { value = m.x:rate(\"5m\"):by(\"größe 1\"), fire = above(1), summary = "
     "\"{größe 1:percnt}\" }",
     A "summary: {größe 1:percnt}: unknown formatter — did you mean \"percent\"?"},
    {"alert \"A\" { value = m.x, fire = above(1), summary = \"{value:percnt}\" }",
     A "summary: {value:percnt}: unknown formatter — did you mean \"percent\"?"},
    {"alert \"A\" { value = m.cpu_used_percent, fire = above(\"90%\") }",
     A "above: \"90%\" is 0.9, but cpu_used_percent counts from 0 to 100: write above(90)"},
    {"alert \"A\" { value = m.latency_ms:quantile(0.9, \"5m\"):by(), fire = above(\"400ms\") }",
     A "above: \"400ms\" is 0.4 seconds, but latency_ms counts milliseconds: write above(400)"},
    {"alert \"A\" { fire = m.latency_seconds:avg(\"5m\"):above(\"10MiB\") }",
     A "above: \"10MiB\" cannot be a value of latency_seconds, which counts seconds: write a time "
       "such as above(\"400ms\")"},
    {"alert \"A\" { fire = m.heap_bytes:above(\"90%\") }",
     A "above: \"90%\" cannot be a value of heap_bytes, which counts bytes: write a size such as "
       "above(\"10GiB\")"},
    {"alert \"A\" { value = m.heap_bytes / m.max_bytes, fire = above(\"10GiB\") }",
     A "above: \"10GiB\" cannot be a value of the expression, which counts from 0 to 1: write a "
       "share such as above(\"90%\")"},
    {"alert \"A\" { value = m.x:rate(\"5m\") fire = above(1) }",
     "web.lua:1: '}' expected near 'fire': is a comma missing before it?"},
    {"alert \"A\" {\n value = m.x\n fire = above(1) }",
     "web.lua:3: '}' expected (to close '{' at line 1) near 'fire': is a comma missing before it?"},
    {"alert \"A\" { value = m.x, fire = above(1), for = \"5m\" }",
     "web.lua:1: unexpected symbol near 'for': `for` is a word of Lua, the key is `lasting`"},
    {"alert \"A\" { value = ((, fire = above(1) }", "web.lua:1: unexpected symbol near ','"},
    {"alert \"A\" { value = m.x, fire = above(5, 6) }",
     A "above(): the second argument is a table of options: above(90, { clear = 80 })"},
    {"alert \"A\" { value = m.x, fire = above(\"lots\") }",
     A "above(): expected a number or a quantity such as \"400ms\", \"2%\", \"10GiB\", got "
       "\"lots\""},
    {"alert \"A\" { fire = firing(\"A\") }", A "firing(\"A\") asks for the alert itself"},
};

static const struct wrong later[] = {
    {"alert \"A\" { value = m.x:ewma{ half_life = \"5m\" }.z, fire = above(3) }",
     A ":ewma{} is not part of this version of Tocsin"},
    {"alert \"A\" { value = m.x:rate(\"5m\"):seasonal{}.z, fire = above(3) }",
     A ":seasonal{} is not part of this version of Tocsin"},
    {"alert \"A\" { value = logs{}:distinct(\"a\", \"5m\"):by(), fire = above(3) }",
     A ":distinct() is not part of this version of Tocsin"},
    {"alert \"A\" { value = m.x:time_to(0, \"3h\"), fire = below(\"4h\") }",
     A ":time_to() is not part of this version of Tocsin"},
    {"slo \"A\" {}", "web.lua:1: `slo` is not part of this version of Tocsin"},
    {"alert \"A\" { value = m.x, fire = above(1), unless = during(\"x\") }",
     A "during() is not part of this version of Tocsin"},
    {"alert \"A\" { value = m.x, fire = above(1), flap = {} }",
     A "`flap` is not part of this version of Tocsin"},
    {"alert \"A\" { value = m.x, fire = above(1), active = \"hours\" }",
     A "`active` is not part of this version of Tocsin"},
};

static void refused(const struct wrong *w)
{
    struct err e = {0};
    struct rulefile *f = rulefile_load("rules/web.lua", w->source, strlen(w->source), NULL, &e);

    ck_assert_msg(!f, "accepted: %s", w->source);
    ck_assert_msg(strcmp(e.text, w->want) == 0, "%s\n got: %s\nwant: %s", w->source, e.text,
                  w->want);
    ck_assert_str_eq(e.at, strncmp(w->want, "web.lua: ", 9) == 0 ? "" : "web.lua");
}

#define TABLE_TEST(table)                                         \
    START_TEST(table##_are_refused)                               \
    {                                                             \
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) \
            refused(&table[i]);                                   \
    }                                                             \
    END_TEST

TABLE_TEST(operators)
TABLE_TEST(keys)
TABLE_TEST(methods)
TABLE_TEST(limits)
TABLE_TEST(later)

START_TEST(the_line_is_that_of_the_mistake)
{
    const char *source = "local x = m.a\n\nalert \"A\" {\n  value = x,\n  fire = x > 5,\n}\n";
    struct err e = {0};

    ck_assert_ptr_null(rulefile_load("web.lua", source, strlen(source), NULL, &e));
    ck_assert_int_eq(e.line, 5);
    ck_assert_str_eq(e.at, "web.lua");
}
END_TEST

START_TEST(a_byte_order_mark_is_fine)
{
    const char *source = BYTE_ORDER_MARK "alert \"A\" { value = m.a, fire = above(5) }\n";
    struct err e = {0};
    struct rulefile *f = rulefile_load("web.lua", source, strlen(source), NULL, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    ck_assert_int_eq(rulefile_rule(f, 0)->line, 1);
    rulefile_unref(f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_byte_order_mark_is_fine);
    tcase_add_test(t, operators_are_refused);
    tcase_add_test(t, keys_are_refused);
    tcase_add_test(t, methods_are_refused);
    tcase_add_test(t, limits_are_refused);
    tcase_add_test(t, later_are_refused);
    tcase_add_test(t, the_line_is_that_of_the_mistake);
}

UNIT_MAIN("rule errors", add)
