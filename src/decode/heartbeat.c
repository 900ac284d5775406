/* Pings of jobs: GET, HEAD or POST to /ping/NAME, as cron jobs and clients of healthchecks services send.
 *
 * What stands in the address comes as lines before the body (heartbeat_lines in intake writes them):
 *
 *   NAME            of the heartbeat, and nothing else in a label: a job must not make series by the run
 *   STATE           "", start, fail, an exit code
 *   DURATION        "", seconds ("12.5") or a duration ("2m")
 *   text            the rest: what the job printed
 *
 * The ping counts when it arrives; it has no time of its own, so one that is sent again is a further ping, which
 * changes nothing. How long a run took is told by the sender or, between a start and an end, measured here from
 * memory: after a restart of Tocsin that one is unknown, not wrong. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "decode/batch.h"
#include "decode/decoders.h"
#include "decode/memory.h"
#include "model/heartbeat.h"

#define LASTED_MAX_S 34560000.0 /* 400 days */

struct piece {
    const char *s;
    size_t n;
};

static struct piece line_of(struct piece *from)
{
    const char *end = from->n > 0 ? memchr(from->s, '\n', from->n) : NULL;
    struct piece line = {from->s, end ? (size_t)(end - from->s) : from->n};
    size_t gone = line.n + (end ? 1 : 0);

    from->s += gone;
    from->n -= gone;
    return line;
}

static int shown(const struct piece *p)
{
    return (int)text_utf8_cut(p->s, p->n, 40);
}

/* Digits and a point: what a shell writes. */
static bool read_seconds(struct piece p, double *v)
{
    char text[32], *end;

    for (size_t i = 0; i < p.n; i++)
        if (!isdigit((unsigned char)p.s[i]) && p.s[i] != '.')
            return false;
    if (p.n == 0 || p.n >= sizeof text)
        return false;
    memcpy(text, p.s, p.n);
    text[p.n] = 0;
    *v = strtod(text, &end);
    return end == text + p.n;
}

/* -1: none is told. */
static int read_duration(struct piece p, double *seconds, struct err *e)
{
    int64_t ms;

    *seconds = -1;
    if (p.n == 0)
        return 0;
    if (!read_seconds(p, seconds) && text_parse_duration(p.s, p.n, &ms) == 0)
        *seconds = (double)ms / 1000;
    if (*seconds >= 0 && *seconds <= LASTED_MAX_S)
        return 0;
    return err_at(e, ERR_INPUT, 0, "duration",
                  "\"%.*s\" is no duration: write seconds (12.5) or 2m30s", shown(&p), p.s);
}

static int add_series(struct decode_batch *b, const struct decode_input *in, const char *metric,
                      struct piece name, double v, struct err *e)
{
    if (batch_label(b, "__name__", 8, metric, strlen(metric)) != 0 ||
        batch_label(b, HEARTBEAT_LABEL, sizeof HEARTBEAT_LABEL - 1, name.s, name.n) != 0)
        return batch_no_memory(e);
    if (batch_series(b, in, SAMPLE_GAUGE, e) != 0)
        return -1;
    b->n_untimed++;
    return batch_sample(b, in, in->now_ms, v, 1, false, e);
}

/* Seconds since the start of this run, if there was one; it ends here. */
static double measured(const struct decode_input *in, const struct heartbeat_ping *p,
                       struct piece name)
{
    char key[HEARTBEAT_NAME_MAX + 16];
    int n = snprintf(key, sizeof key, "\x01ping %.*s", (int)name.n, name.s);
    double *began = memory_gauge_make(in->memory, key, (size_t)n, in->limits->max_gauges);
    double lasted = -1;

    if (!began)
        return -1;
    if (*began > 0 && p->state != HEARTBEAT_STARTED)
        lasted = fmax(((double)in->now_ms - *began) / 1000, 0);
    *began = p->state == HEARTBEAT_STARTED ? (double)in->now_ms : 0;
    return lasted;
}

/* The last bytes of the text, trimmed; what is no UTF-8 becomes U+FFFD. */
static int read_log(struct decode_batch *b, struct piece text, struct piece *out, struct err *e)
{
    struct buf clean = BUF_INIT;
    char *copy;

    if (text.n > HEARTBEAT_LOG_MAX) {
        text.s += text.n - HEARTBEAT_LOG_MAX;
        text.n = HEARTBEAT_LOG_MAX;
        for (; text.n > 0 && ((unsigned char)*text.s & 0xc0) == 0x80; text.n--)
            text.s++;
        b->counts.values_cut++;
    }
    while (text.n > 0 && isspace((unsigned char)text.s[text.n - 1]))
        text.n--;
    for (size_t i = 0, step; i < text.n; i += step) {
        step = text.s[i] ? text_utf8(text.s + i, text.n - i) : 0;
        if (step > 0)
            buf_add(&clean, text.s + i, step);
        else
            buf_adds(&clean, "\xef\xbf\xbd");
        step = step > 0 ? step : 1;
    }
    copy = buf_ok(&clean) ? text_pool_copy(&b->build->pool, buf_str(&clean), clean.len) : NULL;
    *out = (struct piece){copy, clean.len};
    buf_free(&clean);
    return copy ? 0 : batch_no_memory(e);
}

static int add_field(struct decode_batch *b, const char *name, const char *value, size_t n)
{
    return batch_label(b, name, strlen(name), value, n);
}

static int add_event(struct decode_batch *b, const struct decode_input *in,
                     const struct heartbeat_ping *p, struct piece name, struct piece log,
                     struct err *e)
{
    struct buf text = BUF_INIT;
    const char *level = heartbeat_level(p);
    char *message = NULL;
    size_t len;
    bool more;

    heartbeat_message(p, log.s, log.n, &text);
    len = text.len;
    more = log.n > 0 && memchr(log.s, '\n', log.n) != NULL;
    if (buf_ok(&text))
        message = text_pool_copy(&b->build->pool, buf_str(&text), len);
    buf_free(&text);
    if (!message || add_field(b, "logger", HEARTBEAT_LOGGER, sizeof HEARTBEAT_LOGGER - 1) != 0 ||
        add_field(b, HEARTBEAT_LABEL, name.s, name.n) != 0 ||
        add_field(b, "level", level, strlen(level)) != 0 ||
        add_field(b, "message", message, len) != 0 ||
        (more && add_field(b, "output", log.s, log.n) != 0))
        return batch_no_memory(e);
    b->n_untimed++;
    return batch_event(b, in, in->now_ms, e);
}

int decode_heartbeat(struct decode_batch *b, const struct decode_input *in, struct err *e)
{
    struct piece rest = {in->body, in->len}, name = line_of(&rest), state = line_of(&rest),
                 lasted = line_of(&rest), log;
    struct heartbeat_ping p;
    const char *metric;
    double seconds, v;

    if (!heartbeat_is_name(name.s, name.n))
        return err_at(e, ERR_INPUT, 0, "name",
                      "the name of a heartbeat has letters, digits, dots, _ and -, at most %d",
                      HEARTBEAT_NAME_MAX);
    if (heartbeat_parse(state.s, state.n, &p) != 0)
        return err_at(e, ERR_INPUT, 0, "status",
                      "\"%.*s\" is no state of a run: start, fail, or an exit code from 0 to 255; "
                      "nothing says that it ended well",
                      shown(&state), state.s);
    if (read_duration(lasted, &seconds, e) != 0 || read_log(b, rest, &log, e) != 0)
        return -1;
    metric = heartbeat_sample(&p, &v);
    if (add_series(b, in, metric, name, v, e) != 0)
        return -1;
    v = measured(in, &p, name);
    seconds = seconds < 0 ? v : seconds;
    if (p.state != HEARTBEAT_STARTED && seconds >= 0 &&
        add_series(b, in, HEARTBEAT_LASTED, name, seconds, e) != 0)
        return -1;
    if (heartbeat_has_event(&p, log.n) && add_event(b, in, &p, name, log, e) != 0)
        return -1;
    batch_close(b);
    return 0;
}
