#include "cli/commands.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/show.h"

static bool with_tree;

static void show_incident_part(const cJSON *answer, int64_t now_ms, struct buf *out)
{
    show_explained_incident(answer, with_tree, now_ms, out);
}

static void show_rule_part(const cJSON *answer, int64_t now_ms, struct buf *out)
{
    show_explained_rule(answer, with_tree, now_ms, out);
}

int command_explain(int argc, char **argv)
{
    const struct option_row rows[] = {{.name = "--tree", .flag = &with_tree}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    struct buf path = BUF_INIT;
    uint64_t number;

    if (n < 0)
        return EXIT_USAGE;
    if (n < 2)
        return usage("explain", "takes the number of an incident, or a rule and labels");
    if (n == 2 && incident_number(argv[1], &number)) {
        buf_addf(&path, "explain?incident=%llu", (unsigned long long)number);
        code = ask_and_show("GET", buf_str(&path), NULL, show_incident_part);
        buf_free(&path);
        return code;
    }
    buf_adds(&path, "explain?rule=");
    url_escape(&path, argv[1]);
    for (int i = 2; i < n; i++) {
        if (!strchr(argv[i], '=')) {
            buf_free(&path);
            return usage("explain", "a label is name=value");
        }
        buf_adds(&path, "&label=");
        url_escape(&path, argv[i]);
    }
    code = ask_and_show("GET", buf_str(&path), NULL, show_rule_part);
    buf_free(&path);
    return code;
}
