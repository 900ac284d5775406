/* `tocsin silence`: making one; its list, end and `during` are in files beside this.
 * On a terminal the server is asked first what it would hold, and the person confirms that, with the count
 * where it is wide; without one (scripts) nothing is asked, and the server's rails stand. So the rails live
 * in the server alone, and this file only carries the answers. What was made is told with the command that
 * undoes it. */
#include "cli/silence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/takes.h"

void show_silence_made(const cJSON *s, int64_t now_ms, struct buf *out)
{
    const cJSON *mutes = field(s, "mutes");

    buf_addf(out, "%s until %s", field_text(s, "short"),
             field_true(s, "untilResolved") ? "resolved, at most " : "");
    show_until(out, field_ms(s, "endsAt"), now_ms);
    if (cJSON_IsObject(mutes))
        buf_addf(out, " · mutes %.0f firing now, %.0f in 7 days", field_number(mutes, "now"),
                 field_number(mutes, "week"));
    add_durable(s, out);
    buf_addf(out, "\nUndo: tocsin silence expire %s\n", field_text(s, "short"));
}

static void show_preview(const cJSON *p, int64_t now_ms, struct buf *out)
{
    (void)now_ms;
    buf_addf(out, "%s\n", field_text(p, "text"));
    if (field_true(p, "wide"))
        buf_addf(out, "This is wide: confirm with --wide %.0f\n", field_number(p, "confirm"));
    if (field_true(p, "own"))
        buf_adds(out, "It would hold alerts about Tocsin itself: that needs the role admin\n");
}

static int preview(const struct silence_wish *w)
{
    struct buf body = BUF_INIT;
    int code;

    silence_body(w, true, &body);
    code = ask_and_show("POST", "silences", buf_str(&body), show_preview);
    buf_free(&body);
    return code;
}

/* On a terminal: shows what it would do, asks for the comment and, where it is wide, for the
 * count. False: the person said no, or the preview failed with `*code`. */
static bool confirmed(struct silence_wish *w, char *comment, size_t size, int *code)
{
    struct buf body = BUF_INIT, out = BUF_INIT;
    char answer[40];
    cJSON *p;
    bool yes = false;

    silence_body(w, true, &body);
    p = ask("POST", "silences", buf_str(&body), code);
    buf_free(&body);
    if (!p)
        return false;
    printf("%s\n", field_text(p, "text"));
    if (!w->comment) {
        ask_person("Comment: ", comment, size);
        w->comment = comment;
    }
    if (field_true(p, "wide") && w->wide == 0) {
        buf_addf(&out, "This is wide. Type %.0f to go on: ", field_number(p, "confirm"));
        ask_person(buf_str(&out), answer, sizeof answer);
        w->wide = strtol(answer, NULL, 10);
        yes = w->wide > 0;
    } else {
        ask_person("Silence? [y/N] ", answer, sizeof answer);
        yes = answer[0] == 'y' || answer[0] == 'Y';
    }
    if (!yes)
        printf("nothing was silenced\n");
    *code = yes ? EXIT_YES : EXIT_NO;
    buf_free(&out);
    cJSON_Delete(p);
    return yes;
}

static int make(struct silence_wish *w, bool yes)
{
    struct buf body = BUF_INIT;
    char comment[512];
    int code;

    if (!yes && !args_json && is_terminal() && isatty(STDIN_FILENO) &&
        !confirmed(w, comment, sizeof comment, &code))
        return code;
    silence_body(w, false, &body);
    code = ask_and_show("POST", "silences", buf_str(&body), show_silence_made);
    buf_free(&body);
    return code;
}

/* Fills what the words say: an incident's number or matchers. NULL, or what is wrong. */
static const char *take_words(struct silence_wish *w, int n, char **words)
{
    if (n == 0)
        return "takes the number of an incident, or matchers such as service=checkout";
    if (n == 1 && incident_number(words[0], &w->incident))
        return NULL;
    for (int i = 0; i < n; i++)
        if (!strchr(words[i], '='))
            return "a matcher is name=value, name!=value, name=~regex or name!~regex";
    w->matchers = (const char *const *)words;
    w->n_matchers = (size_t)n;
    if (!w->for_ && !w->until && !w->id)
        return "give its length: --for 2h";
    return NULL;
}

int command_silence(int argc, char **argv)
{
    struct silence_wish w = {0};
    const char *wide = NULL, *state = NULL, *limit = NULL, *why;
    bool dry_run = false, yes = false;
    const struct option_row rows[] = {
        {.name = "--for", .value = &w.for_, .takes = takes_duration},
        {.name = "--until", .value = &w.until, .takes = takes_time},
        {.name = "--start", .value = &w.start, .takes = takes_time},
        {.name = "--comment", .value = &w.comment},
        {.name = "--id", .value = &w.id},
        {.name = "--wide", .value = &wide, .takes = takes_count},
        {.name = "--any-priority", .flag = &w.any_priority},
        {.name = "--dry-run", .flag = &dry_run},
        {.name = "--yes", .flag = &yes},
        {.name = "--limit", .value = &limit, .takes = takes_count},
        {.name = "--state", .value = &state, .takes = takes_silence_state},
    };
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows);

    if (n < 0)
        return EXIT_USAGE;
    w.wide = wide ? strtol(wide, NULL, 10) : 0;
    if (n >= 2 && strcmp(argv[1], "list") == 0)
        return silence_list(n - 2, argv + 2, state, limit);
    if (n >= 2 && strcmp(argv[1], "expire") == 0)
        return silence_expire(n - 2, argv + 2);
    if (n >= 2 && strcmp(argv[1], "during") == 0)
        return silence_during(&w, n - 2, argv + 2);
    why = take_words(&w, n - 1, argv + 1);
    if (why)
        return usage("silence", why);
    if (words_are_matchers("silence", (int)w.n_matchers, argv + 1) != EXIT_YES)
        return EXIT_USAGE;
    return dry_run ? preview(&w) : make(&w, yes);
}
