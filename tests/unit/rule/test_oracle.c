/* The engine against the oracle: the same random cases, the same instants, the same answers.
 *
 * TOCSIN_SEEDS="first-last [strict]" runs other seeds than the usual ones; a failure names its seed,
 * and `lua5.4 tests/oracle/case.lua SEED [strict]` shows the case with the oracle's answers. */
#include "unit.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tocsin/rule.h"

struct bench {
    struct clock *clock;
    struct labelsets *labels;
    struct series_table *series;
    struct windows *windows;
    struct alert_book *book;
    struct rules *rules;
    struct rulefile *file;
    const cJSON *header;
};

static void open_bench(struct bench *b, const cJSON *header)
{
    const char *text = cJSON_GetObjectItem(header, "rules")->valuestring;
    int64_t start_ms = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(header, "start"));
    struct err e = {0};
    struct windows_options windows = {.covered = true}; /* the oracle keeps every sample that was */
    struct alert_book_options book = {0};
    struct rules_options rules = {.ticks_only = true};

    b->header = header;
    rules.clock = b->clock = clock_virtual(start_ms);
    book.labels = rules.labels = b->labels = labelsets_new(0);
    windows.series = b->series = series_table_new(b->labels, 0);
    rules.windows = b->windows = windows_new(&windows);
    rules.book = b->book = alert_book_new(&book);
    b->rules = rules_new(&rules);
    b->file = rulefile_load("case.lua", text, strlen(text), NULL, &e);
    ck_assert_msg(b->file != NULL, "%s\n%s", e.text, text);
    ck_assert_msg(rules_put(b->rules, "case.lua", b->file, start_ms, &e) == 0, "%s", e.text);
    rules_link(b->rules, start_ms);
}

static void close_bench(struct bench *b)
{
    rules_free(b->rules);
    alert_book_free(b->book);
    windows_free(b->windows);
    series_table_free(b->series);
    labelsets_free(b->labels);
    clock_free(b->clock);
    rulefile_unref(b->file);
}

static size_t take_labels(const cJSON *from, struct label *out, size_t n)
{
    const cJSON *x;

    cJSON_ArrayForEach(x, from) out[n++] = label_of(x->string, x->valuestring);
    return n;
}

static const char *text_of(const cJSON *item, const cJSON *header, const char *key,
                           const char *fallback)
{
    const cJSON *x = cJSON_GetObjectItem(item, key);

    if (!x)
        x = cJSON_GetObjectItem(header, key);
    return cJSON_IsString(x) ? x->valuestring : fallback;
}

static void feed_sample(struct bench *b, const cJSON *item, int64_t at_ms)
{
    struct label l[LABELS_MAX];
    const char *type = text_of(item, b->header, "type", "gauge");
    const cJSON *labels = cJSON_GetObjectItem(item, "labels");
    struct sample s = {.weight = 1};
    size_t n = 0;
    bool is_new;
    int sorted;

    s.t_ms = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(item, "t"));
    s.stale = cJSON_IsTrue(cJSON_GetObjectItem(item, "stale"));
    s.v = s.stale ? 0 : cJSON_GetNumberValue(cJSON_GetObjectItem(item, "v"));
    s.kind = strcmp(type, "counter") == 0 ? SAMPLE_CUMULATIVE
             : strcmp(type, "delta") == 0 ? SAMPLE_DELTA
                                          : SAMPLE_GAUGE;
    l[n++] = label_of("__name__", text_of(item, b->header, "name", ""));
    n = take_labels(labels ? labels : cJSON_GetObjectItem(b->header, "labels"), l, n);
    sorted = labels_sort(l, n);
    ck_assert_int_gt(sorted, 0);
    s.series = series_resolve(b->series, l, (size_t)sorted, text_of(item, b->header, "token", ""),
                              s.kind, &is_new);
    ck_assert_uint_ne(s.series, SERIES_NONE);
    windows_apply(b->windows, at_ms, &s, 1, NULL, 0);
}

static void feed_event(struct bench *b, const cJSON *item, int64_t at_ms)
{
    struct label fields[LOGEVENT_FIELDS_MAX];
    size_t n = take_labels(cJSON_GetObjectItem(item, "fields"), fields, 0);
    struct logevent e = {.t_ms = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(item, "t")),
                         .fields = fields};
    int sorted = labels_sort(fields, n);

    ck_assert_int_ge(sorted, 0);
    e.n_fields = (uint32_t)sorted;
    windows_apply(b->windows, at_ms, NULL, 0, &e, 1);
}

static void feed(struct bench *b, const cJSON *item)
{
    int64_t at_ms = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(item, "at"));

    if (strcmp(cJSON_GetObjectItem(item, "kind")->valuestring, "event") == 0)
        feed_event(b, item, at_ms);
    else
        feed_sample(b, item, at_ms);
    windows_clear_touched(b->windows);
}

static labelset group_of(struct bench *b, const cJSON *labels)
{
    struct label l[LABELS_MAX];
    size_t n = take_labels(labels, l, 0);
    int sorted = labels_sort(l, n);

    return sorted < 0 ? LABELSET_NONE : labelsets_find(b->labels, l, (size_t)sorted);
}

static const char *const phases[] = {"ok", "pending", "firing", "firing"};

static void compare_group(struct bench *b, struct rule *r, const cJSON *want, long seed, double t)
{
    const char *state = cJSON_GetObjectItem(want, "state")->valuestring;
    const char *level = cJSON_GetObjectItem(want, "level")->valuestring;
    const cJSON *value = cJSON_GetObjectItem(want, "value");
    char *shown = cJSON_PrintUnformatted(want);
    labelset group = group_of(b, cJSON_GetObjectItem(want, "labels"));
    struct alert_rule *ar = alert_rule_find(b->book, rule_definition(r)->name);
    const struct alert *a = group == LABELSET_NONE ? NULL : alert_find(ar, group);
    const char *phase = "ok", *fires = "ok";
    struct alert_policy policy;
    double v;

    alert_policy_of(rule_definition(r), &policy);
    if (a) {
        phase = phases[alert_phase(&policy, &a->state)];
        fires = priority_name(a->state.firing);
    }
    if (strcmp(state, "nodata") == 0)
        state = strcmp(level, "ok") == 0 ? "ok" : "firing";
    ck_assert_msg(strcmp(fires, level) == 0 && strcmp(phase, state) == 0,
                  "seed %ld at %.0f: oracle %s, engine %s %s\n%s", seed, t, shown, phase, fires,
                  cJSON_GetObjectItem(b->header, "rules")->valuestring);
    if (cJSON_IsNumber(value) && rule_definition(r)->when < 0 && group != LABELSET_NONE &&
        rule_value(r, group, &v)) {
        double w = value->valuedouble, near = 4e-6 * fmax(1, fmax(fabs(v), fabs(w)));

        ck_assert_msg(fabs(v - w) <= near, "seed %ld at %.0f: oracle %s, engine %.17g\n%s", seed, t,
                      shown, v, cJSON_GetObjectItem(b->header, "rules")->valuestring);
    }
    cJSON_free(shown);
}

static void compare(struct bench *b, const cJSON *look, long seed)
{
    double t = cJSON_GetNumberValue(cJSON_GetObjectItem(look, "t"));
    const cJSON *rule, *group;

    cJSON_ArrayForEach(rule, cJSON_GetObjectItem(look, "rules"))
    {
        struct rule *r = rules_find(b->rules, rule->string);

        ck_assert_ptr_nonnull(r);
        cJSON_ArrayForEach(group, rule) compare_group(b, r, group, seed, t);
    }
}

/* All lines of a program. */
static cJSON *lines_of(const char *command)
{
    cJSON *all = cJSON_CreateArray();
    FILE *f = popen(command, "r");
    char *line = NULL;
    size_t cap = 0;

    ck_assert_ptr_nonnull(f);
    while (getline(&line, &cap, f) > 0) {
        cJSON *j = cJSON_Parse(line);

        ck_assert_msg(j != NULL, "%s", line);
        cJSON_AddItemToArray(all, j);
    }
    free(line);
    ck_assert_msg(pclose(f) == 0, "%s failed", command);
    return all;
}

static void run_seed(long seed, const char *mode)
{
    char command[200];
    struct bench b;
    cJSON *all;
    const cJSON *line, *look;
    int n_looks, n_feed, next = 1;

    snprintf(command, sizeof command, "lua5.4 tests/oracle/case.lua %ld %s", seed, mode);
    all = lines_of(command);
    n_looks = cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetArrayItem(all, 0), "looks"));
    n_feed = cJSON_GetArraySize(all) - 1 - n_looks;
    open_bench(&b, cJSON_GetArrayItem(all, 0));
    line = cJSON_GetArrayItem(all, 1);
    look = cJSON_GetArrayItem(all, 1 + n_feed);
    for (int i = 0; i < n_looks; i++, look = look->next) {
        double t = cJSON_GetNumberValue(cJSON_GetObjectItem(look, "t"));

        for (; next <= n_feed && cJSON_GetNumberValue(cJSON_GetObjectItem(line, "at")) <= t;
             next++, line = line->next)
            feed(&b, line);
        if (i == 0)
            rules_skip_to(b.rules, (int64_t)t - 1);
        rules_advance(b.rules, (int64_t)t);
        compare(&b, look, seed);
    }
    close_bench(&b);
    cJSON_Delete(all);
}

START_TEST(the_engine_answers_as_the_oracle_does)
{
    const char *given = getenv("TOCSIN_SEEDS");
    char mode[8] = "";
    long first = 1, last = 240;

    if (given)
        ck_assert_int_ge(sscanf(given, "%ld-%ld %7s", &first, &last, mode), 2);
    for (long seed = first; seed <= last; seed++)
        run_seed(seed, mode);
}
END_TEST

static void add(TCase *t)
{
    tcase_set_timeout(t, 3600); /* the oracle is naive, and seeds may be many */
    tcase_add_test(t, the_engine_answers_as_the_oracle_does);
}

UNIT_MAIN("oracle", add)
