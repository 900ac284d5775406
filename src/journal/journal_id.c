#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal/journal_impl.h"

int journal_id_compare(struct journal_id a, struct journal_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

void journal_id_text(char out[JOURNAL_ID_LEN], struct journal_id id)
{
    snprintf(out, JOURNAL_ID_LEN, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

struct journal_id journal_id_parse(const char *s)
{
    struct journal_id id = {0};
    char *end;

    if (!s || *s < '0' || *s > '9')
        return id;
    id.ms = strtoull(s, &end, 10);
    if (*end == '-')
        id.seq = strtoull(end + 1, NULL, 10);
    return id;
}
