/* What a load of rule files changes, as people are told of it. */
#include "stage.h"

#include "app/changes.h"
#include "base/log.h"

static struct stage s;
static struct changes c;
static struct wire_parts parts;
static struct buf log_lines;

/* In place of notify: the incident of an alert is what its group says before the dash. */
void notify_standing(struct notify *n, const struct alert *a, struct alert_standing *out)
{
    (void)n;
    *out = (struct alert_standing){0};
    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, "g") == 0)
            out->incident = strtoull(a->labels[i].value, NULL, 10);
}

static void keep_line(const char *line, void *arg)
{
    (void)arg;
    buf_addf(&log_lines, "%s\n", line);
}

static void setup(void)
{
    stage_open(&s);
    c = (struct changes){0};
    parts = (struct wire_parts){.book = engine_book(s.engine)};
    log_lines = BUF_INIT;
    log_divert(keep_line, NULL);
}

static void teardown(void)
{
    log_divert(NULL, NULL);
    buf_free(&log_lines);
    changes_clear(&c);
    stage_close(&s);
}

/* One file from one text to another; NULL: it is not there. */
static void compare(const char *was, const char *is)
{
    struct rulefile *a = was ? stage_rules(was) : NULL, *b = is ? stage_rules(is) : NULL;

    changes_add(&c, a, b, &parts);
    rulefile_unref(a);
    rulefile_unref(b);
}

static void told(const char *added, const char *changed, const char *removed)
{
    ck_assert_str_eq(buf_str(&c.added.names), added);
    ck_assert_str_eq(buf_str(&c.changed.names), changed);
    ck_assert_str_eq(buf_str(&c.removed.names), removed);
}

START_TEST(rules_are_told_by_name_as_added_changed_or_removed)
{
    compare(ALERT("A", "5") ALERT("B", "5") ALERT("Gone", "5"),
            ALERT("A", "5") ALERT("B", "7") ALERT("New", "5") ALERT("Newer", "5"));
    told("New, Newer", "B limit 5 → 7", "Gone");
    compare(NULL, ALERT("Other", "1"));
    compare(ALERT("Last", "1"), NULL);
    told("New, Newer, Other", "B limit 5 → 7", "Gone, Last");
}
END_TEST

START_TEST(a_limit_is_told_in_its_unit)
{
    compare("alert 'A' { value = m.x, fire = above('2%') }",
            "alert 'A' { value = m.x, fire = above('30%') }");
    told("", "A limit 2% → 30%", "");
}
END_TEST

START_TEST(what_says_the_same_is_no_change)
{
    struct rulefile *same = stage_rules(ALERT("A", "5"));

    changes_add(&c, same, same, &parts);
    rulefile_unref(same);
    compare(ALERT("A", "5"), "-- a comment\n" ALERT("A", "5"));
    told("", "", "");
    changes_log(&c, false);
    ck_assert_str_eq(buf_str(&log_lines), "");
}
END_TEST

START_TEST(texts_and_times_are_changes_without_a_limit)
{
    compare("alert 'T' { value = m.x, fire = above(5), summary = 'a' }\n"
            "alert 'L' { value = m.x, fire = above(5), lasting = '1m' }",
            "alert 'T' { value = m.x, fire = above(5), summary = 'b' }\n"
            "alert 'L' { value = m.x, fire = above(5), lasting = '2m' }");
    told("", "T · L", "");
}
END_TEST

START_TEST(a_rule_that_moves_is_told_there_and_here)
{
    compare(ALERT("A", "5"), ALERT("B", "5"));
    compare(ALERT("B", "5"), ALERT("A", "5"));
    told("B, A", "", "A, B");
}
END_TEST

/* --- what will end --- */

/* So many incidents with one alert each, numbers from `first` on. */
static void fire_many(unsigned first, unsigned n, double v)
{
    for (unsigned i = 0; i < n; i++) {
        char group[16];

        snprintf(group, sizeof group, "%u", first + i);
        stage_send(&s, "x", group, v);
    }
}

static void put_rule(const char *text)
{
    struct rulefile *f = stage_rules(text);

    stage_put(&s, f);
    rulefile_unref(f);
}

START_TEST(an_incident_that_a_new_limit_ends_is_named_once)
{
    put_rule(ALERT("A", "5"));
    stage_send(&s, "x", "7-a", 8);
    stage_send(&s, "x", "7-b", 9);
    stage_send(&s, "x", "8-a", 9);
    stage_send(&s, "x", "8-b", 20); /* stays on */
    ck_assert_uint_eq(stage_firing(&s, "A"), 4);
    compare(ALERT("A", "5"), ALERT("A", "10"));
    told("", "A limit 5 → 10 · #7 will resolve", "");
}
END_TEST

START_TEST(a_limit_that_nothing_is_under_ends_nothing)
{
    put_rule(ALERT("A", "5"));
    fire_many(1, 2, 8);
    compare(ALERT("A", "5"), ALERT("A", "3"));
    told("", "A limit 5 → 3", "");
}
END_TEST

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, part)); p++)
        n++;
    return n;
}

/* A line names 32 incidents at most. */
START_TEST(a_line_has_a_bound)
{
    static const struct {
        unsigned ending, named;
    } rows[] = {{31, 31}, {32, 32}, {33, 32}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        teardown();
        setup();
        put_rule(ALERT("A", "5"));
        fire_many(1, rows[i].ending, 8);
        compare(ALERT("A", "5"), ALERT("A", "10"));
        ck_assert_uint_eq(count(buf_str(&c.changed.names), "will resolve"), rows[i].named);
    }
}
END_TEST

/* With more that stay than are remembered it is not known which end: none is named rather than a wrong one. */
START_TEST(with_too_many_that_stay_none_is_named)
{
    for (unsigned stay = 31; stay <= 32; stay++) {
        teardown();
        setup();
        put_rule(ALERT("A", "5"));
        fire_many(100, stay, 20);
        stage_send(&s, "x", "7", 8);
        compare(ALERT("A", "5"), ALERT("A", "10"));
        ck_assert_uint_eq(count(buf_str(&c.changed.names), "#7 will resolve"), stay < 32);
    }
}
END_TEST

/* --- how it is told --- */

START_TEST(the_log_has_one_line_and_says_when_it_was_in_part)
{
    compare(ALERT("A", "5") ALERT("B", "5"), ALERT("B", "6") ALERT("C", "5"));
    changes_log(&c, false);
    ck_assert_ptr_nonnull(
        strstr(buf_str(&log_lines), "reloaded · added C · B limit 5 → 6 · removed A"));
    ck_assert_uint_eq(count(buf_str(&log_lines), "\n"), 1);
    buf_clear(&log_lines);
    changes_log(&c, true);
    ck_assert_ptr_nonnull(strstr(buf_str(&log_lines), "reloaded in part · added C"));
}
END_TEST

START_TEST(the_document_has_all_three)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    compare(ALERT("A", "5"), ALERT("C", "5"));
    changes_json(&c, &j);
    ck_assert_str_eq(buf_str(&out), "{\"added\":\"C\",\"changed\":\"\",\"removed\":\"A\"}");
    buf_free(&out);
}
END_TEST

/* A generated set may change as a whole; 200 are told by name, one more is counted. */
START_TEST(of_very_many_rules_the_rest_is_counted)
{
    struct buf text = BUF_INIT, out = BUF_INIT;

    for (int i = 0; i < 201; i++) {
        struct json j = json_into(&out);

        buf_addf(&text, "alert 'R%d' { value = m.x, fire = above(1) }\n", i);
        if (i < 199)
            continue;
        changes_clear(&c);
        buf_clear(&out);
        compare(NULL, buf_str(&text));
        changes_json(&c, &j);
        ck_assert_ptr_nonnull(
            strstr(buf_str(&out), i == 199 ? "R198, R199\"" : "R198, R199 and 1 more\""));
    }
    changes_log(&c, false);
    ck_assert_ptr_nonnull(strstr(buf_str(&log_lines), "R199 and 1 more"));
    buf_free(&text);
    buf_free(&out);
}
END_TEST

START_TEST(a_rule_is_found_by_its_name)
{
    struct rulefile *f = stage_rules(ALERT("A", "5") ALERT("B", "5"));

    ck_assert_str_eq(changes_find(f, "B")->name, "B");
    ck_assert_ptr_null(changes_find(f, "C"));
    ck_assert_ptr_null(changes_find(NULL, "A"));
    rulefile_unref(f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, rules_are_told_by_name_as_added_changed_or_removed);
    tcase_add_test(t, a_limit_is_told_in_its_unit);
    tcase_add_test(t, what_says_the_same_is_no_change);
    tcase_add_test(t, texts_and_times_are_changes_without_a_limit);
    tcase_add_test(t, a_rule_that_moves_is_told_there_and_here);
    tcase_add_test(t, an_incident_that_a_new_limit_ends_is_named_once);
    tcase_add_test(t, a_limit_that_nothing_is_under_ends_nothing);
    tcase_add_test(t, a_line_has_a_bound);
    tcase_add_test(t, with_too_many_that_stay_none_is_named);
    tcase_add_test(t, the_log_has_one_line_and_says_when_it_was_in_part);
    tcase_add_test(t, the_document_has_all_three);
    tcase_add_test(t, of_very_many_rules_the_rest_is_counted);
    tcase_add_test(t, a_rule_is_found_by_its_name);
}

UNIT_MAIN("app/changes", add)
