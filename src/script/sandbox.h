/* One bounded Lua state: what every file written by a user runs in.
 *
 * Bounds: bytes of heap (and of any single block, so that one string cannot take a second to
 * copy), instructions (a hook every SANDBOX_STEP of them; C functions that walk over data are
 * charged for it), and processor time as the last net. There is no pcall inside, so that nothing
 * can swallow a spent budget; no coroutines, whose hooks would be counted apart; no bytecode; no
 * function that takes long without returning to the hook. docs/rules.md lists what there is.
 *
 * Errors that reach C are sentences that begin with "file:line: ". */
#ifndef SCRIPT_SANDBOX_H
#define SCRIPT_SANDBOX_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/matcher.h"

#define SANDBOX_HEAP         ((size_t)64 << 20)
#define SANDBOX_INSTRUCTIONS UINT64_C(20000000)
#define SANDBOX_CPU_MS       5000 /* twenty million instructions take about a third of a second */
#define SANDBOX_STEP         1000 /* units between two looks at the budget, of an instruction each */
#define SANDBOX_SOURCE       ((size_t)1 << 20)
#define SANDBOX_REGEXES      16 /* compiled patterns of match_re that are kept */

struct sandbox {
    lua_State *L;
    void *owner;       /* the file that is being loaded or run */
    const char *label; /* name shown in errors without a position */
    size_t heap, max_heap, max_block;
    size_t longest;       /* text that it ever had */
    bool heap_refused;    /* an allocation was refused by a bound, not by the system */
    bool out_of_memory;   /* sandbox_no_memory() was called */
    uint64_t left;        /* instructions of this run */
    uint64_t owed;        /* for large blocks, not yet taken from it */
    uint64_t call_left;   /* of one call within it; UINT64_MAX: no bound of its own */
    uint64_t cpu_end_ns;  /* on the thread's processor clock */
    uint64_t cpu_left_ns; /* of a run in slices, between two of them */
    uint64_t slice_ns;    /* a run in slices pauses at this time of that clock; 0: it does not */
    lua_State *running;   /* the coroutine of a run in slices while it runs, else L */
    bool spent;           /* some budget of the run is gone: whatever runs on fails at once */
    bool call_spent;      /* the budget of the call is */
    bool deciding;        /* second phase: the functions of the rules run */
    const char *doing;    /* "loading", for the errors of budgets */
    char prefix[128];     /* put before errors: alert "A": */
    int line;             /* of that alert, for errors raised while no line of Lua runs; or 0 */
    struct {
        char file[LUA_IDSIZE];
        int line;
        bool deep; /* in a deep recursion */
    } refused;     /* where the last allocation was refused by a bound */
    struct {
        char *pattern;
        struct matcher *m;
    } regexes[SANDBOX_REGEXES];
    unsigned next_regex;
};

struct sandbox_limits {
    size_t max_heap;       /* 0: SANDBOX_HEAP */
    uint64_t instructions; /* 0: SANDBOX_INSTRUCTIONS */
    int64_t cpu_ms;        /* 0: SANDBOX_CPU_MS */
};

/* A state with nothing in it but the safe tables (see safelib.h). -1 with `e`: no memory. */
int sandbox_open(struct sandbox *s, const char *label, const struct sandbox_limits *l,
                 struct err *e) MUST_USE;
void sandbox_close(struct sandbox *s); /* fine after a failed open */
struct sandbox *sandbox_of(lua_State *L);

/* Gives a new budget for what follows. */
void sandbox_budget(struct sandbox *s, uint64_t instructions, int64_t cpu_ms);
/* Calls `f` protected with `arg` as a light userdata; what it leaves on the stack is dropped. -1
 * with `e` filled: file, line, text. */
int sandbox_run(struct sandbox *s, lua_CFunction f, void *arg, struct err *e) MUST_USE;
/* The same in slices: the function on top of the stack of `co` (a thread of this state) runs for about
 * `slice_us` of processor time (0: to its end). 1: it has ended, 0: call again, -1 with `e`. The
 * budgets count what it runs itself, not what runs in between. */
int sandbox_resume(struct sandbox *s, lua_State *co, int64_t slice_us, struct err *e) MUST_USE;

/* A function of C that runs in slices may pause here. */
bool sandbox_in_slice(lua_State *L);

/* Inside protected calls: raise an error with the position in the file and the prefix. */
__attribute__((noreturn, format(printf, 2, 3))) void sandbox_fail(lua_State *L, const char *fmt,
                                                                  ...);
__attribute__((noreturn)) void sandbox_no_memory(lua_State *L);
/* What compiling a pattern of `n` bytes costs. */
#define SANDBOX_PATTERN(n) (1000 + (uint64_t)(n)*100)
/* Calls `f` with what is on the stack of this function of C, which cannot pause: what runs inside
 * has `instructions` at most. */
int sandbox_call_bounded(lua_State *L, lua_CFunction f, uint64_t instructions);
/* Pays for work done in C; raises when the budget is spent. About one unit per 30 ns. */
void sandbox_charge(lua_State *L, uint64_t units);
/* Position of the innermost line of a file: its line, 0 when there is none, and its name. */
/* The same without what the sandbox is about; 0: no Lua runs. Allocates nothing, so that the allocator may ask. */
int sandbox_line(lua_State *L, char *file, size_t size);
int sandbox_where(lua_State *L, char *file, size_t size);
/* Loads text (never bytecode) as a function, pushed; its _ENV is the table on top of the stack,
 * popped. Raises on a syntax error. */
void sandbox_compile(lua_State *L, const char *name, const char *source, size_t len);

/* The last component of a path. */
const char *sandbox_basename(const char *path);

#endif
