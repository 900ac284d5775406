#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "base/redact.h"

static const char *redacted(const struct redact_also *also, const char *s, struct buf *out)
{
    buf_clear(out);
    redact_text(also, s, strlen(s), out);
    ck_assert(buf_ok(out));
    return buf_str(out);
}

/* XYZZY stands in every secret; it must be gone, and what is around it must stay. */
static const char *const must_redact[] = {
    "password=XYZZY user=bob",
    "password = 'XYZZY and more' user=bob",
    "{\"user\":\"bob\",\"password\":\"XYZZY\"}",
    "{\"user\":\"bob\",\"password\":\"a\\\"XYZZY\"}",
    "user=bob {\\\"password\\\":\\\"XYZZY\\\"}",
    "{'user': 'bob', 'api_token': 'XYZZY'}",
    "user=bob DB_PASSWORD=XYZZY",
    "user=bob dbPassword: XYZZY",
    "user=bob passwd:XYZZY",
    "user=bob pwd=XYZZY;Server=db",
    "user=bob password=ab,XYZZY!",
    "user=bob password=SecretStr('XYZZY')",
    "user=bob password=b'XYZZY'",
    "user=bob :password=>\"XYZZY\"",
    "user=bob params[password]=XYZZY",
    "user=bob params['password'] = 'XYZZY'",
    "user=bob --password XYZZY",
    "user=bob --api-key=XYZZY",
    "<user=bob><password>XYZZY</password>",
    "ALTER USER user=bob PASSWORD 'XYZZY'",
    "user=bob IDENTIFIED BY 'XYZZY'",
    "user=bob token: XYZZY",
    "user=bob client_secret: [\"a\", \"XYZZY\"]",
    "user=bob\nAuthorization: Bearer XYZZY",
    "user=bob authorization=Bearer XYZZY",
    "user=bob curl -H 'Authorization: Basic XYZZY' x",
    "user=bob {\"Authorization\": \"Digest a=b, c=XYZZY\"}",
    "user=bob sent Bearer XYZZY123abc",
    "user=bob\nCookie: a=b; session=XYZZY",
    "user=bob Set-Cookie: sid=XYZZY; Path=/",
    "user=bob X-Api-Key: XYZZY",
    "user=bob https://example.com/?a=b&access_token=XYZZY",
    "user=bob https://x.example.com/a?sig=XYZZY%3D&sv=1",
    "user=bob postgres://bob:XYZZY@db:5432/shop",
    "user=bob postgres://bob:a/XYZZY@db:5432/shop",
    "user=bob redis://:XYZZY@cache:6379",
    "user=bob amqp://bob:a@XYZZY@mq/",
    "user=bob key AKIAXYZZY0123456789A",
    "user=bob ghp_XYZZY0123456789012345678901234567890",
    "user=bob xoxb-123456-XYZZYabcdef",
    "user=bob sk_live_XYZZY012345678901234",
    "user=bob sk-proj-XYZZY0123456789abcdef",
    "user=bob AIzaXYZZY0123456789012345678901234567",
    "user=bob glpat-XYZZY0123456789abcd",
    "user=bob key-AKIAXYZZY0123456789A",
    "user=bob https://hooks.slack.com/services/T0/B0/XYZZY",
    "user=bob eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.XYZZY",
    "user=bob\n-----BEGIN RSA PRIVATE KEY-----\nabc\nXYZZY\n-----END RSA PRIVATE KEY-----\n",
    "user=bob -----BEGIN PRIVATE KEY-----\\nXYZZY",
    "user=bob {\"frames\":[{\"locals\":{\"x\":\"XYZZY\",\"y\":{\"z\":1}}}]}",
    "user=bob {\"vars\": {\"x\": \"XYZZY\"}}",
    "user=bob\n    login(u, p)\n    │     └ 'XYZZY'\n",
    "user=bob\n╭──── locals ────╮\n│ p = 'XYZZY' │\n╰────╯",
    "user=bob\n  File \"a.py\", line 3\n    password = 'XYZZY'",
    "user=bob password='XYZZY",
};

START_TEST(secrets_in_values_are_redacted)
{
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < sizeof must_redact / sizeof *must_redact; i++) {
        const char *got = redacted(NULL, must_redact[i], &out);

        ck_assert_msg(!strstr(got, "XYZZY"), "%s\n  -> %s", must_redact[i], got);
        ck_assert_msg(strstr(got, REDACTED) != NULL, "%s\n  -> %s", must_redact[i], got);
        if (strstr(must_redact[i], "bob") && !strstr(must_redact[i], "\nCookie"))
            ck_assert_msg(strstr(got, "bob") != NULL, "%s\n  -> %s", must_redact[i], got);
    }
    buf_free(&out);
}
END_TEST

static const char *const must_keep[] = {
    "",
    "user bob logged in from 10.0.0.7",
    "password is wrong",
    "invalid password for bob",
    "token: expired",
    "password=None token=null",
    "Unexpected token: } at line 3",
    "SyntaxError: Unexpected token '<', \"<!doctype\" is not valid JSON",
    "max_tokens=512 tokens=17 token_count=5 token_type=x",
    "password_length=8 secret_version=3 cookie_domain=a.example.com",
    "compass=north author=ana passenger=7 bypass=on monkey=1 keyboard=us",
    "https://example.com:8443/a?b=c&d=e",
    "https://example.com/@ana/1:2",
    "ssh://git@github.com/a/b",
    "mail to ana@example.com: sent",
    "Bearer authentication failed",
    "Basic authentication required",
    "sk-learn, ghp_short, AKIA, eyJ",
    "std::token::parse failed at x.cc:12",
    "if password == other",
    "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
    "java.lang.IllegalState: no 5\n\tat com.x.TokenFilter.run(TokenFilter.java:12)",
    "trace 7fa34be1c0d94f3a8b1e2c3d4e5f6a7b request 550e8400-e29b-41d4-a716-446655440000",
    "Überlast bei Zürich: 3 größer als 2",
    "password:\nretry",
    "com.acme.TokenService: connection refused",
    "└",
};

START_TEST(what_is_no_secret_is_kept)
{
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < sizeof must_keep / sizeof *must_keep; i++)
        ck_assert_str_eq(redacted(NULL, must_keep[i], &out), must_keep[i]);
    buf_free(&out);
}
END_TEST

START_TEST(a_second_pass_changes_nothing)
{
    struct buf once = BUF_INIT, twice = BUF_INIT;

    for (size_t i = 0; i < sizeof must_redact / sizeof *must_redact; i++) {
        const char *first = redacted(NULL, must_redact[i], &once);

        ck_assert_str_eq(redacted(NULL, first, &twice), first);
    }
    buf_free(&once);
    buf_free(&twice);
}
END_TEST

static const struct {
    const char *name;
    bool secret;
} names[] = {
    {"password", true},
    {"db_password", true},
    {"X-Api-Key", true},
    {"accessToken", true},
    {"Authorization", true},
    {"http.cookie", true},
    {"auth", true},
    {"sid", true},
    {"exc.locals.user", true},
    {"PGPASSWORD", true},
    {"password_length", false},
    {"max_tokens", false},
    {"author", false},
    {"message", false},
    {"session", false},
    {"key", false},
    {"token_type", false},
    {"", false},
};

START_TEST(names_of_fields_are_compared_by_segments)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(redact_is_secret(NULL, names[i].name, strlen(names[i].name)) ==
                          names[i].secret,
                      "%s", names[i].name);
}
END_TEST

START_TEST(an_installation_adds_its_own_patterns)
{
    static const char *const patterns[] = {"acme-*", "badge_no"};
    struct redact_also also = {patterns, 2};
    struct buf out = BUF_INIT;

    ck_assert_str_eq(redacted(&also, "got ACME-7731 badge_no=5 acm-1", &out),
                     "got " REDACTED " badge_no=" REDACTED " acm-1");
    ck_assert(redact_is_secret(&also, "badge_no", 8));
    buf_free(&out);
}
END_TEST

START_TEST(hostile_texts_stay_within_the_bound)
{
    static const char *const parts[] = {"a://b:c",       "password=", "eyJ-",       "\"locals\":{",
                                        "-----BEGIN ",   "Bearer ",   "token:\\\"", "pw=a,",
                                        "\xe2\x94\x94 ", "<pw>"};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct buf in = BUF_INIT, out = BUF_INIT;

        while (in.len < 200000)
            buf_adds(&in, parts[i]);
        redact_text(NULL, in.data, in.len, &out);
        ck_assert(buf_ok(&out));
        ck_assert_uint_le(out.len, 3 * in.len + 32);
        buf_free(&in);
        buf_free(&out);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, secrets_in_values_are_redacted);
    tcase_add_test(t, what_is_no_secret_is_kept);
    tcase_add_test(t, a_second_pass_changes_nothing);
    tcase_add_test(t, names_of_fields_are_compared_by_segments);
    tcase_add_test(t, an_installation_adds_its_own_patterns);
    tcase_add_test(t, hostile_texts_stay_within_the_bound);
}

UNIT_MAIN("redact", add)
