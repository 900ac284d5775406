/* time_intervals become calendars. One interval is one span, since a span too takes days of the week, days of the
 * month, times and months together:
 *
 *   weekdays: ['monday:friday']  times: [{start_time: '08:00', end_time: '18:00'}]  months: ['1:3']
 *   "Mon-Fri 08:00-18:00 in Jan-Mar"
 *
 * Only years have no place in it: alone they are dates, with others a rule (RRULE) that ends. */
#include "convert/am.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMES_MAX 8 /* of one span */

static const char *const days[] = {"sunday",   "monday", "tuesday", "wednesday",
                                   "thursday", "friday", "saturday"};
static const char *const months[] = {"january",   "february", "march",    "april",
                                     "may",       "june",     "july",     "august",
                                     "september", "october",  "november", "december"};
static const char *const rule_days[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

struct range {
    int from, until;
};

struct interval {
    struct range weekdays[16], month_days[40], months[16], years[16];
    size_t n_weekdays, n_month_days, n_months, n_years;
    struct range times[TIMES_MAX]; /* minutes */
    size_t n_times;
};

static int word_at(const char *s, const char *const *names, int n, int first)
{
    for (int i = 0; i < n; i++)
        if (strcasecmp(s, names[i]) == 0)
            return i + first;
    return INT32_MIN;
}

static int number_at(const char *s, const char *const *names, int n, int first)
{
    char *end;
    long v = names ? word_at(s, names, n, first) : INT32_MIN;

    if (v == INT32_MIN && *s && (!names || n == 12)) {
        v = strtol(s, &end, 10);
        if (*end || v < -100000 || v > 100000)
            v = INT32_MIN;
    }
    return (int)v;
}

/* 'monday:friday', '1', '-3:-1' */
static bool range_of(const char *text, const char *const *names, int n, int first,
                     struct range *out)
{
    char copy[64];
    char *colon;

    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
        return false;
    colon = strchr(copy, ':');
    if (colon)
        *colon = '\0';
    out->from = number_at(copy, names, n, first);
    out->until = colon ? number_at(colon + 1, names, n, first) : out->from;
    return out->from != INT32_MIN && out->until != INT32_MIN;
}

static size_t ranges(struct conversion *c, const struct doc_node *map, const char *key,
                     const char *const *names, int n, int first, struct range *out, size_t max)
{
    const struct doc_node *list = take_list(c, map, key);
    size_t count = 0;

    for (size_t i = 0; list && i < list->n; i++) {
        if (count == max || list->items[i]->kind != DOC_TEXT ||
            !range_of(list->items[i]->text, names, n, first, &out[count])) {
            conversion_fail(c, list->items[i], "%s: \"%s\" is none that Alertmanager takes", key,
                            list->items[i]->text);
            return count;
        }
        count++;
    }
    return count;
}

static int clock_of(const char *s)
{
    int h, m;

    if (!s || strlen(s) != 5 || s[2] != ':' || !isdigit((unsigned char)s[0]) ||
        !isdigit((unsigned char)s[1]) || !isdigit((unsigned char)s[3]) ||
        !isdigit((unsigned char)s[4]))
        return -1;
    h = (s[0] - '0') * 10 + s[1] - '0';
    m = (s[3] - '0') * 10 + s[4] - '0';
    return m > 59 || h * 60 + m > 1440 ? -1 : h * 60 + m;
}

static void read_times(struct conversion *c, const struct doc_node *map, struct interval *v)
{
    static const char *const known[] = {"start_time", "end_time", NULL};
    const struct doc_node *list = take_list(c, map, "times");

    for (size_t i = 0; list && i < list->n; i++) {
        struct range r;

        take_keys(c, list->items[i], "times", known);
        r.from = clock_of(take_text(c, list->items[i], "start_time"));
        r.until = clock_of(take_text(c, list->items[i], "end_time"));
        if (r.from < 0 || r.until <= r.from)
            conversion_fail(
                c, list->items[i],
                "times: start_time and end_time are \"HH:MM\", the end behind the start");
        else if (v->n_times == TIMES_MAX)
            conversion_fail(c, list->items[i], "times: more than %d in one interval", TIMES_MAX);
        else
            v->times[v->n_times++] = r;
    }
}

/* The bounds that Alertmanager sets; `wraps` is what it refuses. */
static void check(struct conversion *c, const struct doc_node *map, const char *key,
                  const struct range *r, size_t n, int least, int most)
{
    for (size_t i = 0; i < n; i++)
        if (r[i].from < least || r[i].until > most || r[i].from > most || r[i].until < least ||
            (r[i].from < 0 && r[i].until > 0) ||
            ((r[i].from < 0) == (r[i].until < 0) && r[i].until < r[i].from))
            conversion_fail(c, doc_get(map, key),
                            "%s: a range out of bounds, or that ends before it "
                            "begins",
                            key);
}

/* False: it can only be written by hand. */
static bool read_interval(struct conversion *c, const struct doc_node *map, struct interval *v)
{
    static const char *const known[] = {"times",    "weekdays", "days_of_month", "months", "years",
                                        "location", NULL};

    bool plain = true;

    *v = (struct interval){0};
    take_keys(c, map, "time_intervals", known);
    read_times(c, map, v);
    v->n_weekdays = ranges(c, map, "weekdays", days, 7, 0, v->weekdays, 16);
    v->n_month_days = ranges(c, map, "days_of_month", NULL, 0, 0, v->month_days, 40);
    v->n_months = ranges(c, map, "months", months, 12, 1, v->months, 16);
    v->n_years = ranges(c, map, "years", NULL, 0, 0, v->years, 16);
    check(c, map, "weekdays", v->weekdays, v->n_weekdays, 0, 6);
    check(c, map, "days_of_month", v->month_days, v->n_month_days, -31, 31);
    check(c, map, "months", v->months, v->n_months, 1, 12);
    check(c, map, "years", v->years, v->n_years, 1, 9999);
    for (size_t i = 0; i < v->n_month_days; i++) {
        struct range *r = &v->month_days[i];

        if (r->from == 0 || r->until == 0)
            conversion_fail(c, doc_get(map, "days_of_month"), "days_of_month: there is no day 0");
        if (r->from > 0 && r->until < -1) {
            plain = false;
            element_manual(c,
                           "days_of_month '%d:%d' counts from both ends of the month: write the "
                           "days out in the calendar",
                           r->from, r->until);
        } else if (r->from > 0 && r->until == -1) {
            r->until = 31; /* what a month does not have is passed over */
        }
    }
    return plain;
}

/* --- as a span --- */

static void short_name(struct buf *b, const char *name)
{
    buf_addf(b, "%c%c%c", toupper((unsigned char)name[0]), name[1], name[2]);
}

static void add_names(struct buf *b, const struct range *r, size_t n, const char *const *names,
                      int first)
{
    for (size_t i = 0; i < n; i++) {
        buf_adds(b, i ? "," : "");
        short_name(b, names[r[i].from - first]);
        if (r[i].until > r[i].from) {
            buf_addc(b, '-');
            short_name(b, names[r[i].until - first]);
        }
    }
}

static void add_clock(struct buf *b, int minute)
{
    buf_addf(b, "%02d:%02d", minute / 60, minute % 60);
}

static void add_span(struct buf *b, const struct interval *v)
{
    add_names(b, v->weekdays, v->n_weekdays, days, 0);
    for (size_t i = 0; i < v->n_month_days; i++) {
        buf_adds(b, i ? "," : b->len ? " day " : "day ");
        buf_addf(b, "%d", v->month_days[i].from);
        if (v->month_days[i].until != v->month_days[i].from)
            buf_addf(b, "-%d", v->month_days[i].until);
    }
    for (size_t i = 0; i < v->n_times; i++) {
        buf_adds(b, i ? "," : b->len ? " " : "");
        add_clock(b, v->times[i].from);
        buf_addc(b, '-');
        add_clock(b, v->times[i].until);
    }
    if (b->len == 0)
        buf_adds(b, "00:00-24:00");
    if (v->n_months > 0) {
        buf_adds(b, " in ");
        add_names(b, v->months, v->n_months, months, 1);
    }
}

/* --- with years --- */

static void add_list(struct buf *b, const char *part, const struct range *r, size_t n,
                     const char *const *names)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        for (int k = r[i].from; k <= r[i].until; k++) {
            buf_adds(b, count++ ? "," : part);
            if (names)
                buf_adds(b, names[k]);
            else
                buf_addf(b, "%d", k);
        }
}

static void add_rule(struct buf *out, const struct interval *v, const struct range *time,
                     const struct range *years)
{
    struct buf rule = BUF_INIT;

    buf_adds(&rule, "FREQ=DAILY");
    add_list(&rule, ";BYMONTH=", v->months, v->n_months, NULL);
    add_list(&rule, ";BYMONTHDAY=", v->month_days, v->n_month_days, NULL);
    add_list(&rule, ";BYDAY=", v->weekdays, v->n_weekdays, rule_days);
    buf_addf(&rule, ";UNTIL=%04d1231T235959", years->until);
    buf_addf(out, "    { start = \"%04d-01-01T%02d:%02d\", lasts = ", years->from, time->from / 60,
             time->from % 60);
    say_duration(out, (int64_t)(time->until - time->from) * 60000);
    buf_adds(out, ", rule = ");
    say_quoted(out, buf_str(&rule));
    buf_adds(out, " },\n");
    buf_free(&rule);
}

static void add_interval(const struct interval *v, struct buf *spans, struct buf *rules)
{
    static const struct range whole = {0, 1440};
    bool plain = v->n_weekdays + v->n_month_days + v->n_months + v->n_times == 0;

    if (v->n_years == 0) {
        struct buf span = BUF_INIT;

        add_span(&span, v);
        say_indent(spans, 1);
        say_quoted(spans, buf_str(&span));
        buf_adds(spans, ",\n");
        buf_free(&span);
    }
    for (size_t y = 0; y < v->n_years; y++) {
        if (plain)
            buf_addf(spans, "  \"%04d-01-01 - %04d-12-31\",\n", v->years[y].from,
                     v->years[y].until);
        for (size_t t = 0; !plain && t < (v->n_times ? v->n_times : 1); t++)
            add_rule(rules, v, v->n_times ? &v->times[t] : &whole, &v->years[y]);
    }
}

/* --- calendars --- */

/* One zone a calendar: intervals of one name that differ in it become calendars of their own. */
static const char *zone_of(struct conversion *c, const struct doc_node *interval)
{
    const char *zone = take_text(c, interval, "location");

    return !zone || !*zone || strcmp(zone, "UTC") == 0 ? "" : zone;
}

static void calendar(struct am *am, const struct doc_node *entry, const struct doc_node *list,
                     const char *name)
{
    struct conversion *c = &am->c;
    struct buf spans = BUF_INIT, rules = BUF_INIT, elsewhere = BUF_INIT, *out = &c->out->lua;
    const char *zone = list->n ? zone_of(c, list->items[0]) : "";

    for (size_t i = 0; i < list->n; i++) {
        bool same = strcmp(zone_of(c, list->items[i]), zone) == 0;
        struct interval v;

        if (!same)
            element_manual(c,
                           "line %d is in another zone: a calendar has one; give it a calendar of "
                           "its own and name both where this one is named",
                           list->items[i]->line);
        same = read_interval(c, list->items[i], &v) && same;
        if (!c->failed)
            add_interval(&v, same ? &spans : &elsewhere, same ? &rules : &elsewhere);
    }
    buf_adds(out, "\ncalendar ");
    say_quoted(out, name);
    buf_adds(out, " {");
    say_line_of(out, entry->line);
    if (strcmp(zone, "Local") == 0)
        element_differs(
            c, "location: Local is the machine's zone: write it as zone = \"…\"; until then "
               "it is UTC");
    else if (*zone)
        say_text(out, 1, "zone", zone);
    buf_adds(out, buf_str(&spans));
    if (rules.len > 0)
        buf_addf(out, "  rrule = {\n%s  },\n", buf_str(&rules));
    say_comment(out, buf_str(&elsewhere), 1);
    buf_adds(out, "}\n");
    out->failed |= !buf_ok(&spans) || !buf_ok(&rules) || !buf_ok(&elsewhere);
    buf_free(&elsewhere);
    buf_free(&spans);
    buf_free(&rules);
}

static const char *const lists[] = {"mute_time_intervals", "time_intervals"};

static size_t count_named(const struct am *am, const char *name)
{
    size_t n = 0;

    for (size_t k = 0; k < 2; k++) {
        const struct doc_node *list = doc_get(am->root, lists[k]);

        for (size_t i = 0; list && list->kind == DOC_LIST && i < list->n; i++) {
            const struct doc_node *own = doc_get(list->items[i], "name");

            n += own && strcmp(own->text, name) == 0;
        }
    }
    return n;
}

bool am_interval_known(const struct am *am, const char *name)
{
    return count_named(am, name) > 0;
}

void am_intervals(struct am *am)
{
    static const char *const known[] = {"name", "time_intervals", NULL};
    struct conversion *c = &am->c;

    for (size_t k = 0; k < 2; k++) {
        const struct doc_node *list = take_list(c, am->root, lists[k]);

        for (size_t i = 0; list && i < list->n; i++) {
            const struct doc_node *entry = list->items[i], *own;
            const char *name = take_text(c, entry, "name");

            take_keys(c, entry, lists[k], known);
            if (!name || !*name)
                conversion_fail(c, entry, "%s: a name is missing", lists[k]);
            if (c->failed)
                return;
            if (count_named(am, name) > 1)
                conversion_fail(c, entry, "the time interval \"%s\" is defined twice", name);
            element_begin(c, entry->line, "time interval \"%s\"", name);
            own = take_list(c, entry, "time_intervals");
            if (own && own->n > 0)
                calendar(am, entry, own, name);
            else
                element_manual(c, "it has no interval and never holds: leave it out where it is "
                                  "named");
        }
    }
}
