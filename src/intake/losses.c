/* The reasons for which a part of what came in is left out. One list: the log, /metrics, status and
 * the counting itself read it. */
#include "intake/losses.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define ROW(field, text)                                     \
    {                                                        \
#field, text, offsetof(struct decode_counts, field), \
            offsetof(struct intake_protocol_stats, field)    \
    }

const struct intake_loss intake_losses[INTAKE_LOSSES] = {
    ROW(series_refused, "series that are not well formed"),
    ROW(series_over, "new series over a bound"),
    ROW(lines_refused, "StatsD lines that are not well formed"),
    ROW(histograms, "native histograms: send classic ones (_bucket) for what rules use"),
    ROW(exemplars, "exemplars: rules do not use them"),
    ROW(not_numbers, "samples that are NaN or infinite"),
    ROW(clamped, "times more than a minute ahead: they count as of their arrival"),
    ROW(fields_dropped, "fields of events: over the bound of fields, or named twice"),
    ROW(values_cut, "ends of long field values"),
};

static uint64_t *kept(struct intake_protocol_stats *s, const struct intake_loss *loss)
{
    assert(loss->kept < sizeof *s);
    return (uint64_t *)((char *)s + loss->kept);
}

static uint32_t counted(const struct decode_batch *b, const struct intake_loss *loss)
{
    uint32_t n;

    memcpy(&n, (const char *)&b->counts + loss->counted, sizeof n);
    return n;
}

uint64_t intake_lost(const struct intake_stats *s, enum decode_protocol p,
                     const struct intake_loss *loss)
{
    uint64_t n;

    memcpy(&n, (const char *)&s->of[p] + loss->kept, sizeof n);
    return n;
}

static void tell(enum decode_protocol p, const struct intake_loss *loss, uint32_t n,
                 const struct err *first)
{
    char count[16];

    snprintf(count, sizeof count, "%u", n);
    log_warn("left out of what came in, and counted from here on without a word", "protocol",
             decode_table[p].name, "what", loss->text, "number", count, "first",
             first->text[0] ? first->text : "not kept", "metric", loss->name, NULL);
}

void losses_count(struct intake_protocol_stats *s, enum decode_protocol p,
                  const struct decode_batch *b)
{
    for (size_t i = 0; i < INTAKE_LOSSES; i++) {
        const struct intake_loss *loss = &intake_losses[i];
        uint64_t *sum = kept(s, loss);
        uint32_t n = counted(b, loss);

        if (n > 0 && *sum == 0)
            tell(p, loss, n, &b->part_error);
        *sum += n;
    }
}
