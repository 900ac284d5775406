/* The clock is set: every time that stands in Redis moves along, or is known to keep. */
/* of the scene only its beginning and its end are needed */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "scene.h"

#include <cjson/cJSON.h>

#include "base/text.h"
#include "notify/clock.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/record.h"
#include "notify/restore.h"

#define HOUR (3600 * SEC)

/* Times that keep: what receivers know an alert by. */
static const char *const kept[] = {"starts"};

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    ck_assert_msg(f != NULL, "%s", path);
    ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, f), 1000);
    fclose(f);
    return text;
}

/* The names that record.c writes times under, from its text: what is added there is tested here. */
static size_t names_of_times(char names[64][24])
{
    char *text = read_file("src/notify/record.c");
    size_t n = 0;

    for (char *at = text; (at = strstr(at, "record_time(j, \""));) {
        at += strlen("record_time(j, \"");
        snprintf(names[n++], 24, "%.*s", (int)strcspn(at, "\""), at);
    }
    free(text);
    ck_assert_uint_ge(n, 25);
    return n;
}

/* All times under one name, in the order of the record. */
static size_t times_of(const cJSON *o, const char *name, int64_t out[16], size_t n)
{
    const cJSON *x;

    cJSON_ArrayForEach(x, o)
    {
        if (x->string && strcmp(x->string, name) == 0 && cJSON_IsString(x)) {
            ck_assert_uint_lt(n, 16);
            ck_assert_int_eq(text_parse_time(x->valuestring, strlen(x->valuestring), &out[n++]), 0);
        }
        n = times_of(x, name, out, n);
    }
    return n;
}

static cJSON *record_of(struct scene *s, const char *key, const char *field)
{
    for (size_t i = 0; i < s->store->n_fields; i++)
        if (strcmp(s->store->fields[i].key, key) == 0 &&
            strcmp(s->store->fields[i].field, field) == 0)
            return cJSON_ParseWithLength(s->store->fields[i].value, s->store->fields[i].len);
    ck_abort_msg("%s %s was not stored", key, field);
    return NULL;
}

static bool is_kept(const char *name)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcmp(name, kept[i]) == 0)
            return true;
    return false;
}

/* `"name":"time",` of all names but one, each with a time of its own. */
static void all_times(char *out, size_t size, char names[64][24], size_t n)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        char at[TEXT_TIME_LEN];

        if (strcmp(names[i], "settled") == 0)
            continue;
        text_time(at, START - (int64_t)i * 1000 * SEC);
        len += (size_t)snprintf(out + len, size - len, "\"%s\":\"%s\",", names[i], at);
        ck_assert_uint_lt(len, size);
    }
}

/* Records with every time that there is, moved by an hour. */
START_TEST(every_time_of_a_record_moves)
{
    static const char settled[] = "{\"v\":1,\"number\":8,\"key\":\"l\",\"group\":{},\"settled\":"
                                  "\"2026-01-05T00:00:00.000Z\"}";
    struct scene *s = scene_new();
    static char times[4096], text[16384];
    char names[64][24], row[64];
    size_t n = names_of_times(names);
    struct err e = {0};
    cJSON *before[5], *after[5];

    all_times(times, sizeof times, names, n);
    snprintf(
        text, sizeof text,
        "{\"v\":1,\"number\":7,\"key\":\"k\",\"group\":{},%s\"next_n\":2,\"ack\":{%s\"who\":\"a\"},"
        "\"alerts\":[{%s\"n\":1,\"key\":\"a\",\"fingerprint\":\"1\",\"status\":\"resolved\","
        "\"priority\":\"P1\",\"labels\":{\"alertname\":\"A\"}}]}",
        times, times, times);
    ck_assert_msg(restore_incident(s->n, text, strlen(text), &e) == 0, "%s", e.text);
    ck_assert_msg(restore_incident(s->n, settled, strlen(settled), &e) == 0, "%s", e.text);
    snprintf(
        text, sizeof text,
        "{\"v\":1,\"lane\":\"ops/webhook\",\"incident\":7,\"state\":\"idle\",\"reason\":\"first\","
        "\"told\":[{%s\"n\":1,\"priority\":\"P1\"}],\"owed\":[{%s\"n\":1}],%s\"seq\":1}",
        times, times, times);
    ck_assert_msg(restore_entry(s->n, text, strlen(text), &e) == 0, "%s", e.text);
    for (int round = 0; round < 2; round++) {
        struct incident *inc = incident_by_number(s->n, 7), *old = incident_by_number(s->n, 8);
        cJSON **out = round ? after : before;

        ck_assert(inc && old && inc->n_entries == 1);
        snprintf(row, sizeof row, "%s#1", inc->entries[0]->field);
        if (round) {
            incident_move(inc, HOUR);
            incident_move(old, HOUR);
        }
        incident_store_all(s->n, inc);
        incident_store_all(s->n, old);
        ledger_store_all(s->n, inc->entries[0]);
        out[0] = record_of(s, KEY_GROUPS, "7");
        out[1] = record_of(s, KEY_GROUPS, "8");
        out[2] = record_of(s, KEY_LEDGER, inc->entries[0]->field);
        out[3] = record_of(s, KEY_GROUPS, "7#1");
        out[4] = record_of(s, KEY_LEDGER, row);
    }
    for (size_t i = 0; i < n; i++) {
        size_t found = 0;

        for (int k = 0; k < 5; k++) {
            int64_t was[16], is[16];
            size_t m = times_of(before[k], names[i], was, 0);

            ck_assert_uint_eq(times_of(after[k], names[i], is, 0), m);
            for (size_t x = 0; x < m; x++)
                ck_assert_msg(is[x] == was[x] + (is_kept(names[i]) ? 0 : HOUR),
                              "\"%s\" of a record does not move with the clock", names[i]);
            found += m;
        }
        ck_assert_msg(found > 0, "\"%s\" is in no record of this test", names[i]);
    }
    for (int k = 0; k < 5; k++) {
        cJSON_Delete(before[k]);
        cJSON_Delete(after[k]);
    }
    scene_free(s);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, every_time_of_a_record_moves);
}

UNIT_MAIN("clock", add)
