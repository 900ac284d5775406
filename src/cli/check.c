/* `tocsin check`: everything that can be said of rules and configuration without data.
 * It loads by the very code that the server loads with, so it never passes what the server refuses. All
 * errors are told, not the first one: findings come through one callback, printed as they are found, and
 * kept for --json. Rules without a test are a warning, since the tests stand beside them. Only --live asks a
 * server. */
#include "cli/check.h"

#include <stdio.h>
#include <string.h>

#include "base/builtin.h"
#include "base/files.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/visible.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "tocsin/deliver.h"
#include "tocsin/testfile.h"

struct check {
    size_t n_errors, n_warnings, n_rules, n_files;
    struct buf errors_text, warnings_text; /* JSON arrays */
    struct json errors, warnings;
    bool cost, live;
    struct config *config; /* whose labels are compared with the rules'; NULL: none is checked */
};

static void found(const char *path, bool is_error, const char *text, void *arg)
{
    struct check *c = arg;
    struct json *j = is_error ? &c->errors : &c->warnings;

    if (is_error)
        c->n_errors++;
    else
        c->n_warnings++;
    if (!args_json) {
        struct buf line = BUF_INIT;

        buf_adds(&line, is_error ? "" : "warning: ");
        visible_line(&line, text, strlen(text));
        buf_addc(&line, '\n');
        print_lines(&line);
        buf_free(&line);
    }
    json_object(j);
    json_kstr(j, "file", path);
    json_kstr(j, "text", text);
    json_object_end(j);
}

/* --- rules without a test --- */

static void note_tested(const struct testfile *t, struct map *names)
{
    for (size_t i = 0; i < testfile_count(t); i++) {
        const struct test_case *c = testfile_case(t, i);

        for (size_t k = 0; k < c->n_rules; k++)
            if (map_puts(names, c->rules[k], names, NULL) < 0)
                return;
    }
}

static void check_test_file(struct check *c, const char *path, struct map *names)
{
    char root[1024];
    struct rulefile_options o = {.root = root};
    struct err e = {.text = ""};
    struct testfile *t;
    size_t len;
    char *text = file_read(path, RULESET_FILE_MAX, &len, &e);

    ruleset_folder(path, root, sizeof root);
    t = text ? testfile_load(path, text, len, &o, &e) : NULL;
    mem_free(text);
    if (t)
        note_tested(t, names);
    else
        found(path, true, e.text, c);
    testfile_free(t);
}

static void tell_untested(struct check *c, const struct ruleset *s, const struct map *names)
{
    for (size_t f = 0; f < s->n_files; f++) {
        for (size_t r = 0; r < rulefile_count(s->files[f]); r++) {
            const struct rule_def *d = rulefile_rule(s->files[f], r);
            const char *path = s->paths[s->path_of[f]];
            struct buf text = BUF_INIT;

            c->n_rules++;
            if (map_gets(names, d->name) || builtin_find(path))
                continue; /* what is built in is tested with the program */
            buf_addf(&text, "%s:%d: alert \"%s\" has no test", path, d->line, d->name);
            found(path, false, buf_str(&text), c);
            buf_free(&text);
        }
    }
}

static void check_tests(struct check *c, const struct ruleset *s, const char *const *patterns,
                        size_t n)
{
    struct map *names = map_new();
    struct err e = {.text = ""};
    char **tests = NULL;
    long n_tests = names ? ruleset_tests(patterns, n, &tests, &e) : -1;

    for (long i = 0; i < n_tests; i++)
        check_test_file(c, tests[i], names);
    if (n_tests >= 0)
        tell_untested(c, s, names);
    else
        found("", true, names ? e.text : "no memory", c);
    file_paths_free(tests, n_tests > 0 ? n_tests : 0);
    map_free(names, NULL);
}

/* --- the configuration --- */

struct templates_found {
    struct check *check;
    const char *path;
};

static void bad_template(const char *text, void *arg)
{
    const struct templates_found *f = arg;

    found(f->path, true, text, f->check);
}

static void check_templates(struct check *c, const struct config *config)
{
    struct templates_found f = {c, config->path};
    char folder[1024];

    deliver_template_folder(config->server.n_rules ? config->server.rules[0] : "rules/", folder,
                            sizeof folder);
    if (deliver_check_templates(config, folder, bad_template, &f) < 0)
        found(config->path, true, "no memory to try the templates", c);
}

/* The check holds it, to compare it with the rules. */
static const struct config *check_config(struct check *c, const char *path)
{
    struct err e = {.text = ""};
    struct config *config = ruleset_config(path, &e);

    if (!config) {
        size_t before = c->n_errors;

        ruleset_config_errors(path ? path : "tocsin.lua", found, c);
        if (c->n_errors == before)
            found(path ? path : "tocsin.lua", true, e.text, c);
        return NULL;
    }
    for (size_t i = 0; i < config->n_warnings; i++)
        found(config->path, false, config->warnings[i], c);
    check_templates(c, config);
    c->n_files += config->path[0] != 0;
    config_unref(c->config);
    c->config = config;
    return config;
}

/* --- the report --- */

static void print_json(struct check *c, const struct ruleset *s)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_array_end(&c->errors);
    json_array_end(&c->warnings);
    json_object(&j);
    json_kbool(&j, "ok", c->n_errors == 0);
    json_key(&j, "errors");
    json_raw(&j, buf_str(&c->errors_text), c->errors_text.len);
    json_key(&j, "warnings");
    json_raw(&j, buf_str(&c->warnings_text), c->warnings_text.len);
    json_key(&j, "rules");
    json_array(&j);
    for (size_t f = 0; f < s->n_files; f++) {
        for (size_t r = 0; r < rulefile_count(s->files[f]); r++) {
            const struct rule_def *d = rulefile_rule(s->files[f], r);

            json_object(&j);
            json_kstr(&j, "name", d->name);
            json_kstr(&j, "file", s->paths[s->path_of[f]]);
            json_kint(&j, "line", d->line);
            write_cost(d, &j);
            json_object_end(&j);
        }
    }
    json_array_end(&j);
    json_object_end(&j);
    printf("%s\n", buf_str(&out));
    buf_free(&out);
}

static void print_close(const struct check *c)
{
    printf("%zu %s in %zu %s: ", c->n_rules, c->n_rules == 1 ? "rule" : "rules", c->n_files,
           c->n_files == 1 ? "file" : "files");
    if (c->n_errors == 0)
        printf("ok");
    else
        printf("%zu %s", c->n_errors, c->n_errors == 1 ? "error" : "errors");
    if (c->n_warnings)
        printf(", %zu %s", c->n_warnings, c->n_warnings == 1 ? "warning" : "warnings");
    printf("\n");
}

static int check_all(struct check *c, const struct ruleset_wish *w, struct ruleset *s)
{
    struct err e = {.text = ""};
    int code = EXIT_YES;

    if (ruleset_load(s, w, found, c, &e) < 0)
        found("", true, e.text, c);
    if (c->config && check_labels(c->config, s, found, c) < 0)
        found("", true, "no memory", c);
    for (size_t i = 0; i < s->n_paths; i++)
        c->n_files += !ruleset_is_config(s->paths[i]);
    check_tests(c, s, w->named, w->n_named);
    if (args_json) {
        print_json(c, s);
    } else {
        struct buf out = BUF_INIT;

        if (c->cost)
            show_costs(s, &out);
        print_lines(&out);
        buf_free(&out);
        if (c->live)
            code = check_live(s);
        print_close(c);
    }
    return code != EXIT_YES ? code : c->n_errors ? EXIT_NO : EXIT_YES;
}

/* Files that are named and are not there are errors; patterns of the configuration may match
 * nothing. A configuration among them is checked as one. */
static void check_named(struct check *c, const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char **hits = NULL;
        struct err e = {.text = ""};
        long found_n = file_paths(&paths[i], 1, NULL, &hits, &e);

        if (found_n == 0) {
            struct buf text = BUF_INIT;

            buf_addf(&text, "%s: no such file", paths[i]);
            found(paths[i], true, buf_str(&text), c);
            buf_free(&text);
        }
        for (long k = 0; k < found_n; k++)
            if (ruleset_is_config(hits[k]))
                check_config(c, hits[k]);
        file_paths_free(hits, found_n > 0 ? found_n : 0);
    }
}

/* The files named, beside what the configuration runs. One that does not load says nothing of
 * rules: then the usual place is looked at. */
static int check_files(struct check *c, const char *config_path, const char *const *paths,
                       struct ruleset_wish *w, struct ruleset *s)
{
    struct err e;
    struct config *config = ruleset_config(config_path, &e);
    int code;

    if (!config)
        config = config_default();
    check_named(c, paths, w->n_named);
    w->named = paths;
    if (config) {
        w->beside = config->server.rules;
        w->n_beside = config->server.n_rules;
    }
    code = check_all(c, w, s);
    config_unref(config);
    return code;
}

int command_check(int argc, char **argv)
{
    struct check c = {0};
    const char *config_path = NULL;
    const struct option_row rows[] = {{.name = "--config", .value = &config_path},
                                      {.name = "--cost", .flag = &c.cost},
                                      {.name = "--live", .flag = &c.live}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code = EXIT_NO;
    struct ruleset_wish w = {0};
    struct ruleset s = {0};

    if (n < 0)
        return EXIT_USAGE;
    c.errors = json_into(&c.errors_text);
    c.warnings = json_into(&c.warnings_text);
    json_array(&c.errors);
    json_array(&c.warnings);
    w.n_named = (size_t)n - 1;
    if (n > 1) {
        code = check_files(&c, config_path, (const char *const *)argv + 1, &w, &s);
    } else {
        const struct config *config = check_config(&c, config_path);

        w.named = config ? config->server.rules : NULL;
        w.n_named = config ? config->server.n_rules : 0;
        code = check_all(&c, &w, &s);
    }
    config_unref(c.config);
    ruleset_clear(&s);
    buf_free(&c.errors_text);
    buf_free(&c.warnings_text);
    return code;
}
