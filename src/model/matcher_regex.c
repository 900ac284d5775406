#include "model/matcher_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"
#include "base/text.h"

/* (a+)+$ against a hostile subject stops after about 0.3 ms. */
#define MATCH_LIMIT 100000
/* Bounds of the interpreter, for patterns that JIT does not take. */
#define DEPTH_LIMIT   1000
#define HEAP_LIMIT_KB 1024
/* JIT code begins with 32 KiB of the machine's stack; alternatives inside a repetition over 4 KiB
 * of subject need more. */
#define JIT_STACK_MAX ((size_t)512 * 1024)

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
};

/* One for all patterns: the process has one thread, and a match is over when the call returns. */
static struct {
    pcre2_general_context *memory;
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_jit_stack *stack;
} shared;

static void *take_memory(size_t size, void *arg)
{
    (void)arg;
    return mem_alloc(size);
}

static void give_memory(void *p, void *arg)
{
    (void)arg;
    mem_free(p);
}

static int prepare(void)
{
    if (!shared.memory)
        shared.memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    if (!shared.memory)
        return -1;
    if (!shared.compile)
        shared.compile = pcre2_compile_context_create(shared.memory);
    if (!shared.stack)
        shared.stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_MAX, shared.memory);
    if (!shared.compile || !shared.stack)
        return -1;
    if (shared.match)
        return 0;
    shared.match = pcre2_match_context_create(shared.memory);
    if (!shared.match)
        return -1;
    pcre2_set_match_limit(shared.match, MATCH_LIMIT);
    pcre2_set_depth_limit(shared.match, DEPTH_LIMIT);
    pcre2_set_heap_limit(shared.match, HEAP_LIMIT_KB);
    pcre2_jit_stack_assign(shared.match, NULL, shared.stack);
    pcre2_set_parens_nest_limit(shared.compile, 100);
    return 0;
}

static int compile(struct regex *r, const char *pattern, size_t len, struct err *e)
{
    uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
                       PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP | PCRE2_DOTALL;
    int code;
    PCRE2_SIZE at;
    char why[200];

    r->code = pcre2_compile((PCRE2_SPTR)pattern, len, options, &code, &at, shared.compile);
    if (r->code)
        return 0;
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return err_set(e, ERR_MEMORY, "no memory for a regular expression");
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return err_set(e, ERR_INPUT, "regular expression \"%.*s\" is wrong at character %zu: %s",
                   (int)text_utf8_cut(pattern, len, 80), pattern, (size_t)at + 1, why);
}

struct regex *regex_new(const char *pattern, size_t len, struct err *e)
{
    struct regex *r;

    if (len > REGEX_PATTERN_MAX) {
        err_set(e, ERR_LIMIT, "regular expression of %zu bytes: at most %d are allowed", len,
                REGEX_PATTERN_MAX);
        return NULL;
    }
    r = mem_zalloc(sizeof *r);
    if (!r || prepare() != 0) {
        err_set(e, ERR_MEMORY, "no memory for a regular expression");
        goto fail;
    }
    if (compile(r, pattern, len, e) != 0)
        goto fail;
    /* Where JIT refuses, the interpreter works under the same limits. */
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
    r->match = pcre2_match_data_create(1, shared.memory);
    if (r->match)
        return r;
    err_set(e, ERR_MEMORY, "no memory for a regular expression");
fail:
    regex_free(r);
    return NULL;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_match_data_free(r->match);
    pcre2_code_free(r->code);
    mem_free(r);
}

bool regex_matches(const struct regex *r, const char *s, size_t n)
{
    if (n > REGEX_SUBJECT_MAX)
        n = text_utf8_cut(s, n, REGEX_SUBJECT_MAX);
    return pcre2_match(r->code, (PCRE2_SPTR)s, n, 0, 0, r->match, shared.match) >= 0;
}
