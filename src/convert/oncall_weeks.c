/* The next four weeks of an export and of what became of it, beside each other.
 * The right side is asked of the roster, by the text's own rotations and schedules; the left is what the provider
 * itself says (its rendered shifts), so that a misreading shows, whoever is at fault. A line stands for a time in which
 * nothing changes on either side; where the sides differ it begins with an exclamation mark. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "convert/oncall_plan.h"
#include "roster/civil.h"
#include "tocsin/oncall.h"

#define WEEKS_MS    (INT64_C(28) * 24 * 3600 * 1000)
#define NAMES_MAX   16
#define MOMENTS_MAX 20000
#define COLUMN      22

struct names {
    const char *list[NAMES_MAX];
    size_t n;
};

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void add_name(struct names *s, const char *name)
{
    size_t at = 0;

    while (at < s->n && strcmp(s->list[at], name) < 0)
        at++;
    if (s->n == NAMES_MAX || (at < s->n && strcmp(s->list[at], name) == 0))
        return;
    memmove(&s->list[at + 1], &s->list[at], (s->n - at) * sizeof s->list[0]);
    s->list[at] = name;
    s->n++;
}

static bool same(const struct names *a, const struct names *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++)
        if (strcmp(a->list[i], b->list[i]) != 0)
            return false;
    return a->n == b->n;
}

static void theirs_at(const struct plan *p, const char *schedule, int64_t at, struct names *out)
{
    *out = (struct names){0};
    for (size_t i = 0; i < p->n_shifts; i++)
        if (p->shifts[i].from_ms <= at && at < p->shifts[i].until_ms &&
            strcmp(p->shifts[i].schedule, schedule) == 0)
            add_name(out, p->shifts[i].person);
}

static void ours_at(const struct roster_shifts *s, int64_t at, struct names *out)
{
    *out = (struct names){0};
    for (size_t i = 0; i < s->n; i++)
        if (s->list[i].start_ms <= at && at < s->list[i].end_ms)
            add_name(out, s->list[i].person->name);
}

/* Padded by characters, not bytes. */
static void column(struct buf *out, const char *text)
{
    size_t n = 0;

    buf_adds(out, text);
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    do
        buf_addc(out, ' ');
    while (++n < COLUMN);
}

static void names(struct buf *out, const struct names *s)
{
    struct buf b = BUF_INIT;

    for (size_t i = 0; i < s->n; i++)
        buf_addf(&b, "%s%s", i ? ", " : "", s->list[i]);
    column(out, s->n ? buf_str(&b) : "nobody");
    buf_free(&b);
}

static void when(struct buf *out, struct tz z, int64_t at_ms)
{
    int64_t wall = tz_wall(z, civil_div(at_ms, 1000)), day = civil_div(wall, DAY_S);
    struct civil d = civil_of(day);
    struct buf b = BUF_INIT;
    int minute = (int)((wall - day * DAY_S) / 60);

    buf_addf(&b, "%.3s %04d-%02d-%02d %02d:%02d", &"MonTueWedThuFriSatSun"[3 * civil_weekday(day)],
             d.year, d.month, d.day, minute / 60, minute % 60);
    column(out, buf_str(&b));
    buf_free(&b);
}

/* All instants at which one of the sides changes, sorted. */
static size_t moments(const struct plan *p, const char *schedule, const struct roster_shifts *ours,
                      int64_t **out)
{
    int64_t from = p->now_ms, until = from + WEEKS_MS, *list;
    size_t n = 0, kept = 0;

    list = mem_alloc((2 * (p->n_shifts + ours->n) + 2) * sizeof *list);
    if (!list)
        return 0;
    list[n++] = from;
    for (size_t i = 0; i < p->n_shifts; i++)
        if (strcmp(p->shifts[i].schedule, schedule) == 0) {
            list[n++] = p->shifts[i].from_ms;
            list[n++] = p->shifts[i].until_ms;
        }
    for (size_t i = 0; i < ours->n; i++) {
        list[n++] = ours->list[i].start_ms;
        list[n++] = ours->list[i].end_ms;
    }
    qsort(list, n, sizeof *list, by_time);
    for (size_t i = 0; i < n && kept < MOMENTS_MAX; i++)
        if (list[i] >= from && list[i] < until && (kept == 0 || list[kept - 1] != list[i]))
            list[kept++] = list[i];
    *out = list;
    return kept;
}

static bool has_shifts(const struct plan *p, const char *schedule)
{
    for (size_t i = 0; i < p->n_shifts; i++)
        if (strcmp(p->shifts[i].schedule, schedule) == 0 &&
            p->shifts[i].from_ms < p->now_ms + WEEKS_MS && p->shifts[i].until_ms > p->now_ms)
            return true;
    return false;
}

static void compare(struct plan *p, const struct plan_schedule *s, const struct roster_shifts *ours)
{
    struct buf *out = &p->c.out->beside;
    const char *zone = s->zone;
    struct names a, b, last_a = {.n = 0}, last_b = {.n = 0};
    bool known = has_shifts(p, s->name);
    int64_t *at = NULL, differ = 0;
    struct tz z = plan_zone(p, &zone);
    size_t n = moments(p, s->name, ours, &at);

    buf_addf(out, "%s%s (%s)\n  ", out->len ? "\n" : "", s->name, zone);
    column(out, "from");
    column(out, known ? "the export" : "");
    buf_adds(out, "here\n");
    for (size_t i = 0; i < n; i++) {
        int64_t until = i + 1 < n ? at[i + 1] : p->now_ms + WEEKS_MS;

        theirs_at(p, s->name, at[i], &a);
        ours_at(ours, at[i], &b);
        if (known && !same(&a, &b))
            differ += until - at[i];
        if (i > 0 && same(&a, &last_a) && same(&b, &last_b))
            continue;
        buf_adds(out, known && !same(&a, &b) ? "! " : "  ");
        when(out, z, at[i]);
        if (known)
            names(out, &a);
        else
            column(out, "");
        names(out, &b);
        while (out->len > 0 && out->data[out->len - 1] == ' ')
            out->data[--out->len] = '\0';
        buf_addc(out, '\n');
        last_a = a;
        last_b = b;
    }
    mem_free(at);
    element_begin(&p->c, 0, "the next four weeks of \"%s\"", s->name);
    if (!known)
        element_differs(
            &p->c, "the export does not say who is on call in them, so only what became of it is "
                   "shown (docs/migration.md names the request that tells)");
    else if (differ > 0)
        element_manual(&p->c, "%lld h %lld min of them differ: the lines with ! below",
                       (long long)(differ / 3600000), (long long)(differ / 60000 % 60));
}

/* What was collected, as the roster takes it; `c` lives as long. */
static struct roster *roster_of(struct plan *p, struct roster_config *c, struct err *e)
{
    struct roster_person *people = region_alloc(&p->region, (p->n_people + 1) * sizeof *people);
    const char **receivers = region_alloc(&p->region, (p->n_people + 1) * sizeof(*receivers));
    struct roster_schedule *s = region_alloc(&p->region, (p->n_schedules + 1) * sizeof *s);

    if (!people || !receivers || !s) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    for (size_t i = 0; i < p->n_people; i++) {
        people[i] = p->people[i].person;
        receivers[i] = people[i].name;
    }
    for (size_t i = 0; i < p->n_schedules; i++) {
        const struct plan_schedule *from = &p->schedules[i];

        s[i] = (struct roster_schedule){.name = from->name,
                                        .zone = from->zone,
                                        .rows = from->rows,
                                        .n_rows = from->n_rows,
                                        .otherwise = &from->otherwise,
                                        .n_otherwise = from->otherwise != NULL};
    }
    *c = (struct roster_config){.rotations = p->rotations, .n_rotations = p->n_rotations};
    c->people = people;
    c->n_people = p->n_people;
    c->receivers = receivers;
    c->n_receivers = p->n_people;
    c->schedules = s;
    c->n_schedules = p->n_schedules;
    return roster_new(c, NULL, e);
}

void plan_compare(struct plan *p)
{
    struct err e = {.text = ""};
    struct roster_config config;
    struct roster *r = roster_of(p, &config, &e);

    if (!r && !p->c.failed) {
        p->c.failed = true;
        err_set(p->c.e, e.code, "%s: what became of it cannot be used: %s", p->c.name, e.text);
    }
    for (size_t i = 0; r && i < p->n_schedules && !p->c.failed; i++) {
        struct roster_shifts shifts = {0};
        struct roster_ref who;

        if (!p->schedules[i].top)
            continue;
        if (roster_find(r, plan_text(p, "schedule:%s", p->schedules[i].name), &who, &e) < 0 ||
            roster_shifts_between(r, NULL, &who, p->now_ms, p->now_ms + WEEKS_MS, &shifts, &e) <
                0) {
            p->c.failed = true;
            err_set(p->c.e, e.code, "%s: %s", p->c.name, e.text);
        } else {
            compare(p, &p->schedules[i], &shifts);
        }
        mem_free(shifts.list);
    }
    roster_free(r);
}
