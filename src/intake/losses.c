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
#field, text, offsetof(struct ingest_counts, field), \
            offsetof(struct ingest_protocol_stats, field)    \
    }

const struct ingest_loss ingest_losses[INGEST_LOSSES] = {
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

static uint64_t *kept(struct ingest_protocol_stats *s, const struct ingest_loss *loss)
{
    assert(loss->kept < sizeof *s);
    return (uint64_t *)((char *)s + loss->kept);
}

static uint32_t counted(const struct ingest_batch *b, const struct ingest_loss *loss)
{
    uint32_t n;

    memcpy(&n, (const char *)&b->counts + loss->counted, sizeof n);
    return n;
}

uint64_t ingest_lost(const struct ingest_stats *s, enum ingest_protocol p,
                     const struct ingest_loss *loss)
{
    uint64_t n;

    memcpy(&n, (const char *)&s->of[p] + loss->kept, sizeof n);
    return n;
}

static void tell(enum ingest_protocol p, const struct ingest_loss *loss, uint32_t n,
                 const struct err *first)
{
    char count[16];

    snprintf(count, sizeof count, "%u", n);
    log_warn("left out of what came in, and counted from here on without a word", "protocol",
             ingest_decoders[p].name, "what", loss->text, "number", count, "first",
             first->text[0] ? first->text : "not kept", "metric", loss->name, NULL);
}

void losses_count(struct ingest_protocol_stats *s, enum ingest_protocol p,
                  const struct ingest_batch *b)
{
    for (size_t i = 0; i < INGEST_LOSSES; i++) {
        const struct ingest_loss *loss = &ingest_losses[i];
        uint64_t *sum = kept(s, loss);
        uint32_t n = counted(b, loss);

        if (n > 0 && *sum == 0)
            tell(p, loss, n, &b->part_error);
        *sum += n;
    }
}
