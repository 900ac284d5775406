/* What the engine is handed: keys, leaves, slots, defaults, hashes. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "tocsin/rulefile.h"

static struct rulefile *must(const char *source)
{
    struct err e = {0};
    struct rulefile *f = rulefile_load("rules/web.lua", source, strlen(source), NULL, &e);

    ck_assert_msg(f != NULL, "%s\n%s", source, e.text);
    return f;
}

/* "leaf; leaf | keys | deps" of the last rule. */
static void describe(const struct rulefile *f, char *out, size_t size)
{
    const struct rule_def *d = rulefile_rule(f, rulefile_count(f) - 1);
    struct buf b = BUF_INIT;

    for (size_t i = 0; i < d->n_leaves; i++) {
        buf_adds(&b, i ? "; " : "");
        leaf_text(d->leaves[i]->leaf, &b);
    }
    buf_adds(&b, d->keys.all ? " | *" : " | ");
    for (size_t i = 0; i < d->keys.n; i++)
        buf_addf(&b, "%s%s", i ? "," : "", d->keys.names[i]);
    buf_adds(&b, " |");
    for (size_t i = 0; i < d->n_deps; i++)
        buf_addf(&b, " %s", d->deps[i]);
    snprintf(out, size, "%s", buf_str(&b));
    buf_free(&b);
}

static const struct {
    const char *body, *want;
} plans[] = {
    {"value = m.x, fire = above(1)", "x last(5m) | * |"},
    {"value = m.x:last(\"10m\"), fire = above(1)", "x last(10m) | * |"},
    {"value = m[\"api.latency\"]{ a = \"b\", c = is_not\"d\" }:rate(\"5m\"):by(\"z\", \"a\"), fire "
     "= "
     "above(1)",
     "api.latency{a=\"b\",c!=\"d\"} rate(5m) by(a,z) | a,z |"},
    {"value = m.x:rate(\"5m\"):without(\"pod\"), fire = above(1)", "x rate(5m) without(pod) | * |"},
    {"value = m.x{ a = all_of{ re\"b.*\", is_not\"bc\" } }:sum(\"1m\"):by(), fire = above(1)",
     "x{a!=\"bc\",a~\"b.*\"} sum(1m) by() |  |"},
    {"value = m.x{ a = \"b\" }{ a = \"c\", d = present }:avg(\"1m\"), fire = above(1)",
     "x{a=\"c\",d present} avg(1m) | * |"},
    /* the same leaf, written twice, is one */
    {"value = m.x:rate(\"5m\") / m.x:rate(\"5m\"), fire = above(1) & m.x:rate(\"5m\"):above(2)",
     "x rate(5m) | * |"},
    {"value = ratio(m.a:rate(\"5m\"):by(\"s\", \"t\"), m.b:rate(\"5m\"):by(\"s\"), { min = 5 }), "
     "fire "
     "= above(1)",
     "a rate(5m) by(s,t); b rate(5m) by(s) | s,t |"},
    {"value = (m.a + m.b):sum_by(\"s\"), fire = above(1)", "a last(5m); b last(5m) | s |"},
    {"value = m.a:sum_by(\"s\", \"t\"):max_without(\"t\"), fire = above(1)", "a last(5m) | s |"},
    {"value = m.a:rate(\"5m\"):by(\"s\"):offset(\"1h\"), fire = above(1)",
     "a rate(5m) offset(1h) by(s) | s |"},
    {"value = (m.a:rate(\"5m\") / m.b:rate(\"5m\")):offset(\"1h\"):offset(\"1h\"), fire = above(1)",
     "a rate(5m) offset(2h); b rate(5m) offset(2h) | * |"},
    {"value = m.a:on(\"s\"), fire = above(1)", "a last(5m) | s |"},
    {"value = m.a:equals(0):share_by(\"s\"), fire = above(\"10%\")", "a last(5m) | s |"},
    {"value = m.a:quantile(0.99, \"5m\"):by(), fire = above(1)", "a quantile(0.99, 5m) by() |  |"},
    {"value = apdex(m.a_seconds, \"300ms\", \"5m\", \"s\"), fire = below(0.7)",
     "a_seconds fraction_below(0.3, 5m) by(s); a_seconds fraction_below(1.2, 5m) by(s) | s |"},
    {"value = logs{ level = \"ERROR\" }:field(\"ms\"):max(\"5m\"):by(\"s\"), fire = above(1)",
     "logs{level=\"ERROR\"} field(ms) max(5m) by(s) | s |"},
    {"value = logs:count(\"5m\"):by(), fire = above(1)", "logs{} count(5m) by() |  |"},
    {"value = m.a:since_last():by(\"job\"), fire = above(\"5m\")", "a since_last by(job) | job |"},
    {"fire = firing(\"X\", { by = { \"s\" }, level = \"P2\" }) & ~firing(\"Y\", { by = { \"s\" } "
     "})",
     " | s | X Y"},
    {"fire = firing(\"X\")", " | * | X"},
    /* firing() without labels follows what stands beside it */
    {"fire = m.a:rate(\"5m\"):by(\"s\"):above(1) & ~firing(\"X\")", "a rate(5m) by(s) | s | X"},
    /* what only holds messages back decides neither keys nor when to look */
    {"fire = m.a:rate(\"5m\"):by(\"s\"):above(1), unless = firing(\"X\", { by = {} }) | "
     "m.d:sum_by():above(0)",
     "a rate(5m) by(s); d last(5m) | s | X"},
    {"value = const(1), fire = above(0)", " |  |"},
    {"value = now() - m.t_seconds, fire = above(\"5m\") & m.t_seconds:above(0)",
     "t_seconds last(5m) | * |"},
    {"value = max_of(m.a, m.b, 5), fire = outside(1, 9)", "a last(5m); b last(5m) | * |"},
    {"value = coalesce(m.a:abs(), m.b:clamp(0, 1)):round():default(0), fire = between(1, 2)",
     "a last(5m); b last(5m) | * |"},
    {"value = m.a:where(m.b:above(0)), fire = missing()", "a last(5m); b last(5m) | * |"},
    {"fire = m.a:above(per(\"s\", { default = 1, web = 2, [\"b-*\"] = 3 }), { clear = 0 })",
     "a last(5m) | * |"},
};

START_TEST(leaves_keys_and_names_are_known)
{
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        char source[512], got[1024];
        struct rulefile *f;

        snprintf(source, sizeof source, "alert \"A\" { %s }", plans[i].body);
        f = must(source);
        describe(f, got, sizeof got);
        ck_assert_msg(strcmp(got, plans[i].want) == 0, "%s\n got: %s\nwant: %s", plans[i].body, got,
                      plans[i].want);
        rulefile_unref(f);
    }
}
END_TEST

static void visit(const struct expr *x, bool *seen, unsigned n)
{
    if (!x)
        return;
    ck_assert_uint_lt(x->slot, n);
    if (x->a)
        ck_assert_uint_lt(x->a->slot, x->slot); /* children first */
    seen[x->slot] = true;
    visit(x->a, seen, n);
    visit(x->b, seen, n);
    visit(x->c, seen, n);
}

START_TEST(slots_are_dense_and_of_one_rule)
{
    struct rulefile *f =
        must("local r = m.a:rate(\"5m\") / m.b:rate(\"5m\")\n"
             "alert \"A\" { value = r, fire = above(1) & r:below(9) }\n"
             "alert \"B\" { value = r * 2, fire = { P1 = above(9), P2 = above(5, { "
             "clear = 4 }) } }\n");

    for (size_t i = 0; i < 2; i++) {
        const struct rule_def *d = rulefile_rule(f, i);
        bool seen[64] = {false};

        visit(d->value, seen, d->n_slots);
        for (size_t k = 0; k < d->n_levels; k++)
            visit(d->levels[k].cond, seen, d->n_slots);
        for (unsigned k = 0; k < d->n_slots; k++)
            ck_assert_msg(seen[k], "rule %zu, slot %u", i, k);
    }
    ck_assert_ptr_ne(rulefile_rule(f, 0)->leaves[0], rulefile_rule(f, 1)->leaves[0]);
    /* a shared node stays shared within its rule: r is compared twice */
    ck_assert_ptr_eq(rulefile_rule(f, 0)->levels[0].cond->b->a, rulefile_rule(f, 0)->value);
    rulefile_unref(f);
}
END_TEST

START_TEST(keys_of_a_rule_have_their_defaults)
{
    struct rulefile *f = must("alert \"A\" { value = m.x, fire = above(1) }");
    const struct rule_def *d = rulefile_rule(f, 0);

    ck_assert_str_eq(d->name, "A");
    ck_assert_str_eq(d->file, "rules/web.lua");
    ck_assert_int_eq(d->line, 1);
    ck_assert_int_eq(d->priority, 3);
    ck_assert_int_eq(d->levels[0].priority, 3);
    ck_assert_int_eq(d->lasting_ms, 0);
    ck_assert_int_eq(d->clear_after_ms, 0);
    ck_assert_int_eq(d->every_ms, 10000);
    ck_assert_int_eq(d->delay_ms, 5000);
    ck_assert_int_eq(d->forget_ms, 24 * 3600 * 1000);
    ck_assert_int_eq(d->missing, MISSING_KEEP);
    ck_assert(d->early && d->notify && !d->shadow);
    ck_assert_uint_eq(d->limit, 10000);
    ck_assert_int_eq(d->when, -1);
    rulefile_unref(f);
}
END_TEST

START_TEST(all_keys_are_read)
{
    struct rulefile *f = must(
        "defaults { team = \"base\", lasting = \"7m\" }\n"
        "alert \"A\" {\n"
        "  value = logs{ level = \"ERROR\" }:count(\"5m\"):by(\"service\"),\n"
        "  fire = { P3 = above(2):lasting(\"9m\"), P1 = above(20) },\n"
        "  clear_after = \"10m\", every = \"30s\", delay = \"0s\", forget = \"2h\", missing = "
        "\"P2\",\n"
        "  early = false, notify = false, shadow = true, limit = 7, severity = \"page\",\n"
        "  expect = { { service = \"a\" }, { zone = \"z\", service = \"b\" } },\n"
        "  labels = { tier = \"1\", area = 5 }, annotations = { zeta = \"z\", alpha = \"a\" },\n"
        "  description = \"d\", summary = \"s\", runbook_url = \"r\",\n"
        "  attach = { events = 3, fields = { \"trace_id\", \"message\" } }, unit = \"ratio\",\n"
        "  renamed_from = \"Old\",\n"
        "}\n");
    const struct rule_def *d = rulefile_rule(f, 0);

    ck_assert_int_eq(d->levels[0].priority, 1);
    ck_assert_int_eq(d->levels[0].lasting_ms, 7 * 60000);
    ck_assert_int_eq(d->levels[1].lasting_ms, 9 * 60000);
    ck_assert_int_eq(d->levels[1].cond->kind, COND_CMP);
    ck_assert_int_eq(d->priority, 1);
    ck_assert_int_eq(d->missing, MISSING_FIRE);
    ck_assert_int_eq(d->missing_priority, 2);
    ck_assert(!d->early && !d->notify && d->shadow);
    ck_assert_uint_eq(d->limit, 7);
    ck_assert_int_eq(d->delay_ms, 0);
    ck_assert_str_eq(d->severity, "page");
    ck_assert_uint_eq(d->n_expect, 2);
    ck_assert_str_eq(d->expect[1].labels[0].name, "service");
    ck_assert_uint_eq(d->n_labels, 2);
    ck_assert_str_eq(d->labels[0].name, "area");
    ck_assert_str_eq(d->labels[0].value, "5");
    ck_assert_uint_eq(d->n_annotations, 5);
    ck_assert_str_eq(d->annotations[0].name, "summary");
    ck_assert_str_eq(d->annotations[2].name, "runbook_url");
    ck_assert_str_eq(d->annotations[3].name, "alpha");
    ck_assert_str_eq(d->team, "base");
    ck_assert_uint_eq(d->attach_events, 3);
    ck_assert_uint_eq(d->n_attach_fields, 2);
    ck_assert_ptr_null(d->attach_from);
    ck_assert_str_eq(d->renamed_from, "Old");
    rulefile_unref(f);
}
END_TEST

static uint64_t hash_of(const char *body)
{
    char source[512];
    struct rulefile *f;
    uint64_t h;

    snprintf(source, sizeof source, "local z = m.z alert \"A\" { %s }", body);
    f = must(source);
    h = rulefile_rule(f, 0)->fire_hash;
    rulefile_unref(f);
    return h;
}

START_TEST(the_hash_is_of_what_decides)
{
    const char *base = "value = m.x:rate(\"5m\"):by(\"s\"), fire = above(1)";
    uint64_t h = hash_of(base);

    ck_assert_uint_eq(h, hash_of(base));
    ck_assert_uint_eq(h, hash_of("fire = above(1), value = m.x:rate(\"5m\"):by(\"s\")"));
    ck_assert_uint_eq(h, hash_of("value = m.x:rate(\"300s\"):by(\"s\"), fire = above(1)"));
    ck_assert_uint_eq(h, hash_of("value = m.x:rate(\"5m\"):by(\"s\"), fire = "
                                 "above(1):lasting(\"5m\"), summary = \"x\""));
    ck_assert_uint_ne(h, hash_of("value = m.x:rate(\"5m\"):by(\"s\"), fire = above(2)"));
    ck_assert_uint_ne(h, hash_of("value = m.x:rate(\"6m\"):by(\"s\"), fire = above(1)"));
    ck_assert_uint_ne(h, hash_of("value = m.x:rate(\"5m\"):by(\"t\"), fire = above(1)"));
    ck_assert_uint_ne(h, hash_of("value = m.x:rate(\"5m\"):by(\"s\"), fire = below(1)"));
    ck_assert_uint_ne(h, hash_of("value = m.x:rate(\"5m\"):by(\"s\"), fire = above(1, { clear = 0 "
                                 "})"));
    /* the same in every process: it is stored */
    ck_assert_uint_eq(h, UINT64_C(3328546545043720598));
}
END_TEST

START_TEST(what_looks_odd_is_warned_of)
{
    struct rulefile *f = must("alert \"A\" { value = m.x, fire = above(1), lasting = \"5s\" }\n"
                              "alert \"B\" { value = m.x:rate(\"1m\"):offset(\"1d\"), fire = { P1 "
                              "= above(5), P2 = above(5) "
                              "} }");
    const char *const *texts;

    ck_assert_uint_eq(rulefile_warnings(f, &texts), 3);
    ck_assert_str_eq(texts[0],
                     "web.lua:1: alert \"A\": `lasting` is shorter than `every`: one look decides");
    ck_assert_str_eq(
        texts[1], "web.lua:2: alert \"B\": an offset of more than twelve windows keeps much data");
    ck_assert_str_eq(texts[2],
                     "web.lua:2: alert \"B\": level P2 can never show: P1 has the same threshold");
    rulefile_unref(f);
}
END_TEST

START_TEST(per_keeps_exact_names_first)
{
    struct rulefile *f =
        must("alert \"A\" { fire = m.x:above(per(\"s\", { default = \"5%\", [\"a*\"] "
             "= 1, z = 2, [\"ab*\"] = 3, b = 4 })) }");
    const struct expr_per *per = rulefile_rule(f, 0)->levels[0].cond->b->per;
    static const char *const want[] = {"b", "z", "ab*", "a*"};

    ck_assert_str_eq(per->label, "s");
    ck_assert_double_eq(per->fallback, 0.05);
    ck_assert_uint_eq(per->n_rows, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(per->rows[i].pattern, want[i]);
    ck_assert(!per->rows[1].glob && per->rows[2].glob);
    rulefile_unref(f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, leaves_keys_and_names_are_known);
    tcase_add_test(t, slots_are_dense_and_of_one_rule);
    tcase_add_test(t, keys_of_a_rule_have_their_defaults);
    tcase_add_test(t, all_keys_are_read);
    tcase_add_test(t, the_hash_is_of_what_decides);
    tcase_add_test(t, what_looks_odd_is_warned_of);
    tcase_add_test(t, per_keeps_exact_names_first);
}

UNIT_MAIN("rule plans", add)
