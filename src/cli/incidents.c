/* `tocsin incidents`: the list, and one of them.
 * Columns are as wide as what stands in them, so the page is made whole before it is printed. The list is
 * what the server gives, in its order; SHOWN is a screenful, and --limit asks for more. It is the same
 * command for list and one, because people add a number to the line that they have. */
#include "cli/commands.h"

#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "cli/takes.h"

static void add_owner(struct buf *out, const cJSON *i, int64_t now_ms)
{
    const cJSON *ack = field(i, "acknowledged");
    const char *by = field_text(ack, "by");

    if (!field_true(i, "open")) {
        buf_adds(out, "resolved ");
        show_clock(out, field_ms(i, "endedAt"), now_ms);
        return;
    }
    if (!by[0]) {
        buf_adds(out, "nobody has it");
        return;
    }
    buf_addf(out, "%s has it", by);
    if (field_ms(ack, "until")) {
        buf_adds(out, " until ");
        show_until(out, field_ms(ack, "until"), now_ms);
    }
}

static void add_age(struct buf *out, const cJSON *i, int64_t now_ms)
{
    int64_t end_ms = field_ms(i, "endedAt");

    text_duration(out, (end_ms ? end_ms : now_ms) - field_ms(i, "openedAt"));
}

static void add_counts(struct buf *out, const cJSON *i)
{
    size_t firing = (size_t)field_number(i, "firing"), held = (size_t)field_number(i, "held");
    size_t resolved = (size_t)field_number(i, "resolved");

    show_count(out, field_true(i, "open") ? firing : firing + resolved, "alert");
    if (field_true(i, "open") && resolved)
        buf_addf(out, ", %zu resolved", resolved);
    if (held)
        buf_addf(out, ", %zu held back", held);
}

void show_incidents(const cJSON *list, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 7};
    const cJSON *i;

    if (list_size(list) == 0)
        buf_adds(out, "no incidents\n");
    cJSON_ArrayForEach(i, list)
    {
        struct buf cell = BUF_INIT;

        table_addf(&t, "#%.0f", field_number(i, "number"));
        table_add(&t, field_text(i, "priority"));
        show_group(&cell, field(i, "groupLabels"));
        table_take(&t, &cell);
        table_add(&t, field_text(i, "summary"));
        add_counts(&cell, i);
        table_take(&t, &cell);
        add_age(&cell, i, now_ms);
        table_take(&t, &cell);
        add_owner(&cell, i, now_ms);
        table_take(&t, &cell);
    }
    table_print(&t, out);
}

static void add_alert_line(struct table *t, const cJSON *a, int64_t now_ms)
{
    struct buf name = BUF_INIT, state = BUF_INIT;
    const char *held = field_text(a, "heldBy");

    buf_addf(&name, "%s ", field_text(field(a, "labels"), "alertname"));
    show_labels(&name, field(a, "labels"));
    if (field_ms(a, "endsAt")) {
        buf_adds(&state, "resolved ");
        show_clock(&state, field_ms(a, "endsAt"), now_ms);
        buf_addf(&state, " %s", field_text(a, "endReason"));
    } else {
        buf_adds(&state, "since ");
        show_clock(&state, field_ms(a, "startsAt"), now_ms);
    }
    if (held[0] && !field_ms(a, "endsAt"))
        buf_addf(&state, "  held by %s", held);
    table_addf(t, "• %s", field_text(a, "priority"));
    table_take(t, &name);
    table_add(t, field_text(field(a, "annotations"), "summary"));
    table_take(t, &state);
}

void show_incident(const cJSON *i, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 4};
    const cJSON *a, *r;
    size_t n = 0;

    buf_addf(out, "%s #%.0f · ", field_text(i, "priority"), field_number(i, "number"));
    show_group(out, field(i, "groupLabels"));
    buf_adds(out, " · ");
    add_counts(out, i);
    buf_adds(out, " · ");
    add_age(out, i, now_ms);
    buf_adds(out, " · ");
    add_owner(out, i, now_ms);
    buf_addf(out, "\n%s\n", field_text(i, "summary"));
    cJSON_ArrayForEach(a, field(i, "alerts"))
    {
        add_alert_line(&t, a, now_ms);
    }

    table_print(&t, out);
    cJSON_ArrayForEach(r, field(i, "receivers"))
    {
        if (cJSON_IsString(r))
            buf_addf(out, "%s%s", n++ ? ", " : "→ ", r->valuestring);
    }
    if (n)
        buf_addc(out, '\n');
}

int command_incidents(int argc, char **argv)
{
    bool all = false;
    const char *limit = NULL;
    const struct option_row rows[] = {{.name = "--all", .flag = &all},
                                      {.name = "--limit", .value = &limit, .takes = takes_count}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    struct buf path = BUF_INIT;
    uint64_t number;

    if (n < 0)
        return EXIT_USAGE;
    if (n > 2)
        return usage("incidents", "takes at most one number");
    if (n == 2 && !incident_number(argv[1], &number))
        return usage("incidents", "takes the number of an incident: 412");
    if (n == 2)
        buf_addf(&path, "incidents/%llu", (unsigned long long)number);
    else
        buf_addf(&path, "incidents?open=%d", all ? 0 : 1);
    if (n < 2) {
        buf_adds(&path, "&limit=");
        url_escape(&path, limit ? limit : SHOWN);
    }
    code = ask_and_show("GET", buf_str(&path), NULL, n == 2 ? show_incident : show_incidents);
    buf_free(&path);
    return code;
}
