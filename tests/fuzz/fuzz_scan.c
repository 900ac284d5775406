/* Any text through the scan that editors use. */
#include "tocsin/rulefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {0};
    int rc = rulefile_scan((const char *)data, size, &e);

    (void)rc;
    return 0;
}
