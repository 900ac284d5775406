/* `tocsin status`: what is wrong first, then a line for each thing that is counted. Numbers that are zero and of no
 * news are left out, so that a glance finds those that are not. It shows what the server says and judges nothing: a
 * second opinion here could differ from /readyz. */
#include "cli/commands.h"

#include "base/text.h"
#include "cli/cli.h"
#include "cli/show.h"

static void show_series(const cJSON *x, struct buf *out)
{
    buf_addf(out, "series      %.0f, labels ", field_number(x, "count"));
    text_bytes(out, field_number(x, "label_bytes"));
    buf_adds(out, " of ");
    text_bytes(out, field_number(x, "label_memory"));
    buf_adds(out, ", of one token ");
    text_bytes(out, field_number(x, "token_bytes"));
    buf_adds(out, " of ");
    text_bytes(out, field_number(x, "label_memory_per_token"));
    buf_addc(out, '\n');
}

static void show_numbers(const cJSON *s, int64_t now_ms, struct buf *out)
{
    const cJSON *rules = field(s, "rules"), *alerts = field(s, "alerts"),
                *silences = field(s, "silences"), *windows = field(s, "windows");

    buf_addf(out, "rules       %.0f", field_number(rules, "count"));
    if (field_number(rules, "broken") > 0)
        buf_addf(out, ", %.0f broken", field_number(rules, "broken"));
    if (field_number(rules, "hidden") > 0)
        buf_addf(out, ", %.0f groups refused: a label of their rule hides one of the data's",
                 field_number(rules, "hidden"));
    if (field_number(rules, "unmatched") > 0)
        buf_addf(out, ", %.0f have never matched", field_number(rules, "unmatched"));
    if (field_ms(rules, "warmingUntil")) {
        buf_addf(out, ", %.0f warming until ", field_number(rules, "warming"));
        show_clock(out, field_ms(rules, "warmingUntil"), now_ms);
    }
    buf_addf(out, "\nalerts      %.0f firing, %.0f pending\n", field_number(alerts, "firing"),
             field_number(alerts, "pending"));
    buf_addf(out, "incidents   %.0f open · silences %.0f active\n",
             field_number(field(s, "incidents"), "open"), field_number(silences, "active"));
    show_series(field(s, "series"), out);
    buf_addf(out, "windows     %.0f leaves, %.0f groups, ", field_number(windows, "leaves"),
             field_number(windows, "groups"));
    text_bytes(out, field_number(windows, "bytes"));
    buf_addc(out, '\n');
}

static void show_deliver(const cJSON *s, int64_t now_ms, struct buf *out)
{
    const cJSON *d = field(s, "deliveries"), *lane;

    buf_addf(out, "deliveries  %.0f delivered, %.0f due, %.0f retrying, %.0f dead\n",
             field_number(d, "delivered"), field_number(d, "due"), field_number(d, "retrying"),
             field_number(d, "dead"));
    cJSON_ArrayForEach(lane, field(s, "lanes"))
    {
        if (!field_ms(lane, "failingSince"))
            continue;
        buf_addf(out, "            %s failing since ", field_text(lane, "lane"));
        show_clock(out, field_ms(lane, "failingSince"), now_ms);
        buf_addf(out, ": %s\n", field_text(lane, "lastError"));
    }
}

static void show_storage(const cJSON *s, struct buf *out)
{
    const cJSON *redis = field(s, "redis"), *journal = field(s, "journal");

    if (field_true(redis, "up"))
        buf_addf(out, "redis       %s at %s, ", field_text(redis, "version"),
                 field_text(redis, "server"));
    else
        buf_addf(out, "redis       away: %s, ", field_text(redis, "why"));
    if (*field_text(redis, "trouble"))
        buf_addf(out, "refuses: %s, ", field_text(redis, "trouble"));
    text_bytes(out, field_number(redis, "used_memory"));
    buf_addf(out, "\njournal     %.0f blocks, ", field_number(journal, "stored_blocks"));
    text_bytes(out, field_number(journal, "stored_bytes"));
    if (field_number(journal, "pending_blocks") > 0)
        buf_addf(out, ", %.0f wait for Redis", field_number(journal, "pending_blocks"));
    buf_addc(out, '\n');
}

static void show_left_out(const cJSON *s, struct buf *out)
{
    double late = field_number(field(s, "windows"), "late");
    const cJSON *x;

    cJSON_ArrayForEach(x, field(s, "left_out"))
    {
        buf_addf(out, "left out    %.0f %s (%s)\n", field_number(x, "count"), field_text(x, "what"),
                 field_text(x, "protocol"));
    }
    if (late > 0)
        buf_addf(out, "left out    %.0f samples and events that came too late to count\n", late);
}

static void show_damage(const cJSON *s, struct buf *out)
{
    const cJSON *x;

    cJSON_ArrayForEach(x, field(s, "damage"))
    {
        buf_addf(out, "%s     %.0f %s\n", field_true(x, "lost") ? "lost   " : "damaged",
                 field_number(x, "count"), field_text(x, "what"));
    }
}

void show_status(const cJSON *s, int64_t now_ms, struct buf *out)
{
    const cJSON *x;

    buf_addf(out, "tocsin %s · %s · up ", field_text(s, "version"),
             field_true(s, "ready") ? "ready" : "not ready");
    text_duration(out, (int64_t)field_number(s, "uptime_ms"));
    if (field_true(s, "shadow"))
        buf_adds(out, " · shadow: nothing is sent");
    buf_addc(out, '\n');
    cJSON_ArrayForEach(x, field(s, "reasons"))
    {
        if (!field_true(x, "ok"))
            buf_addf(out, "  ! %s: %s\n", field_text(x, "check"), field_text(x, "text"));
    }
    if (field_number(field(s, "lease"), "token") > 0)
        buf_addf(out, "lease       %s, token %.0f\n", field_text(field(s, "lease"), "holder"),
                 field_number(field(s, "lease"), "token"));
    show_numbers(s, now_ms, out);
    show_deliver(s, now_ms, out);
    show_storage(s, out);
    show_damage(s, out);
    cJSON_ArrayForEach(x, field(s, "rejected"))
    {
        buf_addf(out, "refused     %s\n", field_text(x, "error"));
    }

    show_left_out(s, out);
    cJSON_ArrayForEach(x, field(s, "warnings"))
    {
        if (cJSON_IsString(x))
            buf_addf(out, "warning     %s\n", x->valuestring);
    }
}

int command_status(int argc, char **argv)
{
    int n = args_parse(argc, argv, NULL, 0);

    if (n < 0)
        return EXIT_USAGE;
    if (n > 1)
        return usage("status", "takes no words");
    return ask_and_show("GET", "status", NULL, show_status);
}
