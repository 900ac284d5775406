/* People, rotations and schedules while they are collected, and their Lua.
 * A layer that counts more than another is a schedule whose `otherwise` is the schedule of the next; so however many
 * layers an export has, nothing but the roster's own words is needed, and an override is one more layer on top, of
 * dates. Names are made of what people see in the export, since they are what everybody will type. */
#include "convert/oncall_plan.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_in.h"
#include "base/mem.h"
#include "roster/civil.h"

#define NAME_MAX_LEN 100

static const char day_names[7][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

void plan_no_memory(struct plan *p)
{
    if (!p->c.failed)
        err_set(p->c.e, ERR_MEMORY, "%s: no memory", p->c.name);
    p->c.failed = true;
}

const char *plan_text(struct plan *p, const char *fmt, ...)
{
    struct buf b = BUF_INIT;
    const char *text;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&b, fmt, ap);
    va_end(ap);
    text = buf_ok(&b) ? region_strdup(&p->region, buf_str(&b)) : NULL;
    buf_free(&b);
    if (!text)
        plan_no_memory(p);
    return text ? text : "";
}

static bool grow(struct plan *p, void **list, size_t *cap, size_t n, size_t size)
{
    if (n == PLAN_MAX)
        conversion_fail(&p->c, NULL, "more than %d of a kind", PLAN_MAX);
    else if (mem_grow(list, cap, n + 1, size) < 0)
        plan_no_memory(p);
    return !p->c.failed;
}

/* --- people --- */

/* "Ana Ruiz" and "ana.ruiz@example.com" become ana-ruiz and ana.ruiz: what is before the @, where there is one. */
static const char *name_of(struct plan *p, const char *name, const char *email, const char *id)
{
    const char *from = *email ? email : *name ? name : id;
    char out[NAME_MAX_LEN + 1];
    size_t n = 0;

    for (; *from && *from != '@' && n < NAME_MAX_LEN - 10; from++) {
        bool letter = isalnum((unsigned char)*from) || *from == '.' || *from == '_' ||
                      (unsigned char)*from >= 0x80;

        if (letter)
            out[n++] = (char)tolower((unsigned char)*from);
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    return plan_text(p, "%s", n ? out : "somebody");
}

static bool person_taken(const struct plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_people; i++)
        if (strcmp(p->people[i].person.name, name) == 0)
            return true;
    return false;
}

const char *plan_person(struct plan *p, const char *id, const char *name, const char *email)
{
    const char *wish, *taken;

    for (size_t i = 0; i < p->n_people; i++)
        if (strcmp(p->people[i].id, id) == 0)
            return p->people[i].person.name;
    if (!grow(p, (void **)&p->people, &p->cap_people, p->n_people, sizeof *p->people))
        return "";
    taken = wish = name_of(p, name, email, id);
    for (int k = 2; person_taken(p, taken); k++)
        taken = plan_text(p, "%s-%d", wish, k);
    p->people[p->n_people++] = (struct plan_person){
        {.name = taken, .receiver = taken, .email = *email ? plan_text(p, "%s", email) : NULL},
        plan_text(p, "%s", id)};
    return taken;
}

/* --- rotations --- */

static bool rotation_taken(const struct plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_rotations; i++)
        if (strcmp(p->rotations[i].name, name) == 0)
            return true;
    return false;
}

const char *plan_rotation(struct plan *p, const char *name, const char *zone, int64_t start_wall_s,
                          const char *every, const char *const *people, size_t n)
{
    const char *taken = plan_text(p, "%.100s", *name ? name : "rotation"), *wish = taken;
    const char **copy = region_alloc(&p->region, (n + 1) * sizeof(*copy));

    if (!copy)
        plan_no_memory(p);
    if (p->c.failed ||
        !grow(p, (void **)&p->rotations, &p->cap_rotations, p->n_rotations, sizeof *p->rotations))
        return "";
    for (size_t i = 0; i < n; i++)
        copy[i] = people[i];
    for (int k = 2; rotation_taken(p, taken); k++)
        taken = plan_text(p, "%s %d", wish, k);
    p->rotations[p->n_rotations++] = (struct roster_rotation){.name = taken,
                                                              .zone = zone,
                                                              .start = plan_clock(p, start_wall_s),
                                                              .every = every,
                                                              .people = copy,
                                                              .n_people = n};
    return plan_text(p, "rotation:%s", taken);
}

/* --- schedules --- */

void plan_row(struct plan *p, struct plan_layer *l, const char *span, const char *who)
{
    if (!*who || !grow(p, (void **)&l->rows, &l->cap, l->n, sizeof *l->rows))
        return;
    l->rows[l->n++] = (struct plan_row){span, who};
}

static bool schedule_taken(const struct plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_schedules; i++)
        if (strcmp(p->schedules[i].name, name) == 0)
            return true;
    return false;
}

/* The days at the front of "Mon,Tue 09:00-17:00"; 0: it begins with no days, or goes from day to day. */
static unsigned days_of(const char *span, const char **times)
{
    unsigned all = 0;
    int last = -1;

    for (;; span += *span == ',' || *span == '-') {
        int d = 0;

        while (d < 7 && strncmp(span, day_names[d], 3) != 0)
            d++;
        if (d == 7)
            return 0;
        for (int i = last >= 0 ? last : d; i <= d; i++)
            all |= 1u << i;
        span += 3;
        last = *span == '-' ? d : -1;
        if (*span != ',' && *span != '-')
            break;
    }
    *times = *span == ' ' ? span + 1 : NULL;
    return (*span && *span != ' ') || strstr(span, " - ") ? 0 : all;
}

/* "Mon 09:00-17:00" and "Tue 09:00-17:00" are "Mon,Tue 09:00-17:00"; NULL: they are two. */
static const char *joined(struct plan *p, const char *a, const char *b)
{
    const char *times_a = NULL, *times_b = NULL;
    unsigned first = days_of(a, &times_a), second = days_of(b, &times_b);

    if (!first || !second || !times_a != !times_b || (times_a && strcmp(times_a, times_b) != 0))
        return NULL;
    return plan_days(p, first | second, times_a);
}

static void put_span(struct plan *p, struct roster_row *row, const char *span)
{
    const char **spans = (const char **)(size_t)row->spans;
    const char *both = row->n_spans ? joined(p, spans[row->n_spans - 1], span) : NULL;

    if (both)
        spans[row->n_spans - 1] = both;
    else
        spans[row->n_spans++] = span;
}

/* Rows of one person or rotation are one row with several spans, in the order in which they came. */
static void set_rows(struct plan *p, struct plan_schedule *s, const struct plan_layer *l)
{
    s->rows = region_alloc(&p->region, (l->n + 1) * sizeof *s->rows);
    for (size_t i = 0; s->rows && i < l->n; i++) {
        const char *span = l->rows[i].span ? l->rows[i].span : "00:00-24:00";
        struct roster_row *row = NULL;

        for (size_t k = 0; k < s->n_rows && !row; k++)
            if (strcmp(s->rows[k].who[0], l->rows[i].who) == 0)
                row = &s->rows[k];
        if (!row) {
            const char **who = region_alloc(&p->region, sizeof(*who));
            const char **spans = region_alloc(&p->region, (l->n + 1) * sizeof(*spans));

            if (!who || !spans)
                break;
            *who = l->rows[i].who;
            row = &s->rows[s->n_rows++];
            *row = (struct roster_row){.who = who, .n_who = 1, .spans = spans};
        }
        put_span(p, row, span);
    }
    if (!s->rows || (l->n && !s->n_rows))
        plan_no_memory(p);
}

/* "schedule:…", or the one who has the layer always. NULL: nobody. */
static const char *layer(struct plan *p, const char *name, const char *zone,
                         const struct plan_layer *l, size_t n, size_t i)
{
    const char *taken = i ? plan_text(p, "%s, layer %zu", name, i + 1) : name, *rest = NULL;
    bool whole = false;
    size_t at;

    while (i < n && l[i].n == 0)
        i++;
    if (i == n && p->n_schedules > 0 && strcmp(taken, name) != 0)
        return NULL;
    for (size_t k = 0; i < n && k < l[i].n; k++)
        whole = whole || !l[i].rows[k].span;
    if (i < n && whole && l[i].n == 1 && strcmp(taken, name) != 0)
        return l[i].rows[0].who;
    for (int k = 2; schedule_taken(p, taken); k++)
        taken = plan_text(p, "%s %d", name, k);
    if (!grow(p, (void **)&p->schedules, &p->cap_schedules, p->n_schedules, sizeof *p->schedules))
        return NULL;
    at = p->n_schedules++;
    p->schedules[at] = (struct plan_schedule){.name = taken, .zone = zone};
    if (i < n && whole && l[i].n == 1)
        rest = l[i].rows[0].who;
    else if (i < n)
        set_rows(p, &p->schedules[at], &l[i]);
    if (i < n && !whole)
        rest = layer(p, name, zone, l, n, i + 1);
    p->schedules[at].otherwise = rest;
    return plan_text(p, "schedule:%s", taken);
}

void plan_layers(struct plan *p, const char *name, const char *zone, struct plan_layer *layers,
                 size_t n)
{
    size_t at = p->n_schedules;

    if (!p->c.failed)
        layer(p, plan_text(p, "%.100s", *name ? name : "on call"), zone, layers, n, 0);
    if (!p->c.failed && at < p->n_schedules)
        p->schedules[at].top = true;
    for (size_t i = 0; i < n; i++)
        mem_free(layers[i].rows);
}

void plan_shift(struct plan *p, const char *schedule, const char *person, int64_t from_ms,
                int64_t until_ms)
{
    if (until_ms <= from_ms ||
        !grow(p, (void **)&p->shifts, &p->cap_shifts, p->n_shifts, sizeof *p->shifts))
        return;
    p->shifts[p->n_shifts++] =
        (struct plan_shift){plan_text(p, "%.100s", schedule), person, from_ms, until_ms};
}

void plan_clear(struct plan *p)
{
    mem_free(p->people);
    mem_free(p->rotations);
    mem_free(p->schedules);
    mem_free(p->shifts);
    region_free(&p->region);
}

/* --- times --- */

struct tz plan_zone(struct plan *p, const char **name)
{
    struct tz z = {NULL};
    struct err e;

    if (!*name || !**name)
        *name = "UTC";
    if (tz_open(*name, &z, &e) < 0) {
        element_manual(&p->c, "%s; its times are taken as UTC", e.text);
        *name = "UTC";
    }
    return z;
}

int64_t plan_time(const cJSON *o, const char *key)
{
    return json_in_time(o, key);
}

const char *plan_clock(struct plan *p, int64_t wall_s)
{
    struct civil d = civil_of(civil_div(wall_s, DAY_S));
    int minute = (int)((wall_s - civil_div(wall_s, DAY_S) * DAY_S) / 60);

    return plan_text(p, "%04d-%02d-%02d %02d:%02d", d.year, d.month, d.day, minute / 60,
                     minute % 60);
}

const char *plan_once(struct plan *p, struct tz z, int64_t from_ms, int64_t until_ms)
{
    return plan_text(p, "%s - %s", plan_clock(p, tz_wall(z, civil_div(from_ms, 1000))),
                     plan_clock(p, tz_wall(z, civil_div(until_ms, 1000))));
}

const char *plan_day(struct plan *p, int from_min, int64_t lasts_min)
{
    int until = (int)((from_min + lasts_min) % 1440);

    if (lasts_min >= 1440)
        return NULL;
    until = until ? until : 1440;
    return plan_text(p, "%02d:%02d-%02d:%02d", from_min / 60, from_min % 60, until / 60,
                     until % 60);
}

const char *plan_days(struct plan *p, unsigned by_day, const char *times)
{
    struct buf b = BUF_INIT;
    const char *text;

    for (int i = 0; i < 7; i++) {
        int last = i;

        if (!(by_day >> i & 1))
            continue;
        while (last < 6 && by_day >> (last + 1) & 1)
            last++;
        buf_addf(&b, "%s%s", b.len ? "," : "", day_names[i]);
        if (last > i)
            buf_addf(&b, "%s%s", last > i + 1 ? "-" : ",", day_names[last]);
        i = last;
    }
    text = plan_text(p, "%s%s%s", buf_str(&b), times ? " " : "", times ? times : "");
    buf_free(&b);
    return text;
}

const char *plan_week(struct plan *p, int from_min, int64_t lasts_min)
{
    int day = from_min / 1440, in_day = from_min % 1440;
    int until = (int)((from_min + lasts_min) % (7 * 1440));

    if (lasts_min >= 7 * 1440)
        return NULL;
    if (lasts_min < 1440)
        return plan_text(p, "%s %s", day_names[day], plan_day(p, in_day, lasts_min));
    if (lasts_min == 1440 && in_day == 0)
        return day_names[day];
    return plan_text(p, "%s %02d:%02d - %s %02d:%02d", day_names[day], in_day / 60, in_day % 60,
                     day_names[until / 1440], until % 1440 / 60, until % 60);
}

const char *plan_every(struct plan *p, int64_t seconds)
{
    static const struct {
        int64_t s;
        char unit;
    } units[] = {{7 * DAY_S, 'w'}, {DAY_S, 'd'}, {3600, 'h'}};

    for (size_t i = 0; i < 3; i++)
        if (seconds > 0 && seconds % units[i].s == 0 && seconds / units[i].s <= 1000)
            return plan_text(p, "%" PRId64 "%c", seconds / units[i].s, units[i].unit);
    element_manual(&p->c,
                   "a turn of %" PRId64
                   " s is none of whole hours, at most 1000: write the rotation by hand",
                   seconds);
    return NULL;
}

/* --- Lua --- */

static void write_list(struct buf *out, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_adds(out, i ? ", " : "");
        say_quoted(out, list[i]);
    }
}

static void write_rotation(struct buf *out, const struct roster_rotation *r)
{
    buf_adds(out, "rotation ");
    say_quoted(out, r->name);
    buf_adds(out, " { ");
    if (r->zone && strcmp(r->zone, "UTC") != 0) {
        buf_adds(out, "zone = ");
        say_quoted(out, r->zone);
        buf_adds(out, ", ");
    }
    buf_addf(out, "start = \"%s\", every = \"%s\", people = { ", r->start, r->every);
    write_list(out, r->people, r->n_people);
    buf_adds(out, " } }\n");
}

static void write_schedule(struct buf *out, const struct plan_schedule *s)
{
    buf_adds(out, "\nschedule ");
    say_quoted(out, s->name);
    buf_adds(out, " {\n");
    if (s->zone && strcmp(s->zone, "UTC") != 0)
        say_text(out, 1, "zone", s->zone);
    for (size_t i = 0; i < s->n_rows; i++) {
        buf_adds(out, "  { ");
        write_list(out, s->rows[i].spans, s->rows[i].n_spans);
        buf_adds(out, ", ");
        write_list(out, s->rows[i].who, s->rows[i].n_who);
        buf_adds(out, " },\n");
    }
    if (s->otherwise) {
        buf_adds(out, "  otherwise = ");
        say_quoted(out, s->otherwise);
        buf_adds(out, ",\n");
    }
    buf_adds(out, "}\n");
}

void plan_write(struct plan *p)
{
    struct buf *out = &p->c.out->lua;

    buf_adds(out, "-- People. Their receivers keep messages in the inbox until you write how each "
                  "is told.\n");
    for (size_t i = 0; i < p->n_people; i++) {
        const struct roster_person *one = &p->people[i].person;

        buf_adds(out, "receiver ");
        say_quoted(out, one->name);
        buf_adds(out, " { inbox {} }\nperson ");
        say_quoted(out, one->name);
        buf_adds(out, " { receiver = ");
        say_quoted(out, one->name);
        if (one->email) {
            buf_adds(out, ", email = ");
            say_quoted(out, one->email);
        }
        buf_adds(out, " }\n");
    }
    buf_addc(out, '\n');
    for (size_t i = 0; i < p->n_rotations; i++)
        write_rotation(out, &p->rotations[i]);
    for (size_t i = 0; i < p->n_schedules; i++)
        write_schedule(out, &p->schedules[i]);
}
