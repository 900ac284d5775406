/* The address of a Redis: whatever the text, an accepted one is complete and bounded, and an error
 * repeats nothing of it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redis/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written reads the same. */
static void check_written(const struct url *u)
{
    char text[URL_TEXT_MAX];
    struct url again;
    struct err e;

    url_write(u, text);
    assert(strlen(text) < sizeof text);
    assert(url_parse(text, &again, &e) == 0);
    assert(strcmp(again.host, u->host) == 0 && again.port == u->port);
    assert(strcmp(again.user, u->user) == 0 && strcmp(again.password, u->password) == 0);
    assert(again.database == u->database && again.is_tls == u->is_tls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct url u;
    struct err e = {0};

    memcpy(text, data, size);
    text[size] = 0;
    if (url_parse(text, &u, &e) == 0) {
        assert(!u.master[0] == !u.n_sentinels && u.n_sentinels <= URL_MAX_SENTINELS);
        for (size_t i = 0; i < u.n_sentinels; i++) {
            assert(!u.host[0] && u.sentinels[i].host[0]);
            assert(u.sentinels[i].port >= 1 && u.sentinels[i].port <= 65535);
            assert(url_point(&u, u.sentinels[i].host, u.sentinels[i].port) == 0);
            check_written(&u);
            u.host[0] = 0;
        }
        assert(u.n_sentinels || (u.is_unix ? u.path[0] && !u.host[0] : u.host[0] && !u.path[0]));
        assert(u.is_unix || u.n_sentinels || (u.port >= 1 && u.port <= 65535));
        if (!u.is_unix && !u.n_sentinels)
            check_written(&u);
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
