#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "cli/takes.h"

void show_ack(const cJSON *incident, int64_t now_ms, struct buf *out)
{
    int64_t until_ms = field_ms(field(incident, "acknowledged"), "until");

    buf_addf(out, "#%.0f is yours until ", field_number(incident, "number"));
    if (until_ms)
        show_until(out, until_ms, now_ms);
    else
        buf_adds(out, "resolved");
    add_durable(incident, out);
    buf_addc(out, '\n');
}

int command_ack(int argc, char **argv)
{
    const char *for_ = NULL, *note = NULL;
    const struct option_row rows[] = {{.name = "--for", .value = &for_, .takes = takes_duration},
                                      {.name = "--note", .value = &note}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    struct buf path = BUF_INIT, body = BUF_INIT;
    struct json j = json_into(&body);
    uint64_t number;

    if (n < 0)
        return EXIT_USAGE;
    if (n != 2 || !incident_number(argv[1], &number))
        return usage("ack", "takes the number of an incident: tocsin ack 412");
    buf_addf(&path, "incidents/%llu/ack", (unsigned long long)number);
    json_object(&j);
    if (for_)
        json_kstr(&j, "for", for_);
    if (note)
        json_kstr(&j, "note", note);
    json_kstr(&j, "by", person());
    json_object_end(&j);
    code = ask_and_show("POST", buf_str(&path), buf_str(&body), show_ack);
    buf_free(&path);
    buf_free(&body);
    return code;
}
