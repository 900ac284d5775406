/* History is searched from the newest entry backwards, a page of the stream at a time, without an index.
 *
 * The stream is capped and most questions are about the last hours; an index by rule or alert would be a
 * second thing to be kept true in Redis. So the number of entries looked at for one answer is bounded, and
 * the answer says how far it has come. Entries are matched by what they carry themselves, never by the
 * alert they belonged to, which may be gone; one that was written without a fingerprint is known by its
 * rule and group. What is looked for of a closed incident ends where the incident ended: what came later
 * is another one's story. */
#include "api/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "base/field.h"
#include "base/keys.h"
#include "base/mem.h"
#include "base/text.h"

/* --- labels as text ------------------------------------------------------------------------------ */

/* name="value" at *s, as labels_text() writes it, unescaped in place; *s is behind it afterwards. */
static int read_pair(char **s, struct label *out)
{
    char *name = *s, *equals = strstr(name, "=\""), *to, *from;

    if (!equals || equals == name)
        return -1;
    *equals = '\0';
    for (to = from = equals + 2; *from != '"'; from++) {
        bool escaped = *from == '\\';

        from += escaped;
        if (!*from)
            return -1;
        *to++ = escaped && *from == 'n' ? '\n' : *from;
    }
    *s = from + 1;
    *to = '\0';
    *out = label_of(name, equals + 2);
    return 0;
}

int labels_of_text(const char *text, struct label_list *out)
{
    char *s;
    int n;

    *out = (struct label_list){0};
    if (*text != '{' || !(out->text = mem_strdup(text + 1)))
        return -1;
    for (s = out->text; *s && *s != '}';) {
        if (out->n == LABELS_MAX || read_pair(&s, &out->l[out->n]) != 0)
            goto bad;
        out->n++;
        if (*s == ',')
            s++;
        else if (*s != '}')
            goto bad;
    }
    n = *s == '}' && !s[1] ? labels_sort(out->l, out->n) : -1;
    if (n < 0)
        goto bad;
    out->n = (size_t)n;
    return 0;
bad:
    label_list_free(out);
    return -1;
}

/* --- one entry ------------------------------------------------------------------------------------- */

static const char *pair(const char *const *pairs, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(pairs[2 * i], name) == 0)
            return pairs[2 * i + 1];
    return "";
}

struct history_entry {
    const char *rule, *labels, *fingerprint; /* "" where it has none */
    const struct label_list *group;
    bool
        sender; /* of an alert of a sender: `rule` is its alertname, and no rule of that name its own */
};

static const struct label *find_label(const struct label *l, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(l[i].name, name) == 0)
            return &l[i];
    return NULL;
}

/* The labels of its alert, as far as they are known: group, name and what the rule adds. */
static bool in_scope_of(const struct history_search *s, const struct history_entry *e)
{
    struct label l[2 * LABELS_MAX];
    const struct label_list *group = e->group;
    struct rule *running = e->sender ? NULL : rules_find(s->api->o.rules, e->rule);
    const struct rule_def *d = running ? rule_definition(running) : NULL;
    size_t n = 0;

    if (s->scope.n == 0)
        return true;
    for (size_t i = 0; d && i < d->n_labels && n < LABELS_MAX - 2; i++)
        l[n++] = label_of(d->labels[i].name, d->labels[i].value);
    if (d && d->team)
        l[n++] = label_of("team", d->team);
    l[n++] = label_of("alertname", e->rule);
    for (size_t i = 0; i < group->n && n < 2 * LABELS_MAX; i++)
        if (!find_label(l, n, group->l[i].name))
            l[n++] = group->l[i];
    return matchers_test_labels(s->scope.m, s->scope.n, l, n);
}

/* What was written without a fingerprint is known by its rule and its group's labels. */
static bool is_of(const struct history_target *t, const struct history_entry *e)
{
    if (strcmp(t->rule, e->rule) != 0)
        return false;
    if (!t->fingerprint)
        return !t->labels || strcmp(t->labels, e->labels) == 0;
    if (*e->fingerprint)
        return strcmp(t->fingerprint, e->fingerprint) == 0;
    for (size_t i = 0; i < e->group->n; i++) {
        const struct label *l = find_label(t->all.l, t->all.n, e->group->l[i].name);

        if (!l || strcmp(l->value, e->group->l[i].value) != 0)
            return false;
    }
    return true;
}

static bool is_wanted(const struct history_search *s, const struct history_entry *e)
{
    const struct label_list *group = e->group;
    bool named = s->n_targets == 0;

    for (size_t i = 0; i < s->n_targets && !named; i++)
        named = is_of(&s->targets[i], e);
    for (size_t i = 0; i < s->labels.n && named; i++) {
        const struct label *l = find_label(group->l, group->n, s->labels.l[i].name);

        named = l && strcmp(l->value, s->labels.l[i].value) == 0;
    }
    return named && in_scope_of(s, e);
}

static void entry_json(struct buf *out, const char *id, const char *const *pairs, size_t n,
                       const struct label_list *group)
{
    static const char *const same[] = {"at", "rule", "change", "from", "to", "reason"};
    const char *value = pair(pairs, n, "value"), *why = pair(pairs, n, "why");
    struct json j = json_into(out);
    cJSON *tree = *why ? cJSON_Parse(why) : NULL;

    json_object(&j);
    json_kstr(&j, "id", id);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        json_kstr(&j, same[i], pair(pairs, n, same[i]));
    labels_json(&j, "labels", group->l, group->n);
    if (*value)
        json_knum(&j, "value", strtod(value, NULL));
    if (tree) { /* else it was cut, or somebody else's */
        json_key(&j, "why");
        json_raw(&j, why, strlen(why));
    }
    json_object_end(&j);
    cJSON_Delete(tree);
}

static void on_entry(const char *id, const char *const *pairs, size_t n, void *arg)
{
    struct history_search *s = arg;
    const char *at = pair(pairs, n, "at"), *labels = pair(pairs, n, "labels");
    struct label_list group;
    struct history_entry e = {.rule = pair(pairs, n, "rule"),
                              .labels = labels,
                              .fingerprint = pair(pairs, n, "fingerprint"),
                              .group = &group,
                              .sender = strncmp(pair(pairs, n, "origin"), "token:", 6) == 0};
    bool later = false;
    int64_t at_ms = 0;

    s->page++;
    s->seen++;
    if (s->over || strlen(id) >= sizeof s->before)
        return;
    strcpy(s->before, id);
    if (text_parse_time(at, strlen(at), &at_ms) == 0) {
        later = s->until_ms && at_ms > s->until_ms;
        if (at_ms < s->since_ms) {
            s->over = true;
            return;
        }
    }
    if (labels_of_text(labels, &group) != 0)
        group = (struct label_list){0};
    if (!later && is_wanted(s, &e)) {
        if (s->n > 0)
            buf_addc(&s->found, ',');
        entry_json(&s->found, id, pairs, n, &group);
        s->over = ++s->n >= s->limit;
    }
    label_list_free(&group);
    assert(s->n <= s->limit);
}

/* --- page after page --------------------------------------------------------------------------------- */

static void next_page(struct history_search *s);

static void page_done(const struct err *e, void *arg)
{
    struct history_search *s = arg;

    s->over |= s->page < HISTORY_PAGE;
    if (!e && !s->over && s->seen < HISTORY_SEARCHED) {
        next_page(s);
        return;
    }
    s->done(s, e, s->arg);
    history_search_free(s);
}

static void next_page(struct history_search *s)
{
    s->page = 0;
    store_read_stream(s->api->o.store, KEY_HISTORY, *s->before ? s->before : NULL, HISTORY_PAGE,
                      on_entry, page_done, s);
}

void history_start(struct history_search *s,
                   void (*done)(struct history_search *s, const struct err *e, void *arg),
                   void *arg)
{
    assert(done && !s->done);
    s->done = done;
    s->arg = arg;
    next_page(s);
}

struct history_search *history_search_new(const struct call *c, size_t limit)
{
    struct history_search *s = mem_zalloc(sizeof *s);

    if (!s)
        return NULL;
    s->api = c->api;
    s->limit = limit;
    s->next = c->api->searches;
    s->at = &c->api->searches;
    if (s->next)
        s->next->at = &s->next;
    *s->at = s;
    for (size_t i = 0; i < c->access.n_scope; i++)
        if (matcher_list_add(&s->scope, matcher_ref(c->access.scope[i])) != 0) {
            history_search_free(s);
            return NULL;
        }
    return s;
}

void history_search_free(struct history_search *s)
{
    if (!s)
        return;
    assert(*s->at == s);
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    for (size_t i = 0; i < s->n_targets; i++) {
        mem_free(s->targets[i].rule);
        mem_free(s->targets[i].labels);
        mem_free(s->targets[i].fingerprint);
        label_list_free(&s->targets[i].all);
    }
    mem_free(s->targets);
    label_list_free(&s->labels);
    matcher_list_free(&s->scope);
    buf_free(&s->found);
    mem_free(s);
}

int history_want(struct history_search *s, const char *rule, const char *labels)
{
    struct history_target t = {.rule = mem_strdup(rule),
                               .labels = labels ? mem_strdup(labels) : NULL};
    struct history_target *more = NULL;

    assert(rule && (s->targets || s->n_targets == 0));
    if (t.rule && (t.labels || !labels))
        more = mem_realloc(s->targets, (s->n_targets + 1) * sizeof *more);
    if (!more) {
        mem_free(t.rule);
        mem_free(t.labels);
        return -1;
    }
    s->targets = more;
    s->targets[s->n_targets++] = t;
    return 0;
}

/* One alert, also one that is no longer remembered. */
static int want_alert_of(struct history_search *s, const char *rule, const char *fingerprint,
                         const cJSON *labels)
{
    struct history_target *t;
    struct label l[2 * LABELS_MAX];
    struct buf text = BUF_INIT;
    const cJSON *v;
    size_t n = 0;
    int failed = -1;

    if (history_want(s, rule, NULL) != 0)
        return -1;
    t = &s->targets[s->n_targets - 1];
    cJSON_ArrayForEach(v, labels)
    {
        if (cJSON_IsString(v) && n < sizeof l / sizeof *l)
            l[n++] = label_of(v->string, v->valuestring);
    }
    labels_text(l, n, &text);
    t->fingerprint = mem_strdup(fingerprint);
    if (buf_ok(&text) && t->fingerprint && labels_of_text(buf_str(&text), &t->all) == 0)
        failed = 0;
    buf_free(&text);
    return failed;
}

int history_want_incident(struct history_search *s, const cJSON *incident)
{
    const cJSON *alert, *previous = field(incident, "previous");
    const cJSON *for_ms = field(previous, "for_ms");
    int64_t opened_ms = field_ms(incident, "openedAt");
    int64_t before_ms = field_ms(previous, "at");

    cJSON_ArrayForEach(alert, field(incident, "alerts"))
    {
        const char *hex = cJSON_GetStringValue(field(alert, "fingerprint"));
        const cJSON *labels = field(alert, "labels");
        const char *name = cJSON_GetStringValue(field(labels, "alertname"));

        if (name && hex && s->n_targets < HISTORY_TARGETS &&
            want_alert_of(s, name, hex, labels) != 0)
            return -1;
    }
    /* what was pending before it began is part of its story; what belongs to the one before is not */
    if (opened_ms)
        s->since_ms = opened_ms - 3600 * 1000;
    if (before_ms && cJSON_IsNumber(for_ms)) {
        int64_t ended_ms = before_ms + (int64_t)for_ms->valuedouble + 1;

        if (ended_ms > s->since_ms && ended_ms <= opened_ms)
            s->since_ms = ended_ms;
    }
    s->until_ms = field_ms(incident, "endedAt");
    return s->n_targets > 0 ? 0 : history_want(s, "", NULL);
}

/* --- GET history ------------------------------------------------------------------------------------- */

static void searched(struct history_search *s, const struct err *e, void *arg)
{
    struct later *l = arg;

    if (e) {
        later_fail(l, e);
        return;
    }
    if (s->n == 0 && s->meant[0]) {
        struct err unknown;

        err_set(&unknown, ERR_INPUT, "%s", s->meant);
        later_fail(l, &unknown);
        return;
    }
    if (!s->over)
        http_reply_header(l->r, "Tocsin-Searched-To", s->before);
    buf_addc(&l->body, '[');
    buf_add(&l->body, buf_str(&s->found), s->found.len);
    buf_addc(&l->body, ']');
    l->body.failed |= s->found.failed;
    later_end(l);
}

static bool is_fingerprint(const char *s)
{
    return strlen(s) == 16 && !s[strspn(s, "0123456789abcdefABCDEF")];
}

/* ?alert=: a fingerprint of an alert that is known, else the name of a rule. */
static int want_alert(struct call *c, struct history_search *s, const char *alert)
{
    struct buf text = BUF_INIT;
    const struct alert *a = NULL;
    int failed;

    if (is_fingerprint(alert))
        a = alert_by_fingerprint(c->api->o.book, strtoull(alert, NULL, 16));
    if (a)
        labelset_text(c->api->o.labels, a->group, &text);
    failed = history_want(s, a ? alert_rule_name(a) : alert, a ? buf_str(&text) : NULL);
    buf_free(&text);
    return failed;
}

static int want_incident(struct call *c, struct history_search *s, uint64_t number)
{
    struct buf text = BUF_INIT;
    cJSON *incident = NULL;
    int failed = -1;

    if (incident_json(&c->view, number, &text) == 0)
        incident = cJSON_ParseWithLength(buf_str(&text), text.len);
    if (incident)
        failed = history_want_incident(s, incident);
    cJSON_Delete(incident);
    buf_free(&text);
    return failed;
}

/* A name that no rule has may be one of a rule that is gone: its history is told. Where there is
 * none either, it was mistyped. */
static void note_unknown_rule(struct call *c, struct history_search *s, const char *rule)
{
    const char *near = rules_find(c->api->o.rules, rule) ? NULL : rule_nearest(&c->view, rule);

    if (near)
        snprintf(s->meant, sizeof s->meant, "there is no rule %.200s: did you mean %.200s?", rule,
                 near);
}

static int read_wants(struct call *c, struct history_search *s, uint64_t incident)
{
    const char *alert = http_query(c->r, "alert", 0), *rule = http_query(c->r, "rule", 0);

    if (alert && *alert && want_alert(c, s, alert) != 0)
        return -1;
    if (rule && *rule && history_want(s, rule, NULL) != 0)
        return -1;
    if (rule && *rule)
        note_unknown_rule(c, s, rule);
    else if (alert && *alert && !is_fingerprint(alert))
        note_unknown_rule(c, s, alert);
    return incident ? want_incident(c, s, incident) : 0;
}

void get_history(struct call *c)
{
    const char *before = http_query(c->r, "before", 0);
    uint64_t incident = 0;
    struct history_search *s;
    struct later *l;
    size_t limit;

    if (call_limit(c, LIMIT, LIMIT_MAX, &limit) || call_number(c, "incident", &incident))
        return;
    if (before && (strlen(before) >= STREAM_ID_MAX || before[strspn(before, "0123456789-")])) {
        reply_error(c->r, 400, "bad_request", "before: expected the id of an entry");
        return;
    }
    if (incident && !call_sees_incident(c, incident)) {
        reply_error(c->r, 404, "not_found", "there is no incident #%llu",
                    (unsigned long long)incident);
        return;
    }
    s = history_search_new(c, limit);
    if (!s || read_wants(c, s, incident) != 0) {
        history_search_free(s);
        reply_error(c->r, 503, "no_memory", "no memory");
        return;
    }
    if (before)
        strcpy(s->before, before);
    if (call_labels(c, &s->labels) != 0 || !(l = later_new(c))) {
        history_search_free(s);
        return;
    }
    history_start(s, searched, l);
}
