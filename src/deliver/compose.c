/* A message of a few alerts is made at once: it takes a millisecond, and a page should not wait for a turn.
 * One of a thousand takes forty, so it is made in slices, one slice a turn, while the messages of other lanes
 * go on; its own place in its lane stays taken. One large message at a time is half made, as each holds some
 * ten MB; the others wait in the order of their claims. A small one whose template is in the middle of the
 * large one waits as well, but before the other large ones. The notice is a copy, so whatever becomes of the
 * incident meanwhile, the message tells what was claimed. */
#include "deliver/compose.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "deliver/send.h"

#define SLICE_US     5000 /* of a template, in one turn of the loop */
#define SMALL_ALERTS 50   /* a message of so many takes 2 ms */

static int begin(struct send *s)
{
    const struct named_template *nt = templates_find(s->d->templates, s->config->template);

    assert(s->x && s->config && !s->making);
    if (!nt)
        return -1;
    s->making = message_begin(
        &(struct message_order){s->channel, s->config, nt->t, nt->error, s->x}, &s->m);
    return s->making ? 0 : -1;
}

/* Its last call: what is told may end the send, and delivery. */
static void end(struct send *s, int rc)
{
    message_end(s->making);
    s->making = NULL;
    if (rc > 0) {
        s->d->stats.truncated += s->m.shortened;
        if (s->m.template_failed) {
            s->d->stats.template_errors++;
            log_error("a channel template failed; plain text is sent", "channel",
                      s->config->template, "error", s->m.error, NULL);
        }
    }
    s->made(s, rc > 0);
}

static void make_at_once(struct send *s)
{
    int rc = begin(s);

    while (rc == 0)
        rc = message_step(s->making, 0);
    end(s, rc);
}

static bool is_small(const struct send *s)
{
    return s->x->n_alerts <= SMALL_ALERTS;
}

/* Templates have their states by name. */
static bool template_is_busy(const struct send *s)
{
    const struct send *first = s->d->making;

    return first && first->making && strcmp(first->config->template, s->config->template) == 0;
}

/* Behind the one that is half made, the small ones before the large ones. */
static void enqueue(struct send *s)
{
    struct send **at = &s->d->making;

    assert(!s->queued && !s->making);
    while (*at && (!is_small(s) || (*at)->making || is_small(*at)))
        at = &(*at)->next_making;
    s->next_making = *at;
    *at = s;
    s->queued = true;
    timer_in(s->d->make_timer, 0);
}

static void dequeue(struct send *s)
{
    struct send **at = &s->d->making;

    while (*at && *at != s) /* at most what is in flight of all lanes */
        at = &(*at)->next_making;
    assert(*at == s);
    *at = s->next_making;
    s->next_making = NULL;
    s->queued = false;
}

void compose_begin(struct send *s, void (*made)(struct send *s, bool ok))
{
    s->made = made;
    if (is_small(s) && !template_is_busy(s))
        make_at_once(s);
    else
        enqueue(s);
}

void compose_step(void *deliver)
{
    struct deliver *d = deliver;
    struct send *s = d->making;
    int rc;

    if (!s || d->halted)
        return;
    timer_in(d->make_timer, 0); /* also for those behind it */
    rc = s->making ? 0 : begin(s);
    if (rc == 0)
        rc = message_step(s->making, SLICE_US);
    if (rc == 0)
        return;
    dequeue(s);
    end(s, rc);
}

void compose_drop(struct send *s)
{
    if (s->queued)
        dequeue(s);
    message_end(s->making);
    s->making = NULL;
}

void compose_again(struct deliver *d)
{
    for (struct send *s = d->making; s; s = s->next_making) {
        message_end(s->making);
        s->making = NULL;
    }
}
