/* Guard rails of a silence, by what it would hold (silence_count.c): nobody confirms a number that another
 * code has counted. Hard rails stand whatever is confirmed; soft ones give way to who types the
 * count. Alertmanager's API has nobody to ask: there they warn, and are written down. */
#include "notify/silence_rails.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "model/matcher_alert.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/silence_count.h"
#include "notify/silence_draft.h"
#include "notify/slice.h"

#define WIDE_ALERTS   50
#define WIDE_PERCENT  20
#define WIDE_FROM     10 /* a share says nothing of a handful of alerts */
#define LENGTH_MAX_MS (7 * DAY_MS)

/* --- Tocsin's own alerts --- */

void notify_set_own(struct notify *n, const struct own_alert *own, size_t n_own)
{
    assert(own || n_own == 0);
    n->own = own;
    n->n_own = n_own;
}

/* Could a matcher take an alert that carries only `known` labels so far? A label that is not among
 * them may come to have any value, if it is one that groups of that rule have. */
static bool may_take(const struct matcher *m, const struct own_alert *own)
{
    const char *name = matcher_name(m);

    if (strcmp(name, "alertname") == 0)
        return matcher_test(m, own->name, strlen(own->name));
    for (size_t i = 0; i < own->n_labels; i++)
        if (strcmp(own->labels[i].name, name) == 0)
            return matcher_test(m, own->labels[i].value, own->labels[i].value_len);
    for (size_t i = 0; i < own->n_by; i++)
        if (strcmp(own->by[i], name) == 0)
            return true;
    return strcmp(name, "severity") == 0 || strcmp(name, "priority") == 0 || matcher_test(m, "", 0);
}

/* Would it ever hold an alert about Tocsin itself? Bounded: these are the built-in ones. */
static bool aims_at_own(const struct notify *n, const struct silence *s)
{
    for (size_t i = 0; i < n->n_own; i++) {
        size_t k = 0;

        while (k < s->n_matchers && may_take(s->matchers[k], &n->own[i]))
            k++;
        if (k == s->n_matchers)
            return true;
    }
    return false;
}

/* --- the preview --- */

/* A matcher that takes every value restricts nothing: what is left may be much more than its author
 * sees now. */
static bool takes_everything(const struct matcher *m)
{
    /* Letters, digits, names of hosts: what has nothing in common but that it is a value. */
    static const char *const usual[] = {"x", "Zz", "0", "42", "web-7", "api.example.com"};
    size_t taken = 0;

    if (matcher_op(m) != MATCH_REGEX || matcher_negated(m))
        return false;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        taken += matcher_test(m, usual[i], strlen(usual[i]));
    return taken + 2 >= sizeof usual / sizeof *usual; /* `\w+` leaves two of them out */
}

/* Whether nothing but such a matcher says what is to be silenced. */
static bool is_open_ended(const struct silence *s)
{
    bool any = false;

    for (size_t i = 0; i < s->n_matchers; i++) {
        const struct matcher *m = s->matchers[i];

        if (takes_everything(m))
            any = true;
        else if (!matcher_negated(m) && !matcher_matches_empty(m))
            return false; /* this one names what is meant */
    }
    return any;
}

void silence_finish_preview(const struct notify *n, const struct silence *s,
                            struct silence_preview *p)
{
    p->own = aims_at_own(n, s);
    p->open_ended = is_open_ended(s);
    p->confirm = p->now > 0 ? p->now : 1;
    p->wide = p->open_ended || p->now > WIDE_ALERTS ||
              (p->now > WIDE_FROM && p->now * 100 > p->active * WIDE_PERCENT);
}

void silence_preview(struct notify *n, const struct silence *s, struct silence_preview *p)
{
    struct silence_count c;

    silence_count_begin(&c, n, s);
    if (!silence_count_step(&c, n, &(struct slice){0}))
        assert(0 && "this slice has no end");
    *p = c.p;
    silence_count_end(&c);
    silence_finish_preview(n, s, p);
}

static bool matches_too_easily(const struct silence *s)
{
    for (size_t i = 0; i < s->n_matchers; i++)
        if (!matcher_negated(s->matchers[i]) && !matcher_matches_empty(s->matchers[i]))
            return false;
    return true;
}

static int refuse_or_warn(struct notify *n, const struct silence_request *r, const struct actor *a,
                          struct err *e)
{
    if (r->wide != -1)
        return -1;
    log_warn("a silence was made that a guard rail would refuse", "by", a ? a->who : "", "rail",
             e->text, NULL);
    notify_audit(n, notify_now(n), a ? a->who : "", "silence over a guard rail", r->incident,
                 e->text);
    *e = (struct err){0};
    return 0;
}

/* Rails that hold whatever is confirmed. */
int silence_hard_rails(struct notify *n, const struct silence *s, const struct silence_request *r,
                       const struct actor *a, struct err *e)
{
    if (matches_too_easily(s)) {
        err_set(e, ERR_REFUSED,
                "every matcher is negative or matches the empty value, so that "
                "nearly everything would be silenced: add one that names a value");
        if (refuse_or_warn(n, r, a, e))
            return -1;
    }
    if (s->ends_ms - s->starts_ms > LENGTH_MAX_MS) {
        err_set(e, ERR_REFUSED, "a silence lasts at most 7 days");
        if (refuse_or_warn(n, r, a, e))
            return -1;
    }
    return 0;
}

int silence_soft_rails(struct notify *n, const struct silence_preview *p,
                       const struct silence_request *r, const struct actor *a, struct err *e)
{
    if (p->own && !(a && a->admin))
        return err_set(e, ERR_REFUSED,
                       "it would silence alerts about Tocsin itself: that needs the role admin. "
                       "Add the matcher team!=\"tocsin\" to leave them out");
    if (!p->wide || (r->wide > 0 && (uint64_t)r->wide >= p->confirm))
        return 0;
    if (p->open_ended) {
        err_set(
            e, ERR_REFUSED,
            "a matcher takes every value, so that it also mutes what is not there yet (now %zu of "
            "%zu alerts): confirm with --wide %zu, or name the values",
            p->now, p->active, p->confirm);
        return refuse_or_warn(n, r, a, e);
    }
    err_set(e, ERR_REFUSED,
            "it would mute %zu of the %zu alerts that fire now: confirm with the "
            "number (--wide %zu)",
            p->now, p->active, p->now);
    return refuse_or_warn(n, r, a, e);
}

int notify_silence_preview(struct notify *n, const struct silence_request *r, const struct actor *a,
                           struct silence_preview *out, struct err *e)
{
    struct err own;
    struct silence *d = silence_draft(n, r, a, e ? e : &own);
    int rc;

    *out = (struct silence_preview){0};
    if (!d)
        return -1;
    rc = silence_hard_rails(n, d, r, a, e ? e : &own);
    if (rc == 0)
        silence_preview(n, d, out);
    silence_free(d);
    return rc;
}
