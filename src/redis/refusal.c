#include <string.h>

#include "redis/fence.h"
#include "tocsin/db.h"

bool db_refusal_passes(const char *text)
{
    static const char *const words[] = {"LOADING",     "BUSY",       "TRYAGAIN",
                                        "CLUSTERDOWN", "MASTERDOWN", "UNKILLABLE"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);

        if (strncmp(text, words[i], n) == 0 && (text[n] == ' ' || text[n] == '\0'))
            return true;
    }
    return false;
}

bool db_refusal_is_fence(const char *text)
{
    return strncmp(text, FENCE_REFUSAL " ", sizeof FENCE_REFUSAL) == 0;
}
