#include "unit.h"

#include <string.h>

#include "decoding.h"
#include "decode/decoders.h"
#include "model/heartbeat.h"

static struct decoding d;

#define AT   " @1767600000000 gauge\n"
#define MADE "@1767600000000 "

static const struct {
    const char *what, *body, *shown;
} accepted[] = {
    {"a good end", "backup\n\n\n", "heartbeat_ok{job=\"backup\"} 1" AT},
    {"nothing but a name", "backup", "heartbeat_ok{job=\"backup\"} 1" AT},
    {"exit code 0", "b.1_x-y\n0\n\n", "heartbeat_ok{job=\"b.1_x-y\"} 1" AT},
    {"a start", "s\nstart\n\n", "heartbeat_started{job=\"s\"} 1" AT},
    {"an exit code and the last line of what was printed", "b\n3\n\nbegin\n  disk full \n\n",
     "heartbeat_failed{job=\"b\"} 3" AT MADE
     "{job=\"b\",level=\"ERROR\",logger=\"heartbeat\",message=\"exit code 3: disk full\","
     "output=\"begin\\n  disk full\"}\n"},
    {"a failure without a word", "b\nfail\n\n",
     "heartbeat_failed{job=\"b\"} 1" AT MADE
     "{job=\"b\",level=\"ERROR\",logger=\"heartbeat\",message=\"the job did not say why\"}\n"},
    {"a log of a good end", "b\nok\n\n12 files",
     "heartbeat_ok{job=\"b\"} 1" AT MADE
     "{job=\"b\",level=\"INFO\",logger=\"heartbeat\",message=\"12 files\"}\n"},
    {"seconds", "b\n\n12.5\n",
     "heartbeat_ok{job=\"b\"} 1" AT "heartbeat_duration{job=\"b\"} 12.5" AT},
    {"a duration", "b\n1\n2m\nx",
     "heartbeat_failed{job=\"b\"} 1" AT "heartbeat_duration{job=\"b\"} 120" AT MADE
     "{job=\"b\",level=\"ERROR\",logger=\"heartbeat\",message=\"exit code 1: x\"}\n"},
    {"what is no text",
     "b\nfail\n\na\xff"
     "b",
     "heartbeat_failed{job=\"b\"} 1" AT MADE
     "{job=\"b\",level=\"ERROR\",logger=\"heartbeat\",message=\"a\xef\xbf\xbd"
     "b\"}\n"},
};

START_TEST(pings_become_samples_and_what_failed_an_event)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        const char *shown =
            decoding_run(&d, decode_heartbeat, accepted[i].body, strlen(accepted[i].body));

        ck_assert_msg(strcmp(shown, accepted[i].shown) == 0, "%s:\n%s\nwanted\n%s",
                      accepted[i].what, shown, accepted[i].shown);
        ck_assert_uint_eq(d.batch->n_untimed, d.batch->n_samples + d.batch->n_events);
    }
    decoding_close(&d);
}
END_TEST

static const struct {
    const char *body, *at;
} refused[] = {
    {"", "name"},
    {"a b", "name"},
    {".", "name"},
    {"\n", "name"},
    {"b\nlater", "status"},
    {"b\n256", "status"},
    {"b\n-1", "status"},
    {"b\n\nsoon", "duration"},
    {"b\n\n-1", "duration"},
    {"b\n\n1e300", "duration"},
};

START_TEST(what_is_no_ping_is_refused_with_its_part)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        decoding_run(&d, decode_heartbeat, refused[i].body, strlen(refused[i].body));
        ck_assert_msg(d.e.code == ERR_INPUT && strcmp(d.e.at, refused[i].at) == 0, "%s: %s",
                      refused[i].body, d.e.at);
    }
    decoding_close(&d);
}
END_TEST

START_TEST(a_run_is_measured_from_its_start_to_its_first_end)
{
    static const struct {
        const char *body;
        int64_t at_ms;
        size_t samples;
    } steps[] = {{"b\n\n", 0, 1},      {"b\nstart\n", 1000, 1}, {"other\n\n", 2000, 1},
                 {"b\n0\n", 91000, 2}, {"b\n0\n", 95000, 1},    {"b\nstart\n", 96000, 1},
                 {"b\n1\n7", 99000, 2}};

    decoding_open(&d);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct decode_input in = {steps[i].body, strlen(steps[i].body), NOW + steps[i].at_ms,
                                  &d.limits, d.memory};

        decode_batch_clear(d.batch);
        ck_assert_int_eq(decode_heartbeat(d.batch, &in, &d.e), 0);
        ck_assert_uint_eq(d.batch->n_samples, steps[i].samples);
        if (i == 3)
            ck_assert_double_eq(d.batch->samples[1].v, 90);
        if (i == 6) /* what the sender says is better known */
            ck_assert_double_eq(d.batch->samples[1].v, 7);
    }
    decoding_close(&d);
}
END_TEST

START_TEST(of_a_long_text_the_end_is_kept_and_the_rest_is_counted)
{
    static char body[10000];
    const struct label *f;

    decoding_open(&d);
    memset(body, 'x', sizeof body);
    memcpy(body, "b\n2\n\n", 5);
    memcpy(body + sizeof body - 11, "\nout of ink", 11);
    decoding_run(&d, decode_heartbeat, body, sizeof body);
    ck_assert_uint_eq(d.batch->n_events, 1);
    f = logevent_field(&d.batch->events[0], "message", 7);
    ck_assert(f && f->value_len == 23 && memcmp(f->value, "exit code 2: out of ink", 23) == 0);
    f = logevent_field(&d.batch->events[0], "output", 6);
    ck_assert(f && f->value_len == HEARTBEAT_LOG_MAX);
    ck_assert_uint_eq(d.batch->counts.values_cut, 1);
    decoding_close(&d);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, pings_become_samples_and_what_failed_an_event);
    tcase_add_test(t, what_is_no_ping_is_refused_with_its_part);
    tcase_add_test(t, a_run_is_measured_from_its_start_to_its_first_end);
    tcase_add_test(t, of_a_long_text_the_end_is_kept_and_the_rest_is_counted);
}

UNIT_MAIN("heartbeat pings", add)
