/* Alerts as they stand in Redis: one JSON object each, readable by people.
 *
 * What a restart must not lose is hashed; a record is written again only when that hash changes
 * (values change with every look, they alone are not worth a write). */
#include "alert/book.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/external.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/keys.h"
#include "base/mem.h"
#include "model/record_in.h"

#define RECORD_VERSION 1

static const char *const phase_names[] = {"ok", "pending", "firing", "clearing"};

/* --- writing -------------------------------------------------------------------------------------- */

/* Asked at every look of every alert: numbers in one row of memory, no text. */
static uint64_t lasting_hash(const struct alert_entry *e)
{
    const struct alert *a = &e->a;
    const struct alert_state *st = &a->state;
    int64_t v[4 * PRIORITIES + 11 + ALERT_SINCE_MAX], *to = v;
    uint64_t h;

    for (int i = 0; i < PRIORITIES; i++) {
        const struct alert_level *l = &st->level[i];

        *to++ = l->on;
        *to++ = l->held_ms;
        *to++ = l->true_ms;
        *to++ = l->false_ms;
    }
    *to++ = st->firing;
    *to++ = st->active_ms;
    *to++ = st->pending_ms;
    *to++ = st->nodata_ms;
    *to++ = st->gone_ms;
    *to++ = (int64_t)a->sticky;
    *to++ = a->suppressed;
    *to++ = a->expected;
    *to++ = (int64_t)a->rule->fire_hash;
    *to++ = e->labels_priority;
    *to++ = (int64_t)labels_fingerprint(a->labels, a->n_labels);
    for (int i = 0; i < ALERT_SINCE_MAX; i++)
        *to++ = a->since_ms[i];
    assert(to == v + sizeof v / sizeof *v);
    h = hash_bytes(v, sizeof v);
    for (size_t i = 0; a->when_state && i < e->n_state; i++)
        h = hash_mix(h, hash_bytes(a->when_state[i], strlen(a->when_state[i])));
    if (e->x)
        h = hash_mix(h, external_hash(e->x));
    return h ? h : 1;
}

static void ktime(struct json *j, const char *key, int64_t at_ms)
{
    if (at_ms != 0)
        json_ktime(j, key, at_ms);
}

static void write_level(struct json *j, const struct alert_level *l, int priority)
{
    if (!l->on && l->held_ms == 0 && l->true_ms == 0)
        return;
    json_object(j);
    json_kstr(j, "priority", priority_name(priority));
    json_kbool(j, "on", l->on);
    if (l->held_ms)
        json_kint(j, "held_ms", l->held_ms);
    ktime(j, "true_since", l->true_ms);
    ktime(j, "false_since", l->false_ms);
    json_object_end(j);
}

static void write_state(struct json *j, const struct alert_entry *e)
{
    const struct alert_state *s = &e->a.state;
    const struct alert_policy *p = &e->a.rule->policy;

    json_kstr(j, "phase", phase_names[alert_phase(p, s)]);
    if (s->firing)
        json_kstr(j, "priority", priority_name(s->firing));
    ktime(j, "active_since", s->active_ms);
    ktime(j, "pending_since", s->pending_ms);
    ktime(j, "nodata_since", s->nodata_ms);
    ktime(j, "gone_since", s->gone_ms);
    ktime(j, "last_data", s->last_data_ms);
    ktime(j, "last_look", s->last_look_ms);
    json_key(j, "levels");
    json_array(j);
    for (int i = 0; i < p->n_levels; i++)
        write_level(j, &s->level[i], p->priority[i]);
    json_array_end(j);
    if (e->a.sticky) {
        char hex[20];
        snprintf(hex, sizeof hex, "%llx", (unsigned long long)e->a.sticky);
        json_kstr(j, "sticky", hex);
    }
    for (int i = 0; i < ALERT_SINCE_MAX; i++) {
        char name[24];
        snprintf(name, sizeof name, "since_%d", i);
        ktime(j, name, e->a.since_ms[i]);
    }
    if (e->a.when_state) {
        json_key(j, "state");
        json_array(j);
        for (size_t i = 0; i < e->n_state; i++)
            json_str(j, e->a.when_state[i]);
        json_array_end(j);
    }
}

static void write_labels(struct json *j, const char *key, const struct alert_entry *e, bool all)
{
    const struct labelsets *ls = e->a.rule->book->o.labels;
    size_t n = all ? e->a.n_labels : labelset_size(ls, e->a.group);

    json_key(j, key);
    json_object(j);
    for (size_t i = 0; i < n; i++) {
        struct label l = all ? e->a.labels[i] : labelset_at(ls, e->a.group, i);
        json_key_n(j, l.name, l.name_len);
        json_str_n(j, l.value, l.value_len);
    }
    json_object_end(j);
}

static void write_annotations(struct json *j, const struct alert_entry *e)
{
    if (e->x) {
        external_write(e->x, j);
        return;
    }
    json_key(j, "annotations");
    json_object(j);
    for (size_t i = 0; i < e->a.n_annotations; i++)
        json_kstr(j, e->a.annotations[i].name, e->a.annotations[i].value);
    json_object_end(j);
}

static void write_alert(struct json *j, const struct alert_entry *e)
{
    const struct alert *a = &e->a;
    char hex[20];

    json_object(j);
    json_kint(j, "v", RECORD_VERSION);
    if (e->x) {
        json_kstr(j, "sender", a->origin);
    } else {
        json_kstr(j, "rule", a->rule->name);
        json_kstr(j, "keys", a->rule->keys);
        snprintf(hex, sizeof hex, "%llx", (unsigned long long)a->rule->fire_hash);
        json_kstr(j, "conditions", hex);
    }
    write_labels(j, "group", e, false);
    write_state(j, e);
    if (a->has_value)
        json_knum(j, "value", a->value);
    if (e->has_peak)
        json_knum(j, "peak", a->peak);
    if (a->has_threshold)
        json_knum(j, "threshold", a->threshold);
    json_kstr(j, "unit", text_unit_names[a->unit]);
    json_kbool(j, "suppressed", a->suppressed);
    json_kbool(j, "expected", a->expected);
    ktime(j, "started", a->started_ms);
    ktime(j, "ended", a->ended_ms);
    if (a->end_reason)
        json_kstr(j, "end_reason", a->end_reason);
    if (a->labels) {
        write_labels(j, "labels", e, true);
        json_kstr(j, "labels_priority", priority_name(e->labels_priority));
    }
    write_annotations(j, e);
    if (a->why) {
        json_key(j, "why");
        json_raw(j, a->why, strlen(a->why));
    }
    json_object_end(j);
}

void entry_store(struct alert_entry *e)
{
    struct alert_book *b = e->a.rule->book;
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    uint64_t h;

    if (!b->table)
        return;
    h = lasting_hash(e);
    if (h == e->stored)
        return;
    write_alert(&j, e);
    if (buf_ok(&out)) {
        assert(e->field && out.len > 0);
        store_put(b->table, e->field, out.data, out.len);
        e->stored = h;
        e->in_store = true;
        b->dirty = true;
    }
    buf_free(&out);
}

void entry_unstore(struct alert_entry *e)
{
    struct alert_book *b = e->a.rule->book;

    if (!b->table || !e->in_store)
        return;
    store_del(b->table, e->field);
    e->in_store = false;
    e->stored = 0;
    b->dirty = true;
}

static const char *state_name(int priority, enum alert_phase phase)
{
    if (priority != 0)
        return priority_name(priority);
    return phase == ALERT_PENDING ? "pending" : "ok";
}

void entry_history(const struct alert_entry *e, const struct conclusion *c, const char *reason)
{
    const struct alert *a = &e->a;
    const char *name = a->rule->name;
    size_t len;
    struct alert_book *b = a->rule->book;
    struct buf labels = BUF_INIT, value = BUF_INIT;
    char at[TEXT_TIME_LEN], fingerprint[17];

    assert(c->change != CHANGE_NONE);
    if (!b->o.store)
        return;
    if (e->x)
        name = labelset_value(b->o.labels, a->group, "alertname", &len);
    text_time(at, c->at_ms);
    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)a->fingerprint);
    labelset_text(b->o.labels, a->group, &labels);
    if (a->has_value)
        text_plain(&value, a->value);
    if (buf_ok(&labels) && buf_ok(&value)) {
        const char *pairs[] = {
            "at",          at,
            "rule",        name,
            "labels",      buf_str(&labels),
            "change",      alert_change_names[c->change],
            "from",        state_name(c->from, c->from_phase),
            "to",          state_name(a->state.firing, alert_phase(&a->rule->policy, &a->state)),
            "value",       buf_str(&value),
            "reason",      reason ? reason : "",
            "fingerprint", a->labels ? fingerprint : "",
            "why",         a->why ? a->why : "",
            "origin",      a->origin,
            NULL};
        store_append(b->o.store, KEY_HISTORY, b->o.history_max, NULL, pairs);
    }
    buf_free(&labels);
    buf_free(&value);
}

/* --- reading -------------------------------------------------------------------------------------- */

/* Until a rule claims them, restored alerts have one level for each priority. */
static void read_levels(const cJSON *o, struct alert_state *s)
{
    const cJSON *l;

    cJSON_ArrayForEach(l, cJSON_GetObjectItemCaseSensitive(o, "levels"))
    {
        int priority = record_in_priority(l, "priority");
        if (priority == 0)
            continue;
        s->level[priority - 1] = (struct alert_level){.on = json_in_bool(l, "on"),
                                                      .held_ms = json_in_whole(l, "held_ms"),
                                                      .true_ms = json_in_time(l, "true_since"),
                                                      .false_ms = json_in_time(l, "false_since")};
        if (s->level[priority - 1].true_ms != 0)
            s->level[priority - 1].false_ms = 0;
    }
}

static void read_state(const cJSON *o, struct alert_entry *e)
{
    struct alert_state *s = &e->a.state;

    s->firing = record_in_priority(o, "priority");
    s->active_ms = json_in_time(o, "active_since");
    s->pending_ms = json_in_time(o, "pending_since");
    s->nodata_ms = json_in_time(o, "nodata_since");
    s->gone_ms = json_in_time(o, "gone_since");
    s->last_data_ms = json_in_time(o, "last_data");
    s->last_look_ms = json_in_time(o, "last_look");
    read_levels(o, s);
    /* whoever wrote it: what fires is on and has begun */
    if (s->firing && !s->level[s->firing - 1].on)
        s->level[s->firing - 1].on = true;
    if (s->firing && s->active_ms == 0)
        s->active_ms = s->last_look_ms ? s->last_look_ms : 1;
    if (!s->firing)
        s->active_ms = 0;
    e->a.sticky = json_in_hex(o, "sticky");
    for (int i = 0; i < ALERT_SINCE_MAX; i++) {
        char name[24];
        snprintf(name, sizeof name, "since_%d", i);
        e->a.since_ms[i] = json_in_time(o, name);
    }
}

static void read_when_state(const cJSON *o, struct alert_entry *e)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "state"), *v;
    int n = cJSON_GetArraySize(list);
    size_t i = 0;

    e->n_state = 0;
    if (!cJSON_IsArray(list) || n <= 0)
        return;
    e->a.when_state = mem_zalloc((size_t)n * sizeof *e->a.when_state);
    if (!e->a.when_state)
        return;
    e->n_state = (size_t)n;
    cJSON_ArrayForEach(v, list) e->a.when_state[i++] =
        mem_strdup(cJSON_IsString(v) ? v->valuestring : "");
}

static void read_annotations(const cJSON *o, struct alert_entry *e)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "annotations"), *v;
    int n = cJSON_GetArraySize(list);

    if (!cJSON_IsObject(list) || n <= 0)
        return;
    e->a.annotations = mem_zalloc((size_t)n * sizeof *e->a.annotations);
    if (!e->a.annotations)
        return;
    cJSON_ArrayForEach(v, list)
    {
        struct rule_pair *p = &e->a.annotations[e->a.n_annotations];
        if (!cJSON_IsString(v))
            continue;
        p->name = mem_strdup(v->string);
        p->value = mem_strdup(v->valuestring);
        if (p->name && p->value) {
            e->a.n_annotations++;
            continue;
        }
        mem_free((char *)p->name);
        mem_free((char *)p->value);
    }
}

static void read_content(const cJSON *o, struct alert_entry *e)
{
    struct alert *a = &e->a;
    const cJSON *why = cJSON_GetObjectItemCaseSensitive(o, "why");
    char *text;

    a->has_value = json_in_number(o, "value", &a->value);
    e->has_peak = json_in_number(o, "peak", &a->peak);
    a->has_threshold = json_in_number(o, "threshold", &a->threshold);
    e->peak_low = e->has_peak && a->has_threshold && a->peak < a->threshold;
    a->unit = (enum unit)json_in_word(o, "unit", text_unit_names, UNITS);
    a->suppressed = json_in_bool(o, "suppressed");
    a->expected = json_in_bool(o, "expected");
    a->started_ms = json_in_time(o, "started");
    a->ended_ms = json_in_time(o, "ended");
    if (json_in_text(o, "end_reason")[0])
        a->end_reason = mem_strdup(json_in_text(o, "end_reason"));
    read_annotations(o, e);
    text = why ? cJSON_PrintUnformatted(why) : NULL;
    if (text)
        a->why = mem_strdup(text);
    cJSON_free(text);
    e->labels_priority = record_in_priority(o, "labels_priority");
}

static struct alert_rule *restored_rule(struct alert_book *b, const cJSON *o, const char *name)
{
    struct alert_rule *r = map_gets(b->rules, name);
    char *keys;

    if (r)
        return r;
    r = rule_new(b, name);
    keys = r && json_in_item(o, "keys") ? mem_strdup(json_in_text(o, "keys")) : NULL;
    if (!keys)
        return r;
    mem_free(r->keys);
    r->keys = keys;
    r->fire_hash = json_in_hex(o, "conditions");
    return r;
}

static int restore(struct alert_book *b, const cJSON *o, struct err *err)
{
    struct label l[2 * LABELS_MAX + 4];
    struct alert_rule *r;
    struct alert_entry *e;
    labelset group;
    const char *sender = json_in_text(o, "sender");
    int n;

    if (json_in_whole(o, "v") != RECORD_VERSION)
        return err_set(err, ERR_INPUT, "its format is not version %d", RECORD_VERSION);
    if (!json_in_text(o, "rule")[0] && !sender[0])
        return err_set(err, ERR_INPUT, "it names neither a rule nor a sender");
    n = record_in_labels(o, "group", l, LABELS_MAX);
    if (n < 0)
        return err_set(err, ERR_INPUT, "\"group\" is not a set of labels");
    r = sender[0] ? external_sender(b, sender) : restored_rule(b, o, json_in_text(o, "rule"));
    group = labelsets_intern(b->o.labels, l, (size_t)n);
    if (!r || group == LABELSET_NONE)
        return err_set(err, ERR_MEMORY, "no memory");
    e = group_map_get(&r->alerts, group) ? NULL : entry_new(r, group);
    labelset_unref(b->o.labels, group);
    if (!e)
        return err_set(err, ERR_INPUT, "it is there twice");
    read_state(o, e);
    entry_count(e);
    read_when_state(o, e);
    read_content(o, e);
    if (sender[0] && external_read(o, e)) {
        entry_free(e);
        return err_set(err, ERR_INPUT, "\"severities\" is no list of them, or no memory");
    }
    n = record_in_labels(o, "labels", l, sizeof l / sizeof *l);
    if (n > 0)
        entry_label_as(e, l, (size_t)n);
    e->in_store = true;
    return 0;
}

int alert_book_restore(struct alert_book *b, const char *field, size_t field_len, const char *json,
                       size_t len, struct err *e)
{
    cJSON *o = cJSON_ParseWithLength(json, len);
    int rc;

    (void)field; /* is made again from rule and group */
    (void)field_len;
    if (!cJSON_IsObject(o)) {
        cJSON_Delete(o);
        return err_set(e, ERR_INPUT, "not a JSON object");
    }
    rc = restore(b, o, e);
    cJSON_Delete(o);
    return rc;
}
