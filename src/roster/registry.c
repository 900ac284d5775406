/* Names of the configuration: which there are, what they refer to, and that none refers to itself.
 * Everything is checked before anything is answered, so that no question can fail for what is written: an unknown name
 * at three in the morning is a page that nobody gets. Entries are found by "kind:name", the form in which people write
 * them too. Dropped: resolving names at each question, which needs no roster_new() and tells of a mistake when it hurts. */
#include "roster/registry.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define KEY_MAX     300
#define DUTY_OF_ROW 64 /* names in one row */

const char *const roster_kind_names[] = {"person", "rotation", "schedule", "receiver"};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory");
}

/* --- by name --- */

/* -1: none. */
static ptrdiff_t place_of(const struct roster *r, const char *kind, const char *name)
{
    char key[KEY_MAX];

    if (snprintf(key, sizeof key, "%s:%s", kind, name) >= (int)sizeof key)
        return -1;
    return (ptrdiff_t)(uintptr_t)map_gets(r->names, key) - 1;
}

struct suggestion { /* the nearest name of a kind, and a kind that has the very name */
    const char *names[1024];
    size_t n;
    const char *elsewhere;
};

static void collect(const struct roster *r, const char *kind, const char *name,
                    struct suggestion *s)
{
    size_t at = 0, len, kind_len = strlen(kind);
    const char *key;

    while (map_next(r->names, &at, &key, &len)) {
        const char *colon = memchr(key, ':', len);
        size_t n = (size_t)(colon - key);

        if (n == kind_len && memcmp(key, kind, n) == 0) {
            if (s->n < sizeof s->names / sizeof *s->names)
                s->names[s->n++] = colon + 1;
        } else if (strlen(name) == len - n - 1 && memcmp(colon + 1, name, len - n - 1) == 0) {
            for (int k = 0; k <= ROSTER_RECEIVER; k++)
                if (strncmp(roster_kind_names[k], key, n) == 0)
                    s->elsewhere = roster_kind_names[k];
        }
    }
}

int registry_unknown(const struct roster *r, const char *kind, const char *name, struct err *e)
{
    struct suggestion *s = mem_zalloc(sizeof *s);
    const char *near = NULL;

    if (!s)
        return no_memory(e);
    collect(r, kind, name, s);
    near = text_nearest(name, s->names, s->n);
    if (near)
        err_set(e, ERR_INPUT, "there is no %s \"%.64s\" — did you mean \"%s\"?", kind, name, near);
    else if (s->elsewhere)
        err_set(e, ERR_INPUT, "there is no %s \"%.64s\" — did you mean \"%s:%.64s\"?", kind, name,
                s->elsewhere, name);
    else
        err_set(e, ERR_INPUT, "there is no %s \"%.64s\"", kind, name);
    mem_free(s);
    return -1;
}

static bool found(const struct roster *r, enum roster_kind kind, const char *name,
                  struct roster_ref *out)
{
    ptrdiff_t at = place_of(r, roster_kind_names[kind], name);
    const struct roster_config *c = r->config;

    if (at < 0)
        return false;
    *out = (struct roster_ref){kind, (size_t)at,
                               kind == ROSTER_PERSON     ? c->people[at].name
                               : kind == ROSTER_ROTATION ? c->rotations[at].name
                               : kind == ROSTER_SCHEDULE ? c->schedules[at].name
                                                         : c->receivers[at]};
    return true;
}

/* "rotation:payments" only: what stands in the configuration. */
static int find_explicit(const struct roster *r, const char *name, struct roster_ref *out,
                         struct err *e)
{
    const char *colon = strchr(name, ':');

    for (int k = 0; colon && k <= ROSTER_RECEIVER; k++) {
        size_t n = strlen(roster_kind_names[k]);

        if ((size_t)(colon - name) != n || strncmp(name, roster_kind_names[k], n) != 0)
            continue;
        return found(r, (enum roster_kind)k, colon + 1, out)
                   ? 0
                   : registry_unknown(r, roster_kind_names[k], colon + 1, e);
    }
    if (colon) {
        char kind[24];
        const char *near;

        snprintf(kind, sizeof kind, "%.*s", (int)(colon - name), name);
        near = text_nearest(kind, roster_kind_names, ROSTER_RECEIVER + 1);
        return err_set(e, ERR_INPUT, "\"%.64s\": %s%s%s", name, near ? "did you mean \"" : "",
                       near ? near
                            : "a name begins with person:, rotation:, schedule: or receiver:",
                       near ? ":\"?" : "");
    }
    for (int k = ROSTER_RECEIVER; k >= 0; k--)
        if (found(r, (enum roster_kind)k, name, out))
            return err_set(e, ERR_INPUT,
                           "\"%.64s\" does not say what it is — did you mean \"%s:%.64s\"?", name,
                           roster_kind_names[k], name);
    return err_set(
        e, ERR_INPUT,
        "\"%.64s\": a name begins with person:, rotation:, schedule: or receiver:", name);
}

int roster_find(const struct roster *r, const char *name, struct roster_ref *out, struct err *e)
{
    if (strchr(name, ':'))
        return find_explicit(r, name, out, e);
    if (found(r, ROSTER_SCHEDULE, name, out) || found(r, ROSTER_ROTATION, name, out))
        return 0;
    return registry_unknown(r, r->config->n_schedules ? "schedule" : "rotation", name, e);
}

struct calendar *roster_calendar_named(const struct roster *r, const char *name, struct err *e)
{
    ptrdiff_t at = place_of(r, "calendar", name);

    if (at >= 0)
        return r->calendars[at];
    registry_unknown(r, "calendar", name, e);
    return NULL;
}

const struct escalation_policy *roster_policy_named(const struct roster *r, const char *name,
                                                    struct err *e)
{
    ptrdiff_t at = place_of(r, "escalation", name);

    if (at >= 0)
        return &r->config->escalations[at].policy;
    registry_unknown(r, "escalation", name, e);
    return NULL;
}

const struct roster_person *roster_person_named(const struct roster *r, const char *name)
{
    ptrdiff_t at = place_of(r, "person", name);

    return at < 0 ? NULL : &r->config->people[at];
}

/* --- as it is read --- */

struct reading {
    struct roster *r;
    const struct roster_place *where;
    struct err *e;
};

static int name_it(struct reading *x, const char *kind, const char *name, size_t at)
{
    char key[KEY_MAX];
    void *old = NULL;

    if (snprintf(key, sizeof key, "%s:%s", kind, name) >= (int)sizeof key)
        return err_set(x->e, ERR_LIMIT, "%s \"%.40s…\": the name is too long", kind, name);
    if (map_gets(x->r->names, key))
        return err_set(x->e, ERR_INPUT, "%s \"%s\" is defined twice", kind, name);
    return map_puts(x->r->names, key, (void *)(uintptr_t)(at + 1), &old) ? no_memory(x->e) : 0;
}

static int name_all(struct reading *x)
{
    const struct roster_config *c = x->r->config;

#define NAME_EACH(list, count, kind, name, place_of)   \
    for (size_t i = 0; i < (count); i++) {             \
        x->where = (place_of);                         \
        if (name_it(x, (kind), (list)[i].name, i) < 0) \
            return -1;                                 \
    }
    NAME_EACH(c->calendars, c->n_calendars, "calendar", config.name, &c->calendars[i].place)
    NAME_EACH(c->people, c->n_people, "person", name, &c->people[i].place)
    NAME_EACH(c->rotations, c->n_rotations, "rotation", name, &c->rotations[i].place)
    NAME_EACH(c->schedules, c->n_schedules, "schedule", name, &c->schedules[i].place)
    NAME_EACH(c->escalations, c->n_escalations, "escalation", policy.name, &c->escalations[i].place)
#undef NAME_EACH
    x->where = NULL;
    for (size_t i = 0; i < c->n_receivers; i++)
        if (name_it(x, "receiver", c->receivers[i], i) < 0)
            return -1;
    return 0;
}

static int check_receiver(struct reading *x, const char *name)
{
    return place_of(x->r, "receiver", name) < 0 ? registry_unknown(x->r, "receiver", name, x->e)
                                                : 0;
}

static int read_person(struct reading *x, const struct roster_person *p)
{
    if (p->receiver && check_receiver(x, p->receiver) < 0)
        return -1;
    for (size_t i = 0; i < p->n_notify; i++)
        for (size_t k = 0; k < p->notify[i].n_receivers; k++)
            if (check_receiver(x, p->notify[i].receivers[k]) < 0)
                return err_prefix(x->e, "notify");
    if (!p->receiver && p->n_notify == 0)
        return err_set(x->e, ERR_INPUT,
                       "nothing says how to reach them: give `receiver` or `notify`");
    if (p->zone) {
        struct tz zone;

        return tz_open(p->zone, &zone, x->e);
    }
    return 0;
}

static int read_rotation(struct reading *x, const struct roster_rotation *c, struct turns *t)
{
    if (rotation_read(c->zone, c->start, c->every, &t->rotation, x->e) < 0)
        return -1;
    if (c->n_people == 0)
        return err_set(x->e, ERR_INPUT, "it has no people: people = { \"ana\", \"bo\" }");
    if (c->n_people > ROSTER_PEOPLE_MAX)
        return err_set(x->e, ERR_LIMIT, "more than %d people", ROSTER_PEOPLE_MAX);
    t->people = mem_alloc(c->n_people * sizeof *t->people);
    if (!t->people)
        return no_memory(x->e);
    for (size_t i = 0; i < c->n_people; i++) {
        t->people[i] = roster_person_named(x->r, c->people[i]);
        if (!t->people[i])
            return registry_unknown(x->r, "person", c->people[i], x->e);
    }
    return 0;
}

/* --- schedules --- */

static int read_who(struct reading *x, const char *const *names, size_t n, struct roster_ref **out,
                    size_t *n_out)
{
    if (n > DUTY_OF_ROW)
        return err_set(x->e, ERR_LIMIT, "more than %d names in one row", DUTY_OF_ROW);
    *out = mem_alloc((n + 1) * sizeof **out);
    if (!*out)
        return no_memory(x->e);
    for (; *n_out < n; (*n_out)++) {
        struct roster_ref *ref = &(*out)[*n_out];

        if (find_explicit(x->r, names[*n_out], ref, x->e) < 0)
            return -1;
        if (ref->kind == ROSTER_RECEIVER)
            return err_set(
                x->e, ERR_INPUT,
                "\"%.64s\": a receiver is never on call; people, rotations and schedules are",
                names[*n_out]);
    }
    return 0;
}

static int read_row(struct reading *x, const struct roster_schedule *s, const struct roster_row *c,
                    struct duty_row *row)
{
    struct calendar_config when = {.zone = s->zone, .spans = c->spans, .n_spans = c->n_spans};

    if (c->n_who == 0)
        return err_set(x->e, ERR_INPUT,
                       "it names nobody: { \"Mon-Fri 09:00-18:00\", \"person:ana\" }");
    row->when = calendar_new(&when, x->e);
    if (!row->when || calendar_check(row->when, x->e) < 0)
        return -1;
    return read_who(x, c->who, c->n_who, &row->who, &row->n_who);
}

static int read_schedule(struct reading *x, const struct roster_schedule *c, struct plan *p)
{
    if (c->n_rows == 0 && c->n_otherwise == 0)
        return err_set(x->e, ERR_INPUT,
                       "it has neither a row nor `otherwise`: nobody is ever on call");
    if (c->n_rows > ROSTER_ROWS_MAX)
        return err_set(x->e, ERR_LIMIT, "more than %d rows", ROSTER_ROWS_MAX);
    p->rows = mem_zalloc((c->n_rows + 1) * sizeof *p->rows);
    if (!p->rows)
        return no_memory(x->e);
    for (size_t i = 0; i < c->n_rows; i++) {
        p->n_rows = i + 1;
        if (read_row(x, c, &c->rows[i], &p->rows[i]) < 0)
            return err_prefix(x->e, "row %zu", i + 1);
    }
    if (read_who(x, c->otherwise, c->n_otherwise, &p->otherwise, &p->n_otherwise) < 0)
        return err_prefix(x->e, "otherwise");
    return 0;
}

/* --- circles: what a name leads to may not lead back, nor go too deep --- */

enum { NEW, ON_THE_WAY, DONE };
struct visit { /* of a calendar or schedule; each is walked once */
    int state, depth;
};

static int meet(struct reading *x, const struct visit *v, const char *name, int *depth)
{
    if (v->state == ON_THE_WAY)
        return err_set(x->e, ERR_INPUT, "\"%.64s\" leads back to itself", name);
    if (v->depth >= *depth)
        *depth = v->depth + 1;
    if (*depth > DEPTH_MAX)
        return err_set(x->e, ERR_LIMIT, "more than %d inside each other", DEPTH_MAX);
    return 0;
}

static int walk_plan(struct reading *x, struct visit *visits, size_t at);

static int walk_refs(struct reading *x, struct visit *visits, const struct roster_ref *refs,
                     size_t n, int *depth)
{
    for (size_t i = 0; i < n; i++)
        if (refs[i].kind == ROSTER_SCHEDULE &&
            (walk_plan(x, visits, refs[i].at) < 0 ||
             meet(x, &visits[refs[i].at], refs[i].name, depth) < 0))
            return -1;
    return 0;
}

/* Deeper than DEPTH_MAX only on the way into a circle, as often as there are schedules. */
static int walk_plan(struct reading *x, struct visit *visits, size_t at)
{
    const struct plan *p = &x->r->plans[at];
    int depth = 0;

    if (visits[at].state != NEW)
        return 0;
    visits[at].state = ON_THE_WAY;
    x->where = &x->r->config->schedules[at].place;
    for (size_t i = 0; i < p->n_rows; i++)
        if (walk_refs(x, visits, p->rows[i].who, p->rows[i].n_who, &depth) < 0)
            return -1;
    if (walk_refs(x, visits, p->otherwise, p->n_otherwise, &depth) < 0)
        return -1;
    visits[at] = (struct visit){DONE, depth};
    return 0;
}

static int walk_calendar(struct reading *x, struct visit *visits, size_t at)
{
    const struct roster_calendar *c = &x->r->config->calendars[at];
    int depth = 0;

    if (visits[at].state != NEW)
        return 0;
    visits[at].state = ON_THE_WAY;
    x->where = &c->place;
    for (size_t i = 0; i < c->n_except; i++) {
        ptrdiff_t next = place_of(x->r, "calendar", c->except[i]);

        if (next < 0) {
            registry_unknown(x->r, "calendar", c->except[i], x->e);
            return err_prefix(x->e, "except");
        }
        if (walk_calendar(x, visits, (size_t)next) < 0 ||
            meet(x, &visits[next], c->except[i], &depth) < 0)
            return -1;
    }
    visits[at] = (struct visit){DONE, depth};
    return 0;
}

static int walk_all(struct reading *x, int (*walk)(struct reading *, struct visit *, size_t),
                    size_t n)
{
    struct visit *visits = mem_zalloc((n + 1) * sizeof *visits);
    int rc = 0;

    if (!visits)
        return no_memory(x->e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = walk(x, visits, i);
    mem_free(visits);
    return rc;
}

static int connect_calendar(struct reading *x, size_t at)
{
    const struct roster_calendar *c = &x->r->config->calendars[at];

    for (size_t i = 0; i < c->n_except; i++)
        if (calendar_except(x->r->calendars[at],
                            x->r->calendars[place_of(x->r, "calendar", c->except[i])], x->e) < 0)
            return -1;
    return 0;
}

/* --- the steps of a policy --- */

static int read_policy(struct reading *x, const struct escalation_policy *p)
{
    struct roster_ref ref;

    if (escalation_check(p, x->e) < 0)
        return -1;
    for (size_t i = 0; i < p->n_steps; i++) {
        if (p->steps[i].n_notify == 0)
            return err_set(x->e, ERR_INPUT, "step %zu tells nobody: notify = \"schedule:…\"",
                           i + 1);
        for (size_t k = 0; k < p->steps[i].n_notify; k++)
            if (find_explicit(x->r, p->steps[i].notify[k], &ref, x->e) < 0)
                return err_prefix(x->e, "step %zu", i + 1);
    }
    if (p->unanswered && check_receiver(x, p->unanswered) < 0)
        return err_prefix(x->e, "unanswered");
    return 0;
}

/* --- the whole --- */

static int read_calendars(struct reading *x)
{
    const struct roster_config *c = x->r->config;

    for (size_t i = 0; i < c->n_calendars; i++) {
        x->where = &c->calendars[i].place;
        x->r->calendars[i] = calendar_new(&c->calendars[i].config, x->e);
        if (!x->r->calendars[i])
            return err_prefix(x->e, "calendar \"%s\"", c->calendars[i].config.name);
    }
    if (walk_all(x, walk_calendar, c->n_calendars) < 0)
        return -1;
    for (size_t i = 0; i < c->n_calendars; i++) { /* no circle is left */
        x->where = &c->calendars[i].place;
        if (connect_calendar(x, i) < 0)
            return err_prefix(x->e, "calendar \"%s\"", c->calendars[i].config.name);
    }
    for (size_t i = 0; i < c->n_calendars; i++) {
        x->where = &c->calendars[i].place;
        if (calendar_check(x->r->calendars[i], x->e) < 0)
            return err_prefix(x->e, "calendar \"%s\"", c->calendars[i].config.name);
    }
    return 0;
}

static int read_all(struct reading *x)
{
    const struct roster_config *c = x->r->config;

    if (name_all(x) < 0 || read_calendars(x) < 0)
        return -1;
    for (size_t i = 0; i < c->n_people; i++) {
        x->where = &c->people[i].place;
        if (read_person(x, &c->people[i]) < 0)
            return err_prefix(x->e, "person \"%s\"", c->people[i].name);
    }
    for (size_t i = 0; i < c->n_rotations; i++) {
        x->where = &c->rotations[i].place;
        if (read_rotation(x, &c->rotations[i], &x->r->turns[i]) < 0)
            return err_prefix(x->e, "rotation \"%s\"", c->rotations[i].name);
    }
    for (size_t i = 0; i < c->n_schedules; i++) {
        x->where = &c->schedules[i].place;
        if (read_schedule(x, &c->schedules[i], &x->r->plans[i]) < 0)
            return err_prefix(x->e, "schedule \"%s\"", c->schedules[i].name);
    }
    if (walk_all(x, walk_plan, c->n_schedules) < 0)
        return -1;
    for (size_t i = 0; i < c->n_escalations; i++) {
        x->where = &c->escalations[i].place;
        if (read_policy(x, &c->escalations[i].policy) < 0)
            return err_prefix(x->e, "escalation \"%s\"", c->escalations[i].policy.name);
    }
    return 0;
}

struct roster *roster_new(const struct roster_config *c, const struct roster_place **where,
                          struct err *e)
{
    struct roster *r = mem_zalloc(sizeof *r);
    struct reading x = {.r = r, .e = e};

    if (where)
        *where = NULL;
    if (!r) {
        no_memory(e);
        return NULL;
    }
    r->config = c;
    r->names = map_new();
    r->calendars = mem_zalloc((c->n_calendars + 1) * sizeof(void *));
    r->turns = mem_zalloc((c->n_rotations + 1) * sizeof *r->turns);
    r->plans = mem_zalloc((c->n_schedules + 1) * sizeof *r->plans);
    if (!r->names || !r->calendars || !r->turns || !r->plans)
        no_memory(e);
    else if (read_all(&x) == 0)
        return r;
    if (where)
        *where = x.where;
    roster_free(r);
    return NULL;
}

static void free_plan(struct plan *p)
{
    for (size_t i = 0; i < p->n_rows; i++) {
        calendar_free(p->rows[i].when);
        mem_free(p->rows[i].who);
    }
    mem_free(p->rows);
    mem_free(p->otherwise);
}

void roster_free(struct roster *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->calendars && i < r->config->n_calendars; i++)
        calendar_free(r->calendars[i]);
    for (size_t i = 0; r->turns && i < r->config->n_rotations; i++)
        mem_free(r->turns[i].people);
    for (size_t i = 0; r->plans && i < r->config->n_schedules; i++)
        free_plan(&r->plans[i]);
    map_free(r->names, NULL);
    mem_free(r->calendars);
    mem_free(r->turns);
    mem_free(r->plans);
    mem_free(r);
}
