/* SPDX-License-Identifier: Apache-2.0 */
/* A card whose known answers do not all hold serves nothing; the other fault knobs; what a good card declares. */
#include "card_under_test.h"

#include <stdio.h>
#include <time.h>

static void each_known_answer_can_fail(void **state)
{
    char fault[64], error[CARD_ERROR_TEXT];
    size_t n = 0;

    (void)state;
    for (const char *name; (name = soft_kat_name(n)); n++) {
        struct card_options options = {.size = sizeof(options), .fault = fault, .threads = n % 2};
        struct card *card = (struct card *)fault;

        snprintf(fault, sizeof(fault), "selftest:%s", name);
        error[0] = '\0';
        if (soft_card_driver.open(&options, &card, error) != SDR_HARDFAIL)
            fail_msg("a wrong answer of %s went unnoticed", name);
        assert_null(card);
        if (!strstr(error, name))
            fail_msg("\"%s\" does not name %s", error, name);
    }
    assert_true(n >= 60);
}

static void every_algorithm_has_a_known_answer(void **state)
{
    static const char *const wanted[] = {
        "random",        "sm3",           "sm3-z",         "sha1",          "sha224",      "sha256",      "sha384",
        "sha512",        "hmac-sm3",      "hmac-sha1",     "hmac-sha224",   "hmac-sha256", "hmac-sha384", "hmac-sha512",
        "sm4-ecb",       "sm4-cbc",       "sm4-cfb",       "sm4-ofb",       "sm4-ctr",     "sm4-mac",     "aes-128-ecb",
        "aes-192-cbc",   "aes-256-cfb",   "aes-128-ofb",   "aes-256-ctr",   "aes-128-mac", "sm2-sign",    "sm2-verify",
        "sm2-encrypt",   "sm2-decrypt",   "sm2-keypair",   "wrap-pke",      "wrap-kek",    "sm4-gcm",     "sm4-ccm",
        "sm4-xts",       "sm4-xts-ieee",  "aes-128-gcm",   "aes-192-gcm",   "aes-256-gcm", "aes-128-ccm", "aes-192-ccm",
        "aes-256-ccm",   "aes-128-xts",   "aes-256-xts",   "sha3-224",      "sha3-256",    "sha3-384",    "sha3-512",
        "hmac-sha3-224", "hmac-sha3-256", "hmac-sha3-384", "hmac-sha3-512", "tls-sm3",     "tls-sha256",  "tls-sha384",
        "ike-sm3",       "ipsec-sm3",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        bool found = false;

        for (size_t n = 0; soft_kat_name(n); n++)
            found = found || strcmp(soft_kat_name(n), wanted[i]) == 0;
        if (!found)
            fail_msg("no known answer for %s", wanted[i]);
    }
}

static void unknown_faults_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",       "selftest:", "selftest:des", "delay:", "delay:-1", "delay:5x",
        "fail:0", "fail:",     "fail: 3",      "foo:1",  "delay",    "fail:99999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct card_options options = {.size = sizeof(options), .fault = wrong[i]};
        char error[CARD_ERROR_TEXT];
        struct card *card;

        if (soft_card_driver.open(&options, &card, error) != SDR_INARGERR)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_null(card);
        assert_non_null(strstr(error, "fault"));
    }
}

static void each_third_job_fails(void **state)
{
    struct card *card = card_open("soft", 0, "fail:3");
    uint8_t out[32];

    (void)state;
    for (int i = 1; i <= 30; i++) {
        struct card_job job = {.op = CARD_HASH, .alg = SGD_SM3, .out = out, .out_cap = 32};

        memset(out, 0x5a, sizeof(out));
        assert_int_equal(run(card, &job), i % 3 ? SDR_OK : SDR_HARDFAIL);
        assert_int_equal(job.out_len, i % 3 ? 32 : 0);
    }
    soft_card_driver.close(card);
}

static void delay_takes_at_least_that_long(void **state)
{
    struct card *card = card_open("soft", 0, "delay:20000");
    struct timespec before, after;
    uint8_t out[32];
    struct card_job job = {.op = CARD_HASH, .alg = SGD_SM3, .out = out, .out_cap = 32};
    int64_t ns;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(run(card, &job), SDR_OK);
    clock_gettime(CLOCK_MONOTONIC, &after);
    ns = (after.tv_sec - before.tv_sec) * 1000000000LL + (after.tv_nsec - before.tv_nsec);
    assert_true(ns >= 20000000); /* a lower bound: a busy machine only makes it longer */
    soft_card_driver.close(card);
}

static void what_it_declares(void **state)
{
    struct card *card = card_open("soft", 0, NULL);
    struct card_caps caps;
    char error[CARD_ERROR_TEXT];

    (void)state;
    soft_card_driver.caps(card, &caps);
    assert_int_equal(caps.flags, CARD_INLINE);
    assert_int_equal(caps.parallel, 1);
    assert_true(caps.max_data >= 1u << 20);
    assert_int_equal(caps.sym_alg & (SGD_SM1 | SGD_SSF33 | SGD_AES), 0);
    assert_int_equal(caps.sym_alg, 0x700043f);
    assert_int_equal(caps.hash_alg, 0x103f);
    assert_string_equal(caps.name, "soft");
    assert_int_equal(soft_card_driver.selftest(card, error), SDR_OK);
    assert_string_equal(error, "");
    soft_card_driver.close(card);
    soft_card_driver.close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_known_answer_can_fail),     cmocka_unit_test(every_algorithm_has_a_known_answer),
        cmocka_unit_test(unknown_faults_are_refused),     cmocka_unit_test(each_third_job_fails),
        cmocka_unit_test(delay_takes_at_least_that_long), cmocka_unit_test(what_it_declares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
