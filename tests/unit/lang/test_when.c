#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "tocsin/rulefile.h"

static struct labelsets *ls;

static struct rulefile *load(const char *source, struct err *e)
{
    return rulefile_load("web.lua", source, strlen(source), NULL, e);
}

static struct rulefile *must(const char *source)
{
    struct err e = {0};
    struct rulefile *f = load(source, &e);

    ck_assert_msg(f != NULL, "%s\n%s", source, e.text);
    return f;
}

static labelset service(const char *name)
{
    struct label l = label_of("service", name);

    return labelsets_intern(ls, &l, 1);
}

static void setup(void)
{
    ls = labelsets_new(0);
}

static void teardown(void)
{
    labelsets_free(ls);
}

#define INPUTS \
    "inputs = { all = m.a:rate(\"5m\"):by(\"service\"), err = m.b:rate(\"5m\"):by(\"service\") },"

START_TEST(numbers_go_in_and_a_level_comes_out)
{
    struct rulefile *f = must("local limit = { P1 = 0.2 }\n"
                              "local function share(i) return i.err / i.all end\n"
                              "alert \"A\" { priority = \"P4\", " INPUTS "\n"
                              "  when = function(i, g)\n"
                              "    if i.all < 1 then return nil end\n"
                              "    local r = share(i)\n"
                              "    if g.service == \"calm\" then return false end\n"
                              "    if g.level ~= \"ok\" and r > 0.01 then return \"P2\", r end\n"
                              "    if r > limit.P1 then return \"P1\", r end\n"
                              "    if g.now == 7 then return true end\n"
                              "    return \"ok\", math.round(r, 2)\n"
                              "  end }");
    const struct rule_def *d = rulefile_rule(f, 0);
    double in[][2] = {{100, 30}, {0.5, 9}, {100, 30}, {100, 5}, {100, 5}, {100, 5}};
    struct when_row rows[6];
    static const int want[] = {1, -1, 0, 2, 4, 0};

    ck_assert_str_eq(d->inputs[0].name, "all");
    ck_assert_int_eq(d->priority, 4);
    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 6; i++) {
        rows[i].inputs = in[i];
        rows[i].labels = service(i == 2 ? "calm" : "web");
        rows[i].level = i == 3 ? 2 : 0;
        rows[i].now_ms = i == 4 ? 7000 : 8500;
    }
    ck_assert_uint_eq(rulefile_when(f, d, ls, rows, 6, NULL, NULL), 0);
    for (int i = 0; i < 6; i++)
        ck_assert_msg(rows[i].verdict == want[i], "%d: %d", i, rows[i].verdict);
    ck_assert(rows[0].has_value && rows[0].value == 0.3);
    ck_assert(!rows[1].has_value && !rows[4].has_value);
    ck_assert(rows[5].value == 0.05);
    rulefile_unref(f);
}
END_TEST

START_TEST(one_group_that_fails_does_not_take_the_others_along)
{
    struct rulefile *f = must("alert \"A\" { " INPUTS "\n"
                              "  when = function(i, g)\n"
                              "    if i.all == 7 then local x = i.nope end\n"
                              "    if i.all == 8 then while true do end end\n"
                              "    if i.all == 9 then return \"P9\" end\n"
                              "    if i.all == 11 then return \"P1\", \"x\" end\n"
                              "    return \"P3\", i.all\n"
                              "  end }");
    double in[][2] = {{1, 0}, {7, 0}, {2, 0}, {8, 0}, {3, 0}, {9, 0}, {11, 0}, {4, 0}};
    struct when_row rows[8];
    struct err e = {0};

    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 8; i++) {
        rows[i].inputs = in[i];
        rows[i].labels = service("web");
    }
    ck_assert_uint_eq(rulefile_when(f, rulefile_rule(f, 0), ls, rows, 8, NULL, &e), 4);
    ck_assert_str_eq(e.text, "web.lua:3: alert \"A\": input \"nope\" is not declared in `inputs`");
    for (int i = 0; i < 8; i++) {
        bool bad = i == 1 || i == 3 || i == 5 || i == 6;

        ck_assert_msg(rows[i].failed == bad, "%d", i);
        ck_assert_int_eq(rows[i].verdict, bad ? -1 : 3);
    }
    /* and the function goes on working */
    ck_assert_uint_eq(rulefile_when(f, rulefile_rule(f, 0), ls, rows, 1, NULL, &e), 0);
    rulefile_unref(f);
}
END_TEST

START_TEST(a_spent_batch_fails_what_is_left)
{
    struct rulefile *f = must("alert \"A\" { " INPUTS "\n"
                              "  when = function(i) for k = 1, 4000 do end return \"ok\" end }");
    double in[2] = {1, 1};
    struct when_row rows[100];
    struct when_budget b = {.per_batch = 100000};
    struct err e = {0};
    size_t failed;

    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 100; i++) {
        rows[i].inputs = in;
        rows[i].labels = service("web");
    }
    failed = rulefile_when(f, rulefile_rule(f, 0), ls, rows, 100, &b, &e);
    ck_assert_msg(failed > 50 && failed < 90, "%zu", failed);
    ck_assert(!rows[0].failed && rows[99].failed);
    ck_assert_int_eq(e.code, ERR_LIMIT);
    /* one call alone has its own bound */
    b = (struct when_budget){.per_call = 3000};
    ck_assert_uint_eq(rulefile_when(f, rulefile_rule(f, 0), ls, rows, 3, &b, &e), 3);
    ck_assert_str_eq(e.text, "web.lua:2: alert \"A\": too much work while deciding (`when`): the "
                             "budget of instructions is spent (an endless loop?)");
    rulefile_unref(f);
}
END_TEST

START_TEST(a_heap_that_runs_full_ends_the_group_only)
{
    struct rulefile *f =
        must("alert \"A\" { " INPUTS "\n"
             "  when = function(i) local s = \"x\"\n"
             "    if i.all == 77 then for k = 1, 100 do s = s .. s end end return \"P1\" end }");
    /* inputs in the order of their names: all, err */
    double in[][2] = {{1, 1}, {77, 0}, {1, 1}};
    struct when_row rows[3];
    struct err e = {0};

    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 3; i++) {
        rows[i].inputs = in[i];
        rows[i].labels = service("web");
    }
    ck_assert_uint_eq(rulefile_when(f, rulefile_rule(f, 0), ls, rows, 3, NULL, &e), 1);
    ck_assert_ptr_nonnull(strstr(e.text, "not enough memory"));
    ck_assert_int_eq(rows[2].verdict, 1);
    rulefile_unref(f);
}
END_TEST

START_TEST(state_is_handed_in_and_out)
{
    struct rulefile *f = must("alert \"A\" { " INPUTS " state = { n = 0, last = \"\" },\n"
                              "  when = function(i, g)\n"
                              "    if i.all > 5 then g.state.n = g.state.n + 1 end\n"
                              "    if i.all > 6 then g.state.last = g.service end\n"
                              "    return g.state.n >= 3 and \"P1\" or \"ok\", g.state.n\n"
                              "  end }");
    const struct rule_def *d = rulefile_rule(f, 0);
    double in[][2] = {{1, 0}, {6, 0}, {7, 0}};
    struct rule_pair given[] = {{"last", "x"}, {"n", "2"}};
    struct when_row rows[3];

    ck_assert(!d->early);
    ck_assert_uint_eq(d->n_state, 2);
    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 3; i++) {
        rows[i].inputs = in[i];
        rows[i].labels = service("web");
        rows[i].state = i == 2 ? given : NULL;
    }
    ck_assert_uint_eq(rulefile_when(f, d, ls, rows, 3, NULL, NULL), 0);
    ck_assert_ptr_null(rows[0].new_state);
    ck_assert_str_eq(rows[1].new_state[1], "1");
    ck_assert_str_eq(rows[1].new_state[0], "");
    ck_assert_str_eq(rows[2].new_state[1], "3");
    ck_assert_str_eq(rows[2].new_state[0], "web");
    ck_assert_int_eq(rows[2].verdict, 1);
    for (int i = 1; i < 3; i++) {
        mem_free(rows[i].new_state[0]);
        mem_free(rows[i].new_state[1]);
        mem_free(rows[i].new_state);
    }
    rulefile_unref(f);
}
END_TEST

#define T       "web.lua:1: alert \"A\": "
#define W(body) "alert \"A\" { inputs = { x = m.a, n = m.b }, when = function(i, g) " body " end }"
static const struct {
    const char *source, *want;
} refused[] = {
    {"alert \"A\" { when = function() end }", T "`when` needs `inputs = { name = expression, … }`"},
    {"alert \"A\" { inputs = { x = m.a }, when = m.a, }",
     T "`when` must be a function, got a selector (a comparison was evaluated at load time?)"},
    {"alert \"A\" { inputs = { x = m.a }, when = true }",
     T "`when` must be a function, got boolean (a comparison was evaluated at load time?)"},
    {"alert \"A\" { inputs = { x = m.a }, when = function() end, fire = m.a:above(1) }",
     T "give either `fire` or `when`, not both"},
    {"alert \"A\" { inputs = { x = 5 }, when = function() end }",
     T "inputs.x must be an expression, got number"},
    {W("local y = i.xx"), T "input \"xx\" is not declared — did you mean \"x\"? (tried while "
                            "loading, with all inputs 10)"},
    {W("return maths.floor(1)"), "web.lua:1: unknown name \"maths\" — did you mean \"math\"?"},
    /* in a branch that no trial takes, with its line */
    {"\n" W("if i.x == 77 then\n  return maths.abs(i.x)\nend return 'ok'"),
     "web.lua:3: unknown name \"maths\" — did you mean \"math\"?"},
    {"local function far(v)\n if v > 1e300 then return nowhere_at_all end\nend " W(
         "return far(i.x)"),
     "web.lua:2: unknown name \"nowhere_at_all\" (a metric is written m.nowhere_at_all)"},
    {W("return m.x:above(1)"),
     T "`m` belongs to loading; inside `when` there are plain numbers (tried while loading, with "
       "all inputs 10)"},
    {W("x = 5"), T "global \"x\": declare it with `local x = …` (tried while loading, with all "
                   "inputs 10)"},
    {W("i.z = 5"),
     T "i.z: the inputs cannot be added to (tried while loading, with all inputs 10)"},
    {W("g.level = \"ok\""), T "g.level cannot be set; what a rule remembers goes into g.state "
                              "(tried while loading, with all inputs 10)"},
    {W("g.state.n = 5"), T "g.state needs `state = { name = 0 }` in the rule (tried while loading, "
                           "with all inputs 10)"},
    {W("return \"critical\""),
     "web.lua:1: alert \"A\": `when` must return \"P1\" … \"P5\", \"ok\", "
     "true or nil, got \"critical\" (tried while loading, with all "
     "inputs 10)"},
    {W("return 5"), "web.lua:1: alert \"A\": `when` must return \"P1\" … \"P5\", \"ok\", true or "
                    "nil, got number (tried while loading, with all inputs 10)"},
    {W("if i.x == 0 then return nil + 1 end"),
     T "attempt to perform arithmetic on a nil value (tried while loading, with all inputs 0)"},
    {W("while true do end"),
     T "too much work while loading: the budget of instructions is spent (an endless loop?) (tried "
       "while loading, with all inputs 10)"},
    {"local n = 0 " W("n = n + 1"),
     "web.lua:1: alert \"A\": `when` changes the local \"n\" declared outside of it: the same "
     "inputs "
     "must give the same answer; use `state = { … }` and g.state (tried while loading, with all "
     "inputs 10)"},
    {"local n = 0 local function f() n = n + 1 end " W("f()"),
     "web.lua:1: alert \"A\": `when` changes the local \"n\" declared outside of it: the same "
     "inputs "
     "must give the same answer; use `state = { … }` and g.state (tried while loading, with all "
     "inputs 10)"},
    {"local t = {} " W("t[#t + 1] = i.x"),
     T "\"number\" cannot be set: this table is read-only after loading (tried while loading, with "
       "all inputs 10)"},
    {"local t = { a = { b = {} } } " W("t.a.b.c = i.x"),
     T "\"c\" cannot be set: this table is read-only after loading (tried while loading, with all "
       "inputs 10)"},
    {"local t = { f = {} } local lib = { get = function() return t end } " W("lib.get().f.x = 1"),
     T "\"x\" cannot be set: this table is read-only after loading (tried while loading, with all "
       "inputs 10)"},
    {"local t = {} " W("t = { i.x }"),
     "web.lua:1: alert \"A\": `when` changes the local \"t\" declared outside of it: the same "
     "inputs "
     "must give the same answer; use `state = { … }` and g.state (tried while loading, with all "
     "inputs 10)"},
    {W("_ENV = {}"),
     "web.lua:1: alert \"A\": `when` changes the local \"_ENV\" declared outside of it: the same "
     "inputs must give the same answer; use `state = { … }` and g.state (tried while loading, with "
     "all inputs 10)"},
    {"local err = m.e:rate(\"5m\") " W("return err > 5"),
     "web.lua:1: alert \"A\": `when` uses an expression \"err\": declare it in `inputs` and read "
     "i.err"},
    {"local lib = { http = m.http } " W("return lib.http:rate(\"5m\")"),
     T "a selector is of no use in `when`: declare what it needs in `inputs` (tried while loading, "
       "with all inputs 10)"},
    {"local lib = { c = m.http:above(1) } " W("return ~lib.c"),
     T "a condition is of no use in `when`: declare what it needs in `inputs` (tried while "
       "loading, with all inputs 10)"},
    {"local lib = { e = m.http + 1 } " W("return lib.e + 1"),
     T "an expression is of no use in `when`: declare what it needs in `inputs` (tried while "
       "loading, with all inputs 10)"},
    {"local make = above " W("return make(5)"),
     T "expressions are built while loading; a `when` function sees plain numbers (declare what it "
       "needs in `inputs`) (tried while loading, with all inputs 10)"},
};

START_TEST(mistakes_show_while_loading)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err e = {0};
        struct rulefile *f = load(refused[i].source, &e);

        ck_assert_msg(!f, "accepted: %s", refused[i].source);
        ck_assert_msg(strcmp(e.text, refused[i].want) == 0, "%s\n got: %s\nwant: %s",
                      refused[i].source, e.text, refused[i].want);
    }
}
END_TEST

START_TEST(frozen_tables_read_as_before)
{
    struct rulefile *f = must(
        "local t = { 3, 1, 2, name = \"x\", inner = { a = 1 } }\n"
        "local up = string.upper\n"
        "alert \"A\" { inputs = { x = m.a }, when = function(i)\n"
        "  assert(#t == 3 and t[2] == 1 and t.name == \"x\" and t.inner.a == 1)\n"
        "  local n = 0 for _, v in ipairs(t) do n = n + v end assert(n == 6)\n"
        "  local s = \"\" for k in pairs(t) do s = s .. k end assert(s == \"123innername\")\n"
        "  assert(next(t) ~= nil and table.concat(t, \",\") == \"3,1,2\" and up(\"a\") == \"A\")\n"
        "  return \"ok\" end }");

    rulefile_unref(f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, numbers_go_in_and_a_level_comes_out);
    tcase_add_test(t, one_group_that_fails_does_not_take_the_others_along);
    tcase_add_test(t, a_spent_batch_fails_what_is_left);
    tcase_add_test(t, a_heap_that_runs_full_ends_the_group_only);
    tcase_add_test(t, state_is_handed_in_and_out);
    tcase_add_test(t, mistakes_show_while_loading);
    tcase_add_test(t, frozen_tables_read_as_before);
}

UNIT_MAIN("when", add)
