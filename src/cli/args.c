/* Options of the command line: rows that point at variables, also those that every command has. The C library's
 * getopt was dropped: it reorders words, knows no "takes a duration", and its messages name no command. Which
 * command runs is told before it does, so that its usage can be printed without the table of all. */
#include "cli/cli.h"
#include "cli/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool args_json;
static const char *given_url, *given_token;
static bool wants_help;
static const struct command *running;

void args_of(const struct command *c)
{
    running = c;
}

int usage(const char *command, const char *why)
{
    const struct command *c = running;

    assert(c && strcmp(c->name, command) == 0);
    if (why)
        print_error("tocsin %s: %s", command, why);
    fprintf(stderr, "usage: tocsin %s %s\nTry: tocsin %s --help\n", c->name, c->args, c->name);
    return EXIT_USAGE;
}

static int add_to_list(const char ***list, const char *value)
{
    size_t n = 0;
    const char **grown;

    while (*list && (*list)[n])
        n++;
    grown = mem_realloc(*list, (n + 2) * sizeof *grown);
    if (!grown)
        return -1;
    grown[n] = value;
    grown[n + 1] = NULL;
    *list = grown;
    return 0;
}

static int take_option(const char *command, const struct option_row *r, const char *value)
{
    if (r->flag) {
        *r->flag = true;
        return 0;
    }
    if (!value) {
        print_error("tocsin %s: %s needs a value", command, r->name);
        return -1;
    }
    if (r->takes && r->takes(value)) {
        char why[240];

        snprintf(why, sizeof why, "%s takes %s, not %.80s", r->name, r->takes(value), value);
        usage(command, why);
        return -1;
    }
    if (r->list)
        return add_to_list(r->list, value);
    *r->value = value;
    return 0;
}

static const struct option_row *match(const char *arg, const struct option_row *rows, size_t n,
                                      const char **value)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(rows[i].name);

        if (strncmp(arg, rows[i].name, len) != 0)
            continue;
        if (arg[len] == '=' && !rows[i].flag) {
            *value = arg + len + 1;
            return &rows[i];
        }
        if (arg[len] == 0) {
            *value = NULL;
            return &rows[i];
        }
    }
    return NULL;
}

/* `send metric drift -3`: a value, no option. */
static bool is_negative(const char *word)
{
    return word[0] == '-' && (word[1] == '.' || (word[1] >= '0' && word[1] <= '9'));
}

int args_parse(int argc, char **argv, const struct option_row *rows, size_t n_rows)
{
    const struct option_row common[] = {{.name = "--json", .flag = &args_json},
                                        {.name = "--url", .value = &given_url},
                                        {.name = "--token", .value = &given_token},
                                        {.name = "--help", .flag = &wants_help},
                                        {.name = "-h", .flag = &wants_help}};
    int words = 0;

    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        const struct option_row *r;

        if (i > 0 && strcmp(argv[i], "--") == 0) {
            while (i < argc)
                argv[words++] = argv[i++]; /* "--" stays: a command may want to know */
            break;
        }
        if (i == 0 || argv[i][0] != '-' || !argv[i][1] || is_negative(argv[i])) {
            argv[words++] = argv[i];
            continue;
        }
        r = match(argv[i], rows, n_rows, &value);
        if (!r)
            r = match(argv[i], common, sizeof common / sizeof *common, &value);
        if (!r) {
            char why[200];

            snprintf(why, sizeof why, "there is no option %.120s", argv[i]);
            usage(argv[0], why);
            return -1;
        }
        if (!r->flag && !value)
            value = i + 1 < argc ? argv[++i] : NULL;
        if (take_option(argv[0], r, value) < 0)
            return -1;
    }
    return words;
}

const char *server_url(void)
{
    const char *from_environment = getenv("TOCSIN_URL");

    if (given_url)
        return given_url;
    return from_environment && *from_environment ? from_environment : "http://127.0.0.1:9393";
}

const char *server_token(void)
{
    return given_token ? given_token : getenv("TOCSIN_TOKEN");
}
