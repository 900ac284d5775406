/* `tocsin demo`: a shop sends its traffic, breaks, and what Tocsin makes of it is told.
 * A client like any other: it knows the server's API alone, so what it shows is what a user has. Seconds are
 * sent by a monotonic schedule and not in a burst after a pause of the machine; between them the answers of
 * the server are looked at. A server that goes away is told and waited for, because killing it in the middle
 * is part of the demonstration; only the very first request ends it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/demo.h"
#include "cli/shop.h"
#include "cli/takes.h"

#define POLL_MS         100
#define GOOD_VERSION    "checkout@0d8"
#define BAD_VERSION     "checkout@1f3"
#define DEPLOY_AFTER_MS 10000

static volatile sig_atomic_t interrupted;

static void interrupt(int signo)
{
    (void)signo;
    interrupted = 1;
}

static int64_t mono_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_until(int64_t at_ms)
{
    int64_t left_ms = at_ms - mono_ms();
    struct timespec t = {.tv_sec = left_ms / 1000, .tv_nsec = (long)(left_ms % 1000) * 1000000};

    if (left_ms > 0 && !interrupted)
        nanosleep(&t, NULL);
}

static void say(const char *text)
{
    struct buf line = BUF_INIT;
    int64_t now_ms = wall_ms();

    show_clock(&line, now_ms, now_ms);
    printf("%s %s\n", buf_str(&line), text);
    fflush(stdout);
    buf_free(&line);
}

struct demo {
    struct shop shop;
    struct demo_watch watch;
    bool healthy, bad;
    int64_t start_ms, deploy_ms, recover_ms, end_ms; /* monotonic; 0: never */
    bool was_away;
};

/* EXIT_YES, or the code after telling why. An answer that comes while the program restarts is
 * waited for: only the first request of all ends the demo. */
static int post(struct demo *d, const char *path, struct buf *body, bool first)
{
    struct answer a;
    int code = EXIT_YES;

    if (body->len == 0)
        return EXIT_YES;
    server_call("POST", path, buf_str(body), 5000, &a);
    if (a.status < 200 || a.status >= 300) {
        if (first || !d->was_away)
            code = answer_check(&a);
        d->was_away = true;
    } else if (d->was_away) {
        d->was_away = false;
        say("the server takes data again");
    }
    answer_clear(&a);
    buf_clear(body);
    return first ? code : EXIT_YES;
}

static int send_second(struct demo *d, bool first)
{
    struct buf body = BUF_INIT;
    int code;

    shop_second(&d->shop, d->bad);
    shop_metrics(&d->shop, &body);
    d->watch.data_ms = wall_ms();
    code = post(d, API "metrics", &body, first);
    shop_events(&d->shop, &body);
    if (code == EXIT_YES)
        code = post(d, API "events", &body, false);
    buf_free(&body);
    return code;
}

static void deploy(struct demo *d, bool bad)
{
    struct buf body = BUF_INIT;
    const char *version = bad ? BAD_VERSION : GOOD_VERSION;
    char line[80];

    d->bad = bad;
    snprintf(line, sizeof line, "%s %s", bad ? "deploy" : "rollback to", version);
    say(line);
    shop_deploy_event(version, &body);
    (void)post(d, API "events", &body, false); /* told by itself; traffic goes on */
    buf_free(&body);
}

static void step(struct demo *d, int64_t now_ms)
{
    if (d->deploy_ms && now_ms >= d->deploy_ms) {
        d->deploy_ms = 0;
        deploy(d, true);
    }
    if (d->recover_ms && now_ms >= d->recover_ms) {
        d->recover_ms = 0;
        deploy(d, false);
    }
}

static int run(struct demo *d)
{
    int64_t next_ms = d->start_ms;
    bool first = true;

    while (!interrupted && (!d->end_ms || mono_ms() < d->end_ms)) {
        int code;

        step(d, mono_ms());
        code = send_second(d, first);
        if (code != EXIT_YES)
            return code;
        first = false;
        next_ms += 1000;
        if (next_ms < mono_ms())
            next_ms = mono_ms(); /* was suspended: no burst */
        while (!interrupted && mono_ms() < next_ms) {
            demo_watch(&d->watch, say);
            wait_until(mono_ms() + POLL_MS < next_ms ? mono_ms() + POLL_MS : next_ms);
        }
    }
    return EXIT_YES;
}

static int start(struct demo *d)
{
    struct sigaction sa = {.sa_handler = interrupt};
    int code = demo_watch_open(&d->watch);

    if (code != EXIT_YES)
        return code;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    shop_open(&d->shop);
    if (d->healthy)
        printf("shop: 4 services healthy. Ctrl-C ends.\n");
    else
        printf("shop: 4 services healthy. A bad deploy in %lld s…\n",
               (long long)(d->deploy_ms - d->start_ms) / 1000);
    fflush(stdout);
    code = run(d);
    if (code == EXIT_YES)
        printf("%sshop closed\n", interrupted ? "\n" : "");
    demo_watch_close(&d->watch);
    return code;
}

static bool duration(const char *text, int64_t *ms)
{
    return !text || text_parse_duration(text, strlen(text), ms) == 0;
}

int command_demo(int argc, char **argv)
{
    const char *for_ = NULL, *after = NULL, *recover = NULL;
    int64_t for_ms = 0, after_ms = DEPLOY_AFTER_MS, recover_ms = 0;
    struct demo d = {0};
    const struct option_row rows[] = {
        {.name = "--for", .value = &for_, .takes = takes_duration},
        {.name = "--deploy-after", .value = &after, .takes = takes_duration},
        {.name = "--recover-after", .value = &recover, .takes = takes_duration},
        {.name = "--healthy", .flag = &d.healthy}};
    int n = args_parse(argc, argv, rows, sizeof rows / sizeof *rows);

    if (n < 0)
        return EXIT_USAGE;
    if (n > 1)
        return usage("demo", "takes options only");
    if (!duration(for_, &for_ms) || !duration(after, &after_ms) || !duration(recover, &recover_ms))
        return usage("demo", "a duration is 30s, 5m, 1h30m");
    d.start_ms = mono_ms();
    d.deploy_ms = d.healthy ? 0 : d.start_ms + after_ms;
    d.recover_ms = recover_ms && !d.healthy ? d.deploy_ms + recover_ms : 0;
    d.end_ms = for_ms ? d.start_ms + for_ms : 0;
    return start(&d);
}
