/* The body of POST /api/v2/alerts: cut into elements, each checked and read. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/am_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *body = malloc(size + 1); /* exact, so that a read behind it is seen */
    struct am_body b;
    const char *element;
    struct am_alert a;
    struct err e;
    size_t len;

    if (size > 0)
        memcpy(body, data, size);
    b = (struct am_body){.at = body, .end = body + size};
    while (am_body_next(&b, &element, &len, &e) == AM_ELEMENT) {
        cJSON *o;

        assert(element >= body && element + len <= body + size && len <= AM_ALERT_MAX);
        o = cJSON_ParseWithLength(element, len);
        if (am_alert_check(o, &e) == 0 && am_alert_read(o, &a, &e) == 0)
            assert(a.n_labels > 0 && a.n_labels < LABELS_MAX);
        cJSON_Delete(o);
    }
    free(body);
    return 0;
}
