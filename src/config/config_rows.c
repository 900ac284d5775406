/* Reading a block of the configuration: keys from a table of rows, values checked by kind.
 * A row says name, kind and place; so every block refuses unknown keys with a suggestion, and says the same
 * of the same mistake. Kinds are few and strict (sizes have units, headers no line ends). A text never shows
 * what may be secret: URLs are not quoted behind the host. Dropped: a function for each block, and defaults
 * in the rows; those stand where the struct is made. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_impl.h"
#include "script/safelib.h"

#define TEXTS_MAX   1000
#define TIMEOUT_MAX (10 * 60 * 1000)
#define ROWS_MAX    64
#define HEADERS_MAX 32

static const char *const http_schemes[] = {"http://", "https://", NULL};

void config_fail_at(lua_State *L, const char *file, int line, const char *fmt, ...)
{
    char text[640];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    lua_pushfstring(L, "%s:%d: %s", file, line, text);
    lua_error(L);
    abort();
}

/* No control characters. */
void config_check_plain(lua_State *L, const char *text, const char *what)
{
    for (const char *p = text; *p; p++)
        if (iscntrl((unsigned char)*p))
            sandbox_fail(L, "%s contains a control character", what);
}

/* Shown without what may be secret in it: everything behind the host. */
void config_check_url(lua_State *L, const char *url, const char *what, const char *const *schemes)
{
    const char *rest = NULL;

    config_check_plain(L, url, what);
    for (size_t i = 0; schemes[i] && !rest; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            rest = url + strlen(schemes[i]);
    if (!rest)
        sandbox_fail(L, "%s must begin with %s", what, schemes[0]);
    if (*rest == 0 || *rest == '/' || *rest == ':' || strchr(url, ' '))
        sandbox_fail(L, "%s is no URL", what);
}

/* "127.0.0.1:9393", "[::1]:9393", ":9393" */
void config_check_address(lua_State *L, const char *address, const char *what)
{
    const char *colon = strrchr(address, ':');
    char *end;
    long port;

    if (!colon || !isdigit((unsigned char)colon[1]))
        sandbox_fail(L, "%s = \"%s\": an address with a port is needed, e.g. \"127.0.0.1:9393\"",
                     what, address);
    port = strtol(colon + 1, &end, 10);
    if (*end || port > 65535)
        sandbox_fail(L, "%s = \"%s\": the port must be a number from 0 to 65535", what, address);
    if (strchr(address, '/') || strchr(address, ' ') ||
        (strchr(address, ':') != colon && *address != '['))
        sandbox_fail(L,
                     "%s = \"%s\": an address such as \"127.0.0.1:9393\" or \"[::1]:9393\" is "
                     "needed",
                     what, address);
}

const char *config_path(lua_State *L, const char *path)
{
    const char *dir = config_file_of(L)->config.dir;
    char full[PATH_MAX];

    if (*path == '/' || *dir == 0)
        return path;
    if (snprintf(full, sizeof full, "%s/%s", dir, path) >= (int)sizeof full)
        sandbox_fail(L, "\"%s\": the path is too long", path);
    return script_dup(L, full, strlen(full));
}

const struct secret *config_keep_secret(lua_State *L, const char *bytes, size_t len)
{
    struct config_file *f = config_file_of(L);
    struct secret *s;

    if (mem_grow((void **)&f->secrets, &f->cap_secrets, f->n_secrets + 1, sizeof *f->secrets) < 0)
        sandbox_no_memory(L);
    s = secret_new(bytes, len);
    if (!s)
        sandbox_no_memory(L);
    f->secrets[f->n_secrets++] = s;
    return s;
}

const struct secret *config_secret(lua_State *L, int idx, const char *what)
{
    const struct secret *s = value_at(L, idx, VALUE_SECRET);
    const char *text;
    size_t len;

    if (s && secret_len(s) == 0)
        sandbox_fail(L, "%s: the secret_file is empty", what);
    if (s)
        return s;
    if (lua_type(L, idx) != LUA_TSTRING)
        sandbox_fail(L, "%s must be a string, secret_file \"…\" or secret_env \"…\", got %s", what,
                     value_name(L, idx));
    text = lua_tolstring(L, idx, &len);
    if (len == 0 || strlen(text) != len)
        sandbox_fail(L, "%s is empty or contains a zero byte", what);
    return config_keep_secret(L, text, len);
}

/* --- one value --- */

static const char *text_arg(lua_State *L, int idx, const char *what)
{
    if (lua_type(L, idx) != LUA_TSTRING || lua_rawlen(L, idx) == 0)
        sandbox_fail(L, "%s must be a string, got %s", what,
                     lua_type(L, idx) == LUA_TSTRING ? "an empty one" : value_name(L, idx));
    if (strlen(lua_tostring(L, idx)) != lua_rawlen(L, idx))
        sandbox_fail(L, "%s contains a zero byte", what);
    return script_string(L, idx);
}

struct texts {
    const char **list;
    size_t n;
};

static void texts_arg(lua_State *L, int idx, const char *what, struct texts *out)
{
    size_t n;

    if (lua_type(L, idx) == LUA_TSTRING) {
        out->list = script_alloc(L, sizeof *out->list);
        out->list[0] = text_arg(L, idx, what);
        out->n = 1;
        return;
    }
    n = arg_list(L, idx, what, TEXTS_MAX);
    if (n == 0)
        sandbox_fail(L, "%s is empty", what);
    out->list = script_alloc(L, n * sizeof *out->list);
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, idx, (lua_Integer)i + 1);
        out->list[i] = text_arg(L, -1, what);
        lua_pop(L, 1);
    }
    out->n = n;
}

static unsigned count_arg(lua_State *L, int idx, const char *what)
{
    int is_integer;
    lua_Integer v = lua_tointegerx(L, idx, &is_integer);

    if (lua_type(L, idx) != LUA_TNUMBER || !is_integer || v < 0 || v > 1000000)
        sandbox_fail(L, "%s must be a whole number from 0 to 1000000", what);
    return (unsigned)v;
}

static uint64_t number_arg(lua_State *L, int idx, const char *what)
{
    int is_integer;
    lua_Integer v = lua_tointegerx(L, idx, &is_integer);

    if (lua_type(L, idx) != LUA_TNUMBER || !is_integer || v < 1)
        sandbox_fail(L, "%s must be a whole number, at least 1", what);
    return (uint64_t)v;
}

static uint64_t bytes_arg(lua_State *L, int idx, const char *what)
{
    double v = 0;
    enum unit unit = UNIT_NONE;
    size_t len = 0;
    const char *text = lua_type(L, idx) == LUA_TSTRING ? lua_tolstring(L, idx, &len) : "";

    if (text_parse_quantity(text, len, &v, &unit) != 0 || unit != UNIT_BYTES || !(v >= 1) ||
        v > 1e15)
        sandbox_fail(L, "%s must be a size such as \"512MiB\" or \"2GiB\"", what);
    return (uint64_t)v;
}

/* "if_offered" is "if offered". */
static bool is_word(const char *word, const char *text)
{
    while (*word && (*word == *text || (*word == ' ' && *text == '_')))
        word++, text++;
    return !*word && !*text;
}

static int word_arg(lua_State *L, int idx, const char *what, const char *const *words)
{
    const char *text = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : "";
    char list[256] = "";
    size_t used = 0;

    for (int i = 0; words[i]; i++) {
        if (is_word(words[i], text))
            return i + 1;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%s\"",
                                 i == 0         ? ""
                                 : words[i + 1] ? ", "
                                                : " or ",
                                 words[i]);
    }
    sandbox_fail(L, "%s must be %s", what, list);
}

/* Header names are tokens (RFC 9110); values hold no line ends, or they would be further headers. */
static void check_header(lua_State *L, const struct config_header *h, const char *what,
                         const char *value)
{
    size_t n = strspn(h->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "!#$%&'*+-.^_`|~");

    if (n == 0 || h->name[n])
        sandbox_fail(L, "%s: \"%s\" is no header name", what, h->name);
    config_check_plain(L, secret_text(h->value), value);
}

struct headers {
    const struct config_header *list;
    size_t n;
};

static void headers_arg(lua_State *L, int idx, const char *what, struct headers *out)
{
    struct config_header *list;
    char value[160];

    if (!lua_istable(L, idx))
        sandbox_fail(L, "%s: { [\"X-Name\"] = \"value\" } is the form", what);
    snprintf(value, sizeof value, "%.128s: the value of a header", what);
    out->list = list = script_alloc(L, HEADERS_MAX * sizeof *list);
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        struct config_header *h = &list[out->n];

        if (lua_type(L, -2) != LUA_TSTRING || out->n == HEADERS_MAX)
            sandbox_fail(L, "%s: at most %d, written [\"X-Name\"] = \"value\"", what, HEADERS_MAX);
        h->name = script_string(L, -2);
        h->value = config_secret(L, -1, value);
        check_header(L, h, what, value);
        out->n++;
        lua_pop(L, 1);
    }
}

static void read_row(lua_State *L, int idx, const char *what, const struct row *row, char *at)
{
    int64_t ms;

    switch (row->kind) {
    case ROW_TEXT:
        *(const char **)at = text_arg(L, idx, what);
        break;
    case ROW_PATH:
        *(const char **)at = config_path(L, text_arg(L, idx, what));
        break;
    case ROW_TEXTS:
        texts_arg(L, idx, what, (struct texts *)at);
        break;
    case ROW_DURATION:
        *(int64_t *)at = arg_duration(L, idx, what);
        break;
    case ROW_DURATION0:
        *(int64_t *)at = arg_duration0(L, idx, what);
        break;
    case ROW_TIMEOUT:
        ms = arg_duration(L, idx, what);
        if (ms > TIMEOUT_MAX)
            sandbox_fail(L, "%s is at most 10m", what);
        *(int *)at = (int)ms;
        break;
    case ROW_BOOL:
        if (!lua_isboolean(L, idx))
            sandbox_fail(L, "%s must be true or false, got %s", what, value_name(L, idx));
        *(bool *)at = lua_toboolean(L, idx);
        break;
    case ROW_COUNT:
        *(unsigned *)at = count_arg(L, idx, what);
        break;
    case ROW_NUMBER:
        *(uint64_t *)at = number_arg(L, idx, what);
        break;
    case ROW_BYTES:
        *(uint64_t *)at = bytes_arg(L, idx, what);
        break;
    case ROW_SECRET:
        *(const struct secret **)at = config_secret(L, idx, what);
        break;
    case ROW_URL:
        *(const struct secret **)at = config_secret(L, idx, what);
        config_check_url(L, secret_text(*(const struct secret **)at), what, http_schemes);
        break;
    case ROW_WORD:
        *(int *)at = word_arg(L, idx, what, row->words);
        break;
    case ROW_SERVER:
        *(const char **)at = text_arg(L, idx, what);
        config_check_url(L, *(const char **)at, what, row->words);
        break;
    case ROW_HEADERS:
        headers_arg(L, idx, what, (struct headers *)at);
        break;
    case ROW_OTHER:
        break;
    case ROW_LATER:
        sandbox_fail(L, "%s is not part of this version of Tocsin", what);
    }
}

static const struct row *find_row(lua_State *L, const char *what, const struct row *rows,
                                  const char *key)
{
    const char *names[ROWS_MAX], *near;
    size_t n = 0;

    for (; rows[n].key; n++) {
        if (strcmp(rows[n].key, key) == 0)
            return &rows[n];
        names[n] = rows[n].key;
    }
    near = text_nearest(key, names, n);
    if (near)
        sandbox_fail(L, "%s: unknown key \"%s\" — did you mean \"%s\"?", what, key, near);
    sandbox_fail(L, "%s: unknown key \"%s\"", what, key);
}

void config_rows_read(lua_State *L, int idx, const char *what, const struct row *rows, void *target)
{
    char name[128];

    idx = lua_absindex(L, idx);
    safelib_keys(L, idx);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        const struct row *row;

        if (lua_type(L, -1) != LUA_TSTRING) { /* entries of the list part: the block's own */
            lua_pop(L, 1);
            continue;
        }
        row = find_row(L, what, rows, lua_tostring(L, -1));
        snprintf(name, sizeof name, "%.60s: `%.50s`", what, row->key);
        lua_pushvalue(L, -1);
        lua_gettable(L, idx);
        read_row(L, lua_gettop(L), name, row, (char *)target + row->offset);
        lua_pop(L, 2);
    }
    lua_pop(L, 2);
}
