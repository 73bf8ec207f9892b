/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.h: the second opinion. Plain libcrypto, nothing of cardmux, to check what cards returned.
 *
 * Points are x || y, signatures r || s, 32 big-endian bytes each, as on the wire. Functions return false where
 * libcrypto failed; ref_verify returns false for a bad signature too.
 */
#ifndef CARDMUX_BENCH_REFERENCE_H
#define CARDMUX_BENCH_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ref_sm2;

struct ref_sm2 *ref_sm2_new(void); /* a fresh pair; NULL on failure */
struct ref_sm2 *ref_sm2_public(const uint8_t point[64]);
void ref_sm2_free(struct ref_sm2 *pair);
void ref_sm2_export(const struct ref_sm2 *pair, uint8_t priv[32], uint8_t point[64]); /* priv may be NULL */

/* e is the digest, Z already in it. */
bool ref_sm2_sign(struct ref_sm2 *pair, const uint8_t e[32], uint8_t sig[64]);
bool ref_sm2_verify(struct ref_sm2 *pair, const uint8_t e[32], const uint8_t sig[64]);
/* cipher: x || y || M || C, as SDF's ECCCipher has it. *plain_len: in capacity, out length. */
bool ref_sm2_decrypt(struct ref_sm2 *pair, const uint8_t *cipher, size_t len, uint8_t *plain, size_t *plain_len);

/* name: libcrypto's ("SM4-CBC", "SM3"). No padding. out has len bytes; digest as many as the algorithm has. */
bool ref_encrypt(const char *name, const uint8_t *key, const uint8_t iv[16], const uint8_t *in, size_t len,
                 uint8_t *out);
bool ref_digest(const char *name, const uint8_t *in, size_t len, uint8_t *digest, size_t *digest_len);

#endif
