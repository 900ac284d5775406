#include "model/rule_def.h"

#include <assert.h>

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
