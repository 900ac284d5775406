/* An alertmanager.yml as anybody may write it: an error with a place, or a text and its report. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tocsin/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct converted c;
    struct err e = {.text = ""};

    if (convert_alertmanager("am.yml", (const char *)data, size, NULL, &c, &e) < 0) {
        assert(e.code != ERR_NONE && strncmp(e.text, "am.yml:", 7) == 0);
        assert(c.lua.len == 0 && c.report.len == 0);
        return 0;
    }
    assert(c.lua.len > 0 && c.n[CONVERT_EXACT] + c.n[CONVERT_DIFFERS] + c.n[CONVERT_MANUAL] > 0);
    converted_clear(&c);
    return 0;
}
