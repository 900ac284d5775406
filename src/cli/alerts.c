#include "cli/commands.h"

#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "cli/takes.h"

/* What is measured, with its limit: "23.1% (limit 2%)". */
static void add_value(struct buf *cell, const cJSON *a)
{
    buf_adds(cell, field_text(a, "valueText"));
    if (field_text(a, "thresholdText")[0])
        buf_addf(cell, " (limit %s)", field_text(a, "thresholdText"));
}

static void add_standing(struct buf *cell, const cJSON *a, int64_t now_ms)
{
    if (field_number(a, "incident") > 0)
        buf_addf(cell, "#%.0f", field_number(a, "incident"));
    if (list_size(field(field(a, "status"), "silencedBy")) > 0)
        buf_adds(cell, cell->len ? " silenced" : "silenced");
    else if (strcmp(field_text(field(a, "status"), "state"), "suppressed") == 0)
        buf_adds(cell, cell->len ? " held back" : "held back");
    if (field_text(a, "goneSince")[0])
        buf_adds(cell, cell->len ? " gone" : "gone");
    else if (field_text(a, "noDataSince")[0])
        buf_adds(cell, cell->len ? " no data" : "no data");
    if (field_ms(a, "warmingUntil")) {
        buf_adds(cell, cell->len ? " warming until " : "warming until ");
        show_clock(cell, field_ms(a, "warmingUntil"), now_ms);
    }
    if (field_ms(a, "windowsFullAt")) {
        buf_adds(cell, cell->len ? " windows full at " : "windows full at ");
        show_clock(cell, field_ms(a, "windowsFullAt"), now_ms);
    }
}

static void add_row(struct table *t, const cJSON *a, int64_t now_ms)
{
    struct buf name = BUF_INIT, value = BUF_INIT, since = BUF_INIT, standing = BUF_INIT;
    const char *priority = field_text(a, "priority");
    const char *state = field_text(a, "state");

    buf_adds(&name, field_text(field(a, "labels"), "alertname"));
    buf_addc(&name, ' ');
    show_labels(&name, field(a, "labels"));
    add_value(&value, a);
    if (strcmp(state, "firing") != 0)
        buf_addf(&since, "%s ", state);
    show_clock(&since, field_ms(a, "startsAt"), now_ms);
    add_standing(&standing, a, now_ms);
    table_add(t, priority[0] ? priority : "-");
    table_take(t, &name);
    table_take(t, &value);
    table_take(t, &since);
    table_take(t, &standing);
}

/* Fires only for other rules (notify = false), such as the canary of the deadman. */
static bool tells_nobody(const cJSON *a)
{
    const cJSON *receivers = field(a, "receivers");

    return cJSON_IsArray(receivers) && cJSON_GetArraySize(receivers) == 0 &&
           strcmp(field_text(a, "state"), "firing") == 0;
}

void show_alerts(const cJSON *list, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 5};
    const cJSON *a;
    size_t quiet = 0;

    cJSON_ArrayForEach(a, list)
    {
        quiet += tells_nobody(a);
    }
    if (list_size(list) == quiet)
        buf_adds(out, "nothing fires\n");
    cJSON_ArrayForEach(a, list)
    {
        if (tells_nobody(a))
            continue;
        add_row(&t, a, now_ms);
    }
    table_print(&t, out);
    if (quiet)
        buf_addf(out, "(%zu more %s nobody: notify = false)\n", quiet,
                 quiet == 1 ? "tells" : "tell");
}

int command_alerts(int argc, char **argv)
{
    const char *state = NULL, *limit = NULL;
    const struct option_row rows[] = {
        {.name = "--state", .value = &state, .takes = takes_alert_state},
        {.name = "--limit", .value = &limit, .takes = takes_count}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows);
    struct buf path = BUF_INIT;
    int code;

    if (n < 0 || words_are_matchers("alerts", n - 1, argv + 1) != EXIT_YES)
        return EXIT_USAGE;
    buf_adds(&path, "alerts?state=");
    url_escape(&path, state ? state : "firing");
    buf_adds(&path, "&limit=");
    url_escape(&path, limit ? limit : SHOWN);
    for (int i = 1; i < n; i++) {
        buf_adds(&path, "&filter=");
        url_escape(&path, argv[i]);
    }
    code = ask_and_show("GET", buf_str(&path), NULL, show_alerts);
    buf_free(&path);
    return code;
}
