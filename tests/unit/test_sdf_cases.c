/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of tests/clients against libsdf's code over fake_link.c, one test each; then the table of what they met. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "tests/clients/sdf_cases.h"
#include "tests/unit/fake_link.h"
#include "tests/unit/fake_sym.h"

static struct sdf_env env;

static void run_case(void **state)
{
    assert_true(sdf_case_run(*state, &env));
    /* nothing is left behind in the back end */
    assert_int_equal(fake_sessions(), 0);
    assert_int_equal(fake_keys(), 0);
    assert_int_equal(fake_states(), 0);
    assert_int_equal(fake_links(), 1);
}

/* The same table where the host does not allow keys in clear. */
static void debug_refused(void **state)
{
    (void)state;
    for (const struct sdf_case *c = sdf_cases; c->name; c++)
        if (strncmp(c->name, "debug", 5) == 0) {
            fake_debug(false);
            assert_true(sdf_case_run(c, &env));
            fake_debug(true);
        }
}

static void table_is_complete(void **state)
{
    (void)state;
    if (getenv("SDF_TABLE"))
        sdf_calls_print(stdout);
    assert_int_equal(sdf_calls_missing(stderr), 0);
}

static int open_device(void **state)
{
    (void)state;
    return SDF_OpenDevice(&env.device) == SDR_OK ? 0 : -1;
}

static int close_device(void **state)
{
    (void)state;
    return SDF_CloseDevice(env.device) == SDR_OK && fake_links() == 0 ? 0 : -1;
}

int main(void)
{
    struct CMUnitTest tests[256] = {0};
    size_t n = 0;
    for (const struct sdf_case *c = sdf_cases; c->name; c++)
        tests[n++] = (struct CMUnitTest){.name = c->name, .test_func = run_case, .initial_state = (void *)(uintptr_t)c};
    tests[n++] = (struct CMUnitTest){.name = "debug_refused", .test_func = debug_refused};
    tests[n++] = (struct CMUnitTest){.name = "table_is_complete", .test_func = table_is_complete};
    return _cmocka_run_group_tests("sdf_cases", tests, n, open_device, close_device);
}
