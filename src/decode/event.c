/* The fields of the event being filled, and which of them plays which role.
 * Logging libraries agree on what an event has, not on its names: so roles are found by a table of names in
 * an order (event_names.c), and a field that only looks like one keeps its own name. What is ambiguous is
 * decided by company ("name" beside "pid" and "hostname" is bunyan's). The fields are changed in place, as
 * views: nothing is copied. A time is believed only within a year behind and a day ahead. Cost: fields ×
 * roles; an event has few fields. */
#include "decode/event.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* The fields of the event being filled, and which of them plays which role. */
struct roles {
    struct label *l;
    size_t n;
    int winner[ROLES]; /* index of the field, -1: none */
    unsigned rank[ROLES];
};

/* How Python writes that there is nothing. */
static bool is_none(const struct label *f)
{
    return f->value_len == 4 && memcmp(f->value, "None", 4) == 0;
}

static void drop(struct label *f)
{
    f->value_len = 0;
}

static bool has(const struct roles *x, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < x->n; i++)
        if (x->l[i].name_len == n && memcmp(x->l[i].name, name, n) == 0)
            return true;
    return false;
}

/* bunyan and pino call the program "name", Python the logger. */
static bool is_bunyan(const struct roles *x)
{
    return has(x, "pid") && has(x, "hostname");
}

/* Attributes of Python's LogRecord mean what they mean there; elsewhere `args` and `name` are fields
 * like others. */
static bool is_python(const struct roles *x)
{
    return has(x, "levelname") || has(x, "levelno") || has(x, "record.level.name");
}

/* loguru puts its own things under "record", the caller's under "record.extra". */
static void strip_record(struct label *f)
{
    static const char *const heads[] = {"record.extra.", "record."};

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t n = strlen(heads[i]);

        if (f->name_len <= n || memcmp(f->name, heads[i], n) != 0)
            continue;
        f->name += n;
        f->name_len -= (uint32_t)n;
        return;
    }
}

static void assign_roles(struct roles *x)
{
    bool python = is_python(x), bunyan = is_bunyan(x);

    for (int r = 0; r < ROLES; r++)
        x->winner[r] = -1;
    for (size_t i = 0; i < x->n; i++) {
        struct label *f = &x->l[i];
        unsigned rank;
        enum event_role role = event_role_of(f->name, f->name_len, &rank);

        if (role == ROLE_LOGGER && f->name_len == 4) /* "name" */
            role = bunyan ? ROLE_SERVICE : python ? ROLE_LOGGER : ROLE_NONE;
        if (role == ROLE_DROP && !python)
            role = ROLE_NONE;
        if (role == ROLE_NONE) {
            strip_record(f);
            continue;
        }
        if (role == ROLE_DROP || is_none(f)) {
            drop(f);
            continue;
        }
        if (x->winner[role] < 0 || rank < x->rank[role]) {
            x->winner[role] = (int)i;
            x->rank[role] = rank;
        }
    }
}

static void rename_winners(struct roles *x)
{
    for (int r = 0; r < ROLES; r++) {
        struct label *f = x->winner[r] < 0 ? NULL : &x->l[x->winner[r]];

        if (!f || !event_role_names[r])
            continue;
        f->name = event_role_names[r];
        f->name_len = (uint32_t)strlen(f->name);
    }
}

static void set_value(struct label *f, const char *s, size_t n)
{
    f->value = s;
    f->value_len = (uint32_t)n;
}

/* A field of such a name may hold a duration, a count, the date of an order. The time of an event that
 * arrives now is not years away. */
#define TIME_PAST_MS  (INT64_C(366) * 24 * 3600 * 1000)
#define TIME_AHEAD_MS (INT64_C(24) * 3600 * 1000)

static bool is_time(const struct label *f, int64_t now_ms, unsigned *rank, int64_t *t_ms)
{
    return event_role_of(f->name, f->name_len, rank) == ROLE_TIME &&
           event_time(f->value, f->value_len, now_ms, t_ms) == 0 && *t_ms > now_ms - TIME_PAST_MS &&
           *t_ms < now_ms + TIME_AHEAD_MS;
}

/* The first in the table of names that can be one; the others that can say the same, and go. What
 * cannot stays as a field. False: none can be one. */
static bool read_time(struct roles *x, int64_t now_ms, int64_t *t_ms)
{
    unsigned best = UINT_MAX;

    *t_ms = now_ms;
    for (size_t i = 0; i < x->n; i++) {
        unsigned rank;
        int64_t at_ms;

        if (!is_time(&x->l[i], now_ms, &rank, &at_ms))
            continue;
        if (rank < best) {
            best = rank;
            *t_ms = at_ms;
        }
        drop(&x->l[i]);
    }
    return best < UINT_MAX;
}

#define ID_BYTES_MIN 16 /* a UUID has 36, a ULID 26, a snowflake 17 to 19 */

/* Ids of events, as CloudEvents, ECS and others write them. The same fields hold the kind of an event
 * ("4625", "ORDER_PAYMENT_FAILED"), which the next one has as well: that is short, or without digits. */
static bool is_named(const struct roles *x)
{
    static const char *const names[] = {"event_id", "event.id", "eventId"};

    for (size_t i = 0; i < x->n; i++) {
        const struct label *f = &x->l[i];
        bool digits = false;

        for (size_t k = 0; k < f->value_len; k++)
            digits |= f->value[k] >= '0' && f->value[k] <= '9';
        for (size_t k = 0; k < sizeof names / sizeof *names && digits; k++)
            if (f->value_len >= ID_BYTES_MIN && f->name_len == strlen(names[k]) &&
                memcmp(f->name, names[k], f->name_len) == 0)
                return true;
    }
    return false;
}

static void read_level(struct roles *x)
{
    int named = x->winner[ROLE_LEVEL], numbered = x->winner[ROLE_LEVEL_PYTHON];
    const char *level = NULL;

    if (named >= 0) {
        level = event_level(x->l[named].value, x->l[named].value_len);
        if (numbered >= 0)
            drop(&x->l[numbered]);
    } else if (numbered >= 0) {
        level = event_level_python(x->l[numbered].value, x->l[numbered].value_len);
        x->l[numbered].name = "level";
        x->l[numbered].name_len = 5;
        named = numbered;
    }
    if (level)
        set_value(&x->l[named], level, strlen(level));
}

static int add(struct decode_batch *b, const char *name, const char *value, size_t n)
{
    return batch_label(b, name, strlen(name), value, n);
}

/* loguru writes the traceback into "text" only. */
static int find_text(const struct roles *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->l[i].name_len == 4 && memcmp(x->l[i].name, "text", 4) == 0)
            return (int)i;
    return -1;
}

static bool is_loguru(const struct roles *x)
{
    int message = x->winner[ROLE_MESSAGE];

    return message >= 0 && x->l[message].name_len == 14 &&
           memcmp(x->l[message].name, "record.message", 14) == 0;
}

struct fault {
    struct event_text type, stack;
};

static struct event_text text_of(const struct label *f)
{
    return (struct event_text){f->value, f->value_len};
}

/* The best field first, then what the others add: one may hold the type, another the stack. */
static struct fault fault_of_fields(struct roles *x, int best)
{
    struct fault y;

    event_exception(x->l[best].value, x->l[best].value_len, &y.type, &y.stack);
    for (size_t i = 0; i < x->n; i++) {
        struct event_text type, stack;
        unsigned rank;

        if (x->l[i].value_len == 0 ||
            event_role_of(x->l[i].name, x->l[i].name_len, &rank) != ROLE_EXCEPTION)
            continue;
        event_exception(x->l[i].value, x->l[i].value_len, &type, &stack);
        y.type = y.type.n > 0 ? y.type : type;
        y.stack = y.stack.n > 0 ? y.stack : stack;
        drop(&x->l[i]);
    }
    return y;
}

static struct fault take_fault(struct roles *x, bool loguru)
{
    struct fault y = {{"", 0}, {"", 0}};
    int at = x->winner[ROLE_EXCEPTION], stack = x->winner[ROLE_STACK], text = find_text(x);

    if (at >= 0)
        y = fault_of_fields(x, at);
    if (stack >= 0) {
        struct event_text type;

        y.stack = text_of(&x->l[stack]);
        if (y.type.n == 0 && memchr(y.stack.s, '\n', y.stack.n)) {
            event_exception(y.stack.s, y.stack.n, &type, &y.stack);
            y.type = type;
        }
    }
    if (loguru && text >= 0) {
        if (at >= 0 && y.stack.n == 0)
            y.stack = text_of(&x->l[text]);
        drop(&x->l[text]);
    }
    if (stack >= 0)
        drop(&x->l[stack]);
    return y;
}

static int add_fault(struct decode_batch *b, struct fault y, bool fingerprinted)
{
    char *hex;

    if (y.type.n > 0 && add(b, "exception", y.type.s, y.type.n) != 0)
        return -1;
    if (y.stack.n > 0 && add(b, "stack", y.stack.s, y.stack.n) != 0)
        return -1;
    if (fingerprinted || (y.type.n == 0 && y.stack.n == 0))
        return 0;
    hex = text_pool_take(&b->build->pool, 17);
    if (!hex)
        return -1;
    snprintf(hex, 17, "%016llx", (unsigned long long)event_fingerprint(y.type, y.stack));
    return add(b, "fingerprint", hex, 16);
}

static void cut_values(struct decode_batch *b, const struct decode_limits *limits)
{
    struct batch_build *w = b->build;

    for (size_t i = w->open; i < w->n_labels; i++) {
        struct label *f = &w->labels[i];

        if (f->value_len <= limits->max_field)
            continue;
        f->value_len = (uint32_t)text_utf8_cut(f->value, f->value_len, limits->max_field);
        b->counts.values_cut++;
    }
}

/* The fields that rules know come first, should there be too many. */
static void keep_known(struct decode_batch *b, const struct decode_limits *limits)
{
    struct batch_build *w = b->build;
    struct label *l = w->labels + w->open;
    size_t n = 0, kept = 0;

    for (size_t i = w->open; i < w->n_labels; i++)
        if (w->labels[i].value_len > 0)
            l[n++] = w->labels[i];
    for (size_t i = 0; i < n && n > limits->max_fields; i++) {
        unsigned rank;
        struct label f = l[i];

        if (event_role_of(f.name, f.name_len, &rank) == ROLE_NONE)
            continue;
        l[i] = l[kept];
        l[kept++] = f;
    }
    if (n > limits->max_fields) {
        b->counts.fields_dropped += (uint32_t)(n - limits->max_fields);
        n = limits->max_fields;
    }
    w->n_labels = w->open + n;
}

int event_finish(struct decode_batch *b, const struct decode_input *in, struct err *e)
{
    struct batch_build *w = b->build;
    struct roles x = {.n = w->n_labels - w->open};
    struct label said = {0};
    struct fault fault;
    bool fingerprinted, timed, named;
    int64_t t_ms;

    if (x.n == 0)
        return err_set(e, ERR_INPUT, "an event needs at least one field");
    x.l = w->labels + w->open;
    named = is_named(&x);
    assign_roles(&x);
    timed = read_time(&x, in->now_ms, &t_ms);
    b->n_named += named;
    b->n_untimed += !timed && !named;
    read_level(&x);
    fault = take_fault(&x, is_loguru(&x));
    fingerprinted = x.winner[ROLE_FINGERPRINT] >= 0;
    if (x.winner[ROLE_MESSAGE] < 0 && x.winner[ROLE_EVENT] >= 0)
        said = x.l[x.winner[ROLE_EVENT]];
    rename_winners(&x); /* from here on labels are added, and `x.l` may move */
    if (add_fault(b, fault, fingerprinted) != 0 ||
        (said.value_len > 0 && add(b, "message", said.value, said.value_len) != 0))
        return batch_no_memory(e);
    cut_values(b, in->limits);
    keep_known(b, in->limits);
    return batch_event(b, in, t_ms, e);
}
