/* What Python's logging.handlers.HTTPHandler sends: the attributes of one LogRecord, urlencoded,
 * as the body of a POST or as the query of a GET.
 *
 *   name=app&msg=user+%25s+failed&args=%28%27bob%27%2C%29&levelname=ERROR&exc_text=None&…
 *
 * Values are Python's str(): "None" stands for nothing. The message is not formatted yet: msg and
 * the text of the tuple args are put together here, as far as that can be done from text. */
#include <string.h>

#include "decode/decoders.h"
#include "decode/event.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int unescape(struct text_pool *pool, const char *s, size_t n, struct event_text *out)
{
    char *raw = text_pool_take(pool, n);
    size_t len = 0;

    if (!raw)
        return -1;
    for (size_t i = 0; i < n; i++) {
        bool escape = s[i] == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0;

        if (escape)
            raw[len++] = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
        else
            raw[len++] = s[i] == '+' ? ' ' : s[i];
        i += escape ? 2 : 0;
    }
    *out = (struct event_text){raw, len};
    return batch_is_text(raw, len) ? 0 : text_pool_mend(pool, &out->s, &out->n);
}

static bool is(struct event_text t, const char *word)
{
    return strlen(word) == t.n && memcmp(t.s, word, t.n) == 0;
}

/* --- msg % args --- */

/* The next item of a tuple's text: up to a comma that is in no brackets or quotes. */
static struct event_text next_item(struct event_text *tuple)
{
    size_t i = 0, end;
    int depth = 0;
    char quote = 0;

    while (tuple->n > 0 && (*tuple->s == ' ' || *tuple->s == ',')) {
        tuple->s++;
        tuple->n--;
    }
    for (; i < tuple->n && !(depth == 0 && quote == 0 && tuple->s[i] == ','); i++) {
        char c = tuple->s[i];

        if (quote) {
            i += c == '\\';
            quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (strchr("([{", c) && c) {
            depth++;
        } else if (strchr(")]}", c) && c) {
            depth--;
        }
    }
    end = i < tuple->n ? i : tuple->n;
    tuple->s += end;
    tuple->n -= end;
    return (struct event_text){tuple->s - end, end};
}

static void add_item(struct buf *out, struct event_text item, char conversion)
{
    size_t i = 1;

    if (conversion == 'r' || item.n < 2 || (item.s[0] != '\'' && item.s[0] != '"') ||
        item.s[item.n - 1] != item.s[0]) {
        buf_add(out, item.s, item.n);
        return;
    }
    for (; i + 1 < item.n; i++) {
        char c = item.s[i];

        if (c == '\\' && i + 2 < item.n) {
            c = item.s[++i];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        buf_addc(out, c);
    }
}

/* False when the text is no tuple, or the two do not fit together. */
static bool format(struct event_text msg, struct event_text args, struct buf *out)
{
    struct event_text left;

    if (args.n < 2 || args.s[0] != '(' || args.s[args.n - 1] != ')')
        return false;
    left = (struct event_text){args.s + 1, args.n - 2};
    for (size_t i = 0; i < msg.n; i++) {
        struct event_text item;

        if (msg.s[i] != '%') {
            buf_addc(out, msg.s[i]);
            continue;
        }
        if (++i < msg.n && msg.s[i] == '%') {
            buf_addc(out, '%');
            continue;
        }
        while (i < msg.n && strchr("-+ #.0123456789", msg.s[i]) && msg.s[i])
            i++;
        if (i == msg.n || !strchr("sdirfgexXc", msg.s[i]) || !msg.s[i])
            return false;
        item = next_item(&left);
        if (item.n == 0)
            return false;
        add_item(out, item, msg.s[i]);
    }
    return next_item(&left).n == 0;
}

static int add_message(struct decode_batch *b, struct event_text msg, struct event_text args)
{
    struct buf text = BUF_INIT;
    int rc = -1;

    if (is(args, "()") || args.n == 0 || !format(msg, args, &text)) {
        rc = batch_label(b, "message", 7, msg.s, msg.n);
    } else if (buf_ok(&text)) {
        char *copy = text_pool_copy(&b->build->pool, buf_str(&text), text.len);

        rc = copy ? batch_label(b, "message", 7, copy, text.len) : -1;
    }
    buf_free(&text);
    return rc;
}

/* --- the form --- */

struct pairs {
    const char *at, *end;
};

static bool next_pair(struct pairs *p, struct event_text *name, struct event_text *value)
{
    const char *end, *eq;

    while (p->at < p->end && *p->at == '&')
        p->at++;
    if (p->at == p->end)
        return false;
    end = memchr(p->at, '&', (size_t)(p->end - p->at));
    if (!end)
        end = p->end;
    eq = memchr(p->at, '=', (size_t)(end - p->at));
    *name = (struct event_text){p->at, (size_t)((eq ? eq : end) - p->at)};
    *value = (struct event_text){eq ? eq + 1 : end, eq ? (size_t)(end - eq) - 1 : 0};
    p->at = end;
    return true;
}

int decode_form(struct decode_batch *b, const struct decode_input *in, struct err *e)
{
    struct pairs p = {in->body, (const char *)in->body + in->len};
    struct event_text name, value, msg = {"", 0}, args = {"", 0};
    bool has_message = false;
    size_t n = 0;

    while (next_pair(&p, &name, &value)) {
        if (unescape(&b->build->pool, name.s, name.n, &name) != 0 ||
            unescape(&b->build->pool, value.s, value.n, &value) != 0)
            return batch_no_memory(e);
        if (n++ >= EVENT_RAW_MAX)
            return err_set(e, ERR_LIMIT, "more than %d fields in one form", EVENT_RAW_MAX);
        if (name.n == 0 || name.n > in->limits->max_name)
            return err_set(e, ERR_INPUT, "a field name must have 1 to %u bytes",
                           in->limits->max_name);
        has_message |= is(name, "message");
        if (is(name, "msg"))
            msg = value;
        else if (is(name, "args"))
            args = value;
        else if (!is(value, "None") && value.n > 0 &&
                 batch_label(b, name.s, name.n, value.s, value.n) != 0)
            return batch_no_memory(e);
    }
    if (!has_message && msg.n > 0 && add_message(b, msg, args) != 0)
        return batch_no_memory(e);
    if (event_finish(b, in, e) != 0)
        return -1;
    batch_close(b);
    return 0;
}
