/* A block that is being filled, or waits: samples, events, and who waits for it.
 * It copies what it is given: the decoder's batch is used again at once, and a block may wait for Redis for
 * hours. Room for all of a request is taken before anything is changed, so that it is added whole or not.
 * Texts of events lie in one block of memory for each request. Once it is written the contents go and the
 * bytes stay, for a while, to be written again; its cost is counted in bytes of memory, since that is what
 * the bound is about. */
#include "journal/pending.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* A request whose sender is told to come again is remembered: its record and its place in a map. */
#define RETRY_COST 160

struct event_text {
    struct event_text *next;
    size_t size;
    struct label fields[]; /* and the bytes behind them */
};

struct pending *pending_new(void)
{
    return mem_zalloc(sizeof(struct pending));
}

static void free_contents(struct pending *p)
{
    mem_free(p->samples);
    mem_free(p->events);
    while (p->texts) {
        struct event_text *t = p->texts;

        p->texts = t->next;
        mem_free(t);
    }
    p->samples = NULL;
    p->events = NULL;
    p->n_samples = p->cap_samples = p->n_events = p->cap_events = 0;
}

void pending_free(struct pending *p)
{
    if (!p)
        return;
    free_contents(p);
    mem_free(p->hashes);
    mem_free(p->senders);
    buf_free(&p->bytes);
    dict_writes_free(p->dict, p->n_dict);
    mem_free(p);
}

static size_t text_size(const struct journal_request *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_events; i++)
        for (uint32_t k = 0; k < r->events[i].n_fields; k++) {
            const struct label *l = &r->events[i].fields[k];

            n += sizeof *l + l->name_len + l->value_len;
        }
    return n;
}

size_t pending_cost(const struct journal_request *r)
{
    return r->n_samples * sizeof *r->samples + r->n_events * sizeof *r->events + text_size(r);
}

static int room(struct pending *p, const struct journal_request *r)
{
    void *samples = p->samples, *events = p->events, *hashes = p->hashes, *senders = p->senders;
    int rc = 0;

    rc |= mem_grow(&samples, &p->cap_samples, p->n_samples + r->n_samples + 1, sizeof *p->samples);
    p->samples = samples;
    rc |= mem_grow(&events, &p->cap_events, p->n_events + r->n_events + 1, sizeof *p->events);
    p->events = events;
    rc |= mem_grow(&hashes, &p->cap_hashes, p->n_hashes + 1, sizeof *p->hashes);
    p->hashes = hashes;
    rc |= mem_grow(&senders, &p->cap_senders, p->n_senders + 1, sizeof *p->senders);
    p->senders = senders;
    return rc;
}

static const char *copy_bytes(char **to, const char *from, uint32_t n)
{
    char *p = *to;

    if (n)
        memcpy(p, from, n);
    *to += n;
    return p;
}

static void copy_events(struct pending *p, const struct journal_request *r, struct event_text *t)
{
    struct label *field = t->fields;
    char *to;

    for (size_t i = 0; i < r->n_events; i++)
        field += r->events[i].n_fields;
    to = (char *)field;
    field = t->fields;
    for (size_t i = 0; i < r->n_events; i++) {
        struct logevent *ev = &p->events[p->n_events++];

        *ev = (struct logevent){r->events[i].t_ms, field, r->events[i].n_fields};
        for (uint32_t k = 0; k < ev->n_fields; k++, field++) {
            const struct label *l = &r->events[i].fields[k];

            *field = *l;
            field->name = copy_bytes(&to, l->name, l->name_len);
            field->value = copy_bytes(&to, l->value, l->value_len);
        }
    }
}

int pending_add(struct pending *p, const struct journal_request *r, struct sender sender)
{
    struct event_text *t = NULL;

    if (room(p, r) != 0)
        return -1;
    if (r->n_events) {
        t = mem_alloc(sizeof *t + text_size(r) + 1);
        if (!t)
            return -1;
        t->next = p->texts;
        p->texts = t;
        copy_events(p, r, t);
    }
    if (r->n_samples)
        memcpy(p->samples + p->n_samples, r->samples, r->n_samples * sizeof *r->samples);
    p->n_samples += r->n_samples;
    if (r->hash)
        p->hashes[p->n_hashes++] = r->hash;
    if (sender.done)
        p->senders[p->n_senders++] = sender;
    p->n_samples_held += r->n_samples;
    p->n_events_held += r->n_events;
    p->size += pending_cost(r);
    assert(p->n_hashes <= p->cap_hashes && p->n_senders <= p->cap_senders);
    return 0;
}

int pending_join(struct pending *p, struct sender sender)
{
    assert(sender.done);
    void *senders = p->senders;

    if (mem_grow(&senders, &p->cap_senders, p->n_senders + 1, sizeof *p->senders) != 0)
        return -1;
    p->senders = senders;
    p->senders[p->n_senders++] = sender;
    return 0;
}

int pending_seal(struct pending *p, struct block_codec *c, bool waited, struct err *e)
{
    struct block_head h = {.generation = 1,
                           .recv_ms = p->recv_ms,
                           .hashes = p->hashes,
                           .n_hashes = p->n_hashes,
                           .waited = waited};

    p->starts_run = c->index == 0;
    if (block_encode(c, &h, p->samples, p->n_samples, p->events, p->n_events, &p->bytes, e) != 0)
        return -1;
    buf_fit(&p->bytes); /* kept among the recent ones */
    p->size += p->bytes.len;
    return 0;
}

size_t pending_kept(const struct pending *p)
{
    size_t bytes = p->bytes.len;

    for (size_t i = 0; i < p->n_dict; i++)
        bytes += p->dict[i].chunk.len;
    return bytes;
}

void pending_shrink(struct pending *p)
{
    free_contents(p);
    p->size = p->bytes.len + sizeof *p + p->n_hashes * RETRY_COST;
    assert(!p->samples && !p->events && !p->texts);
}
