/* limits { … }: how much is kept, and how much may be taken before data or acts are refused. What is not
 * given is 0 here, and the room whose bound it is has the default; so no default has two places. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/config_impl.h"

#define AT(field) offsetof(struct config_limits, field)
#define MIB       (UINT64_C(1) << 20)
#define GIB       (UINT64_C(1) << 30)
#define MINUTE    (INT64_C(60) * 1000)
#define HOUR      (60 * MINUTE)
#define DAY       (24 * HOUR)
#define MILLION   UINT64_C(1000000)

static const struct row rows[] = {
    {"redis_memory", ROW_BYTES, AT(redis_memory), NULL},
    {"journal_percent", ROW_NUMBER, AT(journal_percent), NULL},
    {"journal_memory", ROW_BYTES, AT(journal_memory), NULL},
    {"retention", ROW_DURATION, AT(retention_ms), NULL},
    {"pending_memory", ROW_BYTES, AT(pending_memory), NULL},
    {"window_memory", ROW_BYTES, AT(window_memory), NULL},
    {"groups", ROW_NUMBER, AT(groups), NULL},
    {"series", ROW_NUMBER, AT(series), NULL},
    {"new_series_per_minute", ROW_NUMBER, AT(new_series_per_minute), NULL},
    {"label_memory", ROW_BYTES, AT(label_memory), NULL},
    {"label_memory_per_token", ROW_BYTES, AT(label_memory_per_token), NULL},
    {"incidents", ROW_NUMBER, AT(incidents), NULL},
    {"incidents_keep", ROW_DURATION, AT(incidents_keep_ms), NULL},
    {"silences", ROW_NUMBER, AT(silences), NULL},
    {"history", ROW_NUMBER, AT(history), NULL},
    {0},
};

/* Below the least nothing works, beyond the most it is a slip of the pen. */
static const struct {
    size_t at;
    uint64_t least, most;
} spans[] = {
    {AT(redis_memory), 64 * MIB, 4096 * GIB},
    {AT(journal_percent), 5, 60}, /* the rest is for labels, cuts and alerts */
    {AT(journal_memory), 16 * MIB, 4096 * GIB},
    {AT(retention_ms), MINUTE, 7 * DAY},
    {AT(pending_memory), 8 * MIB, 256 * GIB},
    {AT(window_memory), 16 * MIB, 4096 * GIB},
    {AT(groups), 100, 100 * MILLION},
    {AT(series), 1000, 100 * MILLION},
    {AT(new_series_per_minute), 100, 100 * MILLION},
    {AT(label_memory), MIB, 4096 * GIB},
    {AT(label_memory_per_token), MIB, 4096 * GIB},
    {AT(incidents), 10, MILLION},
    {AT(incidents_keep_ms), HOUR, 400 * DAY},
    {AT(silences), 10, MILLION},
    {AT(history), 1000, 100 * MILLION},
};
_Static_assert(sizeof spans / sizeof *spans + 1 == sizeof rows / sizeof *rows,
               "each row has its span");

static void value_text(enum row_kind kind, uint64_t v, struct buf *out)
{
    if (kind == ROW_BYTES)
        text_bytes(out, (double)v);
    else if (kind == ROW_DURATION)
        text_duration(out, (int64_t)v);
    else
        buf_addf(out, "%" PRIu64, v);
}

static void check(lua_State *L, size_t i, uint64_t v)
{
    char least[40], most[40];
    struct buf b = BUF_INIT;

    if (v == 0 || (v >= spans[i].least && v <= spans[i].most))
        return;
    value_text(rows[i].kind, spans[i].least, &b);
    snprintf(least, sizeof least, "%s", buf_str(&b));
    buf_clear(&b);
    value_text(rows[i].kind, spans[i].most, &b);
    snprintf(most, sizeof most, "%s", buf_str(&b));
    buf_free(&b);
    sandbox_fail(L, "limits: `%s` is from %s to %s", rows[i].key, least, most);
}

int config_limits(lua_State *L)
{
    struct config_file *f = config_file_of(L);
    struct config_limits *c = &f->config.limits;

    config_once(L, &f->limits_given, "limits");
    config_rows_read(L, 1, "limits", rows, c);
    for (size_t i = 0; rows[i].key; i++) {
        uint64_t v;

        memcpy(&v, (const char *)c + rows[i].offset, sizeof v);
        check(L, i, v);
    }
    return 0;
}
