#include "cli/commands.h"
#include "cli/roster_args.h"
#include "cli/show.h"
#include "tocsin/roster_view.h"

static void add_span(struct buf *cell, const cJSON *duty, int64_t now_ms)
{
    int64_t since_ms = field_ms(duty, "since"), until_ms = field_ms(duty, "until");

    if (since_ms) {
        buf_adds(cell, "since ");
        show_clock(cell, since_ms, now_ms);
    }
    if (until_ms) {
        buf_adds(cell, cell->len ? " until " : "until ");
        show_clock(cell, until_ms, now_ms);
    }
    if (cell->len == 0)
        buf_adds(cell, "always");
}

static void add_next(struct buf *cell, const cJSON *next, int64_t now_ms)
{
    const cJSON *name;
    size_t n = 0;

    if (!cJSON_IsObject(next))
        return;
    buf_adds(cell, "then ");
    cJSON_ArrayForEach(name, field(next, "oncall"))
    {
        if (cJSON_IsString(name))
            buf_addf(cell, "%s%s", n++ ? ", " : "", name->valuestring);
    }
    buf_adds(cell, n ? " from " : "nobody from ");
    show_clock(cell, field_ms(next, "at"), now_ms);
}

static void add_row(struct table *t, const char *name, const char *person, struct buf *span,
                    const char *via, struct buf *next)
{
    table_add(t, name);
    table_add(t, person);
    table_take(t, span);
    table_add(t, via);
    table_take(t, next);
}

void show_on_call(const cJSON *list, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 5};
    const cJSON *s, *d;

    if (list_size(list) == 0)
        buf_adds(out, "no schedules and no rotations\n");
    cJSON_ArrayForEach(s, list)
    {
        const char *name =
            field(s, "schedule") ? field_text(s, "schedule") : field_text(s, "rotation");
        struct buf span = BUF_INIT, next = BUF_INIT;
        size_t n = 0;

        add_next(&next, field(s, "next"), now_ms);
        cJSON_ArrayForEach(d, field(s, "oncall"))
        {
            add_span(&span, d, now_ms);
            add_row(&t, n++ ? "" : name, field_text(d, "person"), &span, field_text(d, "via"),
                    &next);
        }
        if (n == 0)
            add_row(&t, name, "nobody", &span, "", &next);
    }
    table_print(&t, out);
}

/* Without a name all schedules; where there is none, all rotations. */
static int all_json(struct json *j, const struct config *c, int64_t at_ms, struct err *e)
{
    const struct roster_config *o = c->on_call;
    enum roster_kind kind = o->n_schedules ? ROSTER_SCHEDULE : ROSTER_ROTATION;
    size_t n = o->n_schedules ? o->n_schedules : o->n_rotations;

    for (size_t i = 0; i < n; i++) {
        struct roster_ref who = {kind, i,
                                 o->n_schedules ? o->schedules[i].name : o->rotations[i].name};

        if (on_call_json(j, c->roster, NULL, &who, at_ms, e) < 0)
            return -1;
    }
    return 0;
}

static int one_json(struct json *j, const struct config *c, const char *name, int64_t at_ms,
                    struct err *e)
{
    struct roster_ref who;

    if (roster_find(c->roster, name, &who, e) < 0)
        return -1;
    if (who.kind == ROSTER_RECEIVER)
        return err_set(e, ERR_INPUT, "\"%s\": a receiver is never on call", name);
    return on_call_json(j, c->roster, NULL, &who, at_ms, e);
}

int command_oncall(int argc, char **argv)
{
    struct roster_args a;
    struct buf text = BUF_INIT;
    struct json j = json_into(&text);
    struct err e = {.text = ""};
    int code = roster_args_read("oncall", argc, argv, &a);

    if (code == EXIT_YES) {
        json_array(&j);
        if ((a.name ? one_json(&j, a.config, a.name, a.at_ms, &e)
                    : all_json(&j, a.config, a.at_ms, &e)) < 0) {
            print_error("tocsin: %s", e.text);
            code = EXIT_NO;
        }
        json_array_end(&j);
    }
    if (code == EXIT_YES)
        code = roster_print(&text, show_on_call);
    buf_free(&text);
    config_unref(a.config);
    return code;
}
