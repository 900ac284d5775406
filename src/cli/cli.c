/* From the words of the command line to a command. Options that every command has may stand before its name. */
#include "cli/client.h"
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/visible.h"

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
    args_of(c);
    return c->run(argc - 1, argv + 1);
}
