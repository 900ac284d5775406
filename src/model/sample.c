#include "model/sample.h"

#include <string.h>

const struct label *logevent_field(const struct logevent *e, const char *name, size_t len)
{
    size_t low = 0, high = e->n_fields;

    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct label *f = &e->fields[mid];
        int order = memcmp(f->name, name, f->name_len < len ? f->name_len : len);

        if (order == 0)
            order = (f->name_len > len) - (f->name_len < len);
        if (order == 0)
            return f;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}
