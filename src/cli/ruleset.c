#include "cli/ruleset.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"

#define TEST_END "_test.lua"

void ruleset_folder(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');

    snprintf(out, size, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
}

bool ruleset_is_test(const char *path)
{
    size_t len = strlen(path), end = sizeof TEST_END - 1;

    return len >= end && strcmp(path + len - end, TEST_END) == 0;
}

static bool is_rule_file(const char *path)
{
    return !ruleset_is_test(path);
}

struct config *ruleset_config(const char *path, struct err *e)
{
    struct config *c;
    size_t len;
    char *text;

    if (!path && access("tocsin.lua", R_OK) == 0)
        path = "tocsin.lua";
    if (!path) {
        c = config_default();
        if (!c)
            err_set(e, ERR_MEMORY, "no memory");
        return c;
    }
    text = file_read(path, RULESET_FILE_MAX, &len, e);
    c = text ? config_load(path, text, len, NULL, e) : NULL;
    mem_free(text);
    return c;
}

struct rulefile *ruleset_read(const char *path, struct err *e)
{
    char root[1024];
    struct rulefile_options o = {.root = root};
    struct rulefile *f;
    size_t len;
    char *text = file_read(path, RULESET_FILE_MAX, &len, e);

    if (!text)
        return NULL;
    ruleset_folder(path, root, sizeof root);
    f = rulefile_load(path, text, len, &o, e);
    mem_free(text);
    return f;
}

static void load_one(struct ruleset *s, size_t i, ruleset_found found, void *arg)
{
    const char *const *warnings;
    struct err e = {.text = ""};
    struct rulefile *f = ruleset_read(s->paths[i], &e);
    size_t n;

    if (!f) {
        found(s->paths[i], true, e.text, arg);
        return;
    }
    s->path_of[s->n_files] = i;
    s->files[s->n_files++] = f;
    n = rulefile_warnings(f, &warnings);
    for (size_t k = 0; k < n; k++)
        found(s->paths[i], false, warnings[k], arg);
}

static void check_together(struct ruleset *s, ruleset_found found, void *arg)
{
    struct err errors[20];
    size_t which[20], n = rulefiles_check(s->files, s->n_files, errors, which, 20, NULL);

    for (size_t i = 0; i < n && i < 20; i++)
        found(s->paths[s->path_of[which[i]]], true, errors[i].text, arg);
}

int ruleset_load(struct ruleset *s, const char *const *patterns, size_t n, ruleset_found found,
                 void *arg, struct err *e)
{
    long n_paths;

    *s = (struct ruleset){0};
    n_paths = file_paths(patterns, n, is_rule_file, &s->paths, e);
    if (n_paths < 0)
        return -1;
    s->n_paths = (size_t)n_paths;
    s->files = mem_zalloc((s->n_paths + 1) * sizeof *s->files);
    s->path_of = mem_zalloc((s->n_paths + 1) * sizeof *s->path_of);
    if (!s->files || !s->path_of)
        return err_set(e, ERR_MEMORY, "no memory for %zu rule files", s->n_paths);
    for (size_t i = 0; i < s->n_paths; i++)
        load_one(s, i, found, arg);
    check_together(s, found, arg);
    return 0;
}

void ruleset_clear(struct ruleset *s)
{
    for (size_t i = 0; i < s->n_files; i++)
        rulefile_unref(s->files[i]);
    file_paths_free(s->paths, (long)s->n_paths);
    mem_free(s->files);
    mem_free(s->path_of);
    *s = (struct ruleset){0};
}

/* rules/web.lua -> rules/web_test.lua */
static char *test_of(const char *path)
{
    size_t len = strlen(path);
    char *test = mem_alloc(len + sizeof TEST_END);

    if (test && len >= 4 && strcmp(path + len - 4, ".lua") == 0)
        snprintf(test, len + sizeof TEST_END, "%.*s" TEST_END, (int)len - 4, path);
    else if (test)
        test[0] = 0;
    return test;
}

/* A pattern such as rules/ *.lua matches the tests as well; one that names a file does not. */
long ruleset_tests(const char *const *patterns, size_t n, char ***out, struct err *e)
{
    char **rules = NULL;
    const char **all;
    long n_rules = file_paths(patterns, n, is_rule_file, &rules, e), found = -1;

    if (n_rules < 0)
        return -1;
    all = mem_zalloc((n + (size_t)n_rules + 1) * sizeof *all);
    if (!all) {
        file_paths_free(rules, n_rules);
        return err_set(e, ERR_MEMORY, "no memory for %ld rule files", n_rules);
    }
    for (size_t i = 0; i < n; i++)
        all[i] = patterns[i];
    for (long i = 0; i < n_rules; i++) {
        char *test = test_of(rules[i]);

        if (test) { /* takes the place of the rule's path, so that it is freed with the list */
            mem_free(rules[i]);
            rules[i] = test;
        }
        all[n + (size_t)i] = rules[i];
    }
    found = file_paths(all, n + (size_t)n_rules, ruleset_is_test, out, e);
    file_paths_free(rules, n_rules);
    mem_free(all);
    return found;
}
