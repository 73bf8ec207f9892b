/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive_judge.h: what keys of secure channels must be, from the formulas of the protocols' texts and libcrypto's HMAC
 * alone. hash: "SM3", "SHA256", "SHA384".
 */
#ifndef CARDMUX_TESTS_DERIVE_JUDGE_H
#define CARDMUX_TESTS_DERIVE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 5246, section 5: PRF(secret, label, seed). seed_len is 128 at most. */
bool judge_tls_prf(const char *hash, const uint8_t *secret, size_t secret_len, const char *label, const uint8_t *seed,
                   size_t seed_len, uint8_t *out, size_t len);
/* Sections 8.1 and 6.3: the first len bytes of key_block. */
bool judge_tls(const char *hash, const uint8_t *secret, size_t secret_len, const uint8_t client[32],
               const uint8_t server[32], uint8_t *out, size_t len);

/* GB/T 36968, RFC 2409. nonces: Ni | Nr; cookies: CKY-I | CKY-R; keys: SKEYID_d, SKEYID_a, SKEYID_e, *len bytes each.
 */
bool judge_ike(const char *hash, const uint8_t *nonces, size_t nonces_len, const uint8_t cookies[16],
               uint8_t keys[3][64], size_t *len);
/* The first len bytes of KEYMAT; text, protocol | SPI | Ni | Nr, has 517 bytes at most. */
bool judge_ipsec(const char *hash, const uint8_t *secret, size_t secret_len, const uint8_t *text, size_t text_len,
                 uint8_t *out, size_t len);

#endif
