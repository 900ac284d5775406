#include "cli/silence.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/show.h"
#include "cli/takes.h"

static void add_matchers(struct buf *cell, const cJSON *matchers)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, matchers)
    {
        bool equal = !cJSON_IsFalse(field(m, "isEqual")), regex = field_true(m, "isRegex");

        buf_addf(cell, "%s%s%s%s", cell->len ? ", " : "", field_text(m, "name"),
                 equal ? (regex ? "=~" : "=") : (regex ? "!~" : "!="), field_text(m, "value"));
    }
}

static void add_time_left(struct buf *cell, const cJSON *s, int64_t now_ms)
{
    const char *state = field_text(field(s, "status"), "state");

    if (strcmp(state, "pending") == 0) {
        buf_adds(cell, "from ");
        show_until(cell, field_ms(s, "startsAt"), now_ms);
        buf_addc(cell, ' ');
    }
    buf_adds(cell, strcmp(state, "expired") == 0    ? "ended "
                   : field_true(s, "untilResolved") ? "until resolved, at most "
                                                    : "until ");
    if (strcmp(state, "expired") == 0)
        show_clock(cell, field_ms(s, "endsAt"), now_ms);
    else
        show_until(cell, field_ms(s, "endsAt"), now_ms);
}

void show_silences(const cJSON *list, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 5};
    const cJSON *s;

    if (list_size(list) == 0)
        buf_adds(out, "no silences\n");
    cJSON_ArrayForEach(s, list)
    {
        struct buf cell = BUF_INIT;

        table_add(&t, field_text(s, "short"));
        add_matchers(&cell, field(s, "matchers"));
        table_take(&t, &cell);
        add_time_left(&cell, s, now_ms);
        table_take(&t, &cell);
        table_addf(&t, "held %.0f", field_number(s, "muted"));
        buf_addf(&cell, "%s%s%s", field_text(s, "createdBy"),
                 field_text(s, "comment")[0] ? ": " : "", field_text(s, "comment"));
        table_take(&t, &cell);
    }
    table_print(&t, out);
}

int silence_list(int n, char **matchers, const char *state, const char *limit)
{
    struct buf path = BUF_INIT;
    int code;

    if (words_are_matchers("silence", n, matchers) != EXIT_YES)
        return EXIT_USAGE;
    buf_adds(&path, "silences?limit=");
    url_escape(&path, limit ? limit : SHOWN);
    buf_adds(&path, "&state=");
    url_escape(&path, state ? state : "current");
    for (int i = 0; i < n; i++) {
        buf_adds(&path, "&filter=");
        url_escape(&path, matchers[i]);
    }
    code = ask_and_show("GET", buf_str(&path), NULL, show_silences);
    buf_free(&path);
    return code;
}

static void show_expired(const cJSON *answer, int64_t now_ms, struct buf *out)
{
    (void)now_ms;
    buf_addf(out, "%s has ended · what still fires is told now", field_text(answer, "short"));
    add_durable(answer, out);
    buf_addc(out, '\n');
}

int silence_expire(int n, char **ids)
{
    int code = EXIT_YES;

    if (n == 0)
        return usage("silence", "expire takes ids: tocsin silence expire s31");
    for (int i = 0; i < n; i++) {
        struct buf path = BUF_INIT;
        int one;

        buf_adds(&path, "silences/");
        url_escape(&path, ids[i]);
        one = ask_and_show("DELETE", buf_str(&path), NULL, show_expired);
        code = one > code ? one : code;
        buf_free(&path);
    }
    return code;
}
