/* Alerts of senders in the book: merged as Alertmanager merges, ended in time, kept over restarts. */
#include <string.h>

#include "base/keys.h"
#include "base/mem.h"
#include "fake_store.h"
#include "tocsin/alert.h"
#include "unit.h"

#define SEC   INT64_C(1000)
#define MIN   (60 * SEC)
#define START INT64_C(1767571200000)

static struct labelsets *ls;
static struct store *store;
static struct alert_book *book;
static char told[2048]; /* "fired P2 {…} reason;" */
static size_t max_each;

static void on_change(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    char line[512];
    struct buf labels = BUF_INIT;

    (void)at_ms, (void)arg;
    ck_assert(a->labels && a->key && a->external);
    labels_text(a->labels, a->n_labels, &labels);
    for (size_t i = 0; i < a->n_annotations; i++) /* all are there to be read */
        ck_assert(strlen(a->annotations[i].name) < 1000 && strlen(a->annotations[i].value) < 1000);
    snprintf(line, sizeof line, "%s%s %s%s%s;",
             change == CHANGE_NONE ? (a->relabelled ? "relabelled" : "again")
                                   : alert_change_names[change],
             a->state.firing ? priority_name(a->state.firing) : "", buf_str(&labels),
             a->end_reason ? " " : "", a->end_reason ? a->end_reason : "");
    strncat(told, line, sizeof told - strlen(told) - 1);
    buf_free(&labels);
}

static struct alert_book *book_new(void)
{
    struct alert_book_options o = {
        .labels = ls, .store = store, .changed = on_change, .external_max_each = max_each};

    return alert_book_new(&o);
}

static void setup(void)
{
    max_each = 0;
    ls = labelsets_new(0);
    store = fake_store_new();
    book = book_new();
    told[0] = '\0';
}

static void count_one(const struct alert *a, void *arg)
{
    struct alert_stats *s = arg;

    s->alerts++;
    s->firing += a->state.firing != 0;
    s->external += a->external;
}

static void counters_are_those_of_a_walk(void)
{
    struct alert_stats kept, walked = {0};

    alert_stats(book, &kept);
    alert_each(book, count_one, &walked);
    ck_assert_uint_eq(kept.alerts, walked.alerts);
    ck_assert_uint_eq(kept.firing, walked.firing);
    ck_assert_uint_eq(kept.external, walked.external);
}

static void teardown(void)
{
    counters_are_those_of_a_walk();
    alert_book_free(book);
    fake_store_free(store);
    ck_assert_uint_le(labelsets_count(ls), 1); /* the empty one */
    labelsets_free(ls);
}

static bool load_field(void *room, struct store_table *t, const char *field, size_t field_len,
                       const char *value, size_t len)
{
    return alert_book_load(room, t, field, field_len, value, len);
}

static void restart(int64_t at_ms)
{
    int64_t decided_ms;

    alert_book_free(book);
    fake_store_detach(store);
    book = book_new();
    fake_load(store, load_field, book);
    decided_ms = alert_book_evaluated_to(book);
    alert_book_restored(book, at_ms);
    if (decided_ms > 0 && at_ms > decided_ms)
        alert_book_bridge(book, at_ms - decided_ms);
    counters_are_those_of_a_walk();
}

struct word {
    const char *host, *severity, *summary;
    int64_t starts, ends; /* seconds after START; 0: not given */
    int priority;
};

static int post_of(const char *origin, struct word w, int64_t at, struct err *e)
{
    struct label l[4] = {label_of("alertname", "Down"), label_of("host", w.host),
                         label_of("severity", w.severity ? w.severity : "")};
    struct rule_pair summary = {"summary", w.summary ? w.summary : ""};
    struct alert_posted p = {.origin = origin,
                             .labels = l,
                             .annotations = &summary,
                             .n_annotations = 1,
                             .url = "http://prom/graph",
                             .starts_ms = w.starts ? START + w.starts * SEC : 0,
                             .ends_ms = w.ends ? START + w.ends * SEC : 0,
                             .timeout_ms = 5 * MIN,
                             .priority = w.priority ? w.priority : 3};
    int n = labels_sort(l, 3), rc;

    p.n_labels = (size_t)n;
    rc = alert_post(book, &p, START + at * SEC, e);
    counters_are_those_of_a_walk();
    return rc;
}

static void post(struct word w, int64_t at)
{
    struct err e;

    ck_assert_msg(post_of("token:prom", w, at, &e) == 0, "%s", e.text);
}

static void tick(int64_t at)
{
    ck_assert(alert_book_tick(book, START + at * SEC, 1000));
    alert_book_set_evaluated_to(book, START + at * SEC);
    counters_are_those_of_a_walk();
}

static void is_told(const char *what)
{
    ck_assert_str_eq(told, what);
    told[0] = '\0';
}

static const struct alert *only;
static void see(const struct alert *a, void *arg)
{
    (void)arg;
    only = a;
}

static const struct alert *the_alert(void)
{
    only = NULL;
    alert_each(book, see, NULL);
    return only;
}

#define A "{alertname=\"Down\",host=\"a\"}"

START_TEST(one_without_an_end_ends_when_it_is_not_repeated)
{
    post((struct word){.host = "a"}, 0);
    is_told("firedP3 " A ";");
    ck_assert_int_eq(the_alert()->started_ms, START);
    ck_assert_int_eq(the_alert()->expires_ms, START + 5 * MIN);
    post((struct word){.host = "a"}, 60);
    is_told("againP3 " A ";");
    ck_assert_int_eq(the_alert()->started_ms, START);
    tick(359);
    is_told("");
    tick(360);
    is_told("resolved " A " its sender did not repeat it in time;");
    ck_assert_int_eq(the_alert()->ended_ms, START + 360 * SEC);
    tick(360 + 15 * 60 - 1);
    ck_assert(the_alert());
    tick(360 + 15 * 60);
    ck_assert(!the_alert());
    is_told("");
    ck_assert_uint_eq(fake_count(store, KEY_ALERTS), 0);
}
END_TEST

START_TEST(a_sender_ends_it_and_what_it_says_then_counts)
{
    post((struct word){.host = "a", .starts = 10, .ends = 250, .summary = "down"}, 15);
    post((struct word){.host = "a", .starts = 10, .ends = 70, .summary = "was down"}, 70);
    is_told("firedP3 " A ";resolved " A " ended by its sender;");
    ck_assert_str_eq(the_alert()->annotations[0].value, "was down");
    ck_assert_int_eq(the_alert()->ended_ms, START + 70 * SEC);
    /* Prometheus says so for 15 minutes */
    post((struct word){.host = "a", .starts = 10, .ends = 70, .summary = "was down"}, 130);
    is_told("");
    /* another life */
    post((struct word){.host = "a", .starts = 200, .ends = 500}, 210);
    is_told("firedP3 " A ";");
    ck_assert_int_eq(the_alert()->started_ms, START + 200 * SEC);
}
END_TEST

START_TEST(the_end_of_what_was_never_known_is_no_news)
{
    post((struct word){.host = "a", .starts = 10, .ends = 20}, 30);
    post((struct word){.host = "a", .ends = 20}, 30);
    is_told("");
    ck_assert(!the_alert());
    post((struct word){.host = "a"}, 31);
    post((struct word){.host = "a", .starts = 1, .ends = 2}, 31 + 3600); /* long ago, told once */
    tick(31 + 3601);
    is_told("firedP3 " A ";resolved " A " ended by its sender;");
    ck_assert(!the_alert());
}
END_TEST

/* Alertmanager's acceptance tests of merging, in short. */
START_TEST(words_that_overlap_are_merged)
{
    static const struct {
        struct word first, second;
        int64_t starts, ends; /* what comes of it */
        bool fires;
    } cases[] = {
        /* the earlier start stands */
        {{.starts = 10, .ends = 200}, {.starts = 50, .ends = 300}, 10, 300, true},
        /* an end that was given is not shortened by one that fires */
        {{.starts = 10, .ends = 600}, {.starts = 10, .ends = 300}, 10, 600, true},
        {{.starts = 10, .ends = 900}, {.starts = 50}, 10, 900, true},
        /* one that was not given is */
        {{.starts = 10}, {.starts = 10, .ends = 250}, 10, 250, true},
        /* a firing word after an end, within its span */
        {{.starts = 10, .ends = 90}, {.starts = 50, .ends = 300}, 10, 300, true},
        /* nothing in common: replaced */
        {{.starts = 10, .ends = 90}, {.starts = 95, .ends = 300}, 95, 300, true},
        /* an end ends */
        {{.starts = 10, .ends = 300}, {.starts = 10, .ends = 100}, 10, 100, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct word first = cases[i].first, second = cases[i].second;
        const struct alert *a;

        first.host = second.host = "a";
        post(first, 20);
        tick(95);
        post(second, 100);
        a = the_alert();
        ck_assert_msg((a->state.firing != 0) == cases[i].fires, "%zu", i);
        ck_assert_msg(a->started_ms == START + cases[i].starts * SEC, "%zu: %lld", i,
                      (long long)(a->started_ms - START));
        if (cases[i].fires)
            ck_assert_msg(a->expires_ms == START + cases[i].ends * SEC, "%zu: %lld", i,
                          (long long)(a->expires_ms - START));
        teardown();
        setup();
    }
}
END_TEST

START_TEST(severities_are_levels_of_one_alert)
{
    uint64_t fingerprint;

    post((struct word){.host = "a", .severity = "warning", .priority = 3, .summary = "80 %"}, 0);
    fingerprint = the_alert()->fingerprint;
    post((struct word){.host = "a", .severity = "critical", .priority = 1, .summary = "95 %"}, 10);
    is_told("firedP3 {alertname=\"Down\",host=\"a\",severity=\"warning\"};"
            "raisedP1 {alertname=\"Down\",host=\"a\",severity=\"critical\"};");
    ck_assert_str_eq(the_alert()->annotations[0].value, "95 %");
    ck_assert_uint_eq(the_alert()->fingerprint, fingerprint);
    /* both are repeated: nothing rises and falls */
    post((struct word){.host = "a", .severity = "warning", .priority = 3, .summary = "80 %"}, 60);
    post((struct word){.host = "a", .severity = "critical", .priority = 1, .summary = "96 %"}, 61);
    is_told("againP1 {alertname=\"Down\",host=\"a\",severity=\"critical\"};"
            "againP1 {alertname=\"Down\",host=\"a\",severity=\"critical\"};");
    ck_assert_str_eq(the_alert()->annotations[0].value, "96 %");
    post((struct word){.host = "a", .severity = "critical", .priority = 1, .ends = 70}, 70);
    is_told("loweredP3 {alertname=\"Down\",host=\"a\",severity=\"warning\"};");
    ck_assert_str_eq(the_alert()->annotations[0].value, "80 %");
    ck_assert_int_eq(the_alert()->started_ms, START);
    tick(360);
    is_told("resolved {alertname=\"Down\",host=\"a\",severity=\"warning\"} "
            "its sender did not repeat it in time;");
    /* another severity of the same priority is said, too */
    post((struct word){.host = "a", .severity = "page", .priority = 3, .ends = 2000}, 1300);
    post((struct word){.host = "a", .severity = "ticket", .priority = 3, .ends = 3000}, 1300);
    told[0] = '\0';
    tick(2000);
    is_told("relabelledP3 {alertname=\"Down\",host=\"a\",severity=\"ticket\"};");
}
END_TEST

START_TEST(a_priority_that_is_ours_goes_before_the_severity)
{
    struct label l[] = {label_of("alertname", "X"), label_of("priority", "P2")};
    struct alert_posted p = {
        .origin = "token:a", .labels = l, .n_labels = 2, .timeout_ms = MIN, .priority = 3};
    struct err e;

    ck_assert_int_eq(alert_post(book, &p, START, &e), 0);
    is_told("firedP2 {alertname=\"X\"};");
    l[1] = label_of("priority", "high"); /* a label like others */
    ck_assert_int_eq(alert_post(book, &p, START, &e), 0);
    is_told("firedP3 {alertname=\"X\",priority=\"high\"};");
}
END_TEST

START_TEST(a_stranger_ends_nothing)
{
    struct err e;

    post((struct word){.host = "a"}, 0);
    ck_assert_int_eq(post_of("token:other", (struct word){.host = "a", .ends = 5}, 10, &e), 0);
    is_told("firedP3 " A ";");
    ck_assert_int_eq(post_of("token:other", (struct word){.host = "a"}, 10, &e), 0);
    ck_assert_int_eq(post_of("token:other", (struct word){.host = "a", .ends = 20}, 20, &e), 0);
    is_told("firedP3 " A ";resolved " A " ended by its sender;");
}
END_TEST

START_TEST(a_restart_goes_on_with_parts_ends_and_texts)
{
    post((struct word){.host = "a", .severity = "warning", .priority = 3, .summary = "80 %"}, 0);
    post((struct word){.host = "a", .severity = "critical", .priority = 1, .ends = 400}, 10);
    tick(20);
    told[0] = '\0';
    restart(START + 20 * SEC);
    ck_assert_int_eq(the_alert()->state.firing, 1);
    ck_assert_str_eq(the_alert()->url, "http://prom/graph");
    ck_assert_str_eq(the_alert()->origin, "token:prom");
    ck_assert_int_eq(the_alert()->started_ms, START);
    tick(300);
    is_told("againP1 {alertname=\"Down\",host=\"a\",severity=\"critical\"};");
    tick(400);
    is_told("resolved {alertname=\"Down\",host=\"a\",severity=\"critical\"} "
            "its sender did not repeat it in time;");
}
END_TEST

START_TEST(while_nobody_listened_no_alert_ends)
{
    post((struct word){.host = "a", .ends = 250}, 0);
    post((struct word){.host = "b", .ends = 40}, 0);
    tick(60); /* b has ended, and that was told */
    told[0] = '\0';
    restart(START + 1060 * SEC);
    tick(1060);
    is_told("");
    tick(1249);
    is_told("");
    tick(1250);
    is_told("resolved " A " its sender did not repeat it in time;");
}
END_TEST

START_TEST(a_second_outage_before_its_next_word_ends_it_neither)
{
    post((struct word){.host = "a", .ends = 250}, 0);
    tick(60);
    restart(START + 1060 * SEC);
    tick(1060);
    told[0] = '\0';
    restart(START + 1070 * SEC);
    tick(1070);
    is_told("");
    tick(1070 + 250);
    is_told("resolved " A " its sender did not repeat it in time;");
}
END_TEST

START_TEST(a_step_of_the_clock_moves_ends_that_we_counted_not_those_that_were_given)
{
    post((struct word){.host = "a"}, 0);
    post((struct word){.host = "b", .ends = 300}, 0);
    told[0] = '\0';
    alert_book_shift(book, 3600 * SEC);
    tick(3600);
    is_told("resolved {alertname=\"Down\",host=\"b\"} its sender did not repeat it in time;");
    tick(3900);
    is_told("resolved " A " its sender did not repeat it in time;");
}
END_TEST

START_TEST(retired_by_hand_until_it_is_sent_again)
{
    post((struct word){.host = "a", .starts = 1, .ends = 300}, 10);
    alert_end((struct alert *)(size_t)the_alert(), "retired", START + 20 * SEC);
    is_told("firedP3 " A ";resolved " A " retired;");
    post((struct word){.host = "a", .starts = 1, .ends = 360}, 70);
    is_told("firedP3 " A ";");
}
END_TEST

START_TEST(bounds_are_named_and_what_is_known_is_still_taken)
{
    struct label l[LABELS_MAX + 1];
    char names[LABELS_MAX + 1][16];
    struct alert_posted p = {.origin = "token:a", .labels = l, .timeout_ms = MIN, .priority = 3};
    struct err e;

    ck_assert_int_eq(alert_post(book, &p, START, &e), -1);
    ck_assert_int_eq(e.code, ERR_INPUT);
    for (size_t i = 0; i <= LABELS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "l%02zu", i);
        l[i] = label_of(names[i], "x");
    }
    p.n_labels = LABELS_MAX;
    ck_assert_int_eq(alert_post(book, &p, START, &e), -1);
    ck_assert_int_eq(e.code, ERR_LIMIT);
    p.n_labels = LABELS_MAX - 1;
    ck_assert_int_eq(alert_post(book, &p, START, &e), 0);
    p.starts_ms = START + 2;
    p.ends_ms = START + 1;
    ck_assert_int_eq(alert_post(book, &p, START, &e), -1);
    teardown();

    setup();
    max_each = 2;
    alert_book_free(book);
    fake_store_detach(store);
    book = book_new();
    post((struct word){.host = "a"}, 0);
    post((struct word){.host = "b"}, 0);
    ck_assert_int_eq(post_of("token:prom", (struct word){.host = "c"}, 0, &e), -1);
    ck_assert_int_eq(e.code, ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(e.text, "2 alerts"));
    post((struct word){.host = "b"}, 10);
    ck_assert_int_eq(post_of("token:other", (struct word){.host = "c"}, 0, &e), 0);

    for (int i = 0; i < 8; i++) {
        char severity[16];

        snprintf(severity, sizeof severity, "s%d", i);
        ck_assert_int_eq(
            post_of("token:other", (struct word){.host = "c", .severity = severity}, 0, &e),
            i < 7 ? 0 : -1);
    }
    ck_assert_ptr_nonnull(strstr(e.text, "severities"));
}
END_TEST

START_TEST(many_that_end_together_take_several_turns)
{
    char host[16];

    for (int i = 0; i < 100; i++) {
        snprintf(host, sizeof host, "h%02d", i);
        post((struct word){.host = host, .ends = 300 + i % 7}, 0);
    }
    ck_assert(!alert_book_tick(book, START + 310 * SEC, 60));
    ck_assert(alert_book_tick(book, START + 310 * SEC, 60));
}
END_TEST

START_TEST(memory_that_runs_out_leaves_it_as_it_was)
{
    post((struct word){.host = "a", .severity = "warning", .summary = "first"}, 0);
    for (long n = 1;; n++) {
        struct word w = {.host = "a", .severity = "critical", .priority = 1, .summary = "second"};
        struct word other = {.host = "b", .summary = "third"};
        struct err e;

        mem_fail_at(n);
        if (post_of("token:prom", w, 10, &e))
            ck_assert_int_eq(e.code, ERR_MEMORY);
        if (post_of("token:prom", other, 10, &e))
            ck_assert_int_eq(e.code, ERR_MEMORY);
        counters_are_those_of_a_walk();
        if (!mem_failed())
            break;
        mem_fail_at(0);
    }
    mem_fail_at(0);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, one_without_an_end_ends_when_it_is_not_repeated);
    tcase_add_test(t, a_sender_ends_it_and_what_it_says_then_counts);
    tcase_add_test(t, the_end_of_what_was_never_known_is_no_news);
    tcase_add_test(t, words_that_overlap_are_merged);
    tcase_add_test(t, severities_are_levels_of_one_alert);
    tcase_add_test(t, a_priority_that_is_ours_goes_before_the_severity);
    tcase_add_test(t, a_stranger_ends_nothing);
    tcase_add_test(t, a_restart_goes_on_with_parts_ends_and_texts);
    tcase_add_test(t, while_nobody_listened_no_alert_ends);
    tcase_add_test(t, a_second_outage_before_its_next_word_ends_it_neither);
    tcase_add_test(t, a_step_of_the_clock_moves_ends_that_we_counted_not_those_that_were_given);
    tcase_add_test(t, retired_by_hand_until_it_is_sent_again);
    tcase_add_test(t, bounds_are_named_and_what_is_known_is_still_taken);
    tcase_add_test(t, many_that_end_together_take_several_turns);
    tcase_add_test(t, memory_that_runs_out_leaves_it_as_it_was);
}

UNIT_MAIN("external", add)
