/* Ways out of the sandbox, and ways to take the process down: each ends in an error. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tocsin/rulefile.h"

static struct rulefile *load(const char *source, const struct rulefile_options *o, struct err *e)
{
    return rulefile_load("web.lua", source, strlen(source), o, e);
}

static const char *refusal(const char *source, struct err *e)
{
    struct rulefile *f = load(source, NULL, e);

    ck_assert_msg(!f, "accepted: %s", source);
    return e->text;
}

#define T "web.lua:1: "
#define GONE(name)                                                                        \
    T "\"" name "\" does not exist in files of Tocsin (see the list of Lua functions in " \
      "docs/rules.md)"
static const struct {
    const char *source, *want;
} escapes[] = {
    {"local s = (\"a\"):rep(800):find(\".-.-.-b\")", T "string.rep does not exist here"},
    {"local s = string.find(\"a\", \"a\")", T "string.find does not exist here"},
    {"local s = (\"a\"):gsub(\"a\", \"b\")", NULL},
    {"local s = (\"a\"):match(\".\")", NULL},
    {"local s = (\"a\"):gmatch(\".\")", NULL},
    {"local s = string.dump(function() end)", NULL},
    {"local s = string.rep(\"a\", 1e8)", NULL},
    {"local s = string.pack(\"i\", 1)", NULL},
    {"table.move({}, 1, 2e7, 2)", NULL},
    {"local x = math.random()", NULL},
    {"while true do pcall(error) end", GONE("pcall")},
    {"xpcall(error, error)", GONE("xpcall")},
    {"coroutine.wrap(function() end)", GONE("coroutine")},
    {"os.execute(\"true\")", GONE("os")},
    {"io.open(\"/etc/passwd\")", GONE("io")},
    {"debug.getregistry()", GONE("debug")},
    {"require \"os\"", GONE("require")},
    {"load(\"return 1\")()", GONE("load")},
    {"dofile \"x\"", GONE("dofile")},
    {"getmetatable(\"\").__index.format = nil", GONE("getmetatable")},
    {"setmetatable({}, {})", GONE("setmetatable")},
    {"rawset(_ENV, \"a\", 1)", GONE("rawset")},
    {"collectgarbage()", GONE("collectgarbage")},
    {"_G.x = 1", GONE("_G")},
    {"string.format = nil", T "\"format\" cannot be set: this table is read-only after loading"},
    {"math.floor = math.ceil", T "\"floor\" cannot be set: this table is read-only after loading"},
    {"_ENV.alert = nil", T "global \"alert\": declare it with `local alert = …`"},
    {"local a <const> = _ENV; a.x = 1", T "global \"x\": declare it with `local x = …`"},
    {"print = nil", T "global \"print\": declare it with `local print = …`"},
    {"table.unpack({}, 1, 1e9)", T "table.unpack gives at most 64 values"},
    {"local t = {} for i = 1, 65 do t[i] = i end table.unpack(t)",
     T "table.unpack gives at most 64 values"},
    {"while true do end",
     T "too much work while loading: the budget of instructions is spent (an endless loop?)"},
    {"local function f() return f() end f()", NULL},
    {"local function f() f() end f()", NULL},
    {"local t = {} for i = 1, 1e9 do t[i] = {} end", NULL},
    {"local s = \"x\" while true do s = s .. s end",
     "web.lua:1: not enough memory: more than 64 MiB, or 4096 KiB in one piece, while loading"},
    {"local t = {} while true do t[#t + 1] = (\"x\"):format() .. #t end", NULL},
    /* one call in C over much data, again and again: paid for by its length */
    {"local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 0) end",
     T "too much work while loading: the budget of instructions is spent (an endless loop?)"},
    {"local t = {} for i = 1, 5e3 do t[i] = -i end while true do table.sort(t) end",
     T "too much work while loading: the budget of instructions is spent (an endless loop?)"},
    {"local s = \"x\" for i = 1, 20 do s = s .. s end while true do local u = s:upper() end",
     T "too much work while loading: the budget of instructions is spent (an endless loop?)"},
    {"local x = m.a for i = 1, 200 do x = x + 1 end",
     T "this expression is nested more than 100 deep"},
    {"local x = m.a + 1 for i = 1, 50 do x = x + x end",
     T "this expression has more than 20000 parts"},
    {"for i = 1, 1e9 do local x = m.a{ b = \"c\" }:rate(\"5m\") end", NULL},
    {"\x1bLua", NULL}, /* bytecode */
    {"error({})", "web.lua: error(table) was called while loading"},
    {"error(nil)", "web.lua: error(nil) was called while loading"},
    {"error(\"no\")", T "no"},
    {"assert(false, \"no\")", T "no"},
    {"include \"x.lua\"", T "\"x.lua\": files cannot be read here"},
};

START_TEST(there_is_no_way_out)
{
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        struct err e = {0};
        const char *got = refusal(escapes[i].source, &e);

        if (escapes[i].want)
            ck_assert_msg(strcmp(got, escapes[i].want) == 0, "%s\n got: %s\nwant: %s",
                          escapes[i].source, got, escapes[i].want);
    }
}
END_TEST

/* All names a file may see: a new one has to be put here on purpose. */
START_TEST(the_whitelist_is_exact)
{
    static const char *const names[] = {
        "ipairs",   "pairs",   "next",    "select",  "type",  "tonumber", "tostring", "assert",
        "error",    "print",   "math",    "string",  "table", "m",        "logs",     "alert",
        "defaults", "include", "data",    "re",      "glob",  "contains", "one_of",   "gte",
        "lt",       "is_not",  "all_of",  "present", "ratio", "max_of",   "min_of",   "coalesce",
        "now",      "const",   "apdex",   "above",   "below", "at_least", "at_most",  "equals",
        "differs",  "between", "outside", "missing", "per",   "firing"};
    static const char *const gone[] = {
        "pcall",        "xpcall",         "load",        "loadstring", "dofile", "loadfile",
        "require",      "package",        "io",          "os",         "debug",  "coroutine",
        "utf8",         "rawget",         "rawset",      "rawequal",   "rawlen", "getmetatable",
        "setmetatable", "collectgarbage", "_G",          "_VERSION",   "warn",   "slo",
        "during",       "server",         "secret_file", "test"};
    char source[256];
    struct err e = {0};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rulefile *f;

        snprintf(source, sizeof source, "assert(%s ~= nil)", names[i]);
        f = load(source, NULL, &e);
        ck_assert_msg(f != NULL, "%s: %s", names[i], e.text);
        rulefile_unref(f);
    }
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        snprintf(source, sizeof source, "local x = %s", gone[i]);
        refusal(source, &e);
    }
}
END_TEST

static const char *const works[] = {
    "assert((\"%5.1f|%s\"):format(1.25, \"x\") == \"  1.2|x\")",
    "assert((\"aBc\"):upper() == \"ABC\" and (\"aBc\"):lower() == \"abc\" and #(\"abc\") == 3)",
    "assert((\"abc\"):sub(2, 3) == \"bc\" and (\"abc\"):byte(1) == 97 and string.char(97) == "
    "\"a\")",
    "assert((\"abc\"):reverse() == \"cba\" and (\"abc\"):starts_with(\"ab\"))",
    "assert((\"abc\"):contains(\"bc\") and not (\"abc\"):contains(\"d\"))",
    "local t = (\"a,b,,c\"):split(\",\") assert(#t == 4 and t[3] == \"\" and t[4] == \"c\")",
    "assert((\"5xx\"):match_re(\"[0-9]xx\") and not (\"a5xx\"):match_re(\"[0-9]xx\"))",
    "local t = { 3, 1, 2 } table.sort(t) assert(table.concat(t, \",\") == \"1,2,3\")",
    "local t = { 1 } table.insert(t, 2) assert(table.remove(t) == 2 and table.unpack(t) == 1)",
    "local s = \"\" for k, v in pairs({ b = 1, a = 2, [10] = 3, [2] = 4 }) do s = s .. k .. v end "
    "assert(s == \"24103a2b1\")",
    "assert(next({}) == nil and next({ 5 }) == 1 and select(\"#\", 1, 2) == 2)",
    "assert(math.clamp(5, 1, 3) == 3 and math.round(1.256, 2) == 1.26 and math.floor(1.5) == 1)",
    "assert(tostring({}) == \"table\" and tostring(1.5) == \"1.5\" and tonumber(\"7\") == 7)",
    "local t = {} for i, v in ipairs{ 5, 6 } do t[i] = v end assert(t[2] == 6)",
};

START_TEST(what_is_there_works)
{
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        struct err e = {0};
        struct rulefile *f = load(works[i], NULL, &e);

        ck_assert_msg(f != NULL, "%s\n%s", works[i], e.text);
        rulefile_unref(f);
    }
}
END_TEST

START_TEST(a_long_regular_expression_on_a_hostile_subject_is_quick)
{
    struct err e = {0};
    struct rulefile *f = load("local s = \"a\" for i = 1, 12 do s = s .. s end\n"
                              "for i = 1, 100 do local x = s:match_re(\"(a+)+b\") end",
                              NULL, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    rulefile_unref(f);
}
END_TEST

/* --- include and data --- */

static char *read_file(const char *path, size_t *len, void *arg, struct err *e)
{
    static const struct {
        const char *path, *text;
    } files[] = {
        {"rules/lib/a.lua", "local n = 3\nreturn { limit = n, http = m.http_requests_total }"},
        {"rules/lib/loop.lua", "return include \"lib/loop.lua\""},
        {"rules/lib/broken.lua", "local x = (("},
        {"rules/lib/bad.lua", "\nlocal x = m.a:rat(\"5m\")"},
        {"rules/limits.csv", "service,limit\r\nweb,5\n\"a, \"\"b\"\"\",7\n\n"},
        {"rules/bad.csv", "a,b\n1\n1,2,3\n"},
        {"rules/x.json", "{\"a\":[1,2.5,\"x\",true,null],\"b\":{\"c\":\"d\"}}"},
        {"rules/bad.json", "{"},
    };

    ++*(int *)arg;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].path, path) == 0) {
            char *copy = mem_dup(files[i].text, *len = strlen(files[i].text));

            if (!copy)
                err_set(e, ERR_MEMORY, "not enough memory");
            return copy;
        }
    err_set(e, ERR_IO, "there is no such file");
    return NULL;
}

START_TEST(an_included_file_that_is_no_lua_names_who_includes_it)
{
    int reads = 0;
    struct rulefile_options o = {.root = "rules", .read = read_file, .arg = &reads};
    struct err e = {0};

    ck_assert_ptr_null(load("\nlocal a = include \"lib/broken.lua\"", &o, &e));
    ck_assert_str_eq(e.text, "broken.lua:1: unexpected symbol near <eof> (included at web.lua:2)");
}
END_TEST

START_TEST(files_can_include_others)
{
    int reads = 0;
    struct rulefile_options o = {.root = "rules", .read = read_file, .arg = &reads};
    struct err e = {0};
    const char *const *inputs;
    struct rulefile *f =
        load("local a = include \"lib/a.lua\"\nassert(a == include \"lib/a.lua\")\n"
             "alert \"A\" { value = a.http:rate(\"5m\"), fire = above(a.limit) }\n"
             "local rows = data \"limits.csv\"\n"
             "assert(#rows == 2 and rows[1].limit == \"5\" and rows[2].service == 'a, \"b\"')\n"
             "local x = data \"x.json\"\n"
             "assert(x.a[2] == 2.5 and x.a[4] == true and x.a[5] == nil and x.b.c == \"d\")\n",
             &o, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    ck_assert_int_eq(reads, 3);
    ck_assert_uint_eq(rulefile_inputs(f, &inputs), 3);
    ck_assert_str_eq(inputs[0], "rules/lib/a.lua");
    ck_assert_uint_eq(rulefile_count(f), 1);
    rulefile_unref(f);
}
END_TEST

static const struct {
    const char *source, *want;
} bad_files[] = {
    {"include \"../secret.lua\"",
     T "\"../secret.lua\": a path below rules is needed, without `..`"},
    {"include \"a/../../secret.lua\"",
     T "\"a/../../secret.lua\": a path below rules is needed, without `..`"},
    {"include \"/etc/passwd\"", T "\"/etc/passwd\": a path below rules is needed, without `..`"},
    {"include \"lib/none.lua\"", T "\"lib/none.lua\": there is no such file"},
    {"include \"lib/loop.lua\"", "loop.lua:1: include \"lib/loop.lua\": the file includes itself"},
    {"include \"lib/bad.lua\"",
     "bad.lua:2: selector has no method \"rat\" — did you mean \"rate\"?"},
    {"data \"bad.csv\"", T "bad.csv:3: more fields than the first line names"},
    {"data \"bad.json\"", T "data \"bad.json\": this is not JSON"},
    {"data \"lib/a.lua\"", T "data \"lib/a.lua\": a .csv or .json file is needed"},
};

START_TEST(bad_files_refuse_the_includer)
{
    int reads = 0;
    struct rulefile_options o = {.root = "rules", .read = read_file, .arg = &reads};

    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        struct err e = {0};

        ck_assert_ptr_null(load(bad_files[i].source, &o, &e));
        ck_assert_msg(strcmp(e.text, bad_files[i].want) == 0, "%s\n got: %s\nwant: %s",
                      bad_files[i].source, e.text, bad_files[i].want);
    }
}
END_TEST

START_TEST(a_link_does_not_lead_out_of_the_folder)
{
    char dir[] = "/tmp/tocsin-lua-XXXXXX", path[128], target[128];
    struct rulefile_options o = {0};
    struct err e = {0};
    FILE *out;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/rules", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(target, sizeof target, "%s/out.lua", dir);
    out = fopen(target, "w");
    fputs("return { x = 1 }", out);
    fclose(out);
    snprintf(path, sizeof path, "%s/rules/in.lua", dir);
    ck_assert_int_eq(symlink(target, path), 0);
    snprintf(path, sizeof path, "%s/rules", dir);
    o.root = path;
    ck_assert_ptr_null(load("include \"in.lua\"", &o, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "there is no such file below"));
    unlink(target);
    snprintf(target, sizeof target, "%s/rules/in.lua", dir);
    unlink(target);
    rmdir(path);
    rmdir(dir);
}
END_TEST

START_TEST(every_failed_allocation_is_survived)
{
    static const char source[] =
        "local a = include \"lib/a.lua\" local x = data \"x.json\" data \"limits.csv\"\n"
        "alert \"A\" { value = a.http{ code = re\"5..\" }:rate(\"5m\"):by(\"s\"), fire = "
        "above(1),\n"
        "  unless = firing(\"B\", { by = { \"s\" } }), labels = { x = \"y\" }, summary = \"{s}\" "
        "}\n"
        "alert \"B\" { inputs = { n = logs{ l = one_of{ \"a\", \"b\" } }:count(\"5m\"):by(\"s\") "
        "},\n"
        "  state = { k = 0 }, when = function(i, g) g.state.k = g.state.k + 1\n"
        "    return i.n > (\"5\"):len() and \"P1\" or \"ok\", i.n end }\n";
    int reads = 0;
    struct rulefile_options o = {.root = "rules", .read = read_file, .arg = &reads};

    for (long n = 1;; n++) {
        struct err e = {0};
        struct rulefile *f;

        mem_fail_at(n);
        f = load(source, &o, &e);
        if (!mem_failed()) {
            mem_fail_at(0);
            ck_assert_msg(f != NULL, "%s", e.text);
            rulefile_unref(f);
            return;
        }
        mem_fail_at(0);
        if (!f)
            ck_assert_msg(e.code == ERR_MEMORY || e.code == ERR_LIMIT, "%ld: %d %s", n, e.code,
                          e.text);
        rulefile_unref(f);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, there_is_no_way_out);
    tcase_add_test(t, the_whitelist_is_exact);
    tcase_add_test(t, what_is_there_works);
    tcase_add_test(t, a_long_regular_expression_on_a_hostile_subject_is_quick);
    tcase_add_test(t, an_included_file_that_is_no_lua_names_who_includes_it);
    tcase_add_test(t, files_can_include_others);
    tcase_add_test(t, bad_files_refuse_the_includer);
    tcase_add_test(t, a_link_does_not_lead_out_of_the_folder);
    tcase_add_test(t, every_failed_allocation_is_survived);
}

UNIT_MAIN("sandbox", add)
