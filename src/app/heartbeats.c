#include "app/heartbeats.h"

#include "base/mem.h"
#include "base/text.h"

#define RULES_READ 20000 /* in one turn of the loop: a few milliseconds */

struct heartbeats {
    const char *names[HEARTBEATS_MAX];
    size_t n;
};

struct heartbeats *heartbeats_new(void)
{
    return mem_zalloc(sizeof(struct heartbeats));
}

void heartbeats_free(struct heartbeats *h)
{
    mem_free(h);
}

void heartbeats_read(struct heartbeats *h, const struct rules *rules)
{
    size_t n = rules_count(rules) < RULES_READ ? rules_count(rules) : RULES_READ;

    h->n = 0;
    for (size_t i = 0; i < n && h->n < HEARTBEATS_MAX; i++) {
        const char *name = rule_definition(rules_at(rules, i))->heartbeat;

        if (name)
            h->names[h->n++] = name;
    }
}

const char *heartbeats_nearest(const struct heartbeats *h, const char *name)
{
    return text_nearest(name, h->names, h->n);
}
