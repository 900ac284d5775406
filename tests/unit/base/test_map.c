#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define N 3000

static int values[N];

static void key_of(int i, char out[24])
{
    snprintf(out, 24, "key %d", i);
}

static struct map *filled(void)
{
    struct map *m = map_new();
    char key[24];

    for (int i = 0; i < N; i++) {
        key_of(i, key);
        ck_assert_int_eq(map_puts(m, key, &values[i], NULL), 0);
    }
    return m;
}

START_TEST(what_was_put_is_found_and_the_old_value_is_handed_back)
{
    struct map *m = filled();
    void *old = NULL;
    char key[24];

    ck_assert_uint_eq(map_count(m), N);
    for (int i = 0; i < N; i++) {
        key_of(i, key);
        ck_assert_ptr_eq(map_gets(m, key), &values[i]);
    }
    ck_assert_ptr_null(map_gets(m, "key"));
    ck_assert_ptr_null(map_get(m, "key 1", 4)); /* bytes, not texts */
    ck_assert_int_eq(map_puts(m, "key 7", &values[0], &old), 0);
    ck_assert_ptr_eq(old, &values[7]);
    ck_assert_uint_eq(map_count(m), N);
    ck_assert_int_eq(map_put(m, "\0", 1, &values[1], &old), 0);
    ck_assert_int_eq(map_put(m, "\0\0", 2, &values[2], &old), 0);
    ck_assert_ptr_eq(map_get(m, "\0", 1), &values[1]);
    map_free(m, NULL);
}
END_TEST

/* Names come and go for weeks: places of removed ones are used again, or a search would not end. */
START_TEST(removals_leave_room_for_ever)
{
    struct map *m = map_new();
    char key[24];

    for (int i = 0; i < 20 * N; i++) {
        key_of(i, key);
        ck_assert_int_eq(map_puts(m, key, &values[i % N], NULL), 0);
        if (i < 10)
            continue;
        key_of(i - 10, key);
        ck_assert_ptr_eq(map_removes(m, key), &values[(i - 10) % N]);
        ck_assert_ptr_null(map_removes(m, key));
    }
    ck_assert_uint_eq(map_count(m), 10);
    map_free(m, NULL);
}
END_TEST

START_TEST(a_walk_sees_each_once_also_while_they_are_removed)
{
    struct map *m = filled();
    char seen[N] = {0};
    const char *key;
    size_t len;
    int *v;

    for (size_t at = 0; (v = map_next(m, &at, &key, &len));) {
        char want[24];

        key_of((int)(v - values), want);
        ck_assert(len == strlen(want) && memcmp(key, want, len) == 0);
        ck_assert_int_eq(seen[v - values]++, 0);
        if ((v - values) % 2)
            ck_assert_ptr_eq(map_remove(m, key, len), v);
    }
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(seen[i], 1);
    ck_assert_uint_eq(map_count(m), N / 2);
    map_free(m, NULL);
}
END_TEST

static int dropped;

static void drop(void *value)
{
    (void)value;
    dropped++;
}

START_TEST(freeing_drops_what_is_there_and_nothing_else)
{
    struct map *m = filled();

    ck_assert_ptr_nonnull(map_removes(m, "key 5"));
    dropped = 0;
    map_free(m, drop);
    ck_assert_int_eq(dropped, N - 1);
    map_free(NULL, drop);
}
END_TEST

START_TEST(without_memory_a_map_is_as_it_was)
{
    for (long n = 1;; n++) {
        struct map *m = map_new();
        int refused = 0, i = 0;
        char key[24];

        mem_fail_at(n);
        for (; i < 100; i++) {
            key_of(i, key);
            refused += map_puts(m, key, &values[i], NULL) != 0;
        }
        mem_fail_at(0);
        ck_assert_uint_eq(map_count(m), 100 - (size_t)refused);
        for (i = 0; i < 100; i++) {
            key_of(i, key);
            refused -= map_gets(m, key) == NULL;
        }
        ck_assert_int_eq(refused, 0);
        map_free(m, NULL);
        if (!mem_failed())
            break;
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, what_was_put_is_found_and_the_old_value_is_handed_back);
    tcase_add_test(t, removals_leave_room_for_ever);
    tcase_add_test(t, a_walk_sees_each_once_also_while_they_are_removed);
    tcase_add_test(t, freeing_drops_what_is_there_and_nothing_else);
    tcase_add_test(t, without_memory_a_map_is_as_it_was);
}

UNIT_MAIN("map", add)
