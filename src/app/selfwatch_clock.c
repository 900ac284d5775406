/* What Tocsin tells of clocks: this machine's, Redis', and those of senders. */
#include <stdio.h>
#include <stdlib.h>

#include "app/selfwatch_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define STEP_TOLD_MS (10 * 60 * 1000) /* so long a step of the clock is shown after it */

static bool stepped_lately(const struct selfwatch *s)
{
    return s->wire.step_ms &&
           clock_mono_ms(selfwatch_parts(s)->clock) - s->wire.step_at_ms < STEP_TOLD_MS;
}

static bool began_lately(const struct selfwatch *s)
{
    return clock_mono_ms(selfwatch_parts(s)->clock) - s->began_ms < STEP_TOLD_MS;
}

/* Which source, or how many: one alert for a clock of ours, not one for each that sends. */
static void name_of_off(const struct selfwatch *s, struct buf *out)
{
    const struct clocks_off *o = &s->clocks_off;

    if (o->off > 2 && o->off > o->sources / 2)
        buf_adds(out, "most sources");
    else if (o->off > 1)
        buf_adds(out, "several sources");
    else if (o->worst == SOURCE_LOGS)
        buf_adds(out, "senders of log events");
    else
        series_source_text(selfwatch_parts(s)->series, o->worst, out);
}

static void add_off(struct selfwatch *s)
{
    struct buf name = BUF_INIT;
    char by[32];

    windows_clocks_off(selfwatch_parts(s)->windows, &s->clocks_off);
    if (s->clocks_off.off == 0) {
        s->off_told = false;
        return;
    }
    name_of_off(s, &name);
    if (buf_ok(&name) && name.len > 0)
        selfwatch_add(s, "tocsin_source_clock_off_seconds", "source", buf_str(&name),
                      (double)llabs(s->clocks_off.worst_ms) / 1000);
    if (buf_ok(&name) && !s->off_told) {
        s->off_told = true;
        snprintf(by, sizeof by, "%.1f", (double)s->clocks_off.worst_ms / 1000);
        log_warn("all that a source sends is behind by the same: it counts as of its arrival; is "
                 "its clock right, and this machine's?",
                 "source", buf_str(&name), "seconds", by, NULL);
    }
    buf_free(&name);
}

/* Times that are kept here move with a step, too; how far it was is shown for a while. */
void selfwatch_add_clocks(struct selfwatch *s)
{
    const struct wire_stats *w = &s->wire;

    if (s->stepped_at_ms != w->step_at_ms) {
        s->stepped_at_ms = w->step_at_ms;
        clock_move(&s->down_since_ms, w->step_ms);
        clock_move(&s->refusing_since_ms, w->step_ms);
        clock_move(&s->last_input_ms, w->step_ms);
    }
    if (s->began_ms == 0)
        s->began_ms = clock_mono_ms(selfwatch_parts(s)->clock);
    if (stepped_lately(s))
        selfwatch_add(s, "tocsin_clock_step_seconds", "what", "followed",
                      (double)llabs(w->step_ms) / 1000);
    if (w->ahead_ms && began_lately(s))
        selfwatch_add(s, "tocsin_clock_step_seconds", "what", "found at the start",
                      (double)w->ahead_ms / 1000);
    if (w->refused_ms)
        selfwatch_add(s, "tocsin_clock_step_seconds", "what", "not followed: Redis' clock differs",
                      (double)llabs(w->refused_ms) / 1000);
    add_off(s);
}

static void describe_off(const struct selfwatch *s, struct buf *out)
{
    const struct clocks_off *o = &s->clocks_off;

    buf_addf(out, "%u of %u sources are off, ", o->off, o->sources);
    name_of_off(s, out);
    buf_adds(out, o->off > 1 ? " by up to " : " by ");
    text_duration(out, llabs(o->worst_ms));
    buf_adds(out, ": what they send counts as of its arrival; set their clocks right, or ours");
}

bool selfwatch_describe_clocks(const struct selfwatch *s, char *text, size_t size)
{
    struct buf b = BUF_INIT;

    if (s->wire.refused_ms) {
        buf_adds(&b, "this machine's clock was set by ");
        text_duration(&b, llabs(s->wire.refused_ms));
        buf_adds(&b,
                 ", Redis' clock was not: time is counted on as before; set the wrong one right");
    } else if (s->clocks_off.off > 0) {
        describe_off(s, &b);
    } else if (stepped_lately(s)) {
        buf_adds(&b, "this machine's clock was set by ");
        text_duration(&b, llabs(s->wire.step_ms));
        buf_adds(&b, ": it is followed, and what is remembered has moved along");
    } else if (s->wire.ahead_ms && began_lately(s)) {
        buf_adds(&b, "the clock of the last run was ahead by ");
        text_duration(&b, (int64_t)s->wire.ahead_ms);
        buf_adds(&b, ": what it has stored is moved back");
    }
    snprintf(text, size, "%s", b.len > 0 && buf_ok(&b) ? buf_str(&b) : "steady");
    size = b.len;
    buf_free(&b);
    return size == 0;
}
