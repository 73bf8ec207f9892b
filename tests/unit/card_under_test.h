/* SPDX-License-Identifier: Apache-2.0 */
/* card_under_test.h: one opened software card and short ways to give it jobs, for the tests of cards/. */
#ifndef TESTS_CARD_UNDER_TEST_H
#define TESTS_CARD_UNDER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cardmux/card.h"
#include "cardmux/sdf.h"
#include "cards/soft/library.h"
#include "cards/soft/soft.h"

static inline struct card *card_open(const char *driver, uint32_t threads, const char *fault)
{
    struct card_options options = {.size = sizeof(options), .threads = threads, .fault = fault};
    char error[CARD_ERROR_TEXT] = "";
    struct card *card = NULL;

    if (card_driver_find(driver)->open(&options, &card, error) != SDR_OK)
        fail_msg("%s", error);
    return card;
}

static inline int soft_setup(void **state)
{
    *state = card_open("soft", 0, NULL);
    return 0;
}

static inline int soft_teardown(void **state)
{
    soft_card_driver.close(*state);
    return 0;
}

/* Deterministic filler; not random, but no two seeds give the same. */
static inline void fill(uint8_t *bytes, size_t len, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 12345;

    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = (uint8_t)(x >> 11);
    }
}

static inline size_t unhex(const char *hex, uint8_t *bytes)
{
    size_t len = strlen(hex) / 2;

    for (size_t i = 0; i < len; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};

        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return len;
}

static inline struct card_key *key_of(struct card *card, enum card_key_type type, const uint8_t *bytes, size_t len)
{
    struct card_key *key = NULL;

    assert_int_equal(soft_card_driver.key_import(card, type, bytes, len, &key), SDR_OK);
    assert_non_null(key);
    return key;
}

static inline uint32_t run(struct card *card, struct card_job *job)
{
    job->status = 0xffffffff;
    job->out_len = 99;
    soft_card_driver.run(card, job);
    if (job->status != SDR_OK) {
        assert_int_equal(job->out_len, 0);
        assert_null(job->new_key);
    }
    return job->status;
}

#define SM2_PRIVATE "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
#define SM2_POINT                                                                                                      \
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"                                                 \
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
#define SM2_DIGEST "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
#define SM2_ORDER  "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"

#endif
