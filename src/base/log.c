#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "base/visible.h"

#define REPEATS_PER_MINUTE 10
#define N_MEMORIES         256 /* messages remembered for the limit; a collision only forgets early */
#define FIELDS_MAX         16

static struct {
    enum log_level from;
    bool as_json;
    struct clock *clock;
    void (*sink)(const char *line, void *arg);
    void *sink_arg;
} log_to = {.from = LOG_LEVEL_INFO};

struct memory {
    uint64_t hash;
    int64_t minute;
    unsigned said;
};
static struct memory memories[N_MEMORIES];

void log_setup(enum log_level from, bool as_json, struct clock *clock)
{
    log_to.from = from;
    log_to.as_json = as_json;
    log_to.clock = clock;
}

void log_divert(void (*sink)(const char *line, void *arg), void *arg)
{
    log_to.sink = sink;
    log_to.sink_arg = arg;
}

static int64_t now_ms(void)
{
    static struct clock *own;

    if (log_to.clock)
        return clock_wall_ms(log_to.clock);
    if (!own)
        own = clock_system();
    return own ? clock_wall_ms(own) : 0;
}

/* Returns how many of the same message were held back before this one, or -1: hold this one too. */
static long allow(enum log_level level, const char *msg, int64_t at_ms)
{
    uint64_t hash = hash_mix(hash_bytes(msg, strlen(msg)), (uint64_t)level);
    struct memory *m = &memories[hash % N_MEMORIES];
    long held = 0;

    if (m->hash != hash || m->minute != at_ms / 60000) {
        if (m->hash == hash && m->said > REPEATS_PER_MINUTE)
            held = (long)m->said - REPEATS_PER_MINUTE;
        *m = (struct memory){.hash = hash, .minute = at_ms / 60000};
    }
    return ++m->said > REPEATS_PER_MINUTE ? -1 : held;
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void as_json(struct buf *b, enum log_level level, int64_t at_ms, const char *msg, va_list ap)
{
    struct buf raw = BUF_INIT;
    struct json j = json_into(&raw);
    const char *name;

    assert(level <= LOG_LEVEL_ERROR);
    json_object(&j);
    json_ktime(&j, "ts", at_ms);
    json_kstr(&j, "level", level_names[level]);
    json_kstr(&j, "msg", msg);
    for (int i = 0; i < FIELDS_MAX && (name = va_arg(ap, const char *)); i++)
        json_kstr(&j, name, va_arg(ap, const char *));
    json_object_end(&j);
    if (buf_ok(&raw))
        visible_json(b, raw.data, raw.len);
    buf_free(&raw);
}

static void as_text(struct buf *b, enum log_level level, int64_t at_ms, const char *msg, va_list ap)
{
    char clock_text[TEXT_TIME_LEN];
    const char *name;

    text_clock(clock_text, at_ms);
    buf_addf(b, "%s ", clock_text);
    if (level == LOG_LEVEL_WARN || level == LOG_LEVEL_ERROR)
        buf_addf(b, "%s: ", level_names[level]);
    visible_line(b, msg, strlen(msg));
    for (int i = 0; i < FIELDS_MAX && (name = va_arg(ap, const char *)); i++) {
        const char *value = va_arg(ap, const char *);

        buf_addf(b, " %s=", name);
        visible_line(b, value ? value : "-", value ? strlen(value) : 1);
    }
}

static void write_line(enum log_level level, const char *msg, va_list ap)
{
    struct buf b = BUF_INIT;
    int64_t at_ms = now_ms();
    long held;

    assert(msg && *msg);
    if (level < log_to.from || (held = allow(level, msg, at_ms)) < 0)
        return;
    if (log_to.as_json)
        as_json(&b, level, at_ms, msg, ap);
    else
        as_text(&b, level, at_ms, msg, ap);
    if (held > 0 && !log_to.as_json)
        buf_addf(&b, " (and %ld more in the last minute)", held);
    if (log_to.sink) {
        log_to.sink(buf_str(&b), log_to.sink_arg);
    } else {
        buf_addc(&b, '\n');
        if (b.data && write(STDERR_FILENO, b.data, b.len) < 0)
            (void)0; /* nowhere left to say so */
    }
    buf_free(&b);
}

#define LEVEL_FUNCTION(name, level) \
    void name(const char *msg, ...) \
    {                               \
        va_list ap;                 \
        va_start(ap, msg);          \
        write_line(level, msg, ap); \
        va_end(ap);                 \
    }

LEVEL_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LEVEL_FUNCTION(log_info, LOG_LEVEL_INFO)
LEVEL_FUNCTION(log_warn, LOG_LEVEL_WARN)
LEVEL_FUNCTION(log_error, LOG_LEVEL_ERROR)
