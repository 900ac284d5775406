/* Inhibition: what is held while something else is on, and what no circle may hold. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tocsin/inhibit.h"

#define T0  INT64_C(1767571200000)
#define SEC INT64_C(1000)

struct rules {
    struct inhibit_rule list[4];
    size_t n;
};

static struct matcher **side(const char *text, size_t *n)
{
    struct matcher **out = mem_alloc(4 * sizeof *out);
    char copy[256];

    snprintf(copy, sizeof copy, "%s", text);
    *n = 0;
    for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
        ck_assert_ptr_nonnull(out[(*n)++] = matcher_parse(p, strlen(p), NULL));
    return out;
}

static void rule(struct rules *r, const char *name, const char *source, const char *target,
                 const char *equal)
{
    struct inhibit_rule *x = &r->list[r->n++];

    *x = (struct inhibit_rule){.name = name};
    x->source = side(source, &x->n_source);
    x->target = side(target, &x->n_target);
    if (equal) {
        x->equal = mem_alloc(sizeof *x->equal);
        x->equal[0] = equal;
        x->n_equal = 1;
    }
}

static void drop_side(struct matcher **m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        matcher_unref(m[i]);
    mem_free(m);
}

static void drop_rules(struct rules *r)
{
    for (size_t i = 0; i < r->n; i++) {
        drop_side(r->list[i].source, r->list[i].n_source);
        drop_side(r->list[i].target, r->list[i].n_target);
        mem_free(r->list[i].equal);
    }
}

/* "name/cluster": an alert of that name in that cluster, and with `kind` that name without its last letter. */
static int put(struct inhibits *h, const char *key, int64_t starts_ms, bool on, int64_t at_ms)
{
    const char *cluster = strchr(key, '/');
    char name[16], kind[16];
    struct label l[3];
    size_t n = 0;

    snprintf(name, sizeof name, "%.*s", (int)(cluster - key), key);
    snprintf(kind, sizeof kind, "%.*s", (int)strlen(name) - 1, name);
    l[n++] = label_of("alertname", name);
    if (cluster[1])
        l[n++] = label_of("cluster", cluster + 1);
    l[n++] = label_of("kind", kind);
    return inhibits_alert(h, &(struct inhibit_alert){key, l, n, 2, starts_ms, 7, on}, at_ms);
}

static void on(struct inhibits *h, const char *key, int64_t at_ms)
{
    ck_assert_int_eq(put(h, key, at_ms, true, at_ms), 0);
}

static void off(struct inhibits *h, const char *key, int64_t at_ms)
{
    ck_assert_int_eq(put(h, key, 0, false, at_ms), 0);
}

static const char *held_by(struct inhibits *h, const char *key, int64_t at_ms)
{
    struct inhibition i;

    inhibits_find(h, key, at_ms, &i);
    return !i.rule ? "" : i.source ? i.source : "waits";
}

static void note(const char *key, void *arg)
{
    char *told = arg;

    strcat(strcat(told, key), " ");
}

static const char *told(struct inhibits *h, int64_t at_ms)
{
    static char text[4096];

    text[0] = '\0';
    ck_assert(inhibits_tick(h, at_ms, SIZE_MAX, note, text));
    return text;
}

static struct inhibits *ready(const struct rules *r)
{
    struct inhibits *h = inhibits_new(r->list, r->n);

    ck_assert_ptr_nonnull(h);
    inhibits_ready(h);
    return h;
}

START_TEST(a_target_is_held_while_a_source_with_equal_labels_is_on)
{
    struct rules r = {0};
    struct inhibition i;
    struct inhibits *h;

    rule(&r, "db", "alertname=db1", "kind=app", "cluster");
    h = ready(&r);
    on(h, "app1/a", T0);
    ck_assert_str_eq(held_by(h, "app1/a", T0), "");
    on(h, "db1/a", T0 + SEC);
    ck_assert_str_eq(told(h, T0 + SEC), "app1/a ");
    ck_assert_str_eq(held_by(h, "app1/a", T0 + SEC), "db1/a");
    on(h, "app1/b", T0 + SEC);
    ck_assert_str_eq(held_by(h, "app1/b", T0 + SEC), "");
    ck_assert_str_eq(held_by(h, "db1/a", T0 + SEC), "");
    inhibits_find(h, "app1/a", T0 + SEC, &i);
    ck_assert_str_eq(i.rule->name, "db");
    ck_assert_uint_eq(i.fingerprint, 7);
    on(h, "app2/", T0 + SEC);
    on(h, "db1/", T0 + SEC);
    ck_assert_str_eq(held_by(h, "app2/", T0 + SEC),
                     "db1/"); /* a missing label equals a missing one */
    ck_assert_uint_eq(inhibits_dependents(h, "db1/a"), 1);
    inhibits_free(h);
    drop_rules(&r);
}
END_TEST

START_TEST(every_source_counts_until_the_last_has_ended)
{
    struct rules r = {0};
    struct inhibits *h;

    rule(&r, "db", "kind=db", "kind=app", "cluster");
    h = ready(&r);
    on(h, "db1/a", T0);
    on(h, "db2/a", T0);
    on(h, "app1/a", T0);
    told(h, T0);
    off(h, "db1/a", T0 + SEC);
    ck_assert_str_eq(told(h, T0 + SEC), "");
    ck_assert_str_eq(held_by(h, "app1/a", T0 + SEC), "db2/a");
    off(h, "db2/a", T0 + 2 * SEC);
    ck_assert_str_eq(told(h, T0 + 2 * SEC), "app1/a ");
    ck_assert_str_eq(held_by(h, "app1/a", T0 + 2 * SEC), "waits");
    inhibits_free(h);
    drop_rules(&r);
}
END_TEST

START_TEST(a_freed_target_is_told_of_when_it_was_looked_at_once_more)
{
    struct rules r = {0};
    struct inhibits *h;

    rule(&r, "db", "kind=db", "kind=app", "cluster");
    h = ready(&r);
    on(h, "db1/a", T0);
    on(h, "app1/a", T0);
    on(h, "app2/a", T0);
    off(h, "db1/a", T0 + SEC);
    on(h, "app1/a", T0 + SEC); /* in the same instant: may have been before the end */
    ck_assert_str_eq(held_by(h, "app1/a", T0 + SEC), "waits");
    on(h, "app1/a", T0 + 2 * SEC);
    ck_assert_str_eq(held_by(h, "app1/a", T0 + 2 * SEC), "");
    ck_assert_str_eq(held_by(h, "app2/a", T0 + 2 * SEC), "waits");
    told(h, T0 + 2 * SEC);
    ck_assert_int_eq(inhibits_next_ms(h), T0 + SEC + INHIBIT_LOOK_MS);
    ck_assert_str_eq(told(h, T0 + SEC + INHIBIT_LOOK_MS - 1), "");
    ck_assert_str_eq(told(h, T0 + SEC + INHIBIT_LOOK_MS), "app1/a app2/a ");
    ck_assert_str_eq(held_by(h, "app2/a", T0 + SEC + INHIBIT_LOOK_MS), "");
    ck_assert_int_eq(inhibits_next_ms(h), 0);
    on(h, "app3/a", T0 + 200 * SEC); /* one that comes afterwards waits for nothing */
    ck_assert_str_eq(held_by(h, "app3/a", T0 + 200 * SEC), "");
    inhibits_free(h);
    drop_rules(&r);
}
END_TEST

START_TEST(before_all_rules_were_looked_at_every_target_waits)
{
    struct rules r = {0};
    struct inhibits *h;

    rule(&r, "db", "kind=db", "kind=app", "cluster");
    h = inhibits_new(r.list, r.n);
    on(h, "app1/a", T0);
    on(h, "web1/a", T0);
    ck_assert_str_eq(held_by(h, "app1/a", T0), "waits");
    ck_assert_str_eq(held_by(h, "web1/a", T0), "");
    inhibits_ready(h);
    ck_assert_str_eq(told(h, T0), "app1/a ");
    ck_assert_str_eq(held_by(h, "app1/a", T0), "");
    inhibits_free(h);
    drop_rules(&r);
}
END_TEST

START_TEST(one_that_matches_both_sides_is_held_by_those_of_the_source_alone)
{
    struct rules r = {0};
    struct inhibits *h;

    rule(&r, "crit", "cluster=a", "kind=app", NULL);
    h = ready(&r);
    on(h, "app1/a", T0); /* both */
    on(h, "app2/a", T0); /* both */
    ck_assert_str_eq(held_by(h, "app1/a", T0), "");
    on(h, "app3/b", T0); /* target alone */
    ck_assert_str_ne(held_by(h, "app3/b", T0), "");
    on(h, "db1/a", T0); /* source alone */
    ck_assert_str_eq(held_by(h, "app1/a", T0), "db1/a");
    ck_assert_uint_eq(inhibits_dependents(h, "db1/a"), 3);
    ck_assert_uint_eq(inhibits_dependents(h, "app1/a"), 1);
    inhibits_free(h);
    drop_rules(&r);
}
END_TEST

START_TEST(of_alerts_that_hold_each_other_the_oldest_is_free)
{
    struct rules r = {0};
    struct inhibits *h;

    rule(&r, "ab", "kind=a", "kind=~b|x", NULL);
    rule(&r, "bc", "kind=b", "kind=~c|x", NULL);
    rule(&r, "ca", "kind=c", "kind=~a|x", NULL);
    h = ready(&r);
    on(h, "b1/", T0);
    on(h, "c1/", T0 + SEC);
    on(h, "a1/", T0 + 2 * SEC);
    ck_assert_str_eq(held_by(h, "b1/", T0 + 2 * SEC), "");
    ck_assert_str_eq(held_by(h, "c1/", T0 + 2 * SEC), "b1/");
    ck_assert_str_eq(held_by(h, "a1/", T0 + 2 * SEC), "c1/");
    told(h, T0 + 2 * SEC);
    off(h, "c1/", T0 + 3 * SEC); /* the circle is open: a holds b */
    ck_assert_ptr_nonnull(strstr(told(h, T0 + 3 * SEC), "b1/"));
    ck_assert_str_eq(held_by(h, "b1/", T0 + 3 * SEC), "a1/");
    inhibits_free(h);
    drop_rules(&r);
}
END_TEST

START_TEST(one_that_came_later_holds_an_older_one_where_there_is_no_circle)
{
    struct rules r = {0};
    struct inhibits *h;

    rule(&r, "ab", "kind=a", "kind=~b|c",
         NULL); /* may form a circle: an alert of a may be a target of bc */
    rule(&r, "bc", "kind=b", "kind=~c|a", "cluster");
    h = ready(&r);
    on(h, "b1/x", T0);
    on(h, "a1/y", T0 + SEC);
    ck_assert_str_eq(held_by(h, "b1/x", T0 + SEC), "a1/y");
    ck_assert_str_eq(held_by(h, "a1/y", T0 + SEC), "");
    inhibits_free(h);
    drop_rules(&r);
}
END_TEST

START_TEST(a_circle_that_the_rules_show_is_seen_and_a_chain_is_none)
{
    struct rules r = {0};
    size_t next;

    rule(&r, "ab", "kind=a", "kind=b", NULL);
    rule(&r, "bc", "kind=b", "kind=c", NULL);
    ck_assert_uint_eq(inhibit_rules_circle(r.list, r.n, &next), r.n);
    rule(&r, "ca", "kind=c", "kind=a", NULL);
    ck_assert_uint_eq(inhibit_rules_circle(r.list, r.n, &next), 0);
    ck_assert_uint_eq(next, 1);
    drop_rules(&r);
}
END_TEST

START_TEST(no_memory_leaves_an_alert_as_it_counted_before)
{
    struct rules r = {0};

    rule(&r, "db", "kind=db", "kind=app", "cluster");
    for (long n = 1;; n++) {
        struct inhibits *h = ready(&r);
        int rc;

        on(h, "app1/a", T0);
        mem_fail_at(n);
        rc = put(h, "db1/a", T0, true, T0);
        mem_fail_at(0);
        ck_assert_str_eq(held_by(h, "app1/a", T0), rc ? "" : "db1/a");
        ck_assert_int_eq(put(h, "db1/a", T0, true, T0), 0);
        ck_assert_str_eq(held_by(h, "app1/a", T0), "db1/a");
        inhibits_free(h);
        if (rc == 0)
            break;
    }
    drop_rules(&r);
}
END_TEST

START_TEST(a_tick_tells_each_once_in_as_many_steps_as_it_is_given)
{
    struct rules r = {0};
    struct inhibits *h;
    char text[4096] = "", key[16];
    int turns = 0;

    rule(&r, "db", "kind=db", "kind=app", "cluster");
    h = ready(&r);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "app%d/a", i % 10);
        on(h, key, T0);
    }
    on(h, "db1/a", T0);
    while (!inhibits_tick(h, T0, 3, note, text)) {
        turns++;
        if (turns == 2)
            off(h, "app9/a", T0); /* one that was not told yet, and one that was */
        if (turns == 2)
            off(h, "app0/a", T0);
    }
    ck_assert_int_eq(turns, 2);
    ck_assert_str_eq(text, "app0/a app1/a app2/a app3/a app4/a app5/a app6/a app7/a app8/a ");
    inhibits_free(h);
    drop_rules(&r);
}
END_TEST

/* --- against a reckoning of its own: all pairs of alerts, each time anew --- */

#define ALERTS 9

struct model {
    bool on;
    int64_t starts_ms, looked_ms;
};

static const char *const keys[ALERTS] = {"a1/x", "a1/y", "b1/x",  "b1/y", "b2/x",
                                         "c1/x", "c1/y", "ab1/x", "d1/"};

static bool side_matches(struct matcher *const *m, size_t n, const char *key)
{
    const char *cluster = strchr(key, '/');
    char name[16], kind[16];
    struct label l[3];

    snprintf(name, sizeof name, "%.*s", (int)(cluster - key), key);
    snprintf(kind, sizeof kind, "%.*s", (int)strlen(name) - 1, name);
    l[0] = label_of("alertname", name);
    l[1] = label_of("cluster", cluster + 1);
    l[2] = label_of("kind", kind);
    return matchers_test_labels(m, n, l, 3);
}

static bool edge(const struct rules *r, const struct model *m, int s, int t)
{
    for (size_t i = 0; m[s].on && m[t].on && s != t && i < r->n; i++) {
        const struct inhibit_rule *x = &r->list[i];
        bool s_target = side_matches(x->target, x->n_target, keys[s]);
        bool t_source = side_matches(x->source, x->n_source, keys[t]);

        if (!side_matches(x->source, x->n_source, keys[s]) ||
            !side_matches(x->target, x->n_target, keys[t]) || (s_target && t_source))
            continue;
        if (x->n_equal == 0 || strcmp(strchr(keys[s], '/'), strchr(keys[t], '/')) == 0)
            return true;
    }
    return false;
}

static bool older(const struct model *m, int a, int b)
{
    return m[a].starts_ms != m[b].starts_ms ? m[a].starts_ms < m[b].starts_ms
                                            : strcmp(keys[a], keys[b]) < 0;
}

static bool is_held(const struct rules *r, const struct model *m, int t)
{
    bool reach[ALERTS][ALERTS];

    for (int i = 0; i < ALERTS; i++)
        for (int k = 0; k < ALERTS; k++)
            reach[i][k] = edge(r, m, i, k);
    for (int via = 0; via < ALERTS; via++)
        for (int i = 0; i < ALERTS; i++)
            for (int k = 0; k < ALERTS; k++)
                reach[i][k] = reach[i][k] || (reach[i][via] && reach[via][k]);
    for (int s = 0; s < ALERTS; s++)
        if (edge(r, m, s, t) && (older(m, s, t) || !reach[t][s]))
            return true;
    return false;
}

static void mark_told(const char *key, void *arg)
{
    bool *asked = arg;

    for (int i = 0; i < ALERTS; i++)
        if (strcmp(keys[i], key) == 0)
            asked[i] = true;
}

/* Every step is told: whose answer differs from the one before was among those told, or is the one that changed. */
START_TEST(random_stories_agree_with_all_pairs_and_every_change_is_told)
{
    srand((unsigned)_i + 1);
    for (int story = 0; story < 60; story++) {
        static const char *const sides[] = {"kind=a",       "kind=b",    "kind=c", "kind=~a|b",
                                            "kind=~b|c|ab", "cluster=x", "kind=ab"};
        struct rules r = {0};
        struct model m[ALERTS] = {0};
        bool was[ALERTS] = {0};
        struct inhibits *h;
        int64_t at_ms = T0;

        for (int i = 0; i < 1 + rand() % 4; i++)
            rule(&r, "x", sides[rand() % 7], sides[rand() % 7], rand() % 2 ? "cluster" : NULL);
        h = ready(&r);
        for (int step = 0; step < 60; step++) {
            int i = rand() % ALERTS;
            bool asked[ALERTS] = {0};

            at_ms +=
                INHIBIT_LOOK_MS + 1; /* what waits for a look is the business of another test */
            if (!m[i].on)
                m[i].starts_ms = at_ms;
            m[i].on = !m[i].on || rand() % 3 == 0;
            ck_assert_int_eq(put(h, keys[i], m[i].starts_ms, m[i].on, at_ms), 0);
            asked[i] = true;
            while (!inhibits_tick(h, at_ms, (size_t)(1 + rand() % 4), mark_told, asked))
                ;
            at_ms += INHIBIT_LOOK_MS + 1;
            while (!inhibits_tick(h, at_ms, 2, mark_told, asked))
                ;
            for (int k = 0; k < ALERTS; k++) {
                bool held = m[k].on && held_by(h, keys[k], at_ms)[0];

                ck_assert_msg(held == is_held(&r, m, k), "story %d step %d: %s", story, step,
                              keys[k]);
                ck_assert_msg(held == was[k] || asked[k], "story %d step %d: %s was not told",
                              story, step, keys[k]);
                was[k] = held;
            }
        }
        inhibits_free(h);
        drop_rules(&r);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_target_is_held_while_a_source_with_equal_labels_is_on);
    tcase_add_test(t, every_source_counts_until_the_last_has_ended);
    tcase_add_test(t, a_freed_target_is_told_of_when_it_was_looked_at_once_more);
    tcase_add_test(t, before_all_rules_were_looked_at_every_target_waits);
    tcase_add_test(t, one_that_matches_both_sides_is_held_by_those_of_the_source_alone);
    tcase_add_test(t, of_alerts_that_hold_each_other_the_oldest_is_free);
    tcase_add_test(t, one_that_came_later_holds_an_older_one_where_there_is_no_circle);
    tcase_add_test(t, a_circle_that_the_rules_show_is_seen_and_a_chain_is_none);
    tcase_add_test(t, no_memory_leaves_an_alert_as_it_counted_before);
    tcase_add_test(t, a_tick_tells_each_once_in_as_many_steps_as_it_is_given);
    tcase_add_loop_test(t, random_stories_agree_with_all_pairs_and_every_change_is_told, 0, 20);
}

UNIT_MAIN("inhibit", add_tests)
