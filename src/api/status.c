/* Status, reload, who am I.
 * Status is what each room says of itself, put side by side and not worked on: a figure has one home,
 * /metrics shows the same. Texts of rejected files may quote rules of other teams: a scope sees which files,
 * not why. A reload is answered at its end, which may be many turns later, once as a document and once in
 * the plain words that Prometheus' tools expect. Cost: all rules, for their counts. */
#include <string.h>

#include "api/handlers.h"
#include "api/later.h"

/* --- status ---------------------------------------------------------------------------------------- */

void rejected_json(const struct call *c, struct json *j)
{
    struct buf b = BUF_INIT;
    struct json all = json_into(&b);
    cJSON *list, *f;
    char *text;

    if (!c->api->o.rejected)
        json_array(&all), json_array_end(&all);
    else
        c->api->o.rejected(&all, c->api->o.arg);
    list = c->access.n_scope > 0 ? cJSON_ParseWithLength(buf_str(&b), b.len) : NULL;
    cJSON_ArrayForEach(f, list)
    {
        cJSON_ReplaceItemInObjectCaseSensitive(
            f, "error", cJSON_CreateString("not shown to a token with a scope"));
    }
    text = list ? cJSON_PrintUnformatted(list) : NULL;
    if (text)
        json_raw(j, text, strlen(text));
    else if (c->access.n_scope == 0)
        json_raw(j, buf_str(&b), b.len);
    else
        b.failed = true;
    j->out->failed |= b.failed;
    cJSON_free(text);
    cJSON_Delete(list);
    buf_free(&b);
}

static void list_json(const struct api *a, void (*write)(struct json *out, void *arg),
                      struct json *j)
{
    if (write) {
        write(j, a->o.arg);
    } else {
        json_array(j);
        json_array_end(j);
    }
}

static void rule_counts(const struct call *c, struct json *j)
{
    const struct api *a = c->api;
    int64_t broken = 0, unmatched = 0, hidden = 0, warming = 0, warm_ms = 0;

    for (size_t i = 0; i < rules_count(a->o.rules); i++) {
        int64_t until_ms = rule_warm_ms(rules_at(a->o.rules, i));
        struct rule_stats s;

        rule_stats(rules_at(a->o.rules, i), &s);
        broken += s.broken;
        hidden += s.hidden;
        unmatched += !s.broken && !s.matched;
        warming += until_ms > 0;
        warm_ms = until_ms > warm_ms ? until_ms : warm_ms;
    }
    json_key(j, "rules");
    json_object(j);
    json_kint(j, "count", (int64_t)rules_count(a->o.rules));
    json_kint(j, "broken", broken);
    json_kint(j, "unmatched", unmatched);
    json_kint(j, "hidden", hidden);
    json_kint(j, "warming", warming);
    if (warm_ms)
        json_ktime(j, "warmingUntil", warm_ms);
    json_object_end(j);
    json_key(j, "rejected");
    rejected_json(c, j);
    json_key(j, "left_out");
    list_json(a, a->o.left_out, j);
    json_key(j, "damage");
    list_json(a, a->o.damage, j);
}

static void alert_counts(const struct api *a, struct json *j)
{
    struct alert_stats s;

    alert_stats(a->o.book, &s);
    json_key(j, "alerts");
    json_object(j);
    json_kint(j, "remembered", s.alerts);
    json_kint(j, "pending", s.pending);
    json_kint(j, "firing", s.firing);
    json_kint(j, "nodata", s.nodata);
    json_object_end(j);
}

static void notify_counts(const struct api *a, struct json *j)
{
    struct notify_stats s;

    notify_stats(a->o.notify, &s);
    json_key(j, "incidents");
    json_object(j);
    json_kint(j, "open", (int64_t)s.incidents_open);
    json_kint(j, "kept", (int64_t)s.incidents_kept);
    json_kint(j, "held", (int64_t)s.held);
    json_object_end(j);
    json_key(j, "silences");
    json_object(j);
    json_kint(j, "active", (int64_t)s.silences_active);
    json_kint(j, "pending", (int64_t)s.silences_pending);
    json_kint(j, "expired", (int64_t)s.silences_expired);
    json_object_end(j);
    json_key(j, "deliveries");
    json_object(j);
    json_kint(j, "entries", (int64_t)s.entries);
    json_kint(j, "due", (int64_t)s.due);
    json_kint(j, "claimed", (int64_t)s.claimed);
    json_kint(j, "retrying", (int64_t)s.retrying);
    json_kint(j, "fallback", (int64_t)s.fallback);
    json_kint(j, "dead", (int64_t)s.dead);
    if (s.oldest_due_ms)
        json_ktime(j, "oldestDue", s.oldest_due_ms);
    json_kint(j, "delivered", (int64_t)s.delivered);
    json_kint(j, "failed", (int64_t)s.failed);
    json_kint(j, "unknown", (int64_t)s.unknown);
    json_kint(j, "expired", (int64_t)s.expired);
    json_kint(j, "missed", (int64_t)s.missed);
    json_object_end(j);
}

struct lane_list {
    const struct call *c;
    struct json *j;
};

static void lane_json(const struct lane_stats *s, void *arg)
{
    const struct lane_list *l = arg;
    struct json *j = l->j;

    json_object(j);
    json_kstr(j, "lane", s->lane);
    lane_members_json(&l->c->view, j, s);
    json_object_end(j);
}

static void deliver_counts(const struct call *c, struct json *j)
{
    const struct api *a = c->api;
    struct lane_list lanes = {c, j};
    struct deliver_stats s;

    deliver_stats(a->o.deliver, &s);
    json_key(j, "deliver");
    json_object(j);
    json_kint(j, "sent", (int64_t)s.sent);
    json_kint(j, "in_flight", s.in_flight);
    json_kint(j, "template_errors", (int64_t)s.template_errors);
    json_kint(j, "truncated", (int64_t)s.truncated);
    json_kint(j, "last_ms", s.last_ms);
    json_kint(j, "worst_ms", s.worst_ms);
    json_object_end(j);
    json_key(j, "lanes");
    json_array(j);
    deliver_lanes(a->o.deliver, lane_json, &lanes);
    json_array_end(j);
}

static void redis_json(const struct api *a, struct json *j)
{
    const struct db_health *h = db_health(a->o.db);
    const char *trouble = journal_trouble(a->o.journal);

    json_key(j, "redis");
    json_object(j);
    json_kbool(j, "up", db_is_up(a->o.db));
    json_kstr(j, "server", db_server(a->o.db));
    json_kstr(j, "why", db_why_down(a->o.db));
    json_kstr(j, "trouble", *trouble ? trouble : store_trouble(a->o.store));
    if (h && h->known) {
        json_kstr(j, "version", h->version);
        json_kbool(j, "evicting", h->evicting);
        json_kbool(j, "appendonly", h->aof);
        json_kbool(j, "always", h->aof_always);
        json_kbool(j, "replica", h->is_replica);
        json_kint(j, "max_memory", (int64_t)h->max_memory);
        json_kint(j, "used_memory", (int64_t)h->used_memory);
        json_kint(j, "clock_offset_ms", h->clock_offset_ms);
    }
    json_object_end(j);
}

static void journal_json(const struct api *a, struct json *j)
{
    struct journal_stats s;

    journal_stats(a->o.journal, &s);
    json_key(j, "journal");
    json_object(j);
    json_kbool(j, "ready", journal_is_ready(a->o.journal));
    json_ktime(j, "applied", journal_applied_ms(a->o.journal));
    json_kint(j, "blocks", (int64_t)s.blocks);
    json_kint(j, "samples", (int64_t)s.samples);
    json_kint(j, "events", (int64_t)s.events);
    json_kint(j, "stored_blocks", (int64_t)s.stored_blocks);
    json_kint(j, "stored_bytes", (int64_t)s.stored_bytes);
    json_kint(j, "pending_blocks", (int64_t)s.pending_blocks);
    json_kint(j, "pending_bytes", (int64_t)s.pending_bytes);
    json_kint(j, "refused", (int64_t)s.refused);
    if (s.oldest_ms)
        json_ktime(j, "oldest", s.oldest_ms);
    json_kint(j, "cuts", (int64_t)s.cuts);
    json_kint(j, "cut_failures", (int64_t)s.cut_failures);
    if (s.last_cut_ms)
        json_ktime(j, "lastCut", s.last_cut_ms);
    json_kint(j, "last_cut_took_ms", s.last_cut_took_ms);
    json_object_end(j);
}

static void series_counts(const struct api *a, struct json *j)
{
    struct series_memory m;

    series_memory(a->o.series, &m);
    json_key(j, "series");
    json_object(j);
    json_kint(j, "count", series_count(a->o.series));
    json_kint(j, "label_bytes", (int64_t)m.all);
    json_kint(j, "label_memory", (int64_t)m.all_max);
    json_kint(j, "token_bytes", (int64_t)m.fullest);
    json_kint(j, "label_memory_per_token", (int64_t)m.token_max);
    json_object_end(j);
}

static void window_counts(const struct api *a, struct json *j)
{
    struct windows_stats w;
    struct store_stats s;

    windows_stats(a->o.windows, &w);
    json_key(j, "windows");
    json_object(j);
    json_kint(j, "bytes", (int64_t)w.bytes);
    json_kint(j, "leaves", w.leaves);
    json_kint(j, "groups", w.groups);
    json_kint(j, "samples", (int64_t)w.samples);
    json_kint(j, "unused", (int64_t)w.samples_unused);
    json_kint(j, "late", (int64_t)w.late);
    json_kint(j, "duplicate", (int64_t)w.duplicate);
    json_kint(j, "future", (int64_t)w.future);
    json_kint(j, "refused_groups", (int64_t)w.refused_groups);
    json_kint(j, "gone", (int64_t)w.gone);
    json_object_end(j);
    store_stats(a->o.store, &s);
    json_key(j, "store");
    json_object(j);
    json_kbool(j, "clean", store_is_clean(a->o.store));
    json_kint(j, "commits", (int64_t)s.commits);
    json_kint(j, "failures", (int64_t)s.failures);
    json_kint(j, "waiting", (int64_t)s.waiting_fields);
    json_kint(j, "dropped", (int64_t)s.dropped_entries);
    json_object_end(j);
}

/* "ready" and "reasons", as the probe writes them. */
static void readiness(const struct api *a, struct json *j)
{
    struct buf b = BUF_INIT;
    struct json rj = json_into(&b);

    a->o.ready(&rj, a->o.arg);
    if (buf_ok(&b) && b.len > 2) {
        buf_addc(j->out, ',');
        buf_add(j->out, b.data + 1, b.len - 2);
    }
    buf_free(&b);
}

static void head_json(const struct call *c, struct json *j)
{
    const struct api *a = c->api;
    int64_t now_ms = call_now_ms(c);

    json_kstr(j, "version", TOCSIN_VERSION);
    json_ktime(j, "now", now_ms);
    json_ktime(j, "startedAt", a->started_ms);
    json_kint(j, "uptime_ms", now_ms - a->started_ms);
    readiness(a, j);
    json_kstr(j, "phase", a->o.phase ? a->o.phase(a->o.arg) : a->open ? "live" : "starting");
    json_kbool(j, "shadow", a->o.shadow);
    if (c->config->server.external_url)
        json_kstr(j, "external_url", c->config->server.external_url);
    json_kstr(j, "config", c->config->path);
    json_key(j, "warnings");
    json_array(j);
    for (size_t i = 0; i < c->config->n_warnings; i++)
        json_str(j, c->config->warnings[i]);
    json_array_end(j);
}

void status_json(const struct call *c, struct json *j)
{
    const struct api *a = c->api;

    json_object(j);
    head_json(c, j);
    rule_counts(c, j);
    alert_counts(a, j);
    notify_counts(a, j);
    deliver_counts(c, j);
    redis_json(a, j);
    journal_json(a, j);
    series_counts(a, j);
    window_counts(a, j);
    json_object_end(j);
}

void get_status(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    status_json(c, &j);
    reply_json(c->r, 200, &out);
}

/* --- reload ---------------------------------------------------------------------------------------- */

static bool lacks_memory(struct later *l, const struct buf *body)
{
    struct err e = {.code = ERR_MEMORY, .text = "no memory"};

    if (body && buf_ok(body))
        return false;
    later_fail(l, &e);
    return true;
}

static void reloaded(const struct buf *body, bool ok, void *arg)
{
    struct later *l = arg;

    (void)ok;
    if (lacks_memory(l, body))
        return;
    buf_add(&l->body, body->data, body->len);
    if (l->flag) /* a dry run: nothing is to be stored */
        later_end(l);
    else
        later_durable(l);
}

void post_reload(struct call *c)
{
    struct later *l = later_new(c);

    if (!l)
        return;
    l->flag = call_flag(c, "dry_run");
    c->api->o.reload(l->flag, reloaded, l, c->api->o.arg);
}

static void refused_files(const cJSON *answer, struct buf *text)
{
    const cJSON *f;

    cJSON_ArrayForEach(f, cJSON_GetObjectItemCaseSensitive(answer, "files"))
    {
        const char *error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(f, "error"));

        if (error && *error)
            buf_addf(text, "%s\n", error);
    }
}

static void end_plainly(struct later *l)
{
    http_reply_buf(l->r, l->status, "text/plain; charset=utf-8", &l->body);
}

static void reloaded_plainly(const struct buf *body, bool ok, void *arg)
{
    struct later *l = arg;
    cJSON *answer;

    if (lacks_memory(l, body))
        return;
    if (!ok) {
        answer = cJSON_ParseWithLength(body->data, body->len);
        buf_adds(&l->body, "failed to reload:\n");
        refused_files(answer, &l->body);
        cJSON_Delete(answer);
        l->status = 500;
    }
    l->finish = end_plainly;
    later_end(l);
}

void post_plain_reload(struct call *c)
{
    struct later *l = later_new(c);

    if (l)
        c->api->o.reload(false, reloaded_plainly, l, c->api->o.arg);
}

/* --- who am I ----------------------------------------------------------------------------------------- */

void get_whoami(struct call *c)
{
    static const struct {
        enum config_role role;
        const char *name;
    } roles[] = {{ROLE_READ, "read"},
                 {ROLE_RESPOND, "respond"},
                 {ROLE_ADMIN, "admin"},
                 {ROLE_INGEST, "ingest"}};
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_object(&j);
    json_kstr(&j, "name", c->access.tokens ? c->access.name : "local");
    json_key(&j, "roles");
    json_array(&j);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (access_has(&c->access, roles[i].role))
            json_str(&j, roles[i].name);
    json_array_end(&j);
    json_key(&j, "scope");
    json_array(&j);
    for (size_t i = 0; i < c->access.n_scope; i++) {
        struct buf text = BUF_INIT;

        matcher_am_text(c->access.scope[i], &text);
        json_str(&j, buf_str(&text));
        buf_free(&text);
    }
    json_array_end(&j);
    json_kbool(&j, "tokens", c->access.tokens);
    json_object_end(&j);
    reply_json(c->r, 200, &out);
}
