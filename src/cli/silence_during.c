/* `tocsin silence during MATCHER… -- COMMAND`: holds a silence while a command runs.
 *
 * The silence is made for a quarter of an hour and prolonged every five minutes, so that one whose
 * holder is killed ends by itself. Signals of the terminal reach the command; this program waits
 * for it, ends the silence, and passes its exit code on. */
#include "cli/silence.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/show.h"

#define HOLD          "15m"
#define RENEW_SECONDS 300

/* Makes or prolongs it; `id` (of at least 40 bytes) is filled by the first call. */
static int hold(const struct silence_wish *wish, char *id)
{
    struct silence_wish w = *wish;
    struct buf body = BUF_INIT;
    cJSON *s;
    int code;

    w.for_ = HOLD;
    w.id = id[0] ? id : NULL;
    silence_body(&w, false, &body);
    s = ask("POST", "silences", buf_str(&body), &code);
    if (s) {
        snprintf(id, 40, "%s", field_text(s, "id"));
        print_error("tocsin: silenced by %s while the command runs", field_text(s, "short"));
    }
    cJSON_Delete(s);
    buf_free(&body);
    return code;
}

static void renew(const struct silence_wish *wish, char *id)
{
    struct silence_wish w = *wish;
    struct buf body = BUF_INIT;
    int code;

    w.for_ = HOLD;
    w.id = id;
    silence_body(&w, false, &body);
    cJSON_Delete(ask("POST", "silences", buf_str(&body), &code)); /* told by ask() */
    buf_free(&body);
}

static int wait_for(pid_t child, const struct silence_wish *w, char *id)
{
    const struct timespec poll = {.tv_sec = RENEW_SECONDS};
    int status = 0;
    sigset_t child_set;

    sigemptyset(&child_set);
    sigaddset(&child_set, SIGCHLD);
    while (waitpid(child, &status, WNOHANG) == 0)
        if (sigtimedwait(&child_set, NULL, &poll) < 0 && errno == EAGAIN)
            renew(w, id);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(char **command, const struct silence_wish *w, char *id)
{
    sigset_t child_set;
    pid_t child;

    /* Blocked before the child exists: its end must not slip through between look and wait. */
    sigemptyset(&child_set);
    sigaddset(&child_set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_set, NULL);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        sigprocmask(SIG_UNBLOCK, &child_set, NULL);
        execvp(command[0], command);
        print_error("tocsin: %s: %s", command[0], strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
    }
    if (child < 0) {
        print_error("tocsin: %s: %s", command[0], strerror(errno));
        return EXIT_NO;
    }
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    return wait_for(child, w, id);
}

static void end_hold(const char *id)
{
    struct buf path = BUF_INIT;
    int code;

    buf_addf(&path, "silences/%s", id);
    cJSON_Delete(ask("DELETE", buf_str(&path), NULL, &code)); /* told by ask() */
    buf_free(&path);
}

int silence_during(const struct silence_wish *wish, int n, char **words)
{
    struct silence_wish w = *wish;
    char id[40] = "";
    int n_matchers = 0, code;

    while (n_matchers < n && strcmp(words[n_matchers], "--") != 0)
        n_matchers++;
    if (n_matchers == 0 || n_matchers + 1 >= n)
        return usage("silence", "during MATCHER… -- COMMAND [ARGUMENT…]");
    words[n] = NULL; /* argv ends with NULL; what stood behind were options already taken */
    w.matchers = (const char *const *)words;
    w.n_matchers = (size_t)n_matchers;
    if (!w.comment)
        w.comment = words[n_matchers + 1];
    args_json = false; /* standard output belongs to the command */
    code = hold(&w, id);
    if (code != EXIT_YES)
        return code;
    code = run(words + n_matchers + 1, &w, id);
    end_hold(id);
    return code;
}
