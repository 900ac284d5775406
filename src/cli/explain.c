#include "cli/commands.h"

#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "cli/takes.h"

static bool with_tree;

static void show_incident_part(const cJSON *answer, int64_t now_ms, struct buf *out)
{
    show_explained_incident(answer, with_tree, now_ms, out);
}

static void show_rule_part(const cJSON *answer, int64_t now_ms, struct buf *out)
{
    show_explained_rule(answer, with_tree, now_ms, out);
}

static int64_t past_ms;

static void show_past_part(const cJSON *answer, int64_t now_ms, struct buf *out)
{
    show_explained_past(answer, past_ms, now_ms, out);
}

/* What was: the last transitions until then, from the history. */
static int explain_past(char **argv, int n, bool is_incident, uint64_t number)
{
    struct buf path = BUF_INIT;
    int code;

    buf_adds(&path, "history?limit=50&");
    if (is_incident) {
        buf_addf(&path, "incident=%llu", (unsigned long long)number);
    } else {
        buf_adds(&path, "rule=");
        url_escape(&path, argv[1]);
    }
    for (int i = 2; i < n; i++) {
        buf_adds(&path, "&label=");
        url_escape(&path, argv[i]);
    }
    /* ids of the history are its times: everything before the next millisecond */
    buf_addf(&path, "&before=%lld-0", (long long)past_ms + 1);
    code = ask_and_show("GET", buf_str(&path), NULL, show_past_part);
    buf_free(&path);
    return code;
}

int command_explain(int argc, char **argv)
{
    const char *at = NULL;
    const struct option_row rows[] = {{.name = "--tree", .flag = &with_tree},
                                      {.name = "--at", .value = &at, .takes = takes_time}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    struct buf path = BUF_INIT;
    uint64_t number = 0;

    if (n < 0)
        return EXIT_USAGE;
    if (n < 2)
        return usage("explain", "takes the number of an incident, or a rule and labels");
    if (words_are_labels("explain", n - 2, argv + 2) != EXIT_YES)
        return EXIT_USAGE;
    if (at && time_read(at, &past_ms) == 0)
        return explain_past(argv, n, n == 2 && incident_number(argv[1], &number), number);
    if (n == 2 && incident_number(argv[1], &number)) {
        buf_addf(&path, "explain?incident=%llu", (unsigned long long)number);
        code = ask_and_show("GET", buf_str(&path), NULL, show_incident_part);
        buf_free(&path);
        return code;
    }
    buf_adds(&path, "explain?rule=");
    url_escape(&path, argv[1]);
    for (int i = 2; i < n; i++) {
        buf_adds(&path, "&label=");
        url_escape(&path, argv[i]);
    }
    code = ask_and_show("GET", buf_str(&path), NULL, show_rule_part);
    buf_free(&path);
    return code;
}
