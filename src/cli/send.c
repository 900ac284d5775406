/* `tocsin send`: metrics and events by hand, from words or from lines of standard input.
 * Words become the JSON that any sender writes, and go the way of all senders: this is also the example of
 * how to send. A line that is JSON already is passed on as it is. Lines go in batches, or with --follow one
 * by one: a log that is followed must not wait for a batch to fill. A line with a mistake ends it, with its
 * number, since what came before has been sent. */
#include "cli/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/takes.h"

#define BATCH_BYTES (256u << 10) /* of lines in one request */

static int complain(struct buf *why, const char *text, const char *word)
{
    buf_clear(why);
    buf_addf(why, "%s: %.80s", text, word);
    return -1;
}

static bool number_of(const char *word, double *v)
{
    enum unit unit;
    char *end;

    errno = 0;
    *v = strtod(word, &end);
    if (*word && *end == 0 && errno == 0)
        return true;
    return text_parse_quantity(word, strlen(word), v, &unit) == 0;
}

static int add_pair(struct json *j, char *word, struct buf *why)
{
    char *equals = strchr(word, '=');

    if (!equals || equals == word)
        return complain(why, "expected name=value", word);
    json_key_n(j, word, (size_t)(equals - word));
    json_str(j, equals + 1);
    return 0;
}

int send_metric_json(char **words, size_t n, const struct send_options *o, struct json *j,
                     struct buf *why)
{
    double v;

    if (n < 2)
        return complain(why, "a metric is NAME VALUE [label=value…]", n ? words[0] : "");
    if (!number_of(words[1], &v))
        return complain(why, "not a number", words[1]);
    json_object(j);
    json_kstr(j, "name", words[0]);
    json_knum(j, "value", v);
    json_key(j, "labels");
    json_object(j);
    for (size_t i = 2; i < n; i++)
        if (add_pair(j, words[i], why) < 0)
            return -1;
    json_object_end(j);
    if (o->type)
        json_kstr(j, "type", o->type);
    if (o->time)
        json_kstr(j, "time", o->time);
    json_object_end(j);
    return 0;
}

int send_event_json(char **words, size_t n, const char *message, const struct send_options *o,
                    struct json *j, struct buf *why)
{
    json_object(j);
    if (o->time)
        json_kstr(j, "timestamp", o->time);
    if (message)
        json_kstr(j, "message", message);
    for (size_t i = 0; i < n; i++)
        if (add_pair(j, words[i], why) < 0)
            return -1;
    json_object_end(j);
    return 0;
}

size_t send_split(char *line, char **words, size_t max)
{
    size_t n = 0;
    char *rest = NULL;

    for (char *w = strtok_r(line, " \t\r\n", &rest); w && n < max;
         w = strtok_r(NULL, " \t\r\n", &rest))
        words[n++] = w;
    return n;
}

/* --- to the server --- */

static int post(const struct send_options *o, struct buf *body, size_t *sent)
{
    struct answer a;
    int code;

    if (body->len == 0)
        return EXIT_YES;
    server_call("POST", o->events ? API "events" : API "metrics", buf_str(body), 0, &a);
    code = answer_check(&a);
    answer_clear(&a);
    if (code == EXIT_YES)
        for (size_t i = 0; i < body->len; i++)
            *sent += body->data[i] == '\n';
    buf_clear(body);
    return code;
}

/* One line of input as one line of JSON. A line that is JSON already goes as it is; else a metric
 * is words, and an event the message of the fields given. */
static int add_line(char *line, char **words, size_t n, const struct send_options *o,
                    struct buf *body, struct buf *why)
{
    char *parts[64];
    struct json j = json_into(body);
    int rc;

    line[strcspn(line, "\r\n")] = 0;
    if (line[strspn(line, " \t")] == 0)
        return 0;
    if (line[strspn(line, " \t")] == '{') {
        buf_addf(body, "%s\n", line);
        return 0;
    }
    if (o->events) {
        rc = send_event_json(words, n, line, o, &j, why);
    } else {
        size_t n_parts = send_split(line, parts, 64);

        rc = send_metric_json(parts, n_parts, o, &j, why);
    }
    buf_addc(body, '\n');
    return rc;
}

static int send_lines(char **words, size_t n, const struct send_options *o, size_t *sent)
{
    struct buf body = BUF_INIT, why = BUF_INIT;
    size_t cap = 0, number = 0;
    char *line = NULL;
    int code = EXIT_YES;

    while (code == EXIT_YES && getline(&line, &cap, stdin) > 0) {
        number++;
        if (add_line(line, words, n, o, &body, &why) < 0) {
            print_error("tocsin send: line %zu: %s", number, buf_str(&why));
            code = EXIT_NO;
        } else if (body.len >= BATCH_BYTES || o->each_line) {
            code = post(o, &body, sent);
        }
    }
    if (code == EXIT_YES)
        code = post(o, &body, sent);
    free(line); /* getline()'s */
    buf_free(&body);
    buf_free(&why);
    return code;
}

static int send_words(char **words, size_t n, const struct send_options *o, size_t *sent)
{
    struct buf body = BUF_INIT, why = BUF_INIT;
    struct json j = json_into(&body);
    int code = EXIT_USAGE;

    if ((o->events ? send_event_json(words, n, NULL, o, &j, &why)
                   : send_metric_json(words, n, o, &j, &why)) < 0) {
        usage("send", buf_str(&why));
    } else {
        buf_addc(&body, '\n');
        code = post(o, &body, sent);
    }
    buf_free(&body);
    buf_free(&why);
    return code;
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int command_send(int argc, char **argv)
{
    struct send_options o = {0};
    bool lines = false;
    const struct option_row rows[] = {
        {.name = "--type", .value = &o.type, .takes = takes_sample_type},
        {.name = "--time", .value = &o.time},
        {.name = "--lines", .flag = &lines},
        {.name = "--follow", .flag = &o.each_line}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows), code;
    size_t sent = 0;

    if (n < 0)
        return EXIT_USAGE;
    if (n < 2 ||
        (!is_one_of(argv[1], "metric", "metrics") && !is_one_of(argv[1], "event", "events")))
        return usage("send", "say what: metric or event");
    o.events = argv[1][0] == 'e';
    if (n > 2 && strcmp(argv[n - 1], "-") == 0) {
        lines = true;
        n--;
    }
    if (lines || o.each_line || n == 2)
        code = send_lines(argv + 2, (size_t)n - 2, &o, &sent);
    else
        code = send_words(argv + 2, (size_t)n - 2, &o, &sent);
    if (code == EXIT_YES) {
        if (args_json)
            printf("{\"accepted\":%zu}\n", sent);
        else
            printf("ok: %zu stored\n", sent);
    }
    return code;
}
