/* GET of pages: the same documents as the API's, drawn by the room page.
 * A document is written, parsed again and handed over as a tree: page knows JSON and no struct, so whatever
 * it shows can be asked of the API as well, under the same scope. The price, a second pass over some 100 kB,
 * is paid by a person who looks. What a redirect tells is one of a few texts, never that of the query: a
 * link may not put words into a page. */
#include <string.h>

#include "api/explain.h"
#include "api/handlers.h"

#define ENDED_SHOWN 10
#define OPEN_SHOWN  500
#define INBOX_SHOWN 100

/* What the redirect after a form tells; never the text of a query itself. */
static const char *notice_of(const struct call *c)
{
    static const struct {
        const char *done, *text;
    } notices[] = {
        {"ack", "Acknowledged: reminders are stopped."},
        {"release", "Released: nobody has it."},
        {"silence", "Silenced."},
        {"expire", "The silence has ended."},
    };
    const char *done = http_query(c->r, "done", 0), *durable = http_query(c->r, "durable", 0);

    if (done && durable && strcmp(durable, "0") == 0)
        return "Done, and kept in memory: it is stored when Redis is back.";
    for (size_t i = 0; done && i < sizeof notices / sizeof *notices; i++)
        if (strcmp(done, notices[i].done) == 0)
            return notices[i].text;
    return NULL;
}

static struct page_frame frame_of_page(const struct call *c, const char *path)
{
    return (struct page_frame){.path = path,
                               .who = c->access.tokens ? c->access.name : "",
                               .may_respond = access_has(&c->access, ROLE_RESPOND),
                               .csrf = c->api->csrf,
                               .notice = notice_of(c),
                               .now_ms = call_now_ms(c)};
}

struct page_frame frame_of_later(const struct later *l, const char *path)
{
    return (struct page_frame){.path = path,
                               .who = l->who,
                               .may_respond = l->may_respond,
                               .csrf = l->api->csrf,
                               .notice = l->notice,
                               .now_ms = clock_wall_ms(loop_clock(l->api->o.loop))};
}

void reply_page(struct http_request *r, int status, struct buf *html)
{
    http_reply_header(r, "Content-Security-Policy", PAGE_CSP);
    http_reply_header(r, "X-Frame-Options", "DENY");
    /* not no-referrer: browsers would then send "Origin: null" with forms */
    http_reply_header(r, "Referrer-Policy", "same-origin");
    http_reply_buf(r, status, "text/html; charset=utf-8", html);
}

void reply_page_error(struct call *c, int status, const char *title, const char *text)
{
    struct page_frame f = frame_of_page(c, "");
    struct buf html = BUF_INIT;

    f.notice = NULL;
    page_message(&html, &f, title, text);
    reply_page(c->r, status, &html);
}

void reply_page_err(struct call *c, const struct err *e)
{
    int status = e->code == ERR_REFUSED                         ? 409
                 : e->code == ERR_INPUT || e->code == ERR_LIMIT ? 400
                                                                : 503;

    reply_page_error(c, status, "That did not work", e->text);
}

static void draw(struct http_request *r, struct buf *document, const struct page_frame *f,
                 void (*page)(struct buf *out, const struct page_frame *f, const cJSON *data))
{
    cJSON *data = buf_ok(document) ? cJSON_ParseWithLength(buf_str(document), document->len) : NULL;
    struct buf html = BUF_INIT;

    if (data)
        page(&html, f, data);
    else
        html.failed = true;
    cJSON_Delete(data);
    buf_free(document);
    reply_page(r, 200, &html);
}

void get_page_overview(struct call *c)
{
    struct incident_filter open = {.limit = OPEN_SHOWN, .open = true};
    struct incident_filter ended = {.limit = ENDED_SHOWN, .ended = true};
    struct page_frame f = frame_of_page(c, "/");
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_object(&j);
    json_key(&j, "status");
    status_json(c, &j);
    json_key(&j, "incidents");
    incidents_json(&c->view, &j, &open);
    json_key(&j, "ended");
    incidents_json(&c->view, &j, &ended);
    json_key(&j, "silences");
    silences_json(&c->view, &j, &(struct silence_filter){.state = "active", .limit = LIMIT});
    json_key(&j, "broken");
    rules_json(&c->view, &j, true);
    json_object_end(&j);
    draw(c->r, &out, &f, page_overview);
}

static void finish_incident(struct later *l)
{
    struct page_frame f = frame_of_later(l, "/i/");

    draw(l->r, &l->body, &f, page_incident);
}

void get_page_incident(struct call *c)
{
    uint64_t number;

    c->notice = notice_of(c);
    if (number_read(c->arg[0], &number) != 0 || number == 0 ||
        explain_incident(c, number, finish_incident) != 0)
        reply_page_error(c, 404, "Not found", "There is no such incident.");
}

void get_page_inbox(struct call *c)
{
    struct page_frame f = frame_of_page(c, "/inbox");
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    inbox_json_of(c, &j, 0, 0, INBOX_SHOWN);
    draw(c->r, &out, &f, page_inbox);
}

void get_page_silences(struct call *c)
{
    struct page_frame f = frame_of_page(c, "/silences");
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    silences_json(&c->view, &j, &(struct silence_filter){.limit = LIMIT_MAX});
    draw(c->r, &out, &f, page_silences);
}

void get_page_rules(struct call *c)
{
    struct page_frame f = frame_of_page(c, "/rules");
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_object(&j);
    json_key(&j, "rules");
    rules_json(&c->view, &j, false);
    json_key(&j, "rejected");
    rejected_json(c, &j);
    json_object_end(&j);
    draw(c->r, &out, &f, page_rules);
}

void get_page_style(struct call *c)
{
    http_reply_header(c->r, "Cache-Control", "public, max-age=300");
    http_reply(c->r, 200, "text/css; charset=utf-8", page_style, strlen(page_style));
}
