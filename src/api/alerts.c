/* Alerts: listed, one, ended by hand.
 * A page of the list goes on behind a fingerprint and not behind a number: alerts come and go between two
 * pages, and a number would leave some out without a word. Where that alert has ended the answer is 410, and
 * the reader begins anew. Cost: a list walks all alerts and sorts those that match; `limit` bounds what is
 * written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/later.h"
#include "base/mem.h"
#include "base/text.h"

/* --- the list --------------------------------------------------------------------------------------- */

struct alert_search {
    const struct call *c;
    const struct matcher_list *filters;
    bool firing, pending, rest;
    uint64_t after;
    const struct alert **found;
    size_t n, cap;
    bool failed;
};

static void search_one(const struct alert *a, void *arg)
{
    struct alert_search *s = arg;
    bool wanted = a->state.firing ? s->firing : a->state.pending_ms ? s->pending : s->rest;

    if (!wanted || !matchers_test_labels(s->filters->m, s->filters->n, a->labels, a->n_labels) ||
        !call_sees_alert(s->c, a))
        return;
    if (mem_grow((void **)&s->found, &s->cap, s->n + 1, sizeof *s->found) != 0)
        s->failed = true;
    else
        s->found[s->n++] = a;
}

static int64_t since_ms(const struct alert *a)
{
    return a->state.firing ? a->state.active_ms : a->state.pending_ms;
}

/* What fires first, the most severe first, the oldest first: as in messages and incidents. */
static int by_weight(const void *pa, const void *pb)
{
    const struct alert *a = *(const struct alert *const *)pa, *b = *(const struct alert *const *)pb;
    int wa = a->state.firing ? a->state.firing : PRIORITIES + 1;
    int wb = b->state.firing ? b->state.firing : PRIORITIES + 1;

    if (wa != wb)
        return wa < wb ? -1 : 1;
    if (since_ms(a) != since_ms(b))
        return since_ms(a) < since_ms(b) ? -1 : 1;
    return a->fingerprint < b->fingerprint ? -1 : a->fingerprint > b->fingerprint;
}

/* Where the page behind `after` begins. -1: that alert is no longer listed. */
static int page_begin(const struct alert_search *s, size_t *begin)
{
    *begin = 0;
    if (s->after == 0)
        return 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->found[i]->fingerprint == s->after) {
            *begin = i + 1;
            return 0;
        }
    return -1;
}

/* Sixteen hexadecimal digits; -1: it is none. */
static int fingerprint_read(const char *s, uint64_t *out)
{
    if (strlen(s) != 16 || s[strspn(s, "0123456789abcdefABCDEF")])
        return -1;
    *out = strtoull(s, NULL, 16);
    return 0;
}

static int read_search(struct call *c, struct alert_search *s)
{
    const char *state = http_query(c->r, "state", 0), *after = http_query(c->r, "after", 0);

    state = state && *state ? state : "firing";
    s->firing = strcmp(state, "pending") != 0;
    s->pending = strcmp(state, "firing") != 0;
    s->rest = strcmp(state, "all") == 0;
    if (!s->rest && s->firing && s->pending) {
        reply_error(c->r, 400, "bad_request", "state: expected firing, pending or all");
        return -1;
    }
    if (after && *after && fingerprint_read(after, &s->after) != 0) {
        reply_error(c->r, 400, "bad_request", "after: expected a fingerprint");
        return -1;
    }
    return 0;
}

void get_alerts(struct call *c)
{
    struct matcher_list filters;
    struct alert_search s = {.c = c, .filters = &filters};
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    size_t limit, begin;

    if (read_search(c, &s) || call_limit(c, ALERTS_DEFAULT, ALERTS_MAX, &limit) ||
        call_filters(c, &filters))
        return;
    alert_each(c->api->o.book, search_one, &s);
    if (s.n > 0)
        qsort(s.found, s.n, sizeof *s.found, by_weight);
    if (page_begin(&s, &begin) != 0) {
        reply_error(c->r, 410, "gone", "after: that alert has ended: read the list from its start");
    } else {
        json_array(&j);
        for (size_t i = begin; i < s.n && i - begin < limit; i++)
            alert_json(&c->view, &j, s.found[i], false);
        json_array_end(&j);
        out.failed |= s.failed;
        reply_json(c->r, 200, &out);
    }
    mem_free(s.found);
    matcher_list_free(&filters);
}

/* --- one --------------------------------------------------------------------------------------------- */

static struct alert *find_alert(struct call *c)
{
    uint64_t fingerprint;
    struct alert *a = NULL;

    if (fingerprint_read(c->arg[0], &fingerprint) == 0)
        a = alert_by_fingerprint(c->api->o.book, fingerprint);
    if (a && call_sees_alert(c, a))
        return a;
    reply_error(c->r, 404, "not_found", "there is no alert %s", c->arg[0]);
    return NULL;
}

void get_alert(struct call *c)
{
    struct alert *a = find_alert(c);
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    if (!a)
        return;
    alert_json(&c->view, &j, a, true);
    reply_json(c->r, 200, &out);
}

void post_retire(struct call *c)
{
    struct alert *a = find_alert(c);
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    if (!a)
        return;
    if (!a->state.firing && !a->state.pending_ms) {
        reply_error(c->r, 409, "refused", "the alert is not on");
        return;
    }
    alert_end(a, "retired", call_now_ms(c));
    json_object(&j);
    json_kbool(&j, "retired", true);
    json_kstr(&j, "fingerprint", c->arg[0]);
    json_object_end(&j);
    reply_durable(c, 200, &out);
}
