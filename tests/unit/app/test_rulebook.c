/* The rule files, from a folder into running rules; what runs them is an engine by hand, what keeps them
 * is written down. */
#include "stage.h"

#include <unistd.h>

#include "app/rulebook.h"
#include "base/files.h"
#include "base/log.h"

static struct stage s;
static struct rulebook *book;
static struct wire_parts parts;
static bool live, held;
static unsigned fills, releases, instants; /* that still go on */
static struct buf stored, log_lines, answer;
static char folder[64], pattern[80];
static const char *const patterns[] = {pattern};
static const char *const names[] = {"a.lua", "b.lua", "c.lua", "a_test.lua", "part.inc"};

/* --- in place of the wire and of Redis --- */

const struct wire_parts *wire_parts(const struct wire *w)
{
    (void)w;
    return &parts;
}

bool wire_is_live(const struct wire *w)
{
    (void)w;
    return live;
}

bool wire_hold(struct wire *w)
{
    (void)w;
    ck_assert(!held);
    held = instants == 0;
    instants -= instants > 0;
    return held;
}

void wire_release(struct wire *w)
{
    (void)w;
    ck_assert(held);
    held = false;
    releases++;
}

void wire_fill_new_leaves(struct wire *w)
{
    (void)w;
    fills++;
}

void notify_standing(struct notify *n, const struct alert *a, struct alert_standing *out)
{
    (void)n, (void)a;
    *out = (struct alert_standing){0};
}

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

void store_put(struct store_table *t, const char *field, const void *value, size_t len)
{
    (void)t;
    buf_addf(&stored, "put %s %.*s;", name_of(field), (int)(len < 9 ? len : 9),
             (const char *)value);
}

void store_del(struct store_table *t, const char *field)
{
    (void)t;
    buf_addf(&stored, "del %s;", name_of(field));
}

struct store_table *store_table(struct store *st, const char *key,
                                void (*rewrite)(struct store_table *t, void *arg), void *arg)
{
    (void)st, (void)key, (void)rewrite, (void)arg;
    return NULL;
}

void store_append(struct store *st, const char *key, uint64_t max_len, const char *id,
                  const char *const *pairs)
{
    (void)st, (void)key, (void)max_len, (void)id, (void)pairs;
}

/* --- the folder --- */

static const char *at(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    struct err e;

    ck_assert_int_eq(file_write(at(name), text, strlen(text), &e), 0);
}

static void keep_line(const char *line, void *arg)
{
    (void)arg;
    buf_addf(&log_lines, "%s\n", line);
}

static void setup(void)
{
    stage_open(&s);
    strcpy(folder, "/tmp/tocsin-rules-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(pattern, sizeof pattern, "%s/*.lua", folder);
    parts = (struct wire_parts){.clock = s.clock,
                                .labels = s.labels,
                                .book = engine_book(s.engine),
                                .rules = engine_rules(s.engine)};
    live = true;
    fills = releases = instants = 0;
    held = false;
    stored = log_lines = answer = BUF_INIT;
    book = rulebook_new();
    log_divert(keep_line, NULL);
}

static void teardown(void)
{
    log_divert(NULL, NULL);
    rulebook_free(book);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(at(names[i]));
    ck_assert_int_eq(rmdir(folder), 0);
    buf_free(&stored);
    buf_free(&log_lines);
    buf_free(&answer);
    stage_close(&s);
}

static const char *taken(struct buf *b)
{
    static char text[4096];

    snprintf(text, sizeof text, "%s", buf_str(b));
    buf_clear(b);
    return text;
}

static size_t load(void)
{
    return rulebook_load(book, NULL, patterns, 1);
}

/* To its end; what it says is in `answer`. */
static size_t reload(bool dry_run)
{
    struct json j = json_into(&answer);
    size_t refused;

    buf_clear(&answer);
    rulebook_begin(book, NULL, patterns, 1, dry_run);
    while (!rulebook_step(book, 1000))
        continue;
    json_object(&j);
    refused = rulebook_end(book, NULL, &j);
    json_object_end(&j);
    return refused;
}

static bool runs(const char *rule)
{
    return rules_find(parts.rules, rule) != NULL;
}

static double limit_of(const char *rule)
{
    return rule_definition(rules_find(parts.rules, rule))->levels[0].cond->b->num;
}

static void add_rejected(const char *path, const char *error, void *arg)
{
    (void)error;
    buf_addf(arg, "%s ", name_of(path));
}

static const char *rejected(void)
{
    static char text[256];
    struct buf b = BUF_INIT;

    rulebook_rejected(book, add_rejected, &b);
    snprintf(text, sizeof text, "%s", buf_str(&b));
    buf_free(&b);
    return text;
}

static void says(const struct buf *b, const char *part)
{
    ck_assert_msg(strstr(buf_str(b), part) != NULL, "no \"%s\" in %s", part, buf_str(b));
}

/* --- a file by itself --- */

START_TEST(each_file_is_accepted_or_refused_by_itself)
{
    put("a.lua", ALERT("A", "5"));
    put("b.lua", "nonsense\n");
    ck_assert_uint_eq(load(), 1);
    ck_assert(runs("A"));
    ck_assert_str_eq(rejected(), "b.lua ");
    ck_assert_str_eq(taken(&stored), "put a.lua alert 'A';");
    ck_assert_uint_eq(releases, 1);
    put("b.lua", ALERT("B", "5"));
    ck_assert_uint_eq(load(), 0);
    ck_assert(runs("B"));
    ck_assert_str_eq(rejected(), "");
}
END_TEST

START_TEST(a_refusal_is_logged_once_for_each_error)
{
    put("a.lua", "nonsense\n");
    load();
    says(&log_lines, "rule file refused");
    buf_clear(&log_lines);
    load();
    ck_assert_str_eq(buf_str(&log_lines), "");
    put("a.lua", "other = nonsense\n");
    load();
    says(&log_lines, "rule file refused");
}
END_TEST

START_TEST(a_file_that_breaks_keeps_its_version)
{
    put("a.lua", ALERT("A", "5"));
    load();
    buf_clear(&stored);
    put("a.lua", "nonsense\n");
    ck_assert_uint_eq(load(), 1);
    ck_assert(runs("A"));
    ck_assert_str_eq(rejected(), "a.lua ");
    ck_assert_str_eq(taken(&stored), ""); /* what is kept is what runs */
    says(&log_lines, "its previous version runs on");
}
END_TEST

/* After a restart the version that ran is known from Redis. */
START_TEST(what_was_kept_runs_where_the_disk_does_not_load)
{
    const char *kept = ALERT("A", "5");

    put("a.lua", "nonsense\n");
    rulebook_keep(book, at("a.lua"), kept, strlen(kept));
    ck_assert_uint_eq(load(), 1);
    ck_assert(runs("A"));
    ck_assert_str_eq(rejected(), "a.lua ");
}
END_TEST

START_TEST(what_was_kept_gives_way_to_the_disk)
{
    const char *kept = ALERT("A", "5");

    put("a.lua", ALERT("A", "9"));
    rulebook_keep(book, at("a.lua"), kept, strlen(kept));
    rulebook_keep(book, at("b.lua"), kept, strlen(kept)); /* was deleted meanwhile */
    ck_assert_uint_eq(load(), 0);
    ck_assert(limit_of("A") == 9);
    says(&stored, "del b.lua;");
}
END_TEST

START_TEST(a_file_that_goes_takes_its_rules_along)
{
    put("a.lua", ALERT("A", "5"));
    put("b.lua", ALERT("B", "5"));
    load();
    buf_clear(&stored);
    unlink(at("b.lua"));
    ck_assert_uint_eq(reload(false), 0);
    ck_assert(runs("A") && !runs("B"));
    ck_assert_str_eq(taken(&stored), "del b.lua;");
    says(&answer, "\"removed\":\"B\"");
}
END_TEST

START_TEST(tests_are_no_rules)
{
    put("a_test.lua", ALERT("A", "5"));
    ck_assert_uint_eq(load(), 0);
    ck_assert(!runs("A"));
    says(&log_lines, "no rule file is found");
}
END_TEST

/* --- the set --- */

START_TEST(names_of_own_rules_are_taken)
{
    struct rulefile *own = stage_rules(ALERT("Canary", "5"));

    rulebook_reserve(book, own);
    rulefile_unref(own); /* it holds a reference */
    put("a.lua", ALERT("Canary", "9"));
    put("b.lua", ALERT("B", "9"));
    ck_assert_uint_eq(load(), 1);
    ck_assert_str_eq(rejected(), "a.lua ");
    ck_assert(runs("B") && !runs("Canary"));
}
END_TEST

START_TEST(of_two_files_that_quarrel_the_newcomer_is_refused)
{
    put("b.lua", ALERT("A", "5"));
    load();
    put("a.lua", ALERT("A", "9"));
    ck_assert_uint_eq(load(), 1);
    ck_assert_str_eq(rejected(), "a.lua ");
    ck_assert(limit_of("A") == 5);
}
END_TEST

START_TEST(who_loses_what_it_names_runs_on_and_is_told_of)
{
    put("a.lua", ALERT("A", "5"));
    put("b.lua",
        "alert 'B' { value = m.x:last():max_by('g'), fire = above(5), unless = firing('A') }");
    ck_assert_uint_eq(load(), 0);
    unlink(at("a.lua"));
    ck_assert_uint_eq(load(), 1);
    ck_assert(runs("B"));
    ck_assert_str_eq(rejected(), "b.lua ");
}
END_TEST

/* --- in slices --- */

START_TEST(nothing_that_runs_changes_before_looks_and_blocks_are_held_back)
{
    unsigned before;

    put("a.lua", ALERT("A", "5"));
    put("b.lua", "nonsense\n");
    load();
    put("a.lua", ALERT("A", "9"));
    put("c.lua", ALERT("C", "5"));
    before = releases;
    instants = 3; /* that is looked at goes on first */
    rulebook_begin(book, NULL, patterns, 1, false);
    while (!rulebook_step(book, 1000)) {
        ck_assert(releases > before || (limit_of("A") == 5 && !runs("C")));
        ck_assert_str_eq(rejected(), "b.lua "); /* as before */
    }
    ck_assert_uint_eq(instants, 0);
    ck_assert_uint_eq(releases, before + 1);
    ck_assert(!held && limit_of("A") == 9 && runs("C"));
    ck_assert_uint_eq(rulebook_end(book, NULL, NULL), 1);
    ck_assert(limit_of("A") == 9 && runs("C"));
}
END_TEST

START_TEST(a_step_works_on_one_file_at_most)
{
    unsigned steps = 0;

    put("a.lua", ALERT("A", "5"));
    put("b.lua", ALERT("B", "5"));
    put("c.lua", ALERT("C", "5"));
    rulebook_begin(book, NULL, patterns, 1, false);
    while (!rulebook_step(book, INT64_C(1000000)))
        steps++;
    ck_assert_uint_ge(steps, 3);
    rulebook_end(book, NULL, NULL);
    ck_assert(runs("A") && runs("B") && runs("C"));
}
END_TEST

START_TEST(a_file_that_says_the_same_is_not_loaded_again)
{
    put("a.lua", ALERT("A", "5"));
    put("b.lua", "local limit = include 'part.inc'\n"
                 "alert 'B' { value = m.x:last():max_by('g'), fire = above(limit) }");
    put("part.inc", "return 5\n");
    load();
    put("part.inc", "return 9\n");
    ck_assert_uint_eq(reload(false), 0);
    says(&answer, "a.lua\",\"status\":\"unchanged\"");
    says(&answer, "b.lua\",\"status\":\"loaded\""); /* what it includes may have changed */
    ck_assert(limit_of("B") == 9);
}
END_TEST

static void add_input(const char *path, void *arg)
{
    buf_addf(arg, "%s ", name_of(path));
}

START_TEST(all_that_was_read_is_watched)
{
    struct buf b = BUF_INIT;

    put("a.lua", "local limit = include 'part.inc'\n"
                 "alert 'A' { value = m.x:last():max_by('g'), fire = above(limit) }");
    put("part.inc", "return 5\n");
    put("b.lua", "nonsense\n"); /* it will be mended */
    load();
    rulebook_inputs(book, add_input, &b);
    ck_assert_str_eq(buf_str(&b), "a.lua part.inc b.lua ");
    buf_free(&b);
}
END_TEST

/* --- a dry run --- */

START_TEST(a_dry_run_tells_all_and_leaves_everything)
{
    put("a.lua", ALERT("A", "5"));
    put("b.lua", "nonsense\n");
    load();
    stage_send(&s, "x", "one", 8);
    ck_assert_uint_eq(stage_firing(&s, "A"), 1);
    buf_clear(&stored);
    fills = releases = instants = 0;
    held = false;
    unlink(at("a.lua"));
    put("b.lua", ALERT("B", "5"));
    put("c.lua", "nonsense\n");
    ck_assert_uint_eq(reload(true), 1);
    says(&answer, "\"added\":\"B\"");
    says(&answer, "\"removed\":\"A\"");
    says(&answer, "c.lua\",\"status\":\"rejected\"");
    says(&answer, "\"would_resolve\":[\"{");
    ck_assert(runs("A") && !runs("B"));
    ck_assert_str_eq(rejected(), "b.lua ");
    ck_assert_str_eq(taken(&stored), "");
    ck_assert_uint_eq(fills + releases, 0);
    ck_assert_uint_eq(stage_firing(&s, "A"), 1);
}
END_TEST

/* --- beside it --- */

START_TEST(redis_that_came_back_older_gets_all_that_runs)
{
    put("a.lua", ALERT("A", "5"));
    put("b.lua", "nonsense\n");
    load();
    buf_clear(&stored);
    rulebook_rewrite(book, NULL);
    ck_assert_str_eq(taken(&stored), "put a.lua alert 'A';");
}
END_TEST

START_TEST(new_leaves_are_filled_once_the_program_is_live)
{
    live = false;
    put("a.lua", ALERT("A", "5"));
    load();
    ck_assert_uint_eq(fills, 0); /* the start reads the journal anyway, and nobody reloaded */
    ck_assert_str_eq(buf_str(&log_lines), "");
    live = true;
    put("b.lua", ALERT("B", "5"));
    load();
    ck_assert_uint_eq(fills, 1);
    says(&log_lines, "reloaded · added B");
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, each_file_is_accepted_or_refused_by_itself);
    tcase_add_test(t, a_refusal_is_logged_once_for_each_error);
    tcase_add_test(t, a_file_that_breaks_keeps_its_version);
    tcase_add_test(t, what_was_kept_runs_where_the_disk_does_not_load);
    tcase_add_test(t, what_was_kept_gives_way_to_the_disk);
    tcase_add_test(t, a_file_that_goes_takes_its_rules_along);
    tcase_add_test(t, tests_are_no_rules);
    tcase_add_test(t, names_of_own_rules_are_taken);
    tcase_add_test(t, of_two_files_that_quarrel_the_newcomer_is_refused);
    tcase_add_test(t, who_loses_what_it_names_runs_on_and_is_told_of);
    tcase_add_test(t, nothing_that_runs_changes_before_looks_and_blocks_are_held_back);
    tcase_add_test(t, a_step_works_on_one_file_at_most);
    tcase_add_test(t, a_file_that_says_the_same_is_not_loaded_again);
    tcase_add_test(t, all_that_was_read_is_watched);
    tcase_add_test(t, a_dry_run_tells_all_and_leaves_everything);
    tcase_add_test(t, redis_that_came_back_older_gets_all_that_runs);
    tcase_add_test(t, new_leaves_are_filled_once_the_program_is_live);
}

UNIT_MAIN("app/rulebook", add)
