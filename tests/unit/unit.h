/* What every unit test file needs: Check, and a main() that runs one suite. */
#ifndef TOCSIN_TESTS_UNIT_H
#define TOCSIN_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

/* `add` adds the tests (tcase_add_test) to the case it is given. */
#define UNIT_MAIN(name, add)                         \
    int main(void)                                   \
    {                                                \
        Suite *suite = suite_create(name);           \
        TCase *tcase = tcase_create(name);           \
        SRunner *runner = srunner_create(suite);     \
        int failed;                                  \
        tcase_set_timeout(tcase, 120);               \
        add(tcase);                                  \
        suite_add_tcase(suite, tcase);               \
        srunner_run_all(runner, CK_NORMAL);          \
        failed = srunner_ntests_failed(runner);      \
        srunner_free(runner);                        \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS; \
    }

#endif
