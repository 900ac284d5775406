/* Silences come, change and end: numbers, what an update means, and who may.
 * An update that moves times or comment changes the silence; one with other matchers is a new silence, and
 * the old one ends, as Alertmanager's users know it: what was muted by it stays true of it. Rails stand
 * before both. Who has a scope may change silences of just that scope. Another's silence is told as not
 * there, because its number says nothing to him. */
#include "notify/silence_make.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "notify/hold_spread.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/silence.h"
#include "notify/silence_draft.h"
#include "notify/silence_rails.h"
#include "notify/slice.h"

static bool same_matchers(struct matcher *const *a, size_t n_a, struct matcher *const *b,
                          size_t n_b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    bool same = n_a == n_b;

    for (size_t i = 0; i < n_a && same; i++) {
        buf_clear(&x);
        buf_clear(&y);
        matcher_text(a[i], &x);
        matcher_text(b[i], &y);
        same = buf_ok(&x) && buf_ok(&y) && strcmp(buf_str(&x), buf_str(&y)) == 0;
    }
    buf_free(&x);
    buf_free(&y);
    return same;
}

/* Of another that ended with it the tick takes notice; with a loop that comes with the next run. */
static void silence_changed(struct notify *n, const struct silence *s)
{
    holds_look(n->holds, s);
    hold_spread_add(n, s);
    if (!n->o.loop)
        silences_tick(n, notify_now(n), &(struct slice){0});
    notify_run_soon(n);
}

static void audit_silence(struct notify *n, const struct silence *s, const char *who,
                          const char *what)
{
    struct buf text = BUF_INIT;

    buf_addf(&text, "%s:", s->short_id);
    for (size_t i = 0; i < s->n_matchers; i++) {
        buf_addc(&text, ' ');
        matcher_am_text(s->matchers[i], &text);
    }
    if (s->comment)
        buf_addf(&text, " (%s)", s->comment);
    notify_audit(n, notify_now(n), who, what, s->incident, buf_str(&text));
    buf_free(&text);
}

static void end_now(struct notify *n, struct silence *s, const char *who)
{
    holds_end(n->holds, s, notify_now(n));
    audit_silence(n, s, who, "silence expired");
    silence_store(n, s);
}

/* Whether the actor may change this silence. */
static bool may_change(const struct silence *s, const struct actor *a)
{
    if (!a || a->n_scope == 0)
        return true;
    return same_matchers(s->scope, s->n_scope, a->scope, a->n_scope);
}

/* An update that only moves its times or its comment. */
static bool update(struct notify *n, struct silence *old, struct silence *d,
                   const struct silence_request *r)
{
    if (silence_state(old, notify_now(n)) == SILENCE_EXPIRED)
        return false;
    if (!same_matchers(old->matchers, old->n_matchers, d->matchers, d->n_matchers))
        return false;
    if (!same_matchers(old->scope, old->n_scope, d->scope, d->n_scope))
        return false;
    holds_change(n->holds, old, d, r->any_priority, notify_now(n));
    return true;
}

static int number_silence(struct notify *n, struct silence *d, struct err *e)
{
    random_uuid(d->id);
    snprintf(d->short_id, sizeof d->short_id, "s%llu", (unsigned long long)n->next_silence);
    if (holds_count(n->holds) >= n->o.max_silences)
        return err_set(
            e, ERR_LIMIT,
            "there are %zu silences, with those of the last days: raise limits { silences }",
            holds_count(n->holds));
    if (holds_add(n->holds, d, notify_now(n)))
        return err_set(e, ERR_MEMORY, "no memory");
    n->next_silence++;
    numbers_store(n);
    assert(holds_silence(n->holds, d->id) == d && holds_count(n->holds) <= n->o.max_silences);
    return 0;
}

int silence_known_id(struct notify *n, const struct silence_request *r, const struct actor *a,
                     struct err *e)
{
    const struct silence *old = r->id && r->id[0] ? holds_silence(n->holds, r->id) : NULL;

    if (!r->id || !r->id[0] || (old && may_change(old, a)))
        return 0;
    return err_set(e, ERR_INPUT, "there is no silence %s", r->id);
}

const struct silence *silence_take(struct notify *n, struct silence **draft,
                                   const struct silence_request *r, const struct actor *a,
                                   const struct silence_preview *seen, struct err *e)
{
    struct silence *d = *draft, *old;

    /* it was there when it was asked for, and may have been forgotten since */
    if (silence_known_id(n, r, a, e) || silence_hard_rails(n, d, r, a, e) ||
        silence_soft_rails(n, seen, r, a, e))
        return NULL;
    old = r->id && r->id[0] ? holds_silence(n->holds, r->id) : NULL;
    if (old && update(n, old, d, r)) {
        d = old;
    } else {
        d->priority = r->any_priority ? 0 : seen->priority;
        if (number_silence(n, d, e))
            return NULL;
        *draft = NULL;
        if (old && silence_state(old, notify_now(n)) != SILENCE_EXPIRED)
            end_now(n, old, a ? a->who : "");
    }
    audit_silence(n, d, a ? a->who : "", old == d ? "silence updated" : "silence made");
    silence_store(n, d);
    silence_changed(n, d);
    return d;
}

const struct silence *notify_silence(struct notify *n, const struct silence_request *r,
                                     const struct actor *a, struct silence_preview *p,
                                     struct err *e)
{
    struct err own = {0};
    struct silence_preview seen;
    struct silence *d;
    const struct silence *made;

    e = e ? e : &own;
    *e = (struct err){0};
    if (silence_known_id(n, r, a, e) || !(d = silence_draft(n, r, a, e)))
        return NULL;
    silence_preview(n, d, &seen);
    if (p)
        *p = seen;
    made = silence_take(n, &d, r, a, &seen, e);
    silence_free(d);
    return made;
}

int notify_silence_expire(struct notify *n, const char *id, const struct actor *a, struct err *e)
{
    struct silence *r = holds_silence(n->holds, id);

    if (!r || !may_change(r, a))
        return err_set(e, ERR_INPUT, "there is no silence %s", id);
    if (silence_state(r, notify_now(n)) == SILENCE_EXPIRED)
        return 0;
    end_now(n, r, a ? a->who : "");
    silence_changed(n, r);
    return 0;
}

/* Silences that last until their incident is resolved end with it. */
void silences_end_with(struct notify *n, uint64_t incident)
{
    int64_t at_ms = notify_now(n);

    for (struct silence *r = holds_of_incident(n->holds, incident); r; r = holds_next_of(r)) {
        if (!r->until_resolved)
            continue;
        if (silence_state(r, at_ms) == SILENCE_EXPIRED)
            continue;
        end_now(n, r, "tocsin"); /* its alerts are free with the next tick */
    }
}
