/* Reading back what an earlier run wrote: rows (record.c), and records of incidents and entries that hold
 * their alerts themselves, as earlier versions wrote them; these are dirty, so that rows take their place. A record that cannot be read is left out by the caller,
 * who logs its key; missing fields take their empty value, so that an older record still loads. */
#include "notify/impl.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* --- JSON ---------------------------------------------------------------------------------------------------- */

static const cJSON *item_of(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static const char *text_of(const cJSON *o, const char *key)
{
    const cJSON *v = item_of(o, key);

    return cJSON_IsString(v) ? v->valuestring : "";
}

static int64_t time_of(const cJSON *o, const char *key)
{
    const char *s = text_of(o, key);
    int64_t at_ms;

    return s[0] && text_parse_time(s, strlen(s), &at_ms) == 0 ? at_ms : 0;
}

static bool number_of(const cJSON *o, const char *key, double *out)
{
    const cJSON *v = item_of(o, key);

    if (cJSON_IsNumber(v))
        *out = v->valuedouble;
    return cJSON_IsNumber(v);
}

static int64_t whole_of(const cJSON *o, const char *key)
{
    double v = 0;

    number_of(o, key, &v);
    return v > -9e15 && v < 9e15 ? (int64_t)v : 0;
}

static bool bool_of(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(item_of(o, key));
}

static uint64_t hex_of(const cJSON *o, const char *key)
{
    return strtoull(text_of(o, key), NULL, 16);
}

static int labels_of(const cJSON *o, const char *key, struct label *out, size_t max)
{
    const cJSON *list = item_of(o, key), *v;
    size_t n = 0;

    if (!cJSON_IsObject(list))
        return -1;
    cJSON_ArrayForEach(v, list)
    {
        if (!cJSON_IsString(v) || n == max)
            return -1;
        out[n++] = label_of(v->string, v->valuestring);
    }
    return labels_sort(out, n);
}

static int word_of(const char *word, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (names[i] && strcmp(names[i], word) == 0)
            return i;
    return 0;
}

static cJSON *parse(const char *json, size_t len, struct err *e)
{
    cJSON *o = cJSON_ParseWithLength(json, len);

    if (cJSON_IsObject(o) && whole_of(o, "v") == 1)
        return o;
    err_set(e, ERR_INPUT, cJSON_IsObject(o) ? "its format is not version 1" : "not a JSON object");
    cJSON_Delete(o);
    return NULL;
}

/* --- incidents ------------------------------------------------------------------------------------------------- */

static void read_annotations(struct member *m, const cJSON *o)
{
    const cJSON *list = item_of(o, "annotations"), *v;
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
    m->annotations = member_pairs(pairs, n);
    m->n_annotations = m->annotations ? n : 0;
    mem_free(pairs);
}

static void read_hold(struct member *m, const cJSON *o)
{
    m->suppressed = bool_of(o, "suppressed");
    m->moved = bool_of(o, "moved");
    m->hold = (enum hold_kind)word_of(text_of(o, "held"), hold_names, 3);
    snprintf(m->held_by, sizeof m->held_by, "%s", text_of(o, "held_by"));
    m->held_ms = time_of(o, "held_since");
    m->visible_ms = time_of(o, "visible");
    m->raised_ms = time_of(o, "changed");
    m->routed_ms = time_of(o, "routed");
    m->freed_ms = time_of(o, "freed");
    snprintf(m->freed_by, sizeof m->freed_by, "%s", text_of(o, "freed_by"));
}

/* Of a higher number than all before it. */
static int read_member(struct incident *inc, const cJSON *o)
{
    struct label l[2 * LABELS_MAX + 8];
    int n_labels = labels_of(o, "labels", l, sizeof l / sizeof *l);
    int64_t n = whole_of(o, "n");
    uint32_t next = inc->next_n, last = inc->n_members ? inc->members[inc->n_members - 1]->n : 0;
    struct member *m;

    if (n <= last || n > UINT32_MAX || n_labels < 0 || !text_of(o, "key")[0])
        return -1;
    m = member_new(inc, text_of(o, "key"));
    if (!m)
        return -1;
    m->n = (uint32_t)n;
    inc->next_n = next > m->n ? next : m->n;
    m->labels = labels_dup(l, (size_t)n_labels);
    m->n_labels = m->labels ? (size_t)n_labels : 0;
    member_text(&m->origin, text_of(o, "origin"), 256);
    m->firing = strcmp(text_of(o, "status"), "firing") == 0;
    member_set_priority(m, priority_parse(text_of(o, "priority")));
    m->worst = priority_parse(text_of(o, "worst"));
    if (m->worst == 0 || m->priority < m->worst)
        m->worst = m->priority;
    m->starts_ms = time_of(o, "starts");
    m->ends_ms = time_of(o, "ends");
    m->nodata_ms = time_of(o, "nodata");
    m->gone_ms = time_of(o, "gone");
    m->has_value = number_of(o, "value", &m->value);
    number_of(o, "peak", &m->peak);
    m->has_threshold = number_of(o, "threshold", &m->threshold);
    m->unit = (enum unit)whole_of(o, "unit");
    member_text(&m->unit_name, text_of(o, "unit_name"), 32);
    member_text(&m->end_reason, text_of(o, "end_reason"), 128);
    member_text(&m->why, text_of(o, "why"), WHY_MAX);
    read_annotations(m, o);
    read_hold(m, o);
    m->fingerprint = hex_of(o, "fingerprint");
    return 0;
}

static void read_ack(struct incident *inc, const cJSON *o)
{
    const cJSON *ack = item_of(o, "ack");

    inc->ack_ended_ms = time_of(o, "ack_ended");
    inc->unacked_ms = time_of(o, "unacked");
    if (!cJSON_IsObject(ack))
        return;
    member_text(&inc->ack_who, text_of(ack, "who"), 128);
    member_text(&inc->ack_note, text_of(ack, "note"), 1024);
    member_text(&inc->ack_origin, text_of(ack, "origin"), 64);
    inc->ack_ms = time_of(ack, "at");
    inc->ack_until_ms = time_of(ack, "until");
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
    return 0;
}

static int list_member(struct notify *n, struct member *m)
{
    if (m->incident->settled_ms)
        return 0;
    m->next_same = map_gets(n->members, m->key);
    return map_puts(n->members, m->key, m, NULL);
}

static int list_restored(struct notify *n, struct incident *inc)
{
    if (inc->settled_ms)
        return keep(n, inc);
    if (incident_list(n, inc))
        return -1;
    for (size_t i = 0; i < inc->n_members; i++)
        if (list_member(n, inc->members[i]))
            return -1;
    return 0;
}

static int read_incident(struct incident *inc, const cJSON *o, struct err *e)
{
    struct label l[LABELS_MAX];
    int n_labels = labels_of(o, "group", l, LABELS_MAX);
    const cJSON *m;

    if (n_labels < 0 || !text_of(o, "key")[0])
        return err_set(e, ERR_INPUT, "\"key\" or \"group\" is missing");
    inc->key = mem_strdup(text_of(o, "key"));
    inc->labels = labels_dup(l, (size_t)n_labels);
    inc->n_labels = (size_t)n_labels;
    if (!inc->key || !inc->labels)
        return err_set(e, ERR_MEMORY, "no memory");
    inc->opened_ms = time_of(o, "opened");
    inc->ended_ms = time_of(o, "ended");
    inc->settled_ms = time_of(o, "settled");
    inc->priority = (int)whole_of(o, "priority");
    inc->previous = (uint64_t)whole_of(o, "previous");
    inc->previous_ms = time_of(o, "previous_at");
    inc->previous_for_ms = whole_of(o, "previous_for_ms");
    read_ack(inc, o);
    cJSON_ArrayForEach(m, item_of(o, "alerts"))
    {
        if (read_member(inc, m))
            return err_set(e, ERR_INPUT, "one of its alerts cannot be read");
        member_touch(inc->members[inc->n_members - 1]);
        inc->dirty = inc->one_record = true;
    }
    if (whole_of(o, "next_n") > inc->next_n)
        inc->next_n = (uint32_t)whole_of(o, "next_n");
    return 0;
}

int restore_incident(struct notify *n, const char *json, size_t len, struct err *e)
{
    cJSON *o = parse(json, len, e);
    uint64_t number = o ? (uint64_t)whole_of(o, "number") : 0;
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
    struct told t = {n, priority_parse(text_of(o, "priority")), time_of(o, "starts"),
                     time_of(o, "told"), bool_of(o, "maybe_ended")};

    return told_put(e, &t);
}

static int read_owed(struct entry *e, uint32_t n, const cJSON *o)
{
    if (owed_put(e, n, time_of(o, "due")))
        return -1;
    owed_find(e, n)->maybe = bool_of(o, "maybe_told");
    return 0;
}

static void read_lists(struct entry *e, const cJSON *o)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, item_of(o, "told"))
    {
        uint32_t n = (uint32_t)whole_of(v, "n");
        if (incident_member(e->incident, n) && read_told(e, n, v))
            return;
    }
    cJSON_ArrayForEach(v, item_of(o, "owed"))
    {
        uint32_t n = (uint32_t)whole_of(v, "n");
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
    t = item_of(o, "told");
    w = item_of(o, "owed");
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
    e->rows_dirty = true; /* until it is whole nothing is written: restored_entry() */
    read_lists(e, o);
    e->state = (enum entry_state)word_of(text_of(o, "state"), entry_state_names, ENTRY_DEAD + 1);
    e->reason =
        (enum notice_reason)word_of(text_of(o, "reason"), notice_reason_names, NOTICE_REASONS);
    e->seq = (uint64_t)whole_of(o, "seq");
    e->first_ms = time_of(o, "first");
    e->last_ms = time_of(o, "last");
    e->sent_ms = time_of(o, "sent");
    e->since_ms = time_of(o, "since");
    e->not_before_ms = time_of(o, "not_before");
    e->claimed_ms = time_of(o, "claimed");
    e->dead_ms = time_of(o, "dead");
    e->told_ack_ms = time_of(o, "told_ack");
    e->digest = hex_of(o, "digest");
    e->dead_digest = hex_of(o, "dead_digest");
    e->attempts = (int)whole_of(o, "attempts");
    e->uncertain = bool_of(o, "uncertain");
    e->fell_back = bool_of(o, "fell_back");
    member_text(&e->fallback_for, text_of(o, "fallback_for"), 256);
    member_text(&e->error, text_of(o, "error"), ERROR_MAX);
    member_text(&e->data, text_of(o, "data"), DATA_MAX);
    e->dirty = item_of(o, "told") || item_of(o, "owed");
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
    inc = incident_by_number(n, (uint64_t)whole_of(o, "incident"));
    lane = lane_get(n, text_of(o, "lane"));
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

/* Alertmanager's four kinds from their text; the others, of a token's scope, by their number. */
static struct matcher *read_matcher(const cJSON *o, struct err *e)
{
    int64_t op = whole_of(o, "op");
    const char *text = text_of(o, "text"), *value = text_of(o, "value");
    bool negate = item_of(o, "isEqual") && !bool_of(o, "isEqual");

    if (op <= MATCH_REGEX || op > MATCH_BELOW)
        return matcher_parse(text, strlen(text), e);
    if (op == MATCH_AT_LEAST || op == MATCH_BELOW)
        return matcher_new_number(text_of(o, "name"), (enum matcher_op)op, negate,
                                  strtod(value, NULL), e);
    if (op == MATCH_ONE_OF) {
        char copy[1024], *at = copy, *words[64];
        size_t n = 0;
        snprintf(copy, sizeof copy, "%s", value);
        for (char *w; n < 64 && (w = strsep(&at, "|"));)
            words[n++] = w;
        return matcher_new_list(text_of(o, "name"), negate, (const char *const *)words, n, e);
    }
    return matcher_new(text_of(o, "name"), (enum matcher_op)op, negate, value, e);
}

static int read_matchers(const cJSON *o, const char *key, struct matcher ***out, size_t *n,
                         struct err *e)
{
    const cJSON *list = item_of(o, key), *v;
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
    if (strlen(text_of(o, "id")) != UUID_LEN)
        return err_set(e, ERR_INPUT, "\"id\" is missing");
    memcpy(s->id, text_of(o, "id"), UUID_LEN + 1);
    snprintf(s->short_id, sizeof s->short_id, "%s", text_of(o, "short"));
    if (read_matchers(o, "matchers", &s->matchers, &s->n_matchers, e))
        return -1;
    if (read_matchers(o, "scope", &s->scope, &s->n_scope, e))
        return -1;
    if (s->n_matchers == 0)
        return err_set(e, ERR_INPUT, "it has no matchers");
    s->starts_ms = time_of(o, "startsAt");
    s->ends_ms = time_of(o, "endsAt");
    s->updated_ms = time_of(o, "updatedAt");
    s->priority = priority_parse(text_of(o, "priority"));
    s->incident = (uint64_t)whole_of(o, "incident");
    s->until_resolved = bool_of(o, "untilResolved");
    s->muted = (uint64_t)whole_of(o, "muted");
    member_text(&s->by, text_of(o, "createdBy"), 128);
    member_text(&s->comment, text_of(o, "comment"), 1024);
    member_text(&s->origin, text_of(o, "origin"), 64);
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
