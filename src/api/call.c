/* Reading a request and answering it, for all handlers.
 *
 * Whoever reads answers, too: a reader that finds something wrong has sent the 400 with the name of the
 * field before it returns -1, so that no handler can forget it or word it in its own way. Numbers are
 * digits alone (strtoull takes signs, blanks and overflow). Lists keep pointers into one copy of their
 * text rather than a copy of each part. A general validator by a table of fields was dropped: half of the
 * rows would have been functions. */
#include "api/call.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

struct origin call_origin(const struct http_request *r)
{
    return (struct origin){.host = http_header(r, "Host"),
                           .origin = http_header(r, "Origin"),
                           .fetch_site = http_header(r, "Sec-Fetch-Site"),
                           .referer = http_header(r, "Referer")};
}

int64_t call_now_ms(const struct call *c)
{
    return clock_wall_ms(loop_clock(c->api->o.loop));
}

/* --- answers ------------------------------------------------------------------------------------- */

void reply_json(struct http_request *r, int status, struct buf *body)
{
    http_reply_buf(r, status, "application/json", body);
}

void reply_error(struct http_request *r, int status, const char *code, const char *fmt, ...)
{
    struct buf text = BUF_INIT, out = BUF_INIT;
    struct json j = json_into(&out);
    va_list ap;

    assert(status >= 400 && status < 600);
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    json_object(&j);
    json_key(&j, "error");
    json_object(&j);
    json_kstr(&j, "code", code);
    json_kstr(&j, "message", buf_str(&text));
    json_object_end(&j);
    json_object_end(&j);
    buf_free(&text);
    if (status == 503)
        http_reply_header(r, "Retry-After", "1");
    reply_json(r, status, &out);
}

void reply_err(struct http_request *r, const struct err *e)
{
    http_reply_err(r, 0, e);
}

/* --- parameters ---------------------------------------------------------------------------------- */

int number_read(const char *s, uint64_t *out)
{
    char *end;

    if (*s < '0' || *s > '9' || strlen(s) > 19)
        return -1;
    *out = strtoull(s, &end, 10);
    return *end ? -1 : 0;
}

int call_number(struct call *c, const char *name, uint64_t *out)
{
    const char *s = http_query(c->r, name, 0);

    if (!s || !*s || number_read(s, out) == 0)
        return 0;
    reply_error(c->r, 400, "bad_request", "%s is no number", name);
    return -1;
}

int call_limit(struct call *c, size_t normal, size_t max, size_t *out)
{
    uint64_t n = normal;

    if (call_number(c, "limit", &n))
        return -1;
    *out = n < 1 ? 1 : n > max ? max : (size_t)n;
    assert(*out >= 1 && *out <= max);
    return 0;
}

bool call_flag(const struct call *c, const char *name)
{
    const char *s = http_query(c->r, name, 0);

    return s && (strcmp(s, "1") == 0 || strcmp(s, "true") == 0);
}

bool call_sees_incident(const struct call *c, uint64_t number)
{
    return notify_sight(c->api->o.notify, number, &c->actor) != SIGHT_NONE;
}

bool call_sees_alert(const struct call *c, const struct alert *a)
{
    return view_sees_alert(&c->view, a);
}

int call_incident(struct call *c, uint64_t *number)
{
    if (number_read(c->arg[0], number) == 0 && call_sees_incident(c, *number))
        return 0;
    reply_error(c->r, 404, "not_found", "there is no incident #%s", c->arg[0]);
    return -1;
}

/* --- filters and labels --------------------------------------------------------------------------- */

void matcher_list_free(struct matcher_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        matcher_unref(l->m[i]);
    mem_free(l->m);
    *l = (struct matcher_list){0};
}

int matcher_list_add(struct matcher_list *l, struct matcher *m)
{
    struct matcher **more;

    assert(l->m || l->n == 0);
    if (!m)
        return -1;
    more = mem_realloc(l->m, (l->n + 1) * sizeof *more);
    if (!more) {
        matcher_unref(m);
        return -1;
    }
    l->m = more;
    l->m[l->n++] = m;
    return 0;
}

int read_filters(struct call *c, struct matcher_list *out, struct err *e)
{
    const char *s;

    *out = (struct matcher_list){0};
    for (int i = 0; (s = http_query(c->r, "filter", i)); i++) {
        *e = (struct err){.code = ERR_MEMORY, .text = "no memory"};
        if (i < LABELS_MAX && matcher_list_add(out, matcher_parse(s, strlen(s), e)) == 0)
            continue;
        if (i == LABELS_MAX)
            err_set(e, ERR_INPUT, "more than %d filters", LABELS_MAX);
        matcher_list_free(out);
        return -1;
    }
    return 0;
}

int call_filters(struct call *c, struct matcher_list *out)
{
    struct err e;

    if (read_filters(c, out, &e) == 0)
        return 0;
    reply_err(c->r, &e);
    return -1;
}

void label_list_free(struct label_list *l)
{
    mem_free(l->text);
    *l = (struct label_list){0};
}

/* Copies all texts into one block, each followed by a NUL. */
static int gather_labels(struct call *c, struct label_list *out, struct err *e)
{
    const char *s;
    size_t bytes = 0;
    char *p;
    int n;

    for (int i = 0; (s = http_query(c->r, "label", i)); i++) {
        if (i == LABELS_MAX)
            return err_set(e, ERR_INPUT, "more than %d labels", LABELS_MAX);
        bytes += strlen(s) + 1;
    }
    p = out->text = mem_alloc(bytes + 1);
    if (!p)
        return err_set(e, ERR_MEMORY, "no memory");
    for (int i = 0; (s = http_query(c->r, "label", i)); i++) {
        const char *equals = strchr(s, '=');

        if (!equals || equals == s) /* a label may have any UTF-8 name */
            return err_set(e, ERR_INPUT, "label: expected name=value, got \"%.80s\"", s);
        memcpy(p, s, strlen(s) + 1);
        p[equals - s] = '\0';
        out->l[out->n++] = label_of(p, p + (equals - s) + 1);
        p += strlen(s) + 1;
    }
    n = labels_sort(out->l, out->n);
    if (n < 0)
        return err_set(e, ERR_INPUT, "a label is given twice");
    out->n = (size_t)n;
    return 0;
}

int call_labels(struct call *c, struct label_list *out)
{
    struct err e;

    *out = (struct label_list){0};
    if (gather_labels(c, out, &e) == 0)
        return 0;
    label_list_free(out);
    reply_err(c->r, &e);
    return -1;
}

/* --- the body -------------------------------------------------------------------------------------- */

static const cJSON *member(const struct call *c, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->body, key);

    return cJSON_IsNull(v) ? NULL : v;
}

static int wrong(struct call *c, const char *key, const char *expected)
{
    struct err e;

    err_at(&e, ERR_INPUT, 0, key, "%s: expected %s", key, expected);
    reply_err(c->r, &e);
    return -1;
}

int body_text(struct call *c, const char *key, const char **out)
{
    const cJSON *v = member(c, key);

    *out = v ? cJSON_GetStringValue(v) : "";
    return *out ? 0 : wrong(c, key, "a text");
}

int body_number(struct call *c, const char *key, uint64_t *out)
{
    const cJSON *v = member(c, key);
    const char *s = cJSON_GetStringValue(v);

    *out = 0;
    if (!v || (s && number_read(*s == '#' ? s + 1 : s, out) == 0))
        return 0;
    if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > 1e15 ||
        v->valuedouble != (double)(uint64_t)v->valuedouble)
        return wrong(c, key, "a whole number");
    *out = (uint64_t)v->valuedouble;
    return 0;
}

int body_flag(struct call *c, const char *key, bool *out)
{
    const cJSON *v = member(c, key);

    *out = cJSON_IsTrue(v);
    return !v || cJSON_IsBool(v) ? 0 : wrong(c, key, "true or false");
}

int body_time(struct call *c, const char *key, int64_t *at_ms)
{
    const cJSON *v = member(c, key);
    const char *s = cJSON_GetStringValue(v);

    *at_ms = 0;
    if (!v || (s && text_parse_time(s, strlen(s), at_ms) == 0))
        return 0;
    return wrong(c, key, "a time such as 2026-01-05T08:00:00Z");
}

int body_duration(struct call *c, const char *key, int64_t *ms)
{
    const cJSON *v = member(c, key);
    const char *s = cJSON_GetStringValue(v);

    *ms = 0;
    if (!v || (s && (!*s || text_parse_duration(s, strlen(s), ms) == 0)))
        return 0;
    return wrong(c, key, "a duration such as \"2h\"");
}

/* --- documents ------------------------------------------------------------------------------------- */
