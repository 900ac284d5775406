/* Log events that go out with an alert: the last few of each group, kept as they come.
 * They are kept from before the alert, since the line that explains it came first; and as copies, because a
 * block's memory is gone after it. Secrets are taken out when an event is kept, not when it is shown: what
 * is not there cannot leak. A group has a ring of fixed size and events have a bound, so the memory follows
 * the groups and not the load. Only rules that attach or quote events pay for any of it. */
#include "rule/attach.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/event_group.h"

#define EVENT_BYTES_MAX 4096
#define VALUE_BYTES_MAX 1024
#define READ_BYTES_MAX  (4 * VALUE_BYTES_MAX) /* of one value: hiding secrets makes texts shorter */

struct kept_event {
    int64_t t_ms;
    char *bytes; /* names and values, behind the views */
    struct label *fields;
    size_t n_fields;
};

struct group_events {
    labelset group; /* a reference is held, so that its number stays this group's */
    struct kept_event ring[ATTACH_EVENTS_MAX];
    uint32_t n, next;
    int64_t noted_ms; /* time of its newest event */
};

/* The first log leaf of the rule's value or conditions. */
static const struct leaf_spec *log_leaf(const struct rule_def *d)
{
    if (d->attach_from && d->attach_from->kind == EXPR_LEAF)
        return d->attach_from->leaf;
    for (size_t i = 0; i < d->n_leaves; i++)
        if (d->leaves[i]->leaf->source == LEAF_LOGS)
            return d->leaves[i]->leaf;
    return NULL;
}

static bool texts_use_events(const struct rule_def *d)
{
    for (size_t i = 0; i < d->n_annotations; i++)
        if (strstr(d->annotations[i].value, "{event_"))
            return true;
    return false;
}

int attachments_init(struct attachments *a, const struct rule_def *d, struct labelsets *ls,
                     const struct redact_also *redact)
{
    *a = (struct attachments){.d = d, .labels = ls, .redact = redact};
    if (d->attach_events == 0 && !texts_use_events(d))
        return 0;
    a->from = log_leaf(d);
    if (!a->from)
        return 0;
    a->keep = d->attach_events ? d->attach_events : 1;
    if (a->keep > ATTACH_EVENTS_MAX)
        a->keep = ATTACH_EVENTS_MAX;
    a->groups = map_new();
    return a->groups ? 0 : -1;
}

static void drop_event(struct kept_event *k)
{
    mem_free(k->bytes);
    mem_free(k->fields);
    *k = (struct kept_event){0};
}

static void drop_group(struct attachments *a, struct group_events *g)
{
    for (size_t i = 0; i < ATTACH_EVENTS_MAX; i++)
        drop_event(&g->ring[i]);
    labelset_unref(a->labels, g->group);
    mem_free(g);
}

void attachments_clear(struct attachments *a)
{
    struct group_events *g;

    for (size_t at = 0; a->groups && (g = map_next(a->groups, &at, NULL, NULL));)
        drop_group(a, g);
    map_free(a->groups, NULL);
    *a = (struct attachments){0};
}

/* A value as it may be kept, appended and ended by a NUL. Its length. */
static size_t add_value(const struct attachments *a, const struct label *f, struct buf *out)
{
    size_t from = out->len, len;

    if (redact_is_secret(a->redact, f->name, f->name_len))
        buf_adds(out, REDACTED);
    else
        redact_text(a->redact, f->value, text_utf8_cut(f->value, f->value_len, READ_BYTES_MAX),
                    out);
    if (!buf_ok(out))
        return 0;
    len = text_utf8_cut(out->data + from, out->len - from, VALUE_BYTES_MAX);
    out->len = from + len;
    buf_addc(out, '\0');
    return len;
}

/* Names and values one after the other; what does not fit into the bound is left out. */
static size_t write_fields(const struct attachments *a, const struct logevent *e, struct buf *out,
                           struct label *fields)
{
    size_t used = 0;

    for (uint32_t i = 0; i < e->n_fields; i++) {
        const struct label *f = &e->fields[i];
        size_t from = out->len, len;

        buf_add(out, f->name, f->name_len);
        buf_addc(out, '\0');
        len = add_value(a, f, out);
        if (buf_ok(out) && out->len > EVENT_BYTES_MAX)
            out->len = from;
        else
            fields[used++] = (struct label){.name_len = f->name_len, .value_len = (uint32_t)len};
    }
    return used;
}

static int keep_event(const struct attachments *a, struct kept_event *k, const struct logevent *e)
{
    struct buf text = BUF_INIT;
    size_t bytes;
    char *p;

    k->fields = mem_alloc((e->n_fields + 1) * sizeof *k->fields);
    if (!k->fields)
        return -1;
    k->n_fields = write_fields(a, e, &text, k->fields);
    /* most events are short, and thousands are kept: no more than they need */
    bytes = text.len;
    assert(bytes <= EVENT_BYTES_MAX || !buf_ok(&text));
    k->bytes = p = buf_ok(&text) ? mem_alloc(bytes + 1) : NULL;
    if (!k->bytes) {
        buf_free(&text);
        drop_event(k);
        return -1;
    }
    memcpy(p, buf_str(&text), bytes);
    buf_free(&text);
    for (size_t i = 0; i < k->n_fields; i++) {
        k->fields[i].name = p;
        p += k->fields[i].name_len + 1;
        k->fields[i].value = p;
        p += k->fields[i].value_len + 1;
    }
    k->t_ms = e->t_ms;
    return 0;
}

static bool matches(const struct leaf_spec *s, const struct logevent *e)
{
    for (size_t i = 0; i < s->n_matchers; i++) {
        const char *name = matcher_name(s->matchers[i]);
        const struct label *f = logevent_field(e, name, strlen(name));

        if (!matcher_test(s->matchers[i], f ? f->value : "", f ? f->value_len : 0))
            return false;
    }
    return true;
}

static labelset group_of(const struct attachments *a, const struct logevent *e)
{
    struct label picked[LABELS_MAX];
    size_t n = event_group(a->from, e, picked);
    struct buf room = BUF_INIT;
    labelset group = LABELSET_NONE;

    if (event_group_redact(a->redact, picked, n, &room))
        group = labelsets_find(a->labels, picked, n);
    buf_free(&room);
    return group;
}

/* The group whose newest event is the oldest makes room. */
static void drop_stalest(struct attachments *a)
{
    struct group_events *g, *stalest = NULL;

    for (size_t at = 0; (g = map_next(a->groups, &at, NULL, NULL));)
        if (!stalest || g->noted_ms < stalest->noted_ms)
            stalest = g;
    if (!stalest)
        return;
    map_remove(a->groups, &stalest->group, sizeof stalest->group);
    drop_group(a, stalest);
}

static struct group_events *group_events(struct attachments *a, labelset group)
{
    struct group_events *g = map_get(a->groups, &group, sizeof group);

    if (g)
        return g;
    if (map_count(a->groups) >= ATTACH_GROUPS_MAX)
        drop_stalest(a);
    g = mem_zalloc(sizeof *g);
    if (!g || map_put(a->groups, &group, sizeof group, g, NULL) < 0) {
        mem_free(g);
        return NULL;
    }
    g->group = group;
    labelset_ref(a->labels, group);
    return g;
}

void attachments_note(struct attachments *a, const struct logevent *e)
{
    struct group_events *g;
    labelset group;

    if (!a->from || !matches(a->from, e) || (group = group_of(a, e)) == LABELSET_NONE)
        return;
    g = group_events(a, group);
    if (!g)
        return;
    g->noted_ms = e->t_ms;
    drop_event(&g->ring[g->next]);
    if (keep_event(a, &g->ring[g->next], e) < 0)
        return;
    g->next = (g->next + 1) % a->keep;
    if (g->n < a->keep)
        g->n++;
}

static const struct kept_event *newest(const struct attachments *a, const struct group_events *g,
                                       uint32_t back)
{
    return &g->ring[(g->next + a->keep - 1 - back) % a->keep];
}

size_t attachments_newest(const struct attachments *a, labelset group, const struct label **fields)
{
    const struct group_events *g = a->from ? map_get(a->groups, &group, sizeof group) : NULL;

    if (!g || g->n == 0)
        return 0;
    *fields = newest(a, g, 0)->fields;
    return newest(a, g, 0)->n_fields;
}

static bool wanted(const struct rule_def *d, const struct label *f)
{
    if (d->n_attach_fields == 0)
        return true;
    for (size_t i = 0; i < d->n_attach_fields; i++)
        if (strcmp(d->attach_fields[i], f->name) == 0)
            return true;
    return false;
}

void attachments_json(const struct attachments *a, labelset group, struct json *j)
{
    const struct group_events *g = a->from ? map_get(a->groups, &group, sizeof group) : NULL;

    json_array(j);
    for (uint32_t i = 0; g && i < g->n; i++) {
        const struct kept_event *k = newest(a, g, i);

        json_object(j);
        json_ktime(j, "time", k->t_ms);
        for (size_t f = 0; f < k->n_fields; f++) {
            if (!wanted(a->d, &k->fields[f]))
                continue;
            json_key_n(j, k->fields[f].name, k->fields[f].name_len);
            json_str_n(j, k->fields[f].value, k->fields[f].value_len);
        }
        json_object_end(j);
    }
    json_array_end(j);
}
