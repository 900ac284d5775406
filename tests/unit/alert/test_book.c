/* The book: rules that change, alerts that survive a restart, limits, records. */
#include <string.h>

#include "base/keys.h"
#include "base/mem.h"
#include "fake_store.h"
#include "tocsin/alert.h"
#include "unit.h"

#define SEC   INT64_C(1000)
#define START INT64_C(1767571200000)

static struct labelsets *ls;
static struct store *store;
static struct alert_book *book;
static char told[1024]; /* "fired web rule:R condition" … */

static void on_change(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    char line[256];

    (void)at_ms, (void)arg;
    if (change == CHANGE_NONE)
        return;
    snprintf(line, sizeof line, "%s %s %s;", alert_change_names[change], a->origin,
             a->end_reason ? a->end_reason : "");
    strncat(told, line, sizeof told - strlen(told) - 1);
}

static struct alert_book *book_new(void)
{
    static const char *const severity[PRIORITIES + 1] = {NULL, "critical", "error", "warning"};
    struct alert_book_options o = {
        .labels = ls, .store = store, .severity = severity, .changed = on_change};

    return alert_book_new(&o);
}

static bool load_field(void *room, struct store_table *t, const char *field, size_t field_len,
                       const char *value, size_t len)
{
    return alert_book_load(room, t, field, field_len, value, len);
}

static void setup(void)
{
    ls = labelsets_new(0);
    store = fake_store_new();
    book = book_new();
    told[0] = '\0';
}

static void count_one(const struct alert *a, void *arg)
{
    struct alert_stats *s = arg;

    s->alerts++;
    s->pending += a->state.firing == 0 && a->state.pending_ms != 0;
    s->firing += a->state.firing != 0;
    s->nodata += a->state.nodata_ms != 0;
}

/* The counters say what a walk over all alerts says: asked after each look and each end of a test. */
static struct alert_stats checked_stats(void)
{
    struct alert_stats kept, walked = {0};

    alert_stats(book, &kept);
    alert_each(book, count_one, &walked);
    ck_assert_uint_eq(kept.alerts, walked.alerts);
    ck_assert_uint_eq(kept.pending, walked.pending);
    ck_assert_uint_eq(kept.firing, walked.firing);
    ck_assert_uint_eq(kept.nodata, walked.nodata);
    return kept;
}

static void teardown(void)
{
    checked_stats();
    alert_book_free(book);
    fake_store_free(store);
    labelsets_free(ls);
}

/* The end of the process, and the start of another one. */
static void restart(void)
{
    alert_book_free(book);
    fake_store_detach(store);
    book = book_new();
    fake_load(store, load_field, book);
    checked_stats();
}

static const char *keys_service[] = {"service"}, *keys_host[] = {"host"};
static struct rule_pair annotations[] = {{"summary", "it burns"}};
static struct rule_pair labels[] = {{"tier", "1"}};

static struct rule_def rule(const char *name)
{
    return (struct rule_def){.name = name,
                             .levels = {{.priority = 2, .lasting_ms = 10 * SEC}},
                             .n_levels = 1,
                             .notify = true,
                             .team = "payments",
                             .keys = {.names = keys_service, .n = 1},
                             .annotations = annotations,
                             .n_annotations = 1,
                             .labels = labels,
                             .n_labels = 1,
                             .fire_hash = 7};
}

static labelset group(const char *name, const char *value)
{
    struct label l = label_of(name, value);

    return labelsets_intern(ls, &l, 1);
}

static void why(struct buf *out, void *arg)
{
    buf_adds(out, arg);
}

static enum alert_change look(struct alert_rule *r, const char *service, enum truth t, double value,
                              int64_t at_ms)
{
    labelset g = group("service", service);
    struct alert *a = alert_get(r, g);
    struct alert_look l = {.o = {.level = {t, t, t, t, t}, .has_value = true, .value = value},
                           .has_threshold = true,
                           .threshold = 10,
                           .why = why,
                           .why_arg = "{\"value\":1}"};
    enum alert_change c = a ? alert_observe(a, &l, at_ms) : CHANGE_NONE;

    labelset_unref(ls, g);
    checked_stats();
    return c;
}

static struct alert *find(struct alert_rule *r, const char *service)
{
    labelset g = group("service", service);
    struct alert *a = alert_find(r, g);

    labelset_unref(ls, g);
    return a;
}

static const char *label(const struct alert *a, const char *name)
{
    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, name) == 0)
            return a->labels[i].value;
    return "";
}

START_TEST(life)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);
    struct alert *a;

    ck_assert_int_eq(look(r, "web", FALSE_, 1, START), CHANGE_NONE);
    ck_assert_ptr_null(find(r, "web")); /* nothing to remember: no alert */
    ck_assert_int_eq(look(r, "web", TRUE_, 20, START + SEC), CHANGE_PENDING);
    ck_assert_int_eq(look(r, "web", TRUE_, 30, START + 11 * SEC), CHANGE_FIRED);
    look(r, "web", TRUE_, 40, START + 12 * SEC);
    look(r, "web", TRUE_, 25, START + 13 * SEC);
    a = find(r, "web");
    ck_assert_double_eq(a->peak, 40);
    ck_assert_double_eq(a->value, 25);
    ck_assert_str_eq(label(a, "alertname"), "R");
    ck_assert_str_eq(label(a, "service"), "web");
    ck_assert_str_eq(label(a, "severity"), "error");
    ck_assert_str_eq(label(a, "team"), "payments");
    ck_assert_str_eq(label(a, "tier"), "1");
    ck_assert_str_eq(a->annotations[0].value, "it burns");
    ck_assert_ptr_eq(alert_by_fingerprint(book, a->fingerprint), a);
    ck_assert_uint_eq(fake_count(store, KEY_ALERTS), 1);
    ck_assert_ptr_nonnull(fake_get(store, KEY_ALERTS, "rule:R{service=\"web\"}"));
    ck_assert_int_eq(look(r, "web", FALSE_, 5, START + 14 * SEC), CHANGE_RESOLVED);
    ck_assert_ptr_null(find(r, "web"));
    ck_assert_uint_eq(fake_count(store, KEY_ALERTS), 0);
    ck_assert_str_eq(told, "pending rule:R ;fired rule:R ;resolved rule:R condition cleared;");
    ck_assert_ptr_nonnull(strstr(store->last_entry, "from=P2 to=ok value=5"));
}
END_TEST

/* Texts without data would say "?". */
START_TEST(the_last_value_stands_while_data_is_missing)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);
    struct alert_look none = {.o = {.level = {UNKNOWN_, UNKNOWN_, UNKNOWN_, UNKNOWN_, UNKNOWN_}}};
    struct alert *a;

    look(r, "web", TRUE_, 20, START + SEC);
    ck_assert_int_eq(look(r, "web", TRUE_, 30, START + 11 * SEC), CHANGE_FIRED);
    a = find(r, "web");
    alert_observe(a, &none, START + 12 * SEC);
    ck_assert_int_ne(a->state.firing, 0);
    ck_assert_int_eq(a->state.nodata_ms, START + 12 * SEC);
    ck_assert(a->has_value);
    ck_assert_double_eq(a->value, 30);
    ck_assert_str_eq(a->annotations[0].value, "it burns");
}
END_TEST

START_TEST(what_fires_shows_its_own_limit_while_a_worse_level_is_pending)
{
    struct rule_def d = rule("R");
    struct alert_rule *r;
    struct alert *a;
    labelset g;
    struct alert_look l = {.o = {.level = {TRUE_, TRUE_}, .has_value = true, .value = 0.3},
                           .has_threshold = true,
                           .threshold = 0.2,
                           .limit = {[0] = {true, 0.2, UNIT_RATIO}, [2] = {true, 0.02, UNIT_RATIO}},
                           .why = why,
                           .why_arg = "{}"};

    d.n_levels = 2;
    d.levels[0].priority = 1;
    d.levels[0].lasting_ms = 60000;
    d.levels[1].priority = 3;
    d.levels[1].lasting_ms = 0;
    r = alert_rule_put(book, &d, START);
    g = group("service", "a");
    a = alert_get(r, g);
    alert_observe(a, &l, START);
    ck_assert_int_eq(a->state.firing, 3);
    ck_assert_double_eq(a->threshold, 0.02);
    alert_observe(a, &l, START + 60000);
    ck_assert_int_eq(a->state.firing, 1);
    ck_assert_double_eq(a->threshold, 0.2);
    labelset_unref(ls, g);
}
END_TEST

START_TEST(peak_of_a_low_value)
{
    struct rule_def d = rule("R");
    struct alert_rule *r;

    d.levels[0].lasting_ms = 0;
    r = alert_rule_put(book, &d, START);
    look(r, "web", TRUE_, 5, START);
    look(r, "web", TRUE_, 3, START + SEC);
    look(r, "web", TRUE_, 8, START + 2 * SEC);
    ck_assert_double_eq(find(r, "web")->peak, 3);
}
END_TEST

START_TEST(restart_goes_on)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);
    struct alert *a;
    uint64_t fingerprint;

    look(r, "web", TRUE_, 20, START);
    look(r, "web", TRUE_, 50, START + 10 * SEC);
    look(r, "db", TRUE_, 20, START + 10 * SEC);
    a = find(r, "web");
    a->sticky = 5;
    a->since_ms[2] = START;
    look(r, "web", TRUE_, 40, START + 11 * SEC);
    alert_book_set_evaluated_to(book, START + 12 * SEC);
    fingerprint = a->fingerprint;

    restart();
    ck_assert_int_eq(alert_book_evaluated_to(book), START + 12 * SEC);
    r = alert_rule_put(book, &d, START + 15 * SEC);
    alert_book_restored(book, START + 15 * SEC);
    ck_assert_uint_eq(alert_rule_count(r), 2);
    a = find(r, "web");
    ck_assert_int_eq(a->state.firing, 2);
    ck_assert_int_eq(a->started_ms, START + 10 * SEC);
    ck_assert_uint_eq(a->sticky, 5);
    ck_assert_int_eq(a->since_ms[2], START);
    ck_assert_double_eq(a->peak, 50);
    ck_assert_str_eq(a->why, "{\"value\":1}");
    ck_assert_uint_eq(a->fingerprint, fingerprint);
    told[0] = '\0';
    ck_assert_int_eq(look(r, "db", TRUE_, 20, START + 19 * SEC), CHANGE_NONE);
    ck_assert_int_eq(look(r, "db", TRUE_, 20, START + 20 * SEC), CHANGE_FIRED); /* passed time */
    a = find(r, "web");
    a->sticky = 0;
    a->since_ms[2] = 0;
    ck_assert_int_eq(look(r, "web", FALSE_, 1, START + 21 * SEC), CHANGE_RESOLVED);
}
END_TEST

START_TEST(long_outage_is_not_counted)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);
    const int64_t hour = 3600 * SEC;

    look(r, "web", TRUE_, 20, START);
    look(r, "web", TRUE_, 20, START + 4 * SEC);
    alert_book_set_evaluated_to(book, START + 4 * SEC);
    restart();
    r = alert_rule_put(book, &d, START + hour);
    alert_book_restored(book, START + hour);
    alert_book_bridge(book, hour);
    ck_assert_int_eq(look(r, "web", TRUE_, 20, START + hour + 9 * SEC), CHANGE_NONE);
    ck_assert_int_eq(look(r, "web", TRUE_, 20, START + hour + 10 * SEC), CHANGE_FIRED);
}
END_TEST

START_TEST(short_outage_counts)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);

    look(r, "web", TRUE_, 20, START);
    restart();
    r = alert_rule_put(book, &d, START + 60 * SEC);
    alert_book_restored(book, START + 60 * SEC);
    alert_book_bridge(book, 60 * SEC);
    ck_assert_int_eq(look(r, "web", TRUE_, 20, START + 60 * SEC), CHANGE_FIRED);
}
END_TEST

START_TEST(rule_gone_meanwhile)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);

    look(r, "web", TRUE_, 20, START);
    look(r, "web", TRUE_, 20, START + 10 * SEC);
    restart();
    told[0] = '\0';
    alert_book_restored(book, START + 20 * SEC);
    ck_assert_str_eq(told, "resolved rule:R rule removed;");
    ck_assert_uint_eq(fake_count(store, KEY_ALERTS), 0);
}
END_TEST

START_TEST(new_text_same_conditions)
{
    struct rule_def d = rule("R"), d2 = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);

    look(r, "web", TRUE_, 20, START);
    d2.team = "core";
    ck_assert_ptr_eq(alert_rule_put(book, &d2, START + SEC), r);
    ck_assert_int_eq(look(r, "web", TRUE_, 20, START + 10 * SEC), CHANGE_FIRED); /* timers go on */
    ck_assert_str_eq(label(find(r, "web"), "team"), "core");
}
END_TEST

START_TEST(new_conditions)
{
    struct rule_def d = rule("R"), d2 = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);

    look(r, "web", TRUE_, 20, START);
    look(r, "web", TRUE_, 20, START + 10 * SEC); /* fires */
    look(r, "db", TRUE_, 20, START + 10 * SEC);  /* pending */
    d2.fire_hash = 8;
    d2.clear_after_ms = 5 * SEC;
    alert_rule_put(book, &d2, START + 12 * SEC);
    ck_assert_int_eq(look(r, "db", TRUE_, 20, START + 20 * SEC), CHANGE_PENDING); /* starts over */
    ck_assert_int_eq(look(r, "web", FALSE_, 20, START + 20 * SEC), CHANGE_NONE);  /* stays */
    ck_assert_int_eq(look(r, "web", FALSE_, 20, START + 25 * SEC), CHANGE_RESOLVED);
}
END_TEST

START_TEST(level_taken_away)
{
    struct rule_def d = rule("R"), d2 = rule("R");
    struct alert_rule *r;

    d.levels[0] = (struct rule_level){.priority = 1};
    r = alert_rule_put(book, &d, START);
    look(r, "web", TRUE_, 20, START);
    d2.levels[0] = (struct rule_level){.priority = 3};
    d2.fire_hash = 9;
    alert_rule_put(book, &d2, START + SEC);
    ck_assert_int_eq(look(r, "web", TRUE_, 20, START + SEC), CHANGE_LOWERED);
    ck_assert_int_eq(find(r, "web")->state.firing, 3);
    ck_assert_int_eq(find(r, "web")->started_ms, START);
    ck_assert_str_eq(label(find(r, "web"), "severity"), "warning");
}
END_TEST

START_TEST(other_group_labels)
{
    struct rule_def d = rule("R"), d2 = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);

    look(r, "web", TRUE_, 20, START);
    look(r, "web", TRUE_, 20, START + 10 * SEC);
    told[0] = '\0';
    d2.keys.names = keys_host;
    alert_rule_put(book, &d2, START + 11 * SEC);
    ck_assert_str_eq(told, "resolved rule:R rule changed;");
    ck_assert_uint_eq(alert_rule_count(r), 0);
}
END_TEST

START_TEST(renamed)
{
    struct rule_def d = rule("R"), d2 = rule("New");
    struct alert_rule *r = alert_rule_put(book, &d, START), *old;

    look(r, "web", TRUE_, 20, START);
    look(r, "web", TRUE_, 20, START + 10 * SEC);
    look(r, "db", TRUE_, 20, START + 10 * SEC);
    told[0] = '\0';
    d2.renamed_from = "R";
    old = r;
    r = alert_rule_put(book, &d2, START + 11 * SEC);
    ck_assert_int_eq(alert_rule_adopt(r, old, START + 11 * SEC), 0);
    ck_assert_ptr_null(alert_rule_find(book, "R"));
    ck_assert_int_eq(find(r, "web")->state.firing, 2);
    ck_assert_int_eq(find(r, "web")->started_ms, START + 10 * SEC);
    ck_assert_int_eq(look(r, "db", TRUE_, 20, START + 20 * SEC), CHANGE_FIRED);
    ck_assert_ptr_nonnull(strstr(told, "resolved rule:R renamed to New;fired rule:New ;"));
    ck_assert_uint_eq(fake_count(store, KEY_ALERTS), 2);
    ck_assert_ptr_nonnull(fake_get(store, KEY_ALERTS, "rule:New{service=\"web\"}"));
}
END_TEST

static struct alert *fire(struct alert_rule *r, const struct label *l, size_t n)
{
    labelset g = labelsets_intern(ls, l, n);
    struct alert *a = alert_get(r, g);
    struct alert_look x = {.o = {.level = {TRUE_}, .has_value = true, .value = 1}};

    if (a)
        alert_observe(a, &x, START);
    a = a ? alert_find(r, g) : NULL;
    labelset_unref(ls, g);
    return a;
}

START_TEST(a_label_of_the_data_is_data)
{
    static const char *const data[] = {"priority", "severity"};
    struct rule_def d = rule("R");
    struct alert_rule *r;

    d.levels[0].lasting_ms = 0;
    d.keys = (struct expr_keys){.all = true};
    r = alert_rule_put(book, &d, START);
    for (size_t i = 0; i < 2; i++) {
        struct label high[] = {label_of(data[i], "high"), label_of("service", "web")};
        struct label low[] = {label_of(data[i], "low"), label_of("service", "web")};
        struct alert *a = fire(r, high, 2), *b = fire(r, low, 2);

        ck_assert_ptr_nonnull(a);
        ck_assert_ptr_nonnull(b);
        ck_assert_uint_ne(a->fingerprint, b->fingerprint);
        ck_assert_str_ne(a->key, b->key);
        ck_assert_str_eq(label(a, data[i]), "high");
        ck_assert_ptr_eq(alert_by_fingerprint(book, b->fingerprint), b);
    }
}
END_TEST

START_TEST(a_label_of_the_rule_never_replaces_one_of_the_data)
{
    struct rule_def d = rule("R"), plain = rule("R");
    struct label same[] = {label_of("service", "web"), label_of("tier", "1")};
    struct label named[] = {label_of("alertname", "Other"), label_of("service", "web")};
    struct label team[] = {label_of("service", "web"), label_of("team", "search")};
    struct label beside[] = {label_of("service", "web"), label_of("tier_2", "1")};
    const char *hides;
    struct alert_rule *r;

    d.levels[0].lasting_ms = plain.levels[0].lasting_ms = 0;
    plain.n_labels = 0;
    plain.team = NULL;
    plain.keys = d.keys = (struct expr_keys){.all = true};
    r = alert_rule_put(book, &plain, START);
    ck_assert_ptr_nonnull(fire(r, same, 2));
    told[0] = '\0';
    ck_assert_ptr_eq(alert_rule_put(book, &d, START), r);
    ck_assert_ptr_nonnull(strstr(told, "resolved rule:R a label of its rule hides"));
    alert_rule_begin_look(r, START + SEC);
    ck_assert_uint_eq(alert_rule_hidden(r, &hides), 0);
    ck_assert_ptr_null(fire(r, same, 2));
    ck_assert_uint_eq(alert_rule_hidden(r, &hides), 1);
    ck_assert_str_eq(hides, "tier");
    ck_assert_ptr_null(fire(r, named, 2));
    ck_assert_ptr_null(fire(r, team, 2));
    ck_assert_uint_eq(alert_rule_hidden(r, &hides), 3);
    ck_assert_ptr_nonnull(fire(r, beside, 2));
    ck_assert_ptr_nonnull(fire(r, same, 1));
}
END_TEST

START_TEST(new_labels_end_the_old_identity_and_go_on_under_the_new_one)
{
    static struct rule_pair other[] = {{"tier", "2"}};
    struct rule_def d = rule("R"), d2 = rule("R");
    struct alert_rule *r;

    d.levels[0].lasting_ms = d2.levels[0].lasting_ms = 0;
    d2.labels = other;
    r = alert_rule_put(book, &d, START);
    look(r, "web", TRUE_, 20, START);
    told[0] = '\0';
    alert_rule_put(book, &d2, START + SEC);
    ck_assert_str_eq(told, "resolved rule:R the labels of its rule were changed;fired rule:R ;");
    ck_assert_int_eq(find(r, "web")->started_ms, START);
    ck_assert_str_eq(label(find(r, "web"), "tier"), "2");
    restart();
    told[0] = '\0';
    r = alert_rule_put(book, &d2, START + 2 * SEC);
    ck_assert_str_eq(told, "");
    ck_assert_str_eq(label(find(r, "web"), "tier"), "2");
}
END_TEST

START_TEST(limit)
{
    struct rule_def d = rule("R");
    struct alert_rule *r;
    char name[16];

    d.limit = 3;
    r = alert_rule_put(book, &d, START);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "s%d", i);
        look(r, name, TRUE_, 20, START);
    }
    ck_assert_uint_eq(alert_rule_count(r), 3);
    ck_assert_uint_eq(alert_rule_overflow(r), 2);
    ck_assert_uint_eq(checked_stats().overflow, 2);
    ck_assert_ptr_nonnull(find(r, "s2")); /* those that came first stay */
    ck_assert_ptr_null(find(r, "s3"));
    look(r, "s0", FALSE_, 1, START + SEC);
    ck_assert_int_eq(look(r, "s4", TRUE_, 1, START + SEC), CHANGE_PENDING);
}
END_TEST

START_TEST(the_counters_are_those_of_a_walk)
{
    struct rule_def d = rule("R"), d2 = rule("R"), d3 = rule("New");
    struct alert_rule *r = alert_rule_put(book, &d, START);
    struct alert_stats now;

    d.limit = d2.limit = 3;
    look(r, "web", TRUE_, 20, START);
    look(r, "web", TRUE_, 20, START + 10 * SEC);
    look(r, "db", TRUE_, 20, START + 10 * SEC);
    look(r, "cache", UNKNOWN_, 0, START + 10 * SEC);
    alert_rule_begin_look(r, START + 11 * SEC);
    for (int i = 0; i < 4; i++)
        look(r, (const char *[]){"web", "db", "a", "b"}[i], TRUE_, 20, START + 11 * SEC);
    now = checked_stats();
    ck_assert_uint_eq(now.firing, 1);
    ck_assert_uint_eq(now.overflow, alert_rule_overflow(r));
    ck_assert_uint_gt(now.overflow, 0);
    restart();
    r = alert_rule_put(book, &d, START + 12 * SEC);
    ck_assert_uint_eq(checked_stats().firing, 1);
    d2.fire_hash = 8; /* pending starts over */
    r = alert_rule_put(book, &d2, START + 13 * SEC);
    checked_stats();
    alert_book_shift(book, -SEC);
    alert_book_set_right(book, START);
    checked_stats();
    d3.fire_hash = 8;
    ck_assert_int_eq(
        alert_rule_adopt(alert_rule_put(book, &d3, START + 14 * SEC), r, START + 14 * SEC), 0);
    ck_assert_uint_eq(checked_stats().firing, 1);
    alert_rule_remove(book, alert_rule_find(book, "New"), "rule removed", START + 15 * SEC);
    now = checked_stats();
    ck_assert_uint_eq(now.alerts + now.pending + now.firing + now.nodata + now.overflow, 0);
}
END_TEST

START_TEST(firing_question)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);
    struct label l[] = {label_of("host", "h1"), label_of("service", "web")};
    labelset g = labelsets_intern(ls, l, 2), other = group("service", "db");
    const char *names[] = {"service"};
    struct label_names by;

    ck_assert_int_eq(label_names_init(ls, &by, false, names, 1), 0);
    look(r, "web", TRUE_, 20, START);
    ck_assert(!alert_rule_fires(r, 0, &by, g)); /* only pending */
    look(r, "web", TRUE_, 20, START + 10 * SEC);
    ck_assert(alert_rule_fires(r, 0, &by, g));
    ck_assert(alert_rule_fires(r, 2, &by, g));
    ck_assert(!alert_rule_fires(r, 1, &by, g));
    ck_assert(!alert_rule_fires(r, 0, &by, other));
    label_names_clear(ls, &by);
    labelset_unref(ls, g);
    labelset_unref(ls, other);
}
END_TEST

START_TEST(retired_by_hand)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);

    look(r, "web", TRUE_, 20, START);
    look(r, "web", TRUE_, 20, START + 10 * SEC);
    alert_end(find(r, "web"), "retired", START + 11 * SEC);
    ck_assert_ptr_null(find(r, "web"));
    ck_assert_ptr_nonnull(strstr(told, "resolved rule:R retired;"));
}
END_TEST

static void big_why(struct buf *out, void *arg)
{
    int n = *(int *)arg;

    buf_adds(out, "{\"x\":\"");
    for (int i = 0; i < n; i++)
        buf_addc(out, 'a');
    buf_adds(out, "\"}");
}

START_TEST(why_is_bounded)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);
    static const int sizes[] = {4087, 4088, 4089, 100000};

    for (size_t i = 0; i < 4; i++) {
        labelset g = group("service", "web");
        int size = sizes[i];
        struct alert *a = alert_get(r, g);
        struct alert_look l = {.o = {.level = {TRUE_}}, .why = big_why, .why_arg = &size};
        alert_observe(a, &l, START);
        ck_assert_uint_le(strlen(a->why), 4096);
        ck_assert((strstr(a->why, "\"begins\"") != NULL) == (size > 4088));
        alert_end(a, "x", START);
        labelset_unref(ls, g);
    }
}
END_TEST

START_TEST(broken_records_are_left_out)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "[]",
                                      "{}",
                                      "{\"v\":2,\"rule\":\"R\",\"group\":{}}",
                                      "{\"v\":1,\"group\":{}}",
                                      "{\"v\":1,\"rule\":\"R\",\"group\":{\"a\":1}}",
                                      "{\"v\":1,\"rule\":\"R\"}"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e;
        ck_assert_int_eq(alert_book_restore(book, "f", 1, bad[i], strlen(bad[i]), &e), -1);
        ck_assert(e.text[0]);
    }
}
END_TEST

START_TEST(redis_lost_everything)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);

    look(r, "web", TRUE_, 20, START);
    alert_book_set_evaluated_to(book, START);
    fake_rewrite(store);
    ck_assert_uint_eq(fake_count(store, KEY_ALERTS), 1);
    ck_assert_ptr_nonnull(fake_get(store, KEY_CONTROL_META, "evaluated_to"));
}
END_TEST

/* Every allocation of a look fails once: no crash, no leak, and the alert still comes. */
START_TEST(memory_runs_out)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = alert_rule_put(book, &d, START);

    labelset g = group("service", "web");
    struct alert_look l = {.o = {.level = {TRUE_}}, .why = why, .why_arg = "{}"};

    for (long i = 1; i < 60; i++) {
        struct alert *a;
        mem_fail_at(i);
        a = alert_get(r, g);
        if (a)
            alert_observe(a, &l, START + i * SEC);
        mem_fail_at(0);
    }
    labelset_unref(ls, g);
    ck_assert_int_eq(find(r, "web")->state.firing, 2);
}
END_TEST

/* A put that finds no memory says so, leaves the rule as it was, and can be made again. */
START_TEST(a_rule_that_finds_no_memory_is_not_put)
{
    struct rule_def d = rule("R");
    struct alert_rule *r = NULL;
    long refused = 0;

    for (long i = 1; !r; i++) {
        mem_fail_at(i);
        r = alert_rule_put(book, &d, START);
        mem_fail_at(0);
        ck_assert(r || !alert_rule_find(book, "R"));
        refused += !r;
    }
    ck_assert_int_gt(refused, 0);
    ck_assert_ptr_eq(alert_rule_find(book, "R"), r);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, life);
    tcase_add_test(t, a_rule_that_finds_no_memory_is_not_put);
    tcase_add_test(t, the_last_value_stands_while_data_is_missing);
    tcase_add_test(t, what_fires_shows_its_own_limit_while_a_worse_level_is_pending);
    tcase_add_test(t, peak_of_a_low_value);
    tcase_add_test(t, restart_goes_on);
    tcase_add_test(t, long_outage_is_not_counted);
    tcase_add_test(t, short_outage_counts);
    tcase_add_test(t, rule_gone_meanwhile);
    tcase_add_test(t, new_text_same_conditions);
    tcase_add_test(t, new_conditions);
    tcase_add_test(t, level_taken_away);
    tcase_add_test(t, other_group_labels);
    tcase_add_test(t, renamed);
    tcase_add_test(t, a_label_of_the_data_is_data);
    tcase_add_test(t, a_label_of_the_rule_never_replaces_one_of_the_data);
    tcase_add_test(t, new_labels_end_the_old_identity_and_go_on_under_the_new_one);
    tcase_add_test(t, limit);
    tcase_add_test(t, the_counters_are_those_of_a_walk);
    tcase_add_test(t, firing_question);
    tcase_add_test(t, retired_by_hand);
    tcase_add_test(t, why_is_bounded);
    tcase_add_test(t, broken_records_are_left_out);
    tcase_add_test(t, redis_lost_everything);
    tcase_add_test(t, memory_runs_out);
}

UNIT_MAIN("alert/book", add)
