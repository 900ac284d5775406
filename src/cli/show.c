/* What a person reads on a terminal: every text of the answer is made visible once, behind the parser, so
 * that no command can forget it. Times are short where they are near, and tables are laid out by columns of
 * characters, not bytes. */
#include "cli/show.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "base/visible.h"
#include "base/zone.h"
#include "cli/cli.h"

/* An hour of the day is clear without its date this far ahead. */
#define UNTIL_CLEAR_MS INT64_C(82800000)

/* --- members --- */

size_t list_size(const cJSON *list)
{
    return cJSON_IsArray(list) || cJSON_IsObject(list) ? (size_t)cJSON_GetArraySize(list) : 0;
}

/* --- what strangers wrote --- */

static int make_visible(char **text)
{
    struct buf b = BUF_INIT;
    char *copy;

    visible_line(&b, *text, strlen(*text));
    copy = buf_ok(&b) ? cJSON_malloc(b.len + 1) : NULL;
    if (copy) {
        memcpy(copy, buf_str(&b), b.len + 1);
        cJSON_free(*text);
        *text = copy;
    }
    buf_free(&b);
    return copy ? 0 : -1;
}

/* Recursion is bounded by the parser's depth. */
int answer_make_visible(cJSON *j)
{
    cJSON *child;

    if (j->string && make_visible(&j->string) != 0)
        return -1;
    if (cJSON_IsString(j) && make_visible(&j->valuestring) != 0)
        return -1;
    cJSON_ArrayForEach(child, j)
    {
        if (answer_make_visible(child) != 0)
            return -1;
    }
    return 0;
}

/* --- words --- */

static struct tm local(int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;

    localtime_r(&seconds, &tm);
    return tm;
}

static void add_date(struct buf *out, const struct tm *tm)
{
    char text[40];

    if (strftime(text, sizeof text, "%e %b ", tm) > 0)
        buf_adds(out, text[0] == ' ' ? text + 1 : text); /* %e pads the day */
}

void show_clock(struct buf *out, int64_t at_ms, int64_t now_ms)
{
    struct tm at = local(at_ms), now = local(now_ms);
    char clock[ZONE_TIME_LEN];

    if (at_ms == 0) {
        buf_addc(out, '-');
        return;
    }
    if (at.tm_yday == now.tm_yday && at.tm_year == now.tm_year) {
        zone_time(clock, at_ms, true);
        buf_adds(out, clock);
        return;
    }
    add_date(out, &at);
    zone_time(clock, at_ms, false);
    buf_adds(out, clock);
}

void show_until(struct buf *out, int64_t at_ms, int64_t now_ms)
{
    struct tm at = local(at_ms);
    char clock[ZONE_TIME_LEN];

    if (at_ms - now_ms >= UNTIL_CLEAR_MS)
        add_date(out, &at);
    zone_time(clock, at_ms, false);
    buf_adds(out, clock);
}

void show_count(struct buf *out, size_t n, const char *one)
{
    buf_addf(out, "%zu %s%s", n, one, n == 1 ? "" : "s");
}

static bool is_told_apart(const char *name)
{
    return strcmp(name, "alertname") == 0 || strcmp(name, "severity") == 0;
}

void show_labels(struct buf *out, const cJSON *labels)
{
    const cJSON *l;
    size_t n = 0;

    cJSON_ArrayForEach(l, labels)
    {
        if (is_told_apart(l->string) || !cJSON_IsString(l))
            continue;
        buf_addf(out, "%s%s=%s", n++ ? ", " : "{", l->string, l->valuestring);
    }
    if (n)
        buf_addc(out, '}');
}

void show_group(struct buf *out, const cJSON *labels)
{
    const cJSON *l;
    size_t n = 0;

    cJSON_ArrayForEach(l, labels)
    {
        if (cJSON_IsString(l))
            buf_addf(out, "%s%s", n++ ? " " : "", l->valuestring);
    }
    if (n == 0)
        buf_adds(out, "everything");
}

/* --- tables --- */

void table_add(struct table *t, const char *cell)
{
    buf_add(&t->text, cell, strlen(cell) + 1);
    t->n_cells++;
}

void table_addf(struct table *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&t->text, fmt, ap);
    va_end(ap);
    buf_addc(&t->text, '\0');
    t->n_cells++;
}

void table_take(struct table *t, struct buf *cell)
{
    table_add(t, buf_str(cell));
    buf_free(cell);
}

static size_t columns_of(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Empty cells at the end leave no blanks. */
static void print_trimmed_row(struct buf *out, const char *const *cells, const int *widths,
                              size_t n)
{
    while (n > 1 && cells[n - 1][0] == 0)
        n--;
    print_table_row(out, cells, widths, n);
}

void table_print(struct table *t, struct buf *out)
{
    const char *cells[TABLE_COLUMNS], *p = buf_str(&t->text);
    int widths[TABLE_COLUMNS] = {0};

    if (!buf_ok(&t->text)) {
        buf_free(&t->text);
        return;
    }
    for (size_t i = 0; i < t->n_cells; i++, p += strlen(p) + 1) {
        int *width = &widths[i % t->columns], n = (int)columns_of(p);

        *width = n > *width ? n : *width;
    }
    p = buf_str(&t->text);
    for (size_t i = 0; i < t->n_cells; i++, p += strlen(p) + 1) {
        cells[i % t->columns] = p;
        if ((i + 1) % t->columns == 0)
            print_trimmed_row(out, cells, widths, t->columns);
    }
    buf_free(&t->text);
    t->n_cells = 0;
}
