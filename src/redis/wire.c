/* Commands as bytes: RESP arrays of bulk strings, written straight into the buffer they leave from.
 * Sizes are computed first and the bytes written once: a block of a megabyte is copied into its place and
 * never formatted on the way. hiredis' own formatter was dropped for that: it allocates each command by
 * itself. The format of db_sendf() is a small one, checked by an assert: arguments are split at its spaces
 * only, so a value can hold any byte and never becomes two. */
#include "redis/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static size_t digits(size_t v)
{
    size_t n = 1;

    while (v >= 10) {
        v /= 10;
        n++;
    }
    return n;
}

/* mark, number, CR LF */
static char *put_number(char *p, char mark, size_t v)
{
    size_t n = digits(v);

    *p++ = mark;
    for (size_t i = n; i-- > 0; v /= 10)
        p[i] = (char)('0' + v % 10);
    p += n;
    *p++ = '\r';
    *p++ = '\n';
    return p;
}

static size_t arg_len(const char *const *argv, const size_t *lens, int i)
{
    return lens ? lens[i] : strlen(argv[i]);
}

size_t wire_head_size(size_t argc)
{
    return 3 + digits(argc);
}

size_t wire_args_size(int argc, const char *const *argv, const size_t *lens)
{
    size_t size = 0;

    for (int i = 0; i < argc; i++) {
        size_t n = arg_len(argv, lens, i);

        size += 3 + digits(n) + n + 2;
    }
    return size;
}

char *wire_put_head(char *p, size_t argc)
{
    return put_number(p, '*', argc);
}

char *wire_put_args(char *p, int argc, const char *const *argv, const size_t *lens)
{
    for (int i = 0; i < argc; i++) {
        size_t n = arg_len(argv, lens, i);

        p = put_number(p, '$', n);
        if (n)
            memcpy(p, argv[i], n);
        p += n;
        *p++ = '\r';
        *p++ = '\n';
    }
    return p;
}

void wire_add(struct buf *b, int argc, const char *const *argv, const size_t *lens)
{
    size_t size = wire_head_size((size_t)argc) + wire_args_size(argc, argv, lens);
    char *p = buf_reserve(b, size);

    assert(argc > 0);
    if (!p)
        return;
    p = wire_put_head(p, (size_t)argc);
    wire_put_args(p, argc, argv, lens);
    buf_commit(b, size);
}

void wire_add_args(struct buf *b, int argc, const char *const *argv, const size_t *lens)
{
    size_t size = wire_args_size(argc, argv, lens);
    char *p = buf_reserve(b, size);

    assert(argc > 0);
    if (!p)
        return;
    wire_put_args(p, argc, argv, lens);
    buf_commit(b, size);
}

/* --- arguments from a format -------------------------------------------------------------------- */

/* Ends the argument that began at `from` in the text. Pointers are set at the end, since the text
 * may still move. */
static void end_arg(struct wire_args *a, size_t from)
{
    void *lens = a->lens;

    if (mem_grow(&lens, &a->cap_lens, a->argc + 1, sizeof *a->lens) != 0) {
        a->failed = true;
        return;
    }
    a->lens = lens;
    a->lens[a->argc++] = a->text.len - from;
}

/* Adds one conversion, `f` stands behind the '%'; returns what follows it. `ap` is a pointer,
 * because a va_list that a callee has read from is of no use to the caller. */
static const char *add_value(struct wire_args *a, const char *f, va_list *ap)
{
    const char *bytes;

    if (strncmp(f, "lld", 3) == 0) {
        buf_addf(&a->text, "%lld", va_arg(*ap, long long));
        return f + 3;
    }
    if (strncmp(f, "llu", 3) == 0) {
        buf_addf(&a->text, "%llu", va_arg(*ap, unsigned long long));
        return f + 3;
    }
    switch (*f) {
    case 's':
        buf_adds(&a->text, va_arg(*ap, const char *));
        break;
    case 'b':
        bytes = va_arg(*ap, const void *);
        buf_add(&a->text, bytes, va_arg(*ap, size_t));
        break;
    case '%':
        buf_addc(&a->text, '%');
        break;
    default:
        assert(0 && "a conversion that commands do not have");
    }
    return f + 1;
}

static void set_pointers(struct wire_args *a)
{
    const char *p = buf_str(&a->text);
    void *argv = a->argv;

    if (!buf_ok(&a->text) || a->failed ||
        mem_grow(&argv, &a->cap_argv, a->argc, sizeof *a->argv) != 0) {
        a->failed = true;
        return;
    }
    a->argv = argv;
    for (size_t i = 0; i < a->argc; i++) {
        a->argv[i] = p;
        p += a->lens[i];
    }
}

void wire_args_from(struct wire_args *a, const char *fmt, va_list ap)
{
    size_t from = 0;
    va_list mine;

    *a = (struct wire_args){0};
    va_copy(mine, ap);
    assert(*fmt && *fmt != ' ');
    while (*fmt) {
        if (*fmt == ' ') {
            end_arg(a, from);
            from = a->text.len;
            fmt++;
            assert(*fmt && *fmt != ' '); /* one space between two arguments */
        } else if (*fmt == '%') {
            fmt = add_value(a, fmt + 1, &mine);
        } else {
            buf_addc(&a->text, *fmt++);
        }
    }
    end_arg(a, from);
    va_end(mine);
    set_pointers(a);
}

void wire_args_free(struct wire_args *a)
{
    buf_free(&a->text);
    mem_free(a->lens);
    mem_free((void *)a->argv);
}
