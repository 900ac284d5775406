/* Receivers and what was sent to them: tests, deliveries, inbox.
 * A test is answered when the last channel has answered, so it is a `later` whose body collects the answers.
 * What acts on a delivery looks it up as the caller sees it first, so that a scope gets 404 and not a hint.
 * The inbox keeps messages as they were sent: for a scope it is read in full and filtered, at most LIMIT_MAX
 * messages, because who may see one depends on the alerts that its incident has now. */
#include <string.h>

#include "api/handlers.h"
#include "api/later.h"
#include "base/mem.h"

/* --- receivers ---------------------------------------------------------------------------------- */

void get_receivers(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_array(&j);
    for (size_t i = 0; i < c->config->n_receivers; i++) {
        const struct config_receiver *r = &c->config->receivers[i];

        json_object(&j);
        json_kstr(&j, "name", r->name);
        if (r->fallback) {
            json_kstr(&j, "fallback", r->fallback->name);
            json_kint(&j, "if_undelivered_ms", r->if_undelivered_ms);
        }
        json_key(&j, "channels");
        json_array(&j);
        for (size_t k = 0; k < r->n_channels; k++)
            channel_json(&c->view, &j, r, k);
        json_array_end(&j);
        json_object_end(&j);
    }
    json_array_end(&j);
    reply_json(c->r, 200, &out);
}

/* --- a test ---------------------------------------------------------------------------------------- */

/* l->body holds the answers, with commas; l->flag: one of them failed; l->extra: the name. */
static void test_answer(const struct deliver_answer *a, void *arg)
{
    struct later *l = arg;
    struct json j = json_into(&l->body);

    if (l->body.len > 0)
        buf_addc(&l->body, ',');
    json_object(&j);
    json_kstr(&j, "channel", a->channel);
    json_kint(&j, "index", (int64_t)a->channel_index);
    json_kbool(&j, "ok", a->ok);
    if (a->status)
        json_kint(&j, "status", a->status);
    json_kint(&j, "took_ms", a->took_ms);
    json_kstr(&j, "text", a->text ? a->text : "");
    json_object_end(&j);
    l->flag |= !a->ok;
}

static void test_done(void *arg)
{
    struct later *l = arg;
    struct buf answers = l->body;
    struct json j = json_into(&l->body);

    l->body = BUF_INIT;
    json_object(&j);
    json_kstr(&j, "receiver", l->extra);
    json_kbool(&j, "ok", !l->flag);
    json_key(&j, "answers");
    json_array(&j);
    if (answers.len > 0)
        json_raw(&j, buf_str(&answers), answers.len);
    json_array_end(&j);
    json_object_end(&j);
    l->body.failed |= answers.failed;
    buf_free(&answers);
    later_end(l);
}

void post_test(struct call *c)
{
    struct later *l;
    struct err e;

    if (!config_receiver_find(c->config, c->arg[0])) {
        reply_error(c->r, 404, "not_found", "there is no receiver %s", c->arg[0]);
        return;
    }
    l = later_new(c);
    if (!l)
        return;
    l->extra = mem_strdup(c->arg[0]);
    if (!l->extra)
        err_set(&e, ERR_MEMORY, "no memory");
    else if (deliver_test(c->api->o.deliver, c->arg[0], test_answer, test_done, l, &e) == 0)
        return;
    later_fail(l, &e);
}

/* --- deliveries -------------------------------------------------------------------------------------- */

void get_deliveries(struct call *c)
{
    struct buf out = BUF_INIT;
    size_t limit;

    if (call_limit(c, LIMIT, LIMIT_MAX, &limit))
        return;
    notify_deliveries_json(c->api->o.notify, call_flag(c, "all"), limit, &c->actor, &out);
    reply_json(c->r, 200, &out);
}

/* arg[0]: incident, arg[1]: lane. 0 and the ledger entry; -1: answered. */
static int find_delivery(struct call *c, uint64_t *incident, struct buf *out)
{
    if (call_incident(c, incident))
        return -1;
    if (notify_delivery_json(c->api->o.notify, *incident, c->arg[1], &c->actor, out) == 0)
        return 0;
    reply_error(c->r, 404, "not_found", "#%s has nothing for %s", c->arg[0], c->arg[1]);
    return -1;
}

void get_delivery(struct call *c)
{
    struct buf out = BUF_INIT;
    uint64_t incident;

    if (find_delivery(c, &incident, &out) == 0)
        reply_json(c->r, 200, &out);
}

static void act_on_delivery(struct call *c, const char *done,
                            int (*act)(struct notify *n, uint64_t incident, const char *lane,
                                       const struct actor *a, struct err *e))
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    struct err e;
    uint64_t incident;

    if (find_delivery(c, &incident, &out) != 0)
        return;
    buf_clear(&out);
    if (act(c->api->o.notify, incident, c->arg[1], &c->actor, &e) != 0) {
        buf_free(&out);
        reply_err(c->r, &e);
        return;
    }
    json_object(&j);
    json_kint(&j, "incident", (int64_t)incident);
    json_kstr(&j, "lane", c->arg[1]);
    json_kbool(&j, done, true);
    json_object_end(&j);
    reply_durable(c, 200, &out);
}

void post_retry(struct call *c)
{
    act_on_delivery(c, "retried", notify_retry);
}

void post_drop(struct call *c)
{
    act_on_delivery(c, "dropped", notify_drop);
}

/* --- inbox -------------------------------------------------------------------------------------------- */

#define NOT_SHOWN "this message also tells of alerts outside the scope of your token"

/* Without messages of incidents that the caller may not see, or that are forgotten. One that tells
 * of others' alerts as well keeps its place, not its text. */
static void filter_inbox(const struct call *c, struct buf *list, size_t limit)
{
    cJSON *all = buf_ok(list) ? cJSON_ParseWithLength(buf_str(list), list->len) : NULL;
    cJSON *m = all ? all->child : NULL;
    char *text;

    while (m) {
        const cJSON *n = cJSON_GetObjectItemCaseSensitive(m, "incident");
        enum sight sight = notify_sight(c->api->o.notify, (uint64_t)n->valuedouble, &c->actor);
        cJSON *next = m->next;

        if (sight == SIGHT_NONE || limit == 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(all, m));
        } else if (sight == SIGHT_PART) {
            cJSON_ReplaceItemInObjectCaseSensitive(m, "text", cJSON_CreateString(NOT_SHOWN));
            cJSON_ReplaceItemInObjectCaseSensitive(m, "payload", cJSON_CreateNull());
        }
        limit -= sight != SIGHT_NONE && limit > 0;
        m = next;
    }
    text = all ? cJSON_PrintUnformatted(all) : NULL;
    buf_clear(list);
    if (text)
        buf_adds(list, text);
    else
        list->failed = true;
    cJSON_free(text);
    cJSON_Delete(all);
}

void inbox_json_of(const struct call *c, struct json *j, uint64_t after, uint64_t before,
                   size_t limit)
{
    bool scoped = c->access.n_scope > 0;
    struct buf list = BUF_INIT;
    struct json lj = json_into(&list);

    deliver_inbox(c->api->o.deliver, after, before, scoped ? LIMIT_MAX : limit, &lj);
    if (scoped)
        filter_inbox(c, &list, limit);
    j->out->failed |= list.failed;
    json_raw(j, buf_str(&list), list.len);
    buf_free(&list);
}

void get_inbox(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    uint64_t after = 0, before = 0;
    size_t limit;

    if (call_limit(c, LIMIT, LIMIT_MAX, &limit) || call_number(c, "after", &after) ||
        call_number(c, "before", &before))
        return;
    inbox_json_of(c, &j, after, before, limit);
    reply_json(c->r, 200, &out);
}
