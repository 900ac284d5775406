/* The address of a Redis: whatever the text, an accepted one is complete and bounded, and an error
 * repeats nothing of it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redis/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct url u;
    struct err e = {0};

    memcpy(text, data, size);
    text[size] = 0;
    if (url_parse(text, &u, &e) == 0) {
        assert(u.is_unix ? u.path[0] && !u.host[0] : u.host[0] && !u.path[0]);
        assert(u.is_unix || (u.port >= 1 && u.port <= 65535));
        assert(u.database >= 0 && u.database <= URL_MAX_DATABASE);
        assert(strlen(u.shown) < sizeof u.shown && u.shown[0]);
        assert(!strchr(u.host, '@'));
    } else {
        assert(e.code == ERR_INPUT && e.text[0]);
        assert(!strstr(e.text, "hunter2"));
    }
    free(text);
    return 0;
}
