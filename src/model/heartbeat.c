#include "model/heartbeat.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/text.h"

#define LINE_MAX_LEN 500 /* bytes of the last line in a message */

bool heartbeat_is_name(const char *s, size_t n)
{
    if (n == 0 || n > HEARTBEAT_NAME_MAX || s[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '.' && s[i] != '_' && s[i] != '-')
            return false;
    return true;
}

static bool is(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(s, word, n) == 0;
}

int heartbeat_parse(const char *s, size_t n, struct heartbeat_ping *out)
{
    int code = 0;

    *out = (struct heartbeat_ping){.state = HEARTBEAT_OK};
    if (n == 0 || is(s, n, "ok") || is(s, n, "success"))
        return 0;
    if (is(s, n, "start")) {
        out->state = HEARTBEAT_STARTED;
        return 0;
    }
    if (is(s, n, "fail")) {
        out->state = HEARTBEAT_FAILED;
        return 0;
    }
    if (n > 3)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)s[i]))
            return -1;
        code = code * 10 + (s[i] - '0');
    }
    if (code > 255)
        return -1;
    out->state = code == 0 ? HEARTBEAT_OK : HEARTBEAT_FAILED;
    out->code = code;
    return 0;
}

const char *heartbeat_sample(const struct heartbeat_ping *p, double *v)
{
    assert(p->state == HEARTBEAT_FAILED || p->code == 0);
    *v = p->code > 0 ? p->code : 1;
    switch (p->state) {
    case HEARTBEAT_FAILED:
        return HEARTBEAT_BAD;
    case HEARTBEAT_STARTED:
        return HEARTBEAT_BEGIN;
    default:
        return HEARTBEAT_GOOD;
    }
}

bool heartbeat_has_event(const struct heartbeat_ping *p, size_t log_len)
{
    return p->state == HEARTBEAT_FAILED || log_len > 0;
}

const char *heartbeat_level(const struct heartbeat_ping *p)
{
    return p->state == HEARTBEAT_FAILED ? "ERROR" : "INFO";
}

void heartbeat_message(const struct heartbeat_ping *p, const char *log, size_t len, struct buf *out)
{
    size_t begin;

    while (len > 0 && isspace((unsigned char)log[len - 1]))
        len--;
    for (begin = len; begin > 0 && log[begin - 1] != '\n' && log[begin - 1] != '\r';)
        begin--;
    while (begin < len && isspace((unsigned char)log[begin]))
        begin++;
    len -= begin;
    if (p->code > 0)
        buf_addf(out, "exit code %d%s", p->code, len > 0 ? ": " : "");
    else if (len == 0)
        buf_adds(out, p->state == HEARTBEAT_FAILED ? "the job did not say why" : "ok");
    if (len > 0)
        buf_add(out, log + begin, text_utf8_cut(log + begin, len, LINE_MAX_LEN));
}
