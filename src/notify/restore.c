/* Reading back what an earlier run wrote: rows (record.c), and records of incidents and entries that hold
 * their alerts themselves, as earlier versions wrote them; these are dirty, so that rows take their place. A record that cannot be read is left out by the caller,
 * who logs its key; missing fields take their empty value, so that an older record still loads. */
#include "notify/restore.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/record_in.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/told.h"

static cJSON *parse(const char *json, size_t len, struct err *e)
{
    cJSON *o = cJSON_ParseWithLength(json, len);

    if (cJSON_IsObject(o) && json_in_whole(o, "v") == 1)
        return o;
    err_set(e, ERR_INPUT, cJSON_IsObject(o) ? "its format is not version 1" : "not a JSON object");
    cJSON_Delete(o);
    return NULL;
}

/* --- incidents ------------------------------------------------------------------------------------------------- */

static void read_annotations(struct member *m, const cJSON *o)
{
    const cJSON *list = json_in_item(o, "annotations"), *v;
    int count = cJSON_GetArraySize(list);
    struct rule_pair *pairs = mem_alloc(((size_t)(count > 0 ? count : 0) + 1) * sizeof *pairs);
    size_t n = 0;

    if (!pairs)
        return;
    cJSON_ArrayForEach(v, list)
    {
        if (cJSON_IsString(v))
            pairs[n++] = (struct rule_pair){v->string, v->valuestring};
    }
    m->annotations = rule_pairs_dup(pairs, n);
    m->n_annotations = m->annotations ? n : 0;
    mem_free(pairs);
}

static void read_hold(struct member *m, const cJSON *o)
{
    m->suppressed = json_in_bool(o, "suppressed");
    m->moved = json_in_bool(o, "moved");
    m->hold = (enum hold_kind)json_in_word(o, "held", hold_names, HOLD_KINDS);
    snprintf(m->held_by, sizeof m->held_by, "%s", json_in_text(o, "held_by"));
    m->held_ms = json_in_time(o, "held_since");
    m->visible_ms = json_in_time(o, "visible");
    m->raised_ms = json_in_time(o, "changed");
    m->routed_ms = json_in_time(o, "routed");
    m->freed_ms = json_in_time(o, "freed");
    snprintf(m->freed_by, sizeof m->freed_by, "%s", json_in_text(o, "freed_by"));
}

/* Of a higher number than all before it. */
static int read_member(struct incident *inc, const cJSON *o)
{
    struct label l[2 * LABELS_MAX + 8];
    int n_labels = record_in_labels(o, "labels", l, sizeof l / sizeof *l);
    int64_t n = json_in_whole(o, "n");
    uint32_t next = inc->next_n, last = inc->n_members ? inc->members[inc->n_members - 1]->n : 0;
    struct member *m;

    if (n <= last || n > UINT32_MAX || n_labels < 0 || !json_in_text(o, "key")[0])
        return -1;
    m = member_new(inc, json_in_text(o, "key"));
    if (!m)
        return -1;
    m->n = (uint32_t)n;
    inc->next_n = next > m->n ? next : m->n;
    assert(last < m->n && m->n <= inc->next_n);
    m->labels = labels_dup(l, (size_t)n_labels);
    m->n_labels = m->labels ? (size_t)n_labels : 0;
    member_text(&m->origin, json_in_text(o, "origin"), 256);
    m->firing = strcmp(json_in_text(o, "status"), "firing") == 0;
    member_set_priority(m, record_in_priority(o, "priority"));
    m->worst = record_in_priority(o, "worst");
    if (m->worst == 0 || m->priority < m->worst)
        m->worst = m->priority;
    m->starts_ms = json_in_time(o, "starts");
    m->ends_ms = json_in_time(o, "ends");
    m->nodata_ms = json_in_time(o, "nodata");
    m->gone_ms = json_in_time(o, "gone");
    m->has_value = json_in_number(o, "value", &m->value);
    json_in_number(o, "peak", &m->peak);
    m->has_threshold = json_in_number(o, "threshold", &m->threshold);
    m->unit = (enum unit)json_in_word(o, "unit", text_unit_names, UNITS);
    member_text(&m->unit_name, json_in_text(o, "unit_name"), 32);
    member_text(&m->end_reason, json_in_text(o, "end_reason"), 128);
    member_text(&m->why, json_in_text(o, "why"), WHY_MAX);
    read_annotations(m, o);
    read_hold(m, o);
    m->fingerprint = json_in_hex(o, "fingerprint");
    return 0;
}

static void read_ack(struct incident *inc, const cJSON *o)
{
    const cJSON *ack = json_in_item(o, "ack");

    inc->ack_ended_ms = json_in_time(o, "ack_ended");
    inc->unacked_ms = json_in_time(o, "unacked");
    if (!cJSON_IsObject(ack))
        return;
    member_text(&inc->ack_who, json_in_text(ack, "who"), 128);
    member_text(&inc->ack_note, json_in_text(ack, "note"), 1024);
    member_text(&inc->ack_origin, json_in_text(ack, "origin"), 64);
    inc->ack_ms = json_in_time(ack, "at");
    inc->ack_until_ms = json_in_time(ack, "until");
}

/* Kept ones stay in the order of their end, whatever order Redis gave them in. */
static int keep(struct notify *n, struct incident *inc)
{
    size_t i;

    if (mem_grow((void **)&n->kept, &n->cap_kept, n->n_kept + 1, sizeof *n->kept))
        return -1;
    for (i = n->n_kept; i > 0 && n->kept[i - 1]->settled_ms > inc->settled_ms; i--)
        n->kept[i] = n->kept[i - 1];
    n->kept[i] = inc;
    n->n_kept++;
    assert(i == 0 || n->kept[i - 1]->settled_ms <= inc->settled_ms);
    return 0;
}

static int list_member(struct notify *n, struct member *m)
{
    if (m->incident->settled_ms)
        return 0;
    m->next_same = map_gets(n->members, m->key);
    if (map_puts(n->members, m->key, m, NULL))
        return -1;
    if (m->firing)
        alert_index_add(n, m);
    return 0;
}

static int list_restored(struct notify *n, struct incident *inc)
{
    if (inc->settled_ms)
        return keep(n, inc);
    if (incident_list(n, inc))
        return -1;
    for (size_t i = 0; i < inc->n_members; i++)
        if (list_member(n, inc->members[i])) {
            incident_unlist(n, inc); /* it is freed by the caller */
            return -1;
        }
    return 0;
}

static int read_incident(struct incident *inc, const cJSON *o, struct err *e)
{
    struct label l[LABELS_MAX];
    int n_labels = record_in_labels(o, "group", l, LABELS_MAX);
    const cJSON *m;

    if (n_labels < 0 || !json_in_text(o, "key")[0])
        return err_set(e, ERR_INPUT, "\"key\" or \"group\" is missing");
    inc->key = mem_strdup(json_in_text(o, "key"));
    inc->labels = labels_dup(l, (size_t)n_labels);
    inc->n_labels = (size_t)n_labels;
    if (!inc->key || !inc->labels)
        return err_set(e, ERR_MEMORY, "no memory");
    inc->opened_ms = json_in_time(o, "opened");
    inc->ended_ms = json_in_time(o, "ended");
    inc->settled_ms = json_in_time(o, "settled");
    inc->priority = record_in_priority(o, "priority");
    inc->previous = (uint64_t)json_in_whole(o, "previous");
    inc->previous_ms = json_in_time(o, "previous_at");
    inc->previous_for_ms = json_in_whole(o, "previous_for_ms");
    read_ack(inc, o);
    cJSON_ArrayForEach(m, json_in_item(o, "alerts"))
    {
        if (read_member(inc, m))
            return err_set(e, ERR_INPUT, "one of its alerts cannot be read");
        member_touch(inc->members[inc->n_members - 1]);
        inc->dirty = inc->one_record = true;
    }
    if (json_in_whole(o, "next_n") > inc->next_n)
        inc->next_n = (uint32_t)json_in_whole(o, "next_n");
    return 0;
}

int restore_incident(struct notify *n, const char *json, size_t len, struct err *e)
{
    cJSON *o = parse(json, len, e);
    uint64_t number = o ? (uint64_t)json_in_whole(o, "number") : 0;
    struct incident *inc = NULL;
    int rc = -1;

    if (!o)
        return -1;
    if (number == 0 || incident_by_number(n, number))
        err_set(e, ERR_INPUT, "its number is missing or there twice");
    else if (!(inc = incident_new(n, number)))
        err_set(e, ERR_MEMORY, "no memory");
    else if (read_incident(inc, o, e) == 0)
        rc = list_restored(n, inc) ? err_set(e, ERR_MEMORY, "no memory") : 0;
    cJSON_Delete(o);
    if (rc && inc)
        incident_free(n, inc);
    if (rc == 0 && number >= n->next_number)
        n->next_number = number + 1;
    return rc;
}

int restore_member(struct notify *n, uint64_t incident, const char *json, size_t len, struct err *e)
{
    struct incident *inc = incident_by_number(n, incident);
    cJSON *o = parse(json, len, e);
    int rc = -1;

    if (!o)
        return -1;
    if (!inc)
        err_set(e, ERR_INPUT, "its incident is not there");
    else if (read_member(inc, o))
        err_set(e, ERR_INPUT, "its number, key or labels cannot be read");
    else if (list_member(n, inc->members[inc->n_members - 1]))
        err_set(e, ERR_MEMORY, "no memory");
    else
        rc = 0;
    cJSON_Delete(o);
    return rc;
}

/* --- the ledger ------------------------------------------------------------------------------------------------- */

static int read_told(struct entry *e, uint32_t n, const cJSON *o)
{
    struct told t = {n, record_in_priority(o, "priority"), json_in_time(o, "starts"),
                     json_in_time(o, "told"), json_in_bool(o, "maybe_ended")};

    return told_put(e, &t);
}

static int read_owed(struct entry *e, uint32_t n, const cJSON *o)
{
    if (owed_put(e, n, json_in_time(o, "due")))
        return -1;
    owed_find(e, n)->maybe = json_in_bool(o, "maybe_told");
    return 0;
}

static void read_lists(struct entry *e, const cJSON *o)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, json_in_item(o, "told"))
    {
        uint32_t n = (uint32_t)json_in_whole(v, "n");
        if (incident_member(e->incident, n) && read_told(e, n, v))
            return;
    }
    cJSON_ArrayForEach(v, json_in_item(o, "owed"))
    {
        uint32_t n = (uint32_t)json_in_whole(v, "n");
        if (incident_member(e->incident, n) && read_owed(e, n, v))
            return;
    }
}

int restore_row(struct entry *e, uint32_t n, const char *json, size_t len, struct err *err)
{
    cJSON *o = parse(json, len, err);
    const cJSON *t, *w;
    int rc = 0;

    if (!o)
        return -1;
    t = json_in_item(o, "told");
    w = json_in_item(o, "owed");
    if (!incident_member(e->incident, n))
        rc = err_set(err, ERR_INPUT, "its alert is not there");
    else if ((t && read_told(e, n, t)) || (w && read_owed(e, n, w)))
        rc = err_set(err, ERR_MEMORY, "no memory");
    cJSON_Delete(o);
    return rc;
}

static bool has_ended(const struct entry *e, uint32_t n)
{
    const struct member *m = incident_member(e->incident, n);

    return !m || !m->firing;
}

static void read_entry(struct entry *e, const cJSON *o)
{
    e->stored = true;
    e->rows_dirty = true; /* until it is whole nothing is written: restored_entry() */
    read_lists(e, o);
    e->state = (enum entry_state)json_in_word(o, "state", entry_state_names, ENTRY_DEAD + 1);
    e->reason = (enum notice_reason)json_in_word(o, "reason", notice_reason_names, NOTICE_REASONS);
    e->seq = (uint64_t)json_in_whole(o, "seq");
    e->first_ms = json_in_time(o, "first");
    e->last_ms = json_in_time(o, "last");
    e->sent_ms = json_in_time(o, "sent");
    e->since_ms = json_in_time(o, "since");
    e->not_before_ms = json_in_time(o, "not_before");
    e->claimed_ms = json_in_time(o, "claimed");
    e->dead_ms = json_in_time(o, "dead");
    e->told_ack_ms = json_in_time(o, "told_ack");
    e->digest = json_in_hex(o, "digest");
    e->dead_digest = json_in_hex(o, "dead_digest");
    e->attempts = (int)json_in_whole(o, "attempts");
    e->uncertain = json_in_bool(o, "uncertain");
    e->fell_back = json_in_bool(o, "fell_back");
    member_text(&e->fallback_for, json_in_text(o, "fallback_for"), 256);
    member_text(&e->error, json_in_text(o, "error"), ERROR_MAX);
    member_text(&e->data, json_in_text(o, "data"), DATA_MAX);
    e->dirty = json_in_item(o, "told") || json_in_item(o, "owed");
}

void restored_entry(struct entry *e)
{
    bool was_claimed = e->state == ENTRY_CLAIMED;

    if (was_claimed) { /* nobody knows whether it arrived */
        e->state = ENTRY_DUE;
        e->uncertain = true;
        for (size_t i = 0; i < e->n_owed; i++)
            e->owed[i].maybe = true;
        for (size_t i = 0; i < e->n_told; i++)
            e->told[i].maybe_ended = e->told[i].maybe_ended || has_ended(e, e->told[i].n);
    }
    e->dirty = e->rows_dirty = e->dirty || was_claimed;
    assert(e->state != ENTRY_CLAIMED);
}

int restore_entry(struct notify *n, const char *json, size_t len, struct err *err)
{
    cJSON *o = parse(json, len, err);
    struct incident *inc;
    struct lane *lane;
    struct entry *e;
    int rc = -1;

    if (!o)
        return -1;
    inc = incident_by_number(n, (uint64_t)json_in_whole(o, "incident"));
    lane = lane_get(n, json_in_text(o, "lane"));
    if (!inc || !lane) {
        err_set(err, ERR_INPUT, inc ? "\"lane\" cannot be read" : "its incident is not there");
    } else if (ledger_find(inc, lane) || !(e = ledger_get(inc, lane))) {
        err_set(err, ERR_INPUT, "it is there twice, or there are too many");
    } else {
        read_entry(e, o);
        rc = 0;
    }
    cJSON_Delete(o);
    return rc;
}

/* --- silences ---------------------------------------------------------------------------------------------------- */

static struct matcher *read_list(const cJSON *o, bool negate, struct err *e)
{
    const cJSON *list = json_in_item(o, "values"), *v;
    char copy[1024], *at = copy;
    const char *words[64];
    size_t n = 0;

    cJSON_ArrayForEach(v, list) if (n < 64 && cJSON_IsString(v)) words[n++] = v->valuestring;
    if (!list) { /* as earlier versions wrote it */
        snprintf(copy, sizeof copy, "%s", json_in_text(o, "value"));
        for (char *w; n < 64 && (w = strsep(&at, "|"));)
            words[n++] = w;
    }
    return matcher_new_list(json_in_text(o, "name"), negate, words, n, e);
}

/* Alertmanager's four kinds from their text; the others, of a token's scope, by their word. */
static struct matcher *read_matcher(const cJSON *o, struct err *e)
{
    int op = json_in_word(o, "op", matcher_op_names, MATCH_BELOW + 1);
    const char *text = json_in_text(o, "text"), *value = json_in_text(o, "value");
    bool negate = json_in_item(o, "isEqual") && !json_in_bool(o, "isEqual");

    if (op <= MATCH_REGEX)
        return matcher_parse(text, strlen(text), e);
    if (op == MATCH_AT_LEAST || op == MATCH_BELOW)
        return matcher_new_number(json_in_text(o, "name"), (enum matcher_op)op, negate,
                                  strtod(value, NULL), e);
    if (op == MATCH_ONE_OF)
        return read_list(o, negate, e);
    return matcher_new(json_in_text(o, "name"), (enum matcher_op)op, negate, value, e);
}

static int read_matchers(const cJSON *o, const char *key, struct matcher ***out, size_t *n,
                         struct err *e)
{
    const cJSON *list = json_in_item(o, key), *v;
    int count = cJSON_GetArraySize(list);

    *out = mem_zalloc(((size_t)(count > 0 ? count : 0) + 1) * sizeof **out);
    if (!*out)
        return err_set(e, ERR_MEMORY, "no memory");
    cJSON_ArrayForEach(v, list)
    {
        struct matcher *m = read_matcher(v, e);
        if (!m)
            return -1;
        (*out)[(*n)++] = m;
    }
    return 0;
}

static int read_silence(struct silence *s, const cJSON *o, struct err *e)
{
    if (strlen(json_in_text(o, "id")) != UUID_LEN)
        return err_set(e, ERR_INPUT, "\"id\" is missing");
    memcpy(s->id, json_in_text(o, "id"), UUID_LEN + 1);
    snprintf(s->short_id, sizeof s->short_id, "%s", json_in_text(o, "short"));
    if (read_matchers(o, "matchers", &s->matchers, &s->n_matchers, e))
        return -1;
    if (read_matchers(o, "scope", &s->scope, &s->n_scope, e))
        return -1;
    if (s->n_matchers == 0)
        return err_set(e, ERR_INPUT, "it has no matchers");
    s->starts_ms = json_in_time(o, "startsAt");
    s->ends_ms = json_in_time(o, "endsAt");
    s->updated_ms = json_in_time(o, "updatedAt");
    s->priority = record_in_priority(o, "priority");
    s->incident = (uint64_t)json_in_whole(o, "incident");
    s->until_resolved = json_in_bool(o, "untilResolved");
    s->muted = (uint64_t)json_in_whole(o, "muted");
    member_text(&s->by, json_in_text(o, "createdBy"), 128);
    member_text(&s->comment, json_in_text(o, "comment"), 1024);
    member_text(&s->origin, json_in_text(o, "origin"), 64);
    return 0;
}

int restore_silence(struct notify *n, const char *json, size_t len, struct err *e)
{
    cJSON *o = parse(json, len, e);
    struct silence *s = o ? silence_new() : NULL;
    uint64_t number;
    int rc = -1;

    if (o && !s)
        err_set(e, ERR_MEMORY, "no memory");
    if (s && read_silence(s, o, e) == 0) {
        if (holds_silence(n->holds, s->id))
            err_set(e, ERR_INPUT, "it is there twice");
        else
            rc = holds_add(n->holds, s, notify_now(n)) ? err_set(e, ERR_MEMORY, "no memory") : 0;
    }
    cJSON_Delete(o);
    if (rc) {
        silence_free(s);
        return -1;
    }
    number = strtoull(s->short_id + (s->short_id[0] == 's'), NULL, 10);
    if (number >= n->next_silence)
        n->next_silence = number + 1;
    return 0;
}
