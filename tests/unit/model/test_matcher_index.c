#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/matcher_index.h"

static struct matcher *equal(const char *name, const char *value)
{
    struct err e;
    struct matcher *m = matcher_new(name, MATCH_EQUAL, false, value, &e);

    ck_assert_ptr_nonnull(m);
    return m;
}

/* --- random lists over few labels: found is exactly what matches, after removals too --- */

#define LISTS 300
#define NAMES 4
static const char *const names[NAMES] = {"job", "host", "code", "zone"};
static const char *const values[] = {"a", "b", "c", "ab", ""};

struct list {
    struct matcher *m[5];
    size_t n;
    bool entered;
};

static struct matcher *random_matcher(void)
{
    static const char *const several[] = {"a", "b", "zz"};
    static const char *const with_empty[] = {"", "c"};
    const char *name = names[rand() % NAMES], *value = values[rand() % 5];
    struct err e;

    switch (rand() % 7) {
    case 0:
        return matcher_new_list(name, false, several, 3, &e);
    case 1:
        return matcher_new_list(name, false, with_empty, 2, &e);
    case 2:
        return matcher_new(name, MATCH_REGEX, false, "a.*|c", &e);
    case 3:
        return matcher_new(name, MATCH_EQUAL, true, value, &e);
    case 4:
        return matcher_new_list(name, true, several, 3, &e);
    default:
        return matcher_new(name, MATCH_EQUAL, false, value, &e);
    }
}

static void compare(const struct matcher_index *ix, const struct list *lists,
                    struct matcher_candidates *c)
{
    struct label l[NAMES];
    size_t n = 0, found = 0;

    for (int i = 0; i < NAMES; i++) {
        const char *value = values[rand() % 5];

        if (*value)
            l[n++] = label_of(names[i], value);
    }
    ck_assert_int_eq(matcher_index_find(ix, l, n, c), 0);
    for (size_t i = 1; i < c->n; i++)
        ck_assert_uint_lt(c->ids[i - 1], c->ids[i]);
    for (size_t i = 0; i < c->n; i++)
        ck_assert(lists[c->ids[i]].entered);
    for (uint32_t i = 0; i < LISTS; i++) {
        if (!lists[i].entered || !matchers_test_labels(lists[i].m, lists[i].n, l, n))
            continue;
        while (found < c->n && c->ids[found] < i)
            found++;
        ck_assert_msg(found < c->n && c->ids[found] == i, "list %u matches and was not found", i);
    }
}

START_TEST(all_that_match_are_found_whatever_was_entered_and_taken_out)
{
    struct matcher_index *ix = matcher_index_new();
    struct matcher_candidates c = {0};
    struct list lists[LISTS] = {0};
    size_t entered = 0;

    srand(7);
    for (int round = 0; round < 4000; round++) {
        uint32_t i = (uint32_t)rand() % LISTS;
        struct list *x = &lists[i];

        if (x->entered) {
            matcher_index_remove(ix, x->m, x->n, i);
            for (size_t k = 0; k < x->n; k++)
                matcher_unref(x->m[k]);
            x->entered = false;
            entered--;
        } else {
            x->n = (size_t)rand() % 5;
            for (size_t k = 0; k < x->n; k++)
                x->m[k] = random_matcher();
            ck_assert_int_eq(matcher_index_add(ix, x->m, x->n, i), 0);
            x->entered = true;
            entered++;
        }
        ck_assert_uint_eq(matcher_index_count(ix), entered);
        compare(ix, lists, &c);
    }
    for (uint32_t i = 0; i < LISTS; i++) {
        if (!lists[i].entered)
            continue;
        matcher_index_remove(ix, lists[i].m, lists[i].n, i);
        for (size_t k = 0; k < lists[i].n; k++)
            matcher_unref(lists[i].m[k]);
    }
    ck_assert_uint_eq(matcher_index_count(ix), 0);
    matcher_candidates_free(&c);
    matcher_index_free(ix);
}
END_TEST

START_TEST(lists_that_share_a_label_are_told_apart_by_another)
{
    struct matcher_index *ix = matcher_index_new();
    struct matcher *job = equal("job", "node");
    struct matcher_candidates c = {0};
    struct label l[2] = {label_of("host", "h77"), label_of("job", "node")};
    char host[16];

    for (uint32_t i = 0; i < 1000; i++) {
        struct matcher *m[2] = {job, NULL};

        snprintf(host, sizeof host, "h%u", i);
        m[1] = equal("host", host);
        ck_assert_int_eq(matcher_index_add(ix, m, 2, i), 0);
        matcher_unref(m[1]);
    }
    ck_assert_int_eq(matcher_index_find(ix, l, 2, &c), 0);
    ck_assert_uint_le(c.n, 2); /* the one of its host, and the first one, which stands under job */
    ck_assert_uint_eq(c.ids[c.n - 1], 77);
    matcher_candidates_free(&c);
    matcher_unref(job);
    matcher_index_free(ix);
}
END_TEST

START_TEST(without_memory_the_index_stays_as_it_was)
{
    static const char *const hosts[] = {"a", "b", "c"};
    struct err e;
    struct matcher *m[2] = {equal("job", "x"), matcher_new_list("host", false, hosts, 3, &e)};
    struct matcher *only_list[1] = {m[1]};
    struct label l[1] = {label_of("host", "b")};
    struct matcher_candidates c = {0};

    for (long at = 1;; at++) {
        struct matcher_index *ix = matcher_index_new();
        int rc;

        ck_assert_int_eq(matcher_index_add(ix, m, 1, 1), 0);
        mem_fail_at(at);
        rc = matcher_index_add(ix, only_list, 1, 2);
        mem_fail_at(0);
        ck_assert_uint_eq(matcher_index_count(ix), rc == 0 ? 2 : 1);
        ck_assert_int_eq(matcher_index_find(ix, l, 1, &c), 0);
        ck_assert_uint_eq(c.n, rc == 0 ? 1 : 0);
        matcher_index_free(ix);
        if (rc == 0)
            break;
    }
    matcher_candidates_free(&c);
    matcher_unref(m[0]);
    matcher_unref(m[1]);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, all_that_match_are_found_whatever_was_entered_and_taken_out);
    tcase_add_test(t, lists_that_share_a_label_are_told_apart_by_another);
    tcase_add_test(t, without_memory_the_index_stays_as_it_was);
}

UNIT_MAIN("matcher_index", add)
