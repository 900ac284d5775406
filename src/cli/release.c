#include "cli/commands.h"

#include "base/json.h"
#include "cli/cli.h"
#include "cli/show.h"

static void show_released(const cJSON *incident, int64_t now_ms, struct buf *out)
{
    (void)now_ms;
    buf_addf(out, "#%.0f is nobody's again · reminders go on", field_number(incident, "number"));
    add_durable(incident, out);
    buf_addc(out, '\n');
}

int command_release(int argc, char **argv)
{
    int n = args_parse(argc, argv, NULL, 0), code;
    struct buf path = BUF_INIT, body = BUF_INIT;
    struct json j = json_into(&body);
    uint64_t number;

    if (n < 0)
        return EXIT_USAGE;
    if (n != 2 || !incident_number(argv[1], &number))
        return usage("release", "takes the number of an incident: tocsin release 412");
    buf_addf(&path, "incidents/%llu/release", (unsigned long long)number);
    json_object(&j);
    json_kstr(&j, "by", person());
    json_object_end(&j);
    code = ask_and_show("POST", buf_str(&path), buf_str(&body), show_released);
    buf_free(&path);
    buf_free(&body);
    return code;
}
