/* Matchers as people type them: parse, test, print, parse again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "model/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct err e = {0};
    struct matcher *m = matcher_parse(text, size, &e);
    struct matcher *list[MATCHERS_PARSE_MAX];
    int n = matchers_parse(text, size, list, NULL);
    struct buf b = BUF_INIT;

    for (int i = 0; i < n; i++)
        matcher_unref(list[i]);
    if (!m) {
        assert(e.code != ERR_NONE && e.text[0]);
        return 0;
    }
    assert(matcher_matches_empty(m) == matcher_test(m, "", 0));
    matcher_test(m, text, size);
    matcher_am_text(m, &b);
    {
        struct matcher *again = matcher_parse(b.data, b.len, &e);

        assert(again && strcmp(matcher_name(again), matcher_name(m)) == 0);
        assert(strcmp(matcher_value(again), matcher_value(m)) == 0);
        matcher_unref(again);
    }
    buf_free(&b);
    matcher_unref(m);
    return 0;
}
