#include "cli/commands.h"
#include "cli/roster_args.h"
#include "cli/show.h"
#include "tocsin/roster_view.h"

void show_calendar(const cJSON *answer, int64_t now_ms, struct buf *out)
{
    bool holds = field_true(answer, "holds");
    int64_t until_ms = field_ms(answer, "until");

    buf_addf(out, "%s %s at ", field_text(answer, "calendar"), holds ? "holds" : "does not hold");
    show_clock(out, field_ms(answer, "at"), now_ms);
    if (until_ms == 0) {
        buf_addf(out, ", and %s within two years\n", holds ? "goes on" : "will not");
        return;
    }
    buf_addf(out, ", %s ", holds ? "until" : "from");
    show_clock(out, until_ms, now_ms);
    buf_adds(out, holds ? "\n" : " on\n");
}

int command_calendar(int argc, char **argv)
{
    struct roster_args a;
    struct buf text = BUF_INIT;
    struct json j = json_into(&text);
    struct err e = {.text = ""};
    struct calendar *c;
    int code = roster_args_read("calendar", argc, argv, &a);

    if (code == EXIT_YES && !a.name)
        code = usage("calendar", "takes the name of a calendar");
    if (code == EXIT_YES) {
        c = roster_calendar_named(a.config->roster, a.name, &e);
        if (!c || calendar_json(&j, c, a.name, a.at_ms, &e) < 0) {
            print_error("tocsin: %s", e.text);
            code = EXIT_NO;
        }
    }
    if (code == EXIT_YES)
        code = roster_print(&text, show_calendar);
    buf_free(&text);
    config_unref(a.config);
    return code;
}
