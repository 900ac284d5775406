/* One request and its answer, on a loop of its own. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "tocsin/loop.h"
#include "tocsin/outbound.h"

#include <cjson/cJSON.h>

struct waiting {
    struct loop *loop;
    struct answer *out;
};

static void answered(const struct outbound_result *r, void *arg)
{
    struct waiting *w = arg;

    if (r->ok) {
        w->out->status = r->status;
        buf_add(&w->out->body, r->body, r->len);
    } else {
        snprintf(w->out->error, sizeof w->out->error, "%s", r->error);
    }
    loop_stop(w->loop);
}

static int call(struct loop *l, const char *method, const char *path, const char *body,
                int timeout_ms, struct answer *out)
{
    struct outbound_options options = {.max_answer = 64u << 20};
    struct waiting w = {.loop = l, .out = out};
    struct buf url = BUF_INIT;
    const char *headers[] = {"Content-Type: application/json", NULL};
    struct outbound_http h = {.method = method,
                              .headers = body ? headers : NULL,
                              .body = body,
                              .len = body ? strlen(body) : 0,
                              .timeout_ms = timeout_ms ? timeout_ms : 30000,
                              .bearer = server_token()};
    struct err e = {.text = ""};
    struct outbound *o = outbound_new(l, &options, &e);
    struct outbound_call *call = NULL;

    buf_addf(&url, "%s%s", server_url(), path);
    h.url = buf_str(&url);
    if (o)
        call = outbound_http(o, &h, answered, &w, &e);
    if (call)
        loop_run(l);
    else
        snprintf(out->error, sizeof out->error, "%.500s", e.text);
    buf_free(&url);
    if (o)
        outbound_free(o);
    return call ? 0 : -1;
}

void server_call(const char *method, const char *path, const char *body, int timeout_ms,
                 struct answer *out)
{
    struct clock *clock = clock_system();
    struct err e = {.text = "no memory"};
    struct loop *l = clock ? loop_new(clock, &e) : NULL;

    *out = (struct answer){0};
    if (l)
        (void)call(l, method, path, body, timeout_ms, out); /* told in out->error */
    else
        snprintf(out->error, sizeof out->error, "%.500s", e.text);
    if (l)
        loop_free(l);
    clock_free(clock);
}

void answer_clear(struct answer *a)
{
    buf_free(&a->body);
}

int answer_check(const struct answer *a)
{
    cJSON *j;
    const cJSON *message;

    if (a->status >= 200 && a->status < 300)
        return EXIT_YES;
    if (a->status == 0) {
        print_error("tocsin: %s was not reached (%s). Is it running? Start it with: tocsin serve",
                    server_url(), a->error);
        return EXIT_UNREACHED;
    }
    j = cJSON_Parse(buf_str(&a->body));
    message = cJSON_GetObjectItem(cJSON_GetObjectItem(j, "error"), "message");
    if (cJSON_IsString(message))
        print_error("tocsin: %s", message->valuestring);
    else
        print_error("tocsin: the server answered %d %.200s", a->status, buf_str(&a->body));
    cJSON_Delete(j);
    return EXIT_NO;
}

void url_escape(struct buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c);

        if (plain)
            buf_addc(out, (char)c);
        else
            buf_addf(out, "%%%02X", c);
    }
}
