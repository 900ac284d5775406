/* An export of a schedule, of whichever program: an error, or a text, a report and four weeks. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "tocsin/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct convert_file file = {"x", (const char *)data, size};
    struct converted c;
    struct err e = {.text = ""};

    if (convert_oncall(&file, 1, INT64_C(1795874400000), &c, &e) < 0) {
        assert(e.code != ERR_NONE && e.text[0] && c.lua.len == 0);
        return 0;
    }
    assert(c.lua.len > 0 && c.report.len > 0);
    converted_clear(&c);
    return 0;
}
