/* The demo's shop: the figures that the starter rules and the documents count on. */
#include "unit.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "cli/shop.h"

enum { CHECKOUT = 1 };

/* Share of checkout's requests that failed in the last ten seconds, second by second. */
static double share_of(const struct shop *now, const struct shop *before)
{
    double failed = (double)(now->service[CHECKOUT].failed - before->service[CHECKOUT].failed);
    double ok = (double)(now->service[CHECKOUT].ok - before->service[CHECKOUT].ok);

    return failed / (failed + ok);
}

START_TEST(healthy_stays_below_two_percent_and_bad_between_two_and_thirty)
{
    static struct shop at[300];
    struct shop s;

    shop_open(&s);
    for (int i = 0; i < 300; i++) {
        shop_second(&s, i >= 60);
        at[i] = s;
        if (i < 10)
            continue;
        if (i < 60)
            ck_assert_double_lt(share_of(&at[i], &at[i - 10]), 0.02);
        else if (i >= 62)
            ck_assert_double_gt(share_of(&at[i], &at[i - 10]), 0.02);
        ck_assert_double_lt(share_of(&at[i], &at[i - 10]), 0.30);
    }
    for (int i = 0; i < SHOP_SERVICES; i++)
        if (i != CHECKOUT)
            ck_assert_uint_lt(s.service[i].failed * 100, s.service[i].ok);
}
END_TEST

static size_t lines_that_parse(const struct buf *b, const char *must_have)
{
    size_t n = 0, found = 0;

    for (const char *p = buf_str(b); *p; n++) {
        size_t len = strcspn(p, "\n");
        cJSON *j = cJSON_ParseWithLength(p, len);

        ck_assert_msg(cJSON_IsObject(j), "%.*s", (int)len, p);
        found += must_have && cJSON_GetObjectItem(j, must_have) != NULL;
        cJSON_Delete(j);
        p += len + (p[len] == '\n');
    }
    return must_have ? found : n;
}

START_TEST(every_second_is_lines_of_json)
{
    struct buf out = BUF_INIT;
    struct shop s;
    size_t errors = 0;

    shop_open(&s);
    for (int i = 0; i < 60; i++) {
        shop_second(&s, true);
        buf_clear(&out);
        shop_metrics(&s, &out);
        ck_assert_uint_eq(lines_that_parse(&out, "value"), SHOP_SERVICES * 14 + 5);
        buf_clear(&out);
        shop_events(&s, &out);
        ck_assert_uint_ge(lines_that_parse(&out, "level"), 1);
        errors += lines_that_parse(&out, "exception");
    }
    ck_assert_uint_gt(errors, 5);
    ck_assert_uint_lt(errors, 50); /* the log rule stays quiet: one cause, one alert */
    buf_clear(&out);
    shop_deploy_event("checkout@1f3", &out);
    ck_assert_uint_eq(lines_that_parse(&out, "version"), 1);
    buf_free(&out);
}
END_TEST

START_TEST(buckets_are_cumulative_and_complete)
{
    struct shop s;

    shop_open(&s);
    for (int i = 0; i < 30; i++)
        shop_second(&s, i > 10);
    for (int i = 0; i < SHOP_SERVICES; i++) {
        const struct shop_service *v = &s.service[i];

        for (int b = 1; b < SHOP_BUCKETS; b++)
            ck_assert_uint_ge(v->bucket[b], v->bucket[b - 1]);
        ck_assert_uint_eq(v->bucket[SHOP_BUCKETS - 1], v->ok + v->failed);
        /* the slowest 1% stay below the limit of the starter rule, 400 ms */
        ck_assert_uint_eq(v->bucket[5], v->ok + v->failed);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, healthy_stays_below_two_percent_and_bad_between_two_and_thirty);
    tcase_add_test(t, every_second_is_lines_of_json);
    tcase_add_test(t, buckets_are_cumulative_and_complete);
}

UNIT_MAIN("cli shop", add)
