#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "journal/cut_chunk.h"
#include "journal/dict.h"
#include "journal/dictionary.h"

static struct labelsets *sets[2];
static struct series_table *from, *to;

static void setup(void)
{
    for (int i = 0; i < 2; i++)
        sets[i] = labelsets_new(0);
    from = series_table_new(sets[0], 0);
    to = series_table_new(sets[1], 0);
}

static void teardown(void)
{
    series_table_free(from);
    series_table_free(to);
    labelsets_free(sets[0]);
    labelsets_free(sets[1]);
}

static uint32_t add_series(int i, size_t more, const char *token)
{
    struct label l[LABELS_MAX + 1];
    char names[LABELS_MAX][24], value[32];
    bool is_new;
    size_t n = 0;

    snprintf(value, sizeof value, "%d", i);
    l[n++] = label_of("__name__", i % 3 ? "requests_total" : "up");
    l[n++] = label_of("i", value);
    l[n++] = label_of("job", "api");
    for (size_t k = 0; k < more; k++) {
        snprintf(names[k], sizeof names[k], "l%02zu", k);
        l[n++] = label_of(names[k], k % 2 ? "same" : value);
    }
    return series_resolve(from, l, n, token, (enum sample_kind)(i % SAMPLE_KINDS), &is_new);
}

static int restore(const struct dict_entry *d, void *arg, struct err *e)
{
    ++*(int *)arg;
    return series_restore(to, d->id, d->labels, d->n_labels, d->token, d->kind, e);
}

static void compare(uint32_t end)
{
    struct label a[LABELS_MAX + 1], b[LABELS_MAX + 1];

    for (uint32_t id = 0; id < end; id++) {
        size_t n;

        ck_assert_int_eq(series_get(from, id) != NULL, series_get(to, id) != NULL);
        if (!series_get(from, id))
            continue;
        n = series_labels(from, id, a);
        ck_assert_uint_eq(n, series_labels(to, id, b));
        for (size_t k = 0; k < n; k++) {
            ck_assert_uint_eq(a[k].name_len, b[k].name_len);
            ck_assert_int_eq(memcmp(a[k].name, b[k].name, a[k].name_len), 0);
            ck_assert_uint_eq(a[k].value_len, b[k].value_len);
            ck_assert_int_eq(memcmp(a[k].value, b[k].value, a[k].value_len), 0);
        }
        ck_assert_str_eq(series_token(from, id), series_token(to, id));
        ck_assert_uint_eq(series_get(from, id)->kind, series_get(to, id)->kind);
    }
}

START_TEST(labels_tokens_and_kinds_come_back)
{
    struct buf b = BUF_INIT;
    struct err e = {0};
    size_t n;
    int seen = 0;

    for (int i = 0; i < 500; i++)
        add_series(i, (size_t)(i % 7) * 9, i % 2 ? "" : "prod");
    for (uint32_t id = 100; id < 120; id++)
        series_forget(from, id);
    ck_assert_int_eq(dict_encode(from, 0, series_end(from), &b, &n), 0);
    ck_assert_uint_eq(n, 480);
    ck_assert_msg(dict_decode(b.data, b.len, restore, &seen, &e) == 0, "%s", e.text);
    ck_assert_int_eq(seen, 480);
    compare(500);
    buf_free(&b);
}
END_TEST

START_TEST(nothing_alive_is_no_chunk)
{
    struct buf b = BUF_INIT;
    size_t n = 9;

    ck_assert_int_eq(dict_encode(from, 0, 0, &b, &n), 0);
    ck_assert_uint_eq(n, 0);
    series_forget(from, add_series(1, 0, ""));
    ck_assert_int_eq(dict_encode(from, 0, series_end(from), &b, &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(damaged_chunks_are_refused)
{
    struct buf b = BUF_INIT;
    struct err e = {0};
    size_t n;
    int seen = 0;
    char *copy;

    for (int i = 0; i < 30; i++)
        add_series(i, 2, "t");
    ck_assert_int_eq(dict_encode(from, 0, 30, &b, &n), 0);
    copy = mem_dup(b.data, b.len);
    for (size_t i = 0; i < b.len; i++) {
        char *exact = mem_dup(copy, i);

        ck_assert_int_eq(dict_decode(exact, i, restore, &seen, &e), -1);
        mem_free(exact);
        copy[i] = (char)(copy[i] ^ 4);
        ck_assert_int_eq(dict_decode(copy, b.len, restore, &seen, &e), -1);
        copy[i] = (char)(copy[i] ^ 4);
    }
    ck_assert_int_eq(seen, 0);
    mem_free(copy);
    buf_free(&b);
}
END_TEST

START_TEST(new_series_are_taken_once_in_bounded_chunks)
{
    struct dictionary d = {0};
    struct dict_write *w;
    size_t n;

    for (int i = 0; i < 2 * DICT_CHUNK + 1; i++)
        add_series(i, 0, "");
    ck_assert_int_eq(dictionary_take_new(&d, from, &w, &n), 0);
    ck_assert_uint_eq(n, 3);
    ck_assert_uint_eq(w[2].first, 2 * DICT_CHUNK);
    dict_writes_free(w, n);
    ck_assert_int_eq(dictionary_take_new(&d, from, &w, &n), 0);
    ck_assert_uint_eq(n, 0);
    add_series(2 * DICT_CHUNK + 1, 0, "");
    ck_assert_int_eq(dictionary_take_new(&d, from, &w, &n), 0);
    ck_assert_uint_eq(n, 1);
    dict_writes_free(w, n);
    ck_assert_uint_eq(d.n, 4);
    dictionary_forget(&d, 2 * DICT_CHUNK, (struct journal_id){5, 0});
    ck_assert_uint_eq(d.n_gone, 1);
    dictionary_forget(&d, 2 * DICT_CHUNK, (struct journal_id){6, 0}); /* once more by mistake */
    ck_assert_uint_eq(d.n_gone, 1);
    dictionary_forget(&d, UINT32_MAX - 1, (struct journal_id){6, 0}); /* never written */
    dictionary_clear(&d);
}
END_TEST

START_TEST(failed_allocations_leave_the_dictionary_as_it_was)
{
    struct dictionary d = {0};
    struct dict_write *w;
    size_t n;

    for (int i = 0; i < 5000; i++)
        add_series(i, 0, "");
    for (long at = 1;; at++) {
        int rc;

        mem_fail_at(at);
        rc = dictionary_take_new(&d, from, &w, &n);
        mem_fail_at(0);
        if (rc == 0)
            break;
        ck_assert_uint_eq(d.n, 0);
        ck_assert_uint_eq(d.end, 0);
        ck_assert_int_lt(at, 1000);
    }
    ck_assert_uint_eq(n, 2);
    dict_writes_free(w, n);
    dictionary_clear(&d);
}
END_TEST

START_TEST(pieces_of_a_cut_come_back_or_are_refused)
{
    struct buf packed = BUF_INIT, out = BUF_INIT;
    size_t sizes[] = {0, 1, 100, 100000};
    char *data = mem_zalloc(100000);

    for (size_t i = 0; i < 100000; i++)
        data[i] = (char)(i * i >> 3);
    for (size_t k = 0; k < 4; k++) {
        ck_assert_int_eq(cut_chunk_pack(data, sizes[k], &packed, NULL), 0);
        ck_assert_int_eq(cut_chunk_unpack(packed.data, packed.len, &out, NULL), 0);
        ck_assert_uint_eq(out.len, sizes[k]);
        ck_assert_int_eq(memcmp(buf_str(&out), data, sizes[k]), 0);
        for (size_t i = 0; i < packed.len && i < 200; i++) {
            packed.data[i] = (char)(packed.data[i] ^ 1);
            ck_assert_int_eq(cut_chunk_unpack(packed.data, packed.len, &out, NULL), -1);
            packed.data[i] = (char)(packed.data[i] ^ 1);
            ck_assert_int_eq(cut_chunk_unpack(packed.data, i, &out, NULL), -1);
        }
    }
    mem_free(data);
    buf_free(&packed);
    buf_free(&out);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, labels_tokens_and_kinds_come_back);
    tcase_add_test(t, nothing_alive_is_no_chunk);
    tcase_add_test(t, damaged_chunks_are_refused);
    tcase_add_test(t, new_series_are_taken_once_in_bounded_chunks);
    tcase_add_test(t, failed_allocations_leave_the_dictionary_as_it_was);
    tcase_add_test(t, pieces_of_a_cut_come_back_or_are_refused);
}

UNIT_MAIN("dictionary", add)
