/* Reading the files of a person's disk as the server would, without one.
 *
 * A file is judged in its set: firing() reaches over files, and names are taken once. So what is
 * checked is read whole, with all its errors, and what stands beside it is read for its names.
 * Dropped: asking a running server for its set. `check` must work in an editor and in CI. */
#include "cli/ruleset.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/builtin.h"
#include "base/files.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "tocsin/script_errors.h"

#define TEST_END        "_test.lua"
#define OWN_RULES       "rules/self/tocsin.lua"
#define TOGETHER_ERRORS 20

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

/* Reads and loads one rule file; includes stay below its folder. */
static struct rulefile *ruleset_read(const char *path, struct err *e)
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

/* --- every error of a text --- */

struct telling {
    const char *path;
    ruleset_found found;
    void *arg;
};

static void tell(const struct err *e, void *arg)
{
    const struct telling *t = arg;

    t->found(t->path, true, e->text, t->arg);
}

static int load_rules(const char *text, size_t len, void *arg, struct err *e)
{
    const struct telling *t = arg;
    char root[1024];
    struct rulefile_options o = {.root = root};
    struct rulefile *f;

    ruleset_folder(t->path, root, sizeof root);
    f = rulefile_load(t->path, text, len, &o, e);
    rulefile_unref(f);
    return f ? 0 : -1;
}

static int load_config(const char *text, size_t len, void *arg, struct err *e)
{
    const struct telling *t = arg;
    struct config *c = config_load(t->path, text, len, NULL, e);

    config_unref(c);
    return c ? 0 : -1;
}

static void tell_all(const char *path, script_load load, ruleset_found found, void *arg)
{
    struct telling t = {path, found, arg};
    const char *slash = strrchr(path, '/');
    struct err e = {.text = ""};
    size_t len;
    char *text = file_read(path, RULESET_FILE_MAX, &len, &e);

    if (text)
        script_errors(slash ? slash + 1 : path, text, len, load, tell, &t);
    else
        found(path, true, e.text, arg);
    mem_free(text);
}

void ruleset_config_errors(const char *path, ruleset_found found, void *arg)
{
    tell_all(path, load_config, found, arg);
}

bool ruleset_is_config(const char *path)
{
    static const char *const words[] = {"receiver", "route",     "server", "priorities",
                                        "deadman",  "calendar",  "person", "rotation",
                                        "schedule", "escalation"};
    const char *slash = strrchr(path, '/');
    struct err e;
    size_t len;
    char *text;
    bool is = strcmp(slash ? slash + 1 : path, "tocsin.lua") == 0;

    if (is)
        return true;
    text = file_read(path, RULESET_FILE_MAX, &len, &e);
    for (char *line = text; line && *line && !is; line += strcspn(line, "\n"), line += *line != 0)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            size_t n = strlen(words[i]);

            is = is || (strncmp(line, words[i], n) == 0 && line[n] && strchr(" {\"'", line[n]));
        }
    mem_free(text);
    return is;
}

/* --- the set --- */

static void note_name(const char *name, size_t len, void *arg)
{
    struct ruleset *s = arg;
    char *copy = mem_dup(name, len);

    if (copy && map_puts(s->lost, copy, s, NULL) < 0)
        log_error("no memory for the names of alerts", NULL);
    mem_free(copy);
}

/* The alerts of a file that does not load exist all the same for what other files say of them. */
static void note_names(struct ruleset *s, const char *path)
{
    struct err e;
    size_t len;
    char *text = file_read(path, RULESET_FILE_MAX, &len, &e);

    if (text)
        script_alert_names(text, len, note_name, s);
    mem_free(text);
}

static void load_one(struct ruleset *s, size_t i, ruleset_found found, void *arg)
{
    const char *const *warnings;
    struct err e = {.text = ""};
    struct rulefile *f = ruleset_read(s->paths[i], &e);
    size_t n;

    if (!f) {
        tell_all(s->paths[i], load_rules, found, arg);
        note_names(s, s->paths[i]);
        return;
    }
    s->path_of[s->n_files] = i;
    s->files[s->n_files++] = f;
    n = rulefile_warnings(f, &warnings);
    for (size_t k = 0; k < n; k++)
        found(s->paths[i], false, warnings[k], arg);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;

    return strcmp(a, b) == 0 ||
           (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static bool is_named(const struct ruleset *s, const char *path)
{
    for (size_t i = 0; i < s->n_paths; i++)
        if (same_file(s->paths[i], path))
            return true;
    return false;
}

/* What runs beside the named files: they are read for their names only. */
static void load_beside(struct ruleset *s)
{
    const struct builtin_file *own = builtin_find(OWN_RULES);
    struct err e;

    assert(own);
    if (!is_named(s, own->path)) {
        s->beside[s->n_beside] = rulefile_load(own->path, own->text, own->len, NULL, &e);
        s->n_beside += s->beside[s->n_beside] != NULL;
    }
    for (size_t i = 0; i < s->n_beside_paths; i++) {
        if (is_named(s, s->beside_paths[i]) || ruleset_is_config(s->beside_paths[i]))
            continue;
        s->beside[s->n_beside] = ruleset_read(s->beside_paths[i], &e);
        if (s->beside[s->n_beside])
            s->n_beside++;
        else
            note_names(s, s->beside_paths[i]);
    }
}

/* As the server does: what stands beside comes first, so that of two alerts of one name the file
 * that is checked is at fault. What only goes wrong beside is a warning: it runs on there. */
static int check_together(struct ruleset *s, ruleset_found found, void *arg, struct err *e)
{
    size_t n = s->n_beside + s->n_files;
    struct rulefile **all = mem_alloc((n + 1) * sizeof *all);
    struct err *errors = mem_alloc(TOGETHER_ERRORS * sizeof *errors);
    size_t which[TOGETHER_ERRORS], n_errors = 0;

    if (all && errors) {
        for (size_t i = 0; i < n; i++)
            all[i] = i < s->n_beside ? s->beside[i] : s->files[i - s->n_beside];
        n_errors = rulefiles_check(all, n, errors, which, TOGETHER_ERRORS, NULL, s->lost);
    }
    for (size_t i = 0; i < n_errors && i < TOGETHER_ERRORS; i++) {
        bool beside = which[i] < s->n_beside;

        found(beside ? "" : s->paths[s->path_of[which[i] - s->n_beside]], !beside, errors[i].text,
              arg);
    }
    mem_free(errors);
    mem_free(all);
    return all && errors ? 0 : err_set(e, ERR_MEMORY, "no memory for %zu rule files", n);
}

int ruleset_load(struct ruleset *s, const struct ruleset_wish *w, ruleset_found found, void *arg,
                 struct err *e)
{
    long n_paths, n_beside;

    *s = (struct ruleset){0};
    n_paths = file_paths(w->named, w->n_named, is_rule_file, &s->paths, e);
    if (n_paths < 0)
        return -1;
    s->n_paths = (size_t)n_paths;
    n_beside = file_paths(w->beside, w->n_beside, is_rule_file, &s->beside_paths, e);
    if (n_beside < 0)
        return -1;
    s->n_beside_paths = (size_t)n_beside;
    s->files = mem_zalloc((s->n_paths + 1) * sizeof *s->files);
    s->path_of = mem_zalloc((s->n_paths + 1) * sizeof *s->path_of);
    s->beside = mem_zalloc((s->n_beside_paths + 2) * sizeof *s->beside);
    s->lost = map_new();
    if (!s->files || !s->path_of || !s->beside || !s->lost)
        return err_set(e, ERR_MEMORY, "no memory for %zu rule files", s->n_paths);
    for (size_t i = 0; i < s->n_paths; i++)
        if (!ruleset_is_config(s->paths[i]))
            load_one(s, i, found, arg);
    load_beside(s);
    return check_together(s, found, arg, e);
}

void ruleset_clear(struct ruleset *s)
{
    for (size_t i = 0; i < s->n_files; i++)
        rulefile_unref(s->files[i]);
    for (size_t i = 0; i < s->n_beside; i++)
        rulefile_unref(s->beside[i]);
    file_paths_free(s->paths, (long)s->n_paths);
    file_paths_free(s->beside_paths, (long)s->n_beside_paths);
    map_free(s->lost, NULL);
    mem_free(s->beside);
    mem_free(s->files);
    mem_free(s->path_of);
    *s = (struct ruleset){0};
}

/* rules/web.lua -> rules/page_test.lua */
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
