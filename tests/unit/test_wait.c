/* SPDX-License-Identifier: Apache-2.0 */
/* The waiting rule as a table, and the mean that feeds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/wait.h"

#define US 1000ull
#define MS 1000000ull

static const struct {
    struct wait_input in;
    enum wait_action action;
    const char *why;
} rules[] = {
    {{WAIT_SLEEP, false, false, 1, 0, 0, false}, WAIT_DO_ANNOUNCE, "who sleeps never polls"},
    {{WAIT_SLEEP, true, false, 1, 0, 500 * US, false}, WAIT_DO_ANNOUNCE, "nor where it is crowded"},
    {{WAIT_SLEEP, false, true, 2, 0, 0, false}, WAIT_DO_BLOCK, "announced: block"},
    {{WAIT_ADAPTIVE, false, true, 2, 0, 0, false}, WAIT_DO_BLOCK, "announced: block, however early"},
    {{WAIT_POLL, false, false, 1, 0, 0, false}, WAIT_DO_SPIN, "who polls spins"},
    {{WAIT_POLL, false, false, 1, 3600000 * MS, 0, false}, WAIT_DO_SPIN, "and never sleeps"},
    {{WAIT_POLL, false, false, 0x3ff, 0, 0, false}, WAIT_DO_YIELD, "but gives the core away now and then"},
    {{WAIT_POLL, true, false, 1, 0, 0, false}, WAIT_DO_YIELD, "and always where it is crowded"},
    {{WAIT_ADAPTIVE, false, false, 1, 0, 0, false}, WAIT_DO_SPIN, "nothing known: spin for a wake-up's cost"},
    {{WAIT_ADAPTIVE, false, false, 9, 19999, 0, false}, WAIT_DO_SPIN, "up to it"},
    {{WAIT_ADAPTIVE, false, false, 9, 20000, 0, false}, WAIT_DO_YIELD, "then yield"},
    {{WAIT_ADAPTIVE, false, false, 9, 119999, 0, false}, WAIT_DO_YIELD, "for 100 us"},
    {{WAIT_ADAPTIVE, false, false, 9, 120000, 0, false}, WAIT_DO_ANNOUNCE, "then sleep"},
    {{WAIT_ADAPTIVE, true, false, 1, 0, 0, false}, WAIT_DO_YIELD, "crowded: yield instead of spinning"},
    {{WAIT_ADAPTIVE, true, false, 9, 120000, 0, false}, WAIT_DO_ANNOUNCE, "crowded: sleeps no later"},
    {{WAIT_ADAPTIVE, false, false, 9, 69 * US, 35 * US, false}, WAIT_DO_SPIN, "twice the expected time"},
    {{WAIT_ADAPTIVE, false, false, 9, 71 * US, 35 * US, false}, WAIT_DO_YIELD, "and no longer"},
    {{WAIT_ADAPTIVE, false, false, 9, 399 * US, 390 * US, false}, WAIT_DO_SPIN, "bounded, but for at least the expected time"},
    {{WAIT_ADAPTIVE, false, false, 9, 401 * US, 390 * US, false}, WAIT_DO_YIELD, "the bound"},
    {{WAIT_ADAPTIVE, false, false, 1, 0, 400 * US, false}, WAIT_DO_YIELD, "too long to spin for: not at all"},
    {{WAIT_ADAPTIVE, false, false, 1, 1099 * US, 500 * US, false}, WAIT_DO_YIELD, "but yield for twice as long"},
    {{WAIT_ADAPTIVE, false, false, 1, 1101 * US, 500 * US, false}, WAIT_DO_ANNOUNCE, "and no longer"},
    {{WAIT_ADAPTIVE, true, false, 1, 3099 * US, 500 * US, false},
     WAIT_DO_YIELD,
     "crowded: six times, others have their turns"},
    {{WAIT_ADAPTIVE, true, false, 1, 3101 * US, 500 * US, false}, WAIT_DO_ANNOUNCE, "and no longer"},
    {{WAIT_ADAPTIVE, false, false, 1, 100 * US, 10 * MS, false}, WAIT_DO_ANNOUNCE, "too long to spin for: soon asleep"},
    {{WAIT_ADAPTIVE, false, false, 1, 0, 20 * US, true}, WAIT_DO_SPIN, "pressed: what is short is spun for"},
    {{WAIT_ADAPTIVE, false, false, 9, 20 * US, 1 * US, true}, WAIT_DO_ANNOUNCE, "pressed: no yield after it"},
    {{WAIT_ADAPTIVE, false, false, 1, 0, 21 * US, true}, WAIT_DO_ANNOUNCE, "pressed: what is longer is slept for"},
    {{WAIT_ADAPTIVE, true, false, 1, 0, 1 * US, true}, WAIT_DO_ANNOUNCE, "pressed and crowded: asleep at once"},
    {{WAIT_ADAPTIVE, false, true, 1, 0, 0, true}, WAIT_DO_BLOCK, "pressed and announced: block"},
    {{WAIT_POLL, false, false, 1, 0, 0, true}, WAIT_DO_SPIN, "who polls polls"},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (wait_decide(&rules[i].in) != rules[i].action)
            fail_msg("row %zu (%s): %d, not %d", i, rules[i].why, wait_decide(&rules[i].in), rules[i].action);
}

/* Whatever is put in: who polls never announces, nobody blocks unannounced, a crowded waiter never spins, and who does
 * not poll is asleep within 13 ms. */
static void test_bounds(void **state)
{
    (void)state;
    static const uint64_t times[] = {0,      1,      19999,  20000,   100000,  399999,
                                     400000, 500000, 2 * MS, 10 * MS, 13 * MS, UINT64_MAX};
    size_t n = sizeof times / sizeof *times;
    for (unsigned bits = 0; bits < 8; bits++)
        for (int mode = WAIT_ADAPTIVE; mode <= WAIT_POLL; mode++)
            for (size_t w = 0; w < n; w++)
                for (size_t e = 0; e + 1 < n; e++) {
                    struct wait_input in = {(enum wait_mode)mode, bits & 1, (bits & 2) != 0, 77, times[w], times[e],
                                            (bits & 4) != 0};
                    enum wait_action action = wait_decide(&in);
                    assert_int_equal(action == WAIT_DO_BLOCK, in.announced);
                    if (in.announced)
                        continue;
                    if (mode == WAIT_POLL)
                        assert_true(action == WAIT_DO_SPIN || action == WAIT_DO_YIELD);
                    else if (times[w] >= 13 * MS)
                        assert_int_equal(action, WAIT_DO_ANNOUNCE);
                    if (in.crowded)
                        assert_int_not_equal(action, WAIT_DO_SPIN);
                }
}

/* Being kept from the core is told by a look that took long; found again soon, it is believed for longer. */
static void test_pressure(void **state)
{
    (void)state;
    struct wait_pressure pressure = {0};
    uint64_t now = 5000 * MS;
    wait_polled(&pressure, now, now + 999 * US);
    assert_false(wait_pressed(&pressure, now + 999 * US));
    wait_polled(&pressure, now, now - 1); /* no clock goes back, but should it */
    assert_false(wait_pressed(&pressure, now));
    wait_polled(&pressure, now, now + 1 * MS);
    now += 1 * MS;
    assert_true(wait_pressed(&pressure, now + 20 * MS - 1));
    assert_false(wait_pressed(&pressure, now + 20 * MS));
    wait_polled(&pressure, now, now + 3 * MS); /* known already */
    assert_false(wait_pressed(&pressure, now + 20 * MS));
    uint64_t span = 20 * MS;
    for (int i = 0; i < 10; i++) {
        now += span + 1 * MS;
        wait_polled(&pressure, now - 3 * MS, now);
        span = span * 2 < 1000 * MS ? span * 2 : 1000 * MS;
        assert_true(wait_pressed(&pressure, now + span - 1));
        assert_false(wait_pressed(&pressure, now + span));
    }
    now += 2 * span + 1; /* long without it */
    wait_polled(&pressure, now - 1 * MS, now);
    assert_false(wait_pressed(&pressure, now + 20 * MS));
}

static void test_expect(void **state)
{
    (void)state;
    uint64_t mean = wait_expect(0, 40 * US);
    assert_int_equal(mean, 40 * US); /* the first sample is the mean */
    assert_int_equal(wait_expect(80 * US, 0), 70 * US);
    assert_int_equal(wait_expect(0, UINT64_MAX), 10 * MS); /* an outage is no service time */
    for (int i = 0; i < 200; i++)
        mean = wait_expect(mean, 400 * US);
    assert_in_range(mean, 399 * US, 400 * US);
    for (int i = 0; i < 1000; i++)
        mean = wait_expect(mean, UINT64_MAX);
    assert_in_range(mean, 9 * MS, 10 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_expect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
