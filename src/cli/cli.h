/* The commands. Each is one file and one row in the table of cli.c.
 *
 * Exit codes: 0 yes, 1 no, 2 usage, 3 the server was not reached. What a command prints for people
 * is short; --json prints what the API answered. */
#ifndef TOCSIN_CLI_CLI_H
#define TOCSIN_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "tocsin/cli.h"

struct cJSON;

enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3 };

struct command {
    const char *name;
    const char *args;                  /* "N [--for 2h] [--note TEXT]" */
    const char *what;                  /* one line */
    const char *more;                  /* the rest of --help; may be NULL */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

/* In commands.c, ended by a NULL name. */
extern const struct command commands[];

/* --- arguments --- */

struct option_row {
    const char *name;   /* "--for" */
    const char **value; /* takes a value, or */
    bool *flag;         /* is a flag, or */
    const char **
        *list; /* takes a value and may stand several times; NULL-terminated by args_parse */
    const char *(*takes)(const char *value); /* checks a value (takes.h); NULL: any text */
};
void args_of(const struct command *c); /* the one that runs */
/* Takes the options out of argv (also "--name=value"); what is left are the words, argv[0] among
 * them; "--" ends options. Always known: --json, --url, --token, --help. Returns the number of
 * words, or -1 after it has printed what is wrong (exit EXIT_USAGE). */
int args_parse(int argc, char **argv, const struct option_row *rows, size_t n_rows);
extern bool args_json; /* --json was given */
/* Prints the usage of the command that runs to standard error; returns EXIT_USAGE. */
int usage(const char *command, const char *why);

/* --- the server --- */

struct answer {
    int status; /* HTTP; 0: not reached */
    struct buf body;
    char error[512]; /* why it was not reached */
};
/* One request to the server of --url, TOCSIN_URL or http://127.0.0.1:9393; `body` (may be NULL) is
 * JSON. Blocks, at most `timeout_ms` (0: 30 s). */
void server_call(const char *method, const char *path, const char *body, int timeout_ms,
                 struct answer *out);
void answer_clear(struct answer *a);
const char *server_url(void);
/* Prints why it did not work: the server's own words, or that it was not reached and what to do.
 * Returns the exit code: 0 when the status is 2xx (prints nothing), EXIT_NO, or EXIT_UNREACHED. */
int answer_check(const struct answer *a);
/* Appends text as part of a query: everything but letters, digits, -._~ is escaped. */
void url_escape(struct buf *out, const char *text);

/* --- asking and telling (ask.c) --- */

#define API   "/api/tocsin/v1/"
#define SHOWN "1000" /* entries of a list, unless --limit says otherwise */

/* One request below API. With --json the body is printed here, and the caller prints nothing more.
 * NULL: it failed, which has been told. `*code` is the exit code. Free with cJSON_Delete(). */
struct cJSON *ask(const char *method, const char *path, const char *body, int *code);
/* The same, printed by `show`; returns the exit code. */
int ask_and_show(const char *method, const char *path, const char *body,
                 void (*show)(const struct cJSON *answer, int64_t now_ms, struct buf *out));
/* "412" and "#412" */
bool incident_number(const char *word, uint64_t *number);
/* Who acts: the login name; "local" where there is none. */
const char *person(void);
int64_t wall_ms(void);
/* " · not yet in Redis …" when the answer to a write says so. */
void add_durable(const struct cJSON *answer, struct buf *out);
/* A question on the terminal; the answer without its newline, "" at the end of input. */
void ask_person(const char *question, char *answer, size_t size);

/* --- printing: everything for people goes through these two, so that no label, log line or error of
 * somebody else moves the cursor or looks like a line of ours --- */
/* To standard output: lines whose parts are one line each; ask() sees to that for answers. */
void print_lines(const struct buf *lines);
/* One line to standard error; a newline in it is shown as \n. */
void print_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* All texts and names of an answer, each made one line that may be shown. -1: no memory. */
int answer_make_visible(struct cJSON *j) MUST_USE;
bool is_terminal(void); /* standard output is one */
void print_table_row(struct buf *out, const char *const *cells, const int *widths, size_t n);

#endif
