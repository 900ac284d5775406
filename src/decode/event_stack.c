/* Exceptions: their type, their stack, and what makes two of them the same.
 *
 *   Python   Traceback (most recent call last):        Java   java.lang.IllegalState: no 5
 *              File "app.py", line 10, in f                     at com.x.Y.f(Y.java:12)
 *                g()                                           Caused by: …
 *            app.errors.Broken: no 5                   JS     TypeError: no 5
 *                                                              at f (/app/x.js:3:14)
 *
 * In all of them the frames are the indented lines; the type begins the first other line, in
 * Python the last one. */
#include <ctype.h>
#include <string.h>

#include "base/hash.h"
#include "decode/event.h"

#define TYPE_MAX 200 /* bytes */

static struct event_text line_at(const char *s, size_t n)
{
    const char *end = memchr(s, '\n', n);
    size_t len = end ? (size_t)(end - s) : n;

    return (struct event_text){s, len > 0 && s[len - 1] == '\r' ? len - 1 : len};
}

/* "pkg.Error: text" or "pkg.Error" -> "pkg.Error"; empty when the line is no such thing. */
static struct event_text type_in_line(struct event_text line)
{
    static const char thread[] = "Exception in thread \"";
    size_t i = 0;

    if (line.n > sizeof thread && memcmp(line.s, thread, sizeof thread - 1) == 0) {
        const char *quote = memchr(line.s + sizeof thread - 1, '"', line.n - sizeof thread + 1);

        if (quote && quote + 2 < line.s + line.n)
            line = (struct event_text){quote + 2, (size_t)(line.s + line.n - quote) - 2};
    }
    if (line.n == 0 || !(isalpha((unsigned char)line.s[0]) || line.s[0] == '_'))
        return (struct event_text){line.s, 0};
    while (i < line.n && (isalnum((unsigned char)line.s[i]) || strchr("_.$", line.s[i])) &&
           line.s[i])
        i++;
    if ((i == line.n || line.s[i] == ':') && i <= TYPE_MAX)
        return (struct event_text){line.s, i};
    return (struct event_text){line.s, 0};
}

static bool is_indented(struct event_text line)
{
    return line.n > 0 && (line.s[0] == ' ' || line.s[0] == '\t');
}

static const char *find(struct event_text t, const char *what)
{
    return memmem(t.s, t.n, what, strlen(what));
}

/* Without a message a type stands alone; so do Go's functions, but no "at …" follows those. */
static bool is_followed_by_at(const char *next, const char *end)
{
    while (next < end && (*next == ' ' || *next == '\t'))
        next++;
    return end - next > 3 && memcmp(next, "at ", 3) == 0;
}

static struct event_text type_of_stack(struct event_text stack)
{
    bool python = find(stack, "Traceback (most recent call last)") != NULL;
    const char *end = stack.s + stack.n;
    struct event_text type = {stack.s, 0};

    for (const char *p = stack.s, *next; p < end; p = next) {
        struct event_text line = line_at(p, (size_t)(end - p));
        struct event_text found = is_indented(line) ? type : type_in_line(line);
        const char *newline = memchr(p, '\n', (size_t)(end - p));

        next = newline ? newline + 1 : end;
        if (found.n > 0 &&
            (python || found.s + found.n < line.s + line.n || is_followed_by_at(next, end)))
            type = found;
        if (type.n > 0 && !python)
            break;
    }
    return type;
}

/* Python's str() of exc_info: (<class 'app.Broken'>, Broken('no 5'), <traceback …>). Also the
 * frames of structlog: [{"exc_type": "Broken", … */
static struct event_text between(struct event_text t, const char *before, char after)
{
    const char *found = find(t, before), *begin, *end;

    if (!found)
        return (struct event_text){t.s, 0};
    begin = found + strlen(before);
    while (begin < t.s + t.n && strchr(" :\"", *begin) && *begin)
        begin++;
    end = memchr(begin, after, (size_t)(t.s + t.n - begin));
    if (!end || end - begin > TYPE_MAX)
        return (struct event_text){t.s, 0};
    return (struct event_text){begin, (size_t)(end - begin)};
}

static bool is_word(struct event_text t, const char *word)
{
    return strlen(word) == t.n && memcmp(t.s, word, t.n) == 0;
}

void event_exception(const char *s, size_t n, struct event_text *type, struct event_text *stack)
{
    struct event_text all = {s, n};

    *type = *stack = (struct event_text){s, 0};
    if (n == 0 || is_word(all, "None") || is_word(all, "true") || is_word(all, "false") ||
        is_word(all, "[]"))
        return;
    if (s[0] == '[') {
        *type = between(all, "\"exc_type\"", '"');
        *stack = all;
    } else if (s[0] == '(') {
        *type = between(all, "<class '", '\'');
    } else if (memchr(s, '\n', n)) {
        *type = type_of_stack(all);
        *stack = all;
    } else {
        *type = type_in_line(all);
        if (type->n == 0)
            *(n <= TYPE_MAX ? type : stack) = all;
    }
}

/* Feeds a line without its numbers and addresses: 0x7f3a…, @1b2c3d (Java's identity), 42. */
static uint64_t feed_line(uint64_t h, struct event_text line)
{
    size_t from = 0, i = 0;

    while (i < line.n) {
        size_t skip = 0;

        if (line.s[i] == '0' && i + 1 < line.n && line.s[i + 1] == 'x')
            for (skip = 2; i + skip < line.n && isxdigit((unsigned char)line.s[i + skip]);)
                skip++;
        else if (line.s[i] == '@' && i + 1 < line.n && isdigit((unsigned char)line.s[i + 1]))
            for (skip = 1; i + skip < line.n && isxdigit((unsigned char)line.s[i + skip]);)
                skip++;
        else
            while (i + skip < line.n && isdigit((unsigned char)line.s[i + skip]))
                skip++;
        if (skip == 0) {
            i++;
            continue;
        }
        h = hash_fnv1a(h, line.s + from, i - from);
        i += skip;
        from = i;
    }
    h = hash_fnv1a(h, line.s + from, line.n - from);
    return hash_fnv1a(h, "\n", 1);
}

/* Only frames count: a message may hold names and values. Where nothing is indented (Go's
 * function lines, one-line stacks) all lines are. */
uint64_t event_fingerprint(struct event_text type, struct event_text stack)
{
    uint64_t h = hash_fnv1a(hash_fnv1a(FNV_START, type.s, type.n), "\xff", 1);
    bool frames = find(stack, "\n ") || find(stack, "\n\t");

    for (size_t at = 0; at < stack.n;) {
        const char *newline = memchr(stack.s + at, '\n', stack.n - at);
        size_t next = newline ? (size_t)(newline - stack.s) + 1 : stack.n;
        struct event_text line = line_at(stack.s + at, stack.n - at);

        if (!frames || is_indented(line))
            h = feed_line(h, line);
        at = next;
    }
    return h;
}
