/* Texts of strangers through the redactor: it ends, writes within its bound, and whatever stands before
 * it a secret with a plain name on a line of its own is gone. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char planted[] = "\npassword=Pl4ntedS3cret\n";
    static const char *const patterns[] = {"acme-*"};
    struct redact_also also = {patterns, 1};
    struct buf in = BUF_INIT, out = BUF_INIT;

    buf_add(&in, data, size);
    buf_adds(&in, planted);
    redact_text(&also, in.data, in.len, &out);
    assert(out.len <= 3 * in.len + 32);
    assert(memmem(out.data, out.len, "Pl4ntedS3cret", 13) == NULL || memmem(data, size, "Pl4n", 4));
    (void)redact_is_secret(&also, (const char *)data, size);
    buf_free(&in);
    buf_free(&out);
    return 0;
}
