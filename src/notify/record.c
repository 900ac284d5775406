/* What stands in Redis, written for people as much as for the next start.
 *
 * A row is one thing that changes by itself: an incident without its alerts, an alert of it, what a lane
 * knows as a whole, what it knows of one alert. So one alert of an incident of thousands costs one row,
 * and a message about it one more. Rows of one turn are one transaction. Dropped: an incident with its
 * alerts in one record (5,000 of them took 0.1 s and 3.5 MB for each change); such records of earlier
 * versions are read and written anew as rows (restore.c). */
#include "notify/record.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/keys.h"
#include "base/mem.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/told.h"

#define AUDIT_MAX 100000
/* of larger incidents the reasons stay in memory and in the history: the record would be large */
#define WHY_MEMBERS 200
#define ROWS_KEPT   64 /* room for numbers of rows that an entry keeps */

void record_time(struct json *j, const char *key, int64_t at_ms)
{
    if (at_ms != 0)
        json_ktime(j, key, at_ms);
}

void record_labels(struct json *j, const char *key, const struct label *l, size_t n)
{
    json_key(j, key);
    json_object(j);
    for (size_t i = 0; i < n; i++) {
        json_key_n(j, l[i].name, l[i].name_len);
        json_str_n(j, l[i].value, l[i].value_len);
    }
    json_object_end(j);
}

static void write_text(struct json *j, const char *key, const char *text)
{
    if (text && text[0])
        json_kstr(j, key, text);
}

void notify_audit(struct notify *n, int64_t at_ms, const char *who, const char *what,
                  uint64_t incident, const char *detail)
{
    char at[TEXT_TIME_LEN], number[24] = "";

    if (!n->o.store)
        return;
    text_time(at, at_ms);
    if (incident)
        snprintf(number, sizeof number, "%llu", (unsigned long long)incident);
    const char *pairs[] = {"at",       at,     "who",    who ? who : "",       "what", what,
                           "incident", number, "detail", detail ? detail : "", NULL};
    store_append(n->o.store, KEY_AUDIT, AUDIT_MAX, NULL, pairs);
}

/* The next numbers live beside what they number, so that one rewrite restores both. */
void numbers_store(struct notify *n)
{
    char text[24];

    if (!n->groups)
        return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)n->next_number);
    store_put(n->groups, "next", text, strlen(text));
    snprintf(text, sizeof text, "%llu", (unsigned long long)n->next_silence);
    store_put(n->silences_table, "next", text, strlen(text));
}

/* --- fields ------------------------------------------------------------------------------------------------- */

#define FIELD_MAX 32

static void incident_field(char out[FIELD_MAX], uint64_t incident, uint32_t member)
{
    int n = member ? snprintf(out, FIELD_MAX, "%" PRIu64 "#%" PRIu32, incident, member)
                   : snprintf(out, FIELD_MAX, "%" PRIu64, incident);

    assert(n > 0 && n < FIELD_MAX);
}

static void row_field(char out[ENTRY_FIELD_MAX + 16], const struct entry *e, uint32_t member)
{
    int n = snprintf(out, ENTRY_FIELD_MAX + 16, "%s#%" PRIu32, e->field, member);

    assert(n > 0 && n < ENTRY_FIELD_MAX + 16);
}

/* --- incidents --------------------------------------------------------------------------------------------- */

static void write_member(struct json *j, const struct member *m, bool history)
{
    char hex[20];

    json_object(j);
    json_kint(j, "v", 1);
    json_kint(j, "n", m->n);
    json_kstr(j, "key", m->key);
    snprintf(hex, sizeof hex, "%llx", (unsigned long long)m->fingerprint);
    json_kstr(j, "fingerprint", hex);
    json_kstr(j, "origin", m->origin ? m->origin : "");
    json_kstr(j, "status", m->firing ? "firing" : "resolved");
    json_kstr(j, "priority", priority_name(m->priority));
    json_kstr(j, "worst", priority_name(m->worst));
    record_time(j, "starts", m->starts_ms);
    record_time(j, "ends", m->ends_ms);
    if (m->has_value)
        json_knum(j, "value", m->value);
    if (m->has_value)
        json_knum(j, "peak", m->peak);
    if (m->has_threshold)
        json_knum(j, "threshold", m->threshold);
    json_kstr(j, "unit", text_unit_names[m->unit]);
    write_text(j, "unit_name", m->unit_name);
    record_labels(j, "labels", m->labels, m->n_labels);
    json_key(j, "annotations");
    json_object(j);
    for (size_t i = 0; i < m->n_annotations; i++)
        json_kstr(j, m->annotations[i].name, m->annotations[i].value);
    json_object_end(j);
    write_text(j, "end_reason", m->end_reason);
    record_time(j, "gone", m->gone_ms);
    if (!history) {
        json_kbool(j, "suppressed", m->suppressed);
        json_kbool(j, "moved", m->moved);
        write_text(j, "held", hold_names[m->hold]);
        write_text(j, "held_by", m->held_by);
        record_time(j, "held_since", m->held_ms);
        record_time(j, "visible", m->visible_ms);
        record_time(j, "changed", m->raised_ms);
        record_time(j, "routed", m->routed_ms);
        record_time(j, "freed", m->freed_ms);
        write_text(j, "freed_by", m->freed_by);
        record_time(j, "nodata", m->nodata_ms);
        if (m->incident->n_members <= WHY_MEMBERS)
            write_text(j, "why", m->why);
    }
    json_object_end(j);
}

static void write_incident(struct json *j, const struct incident *inc)
{
    json_object(j);
    json_kint(j, "v", 1);
    json_kint(j, "number", (int64_t)inc->number);
    json_kstr(j, "key", inc->key);
    record_labels(j, "group", inc->labels, inc->n_labels);
    record_time(j, "opened", inc->opened_ms);
    record_time(j, "ended", inc->ended_ms);
    record_time(j, "settled", inc->settled_ms);
    json_kstr(j, "priority", priority_name(inc->priority));
    if (inc->previous)
        json_kint(j, "previous", (int64_t)inc->previous);
    record_time(j, "previous_at", inc->previous_ms);
    if (inc->previous_for_ms)
        json_kint(j, "previous_for_ms", inc->previous_for_ms);
    if (inc->ack_ms) {
        json_key(j, "ack");
        json_object(j);
        json_kstr(j, "who", inc->ack_who ? inc->ack_who : "");
        write_text(j, "note", inc->ack_note);
        write_text(j, "origin", inc->ack_origin);
        record_time(j, "at", inc->ack_ms);
        record_time(j, "until", inc->ack_until_ms);
        json_object_end(j);
    }
    record_time(j, "ack_ended", inc->ack_ended_ms);
    record_time(j, "unacked", inc->unacked_ms);
    json_kint(j, "next_n", inc->next_n);
    json_key(j, "receivers");
    json_array(j);
    for (size_t i = 0; i < inc->n_entries; i++)
        json_str(j, inc->entries[i]->lane->name);
    json_array_end(j);
    json_object_end(j);
}

void incident_store(struct notify *n, struct incident *inc)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    char field[FIELD_MAX];

    inc->dirty = false;
    if (!n->groups)
        return;
    write_incident(&j, inc);
    incident_field(field, inc->number, 0);
    if (buf_ok(&out))
        store_put(n->groups, field, out.data, out.len);
    else
        inc->dirty = true; /* with the next review, when there is memory */
    buf_free(&out);
}

static bool member_store(struct notify *n, struct member *m)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    char field[FIELD_MAX];
    bool ok;

    if (!n->groups)
        return true;
    write_member(&j, m, m->incident->settled_ms != 0);
    incident_field(field, m->incident->number, m->n);
    ok = buf_ok(&out);
    if (ok)
        store_put(n->groups, field, out.data, out.len);
    buf_free(&out);
    return ok;
}

size_t members_store(struct notify *n, struct incident *inc, size_t most)
{
    size_t written = 0;

    for (struct member *m; written < most && (m = inc->dirty_members) && member_store(n, m);) {
        inc->dirty_members = m->next_dirty;
        m->next_dirty = NULL;
        m->dirty = false;
        written++;
    }
    inc->incomplete = inc->incomplete || (written < most && inc->dirty_members);
    assert(written <= most);
    return written;
}

void incident_store_all(struct notify *n, struct incident *inc)
{
    for (size_t i = 0; i < inc->n_members; i++)
        member_touch(inc->members[i]);
    incident_store(n, inc);
    members_store(n, inc, SIZE_MAX);
}

void member_unstore(struct notify *n, const struct member *m)
{
    char field[FIELD_MAX];

    if (!n->groups)
        return;
    incident_field(field, m->incident->number, m->n);
    store_del(n->groups, field);
}

void incident_unstore(struct notify *n, const struct incident *inc)
{
    char field[FIELD_MAX];

    if (!n->groups)
        return;
    for (size_t i = 0; i < inc->n_members; i++)
        member_unstore(n, inc->members[i]);
    incident_field(field, inc->number, 0);
    store_del(n->groups, field);
}

/* --- the ledger ---------------------------------------------------------------------------------------------- */

static void write_row(struct json *j, uint32_t n, const struct told *t, const struct owed *o)
{
    json_object(j);
    json_kint(j, "v", 1);
    json_kint(j, "n", n);
    if (t) {
        json_key(j, "told");
        json_object(j);
        json_kstr(j, "priority", priority_name(t->priority));
        record_time(j, "starts", t->starts_ms);
        record_time(j, "told", t->told_ms);
        if (t->maybe_ended)
            json_kbool(j, "maybe_ended", true);
        json_object_end(j);
    }
    if (o) {
        json_key(j, "owed");
        json_object(j);
        record_time(j, "due", o->due_ms);
        if (o->maybe)
            json_kbool(j, "maybe_told", true);
        json_object_end(j);
    }
    json_object_end(j);
}

static void put_row(struct entry *e, uint32_t member)
{
    const struct told *t = told_find(e, member);
    const struct owed *o = owed_find(e, member);
    struct store_table *ledger = e->lane->notify->ledger;
    char field[ENTRY_FIELD_MAX + 16];
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    row_field(field, e, member);
    if (!t && !o) {
        store_del(ledger, field);
        return;
    }
    write_row(&j, member, t, o);
    if (buf_ok(&out))
        store_put(ledger, field, out.data, out.len);
    else
        e->dirty = e->rows_dirty = true;
    buf_free(&out);
}

void ledger_touch_row(struct entry *e, uint32_t member)
{
    if (!e->lane->notify->ledger || e->rows_dirty)
        return;
    if (e->n_rows > 0 && e->rows[e->n_rows - 1] == member)
        return; /* not owed any more, and told: once */
    if (mem_grow((void **)&e->rows, &e->cap_rows, e->n_rows + 1, sizeof *e->rows))
        e->dirty = e->rows_dirty = true;
    else
        e->rows[e->n_rows++] = member;
}

/* All rows, also those of alerts of which it knows nothing any more: which had one is not known. */
static int touch_all(struct entry *e)
{
    const struct incident *inc = e->incident;
    size_t most = inc->n_members + e->n_told + e->n_owed, at = 0;

    if (mem_grow((void **)&e->rows, &e->cap_rows, most, sizeof *e->rows))
        return -1;
    e->n_rows = 0;
    for (size_t i = 0; i < inc->n_members; i++)
        e->rows[e->n_rows++] = inc->members[i]->n;
    for (size_t i = 0; i < e->n_told; i++)
        if (!incident_member(inc, e->told[i].n))
            e->rows[e->n_rows++] = e->told[i].n;
    for (size_t i = 0; i < e->n_owed; i++)
        if (!incident_member(inc, e->owed[i].n) && !told_next(e, &at, e->owed[i].n))
            e->rows[e->n_rows++] = e->owed[i].n;
    assert(e->n_rows <= most);
    e->rows_dirty = false;
    return 0;
}

size_t ledger_rows_store(struct entry *e, size_t most)
{
    size_t written = 0;

    if (e->rows_dirty && touch_all(e))
        return 0;
    for (; written < most && e->n_rows > 0 && !e->rows_dirty; written++)
        put_row(e, e->rows[--e->n_rows]);
    if (e->n_rows == 0 && e->cap_rows > ROWS_KEPT) {
        mem_free(e->rows);
        e->rows = NULL;
        e->cap_rows = 0;
    }
    return written;
}

bool ledger_rows_wait(const struct entry *e)
{
    return e->n_rows > 0 || e->rows_dirty;
}

static void write_hex(struct json *j, const char *key, uint64_t v)
{
    char hex[20];

    if (v == 0)
        return;
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)v);
    json_kstr(j, key, hex);
}

static void write_entry(struct json *j, const struct entry *e)
{
    json_object(j);
    json_kint(j, "v", 1);
    json_kstr(j, "lane", e->lane->name);
    json_kint(j, "incident", (int64_t)e->incident->number);
    json_kstr(j, "state", entry_state_names[e->state]);
    json_kstr(j, "reason", notice_reason_names[e->reason]);
    json_kint(j, "seq", (int64_t)e->seq);
    record_time(j, "first", e->first_ms);
    record_time(j, "last", e->last_ms);
    record_time(j, "sent", e->sent_ms);
    record_time(j, "since", e->since_ms);
    record_time(j, "not_before", e->not_before_ms);
    record_time(j, "claimed", e->claimed_ms);
    record_time(j, "dead", e->dead_ms);
    record_time(j, "told_ack", e->told_ack_ms);
    write_hex(j, "digest", e->digest);
    write_hex(j, "dead_digest", e->dead_digest);
    json_kint(j, "attempts", e->attempts);
    if (e->uncertain)
        json_kbool(j, "uncertain", true);
    if (e->fell_back)
        json_kbool(j, "fell_back", true);
    write_text(j, "fallback_for", e->fallback_for);
    write_text(j, "error", e->error);
    write_text(j, "data", e->data);
    json_object_end(j);
}

void ledger_store(struct notify *n, struct entry *e)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    e->dirty = false;
    if (!n->ledger)
        return;
    write_entry(&j, e);
    e->stored = e->stored || buf_ok(&out);
    if (buf_ok(&out))
        store_put(n->ledger, e->field, out.data, out.len);
    else
        e->dirty = true;
    buf_free(&out);
}

void ledger_store_all(struct notify *n, struct entry *e)
{
    ledger_store(n, e);
    e->n_rows = 0;
    e->rows_dirty = false; /* again true where a row finds no memory */
    if (!n->ledger)
        return;
    for (size_t i = 0; i < e->n_told; i++)
        put_row(e, e->told[i].n);
    for (size_t i = 0; i < e->n_owed; i++)
        if (!told_find(e, e->owed[i].n))
            put_row(e, e->owed[i].n);
}

void ledger_unstore(struct notify *n, const struct entry *e)
{
    char field[ENTRY_FIELD_MAX + 16];

    if (!n->ledger)
        return;
    for (size_t i = 0; i < e->n_told; i++) {
        row_field(field, e, e->told[i].n);
        store_del(n->ledger, field);
    }
    for (size_t i = 0; i < e->n_owed; i++) {
        row_field(field, e, e->owed[i].n);
        store_del(n->ledger, field);
    }
    for (size_t i = 0; i < e->n_rows; i++) { /* of what it knew when they were written */
        row_field(field, e, e->rows[i]);
        store_del(n->ledger, field);
    }
    store_del(n->ledger, e->field);
}

/* --- silences -------------------------------------------------------------------------------------------------- */

void silence_store(struct notify *n, const struct silence *s)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    if (!n->silences_table)
        return;
    json_object(&j);
    json_kint(&j, "v", 1);
    silence_write(s, &j);
    json_object_end(&j);
    if (buf_ok(&out))
        store_put(n->silences_table, s->id, out.data, out.len);
    buf_free(&out);
}
