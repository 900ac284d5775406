/* POST of pages: acknowledge, release, silence with a preview first, end a silence.
 * Origin, Host and the CSRF token have been checked. Each form ends in a redirect, so that a page loaded
 * again does not act again. A silence takes two steps: the first shows which matchers and what it would
 * hold, and what is confirmed is that list and that count, not "this incident", which may have grown
 * meanwhile. Nothing is kept here between the two: the form carries it. */
#include "api/form.h"

#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/later.h"
#include "api/silence_wish.h"
#include "base/mem.h"
#include "base/text.h"

static const char *field(const struct call *c, const char *name)
{
    const char *s = form_value(c->form, name, 0);

    return s ? s : "";
}

/* The incident of the path; -1: answered. */
static int incident_of(struct call *c, uint64_t *number)
{
    if (number_read(c->arg[0], number) == 0 && call_sees_incident(c, *number))
        return 0;
    reply_page_error(c, 404, "Not found", "There is no such incident.");
    return -1;
}

/* A duration that may be empty; -1: answered. */
static int duration_of(struct call *c, int64_t *ms)
{
    const char *s = field(c, "for");

    *ms = 0;
    if (!*s || text_parse_duration(s, strlen(s), ms) == 0)
        return 0;
    reply_page_error(c, 400, "That did not work", "How long? Write a duration such as 2h or 30m.");
    return -1;
}

static void back_to_incident(struct call *c, uint64_t number, const char *done)
{
    char where[64];

    snprintf(where, sizeof where, "/i/%llu?done=%s", (unsigned long long)number, done);
    redirect_durable(c, where);
}

void form_ack(struct call *c)
{
    uint64_t number;
    int64_t for_ms;
    struct err e;

    if (incident_of(c, &number) || duration_of(c, &for_ms))
        return;
    if (notify_ack(c->api->o.notify, number, for_ms, field(c, "note"), &c->actor, &e) != 0)
        reply_page_err(c, &e);
    else
        back_to_incident(c, number, "ack");
}

void form_release(struct call *c)
{
    uint64_t number;
    struct err e;

    if (incident_of(c, &number))
        return;
    if (notify_release(c->api->o.notify, number, &c->actor, &e) != 0)
        reply_page_err(c, &e);
    else
        back_to_incident(c, number, "release");
}

void form_expire(struct call *c)
{
    struct err e;

    if (notify_silence_expire(c->api->o.notify, c->arg[0], &c->actor, &e) != 0)
        reply_page_err(c, &e);
    else
        redirect_durable(c, "/silences?done=expire");
}

/* --- silences: first shown, then confirmed --------------------------------------------------------- */

struct draft {
    struct call *c;
    uint64_t incident; /* 0: none */
    struct {
        char *text;
        bool on;
    } row[LABELS_MAX]; /* matchers offered */
    size_t n;
};

static void draft_add(struct draft *d, const char *text, bool on)
{
    char *copy = d->n < LABELS_MAX ? mem_strdup(text) : NULL;

    if (copy) {
        d->row[d->n].text = copy;
        d->row[d->n++].on = on;
    }
}

static void draft_free(struct draft *d)
{
    for (size_t i = 0; i < d->n; i++)
        mem_free(d->row[i].text);
}

static bool is_ticked(const struct form *f, const char *text)
{
    const char *s;

    for (int i = 0; (s = form_value(f, "m", i)); i++)
        if (strcmp(s, text) == 0)
            return true;
    return false;
}

static void draft_label(struct draft *d, const char *name, const char *value)
{
    struct matcher *m = matcher_new(name, MATCH_EQUAL, false, value, NULL);
    struct buf text = BUF_INIT;

    if (m) {
        matcher_am_text(m, &text);
        draft_add(d, buf_str(&text), true);
    }
    matcher_unref(m);
    buf_free(&text);
}

/* The exact alertname, where there is one, and the group labels; never the priority. */
static void draft_of_incident(struct draft *d)
{
    struct buf text = BUF_INIT;
    cJSON *i = NULL;
    const cJSON *v;
    const char *name = NULL;
    bool several = false;

    if (incident_json(&d->c->view, d->incident, &text) == 0)
        i = cJSON_ParseWithLength(buf_str(&text), text.len);
    cJSON_ArrayForEach(v, cJSON_GetObjectItem(i, "alerts"))
    {
        const char *other = cJSON_GetStringValue(
            cJSON_GetObjectItem(cJSON_GetObjectItem(v, "labels"), "alertname"));
        const char *state = cJSON_GetStringValue(cJSON_GetObjectItem(v, "state"));

        if (!other || !state || strcmp(state, "firing") != 0)
            continue;
        several |= name && strcmp(name, other) != 0;
        name = other;
    }
    if (name && !several &&
        !cJSON_HasObjectItem(cJSON_GetObjectItem(i, "groupLabels"), "alertname"))
        draft_label(d, "alertname", name);
    cJSON_ArrayForEach(v, cJSON_GetObjectItem(i, "groupLabels"))
    {
        if (strcmp(v->string, "severity") != 0 && strcmp(v->string, "priority") != 0 &&
            cJSON_IsString(v))
            draft_label(d, v->string, v->valuestring);
    }
    cJSON_Delete(i);
    buf_free(&text);
}

/* One matcher a line. */
static void draft_of_lines(struct draft *d, const char *lines)
{
    while (*lines) {
        size_t n = strcspn(lines, "\r\n");
        char *line = mem_dup(lines, n);

        if (line && line[strspn(line, " \t")])
            draft_add(d, line + strspn(line, " \t"), true);
        mem_free(line);
        lines += n + strspn(lines + n, "\r\n");
    }
}

static void draft_read(struct draft *d)
{
    const char *s;

    for (int i = 0; (s = form_value(d->c->form, "all", i)); i++)
        draft_add(d, s, is_ticked(d->c->form, s));
    if (d->n > 0)
        return;
    if (d->incident)
        draft_of_incident(d);
    else
        draft_of_lines(d, field(d->c, "matchers"));
}

/* "resolved", or a duration. */
static int how_long(const struct draft *d, struct silence_request *r, struct err *e)
{
    const char *s = field(d->c, "for");
    int64_t ms;

    if (d->incident && strcmp(s, "resolved") == 0) {
        r->until_resolved = true;
        return 0;
    }
    if (text_parse_duration(s, strlen(s), &ms) != 0)
        return err_set(e, ERR_INPUT, "How long? Write a duration such as 2h or 30m%s.",
                       d->incident ? ", or: resolved" : "");
    r->ends_ms = call_now_ms(d->c) + ms;
    return 0;
}

static int wish_of(const struct draft *d, struct silence_wish *w, struct err *e)
{
    uint64_t wide = 0;

    for (size_t i = 0; i < d->n; i++)
        if (d->row[i].on &&
            matcher_list_add(&w->matchers,
                             matcher_parse(d->row[i].text, strlen(d->row[i].text), e)) != 0)
            return -1;
    if (w->matchers.n == 0)
        return err_set(e, ERR_INPUT, "a silence needs at least one matcher");
    if (*field(d->c, "wide") && number_read(field(d->c, "wide"), &wide) != 0)
        return err_set(e, ERR_INPUT, "type the number of alerts to confirm");
    w->r = (struct silence_request){.matchers = w->matchers.m,
                                    .n_matchers = w->matchers.n,
                                    .incident = d->incident,
                                    .comment = field(d->c, "comment"),
                                    .wide = (int64_t)wide};
    return how_long(d, &w->r, e);
}

/* The form as it was sent, as an object that is still open: what is shown of it comes behind. */
static void write_draft(const struct draft *d, struct json *j)
{
    const struct call *c = d->c;
    char action[64] = "/silences", back[64] = "/silences";

    if (d->incident) {
        snprintf(action, sizeof action, "/i/%llu/silence", (unsigned long long)d->incident);
        snprintf(back, sizeof back, "/i/%llu", (unsigned long long)d->incident);
    }
    json_object(j);
    json_kstr(j, "action", action);
    json_kstr(j, "back", back);
    json_key(j, "matchers");
    json_array(j);
    for (size_t i = 0; i < d->n; i++) {
        json_object(j);
        json_kstr(j, "text", d->row[i].text);
        json_kbool(j, "on", d->row[i].on);
        json_object_end(j);
    }
    json_array_end(j);
    json_kstr(j, "for", field(c, "for"));
    json_kstr(j, "comment", field(c, "comment"));
    json_kstr(j, "by", field(c, "by"));
}

/* What is kept of a form until it is answered; its draft is the later's body. */
struct shown {
    struct json j;
    struct silence_request times; /* nothing else of it */
    int64_t now_ms;
    bool refused;
};

static void reply_shown(struct later *l)
{
    const struct shown *x = l->extra;
    struct page_frame f = frame_of_later(l, "/silences");
    struct buf html = BUF_INIT;
    cJSON *data = buf_ok(&l->body) ? cJSON_ParseWithLength(buf_str(&l->body), l->body.len) : NULL;

    page_preview(&html, &f, data);
    html.failed |= !data;
    cJSON_Delete(data);
    reply_page(l->r, x->refused ? 409 : 200, &html);
}

/* The form with its preview; `p` NULL: there is none, the error says why. */
static void show_draft(struct later *l, const struct silence_preview *p, const char *error)
{
    struct shown *x = l->extra;
    struct buf preview = BUF_INIT;

    x->refused = *error != '\0';
    json_kstr(&x->j, "error", error);
    if (p) {
        silence_preview_json(&x->times, p, x->now_ms, &preview);
        json_key(&x->j, "preview");
        json_raw(&x->j, buf_str(&preview), preview.len);
    }
    json_object_end(&x->j);
    buf_free(&preview);
    l->finish = reply_shown;
    later_end(l);
}

static void form_answered(const struct silence *s, const struct silence_preview *p,
                          const struct err *e, void *arg)
{
    if (s)
        later_redirect(arg);
    else
        show_draft(arg, p, e ? e->text : "");
}

/* NULL: answered. */
static struct later *later_of_draft(const struct draft *d)
{
    struct later *l = later_new(d->c);
    struct shown *x = l ? mem_zalloc(sizeof *x) : NULL;
    char where[64] = "/silences?done=silence";

    if (!l)
        return NULL;
    l->extra = x;
    if (d->incident)
        snprintf(where, sizeof where, "/i/%llu?done=silence", (unsigned long long)d->incident);
    l->location = mem_strdup(where);
    if (!x) {
        later_fail(l, &(struct err){.code = ERR_MEMORY, .text = "no memory"});
        return NULL;
    }
    x->now_ms = call_now_ms(d->c);
    x->j = json_into(&l->body);
    write_draft(d, &x->j);
    return l;
}

static void handle_draft(struct call *c, uint64_t incident)
{
    struct draft d = {.c = c, .incident = incident};
    struct silence_wish w = {.dry_run = true};
    struct err e = {.code = ERR_MEMORY, .text = "no memory"};
    struct later *l;

    draft_read(&d);
    if ((l = later_of_draft(&d))) {
        struct shown *x = l->extra;
        bool wrong = wish_of(&d, &w, &e) != 0;

        w.dry_run = strcmp(field(c, "step"), "confirm") != 0;
        x->times.ends_ms = w.r.ends_ms;
        if (wrong)
            show_draft(l, NULL, e.text);
        else
            notify_silence_order(c->api->o.notify, &w.r, &c->actor, w.dry_run, form_answered, l);
    }
    silence_wish_free(&w);
    draft_free(&d);
}

void form_silence_incident(struct call *c)
{
    uint64_t number;

    if (incident_of(c, &number) == 0)
        handle_draft(c, number);
}

void form_silence(struct call *c)
{
    handle_draft(c, 0);
}
