#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/series.h"

static struct labelsets *ls;
static struct series_table *t;

static void open_table(uint32_t max)
{
    ls = labelsets_new(0);
    t = series_table_new(ls, max);
}

static void close_table(void)
{
    series_table_free(t);
    ck_assert_uint_eq(labelsets_count(ls), 1);
    labelsets_free(ls);
}

/* "__name__=up,job=api" -> sorted labels in static memory */
static size_t labels(const char *text, struct label *l)
{
    static char copy[500];
    size_t n = 0;
    int kept;

    strcpy(copy, text);
    for (char *part = strtok(copy, ","); part; part = strtok(NULL, ",")) {
        char *eq = strchr(part, '=');

        *eq = 0;
        l[n++] = label_of(part, eq + 1);
    }
    kept = labels_sort(l, n);
    ck_assert_int_ge(kept, 0);
    return (size_t)kept;
}

static uint32_t resolve(const char *text, const char *token, bool *is_new)
{
    struct label l[LABELS_MAX + 2];

    return series_resolve(t, l, labels(text, l), token, SAMPLE_GAUGE, is_new);
}

static void check_labels(uint32_t id, const char *want)
{
    struct label l[LABELS_MAX + 1];
    struct buf b = BUF_INIT;

    labels_text(l, series_labels(t, id, l), &b);
    ck_assert_str_eq(buf_str(&b), want);
    buf_free(&b);
}

START_TEST(a_series_keeps_its_id)
{
    bool is_new;
    size_t len;
    uint32_t up;

    open_table(0);
    up = resolve("__name__=up,job=api,instance=a", "", &is_new);
    ck_assert_uint_eq(up, 0);
    ck_assert(is_new);
    ck_assert_uint_eq(resolve("job=api,__name__=up,instance=a", "", &is_new), up);
    ck_assert(!is_new);
    ck_assert_uint_eq(resolve("__name__=up,job=api,instance=b", "", &is_new), 1);
    ck_assert_uint_eq(resolve("__name__=down,job=api,instance=a", "", &is_new), 2);
    ck_assert_uint_eq(resolve("__name__=up", "", &is_new), 3);
    check_labels(0, "{__name__=\"up\",instance=\"a\",job=\"api\"}");
    check_labels(3, "{__name__=\"up\"}");
    ck_assert_str_eq(series_name(t, series_get(t, 2)->name, &len), "down");
    ck_assert_uint_eq(len, 4);
    ck_assert_uint_eq(series_name_find(t, "up", 2), series_get(t, 0)->name);
    ck_assert_uint_eq(series_name_find(t, "u", 1), UINT32_MAX);
    ck_assert_uint_eq(series_get(t, 0)->labels == series_get(t, 2)->labels, true);
    ck_assert_uint_eq(series_count(t), 4);
    ck_assert_uint_eq(series_end(t), 4);
    ck_assert_ptr_null(series_get(t, 4));
    ck_assert_ptr_null(series_get(t, SERIES_NONE));
    close_table();
}
END_TEST

START_TEST(the_name_stands_where_it_sorts)
{
    bool is_new;
    uint32_t id;

    open_table(0);
    id = resolve("__name__=up,A=1,Zone=2,a=3", "", &is_new);
    check_labels(id, "{A=\"1\",Zone=\"2\",__name__=\"up\",a=\"3\"}");
    ck_assert_uint_eq(resolve("a=3,A=1,__name__=up,Zone=2", "", &is_new), id);
    id = resolve("__name__=up,A=1", "", &is_new);
    check_labels(id, "{A=\"1\",__name__=\"up\"}");
    close_table();
}
END_TEST

START_TEST(what_has_no_name_is_no_series)
{
    bool is_new;

    open_table(0);
    ck_assert_uint_eq(resolve("job=api", "", &is_new), SERIES_NONE);
    ck_assert_uint_eq(resolve("", "", &is_new), SERIES_NONE);
    ck_assert_uint_eq(resolve("__name=up,__name__x=up", "", &is_new), SERIES_NONE);
    ck_assert_uint_eq(series_count(t), 0);
    close_table();
}
END_TEST

START_TEST(the_bound_of_series_is_exact)
{
    bool is_new;

    open_table(3);
    ck_assert_uint_ne(resolve("__name__=a", "", &is_new), SERIES_NONE);
    ck_assert_uint_ne(resolve("__name__=b", "", &is_new), SERIES_NONE);
    ck_assert_uint_ne(resolve("__name__=c", "", &is_new), SERIES_NONE);
    ck_assert_uint_eq(resolve("__name__=d", "", &is_new), SERIES_NONE);
    ck_assert(!is_new);
    ck_assert_uint_eq(resolve("__name__=b", "", &is_new), 1);
    series_forget(t, 0);
    ck_assert_uint_eq(resolve("__name__=d", "", &is_new), 3);
    ck_assert_uint_eq(resolve("__name__=a", "", &is_new), SERIES_NONE);
    close_table();
}
END_TEST

START_TEST(labels_are_bounded_apart_from_the_name)
{
    char names[LABELS_MAX + 1][8];
    struct label l[LABELS_MAX + 2];
    bool is_new;

    open_table(0);
    l[0] = label_of("__name__", "up");
    for (int i = 0; i <= LABELS_MAX; i++) {
        sprintf(names[i], "l%03d", i);
        l[i + 1] = label_of(names[i], "v");
    }
    ck_assert_uint_eq(series_resolve(t, l, LABELS_MAX, "", 0, &is_new), 0);
    ck_assert_uint_eq(series_resolve(t, l, LABELS_MAX + 1, "", 0, &is_new), 1);
    ck_assert_uint_eq(series_resolve(t, l, LABELS_MAX + 2, "", 0, &is_new), SERIES_NONE);
    ck_assert_uint_eq(series_labels(t, 1, l), LABELS_MAX + 1);
    close_table();
}
END_TEST

START_TEST(sources_are_token_job_and_instance)
{
    bool is_new;
    uint32_t a, b, c, d, e;

    open_table(0);
    a = resolve("__name__=x,job=api,instance=1,pod=p", "", &is_new);
    b = resolve("__name__=y,job=api,instance=1,zone=z", "", &is_new);
    c = resolve("__name__=x,job=api,instance=2", "", &is_new);
    d = resolve("__name__=x,job=api,instance=1,pod=q", "tok", &is_new);
    e = resolve("__name__=free", "", &is_new);
    ck_assert_uint_eq(series_get(t, a)->source, series_get(t, b)->source);
    ck_assert_uint_ne(series_get(t, a)->source, series_get(t, c)->source);
    ck_assert_uint_ne(series_get(t, a)->source, series_get(t, d)->source);
    ck_assert_uint_eq(series_source_count(t), 4);
    ck_assert_str_eq(series_token(t, d), "tok");
    ck_assert_str_eq(series_token(t, e), "");
    ck_assert_str_eq(series_token(t, 99), "");
    /* a source that has gone and comes back is a new one */
    series_forget(t, c);
    c = resolve("__name__=x,job=api,instance=2", "", &is_new);
    ck_assert_uint_eq(series_get(t, c)->source, 4);
    a = resolve("__name__=z,job=api,instance=2,pod=r", "", &is_new);
    ck_assert_uint_eq(series_get(t, a)->source, 4);
    a = resolve("__name__=z,job=api,instance=2,pod=r2", "to", &is_new);
    ck_assert_uint_ne(series_get(t, a)->source, 4);
    a = resolve("__name__=z,instance=2,pod=r", "to", &is_new);
    b = resolve("__name__=z,job=2,pod=r", "to", &is_new);
    ck_assert_uint_ne(series_get(t, a)->source, series_get(t, b)->source);
    close_table();
}
END_TEST

START_TEST(forgotten_ids_are_not_used_again_and_free_their_memory)
{
    enum { N = 20000 };
    bool is_new;
    char text[60];
    size_t full;

    open_table(0);
    for (int i = 0; i < N; i++) {
        sprintf(text, "__name__=up,pod=%d", i);
        ck_assert_uint_eq(resolve(text, "", &is_new), (uint32_t)i);
    }
    full = series_bytes(t);
    for (uint32_t i = 0; i < N; i++)
        if (i != 9000)
            series_forget(t, i);
    series_forget(t, 5);
    ck_assert_uint_eq(series_count(t), 1);
    ck_assert_uint_eq(series_end(t), N);
    ck_assert_ptr_null(series_get(t, 8999));
    ck_assert_ptr_nonnull(series_get(t, 9000));
    ck_assert_uint_eq(labelsets_count(ls), 2);
    ck_assert_uint_lt(series_bytes(t) + 2 * 4096 * sizeof(struct series), full);
    ck_assert_uint_eq(resolve("__name__=up,pod=5", "", &is_new), N);
    ck_assert(is_new);
    ck_assert_uint_eq(resolve("__name__=up,pod=9000", "", &is_new), 9000);
    close_table();
}
END_TEST

START_TEST(recovery_puts_series_where_they_were)
{
    struct label l[10];
    struct err e;
    bool is_new;
    size_t n;

    open_table(0);
    n = labels("__name__=up,job=api", l);
    ck_assert_int_eq(series_restore(t, 70000, l, n, "tok", SAMPLE_DELTA, &e), 0);
    ck_assert_int_eq(series_restore(t, 70000, l, n, "tok", SAMPLE_DELTA, &e), 0);
    ck_assert_int_eq(series_restore(t, 12, l, n, "tok", SAMPLE_DELTA, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "70000"));
    n = labels("__name__=up,job=web", l);
    ck_assert_int_eq(series_restore(t, 70000, l, n, "", SAMPLE_GAUGE, &e), -1);
    ck_assert_int_eq(series_restore(t, 12, l, n, "", SAMPLE_GAUGE, &e), 0);
    ck_assert_int_eq(series_restore(t, SERIES_NONE, l, n, "", SAMPLE_GAUGE, &e), -1);
    n = labels("job=web", l);
    ck_assert_int_eq(series_restore(t, 13, l, n, "", SAMPLE_GAUGE, &e), -1);
    ck_assert_uint_eq(series_get(t, 70000)->kind, SAMPLE_DELTA);
    ck_assert_str_eq(series_token(t, 70000), "tok");
    ck_assert_ptr_null(series_get(t, 60000));
    ck_assert_uint_eq(series_end(t), 70001);
    series_set_end(t, 80000);
    series_set_end(t, 5);
    ck_assert_uint_eq(resolve("__name__=new", "", &is_new), 80000);
    ck_assert_uint_eq(resolve("__name__=up,job=api", "", &is_new), 70000);
    close_table();
}
END_TEST

/* The orders in which a sender may name its series: as they first came, and what breaks that. */
static size_t nth(int order, size_t i, size_t n)
{
    switch (order) {
    case 0: /* the same */
        return i;
    case 1: /* backwards */
        return n - 1 - i;
    case 2: /* each twice */
        return i / 2;
    case 3: /* every second, then the others */
        return i < (n + 1) / 2 ? 2 * i : 2 * (i - (n + 1) / 2) + 1;
    default: /* from the middle on */
        return (i + n / 2) % n;
    }
}

START_TEST(lookups_in_bulk_agree_with_single_ones)
{
    enum { N = 1000 };
    static char texts[N][2][16];
    static struct label l[N][2];
    static struct series_want want[N];
    bool is_new;

    open_table(0);
    for (int i = 0; i < N; i++) {
        sprintf(texts[i][0], "name%d", i % 10);
        sprintf(texts[i][1], "pod%d", i / 5);
        l[i][0] = label_of("__name__", texts[i][0]);
        l[i][1] = label_of("pod", texts[i][1]);
        if (i % 3)
            series_resolve(t, l[i], 2, "", SAMPLE_GAUGE, &is_new);
    }
    for (int i = 7; i < N; i += 70) /* gone: what follows is no longer there */
        if (i % 3)
            series_forget(t, series_find(t, series_hash(t, l[i], 2), l[i], 2));
    for (size_t n = 0, step = 1; n <= N; n += step, step = n < 70 ? 1 : 93)
        for (int order = 0; order < 5; order++) {
            memset(want, 0, sizeof want);
            for (size_t i = 0; i < n; i++)
                want[i] = (struct series_want){.labels = l[nth(order, i, n)], .n = 2};
            series_lookup(t, want, n);
            for (size_t i = 0; i < n; i++) {
                uint64_t hash = series_hash(t, want[i].labels, 2);

                ck_assert_uint_eq(want[i].id, series_find(t, hash, want[i].labels, 2));
                ck_assert(want[i].id != SERIES_NONE || want[i].hash == hash);
            }
        }
    close_table();
}
END_TEST

/* The table keeps 32 bits of each hash: among 300,000 series about ten pairs share them. */
START_TEST(equal_hash_bits_do_not_make_equal_series)
{
    enum { N = 300000 };
    char pod[16];
    struct label l[2] = {label_of("__name__", "up"), label_of("pod", "")};
    bool is_new;

    open_table(0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            sprintf(pod, "%d", i);
            l[1] = label_of("pod", pod);
            ck_assert_uint_eq(series_resolve(t, l, 2, "", SAMPLE_GAUGE, &is_new), (uint32_t)i);
            ck_assert(is_new == (round == 0));
        }
    }
    close_table();
}
END_TEST

START_TEST(failed_allocations_refuse_one_series_only)
{
    long failures = 0;

    for (long at = 1;; at++) {
        uint32_t id = 0;
        bool is_new;
        char text[60];
        int i;

        open_table(0);
        mem_fail_at(at);
        for (i = 0; i < 40 && id != SERIES_NONE; i++) {
            sprintf(text, "__name__=n%d,job=j%d,pod=p%d", i, i / 2, i);
            id = resolve(text, "tok", &is_new);
        }
        if (!mem_failed()) {
            mem_fail_at(0);
            close_table();
            break;
        }
        mem_fail_at(0);
        failures++;
        ck_assert_uint_eq(id, SERIES_NONE);
        ck_assert(!is_new);
        ck_assert_uint_eq(series_count(t), (uint32_t)i - 1);
        ck_assert_uint_eq(resolve(text, "tok", &is_new), (uint32_t)i - 1);
        close_table();
    }
    ck_assert_int_gt(failures, 40);
}
END_TEST

static uint64_t held_of(const char *token)
{
    struct series_memory m;

    series_memory(t, &m);
    return strcmp(m.fullest_token, token) == 0 ? m.fullest : 0;
}

START_TEST(labels_are_charged_to_the_token_that_sent_them_until_its_series_go)
{
    struct series_memory m;
    uint32_t id[40];
    uint64_t one, first_of_two;
    bool is_new;
    char text[100];

    open_table(0);
    id[0] = resolve("__name__=up,job=api,pod=a-long-name-of-a-pod", "ann", &is_new);
    one = held_of("ann");
    ck_assert_uint_gt(one, 0);
    id[1] = resolve("__name__=down,job=api,pod=a-long-name-of-a-pod", "bob", &is_new);
    ck_assert_uint_eq(held_of("ann"), one); /* what bob shares is not charged twice */
    series_forget(t, id[0]);
    ck_assert_uint_eq(held_of("ann"), 0);
    ck_assert_uint_gt(held_of("bob"), 0);
    series_forget(t, id[1]);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "__name__=up,job=api,pod=%0*d", 1 + i % 7 * 9, i);
        id[i] = resolve(text, "ann", &is_new);
    }
    first_of_two = held_of("ann");
    for (int i = 0; i < 40; i++) {
        series_forget(t, id[(i * 17) % 40]); /* in another order */
        ck_assert_uint_le(held_of("ann"), first_of_two);
        first_of_two = held_of("ann");
    }
    series_memory(t, &m);
    ck_assert_uint_eq(m.fullest, 0);
    ck_assert_str_eq(m.fullest_token, "");
    close_table();
}
END_TEST

static enum series_room room(const char *text, const char *token)
{
    struct label l[LABELS_MAX + 2];

    return series_room(t, l, labels(text, l), token);
}

START_TEST(there_is_room_until_the_labels_of_all_or_of_one_token_are_full)
{
    struct series_memory m;
    bool is_new;

    open_table(2);
    ck_assert_int_eq(room("__name__=up,a=b", ""), SERIES_FITS); /* no bound is set */
    resolve("__name__=up,a=b", "ann", &is_new);
    series_memory(t, &m);
    series_label_limits(t, 0, m.fullest + 400);
    ck_assert_int_eq(room("__name__=up,a=c", "ann"), SERIES_FITS);
    series_label_limits(t, 0, m.fullest + 100);
    ck_assert_int_eq(room("__name__=up,a=c", "ann"), SERIES_TOKEN_FULL);
    ck_assert_int_eq(room("__name__=up,a=c", "bob"), SERIES_FITS); /* a neighbour has its own */
    series_label_limits(t, m.all, m.fullest + 400);
    ck_assert_int_eq(room("__name__=up,a=c", "ann"), SERIES_LABELS_FULL);
    ck_assert_int_eq(room("__name__=up,a=c", "bob"), SERIES_LABELS_FULL);
    series_label_limits(t, m.all + 400, 0);
    ck_assert_int_eq(room("__name__=up,a=c", "bob"), SERIES_FITS);
    resolve("__name__=up,a=c", "bob", &is_new);
    ck_assert_int_eq(room("__name__=up,a=d", "bob"), SERIES_TABLE_FULL);
    close_table();
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, a_series_keeps_its_id);
    tcase_add_test(tc, the_name_stands_where_it_sorts);
    tcase_add_test(tc, what_has_no_name_is_no_series);
    tcase_add_test(tc, the_bound_of_series_is_exact);
    tcase_add_test(tc, labels_are_bounded_apart_from_the_name);
    tcase_add_test(tc, sources_are_token_job_and_instance);
    tcase_add_test(tc, forgotten_ids_are_not_used_again_and_free_their_memory);
    tcase_add_test(tc, recovery_puts_series_where_they_were);
    tcase_add_test(tc, lookups_in_bulk_agree_with_single_ones);
    tcase_add_test(tc, equal_hash_bits_do_not_make_equal_series);
    tcase_add_test(tc, failed_allocations_refuse_one_series_only);
    tcase_add_test(tc, labels_are_charged_to_the_token_that_sent_them_until_its_series_go);
    tcase_add_test(tc, there_is_room_until_the_labels_of_all_or_of_one_token_are_full);
}

UNIT_MAIN("series", add)
