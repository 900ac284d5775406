/* Any text as a rule file: an error or rules, never a crash, a hang or a leak. */
#include <string.h>

#include "base/mem.h"
#include "tocsin/rulefile.h"

static char *read_nothing(const char *path, size_t *len, void *arg, struct err *e)
{
    (void)arg;
    if (strstr(path, "a.lua"))
        return mem_dup("return { n = 1 }", *len = 16);
    if (strstr(path, ".csv"))
        return mem_dup("a,b\n1,2\n", *len = 8);
    err_set(e, ERR_IO, "no such file");
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rulefile_options o = {
        .root = "rules", .read = read_nothing, .max_heap = 4 << 20, .max_instructions = 200000};
    struct message_values v = {.priority = 1};
    struct err e = {0};
    struct rulefile *f = rulefile_load("web.lua", (const char *)data, size, &o, &e);
    struct buf out = BUF_INIT;
    const struct rule_def *order[64];
    struct err errors[4];
    size_t which[4];

    if (!f)
        return 0;
    for (size_t i = 0; i < rulefile_count(f); i++) {
        const struct rule_def *d = rulefile_rule(f, i);

        for (size_t k = 0; k < d->n_leaves; k++)
            leaf_text(d->leaves[k]->leaf, &out);
        for (size_t k = 0; k < d->n_annotations; k++)
            message_fill(d->annotations[k].value, &v, &out);
        buf_clear(&out);
    }
    if (rulefile_count(f) < 64)
        rulefiles_check(&f, 1, errors, which, 4, order, NULL);
    buf_free(&out);
    rulefile_unref(f);
    return 0;
}
