/* What was told and could not be stored is known to the next run, until it is stored. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/dataset.h"

static struct clock *at;
static struct loop *loop;
static char folder[40];

static void setup(void)
{
    strcpy(folder, "/tmp/tocsin-dataset-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    at = clock_virtual(INT64_C(1767571200000));
    loop = loop_new(at, NULL);
}

static void teardown(void)
{
    char path[80];

    snprintf(path, sizeof path, "%s/redis.unstored", folder);
    unlink(path);
    rmdir(folder);
    loop_free(loop);
    clock_free(at);
}

/* A run: what the one before left, then what this one tells. */
static struct dataset *run(const char *left)
{
    struct dataset *d = dataset_new(loop, NULL, folder);

    ck_assert_ptr_nonnull(d);
    ck_assert_pstr_eq(dataset_was_unstored(d), left);
    return d;
}

START_TEST(the_next_run_knows_each_line_once)
{
    struct dataset *d = run(NULL);

    dataset_unstored(d, "ops/webhook|12");
    dataset_unstored(d, "ops/webhook|1");
    dataset_unstored(d, "ops/webhook|12");
    dataset_free(d);
    d = run("ops/webhook|12\nops/webhook|1\n");
    dataset_unstored(d, "pager/slack|3");
    dataset_free(d); /* killed again, before any of it was stored */
    d = run("ops/webhook|12\nops/webhook|1\npager/slack|3\n");
    dataset_free(d);
}
END_TEST

START_TEST(what_is_stored_is_known_no_more)
{
    struct dataset *d = run(NULL);

    dataset_stored(d); /* there was nothing */
    dataset_unstored(d, "ops/webhook|12");
    dataset_stored(d);
    dataset_unstored(d, "ops/webhook|13");
    dataset_free(d);
    d = run("ops/webhook|13\n");
    dataset_stored(d);
    dataset_free(d);
    dataset_free(run(NULL));
}
END_TEST

START_TEST(it_has_a_bound)
{
    struct dataset *d = run(NULL);
    char line[1001];

    memset(line, 'x', sizeof line);
    for (int i = 0; i < 1500; i++) {
        snprintf(line + 990, sizeof line - 990, "|%d", i);
        dataset_unstored(d, line);
    }
    dataset_free(d);
    d = dataset_new(loop, NULL, folder);
    ck_assert_uint_gt(strlen(dataset_was_unstored(d)), 1000000);
    ck_assert_uint_le(strlen(dataset_was_unstored(d)), (size_t)1 << 20);
    dataset_stored(d);
    dataset_free(d);
}
END_TEST

START_TEST(without_a_directory_nothing_is_made)
{
    struct dataset *d = dataset_new(loop, NULL, "/tmp/tocsin-no-such-directory");

    dataset_unstored(d, "ops/webhook|12");
    ck_assert_ptr_null(dataset_was_unstored(d));
    ck_assert_int_ne(access("/tmp/tocsin-no-such-directory", F_OK), 0);
    dataset_free(d);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_next_run_knows_each_line_once);
    tcase_add_test(t, what_is_stored_is_known_no_more);
    tcase_add_test(t, it_has_a_bound);
    tcase_add_test(t, without_a_directory_nothing_is_made);
}

UNIT_MAIN("dataset", add)
