/* Shifts as an iCalendar text (RFC 5545), for calendars of people to subscribe to.
 * Written by hand: what libical would write is the same, and its memory cannot be refused. A shift that reaches out of
 * the span is written whole, so that it has the same id and times whenever it is asked for. */
#include "tocsin/icalendar.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "roster/civil.h"
#include "roster/duty.h"

#define LINE_MAX_BYTES 75 /* RFC 5545 3.1, without the line end */

/* One line, folded where it is longer, never inside a character. */
static void line(struct buf *out, const struct buf *text)
{
    const char *p = buf_str(text);
    size_t left = text->len, room = LINE_MAX_BYTES;

    while (left > room) {
        size_t n = text_utf8_cut(p, left, room);

        n = n > 0 ? n : room;
        buf_add(out, p, n);
        buf_adds(out, "\r\n ");
        p += n;
        left -= n;
        room = LINE_MAX_BYTES - 1;
    }
    buf_add(out, p, left);
    buf_adds(out, "\r\n");
}

/* RFC 5545 3.3.11 */
static void text(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n') {
            buf_adds(b, "\\n");
            continue;
        }
        if (strchr("\\;,", *s))
            buf_addc(b, '\\');
        if ((unsigned char)*s >= 0x20)
            buf_addc(b, *s);
    }
}

static void stamp(struct buf *b, int64_t at_ms)
{
    int64_t s = civil_div(at_ms, 1000), day = civil_div(s, DAY_S);
    struct civil c = civil_of(day);

    s -= day * DAY_S;
    buf_addf(b, "%04d%02d%02dT%02d%02d%02dZ", c.year, c.month, c.day, (int)(s / 3600),
             (int)(s / 60 % 60), (int)(s % 60));
}

static void time_line(struct buf *out, const char *name, int64_t at_ms)
{
    struct buf b = BUF_INIT;

    buf_addf(&b, "%s:", name);
    stamp(&b, at_ms);
    line(out, &b);
    out->failed = out->failed || !buf_ok(&b);
    buf_free(&b);
}

static void text_line(struct buf *out, const char *name, const char *a, const char *between,
                      const char *b, int64_t at_ms)
{
    struct buf l = BUF_INIT;

    buf_addf(&l, "%s:", name);
    text(&l, a);
    text(&l, between);
    text(&l, b);
    if (at_ms) {
        buf_addc(&l, '/');
        stamp(&l, at_ms);
        buf_adds(&l, "@tocsin");
    }
    line(out, &l);
    out->failed = out->failed || !buf_ok(&l);
    buf_free(&l);
}

/* The id is of the place in time, so that a calendar that asks again knows the event again. */
static void write_shift(struct buf *out, const struct roster_ref *who, const struct roster_shift *s,
                        int64_t at_ms)
{
    buf_adds(out, "BEGIN:VEVENT\r\n");
    text_line(out, "UID", who->name, "/", s->person->name, s->start_ms);
    time_line(out, "DTSTAMP", at_ms);
    time_line(out, "DTSTART", s->start_ms);
    time_line(out, "DTEND", s->end_ms);
    text_line(out, "SUMMARY", s->person->name, " on call: ", who->name, 0);
    text_line(out, "DESCRIPTION", s->via_kind, ":", s->via_name, 0);
    buf_adds(out, "END:VEVENT\r\n");
}

/* A shift that reaches out of the span, as long as it is; without an end, as far as was asked for. */
static int make_whole(const struct roster *r, const struct roster_changes *changes,
                      const struct roster_ref *who, struct roster_shift *s, int64_t from_ms,
                      int64_t until_ms, struct err *e)
{
    struct roster_state *state;
    int rc = 0;

    if (s->start_ms != from_ms && s->end_ms != until_ms)
        return 0;
    state = mem_alloc(sizeof *state);
    if (!state)
        return err_set(e, ERR_MEMORY, "not enough memory");
    if (s->start_ms == from_ms && (rc = roster_look(r, changes, who, from_ms, state, e)) == 0) {
        const struct roster_duty *d = duty_of(&state->now, s->person);

        if (d && d->since_ms)
            s->start_ms = d->since_ms;
    }
    if (rc == 0 && s->end_ms == until_ms &&
        (rc = roster_look(r, changes, who, until_ms - 1, state, e)) == 0) {
        const struct roster_duty *d = duty_of(&state->now, s->person);

        if (d && d->until_ms != ROSTER_NEVER)
            s->end_ms = d->until_ms;
    }
    mem_free(state);
    return rc;
}

int roster_icalendar(const struct roster *r, const struct roster_changes *changes,
                     const struct roster_ref *who, const struct roster_person *person,
                     int64_t from_ms, int64_t until_ms, int64_t at_ms, struct buf *out,
                     struct err *e)
{
    struct roster_shifts shifts;
    int rc = 0;

    if (roster_shifts_between(r, changes, who, from_ms, until_ms, &shifts, e) < 0)
        return -1;
    buf_adds(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tocsin//on call//EN\r\n");
    text_line(out, "X-WR-CALNAME", "On call: ", "", who->name, 0);
    for (size_t i = 0; i < shifts.n && rc == 0; i++) {
        if (person && shifts.list[i].person != person)
            continue;
        rc = make_whole(r, changes, who, &shifts.list[i], from_ms, until_ms, e);
        if (rc == 0)
            write_shift(out, who, &shifts.list[i], at_ms);
    }
    buf_adds(out, "END:VCALENDAR\r\n");
    mem_free(shifts.list);
    if (rc == 0 && !buf_ok(out))
        rc = err_set(e, ERR_MEMORY, "not enough memory");
    return rc;
}
