/* The clocks of sources. Each may be off, and so may the one that stamps what is received: both look
 * the same, samples that are behind by as much, all of them. A rule on the last minute would not see
 * them for as long as that lasts. So a source that is behind has times of its own: they are moved by
 * as much as the newest of them is behind.
 *
 * A sample cannot come from the future, so the freshest tells most, and doubt is on the side of the
 * time that was sent:
 *   - a time that is right as it stands needs no proof, and ends what was believed of its source;
 *   - that a source is behind is believed when the newest of each of its blocks was behind by the
 *     same for ten seconds, a minute where it is not far, and none was fresher. What was kept while a
 *     network was away comes faster than time passes, and counts when it was;
 *   - a fresher time than a source is known for is believed at once.
 * A source that is ahead needs none of it: its samples count when they come (windows_apply).
 *
 * The map is to the windows' own time, which steps of the receiving clock do not touch. So when that
 * one is set, sources whose clocks were not go on without a break, and those that were set along are
 * right as they stand.
 *
 * Log events have no source: they share one, which any event with a right time sets right. */
#include <assert.h>
#include <stdlib.h>

#include "model/sample.h"
#include "window/windows.h"

#define STEADY_MS     5000  /* behind by the same, but for how long it was under way */
#define FAR_MS        55000 /* so late is hardly anything that is under way */
#define PROOF_MS      10000 /* how long all must be behind by the same, where it is far */
#define PROOF_NEAR_MS 60000
#define TOLD_MS       600000 /* a source that has been quiet for so long is not told of any more */

static void note_newest(const struct windows *w, struct source_clock *s, int64_t t_ms)
{
    if (s->block != w->block || t_ms > s->block_newest_ms)
        s->block_newest_ms = t_ms;
    s->block = w->block;
}

/* Cost: one look at each sample and event of the block; once a block, where a source is behind. */
static void look_through_block(struct windows *w)
{
    const struct block_times *b = &w->times;

    if (w->looked_through == w->block)
        return;
    w->looked_through = w->block;
    for (size_t i = 0; i < b->n_samples; i++) {
        const struct series *e = series_get(w->series, b->samples[i].series);

        if (e && e->source < w->cap_sources)
            note_newest(w, &w->sources[e->source].clock, b->samples[i].t_ms);
    }
    for (size_t i = 0; i < b->n_events; i++)
        note_newest(w, &w->log_clock, b->events[i].t_ms);
}

static void believe(struct source_clock *s, int64_t to_own_ms)
{
    s->to_own_ms = to_own_ms;
    s->since_ms = 0;
}

/* All of the block are behind of what is known of the source. */
static void suspect(struct windows *w, struct source_clock *s)
{
    int64_t behind_ms;

    look_through_block(w);
    if (s->block != w->block || s->block_newest_ms == 0)
        return; /* it is new, or has been judged */
    behind_ms = w->now_ms - (s->block_newest_ms + s->to_own_ms);
    if (behind_ms <= FRESH_MS)
        return;
    if (s->since_ms == 0 || llabs(behind_ms - s->behind_ms) > STEADY_MS) {
        s->behind_ms = behind_ms;
        s->since_ms = w->now_ms;
    } else if (w->now_ms - s->since_ms >= (behind_ms >= FAR_MS ? PROOF_MS : PROOF_NEAR_MS)) {
        believe(s, w->now_ms - s->block_newest_ms);
    }
    s->block_newest_ms = 0;
}

int64_t source_time(struct windows *w, struct source_clock *s, int64_t t_ms)
{
    int64_t plain_ms = -w->stepped_ms, behind_ms, by_itself_ms = w->now_ms - (t_ms + plain_ms);

    if (s->heard_ms == 0)
        s->to_own_ms = plain_ms;
    s->heard_ms = w->now_ms;
    behind_ms = w->now_ms - (t_ms + s->to_own_ms);
    if (llabs(by_itself_ms) <= FRESH_MS && llabs(by_itself_ms) < llabs(behind_ms))
        believe(s, plain_ms);
    else if (llabs(behind_ms) <= FRESH_MS)
        s->since_ms = 0; /* a small step of our clock does not move those that did not step */
    else if (behind_ms > 0)
        suspect(w, s);
    else if (s->to_own_ms != plain_ms)
        believe(s, by_itself_ms < 0 ? plain_ms : w->now_ms - t_ms);
    else
        s->since_ms = 0;
    if (s->to_own_ms != plain_ms)
        w->off_seen_ms = w->now_ms;
    return t_ms + s->to_own_ms;
}

static void tell(const struct windows *w, const struct source_clock *s, uint32_t source,
                 struct clocks_off *out)
{
    int64_t behind_ms = s->to_own_ms + w->stepped_ms;

    if (s->heard_ms == 0 || w->now_ms - s->heard_ms > TOLD_MS)
        return;
    out->sources++;
    if (llabs(behind_ms) <= FRESH_MS)
        return;
    out->off++;
    if (llabs(behind_ms) > llabs(out->worst_ms)) {
        out->worst_ms = behind_ms;
        out->worst = source;
    }
}

void windows_clocks_off(const struct windows *w, struct clocks_off *out)
{
    *out = (struct clocks_off){.worst = SOURCE_LOGS};
    if (w->off_seen_ms == 0 || w->now_ms - w->off_seen_ms > TOLD_MS)
        return;
    tell(w, &w->log_clock, SOURCE_LOGS, out);
    for (uint32_t i = 0; i < w->cap_sources; i++)
        tell(w, &w->sources[i].clock, i, out);
    assert(out->off <= out->sources);
}
