/* What most commands do: one request, and its answer in words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/visible.h"
#include "cli/cli.h"
#include "cli/show.h"

/* A page that is full may not be all. On standard error: what is printed stays what was asked for. */
static void tell_more(const char *path, const cJSON *list)
{
    const char *limit = strstr(path, "limit=");
    int n = limit ? atoi(limit + 6) : 0;

    if (n > 0 && cJSON_IsArray(list) && cJSON_GetArraySize(list) >= n)
        fprintf(stderr, "tocsin: the first %d, there may be more: narrow it down, or --limit N\n",
                n);
}

struct cJSON *ask(const char *method, const char *path, const char *body, int *code)
{
    struct buf full = BUF_INIT;
    struct answer a;
    cJSON *j = NULL;

    buf_addf(&full, API "%s", path);
    server_call(method, buf_str(&full), body, 0, &a);
    *code = answer_check(&a);
    if (*code == EXIT_YES) {
        j = cJSON_ParseWithLength(buf_str(&a.body), a.body.len);
        if (!j) {
            print_error("tocsin: %s did not answer with JSON: is it a Tocsin?", server_url());
            *code = EXIT_NO;
        } else if (args_json) {
            struct buf shown = BUF_INIT;

            visible_json(&shown, a.body.data, a.body.len);
            printf("%s\n", buf_str(&shown));
            buf_free(&shown);
        } else if (answer_make_visible(j) != 0) {
            print_error("tocsin: no memory to show the answer");
            cJSON_Delete(j);
            j = NULL;
            *code = EXIT_NO;
        }
        tell_more(path, j);
    }
    answer_clear(&a);
    buf_free(&full);
    return j;
}

int ask_and_show(const char *method, const char *path, const char *body,
                 void (*show)(const struct cJSON *answer, int64_t now_ms, struct buf *out))
{
    struct buf out = BUF_INIT;
    int code;
    cJSON *j = ask(method, path, body, &code);

    if (j && !args_json) {
        show(j, wall_ms(), &out);
        print_lines(&out);
    }
    buf_free(&out);
    cJSON_Delete(j);
    return code;
}

bool incident_number(const char *word, uint64_t *number)
{
    char *end;

    if (*word == '#')
        word++;
    if (*word < '0' || *word > '9')
        return false;
    errno = 0;
    *number = strtoull(word, &end, 10);
    return *end == 0 && errno == 0 && *number > 0;
}

const char *person(void)
{
    const char *user = getenv("USER");

    if (!user || !*user)
        user = getenv("LOGNAME");
    return user && *user ? user : "local";
}

int64_t wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void add_durable(const struct cJSON *answer, struct buf *out)
{
    if (cJSON_IsFalse(field(answer, "durable")))
        buf_adds(out, " · Redis is away: it holds, and is written when Redis returns");
}

void ask_person(const char *question, char *answer, size_t size)
{
    printf("%s", question);
    fflush(stdout);
    if (!fgets(answer, (int)size, stdin))
        answer[0] = 0;
    answer[strcspn(answer, "\r\n")] = 0;
}
