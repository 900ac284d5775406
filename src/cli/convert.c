/* `tocsin convert` and `tocsin import`: the text to standard output or a file, what differs to standard error. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/visible.h"
#include "cli/cli.h"
#include "cli/takes.h"
#include "tocsin/convert.h"

/* A line for each element, and how many of each kind. */
static void tell(const struct converted *c, const char *path)
{
    struct buf shown = BUF_INIT;

    visible_lines(&shown, buf_str(&c->report), c->report.len);
    fputs(buf_str(&shown), stderr);
    buf_clear(&shown);
    visible_lines(&shown, buf_str(&c->beside), c->beside.len);
    fprintf(stderr, "%s%s%s", c->beside.len ? "\n" : "", buf_str(&shown),
            c->beside.len ? "\n" : "");
    buf_free(&shown);
    print_error("%zu exact, %zu that differ, %zu by hand%s%s", c->n[CONVERT_EXACT],
                c->n[CONVERT_DIFFERS], c->n[CONVERT_MANUAL], path ? "; next: tocsin check " : "",
                path ? path : "");
}

static void print_json(const struct converted *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_object(&j);
    for (int v = 0; v < CONVERT_VERDICTS; v++)
        json_kint(&j, convert_verdict_names[v], (int64_t)c->n[v]);
    json_key(&j, "report");
    json_array(&j);
    for (const char *s = buf_str(&c->report); *s; s += strcspn(s, "\n") + 1)
        json_str_n(&j, s, strcspn(s, "\n"));
    json_array_end(&j);
    if (c->beside.len > 0)
        json_kstr(&j, "weeks", buf_str(&c->beside));
    json_kstr(&j, "lua", buf_str(&c->lua));
    json_object_end(&j);
    printf("%s\n", buf_str(&out));
    buf_free(&out);
}

static int hand_out(const struct converted *c, const char *path)
{
    struct err e = {.text = ""};

    if (path && file_write(path, buf_str(&c->lua), c->lua.len, &e) < 0) {
        print_error("%s", e.text);
        return EXIT_NO;
    }
    if (args_json)
        print_json(c);
    else if (!path)
        fputs(buf_str(&c->lua), stdout);
    tell(c, path);
    return c->n[CONVERT_MANUAL] ? EXIT_NO : EXIT_YES;
}

int command_convert(int argc, char **argv)
{
    const char *path = NULL, *slash;
    const struct option_row rows[] = {{.name = "-o", .value = &path}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code = EXIT_NO;
    struct err e = {.text = ""};
    struct converted c;
    size_t len = 0;
    char *text;

    if (n < 0)
        return EXIT_USAGE;
    if (n != 3 || strcmp(argv[1], "alertmanager") != 0)
        return usage("convert", "takes the kind and one file: tocsin convert alertmanager "
                                "alertmanager.yml -o tocsin.lua");
    slash = strrchr(argv[2], '/');
    text = file_read(argv[2], CONVERT_INPUT_MAX, &len, &e);
    if (!text || convert_alertmanager(slash ? slash + 1 : argv[2], text, len, NULL, &c, &e) < 0) {
        print_error("%s", e.text);
    } else {
        code = hand_out(&c, path);
        converted_clear(&c);
    }
    mem_free(text);
    return code;
}

#define FILES_MAX 32

int command_import(int argc, char **argv)
{
    const char *path = NULL, *at = NULL;
    const struct option_row rows[] = {{.name = "-o", .value = &path},
                                      {.name = "--at", .value = &at, .takes = takes_time}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code = EXIT_NO;
    struct convert_file files[FILES_MAX] = {{0}};
    struct err e = {.text = ""};
    struct converted c;
    int64_t at_ms = wall_ms();
    size_t n_files = 0;
    bool all = true;

    if (n < 0)
        return EXIT_USAGE;
    if (n < 3 || n > FILES_MAX + 2 || strcmp(argv[1], "oncall") != 0)
        return usage(
            "import",
            "takes the kind and the files of one export: tocsin import oncall schedule.json");
    if (at && time_read(at, &at_ms) != 0)
        return EXIT_USAGE;
    for (int i = 2; i < n && all; i++, n_files++) {
        const char *slash = strrchr(argv[i], '/');

        files[n_files].name = slash ? slash + 1 : argv[i];
        files[n_files].text = file_read(argv[i], CONVERT_INPUT_MAX, &files[n_files].len, &e);
        all = files[n_files].text;
    }
    if (!all || convert_oncall(files, n_files, at_ms, &c, &e) < 0) {
        print_error("%s", e.text);
    } else {
        code = hand_out(&c, path);
        converted_clear(&c);
    }
    for (size_t i = 0; i < n_files; i++)
        mem_free((char *)(size_t)files[i].text);
    return code;
}
