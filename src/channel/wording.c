/* What is said of an alert and an incident, once for all channels.
 * Templates lay out; the words stand here, in C, where they can be tested as a table and are there also when
 * no template loads. Every text that came from outside goes through add_line(): one line, bounded, without
 * characters that would act on a terminal or forge a second line. What is unknown is said as unknown: an end
 * without data says "last", not "now". Lists are bounded and count what they leave out. */
#include "channel/wording.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/visible.h"
#include "base/zone.h"
#include "model/expr.h"

#define LINES_MAX   50  /* alerts listed in plain text; the rest is counted */
#define SUMMARY_MAX 300 /* bytes of an annotation that stand in a line */

const char *notice_label(const struct label *l, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(name) == l[i].name_len && memcmp(l[i].name, name, l[i].name_len) == 0)
            return l[i].value;
    return "";
}

static const char *notice_annotation(const struct notice_alert *a, const char *name)
{
    for (size_t i = 0; i < a->n_annotations; i++)
        if (strcmp(a->annotations[i].name, name) == 0)
            return a->annotations[i].value;
    return "";
}

/* On one line and with a bound: annotations come from rules and from other programs. */
static void add_line(struct buf *out, const char *s)
{
    size_t len = strlen(s), n = text_utf8_cut(s, len, SUMMARY_MAX), from = 0;

    for (size_t i = 0, step; i < n; i += step) {
        step = text_utf8(s + i, n - i);
        step = step ? step : 1;
        if (!visible_hostile(s + i, n - i))
            continue;
        buf_add(out, s + from, i - from);
        buf_addc(out, ' ');
        from = i + step;
    }
    buf_add(out, s + from, n - from);
    if (n < len)
        buf_adds(out, "…");
}

static void add_name(struct buf *out, const struct notice_alert *a)
{
    add_line(out, notice_label(a->labels, a->n_labels, "alertname"));
}

void wording_group(const struct notice *x, struct buf *out)
{
    size_t before = out->len;

    for (size_t i = 0; i < x->n_group_labels && out->len - before < SUMMARY_MAX; i++) {
        if (x->group_labels[i].value_len == 0)
            continue;
        if (out->len > before)
            buf_adds(out, " · ");
        add_line(out, x->group_labels[i].value);
    }
    if (out->len == before && x->n_alerts > 0)
        add_name(out, &x->alerts[0]);
}

void wording_value(const struct notice_alert *a, double v, struct buf *out)
{
    expr_number(out, v, a->unit == UNIT_NONE ? text_unit(a->unit_name) : a->unit);
}

void wording_detail(const struct notice *x, const struct notice_alert *a, struct buf *out)
{
    const char *summary = notice_annotation(a, "summary");
    struct buf group = BUF_INIT;
    bool limit = a->firing && a->has_threshold && !strstr(summary, "limit");

    wording_group(x, &group);
    if (group.len && strncmp(summary, buf_str(&group), group.len) == 0 &&
        strncmp(summary + group.len, ": ", 2) == 0)
        summary += group.len + 2;
    buf_free(&group);
    if (*summary)
        add_line(out, summary);
    else if (a->has_value)
        wording_value(a, a->value, out);
    else
        return;
    if (!limit)
        return;
    buf_adds(out, " (limit ");
    wording_value(a, a->threshold, out);
    buf_addc(out, ')');
}

void wording_alert(const struct notice *x, const struct notice_alert *a, struct buf *out)
{
    if (!*notice_annotation(a, "summary")) {
        add_name(out, a);
        if (a->has_value)
            buf_addc(out, ' ');
    }
    wording_detail(x, a, out);
}

void wording_where(const struct notice *x, const struct notice_alert *a, struct buf *out)
{
    static const char *const told[] = {"alertname", "severity", "team", "priority"};
    size_t before = out->len;

    for (size_t i = 0; i < a->n_labels && out->len - before < SUMMARY_MAX; i++) {
        const struct label *l = &a->labels[i];
        bool known = *notice_label(x->group_labels, x->n_group_labels, l->name) != 0;

        for (size_t k = 0; k < sizeof told / sizeof *told && !known; k++)
            known = strcmp(l->name, told[k]) == 0;
        if (known)
            continue;
        if (out->len > before)
            buf_addc(out, ' ');
        add_line(out, l->value);
    }
}

static void add_gone(const struct notice_alert *a, struct buf *out)
{
    char at[ZONE_TIME_LEN];

    zone_time(at, a->gone_ms, false);
    buf_addf(out, ": its series ended at %s while its source goes on", at);
}

void wording_nodata(const struct notice *x, const struct notice_alert *a, struct buf *out)
{
    char at[ZONE_TIME_LEN];

    (void)x;
    if (a->gone_ms && a->firing) {
        buf_adds(out, "gone");
        add_gone(a, out);
        return;
    }
    if (a->nodata_ms == 0)
        return;
    zone_time(at, a->nodata_ms, false);
    buf_addf(out, "no data since %s", at);
}

/* What it fell to: "0.4% now". Where its data had stopped nobody knows what it is now. */
static void add_end_value(const struct notice_alert *a, struct buf *out)
{
    bool known = a->nodata_ms == 0 && strcmp(a->end_reason, "gone") != 0 &&
                 strcmp(a->end_reason, "forgotten") != 0 && strcmp(a->end_reason, "no data") != 0;

    if (!known)
        buf_adds(out, "last ");
    wording_value(a, a->value, out);
    buf_adds(out, known ? " now" : "");
}

void wording_when(const struct notice *x, const struct notice_alert *a, struct buf *out)
{
    char at[ZONE_TIME_LEN];

    if (a->firing) {
        zone_time(at, a->starts_ms, false);
        buf_addf(out, "since %s", at);
        if (x->at_ms - a->starts_ms >= 60000) {
            buf_adds(out, ", ");
            text_duration(out, x->at_ms - a->starts_ms);
        }
        return;
    }
    if (a->missed) {
        zone_time(at, a->starts_ms, false);
        buf_addf(out, "fired %s, ", at);
        zone_time(at, a->ends_ms, false);
        buf_addf(out, "resolved %s", at);
        return;
    }
    zone_time(at, a->ends_ms, false);
    buf_addf(out, "%s %s after ", a->moved ? "moved" : "resolved", at);
    text_duration(out, a->ends_ms > a->starts_ms ? a->ends_ms - a->starts_ms : 0);
    if (*a->end_reason && strcmp(a->end_reason, "condition cleared") != 0)
        buf_addf(out, ", %s", a->end_reason);
    if (a->gone_ms && strcmp(a->end_reason, "gone") == 0)
        add_gone(a, out);
    if (a->has_value) {
        buf_adds(out, " · ");
        add_end_value(a, out);
        buf_adds(out, ", peak ");
        wording_value(a, a->peak, out);
    }
}

/* The time in a title: since when it is on, or when the last of it ended. */
static int64_t title_ms(const struct notice *x)
{
    int64_t ended_ms = x->ended_ms; /* 0 while others have alerts of this incident that are on */

    if (x->firing)
        return x->since_ms;
    for (size_t i = 0; i < x->n_alerts && x->ended_ms == 0; i++)
        if (x->alerts[i].ends_ms > ended_ms)
            ended_ms = x->alerts[i].ends_ms;
    return ended_ms ? ended_ms : x->since_ms;
}

void wording_title(const struct notice *x, struct buf *out)
{
    const struct notice_alert *worst = x->n_alerts ? &x->alerts[0] : NULL;
    size_t n = x->firing ? x->n_firing : x->n_alerts + x->truncated;
    char at[ZONE_TIME_LEN];

    if (x->reason == REASON_TEST)
        buf_adds(out, "Test: ");
    if (!x->firing)
        buf_adds(out, "Resolved: ");
    buf_addf(out, "%s ", priority_name(x->priority));
    wording_group(x, out);
    if (worst) {
        buf_adds(out, ": ");
        wording_alert(x, worst, out);
        if (!x->firing && !worst->firing && worst->has_value && !worst->missed) {
            buf_adds(out, ", ");
            add_end_value(worst, out);
        }
    }
    if (n > 1)
        buf_addf(out, " · %zu alerts", n);
    zone_time(at, title_ms(x), false);
    buf_addf(out, " · %s", at);
    if (x->incident)
        buf_addf(out, " · #%llu", (unsigned long long)x->incident);
}

static void add_alert_line(const struct notice *x, const struct notice_alert *a, struct buf *out)
{
    size_t before;

    buf_addf(out, "- %s ", priority_name(a->priority));
    add_name(out, a);
    buf_addc(out, ' ');
    before = out->len;
    wording_where(x, a, out);
    if (out->len > before)
        buf_addc(out, ' ');
    before = out->len;
    buf_adds(out, "· ");
    wording_detail(x, a, out);
    if (out->len > before + strlen("· "))
        buf_adds(out, " · ");
    wording_when(x, a, out);
    if (*a->freed_by)
        buf_addf(out, " · was held back until now by %s", a->freed_by);
    if (a->n_dependents)
        buf_addf(out, " · %zu held back because of it: %s", a->n_dependents, a->dependents);
    if (a->firing && (a->nodata_ms || a->gone_ms)) {
        buf_adds(out, " · ");
        wording_nodata(x, a, out);
    }
    buf_addc(out, '\n');
}

/* Of the head alone, like its events: a link beside "DatabaseDown" that leads to another alert's
 * runbook costs minutes. */
void wording_runbook(const struct notice *x, struct buf *out)
{
    const char *url = x->n_alerts ? notice_annotation(&x->alerts[0], "runbook_url") : "";

    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        return;
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || strchr("|<>\"\\^`{}\x7f", *p)) /* RFC 3986, appendix A */
            return;
    buf_adds(out, url);
}

void wording_notes(const struct notice *x, struct buf *out)
{
    if (*x->reason_text && (x->reason != REASON_FIRST || x->late_ms > 0))
        buf_addf(out, "%s\n", x->reason_text); /* it names the fallback as well */
    else if (*x->fallback_for)
        buf_addf(out, "You get this because %s did not take it.\n", x->fallback_for);
    if (x->degraded)
        buf_adds(out, "Redis is away: this message may come twice.\n");
}

static void add_alert_lines(const struct notice *x, size_t shown, struct buf *out)
{
    size_t *rank = mem_alloc((x->n_alerts + 1) * sizeof *rank);

    out->failed = out->failed || !rank;
    if (rank)
        notice_rank(x, rank);
    for (size_t i = 0; rank && i < x->n_alerts; i++)
        if (rank[i] <= shown)
            add_alert_line(x, &x->alerts[i], out);
    mem_free(rank);
}

static void add_runbook_line(const struct notice *x, struct buf *out)
{
    struct buf url = BUF_INIT;

    wording_runbook(x, &url);
    if (url.len > 0)
        buf_addf(out, "Runbook: %s\n", buf_str(&url));
    out->failed = out->failed || url.failed;
    buf_free(&url);
}

void wording_plain(const struct notice *x, const char *broken, struct buf *out)
{
    size_t shown = x->n_alerts < LINES_MAX ? x->n_alerts : LINES_MAX;

    wording_title(x, out);
    buf_addc(out, '\n');
    wording_notes(x, out);
    if (*x->ack.who)
        buf_addf(out, "%s has it.\n", x->ack.who);
    add_alert_lines(x, shown, out);
    if (x->n_alerts + x->truncated > shown)
        buf_addf(out, "and %zu more\n", x->n_alerts + x->truncated - shown);
    if (notice_held(x) > 0)
        buf_addf(out, "%zu more firing, held back\n", notice_held(x));
    if (*x->incident_url)
        buf_addf(out, "%s\n", x->incident_url);
    add_runbook_line(x, out);
    if (broken)
        buf_addf(out, "(plain text, because the template failed: %s)\n", broken);
}

void wording_receiver(const struct notice *x, struct buf *out)
{
    for (const char *p = x->receiver; *p; p++) {
        if (strchr("\\.+*?()|[]{}^$", *p))
            buf_addc(out, '\\');
        buf_addc(out, *p);
    }
}
