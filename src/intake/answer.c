#include "intake/answer.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

/* {"error":{"code","message","line","field"},"accepted":n} */
static void reply(struct http_request *r, struct refusal a, size_t accepted, const struct err *e)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_object(&j);
    json_key(&j, "error");
    json_object(&j);
    json_kstr(&j, "code", a.code);
    json_kstr(&j, "message", e && e->text[0] ? e->text : "try again");
    if (e && e->line > 0)
        json_kint(&j, "line", e->line);
    if (e && e->at[0])
        json_kstr(&j, "field", e->at);
    json_object_end(&j);
    json_kint(&j, "accepted", (int64_t)accepted);
    json_object_end(&j);
    if (a.retry_after)
        http_reply_header(r, "Retry-After", a.retry_after);
    http_reply_buf(r, a.status, "application/json", &out);
}

struct refusal refusal_of(enum err_code code)
{
    switch (code) {
    case ERR_INPUT:
        return (struct refusal){400, "bad_request", NULL};
    case ERR_LIMIT:
        return (struct refusal){413, "limit", NULL};
    case ERR_BUSY:
        return (struct refusal){429, "busy", "10"};
    case ERR_MEMORY:
        return (struct refusal){503, "no_memory", "5"};
    default:
        return (struct refusal){503, "unavailable", "5"};
    }
}

struct refusal refusal_of_part(enum err_code code)
{
    if (code == ERR_REFUSED)
        return (struct refusal){403, "forbidden", NULL};
    return refusal_of(ERR_INPUT);
}

void answer_refused(struct http_request *r, struct refusal a, const struct err *e)
{
    reply(r, a, 0, e);
}

void answer_partial(struct http_request *r, size_t accepted, const struct err *e)
{
    reply(r, refusal_of_part(e->code), accepted, e);
}

/* The journal has decided: that something is full is 429, all else 503. */
void answer_appended(enum intake_answer answer, const struct err *e, void *arg)
{
    struct http_request *r = arg;

    switch (answer) {
    case INTAKE_STORED:
        http_reply(r, 204, NULL, NULL, 0);
        return;
    case INTAKE_WAITING:
        answer_refused(r, (struct refusal){503, "waiting", "5"}, e);
        return;
    case INTAKE_REFUSED:
        break;
    }
    answer_refused(r, refusal_of(e && e->code == ERR_LIMIT ? ERR_BUSY : ERR_IO), e);
}

struct partial {
    struct http_request *r;
    size_t accepted;
    struct err why;
};

struct partial *partial_new(struct http_request *r, size_t accepted, const struct err *why)
{
    struct partial *p = mem_alloc(sizeof *p);

    if (p)
        *p = (struct partial){r, accepted, *why};
    return p;
}

void partial_appended(enum intake_answer answer, const struct err *e, void *arg)
{
    struct partial *p = arg;

    if (answer == INTAKE_STORED)
        answer_partial(p->r, p->accepted, &p->why);
    else
        answer_appended(answer, e, p->r); /* it will be sent again, whole */
    mem_free(p);
}
