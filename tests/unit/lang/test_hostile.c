/* Files that want to stop the loop, eat the memory, or break the loader: each is refused, with its place
 * and words, in slices. How long they took is printed, not judged. */
#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "tocsin/rulefile.h"

#define SLICES_MAX 5000

static uint64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t slowest_us, slowest_slice_us;
static char slowest[80];
static int n_files;

/* Loads it as the server does. */
static void refused(const char *source, uint64_t max_instructions, bool has_line)
{
    struct rulefile_options o = {.max_instructions = max_instructions};
    struct err e = {.text = ""};
    uint64_t begin_us = cpu_us(), took_us;
    struct rulefile *f = rulefile_begin("web.lua", source, strlen(source), &o, &e);
    int slices = 0, rc = f ? 0 : -1;

    while (rc == 0) {
        uint64_t slice_us = cpu_us();

        rc = rulefile_step(f, 5000, &e);
        slice_us = cpu_us() - slice_us;
        slowest_slice_us = slice_us > slowest_slice_us ? slice_us : slowest_slice_us;
        ck_assert_msg(++slices < SLICES_MAX, "never ends: %.200s", source);
    }
    ck_assert_msg(rc < 0, "taken: %.200s", source);
    rulefile_unref(f);
    took_us = cpu_us() - begin_us;
    if (took_us > slowest_us) {
        slowest_us = took_us;
        snprintf(slowest, sizeof slowest, "%.70s", source);
    }
    ck_assert_msg(strncmp(e.text, "web.lua", 7) == 0 && strlen(e.text) > 20, "%.200s\n%s", source,
                  e.text);
    ck_assert_msg(!has_line ||
                      (e.text[7] == ':' && isdigit((unsigned char)e.text[8]) && e.line > 0),
                  "no line: %.200s\n%s", source, e.text);
    n_files++;
}

static void tell(const char *what)
{
    printf("%s: %d files refused, slowest %llu ms (%s), slowest slice %llu ms\n", what, n_files,
           (unsigned long long)slowest_us / 1000, slowest,
           (unsigned long long)slowest_slice_us / 1000);
    slowest_us = slowest_slice_us = 0;
    n_files = 0;
}

static const char *const loops[] = {
    "local i = 0 while true do i = i + 1 %s end",
    "for i = 1, 1e9 do %s end",
    "local i = 0 repeat i = i + 1 %s until i < 0",
    "local i = 0 ::again:: i = i + 1 do %s end goto again",
    "local function f(i) %s return f(i + 1) end f(1)",
};

static const char *const bodies[] = {
    "",
    "local t = {}",
    "local t = { i, i, i, { i } }",
    "local s = 'x' .. i",
    "local s = ('x'):upper()",
    "local s = string.format('%d %s', i, 'x')",
    "local x = m.a",
    "local x = m.a:last()",
    "local x = m.a{ b = 'c' }:rate('5m'):by('d')",
    "local x = (m.a + i) / 2",
    "local x = (m.a:last()):above(i) & (m.b:last()):below(1)",
    "local x = ratio(m.a:last(), m.b:last(), { min = 5 })",
    "alert('X' .. i) { value = m.a, fire = above(1) }",
    "alert('X' .. i) { value = m.a:rate('5m'):by('b'), fire = { P1 = above(9), P2 = above(5) } }",
    "local g = function() return i end",
    "local t = {} table.insert(t, i)",
    "local s = table.concat({ 'a', 'b', i })",
    "local t = { 3, 1, 2 } table.sort(t)",
    "for k, v in pairs({ a = 1, b = 2 }) do end",
    "for k, v in ipairs({ 1, 2 }) do end",
    "local s = tostring(i)",
    "local n = select('#', i, i)",
    "local b = ('abc'):contains('b')",
    "local b = ('abc'):starts_with('a')",
    "local t = ('a,b'):split(',')",
    "local b = ('abc'):match_re('a.*')",
    "local b = ('abc'):match_re('a' .. i % 100)",
    "local x = re'5..'",
    "local x = glob'web-*'",
    "local x = one_of{ 'a', 'b' }",
    "local x = math.floor(i / 3)",
    "local x = per('a', { default = 1, b = 2 })",
    "local x = firing('A')",
    "defaults { team = 'a' }",
    "if i > 1 then local a = 1 elseif i > 2 then local b = 2 end",
};

START_TEST(loops_around_everything_end)
{
    char source[512];

    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
        for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
            const char *hole = strstr(loops[i], "%s");

            snprintf(source, sizeof source, "-- line 1\n%.*s%s%s\n", (int)(hole - loops[i]),
                     loops[i], bodies[k], hole + 2);
            refused(source, 1000000, true);
        }
    tell("loops");
}
END_TEST

static const char *const greedy[] = {
    "local function f(n) return 1 + f(n + 1) end f(1)",
    "local function f(n) local a, b, c = n, n, n return (f(n + 1)) end f(1)",
    "local function f(n) return { f(n + 1) } end f(1)",
    "local f, g function f(n) return 1 + g(n) end function g(n) return 1 + f(n) end f(1)",
    "local function f(n) return 'x' .. f(n + 1) end f(1)",
    "local function f(n) for _ in pairs({ n }) do f(n + 1) end end f(1)",
    "local function f(a, b) local t = { 2, 1 } table.sort(t, f) return false end f(1, 2)",
    "local function f(n) return tostring(f(n + 1)) end f(1)",
    "local function f(n) return string.format('%d', f(n + 1)) end f(1)",
    "local function f(n) local t = { f } return t[1](n + 1) + 1 end f(1)",
    "local t = {} for i = 1, 1e9 do t[i] = {} end",
    "local t = {} for i = 1, 1e9 do t[i] = i end",
    "local t = {} for i = 1, 1e9 do t['k' .. i] = i end",
    "local t = {} for i = 1, 1e9 do t = { t } end",
    "local t = {} for i = 1, 1e9 do t = { t, t, t, t } end",
    "local t = {} for i = 1, 1e9 do t[i] = function() return t end end",
    "local f = error for i = 1, 1e9 do local g = f f = function() return g end end",
    "local s = 'x' while true do s = s .. s end",
    "local s = 'x' while true do s = table.concat({ s, s }) end",
    "local s = 'x' while true do s = string.format('%s%s', s, s) end",
    "local t = {} while true do t[#t + 1] = ('x'):upper() .. #t end",
    "local t = {} for i = 1, 1e9 do t[i] = m.a{ b = 'c' .. i } end",
    "local t = {} for i = 1, 1e9 do t[i] = re('a' .. i) end",
    "local t = {} for i = 1, 1e9 do t[i] = ('a' .. i):split('') end",
    "local x = m.a for i = 1, 1e9 do x = x + 1 end",
    "local x = m.a + 1 for i = 1, 1e9 do x = x + x end",
    "local c = above(1) for i = 1, 1e9 do c = c & above(i) end",
    "local c = (m.a:last()):above(1) for i = 1, 1e9 do c = ~c end",
    "local s = 'x' for i = 1, 20 do s = s .. s end while true do local b = s:contains('xxxxy') end",
    "local s = 'x' for i = 1, 20 do s = s .. s end while true do local b = s:match_re('(x+x+)+y') "
    "end",
    "local s = 'x' for i = 1, 20 do s = s .. s end while true do local b = s:split('y') end",
    "local s = 'x' for i = 1, 20 do s = s .. s end while true do local b = s == s .. 'y' end",
    "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.sort(t) end",
    "local t = {} for i = 1, 1e5 do t[i] = i end while true do for k in pairs(t) do end end",
    "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 0) end",
    "local t = {} for i = 1, 1e5 do t[i] = 'x' end while true do local s = table.concat(t) end",
    "local s = 'x' for i = 1, 21 do s = s .. s end local u = s .. 'y' s = s .. 'y' "
    "while true do local b = s == u end",
    "local s = 'x' for i = 1, 21 do s = s .. s end local u = s .. 'y' s = s .. 'z' "
    "while true do local b = s < u end",
    "local s = 'x' for i = 1, 19 do s = s .. s end while true do local b = tonumber(s, 36) end",
    "for i = 1, 1e9 do local s = string.format('%99.99f', 1e300) end",
    "local t = {} for i = 1, 60 do t[i] = i end while true do local a = table.unpack(t) end",
};

START_TEST(what_grows_without_an_end_is_refused)
{
    char source[512];

    for (size_t i = 0; i < sizeof greedy / sizeof *greedy; i++) {
        snprintf(source, sizeof source, "-- line 1\n%s\n", greedy[i]);
        refused(source, 3000000, true);
    }
    tell("growth");
}
END_TEST

#define TABLE(n, key, value) "local t = {} for i = 1, " n " do t[" key "] = " value " end "
#define LOOP_FILE            "for i = 1, 1e9 do end"

static char *read_loop(const char *path, size_t *len, void *arg, struct err *e)
{
    (void)path, (void)arg, (void)e;
    return mem_dup(LOOP_FILE, *len = strlen(LOOP_FILE));
}

/* What C does in one piece, however much it is given. */
static const struct {
    const char *source, *words;
} bounded[] = {
    {TABLE("1e5", "'k' .. i", "'v'") "alert 'A' { value = m.a, fire = above(1), labels = t }",
     "16384 keys"},
    {TABLE("1e5", "'k' .. i", "'v'") "for k in pairs(t) do end", "16384 keys"},
    {TABLE("1e5", "'k' .. i", "'v'") "local x = m.a(t)", "16384 keys"},
    {TABLE("1e5", "i", "-i") "table.sort(t)", "too much to sort"},
    {TABLE("900", "i", "('x' .. i):upper()") "local s = 'x' for i = 1, 15 do s = s .. s end "
                                             "for i = 1, 900 do t[i] = s .. i end table.sort(t)",
     "too much to sort"},
    {"table.sort({ 1, 2, 3 }, function() for i = 1, 1e9 do end end)", "too much work"},
};

START_TEST(what_c_does_in_one_piece_is_bounded)
{
    for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++) {
        struct err e = {0};
        struct rulefile *f =
            rulefile_load("web.lua", bounded[i].source, strlen(bounded[i].source), NULL, &e);

        ck_assert_msg(!f, "taken: %s", bounded[i].source);
        ck_assert_msg(strstr(e.text, bounded[i].words) != NULL, "%s\n%s", bounded[i].source,
                      e.text);
        refused(bounded[i].source, 0, true);
    }
    tell("bounds");
}
END_TEST

START_TEST(what_is_within_these_bounds_is_taken)
{
    static const char source[] =
        TABLE("6000", "i",
              "'k' .. (i * 7919) % 6007") "table.sort(t)\n"
                                          "table.sort(t, function(a, b) return a > b end) local n "
                                          "= 0\n" TABLE("16384", "'k' .. i",
                                                        "i") "for k in pairs(t) do n = n + 1 end "
                                                             "assert(n == 16384)";
    struct err e = {0};
    struct rulefile *f = rulefile_load("web.lua", source, sizeof source - 1, NULL, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    rulefile_unref(f);
}
END_TEST

/* Twenty million instructions are some hundred milliseconds, wherever they stand. */
START_TEST(an_included_file_is_loaded_in_slices_too)
{
    static const char source[] = "local x = include 'x.lua'";
    struct rulefile_options o = {.root = "rules", .read = read_loop};
    struct err e = {0};
    struct rulefile *f = rulefile_begin("rules/web.lua", source, sizeof source - 1, &o, &e);
    int slices = 0, rc = 0;

    ck_assert_ptr_nonnull(f);
    while (rc == 0 && ++slices < SLICES_MAX)
        rc = rulefile_step(f, 5000, &e);
    rulefile_unref(f);
    ck_assert_int_lt(rc, 0);
    ck_assert_msg(strstr(e.text, "too much work") != NULL, "%s", e.text);
    ck_assert_int_gt(slices, 3);
}
END_TEST

/* `n` times `part` between `head` and `tail`. */
static void repeated(const char *head, const char *part, int n, const char *tail)
{
    struct buf b = BUF_INIT;

    buf_adds(&b, head);
    for (int i = 0; i < n; i++)
        buf_adds(&b, part);
    buf_adds(&b, tail);
    refused(buf_str(&b), 0, true);
    buf_free(&b);
}

START_TEST(texts_that_are_nested_or_long_are_refused)
{
    static const struct {
        const char *head, *part;
        int n;
        const char *tail;
    } deep[] = {
        {"local x = ", "(", 100000, ""},
        {"local x = ", "{", 100000, ""},
        {"local x = ", "function() return ", 50000, ""},
        {"local x = ", "-", 100000, "1"},
        {"local x = ", "not ", 100000, "1"},
        {"local x = ", "1 .. ", 100000, "1"},
        {"local x = ", "2 ^ ", 100000, "1"},
        {"", "do ", 100000, ""},
        {"", "if 1 then ", 50000, ""},
        {"", "while 1 do ", 50000, ""},
        {"", "local x = 1 ", 300, ""},
        {"local x = m.a", "[1]", 50000, ""},
        {"local x = m", ".a", 50000, ""},
        {"local x = m.a", "()", 50000, ""},
        {"local x = m.a", "{}", 50000, " x = 1 .. nil"},
        {"alert ", "'x' ", 50000, ""},
        {"--", "x", 1100000, ""},
        {"local s = '", "x", 1100000, "'"},
    };

    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++)
        repeated(deep[i].head, deep[i].part, deep[i].n, deep[i].tail);
    tell("nesting");
}
END_TEST

static const char *const functions[] = {
    "while true do end",
    "for k = 1, 1e9 do end",
    "local function f() return 1 + f() end return f()",
    "local t = {} while true do t[#t + 1] = 1 end",
    "local t = {} while true do t = { t } end",
    "local s = 'x' while true do s = s .. s end",
    "local s = 'x' while true do s = s .. 'x' end",
    "local t = {} while true do table.insert(t, 1, 1) end",
    "local t = {} for k = 1, 1e4 do t[k] = -k end while true do table.sort(t) end",
    "while true do local b = ('x'):contains('y') end",
    "while true do local b = ('x'):match_re('y' .. i.a) end",
    "while true do local b = string.format('%s', i.a) end",
    "while true do for k in pairs({ 1, 2 }) do end end",
    "return above(1)",
    "return m.a:last()",
    "return alert('B') {}",
    "return i.b",
    "i.b = 1",
    "g.x = 1",
    "g.state.n = 1",
    "return g.nothing",
    "return 'critical'",
    "return 7",
    "return {}",
    "return 'P1', 'x'",
    "return nothing",
    "return error({})",
    "x = 1",
    "return i.a .. {}",
    "return i.a < 'x'",
};

START_TEST(functions_that_do_not_come_back_are_refused)
{
    char source[512];

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        snprintf(source, sizeof source,
                 "-- line 1\nalert 'A' { inputs = { a = m.a }, when = function(i, g) %s end }\n",
                 functions[i]);
        refused(source, 0, strstr(functions[i], "error({})") == NULL);
    }
    tell("functions");
}
END_TEST

static void add(TCase *t)
{
    tcase_set_timeout(t, 300);
    tcase_add_test(t, loops_around_everything_end);
    tcase_add_test(t, what_grows_without_an_end_is_refused);
    tcase_add_test(t, what_c_does_in_one_piece_is_bounded);
    tcase_add_test(t, what_is_within_these_bounds_is_taken);
    tcase_add_test(t, an_included_file_is_loaded_in_slices_too);
    tcase_add_test(t, texts_that_are_nested_or_long_are_refused);
    tcase_add_test(t, functions_that_do_not_come_back_are_refused);
}

UNIT_MAIN("hostile files", add)
