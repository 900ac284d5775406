/* Request targets: whatever is let through is a safe path and well-formed parameters. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "net/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = mem_dup((const char *)data, size);
    struct http_target t;
    struct err e;

    if (!raw)
        return 0;
    if (http_target_parse(&t, raw, size, &e) == 0) {
        size_t n = strlen(t.path);

        assert(t.path[0] == '/');
        assert(!strstr(t.path, "//") && !strstr(t.path, "/../") && !strstr(t.path, "/./"));
        assert(n < 3 || strcmp(t.path + n - 3, "/..") != 0);
        for (size_t i = 0; i < t.n_params; i++)
            assert(http_target_param(&t, t.params[i].name, 0));
        assert(t.n_params <= HTTP_PARAMS_MAX);
        http_target_free(&t);
    } else {
        assert(!t.text && e.text[0]);
    }
    mem_free(raw);
    return 0;
}
