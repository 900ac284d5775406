/* Any text as a configuration file. */
#include <string.h>

#include "base/mem.h"
#include "tocsin/config.h"

static char *read_some(const char *path, size_t *len, void *arg, struct err *e)
{
    (void)arg;
    if (strstr(path, "tokens"))
        return mem_dup("a ingest * t\nb read,admin team=x u\n", *len = 36);
    if (strstr(path, "key"))
        return mem_dup("k\n", *len = 2);
    err_set(e, ERR_IO, "no such file");
    return NULL;
}

static const char *no_env(const char *name, void *arg)
{
    (void)arg;
    return strchr(name, 'K') ? "v" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_options o = {.read = read_some, .env = no_env};
    struct err e = {0};

    config_unref(config_load("etc/tocsin.lua", (const char *)data, size, &o, &e));
    return 0;
}
