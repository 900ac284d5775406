#include "cli/commands.h"

#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "cli/takes.h"

void show_history(const cJSON *list, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 5};
    const cJSON *h;

    if (list_size(list) == 0)
        buf_adds(out, "no changes\n");
    cJSON_ArrayForEach(h, list)
    {
        struct buf cell = BUF_INIT;
        const char *to = field_text(h, "to");

        show_clock(&cell, field_ms(h, "at"), now_ms);
        table_take(&t, &cell);
        buf_addf(&cell, "%s ", field_text(h, "rule"));
        show_labels(&cell, field(h, "labels"));
        table_take(&t, &cell);
        buf_addf(&cell, "%s%s%s", field_text(h, "change"), to[0] == 'P' ? " → " : "",
                 to[0] == 'P' ? to : "");
        table_take(&t, &cell);
        if (cJSON_IsNumber(field(h, "value")))
            text_number(&cell, field_number(h, "value"));
        table_take(&t, &cell);
        table_add(&t, field_text(h, "reason"));
    }
    table_print(&t, out);
}

int command_history(int argc, char **argv)
{
    const char *limit = NULL;
    const struct option_row rows[] = {{.name = "--limit", .value = &limit, .takes = takes_count}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    struct buf path = BUF_INIT;
    uint64_t number;

    if (n < 0)
        return EXIT_USAGE;
    buf_adds(&path, "history?limit=");
    url_escape(&path, limit ? limit : "30");
    for (int i = 1; i < n; i++) {
        if (incident_number(argv[i], &number)) {
            buf_addf(&path, "&incident=%llu", (unsigned long long)number);
            continue;
        }
        buf_adds(&path, strchr(argv[i], '=') ? "&label=" : "&alert=");
        url_escape(&path, argv[i]);
    }
    code = ask_and_show("GET", buf_str(&path), NULL, show_history);
    buf_free(&path);
    return code;
}
