/* Silences come, change and end: numbers, what an update means, and who may. */
#include "notify/impl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

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

/* Of another that ended with it the tick takes notice. */
static void silence_changed(struct notify *n, const struct silence *s)
{
    n->silence_next_ms = 0; /* looked for again */
    holds_look_again(n, s);
    silences_tick(n, notify_now(n));
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

static void end_now(struct notify *n, struct silence_record *r, const char *who)
{
    int64_t at_ms = notify_now(n);

    if (r->s.starts_ms > at_ms)
        r->s.starts_ms = at_ms;
    if (r->s.ends_ms > at_ms)
        r->s.ends_ms = at_ms;
    r->s.updated_ms = at_ms;
    audit_silence(n, &r->s, who, "silence expired");
    silence_store(n, r);
}

/* Whether the actor may change this silence. */
static bool may_change(const struct silence *s, const struct actor *a)
{
    if (!a || a->n_scope == 0)
        return true;
    return same_matchers(s->scope, s->n_scope, a->scope, a->n_scope);
}

/* An update that only moves its times or its comment. */
static bool update(struct notify *n, struct silence_record *old, struct silence_record *d,
                   const struct silence_request *r)
{
    enum silence_state state = silence_state(&old->s, notify_now(n));

    if (state == SILENCE_EXPIRED)
        return false;
    if (!same_matchers(old->s.matchers, old->s.n_matchers, d->s.matchers, d->s.n_matchers))
        return false;
    if (!same_matchers(old->s.scope, old->s.n_scope, d->s.scope, d->s.n_scope))
        return false;
    if (state == SILENCE_PENDING)
        old->s.starts_ms = d->s.starts_ms;
    old->s.ends_ms = d->s.ends_ms;
    old->s.updated_ms = d->s.updated_ms;
    old->s.until_resolved = d->s.until_resolved;
    if (r->any_priority)
        old->s.priority = 0;
    member_text(&old->s.comment, d->s.comment, 1024);
    return true;
}

static int number_silence(struct notify *n, struct silence_record *d, struct err *e)
{
    random_uuid(d->s.id);
    snprintf(d->s.short_id, sizeof d->s.short_id, "s%llu", (unsigned long long)n->next_silence);
    if (n->n_silences >= n->o.max_silences)
        return err_set(
            e, ERR_LIMIT,
            "there are %zu silences, with those of the last days: raise limits { silences }",
            n->n_silences);
    if (silence_add(n, d))
        return err_set(e, ERR_MEMORY, "no memory");
    n->next_silence++;
    numbers_store(n);
    return 0;
}

const struct silence *notify_silence(struct notify *n, const struct silence_request *r,
                                     const struct actor *a, struct silence_preview *p,
                                     struct err *e)
{
    struct err own = {0};
    struct silence_preview seen;
    struct silence_record *old = r->id && r->id[0] ? silence_by_id(n, r->id) : NULL, *d;

    e = e ? e : &own;
    *e = (struct err){0};
    if (r->id && r->id[0] && (!old || !may_change(&old->s, a))) {
        err_set(e, ERR_INPUT, "there is no silence %s", r->id);
        return NULL;
    }
    if (!(d = silence_draft(n, r, a, e)))
        return NULL;
    silence_preview(n, &d->s, &seen);
    if (p)
        *p = seen;
    if (silence_hard_rails(n, &d->s, r, a, e) || silence_soft_rails(n, &seen, r, a, e))
        goto refused;
    if (old && update(n, old, d, r)) {
        silence_free(d);
        d = old;
    } else {
        d->s.priority = r->any_priority ? 0 : seen.priority;
        if (number_silence(n, d, e))
            goto refused;
        if (old && silence_state(&old->s, notify_now(n)) != SILENCE_EXPIRED)
            end_now(n, old, a ? a->who : "");
    }
    audit_silence(n, &d->s, a ? a->who : "", old == d ? "silence updated" : "silence made");
    silence_store(n, d);
    silence_changed(n, &d->s);
    return &d->s;
refused:
    silence_free(d);
    return NULL;
}

int notify_silence_expire(struct notify *n, const char *id, const struct actor *a, struct err *e)
{
    struct silence_record *r = silence_by_id(n, id);

    if (!r || !may_change(&r->s, a))
        return err_set(e, ERR_INPUT, "there is no silence %s", id);
    if (silence_state(&r->s, notify_now(n)) == SILENCE_EXPIRED)
        return 0;
    end_now(n, r, a ? a->who : "");
    silence_changed(n, &r->s);
    return 0;
}

/* Silences that last until their incident is resolved end with it. */
void silences_end_with(struct notify *n, uint64_t incident)
{
    int64_t at_ms = notify_now(n);

    for (struct silence_record *r = silence_index_of(n->silence_index, incident); r;
         r = r->next_of) {
        if (!r->s.until_resolved)
            continue;
        if (silence_state(&r->s, at_ms) == SILENCE_EXPIRED)
            continue;
        end_now(n, r, "tocsin");
        n->silence_next_ms = 0;
        holds_look_again(n, &r->s);
    }
}
