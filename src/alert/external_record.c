/* Alerts of senders in Redis: their parts, as a member of the alert's record. */
#include <assert.h>
#include <string.h>

#include "alert/book.h"
#include "alert/external.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/record_in.h"

static uint64_t mix_text(uint64_t h, const char *s)
{
    return hash_mix(h, hash_bytes(s, strlen(s)));
}

uint64_t external_hash(const struct external *x)
{
    uint64_t h = x->n;

    for (size_t i = 0; i < x->n; i++) {
        const struct external_part *p = &x->part[i];
        const int64_t v[] = {p->priority, p->starts_ms, p->ends_ms, p->timeout, p->on};

        h = hash_mix(h, hash_bytes(v, sizeof v));
        h = mix_text(mix_text(h, p->severity), p->url);
        for (size_t k = 0; k < p->n_annotations; k++)
            h = mix_text(mix_text(h, p->annotations[k].name), p->annotations[k].value);
    }
    return h;
}

void external_write(const struct external *x, struct json *j)
{
    json_key(j, "severities");
    json_array(j);
    for (size_t i = 0; i < x->n; i++) {
        const struct external_part *p = &x->part[i];

        json_object(j);
        json_kstr(j, "severity", p->severity);
        json_kstr(j, "priority", priority_name(p->priority));
        json_ktime(j, "starts", p->starts_ms);
        json_ktime(j, "ends", p->ends_ms);
        json_kbool(j, "on", p->on);
        json_kbool(j, "timeout", p->timeout);
        json_ktime(j, "updated", p->updated_ms);
        json_kstr(j, "url", p->url);
        json_key(j, "annotations");
        json_object(j);
        for (size_t k = 0; k < p->n_annotations; k++)
            json_kstr(j, p->annotations[k].name, p->annotations[k].value);
        json_object_end(j);
        json_object_end(j);
    }
    json_array_end(j);
}

/* Borrowed from `o`; freed with mem_free(). NULL: no memory. */
static struct rule_pair *pairs_of(const cJSON *o, size_t *n)
{
    const cJSON *list = json_in_item(o, "annotations"), *v;
    size_t most = cJSON_IsObject(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    struct rule_pair *out = mem_alloc((most + 1) * sizeof *out);

    *n = 0;
    cJSON_ArrayForEach(v, list)
    {
        if (out && *n < most && cJSON_IsString(v))
            out[(*n)++] = (struct rule_pair){v->string, v->valuestring};
    }
    return out;
}

static int part_read(const cJSON *o, struct external_part *out)
{
    struct rule_pair *pairs;
    struct alert_posted p = {.url = json_in_text(o, "url"),
                             .starts_ms = json_in_time(o, "starts"),
                             .ends_ms = json_in_time(o, "ends")};
    int priority = record_in_priority(o, "priority"), rc;

    pairs = pairs_of(o, &p.n_annotations);
    if (!pairs || priority == 0 || p.ends_ms == 0) {
        mem_free(pairs);
        return -1;
    }
    p.annotations = pairs;
    rc = external_part_make(out, &p, json_in_text(o, "severity"), priority,
                            json_in_time(o, "updated"));
    out->on = json_in_bool(o, "on");
    out->timeout = json_in_bool(o, "timeout");
    mem_free(pairs);
    return rc;
}

int external_read(const cJSON *o, struct alert_entry *e)
{
    struct alert_book *b = e->a.rule->book;
    const cJSON *v;

    assert(!e->x);
    if (due_reserve(&b->due) || !(e->x = mem_zalloc(sizeof *e->x)))
        return -1;
    e->a.external = true;
    cJSON_ArrayForEach(v, json_in_item(o, "severities"))
    {
        if (e->x->n < EXTERNAL_PARTS && part_read(v, &e->x->part[e->x->n]) == 0)
            e->x->n++;
    }
    due_add(&b->due, e, external_parts_due_ms(e->x, 0));
    if (e->x->n == 0)
        return -1;
    for (size_t i = 0; i < e->x->n; i++)
        if (e->x->part[i].ends_ms > e->a.expires_ms)
            e->a.expires_ms = e->x->part[i].ends_ms;
    external_show(e, external_part_shown(e->x, 0));
    return 0;
}
