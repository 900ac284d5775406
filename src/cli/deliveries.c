#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "cli/takes.h"

static void add_when(struct buf *cell, const char *what, int64_t at_ms, int64_t now_ms)
{
    if (!at_ms)
        return;
    buf_addf(cell, "%s%s ", cell->len ? ", " : "", what);
    show_clock(cell, at_ms, now_ms);
}

static void add_times(struct buf *cell, const cJSON *d, int64_t now_ms)
{
    add_when(cell, "sent", field_ms(d, "last_sent"), now_ms);
    add_when(cell, "next", field_ms(d, "next"), now_ms);
    add_when(cell, "dead since", field_ms(d, "dead_since"), now_ms);
}

void show_deliveries(const cJSON *list, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 6};
    const cJSON *d;

    if (list_size(list) == 0)
        buf_adds(out, "nothing waits, nothing failed\n");
    cJSON_ArrayForEach(d, list)
    {
        struct buf times = BUF_INIT;

        table_addf(&t, "#%.0f", field_number(d, "incident"));
        table_add(&t, field_text(d, "lane"));
        table_add(&t, field_text(d, "state"));
        if (field_number(d, "attempts") > 0)
            table_addf(&t, "attempt %.0f", field_number(d, "attempts"));
        else
            table_add(&t, "");
        add_times(&times, d, now_ms);
        table_take(&t, &times);
        table_add(&t, field_text(d, "error"));
    }
    table_print(&t, out);
}

void show_delivery(const cJSON *d, int64_t now_ms, struct buf *out)
{
    struct buf times = BUF_INIT;
    const cJSON *h;

    add_times(&times, d, now_ms);
    buf_addf(out, "#%.0f %s  %s", field_number(d, "incident"), field_text(d, "lane"),
             field_text(d, "state"));
    if (times.len)
        buf_addf(out, "  %s", buf_str(&times));
    buf_addf(out, "\n  %.0f firing told, %.0f owed · attempt %.0f", field_number(d, "told_firing"),
             field_number(d, "owed"), field_number(d, "attempts"));
    if (field_text(d, "next_reason")[0])
        buf_addf(out, " · next: %s", field_text(d, "next_reason"));
    buf_addc(out, '\n');
    cJSON_ArrayForEach(h, field(d, "held"))
    {
        if (cJSON_IsString(h))
            buf_addf(out, "  held: %s\n", h->valuestring);
    }
    if (field_text(d, "fallback_for")[0])
        buf_addf(out, "  instead of %s\n", field_text(d, "fallback_for"));
    if (field_true(d, "uncertain"))
        buf_adds(out, "  an earlier attempt may have arrived\n");
    if (field_text(d, "error")[0])
        buf_addf(out, "  %s\n", field_text(d, "error"));
    if (strcmp(field_text(d, "state"), "dead") == 0)
        buf_addf(out, "  next: tocsin deliveries retry %.0f %s   or: … drop …\n",
                 field_number(d, "incident"), field_text(d, "lane"));
    buf_free(&times);
}

static void show_retried(const cJSON *a, int64_t now_ms, struct buf *out)
{
    (void)now_ms;
    buf_addf(out, "#%.0f %s: %s", field_number(a, "incident"), field_text(a, "lane"),
             field_true(a, "retried") ? "is tried again now" : "what was owed is dropped");
    add_durable(a, out);
    buf_addc(out, '\n');
}

static int one(const char *verb, const char *number, const char *lane)
{
    struct buf path = BUF_INIT, body = BUF_INIT;
    struct json j = json_into(&body);
    uint64_t incident;
    int code;

    if (!incident_number(number, &incident))
        return usage("deliveries", "takes the number of an incident and a lane: 412 ops/webhook");
    buf_addf(&path, "deliveries/%llu/", (unsigned long long)incident);
    url_escape(&path, lane);
    if (strcmp(verb, "show") == 0) {
        code = ask_and_show("GET", buf_str(&path), NULL, show_delivery);
    } else {
        buf_addf(&path, "/%s", verb);
        json_object(&j);
        json_kstr(&j, "by", person());
        json_object_end(&j);
        code = ask_and_show("POST", buf_str(&path), buf_str(&body), show_retried);
    }
    buf_free(&path);
    buf_free(&body);
    return code;
}

static int list(bool all, const char *limit)
{
    struct buf path = BUF_INIT;
    int code;

    buf_addf(&path, "deliveries?%slimit=", all ? "all=1&" : "");
    url_escape(&path, limit);
    code = ask_and_show("GET", buf_str(&path), NULL, show_deliveries);
    buf_free(&path);
    return code;
}

int command_deliveries(int argc, char **argv)
{
    bool all = false;
    const char *limit = NULL;
    const struct option_row rows[] = {{.name = "--all", .flag = &all},
                                      {.name = "--limit", .value = &limit, .takes = takes_count}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows);

    if (n < 0)
        return EXIT_USAGE;
    if (n == 1 || (n == 2 && strcmp(argv[1], "list") == 0))
        return list(all, limit ? limit : SHOWN);
    if (n == 4 && (strcmp(argv[1], "show") == 0 || strcmp(argv[1], "retry") == 0 ||
                   strcmp(argv[1], "drop") == 0))
        return one(argv[1], argv[2], argv[3]);
    return usage("deliveries", "list, or show, retry, drop with a number and a lane");
}
