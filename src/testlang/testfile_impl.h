/* A test file while its tests record themselves. */
#ifndef TESTLANG_TESTFILE_IMPL_H
#define TESTLANG_TESTFILE_IMPL_H

#include "script/script.h"
#include "script/value.h"
#include "tocsin/testfile.h"

#define TEST_FEED_MAX  2000000
#define TEST_CASES_MAX 1000

struct testfile {
    struct script script; /* first */
    struct test_case **cases;
    size_t n_cases, cap_cases;
    struct building *building; /* the test whose function runs */
};

/* A test being recorded; its arrays grow and are owned by it. */
struct building {
    struct test_case done; /* first */
    struct test_series *series;
    struct test_event *events;
    struct test_silence *silences;
    struct test_feed *feed;
    struct test_check *checks;
    const char **rules;
    size_t cap_series, cap_events, cap_silences, cap_feed, cap_checks, cap_rules;
    uint32_t noise; /* state of t:noise() */
};

struct testfile *testfile_of(lua_State *L);
struct building *building_of(lua_State *L); /* raises outside of a test */

/* Methods of t that feed (testfile_feed.c) and of t and t:at() that check (testfile_check.c). */
int testfile_series(lua_State *L);
int testfile_gen(lua_State *L);
int testfile_sample(lua_State *L);
int testfile_stale(lua_State *L);
int testfile_timer(lua_State *L);
int testfile_histogram(lua_State *L);
int testfile_log(lua_State *L);
int testfile_ping(lua_State *L);
int testfile_silence(lua_State *L);

int testfile_at(lua_State *L);
int testfile_fires(lua_State *L);
int testfile_quiet(lua_State *L);
int testfile_suppressed(lua_State *L);
int testfile_with(lua_State *L);
int testfile_never(lua_State *L);
int testfile_breaks(lua_State *L);
int testfile_transitions(lua_State *L);
void testfile_check_names(lua_State *L); /* near, has */

/* Labels of the table at `idx` (nil: none), sorted; `name`: value of __name__, NULL: without. */
const struct label *testfile_labels(lua_State *L, int idx, const char *what, const char *name,
                                    size_t *n);
/* Makes room for one more in an array of the building. */
void testfile_grow(lua_State *L, void *array, size_t *cap, size_t need, size_t size);

/* One token of a row of samples: 5, 0+95x60, 5-1x3, 1x4, _, _x3, stale. */
struct notation {
    bool missing, stale;
    double from, step;
    uint32_t n; /* samples (or missing ones) */
};
/* Reads the token at `*s`, moves behind it. 1: read, 0: the end, -1: not a token. */
int notation_next(const char **s, struct notation *out);

#endif
