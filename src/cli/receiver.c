#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/show.h"

bool show_receiver_test(const cJSON *answer, struct buf *out)
{
    const cJSON *a, *answers = field(answer, "answers");
    bool all = true;

    cJSON_ArrayForEach(a, answers)
    {
        bool ok = field_true(a, "ok");

        all = all && ok;
        buf_adds(out, ok ? "ok: " : "failed: ");
        if (list_size(answers) > 1)
            buf_addf(out, "%s: ", field_text(a, "channel"));
        if (field_number(a, "status") > 0)
            buf_addf(out, "%.0f ", field_number(a, "status"));
        buf_addf(out, "in %.0f ms", field_number(a, "took_ms"));
        if (!ok && field_text(a, "text")[0])
            buf_addf(out, ": %s", field_text(a, "text"));
        buf_addc(out, '\n');
    }
    return all && list_size(answers) > 0;
}

static void show_receivers(const cJSON *list, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 3};
    const cJSON *r, *c;

    cJSON_ArrayForEach(r, list)
    {
        cJSON_ArrayForEach(c, field(r, "channels"))
        {
            struct buf state = BUF_INIT;

            buf_addf(&state, "%.0f delivered, %.0f failed", field_number(c, "delivered"),
                     field_number(c, "failed"));
            if (field_ms(c, "failingSince")) {
                buf_adds(&state, ", failing since ");
                show_clock(&state, field_ms(c, "failingSince"), now_ms);
                buf_addf(&state, ": %s", field_text(c, "lastError"));
            }
            table_add(&t, field_text(r, "name"));
            table_add(&t, field_text(c, "type"));
            table_take(&t, &state);
        }
    }
    table_print(&t, out);
}

static int test(const char *name)
{
    struct buf path = BUF_INIT, out = BUF_INIT;
    cJSON *j;
    int code;

    buf_adds(&path, "receivers/");
    url_escape(&path, name);
    buf_adds(&path, "/test");
    j = ask("POST", buf_str(&path), "{}", &code);
    if (j && !show_receiver_test(j, &out))
        code = EXIT_NO;
    if (!args_json)
        print_lines(&out);
    cJSON_Delete(j);
    buf_free(&path);
    buf_free(&out);
    return code;
}

int command_receiver(int argc, char **argv)
{
    int n = args_parse(argc, argv, NULL, 0);

    if (n < 0)
        return EXIT_USAGE;
    if (n == 1 || (n == 2 && strcmp(argv[1], "list") == 0))
        return ask_and_show("GET", "receivers", NULL, show_receivers);
    if (n == 3 && strcmp(argv[1], "test") == 0)
        return test(argv[2]);
    return usage("receiver", "tocsin receiver test NAME sends a real test message");
}
