/* One Lua state with bounds that its own code cannot get around.
 *
 * Memory is bounded by the allocator, work by a hook that counts instructions; C functions pay for what they
 * touch, and large blocks are paid for when they are filled. A spent budget sets the hook to every single
 * instruction, so that nothing runs on. A process or thread of its own for each file was dropped: its
 * answers would have to be copied back, and a `when` function is asked for every group at every look. Errors are turned into sentences with their place here, for all kinds of files. */
#include "script/sandbox.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "script/safelib.h"
#include "script/syntax.h"

#define DEEP_CALLS 5000 /* calls inside each other: then it is the stack that grows */

static void refuse(struct sandbox *s)
{
    lua_State *L = s->running ? s->running : s->L;
    lua_Debug ar;

    s->heap_refused = true;
    s->refused.line = L ? sandbox_line(L, s->refused.file, sizeof s->refused.file) : 0;
    s->refused.deep = L && lua_getstack(L, DEEP_CALLS, &ar);
}

/* A large block is filled next, by one instruction: `..` of long texts costs what it copies. The hook
 * takes it from the budget; setting one is allowed anywhere. */
#define PAID_BLOCK  4096
#define BLOCK_BYTES 32 /* a unit: filled by memcpy() */
#define SOON_UNITS  10000

static void hook(lua_State *L, lua_Debug *ar);

static void pay_for_block(struct sandbox *s, size_t n)
{
    lua_State *L = s->running ? s->running : s->L;

    s->owed += n / BLOCK_BYTES;
    if (L && s->owed > SOON_UNITS)
        lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

/* Lua asks with a size of 0 to free, and trusts that a shrinking block never fails. For new
 * blocks `osize` is a type tag, not a size. */
static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize)
{
    struct sandbox *s = ud;
    bool text = !ptr && osize == LUA_TSTRING;
    void *p;

    if (!ptr)
        osize = 0;
    if (nsize == 0) {
        assert(s->heap >= osize);
        mem_free(ptr);
        s->heap -= osize;
        return NULL;
    }
    if (nsize > osize && (nsize > s->max_block || s->heap - osize + nsize > s->max_heap)) {
        refuse(s);
        return NULL;
    }
    p = mem_realloc(ptr, nsize);
    if (!p && nsize > osize)
        return NULL;
    if (text && nsize > s->longest)
        s->longest = nsize;
    if (nsize > osize + PAID_BLOCK)
        pay_for_block(s, nsize);
    if (!p)
        p = ptr;
    s->heap = s->heap - osize + nsize;
    return p;
}

static uint64_t cpu_ns(void)
{
    struct timespec ts;

    /* The thread's own processor time: a suspended or busy machine refuses no file. */
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* From here on every single instruction ends in the hook, so nothing runs on. */
static __attribute__((noreturn)) void spent(lua_State *L, struct sandbox *s)
{
    assert(s->spent || s->call_spent);
    if (s->spent)
        lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    sandbox_fail(L,
                 "too much work while %s: the budget of instructions is spent (an endless loop?)",
                 s->doing);
}

static void use(lua_State *L, struct sandbox *s, uint64_t units)
{
    s->left = s->left > units ? s->left - units : 0;
    if (s->call_left != UINT64_MAX)
        s->call_left = s->call_left > units ? s->call_left - units : 0;
    s->spent = s->spent || s->left == 0;
    s->call_spent = s->call_left == 0;
    if (s->spent || s->call_spent)
        spent(L, s);
}

/* One instruction compares two texts, whatever their length (== and <). Where there are long ones,
 * each instruction is taken for a comparison of them. */
#define LONG_TEXT 16384

static int instructions_of_a_step(const struct sandbox *s)
{
    size_t times = 1 + s->longest / LONG_TEXT;

    return times < SANDBOX_STEP ? (int)(SANDBOX_STEP / times) : 1;
}

static void hook(lua_State *L, lua_Debug *ar)
{
    struct sandbox *s = sandbox_of(L);
    uint64_t now_ns = cpu_ns(), owed = s->owed;

    (void)ar;
    if (now_ns > s->cpu_end_ns)
        s->spent = true;
    s->owed = 0;
    lua_sethook(L, hook, LUA_MASKCOUNT, instructions_of_a_step(s));
    use(L, s, SANDBOX_STEP + owed);
    if (s->slice_ns && now_ns > s->slice_ns && lua_isyieldable(L))
        lua_yield(L, 0);
}

#define LOOK_UNITS 100 /* work in C that is long enough to look at the clock after it */

void sandbox_charge(lua_State *L, uint64_t units)
{
    struct sandbox *s = sandbox_of(L);

    use(L, s, units);
    if (s->slice_ns && units >= LOOK_UNITS && cpu_ns() > s->slice_ns)
        lua_sethook(L, hook, LUA_MASKCOUNT, 1); /* C cannot pause: the next instruction does */
}

int sandbox_call_bounded(lua_State *L, lua_CFunction f, uint64_t instructions)
{
    struct sandbox *s = sandbox_of(L);
    uint64_t before = s->call_left, left;
    int n;

    if (before > instructions)
        s->call_left = instructions;
    left = s->call_left;
    n = f(L); /* an error ends the run, and with it this bound */
    assert(s->call_left <= left);
    s->call_left = before == UINT64_MAX ? before : before - (left - s->call_left);
    return n;
}

void sandbox_budget(struct sandbox *s, uint64_t instructions, int64_t cpu_ms)
{
    s->left = instructions ? instructions : SANDBOX_INSTRUCTIONS;
    s->call_left = UINT64_MAX;
    s->spent = s->call_spent = s->heap_refused = s->out_of_memory = false;
    s->cpu_left_ns = (uint64_t)(cpu_ms ? cpu_ms : SANDBOX_CPU_MS) * 1000000u;
    s->cpu_end_ns = cpu_ns() + s->cpu_left_ns;
    lua_sethook(s->L, hook, LUA_MASKCOUNT, instructions_of_a_step(s));
    assert(s->left > 0 && s->cpu_left_ns > 0);
}

/* Nothing runs outside lua_pcall(), so this is a bug of ours. */
static int panic(lua_State *L)
{
    fprintf(stderr, "unprotected Lua error: %s\n", lua_tostring(L, -1));
    abort();
}

static int open_libs(lua_State *L)
{
    safelib_open(L);
    return 0;
}

int sandbox_open(struct sandbox *s, const char *label, const struct sandbox_limits *l,
                 struct err *e)
{
    static const struct sandbox_limits defaults;

    if (!l)
        l = &defaults;
    *s = (struct sandbox){.label = label, .doing = "loading", .call_left = UINT64_MAX};
    s->max_heap = l->max_heap ? l->max_heap : SANDBOX_HEAP;
    s->max_block = s->max_heap / 16;
    s->L = lua_newstate(allocate, s);
    if (!s->L)
        return err_set(e, ERR_MEMORY, "%s: not enough memory", label);
    memcpy(lua_getextraspace(s->L), &s, sizeof s);
    lua_atpanic(s->L, panic);
    sandbox_budget(s, l->instructions, l->cpu_ms);
    if (sandbox_run(s, open_libs, NULL, e) < 0) {
        sandbox_close(s);
        return -1;
    }
    return 0;
}

void sandbox_close(struct sandbox *s)
{
    if (s->L)
        lua_close(s->L);
    s->L = NULL;
    for (size_t i = 0; i < SANDBOX_REGEXES; i++) {
        mem_free(s->regexes[i].pattern);
        matcher_unref(s->regexes[i].m);
        s->regexes[i].pattern = NULL;
        s->regexes[i].m = NULL;
    }
}

static void sandbox_error(struct sandbox *s, int status, struct err *e);

int sandbox_run(struct sandbox *s, lua_CFunction f, void *arg, struct err *e)
{
    int status;

    lua_pushcfunction(s->L, f);
    lua_pushlightuserdata(s->L, arg);
    status = lua_pcall(s->L, 1, 0, 0);
    if (status == LUA_OK)
        return 0;
    sandbox_error(s, status, e);
    return -1;
}

#define C_OVERFLOW \
    "C stack overflow" /* Lua's words; its bound is 200 calls of C inside each other */

/* Lua says no line when it runs out of C's stack. The coroutine still stands where it was. */
static void place_c_overflow(struct sandbox *s, lua_State *co, int status)
{
    char file[LUA_IDSIZE];
    int line;

    if (status != LUA_ERRRUN || lua_type(co, -1) != LUA_TSTRING ||
        strcmp(lua_tostring(co, -1), C_OVERFLOW) != 0 || !lua_checkstack(co, 4))
        return;
    line = sandbox_line(co, file, sizeof file);
    if (line)
        lua_pushfstring(
            co,
            "%s:%d: %sa function calls itself without an end, through sort, tostring or "
            "another function of Lua",
            file, line, s->prefix);
}

int sandbox_resume(struct sandbox *s, lua_State *co, int64_t slice_us, struct err *e)
{
    uint64_t begin_ns = cpu_ns(), left_ns = s->cpu_left_ns;
    int status, n;

    assert(!s->running && co != s->L);
    s->cpu_end_ns = begin_ns + left_ns;
    s->slice_ns = slice_us ? begin_ns + (uint64_t)slice_us * 1000 : 0;
    s->running = co;
    lua_sethook(co, hook, LUA_MASKCOUNT, instructions_of_a_step(s));
    status = lua_resume(co, NULL, 0, &n);
    s->running = NULL;
    s->slice_ns = 0;
    left_ns = cpu_ns() - begin_ns;
    s->cpu_left_ns = s->cpu_left_ns > left_ns ? s->cpu_left_ns - left_ns : 0;
    if (status == LUA_YIELD)
        return 0;
    if (status == LUA_OK)
        return 1;
    place_c_overflow(s, co, status);
    lua_xmove(co, s->L, 1);
    sandbox_error(s, status, e);
    return -1;
}

bool sandbox_in_slice(lua_State *L)
{
    return sandbox_of(L)->slice_ns != 0 && lua_isyieldable(L);
}

/* "web.lua:12: …": the position is given apart as well. False when the text has none. */
static bool find_place(const char *text, struct err *e)
{
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    char *end;
    long line;

    if (!colon || n >= sizeof e->at || !isdigit((unsigned char)colon[1]))
        return false;
    line = strtol(colon + 1, &end, 10);
    if (*end != ':')
        return false;
    e->line = (int)line;
    memcpy(e->at, text, n);
    e->at[n] = 0;
    return true;
}

static const char *text_after_place(const char *text)
{
    const char *colon = strchr(strchr(text, ':') + 1, ':') + 1;

    return colon + (*colon == ' ');
}

static void memory_refused(const struct sandbox *s, struct err *e)
{
    const char *file = s->refused.line ? s->refused.file : s->label;
    char place[LUA_IDSIZE + 16];

    snprintf(place, sizeof place, s->refused.line ? "%s:%d" : "%s", file, s->refused.line);
    if (s->refused.deep) {
        err_at(
            e, ERR_LIMIT, s->refused.line, file,
            "%s: %smore than %d calls inside each other while %s: a function calls itself without "
            "an end",
            place, s->prefix, DEEP_CALLS, s->doing);
        return;
    }
    err_at(e, ERR_LIMIT, s->refused.line, file,
           "%s: %snot enough memory: more than %zu MiB, or %zu KiB in one piece, while %s", place,
           s->prefix, s->max_heap >> 20, s->max_block >> 10, s->doing);
}

/* Turns the error object on top of the stack (popped) into `e`. `status` is lua_pcall()'s. */
static void sandbox_error(struct sandbox *s, int status, struct err *e)
{
    lua_State *L = s->L;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    enum err_code code = s->spent ? ERR_LIMIT : s->out_of_memory ? ERR_MEMORY : ERR_INPUT;
    struct err found = {0};
    bool placed = text && find_place(text, &found);

    assert(lua_gettop(L) > 0);
    /* raised again by a protected call of ours */
    if (text && strcmp(text, "not enough memory") == 0)
        status = LUA_ERRMEM;
    if (status == LUA_ERRMEM && s->heap_refused)
        memory_refused(s, e);
    else if (status == LUA_ERRMEM)
        err_set(e, ERR_MEMORY, "%s: not enough memory", s->label);
    else if (!text)
        err_set(e, ERR_INPUT, "%s: error(%s) was called while %s", s->label, luaL_typename(L, -1),
                s->doing);
    else if (placed && *s->prefix && !strstr(text, s->prefix)) /* one of Lua's own errors */
        err_at(e, code, found.line, found.at, "%s:%d: %s%s", found.at, found.line, s->prefix,
               text_after_place(text));
    else if (placed)
        err_at(e, code, found.line, found.at, "%s", text);
    else if (strncmp(text, s->label, strlen(s->label)) == 0)
        err_set(e, code, "%s", text);
    else
        err_set(e, code, "%s: %s%s", s->label, s->prefix, text);
    lua_pop(L, 1);
    if (status == LUA_ERRMEM)
        lua_gc(L, LUA_GCCOLLECT);
}

void sandbox_fail(lua_State *L, const char *fmt, ...)
{
    char text[640], file[LUA_IDSIZE];
    int line = sandbox_where(L, file, sizeof file);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (line)
        lua_pushfstring(L, "%s:%d: %s%s", file, line, sandbox_of(L)->prefix, text);
    else
        lua_pushfstring(L, "%s: %s%s", file, sandbox_of(L)->prefix, text);
    lua_error(L);
    abort(); /* lua_error() does not return, which its prototype does not say */
}

void sandbox_no_memory(lua_State *L)
{
    sandbox_of(L)->out_of_memory = true;
    sandbox_fail(L, "not enough memory");
}

/* Where brackets are nested as deep as the compiler goes; 1 where it is something else that is. */
static int deep_line(const char *source, size_t len)
{
    int line = 1, depth = 0;

    for (size_t i = 0; i < len; i++) {
        line += source[i] == '\n';
        depth += strchr("([{", source[i]) && source[i] ? 1 : 0;
        depth -= strchr(")]}", source[i]) && source[i] ? 1 : 0;
        if (depth > 180)
            return line;
    }
    return 1;
}

/* What is not text here would be bytes that no message may carry. */
static void check_encoding(lua_State *L, const char *file, const char *source, size_t len)
{
    int line = 1;
    char hex[3];
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        n = source[i] ? text_utf8(source + i, len - i) : 0;
        if (n == 0) {
            snprintf(hex, sizeof hex, "%02X", (unsigned char)source[i]);
            lua_pushfstring(L, "%s:%d: byte 0x%s is not UTF-8 text: save the file as UTF-8", file,
                            line, hex);
            lua_error(L);
        }
        line += source[i] == '\n';
    }
}

void sandbox_compile(lua_State *L, const char *name, const char *source, size_t len)
{
    char chunk[96];

    assert(name && (source || len == 0));
    if (len > SANDBOX_SOURCE) {
        lua_pushfstring(L, "%s:1: the file is longer than %d KiB", sandbox_basename(name),
                        (int)(SANDBOX_SOURCE >> 10));
        lua_error(L);
    }
    sandbox_charge(L, len / 8);
    if (len >= 3 && memcmp(source, BYTE_ORDER_MARK, 3) == 0) {
        source += 3;
        len -= 3;
    }
    check_encoding(L, sandbox_basename(name), source, len);
    snprintf(chunk, sizeof chunk, "@%s", sandbox_basename(name));
    if (luaL_loadbufferx(L, source, len, chunk, "t") != LUA_OK) {
        if (strstr(lua_tostring(L, -1), C_OVERFLOW))
            lua_pushfstring(L, "%s:%d: nested too deep, about 200 levels are taken",
                            sandbox_basename(name), deep_line(source, len));
        else
            syntax_explain(L);
        lua_error(L);
    }
    lua_insert(L, -2);
    lua_setupvalue(L, -2, 1);
}

const char *sandbox_basename(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
