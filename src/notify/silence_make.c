/* Making a silence: its preview, the guard rails, and what an update means. */
#include "notify/impl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define MATCHERS_MAX  32
#define WIDE_ALERTS   50
#define WIDE_PERCENT  20
#define WIDE_FROM     10 /* a share says nothing of a handful of alerts */
#define LENGTH_MAX_MS WEEK_MS

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

/* --- the draft ----------------------------------------------------------------------------------------------- */

static int take_matchers(struct matcher ***to, size_t *count, struct matcher *const *m, size_t n,
                         struct err *e)
{
    *to = mem_alloc((n + 1) * sizeof **to);
    if (!*to)
        return err_set(e, ERR_MEMORY, "no memory");
    for (size_t i = 0; i < n; i++)
        (*to)[i] = matcher_ref(m[i]);
    *count = n;
    return 0;
}

static int add_matcher(struct silence *s, struct label l, struct err *e)
{
    struct matcher *m = matcher_new(l.name, MATCH_EQUAL, false, l.value, e);

    if (!m)
        return -1;
    s->matchers[s->n_matchers++] = m;
    return 0;
}

/* The labels that the incident's alerts were grouped by stand in its key (route_key()), also those
 * that they do not have: of these the empty value is part of what it is. */
static int add_missing(struct silence *s, const struct incident *inc, struct err *e)
{
    const char *p = inc->key, *end = strchr(p, '|');
    size_t n;

    for (; end && p < end; p += n + 1) {
        char name[256];
        bool has = false;

        n = strcspn(p, ",|");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        for (size_t i = 0; i < inc->n_labels; i++)
            has = has || strcmp(inc->labels[i].name, name) == 0;
        if (has || n == 0 || n >= sizeof name || strcmp(name, "...") == 0 ||
            strcmp(name, "severity") == 0 || strcmp(name, "priority") == 0)
            continue;
        if (s->n_matchers == MATCHERS_MAX)
            return err_set(e, ERR_LIMIT, "a silence has at most %d matchers", MATCHERS_MAX);
        if (add_matcher(s, label_of(name, ""), e) != 0)
            return -1;
    }
    return 0;
}

/* The exact alertname (when the incident has one) and the group labels; never the priority. */
static int matchers_of_incident(struct silence *s, const struct incident *inc,
                                const struct actor *a, struct err *e)
{
    const struct label *name = NULL;
    bool grouped = false;

    for (size_t i = 0; i < inc->n_labels; i++)
        grouped = grouped || strcmp(inc->labels[i].name, "alertname") == 0;
    for (size_t i = 0; i < inc->n_members && !grouped; i++) {
        const struct member *m = inc->members[i];
        if ((!m->firing && inc->ended_ms == 0) || !actor_sees_member(a, m))
            continue;
        for (size_t k = 0; k < m->n_labels; k++) {
            if (strcmp(m->labels[k].name, "alertname") != 0)
                continue;
            grouped = name && strcmp(name->value, m->labels[k].value) != 0; /* several: by group */
            name = &m->labels[k];
        }
    }
    s->matchers = mem_zalloc((inc->n_labels + MATCHERS_MAX + 2) * sizeof *s->matchers);
    if (!s->matchers)
        return err_set(e, ERR_MEMORY, "no memory");
    if (name && !grouped && add_matcher(s, *name, e))
        return -1;
    for (size_t i = 0; i < inc->n_labels; i++) {
        if (strcmp(inc->labels[i].name, "severity") == 0)
            continue;
        if (strcmp(inc->labels[i].name, "priority") == 0)
            continue;
        if (add_matcher(s, inc->labels[i], e))
            return -1;
    }
    if (s->n_matchers > 0)
        return add_missing(s, inc, e);
    return err_set(e, ERR_REFUSED,
                   "incident #%llu has no group labels and several alert names: "
                   "say what to silence with matchers",
                   (unsigned long long)inc->number);
}

static int set_times(const struct notify *n, struct silence *s, const struct silence_request *r,
                     struct err *e)
{
    int64_t at_ms = notify_now(n);

    s->starts_ms = r->starts_ms > at_ms ? r->starts_ms : at_ms;
    s->ends_ms = r->ends_ms;
    s->updated_ms = at_ms;
    if (r->until_resolved) {
        if (r->incident == 0)
            return err_set(e, ERR_INPUT, "only the silence of an incident can last until resolved");
        s->until_resolved = true;
        if (s->ends_ms == 0 || s->ends_ms > s->starts_ms + DAY_MS)
            s->ends_ms = s->starts_ms + DAY_MS;
    }
    if (s->ends_ms <= s->starts_ms)
        return err_set(e, ERR_INPUT,
                       s->ends_ms <= at_ms ? "the end of a silence lies in the past"
                                           : "a silence ends before it starts");
    return 0;
}

/* Everything of a silence but its ids. NULL with `e`. */
static struct silence_record *draft(struct notify *n, const struct silence_request *r,
                                    const struct actor *a, struct err *e)
{
    struct silence_record *d = mem_zalloc(sizeof *d);
    const struct incident *inc = r->incident ? incident_by_number(n, r->incident) : NULL;
    int rc;

    if (!d) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    if (r->incident && (!inc || !actor_sees_some(a, inc)))
        rc = err_set(e, ERR_INPUT, "there is no incident #%llu", (unsigned long long)r->incident);
    else if (inc && r->n_matchers == 0)
        rc = matchers_of_incident(&d->s, inc, a, e);
    else if (r->n_matchers == 0)
        rc = err_set(e, ERR_INPUT, "a silence needs at least one matcher");
    else if (r->n_matchers > MATCHERS_MAX)
        rc = err_set(e, ERR_LIMIT, "a silence has at most %d matchers", MATCHERS_MAX);
    else
        rc = take_matchers(&d->s.matchers, &d->s.n_matchers, r->matchers, r->n_matchers, e);
    if (rc == 0 && a)
        rc = take_matchers(&d->s.scope, &d->s.n_scope, a->scope, a->n_scope, e);
    if (rc == 0)
        rc = set_times(n, &d->s, r, e);
    if (rc == 0) {
        d->s.incident = r->incident;
        member_text(&d->s.comment, r->comment, 1024);
        member_text(&d->s.by, a ? a->who : "", 128);
        member_text(&d->s.origin, a ? a->origin : "", 64);
        return d;
    }
    silence_free(d);
    return NULL;
}

void notify_set_own(struct notify *n, const struct own_alert *own, size_t n_own)
{
    assert(own || n_own == 0);
    n->own = own;
    n->n_own = n_own;
}

/* --- the preview ---------------------------------------------------------------------------------------------- */

static void count_incident(struct silence_preview *p, uint64_t number)
{
    for (size_t i = 0; i < p->incidents && i < 8; i++)
        if (p->first_incidents[i] == number)
            return;
    if (p->incidents < 8)
        p->first_incidents[p->incidents] = number;
    p->incidents++;
}

static const char *name_of(const struct label *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(l[i].name, "alertname") == 0)
            return l[i].value;
    return "";
}

/* Counts each alert once; the incidents from their own list, so that none is counted twice. */
static void count_now(const struct notify *n, const struct silence *s, struct silence_preview *p)
{
    struct map *rules = map_new();
    struct member *m;

    for (size_t at = 0; (m = map_next(n->members, &at, NULL, NULL));) {
        while (m && !m->firing)
            m = m->next_same;
        if (!m)
            continue;
        p->active += route_allows(s->scope, s->n_scope, m->labels, m->n_labels, m->priority);
        if (!silence_matches(s, m->labels, m->n_labels, m->priority))
            continue;
        p->now++;
        if (p->priority == 0 || m->priority < p->priority)
            p->priority = m->priority;
        if (rules && map_puts(rules, name_of(m->labels, m->n_labels), m, NULL))
            break;
    }
    p->rules = rules ? map_count(rules) : 0;
    map_free(rules, NULL);
    for (size_t i = 0; i < n->n_open; i++)
        for (size_t k = 0; k < n->open[i]->n_members; k++) {
            m = n->open[i]->members[k];
            if (!m->firing || !silence_matches(s, m->labels, m->n_labels, m->priority))
                continue;
            count_incident(p, n->open[i]->number);
            break;
        }
}

static void count_week(const struct notify *n, const struct silence *s, int64_t at_ms,
                       struct silence_preview *p)
{
    int64_t oldest_ms = n->n_starts ? n->starts[n->starts_at].at_ms : at_ms;

    for (size_t i = 0; i < n->n_starts; i++) {
        const struct start *st = &n->starts[(n->starts_at + i) % STARTS_MAX];
        if (at_ms - st->at_ms > WEEK_MS || !st->labels)
            continue;
        p->week += silence_matches(s, st->labels, st->n_labels, 0);
    }
    p->week_complete = at_ms - (n->n_starts == STARTS_MAX ? oldest_ms : n->born_ms) >= WEEK_MS;
}

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

static void preview(const struct notify *n, const struct silence *s, struct silence_preview *p)
{
    *p = (struct silence_preview){0};
    count_now(n, s, p);
    count_week(n, s, notify_now(n), p);
    p->own = aims_at_own(n, s);
    p->open_ended = is_open_ended(s);
    p->confirm = p->now > 0 ? p->now : 1;
    p->wide = p->open_ended || p->now > WIDE_ALERTS ||
              (p->now > WIDE_FROM && p->now * 100 > p->active * WIDE_PERCENT);
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
static int hard_rails(struct notify *n, const struct silence *s, const struct silence_request *r,
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

static int soft_rails(struct notify *n, const struct silence_preview *p,
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
    struct silence_record *d = draft(n, r, a, e ? e : &own);
    int rc;

    *out = (struct silence_preview){0};
    if (!d)
        return -1;
    rc = hard_rails(n, &d->s, r, a, e ? e : &own);
    if (rc == 0)
        preview(n, &d->s, out);
    silence_free(d);
    return rc;
}

/* --- making ---------------------------------------------------------------------------------------------------- */

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

static void silences_changed(struct notify *n)
{
    n->epoch++;
    n->silence_next_ms = 0; /* looked for again */
    for (size_t i = 0; i < n->n_open; i++)
        incident_mark(n, n->open[i]);
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
    if (!(d = draft(n, r, a, e)))
        return NULL;
    preview(n, &d->s, &seen);
    if (p)
        *p = seen;
    if (hard_rails(n, &d->s, r, a, e) || soft_rails(n, &seen, r, a, e))
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
    silences_changed(n);
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
    silences_changed(n);
    return 0;
}

/* Silences that last until their incident is resolved end with it. */
void silences_end_with(struct notify *n, uint64_t incident)
{
    int64_t at_ms = notify_now(n);

    for (size_t i = 0; i < n->n_silences; i++) {
        struct silence_record *r = n->silences[i];
        if (!r->s.until_resolved || r->s.incident != incident)
            continue;
        if (silence_state(&r->s, at_ms) == SILENCE_EXPIRED)
            continue;
        end_now(n, r, "tocsin");
        n->epoch++;
        n->silence_next_ms = 0;
    }
}
