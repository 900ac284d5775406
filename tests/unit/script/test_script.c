/* A file without any language: what every kind of file may do and may not, and the memory that it
 * becomes. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "script/safelib.h"
#include "script/script.h"
#include "script/value.h"

static struct script s;

static int load(lua_State *L)
{
    const char *text = lua_touserdata(L, 1);

    lua_settop(L, 0);
    match_metatable(L);
    safelib_names(L, false);
    match_names(L);
    safelib_env(L, safelib_unknown);
    script_set_env(L);
    script_chunk(L, script_of(L)->path, text, strlen(text));
    return 0;
}

/* "" when it ran, else the error. */
static const char *run_with(const char *text, const struct sandbox_limits *limits)
{
    static struct err e;

    e = (struct err){0};
    ck_assert_int_eq(script_open(&s, "dir/f.lua", &(struct script_reader){0}, limits, &e), 0);
    if (sandbox_run(&s.box, load, (void *)(size_t)text, &e) == 0)
        e.text[0] = '\0';
    script_free(&s);
    return e.text;
}

static const char *run(const char *text)
{
    return run_with(text, &(struct sandbox_limits){0});
}

START_TEST(what_a_file_says_is_run_with_the_safe_library_alone)
{
    ck_assert_str_eq(run("local t = { 3, 1, 2 } table.sort(t) assert(t[1] == 1)"), "");
    ck_assert_str_eq(run("local m = re\"5..\""), "");
    ck_assert_str_eq(run("\nlocal x = io"),
                     "f.lua:2: \"io\" does not exist in files of Tocsin (see the list of Lua "
                     "functions in docs/rules.md)");
    ck_assert_str_eq(run("local x = tostrin(1)"),
                     "f.lua:1: unknown name \"tostrin\" — did you mean \"tostring\"?");
    ck_assert_str_eq(run("x = 1"), "f.lua:1: global \"x\": declare it with `local x = …`");
}
END_TEST

START_TEST(a_matcher_is_read_by_nobody_and_changed_by_nobody)
{
    ck_assert_ptr_nonnull(
        strstr(run("local m = re\"5..\" local x = m.value"), "nothing to ask for"));
    ck_assert_str_eq(run("local m = re\"5..\" m.value = 1"),
                     "f.lua:1: a matcher cannot be changed");
}
END_TEST

START_TEST(a_file_that_goes_on_forever_ends_with_its_budget)
{
    struct sandbox_limits few = {.instructions = 100000};
    struct sandbox_limits small = {.max_heap = 1u << 20};

    ck_assert_ptr_nonnull(strstr(run_with("while true do end", &few), "f.lua:1: "));
    ck_assert_str_eq(run_with("for i = 1, 100 do end", &few), "");
    ck_assert_ptr_nonnull(strstr(
        run_with("local t = {} for i = 1, 1e6 do t[i] = 'x' .. i end", &small), "f.lua:1: "));
}
END_TEST

START_TEST(a_region_gives_no_more_than_its_bound)
{
    struct region r;
    char *text;

    region_init(&r, 1u << 20);
    ck_assert_ptr_nonnull(region_alloc(&r, 900000));
    ck_assert_ptr_null(region_alloc(&r, 200000));
    region_free(&r);
    region_init(&r, 0);
    text = region_dup(&r, "abcdef", 3);
    ck_assert_str_eq(text, "abc");
    ck_assert_str_eq(region_strdup(&r, "x"), "x");
    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_nonnull(region_alloc(&r, 100));
    ck_assert_str_eq(text, "abc"); /* nothing moves */
    region_free(&r);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, what_a_file_says_is_run_with_the_safe_library_alone);
    tcase_add_test(t, a_matcher_is_read_by_nobody_and_changed_by_nobody);
    tcase_add_test(t, a_file_that_goes_on_forever_ends_with_its_budget);
    tcase_add_test(t, a_region_gives_no_more_than_its_bound);
}

UNIT_MAIN("script", add)
