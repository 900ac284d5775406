/* The target of a request, taken apart in one place: decoded once, refused where two programs could read it
 * differently (dot segments, empty segments, backslashes, NUL, bad UTF-8), so that no handler and no proxy
 * in front of it disagree about which path this is. libevent's own functions decode without saying that
 * something was wrong. */
#include "net/http_target.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes [p, end) to *to, adds a NUL and moves *to behind it. NULL when it is malformed. */
static char *decode(char **to, const char *p, const char *end, bool plus_is_space)
{
    char *begin = *to, *out = begin;

    while (p < end) {
        unsigned char c = (unsigned char)*p++;

        if (c == '%') {
            if (end - p < 2 || hex(p[0]) < 0 || hex(p[1]) < 0)
                return NULL;
            c = (unsigned char)(hex(p[0]) << 4 | hex(p[1]));
            p += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c <= ' ' || c == 0x7f || c == '#') {
            return NULL; /* must have been sent encoded */
        }
        if (c == 0)
            return NULL;
        *out++ = (char)c;
    }
    *out = 0;
    *to = out + 1;
    return begin;
}

static bool path_is_safe(const char *path, size_t len)
{
    const char *end = path + len;

    if (path[0] != '/')
        return false;
    for (const char *p = path; p < end;) {
        size_t n = strcspn(p + 1, "/"); /* the segment behind this slash */
        bool is_last = p + 1 + n == end;

        if ((n == 0 && !is_last) || (n == 1 && p[1] == '.') ||
            (n == 2 && p[1] == '.' && p[2] == '.'))
            return false;
        p += 1 + n;
    }
    for (const char *p = path; p < end;) {
        size_t n = text_utf8(p, (size_t)(end - p));

        if (n == 0 || (unsigned char)*p < ' ' || *p == 0x7f || *p == '\\')
            return false;
        p += n;
    }
    return true;
}

static int add_param(struct http_target *t, char **to, const char *p, const char *end,
                     struct err *e)
{
    const char *equals = memchr(p, '=', (size_t)(end - p));
    struct http_param param = {.value = ""};

    if (t->n_params == HTTP_PARAMS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d query parameters", HTTP_PARAMS_MAX);
    param.name = decode(to, p, equals ? equals : end, true);
    if (equals)
        param.value = decode(to, equals + 1, end, true);
    if (!param.name || !param.value)
        return err_set(e, ERR_INPUT, "the query is not well encoded");
    if (mem_grow((void **)&t->params, &t->cap_params, t->n_params + 1, sizeof *t->params) != 0)
        return err_set(e, ERR_MEMORY, "out of memory");
    t->params[t->n_params++] = param;
    return 0;
}

static int parse_query(struct http_target *t, char **to, const char *p, const char *end,
                       struct err *e)
{
    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp ? amp : end;

        if (stop > p && add_param(t, to, p, stop, e) != 0)
            return -1;
        p = stop + 1;
    }
    return 0;
}

/* The absolute form, as proxies send it: "http://host/path". Returns where the path begins. */
static const char *skip_authority(const char *raw, size_t len)
{
    const char *slash;
    size_t scheme = 0;

    if (len > 7 && strncasecmp(raw, "http://", 7) == 0)
        scheme = 7;
    else if (len > 8 && strncasecmp(raw, "https://", 8) == 0)
        scheme = 8;
    if (scheme == 0)
        return raw;
    slash = memchr(raw + scheme, '/', len - scheme);
    return slash ? slash : raw;
}

int http_target_parse(struct http_target *t, const char *raw, size_t len, struct err *e)
{
    const char *end = raw + len, *begin = skip_authority(raw, len), *query, *path_end;
    char *to;

    *t = (struct http_target){0};
    /* decoding never grows, but each part gains a NUL: at most one for each byte, and one more */
    t->text = mem_alloc(2 * len + 2);
    if (!t->text)
        return err_set(e, ERR_MEMORY, "out of memory");
    to = t->text;
    query = memchr(begin, '?', (size_t)(end - begin));
    path_end = query ? query : end;
    t->path = decode(&to, begin, path_end, false);
    if (!t->path || !path_is_safe(t->path, strlen(t->path))) {
        err_set(e, ERR_INPUT, "the path is not well formed");
        goto failed;
    }
    if (query && parse_query(t, &to, query + 1, end, e) != 0)
        goto failed;
    assert(to <= t->text + 2 * len + 2);
    return 0;
failed:
    http_target_free(t);
    return -1;
}

void http_target_free(struct http_target *t)
{
    mem_free(t->text);
    mem_free(t->params);
    *t = (struct http_target){0};
}

const char *http_target_param(const struct http_target *t, const char *name, int nth)
{
    for (size_t i = 0; i < t->n_params; i++)
        if (strcmp(t->params[i].name, name) == 0 && nth-- == 0)
            return t->params[i].value;
    return NULL;
}
