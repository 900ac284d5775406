/* All errors of a file at once, none of them invented. */
#include "unit.h"

#include <string.h>

#include "tocsin/config.h"
#include "tocsin/rulefile.h"
#include "tocsin/script_errors.h"

static int load_rules(const char *text, size_t len, void *arg, struct err *e)
{
    struct rulefile *f = rulefile_load("web.lua", text, len, NULL, e);

    (void)arg;
    rulefile_unref(f);
    return f ? 0 : -1;
}

static int load_config(const char *text, size_t len, void *arg, struct err *e)
{
    struct config *c = config_load("web.lua", text, len, NULL, e);

    (void)arg;
    config_unref(c);
    return c ? 0 : -1;
}

static void add_text(const struct err *e, void *arg)
{
    buf_addf(arg, "%d ", e->line);
}

static const struct {
    const char *text;
    script_load load;
    const char *lines; /* of the errors */
} cases[] = {
    {"alert \"A\" { value = m.x, fire = above(1) }\n", load_rules, ""},
    {"alert \"A\" { value = m.x, fire = abov(1) }\n"
     "alert \"B\" { value = m.x, fire = above(1) }\n"
     "alert \"C\" {\n  value = m.x:avgg(\"5m\"),\n  fire = above(1),\n}\n"
     "alert \"D\" { value = m.x, fire = above(1), lastin = \"5m\" }\n",
     load_rules, "1 4 7 "},
    /* what uses a wrong local follows from it, and is not told */
    {"local http = m.http:avgg(\"5m\")\n"
     "local twice = http * 2\n"
     "alert \"A\" { value = twice, fire = above(1) }\n"
     "alert \"B\" { value = m.x, fire = abov(1) }\n",
     load_rules, "1 4 "},
    /* a syntax error hides the rest from Lua, not from us */
    {"alert \"A\" { value = m.x, fire = abov(1) }\n"
     "alert \"B\" { value = m.x fire = above(1) }\n",
     load_rules, "1 2 "},
    {"alert \"A\" { value = m.x, fire = abov(1)\n\n"
     "alert \"B\" { value = m.x, fire = above(1), unit = \"x\" }\n",
     load_rules, "3 "},
    {"for i = 1, 3 do\n  alert \"A\" { value = m.x, fire = abov(1) }\nend\n"
     "alert \"B\" { value = m.x, fire = abov(1) }\n",
     load_rules, "2 4 "},
    /* in one line: one error */
    {"local a = m.x:avgg(\"5m\") alert \"A\" { value = m.x, fire = abov(1) }", load_rules, "1 "},
    {"receiver \"a\" { inbx {} }\nreceiver \"b\" { webhook {} }\n"
     "route { receiver = \"a\" }\n",
     load_config, "1 2 "},
    {"receiver \"a\" { inbox {} }\nroute { receiver = \"x\" }\n", load_config, "2 "},
};

START_TEST(every_error_of_a_file_is_told_and_none_that_only_follows)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf got = BUF_INIT;
        size_t n = script_errors("web.lua", cases[i].text, strlen(cases[i].text), cases[i].load,
                                 add_text, &got);

        ck_assert_msg(strcmp(buf_str(&got), cases[i].lines) == 0,
                      "%s\n got lines: %s\nwant lines: %s", cases[i].text, buf_str(&got),
                      cases[i].lines);
        ck_assert((n == 0) == (got.len == 0));
        buf_free(&got);
    }
}
END_TEST

static void add_name(const char *name, size_t len, void *arg)
{
    buf_add(arg, name, len);
    buf_addc(arg, ' ');
}

START_TEST(the_alerts_of_a_text_that_does_not_load_have_names)
{
    const char *text = "alert \"A\" { nonsense\n-- alert \"No\"\nalert \"B\" {}\n";
    struct buf names = BUF_INIT;

    script_alert_names(text, strlen(text), add_name, &names);
    ck_assert_str_eq(buf_str(&names), "A B ");
    buf_free(&names);
}
END_TEST

START_TEST(the_number_of_errors_of_a_file_is_bounded)
{
    struct buf text = BUF_INIT, got = BUF_INIT;

    for (int i = 0; i < SCRIPT_ERRORS_MAX + 1; i++)
        buf_addf(&text, "alert \"A%d\" { value = m.x, fire = abov(1) }\n", i);
    ck_assert_uint_eq(
        script_errors("web.lua", buf_str(&text), text.len, load_rules, add_text, &got),
        SCRIPT_ERRORS_MAX);
    buf_free(&text);
    buf_free(&got);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, every_error_of_a_file_is_told_and_none_that_only_follows);
    tcase_add_test(t, the_alerts_of_a_text_that_does_not_load_have_names);
    tcase_add_test(t, the_number_of_errors_of_a_file_is_bounded);
}

UNIT_MAIN("all errors", add)
