/* The pure parts: tokens, origins, paths, forms, labels as text. */
#include "unit.h"

#include <string.h>

#include "api/access.h"
#include "api/form.h"
#include "api/history.h"
#include "api/routes.h"
#include "base/mem.h"

START_TEST(a_write_must_come_from_here)
{
    static const struct {
        const char *host, *origin, *site, *external;
        bool ok;
    } cases[] = {
        /* commands and curl send neither */
        {"127.0.0.1:9393", NULL, NULL, NULL, true},
        {"evil.example.com", NULL, NULL, NULL, true},
        /* the page itself */
        {"127.0.0.1:9393", "http://127.0.0.1:9393", "same-origin", NULL, true},
        {"localhost:9393", "http://localhost:9393", NULL, NULL, true},
        {"tocsin:9393", "http://tocsin:9393", NULL, NULL, true},
        {"[::1]:9393", "http://[::1]:9393", NULL, NULL, true},
        {"LOCALHOST:9393", "http://localhost:9393", NULL, NULL, true},
        {"tocsin.localhost", "http://tocsin.localhost", NULL, NULL, true},
        {"t.example.com", "https://t.example.com", NULL, "https://t.example.com", true},
        {"t.example.com", "https://t.example.com:443", NULL, "https://t.example.com/x", true},
        /* behind a proxy that changes the host */
        {"10.0.0.7:9393", "https://t.example.com", NULL, "https://t.example.com", true},
        /* other sites */
        {"127.0.0.1:9393", "http://evil.example.com", "cross-site", NULL, false},
        {"127.0.0.1:9393", "http://127.0.0.1:8080", NULL, NULL, false},
        {"127.0.0.1:9393", "null", NULL, NULL, false},
        {"127.0.0.1:9393", "", NULL, NULL, false},
        {"127.0.0.1:9393", NULL, "cross-site", NULL, false},
        {"127.0.0.1:9393", NULL, "same-site", NULL, false},
        {"127.0.0.1:9393", NULL, "same-origin", NULL, true},
        {"127.0.0.1:9393", "http://127.0.0.1:9393.evil.example.com", NULL, NULL, false},
        /* a name that was made to point here */
        {"evil.example.com:9393", "http://evil.example.com:9393", "same-origin", NULL, false},
        {"evil.example.com", "http://evil.example.com", NULL, "https://t.example.com", false},
        {"1.2.3.4.evil.com", "http://1.2.3.4.evil.com", NULL, NULL, false},
        {NULL, "http://127.0.0.1", NULL, NULL, false},
        {"", "", NULL, "", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin o = {
            .host = cases[i].host, .origin = cases[i].origin, .fetch_site = cases[i].site};
        const char *why = origin_refused(&o, cases[i].external);

        ck_assert_msg((why == NULL) == cases[i].ok, "case %zu: %s", i, why ? why : "allowed");
    }
}
END_TEST

/* A browser that tells nothing else tells where an image stands. */
START_TEST(an_image_on_another_site_feeds_nothing)
{
    struct origin o = {.host = "127.0.0.1:9393", .referer = "https://evil.example.com/x"};

    ck_assert_ptr_nonnull(origin_refused(&o, NULL));
    o.referer = "http://127.0.0.1:9393/inbox";
    ck_assert_ptr_null(origin_refused(&o, NULL));
    o.referer = "https://t.example.com/i/4";
    ck_assert_ptr_null(origin_refused(&o, "https://t.example.com"));
}
END_TEST

START_TEST(a_name_that_was_made_to_point_here_is_not_answered)
{
    static const struct {
        const char *host, *external;
        bool ok;
    } cases[] = {
        {"127.0.0.1:9393", NULL, true},
        {"[::1]:9393", NULL, true},
        {"localhost", NULL, true},
        {"tocsin:9393", NULL, true},
        {"10.0.0.7:9393", NULL, true},
        {NULL, NULL, true}, /* HTTP/1.0: no browser */
        {"t.example.com", "https://t.example.com", true},
        {"T.example.com:443", "https://t.example.com/x", true},
        {"evil.example.com:9393", NULL, false},
        {"evil.example.com", "https://t.example.com", false},
        {"127.0.0.1.evil.example.com", NULL, false},
        {"localhost.evil.example.com:9393", NULL, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg((host_refused(cases[i].host, cases[i].external) == NULL) == cases[i].ok,
                      "case %zu", i);
}
END_TEST

START_TEST(tokens_are_compared_whole)
{
    static const struct {
        const char *header, *name;
        unsigned roles;
    } cases[] = {
        {"Bearer tok-read", "reader", ROLE_READ},
        {"bearer   tok-read", "reader", ROLE_READ},
        {"Bearer tok-admin", "root", ROLE_READ | ROLE_RESPOND | ROLE_ADMIN},
        {"Basic YW55Ym9keTp0b2stcmVhZA==", "reader", ROLE_READ}, /* anybody:tok-read */
        {"Basic OnRvay1yZWFk", "reader", ROLE_READ},             /* :tok-read */
        {"Basic dG9rLXJlYWQ=", NULL, 0},                         /* no colon */
        {"Basic !!!!", NULL, 0},
        {"Bearer tok-rea", NULL, 0},
        {"Bearer tok-read2", NULL, 0},
        {"Bearer tok-read tok-read", NULL, 0},
        {"Bearer tok-readtok-read", NULL, 0},
        {"Bearer ", NULL, 0},
        {"tok-read", NULL, 0},
        {"", NULL, 0},
        {NULL, NULL, 0},
    };
    struct secret *secrets[] = {secret_new("tok-read", 8), secret_new("tok-admin", 9)};
    const struct config_token tokens[] = {
        {.name = "reader", .roles = ROLE_READ, .token = secrets[0]},
        {.name = "root", .roles = ROLE_ADMIN, .token = secrets[1]}};
    struct config_server s = {.tokens_given = true, .tokens = tokens, .n_tokens = 2};
    struct access a;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool known = access_of(&s, cases[i].header, &a);

        ck_assert_msg(known == (cases[i].name != NULL), "case %zu", i);
        ck_assert_uint_eq(a.roles, cases[i].roles);
        ck_assert_str_eq(a.name, cases[i].name ? cases[i].name : "");
    }
    /* all revoked: nobody, not everybody */
    s.n_tokens = 0;
    ck_assert(!access_of(&s, "Bearer tok-admin", &a) && a.roles == 0);
    ck_assert(!access_of(&s, NULL, &a) && a.roles == 0);
    s.tokens_given = false;
    ck_assert(access_of(&s, "Bearer nonsense", &a));
    ck_assert(access_has(&a, ROLE_ADMIN) && !a.tokens);
    secret_free(secrets[0]);
    secret_free(secrets[1]);
}
END_TEST

START_TEST(paths_are_matched_by_parts)
{
    static const struct {
        const char *pattern, *path, *a, *b;
    } cases[] = {
        {"/i/*", "/i/412", "412", ""},
        {"/i/*", "/i/", NULL, NULL},
        {"/i/*", "/i/412/ack", NULL, NULL},
        {"/i/*/ack", "/i/412/ack", "412", ""},
        {"/d/*/**", "/d/412/ops/webhook:2", "412", "ops/webhook:2"},
        {"/d/*/**/retry", "/d/412/ops/webhook/retry", "412", "ops/webhook"},
        {"/d/*/**/retry", "/d/412/ops/webhook/drop", NULL, NULL},
        {"/d/*/**/retry", "/d/412//retry", NULL, NULL},
        {"/d/*/**/retry", "/d/412/retry", NULL, NULL},
        {"/x", "/x", "", ""},
        {"/x", "/xy", NULL, NULL},
        {"/xy", "/x", NULL, NULL},
    };
    char arg[2][ARG_MAX];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool matches = route_match(cases[i].pattern, cases[i].path, arg);

        ck_assert_msg(matches == (cases[i].a != NULL), "case %zu", i);
        if (matches) {
            ck_assert_str_eq(arg[0], cases[i].a);
            ck_assert_str_eq(arg[1], cases[i].b);
        }
    }
}
END_TEST

START_TEST(a_part_of_a_path_has_a_bound)
{
    char path[ARG_MAX + 8] = "/i/", arg[2][ARG_MAX];

    memset(path + 3, '1', ARG_MAX - 1);
    ck_assert(route_match("/i/*", path, arg));
    path[3 + ARG_MAX - 1] = '1';
    ck_assert(!route_match("/i/*", path, arg));
}
END_TEST

START_TEST(fields_of_a_form)
{
    static const struct {
        const char *body, *a, *b;
    } cases[] = {
        {"a=1&b=2", "1", "2"}, {"a=x+y%20z&b=%C3%A9%26", "x y z", "\xc3\xa9&"},
        {"a&b=", "", ""},      {"&&a=1&", "1", NULL},
        {"b=1", NULL, "1"},    {"%61=1", "1", NULL},
        {"", NULL, NULL},      {"a=%", "!", NULL},
        {"a=%4", "!", NULL},   {"a=%zz", "!", NULL},
        {"a=%00", "!", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct form f;
        struct err e;
        bool bad = cases[i].a && strcmp(cases[i].a, "!") == 0;
        int rc = form_parse(&f, cases[i].body, strlen(cases[i].body), &e);

        ck_assert_msg((rc != 0) == bad, "case %zu", i);
        if (rc != 0)
            continue;
        ck_assert_pstr_eq(form_value(&f, "a", 0), cases[i].a);
        ck_assert_pstr_eq(form_value(&f, "b", 0), cases[i].b);
        form_free(&f);
    }
}
END_TEST

START_TEST(a_form_has_bounds)
{
    char *body = calloc(1, FORM_BYTES_MAX + 2);
    struct form f;
    struct err e;
    size_t n = 0;

    for (int i = 0; i < FORM_FIELDS_MAX; i++, n += 4)
        memcpy(body + n, "m=1&", 4);
    ck_assert_int_eq(form_parse(&f, body, n, &e), 0);
    ck_assert_pstr_eq(form_value(&f, "m", FORM_FIELDS_MAX - 1), "1");
    ck_assert_ptr_null(form_value(&f, "m", FORM_FIELDS_MAX));
    form_free(&f);
    memcpy(body + n, "m=1", 3);
    ck_assert_int_eq(form_parse(&f, body, n + 3, &e), -1);
    memset(body, 'x', FORM_BYTES_MAX + 1);
    ck_assert_int_eq(form_parse(&f, body, FORM_BYTES_MAX, &e), 0);
    form_free(&f);
    ck_assert_int_eq(form_parse(&f, body, FORM_BYTES_MAX + 1, &e), -1);
    ck_assert_int_eq(e.code, ERR_LIMIT);
    free(body);
}
END_TEST

START_TEST(labels_are_read_back_from_history)
{
    static const char *const hostile[] = {"plain", "a\\nb", "new\nline", "\"quoted\"",
                                          "\\",    "",      "{x=\"y\"}", "tail\\"};
    static const char *const broken[] = {"",
                                         "x",
                                         "{",
                                         "{a",
                                         "{a=}",
                                         "{a=\"b}",
                                         "{a=\"b\"",
                                         "{a=\"b\"}x",
                                         "{a=\"b\" c=\"d\"}",
                                         "{=\"b\"}",
                                         "{a=\"b\",a=\"c\"}",
                                         "{a=\"b\\"};
    struct label_list l;

    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct label in[] = {label_of("a", hostile[i]), label_of("b", "2")};
        struct buf text = BUF_INIT;

        labels_text(in, 2, &text);
        ck_assert_msg(labels_of_text(buf_str(&text), &l) == 0, "%s", buf_str(&text));
        ck_assert_uint_eq(l.n, *hostile[i] ? 2 : 1);
        if (*hostile[i])
            ck_assert_str_eq(l.l[0].value, hostile[i]);
        label_list_free(&l);
        buf_free(&text);
    }
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        ck_assert_msg(labels_of_text(broken[i], &l) == -1, "%s", broken[i]);
    ck_assert_int_eq(labels_of_text("{}", &l), 0);
    ck_assert_uint_eq(l.n, 0);
    label_list_free(&l);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_write_must_come_from_here);
    tcase_add_test(t, an_image_on_another_site_feeds_nothing);
    tcase_add_test(t, a_name_that_was_made_to_point_here_is_not_answered);
    tcase_add_test(t, tokens_are_compared_whole);
    tcase_add_test(t, paths_are_matched_by_parts);
    tcase_add_test(t, a_part_of_a_path_has_a_bound);
    tcase_add_test(t, fields_of_a_form);
    tcase_add_test(t, a_form_has_bounds);
    tcase_add_test(t, labels_are_read_back_from_history);
}

UNIT_MAIN("api access", add)
