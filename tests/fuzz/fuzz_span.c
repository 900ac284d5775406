/* Spans of calendars as people type them: parse, and lay out days around what they may mean. */
#include <assert.h>
#include <stdint.h>

#include "roster/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {0};
    struct span s;

    if (span_parse((const char *)data, size, &s, &e) < 0) {
        assert(e.code != ERR_NONE && e.text[0]);
        return 0;
    }
    for (int64_t day = 20000; day < 20000 + 30; day++) {
        uint64_t minutes[DAY_WORDS] = {0};
        struct span_days days;
        int changes = 0;

        span_days_of(day, &days);
        span_mark(&s, &days, minutes);
        for (int at = 0; at < DAY_MIN; at = span_bits_until(minutes, at))
            changes++;
        assert(changes <= 2 * SPAN_TIMES_MAX + 3);
    }
    return 0;
}
