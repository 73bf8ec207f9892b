/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sm2_raw.h: SM2 (GM/T 0003) on raw numbers, made of libcrypto's curve arithmetic and SM3: what a judge of a card needs
 * and EVP hides behind DER. Points are x || y, ciphers x || y || M || C, signatures r || s, all big-endian.
 * For tests and the judge: not constant-time, no use for secrets that matter.
 */
#ifndef CARDMUX_TESTS_SM2_RAW_H
#define CARDMUX_TESTS_SM2_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SM2_POINT 64u
#define SM2_HEAD  96u

bool sm2_raw_generate(uint8_t private_key[32], uint8_t point[SM2_POINT]);
/* The public point of a private key. */
bool sm2_raw_public(const uint8_t private_key[32], uint8_t point[SM2_POINT]);
bool sm2_raw_on_curve(const uint8_t point[SM2_POINT]);
/* out has SM2_HEAD + len bytes. */
bool sm2_raw_encrypt(const uint8_t point[SM2_POINT], const uint8_t *data, size_t len, uint8_t *out);
/* in_len > SM2_HEAD; out has in_len - SM2_HEAD bytes. False: not a cipher for this key. */
bool sm2_raw_decrypt(const uint8_t private_key[32], const uint8_t *in, size_t in_len, uint8_t *out);
bool sm2_raw_sign(const uint8_t private_key[32], const uint8_t digest[32], uint8_t signature[64]);
bool sm2_raw_verify(const uint8_t point[SM2_POINT], const uint8_t digest[32], const uint8_t signature[64]);
/* Z = SM3(ENTL || id || a || b || G || point) */
bool sm2_raw_z(const uint8_t point[SM2_POINT], const uint8_t *id, size_t id_len, uint8_t z[32]);
/* Key agreement (GM/T 0003.3): 64 bytes of key, of which a shorter one is the beginning. d and r are the own private
   numbers, temporary the point of r; za is of who began. */
bool sm2_raw_agree(const uint8_t d[32], const uint8_t r[32], const uint8_t temporary[SM2_POINT],
                   const uint8_t peer[SM2_POINT], const uint8_t peer_temporary[SM2_POINT], const uint8_t za[32],
                   const uint8_t zb[32], uint8_t key[64]);

#endif
