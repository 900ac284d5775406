/* Tocsin's own alerts come from the built-in rule file: there is no second list to go stale. */
#include "unit.h"

#include <string.h>

#include "app/own_alerts.h"
#include "base/builtin.h"
#include "model/series.h"

START_TEST(every_built_in_rule_is_an_own_alert)
{
    const struct builtin_file *f = builtin_find("rules/self/tocsin.lua");
    struct err e = {0};
    struct rulefile *rules = rulefile_load(f->path, f->text, f->len, NULL, &e);
    struct own_alert *own;
    size_t n;

    ck_assert_msg(rules != NULL, "%s", e.text);
    own = own_alerts_new(rules, &n);
    ck_assert_ptr_nonnull(own);
    ck_assert_uint_eq(n, rulefile_count(rules));
    ck_assert_uint_gt(n, 5);
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(own[i].name, rulefile_rule(rules, i)->name);
        ck_assert_msg(own[i].n_labels > 0 && strcmp(own[i].labels[0].value, "tocsin") == 0, "%s",
                      own[i].name);
    }
    own_alerts_free(own, n);
    rulefile_unref(rules);
}
END_TEST

START_TEST(own_alerts_look_at_own_samples_only)
{
    const struct builtin_file *f = builtin_find("rules/self/tocsin.lua");
    struct err e = {0};
    struct rulefile *rules = rulefile_load(f->path, f->text, f->len, NULL, &e);
    struct label own = label_of(SERIES_OWN_LABEL, SERIES_OWN);

    ck_assert_msg(rules != NULL, "%s", e.text);
    for (size_t i = 0; i < rulefile_count(rules); i++) {
        const struct rule_def *d = rulefile_rule(rules, i);

        ck_assert_uint_gt(d->n_leaves, 0);
        for (size_t k = 0; k < d->n_leaves; k++) {
            const struct leaf_spec *leaf = d->leaves[k]->leaf;

            ck_assert(matchers_test_labels(leaf->matchers, leaf->n_matchers, &own, 1));
            ck_assert_msg(!matchers_test_labels(leaf->matchers, leaf->n_matchers, NULL, 0),
                          "%s would take anybody's samples", d->name);
        }
    }
    rulefile_unref(rules);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, own_alerts_look_at_own_samples_only);
    tcase_add_test(t, every_built_in_rule_is_an_own_alert);
}

UNIT_MAIN("own alerts", add)
