/* What a silence costs: an alert tries the silences that may match it, and a silence that begins,
 * changes or ends looks again at what it matches. What is held stays the same as if each was tried. */
#include "base/mem.h"
#include "notify/holds.h"
#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "scene.h"

static struct scene *s;

static void setup(void)
{
    s = scene_new();
    (void)scene_silence; /* of others */
}

static void teardown(void)
{
    scene_free(s);
}

static const struct silence *silence_for(const char *matcher, int64_t starts_ms, int64_t ends_ms)
{
    struct err e;
    struct matcher *m = matcher_parse(matcher, strlen(matcher), &e);
    struct silence_request q = {
        .matchers = &m, .n_matchers = 1, .starts_ms = starts_ms, .ends_ms = ends_ms, .wide = -1};
    const struct silence *made = notify_silence(s->n, &q, NULL, NULL, &e);

    ck_assert_msg(made != NULL, "%s: %s", matcher, e.text);
    matcher_unref(m);
    return made;
}

static size_t tried_for(const struct label *l, size_t n, int priority)
{
    struct hold_subject a = {.labels = l, .n_labels = n, .priority = priority};
    struct hold f;

    ck_assert_int_eq(holds_find(s->n->holds, &a, notify_now(s->n), &f), 0);
    return holds_tried(s->n->holds);
}

static struct member *member_named(const char *name)
{
    for (size_t i = 0; i < s->n->n_open; i++)
        for (size_t k = 0; k < s->n->open[i]->n_members; k++)
            if (strstr(s->n->open[i]->members[k]->key, name))
                return s->n->open[i]->members[k];
    return NULL;
}

START_TEST(of_many_silences_only_those_that_may_match_are_tried)
{
    struct label l[2] = {label_of("host", "h7"), label_of("svc", "web")};
    char text[32];

    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof text, "host=h%d", i);
        silence_for(text, 0, START + 3600 * SEC);
    }
    ck_assert_uint_eq(tried_for(l, 2, 3), 1);
    silence_for("host=~h.", 0, START + 3600 * SEC); /* fixes nothing: always tried */
    ck_assert_uint_eq(tried_for(l, 2, 3), 2);
    for (int i = 1; i <= 301; i++) { /* each is found by its number */
        snprintf(text, sizeof text, "s%d", i);
        ck_assert_str_eq(notify_silence_find(s->n, text)->short_id, text);
    }
    ck_assert_ptr_null(notify_silence_find(s->n, "s302"));
}
END_TEST

START_TEST(a_silence_is_found_by_its_uuid_in_any_case)
{
    const struct silence *made = silence_for("svc=web", 0, START + 3600 * SEC);
    char upper[UUID_LEN + 1];

    for (size_t i = 0; i <= UUID_LEN; i++)
        upper[i] = (char)toupper((unsigned char)made->id[i]);
    ck_assert_ptr_eq(notify_silence_find(s->n, upper), made);
    ck_assert_ptr_eq(notify_silence_find(s->n, made->id), made);
    ck_assert_ptr_null(notify_silence_find(s->n, "S1"));
}
END_TEST

START_TEST(a_silence_by_priority_or_severity_is_found)
{
    scene_fire(s, "A P2 severity=critical svc=web");
    scene_fire(s, "B P4 severity=notice svc=db");
    scene_go(s, 30 * SEC);
    silence_for("priority=P2", 0, START + 60 * SEC);
    silence_for("severity=notice", 0, START + 60 * SEC);
    scene_pump(s);
    ck_assert_str_eq(member_named("A")->held_by, "s1");
    ck_assert_str_eq(member_named("B")->held_by, "s2");
    scene_go(s, 40 * SEC);
    ck_assert_int_eq(member_named("A")->hold, HOLD_NONE);
    ck_assert_int_eq(member_named("B")->hold, HOLD_NONE);
}
END_TEST

START_TEST(a_silence_looks_again_at_what_it_matches_and_at_nothing_else)
{
    struct err e;

    scene_fire(s, "A P2 svc=web");
    scene_fire(s, "B P2 svc=db");
    scene_pump(s);
    silence_for("svc=web", 0, START + 60 * SEC);
    ck_assert(s->n->first_marked && s->n->first_marked == s->n->last_marked);
    ck_assert(!member_named("A")->hold_known && member_named("B")->hold_known);
    scene_pump(s);
    ck_assert_int_eq(member_named("A")->hold, HOLD_SILENCE);
    ck_assert_int_eq(notify_silence_expire(s->n, "s1", NULL, &e), 0);
    ck_assert(s->n->first_marked && s->n->first_marked == s->n->last_marked);
    ck_assert(!member_named("A")->hold_known && member_named("B")->hold_known);
    scene_pump(s);
    ck_assert_int_eq(member_named("A")->hold, HOLD_NONE);
}
END_TEST

/* What is held and stays held by the same silence is not written again. */
START_TEST(a_second_silence_changes_nothing_of_what_is_held)
{
    scene_fire(s, "A P2 svc=web");
    silence_for("svc=web", 0, START + 600 * SEC);
    scene_pump(s);
    silence_for("alertname=A", 0, START + 600 * SEC);
    for (size_t i = 0; i < s->n->n_open; i++)
        for (size_t k = 0; k < s->n->open[i]->n_members; k++)
            hold_update(s->n, s->n->open[i]->members[k], START);
    ck_assert_str_eq(member_named("A")->held_by, "s1");
    ck_assert(!member_named("A")->incident->dirty);
}
END_TEST

START_TEST(a_silence_that_has_ended_is_not_tried_while_it_is_kept)
{
    struct label l = label_of("svc", "web");

    silence_for("svc=web", START + 60 * SEC, START + 120 * SEC);
    ck_assert_uint_eq(tried_for(&l, 1, 3), 1); /* pending: it may begin at any look */
    scene_go(s, 90 * SEC);
    ck_assert_uint_eq(tried_for(&l, 1, 3), 1);
    scene_go(s, 60 * SEC);
    ck_assert_uint_eq(tried_for(&l, 1, 3), 0);
    ck_assert_ptr_nonnull(notify_silence_find(s->n, "s1"));
    scene_go(s, SILENCE_KEEP_MS);
    ck_assert_ptr_null(notify_silence_find(s->n, "s1"));
}
END_TEST

START_TEST(after_a_restart_silences_are_found_again)
{
    scene_fire(s, "A P2 svc=web");
    silence_for("svc=web", 0, START + 60 * SEC);
    scene_pump(s);
    scene_restart(s);
    ck_assert_ptr_nonnull(notify_silence_find(s->n, "s1"));
    scene_fire(s, "B P2 svc=web");
    scene_pump(s);
    ck_assert_str_eq(member_named("B")->held_by, "s1");
    scene_go(s, 61 * SEC);
    ck_assert_int_eq(member_named("B")->hold, HOLD_NONE);
}
END_TEST

START_TEST(without_memory_a_hold_stays_and_is_looked_at_again)
{
    struct member *m;

    scene_fire(s, "A P2 svc=web");
    silence_for("svc=web", 0, START + 600 * SEC);
    scene_pump(s);
    m = member_named("A");
    for (int i = 0; i < 40; i++) /* more than there was room for: the list of found ones grows */
        silence_for("svc=web", 0, START + 500 * SEC + i);
    m->hold_known = false;
    mem_fail_at(1);
    hold_update(s->n, m, START);
    mem_fail_at(0);
    ck_assert_str_eq(m->held_by, "s1");
    ck_assert_int_eq(m->hold, HOLD_SILENCE);
    ck_assert(m->incident->incomplete && !m->hold_known);
    hold_update(s->n, m, START);
    ck_assert(m->hold_known);
    ck_assert_str_eq(m->held_by, "s1");
}
END_TEST

START_TEST(a_silence_until_resolved_ends_with_its_incident_among_others)
{
    struct silence_request q = {.incident = 1, .until_resolved = true, .wide = -1};
    struct err e;

    scene_fire(s, "A P2 svc=web");
    scene_fire(s, "B P2 svc=db");
    scene_pump(s);
    for (q.incident = 1; q.incident <= 2; q.incident++)
        ck_assert_ptr_nonnull(notify_silence(s->n, &q, NULL, NULL, &e));
    silence_for("svc=web", 0, START + 3600 * SEC);
    scene_pump(s);
    scene_end(s, "A");
    scene_go(s, 10 * SEC);
    ck_assert_int_eq(silence_state(notify_silence_find(s->n, "s1"), clock_wall_ms(s->clock)),
                     SILENCE_EXPIRED);
    ck_assert_int_eq(silence_state(notify_silence_find(s->n, "s2"), clock_wall_ms(s->clock)),
                     SILENCE_ACTIVE);
    ck_assert_int_eq(silence_state(notify_silence_find(s->n, "s3"), clock_wall_ms(s->clock)),
                     SILENCE_ACTIVE);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, of_many_silences_only_those_that_may_match_are_tried);
    tcase_add_test(t, a_silence_is_found_by_its_uuid_in_any_case);
    tcase_add_test(t, a_silence_by_priority_or_severity_is_found);
    tcase_add_test(t, a_silence_looks_again_at_what_it_matches_and_at_nothing_else);
    tcase_add_test(t, a_second_silence_changes_nothing_of_what_is_held);
    tcase_add_test(t, a_silence_that_has_ended_is_not_tried_while_it_is_kept);
    tcase_add_test(t, after_a_restart_silences_are_found_again);
    tcase_add_test(t, without_memory_a_hold_stays_and_is_looked_at_again);
    tcase_add_test(t, a_silence_until_resolved_ends_with_its_incident_among_others);
}

UNIT_MAIN("silences", add)
