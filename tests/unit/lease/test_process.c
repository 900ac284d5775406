/* A process as text: that it is gone is said only when it is certain. */
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lease/process.h"

/* A child that says who it is and waits to be killed. */
static pid_t child_as_text(char out[PROCESS_TEXT])
{
    int ends[2];
    pid_t pid;

    ck_assert_int_eq(pipe(ends), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char text[PROCESS_TEXT];

        process_self(text);
        if (write(ends[1], text, sizeof text) != sizeof text)
            _exit(1);
        pause();
        _exit(0);
    }
    ck_assert_int_eq(read(ends[0], out, PROCESS_TEXT), PROCESS_TEXT);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

START_TEST(one_that_runs_is_not_gone)
{
    char text[PROCESS_TEXT];

    process_self(text);
    ck_assert_str_ne(text, "");
    ck_assert(!process_is_gone(text));
}
END_TEST

START_TEST(one_that_was_killed_is_gone_also_before_its_parent_has_looked)
{
    char text[PROCESS_TEXT];
    pid_t pid = child_as_text(text);
    siginfo_t info;

    ck_assert(!process_is_gone(text));
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    ck_assert(process_is_gone(text));
    waitpid(pid, NULL, 0);
    ck_assert(process_is_gone(text));
}
END_TEST

START_TEST(one_whose_number_another_has_got_is_gone)
{
    char text[PROCESS_TEXT], *start;

    process_self(text);
    start = strrchr(text, ' ');
    snprintf(start, PROCESS_TEXT - (size_t)(start - text), " 1");
    ck_assert(process_is_gone(text));
}
END_TEST

START_TEST(of_another_machine_or_namespace_nothing_is_said)
{
    char text[PROCESS_TEXT], other[PROCESS_TEXT + 8];

    process_self(text);
    text[0] = text[0] == 'f' ? '0' : 'f'; /* another boot */
    ck_assert(!process_is_gone(text));
    process_self(text);
    snprintf(other, sizeof other, "%.*s pid:[1] 99999999 1", (int)strcspn(text, " "), text);
    ck_assert(!process_is_gone(other));
    ck_assert(!process_is_gone(""));
    ck_assert(!process_is_gone("a b c d"));
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, one_that_runs_is_not_gone);
    tcase_add_test(t, one_that_was_killed_is_gone_also_before_its_parent_has_looked);
    tcase_add_test(t, one_whose_number_another_has_got_is_gone);
    tcase_add_test(t, of_another_machine_or_namespace_nothing_is_said);
}

UNIT_MAIN("process", add)
