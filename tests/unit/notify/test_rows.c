/* What stands in Redis: a row for each thing that changes by itself. */
#include "scene.h"

#include <cjson/cJSON.h>

#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/notify_impl.h"
#include "notify/start.h"

static struct scene *s;

static void set_up(void)
{
    (void)scene_end, (void)scene_silence;
    s = scene_new();
}

static void tear_down(void)
{
    scene_free(s);
}

/* What differs between two states of the store: rows written, changed or deleted. */
struct snapshot {
    size_t n;
    char *keys[4096], *values[4096];
};

static void take(struct snapshot *x)
{
    x->n = s->store->n_fields;
    ck_assert_uint_le(x->n, 4096);
    for (size_t i = 0; i < x->n; i++) {
        const struct fake_field *f = &s->store->fields[i];

        ck_assert_int_gt(asprintf(&x->keys[i], "%s %s", f->key, f->field), 0);
        x->values[i] = strndup(f->value, f->len);
    }
}

static const char *value_in(const struct snapshot *x, const char *key)
{
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->keys[i], key) == 0)
            return x->values[i];
    return NULL;
}

static size_t differences(const struct snapshot *a, const struct snapshot *b, const char *key)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++)
        n += strncmp(a->keys[i], key, strlen(key)) == 0 && !value_in(b, a->keys[i]);
    for (size_t i = 0; i < b->n; i++) {
        const char *was = value_in(a, b->keys[i]);
        n += strncmp(b->keys[i], key, strlen(key)) == 0 && (!was || strcmp(was, b->values[i]) != 0);
    }
    return n;
}

static void drop(struct snapshot *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free(x->keys[i]);
        free(x->values[i]);
    }
}

static void fire_many(int n)
{
    char text[32];

    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof text, "A%d P2 svc=web", i);
        scene_fire(s, text);
    }
}

START_TEST(one_alert_of_many_that_ends_is_one_row)
{
    struct snapshot before, after;

    fire_many(ALERTS);
    scene_go(s, 600 * SEC);
    ck_assert_uint_gt(s->n_lines, 0);
    take(&before);
    scene_end(s, "A7");
    notify_run(s->n);
    take(&after);
    ck_assert_uint_eq(differences(&before, &after, KEY_GROUPS), 1);
    ck_assert_uint_eq(differences(&before, &after, KEY_LEDGER), 1); /* since when it waits */
    drop(&before);
    before = after;
    scene_go(s, 600 * SEC); /* told: its row, and the entry's */
    take(&after);
    ck_assert_uint_eq(differences(&before, &after, KEY_GROUPS), 0);
    ck_assert_uint_eq(differences(&before, &after, KEY_LEDGER), 2);
    drop(&before);
    drop(&after);
}
END_TEST

static cJSON *stored(const char *key, const char *field)
{
    const char *text = fake_get(s->store, key, field);

    return text ? cJSON_Parse(text) : NULL;
}

START_TEST(what_is_told_and_owed_is_found_again_in_its_rows)
{
    fire_many(3);
    scene_go(s, 600 * SEC);
    ck_assert_ptr_nonnull(fake_get(s->store, KEY_GROUPS, "1#2"));
    ck_assert_ptr_nonnull(fake_get(s->store, KEY_LEDGER, "ops/webhook|1#2"));
    scene_restart(s);
    ck_assert_uint_eq(incident_by_number(s->n, 1)->n_members, 3);
    ck_assert_uint_eq(incident_by_number(s->n, 1)->entries[0]->n_told, 3);
    ck_assert_uint_eq(s->n_lines, 1);
    scene_go(s, 600 * SEC);
    ck_assert_uint_eq(s->n_lines, 1); /* nothing twice */
    scene_end(s, "A1");
    scene_end(s, "A0");
    scene_end(s, "A2");
    scene_go(s, 600 * SEC);
    ck_assert_uint_eq(s->n_lines, 2);
    ck_assert_ptr_null(fake_get(s->store, KEY_LEDGER, "ops/webhook|1#2")); /* nothing is owed */
}
END_TEST

START_TEST(an_incident_that_is_forgotten_leaves_no_rows)
{
    fire_many(3);
    scene_go(s, 600 * SEC);
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "A%d", i);
        scene_end(s, name);
    }
    scene_go(s, 31 * DAY_MS);
    notify_run(s->n);
    ck_assert_ptr_null(incident_by_number(s->n, 1));
    ck_assert_uint_eq(fake_count(s->store, KEY_GROUPS), 1); /* "next" */
    ck_assert_uint_eq(fake_count(s->store, KEY_LEDGER), 0);
}
END_TEST

static void put(const char *key, const char *field, const char *value)
{
    struct store_table t = {.store = s->store, .key = key};

    store_put(&t, field, value, strlen(value));
}

/* As versions before rows wrote them. */
START_TEST(records_that_hold_their_alerts_become_rows)
{
    cJSON *head;

    put(KEY_LEDGER, "ops/webhook|7",
        "{\"v\":1,\"lane\":\"ops/webhook\",\"incident\":7,\"state\":\"idle\",\"reason\":\"first\","
        "\"seq\":1,\"told\":[{\"n\":1,\"priority\":\"P2\",\"told\":\"2026-01-05T00:00:00.000Z\"}],"
        "\"owed\":[{\"n\":2,\"due\":\"2026-01-05T00:00:00.000Z\"}],"
        "\"sent\":\"2026-01-05T00:00:00.000Z\"}");
    put(KEY_GROUPS, "7",
        "{\"v\":1,\"number\":7,\"key\":\"svc=web,\",\"group\":{\"svc\":\"web\"},\"next_n\":2,"
        "\"opened\":\"2026-01-05T00:00:00.000Z\",\"alerts\":["
        "{\"n\":1,\"key\":\"a\",\"fingerprint\":\"1\",\"status\":\"firing\",\"priority\":\"P2\","
        "\"labels\":{\"alertname\":\"A\",\"svc\":\"web\"}},"
        "{\"n\":2,\"key\":\"b\",\"fingerprint\":\"2\",\"status\":\"firing\",\"priority\":\"P2\","
        "\"labels\":{\"alertname\":\"B\",\"svc\":\"web\"}}]}");
    scene_restart(s);
    head = stored(KEY_GROUPS, "7");
    ck_assert_ptr_nonnull(head);
    ck_assert_ptr_null(cJSON_GetObjectItem(head, "alerts"));
    cJSON_Delete(head);
    head = stored(KEY_LEDGER, "ops/webhook|7");
    ck_assert_ptr_nonnull(head);
    ck_assert(!cJSON_GetObjectItem(head, "told") && !cJSON_GetObjectItem(head, "owed"));
    cJSON_Delete(head);
    ck_assert_ptr_nonnull(fake_get(s->store, KEY_GROUPS, "7#1"));
    ck_assert_ptr_nonnull(fake_get(s->store, KEY_GROUPS, "7#2"));
    ck_assert_ptr_nonnull(fake_get(s->store, KEY_LEDGER, "ops/webhook|7#1"));
    scene_restart(s);
    ck_assert_uint_eq(incident_by_number(s->n, 7)->n_members, 2);
    ck_assert_uint_eq(incident_by_number(s->n, 7)->entries[0]->n_told, 1);
}
END_TEST

static bool is_one_of(const char *value, bool of_matchers)
{
    const struct silence *x = holds_silence(s->n->holds, "s1");

    ck_assert_ptr_nonnull(x);
    return matcher_test(of_matchers ? x->matchers[0] : x->scope[0], value, strlen(value));
}

/* An earlier version wrote kinds as numbers. */
START_TEST(what_has_kinds_is_stored_in_words)
{
    cJSON *o;

    fire_many(1);
    scene_go(s, 600 * SEC);
    o = stored(KEY_GROUPS, "1");
    ck_assert_str_eq(cJSON_GetObjectItem(o, "priority")->valuestring, "P2");
    cJSON_Delete(o);
    o = stored(KEY_GROUPS, "1#1");
    ck_assert_str_eq(cJSON_GetObjectItem(o, "unit")->valuestring, "none");
    cJSON_Delete(o);
    put(KEY_GROUPS, "1",
        "{\"v\":1,\"number\":1,\"key\":\"svc=web,\",\"group\":{\"svc\":\"web\"},\"priority\":2}");
    put(KEY_GROUPS, "2",
        "{\"v\":1,\"number\":2,\"key\":\"svc=db,\",\"group\":{\"svc\":\"db\"},\"priority\":99}");
    put(KEY_SILENCES, "00000000-0000-4000-8000-000000000001",
        "{\"v\":1,\"id\":\"00000000-0000-4000-8000-000000000001\",\"short\":\"s1\",\"matchers\":[{"
        "\"name\":\"x\",\"op\":4,\"value\":"
        "\"a|b\"}],"
        "\"scope\":[{\"name\":\"x\",\"op\":\"one_of\",\"value\":\"a|b\",\"values\":[\"a|b\"]}]}");
    scene_reload(s);
    notify_index(s->n);
    ck_assert_int_eq(incident_by_number(s->n, 1)->priority, 2);
    ck_assert_int_eq(incident_by_number(s->n, 2)->priority, 0);
    ck_assert(is_one_of("a", true) && is_one_of("b", true));
    ck_assert(is_one_of("a|b", false) && !is_one_of("a", false));
}
END_TEST

START_TEST(rows_without_what_they_belong_to_are_left_out)
{
    put(KEY_GROUPS, "9#1", "{\"v\":1,\"n\":1,\"key\":\"a\",\"labels\":{}}");
    put(KEY_LEDGER, "ops/webhook|9#1", "{\"v\":1,\"n\":1,\"told\":{\"priority\":\"P1\"}}");
    put(KEY_LEDGER, "ops/webhook|9#4294967296", "{}");
    put(KEY_GROUPS, "#", "{");
    scene_restart(s);
    fire_many(1);
    scene_go(s, 600 * SEC);
    ck_assert_uint_eq(s->n_lines, 1);
}
END_TEST

/* The claims of one lane: the most severe first, then what waits longest; however they came. */
START_TEST(what_is_due_is_claimed_in_order)
{
    char text[64];
    uint64_t last = 0;
    int priority = 0;

    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "A%d P%d svc=s%d", i, i * 7 % 5 + 1, i);
        scene_fire(s, text);
    }
    notify_run(s->n);
    clock_set(s->clock, START + 3600 * SEC);
    for (int i = 0; i < 40; i++) {
        struct notice *x = notify_claim(s->n, "ops/webhook");
        struct outcome o = {.kind = OUTCOME_DELIVERED};

        ck_assert_msg(x != NULL, "%d of 40 were claimed", i);
        ck_assert_int_ge(x->priority, priority);
        ck_assert(x->priority > priority || x->incident > last);
        priority = x->priority;
        last = x->incident;
        notify_commit(s->n, x, &o);
    }
    ck_assert_ptr_null(notify_claim(s->n, "ops/webhook"));
}
END_TEST

START_TEST(what_rises_while_it_is_due_is_claimed_first)
{
    struct notice *x;
    struct outcome o = {.kind = OUTCOME_DELIVERED};

    for (int i = 0; i < 20; i++) {
        char text[64];
        snprintf(text, sizeof text, "A%d P3 svc=s%d", i, i);
        scene_fire(s, text);
    }
    notify_run(s->n);
    clock_set(s->clock, START + 3600 * SEC);
    notify_run(s->n);
    scene_fire(s, "A13 P1 svc=s13");
    for (int i = 0; i < 20; i++) {
        x = notify_claim(s->n, "ops/webhook");
        ck_assert_msg(x != NULL, "%d of 20 were claimed", i);
        if (i == 0)
            ck_assert_uint_eq(x->incident, 14);
        notify_commit(s->n, x, &o);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, one_alert_of_many_that_ends_is_one_row);
    tcase_add_test(t, what_is_told_and_owed_is_found_again_in_its_rows);
    tcase_add_test(t, an_incident_that_is_forgotten_leaves_no_rows);
    tcase_add_test(t, records_that_hold_their_alerts_become_rows);
    tcase_add_test(t, what_has_kinds_is_stored_in_words);
    tcase_add_test(t, rows_without_what_they_belong_to_are_left_out);
    tcase_add_test(t, what_is_due_is_claimed_in_order);
    tcase_add_test(t, what_rises_while_it_is_due_is_claimed_first);
}

UNIT_MAIN("notify/rows", add)
