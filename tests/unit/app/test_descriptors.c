/* However few descriptors there are, sends and Redis have theirs. */
#include "unit.h"

#include "app/descriptors.h"

START_TEST(clients_get_what_sends_and_redis_do_not_need)
{
    static const long limits[] = {64, 128, 256, 1024, 4096, 65536, 1048576};

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct descriptors d = descriptors_share(limits[i]);

        ck_assert_int_le(d.limit, DESCRIPTORS_WISHED);
        ck_assert_int_ge(d.clients, 8);
        ck_assert_int_ge(d.sends, 16);
        ck_assert(limits[i] < 128 || d.clients + d.sends + DESCRIPTORS_KEPT <= d.limit);
    }
    ck_assert_int_eq(descriptors_share(256).clients, 144);
    ck_assert_int_eq(descriptors_share(256).sends, 64);
    ck_assert_int_eq(descriptors_share(1048576).clients, 16384);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, clients_get_what_sends_and_redis_do_not_need);
}

UNIT_MAIN("descriptors", add)
