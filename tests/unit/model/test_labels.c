#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/labels.h"
#include "model/sample.h"

/* "b=2,a=1" -> labels, unsorted; names and values live in `copy`. */
static size_t parse(const char *text, char *copy, struct label *l)
{
    size_t n = 0;

    strcpy(copy, text);
    for (char *part = strtok(copy, ","); part; part = strtok(NULL, ",")) {
        char *eq = strchr(part, '=');

        *eq = 0;
        l[n++] = label_of(part, eq + 1);
    }
    return n;
}

static const struct {
    const char *in, *out; /* NULL: a name stands twice */
} sorted[] = {
    {"", "{}"},
    {"a=1", "{a=\"1\"}"},
    {"b=2,a=1", "{a=\"1\",b=\"2\"}"},
    {"a=", "{}"},
    {"a=,b=2,c=", "{b=\"2\"}"},
    {"ab=1,a=2,abc=3", "{a=\"2\",ab=\"1\",abc=\"3\"}"},
    {"a=1,a=1", NULL},
    {"a=1,b=2,a=", NULL},
    {"Z=1,_x=2,a=3", "{Z=\"1\",_x=\"2\",a=\"3\"}"},
};

START_TEST(sorting_drops_empty_values_and_refuses_doubles)
{
    for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++) {
        char copy[100];
        struct label l[10];
        struct buf b = BUF_INIT;
        int n = labels_sort(l, parse(sorted[i].in, copy, l));

        if (!sorted[i].out) {
            ck_assert_msg(n == -1, "%s", sorted[i].in);
            continue;
        }
        ck_assert_msg(n >= 0, "%s", sorted[i].in);
        labels_text(l, (size_t)n, &b);
        ck_assert_str_eq(buf_str(&b), sorted[i].out);
        buf_free(&b);
    }
}
END_TEST

START_TEST(a_thousand_names_in_the_worst_order_are_sorted)
{
    enum { N = 1000 };
    static char names[N][8];
    static struct label l[N];

    for (int i = 0; i < N; i++) {
        sprintf(names[i], "n%04d", N - 1 - i);
        l[i] = label_of(names[i], "v");
    }
    ck_assert_int_eq(labels_sort(l, N), N);
    for (int i = 1; i < N; i++)
        ck_assert_int_lt(strcmp(l[i - 1].name, l[i].name), 0);
    l[0] = l[N - 1];
    ck_assert_int_eq(labels_sort(l, N), -1);
}
END_TEST

START_TEST(text_escapes_quotes_backslashes_and_newlines)
{
    struct label l[] = {label_of("a", "x\"y\\z\nw")};
    struct buf b = BUF_INIT;

    labels_text(l, 1, &b);
    ck_assert_str_eq(buf_str(&b), "{a=\"x\\\"y\\\\z\\nw\"}");
    buf_free(&b);
}
END_TEST

/* {testing="tester"} is 0x4b0adde6e8e4a580 in Prometheus' client libraries too; the empty set is
 * FNV's start. */
static const struct {
    const char *in;
    uint64_t fingerprint;
} fingerprints[] = {
    {"", UINT64_C(0xcbf29ce484222325)},
    {"testing=tester", UINT64_C(0x4b0adde6e8e4a580)},
    {"severity=page,alertname=A", UINT64_C(0xf2f95d02269594eb)},
};

START_TEST(fingerprints_are_alertmanagers)
{
    struct label ab_c[] = {label_of("ab", "c")}, a_bc[] = {label_of("a", "bc")};

    for (size_t i = 0; i < sizeof fingerprints / sizeof *fingerprints; i++) {
        char copy[100];
        struct label l[10];
        int n = labels_sort(l, parse(fingerprints[i].in, copy, l));

        ck_assert(labels_fingerprint(l, (size_t)n) == fingerprints[i].fingerprint);
    }
    ck_assert(labels_fingerprint(ab_c, 1) != labels_fingerprint(a_bc, 1));
}
END_TEST

static struct labelsets *ls;

static labelset set(const char *text)
{
    char copy[400];
    struct label l[LABELS_MAX + 2];
    int n = labels_sort(l, parse(text, copy, l));

    ck_assert_int_ge(n, 0);
    return labelsets_intern(ls, l, (size_t)n);
}

static labelset find(const char *text)
{
    char copy[400];
    struct label l[LABELS_MAX + 2];
    int n = labels_sort(l, parse(text, copy, l));

    return labelsets_find(ls, l, (size_t)n);
}

static void check_text(labelset id, const char *want)
{
    struct buf b = BUF_INIT;

    labelset_text(ls, id, &b);
    ck_assert_str_eq(buf_str(&b), want);
    buf_free(&b);
}

START_TEST(equal_sets_have_one_id_until_the_last_reference_goes)
{
    labelset a, b;
    size_t len;

    ls = labelsets_new(0);
    a = set("job=api,env=prod");
    b = set("env=prod,job=api");
    ck_assert_uint_eq(a, b);
    ck_assert_uint_eq(find("job=api,env=prod"), a);
    ck_assert_uint_ne(set("job=api"), a);
    ck_assert_uint_eq(labelset_size(ls, a), 2);
    ck_assert_str_eq(labelset_at(ls, a, 0).name, "env");
    ck_assert_str_eq(labelset_value(ls, a, "job", &len), "api");
    ck_assert_uint_eq(len, 3);
    ck_assert_str_eq(labelset_value(ls, a, "jo", &len), "");
    ck_assert_uint_eq(len, 0);
    check_text(a, "{env=\"prod\",job=\"api\"}");
    labelset_unref(ls, a);
    ck_assert_uint_eq(find("job=api,env=prod"), a);
    labelset_unref(ls, a);
    ck_assert_uint_eq(find("job=api,env=prod"), LABELSET_NONE);
    ck_assert_uint_ne(find("job=api"), LABELSET_NONE);
    labelsets_free(ls);
}
END_TEST

/* The next set is compared with the one before, of which nothing may be left by then. */
START_TEST(a_set_that_was_freed_lends_nothing_to_the_next_one)
{
    labelset a, b;

    ls = labelsets_new(0);
    set("env=o,job=o,pod=o,zone=o"); /* the names are there all the time */
    for (int i = 0; i < 3; i++) {    /* the freed room is used again at once */
        a = set("env=prod,job=api,pod=1");
        labelset_unref(ls, a);
        a = set("env=prod,job=api,pod=1");
        b = set("env=test,job=api,pod=2,zone=z");
        check_text(a, "{env=\"prod\",job=\"api\",pod=\"1\"}");
        check_text(b, "{env=\"test\",job=\"api\",pod=\"2\",zone=\"z\"}");
        ck_assert_uint_eq(set("env=test,job=api,pod=2,zone=z"), b);
        labelset_unref(ls, b);
        labelset_unref(ls, b);
        labelset_unref(ls, a);
        ck_assert_uint_eq(find("job=api"), LABELSET_NONE);
        ck_assert_uint_eq(labelsets_count(ls), 2); /* with the empty one */
    }
    labelsets_free(ls);
}
END_TEST

/* Another set may keep all pairs of one that was freed. */
START_TEST(a_set_whose_pairs_live_on_is_freed_all_the_same)
{
    labelset a;

    ls = labelsets_new(0);
    set("env=prod,job=api,pod=1");
    for (int i = 0; i < 3; i++) {
        a = set("env=prod,job=api");
        ck_assert_uint_eq(set("env=prod,job=api"), a); /* of the set before */
        ck_assert_uint_eq(labelsets_count(ls), 3);
        labelset_unref(ls, a);
        ck_assert_uint_eq(find("env=prod,job=api"), a);
        labelset_unref(ls, a);
        ck_assert_uint_eq(find("env=prod,job=api"), LABELSET_NONE);
        ck_assert_uint_eq(labelsets_count(ls), 2);
    }
    labelsets_free(ls);
}
END_TEST

/* Labels that only one of two sets has lie between those that they share. */
START_TEST(sets_after_one_another_share_pairs_wherever_they_stand)
{
    labelset a, b, c;

    ls = labelsets_new(0);
    a = set("a=1,b=2,c=3,d=4,e=5,f=6,g=7");
    b = set("a=1,g=7");
    c = set("a=1,bb=2,c=3,cc=3,e=5,f=6,g=8");
    ck_assert_uint_eq(set("a=1,b=2,c=3,d=4,e=5,f=6,g=7"), a);
    ck_assert_uint_eq(set("a=1,g=7"), b);
    ck_assert_uint_eq(set("a=1,bb=2,c=3,cc=3,e=5,f=6,g=8"), c);
    check_text(c, "{a=\"1\",bb=\"2\",c=\"3\",cc=\"3\",e=\"5\",f=\"6\",g=\"8\"}");
    labelsets_free(ls);
}
END_TEST

START_TEST(the_empty_set_is_always_there)
{
    labelset empty;

    ls = labelsets_new(0);
    empty = labelsets_empty(ls);
    ck_assert_uint_eq(set(""), empty);
    labelset_unref(ls, empty);
    labelset_unref(ls, empty);
    labelset_unref(ls, empty);
    ck_assert_uint_eq(find(""), empty);
    check_text(empty, "{}");
    labelsets_free(ls);
}
END_TEST

START_TEST(sets_take_as_many_labels_as_allowed_and_not_one_more)
{
    char names[LABELS_MAX + 1][8];
    struct label l[LABELS_MAX + 1];

    ls = labelsets_new(0);
    for (int i = 0; i <= LABELS_MAX; i++) {
        sprintf(names[i], "l%03d", i);
        l[i] = label_of(names[i], "v");
    }
    ck_assert_uint_ne(labelsets_intern(ls, l, LABELS_MAX - 1), LABELSET_NONE);
    ck_assert_uint_ne(labelsets_intern(ls, l, LABELS_MAX), LABELSET_NONE);
    ck_assert_uint_eq(labelsets_intern(ls, l, LABELS_MAX + 1), LABELSET_NONE);
    ck_assert_uint_eq(labelsets_find(ls, l, LABELS_MAX + 1), LABELSET_NONE);
    labelsets_free(ls);
}
END_TEST

START_TEST(long_values_are_kept_up_to_their_bound)
{
    char *value = mem_zalloc(65537);
    struct label l = {"a", value, 1, 0};
    size_t len;
    labelset id;

    ls = labelsets_new(0);
    memset(value, 'x', 65536);
    l.value_len = 65535;
    id = labelsets_intern(ls, &l, 1);
    ck_assert_uint_ne(id, LABELSET_NONE);
    ck_assert_uint_eq(strlen(labelset_value(ls, id, "a", &len)), 65535);
    l.value_len = 65536;
    ck_assert_uint_eq(labelsets_intern(ls, &l, 1), LABELSET_NONE);
    mem_free(value);
    labelsets_free(ls);
}
END_TEST

START_TEST(a_bound_of_memory_refuses_and_freeing_makes_room)
{
    enum { MAX = 3 << 20 };
    static labelset ids[400000];
    size_t n = 0, again = 0;
    char text[40];

    ls = labelsets_new(MAX);
    for (;; n++) {
        sprintf(text, "pod=pod-number-%zu", n);
        ids[n] = set(text);
        if (ids[n] == LABELSET_NONE)
            break;
        ck_assert_uint_lt(n, 399999);
    }
    ck_assert_uint_gt(n, 10000);
    ck_assert_uint_le(labelsets_bytes(ls), MAX);
    for (size_t i = 0; i < n; i++)
        labelset_unref(ls, ids[i]);
    ck_assert_uint_eq(labelsets_count(ls), 1);
    for (; again < n; again++) {
        sprintf(text, "pod=pod-number-%zu", again);
        if (set(text) == LABELSET_NONE)
            break;
    }
    ck_assert_uint_eq(again, n);
    labelsets_free(ls);
}
END_TEST

START_TEST(projections_keep_or_drop)
{
    static const char *const names[] = {"service", "region", "service"};
    struct label_names by, without;
    labelset id, out;

    ls = labelsets_new(0);
    ck_assert_int_eq(label_names_init(ls, &by, false, names, 3), 0);
    ck_assert_int_eq(label_names_init(ls, &without, true, names, 3), 0);
    ck_assert_uint_eq(by.n, 2);
    id = set("service=web,pod=p1,region=eu,zone=a");
    ck_assert_uint_eq(labelset_project_find(ls, id, &by), LABELSET_NONE);
    out = labelset_project(ls, id, &by);
    check_text(out, "{region=\"eu\",service=\"web\"}");
    ck_assert_uint_eq(labelset_project_find(ls, id, &by), out);
    check_text(labelset_project(ls, id, &without), "{pod=\"p1\",zone=\"a\"}");
    id = set("pod=p1");
    ck_assert_uint_eq(labelset_project(ls, id, &by), labelsets_empty(ls));
    ck_assert_uint_eq(labelset_project(ls, id, &without), id);
    label_names_clear(ls, &by);
    label_names_clear(ls, &without);
    labelsets_free(ls);
}
END_TEST

START_TEST(signatures_are_those_of_the_names)
{
    labelset a, b, c;

    ls = labelsets_new(0);
    a = set("service=web,pod=p1");
    b = set("service=api,pod=p2");
    c = set("service=web");
    ck_assert(labelset_signature(ls, a) == labelset_signature(ls, b));
    ck_assert(labelset_signature(ls, a) != labelset_signature(ls, c));
    labelsets_free(ls);
}
END_TEST

START_TEST(failed_allocations_leave_the_sets_as_they_were)
{
    long failures = 0;

    for (long at = 1;; at++) {
        labelset id;

        ls = labelsets_new(0);
        ck_assert_uint_ne(set("x=1"), LABELSET_NONE);
        mem_fail_at(at);
        for (int i = 0; i < 60; i++) {
            char text[60];

            sprintf(text, "name%d=value%d,job=api", i, i);
            id = set(text);
            if (id == LABELSET_NONE)
                break;
        }
        if (!mem_failed()) {
            mem_fail_at(0);
            labelsets_free(ls);
            break;
        }
        failures++;
        mem_fail_at(0);
        ck_assert_uint_eq(id, LABELSET_NONE);
        id = set("name7=value7,job=api");
        ck_assert_uint_ne(id, LABELSET_NONE);
        check_text(id, "{job=\"api\",name7=\"value7\"}");
        labelsets_free(ls);
    }
    ck_assert_int_gt(failures, 60);
}
END_TEST

START_TEST(a_new_table_needs_its_memory)
{
    for (long at = 1;; at++) {
        mem_fail_at(at);
        ls = labelsets_new(0);
        mem_fail_at(0);
        if (ls)
            break;
        ck_assert_int_lt(at, 20);
    }
    labelsets_free(ls);
}
END_TEST

/* Random interning and releasing, against an array that counts references by hand. */
START_TEST(random_references_agree_with_a_naive_count)
{
    enum { SETS = 3000, STEPS = 300000 };
    static int refs[SETS];
    static labelset ids[SETS];
    uint64_t state = 42;
    size_t live = 0;

    ls = labelsets_new(0);
    memset(refs, 0, sizeof refs);
    for (int step = 0; step < STEPS; step++) {
        char text[80];
        size_t k;

        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        k = (state >> 33) % SETS;
        sprintf(text, "pod=p%zu,job=j%zu,name%zu=x", k, k % 7, k % 11);
        ck_assert_msg((find(text) != LABELSET_NONE) == (refs[k] > 0), "step %d", step);
        if ((state >> 20) % 5 < 2 + (step < STEPS / 2 ? 1u : 0u)) {
            labelset id = set(text);

            if (refs[k]++ > 0)
                ck_assert_uint_eq(id, ids[k]);
            else
                live++;
            ids[k] = id;
        } else if (refs[k] > 0) {
            labelset_unref(ls, ids[k]);
            live -= --refs[k] == 0;
        }
        ck_assert_uint_eq(labelsets_count(ls), live + 1);
    }
    for (size_t k = 0; k < SETS; k++)
        for (; refs[k] > 0; refs[k]--)
            labelset_unref(ls, ids[k]);
    ck_assert_uint_eq(labelsets_count(ls), 1);
    ck_assert_uint_eq(find("pod=p1"), LABELSET_NONE);
    labelsets_free(ls);
}
END_TEST

START_TEST(fields_of_events_are_found_by_name)
{
    struct label l[] = {label_of("a", "1"), label_of("ab", "2"), label_of("b", "3")};
    struct logevent e = {.fields = l, .n_fields = 3};

    ck_assert_str_eq(logevent_field(&e, "a", 1)->value, "1");
    ck_assert_str_eq(logevent_field(&e, "ab", 2)->value, "2");
    ck_assert_str_eq(logevent_field(&e, "b", 1)->value, "3");
    ck_assert_ptr_null(logevent_field(&e, "", 0));
    ck_assert_ptr_null(logevent_field(&e, "abc", 3));
    ck_assert_ptr_null(logevent_field(&e, "c", 1));
    e.n_fields = 0;
    ck_assert_ptr_null(logevent_field(&e, "a", 1));
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, sorting_drops_empty_values_and_refuses_doubles);
    tcase_add_test(t, a_thousand_names_in_the_worst_order_are_sorted);
    tcase_add_test(t, text_escapes_quotes_backslashes_and_newlines);
    tcase_add_test(t, fingerprints_are_alertmanagers);
    tcase_add_test(t, equal_sets_have_one_id_until_the_last_reference_goes);
    tcase_add_test(t, a_set_that_was_freed_lends_nothing_to_the_next_one);
    tcase_add_test(t, a_set_whose_pairs_live_on_is_freed_all_the_same);
    tcase_add_test(t, sets_after_one_another_share_pairs_wherever_they_stand);
    tcase_add_test(t, the_empty_set_is_always_there);
    tcase_add_test(t, sets_take_as_many_labels_as_allowed_and_not_one_more);
    tcase_add_test(t, long_values_are_kept_up_to_their_bound);
    tcase_add_test(t, a_bound_of_memory_refuses_and_freeing_makes_room);
    tcase_add_test(t, projections_keep_or_drop);
    tcase_add_test(t, signatures_are_those_of_the_names);
    tcase_add_test(t, failed_allocations_leave_the_sets_as_they_were);
    tcase_add_test(t, a_new_table_needs_its_memory);
    tcase_add_test(t, random_references_agree_with_a_naive_count);
    tcase_add_test(t, fields_of_events_are_found_by_name);
}

UNIT_MAIN("labels", add)
