/* Reading what Prometheus and its kin post: [{"labels":{…},"annotations":{…},"startsAt":…}, …]
 *
 * A body may hold thousands of alerts, and a parser of trees holds the loop for all of them at once. So the
 * array is cut into its elements by their quotes and braces alone, and each is parsed by itself, when it is
 * its turn. What is wrong with the form (no labels, a number where a text belongs) refuses the whole body,
 * what is wrong with one alert (a name, a size, its times) that alert alone: as Alertmanager does. */
#include "api/am_body.h"

#include <assert.h>
#include <string.h>

#include "base/json_in.h"
#include "base/text.h"

#define ANNOTATION_MAX 32768
#define NAME_MAX_BYTES 256

static void skip_blank(struct am_body *b)
{
    while (b->at < b->end && (*b->at == ' ' || *b->at == '\t' || *b->at == '\n' || *b->at == '\r'))
        b->at++;
}

/* Behind the quote that ends a string begun at `p`; `end` when none does. */
static const char *after_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p < end ? p + 1 : end;
}

static enum am_next broken(struct err *e, const struct am_body *b, const char *why)
{
    err_set(e, ERR_INPUT, "alert %zu: %s", b->n, why);
    return AM_BROKEN;
}

/* Behind the object that begins at b->at. NULL with `e`. */
static const char *after_object(const struct am_body *b, struct err *e)
{
    const char *p = b->at;
    size_t depth = 0;

    while (p < b->end && (size_t)(p - b->at) <= AM_ALERT_MAX) {
        if (*p == '"') {
            p = after_string(p, b->end);
            continue;
        }
        depth += *p == '{' || *p == '[';
        p++;
        if ((p[-1] == '}' || p[-1] == ']') && --depth == 0)
            break;
    }
    if (depth == 0 && (size_t)(p - b->at) <= AM_ALERT_MAX)
        return p;
    if ((size_t)(p - b->at) > AM_ALERT_MAX)
        err_set(e, ERR_LIMIT, "alert %zu: is larger than %d KiB", b->n, AM_ALERT_MAX / 1024);
    else
        broken(e, b, "the body ends within it");
    return NULL;
}

enum am_next am_body_next(struct am_body *b, const char **element, size_t *len, struct err *e)
{
    const char *behind;
    char open = b->n == 0 ? '[' : ',';

    skip_blank(b);
    if (b->n > 0 && b->at < b->end && *b->at == ']') {
        b->at++;
        skip_blank(b);
        return b->at == b->end ? AM_END : broken(e, b, "something follows the array");
    }
    if (b->at == b->end || *b->at != open)
        return broken(e, b,
                      b->n == 0 ? "an array of alerts is expected" : "`,` or `]` is expected");
    b->at++;
    skip_blank(b);
    if (b->n == 0 && b->at < b->end && *b->at == ']') { /* [] */
        b->n++;
        return am_body_next(b, element, len, e);
    }
    if (b->at == b->end || *b->at != '{')
        return broken(e, b, "an object is expected");
    behind = after_object(b, e);
    if (!behind)
        return AM_BROKEN;
    *element = b->at;
    *len = (size_t)(behind - b->at);
    b->at = behind;
    b->n++;
    assert(b->at <= b->end && *len >= 2);
    return AM_ELEMENT;
}

/* --- one alert ---------------------------------------------------------------------------------------- */

static const cJSON *member(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

    return cJSON_IsNull(v) ? NULL : v;
}

static int check_texts(const cJSON *o, const char *key, struct err *e)
{
    const cJSON *all = member(o, key), *v;

    if (all && !cJSON_IsObject(all))
        return err_set(e, ERR_INPUT, "%s is no object", key);
    cJSON_ArrayForEach(v, all)
    {
        if (!cJSON_IsString(v))
            return err_set(e, ERR_INPUT, "%s.%.60s is no text", key, v->string);
    }
    return 0;
}

/* RFC 3339; the year 1 is Go's way to say "none". */
static int time_of(const cJSON *o, const char *key, int64_t *at_ms)
{
    const cJSON *v = member(o, key);
    const char *s = cJSON_GetStringValue(v);

    *at_ms = 0;
    if (!v || (s && (!*s || strncmp(s, "0001-", 5) == 0)))
        return 0;
    if (!s || text_parse_time(s, strlen(s), at_ms) != 0)
        return -1;
    if (*at_ms == 0)
        *at_ms = 1; /* 0 says that it was not given */
    return 0;
}

int am_alert_check(const cJSON *o, struct err *e)
{
    int64_t at_ms;

    if (!cJSON_IsObject(o))
        return err_set(e, ERR_INPUT, "is no JSON object");
    if (!member(o, "labels"))
        return err_at(e, ERR_INPUT, 0, "labels", "labels in body is required");
    if (check_texts(o, "labels", e) || check_texts(o, "annotations", e))
        return -1;
    if (time_of(o, "startsAt", &at_ms))
        return err_set(e, ERR_INPUT, "startsAt is no time such as 2026-01-05T08:00:00Z");
    if (time_of(o, "endsAt", &at_ms))
        return err_set(e, ERR_INPUT, "endsAt is no time such as 2026-01-05T08:00:00Z");
    if (member(o, "generatorURL") && !cJSON_IsString(member(o, "generatorURL")))
        return err_set(e, ERR_INPUT, "generatorURL is no text");
    return 0;
}

static bool is_utf8(const char *s)
{
    size_t n = strlen(s), step;

    for (; n > 0; s += step, n -= step)
        if ((step = text_utf8(s, n)) == 0)
            return false;
    return true;
}

static int check_pair(const char *what, const cJSON *v, size_t max, struct err *e)
{
    size_t name_len = strlen(v->string);

    if (!text_is_name(v->string, name_len))
        return err_set(e, ERR_INPUT, "invalid %s name \"%.80s\"", what, v->string);
    if (name_len > NAME_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "the %s name %.60s… is longer than %d bytes", what, v->string,
                       NAME_MAX_BYTES);
    if (!is_utf8(v->valuestring))
        return err_set(e, ERR_INPUT, "the value of the %s %s is not UTF-8", what, v->string);
    if (strlen(v->valuestring) > max)
        return err_set(e, ERR_LIMIT, "the value of the %s %s is longer than %zu bytes", what,
                       v->string, max);
    return 0;
}

static int read_labels(const cJSON *o, struct am_alert *out, struct err *e)
{
    const cJSON *v;
    int n;

    cJSON_ArrayForEach(v, member(o, "labels"))
    {
        if (!*v->valuestring)
            continue;
        if (check_pair("label", v, AM_TEXT_MAX, e))
            return -1;
        if (out->n_labels == LABELS_MAX - 1)
            return err_set(e, ERR_LIMIT, "more than %d labels", LABELS_MAX - 1);
        out->labels[out->n_labels++] = label_of(v->string, v->valuestring);
    }
    n = labels_sort(out->labels, out->n_labels);
    if (n < 0)
        return err_set(e, ERR_INPUT, "a label is there twice");
    if (n == 0)
        return err_set(e, ERR_INPUT, "at least one label pair required");
    out->n_labels = (size_t)n;
    return 0;
}

static int read_annotations(const cJSON *o, struct am_alert *out, struct err *e)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, member(o, "annotations"))
    {
        if (check_pair("annotation", v, ANNOTATION_MAX, e))
            return -1;
        if (out->n_annotations == AM_PAIRS_MAX)
            return err_set(e, ERR_LIMIT, "more than %d annotations", AM_PAIRS_MAX);
        out->annotations[out->n_annotations++] = (struct rule_pair){v->string, v->valuestring};
    }
    return 0;
}

int am_alert_read(const cJSON *o, struct am_alert *out, struct err *e)
{
    *out = (struct am_alert){.url = json_in_text(o, "generatorURL")};
    if (time_of(o, "startsAt", &out->starts_ms) || time_of(o, "endsAt", &out->ends_ms))
        return err_set(e, ERR_INPUT, "its times are none");
    if (read_labels(o, out, e) || read_annotations(o, out, e))
        return -1;
    if (strlen(out->url) > AM_TEXT_MAX)
        return err_set(e, ERR_LIMIT, "its generatorURL is longer than %d bytes", AM_TEXT_MAX);
    if (out->starts_ms && out->ends_ms && out->ends_ms < out->starts_ms)
        return err_set(e, ERR_INPUT, "start time must be before end time");
    return 0;
}
