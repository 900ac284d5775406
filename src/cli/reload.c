#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/show.h"

/* Names as an array, or as one text: "A · B limit 2% → 30%". */
static void add_names(struct buf *out, const char *what, const cJSON *names)
{
    struct buf text = BUF_INIT;
    const cJSON *v;

    if (cJSON_IsString(names))
        buf_adds(&text, names->valuestring);
    cJSON_ArrayForEach(v, names)
    {
        if (cJSON_IsString(v))
            buf_addf(&text, "%s%s", text.len ? " · " : "", v->valuestring);
    }
    if (text.len)
        buf_addf(out, " · %s%s", what, buf_str(&text));
    buf_free(&text);
}

bool show_reload(const cJSON *answer, bool dry_run, struct buf *out)
{
    const cJSON *rules = field(answer, "rules"), *x;
    size_t before;

    buf_adds(out, dry_run                    ? "would reload"
                  : field_true(answer, "ok") ? "reloaded"
                                             : "reloaded in part");
    before = out->len;
    add_names(out, "added ", field(rules, "added"));
    add_names(out, "", field(rules, "changed"));
    add_names(out, "removed ", field(rules, "removed"));
    if (out->len == before)
        buf_adds(out, " · no rule changes");
    buf_addc(out, '\n');
    if (field_text(answer, "config_error")[0])
        buf_addf(out, "refused: %s\n", field_text(answer, "config_error"));
    cJSON_ArrayForEach(x, field(answer, "files"))
    {
        if (field_text(x, "error")[0])
            buf_addf(out, "refused: %s\n", field_text(x, "error"));
    }
    cJSON_ArrayForEach(x, field(answer, "would_resolve"))
    {
        if (cJSON_IsString(x))
            buf_addf(out, "would resolve: %s\n", x->valuestring);
    }
    return field_true(answer, "ok");
}

int command_reload(int argc, char **argv)
{
    bool dry_run = false;
    const struct option_row rows[] = {{.name = "--dry-run", .flag = &dry_run}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    struct buf out = BUF_INIT;
    cJSON *j;

    if (n < 0)
        return EXIT_USAGE;
    if (n > 1)
        return usage("reload", "takes no words");
    j = ask("POST", dry_run ? "reload?dry_run=1" : "reload", "{}", &code);
    if (j && !show_reload(j, dry_run, &out))
        code = EXIT_NO;
    if (!args_json)
        print_lines(&out);
    buf_free(&out);
    cJSON_Delete(j);
    return code;
}
