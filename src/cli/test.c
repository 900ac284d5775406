/* `tocsin test`: tests of rules in this process, on a virtual clock.
 * No server and no Redis: a test must run on the machine of who writes the rule, and in any CI. A test file
 * finds its rules by its name, alone if that holds together, else with all of its folder, since firing() may
 * name a rule of another file. Each case has an engine of its own, so none can depend on the one before it. */
#include "cli/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/ruleset.h"
#include "tocsin/testbench.h"

/* --- the rules under test --- */

static void keep_first_error(const char *path, bool is_error, const char *text, void *arg)
{
    struct err *e = arg;

    (void)path;
    if (is_error && !e->text[0])
        err_set(e, ERR_INPUT, "%s", text);
}

static int load_patterns(struct ruleset *s, const char *pattern, struct err *e)
{
    *e = (struct err){0};
    if (ruleset_load(s, &(struct ruleset_wish){.named = &pattern, .n_named = 1}, keep_first_error,
                     e, e) < 0)
        return -1;
    return e->text[0] ? -1 : 0;
}

/* x_test.lua tests x.lua alone where that holds together, else all rule files of its folder (a
 * firing() may name a rule of another file). */
static int load_rules_of(const char *test, struct ruleset *s, struct err *e)
{
    char pattern[4096];
    size_t stem = strlen(test) - strlen("_test.lua");

    snprintf(pattern, sizeof pattern, "%.*s.lua", (int)stem, test);
    if (access(pattern, R_OK) == 0) {
        struct err alone;

        if (load_patterns(s, pattern, &alone) == 0)
            return 0;
        if (s->n_files == 0) { /* its own error, not one between files */
            *e = alone;
            return -1;
        }
        ruleset_clear(s);
    }
    ruleset_folder(test, pattern, sizeof pattern - 8);
    strcat(pattern, "/*.lua");
    if (load_patterns(s, pattern, e) < 0)
        return -1;
    if (s->n_files == 0)
        return err_set(e, ERR_INPUT, "%s: no rule file beside it", test);
    return 0;
}

/* --- running --- */

static struct testfile *read_tests(const char *path, struct err *e)
{
    char root[1024];
    struct rulefile_options o = {.root = root};
    struct testfile *t;
    size_t len;
    char *text = file_read(path, RULESET_FILE_MAX, &len, e);

    if (!text)
        return NULL;
    ruleset_folder(path, root, sizeof root);
    t = testfile_load(path, text, len, &o, e);
    mem_free(text);
    return t;
}

static struct config *config_of(const char *test, const struct test_case *c, struct err *e)
{
    char folder[1024], path[2048];

    if (!c->config)
        return ruleset_config(NULL, e);
    ruleset_folder(test, folder, sizeof folder);
    snprintf(path, sizeof path, "%s/%s", folder, c->config);
    return ruleset_config(path, e);
}

static void run_case(struct test_report *r, const char *path, const struct test_case *c,
                     const struct ruleset *s)
{
    struct test_outcome o = {.file = path, .name = c->name, .line = c->line};
    uint64_t start_ns = test_clock_ns();
    struct err e = {.text = ""};
    struct config *config = config_of(path, c, &e);

    if (!config || testbench_run(c, s->files, s->n_files, config, &o.result, &e) < 0)
        o.error = e.text;
    o.took_ns = test_clock_ns() - start_ns;
    test_report_add(r, &o);
    testbench_result_clear(&o.result);
    config_unref(config);
}

static void run_file(struct test_report *r, const char *path)
{
    struct err e = {.text = ""};
    struct ruleset s = {0};
    struct testfile *t = NULL;

    if (!ruleset_is_test(path))
        err_set(&e, ERR_INPUT, "%s: the name of a test file ends with _test.lua", path);
    else
        t = read_tests(path, &e);
    if (!t || load_rules_of(path, &s, &e) < 0) {
        struct test_outcome o = {.file = path, .name = path, .error = e.text};

        test_report_add(r, &o);
    } else {
        for (size_t i = 0; i < testfile_count(t); i++)
            run_case(r, path, testfile_case(t, i), &s);
    }
    testfile_free(t); /* its cases point into it; the rules are the set's */
    ruleset_clear(&s);
}

static int run_configured(struct test_report *r, const char *config_path)
{
    struct err e = {.text = ""};
    struct config *c = ruleset_config(config_path, &e);
    char **paths = NULL;
    long n = c ? ruleset_tests(c->server.rules, c->server.n_rules, &paths, &e) : -1;

    config_unref(c);
    if (n < 0) {
        print_error("tocsin test: %s", e.text);
        return -1;
    }
    for (long i = 0; i < n; i++)
        run_file(r, paths[i]);
    file_paths_free(paths, n);
    return 0;
}

static int run_all(const char *config, const char *junit, char **tests, int n_tests)
{
    struct test_report r = {0};
    int code;

    test_report_open(&r);
    if (n_tests == 0 && run_configured(&r, config) < 0) {
        test_report_free(&r);
        return EXIT_NO;
    }
    for (int i = 0; i < n_tests; i++)
        run_file(&r, tests[i]);
    code = r.n_failed ? EXIT_NO : EXIT_YES;
    if (test_report_close(&r, junit) < 0)
        code = EXIT_NO;
    test_report_free(&r);
    return code;
}

int command_test(int argc, char **argv)
{
    const char *junit = NULL, *config = NULL;
    bool watch = false;
    const struct option_row rows[] = {{.name = "--junit", .value = &junit},
                                      {.name = "--config", .value = &config},
                                      {.name = "--watch", .flag = &watch}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    struct err e;

    if (n < 0)
        return EXIT_USAGE;
    for (;;) {
        code = run_all(config, junit, argv + 1, n - 1);
        fflush(stdout);
        if (!watch)
            return code;
        if (test_watch(config, argv + 1, n - 1, &e) < 0) {
            print_error("tocsin test: %s", e.text);
            return EXIT_NO;
        }
    }
}
