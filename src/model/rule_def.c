#include "model/rule_def.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

const char *priority_name(int priority)
{
    static const char *const names[PRIORITIES + 1] = {"ok", "P1", "P2", "P3", "P4", "P5"};

    assert(priority >= 0 && priority <= PRIORITIES);
    return names[priority];
}

int priority_parse(const char *name)
{
    if (name[0] != 'P' || name[1] < '1' || name[1] > '0' + PRIORITIES || name[2] != 0)
        return 0;
    return name[1] - '0';
}

struct rule_pair *rule_pairs_dup(const struct rule_pair *pairs, size_t n)
{
    size_t bytes = n * sizeof *pairs + 1;
    struct rule_pair *out;
    char *p;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(pairs[i].name) + strlen(pairs[i].value) + 2;
    out = mem_alloc(bytes);
    if (!out)
        return NULL;
    p = (char *)(out + n);
    for (size_t i = 0; i < n; i++) {
        out[i].name = p;
        p = stpcpy(p, pairs[i].name) + 1;
        out[i].value = p;
        p = stpcpy(p, pairs[i].value) + 1;
    }
    return out;
}
