/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa_raw.h: RSA on raw numbers, made of libcrypto's modular exponentiation: what a judge of a card needs. Key bytes
 * are as on the wire (proto/ops.def). Not constant-time, no use for secrets that matter.
 */
#ifndef CARDMUX_TESTS_RSA_RAW_H
#define CARDMUX_TESTS_RSA_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSA_RAW_MAX          512u
#define RSA_RAW_PUBLIC(len)  ((len) + 8u)
#define RSA_RAW_PRIVATE(len) ((len)*9u / 2u + 8u)
#define RSA_RAW_KEY_MAX      RSA_RAW_PRIVATE(RSA_RAW_MAX)

/* out = in ^ e mod m, all of len bytes, by the public half at the start of any key bytes. */
bool rsa_raw_public(const uint8_t *key, size_t len, const uint8_t *in, uint8_t *out);
bool rsa_raw_private(const uint8_t *key, size_t len, const uint8_t *in, uint8_t *out);
/* PKCS #1 v1.5 encryption; unwrap gives the length of what was inside, 0: nothing of that form. */
bool rsa_raw_wrap(const uint8_t *key, size_t len, const uint8_t *bytes, size_t bytes_len, uint8_t *out);
size_t rsa_raw_unwrap(const uint8_t *key, size_t len, const uint8_t *in, uint8_t *out);

/* rsa_keys.c: the keys of the tests' tenants, and one of the host's. Returns how many bytes. */
enum rsa_test_key {
    RSA_TEST_SIGN,    /* index 1, 2048 bits */
    RSA_TEST_ENCRYPT, /* index 1 */
    RSA_TEST_LONG,    /* index 2, both pairs, 3072 bits */
    RSA_TEST_HOST,    /* 2048 bits */
    RSA_TEST_KEYS
};
size_t rsa_test_key(enum rsa_test_key which, uint8_t *out);

#endif
