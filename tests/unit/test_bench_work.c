/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's checker notices wrong results, and its yardsticks run and count. No times are asserted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bench/direct.h"
#include "bench/ring.h"
#include "bench/slice.h"
#include "bench/work.h"
#include "cardmux/sdf.h"

static const uint8_t key[16] = "0123456789abcde";

static struct work *work_of(const char *op, size_t size)
{
    struct work *work = calloc(1, sizeof(*work));
    assert_true(work_init(work, bench_op_find(op), size, 42, 1 << 20));
    memcpy(work->key, key, sizeof(key));
    return work;
}

static void work_end(struct work *work)
{
    work_free(work);
    free(work);
}

static void a_flipped_bit_of_a_cipher_text_is_seen(void **state)
{
    (void)state;
    struct work *work = work_of("sm4-cbc", 64);
    for (uint64_t seq = 0; seq < 256; seq += WORK_SAMPLE) {
        uint8_t iv[16], *kept = work_keep(work, seq);
        work_iv(work, seq, iv);
        assert_true(ref_encrypt("SM4-CBC", key, iv, work_input(work, seq), 64, kept));
    }
    work_check(work);
    assert_int_equal(work->checked, 4);
    assert_int_equal(work->wrong, 0);
    uint8_t iv[16], *kept = work_keep(work, 64);
    work_iv(work, 64, iv);
    ref_encrypt("SM4-CBC", key, iv, work_input(work, 64), 64, kept);
    kept[63] ^= 1;
    work_keep(work, 128); /* and a result that was never written */
    work_check(work);
    assert_int_equal(work->checked, 6);
    assert_int_equal(work->wrong, 2);
    work_end(work);
}

static void every_operation_has_its_own_iv(void **state)
{
    (void)state;
    struct work *work = work_of("sm4-ctr", 16);
    uint8_t a[16], b[16];
    work_iv(work, 1, a);
    work_iv(work, 1 + WORK_INPUTS, b);
    assert_memory_not_equal(a, b, 16);
    work_end(work);
}

static void a_wrong_digest_and_a_wrong_echo_are_seen(void **state)
{
    (void)state;
    struct work *work = work_of("sm3", 100);
    uint8_t *kept = work_keep(work, 3);
    size_t len;
    assert_true(ref_digest("SM3", work_input(work, 4), 100, kept, &len)); /* of another input */
    work_check(work);
    assert_int_equal(work->wrong, 1);
    work_end(work);
    work = work_of("echo", 100);
    assert_null(work_keep(work, 0));
    work_compare(work, 5, work_input(work, 5));
    assert_int_equal(work->wrong, 0);
    work_compare(work, 5, work_input(work, 6));
    assert_int_equal(work->wrong, 1);
    work_end(work);
}

static void constant_random_bytes_are_seen(void **state)
{
    (void)state;
    struct work *work = work_of("random", 32);
    memset(work_keep(work, 0), 7, 32);
    work_check(work);
    assert_int_equal(work->wrong, 1);
    for (int i = 0; i < 2; i++)
        memcpy(work_keep(work, (uint64_t)i), "the same thirty-two bytes, twice", 32);
    work_check(work);
    assert_int_equal(work->wrong, 2);
    work_end(work);
}

static void signatures_good_and_bad(void **state)
{
    (void)state;
    struct work *work = work_of("sm2-verify", 32);
    work->checker = ref_sm2_new();
    assert_non_null(work->checker);
    for (uint32_t i = 0; i < WORK_INPUTS; i++)
        assert_true(ref_sm2_sign(work->checker, work_input(work, i), work->sigs[i]));
    assert_true(work_signatures(work));
    assert_true(work_status_ok(work, 0, SDR_OK));
    assert_false(work_status_ok(work, 0, SDR_VERIFYERR));
    assert_true(work_status_ok(work, 2, SDR_VERIFYERR));
    assert_false(work_status_ok(work, 2, SDR_OK));
    work->sigs[0][5] ^= 1; /* the signer was wrong */
    assert_false(work_signatures(work));
    work_end(work);
}

static void an_envelope_made_elsewhere_opens(void **state)
{
    (void)state;
    uint8_t point[64];
    struct ref_sm2 *pair = ref_sm2_new();
    assert_non_null(pair);
    ref_sm2_export(pair, NULL, point);
    struct ref_sm2 *public = ref_sm2_public(point);
    assert_non_null(public);
    uint8_t again[64], e[32] = {1}, sig[64];
    ref_sm2_export(public, NULL, again);
    assert_memory_equal(point, again, 64);
    assert_true(ref_sm2_sign(pair, e, sig));
    assert_true(ref_sm2_verify(public, e, sig));
    e[0] ^= 1;
    assert_false(ref_sm2_verify(public, e, sig));
    uint8_t rubbish[112] = {0}, plain[64];
    size_t len = sizeof(plain);
    assert_false(ref_sm2_decrypt(pair, rubbish, sizeof(rubbish), plain, &len));
    ref_sm2_free(public);
    ref_sm2_free(pair);
}

static struct slice_result *slice(void (*run)(void *, struct meter *), void *arg)
{
    struct slice_result *result = calloc(1, sizeof(*result));
    struct meter meter;
    uint64_t now = now_ns();
    meter_start(&meter, now + 5000000, now + 30000000, 1, result);
    run(arg, &meter);
    return result;
}

static void run_direct(void *arg, struct meter *meter)
{
    direct_run(arg, meter);
}

static void run_plain(void *arg, struct meter *meter)
{
    plain_run(arg, meter);
}

static void direct_and_library_are_right(void **state)
{
    (void)state;
    static const char *const ops[] = {"random",  "sm3",    "sm4-ecb",  "sm4-cbc",   "sm4-ctr",
                                      "aes-cbc", "sha256", "sm2-sign", "sm2-verify"};
    char text[DIRECT_TEXT];
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        for (uint32_t threads = 1; threads <= 2; threads++) {
            struct work *work = work_of(ops[i], strncmp(ops[i], "sm2", 3) ? 1024 : 32);
            struct direct *direct = direct_open("soft", threads, work, 8, text);
            if (!direct)
                fail_msg("%s: %s", ops[i], text);
            struct slice_result *result = slice(run_direct, direct);
            assert_int_equal(result->errors, 0);
            assert_true(result->all_ops >= result->ops);
            work_check(work);
            assert_int_equal(work->checked, (result->all_ops + WORK_SAMPLE - 1) / WORK_SAMPLE);
            free(result);
            struct plain *plain = plain_open(direct);
            assert_non_null(plain);
            result = slice(run_plain, plain);
            assert_int_equal(result->errors, 0);
            assert_true(result->all_ops > 0);
            work_check(work);
            assert_int_equal(work->wrong, 0);
            free(result);
            plain_close(plain);
            direct_close(direct);
            work_end(work);
        }
}

static void the_null_card_echoes(void **state)
{
    (void)state;
    char text[DIRECT_TEXT];
    struct work *work = work_of("echo", 4096);
    struct direct *direct = direct_open("null", 1, work, 4, text);
    assert_non_null(direct);
    struct slice_result *result = slice(run_direct, direct);
    assert_int_equal(result->errors, 0);
    assert_true(work->checked > 0);
    assert_int_equal(work->wrong, 0);
    assert_null(plain_open(direct));
    free(result);
    direct_close(direct);
    assert_null(direct_open("nonesuch", 1, work, 4, text));
    work_end(work);
}

struct ring_slice {
    struct ring *ring;
    struct work *work;
    uint32_t depth;
};

static void run_ring(void *arg, struct meter *meter)
{
    struct ring_slice *slice = arg;
    ring_run(slice->ring, slice->work, slice->depth, meter);
}

static void the_ring_carries_what_it_is_given(void **state)
{
    (void)state;
    static const uint32_t depths[] = {1, 3, 16, RING_SLOTS};
    struct ring *ring = ring_open();
    assert_non_null(ring);
    for (int i = 0; i < 4; i++) {
        struct work *work = work_of("echo", i == 3 ? RING_SLOT : 1 + 1000 * (size_t)i);
        struct ring_slice arg = {ring, work, depths[i]};
        struct slice_result *result = slice(run_ring, &arg);
        assert_int_equal(result->errors, 0);
        assert_int_equal(work->checked, (result->all_ops + WORK_SAMPLE - 1) / WORK_SAMPLE);
        assert_true(work->checked > 0);
        assert_int_equal(work->wrong, 0);
        free(result);
        work_end(work);
    }
    ring_close(ring);
}

static void a_meter_counts_its_window_only(void **state)
{
    (void)state;
    struct slice_result *result = calloc(1, sizeof(*result));
    struct meter meter;
    meter_start(&meter, 1000, 2000, 1, result);
    for (uint64_t now = 0; now <= 3000; now += 10) { /* an operation each 10 ns */
        meter.ops++;
        meter_latency(&meter, 10);
        if (!meter_tick(&meter, now))
            break;
    }
    for (uint64_t now = 2010; now < 2100; now += 10) { /* draining changes nothing */
        meter.ops++;
        meter_latency(&meter, 10);
        assert_false(meter_tick(&meter, now));
    }
    assert_int_equal(result->ops, 100);
    assert_int_equal(result->hist.total, 100);
    assert_true(result->ops_per_s > 0.999e8 && result->ops_per_s < 1.001e8);
    free(result);
}

static void a_meter_that_was_kept_from_looking_shows_no_fantasies(void **state)
{
    (void)state;
    struct slice_result *result = calloc(1, sizeof(*result));
    struct meter meter;
    meter_start(&meter, 1000, 2000, 1, result);
    meter.ops = 1;
    assert_true(meter_tick(&meter, 1990)); /* first look just before the end */
    for (int i = 0; i < 16; i++) {         /* and then a burst that had piled up */
        meter.ops++;
        assert_false(meter_tick(&meter, 2000 + (uint64_t)i));
    }
    assert_true(result->ops_per_s == 0);
    meter_start(&meter, 1000, 2000, 1, result);
    for (int i = 0; i < 16; i++) { /* did not run in its window at all */
        meter.ops++;
        assert_false(meter_tick(&meter, 5000 + (uint64_t)i));
    }
    assert_true(result->ops_per_s == 0);
    free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_of_a_cipher_text_is_seen),
        cmocka_unit_test(every_operation_has_its_own_iv),
        cmocka_unit_test(a_wrong_digest_and_a_wrong_echo_are_seen),
        cmocka_unit_test(constant_random_bytes_are_seen),
        cmocka_unit_test(signatures_good_and_bad),
        cmocka_unit_test(an_envelope_made_elsewhere_opens),
        cmocka_unit_test(direct_and_library_are_right),
        cmocka_unit_test(the_null_card_echoes),
        cmocka_unit_test(the_ring_carries_what_it_is_given),
        cmocka_unit_test(a_meter_counts_its_window_only),
        cmocka_unit_test(a_meter_that_was_kept_from_looking_shows_no_fantasies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
