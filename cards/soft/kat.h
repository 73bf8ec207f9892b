/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kat.h: known answers, one row each. Hexadecimal text; what a row does not use is NULL.
 *
 * A row's test runs through soft_execute, the way that jobs go. `flip` is 0, or 1 where the fault knob
 * "selftest:NAME" names the row: it is worked into the expected answer, so that a real comparison fails.
 */
#ifndef CARDS_SOFT_KAT_H
#define CARDS_SOFT_KAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cardmux/card.h"

struct kat {
    const char *name;
    bool (*run)(struct card *card, const struct kat *kat, uint8_t flip);
    uint32_t alg;
    const char *key;
    const char *iv;
    const char *in;
    const char *out;
};

extern const struct kat kats[];
extern const size_t kats_count;

#define KAT_BYTES 256u /* longest field of a row */

/* kat.c */
size_t kat_bytes(const char *hex, uint8_t bytes[KAT_BYTES]);
bool kat_same(const uint8_t *got, const uint8_t *expected, size_t len, uint8_t flip);
bool kat_sym(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_mac(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_hash(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_random(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_wrap_kek(struct card *card, const struct kat *kat, uint8_t flip);

/* kat_aead.c. aead: iv is nonce, a space, associated data; out is ciphertext and tag. xts: key is both. */
bool kat_aead(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_xts(struct card *card, const struct kat *kat, uint8_t flip);

/* kat_sm2.c */
bool kat_sm3_z(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_sm2_sign(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_sm2_verify(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_sm2_encrypt(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_sm2_decrypt(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_sm2_keypair(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_wrap_pke(struct card *card, const struct kat *kat, uint8_t flip);

/* kat_rsa.c */
bool kat_rsa_private(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_rsa_public(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_rsa_unwrap(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_wrap_rsa(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_sm2_agree(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_p256_verify(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_p256_sign(struct card *card, const struct kat *kat, uint8_t flip);

/* kat_derive.c. in: texts; out: keys. TLS: MAC keys, cipher keys of 16 bytes, IVs; IKE: nonces of 16 and 20 bytes,
   cookies, SKEYID_d, SKEYID_a, 16 bytes of SKEYID_e; IPSEC: the same nonces, 16 bytes and 32 */
bool kat_tls(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_ike(struct card *card, const struct kat *kat, uint8_t flip);
bool kat_ipsec(struct card *card, const struct kat *kat, uint8_t flip);

/* kat_rsa_vectors.c */
extern const char rsa_sign_key[], rsa_sign_block[], rsa_sign_signature[];
extern const char rsa_unwrap_key[], rsa_unwrap_cipher[], rsa_unwrap_plain[];

#endif
