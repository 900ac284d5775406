#include "api/later.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct later *later_new(struct call *c)
{
    struct later *l = mem_zalloc(sizeof *l);

    if (!l) {
        reply_error(c->r, 503, "no_memory", "no memory");
        return NULL;
    }
    l->api = c->api;
    l->r = c->r;
    l->status = 200;
    l->notice = c->notice;
    l->may_respond = access_has(&c->access, ROLE_RESPOND);
    memcpy(l->who, c->access.name, strnlen(c->access.name, WHO_MAX));
    l->next = c->api->later;
    l->at = &c->api->later;
    if (l->next)
        l->next->at = &l->next;
    c->api->later = l;
    return l;
}

static void later_free(struct later *l)
{
    assert(*l->at == l);
    *l->at = l->next;
    if (l->next)
        l->next->at = l->at;
    buf_free(&l->body);
    mem_free(l->location);
    mem_free(l->extra);
    mem_free(l);
}

void later_end(struct later *l)
{
    if (l->finish)
        l->finish(l);
    else
        reply_json(l->r, l->status, &l->body);
    later_free(l);
}

void later_fail(struct later *l, const struct err *e)
{
    reply_err(l->r, e);
    later_free(l);
}

void later_free_all(struct api *a)
{
    while (a->later) {
        struct later *l = a->later;

        reply_error(l->r, 503, "unavailable", "shutting down");
        later_free(l);
    }
}

static void stored(bool durable, void *arg)
{
    struct later *l = arg;

    if (l->location) {
        struct buf where = BUF_INIT;

        buf_adds(&where, l->location);
        if (!durable)
            buf_adds(&where, strchr(l->location, '?') ? "&durable=0" : "?durable=0");
        http_reply_header(l->r, "Location", buf_str(&where));
        buf_free(&where);
        http_reply(l->r, 303, NULL, NULL, 0);
        later_free(l);
        return;
    }
    buf_adds(&l->body, durable ? ",\"durable\":true}" : ",\"durable\":false}");
    later_end(l);
}

void later_durable(struct later *l)
{
    assert(!buf_ok(&l->body) || (l->body.len > 1 && l->body.data[l->body.len - 1] == '}'));
    if (buf_ok(&l->body)) /* its last brace comes with the member that is added */
        l->body.data[--l->body.len] = '\0';
    notify_after(l->api->o.notify, stored, l);
}

void reply_durable(struct call *c, int status, struct buf *body)
{
    struct later *l = later_new(c);

    if (!l) {
        buf_free(body);
        return;
    }
    l->status = status;
    l->body = *body;
    *body = BUF_INIT;
    later_durable(l);
}

void later_redirect(struct later *l)
{
    if (l->location)
        notify_after(l->api->o.notify, stored, l);
    else
        later_fail(l, &(struct err){.code = ERR_MEMORY, .text = "no memory"});
}

void redirect_durable(struct call *c, const char *location)
{
    struct later *l = later_new(c);

    if (!l)
        return;
    l->location = mem_strdup(location);
    later_redirect(l);
}
