/* iCalendar files of strangers: read, and look at some times. Small ones only: a file of 1 MiB is read once. */
#include <assert.h>
#include <stdint.h>

#include "tocsin/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct calendar_config config = {
        .zone = "Europe/Paris", .ical = (const char *)data, .ical_len = size};
    struct err e = {0};
    struct calendar *c;

    if (size > 4096)
        return 0;
    c = calendar_new(&config, &e);
    if (!c) {
        assert(e.code != ERR_NONE && e.text[0]);
        return 0;
    }
    for (int64_t at_ms = INT64_C(1767571200000), n = 0; n < 8; n++) {
        struct calendar_state s;

        assert(calendar_look(c, at_ms, &s) == 0);
        assert(s.from_ms <= at_ms && at_ms < s.until_ms);
        if (s.until_ms == CALENDAR_NEVER)
            break;
        at_ms = s.until_ms;
    }
    calendar_free(c);
    return 0;
}
