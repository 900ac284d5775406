#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "redis/answer.h"
#include "redis/url.h"

static const struct {
    const char *text;
    struct url want;
} accepted[] = {
    {"redis://h", {.host = "h", .port = 6379, .shown = "h:6379"}},
    {"redis://h:1", {.host = "h", .port = 1, .shown = "h:1"}},
    {"redis://h:65535/", {.host = "h", .port = 65535, .shown = "h:65535"}},
    {"redis://127.0.0.1:6380/15",
     {.host = "127.0.0.1", .port = 6380, .database = 15, .shown = "127.0.0.1:6380"}},
    {"redis://[::1]:7/2", {.host = "::1", .port = 7, .database = 2, .shown = "[::1]:7"}},
    {"redis://[::1]", {.host = "::1", .port = 6379, .shown = "[::1]:6379"}},
    {"redis://:p%40%3a%2f@h", {.host = "h", .port = 6379, .password = "p@:/", .shown = "h:6379"}},
    {"redis://u:p@q@h",
     {.host = "h", .port = 6379, .user = "u", .password = "p@q", .shown = "h:6379"}},
    {"redis://u:p:q@h",
     {.host = "h", .port = 6379, .user = "u", .password = "p:q", .shown = "h:6379"}},
    {"rediss://h/65535",
     {.is_tls = true, .host = "h", .port = 6379, .database = 65535, .shown = "h:6379"}},
    {"unix:/run/r.sock", {.is_unix = true, .path = "/run/r.sock", .shown = "/run/r.sock"}},
    {"unix:r.sock?db=3", {.is_unix = true, .path = "r.sock", .database = 3, .shown = "r.sock"}},
    {"unix:///run/r%3F", {.is_unix = true, .path = "/run/r?", .shown = "/run/r?"}},
    {"unix://u:p@/r", {.is_unix = true, .path = "/r", .user = "u", .password = "p", .shown = "/r"}},
    {"sentinel://a/m",
     {.shown = "m", .master = "m", .n_sentinels = 1, .sentinels = {{"a", 26379}}}},
    {"sentinel://u:p,@a:1,b,[::1]:65535,[::2]/my%2fmaster?db=7",
     {.shown = "my/master",
      .master = "my/master",
      .database = 7,
      .user = "u",
      .password = "p,",
      .n_sentinels = 4,
      .sentinels = {{"a", 1}, {"b", 26379}, {"::1", 65535}, {"::2", 26379}}}},
};

static const struct {
    const char *text, *says;
} refused[] = {
    {"", "begin with redis://"},
    {"http://h", "begin with redis://"},
    {"redis:/h", "begin with redis://"},
    {"redis://", "host is missing"},
    {"redis://:6379", "host is missing"},
    {"redis://u:p@", "host is missing"},
    {"redis://u@h", "no password"},
    {"redis://h:", "port"},
    {"redis://h:0", "port"},
    {"redis://h:65536", "port"},
    {"redis://h:+1", "port"},
    {"redis://h:1x", "port"},
    {"redis://[::1", "no ]"},
    {"redis://[::1]x", "port"},
    {"redis://::1", "host"},
    {"redis://a b", "not a name"},
    {"redis://h\x01", "not a name"},
    {"redis://h/x", "database"},
    {"redis://h/-1", "database"},
    {"redis://h/65536", "database"},
    {"redis://h/1/2", "database"},
    {"redis://h?x=1", "after the host"},
    {"redis://u:pa/ss@h", "%2F"},
    {"redis://u:%zz@h", "hex digits"},
    {"redis://u:%4@h", "hex digits"},
    {"redis://u:%00@h", "zero byte"},
    {"unix:", "path of the socket is missing"},
    {"unix://", "path of the socket is missing"},
    {"unix://host/r", "no host"},
    {"unix:/r?database=1", "?db=number"},
    {"unix:/r?db=", "database"},
    {"sentinel:a/m", "sentinel://"},
    {"sentinel://", "sentinel 1 of the list: the host is missing"},
    {"sentinel:///m", "sentinel 1 of the list: the host is missing"},
    {"sentinel://a,/m", "sentinel 2 of the list: the host is missing"},
    {"sentinel://a,,b/m", "sentinel 2 of the list: the host is missing"},
    {"sentinel://a,b:0/m", "sentinel 2 of the list: the port"},
    {"sentinel://a,b:x/m", "sentinel 2 of the list: the port"},
    {"sentinel://a, b/m", "sentinel 2 of the list: the host is not a name"},
    {"sentinel://[::1,b/m", "sentinel 1 of the list: the host begins with ["},
    {"sentinel://a", "name of the master is missing"},
    {"sentinel://a/", "name of the master is missing"},
    {"sentinel://a?db=1", "name of the master is missing"},
    {"sentinel://a/?db=1", "name of the master is missing"},
    {"sentinel://a/m/1", "only ?db=number"},
    {"sentinel://a/m?x=1", "only ?db=number"},
    {"sentinel://a/m?db=65536", "database"},
    {"sentinel://a/m%2", "hex digits"},
    {"sentinel://u@a/m", "no password"},
    {"sentinel://u:a/b@h/m", "%2F"},
};

START_TEST(addresses_are_read)
{
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        const struct url *want = &accepted[i].want;
        struct err e = {0};
        struct url u;

        ck_assert_msg(url_parse(accepted[i].text, &u, &e) == 0, "%s: %s", accepted[i].text, e.text);
        ck_assert_int_eq(u.is_tls, want->is_tls);
        ck_assert_int_eq(u.is_unix, want->is_unix);
        ck_assert_str_eq(u.host, want->host);
        ck_assert_str_eq(u.path, want->path);
        ck_assert_int_eq(u.port, want->port);
        ck_assert_int_eq(u.database, want->database);
        ck_assert_str_eq(u.user, want->user);
        ck_assert_str_eq(u.password, want->password);
        ck_assert_str_eq(u.shown, want->shown);
        ck_assert_str_eq(u.master, want->master);
        ck_assert_uint_eq(u.n_sentinels, want->n_sentinels);
        for (size_t k = 0; k < want->n_sentinels; k++) {
            ck_assert_str_eq(u.sentinels[k].host, want->sentinels[k].host);
            ck_assert_int_eq(u.sentinels[k].port, want->sentinels[k].port);
        }
    }
}
END_TEST

START_TEST(sentinels_are_bounded)
{
    for (int n = URL_MAX_SENTINELS - 1; n <= URL_MAX_SENTINELS + 1; n++) {
        char text[128] = "sentinel://a";
        struct err e = {0};
        struct url u;

        for (int i = 1; i < n; i++)
            strcat(text, ",a");
        strcat(text, "/m");
        ck_assert_int_eq(url_parse(text, &u, &e) == 0, n <= URL_MAX_SENTINELS);
        if (n > URL_MAX_SENTINELS)
            ck_assert_ptr_nonnull(strstr(e.text, "more than 16 sentinels"));
        else
            ck_assert_uint_eq(u.n_sentinels, (size_t)n);
    }
}
END_TEST

static const struct {
    const char *host;
    int port;
    const char *written; /* NULL: refused */
} pointed[] = {
    {"127.0.0.1", 1, "redis://us%20er:p%3A%40%2F%25%01@127.0.0.1:1/3"},
    {"::1", 65535, "redis://us%20er:p%3A%40%2F%25%01@[::1]:65535/3"},
    {"db.example", 6379, "redis://us%20er:p%3A%40%2F%25%01@db.example:6379/3"},
    {"", 1, NULL},
    {"a b", 1, NULL},
    {"a/b", 1, NULL},
    {"a", 0, NULL},
    {"a", 65536, NULL},
};

START_TEST(a_master_is_pointed_at_and_written_as_it_is_read)
{
    for (size_t i = 0; i < sizeof pointed / sizeof *pointed; i++) {
        char text[URL_TEXT_MAX];
        struct url u, again;

        ck_assert_int_eq(url_parse("sentinel://us er:p%3a@%2F%25%01@s/m?db=3", &u, NULL), 0);
        ck_assert_int_eq(url_point(&u, pointed[i].host, pointed[i].port),
                         pointed[i].written ? 0 : -1);
        if (!pointed[i].written) {
            ck_assert_str_eq(u.host, "");
            ck_assert_str_eq(u.shown, "m");
            continue;
        }
        url_write(&u, text);
        ck_assert_str_eq(text, pointed[i].written);
        ck_assert_int_eq(url_parse(text, &again, NULL), 0);
        ck_assert_str_eq(again.host, pointed[i].host);
        ck_assert_int_eq(again.port, pointed[i].port);
        ck_assert_str_eq(again.user, u.user);
        ck_assert_str_eq(again.password, u.password);
        ck_assert_int_eq(again.database, 3);
    }
}
END_TEST

START_TEST(wrong_addresses_are_refused_naming_the_part)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err e = {0};
        struct url u;

        ck_assert_msg(url_parse(refused[i].text, &u, &e) == -1, "%s", refused[i].text);
        ck_assert_int_eq(e.code, ERR_INPUT);
        ck_assert_msg(strstr(e.text, refused[i].says) != NULL, "%s: %s", refused[i].text, e.text);
    }
}
END_TEST

START_TEST(an_error_never_repeats_the_password)
{
    static const char *const texts[] = {
        "redis://u:secret@h:x",        "redis://u:secret@h/x",     "redis://u:secret%@h",
        "redis://u:sec/ret@h",         "unix://u:secret@host",     "redis://:secret@",
        "sentinel://u:secret@a,b:x/m", "sentinel://u:sec/ret@a/m", "sentinel://u:secret@a/m?x"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct err e = {0};
        struct url u;

        ck_assert_int_eq(url_parse(texts[i], &u, &e), -1);
        ck_assert_msg(!strstr(e.text, "sec"), "%s", e.text);
    }
}
END_TEST

/* The path may fill what a socket's address holds, and no byte more. */
START_TEST(lengths_are_bounded)
{
    static const struct {
        const char *before, *after;
        size_t most;
    } parts[] = {{"unix:", "", 107},           {"redis://", "", 255},
                 {"redis://u:", "@h", 511},    {"redis://", ":p@h", 127},
                 {"sentinel://b,", "/m", 255}, {"sentinel://b/", "", 127}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t n = parts[i].most - 1; n <= parts[i].most + 1; n++) {
            char text[1024] = "";
            struct url u;

            strcat(text, parts[i].before);
            memset(text + strlen(text), 'a', n);
            strcat(text, parts[i].after);
            ck_assert_msg((url_parse(text, &u, NULL) == 0) == (n <= parts[i].most), "%s%zu",
                          parts[i].before, n);
        }
}
END_TEST

/* --- replies -------------------------------------------------------------------------------------- */

static void show(char *out, size_t cap, const struct reply *r)
{
    size_t n;

    switch (r->kind) {
    case REPLY_NIL:
        snprintf(out, cap, "nil ");
        break;
    case REPLY_INT:
        snprintf(out, cap, "%lld ", (long long)r->number);
        break;
    case REPLY_TEXT:
        snprintf(out, cap, "'%.*s' ", (int)r->len, r->text);
        break;
    case REPLY_ERROR:
        snprintf(out, cap, "!%s ", r->text);
        break;
    case REPLY_LIST:
        snprintf(out, cap, "( ");
        for (size_t i = 0; i < r->n_items; i++) {
            n = strlen(out);
            show(out + n, cap - n, &r->items[i]);
        }
        n = strlen(out);
        snprintf(out + n, cap - n, ") ");
    }
}

static const struct {
    const char *bytes, *shown; /* NULL: not the protocol */
} answers[] = {
    {"+OK\r\n", "'OK' "},
    {":-9223372036854775808\r\n", "-9223372036854775808 "},
    {"$5\r\na\r\nbc\r\n", "'a\r\nbc' "},
    {"$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n", "'' nil nil ( ) "},
    {"-ERR x\r\n+A\r\n", "!ERR x 'A' "},
    {"*2\r\n*2\r\n:1\r\n*1\r\n$1\r\na\r\n-NO y\r\n:2\r\n", "( ( 1 ( 'a' ) ) !NO y ) 2 "},
    {"hello\r\n", NULL},
    {"HTTP/1.1 400 Bad Request\r\n", NULL},
    {"*1\r\n?\r\n", NULL},
    {"$x\r\n", NULL},
    {"*2147483647\r\n", NULL},
    {"*99999999999\r\n", NULL},
    {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", NULL},
};

/* Fed in pieces of `step` bytes, every answer must read the same. */
static int read_answer(const char *bytes, size_t step, char *out, size_t cap)
{
    struct answer *a = answer_new();
    const struct reply *r;
    struct err e;
    int rc = 0;

    ck_assert_ptr_nonnull(a);
    out[0] = 0;
    for (size_t i = 0; rc == 0 && i < strlen(bytes); i += step) {
        size_t n = strlen(bytes) - i < step ? strlen(bytes) - i : step;

        rc = answer_feed(a, bytes + i, n, &e);
        while (rc >= 0 && (rc = answer_next(a, &r, &e)) == 1)
            show(out + strlen(out), cap - strlen(out), r);
    }
    answer_free(a);
    return rc;
}

START_TEST(replies_read_the_same_however_they_are_cut)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        for (size_t step = 1; step <= 64; step += step < 4 ? 1 : 30) {
            char out[256];
            int rc = read_answer(answers[i].bytes, step, out, sizeof out);

            ck_assert_msg((rc == 0) == (answers[i].shown != NULL), "%s", answers[i].bytes);
            if (answers[i].shown)
                ck_assert_str_eq(out, answers[i].shown);
        }
}
END_TEST

START_TEST(no_memory_for_a_reply_is_an_error)
{
    char *bytes = malloc(200100);
    int n = sprintf(bytes, "$200000\r\n");

    memset(bytes + n, 'x', 200000);
    strcpy(bytes + n + 200000, "\r\n");
    for (long at = 1; at <= 3; at++) {
        struct answer *a;
        const struct reply *r;
        struct err e = {0};

        mem_fail_at(at);
        a = answer_new();
        if (a) {
            ck_assert_int_eq(answer_feed(a, bytes, strlen(bytes), &e), 0);
            ck_assert_int_eq(answer_next(a, &r, &e), -1);
            ck_assert_int_eq(e.code, ERR_MEMORY);
        }
        ck_assert(mem_failed());
        answer_free(a);
    }
    mem_fail_at(0);
    free(bytes);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, addresses_are_read);
    tcase_add_test(c, sentinels_are_bounded);
    tcase_add_test(c, a_master_is_pointed_at_and_written_as_it_is_read);
    tcase_add_test(c, wrong_addresses_are_refused_naming_the_part);
    tcase_add_test(c, an_error_never_repeats_the_password);
    tcase_add_test(c, lengths_are_bounded);
    tcase_add_test(c, replies_read_the_same_however_they_are_cut);
    tcase_add_test(c, no_memory_for_a_reply_is_an_error);
}

UNIT_MAIN("url", add)
