/* tocsin route: who would be told of such an alert, by which way through the tree, and what would hold it back then.
 *
 * What is shown is a function of the answer alone, so that it is tested without a server, and an older server, which does
 * not say until when a silence holds, is shown as far as it goes. Nothing is decided here: the way comes from the server, whose
 * routes are those that run, not those of a file beside it. */
#include "cli/commands.h"

#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "cli/takes.h"

static void add_names(struct buf *out, const cJSON *list)
{
    const cJSON *v;
    size_t n = 0;

    cJSON_ArrayForEach(v, list)
    {
        if (cJSON_IsString(v))
            buf_addf(out, "%s%s", n++ ? ", " : "", v->valuestring);
    }
    if (n == 0)
        buf_adds(out, "-");
}

static void add_duration(struct buf *out, const char *what, const cJSON *r, const char *key)
{
    if (!cJSON_IsNumber(field(r, key)))
        return;
    buf_addf(out, " · %s ", what);
    if (field_number(r, key) > 0)
        text_duration(out, (int64_t)field_number(r, key));
    else
        buf_adds(out, "0s");
}

/* "  root › 0.1 {team="payments"} › …": which way it came. */
static void add_way(struct buf *out, const cJSON *r)
{
    const cJSON *step;

    if (list_size(field(r, "above")) == 0)
        return;
    buf_adds(out, "  by way of ");
    cJSON_ArrayForEach(step, field(r, "above"))
    {
        if (list_size(field(step, "match")) == 0) {
            buf_adds(out, "the root");
            continue;
        }
        buf_addf(out, " › %s {", field_text(step, "path"));
        add_names(out, field(step, "match"));
        buf_addc(out, '}');
    }
    buf_addf(out, " › %s {", field_text(r, "path"));
    add_names(out, field(r, "match"));
    buf_adds(out, "}\n");
}

static void add_mute(struct buf *out, const cJSON *muted, int64_t now_ms)
{
    if (!muted)
        return;
    buf_addf(out, "  held back: calendar %s ", field_text(muted, "by"));
    if (field_ms(muted, "until")) {
        buf_adds(out, "until ");
        show_until(out, field_ms(muted, "until"), now_ms);
        buf_addc(out, '\n');
    } else {
        buf_adds(out, "for the next two years\n");
    }
}

/* Silences as /route tells them since it says until when; before that only their ids. */
static void add_silences(struct buf *out, const cJSON *answer, int64_t now_ms)
{
    const cJSON *s, *list = field(answer, "silences");

    if (list_size(list) == 0 && list_size(field(answer, "silenced_by")) > 0) {
        buf_adds(out, "held back: silenced by ");
        add_names(out, field(answer, "silenced_by"));
        buf_addc(out, '\n');
    }
    cJSON_ArrayForEach(s, list)
    {
        buf_addf(out, "held back: silenced by %s until ", field_text(s, "short"));
        show_until(out, field_ms(s, "until"), now_ms);
        if (*field_text(s, "by"))
            buf_addf(out, ", %s", field_text(s, "by"));
        if (*field_text(s, "comment"))
            buf_addf(out, ": %s", field_text(s, "comment"));
        buf_addc(out, '\n');
    }
}

void show_routes(const cJSON *answer, int64_t now_ms, struct buf *out)
{
    const cJSON *r;

    if (list_size(field(answer, "routes")) == 0)
        buf_adds(out, "no route takes it: nobody would be told\n");
    cJSON_ArrayForEach(r, field(answer, "routes"))
    {
        buf_adds(out, "→ ");
        add_names(out, field(r, "receivers"));
        buf_addf(out, "  (%s, route %s", field_text(answer, "priority"), field_text(r, "path"));
        if (field_number(r, "line") > 0)
            buf_addf(out, " in line %.0f", field_number(r, "line"));
        buf_adds(out, ")\n");
        add_way(out, r);
        buf_adds(out, "  group by ");
        add_names(out, field(r, "group_by"));
        add_duration(out, "first after", r, "group_wait_ms");
        add_duration(out, "changes every", r, "group_interval_ms");
        add_duration(out, "reminder every", r, "repeat_interval_ms");
        if (field_true(r, "continue"))
            buf_adds(out, " · then goes on to the next route");
        buf_addc(out, '\n');
        add_mute(out, field(r, "muted"), now_ms);
    }
    add_silences(out, answer, now_ms);
}

int command_route(int argc, char **argv)
{
    const char *at = NULL, *priority = NULL;
    const struct option_row rows[] = {
        {.name = "--at", .value = &at, .takes = takes_time},
        {.name = "--priority", .value = &priority, .takes = takes_priority}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    struct buf path = BUF_INIT;
    int64_t at_ms;

    if (n < 0)
        return EXIT_USAGE;
    if (n < 2)
        return usage("route", "takes labels: tocsin route team=payments severity=critical");
    if (words_are_labels("route", n - 1, argv + 1) != EXIT_YES)
        return EXIT_USAGE;
    buf_adds(&path, "route?");
    for (int i = 1; i < n; i++) {
        buf_adds(&path, i > 1 ? "&label=" : "label=");
        url_escape(&path, argv[i]);
    }
    if (priority) {
        buf_adds(&path, "&priority=");
        url_escape(&path, priority);
    }
    if (at && time_read(at, &at_ms) == 0) {
        char text[TEXT_TIME_LEN];

        text_time(text, at_ms);
        buf_addf(&path, "&at=%s", text);
    }
    code = ask_and_show("GET", buf_str(&path), NULL, show_routes);
    buf_free(&path);
    return code;
}
