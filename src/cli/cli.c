/* From the words of the command line to a command, and what all commands share.
 *
 * The C library's getopt was dropped: it reorders words, knows no "takes a duration", and its messages name
 * no command. Options are rows that point at variables, also those that every command has and that may stand
 * before its name. Words and errors from outside are printed through print_error() and print_lines(), which
 * show what a terminal would obey. */
#include "cli/client.h"
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/visible.h"

bool args_json;
static const char *given_url, *given_token;
static bool wants_help;

static const struct command *find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static void print_command_help(FILE *to, const struct command *c)
{
    fprintf(to, "tocsin %s %s\n  %s\n", c->name, c->args, c->what);
    if (c->more)
        fprintf(to, "\n%s", c->more);
    fprintf(to, "\nAlways: --json, --url URL (or TOCSIN_URL), --token TOKEN (or TOCSIN_TOKEN).\n"
                "Exit: 0 yes, 1 no, 2 usage, 3 server not reached.\n");
}

static int print_help(FILE *to)
{
    fprintf(to, "tocsin: alert rules over metrics and logs, and who is told\n\n");
    for (const struct command *c = commands; c->name; c++)
        fprintf(to, "  %-11s %s\n", c->name, c->what);
    fprintf(to, "\ntocsin COMMAND --help tells more. Server: %s\n", server_url());
    return EXIT_YES;
}

static int unknown(const char *name)
{
    const char *names[64];
    size_t n = 0;
    const char *near;

    for (const struct command *c = commands; c->name && n < 64; c++)
        names[n++] = c->name;
    near = text_nearest(name, names, n);
    print_error("tocsin: there is no command \"%s\"%s%s%s", name, near ? ": did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
    fprintf(stderr, "Try: tocsin --help\n");
    return EXIT_USAGE;
}

int usage(const char *command, const char *why)
{
    const struct command *c = find(command);

    if (why)
        print_error("tocsin %s: %s", command, why);
    fprintf(stderr, "usage: tocsin %s %s\nTry: tocsin %s --help\n", c->name, c->args, c->name);
    return EXIT_USAGE;
}

/* How many words before the command are options that every command has. */
static int leading_options(int argc, char **argv)
{
    int n = 0;

    while (n + 1 < argc) {
        const char *word = argv[n + 1];

        if (strcmp(word, "--url") == 0 || strcmp(word, "--token") == 0)
            n += 2;
        else if (strcmp(word, "--json") == 0 || strncmp(word, "--url=", 6) == 0 ||
                 strncmp(word, "--token=", 8) == 0)
            n++;
        else
            break;
    }
    return n + 1 < argc ? n : 0;
}

/* "--url U status" becomes "status --url U". */
static void command_first(int argc, char **argv)
{
    int n = leading_options(argc, argv);
    char *command = argv[n + (argc > 1)];

    for (int i = n; i > 0; i--)
        argv[i + 1] = argv[i];
    if (n > 0)
        argv[1] = command;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `tocsin help silence` */
static int help_of(const char *name)
{
    const struct command *c = find(name);

    if (!c)
        return unknown(name);
    print_command_help(stdout, c);
    return EXIT_YES;
}

int cli_main(int argc, char **argv)
{
    const struct command *c;

    command_first(argc, argv);

    if (argc < 2)
        return print_help(stderr), EXIT_USAGE;
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0)
        return argc > 2 && !is_help(argv[2]) ? help_of(argv[2]) : print_help(stdout);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("tocsin %s\n", TOCSIN_VERSION);
        return EXIT_YES;
    }
    c = find(argv[1]);
    if (!c)
        return unknown(argv[1]);
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) {
            print_command_help(stdout, c);
            return EXIT_YES;
        }
    }
    return c->run(argc - 1, argv + 1);
}

/* --- arguments --- */

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

/* --- printing --- */

void print_lines(const struct buf *lines)
{
    struct buf shown = BUF_INIT;

    visible_lines(&shown, buf_str(lines), lines->len);
    fputs(buf_str(&shown), stdout);
    buf_free(&shown);
}

void print_error(const char *fmt, ...)
{
    struct buf text = BUF_INIT, shown = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    visible_line(&shown, buf_str(&text), text.len);
    fprintf(stderr, "%s\n", buf_str(&shown));
    buf_free(&text);
    buf_free(&shown);
}

bool is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

static size_t columns_of(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

void print_table_row(struct buf *out, const char *const *cells, const int *widths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t width = columns_of(cells[i]);

        buf_adds(out, cells[i]);
        if (i + 1 == n)
            break;
        for (; width < (size_t)widths[i]; width++)
            buf_addc(out, ' ');
        buf_adds(out, "  ");
    }
    buf_addc(out, '\n');
}
