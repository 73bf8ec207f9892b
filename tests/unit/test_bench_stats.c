/* SPDX-License-Identifier: Apache-2.0 */
/* What the bench says about numbers: percentiles, medians, spreads, plans, and whether the machine was quiet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bench/hist.h"
#include "bench/quiet.h"
#include "bench/stats.h"

static void close_to(double value, double expected, double share)
{
    double off = value > expected ? value - expected : expected - value;
    if (off > share * expected + 1e-9)
        fail_msg("%f is not within %f of %f", value, share, expected);
}

static void hist_buckets_cover_everything_once(void **state)
{
    (void)state;
    uint32_t before = 0;
    for (uint64_t ns = 0; ns < 3000000; ns += ns < 5000 ? 1 : 37) {
        uint32_t bucket = hist_bucket(ns);
        assert_true(bucket < HIST_BUCKETS);
        assert_true(bucket == before || bucket == before + 1);
        assert_true(hist_bucket_low(bucket) <= ns);
        assert_true(hist_bucket_low(bucket + 1) > ns);
        before = bucket;
    }
    for (unsigned bit = 0; bit <= HIST_OCTAVE_MAX; bit++)
        assert_int_equal(hist_bucket_low(hist_bucket(1ull << bit)), 1ull << bit);
    assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
}

static void hist_percentiles_are_within_a_step(void **state)
{
    (void)state;
    struct hist *hist = calloc(1, sizeof(*hist));
    for (uint64_t ns = 1; ns <= 100000; ns++)
        hist_add(hist, ns);
    close_to(hist_percentile(hist, 0.5), 50000, 1.0 / 32);
    close_to(hist_percentile(hist, 0.99), 99000, 1.0 / 32);
    close_to(hist_percentile(hist, 0.999), 99900, 1.0 / 32);
    assert_true(hist_percentile(hist, 1) <= 100000);
    free(hist);
}

static void hist_of_nothing_and_of_one(void **state)
{
    (void)state;
    struct hist *hist = calloc(1, sizeof(*hist));
    assert_true(hist_percentile(hist, 0.5) == 0);
    hist_add(hist, 35300);
    close_to(hist_percentile(hist, 0.001), 35300, 1.0 / 32);
    close_to(hist_percentile(hist, 0.999), 35300, 1.0 / 32);
    free(hist);
}

static void hist_merging_adds_up(void **state)
{
    (void)state;
    struct hist *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    for (int i = 0; i < 900; i++)
        hist_add(a, 100);
    for (int i = 0; i < 100; i++)
        hist_add(b, 1000000);
    hist_merge(a, b);
    assert_int_equal(a->total, 1000);
    assert_int_equal(a->max_ns, 1000000);
    close_to(hist_percentile(a, 0.89), 100, 1.0 / 32);
    close_to(hist_percentile(a, 0.91), 1000000, 1.0 / 32);
    free(a);
    free(b);
}

static void median_and_spread(void **state)
{
    (void)state;
    double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2}, one[] = {7}, quarters[] = {5, 1, 2, 3, 4};
    close_to(stats_median(odd, 3), 5, 0);
    close_to(stats_median(even, 4), 2.5, 0);
    close_to(stats_median(one, 1), 7, 0);
    assert_true(stats_median(NULL, 0) == 0);
    close_to(stats_quantile(quarters, 5, 0.25), 2, 0);
    close_to(stats_spread(quarters, 5), 2.0 / 3, 1e-9);
    assert_true(stats_spread(one, 1) == 0);
}

static void a_disturbed_slice_does_not_move_the_median(void **state)
{
    (void)state;
    double a[12], b[12], ratios[12];
    for (int i = 0; i < 12; i++) {
        b[i] = 1000 + 50 * i; /* the machine drifts */
        a[i] = 0.96 * b[i];
    }
    a[4] = 3; /* somebody woke up */
    size_t n = stats_ratios(a, b, 12, ratios);
    assert_int_equal(n, 12);
    close_to(stats_median(ratios, n), 0.96, 1e-9);
    a[5] = 0; /* not measured: no pair */
    assert_int_equal(stats_ratios(a, b, 12, ratios), 11);
}

static const char stat_text[] = "cpu  100 1 50 5000 7 2 3 4 0 0\n"
                                "cpu0 50 1 25 2500 3 1 2 2 0 0\n"
                                "cpu1 50 0 25 2500 4 1 1 2 0 0\n"
                                "intr 12345 0 0\nctxt 999\n";

static void proc_stat_is_read(void **state)
{
    (void)state;
    struct quiet_sample sample = {0};
    assert_true(quiet_parse_stat(stat_text, 10000000, &sample));
    assert_int_equal(sample.busy_ns, (100 + 1 + 50 + 2 + 3) * 10000000ull);
    assert_int_equal(sample.steal_ns, 4 * 10000000ull);
    assert_int_equal(sample.cpus, 2);
    assert_false(quiet_parse_stat("", 1, &sample));
    assert_false(quiet_parse_stat("cpu 1 2 3\n", 1, &sample));
    assert_false(quiet_parse_stat("cpu  1 1 1 1 1 1 1 1 0 0\nintr 3\n", 1, &sample));
    assert_int_equal(sample.cpus, 2);
}

static void proc_pressure_is_read(void **state)
{
    (void)state;
    uint64_t us = 17;
    assert_true(quiet_parse_pressure("some avg10=0.00 avg60=0.19 avg300=0.14 total=6312297\n"
                                     "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
                                     &us));
    assert_int_equal(us, 6312297);
    assert_false(quiet_parse_pressure("some avg10=0.00\nfull total=5\n", &us));
    assert_false(quiet_parse_pressure("", &us));
    assert_int_equal(us, 6312297);
}

#define SECOND 1000000000ull

static void our_own_load_is_quiet_and_others_is_not(void **state)
{
    (void)state;
    char text[QUIET_TEXT] = "";
    struct quiet_sample before = {.wall_ns = SECOND, .cpus = 2};
    struct quiet_sample after = {
        .wall_ns = 11 * SECOND, .cpus = 2, .busy_ns = 20 * SECOND, .ours_ns = 20 * SECOND, .wait_us = 5000000};
    assert_true(quiet_judge(&before, &after, false, text));
    assert_false(quiet_judge(&before, &after, true, text)); /* nobody should have waited while we did nothing */
    assert_non_null(strstr(text, "waited"));
    after.ours_ns = 19 * SECOND; /* a tenth of a core was somebody else's */
    assert_false(quiet_judge(&before, &after, false, text));
    assert_non_null(strstr(text, "10 %"));
    after.ours_ns = 20 * SECOND;
    after.steal_ns = SECOND;
    assert_false(quiet_judge(&before, &after, false, text));
    assert_non_null(strstr(text, "hypervisor"));
}

static void an_unreadable_machine_is_not_quiet(void **state)
{
    (void)state;
    char text[QUIET_TEXT] = "";
    struct quiet_sample nothing = {0};
    assert_false(quiet_judge(&nothing, &nothing, false, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hist_buckets_cover_everything_once),
        cmocka_unit_test(hist_percentiles_are_within_a_step),
        cmocka_unit_test(hist_of_nothing_and_of_one),
        cmocka_unit_test(hist_merging_adds_up),
        cmocka_unit_test(median_and_spread),
        cmocka_unit_test(a_disturbed_slice_does_not_move_the_median),
        cmocka_unit_test(proc_stat_is_read),
        cmocka_unit_test(proc_pressure_is_read),
        cmocka_unit_test(our_own_load_is_quiet_and_others_is_not),
        cmocka_unit_test(an_unreadable_machine_is_not_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
