#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tocsin/template.h"

static struct template_tree *input(void)
{
    struct template_tree *t = template_tree_new();
    struct template_value *root = template_tree_root(t), *alerts, *a;

    template_string(t, root, "title", "a <b> & \"c\"");
    template_number(t, root, "n", 3);
    template_number(t, root, "x", 0.231);
    template_bool(t, root, "firing", true);
    template_string(t, root, "nothing", NULL);
    template_list(t, root, "empty");
    alerts = template_list(t, root, "alerts");
    for (int i = 0; i < 2; i++) {
        a = template_object(t, alerts, NULL);
        template_string(t, a, "name", i ? "B" : "A");
    }
    ck_assert(template_tree_ok(t));
    return t;
}

/* The JSON of what `source` returns for input(), or the error. */
static void render(const char *source, char *out, size_t size)
{
    struct template_tree *in = input(), *got = NULL;
    struct err e = {0};
    struct template *t = template_load("channels/x.lua", source, strlen(source), &e);
    struct buf json = BUF_INIT;

    if (t)
        got = template_render(t, template_tree_root(in), NULL, &e);
    if (got) {
        template_json(template_tree_root(got), &json);
        snprintf(out, size, "%s", buf_str(&json));
    } else {
        snprintf(out, size, "%s", e.text);
    }
    buf_free(&json);
    template_tree_free(got);
    template_tree_free(in);
    template_free(t);
}

#define F(body) "return function(msg) " body " end"
static const struct {
    const char *source, *want;
} rendered[] = {
    {F("return { text = msg.title, n = msg.n, x = msg.x, f = msg.firing, no = msg.nothing }"),
     "{\"f\":true,\"n\":3,\"text\":\"a <b> & \\\"c\\\"\",\"x\":0.231}"},
    {F("return msg.alerts"), "[{\"name\":\"A\"},{\"name\":\"B\"}]"},
    {F("return { a = msg.empty, b = {}, c = list{}, d = null, e = { 1, 2 } }"),
     "{\"a\":[],\"b\":{},\"c\":[],\"d\":null,\"e\":[1,2]}"},
    {F("return html_escape(msg.title)"), "\"a &lt;b&gt; &amp; &quot;c&quot;\""},
    {F("return slack_escape(msg.title)"), "\"a &lt;b&gt; &amp; \\\"c\\\"\""},
    {F("return percent(msg.x) .. ' ' .. duration(90) .. ' ' .. bytes(1024) .. ' ' .. number(5120)"),
     "\"23.1% 1m30s 1 KiB 5,120\""},
    {F("return pluralise(1, 'alert') .. pluralise(2, 'alert') .. pluralise(3, 'entry', 'entries')"),
     "\"1 alert2 alerts3 entries\""},
    {F("return 'and ' .. round(msg.n + 0.4) .. ' more, ' .. round(1.256, 2)"),
     "\"and 3 more, 1.26\""},
    {F("return join({ 'a', 1, 'b' }, '; ')"), "\"a; 1; b\""},
    {F("return time(1767571200) .. ' ' .. date(1767571200)"),
     "\"2026-01-05T00:00:00.000Z 2026-01-05\""},
    {F("return truncate('aäöü', 6) .. truncate('abc', 3)"), "\"aä…abc\""},
    {F("return { n = #msg.alerts, first = msg.alerts[1].name }"), "{\"first\":\"A\",\"n\":2}"},
    {F("local t = {} for k, v in pairs({ b = 1, a = 2 }) do t[#t+1] = k end return join(t)"),
     "\"a, b\""},
    /* errors: the caller sends plain text with these */
    {F("\n return msg.alerts[3].name"),
     "x.lua:2: attempt to index a nil value (field 'integer index')"},
    {F("return 5"), "x.lua: the template returned number instead of a table or a text"},
    {F("return { f = print }"), "x.lua: a function cannot be part of a message"},
    {F("local t = {} t.t = t return t"), "x.lua: the message is nested more than 32 deep"},
    {F("while true do end"),
     "x.lua:1: too much work while rendering: the budget of instructions is spent (an endless "
     "loop?)"},
    {F("return io.open('x')"),
     "x.lua:1: \"io\" does not exist in files of Tocsin (see the list of Lua functions in "
     "docs/rules.md)"},
    {F("return jion({})"), "x.lua:1: unknown name \"jion\" — did you mean \"join\"?"},
    {F("x = 1"), "x.lua:1: global \"x\": declare it with `local x = …`"},
    {F("local s = 'xxxxxxxxxxxxxxxx' for i = 1, 20 do s = s .. s end return s"),
     "x.lua:1: not enough memory: more than 64 MiB, or 4096 KiB in one piece, while rendering"},
    {F("local t = list{} for i = 1, 20000 do t[i] = 'xxxxxxxxxxxxxxxxxxxxx' end return t"),
     "x.lua: the message is too large"},
    {F("error({})"), "x.lua: error(table) was called while rendering"},
    {"return { 1 }", "x.lua: a template returns a function: return function(msg) … end"},
    {"return function(msg", "x.lua:1: ')' expected near <eof>"},
};

START_TEST(templates_render_or_say_why_not)
{
    char got[4096];

    for (size_t i = 0; i < sizeof rendered / sizeof *rendered; i++) {
        render(rendered[i].source, got, sizeof got);
        ck_assert_msg(strcmp(got, rendered[i].want) == 0, "%s\n got: %s\nwant: %s",
                      rendered[i].source, got, rendered[i].want);
    }
}
END_TEST

START_TEST(a_tree_is_read_by_name)
{
    struct template_tree *t = input();
    struct template_value *root = template_tree_root(t);

    ck_assert_str_eq(template_text(root, "x"), "0.231");
    ck_assert_ptr_null(template_text(root, "firing"));
    ck_assert_ptr_null(template_text(root, "nope"));
    ck_assert_ptr_null(template_get(root, "nothing"));
    template_string(t, root, "title", "new");
    ck_assert_str_eq(template_text(root, "title"), "new");
    ck_assert_ptr_null(template_string(t, NULL, "a", "b"));
    ck_assert(!template_tree_ok(t));
    template_tree_free(t);
}
END_TEST

START_TEST(a_template_goes_on_after_a_failure)
{
    const char *source = F("if msg.fail then error('no') end return { text = 'ok' }");
    struct template_tree *good = template_tree_new(), *bad = template_tree_new(), *got;
    struct err e = {0};
    struct template *t = template_load("x.lua", source, strlen(source), &e);

    template_bool(bad, template_tree_root(bad), "fail", true);
    ck_assert_ptr_null(template_render(t, template_tree_root(bad), NULL, &e));
    ck_assert_str_eq(e.text, "x.lua:1: no");
    got = template_render(t, template_tree_root(good), NULL, &e);
    ck_assert_str_eq(template_text(template_tree_root(got), "text"), "ok");
    template_tree_free(got);
    template_tree_free(good);
    template_tree_free(bad);
    template_free(t);
}
END_TEST

/* Budgets are of the whole rendering, however often it pauses. */
START_TEST(a_rendering_in_steps_keeps_its_budget)
{
    const char *source = F("local n = 0 for i = 1, msg.n do n = n + i end return { sum = n }");
    struct template_budget b = {.instructions = 500000};
    struct err e = {0};
    struct template *t = template_load("x.lua", source, strlen(source), &e);

    for (int much = 0; much < 2; much++) {
        struct template_tree *in = template_tree_new(), *got;
        struct template_run *r;
        int rc, steps = 1;

        template_number(in, template_tree_root(in), "n", much ? 1e9 : 100000);
        r = template_begin(t, template_tree_root(in), &b, &e);
        while ((rc = template_step(r, 1, &e)) == 0)
            steps++;
        got = template_end(r);
        ck_assert_int_gt(steps, 10); /* a look at the clock each thousand instructions */
        ck_assert_int_eq(rc, much ? -1 : 1);
        if (much)
            ck_assert_ptr_nonnull(strstr(e.text, "too much work while rendering"));
        else
            ck_assert_str_eq(template_text(template_tree_root(got), "sum"), "5000050000");
        template_tree_free(got);
        template_tree_free(in);
    }
    template_free(t);
}
END_TEST

START_TEST(every_failed_allocation_is_survived)
{
    const char *source =
        F("return { text = html_escape(msg.title), a = msg.alerts, p = percent(1) }");

    for (long n = 1;; n++) {
        struct template_tree *in = input(), *got = NULL;
        struct err e = {0};
        struct template *t;

        mem_fail_at(n);
        t = template_load("x.lua", source, strlen(source), &e);
        if (t)
            got = template_render(t, template_tree_root(in), NULL, &e);
        if (!mem_failed()) {
            mem_fail_at(0);
            ck_assert_ptr_nonnull(got);
            template_tree_free(got);
            template_free(t);
            template_tree_free(in);
            return;
        }
        mem_fail_at(0);
        template_tree_free(got);
        template_free(t);
        template_tree_free(in);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, templates_render_or_say_why_not);
    tcase_add_test(t, a_tree_is_read_by_name);
    tcase_add_test(t, a_template_goes_on_after_a_failure);
    tcase_add_test(t, a_rendering_in_steps_keeps_its_budget);
    tcase_add_test(t, every_failed_allocation_is_survived);
}

UNIT_MAIN("template", add)
